#include <stdio.h>

#include "base/memory.h"
#include "base/number.h"
#include "commands/command.h"
#include "server/command_tables.h"
#include "server/dispatch.h"
#include "server/observe/observe.h"
#include "server/pubsub/pubsub.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/admission.h"
#include "server/session/client.h"
#include "server/session/client_names.h"
#include "server/session/sessions.h"
#include "server/transactions/transaction.h"
#include "server/transactions/watches.h"

#define WRONG_PASSWORD "WRONGPASS invalid username-password pair or user is disabled."

/* --- AUTH --- */

/* True, and the client is in, if the password is right; else the error is written. */
static bool authenticate(struct command_context *context, struct slice user, struct slice password)
{
    struct client *client = client_of(context);
    struct server *server = client->server;
    bool right = slice_equals(user, SLICE("default")) &&
                 sessions_password_is_right(server->sessions, password);
    if (!right) {
        dispatch_statistics(server->dispatch)->authentication_failures++;
        resp_writer_error(context->reply, WRONG_PASSWORD);
        return false;
    }
    if (!(client->flags & CLIENT_AUTHENTICATED)) {
        client->flags |= CLIENT_AUTHENTICATED;
        admission_set_limits(server->admission, client);
    }
    return true;
}

static void command_auth(struct command_context *context)
{
    if (context->count > 3) {
        command_reply_syntax_error(context);
        return;
    }
    bool with_user = context->count == 3;
    if (!with_user && !sessions_need_password(client_of(context)->server->sessions)) {
        resp_writer_error(context->reply,
                          "ERR AUTH <password> called without any password configured for the "
                          "default user. Are you sure your configuration is correct?");
        return;
    }
    struct slice user = with_user ? context->arguments[1] : SLICE("default");
    if (authenticate(context, user, context->arguments[context->count - 1]))
        resp_writer_ok(context->reply);
}

/* --- HELLO --- */

struct hello_options {
    int64_t version; /* 0: as it is */
    const struct slice *user, *password, *name;
};

static bool hello_parse(struct command_context *context, struct hello_options *options)
{
    *options = (struct hello_options){0};
    if (context->count > 1) {
        if (!number_parse_int64(context->arguments[1], &options->version)) {
            resp_writer_error(context->reply,
                              "ERR Protocol version is not an integer or out of range");
            return false;
        }
        if (options->version != 2 && options->version != 3) {
            resp_writer_error(context->reply, "NOPROTO unsupported protocol version");
            return false;
        }
    }
    for (size_t i = 2; i < context->count; i++) {
        const struct slice *word = &context->arguments[i];
        size_t more = context->count - i - 1;
        if (slice_is_word(*word, "AUTH") && more >= 2) {
            options->user = &word[1];
            options->password = &word[2];
            i += 2;
        } else if (slice_is_word(*word, "SETNAME") && more >= 1) {
            options->name = &word[1];
            if (!client_names_check(context, *options->name, "Client names"))
                return false;
            i++;
        } else {
            resp_writer_error_format(context->reply, "ERR Syntax error in HELLO option '%.*s'",
                                     (int)(word->length < 128 ? word->length : 128), word->data);
            return false;
        }
    }
    return true;
}

static void hello_reply(struct command_context *context)
{
    struct resp_writer *reply = context->reply;
    resp_writer_map(reply, 9);
    resp_writer_bulk_string(reply, "server");
    resp_writer_bulk_string(reply, "redis");
    resp_writer_bulk_string(reply, "version");
    resp_writer_bulk_string(reply, SERVER_REDIS_VERSION);
    resp_writer_bulk_string(reply, "proto");
    resp_writer_integer(reply, reply->version);
    resp_writer_bulk_string(reply, "id");
    resp_writer_integer(reply, (int64_t)client_of(context)->id);
    resp_writer_bulk_string(reply, "mode");
    resp_writer_bulk_string(reply, "standalone");
    resp_writer_bulk_string(reply, "role");
    resp_writer_bulk_string(reply, "master");
    resp_writer_bulk_string(reply, "modules");
    resp_writer_array(reply, 0);
    resp_writer_bulk_string(reply, "server_name");
    resp_writer_bulk_string(reply, SERVER_NAME);
    resp_writer_bulk_string(reply, "holdfast_version");
    resp_writer_bulk_string(reply, SERVER_VERSION);
}

static void command_hello(struct command_context *context)
{
    struct client *client = client_of(context);
    struct hello_options options;
    if (!hello_parse(context, &options))
        return;
    if (options.user != NULL && !authenticate(context, *options.user, *options.password))
        return;
    if (!(client->flags & CLIENT_AUTHENTICATED)) {
        resp_writer_error(context->reply,
                          "NOAUTH HELLO must be called with the client already authenticated, "
                          "otherwise the HELLO AUTH <user> <pass> option can be used to "
                          "authenticate the client and select the RESP protocol version at the "
                          "same time");
        return;
    }
    if (options.name != NULL)
        client_names_set(&client->name, *options.name);
    if (options.version != 0)
        context->reply->version = (int)options.version;
    hello_reply(context);
}

/* --- RESET, QUIT, SELECT, ECHO, PING --- */

static void command_reset(struct command_context *context)
{
    struct client *client = client_of(context);
    struct server *server = client->server;
    transaction_discard(client);
    watches_forget_client(server->watches, client);
    tracking_forget_client(server->tracking, client);
    pubsub_forget_client(server->pubsub, client);
    if (client->flags & CLIENT_MONITOR)
        observe_monitor_ends(server->observe, client);
    client->flags &= ~(unsigned)(CLIENT_MONITOR | CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP |
                                 CLIENT_REPLY_SKIP_NEXT | CLIENT_NO_TOUCH | CLIENT_NO_EVICT |
                                 CLIENT_IMPORT_SOURCE | CLIENT_CAPABLE_REDIRECT);
    (void)client_select(client, 0);
    client_names_set(&client->name, SLICE(""));
    context->reply->version = 2;
    context->reply->muted = false;
    if (sessions_need_password(server->sessions)) {
        client->flags &= ~(unsigned)CLIENT_AUTHENTICATED;
        admission_set_limits(server->admission, client);
    }
    resp_writer_simple(context->reply, SLICE("RESET"));
}

static void command_quit(struct command_context *context)
{
    resp_writer_ok(context->reply);
    client_close_after_reply(client_of(context));
}

static void command_select(struct command_context *context)
{
    int index;
    if (!command_int(context, 1, &index))
        return;
    if (!client_select(client_of(context), index))
        resp_writer_error(context->reply, "ERR DB index is out of range");
    else
        resp_writer_ok(context->reply);
}

static void command_echo(struct command_context *context)
{
    resp_writer_bulk(context->reply, context->arguments[1]);
}

static void command_ping(struct command_context *context)
{
    struct resp_writer *reply = context->reply;
    if (context->count > 2) {
        resp_writer_error(reply, "ERR wrong number of arguments for 'ping' command");
    } else if ((client_of(context)->flags & CLIENT_PUBSUB) && reply->version == 2) {
        resp_writer_array(reply, 2);
        resp_writer_bulk_string(reply, "pong");
        resp_writer_bulk(reply, context->count == 2 ? context->arguments[1] : SLICE(""));
    } else if (context->count == 2) {
        resp_writer_bulk(reply, context->arguments[1]);
    } else {
        resp_writer_simple(reply, SLICE("PONG"));
    }
}

#define SESSION_FLAGS (COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST)
#define STRANGER_FLAGS (SESSION_FLAGS | COMMAND_NO_SCRIPT | COMMAND_NO_AUTH | COMMAND_ALLOW_BUSY)

const struct command session_commands[] = {
    {
        .name = "AUTH",
        .run = command_auth,
        .arity = -2,
        .flags = STRANGER_FLAGS | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "1.0.0",
        .syntax = "[username] password",
        .summary = "Authenticates the connection.",
        .complexity = "O(N) in the number of passwords",
    },
    {
        .name = "HELLO",
        .run = command_hello,
        .arity = -1,
        .flags = STRANGER_FLAGS | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.0.0",
        .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
        .summary = "Greets the server, chooses the protocol version, authenticates.",
        .complexity = "O(1)",
    },
    {
        .name = "RESET",
        .run = command_reset,
        .arity = 1,
        .flags = STRANGER_FLAGS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "6.2.0",
        .syntax = "",
        .summary = "Brings the connection back to how it began.",
        .complexity = "O(1)",
    },
    {
        .name = "QUIT",
        .run = command_quit,
        .arity = -1,
        .flags = STRANGER_FLAGS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Closes the connection once all replies are sent.",
        .complexity = "O(1)",
    },
    {
        .name = "SELECT",
        .run = command_select,
        .arity = 2,
        .flags = SESSION_FLAGS | COMMAND_ALLOW_BUSY,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "1.0.0",
        .syntax = "index",
        .summary = "Chooses the database of the connection.",
        .complexity = "O(1)",
    },
    {
        .name = "ECHO",
        .run = command_echo,
        .arity = 2,
        .flags = SESSION_FLAGS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "1.0.0",
        .syntax = "message",
        .summary = "Answers with the message.",
        .complexity = "O(1)",
    },
    {
        .name = "PING",
        .tips = "request_policy:all_shards response_policy:all_succeeded",
        .run = command_ping,
        .arity = -1,
        .flags = COMMAND_FAST | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "connection",
        .since = "1.0.0",
        .syntax = "[message]",
        .summary = "Answers PONG, or with the message.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
