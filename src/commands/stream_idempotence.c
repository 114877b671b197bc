#include "commands/stream_idempotence.h"

#include <string.h>

#include "base/hash.h"
#include "base/number.h"
#include "commands/tables.h"
#include "values/stream_producers.h"

/* --- for XADD --- */

bool stream_idempotence_parse(const struct command_context *context, size_t *at,
                              struct stream_idempotence *out)
{
    bool automatic = slice_is_word(context->arguments[*at], "IDMPAUTO");
    size_t words = automatic ? 2 : 3;
    if ((!automatic && !slice_is_word(context->arguments[*at], "IDMP")) || out->wanted ||
        context->count - *at < words)
        return false;
    out->wanted = true;
    out->automatic = automatic;
    out->producer = context->arguments[*at + 1];
    if (!automatic)
        out->message = context->arguments[*at + 2];
    *at += words;
    return true;
}

/* Constant: a message that is sent again after a restart must get the same name. Whoever makes two
 * messages with one name cheats himself. */
static const struct hash_seed digest_seeds[] = {{1, 2}, {3, 4}, {5, 6}};

static uint64_t pair_digest(const struct slice pair[2], int word)
{
    uint64_t parts[] = {hash_bytes(&digest_seeds[word], pair[0].data, pair[0].length),
                        hash_bytes(&digest_seeds[word], pair[1].data, pair[1].length)};
    return hash_bytes(&digest_seeds[2], parts, sizeof parts);
}

void stream_idempotence_name(struct stream_idempotence *message, const struct slice *pairs,
                             size_t count)
{
    uint64_t sums[2] = {count, count};
    for (size_t i = 0; i < count; i++)
        for (int word = 0; word < 2; word++)
            sums[word] += pair_digest(pairs + 2 * i, word);
    memcpy(message->digest, sums, sizeof message->digest);
    message->message = slice_of(message->digest, sizeof message->digest);
}

bool stream_idempotence_find(struct command_context *context, struct stream *stream,
                             const struct stream_idempotence *message, struct stream_id *id)
{
    if (stream == NULL || stream->producers == NULL ||
        !stream_producers_find(stream->producers, message->producer, message->message,
                               keyspace_time_ms(context->keyspace), id))
        return false;
    stream->producers->duplicates++;
    return true;
}

/* The stream's memory of producers, made if there is none. */
static struct stream_producers *open_producers(const struct command_context *context,
                                               struct stream *stream)
{
    const struct value_limits *limits = &collection_settings(context)->limits;
    if (stream->producers == NULL)
        stream->producers = stream_producers_create(&stream->seed, limits->stream_producers_seconds,
                                                    limits->stream_producers_records_max);
    return stream->producers;
}

void stream_idempotence_record(struct command_context *context, struct collection *stream,
                               const struct stream_idempotence *message, struct stream_id id)
{
    char text[STREAM_ID_TEXT_MAX];
    struct slice words[] = {SLICE("XIDMPRECORD"), stream->key.name, message->producer,
                            message->message, slice_of(text, stream_common_format_id(text, id))};
    if (stream_producers_record(open_producers(context, stream->value), message->producer,
                                message->message, id, keyspace_time_ms(context->keyspace)))
        command_effect(context, stream->database, words, 5);
}

/* --- commands --- */

/* False: answered. */
static bool open_there(struct command_context *context, struct collection *stream)
{
    if (!collection_open(context, 1, TYPE_STREAM, stream))
        return false;
    if (stream->entry == NULL)
        command_reply_no_such_key(context);
    return stream->entry != NULL;
}

static bool parse_setting(struct command_context *context, size_t at, const char *name,
                          uint64_t max, uint64_t *out)
{
    int64_t value;
    if (number_parse_int64(context->arguments[at], &value) && value >= 1 &&
        (uint64_t)value <= max) {
        *out = (uint64_t)value;
        return true;
    }
    resp_writer_error_format(context->reply, "ERR %s must be between 1 and %llu", name,
                             (unsigned long long)max);
    return false;
}

static bool parse_settings(struct command_context *context, uint64_t *seconds,
                           uint64_t *records_max)
{
    for (size_t i = 2; i < context->count; i += 2) {
        bool duration = slice_is_word(context->arguments[i], "IDMP-DURATION");
        if (i + 1 == context->count ||
            (!duration && !slice_is_word(context->arguments[i], "IDMP-MAXSIZE"))) {
            command_reply_syntax_error(context);
            return false;
        }
        if (duration ? !parse_setting(context, i + 1, "IDMP-DURATION",
                                      STREAM_PRODUCERS_DURATION_MAX, seconds)
                     : !parse_setting(context, i + 1, "IDMP-MAXSIZE", STREAM_PRODUCERS_RECORDS_MAX,
                                      records_max))
            return false;
    }
    return true;
}

static void xcfgset(struct command_context *context)
{
    struct collection stream;
    uint64_t seconds = 0, records_max = 0; /* 0: as it is */
    if (context->count == 2) {
        resp_writer_error(context->reply, "ERR at least one of IDMP-DURATION and IDMP-MAXSIZE must "
                                          "be given");
        return;
    }
    if (!parse_settings(context, &seconds, &records_max) || !open_there(context, &stream))
        return;
    collection_changing(&stream);
    struct stream_producers *producers = open_producers(context, stream.value);
    seconds = seconds != 0 ? seconds : producers->duration_s;
    records_max = records_max != 0 ? records_max : producers->records_max;
    if (seconds != producers->duration_s || records_max != producers->records_max)
        stream_producers_clear(producers);
    producers->duration_s = seconds;
    producers->records_max = records_max;
    resp_writer_simple(context->reply, SLICE("OK"));
    collection_changed(context, &stream, EVENT_STREAM, "xcfgset");
}

static void xidmprecord(struct command_context *context)
{
    struct collection stream;
    struct stream_id id;
    if (!stream_common_id(context, 4, 0, &id) || !open_there(context, &stream))
        return;
    collection_changing(&stream);
    struct stream_producers *producers = open_producers(context, stream.value);
    if (!stream_producers_record(producers, context->arguments[2], context->arguments[3], id,
                                 keyspace_time_ms(context->keyspace))) {
        command_reply_out_of_memory(context);
        return;
    }
    resp_writer_simple(context->reply, SLICE("OK"));
    collection_changed(context, &stream, EVENT_STREAM, "xidmprecord");
}

const struct command stream_idempotence_commands[] = {
    {
        .name = "XCFGSET",
        .run = xcfgset,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "8.6.0",
        .syntax = "key [IDMP-DURATION duration] [IDMP-MAXSIZE maxsize]",
        .summary = "Sets how long, and how many of a producer, messages of a stream are known.",
        .complexity = "O(1), O(N) for N messages forgotten when a setting changes",
    },
    {
        .name = "XIDMPRECORD",
        .run = xidmprecord,
        .arity = 5,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "8.6.2",
        .syntax = "key pid iid stream-id",
        .summary = "Remembers which ID a message of a producer has: for the log.",
        .complexity = "O(log N) for N messages remembered",
    },
    {.name = NULL},
};
