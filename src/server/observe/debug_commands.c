/* DEBUG, behind enable-debug-command: what test suites of this field call; and LOLWUT. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/number.h"
#include "commands/command.h"
#include "keyspace/database.h"
#include "keyspace/eviction.h"
#include "persist/rdb_value_writer.h"
#include "server/command_tables.h"
#include "server/housekeeping.h"
#include "server/observe/debug_dataset.h"
#include "server/server.h"
#include "server/session/client.h"
#include "system/clock.h"

#define SLEEP_MAX_S 3600.0 /* seconds that DEBUG SLEEP may take */

/* Holds the whole server, on purpose: that is what it is called for. */
static void command_sleep(struct command_context *context)
{
    double seconds;
    if (!number_parse_double(context->arguments[2], &seconds)) {
        resp_writer_error(context->reply, "ERR value is not a valid float");
        return;
    }
    struct clock *clock = client_of(context)->server->clock;
    if (seconds > SLEEP_MAX_S)
        seconds = SLEEP_MAX_S;
    clock_sleep_us(clock, seconds > 0 ? (int64_t)(seconds * 1e6) : 0);
    resp_writer_ok(context->reply);
}

static void command_set_active_expire(struct command_context *context)
{
    struct server *server = client_of(context)->server;
    int64_t on;
    if (!command_integer(context, 2, &on))
        return;
    housekeeping_set_active_expiry(server->housekeeping, on != 0);
    resp_writer_ok(context->reply);
}

/* Bytes that the value has in a snapshot; false: memory is out. */
static bool serialized_length(const struct entry *entry, size_t *length)
{
    struct buffer value = {0};
    enum error error = rdb_write_value(&value, entry, true);
    *length = value.length;
    buffer_deinit(&value);
    return error == OK;
}

static void command_object(struct command_context *context)
{
    struct key key = {context->arguments[2],
                      keyspace_hash(context->keyspace, context->arguments[2])};
    struct entry *entry = database_find(context->database, &key);
    if (entry == NULL) {
        command_reply_no_such_key(context);
        return;
    }
    size_t length;
    if (!serialized_length(entry, &length)) {
        command_reply_out_of_memory(context);
        return;
    }
    char text[256];
    snprintf(text, sizeof text,
             "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%" PRIu32
             " lru_seconds_idle:%" PRId64,
             (void *)entry, entry_encoding_name(entry), length, entry_access(entry),
             eviction_idle_seconds(entry, keyspace_time_ms(context->keyspace)));
    resp_writer_simple(context->reply, slice_of_string(text));
}

static void command_stringmatch(struct command_context *context)
{
    int64_t length;
    if (!command_integer(context, 2, &length))
        return;
    if (length < 0 || (uint64_t)length > context->arguments[3].length) {
        resp_writer_error(context->reply, "ERR length is out of range");
        return;
    }
    struct slice pattern = slice_of(context->arguments[3].data, (size_t)length);
    resp_writer_integer(context->reply, glob_matches(pattern, context->arguments[3]));
}

static void command_error(struct command_context *context)
{
    resp_writer_error_format(context->reply, "%.*s", (int)context->arguments[2].length,
                             context->arguments[2].data);
}

static void command_log(struct command_context *context)
{
    log_line(LOG_WARNING, "DEBUG LOG: %.*s", (int)context->arguments[2].length,
             context->arguments[2].data);
    resp_writer_ok(context->reply);
}

static void reply_attribute(struct resp_writer *reply)
{
    if (reply->version >= 3) {
        resp_writer_attribute(reply, 1);
        resp_writer_bulk_string(reply, "key-popularity");
        resp_writer_array(reply, 2);
        resp_writer_bulk_string(reply, "key:123");
        resp_writer_integer(reply, 90);
    }
    resp_writer_bulk_string(reply, "Some real reply following the attribute");
}

static void reply_push(struct resp_writer *reply)
{
    if (reply->version < 3) {
        resp_writer_error(reply, "ERR RESP2 is not supported by this command");
        return;
    }
    resp_writer_push(reply, 2);
    resp_writer_bulk_string(reply, "server-cpu-usage");
    resp_writer_integer(reply, 42);
    resp_writer_bulk_string(reply, "Some real reply following the push reply");
}

static void reply_numbers(struct resp_writer *reply, const char *kind)
{
    if (strcmp(kind, "array") == 0)
        resp_writer_array(reply, 3);
    else if (strcmp(kind, "set") == 0)
        resp_writer_set(reply, 3);
    else
        resp_writer_map(reply, 3);
    for (int64_t i = 0; i < 3; i++) {
        resp_writer_integer(reply, i);
        if (strcmp(kind, "map") == 0)
            resp_writer_bool(reply, i == 1);
    }
}

/* One reply of every type of the protocol, for tests of clients. */
static void command_protocol(struct command_context *context)
{
    struct resp_writer *reply = context->reply;
    struct slice type = context->arguments[2];
    if (slice_is_word(type, "string"))
        resp_writer_bulk_string(reply, "Hello World");
    else if (slice_is_word(type, "integer"))
        resp_writer_integer(reply, 12345);
    else if (slice_is_word(type, "double"))
        resp_writer_double(reply, 3.141);
    else if (slice_is_word(type, "null"))
        resp_writer_null(reply);
    else if (slice_is_word(type, "array"))
        reply_numbers(reply, "array");
    else if (slice_is_word(type, "set"))
        reply_numbers(reply, "set");
    else if (slice_is_word(type, "map"))
        reply_numbers(reply, "map");
    else if (slice_is_word(type, "bignum"))
        resp_writer_big_number(reply, SLICE("1234567999999999999999999999999999999"));
    else if (slice_is_word(type, "true"))
        resp_writer_bool(reply, true);
    else if (slice_is_word(type, "false"))
        resp_writer_bool(reply, false);
    else if (slice_is_word(type, "verbatim"))
        resp_writer_verbatim(reply, "txt", SLICE("This is a verbatim\nstring"));
    else if (slice_is_word(type, "attrib"))
        reply_attribute(reply);
    else if (slice_is_word(type, "push"))
        reply_push(reply);
    else
        resp_writer_error(
            reply, "ERR Wrong protocol type name. Please use one of the following: "
                   "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|"
                   "false");
}

/* For tests of the crash report. */
static void command_crash(struct command_context *context)
{
    (void)context;
    volatile int *volatile nowhere = NULL; /* volatile: the write must happen */
    *nowhere = 1;
}

static void command_panic(struct command_context *context)
{
    ASSERT(context == NULL); /* DEBUG PANIC: called on purpose */
}

static void command_help(struct command_context *context)
{
    static const char *const lines[] = {
        "ASSERT",
        "    Crash by assertion failed.",
        "DIGEST",
        "    Output a hex signature representing the current DB content.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of all the specified keys.",
        "ERROR <string>",
        "    Return a Redis protocol error with <string> as message.",
        "HTSTATS <dbid>",
        "    Return hash table statistics of the specified database.",
        "LOG <message>",
        "    Write <message> to the server log.",
        "OBJECT <key>",
        "    Show low level info about <key> and its value.",
        "PANIC",
        "    Crash the server by a failed assertion.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Create <count> string keys named key:<num>. If <prefix> is specified then",
        "    it is used instead of the 'key' prefix. Values are 'value:<num>', cut or",
        "    filled with zero bytes to <size>.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type.",
        "SEGFAULT",
        "    Crash the server with sigsegv.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Setting it to 0 disables expiring keys in background.",
        "SLEEP <seconds>",
        "    Stop the server for <seconds>. Decimals allowed.",
        "STRINGMATCH-LEN <len> <pattern>",
        "    Match <pattern> cut to <len> bytes against the whole of it.",
        NULL,
    };
    command_reply_help(context, "DEBUG", lines);
}

#define ROW(name_, run_, arity_, syntax_, summary_)                                                \
    ROW_WITH(name_, run_, arity_, 0, syntax_, summary_)
/* Shows data: the reply waits until all of it is durable. */
#define ROW_READS(name_, run_, arity_, syntax_, summary_)                                          \
    ROW_WITH(name_, run_, arity_, COMMAND_READS, syntax_, summary_)
#define ROW_WITH(name_, run_, arity_, flags_, syntax_, summary_)                                   \
    {                                                                                              \
        .name = (name_), .run = (run_), .arity = (arity_),                                         \
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE |             \
                 COMMAND_PROTECTED | (flags_),                                                     \
        .keys = KEYS_NONE, .group = "server", .since = "1.0.0", .syntax = (syntax_),               \
        .summary = (summary_),                                                                     \
    }

static const struct command subcommands[] = {
    ROW("ASSERT", command_panic, 2, "", "Ends the server by a failed assertion."),
    ROW_READS("DIGEST", debug_dataset_digest, 2, "", "Sums up all keys and values."),
    ROW_READS("DIGEST-VALUE", debug_dataset_digest_value, -2, "[key [key ...]]", "Sums up values."),
    ROW("ERROR", command_error, 3, "message", "Answers with this error."),
    ROW("HELP", command_help, 2, "", "Lists the subcommands."),
    ROW_READS("HTSTATS", debug_dataset_htstats, 3, "db", "Shows how full a database's table is."),
    ROW("LOG", command_log, 3, "message", "Writes a line to the server's log."),
    ROW_READS("OBJECT", command_object, 3, "key", "Shows how a value is kept."),
    ROW("PANIC", command_panic, 2, "", "Ends the server by a failed assertion."),
    ROW("POPULATE", debug_dataset_populate, -3, "count [prefix [size]]", "Makes keys."),
    ROW("PROTOCOL", command_protocol, 3, "type", "Answers with a value of a type."),
    ROW("SEGFAULT", command_crash, 2, "", "Ends the server by an invalid access."),
    ROW("SET-ACTIVE-EXPIRE", command_set_active_expire, 3, "enabled",
        "Switches the removal of expired keys in the background."),
    ROW("SLEEP", command_sleep, 3, "seconds", "Holds the server for a time."),
    ROW("STRINGMATCH-LEN", command_stringmatch, 4, "length pattern", "Tries the glob matcher."),
    {.name = NULL},
};

static void command_lolwut(struct command_context *context)
{
    static const char art[] = "      _________\n"
                              "     /   ___   \\\n"
                              "    |   |   |   |      holdfast: the root by which\n"
                              "   _|___|___|___|_     seaweed keeps to its rock\n"
                              "  |               |\n"
                              "  |      (o)      |\n"
                              "  |_______|_______|\n\n"
                              "Holdfast ver. " SERVER_VERSION "\n";
    resp_writer_verbatim(context->reply, "txt", slice_of_string(art));
}

const struct command debug_commands[] = {
    {
        .name = "DEBUG",
        .arity = -2,
        .flags =
            COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_PROTECTED,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Helps those who test the server.",
        .subcommands = subcommands,
    },
    {
        .name = "LOLWUT",
        .run = command_lolwut,
        .arity = -1,
        .flags = COMMAND_READS | COMMAND_FAST,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "5.0.0",
        .syntax = "[VERSION version]",
        .summary = "Draws a picture.",
    },
    {.name = NULL},
};
