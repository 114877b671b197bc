#include "persist/rdb_value_reader.h"

#include <math.h>
#include <string.h>

#include "base/assertion.h"
#include "persist/rdb_format.h"
#include "persist/rdb_stream_reader.h"
#include "persist/ziplist.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/zset.h"

#define SCORE_TEXT_SPECIAL 253 /* 253: NaN, 254: inf, 255: -inf; less: bytes of text */

static const char not_packed[] = "a packed value is damaged";
static const char twice[] = "an element stands there twice";

static bool type_of(unsigned char rdb_type, enum value_type *type)
{
    switch (rdb_type) {
    case RDB_TYPE_LIST:
    case RDB_TYPE_LIST_ZIPLIST:
    case RDB_TYPE_LIST_QUICKLIST:
    case RDB_TYPE_LIST_QUICKLIST_2:
        *type = TYPE_LIST;
        return true;
    case RDB_TYPE_SET:
    case RDB_TYPE_SET_INTSET:
    case RDB_TYPE_SET_LISTPACK:
        *type = TYPE_SET;
        return true;
    case RDB_TYPE_ZSET:
    case RDB_TYPE_ZSET_2:
    case RDB_TYPE_ZSET_ZIPLIST:
    case RDB_TYPE_ZSET_LISTPACK:
        *type = TYPE_ZSET;
        return true;
    case RDB_TYPE_HASH:
    case RDB_TYPE_HASH_ZIPMAP:
    case RDB_TYPE_HASH_ZIPLIST:
    case RDB_TYPE_HASH_LISTPACK:
    case RDB_TYPE_HASH_2:
    case RDB_TYPE_HASH_METADATA:
    case RDB_TYPE_HASH_LISTPACK_EX:
        *type = TYPE_HASH;
        return true;
    case RDB_TYPE_STREAM_LISTPACKS:
    case RDB_TYPE_STREAM_LISTPACKS_2:
    case RDB_TYPE_STREAM_LISTPACKS_3:
        *type = TYPE_STREAM;
        return true;
    default:
        return false;
    }
}

bool rdb_value_reader_knows(unsigned char rdb_type)
{
    enum value_type type;
    return type_of(rdb_type, &type);
}

/* --- elements --- */

static bool add_to_list(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                        struct slice text)
{
    return list_value_push(reader->value, &reader->settings->limits, LIST_TAIL, text) ||
           rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
}

static bool add_to_set(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                       struct slice member)
{
    enum set_result result = set_add(reader->value, reader->settings, member);
    return result == SET_ADDED ||
           rdb_cursor_fail(cursor, result == SET_THERE ? twice : rdb_cursor_out_of_memory);
}

static bool add_to_zset(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                        struct slice member, double score)
{
    if (isnan(score))
        return rdb_cursor_fail(cursor, "a score that is no number");
    enum zset_result result = zset_set(reader->value, reader->settings, member, score);
    return result == ZSET_ADDED ||
           rdb_cursor_fail(cursor, result == ZSET_OUT_OF_MEMORY ? rdb_cursor_out_of_memory : twice);
}

static bool add_to_hash(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                        struct slice field, struct slice value, int64_t deadline_ms)
{
    enum hash_result result = hash_set(reader->value, reader->settings, field, value, false);
    if (result != HASH_ADDED)
        return rdb_cursor_fail(cursor, result == HASH_CHANGED ? twice : rdb_cursor_out_of_memory);
    if (deadline_ms == HASH_NO_DEADLINE)
        return true;
    if (deadline_ms < 0 || deadline_ms >= HASH_DEADLINE_MAX)
        return rdb_cursor_fail(cursor, "a deadline out of range");
    return hash_set_deadline(reader->value, reader->settings, field, deadline_ms) ||
           rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
}

/* --- packed values --- */

static bool add_ziplist(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                        struct slice bytes)
{
    struct ziplist_cursor at;
    struct slice text;
    enum ziplist_status status;
    bool pairs = reader->type != TYPE_LIST;
    if (!ziplist_begin(&at, bytes, reader->rdb_type == RDB_TYPE_HASH_ZIPMAP))
        return rdb_cursor_fail(cursor, not_packed);
    while ((status = ziplist_next(&at, &text)) == ZIPLIST_ELEMENT) {
        double score;
        if (!pairs) {
            if (!add_to_list(reader, cursor, text))
                return false;
            continue;
        }
        buffer_clear(&reader->key);
        if (buffer_append(&reader->key, text.data, text.length) != OK)
            return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
        if (ziplist_next(&at, &text) != ZIPLIST_ELEMENT)
            return rdb_cursor_fail(cursor, not_packed);
        if (reader->type == TYPE_HASH) {
            if (!add_to_hash(reader, cursor, buffer_slice(&reader->key), text, HASH_NO_DEADLINE))
                return false;
        } else if (!number_parse_double(text, &score)) {
            return rdb_cursor_fail(cursor, "a score that is no number");
        } else if (!add_to_zset(reader, cursor, buffer_slice(&reader->key), score)) {
            return false;
        }
    }
    return status == ZIPLIST_END || rdb_cursor_fail(cursor, not_packed);
}

/* Fields, values and deadlines in threes. */
static bool add_triples(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                        const struct listpack *pack)
{
    char field_scratch[NUMBER_INTEGER_TEXT_MAX], value_scratch[NUMBER_INTEGER_TEXT_MAX];
    for (size_t at = listpack_first(pack); at != LISTPACK_END; at = listpack_next(pack, at)) {
        struct slice field = listpack_text(pack, at, field_scratch);
        if ((at = listpack_next(pack, at)) == LISTPACK_END)
            return rdb_cursor_fail(cursor, not_packed);
        struct slice value = listpack_text(pack, at, value_scratch);
        if ((at = listpack_next(pack, at)) == LISTPACK_END)
            return rdb_cursor_fail(cursor, not_packed);
        struct listpack_element deadline = listpack_get(pack, at);
        if (!deadline.is_integer)
            return rdb_cursor_fail(cursor, not_packed);
        if (!add_to_hash(reader, cursor, field, value,
                         deadline.integer == 0 ? HASH_NO_DEADLINE : deadline.integer))
            return false;
    }
    return true;
}

/* Makes the value of a listpack; else it is still the caller's. */
static enum error adopt_listpack(struct rdb_value_reader *reader, struct listpack pack)
{
    struct set *set = NULL;
    struct zset *zset = NULL;
    struct hash *hash = NULL;
    enum error error;
    switch (reader->rdb_type) {
    case RDB_TYPE_SET_LISTPACK:
        error = set_of_listpack(pack, reader->settings, &set);
        reader->value = set;
        break;
    case RDB_TYPE_ZSET_LISTPACK:
        error = zset_of_listpack(pack, reader->settings, &zset);
        reader->value = zset;
        break;
    default:
        error = hash_of_listpack(pack, reader->settings, &hash);
        reader->value = hash;
        break;
    }
    return error;
}

static bool read_listpack(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                          struct slice bytes)
{
    if (!listpack_is_valid(bytes))
        return rdb_cursor_fail(cursor, not_packed);
    struct listpack pack = listpack_of(bytes);
    if (pack.bytes == NULL)
        return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
    enum error error = OK;
    bool good = true;
    if (reader->rdb_type == RDB_TYPE_HASH_LISTPACK_EX) {
        reader->value = hash_create();
        good = add_triples(reader, cursor, &pack);
        listpack_free(&pack);
    } else if (listpack_count(&pack) == 0) {
        listpack_free(&pack);
    } else if ((error = adopt_listpack(reader, pack)) != OK) {
        listpack_free(&pack);
        good = rdb_cursor_fail(cursor, error == ERROR_OUT_OF_MEMORY ? rdb_cursor_out_of_memory
                                                                    : not_packed);
    }
    return good;
}

static bool read_packed(struct rdb_value_reader *reader, struct rdb_cursor *cursor)
{
    struct slice bytes;
    struct intset integers;
    if (!rdb_cursor_read_text(cursor, &reader->text, &bytes))
        return false;
    switch (reader->rdb_type) {
    case RDB_TYPE_SET_INTSET:
        if (!intset_is_valid(bytes))
            return rdb_cursor_fail(cursor, not_packed);
        integers = intset_of(bytes);
        if (integers.bytes == NULL)
            return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
        reader->value = set_of_intset(integers, reader->settings);
        return true;
    case RDB_TYPE_LIST_ZIPLIST:
        reader->value = list_value_create();
        return add_ziplist(reader, cursor, bytes);
    case RDB_TYPE_ZSET_ZIPLIST:
        reader->value = zset_create();
        return add_ziplist(reader, cursor, bytes);
    case RDB_TYPE_HASH_ZIPLIST:
    case RDB_TYPE_HASH_ZIPMAP:
        reader->value = hash_create();
        return add_ziplist(reader, cursor, bytes);
    default:
        return read_listpack(reader, cursor, bytes);
    }
}

/* --- parts --- */

static bool read_block(struct rdb_value_reader *reader, struct rdb_cursor *cursor)
{
    uint64_t container = RDB_BLOCK_PACKED;
    struct slice bytes;
    if (reader->rdb_type == RDB_TYPE_LIST_QUICKLIST_2 && !rdb_cursor_length(cursor, &container))
        return false;
    if (!rdb_cursor_read_text(cursor, &reader->text, &bytes))
        return false;
    if (reader->rdb_type == RDB_TYPE_LIST_QUICKLIST)
        return add_ziplist(reader, cursor, bytes);
    if (container == RDB_BLOCK_PLAIN)
        return list_value_append_plain(reader->value, bytes) ||
               rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
    if (container != RDB_BLOCK_PACKED || !listpack_is_valid(bytes))
        return rdb_cursor_fail(cursor, not_packed);
    struct listpack pack = listpack_of(bytes);
    if (pack.bytes == NULL)
        return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
    if (listpack_count(&pack) == 0)
        listpack_free(&pack);
    else
        list_value_append_block(reader->value, pack);
    return true;
}

static bool read_score(struct rdb_value_reader *reader, struct rdb_cursor *cursor, double *score)
{
    uint64_t bits;
    unsigned char length;
    const unsigned char *text;
    if (reader->rdb_type == RDB_TYPE_ZSET_2) {
        if (!rdb_cursor_little(cursor, 8, &bits))
            return false;
        memcpy(score, &bits, sizeof *score);
        return true;
    }
    if (!rdb_cursor_byte(cursor, &length))
        return false;
    if (length >= SCORE_TEXT_SPECIAL) {
        *score = length == 254 ? INFINITY : length == 255 ? -INFINITY : NAN;
        return true;
    }
    if (!rdb_cursor_bytes(cursor, length, &text))
        return false;
    return number_parse_double(slice_of((const char *)text, length), score) ||
           rdb_cursor_fail(cursor, "a score that is no number");
}

static bool read_field(struct rdb_value_reader *reader, struct rdb_cursor *cursor)
{
    struct slice field, value;
    uint64_t ttl = 0, deadline = UINT64_MAX;
    if (reader->rdb_type == RDB_TYPE_HASH_METADATA && !rdb_cursor_length(cursor, &ttl))
        return false;
    if (!rdb_cursor_read_text(cursor, &reader->key, &field) ||
        !rdb_cursor_read_text(cursor, &reader->text, &value))
        return false;
    if (reader->rdb_type == RDB_TYPE_HASH_2 && !rdb_cursor_little(cursor, 8, &deadline))
        return false;
    if (ttl > 0) {
        if (ttl > (uint64_t)HASH_DEADLINE_MAX)
            return rdb_cursor_fail(cursor, "a deadline out of range");
        deadline = (uint64_t)reader->base_ms + ttl - 1;
    }
    int64_t deadline_ms = deadline == UINT64_MAX ? HASH_NO_DEADLINE : (int64_t)deadline;
    return add_to_hash(reader, cursor, field, value, deadline_ms);
}

bool rdb_value_reader_step(struct rdb_value_reader *reader, struct rdb_cursor *cursor)
{
    struct slice text;
    double score;
    bool good;
    ASSERT(reader->parts_left > 0);
    switch (reader->rdb_type) {
    case RDB_TYPE_LIST:
        good =
            rdb_cursor_read_text(cursor, &reader->text, &text) && add_to_list(reader, cursor, text);
        break;
    case RDB_TYPE_LIST_QUICKLIST:
    case RDB_TYPE_LIST_QUICKLIST_2:
        good = read_block(reader, cursor);
        break;
    case RDB_TYPE_SET:
        good =
            rdb_cursor_read_text(cursor, &reader->text, &text) && add_to_set(reader, cursor, text);
        break;
    case RDB_TYPE_ZSET:
    case RDB_TYPE_ZSET_2:
        good = rdb_cursor_read_text(cursor, &reader->text, &text) &&
               read_score(reader, cursor, &score) && add_to_zset(reader, cursor, text, score);
        break;
    case RDB_TYPE_STREAM_LISTPACKS:
    case RDB_TYPE_STREAM_LISTPACKS_2:
    case RDB_TYPE_STREAM_LISTPACKS_3:
        good = reader->parts_left > 1
                   ? rdb_stream_read_block(reader->value, cursor, &reader->text)
                   : rdb_stream_read_tail(reader->value, cursor, reader->rdb_type, &reader->text);
        break;
    default:
        good = read_field(reader, cursor);
        break;
    }
    reader->parts_left -= good;
    return good;
}

static bool is_in_parts(unsigned char rdb_type)
{
    switch (rdb_type) {
    case RDB_TYPE_LIST:
    case RDB_TYPE_LIST_QUICKLIST:
    case RDB_TYPE_LIST_QUICKLIST_2:
    case RDB_TYPE_SET:
    case RDB_TYPE_ZSET:
    case RDB_TYPE_ZSET_2:
    case RDB_TYPE_HASH:
    case RDB_TYPE_HASH_2:
    case RDB_TYPE_HASH_METADATA:
    case RDB_TYPE_STREAM_LISTPACKS:
    case RDB_TYPE_STREAM_LISTPACKS_2:
    case RDB_TYPE_STREAM_LISTPACKS_3:
        return true;
    default:
        return false;
    }
}

static void *create_empty(enum value_type type, const struct value_settings *settings)
{
    switch (type) {
    case TYPE_STREAM:
        return stream_create(settings);
    case TYPE_LIST:
        return list_value_create();
    case TYPE_SET:
        return set_create();
    case TYPE_ZSET:
        return zset_create();
    default:
        return hash_create();
    }
}

bool rdb_value_reader_begin(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                            unsigned char rdb_type, const struct value_settings *settings)
{
    uint64_t base_ms = 0;
    bool known = type_of(rdb_type, &reader->type);
    ASSERT(known && reader->value == NULL);
    reader->settings = settings;
    reader->rdb_type = rdb_type;
    reader->parts_left = 0;
    if ((rdb_type == RDB_TYPE_HASH_METADATA || rdb_type == RDB_TYPE_HASH_LISTPACK_EX) &&
        !rdb_cursor_little(cursor, 8, &base_ms))
        return false;
    if (base_ms >= (uint64_t)HASH_DEADLINE_MAX)
        return rdb_cursor_fail(cursor, "a deadline out of range");
    reader->base_ms = (int64_t)base_ms;
    if (is_in_parts(rdb_type)) {
        if (!rdb_cursor_length(cursor, &reader->parts_left))
            return false;
        if (reader->type == TYPE_STREAM && reader->parts_left == UINT64_MAX)
            return rdb_cursor_fail(cursor, "a stream of too many blocks");
        reader->value = create_empty(reader->type, settings);
        reader->parts_left += reader->type == TYPE_STREAM; /* what stands behind its blocks */
        return true;
    }
    if (read_packed(reader, cursor))
        return true;
    if (reader->value != NULL)
        value_free(reader->type, reader->value);
    reader->value = NULL;
    return false;
}

void *rdb_value_reader_take(struct rdb_value_reader *reader)
{
    ASSERT(reader->parts_left == 0);
    void *value = reader->value;
    reader->value = NULL;
    if (value == NULL || reader->type == TYPE_STREAM || value_kind(reader->type)->length(value) > 0)
        return value;
    value_free(reader->type, value);
    return NULL;
}

void rdb_value_reader_deinit(struct rdb_value_reader *reader)
{
    if (reader->value != NULL)
        value_free(reader->type, reader->value);
    reader->value = NULL;
    buffer_deinit(&reader->key);
    buffer_deinit(&reader->text);
}
