#include "persist/rdb_producers.h"

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_format.h"
#include "persist/rdb_value_writer.h"
#include "values/stream.h"
#include "values/stream_producers.h"

/* --- writing --- */

static enum error write_messages(struct buffer *out, const struct stream_producers *producers)
{
    enum error error = rdb_write_length(out, producers->duration_s);
    if (error == OK)
        error = rdb_write_length(out, producers->records_max);
    if (error == OK)
        error = rdb_write_length(out, stream_producers_messages(producers));
    struct ordered_cursor at = ordered_tree_seek(&producers->by_time, 0);
    for (; at.leaf != NULL && error == OK; ordered_cursor_next(&at)) {
        struct slice producer, message;
        struct stream_id id;
        char bytes[STREAM_ID_SIZE];
        stream_producers_get(&at, &producer, &message, &id);
        stream_id_write(bytes, id);
        error = rdb_write_string(out, producer, false);
        if (error == OK)
            error = rdb_write_string(out, message, false);
        if (error == OK)
            error = buffer_append(out, bytes, sizeof bytes);
    }
    return error;
}

enum error rdb_producers_write(struct buffer *out, const struct entry *entry)
{
    const struct stream *stream = entry->type == TYPE_STREAM ? entry_collection(entry) : NULL;
    if (stream == NULL || stream->producers == NULL)
        return OK;
    size_t before = out->length;
    struct buffer text = {NULL, 0, 0};
    unsigned char opcode = RDB_OPCODE_AUXILIARY;
    enum error error = rdb_write_string(&text, entry_key(entry), false);
    if (error == OK)
        error = write_messages(&text, stream->producers);
    if (error == OK)
        error = buffer_append(out, &opcode, 1);
    if (error == OK)
        error = rdb_write_string(out, SLICE(RDB_PRODUCERS_FIELD), false);
    if (error == OK)
        error = rdb_write_string(out, buffer_slice(&text), false);
    if (error != OK)
        out->length = before;
    buffer_deinit(&text);
    return error;
}

/* --- reading --- */

static bool read_settings(struct rdb_cursor *cursor, uint64_t *seconds, uint64_t *records_max)
{
    if (!rdb_cursor_length(cursor, seconds) || !rdb_cursor_length(cursor, records_max))
        return false;
    return (*seconds >= 1 && *seconds <= STREAM_PRODUCERS_DURATION_MAX && *records_max >= 1 &&
            *records_max <= STREAM_PRODUCERS_RECORDS_MAX) ||
           rdb_cursor_fail(cursor, "settings of producers out of range");
}

static bool read_message(struct rdb_cursor *cursor, struct buffer scratch[2],
                         struct stream_producers *producers)
{
    struct slice producer, message;
    const unsigned char *id;
    if (!rdb_cursor_read_text(cursor, &scratch[0], &producer) ||
        !rdb_cursor_read_text(cursor, &scratch[1], &message) ||
        !rdb_cursor_bytes(cursor, STREAM_ID_SIZE, &id))
        return false;
    return stream_producers_record(producers, producer, message, stream_id_read((const char *)id),
                                   INT64_MIN) ||
           rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
}

static bool read_messages(struct rdb_cursor *cursor, struct buffer scratch[2],
                          struct stream *stream)
{
    uint64_t seconds, records_max, count;
    if (!read_settings(cursor, &seconds, &records_max) || !rdb_cursor_length(cursor, &count))
        return false;
    if (stream->producers != NULL)
        return rdb_cursor_fail(cursor, "producers of a stream stand there twice");
    stream->producers = stream_producers_create(&stream->seed, seconds, records_max);
    for (uint64_t i = 0; i < count; i++)
        if (!read_message(cursor, scratch, stream->producers))
            return false;
    return cursor->at == cursor->length || rdb_cursor_fail(cursor, "too many bytes of producers");
}

bool rdb_producers_read(struct keyspace *keyspace, struct database *database, struct slice text,
                        const char **why)
{
    struct rdb_cursor cursor = {.data = (const unsigned char *)text.data,
                                .length = text.length,
                                .string_length_max = text.length,
                                .state = RDB_CURSOR_GOOD};
    struct buffer scratch[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct key key;
    bool good = rdb_cursor_read_text(&cursor, &scratch[0], &key.name);
    if (good) {
        key.hash = keyspace_hash(keyspace, key.name);
        struct entry *entry = database_find(database, &key);
        if (entry != NULL && entry->type == TYPE_STREAM)
            good = read_messages(&cursor, scratch, entry_collection(entry));
    }
    *why = cursor.state == RDB_CURSOR_BAD ? cursor.why : "bytes of producers are missing";
    buffer_deinit(&scratch[0]);
    buffer_deinit(&scratch[1]);
    return good;
}
