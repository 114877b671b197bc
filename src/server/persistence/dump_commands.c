/* DUMP and RESTORE. They stand here because commands/ knows no codec of persist/. */
#include "base/buffer.h"
#include "base/number.h"
#include "commands/command.h"
#include "persist/rdb_reader.h"
#include "persist/rdb_writer.h"
#include "server/command_tables.h"

#define FREQUENCY_MAX 255

static void command_dump(struct command_context *context)
{
    struct key key = command_key(context, 1);
    const struct entry *entry = database_read(context->database, &key, false);
    if (entry == NULL) {
        resp_writer_null(context->reply);
        return;
    }
    struct buffer payload = {0};
    if (rdb_write_dump(&payload, entry) == OK)
        resp_writer_bulk(context->reply, buffer_slice(&payload));
    else
        command_reply_out_of_memory(context);
    buffer_deinit(&payload);
}

struct restore {
    bool replace, absolute;
    int64_t ttl_ms;
};

/* A number behind an option, within [0, max]. */
static bool parse_bounded(struct command_context *context, size_t index, int64_t max,
                          const char *error)
{
    int64_t value;
    if (!command_integer(context, index, &value))
        return false;
    if (value >= 0 && value <= max)
        return true;
    resp_writer_error(context->reply, error);
    return false;
}

/* IDLETIME and FREQ are checked and have no effect: a restored key counts as just used. */
static bool parse_options(struct command_context *context, struct restore *restore)
{
    bool idle = false, frequency = false;
    for (size_t i = 4; i < context->count; i++) {
        struct slice word = context->arguments[i];
        bool more = i + 1 < context->count;
        if (slice_is_word(word, "REPLACE")) {
            restore->replace = true;
        } else if (slice_is_word(word, "ABSTTL")) {
            restore->absolute = true;
        } else if (slice_is_word(word, "IDLETIME") && more && !frequency) {
            idle = true;
            if (!parse_bounded(context, ++i, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0"))
                return false;
        } else if (slice_is_word(word, "FREQ") && more && !idle) {
            frequency = true;
            if (!parse_bounded(context, ++i, FREQUENCY_MAX,
                               "ERR Invalid FREQ value, must be >= 0 and <= 255"))
                return false;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

/* False: the reply says what is wrong. */
static bool check(struct command_context *context, const struct key *key, struct restore *restore)
{
    if (!parse_options(context, restore))
        return false;
    if (!restore->replace && database_find(context->database, key) != NULL) {
        resp_writer_error(context->reply, "BUSYKEY Target key name already exists.");
        return false;
    }
    if (!command_integer(context, 2, &restore->ttl_ms))
        return false;
    if (restore->ttl_ms < 0) {
        resp_writer_error(context->reply, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    if (!rdb_reader_payload_is_valid(context->arguments[3])) {
        resp_writer_error(context->reply, "ERR DUMP payload version or checksum are wrong");
        return false;
    }
    return true;
}

static int64_t deadline_of(const struct command_context *context, const struct restore *restore)
{
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    if (restore->ttl_ms == 0)
        return ENTRY_NO_DEADLINE;
    if (restore->absolute)
        return restore->ttl_ms;
    return restore->ttl_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + restore->ttl_ms;
}

/* As Redis 7.0 knows it, with the deadline as such. */
static void log_restore(struct command_context *context, int64_t deadline_ms)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    int64_t shown = deadline_ms == ENTRY_NO_DEADLINE ? 0 : deadline_ms;
    struct slice words[] = {
        SLICE("RESTORE"),
        context->arguments[1],
        slice_of(text, number_format_int64(text, shown)),
        context->arguments[3],
        SLICE("REPLACE"),
        SLICE("ABSTTL"),
    };
    if (command_wants_effect(context))
        command_effect(context, context->database, words, sizeof words / sizeof words[0]);
}

static void reply_bad_payload(struct command_context *context, enum error error)
{
    if (error == ERROR_OUT_OF_MEMORY)
        command_reply_out_of_memory(context);
    else
        resp_writer_error(context->reply, "ERR Bad data format");
}

static void restore_key(struct command_context *context, const struct key *key, int64_t deadline_ms)
{
    enum error error = rdb_reader_restore(context->database, key, context->arguments[3],
                                          deadline_ms, command_string_size_max(context));
    if (error != OK) {
        reply_bad_payload(context, error);
    } else {
        log_restore(context, deadline_ms);
        command_changed(context, context->database, key->name, EVENT_GENERIC, "restore");
        resp_writer_ok(context->reply);
    }
}

static void command_restore(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct restore restore = {false, false, 0};
    if (!check(context, &key, &restore))
        return;
    int64_t deadline_ms = deadline_of(context, &restore);
    if (deadline_ms == ENTRY_NO_DEADLINE || deadline_ms > keyspace_time_ms(context->keyspace)) {
        restore_key(context, &key, deadline_ms);
        return;
    }
    /* Expired before it is there: only what it would have replaced goes. */
    enum error error =
        rdb_reader_check_value(context->arguments[3], command_string_size_max(context),
                               keyspace_value_settings(context->keyspace));
    if (error != OK) {
        reply_bad_payload(context, error);
        return;
    }
    if (database_delete(context->database, &key)) {
        command_effect_key(context, context->database, "DEL", key.name);
        command_changed(context, context->database, key.name, EVENT_GENERIC, "del");
    }
    resp_writer_ok(context->reply);
}

const struct command dump_commands[] = {
    {
        .name = "DUMP",
        .tips = "nondeterministic_output",
        .run = command_dump,
        .arity = 2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "generic",
        .since = "2.6.0",
        .syntax = "key",
        .summary = "The value of a key as bytes that RESTORE takes, here and in Redis.",
        .complexity = "O(1) to find the key and O(N) for the size of its value",
    },
    {
        .name = "RESTORE",
        .run = command_restore,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_KEYSPACE | CATEGORY_DANGEROUS,
        .keys = KEYS_ONE(KEY_OW | KEY_UPDATE),
        .group = "generic",
        .since = "2.6.0",
        .syntax = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
        .summary = "Makes a key of what DUMP gave.",
        .complexity = "O(1) to make the key and O(N) for the size of its value",
    },
    {.name = NULL},
};
