/* SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF. */
#include "commands/command.h"
#include "persist/snapshot.h"
#include "server/command_tables.h"
#include "server/persistence/persistence_private.h"
#include "server/persistence/saving_private.h"
#include "server/server.h"
#include "server/session/client.h"

static struct saving *saving_of(const struct command_context *context)
{
    return client_of(context)->server->persistence->saving;
}

static void command_save(struct command_context *context)
{
    struct saving *saving = saving_of(context);
    if (saving->running == &saving->save)
        resp_writer_error(context->reply, "ERR Background save already in progress");
    else if (saving_save_now(saving))
        resp_writer_ok(context->reply);
    else
        resp_writer_error(context->reply, "ERR the snapshot could not be written, see the log");
}

static void cancel_save(struct command_context *context, struct saving *saving)
{
    if (saving->running == &saving->save && saving->snapshot != NULL) {
        saving->cancelled = true;
        snapshot_cancel(saving->snapshot);
        resp_writer_simple(context->reply, SLICE("Background saving cancelled"));
    } else if (saving->save.scheduled) {
        saving->save.scheduled = false;
        resp_writer_simple(context->reply, SLICE("Scheduled background saving cancelled"));
    } else {
        resp_writer_error(context->reply,
                          "ERR Background saving is currently not in progress or scheduled");
    }
}

static void command_bgsave(struct command_context *context)
{
    struct saving *saving = saving_of(context);
    bool schedule = context->count == 2 && slice_is_word(context->arguments[1], "SCHEDULE");
    bool cancel = context->count == 2 && slice_is_word(context->arguments[1], "CANCEL");
    if (context->count > 2 || (context->count == 2 && !schedule && !cancel)) {
        command_reply_syntax_error(context);
        return;
    }
    if (cancel) {
        cancel_save(context, saving);
        return;
    }
    bool in_exec = (client_of(context)->flags & CLIENT_IN_EXEC) != 0;
    if (saving->running == &saving->save) {
        resp_writer_error(context->reply, "ERR Background save already in progress");
        return;
    }
    if (saving->running == &saving->rewrite && !schedule && !in_exec) {
        resp_writer_error(context->reply,
                          "ERR Another child process is active (AOF?): can't BGSAVE right now. Use "
                          "BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.");
        return;
    }
    bool waits = saving->running != NULL || in_exec;
    saving->save.scheduled = true; /* begins when this turn ends, unless something is running */
    saving->save.not_before_ms = 0;
    resp_writer_simple(context->reply, waits ? SLICE("Background saving scheduled")
                                             : SLICE("Background saving started"));
}

static void command_lastsave(struct command_context *context)
{
    resp_writer_integer(context->reply, saving_of(context)->last_save_ms / 1000);
}

static void command_bgrewriteaof(struct command_context *context)
{
    struct saving *saving = saving_of(context);
    if (saving->persistence->log == NULL) {
        resp_writer_error(context->reply, "ERR there is no log: appendonly is off");
        return;
    }
    if (saving->running == &saving->rewrite) {
        resp_writer_error(context->reply,
                          "ERR Background append only file rewriting already in progress");
        return;
    }
    bool waits = saving->running != NULL || (client_of(context)->flags & CLIENT_IN_EXEC) != 0;
    saving->rewrite.scheduled = true;
    saving->rewrite.not_before_ms = 0;
    resp_writer_simple(context->reply,
                       waits ? SLICE("Background append only file rewriting scheduled")
                             : SLICE("Background append only file rewriting started"));
}

const struct command saving_commands[] = {
    {
        .name = "SAVE",
        .run = command_save,
        .arity = 1,
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_NO_ASYNC_LOADING | COMMAND_NO_MULTI,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Writes a snapshot of all databases, and serves nobody meanwhile.",
        .complexity = "O(N) where N is the number of keys in all databases",
    },
    {
        .name = "BGSAVE",
        .run = command_bgsave,
        .arity = -1,
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_NO_ASYNC_LOADING,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[SCHEDULE|CANCEL]",
        .summary = "Writes a snapshot of all databases while they are served.",
        .complexity = "O(1)",
    },
    {
        .name = "LASTSAVE",
        .tips = "nondeterministic_output",
        .run = command_lastsave,
        .arity = 1,
        .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
        .categories = CATEGORY_ADMIN | CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Says of when the last snapshot is, in seconds since 1970.",
        .complexity = "O(1)",
    },
    {
        .name = "BGREWRITEAOF",
        .run = command_bgrewriteaof,
        .arity = 1,
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_NO_ASYNC_LOADING,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Compacts the log: a snapshot takes the place of what led to it.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
