#include "persist/rdb_value_writer.h"

#include <liblzf/lzf.h>
#include <string.h>

#include "base/assertion.h"
#include "base/number.h"
#include "keyspace/entry.h"
#include "persist/rdb_format.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/value_walk.h"
#include "values/zset.h"

#define LENGTH_MAX 9           /* bytes of an encoded length */
#define INTEGER_TEXT_MAX 11    /* bytes of a string that may be written as a number */
#define COMPRESSED_MIN 21      /* bytes of a string worth compressing */
#define COMPRESSION_GAIN_MIN 4 /* bytes */
#define COMPRESSED_MAX UINT32_MAX

static void put_little(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void put_big(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

static size_t put_length(unsigned char *at, uint64_t length)
{
    if (length < 1 << 6) {
        at[0] = (unsigned char)(RDB_LENGTH_6 | length);
        return 1;
    }
    if (length < 1 << 14) {
        put_big(at, (uint64_t)RDB_LENGTH_14 << 8 | length, 2);
        return 2;
    }
    if (length <= UINT32_MAX) {
        at[0] = RDB_LENGTH_32;
        put_big(at + 1, length, 4);
        return 5;
    }
    at[0] = RDB_LENGTH_64;
    put_big(at + 1, length, 8);
    return 9;
}

/* 0: the number needs more than four bytes, it is written as text. */
static size_t put_integer(unsigned char *at, int64_t value)
{
    enum rdb_encoding encoding = value >= INT8_MIN && value <= INT8_MAX     ? RDB_INT8
                                 : value >= INT16_MIN && value <= INT16_MAX ? RDB_INT16
                                                                            : RDB_INT32;
    if (value < INT32_MIN || value > INT32_MAX)
        return 0;
    size_t size = (size_t)1 << encoding;
    at[0] = (unsigned char)(RDB_ENCODED | encoding);
    put_little(at + 1, (uint64_t)value, size);
    return 1 + size;
}

static enum error reserve(struct buffer *out, size_t more, unsigned char **at)
{
    enum error error = buffer_reserve(out, more);
    if (error == OK)
        *at = (unsigned char *)out->data + out->length;
    return error;
}

/* False: it would not become shorter, nothing is written. The room is reserved. */
static bool put_compressed(struct buffer *out, struct slice text)
{
    unsigned char head[1 + 2 * LENGTH_MAX];
    head[0] = RDB_ENCODED | RDB_LZF;
    unsigned char *at = (unsigned char *)out->data + out->length;
    unsigned length = lzf_compress(text.data, (unsigned)text.length, at + sizeof head,
                                   (unsigned)(text.length - COMPRESSION_GAIN_MIN));
    if (length == 0)
        return false;
    size_t head_length = 1 + put_length(head + 1, length);
    head_length += put_length(head + head_length, text.length);
    memmove(at + head_length, at + sizeof head, length);
    memcpy(at, head, head_length);
    out->length += head_length + length;
    return true;
}

enum error rdb_write_string(struct buffer *out, struct slice text, bool compress)
{
    unsigned char *at;
    enum error error = reserve(out, text.length + 1 + 2 * LENGTH_MAX, &at);
    if (error != OK)
        return error;
    int64_t number;
    if (text.length <= INTEGER_TEXT_MAX && number_parse_int64(text, &number)) {
        size_t size = put_integer(at, number);
        out->length += size;
        if (size > 0)
            return OK;
    }
    if (compress && text.length >= COMPRESSED_MIN && text.length <= COMPRESSED_MAX &&
        put_compressed(out, text))
        return OK;
    size_t head = put_length(at, text.length);
    if (text.length > 0)
        memcpy(at + head, text.data, text.length);
    out->length += head + text.length;
    return OK;
}

enum error rdb_write_length(struct buffer *out, uint64_t length)
{
    unsigned char *at;
    enum error error = reserve(out, LENGTH_MAX, &at);
    if (error == OK)
        out->length += put_length(at, length);
    return error;
}

static enum error write_little(struct buffer *out, uint64_t value)
{
    unsigned char *at;
    enum error error = reserve(out, 8, &at);
    if (error != OK)
        return error;
    put_little(at, value, 8);
    out->length += 8;
    return OK;
}

/* --- types --- */

static bool is_packed_hash(const struct hash *hash)
{
    return hash_listpack(hash)->bytes != NULL;
}

unsigned char rdb_value_writer_type(const struct entry *entry)
{
    const void *value;
    switch (entry->type) {
    case TYPE_STRING:
        return RDB_TYPE_STRING;
    case TYPE_LIST:
        return RDB_TYPE_LIST_QUICKLIST_2;
    case TYPE_SET:
        value = entry_collection(entry);
        return set_intset(value)->bytes != NULL ? RDB_TYPE_SET_INTSET : RDB_TYPE_SET;
    case TYPE_ZSET:
        value = entry_collection(entry);
        return zset_listpack(value)->bytes != NULL ? RDB_TYPE_ZSET_LISTPACK : RDB_TYPE_ZSET_2;
    case TYPE_HASH:
        value = entry_collection(entry);
        if (hash_count_with_deadline(value) > 0)
            return RDB_TYPE_HASH_METADATA;
        return is_packed_hash(value) ? RDB_TYPE_HASH_LISTPACK : RDB_TYPE_HASH;
    case TYPE_STREAM:
        return RDB_TYPE_STREAM_LISTPACKS_2;
    default:
        ASSERT(false);
        return 0;
    }
}

/* --- parts --- */

enum error rdb_write_value_part(struct buffer *out, unsigned char type,
                                const struct value_part *part, int64_t base_ms, bool compress)
{
    size_t before = out->length;
    uint64_t bits;
    enum error error = OK;
    switch (type) {
    case RDB_TYPE_LIST_QUICKLIST_2:
        error = rdb_write_length(out, part->is_plain ? RDB_BLOCK_PLAIN : RDB_BLOCK_PACKED);
        if (error == OK)
            error = rdb_write_string(out, part->value, compress);
        break;
    case RDB_TYPE_SET:
        error = rdb_write_string(out, part->key, compress);
        break;
    case RDB_TYPE_ZSET_2:
        error = rdb_write_string(out, part->key, compress);
        memcpy(&bits, &part->score, sizeof bits);
        if (error == OK)
            error = write_little(out, bits);
        break;
    case RDB_TYPE_HASH_METADATA:
        error = rdb_write_length(out, part->deadline_ms == VALUE_NO_DEADLINE
                                          ? 0
                                          : (uint64_t)(part->deadline_ms - base_ms + 1));
        if (error != OK)
            break;
        /* fall through */
    default:
        error = rdb_write_string(out, part->key, compress);
        if (error == OK)
            error = rdb_write_string(out, part->value, compress);
        break;
    }
    if (error != OK)
        out->length = before;
    return error;
}

enum error rdb_write_value_head(struct buffer *out, const struct entry *entry, size_t parts,
                                int64_t *base_ms)
{
    size_t before = out->length;
    enum error error = OK;
    *base_ms = 0;
    if (rdb_value_writer_type(entry) == RDB_TYPE_HASH_METADATA) {
        *base_ms = hash_next_deadline_ms(entry_collection(entry));
        error = write_little(out, (uint64_t)*base_ms);
    }
    if (error == OK)
        error = rdb_write_length(out, parts);
    if (error != OK)
        out->length = before;
    return error;
}

/* --- whole values --- */

static enum error write_listpack(struct buffer *out, const struct listpack *pack, bool compress)
{
    return rdb_write_string(out, slice_of((const char *)pack->bytes, listpack_size(pack)),
                            compress);
}

static enum error write_list(struct buffer *out, const struct list_value *list, bool compress)
{
    const struct list_block *block = NULL;
    enum error error = OK;
    while (error == OK && (block = list_value_next_block(list, block)) != NULL) {
        struct value_part part = {.is_plain = false};
        part.value = list_block_bytes(block, &part.is_plain);
        error = rdb_write_value_part(out, RDB_TYPE_LIST_QUICKLIST_2, &part, 0, compress);
    }
    return error;
}

static enum error write_set(struct buffer *out, const struct set *set, bool compress)
{
    struct set_cursor cursor = {.at = 0};
    struct value_part part = {.score = 0};
    enum error error = OK;
    while (error == OK && set_next(set, &cursor, &part.key))
        error = rdb_write_value_part(out, RDB_TYPE_SET, &part, 0, compress);
    return error;
}

static enum error write_zset(struct buffer *out, const struct zset *zset, bool compress)
{
    struct zset_cursor cursor;
    enum error error = OK;
    bool more = zset_seek(zset, 0, &cursor);
    for (; error == OK && more; more = zset_cursor_next(&cursor)) {
        struct value_part part = {.score = 0};
        part.key = zset_cursor_get(&cursor, &part.score);
        error = rdb_write_value_part(out, RDB_TYPE_ZSET_2, &part, 0, compress);
    }
    return error;
}

static enum error write_hash(struct buffer *out, const struct hash *hash, unsigned char type,
                             int64_t base_ms, bool compress)
{
    struct hash_cursor cursor = {.any = true};
    struct value_part part = {.deadline_ms = VALUE_NO_DEADLINE};
    enum error error = OK;
    while (error == OK && hash_next(hash, &cursor, &part.key, &part.value)) {
        part.deadline_ms = hash_deadline_ms(hash, part.key);
        error = rdb_write_value_part(out, type, &part, base_ms, compress);
    }
    return error;
}

/* --- streams --- */

static enum error write_id(struct buffer *out, struct stream_id id)
{
    enum error error = rdb_write_length(out, id.ms);
    return error != OK ? error : rdb_write_length(out, id.sequence);
}

static enum error write_raw_id(struct buffer *out, struct stream_id id)
{
    char bytes[STREAM_ID_SIZE];
    stream_id_write(bytes, id);
    return buffer_append(out, bytes, sizeof bytes);
}

static enum error write_blocks(struct buffer *out, const struct stream *stream, bool compress)
{
    enum error error = OK;
    for (size_t i = 0; i < stream_block_total(stream) && error == OK; i++) {
        struct stream_id id;
        char bytes[STREAM_ID_SIZE];
        const struct listpack *block = stream_get_block(stream, i, &id);
        stream_id_write(bytes, id);
        struct value_part part = {.key = slice_of(bytes, sizeof bytes),
                                  .value =
                                      slice_of((const char *)block->bytes, listpack_size(block))};
        error = rdb_write_value_part(out, RDB_TYPE_STREAM_LISTPACKS_2, &part, 0, compress);
    }
    return error;
}

static enum error write_consumer(struct buffer *out, const struct stream_consumer *consumer)
{
    enum error error = rdb_write_string(out, consumer->name, true);
    if (error == OK)
        error = write_little(out, (uint64_t)consumer->seen_ms);
    if (error == OK)
        error = rdb_write_length(out, consumer->pending.count);
    struct ordered_cursor at = ordered_tree_seek(&consumer->pending, 0);
    for (; at.leaf != NULL && error == OK; ordered_cursor_next(&at))
        error = write_raw_id(out, pending_list_id(&at));
    return error;
}

static enum error write_group(struct buffer *out, const struct stream_group *group)
{
    enum error error = rdb_write_string(out, group->name, true);
    if (error == OK)
        error = write_id(out, group->last_id);
    if (error == OK)
        error = rdb_write_length(out, (uint64_t)group->entries_read);
    if (error == OK)
        error = rdb_write_length(out, pending_list_count(&group->pending));
    struct ordered_cursor at = ordered_tree_seek(&group->pending.order, 0);
    for (; at.leaf != NULL && error == OK; ordered_cursor_next(&at)) {
        struct pending pending = {NULL, 0, 0};
        (void)pending_list_find(&group->pending, pending_list_id(&at), &pending);
        error = write_raw_id(out, pending_list_id(&at));
        if (error == OK)
            error = write_little(out, (uint64_t)pending.delivered_ms);
        if (error == OK)
            error = rdb_write_length(out, pending.deliveries);
    }
    if (error == OK)
        error = rdb_write_length(out, group->consumer_count);
    for (size_t i = 0; i < group->consumer_count && error == OK; i++)
        error = write_consumer(out, group->consumers[i]);
    return error;
}

static enum error write_stream_tail(struct buffer *out, const struct stream *stream)
{
    enum error error = rdb_write_length(out, stream->length);
    if (error == OK)
        error = write_id(out, stream->last_id);
    if (error == OK)
        error = write_id(out, stream->first_id);
    if (error == OK)
        error = write_id(out, stream->max_deleted_id);
    if (error == OK)
        error = rdb_write_length(out, stream->entries_added);
    if (error == OK)
        error = rdb_write_length(out, stream->group_count);
    for (size_t i = 0; i < stream->group_count && error == OK; i++)
        error = write_group(out, stream->groups[i]);
    return error;
}

enum error rdb_write_value_tail(struct buffer *out, const struct entry *entry)
{
    size_t before = out->length;
    if (entry->type != TYPE_STREAM)
        return OK;
    enum error error = write_stream_tail(out, entry_collection(entry));
    if (error != OK)
        out->length = before;
    return error;
}

static size_t part_count(const struct entry *entry, const void *value)
{
    if (entry->type == TYPE_STREAM)
        return stream_block_total(value);
    return entry->type == TYPE_LIST ? list_value_blocks(value)
                                    : value_kind((enum value_type)entry->type)->length(value);
}

static enum error write_collection(struct buffer *out, const struct entry *entry, bool compress)
{
    const void *value = entry_collection(entry);
    unsigned char type = rdb_value_writer_type(entry);
    int64_t base_ms;
    if (type == RDB_TYPE_SET_INTSET)
        return rdb_write_string(
            out, slice_of((const char *)set_intset(value)->bytes, intset_size(set_intset(value))),
            compress);
    if (type == RDB_TYPE_ZSET_LISTPACK)
        return write_listpack(out, zset_listpack(value), compress);
    if (type == RDB_TYPE_HASH_LISTPACK)
        return write_listpack(out, hash_listpack(value), compress);
    enum error error = rdb_write_value_head(out, entry, part_count(entry, value), &base_ms);
    if (error != OK)
        return error;
    switch (entry->type) {
    case TYPE_LIST:
        return write_list(out, value, compress);
    case TYPE_SET:
        return write_set(out, value, compress);
    case TYPE_ZSET:
        return write_zset(out, value, compress);
    case TYPE_STREAM:
        error = write_blocks(out, value, compress);
        return error != OK ? error : rdb_write_value_tail(out, entry);
    default:
        return write_hash(out, value, type, base_ms, compress);
    }
}

enum error rdb_write_value(struct buffer *out, const struct entry *entry, bool compress)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    if (entry->type == TYPE_STRING)
        return rdb_write_string(out, entry_string(entry, scratch), compress);
    size_t before = out->length;
    enum error error = write_collection(out, entry, compress);
    if (error != OK)
        out->length = before;
    return error;
}
