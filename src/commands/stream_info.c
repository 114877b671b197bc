/* XINFO: what a stream, its groups and their consumers look like. */
#include "base/number.h"
#include "commands/stream_common.h"
#include "commands/tables.h"
#include "values/stream_producers.h"

#define FULL_COUNT_DEFAULT 10 /* entries */

static bool open_info(struct command_context *context, struct collection *stream)
{
    if (!collection_read(context, 2, TYPE_STREAM, stream))
        return false;
    if (stream->entry == NULL)
        command_reply_no_such_key(context);
    return stream->entry != NULL;
}

static void reply_number(struct resp_writer *reply, const char *name, int64_t number)
{
    resp_writer_bulk_string(reply, name);
    resp_writer_integer(reply, number);
}

static void reply_id(struct resp_writer *reply, const char *name, struct stream_id id)
{
    resp_writer_bulk_string(reply, name);
    stream_common_reply_id(reply, id);
}

static void reply_read(struct resp_writer *reply, int64_t entries_read)
{
    resp_writer_bulk_string(reply, "entries-read");
    if (entries_read == STREAM_READ_UNKNOWN)
        resp_writer_null(reply);
    else
        resp_writer_integer(reply, entries_read);
}

/* How many entries the group has not read, if that is known. */
static void reply_lag(struct resp_writer *reply, struct stream *stream,
                      const struct stream_group *group)
{
    int64_t read = group->entries_read;
    resp_writer_bulk_string(reply, "lag");
    if (stream->entries_added == 0) {
        resp_writer_integer(reply, 0);
        return;
    }
    if (read == STREAM_READ_UNKNOWN ||
        stream_range_has_deleted(stream, group->last_id, STREAM_ID_MAX))
        read = stream_count_up_to(stream, group->last_id);
    if (read == STREAM_READ_UNKNOWN)
        resp_writer_null(reply);
    else
        resp_writer_integer(reply, (int64_t)stream->entries_added - read);
}

static void reply_end(struct resp_writer *reply, const char *name, struct stream *stream, bool last)
{
    struct stream_cursor cursor;
    resp_writer_bulk_string(reply, name);
    stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, last, &cursor);
    if (stream_next(&cursor))
        stream_common_reply_entry(reply, &cursor);
    else
        resp_writer_null(reply);
}

#define HEAD_FIELDS 7
#define HEAD_FIELDS_OF_PRODUCERS 6 /* more, once a producer named itself */

static size_t head_fields(const struct stream *stream)
{
    return HEAD_FIELDS + (stream->producers != NULL ? HEAD_FIELDS_OF_PRODUCERS : 0);
}

static void reply_head(struct resp_writer *reply, const struct stream *stream)
{
    reply_number(reply, "length", (int64_t)stream->length);
    /* There is no radix tree here: blocks, and one row of them. */
    reply_number(reply, "radix-tree-keys", (int64_t)stream_block_total(stream));
    reply_number(reply, "radix-tree-nodes", (int64_t)stream_block_total(stream) + 1);
    reply_id(reply, "last-generated-id", stream->last_id);
    reply_id(reply, "max-deleted-entry-id", stream->max_deleted_id);
    reply_number(reply, "entries-added", (int64_t)stream->entries_added);
    reply_id(reply, "recorded-first-entry-id", stream->first_id);
    if (stream->producers == NULL)
        return;
    reply_number(reply, "idmp-duration", (int64_t)stream->producers->duration_s);
    reply_number(reply, "idmp-maxsize", (int64_t)stream->producers->records_max);
    reply_number(reply, "pids-tracked", (int64_t)stream_producers_count(stream->producers));
    reply_number(reply, "iids-tracked", (int64_t)stream_producers_messages(stream->producers));
    reply_number(reply, "iids-added", (int64_t)stream->producers->added);
    reply_number(reply, "iids-duplicates", (int64_t)stream->producers->duplicates);
}

/* --- FULL --- */

/* Pending entries of a group (with their consumer) or of one consumer. */
static void reply_pending(struct resp_writer *reply, const struct stream_group *group,
                          const struct ordered_tree *order, bool of_group, size_t count)
{
    size_t shown = count == 0 || order->count < count ? order->count : count;
    struct ordered_cursor at = ordered_tree_seek(order, 0);
    resp_writer_array(reply, shown);
    for (; shown > 0; shown--, ordered_cursor_next(&at)) {
        struct pending pending = {NULL, 0, 0};
        struct stream_id id = pending_list_id(&at);
        (void)pending_list_find(&group->pending, id, &pending);
        resp_writer_array(reply, of_group ? 4 : 3);
        stream_common_reply_id(reply, id);
        if (of_group)
            resp_writer_bulk(reply, pending.consumer->name);
        resp_writer_integer(reply, pending.delivered_ms);
        resp_writer_integer(reply, (int64_t)pending.deliveries);
    }
}

static void reply_full_group(struct resp_writer *reply, struct stream *stream,
                             const struct stream_group *group, size_t count)
{
    resp_writer_map(reply, 7);
    resp_writer_bulk_string(reply, "name");
    resp_writer_bulk(reply, group->name);
    reply_id(reply, "last-delivered-id", group->last_id);
    reply_read(reply, group->entries_read);
    reply_lag(reply, stream, group);
    reply_number(reply, "pel-count", (int64_t)pending_list_count(&group->pending));
    resp_writer_bulk_string(reply, "pending");
    reply_pending(reply, group, &group->pending.order, true, count);
    resp_writer_bulk_string(reply, "consumers");
    resp_writer_array(reply, group->consumer_count);
    for (size_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        resp_writer_map(reply, 5);
        resp_writer_bulk_string(reply, "name");
        resp_writer_bulk(reply, consumer->name);
        reply_number(reply, "seen-time", consumer->seen_ms);
        reply_number(reply, "active-time", consumer->active_ms);
        reply_number(reply, "pel-count", (int64_t)consumer->pending.count);
        resp_writer_bulk_string(reply, "pending");
        reply_pending(reply, group, &consumer->pending, false, count);
    }
}

static void reply_full(struct resp_writer *reply, struct stream *stream, size_t count)
{
    resp_writer_map(reply, head_fields(stream) + 2);
    reply_head(reply, stream);
    resp_writer_bulk_string(reply, "entries");
    (void)stream_common_reply_range(reply, stream, STREAM_ID_MIN, STREAM_ID_MAX, false,
                                    count == 0 ? SIZE_MAX : count);
    resp_writer_bulk_string(reply, "groups");
    resp_writer_array(reply, stream->group_count);
    for (size_t i = 0; i < stream->group_count; i++)
        reply_full_group(reply, stream, stream->groups[i], count);
}

static void info_stream(struct command_context *context)
{
    struct collection stream;
    int64_t count = FULL_COUNT_DEFAULT;
    bool full = context->count > 3 && slice_is_word(context->arguments[3], "FULL");
    bool counted = context->count == 6 && slice_is_word(context->arguments[4], "COUNT");
    if (!open_info(context, &stream))
        return;
    if (context->count > 3 && (!full || (context->count != 4 && !counted))) {
        struct slice word = context->arguments[1];
        resp_writer_error_format(context->reply,
                                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. "
                                 "Try XINFO HELP.",
                                 (int)word.length, word.data);
        return;
    }
    if (counted && !command_integer(context, 5, &count))
        return;
    if (full) {
        reply_full(context->reply, stream.value, count < 0 ? FULL_COUNT_DEFAULT : (size_t)count);
        return;
    }
    struct stream *value = stream.value;
    resp_writer_map(context->reply, head_fields(value) + 3);
    reply_head(context->reply, value);
    reply_number(context->reply, "groups", (int64_t)value->group_count);
    reply_end(context->reply, "first-entry", value, false);
    reply_end(context->reply, "last-entry", value, true);
}

static void info_groups(struct command_context *context)
{
    struct collection stream;
    if (!open_info(context, &stream))
        return;
    struct stream *value = stream.value;
    resp_writer_array(context->reply, value->group_count);
    for (size_t i = 0; i < value->group_count; i++) {
        const struct stream_group *group = value->groups[i];
        resp_writer_map(context->reply, 6);
        resp_writer_bulk_string(context->reply, "name");
        resp_writer_bulk(context->reply, group->name);
        reply_number(context->reply, "consumers", (int64_t)group->consumer_count);
        reply_number(context->reply, "pending", (int64_t)pending_list_count(&group->pending));
        reply_id(context->reply, "last-delivered-id", group->last_id);
        reply_read(context->reply, group->entries_read);
        reply_lag(context->reply, value, group);
    }
}

static void info_consumers(struct command_context *context)
{
    struct collection stream;
    if (!open_info(context, &stream))
        return;
    struct slice name = context->arguments[3], key = context->arguments[2];
    const struct stream_group *group = stream_find_group(stream.value, name);
    if (group == NULL) {
        resp_writer_error_format(context->reply,
                                 "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                                 (int)(name.length < 400 ? name.length : 400), name.data,
                                 (int)(key.length < 400 ? key.length : 400), key.data);
        return;
    }
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    resp_writer_array(context->reply, group->consumer_count);
    for (size_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        /* One that the log made was seen at no time. */
        int64_t idle_ms = consumer->seen_ms < 0 ? 0 : now_ms - consumer->seen_ms;
        resp_writer_map(context->reply, 4);
        resp_writer_bulk_string(context->reply, "name");
        resp_writer_bulk(context->reply, consumer->name);
        reply_number(context->reply, "pending", (int64_t)consumer->pending.count);
        reply_number(context->reply, "idle", idle_ms < 0 ? 0 : idle_ms);
        reply_number(context->reply, "inactive",
                     consumer->active_ms < 0 ? -1 : now_ms - consumer->active_ms);
    }
}

static void info_help(struct command_context *context)
{
    static const char *const lines[] = {
        "CONSUMERS <key> <groupname>",
        "    Show consumers of <groupname>.",
        "GROUPS <key>",
        "    Show the stream consumer groups.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Show information about the stream.",
        NULL,
    };
    command_reply_help(context, "XINFO", lines);
}

static const struct command info_subcommands[] = {
    {
        .name = "STREAM",
        .run = info_stream,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key [FULL [COUNT count]]",
        .summary = "Describes a stream.",
        .complexity = "O(1), O(N) for N entries of FULL",
    },
    {
        .name = "GROUPS",
        .run = info_groups,
        .arity = 3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key",
        .summary = "Describes the groups of a stream.",
        .complexity = "O(N) for N groups",
    },
    {
        .name = "CONSUMERS",
        .run = info_consumers,
        .arity = 4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group",
        .summary = "Describes the consumers of a group.",
        .complexity = "O(N) for N consumers",
        .tips = "nondeterministic_output",
    },
    {
        .name = "HELP",
        .run = info_help,
        .arity = 2,
        .flags = COMMAND_LOADING | COMMAND_STALE,
        .categories = CATEGORY_STREAM,
        .group = "stream",
        .since = "5.0.0",
        .syntax = "",
        .summary = "Tells about the subcommands.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};

const struct command stream_info_commands[] = {
    {
        .name = "XINFO",
        .arity = -2,
        .group = "stream",
        .since = "5.0.0",
        .syntax = "",
        .summary = "A container of commands that describe streams.",
        .complexity = "Depends on the subcommand",
        .subcommands = info_subcommands,
    },
    {.name = NULL},
};
