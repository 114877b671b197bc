#include "server/observe/command_log.h"

#include <stdio.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/number.h"
#include "server/command_tables.h"
#include "server/observe/observe.h"
#include "server/observe/observe_private.h"
#include "server/observe/redaction.h"
#include "server/replies.h"
#include "server/server.h"
#include "server/session/client.h"

#define SLOWLOG_GET_DEFAULT 10 /* entries */

struct log_entry {
    struct list link;
    uint64_t id;
    int64_t value, time_s;
    char *address, *name; /* of the client */
    size_t count;
    char *arguments[]; /* each a block of a size_t length and the bytes */
};

struct command_log {
    struct {
        struct list entries; /* newest first */
        size_t count;
        uint64_t last_id;
    } kinds[COMMAND_LOG_KINDS];
};

struct command_log *command_log_create(void)
{
    struct command_log *log = memory_allocate_zeroed(sizeof *log);
    for (int kind = 0; kind < COMMAND_LOG_KINDS; kind++)
        list_init(&log->kinds[kind].entries);
    return log;
}

static void entry_destroy(struct log_entry *entry)
{
    list_remove(&entry->link);
    for (size_t i = 0; i < entry->count; i++)
        memory_free(entry->arguments[i]);
    memory_free(entry->address);
    memory_free(entry->name);
    memory_free(entry);
}

static void trim(struct command_log *log, enum command_log_kind kind, size_t length_max)
{
    for (; log->kinds[kind].count > length_max; log->kinds[kind].count--)
        entry_destroy(LIST_ENTRY(log->kinds[kind].entries.previous, struct log_entry, link));
}

void command_log_destroy(struct command_log *log)
{
    for (int kind = 0; kind < COMMAND_LOG_KINDS; kind++)
        trim(log, (enum command_log_kind)kind, 0);
    memory_free(log);
}

static char *keep(struct slice text)
{
    char *kept = memory_allocate(sizeof text.length + text.length);
    memcpy(kept, &text.length, sizeof text.length);
    memcpy(kept + sizeof text.length, text.data, text.length);
    return kept;
}

static struct slice kept_text(const char *kept)
{
    size_t length;
    memcpy(&length, kept, sizeof length);
    return slice_of(kept + sizeof length, length);
}

/* An argument as the log keeps it: whole, or its beginning and how much is left out. */
static char *keep_argument(struct slice argument)
{
    if (argument.length <= COMMAND_LOG_ARGUMENT_LENGTH_MAX)
        return keep(argument);
    char cut[COMMAND_LOG_ARGUMENT_LENGTH_MAX + 64];
    memcpy(cut, argument.data, COMMAND_LOG_ARGUMENT_LENGTH_MAX);
    int more = snprintf(cut + COMMAND_LOG_ARGUMENT_LENGTH_MAX, 64, "... (%zu more bytes)",
                        argument.length - COMMAND_LOG_ARGUMENT_LENGTH_MAX);
    return keep(slice_of(cut, COMMAND_LOG_ARGUMENT_LENGTH_MAX + (size_t)more));
}

static void keep_arguments(struct log_entry *entry, const struct observation *observation)
{
    for (size_t i = 0; i < entry->count; i++) {
        if (observation->count > COMMAND_LOG_ARGUMENTS_MAX && i == entry->count - 1) {
            char text[64];
            int length = snprintf(text, sizeof text, "... (%zu more arguments)",
                                  observation->count - COMMAND_LOG_ARGUMENTS_MAX + 1);
            entry->arguments[i] = keep(slice_of(text, (size_t)length));
        } else if (redaction_hides(observation->entry, observation->arguments, i)) {
            entry->arguments[i] = keep(REDACTION_TEXT);
        } else {
            entry->arguments[i] = keep_argument(observation->arguments[i]);
        }
    }
}

void command_log_add(struct command_log *log, enum command_log_kind kind, int64_t value,
                     int64_t time_s, const struct observation *observation, size_t length_max)
{
    if (length_max == 0)
        return;
    size_t count = observation->count < COMMAND_LOG_ARGUMENTS_MAX ? observation->count
                                                                  : COMMAND_LOG_ARGUMENTS_MAX;
    struct log_entry *entry = memory_allocate(sizeof *entry + count * sizeof entry->arguments[0]);
    entry->id = log->kinds[kind].last_id++;
    entry->value = value;
    entry->time_s = time_s;
    entry->count = count;
    entry->address = memory_copy_string(client_address(observation->client));
    entry->name = memory_copy_string(observation->client->name);
    keep_arguments(entry, observation);
    list_add_last(log->kinds[kind].entries.next, &entry->link); /* before the newest: in front */
    log->kinds[kind].count++;
    trim(log, kind, length_max);
}

/* --- the commands --- */

static struct command_log *log_of(struct command_context *context)
{
    return observe_command_log(client_of(context)->server->observe);
}

static void reply_entries(struct command_context *context, enum command_log_kind kind,
                          int64_t count)
{
    struct command_log *log = log_of(context);
    size_t shown = log->kinds[kind].count;
    if (count >= 0 && (uint64_t)count < shown)
        shown = (size_t)count;
    resp_writer_array(context->reply, shown);
    const struct list *node = log->kinds[kind].entries.next;
    for (size_t i = 0; i < shown; i++, node = node->next) {
        const struct log_entry *entry =
            (const struct log_entry *)(const void *)((const char *)node -
                                                     offsetof(struct log_entry, link));
        resp_writer_array(context->reply, 6);
        resp_writer_integer(context->reply, (int64_t)entry->id);
        resp_writer_integer(context->reply, entry->time_s);
        resp_writer_integer(context->reply, entry->value);
        resp_writer_array(context->reply, entry->count);
        for (size_t argument = 0; argument < entry->count; argument++)
            resp_writer_bulk(context->reply, kept_text(entry->arguments[argument]));
        resp_writer_bulk_string(context->reply, entry->address);
        resp_writer_bulk_string(context->reply, entry->name);
    }
}

static bool parse_count(struct command_context *context, int64_t *count)
{
    if (number_parse_int64(context->arguments[2], count) && *count >= -1)
        return true;
    resp_writer_error(context->reply, "ERR count should be greater than or equal to -1");
    return false;
}

static void slowlog_get(struct command_context *context)
{
    int64_t count = SLOWLOG_GET_DEFAULT;
    if (context->count > 3) {
        replies_subcommand_syntax(context, "SLOWLOG");
        return;
    }
    if (context->count == 2 || parse_count(context, &count))
        reply_entries(context, COMMAND_LOG_SLOW, count);
}

static void slowlog_length(struct command_context *context)
{
    resp_writer_integer(context->reply, (int64_t)log_of(context)->kinds[COMMAND_LOG_SLOW].count);
}

static void slowlog_reset(struct command_context *context)
{
    trim(log_of(context), COMMAND_LOG_SLOW, 0);
    resp_writer_ok(context->reply);
}

static void slowlog_help(struct command_context *context)
{
    static const char *const lines[] = {
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
        NULL,
    };
    command_reply_help(context, "SLOWLOG", lines);
}

static bool parse_kind(struct command_context *context, size_t index, enum command_log_kind *kind)
{
    static const char *const names[] = {"slow", "large-request", "large-reply"};
    for (int i = 0; i < COMMAND_LOG_KINDS; i++) {
        if (slice_is_word(context->arguments[index], names[i])) {
            *kind = (enum command_log_kind)i;
            return true;
        }
    }
    resp_writer_error(context->reply,
                      "ERR type should be one of the following: slow, large-request, large-reply");
    return false;
}

static void commandlog_get(struct command_context *context)
{
    enum command_log_kind kind;
    int64_t count;
    if (parse_count(context, &count) && parse_kind(context, 3, &kind))
        reply_entries(context, kind, count);
}

static void commandlog_length(struct command_context *context)
{
    enum command_log_kind kind;
    if (parse_kind(context, 2, &kind))
        resp_writer_integer(context->reply, (int64_t)log_of(context)->kinds[kind].count);
}

static void commandlog_reset(struct command_context *context)
{
    enum command_log_kind kind;
    if (!parse_kind(context, 2, &kind))
        return;
    trim(log_of(context), kind, 0);
    resp_writer_ok(context->reply);
}

static void commandlog_help(struct command_context *context)
{
    static const char *const lines[] = {
        "GET <count> <type>",
        "    Return the newest <count> entries of a type: slow, large-request or large-reply",
        "    (-1 mean all). Entries are made of:",
        "    id, timestamp, microseconds or bytes, arguments array, client IP and port,",
        "    client name",
        "LEN <type>",
        "    Return how many entries of a type there are.",
        "RESET <type>",
        "    Forget the entries of a type.",
        NULL,
    };
    command_reply_help(context, "COMMANDLOG", lines);
}

#define ROW(name_, run_, arity_, flags_, since_, tips_, syntax_, summary_)                         \
    {                                                                                              \
        .name = (name_), .run = (run_), .arity = (arity_),                                         \
        .flags = COMMAND_LOADING | COMMAND_STALE | (flags_), .keys = KEYS_NONE, .group = "server", \
        .since = (since_), .syntax = (syntax_), .summary = (summary_), .complexity = "O(N)",       \
        .tips = (tips_),                                                                           \
    }

static const struct command slowlog_subcommands[] = {
    ROW("GET", slowlog_get, -2, COMMAND_ADMIN, "2.2.12",
        "nondeterministic_output request_policy:all_nodes", "[count]", "Shows slow commands."),
    ROW("HELP", slowlog_help, 2, 0, "6.2.0", NULL, "", "Lists the subcommands."),
    ROW("LEN", slowlog_length, 2, COMMAND_ADMIN, "2.2.12",
        "nondeterministic_output request_policy:all_nodes response_policy:agg_sum", "",
        "Counts slow commands."),
    ROW("RESET", slowlog_reset, 2, COMMAND_ADMIN, "2.2.12",
        "request_policy:all_nodes response_policy:all_succeeded", "", "Forgets slow commands."),
    {.name = NULL},
};

static const struct command commandlog_subcommands[] = {
    ROW("GET", commandlog_get, 4, COMMAND_ADMIN, "8.1.0",
        "nondeterministic_output request_policy:all_nodes",
        "count <slow|large-request|large-reply>", "Shows remarkable commands."),
    ROW("HELP", commandlog_help, 2, 0, "8.1.0", NULL, "", "Lists the subcommands."),
    ROW("LEN", commandlog_length, 3, COMMAND_ADMIN, "8.1.0",
        "nondeterministic_output request_policy:all_nodes response_policy:agg_sum",
        "<slow|large-request|large-reply>", "Counts remarkable commands."),
    ROW("RESET", commandlog_reset, 3, COMMAND_ADMIN, "8.1.0",
        "request_policy:all_nodes response_policy:all_succeeded",
        "<slow|large-request|large-reply>", "Forgets remarkable commands."),
    {.name = NULL},
};

const struct command command_log_commands[] = {
    {
        .name = "SLOWLOG",
        .arity = -2,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.2.12",
        .syntax = "",
        .summary = "Remembers slow commands.",
        .subcommands = slowlog_subcommands,
    },
    {
        .name = "COMMANDLOG",
        .arity = -2,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "8.1.0",
        .syntax = "",
        .summary = "Remembers commands that were slow, or large to send or to answer.",
        .subcommands = commandlog_subcommands,
    },
    {.name = NULL},
};
