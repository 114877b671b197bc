#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "net/connection.h"
#include "server/dispatch_private.h"
#include "server/memory_limit.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"
#include "server/settings.h"
#include "server/transactions/transaction.h"

#define PREVIEW_MAX 128 /* bytes of a command or its arguments shown in an error */

void dispatch_reject(struct dispatch *dispatch, struct client *client, struct dispatch_entry *entry,
                     const char *text)
{
    size_t position = client->reply->out->length;
    transaction_break(client);
    if (entry != NULL)
        entry->rejected++;
    if (entry != NULL && (dispatch_traits(entry) & TRAIT_EXEC))
        transaction_abort(client, text);
    else
        resp_writer_error(client->reply, text);
    dispatch_count_reply_errors(dispatch, client, position, NULL);
}

static void reject_unknown(struct dispatch *dispatch, struct client *client,
                           const struct slice *arguments, size_t count)
{
    struct buffer text = {0};
    int name_length = (int)(arguments[0].length < PREVIEW_MAX ? arguments[0].length : PREVIEW_MAX);
    struct dispatch_entry *container = dispatch_find(dispatch, arguments, 1);
    if (container != NULL) {
        int length = (int)(arguments[1].length < PREVIEW_MAX ? arguments[1].length : PREVIEW_MAX);
        buffer_add_format(&text, "ERR unknown subcommand '%.*s'. Try ", length, arguments[1].data);
        for (size_t i = 0; i < arguments[0].length; i++) {
            char upper = (char)toupper((unsigned char)arguments[0].data[i]);
            buffer_add(&text, &upper, 1);
        }
        buffer_add_string(&text, " HELP.");
    } else {
        buffer_add_format(&text,
                          "ERR unknown command '%.*s', with args beginning with: ", name_length,
                          arguments[0].data);
        size_t shown = 0;
        for (size_t i = 1; i < count && shown < PREVIEW_MAX; i++) {
            size_t room = PREVIEW_MAX - shown;
            size_t length = arguments[i].length < room ? arguments[i].length : room;
            size_t before = text.length;
            buffer_add_format(&text, "'%.*s' ", (int)length, arguments[i].data);
            shown += text.length - before;
        }
    }
    buffer_add(&text, "", 1);
    dispatch_reject(dispatch, client, NULL, text.data);
    buffer_deinit(&text);
}

/* A web page can make a browser in the same network send its words to a server of this kind: as
 * in Redis the first that gives it away ends the connection, before the page's own lines come. */
static bool reject_http(struct dispatch *dispatch, struct client *client, struct slice name)
{
    if (!slice_is_word(name, "post") && !slice_is_word(name, "host:"))
        return false;
    dispatch->http_refused++;
    if ((dispatch->http_refused & (dispatch->http_refused - 1)) == 0) /* not to fill the log */
        log_line(LOG_WARNING,
                 "Possible attack: a client speaks HTTP (POST or Host:) and was disconnected; "
                 "seen %llu times",
                 (unsigned long long)dispatch->http_refused);
    client_close(client);
    return true;
}

/* False, and refused, if the line is not of the form the table asks for. */
static bool check_form(struct dispatch *dispatch, struct client *client,
                       struct dispatch_entry *entry, const struct slice *arguments, size_t count)
{
    if (UNLIKELY(entry == NULL)) {
        if (!reject_http(dispatch, client, arguments[0]))
            reject_unknown(dispatch, client, arguments, count);
        return false;
    }
    int arity = entry->command->arity;
    bool right = arity > 0 ? count == (size_t)arity : count >= (size_t)-arity;
    if (UNLIKELY(!right || entry->command->run == NULL)) {
        char text[PREVIEW_MAX];
        snprintf(text, sizeof text, "ERR wrong number of arguments for '%s' command",
                 entry->full_name);
        dispatch_reject(dispatch, client, entry, text);
        return false;
    }
    return true;
}

static bool check_guard(struct dispatch *dispatch, struct client *client,
                        struct dispatch_entry *entry)
{
    enum guard guard = dispatch->settings->enable_debug_command;
    if (guard == GUARD_YES || (guard == GUARD_LOCAL && client->connection->is_loopback))
        return true;
    const struct dispatch_entry *top = entry->container != NULL ? entry->container : entry;
    char text[512];
    snprintf(text, sizeof text,
             "ERR %s command not allowed. If the enable-%s-command option is set to \"local\", you "
             "can run it from a local connection, otherwise you need to set this option in the "
             "configuration file, and then restart the server.",
             top->command->name, top->full_name);
    dispatch_reject(dispatch, client, entry, text);
    return false;
}

bool dispatch_permitted(const struct client *client, const struct dispatch_entry *entry)
{
    return (client->flags & CLIENT_AUTHENTICATED) || (entry->command->flags & COMMAND_NO_AUTH);
}

/* What the command may do, what is queued counted in for EXEC. */
static unsigned flags_of(const struct client *client, const struct dispatch_entry *entry)
{
    unsigned flags = entry->command->flags;
    if (UNLIKELY(dispatch_traits(entry) & TRAIT_EXEC))
        flags |= transaction_flags(client);
    return flags;
}

static bool postpone_while_paused(struct dispatch *dispatch, struct client *client, unsigned flags)
{
    enum pause pause = sessions_paused(dispatch->server->sessions, NULL);
    bool concerned =
        pause == PAUSE_ALL ||
        (pause == PAUSE_WRITE && (flags & (COMMAND_WRITES | COMMAND_MAY_REPLICATE)) != 0);
    if (concerned)
        sessions_postpone(dispatch->server->sessions, client);
    return concerned;
}

/* False if nothing stands in the way; else *verdict says what becomes of the command. */
static bool check_obstacles(struct dispatch *dispatch, struct client *client,
                            struct dispatch_entry *entry, unsigned flags, enum verdict *verdict)
{
    const struct dispatch_obstacles *obstacles = &dispatch->obstacles;
    bool writes = (flags & COMMAND_WRITES) != 0;
    *verdict = VERDICT_REFUSED;
    if (obstacles->loading && !(flags & COMMAND_LOADING)) {
        dispatch_reject(dispatch, client, entry, "LOADING Redis is loading the dataset in memory");
        return true;
    }
    if (obstacles->refuse_writers != NULL && writes) {
        dispatch_reject(dispatch, client, entry, obstacles->refuse_writers);
        return true;
    }
    if (!obstacles->hold_writers || !writes)
        return false;
    sessions_postpone(dispatch->server->sessions, client);
    *verdict = VERDICT_POSTPONED;
    return true;
}

static bool has_obstacles(const struct dispatch_obstacles *obstacles)
{
    return obstacles->loading || obstacles->paused || obstacles->hold_writers ||
           obstacles->refuse_writers != NULL;
}

/* Nothing of what is looked for below can be: nearly every command. */
static bool is_plain(const struct dispatch *dispatch, const struct client *client,
                     const struct dispatch_entry *entry, size_t count)
{
    const unsigned telling = CLIENT_AUTHENTICATED | CLIENT_IN_MULTI | CLIENT_PUBSUB;
    if (UNLIKELY(entry == NULL || (client->flags & telling) != CLIENT_AUTHENTICATED))
        return false;
    const struct command *command = entry->command;
    bool right =
        command->arity > 0 ? count == (size_t)command->arity : count >= (size_t)-command->arity;
    return right && command->run != NULL && !(command->flags & COMMAND_PROTECTED) &&
           dispatch_traits(entry) == 0 && !has_obstacles(&dispatch->obstacles) &&
           dispatch->server->settings->memory.bytes_max == 0;
}

enum verdict dispatch_check(struct dispatch *dispatch, struct client *client,
                            struct dispatch_entry *entry, const struct slice *arguments,
                            size_t count)
{
    if (LIKELY(is_plain(dispatch, client, entry, count)))
        return VERDICT_RUN;
    if (!check_form(dispatch, client, entry, arguments, count))
        return VERDICT_REFUSED;
    unsigned flags = flags_of(client, entry);
    unsigned traits = dispatch_traits(entry);
    bool in_multi = (client->flags & CLIENT_IN_MULTI) != 0;

    if (UNLIKELY((flags & COMMAND_PROTECTED) && !check_guard(dispatch, client, entry)))
        return VERDICT_REFUSED;
    if (UNLIKELY(!dispatch_permitted(client, entry))) {
        dispatch_reject(dispatch, client, entry, "NOAUTH Authentication required.");
        return VERDICT_REFUSED;
    }
    if (UNLIKELY(in_multi && (flags & COMMAND_NO_MULTI))) {
        dispatch_reject(dispatch, client, entry, "ERR Command not allowed inside a transaction");
        return VERDICT_REFUSED;
    }
    if (UNLIKELY(dispatch->server->settings->memory.bytes_max != 0) &&
        memory_limit_is_short(dispatch->server->memory_limit) &&
        ((flags & COMMAND_GROWS) || (in_multi && !(traits & TRAIT_OOM_IN_MULTI)))) {
        dispatch->statistics.evicted_refusals++;
        dispatch_reject(dispatch, client, entry,
                        "OOM command not allowed when used memory > 'maxmemory'.");
        return VERDICT_REFUSED;
    }
    enum verdict verdict;
    if (UNLIKELY(has_obstacles(&dispatch->obstacles)) &&
        check_obstacles(dispatch, client, entry, flags, &verdict))
        return verdict;
    if (UNLIKELY((client->flags & CLIENT_PUBSUB) && client->reply->version == 2 &&
                 !(traits & TRAIT_IN_PUBSUB))) {
        char text[256];
        snprintf(text, sizeof text,
                 "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                 "RESET are allowed in this context",
                 entry->full_name);
        dispatch_reject(dispatch, client, entry, text);
        return VERDICT_REFUSED;
    }
    if (UNLIKELY(postpone_while_paused(dispatch, client, flags)))
        return VERDICT_POSTPONED;
    return in_multi && !(traits & TRAIT_NEVER_QUEUED) ? VERDICT_QUEUE : VERDICT_RUN;
}
