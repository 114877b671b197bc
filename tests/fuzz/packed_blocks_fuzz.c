/* Any bytes as a packed block: a listpack, an intset, a stream's block, a small hash, set or sorted
 * set. What validation accepts is walked both ways, searched and changed, and stays valid; what it
 * refuses leaves nothing behind.
 *
 *   what it is to be (1) | bytes to overwrite (1), 4 each: place (2), value (2) | script or block
 *
 * With BUILT the rest is a script that builds a block, so that deep ones are common; without, it is
 * the block itself. */
#include <stdint.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "values/hash.h"
#include "values/intset.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/zset.h"

enum kind { LISTPACK, INTSET, STREAM_BLOCK, STREAM, HASH, SET, ZSET, KINDS };
enum { BUILT = 0x80, SMALL_LIMITS = 0x40 };

#define BUILT_MAX 8192 /* bytes */
#define CHANGES_MAX 40
#define FIELDS_MAX 4

struct input {
    const uint8_t *data;
    size_t size;
};

static struct slice take_bytes(struct input *input, size_t length)
{
    length = length < input->size ? length : input->size;
    struct slice bytes = slice_of((const char *)input->data, length);
    input->data += length;
    input->size -= length;
    return bytes;
}

static uint64_t take_number(struct input *input, size_t size)
{
    uint64_t number = 0;
    struct slice bytes = take_bytes(input, size);
    if (bytes.length > 0)
        memcpy(&number, bytes.data, bytes.length);
    return number;
}

static struct slice take_text(struct input *input)
{
    size_t length = take_number(input, 1) % 100;
    return take_bytes(input, length);
}

static struct slice bytes_of(const struct listpack *pack)
{
    return slice_of((const char *)pack->bytes, listpack_size(pack));
}

/* --- building --- */

static struct listpack build_listpack(struct input *input)
{
    struct listpack pack = listpack_create(0);
    while (input->size > 0 && listpack_size(&pack) < BUILT_MAX) {
        uint64_t head = take_number(input, 1);
        bool good = head < 160 ? listpack_append_integer(&pack, (int64_t)head - 16)
                    : head < 192
                        ? listpack_append_integer(&pack, (int64_t)take_number(input, head % 9))
                        : listpack_append(&pack, take_text(input));
        ASSERT(good);
    }
    return pack;
}

static struct intset build_intset(struct input *input)
{
    struct intset set = intset_create();
    while (input->size > 0 && intset_size(&set) < BUILT_MAX) {
        size_t index;
        int64_t value = (int64_t)take_number(input, 1 + take_number(input, 1) % 8);
        if (!intset_find(&set, value, &index))
            ASSERT(intset_add(&set, value));
    }
    return set;
}

static size_t take_pairs(struct input *input, struct slice pairs[2 * FIELDS_MAX])
{
    size_t count = take_number(input, 1) % (FIELDS_MAX + 1);
    for (size_t i = 0; i < 2 * count; i++)
        pairs[i] = take_text(input);
    return count;
}

static struct listpack build_block(struct input *input, struct stream_id block_id)
{
    struct slice pairs[2 * FIELDS_MAX];
    size_t count = take_pairs(input, pairs);
    struct listpack block = stream_block_create(pairs, count);
    struct stream_id id = block_id;
    struct stream_entry entry;
    ASSERT(block.bytes != NULL);
    while (input->size > 0 && listpack_size(&block) < BUILT_MAX) {
        uint64_t head = take_number(input, 1);
        if (head % 3 > 0)
            count = take_pairs(input, pairs);
        ASSERT(stream_block_append(&block, block_id, id, pairs, count));
        if (head % 5 == 0 && stream_block_last(&block, block_id, &entry))
            stream_block_delete(&block, &entry);
        id.sequence += 1 + take_number(input, head % 4);
    }
    return block;
}

/* --- listpacks and intsets. False, here and below: refused, the block is the caller's --- */

/* Both ways the same elements, and each is found where it is or before. */
static void walk_listpack(const struct listpack *pack)
{
    size_t count = 0, back = 0, first = listpack_first(pack), before = LISTPACK_END;
    for (size_t at = first; at != LISTPACK_END; at = listpack_next(pack, at), count++) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        struct slice text = listpack_text(pack, at, scratch);
        ASSERT(listpack_equals(pack, at, text));
        ASSERT(count == 0 || listpack_previous(pack, at) == before);
        size_t found = count < 100 ? listpack_find(pack, first, text, 0) : at;
        ASSERT(found <= at && listpack_equals(pack, found, text));
        ASSERT(count >= 100 || (listpack_seek(pack, (int64_t)count) == at));
        before = at;
    }
    ASSERT(count == listpack_count(pack) && listpack_last(pack) == before);
    for (size_t at = before; at != LISTPACK_END; at = listpack_previous(pack, at))
        back++;
    ASSERT(back == count && listpack_seek(pack, (int64_t)count) == LISTPACK_END);
}

static void change_listpack(struct listpack *pack, struct input *input)
{
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        uint64_t kind = take_number(input, 1);
        size_t count = listpack_count(pack), removed = 1 + kind / 4 % 3;
        size_t at = count > 0 ? listpack_seek(pack, (int64_t)(kind / 4 % count)) : LISTPACK_END;
        struct slice text = take_text(input);
        if (kind % 4 == 0 && at != LISTPACK_END) {
            ASSERT(listpack_replace(pack, &at, text) && listpack_equals(pack, at, text));
        } else if (kind % 4 == 1 && at != LISTPACK_END) {
            (void)listpack_remove(pack, at, removed);
        } else if (kind % 4 == 2) {
            uint16_t gap = 0;
            ASSERT(listpack_push_front(pack, &gap, LISTPACK_SIZE_MAX, text));
            ASSERT(listpack_is_valid(bytes_of(pack)));
            listpack_close_gap(pack, &gap);
        } else {
            ASSERT(listpack_insert(pack, &at, text) && listpack_equals(pack, at, text));
        }
        ASSERT(listpack_is_valid(bytes_of(pack)));
    }
    walk_listpack(pack);
}

static bool try_listpack(struct listpack pack, struct input *input)
{
    walk_listpack(&pack);
    change_listpack(&pack, input);
    listpack_free(&pack);
    return true;
}

static void try_intset(struct slice bytes, struct input *input)
{
    struct intset set = intset_of(bytes);
    size_t index;
    ASSERT(intset_size(&set) == bytes.length);
    for (size_t i = 0; i < intset_count(&set); i++)
        ASSERT(intset_find(&set, intset_get(&set, i), &index) && index == i);
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        int64_t value = (int64_t)take_number(input, 1 + take_number(input, 1) % 8);
        if (intset_find(&set, value, &index))
            intset_remove_at(&set, index);
        else
            ASSERT(intset_add(&set, value));
        ASSERT(intset_is_valid(slice_of((const char *)set.bytes, intset_size(&set))));
    }
    intset_free(&set);
}

/* --- streams --- */

static void take_nothing(void *context, struct slice field, struct slice value)
{
    size_t *seen = context;
    *seen += 1 + 0 * (field.length + value.length);
}

/* Both ways the same entries. */
static void walk_block(const struct listpack *block, struct stream_id block_id)
{
    size_t count = 0, deleted = 0, back = 0;
    struct stream_entry entry, last;
    for (bool more = stream_block_first(block, block_id, &entry); more;
         more = stream_block_next(block, block_id, &entry)) {
        size_t seen = 0;
        stream_block_visit(block, &entry, take_nothing, &seen);
        ASSERT(seen == entry.fields && stream_id_compare(entry.id, block_id) >= 0);
        *(entry.is_deleted ? &deleted : &count) += 1;
        last = entry;
    }
    ASSERT(count == stream_block_count(block) && deleted == stream_block_deleted(block));
    for (bool more = stream_block_last(block, block_id, &entry); more;
         more = stream_block_previous(block, block_id, &entry), back++) {
        ASSERT(back > 0 || (entry.flags_at == last.flags_at && entry.end == LISTPACK_END));
        ASSERT(stream_id_compare(entry.id, last.id) <= 0);
    }
    ASSERT(back == count + deleted);
}

static bool try_block(struct listpack pack, struct stream_id block_id, struct input *input)
{
    struct listpack *block = &pack;
    if (!stream_block_is_valid(block, block_id))
        return false;
    walk_block(block, block_id);
    struct stream_entry entry;
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        struct slice pairs[2 * FIELDS_MAX];
        size_t count = take_pairs(input, pairs);
        ASSERT(stream_block_last(block, block_id, &entry));
        struct stream_id id = entry.id;
        if (stream_id_next(&id) && take_number(input, 1) % 2 == 0)
            ASSERT(stream_block_append(block, block_id, id, pairs, count));
        bool more = stream_block_last(block, block_id, &entry);
        while (more && entry.is_deleted)
            more = stream_block_previous(block, block_id, &entry);
        if (more && stream_block_count(block) > 1)
            stream_block_delete(block, &entry);
        ASSERT(stream_block_is_valid(block, block_id));
    }
    walk_block(block, block_id);
    listpack_free(block);
    return true;
}

static void walk_stream(struct stream *stream)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        struct stream_cursor cursor;
        size_t count = 0;
        stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, reverse, &cursor);
        for (; stream_next(&cursor); count++)
            ASSERT(stream_has(stream, cursor.entry.id));
        ASSERT(count == stream->length);
    }
    stream_check(stream);
}

/* A stream of this block, as the loader makes one. */
static struct stream *stream_of(struct listpack block, struct stream_id block_id,
                                const struct value_settings *settings)
{
    struct stream *stream = stream_create(settings);
    struct stream_entry last;
    struct stream_cursor cursor;
    ASSERT(stream_block_last(&block, block_id, &last) && stream_add_block(stream, block_id, block));
    ASSERT(!stream_add_block(stream, block_id, block));
    stream->length = stream->entries_added = stream_block_count(&block);
    stream->last_id = last.id;
    stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, false, &cursor);
    ASSERT(stream_next(&cursor));
    stream->first_id = cursor.entry.id;
    return stream;
}

static void trim_stream(struct stream *stream, bool by_id)
{
    struct stream_trim trim = {.by_id = by_id,
                               .length_max = stream->length - (stream->length > 0),
                               .min_id = stream->first_id};
    (void)stream_id_next(&trim.min_id);
    (void)stream_trim(stream, &trim);
}

static bool try_stream(struct listpack block, struct stream_id block_id, struct input *input,
                       const struct value_settings *settings)
{
    if (!stream_block_is_valid(&block, block_id))
        return false;
    struct stream *stream = stream_of(block, block_id, settings);
    walk_stream(stream);
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        struct stream_id id = stream->last_id;
        uint64_t kind = take_number(input, 1) % 8;
        struct slice pair[2] = {take_text(input), take_text(input)};
        if (kind < 2)
            trim_stream(stream, kind == 0);
        else if (kind < 4)
            (void)stream_delete(stream, kind == 2 ? stream->first_id : id);
        else if (stream_id_next(&id))
            ASSERT(stream_append(stream, &settings->limits, id, pair, 1));
        stream_check(stream);
    }
    walk_stream(stream);
    stream_destroy(stream);
    return true;
}

/* --- hashes, sets, sorted sets --- */

static bool try_hash(struct listpack pack, struct input *input,
                     const struct value_settings *settings)
{
    struct hash *hash;
    if (hash_of_listpack(pack, settings, &hash) != OK)
        return false;
    struct hash_cursor cursor = {.at = 0};
    struct slice field, value, found;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    hash_check(hash);
    while (hash_next(hash, &cursor, &field, &value))
        ASSERT(hash_get(hash, field, scratch, &found) && slice_equals(found, value));
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        field = take_text(input);
        if (take_number(input, 1) % 2 == 0)
            ASSERT(hash_remove(hash, field) || !hash_get(hash, field, scratch, &found));
        else
            ASSERT(hash_set(hash, settings, field, field, false) != HASH_OUT_OF_MEMORY);
        hash_check(hash);
    }
    hash_destroy(hash);
    return true;
}

static void change_set(struct set *set, struct input *input, const struct value_settings *settings)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    size_t count = 0;
    set_check(set);
    for (; set_next(set, &cursor, &member); count++)
        ASSERT(set_has(set, member));
    ASSERT(count == set_length(set));
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        member = take_text(input);
        bool there = set_has(set, member);
        if (take_number(input, 1) % 2 == 0)
            ASSERT(set_remove(set, member) == there);
        else
            ASSERT(set_add(set, settings, member) == (there ? SET_THERE : SET_ADDED));
        set_check(set);
    }
    set_destroy(set);
}

static bool try_set(struct listpack pack, struct input *input,
                    const struct value_settings *settings)
{
    struct set *set;
    if (set_of_listpack(pack, settings, &set) != OK)
        return false;
    change_set(set, input, settings);
    return true;
}

static bool try_zset(struct listpack pack, struct input *input,
                     const struct value_settings *settings)
{
    struct zset *zset;
    if (zset_of_listpack(pack, settings, &zset) != OK)
        return false;
    struct zset_cursor cursor;
    double score, other;
    size_t rank, expected = 0;
    zset_check(zset);
    for (bool more = zset_seek(zset, 0, &cursor); more; more = zset_cursor_next(&cursor)) {
        struct slice member = zset_cursor_get(&cursor, &score);
        ASSERT(zset_rank(zset, member, &rank, &other) && rank == expected++ && other == score);
    }
    ASSERT(expected == zset_length(zset));
    for (int i = 0; i < CHANGES_MAX && input->size > 0; i++) {
        struct slice member = take_text(input);
        bool there = zset_score(zset, member, &other);
        score = (double)(int64_t)take_number(input, 2) / 8;
        if (take_number(input, 1) % 2 == 0)
            ASSERT(zset_remove(zset, member) == there);
        else
            ASSERT(zset_set(zset, settings, member, score) != ZSET_OUT_OF_MEMORY);
        zset_check(zset);
    }
    zset_destroy(zset);
    return true;
}

/* --- the target --- */

/* A block of its own, so that a look outside is seen. */
static char *copy_bytes(struct slice bytes)
{
    char *copy = memory_allocate(bytes.length > 0 ? bytes.length : 1);
    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    return copy;
}

static struct slice build(enum kind kind, struct stream_id block_id, struct input *input)
{
    struct slice bytes;
    if (kind == INTSET) {
        struct intset set = build_intset(input);
        bytes.length = intset_size(&set);
        bytes.data = copy_bytes(slice_of((const char *)set.bytes, bytes.length));
        intset_free(&set);
    } else {
        struct listpack pack = kind == STREAM_BLOCK || kind == STREAM ? build_block(input, block_id)
                                                                      : build_listpack(input);
        bytes.length = listpack_size(&pack);
        bytes.data = copy_bytes(bytes_of(&pack));
        listpack_free(&pack);
    }
    return bytes;
}

static bool try_pack(enum kind kind, struct listpack pack, struct stream_id block_id,
                     struct input *input, const struct value_settings *settings)
{
    switch (kind) {
    case STREAM_BLOCK:
        return try_block(pack, block_id, input);
    case STREAM:
        return try_stream(pack, block_id, input, settings);
    case HASH:
        return try_hash(pack, input, settings);
    case SET:
        return try_set(pack, input, settings);
    case ZSET:
        return try_zset(pack, input, settings);
    default:
        return try_listpack(pack, input);
    }
}

static void try_bytes(enum kind kind, struct slice bytes, struct stream_id block_id,
                      struct input *input, const struct value_settings *settings)
{
    if (kind == INTSET && intset_is_valid(bytes)) {
        struct input again = *input;
        try_intset(bytes, &again);
        change_set(set_of_intset(intset_of(bytes), settings), input, settings);
    } else if (kind != INTSET && listpack_is_valid(bytes)) {
        struct listpack pack = listpack_of(bytes);
        ASSERT(listpack_size(&pack) == bytes.length);
        if (!try_pack(kind, pack, block_id, input, settings))
            listpack_free(&pack);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct value_settings settings = {.limits = value_default_limits(), .seed = {1, 2}};
    struct input input = {data, size};
    uint64_t head = take_number(&input, 1), overwritten = take_number(&input, 1) % 8;
    enum kind kind = (enum kind)(head % 16 % KINDS);
    struct input changes = input;
    (void)take_bytes(&input, 4 * overwritten);
    struct stream_id block_id = {head % 4 == 0 ? UINT64_MAX : head, head % 3 == 0 ? ~head : head};
    if (head & SMALL_LIMITS)
        settings.limits = (struct value_limits){4, 8, 4, 4, 8, 4, 8, .stream_block_entries_max = 3};
    struct slice raw = slice_of((const char *)input.data, input.size), bytes;
    bytes = head & BUILT ? build(kind, block_id, &input) : slice_of(copy_bytes(raw), raw.length);
    for (; overwritten > 0; overwritten--) {
        uint64_t place = take_number(&changes, 2), value = take_number(&changes, 2);
        if (bytes.length > 0)
            ((char *)(uintptr_t)bytes.data)[place % bytes.length] = (char)value;
    }
    input = (struct input){data, size};
    try_bytes(kind, bytes, block_id, &input, &settings);
    memory_free((void *)(uintptr_t)bytes.data);
    return 0;
}
