/* Groups of consumers: making them, and what they have pending. */
#include "base/number.h"
#include "commands/stream_common.h"
#include "commands/tables.h"

/* --- XGROUP: argument 2 is the key, 3 the group --- */

static bool open_for_group(struct command_context *context, struct collection *stream)
{
    if (!collection_open(context, 2, TYPE_STREAM, stream))
        return false;
    if (stream->entry != NULL)
        return true;
    resp_writer_error(context->reply,
                      "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE "
                      "you may want to use the MKSTREAM option to create an empty stream "
                      "automatically.");
    return false;
}

/* The group of argument 3; replies that there is none. */
static struct stream_group *named_group(struct command_context *context,
                                        const struct collection *stream)
{
    struct slice name = context->arguments[3], key = context->arguments[2];
    struct stream_group *group = stream_find_group(stream->value, name);
    if (group == NULL)
        resp_writer_error_format(context->reply,
                                 "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                                 (int)(name.length < 400 ? name.length : 400), name.data,
                                 (int)(key.length < 400 ? key.length : 400), key.data);
    return group;
}

static bool parse_create_options(struct command_context *context, bool creates, bool *make_stream,
                                 int64_t *entries_read)
{
    for (size_t i = 5; i < context->count; i++) {
        if (creates && slice_is_word(context->arguments[i], "MKSTREAM")) {
            *make_stream = true;
        } else if (slice_is_word(context->arguments[i], "ENTRIESREAD") && i + 1 < context->count) {
            if (!command_integer(context, ++i, entries_read))
                return false;
            if (*entries_read < 0 && *entries_read != STREAM_READ_UNKNOWN) {
                resp_writer_error(context->reply,
                                  "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            struct slice word = context->arguments[1];
            resp_writer_error_format(context->reply,
                                     "ERR unknown subcommand or wrong number of arguments for "
                                     "'%.*s'. Try XGROUP HELP.",
                                     (int)word.length, word.data);
            return false;
        }
    }
    return true;
}

/* Argument 4: an ID, or `$`. */
static bool parse_position(struct command_context *context, const struct stream *stream,
                           struct stream_id *id)
{
    if (!slice_equals(context->arguments[4], SLICE("$"))) {
        if (slice_equals(context->arguments[4], SLICE("-"))) {
            *id = STREAM_ID_MIN;
            return true;
        }
        if (slice_equals(context->arguments[4], SLICE("+"))) {
            *id = STREAM_ID_MAX;
            return true;
        }
        return stream_common_id(context, 4, 0, id);
    }
    *id = stream != NULL ? stream->last_id : STREAM_ID_MIN;
    return true;
}

/* Groups are not what WATCH and tracking look at, as in Redis: the entries are. */
static void group_changed(struct command_context *context, const struct collection *stream,
                          const char *event)
{
    context->changes++;
    command_event(context, stream->database, stream->key.name, EVENT_STREAM, event);
}

static void group_create(struct command_context *context)
{
    struct collection stream;
    struct stream_id id;
    bool make_stream = false;
    int64_t entries_read = STREAM_READ_UNKNOWN;
    if (!parse_create_options(context, true, &make_stream, &entries_read))
        return;
    if (!make_stream ? !open_for_group(context, &stream)
                     : !collection_open(context, 2, TYPE_STREAM, &stream))
        return;
    if (!parse_position(context, stream.value, &id))
        return;
    if (stream.entry == NULL) {
        struct stream *value = stream_create(collection_settings(context));
        if (!collection_create(context, &stream, TYPE_STREAM, value)) {
            stream_destroy(value);
            return;
        }
        command_touched(context, stream.database, stream.key.name);
    }
    if (stream_find_group(stream.value, context->arguments[3]) != NULL) {
        resp_writer_error(context->reply, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    collection_changing(&stream);
    (void)stream_add_group(stream.value, context->arguments[3], id, entries_read);
    resp_writer_ok(context->reply);
    group_changed(context, &stream, "xgroup-create");
}

static void group_setid(struct command_context *context)
{
    struct collection stream;
    struct stream_group *group;
    struct stream_id id;
    bool unused;
    int64_t entries_read = STREAM_READ_UNKNOWN;
    if (!parse_create_options(context, false, &unused, &entries_read) ||
        !open_for_group(context, &stream) || (group = named_group(context, &stream)) == NULL ||
        !parse_position(context, stream.value, &id))
        return;
    collection_changing(&stream);
    group->last_id = id;
    group->entries_read = entries_read;
    resp_writer_ok(context->reply);
    group_changed(context, &stream, "xgroup-setid");
}

static void group_destroy(struct command_context *context)
{
    struct collection stream;
    if (!open_for_group(context, &stream))
        return;
    struct stream_group *group = stream_find_group(stream.value, context->arguments[3]);
    if (group == NULL) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    collection_changing(&stream);
    stream_remove_group(stream.value, group);
    resp_writer_integer(context->reply, 1);
    group_changed(context, &stream, "xgroup-destroy");
    command_ready(context, stream.database, stream.key.name); /* its readers wait in vain */
}

static void group_createconsumer(struct command_context *context)
{
    struct collection stream;
    struct stream_group *group;
    if (!open_for_group(context, &stream) || (group = named_group(context, &stream)) == NULL)
        return;
    bool is_new = stream_find_consumer(group, context->arguments[4]) == NULL;
    if (is_new) {
        collection_changing(&stream);
        (void)stream_add_consumer(group, context->arguments[4],
                                  keyspace_time_ms(context->keyspace));
        group_changed(context, &stream, "xgroup-createconsumer");
    }
    resp_writer_integer(context->reply, is_new);
}

static void group_delconsumer(struct command_context *context)
{
    struct collection stream;
    struct stream_group *group;
    if (!open_for_group(context, &stream) || (group = named_group(context, &stream)) == NULL)
        return;
    struct stream_consumer *consumer = stream_find_consumer(group, context->arguments[4]);
    size_t pending = 0;
    if (consumer != NULL) {
        collection_changing(&stream);
        pending = consumer->pending.count;
        stream_remove_consumer(group, consumer);
        group_changed(context, &stream, "xgroup-delconsumer");
    }
    resp_writer_integer(context->reply, (int64_t)pending);
}

static void group_help(struct command_context *context)
{
    static const char *const lines[] = {
        "CREATE <key> <groupname> <id|$> [option]",
        "    Create a new consumer group. Options are:",
        "    * MKSTREAM",
        "      Create the empty stream if it does not exist.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's entries_read counter (internal use).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Create a new consumer in the specified group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the specified consumer.",
        "DESTROY <key> <groupname>",
        "    Remove the specified group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set the current group ID and entries_read counter.",
        NULL,
    };
    command_reply_help(context, "XGROUP", lines);
}

/* --- XACK, XPENDING --- */

static void xack(struct command_context *context)
{
    struct collection stream;
    struct stream_id id;
    int64_t acknowledged = 0;
    if (!collection_read(context, 1, TYPE_STREAM, &stream))
        return;
    struct stream_group *group =
        stream.entry != NULL ? stream_find_group(stream.value, context->arguments[2]) : NULL;
    if (group == NULL) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    for (size_t i = 3; i < context->count; i++)
        if (!stream_common_id(context, i, 0, &id))
            return;
    collection_changing(&stream);
    for (size_t i = 3; i < context->count; i++) {
        (void)stream_common_parse_id(context->arguments[i], 0, &id);
        acknowledged += stream_remove_pending(group, id);
    }
    context->changes += (uint64_t)acknowledged;
    resp_writer_integer(context->reply, acknowledged);
}

static void reply_summary(struct command_context *context, const struct stream_group *group)
{
    size_t count = pending_list_count(&group->pending), holders = 0;
    resp_writer_array(context->reply, 4);
    resp_writer_integer(context->reply, (int64_t)count);
    if (count == 0) {
        resp_writer_null(context->reply);
        resp_writer_null(context->reply);
        resp_writer_null_array(context->reply);
        return;
    }
    struct ordered_cursor first = ordered_tree_seek(&group->pending.order, 0);
    struct ordered_cursor last = ordered_tree_seek(&group->pending.order, count - 1);
    stream_common_reply_id(context->reply, pending_list_id(&first));
    stream_common_reply_id(context->reply, pending_list_id(&last));
    for (size_t i = 0; i < group->consumer_count; i++)
        holders += group->consumers[i]->pending.count > 0;
    resp_writer_array(context->reply, holders);
    for (size_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        if (consumer->pending.count == 0)
            continue;
        resp_writer_array(context->reply, 2);
        resp_writer_bulk(context->reply, consumer->name);
        resp_writer_bulk_integer(context->reply, (int64_t)consumer->pending.count);
    }
}

struct pending_query {
    struct stream_id start, end;
    int64_t count, idle_ms;
    size_t consumer_at; /* 0: all consumers */
};

static bool parse_pending(struct command_context *context, struct pending_query *query)
{
    size_t at = 3;
    bool idle = slice_is_word(context->arguments[3], "IDLE");
    *query = (struct pending_query){.idle_ms = 0};
    if (context->count < 6 || context->count > 9 || (idle && context->count < 8)) {
        command_reply_syntax_error(context);
        return false;
    }
    if (idle && !command_integer(context, 4, &query->idle_ms))
        return false;
    at += idle ? 2 : 0;
    if (!command_integer(context, at + 2, &query->count))
        return false;
    query->count = query->count < 0 ? 0 : query->count;
    query->consumer_at = context->count > at + 3 ? at + 3 : 0;
    return stream_common_range_end(context, at, false, &query->start) &&
           stream_common_range_end(context, at + 1, true, &query->end);
}

static void reply_pending(struct command_context *context, const struct stream_group *group,
                          const struct ordered_tree *order, const struct pending_query *query)
{
    struct chain elements;
    struct resp_writer writer = *context->reply;
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    size_t replied = 0;
    chain_init(&elements, context->reply->out->pool);
    writer.out = &elements;
    struct ordered_cursor at = pending_list_seek(order, query->start);
    for (; at.leaf != NULL && replied < (size_t)query->count; ordered_cursor_next(&at)) {
        struct stream_id id = pending_list_id(&at);
        struct pending pending;
        if (stream_id_compare(id, query->end) > 0)
            break;
        if (!pending_list_find(&group->pending, id, &pending))
            continue;
        int64_t idle_ms = now_ms - pending.delivered_ms;
        if (query->idle_ms > 0 && idle_ms < query->idle_ms)
            continue;
        resp_writer_array(&writer, 4);
        stream_common_reply_id(&writer, id);
        resp_writer_bulk(&writer, pending.consumer->name);
        resp_writer_integer(&writer, idle_ms < 0 ? 0 : idle_ms);
        resp_writer_integer(&writer, (int64_t)pending.deliveries);
        replied++;
    }
    resp_writer_array_of(context->reply, replied, &elements);
    chain_deinit(&elements);
}

static void xpending(struct command_context *context)
{
    struct pending_query query;
    struct collection stream;
    struct stream_group *group;
    bool summary = context->count == 3;
    if (!summary && !parse_pending(context, &query))
        return;
    if (!collection_read(context, 1, TYPE_STREAM, &stream) ||
        (group = stream_common_group(context, &stream, 2)) == NULL)
        return;
    if (summary) {
        reply_summary(context, group);
        return;
    }
    const struct ordered_tree *order = &group->pending.order;
    if (query.consumer_at != 0) {
        const struct stream_consumer *consumer =
            stream_find_consumer(group, context->arguments[query.consumer_at]);
        if (consumer == NULL) {
            resp_writer_array(context->reply, 0);
            return;
        }
        order = &consumer->pending;
    }
    reply_pending(context, group, order, &query);
}

static const struct command group_subcommands[] = {
    {
        .name = "CREATE",
        .run = group_create,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group <id|$> [MKSTREAM] [ENTRIESREAD entriesread]",
        .summary = "Makes a group of consumers.",
        .complexity = "O(1)",
    },
    {
        .name = "SETID",
        .run = group_setid,
        .arity = -5,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group <id|$> [ENTRIESREAD entriesread]",
        .summary = "Sets the last ID that was delivered to a group.",
        .complexity = "O(1)",
    },
    {
        .name = "DESTROY",
        .run = group_destroy,
        .arity = 4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group",
        .summary = "Deletes a group.",
        .complexity = "O(N) for N entries pending",
    },
    {
        .name = "CREATECONSUMER",
        .run = group_createconsumer,
        .arity = 5,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "stream",
        .since = "6.2.0",
        .syntax = "key group consumer",
        .summary = "Makes a consumer of a group.",
        .complexity = "O(1)",
    },
    {
        .name = "DELCONSUMER",
        .run = group_delconsumer,
        .arity = 5,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group consumer",
        .summary = "Deletes a consumer of a group and what it has pending.",
        .complexity = "O(N) for N entries pending",
    },
    {
        .name = "HELP",
        .run = group_help,
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

const struct command stream_groups_commands[] = {
    {
        .name = "XGROUP",
        .arity = -2,
        .group = "stream",
        .since = "5.0.0",
        .syntax = "",
        .summary = "A container of commands on groups of consumers.",
        .complexity = "Depends on the subcommand",
        .subcommands = group_subcommands,
    },
    {
        .name = "XACK",
        .run = xack,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group id [id ...]",
        .summary = "Acknowledges entries: a group has them pending no more.",
        .complexity = "O(log P) for each entry",
    },
    {
        .name = "XPENDING",
        .run = xpending,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group [[IDLE min-idle-time] start end count [consumer]]",
        .summary = "Returns what a group has pending.",
        .complexity = "O(log P+N) for N entries returned",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
