#include "keyspace/entry.h"

#include "base/memory.h"
#include "base/number.h"

/* Blocks are referred to in units of 16 bytes (entry_reference.h); jemalloc aligns to that from
 * this size on. */
#define ENTRY_SIZE_MIN 16

static size_t entry_head_size(size_t key_length, bool has_deadline)
{
    return sizeof(struct entry) + (has_deadline ? sizeof(int64_t) : 0) +
           (key_length > ENTRY_KEY_SHORT_MAX ? sizeof(uint32_t) : 0) + key_length;
}

static size_t entry_block_size(size_t key_length, bool has_deadline, size_t value_size)
{
    size_t size = entry_head_size(key_length, has_deadline) + value_size;
    return size < ENTRY_SIZE_MIN ? ENTRY_SIZE_MIN : size;
}

static size_t entry_size(const struct entry *entry)
{
    return entry_block_size(entry_key(entry).length, (entry->flags & ENTRY_HAS_DEADLINE) != 0,
                            entry_value_size(entry));
}

size_t entry_value_size(const struct entry *entry)
{
    if (entry->flags & ENTRY_EMBEDDED)
        return entry->value_length;
    if (entry->type != TYPE_STRING)
        return sizeof(void *);
    return entry->encoding == ENCODING_INT ? sizeof(int64_t) : sizeof(struct entry_blob);
}

struct entry *entry_create(struct slice key, int64_t deadline_ms, size_t value_size)
{
    ASSERT(key.length <= UINT32_MAX);
    bool has_deadline = deadline_ms != ENTRY_NO_DEADLINE;
    struct entry *entry =
        memory_try_allocate(entry_block_size(key.length, has_deadline, value_size));
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){.type = TYPE_STRING};
    char *at = entry->data;
    if (has_deadline) {
        entry->flags |= ENTRY_HAS_DEADLINE;
        memcpy(at, &deadline_ms, sizeof deadline_ms);
        at += sizeof deadline_ms;
    }
    if (key.length > ENTRY_KEY_SHORT_MAX) {
        uint32_t length = (uint32_t)key.length;
        entry->flags |= ENTRY_LONG_KEY;
        memcpy(at, &length, sizeof length);
        at += sizeof length;
    } else {
        entry->key_length = (uint8_t)key.length;
    }
    if (key.length > 0)
        memcpy(at, key.data, key.length);
    return entry;
}

void entry_free_shell(struct entry *entry)
{
    memory_free_sized(entry, entry_size(entry));
}

static bool entry_has_blob(const struct entry *entry)
{
    return entry->type == TYPE_STRING && entry->encoding != ENCODING_INT &&
           !(entry->flags & ENTRY_EMBEDDED);
}

static void free_blob(struct entry_blob blob)
{
    if (blob.owner != NULL)
        chain_shared_release(blob.owner);
    else
        memory_free(blob.data);
}

void entry_free(struct entry *entry)
{
    if (entry_has_blob(entry))
        free_blob(entry_blob(entry));
    else if (entry->type != TYPE_STRING)
        value_free(entry->type, entry_collection(entry));
    entry_free_shell(entry);
}

static char *entry_value_room(struct entry *entry)
{
    struct slice key = entry_key(entry);
    return entry->data + (key.data - entry->data) + key.length;
}

void entry_set_integer(struct entry *entry, int64_t value)
{
    entry->encoding = ENCODING_INT;
    entry->flags &= (uint8_t)~ENTRY_EMBEDDED;
    memcpy(entry_value_room(entry), &value, sizeof value);
}

void entry_set_embedded(struct entry *entry, struct slice value, enum value_encoding encoding)
{
    ASSERT(value.length <= ENTRY_EMBEDDED_MAX && encoding != ENCODING_INT);
    entry->encoding = (unsigned)encoding & 0xf;
    entry->flags |= ENTRY_EMBEDDED;
    entry->value_length = (uint16_t)value.length;
    if (value.length > 0)
        memcpy(entry_value_room(entry), value.data, value.length);
}

void entry_set_blob(struct entry *entry, const struct entry_blob *blob)
{
    entry->encoding = ENCODING_RAW;
    entry->flags &= (uint8_t)~ENTRY_EMBEDDED;
    memcpy(entry_value_room(entry), blob, sizeof *blob);
}

void entry_set_collection(struct entry *entry, enum value_type type, void *value)
{
    ASSERT(type != TYPE_STRING && value != NULL);
    entry->type = (unsigned)type & 0xf;
    memcpy(entry_value_room(entry), &value, sizeof value);
}

bool entry_fits(const struct entry *entry, size_t value_size)
{
    bool has_deadline = (entry->flags & ENTRY_HAS_DEADLINE) != 0;
    size_t now = entry_size(entry);
    size_t then = entry_block_size(entry_key(entry).length, has_deadline, value_size);
#ifdef HOLDFAST_SANITIZED
    return now == then; /* a block ends where it was asked to end, and the watcher knows */
#endif
    /* Up to 128 bytes the allocator's classes are multiples of 16. */
    if (now <= 128 && then <= 128)
        return (now + 15) / 16 == (then + 15) / 16;
    return memory_good_size(now) == memory_good_size(then);
}

struct entry *entry_renamed(const struct entry *entry, struct slice key, int64_t deadline_ms)
{
    size_t value_size = entry_value_size(entry);
    struct entry *renamed = entry_create(key, deadline_ms, value_size);
    if (renamed == NULL)
        return NULL;
    renamed->type = entry->type;
    renamed->encoding = entry->encoding;
    renamed->flags |= entry->flags & (ENTRY_EMBEDDED | ENTRY_SEEN);
    renamed->value_length = entry->value_length;
    entry_set_access(renamed, entry_access(entry));
    memcpy(entry_value_room(renamed), entry_value_position(entry), value_size);
    return renamed;
}

struct entry *entry_copied(const struct entry *entry, struct slice key)
{
    struct entry *copy = entry_renamed(entry, key, entry_deadline_ms(entry));
    if (copy == NULL)
        return NULL;
    if (entry->type != TYPE_STRING) {
        void *value = value_kind(entry->type)->copy(entry_collection(entry));
        if (value == NULL) {
            entry_free_shell(copy);
            return NULL;
        }
        entry_set_collection(copy, entry->type, value);
    }
    if (!entry_has_blob(entry))
        return copy;
    struct entry_blob blob = entry_blob(entry);
    char *data = memory_try_allocate(blob.length);
    if (data == NULL) {
        entry_free_shell(copy);
        return NULL;
    }
    memcpy(data, blob.data, blob.length);
    entry_set_blob(copy, &(struct entry_blob){data, blob.length, blob.length, NULL});
    return copy;
}

void entry_set_deadline_value(struct entry *entry, int64_t deadline_ms)
{
    ASSERT(entry->flags & ENTRY_HAS_DEADLINE);
    memcpy(entry->data, &deadline_ms, sizeof deadline_ms);
}

struct slice entry_string(const struct entry *entry, char *scratch)
{
    ASSERT(entry->type == TYPE_STRING);
    if (entry->flags & ENTRY_EMBEDDED)
        return (struct slice){entry_value_position(entry), entry->value_length};
    if (entry->encoding == ENCODING_INT)
        return (struct slice){scratch, number_format_int64(scratch, entry_integer(entry))};
    struct entry_blob blob = entry_blob(entry);
    return (struct slice){blob.data, blob.length};
}

struct chain_shared *entry_share(struct entry *entry)
{
    if (!entry_has_blob(entry))
        return NULL;
    struct entry_blob blob = entry_blob(entry);
    if (blob.length < ENTRY_SHARED_MIN)
        return NULL;
    if (blob.owner == NULL) {
        blob.owner = chain_shared_adopt(blob.data, blob.length);
        entry_set_blob(entry, &blob);
    }
    return blob.owner;
}

size_t entry_string_length(const struct entry *entry)
{
    ASSERT(entry->type == TYPE_STRING);
    if (entry->flags & ENTRY_EMBEDDED)
        return entry->value_length;
    if (entry->encoding == ENCODING_INT)
        return number_length_int64(entry_integer(entry));
    return entry_blob(entry).length;
}

const char *entry_type_name(const struct entry *entry)
{
    return entry->type == TYPE_STRING ? "string" : value_kind(entry->type)->name;
}

const char *entry_encoding_name(const struct entry *entry)
{
    static const char *const names[] = {"int", "embstr", "raw"};
    if (entry->type != TYPE_STRING)
        return value_kind(entry->type)->encoding(entry_collection(entry));
    return names[entry->encoding];
}

size_t entry_memory(const struct entry *entry, size_t samples)
{
    size_t memory = memory_good_size(entry_size(entry));
    if (entry_has_blob(entry))
        memory += memory_good_size(entry_blob(entry).capacity);
    else if (entry->type != TYPE_STRING)
        memory += value_kind(entry->type)->memory(entry_collection(entry), samples);
    return memory;
}
