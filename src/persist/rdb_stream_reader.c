#include "persist/rdb_stream_reader.h"

#include "persist/rdb_format.h"

bool rdb_stream_read_block(struct stream *stream, struct rdb_cursor *cursor, struct buffer *scratch)
{
    struct slice text;
    if (!rdb_cursor_read_text(cursor, scratch, &text))
        return false;
    if (text.length != STREAM_ID_SIZE)
        return rdb_cursor_fail(cursor, "a stream's block has no ID");
    struct stream_id id = stream_id_read(text.data);
    if (!rdb_cursor_read_text(cursor, scratch, &text))
        return false;
    if (!listpack_is_valid(text))
        return rdb_cursor_fail(cursor, "a stream's block is damaged");
    struct listpack block = listpack_of(text);
    if (block.bytes == NULL)
        return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
    if (stream_block_is_valid(&block, id) && stream_add_block(stream, id, block)) {
        stream->length += stream_block_count(&block);
        return true;
    }
    listpack_free(&block);
    return rdb_cursor_fail(cursor, "a stream's block is damaged");
}

static bool read_id(struct rdb_cursor *cursor, struct stream_id *id)
{
    return rdb_cursor_length(cursor, &id->ms) && rdb_cursor_length(cursor, &id->sequence);
}

static bool read_raw_id(struct rdb_cursor *cursor, struct stream_id *id)
{
    const unsigned char *bytes;
    if (!rdb_cursor_bytes(cursor, STREAM_ID_SIZE, &bytes))
        return false;
    *id = stream_id_read((const char *)bytes);
    return true;
}

static bool read_time(struct rdb_cursor *cursor, int64_t *time_ms)
{
    uint64_t bits;
    if (!rdb_cursor_little(cursor, 8, &bits))
        return false;
    int64_t said_ms = (int64_t)bits;
    *time_ms = said_ms < -1 ? -1 : said_ms; /* so that how long ago it was is a number */
    return true;
}

/* Entries pending for a group: whose they are is said later. They wait as the consumer `nobody`. */
static bool read_group_pending(struct stream_group *group, struct rdb_cursor *cursor,
                               struct stream_consumer *nobody)
{
    uint64_t count;
    if (!rdb_cursor_length(cursor, &count))
        return false;
    for (; count > 0; count--) {
        struct stream_id id;
        struct pending pending = {.consumer = nobody}, old;
        if (!read_raw_id(cursor, &id) || !read_time(cursor, &pending.delivered_ms) ||
            !rdb_cursor_length(cursor, &pending.deliveries))
            return false;
        if (pending.deliveries > PENDING_DELIVERIES_MAX)
            pending.deliveries = PENDING_DELIVERIES_MAX;
        if (pending_list_find(&group->pending, id, &old))
            return rdb_cursor_fail(cursor, "an entry is pending twice");
        stream_set_pending(group, id, &pending);
    }
    return true;
}

static bool read_consumer(struct stream_group *group, struct rdb_cursor *cursor, bool has_active,
                          struct buffer *scratch, const struct stream_consumer *nobody)
{
    struct slice name;
    int64_t seen_ms, active_ms = -1;
    uint64_t count;
    if (!rdb_cursor_read_text(cursor, scratch, &name) || !read_time(cursor, &seen_ms) ||
        (has_active && !read_time(cursor, &active_ms)) || !rdb_cursor_length(cursor, &count))
        return false;
    if (stream_find_consumer(group, name) != NULL)
        return rdb_cursor_fail(cursor, "a consumer stands there twice");
    struct stream_consumer *consumer = stream_add_consumer(group, name, seen_ms);
    consumer->active_ms = has_active ? active_ms : seen_ms;
    for (; count > 0; count--) {
        struct stream_id id;
        struct pending pending;
        if (!read_raw_id(cursor, &id))
            return false;
        if (!pending_list_find(&group->pending, id, &pending) || pending.consumer != nobody)
            return rdb_cursor_fail(cursor, "a consumer has pending what its group has not");
        pending.consumer = consumer;
        stream_set_pending(group, id, &pending);
    }
    return true;
}

/* What stands behind its name and IDs. `nobody` is of the caller's: no consumer of the group. */
static bool read_group_tail(struct stream_group *group, struct rdb_cursor *cursor, bool has_active,
                            struct buffer *scratch, struct stream_consumer *nobody)
{
    uint64_t consumers;
    if (!read_group_pending(group, cursor, nobody) || !rdb_cursor_length(cursor, &consumers))
        return false;
    for (; consumers > 0; consumers--)
        if (!read_consumer(group, cursor, has_active, scratch, nobody))
            return false;
    return nobody->pending.count == 0 || rdb_cursor_fail(cursor, "an entry is pending for nobody");
}

/* A group that is not whole is the caller's to remove. */
static bool read_group(struct stream *stream, struct rdb_cursor *cursor, unsigned char rdb_type,
                       struct buffer *scratch)
{
    struct slice name;
    struct stream_id last_id;
    uint64_t read = (uint64_t)STREAM_READ_UNKNOWN;
    if (!rdb_cursor_read_text(cursor, scratch, &name))
        return false;
    struct stream_group *group = stream_find_group(stream, name);
    if (group != NULL)
        return rdb_cursor_fail(cursor, "a group stands there twice");
    group = stream_add_group(stream, name, STREAM_ID_MIN, STREAM_READ_UNKNOWN);
    if (!read_id(cursor, &last_id) ||
        (rdb_type != RDB_TYPE_STREAM_LISTPACKS && !rdb_cursor_length(cursor, &read)))
        return false;
    group->last_id = last_id;
    group->entries_read = (int64_t)read < 0 ? STREAM_READ_UNKNOWN : (int64_t)read;
    struct stream_consumer nobody = {.name = SLICE("")};
    ordered_tree_init(&nobody.pending);
    bool good =
        read_group_tail(group, cursor, rdb_type == RDB_TYPE_STREAM_LISTPACKS_3, scratch, &nobody);
    ordered_tree_deinit(&nobody.pending);
    return good;
}

static bool read_rest(struct stream *stream, struct rdb_cursor *cursor, unsigned char rdb_type,
                      struct buffer *scratch)
{
    uint64_t length, groups;
    if (!rdb_cursor_length(cursor, &length) || !read_id(cursor, &stream->last_id))
        return false;
    if (length != stream->length)
        return rdb_cursor_fail(cursor, "a stream's length is wrong");
    if (!stream_is_in_order(stream))
        return rdb_cursor_fail(cursor, "a stream's IDs are out of order");
    if (rdb_type != RDB_TYPE_STREAM_LISTPACKS) {
        if (!read_id(cursor, &stream->first_id) || !read_id(cursor, &stream->max_deleted_id) ||
            !rdb_cursor_length(cursor, &stream->entries_added))
            return false;
        if (stream->entries_added > INT64_MAX) /* more than is counted (values/stream.c) */
            stream->entries_added = INT64_MAX;
    } else {
        struct stream_cursor at;
        stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, false, &at);
        stream->first_id = stream_next(&at) ? at.entry.id : STREAM_ID_MIN;
        stream->entries_added = length;
    }
    if (!rdb_cursor_length(cursor, &groups))
        return false;
    for (; groups > 0; groups--)
        if (!read_group(stream, cursor, rdb_type, scratch))
            return false;
    return true;
}

bool rdb_stream_read_tail(struct stream *stream, struct rdb_cursor *cursor, unsigned char rdb_type,
                          struct buffer *scratch)
{
    if (read_rest(stream, cursor, rdb_type, scratch))
        return true;
    while (stream->group_count > 0) /* it is read again from its beginning */
        stream_remove_group(stream, stream->groups[0]);
    return false;
}
