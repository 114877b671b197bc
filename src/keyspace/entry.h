/* One key and its value: one allocation where the value is small.
 *
 *   header (8 bytes) | deadline (8, optional) | long key length (4, optional) | key | value
 *
 * The value is, by encoding and flags: an int64; the bytes of a string (ENTRY_EMBEDDED); a struct
 * entry_blob that points to them; or, if the type is not TYPE_STRING, a pointer to a collection
 * (values/). Fields behind the header are unaligned: only the functions
 * here touch them. The keyspace owns entries; everything else borrows them until the next change of
 * the key. */
#ifndef HOLDFAST_KEYSPACE_ENTRY_H
#define HOLDFAST_KEYSPACE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assertion.h"
#include "base/chain.h"
#include "base/slice.h"
#include "values/value.h"

/* What OBJECT ENCODING answers for strings (collections know their own). It is also a promise to
 * users (embstr becomes raw when it is changed in place), not only a layout. */
enum value_encoding { ENCODING_INT, ENCODING_EMBSTR, ENCODING_RAW };

#define ENTRY_STRING_EMBSTR_MAX 44   /* bytes: longer strings report "raw", as in Redis */
#define ENTRY_EMBEDDED_MAX 1024      /* bytes of value kept in the entry itself */
#define ENTRY_SHARED_MIN (32 * 1024) /* bytes of a string that is shared rather than copied */
#define ENTRY_KEY_SHORT_MAX 255      /* bytes of key whose length fits in the header */
#define ENTRY_NO_DEADLINE INT64_C(-1)

enum entry_flag {
    ENTRY_HAS_DEADLINE = 1 << 0,
    ENTRY_LONG_KEY = 1 << 1,
    ENTRY_EMBEDDED =
        1 << 2,          /* a string whose bytes stand in the entry; their count is value_length */
    ENTRY_SEEN = 1 << 3, /* by the snapshot walk in progress */
};

struct entry {
    uint8_t type : 4;
    uint8_t encoding : 4;
    uint8_t flags;
    uint8_t access[3];     /* eviction: 24 bits, see eviction.h */
    uint8_t key_length;    /* unless ENTRY_LONG_KEY */
    uint16_t value_length; /* with ENTRY_EMBEDDED */
    char data[];
};

/* A string too large to stand in its entry. */
struct entry_blob {
    char *data; /* memory_* block, its own or its owner's */
    size_t length;
    size_t capacity;
    struct chain_shared *owner; /* others look at the bytes: they must not change; NULL: nobody */
};

static inline int64_t entry_deadline_ms(const struct entry *entry)
{
    int64_t deadline = ENTRY_NO_DEADLINE;
    if (entry->flags & ENTRY_HAS_DEADLINE)
        memcpy(&deadline, entry->data, sizeof deadline);
    return deadline;
}

static inline bool entry_is_due(const struct entry *entry, int64_t now_ms)
{
    return (entry->flags & ENTRY_HAS_DEADLINE) && entry_deadline_ms(entry) <= now_ms;
}

static inline struct slice entry_key(const struct entry *entry)
{
    const char *at = entry->data + ((entry->flags & ENTRY_HAS_DEADLINE) ? sizeof(int64_t) : 0);
    if (LIKELY(!(entry->flags & ENTRY_LONG_KEY)))
        return (struct slice){at, entry->key_length};
    uint32_t length;
    memcpy(&length, at, sizeof length);
    return (struct slice){at + sizeof length, length};
}

static inline const char *entry_value_position(const struct entry *entry)
{
    struct slice key = entry_key(entry);
    return key.data + key.length;
}

static inline int64_t entry_integer(const struct entry *entry)
{
    ASSERT(entry->type == TYPE_STRING && entry->encoding == ENCODING_INT);
    int64_t value;
    memcpy(&value, entry_value_position(entry), sizeof value);
    return value;
}

static inline struct entry_blob entry_blob(const struct entry *entry)
{
    struct entry_blob blob;
    memcpy(&blob, entry_value_position(entry), sizeof blob);
    return blob;
}

/* The collection of an entry that is no string: a struct list, struct hash ... by its type. */
static inline void *entry_collection(const struct entry *entry)
{
    ASSERT(entry->type != TYPE_STRING);
    void *value;
    memcpy(&value, entry_value_position(entry), sizeof value);
    return value;
}

/* The bytes of a string. An integer is written to `scratch` (at least NUMBER_INTEGER_TEXT_MAX
 * bytes) and the slice points there; else it points into the entry or its blob. */
struct slice entry_string(const struct entry *entry, char *scratch);

/* The bytes of a string that is large (ENTRY_SHARED_MIN) for others to keep, who take references of
 * their own: they stay as they are, whatever becomes of the key. NULL: it is not large. */
struct chain_shared *entry_share(struct entry *entry);

/* The length of a string without producing it. */
size_t entry_string_length(const struct entry *entry);

const char *entry_type_name(const struct entry *entry);     /* "string" */
const char *entry_encoding_name(const struct entry *entry); /* "int", "listpack" */

/* Bytes of memory it holds, allocator rounding included; a large collection is guessed from
 * `samples` elements, 0: from all. */
size_t entry_memory(const struct entry *entry, size_t samples);

/* --- for the keyspace: making and changing entries --- */

/* An entry with room for `value_size` bytes behind its key, to be filled by entry_set_*. Type
 * string, no access time; the deadline is ENTRY_NO_DEADLINE for none. NULL when memory is out. */
struct entry *entry_create(struct slice key, int64_t deadline_ms, size_t value_size);

/* The bytes of value an entry of this form has behind its key. */
size_t entry_value_size(const struct entry *entry);

/* Frees a string's blob or the collection too: all of it now. */
void entry_free(struct entry *entry);

/* Fill the room behind the key. The room must be of the size asked for (8, `length`, sizeof(struct
 * entry_blob)). */
void entry_set_integer(struct entry *entry, int64_t value);
void entry_set_embedded(struct entry *entry, struct slice value, enum value_encoding encoding);
void entry_set_blob(struct entry *entry, const struct entry_blob *blob);
/* Of an entry that is new, or a copy. Room: sizeof(void *). The entry owns `value` from now on. */
void entry_set_collection(struct entry *entry, enum value_type type, void *value);

/* True if the entry's block is what the allocator would give for the same key and deadline with
 * `value_size` bytes of value: then the value can be changed in place. */
bool entry_fits(const struct entry *entry, size_t value_size);

/* A copy under another name and deadline; a blob or collection is not copied but moved: the old
 * entry must then be freed with entry_free_shell. NULL when memory is out. */
struct entry *entry_renamed(const struct entry *entry, struct slice key, int64_t deadline_ms);
/* A copy with a blob or collection of its own. */
struct entry *entry_copied(const struct entry *entry, struct slice key);
void entry_free_shell(struct entry *entry);

void entry_set_deadline_value(struct entry *entry,
                              int64_t deadline_ms); /* it must have room for one */

static inline uint32_t entry_access(const struct entry *entry)
{
    return (uint32_t)entry->access[0] | (uint32_t)entry->access[1] << 8 |
           (uint32_t)entry->access[2] << 16;
}

static inline void entry_set_access(struct entry *entry, uint32_t access)
{
    entry->access[0] = (uint8_t)access;
    entry->access[1] = (uint8_t)(access >> 8);
    entry->access[2] = (uint8_t)(access >> 16);
}

#endif
