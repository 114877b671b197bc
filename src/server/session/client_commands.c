#include <limits.h>

#include "base/number.h"
#include "commands/command.h"
#include "server/command_tables.h"
#include "server/replies.h"
#include "server/server.h"
#include "server/session/blocking.h"
#include "server/session/client.h"
#include "server/session/client_commands.h"
#include "server/session/client_names.h"
#include "server/session/sessions.h"
#include "system/clock.h"

static void command_id(struct command_context *context)
{
    resp_writer_integer(context->reply, (int64_t)client_of(context)->id);
}

/* --- names --- */

static void command_getname(struct command_context *context)
{
    const char *name = client_of(context)->name;
    if (name[0] == '\0')
        resp_writer_null(context->reply);
    else
        resp_writer_bulk_string(context->reply, name);
}

static void command_setname(struct command_context *context)
{
    if (!client_names_check(context, context->arguments[2], "Client names"))
        return;
    client_names_set(&client_of(context)->name, context->arguments[2]);
    resp_writer_ok(context->reply);
}

static void command_setinfo(struct command_context *context)
{
    struct client *client = client_of(context);
    struct slice option = context->arguments[2];
    bool is_name = slice_is_word(option, "lib-name");
    if (!is_name && !slice_is_word(option, "lib-ver")) {
        resp_writer_error_format(context->reply, "ERR Unrecognized option '%.*s'",
                                 (int)option.length, option.data);
        return;
    }
    if (!client_names_check(context, context->arguments[3], is_name ? "lib-name" : "lib-ver"))
        return;
    client_names_set(is_name ? &client->library_name : &client->library_version,
                     context->arguments[3]);
    resp_writer_ok(context->reply);
}

/* --- switches --- */

/* ON or OFF as argument 2: sets or clears `flag`. */
static void switch_flag(struct command_context *context, unsigned flag)
{
    struct client *client = client_of(context);
    if (slice_is_word(context->arguments[2], "ON")) {
        client->flags |= flag;
    } else if (slice_is_word(context->arguments[2], "OFF")) {
        client->flags &= ~flag;
    } else {
        command_reply_syntax_error(context);
        return;
    }
    resp_writer_ok(context->reply);
}

static void command_no_evict(struct command_context *context)
{
    switch_flag(context, CLIENT_NO_EVICT);
}

static void command_no_touch(struct command_context *context)
{
    switch_flag(context, CLIENT_NO_TOUCH);
}

static void command_durable(struct command_context *context)
{
    struct client *client = client_of(context);
    if (slice_is_word(context->arguments[2], "ON")) {
        client->flags &= ~(unsigned)CLIENT_ANSWERED_AT_ONCE;
    } else if (slice_is_word(context->arguments[2], "OFF")) {
        client->flags |= CLIENT_ANSWERED_AT_ONCE;
    } else {
        command_reply_syntax_error(context);
        return;
    }
    resp_writer_ok(context->reply);
}

static void command_import_source(struct command_context *context)
{
    if (slice_is_word(context->arguments[2], "ON"))
        resp_writer_error(context->reply, "ERR Server is not in import mode");
    else
        switch_flag(context, CLIENT_IMPORT_SOURCE);
}

/* Capabilities that are not known are ignored: newer clients have more of them. */
static void command_capa(struct command_context *context)
{
    for (size_t i = 2; i < context->count; i++)
        if (slice_is_word(context->arguments[i], "redirect"))
            client_of(context)->flags |= CLIENT_CAPABLE_REDIRECT;
    resp_writer_ok(context->reply);
}

static void command_reply(struct command_context *context)
{
    struct client *client = client_of(context);
    struct slice mode = context->arguments[2];
    if (slice_is_word(mode, "ON")) {
        client->flags &= ~(unsigned)(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP);
        context->reply->muted = false;
        resp_writer_ok(context->reply);
    } else if (slice_is_word(mode, "OFF")) {
        client->flags |= CLIENT_REPLY_OFF;
        context->reply->muted = true;
    } else if (slice_is_word(mode, "SKIP")) {
        if (!(client->flags & CLIENT_REPLY_OFF))
            client->flags |= CLIENT_REPLY_SKIP_NEXT;
    } else {
        command_reply_syntax_error(context);
    }
}

/* --- PAUSE, UNBLOCK --- */

static void command_pause(struct command_context *context)
{
    struct client *client = client_of(context);
    enum pause pause = PAUSE_ALL;
    if (context->count > 4) {
        replies_subcommand_syntax(context, "CLIENT");
        return;
    }
    if (context->count == 4 && slice_is_word(context->arguments[3], "WRITE")) {
        pause = PAUSE_WRITE;
    } else if (context->count == 4 && !slice_is_word(context->arguments[3], "ALL")) {
        resp_writer_error(context->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    int64_t timeout_ms, until_ms;
    if (!number_parse_int64(context->arguments[2], &timeout_ms)) {
        resp_writer_error(context->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        resp_writer_error(context->reply, "ERR timeout is negative");
        return;
    }
    if (!number_add(timeout_ms, clock_now_ms(client->server->clock), &until_ms)) {
        resp_writer_error(context->reply, "ERR timeout is out of range");
        return;
    }
    sessions_pause(client->server->sessions, pause, until_ms);
    resp_writer_ok(context->reply);
}

static void command_unpause(struct command_context *context)
{
    sessions_unpause(client_of(context)->server->sessions);
    resp_writer_ok(context->reply);
}

static void command_unblock(struct command_context *context)
{
    bool with_error = false;
    if (context->count == 4) {
        with_error = slice_is_word(context->arguments[3], "ERROR");
        if (!with_error && !slice_is_word(context->arguments[3], "TIMEOUT")) {
            resp_writer_error(context->reply,
                              "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return;
        }
    } else if (context->count > 4) {
        replies_subcommand_syntax(context, "CLIENT");
        return;
    }
    int64_t id;
    if (!command_integer(context, 2, &id))
        return;
    struct client *target = sessions_find(client_of(context)->server->sessions, (uint64_t)id);
    bool blocked = target != NULL && (target->flags & CLIENT_BLOCKED) != 0;
    if (blocked && with_error)
        blocking_end_by_error(target, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else if (blocked)
        blocking_end_by_timeout(target);
    resp_writer_integer(context->reply, blocked);
}

/* --- HELP and the table --- */

static const char *const help_lines[] = {
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "CAPA <capability> [<capability> ...]",
    "    Tell the server what the client can do.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "IMPORT-SOURCE (ON|OFF)",
    "    Mark this connection as an import source if server is in import mode.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * ID <client-id> [<client-id> ...]",
    "      Kill connections by client id.",
    "    * MAXAGE <maxage>",
    "      Kill connections older than the specified age.",
    "    * IDLE, NAME, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, IP",
    "      Kill connections that are idle for so many seconds or have this property.",
    "    * NOT-ID, NOT-TYPE, NOT-USER, NOT-ADDR, ...",
    "      Spare connections that have this property.",
    "LIST [options ...]",
    "    Return information about client connections. Options are those of KILL.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "DURABLE (ON|OFF)",
    "    Answer this connection once its writes are durable (ON), or at once (OFF).",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
    NULL,
};

static void command_help(struct command_context *context)
{
    command_reply_help(context, "CLIENT", help_lines);
}

#define CLIENT_FLAGS (COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE)

#define CLIENT_FILTER_SYNTAX                                                                       \
    "[ID client-id [client-id ...]] [TYPE "                                                        \
    "<NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB>] [USER username] [ADDR "                         \
    "addr] [LADDR laddr] [SKIPME YES|NO] [MAXAGE maxage] [NAME name] [IDLE "                       \
    "idle] [FLAGS flags] [LIB-NAME lib-name] [LIB-VER lib-ver] [DB db] "                           \
    "[CAPA capa] [IP ip] [NOT-ID client-id [client-id ...]] [NOT-TYPE "                            \
    "<NORMAL|MASTER|PRIMARY|SLAVE|REPLICA|PUBSUB>] [NOT-USER username] "                           \
    "[NOT-ADDR addr] [NOT-LADDR laddr] [NOT-NAME name] [NOT-FLAGS flags] "                         \
    "[NOT-LIB-NAME lib-name] [NOT-LIB-VER lib-ver] [NOT-DB db] [NOT-CAPA "                         \
    "capa] [NOT-IP ip]"

static const struct command client_subcommands[] = {
    {
        .name = "DURABLE",
        .run = command_durable,
        .arity = 3,
        .flags = CLIENT_FLAGS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "7.4.0",
        .syntax = "<ON|OFF>",
        .summary = "Chooses whether replies wait until the disk has what they tell of.",
        .complexity = "O(1)",
    },
    {
        .name = "CACHING",
        .run = client_caching_caching,
        .arity = 3,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.0.0",
        .syntax = "<YES|NO>",
        .summary =
            "Says whether the keys of the next command are tracked, in OPTIN or OPTOUT mode.",
        .complexity = "O(1)",
    },
    {
        .name = "CAPA",
        .run = command_capa,
        .arity = -3,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "8.0.0",
        .syntax = "capability [capability ...]",
        .summary = "Tells what the client can do.",
        .complexity = "O(1)",
    },
    {
        .name = "GETNAME",
        .run = command_getname,
        .arity = 2,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "2.6.9",
        .syntax = "",
        .summary = "Returns the name of the connection.",
        .complexity = "O(1)",
    },
    {
        .name = "GETREDIR",
        .run = client_caching_getredir,
        .arity = 2,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.0.0",
        .syntax = "",
        .summary = "Returns the client to which tracking messages are redirected.",
        .complexity = "O(1)",
    },
    {
        .name = "HELP",
        .run = command_help,
        .arity = 2,
        .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "5.0.0",
        .syntax = "",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
    },
    {
        .name = "ID",
        .run = command_id,
        .arity = 2,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "5.0.0",
        .syntax = "",
        .summary = "Returns the id of the connection.",
        .complexity = "O(1)",
    },
    {
        .name = "IMPORT-SOURCE",
        .run = command_import_source,
        .arity = 3,
        .flags = CLIENT_FLAGS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "8.1.0",
        .syntax = "<ON|OFF>",
        .summary = "Marks the connection as one that imports data.",
        .complexity = "O(1)",
    },
    {
        .name = "INFO",
        .tips = "nondeterministic_output",
        .run = client_listing_info,
        .arity = 2,
        .flags = CLIENT_FLAGS | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.2.0",
        .syntax = "",
        .summary = "Describes the connection.",
        .complexity = "O(1)",
    },
    {
        .name = "KILL",
        .run = client_listing_kill,
        .arity = -3,
        .flags = CLIENT_FLAGS | COMMAND_ADMIN | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "2.4.0",
        .syntax = "<ip:port> | " CLIENT_FILTER_SYNTAX,
        .summary = "Closes connections.",
        .complexity = "O(N) in the number of connections",
    },
    {
        .name = "LIST",
        .tips = "nondeterministic_output",
        .run = client_listing_list,
        .arity = -2,
        .flags = CLIENT_FLAGS | COMMAND_ADMIN | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "2.4.0",
        .syntax = CLIENT_FILTER_SYNTAX,
        .summary = "Describes connections, one a line.",
        .complexity = "O(N) in the number of connections",
    },
    {
        .name = "NO-EVICT",
        .run = command_no_evict,
        .arity = 3,
        .flags = CLIENT_FLAGS | COMMAND_ADMIN | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "7.0.0",
        .syntax = "<ON|OFF>",
        .summary = "Spares the connection when clients are closed for their memory.",
        .complexity = "O(1)",
    },
    {
        .name = "NO-TOUCH",
        .run = command_no_touch,
        .arity = 3,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "7.2.0",
        .syntax = "<ON|OFF>",
        .summary = "Lets the connection read without marking keys as used.",
        .complexity = "O(1)",
    },
    {
        .name = "PAUSE",
        .run = command_pause,
        .arity = -3,
        .flags = CLIENT_FLAGS | COMMAND_ADMIN | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "3.0.0",
        .syntax = "timeout [WRITE|ALL]",
        .summary = "Holds all clients back, or only their writes, for some milliseconds.",
        .complexity = "O(1)",
    },
    {
        .name = "REPLY",
        .run = command_reply,
        .arity = 3,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_NO_MULTI | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "3.2.0",
        .syntax = "<ON|OFF|SKIP>",
        .summary = "Says whether the connection wants replies.",
        .complexity = "O(1)",
    },
    {
        .name = "SETINFO",
        .run = command_setinfo,
        .arity = 4,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "7.2.0",
        .syntax = "<lib-name libname|lib-ver libver>",
        .summary = "Tells name and version of the client's library.",
        .complexity = "O(1)",
    },
    {
        .name = "SETNAME",
        .run = command_setname,
        .arity = 3,
        .flags = CLIENT_FLAGS | COMMAND_ALLOW_BUSY | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "2.6.9",
        .syntax = "connection-name",
        .summary = "Names the connection.",
        .complexity = "O(1)",
    },
    {
        .name = "TRACKING",
        .run = client_caching_tracking,
        .arity = -3,
        .flags = CLIENT_FLAGS | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.0.0",
        .syntax = "<ON|OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] "
                  "[OPTIN] [OPTOUT] [NOLOOP]",
        .summary = "Switches client-side caching on or off.",
        .complexity = "O(1), some options O(N) in the number of prefixes",
    },
    {
        .name = "TRACKINGINFO",
        .run = client_caching_trackinginfo,
        .arity = 2,
        .flags = CLIENT_FLAGS | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.2.0",
        .syntax = "",
        .summary = "Describes the client-side caching of the connection.",
        .complexity = "O(1)",
    },
    {
        .name = "UNBLOCK",
        .run = command_unblock,
        .arity = -3,
        .flags = CLIENT_FLAGS | COMMAND_ADMIN | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "5.0.0",
        .syntax = "client-id [TIMEOUT|ERROR]",
        .summary = "Ends the wait of a client that a command blocks.",
        .complexity = "O(log N) in the number of connections",
    },
    {
        .name = "UNPAUSE",
        .run = command_unpause,
        .arity = 2,
        .flags = CLIENT_FLAGS | COMMAND_ADMIN | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.2.0",
        .syntax = "",
        .summary = "Lets held back clients go on.",
        .complexity = "O(N) in the number of held back clients",
    },
    {.name = NULL},
};

const struct command client_commands[] = {
    {
        .name = "CLIENT",
        .arity = -2,
        .flags = COMMAND_SENTINEL,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "2.4.0",
        .syntax = "",
        .summary = "Looks at connections and changes how they behave.",
        .complexity = "Depends on the subcommand",
        .subcommands = client_subcommands,
    },
    {.name = NULL},
};
