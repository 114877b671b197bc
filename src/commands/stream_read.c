/* Reading streams as they grow: XREAD, and XREADGROUP for consumers of a group. */
#include "base/memory.h"
#include "base/number.h"
#include "commands/stream_common.h"
#include "commands/tables.h"

#define BLOCK_ABSENT INT64_C(-1)

struct reading {
    bool of_group, no_ack;
    size_t group_at, consumer_at; /* arguments */
    int64_t count;                /* 0: all */
    int64_t block_ms;             /* BLOCK_ABSENT; 0: for ever */
    size_t streams_at, streams;   /* the first key; how many */
    size_t begin, end;            /* of these, the ones looked at */
};

static bool parse_block(struct command_context *context, size_t at, int64_t *block_ms)
{
    if (!number_parse_int64(context->arguments[at], block_ms))
        resp_writer_error(context->reply, "ERR timeout is not an integer or out of range");
    else if (*block_ms < 0)
        resp_writer_error(context->reply, "ERR timeout is negative");
    else
        return true;
    return false;
}

static bool parse_option(struct command_context *context, size_t *at, struct reading *reading)
{
    struct slice word = context->arguments[*at];
    size_t left = context->count - *at - 1;
    if (slice_is_word(word, "BLOCK") && left > 0)
        return parse_block(context, ++*at, &reading->block_ms);
    if (slice_is_word(word, "COUNT") && left > 0) {
        if (!command_integer(context, ++*at, &reading->count))
            return false;
        reading->count = reading->count < 0 ? 0 : reading->count;
        return true;
    }
    if (slice_is_word(word, "GROUP") && left >= 2) {
        if (!reading->of_group) {
            resp_writer_error(context->reply, "ERR The GROUP option is only supported by "
                                              "XREADGROUP. You called XREAD instead.");
            return false;
        }
        reading->group_at = *at + 1;
        reading->consumer_at = *at += 2;
        return true;
    }
    if (slice_is_word(word, "NOACK")) {
        reading->no_ack = true;
        if (reading->of_group)
            return true;
        resp_writer_error(context->reply, "ERR The NOACK option is only supported by XREADGROUP. "
                                          "You called XREAD instead.");
        return false;
    }
    command_reply_syntax_error(context);
    return false;
}

static bool parse_reading(struct command_context *context, struct reading *reading)
{
    size_t at = 1;
    for (; at < context->count; at++) {
        if (slice_is_word(context->arguments[at], "STREAMS") && at + 1 < context->count) {
            size_t words = context->count - at - 1;
            if (words % 2 != 0) {
                resp_writer_error(context->reply,
                                  "ERR Unbalanced XREAD list of streams: for each stream key an "
                                  "ID or '$' must be specified.");
                return false;
            }
            reading->streams_at = at + 1;
            reading->streams = words / 2;
            break;
        }
        if (!parse_option(context, &at, reading))
            return false;
    }
    if (reading->streams == 0) {
        command_reply_syntax_error(context);
        return false;
    }
    if (reading->of_group && reading->group_at == 0) {
        resp_writer_error(context->reply, "ERR Missing GROUP option for XREADGROUP");
        return false;
    }
    return true;
}

/* What is asked of one stream. */
struct source {
    struct collection stream;
    struct stream_group *group;
    struct stream_id after;
    bool is_new; /* ">" */
};

/* Behind which there is the last entry alone. */
static struct stream_id before_last_entry(struct stream *stream)
{
    if (stream == NULL)
        return STREAM_ID_MIN;
    struct stream_id id = stream->last_id;
    struct stream_cursor cursor;
    stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, true, &cursor);
    if (stream_next(&cursor)) {
        id = cursor.entry.id;
        (void)stream_id_previous(&id);
    }
    return id;
}

static bool parse_position(struct command_context *context, const struct reading *reading,
                           size_t index, struct source *source)
{
    size_t at = reading->streams_at + reading->streams + index;
    struct slice text = context->arguments[at];
    const struct stream *stream = source->stream.value;
    source->is_new = false;
    if (slice_equals(text, SLICE("$"))) {
        if (reading->of_group) {
            resp_writer_error(context->reply,
                              "ERR The $ ID is meaningless in the context of XREADGROUP: you want "
                              "to read the history of this consumer by specifying a proper ID, or "
                              "use the > ID to get new messages. The $ ID would just return an "
                              "empty result set.");
            return false;
        }
        source->after = stream != NULL ? stream->last_id : STREAM_ID_MIN;
        return true;
    }
    if (!reading->of_group && slice_equals(text, SLICE("+"))) {
        source->after = before_last_entry(source->stream.value);
        return true;
    }
    if (slice_equals(text, SLICE(">"))) {
        if (!reading->of_group) {
            resp_writer_error(context->reply,
                              "ERR The > ID can be specified only when calling XREADGROUP using "
                              "the GROUP <group> <consumer> option.");
            return false;
        }
        source->after = source->group->last_id;
        source->is_new = true;
        return true;
    }
    return stream_common_id(context, at, 0, &source->after);
}

static bool is_stream(struct command_context *context, size_t at)
{
    struct key key = command_key(context, at);
    const struct entry *entry = database_find(context->database, &key);
    return entry != NULL && entry->type == TYPE_STREAM;
}

/* False: answered. `first`: it counts as a read of the key. */
static bool open_source(struct command_context *context, const struct reading *reading,
                        size_t index, bool first, struct source *source)
{
    size_t at = reading->streams_at + index;
    *source = (struct source){.group = NULL};
    if (reading->of_group && context->woken_by != NULL && !is_stream(context, at)) {
        resp_writer_error(context->reply, "UNBLOCKED the stream key no longer exists");
        return false;
    }
    if (first ? !collection_read(context, at, TYPE_STREAM, &source->stream)
              : !collection_open(context, at, TYPE_STREAM, &source->stream))
        return false;
    if (reading->of_group) {
        struct slice key = context->arguments[at], name = context->arguments[reading->group_at];
        if (source->stream.entry != NULL)
            source->group = stream_find_group(source->stream.value, name);
        if (source->group == NULL && context->woken_by != NULL) {
            resp_writer_error(context->reply, "NOGROUP the consumer group this client was blocked "
                                              "on no longer exists");
            return false;
        }
        if (source->group == NULL) {
            resp_writer_error_format(context->reply,
                                     "NOGROUP No such key '%.*s' or consumer group '%.*s' in "
                                     "XREADGROUP with GROUP option",
                                     (int)(key.length < 400 ? key.length : 400), key.data,
                                     (int)(name.length < 400 ? name.length : 400), name.data);
            return false;
        }
    }
    return parse_position(context, reading, index, source);
}

static bool has_entries(const struct source *source)
{
    struct stream *stream = source->stream.value;
    struct stream_id start = source->after;
    struct stream_cursor cursor;
    if (source->group != NULL && !source->is_new)
        return true; /* history is answered always */
    if (stream == NULL || stream_id_compare(stream->last_id, start) <= 0 || !stream_id_next(&start))
        return false;
    stream_seek(stream, start, STREAM_ID_MAX, false, &cursor);
    return stream_next(&cursor); /* what had the last ID may be deleted */
}

/* --- groups --- */

static void advance_group(struct stream *stream, struct stream_group *group, struct stream_id id)
{
    if (stream_id_compare(id, group->last_id) <= 0)
        return;
    if (group->entries_read != STREAM_READ_UNKNOWN && group->entries_read < INT64_MAX &&
        !stream_range_has_deleted(stream, id, STREAM_ID_MAX))
        group->entries_read++;
    else if (stream->entries_added > 0)
        group->entries_read = stream_count_up_to(stream, id);
    group->last_id = id;
}

/* New entries, which become pending. Returns how many. */
static size_t deliver_new(struct command_context *context, const struct reading *reading,
                          struct source *source, struct stream_consumer *consumer,
                          struct resp_writer *out)
{
    struct stream *stream = source->stream.value;
    struct stream_id start = source->after;
    struct stream_cursor cursor;
    size_t delivered = 0;
    if (!stream_id_next(&start))
        return 0;
    stream_seek(stream, start, STREAM_ID_MAX, false, &cursor);
    while ((reading->count == 0 || delivered < (size_t)reading->count) && stream_next(&cursor)) {
        struct stream_id id = cursor.entry.id;
        stream_common_reply_entry(out, &cursor);
        advance_group(stream, source->group, id);
        delivered++;
        if (reading->no_ack)
            continue;
        struct pending pending = {consumer, keyspace_time_ms(context->keyspace), 1};
        stream_set_pending(source->group, id, &pending);
        stream_common_effect_claim(context, &source->stream, source->group, id, &pending);
    }
    if (delivered > 0) {
        consumer->active_ms = keyspace_time_ms(context->keyspace);
        stream_common_effect_position(context, &source->stream, source->group);
        context->changes += delivered;
    }
    return delivered;
}

/* What the consumer has pending already. */
static size_t deliver_history(struct command_context *context, const struct reading *reading,
                              struct source *source, struct stream_consumer *consumer,
                              struct resp_writer *out)
{
    struct stream_id start = source->after;
    size_t delivered = 0;
    if (!stream_id_next(&start))
        return 0;
    struct ordered_cursor at = pending_list_seek(&consumer->pending, start);
    for (; at.leaf != NULL && (reading->count == 0 || delivered < (size_t)reading->count);
         ordered_cursor_next(&at)) {
        struct stream_id id = pending_list_id(&at);
        struct stream_cursor cursor;
        struct pending pending;
        stream_seek(source->stream.value, id, id, false, &cursor);
        delivered++;
        if (!stream_next(&cursor)) { /* deleted meanwhile */
            resp_writer_array(out, 2);
            stream_common_reply_id(out, id);
            resp_writer_null_array(out);
            continue;
        }
        stream_common_reply_entry(out, &cursor);
        if (!pending_list_find(&source->group->pending, id, &pending))
            continue;
        pending.delivered_ms = keyspace_time_ms(context->keyspace);
        pending_count_delivery(&pending);
        stream_set_pending(source->group, id, &pending);
        stream_common_effect_claim(context, &source->stream, source->group, id, &pending);
        context->changes++;
    }
    return delivered;
}

static struct stream_consumer *consumer_of(struct command_context *context,
                                           const struct reading *reading, struct source *source)
{
    struct slice name = context->arguments[reading->consumer_at];
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    struct stream_consumer *consumer = stream_find_consumer(source->group, name);
    if (consumer == NULL) {
        consumer = stream_add_consumer(source->group, name, now_ms);
        stream_common_effect_consumer(context, &source->stream, source->group, name);
        context->changes++;
        command_event(context, source->stream.database, source->stream.key.name, EVENT_STREAM,
                      "xgroup-createconsumer");
    }
    consumer->seen_ms = now_ms;
    return consumer;
}

/* Writes the entries of one stream. */
static void reply_source(struct command_context *context, const struct reading *reading,
                         struct source *source, struct resp_writer *out)
{
    struct chain elements;
    struct resp_writer writer = *out;
    size_t count = 0;
    resp_writer_bulk(out, source->stream.key.name);
    if (source->group == NULL) {
        struct stream_id start = source->after;
        if (!stream_id_next(&start)) {
            resp_writer_array(out, 0);
            return;
        }
        (void)stream_common_reply_range(out, source->stream.value, start, STREAM_ID_MAX, false,
                                        reading->count == 0 ? SIZE_MAX : (size_t)reading->count);
        return;
    }
    collection_changing(&source->stream);
    struct stream_consumer *consumer = consumer_of(context, reading, source);
    chain_init(&elements, out->out->pool);
    writer.out = &elements;
    if (source->is_new)
        count = deliver_new(context, reading, source, consumer, &writer);
    else
        count = deliver_history(context, reading, source, consumer, &writer);
    resp_writer_array_of(out, count, &elements);
    chain_deinit(&elements);
}

/* Waits, with `$` turned into the IDs that it means now. */
static void wait_for_entries(struct command_context *context, const struct reading *reading)
{
    struct slice *words = memory_try_allocate(context->count * sizeof *words);
    char(*texts)[STREAM_ID_TEXT_MAX] = memory_try_allocate(reading->streams * sizeof *texts);
    struct command_await await = {.first = reading->streams_at,
                                  .count = reading->streams,
                                  .step = 1,
                                  .type = TYPE_STREAM,
                                  .needs_keys = reading->of_group,
                                  .timeout_ms = reading->block_ms,
                                  .arguments = words,
                                  .reply = TIMEOUT_NULL_ARRAY};
    bool waits = false;
    if (words != NULL && texts != NULL) {
        for (size_t i = 0; i < context->count; i++)
            words[i] = context->arguments[i];
        for (size_t i = 0; i < reading->streams; i++) {
            struct source source;
            struct slice *word = &words[reading->streams_at + reading->streams + i];
            if (!slice_equals(*word, SLICE("$")) && !slice_equals(*word, SLICE("+")))
                continue;
            (void)open_source(context, reading, i, false, &source); /* was opened before */
            *word = slice_of(texts[i], stream_common_format_id(texts[i], source.after));
        }
        waits = command_await(context, &await);
    }
    memory_free(words);
    memory_free(texts);
    if (!waits)
        resp_writer_null_array(context->reply);
}

/* One that was woken looks at the stream that woke it. */
static void choose_streams(const struct command_context *context, struct reading *reading)
{
    reading->begin = 0;
    reading->end = reading->streams;
    if (context->woken_by == NULL)
        return;
    while (!command_may_look_at(context, context->arguments[reading->streams_at + reading->begin]))
        reading->begin++;
    reading->end = reading->begin + 1;
}

/* How many streams answer is known afterwards only: one that is named twice may have nothing new
 * for its group the second time. */
static void reply_streams(struct command_context *context, const struct reading *reading)
{
    struct chain elements;
    struct resp_writer writer = *context->reply;
    size_t answered = 0;
    chain_init(&elements, context->reply->out->pool);
    writer.out = &elements;
    for (size_t i = reading->begin; i < reading->end; i++) {
        struct source source;
        (void)open_source(context, reading, i, false, &source);
        if (!has_entries(&source))
            continue;
        answered++;
        if (writer.version < 3)
            resp_writer_array(&writer, 2);
        reply_source(context, reading, &source, &writer);
    }
    if (writer.version < 3)
        resp_writer_array_of(context->reply, answered, &elements);
    else
        resp_writer_map_of(context->reply, answered, &elements);
    chain_deinit(&elements);
}

static void read_streams(struct command_context *context, bool of_group)
{
    struct reading reading = {.of_group = of_group, .block_ms = BLOCK_ABSENT};
    if (!parse_reading(context, &reading))
        return;
    choose_streams(context, &reading);
    bool answers = false;
    for (size_t i = reading.begin; i < reading.end; i++) {
        struct source source;
        if (!open_source(context, &reading, i, true, &source))
            return;
        answers = answers || has_entries(&source);
    }
    context->effect_replaced = true;
    if (!answers) {
        if (reading.block_ms != BLOCK_ABSENT)
            wait_for_entries(context, &reading);
        else
            resp_writer_null_array(context->reply);
        return;
    }
    reply_streams(context, &reading);
}

static void xread(struct command_context *context)
{
    read_streams(context, false);
}

static void xreadgroup(struct command_context *context)
{
    read_streams(context, true);
}

const struct command stream_read_commands[] = {
    {
        .name = "XREAD",
        .run = xread,
        .arity = -4,
        .flags = COMMAND_BLOCKS | COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_STREAM,
        .keys = {{.find = KEY_FIND_KEYWORD,
                  .keyword = "STREAMS",
                  .first = 1,
                  .last = -1,
                  .step = 1,
                  .limit = 2,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
        .summary =
            "Returns entries of streams that are newer than given IDs; waits for some if asked to.",
        .complexity = "O(N) for N entries returned",
    },
    {
        .name = "XREADGROUP",
        .run = xreadgroup,
        .arity = -7,
        .flags = COMMAND_BLOCKS | COMMAND_WRITES | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_STREAM,
        .keys = {{.find = KEY_FIND_KEYWORD,
                  .keyword = "STREAMS",
                  .first = 4,
                  .last = -1,
                  .step = 1,
                  .limit = 2,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key "
                  "[key ...] id [id ...]",
        .summary =
            "Returns entries of streams to a consumer of a group, which then has them pending.",
        .complexity = "O(N*log P) for N entries returned, P pending",
    },
    {.name = NULL},
};
