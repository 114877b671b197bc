#include "values/stream_block.h"

#include "base/assertion.h"
#include "base/memory.h"

enum { FLAG_DELETED = 1, FLAG_MASTER_FIELDS = 2 };

#define MASTER_HEAD 3 /* elements before the master's fields */
#define ENTRY_HEAD 3  /* flags, ms, sequence */

static int64_t integer_at(const struct listpack *block, size_t at)
{
    struct listpack_element element = listpack_get(block, at);
    ASSERT(element.is_integer);
    return element.integer;
}

static int64_t head_integer(const struct listpack *block, int index)
{
    size_t at = listpack_first(block);
    for (; index > 0; index--)
        at = listpack_next(block, at);
    return integer_at(block, at);
}

static void set_head_integer(struct listpack *block, int index, int64_t value)
{
    size_t at = listpack_first(block);
    for (; index > 0; index--)
        at = listpack_next(block, at);
    bool set = listpack_replace_integer(block, &at, value);
    ASSERT(set); /* some bytes at the most */
}

struct listpack stream_block_create(const struct slice *pairs, size_t count)
{
    struct listpack block = listpack_create(128);
    bool good = listpack_append_integer(&block, 0) && listpack_append_integer(&block, 0) &&
                listpack_append_integer(&block, (int64_t)count);
    for (size_t i = 0; i < count && good; i++)
        good = listpack_append(&block, pairs[2 * i]);
    if (!good || !listpack_append_integer(&block, 0))
        listpack_free(&block);
    return block;
}

/* Are these the master's fields? */
static bool are_master_fields(const struct listpack *block, const struct slice *pairs, size_t count)
{
    if (head_integer(block, 2) != (int64_t)count)
        return false;
    size_t at = listpack_seek(block, MASTER_HEAD);
    for (size_t i = 0; i < count; i++, at = listpack_next(block, at))
        if (!listpack_equals(block, at, pairs[2 * i]))
            return false;
    return true;
}

bool stream_block_append(struct listpack *block, struct stream_id block_id, struct stream_id id,
                         const struct slice *pairs, size_t count)
{
    size_t size = listpack_size(block);
    bool same = are_master_fields(block, pairs, count);
    bool good = listpack_append_integer(block, same ? FLAG_MASTER_FIELDS : 0) &&
                listpack_append_integer(block, (int64_t)(id.ms - block_id.ms)) &&
                listpack_append_integer(block, (int64_t)(id.sequence - block_id.sequence));
    if (good && !same)
        good = listpack_append_integer(block, (int64_t)count);
    for (size_t i = 0; i < count && good; i++) {
        if (!same)
            good = listpack_append(block, pairs[2 * i]);
        good = good && listpack_append(block, pairs[2 * i + 1]);
    }
    size_t elements = ENTRY_HEAD + (same ? count : 2 * count + 1);
    if (good && listpack_append_integer(block, (int64_t)elements)) {
        set_head_integer(block, 0, head_integer(block, 0) + 1);
        return true;
    }
    (void)listpack_remove(block, size - 1, SIZE_MAX);
    return false;
}

size_t stream_block_count(const struct listpack *block)
{
    return (size_t)head_integer(block, 0);
}

size_t stream_block_deleted(const struct listpack *block)
{
    return (size_t)head_integer(block, 1);
}

void stream_block_delete(struct listpack *block, const struct stream_entry *entry)
{
    size_t at = entry->flags_at;
    int64_t flags = integer_at(block, at);
    ASSERT(!(flags & FLAG_DELETED));
    bool set = listpack_replace_integer(block, &at, flags | FLAG_DELETED);
    ASSERT(set);
    set_head_integer(block, 0, head_integer(block, 0) - 1);
    set_head_integer(block, 1, head_integer(block, 1) + 1);
}

/* --- reading --- */

/* The entry whose flags stand at `at`. */
static void read_entry(const struct listpack *block, struct stream_id block_id, size_t at,
                       struct stream_entry *entry)
{
    int64_t flags = integer_at(block, at);
    entry->flags_at = at;
    entry->is_deleted = (flags & FLAG_DELETED) != 0;
    entry->has_master_fields = (flags & FLAG_MASTER_FIELDS) != 0;
    at = listpack_next(block, at);
    entry->id.ms = block_id.ms + (uint64_t)integer_at(block, at);
    at = listpack_next(block, at);
    entry->id.sequence = block_id.sequence + (uint64_t)integer_at(block, at);
    at = listpack_next(block, at);
    if (entry->has_master_fields) {
        entry->fields = (size_t)head_integer(block, 2);
    } else {
        entry->fields = (size_t)integer_at(block, at);
        at = listpack_next(block, at);
    }
    entry->content_at = at;
    entry->end = LISTPACK_END;
}

/* Sets `end` by going over the content. */
static void find_end(const struct listpack *block, struct stream_entry *entry)
{
    size_t elements = entry->has_master_fields ? entry->fields : 2 * entry->fields;
    size_t at = entry->content_at;
    for (; elements > 0; elements--)
        at = listpack_next(block, at);
    entry->end = listpack_next(block, at); /* at: the elements so far */
}

bool stream_block_first(const struct listpack *block, struct stream_id block_id,
                        struct stream_entry *entry)
{
    size_t at = listpack_seek(block, MASTER_HEAD + head_integer(block, 2)); /* the 0 */
    at = listpack_next(block, at);
    if (at == LISTPACK_END)
        return false;
    read_entry(block, block_id, at, entry);
    find_end(block, entry);
    return true;
}

bool stream_block_next(const struct listpack *block, struct stream_id block_id,
                       struct stream_entry *entry)
{
    size_t at = entry->end;
    if (at == LISTPACK_END)
        return false;
    read_entry(block, block_id, at, entry);
    find_end(block, entry);
    return true;
}

/* The entry that ends with the element at `at`: the number of its elements, or the master's 0. */
static bool read_backward(const struct listpack *block, struct stream_id block_id, size_t at,
                          struct stream_entry *entry)
{
    int64_t elements = integer_at(block, at);
    if (elements == 0)
        return false;
    size_t end = listpack_next(block, at);
    for (; elements > 0; elements--)
        at = listpack_previous(block, at);
    read_entry(block, block_id, at, entry);
    entry->end = end;
    return true;
}

bool stream_block_last(const struct listpack *block, struct stream_id block_id,
                       struct stream_entry *entry)
{
    return read_backward(block, block_id, listpack_last(block), entry);
}

bool stream_block_previous(const struct listpack *block, struct stream_id block_id,
                           struct stream_entry *entry)
{
    return read_backward(block, block_id, listpack_previous(block, entry->flags_at), entry);
}

void stream_block_visit(const struct listpack *block, const struct stream_entry *entry,
                        void (*take)(void *context, struct slice field, struct slice value),
                        void *context)
{
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    size_t at = entry->content_at;
    size_t field_at = entry->has_master_fields ? listpack_seek(block, MASTER_HEAD) : at;
    for (size_t i = 0; i < entry->fields; i++) {
        if (!entry->has_master_fields)
            field_at = at;
        struct slice field = listpack_text(block, field_at, scratch[0]);
        if (entry->has_master_fields)
            field_at = listpack_next(block, field_at);
        else
            at = listpack_next(block, at);
        struct slice value = listpack_text(block, at, scratch[1]);
        at = listpack_next(block, at);
        take(context, field, value);
    }
}

/* --- untrusted --- */

/* The integer at *at; goes on to the next element. */
static bool take_integer(const struct listpack *block, size_t *at, int64_t *value)
{
    if (*at == LISTPACK_END)
        return false;
    struct listpack_element element = listpack_get(block, *at);
    *value = element.integer;
    *at = listpack_next(block, *at);
    return element.is_integer;
}

static bool skip(const struct listpack *block, size_t *at, int64_t elements)
{
    for (; elements > 0; elements--) {
        if (*at == LISTPACK_END)
            return false;
        *at = listpack_next(block, *at);
    }
    return true;
}

/* One entry from *at on, `fields` the master's. */
static bool entry_is_valid(const struct listpack *block, size_t *at, int64_t fields,
                           struct stream_id block_id, struct stream_id *previous, bool is_first,
                           bool *is_deleted)
{
    int64_t flags, ms, sequence, own = fields, elements;
    if (!take_integer(block, at, &flags) || flags < 0 || flags > 3 ||
        !take_integer(block, at, &ms) || !take_integer(block, at, &sequence))
        return false;
    bool same = (flags & FLAG_MASTER_FIELDS) != 0;
    if (!same && (!take_integer(block, at, &own) || own < 0 || own > INT32_MAX))
        return false;
    if (!skip(block, at, same ? own : 2 * own) || !take_integer(block, at, &elements) ||
        elements != ENTRY_HEAD + (same ? own : 2 * own + 1))
        return false;
    struct stream_id id = {block_id.ms + (uint64_t)ms, block_id.sequence + (uint64_t)sequence};
    if (stream_id_compare(id, block_id) < 0 || (!is_first && stream_id_compare(id, *previous) <= 0))
        return false;
    *previous = id;
    *is_deleted = (flags & FLAG_DELETED) != 0;
    return true;
}

bool stream_block_is_valid(const struct listpack *block, struct stream_id block_id)
{
    if (!listpack_is_valid(slice_of((const char *)block->bytes, listpack_size(block))))
        return false;
    size_t at = listpack_first(block);
    int64_t count, deleted, fields, zero, found[2] = {0, 0};
    if (!take_integer(block, &at, &count) || !take_integer(block, &at, &deleted) ||
        !take_integer(block, &at, &fields) || fields < 0 || fields > INT32_MAX ||
        !skip(block, &at, fields) || !take_integer(block, &at, &zero) || zero != 0)
        return false;
    struct stream_id previous = block_id;
    while (at != LISTPACK_END) {
        bool is_deleted;
        if (!entry_is_valid(block, &at, fields, block_id, &previous, found[0] + found[1] == 0,
                            &is_deleted))
            return false;
        found[is_deleted]++;
    }
    return found[0] == count && found[1] == deleted && count > 0;
}
