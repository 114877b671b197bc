#include "commands/command.h"
#include "keyspace/database.h"
#include "server/command_tables.h"
#include "server/persistence/effects.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/transactions/transaction.h"
#include "server/transactions/watches.h"

static void command_multi(struct command_context *context)
{
    struct client *client = client_of(context);
    if (client->flags & CLIENT_IN_MULTI) {
        resp_writer_error(context->reply, "ERR MULTI calls can not be nested");
        return;
    }
    transaction_begin(client);
    resp_writer_ok(context->reply);
}

static void command_discard(struct command_context *context)
{
    struct client *client = client_of(context);
    if (!(client->flags & CLIENT_IN_MULTI)) {
        resp_writer_error(context->reply, "ERR DISCARD without MULTI");
        return;
    }
    transaction_discard(client);
    watches_forget_client(client->server->watches, client);
    resp_writer_ok(context->reply);
}

static void command_exec(struct command_context *context)
{
    struct client *client = client_of(context);
    struct watches *watches = client->server->watches;
    if (!(client->flags & CLIENT_IN_MULTI)) {
        resp_writer_error(context->reply, "ERR EXEC without MULTI");
        return;
    }
    if (watches_expired(watches, client))
        client->flags |= CLIENT_DIRTY_WATCH;
    bool broken = (client->flags & CLIENT_DIRTY_QUEUE) != 0;
    bool dirty = (client->flags & CLIENT_DIRTY_WATCH) != 0;
    watches_forget_client(watches, client);
    if (broken || dirty) {
        transaction_discard(client);
        effects_shows_a_change(client->server->effects);
        if (broken)
            resp_writer_error(context->reply,
                              "EXECABORT Transaction discarded because of previous errors.");
        else
            resp_writer_null_array(context->reply);
        return;
    }
    transaction_run(client);
}

static void command_watch(struct command_context *context)
{
    struct client *client = client_of(context);
    if (client->flags & CLIENT_IN_MULTI) {
        resp_writer_error(context->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    /* Already lost: EXEC will answer null whatever else is watched. */
    if (!(client->flags & CLIENT_DIRTY_WATCH)) {
        for (size_t i = 1; i < context->count; i++) {
            struct key key = command_key(context, i);
            watches_add(client->server->watches, client, context->database, &key);
        }
    }
    resp_writer_ok(context->reply);
}

static void command_unwatch(struct command_context *context)
{
    struct client *client = client_of(context);
    watches_forget_client(client->server->watches, client);
    client->flags &= ~(unsigned)CLIENT_DIRTY_WATCH;
    resp_writer_ok(context->reply);
}

#define TRANSACTION_FLAGS                                                                          \
    (COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_ALLOW_BUSY)

const struct command transaction_commands[] = {
    {
        .name = "MULTI",
        .run = command_multi,
        .arity = 1,
        .flags = TRANSACTION_FLAGS,
        .categories = CATEGORY_TRANSACTION,
        .keys = KEYS_NONE,
        .group = "transactions",
        .since = "1.2.0",
        .syntax = "",
        .summary = "Begins a transaction: the commands that follow are queued until EXEC.",
        .complexity = "O(1)",
    },
    {
        .name = "EXEC",
        .run = command_exec,
        .arity = 1,
        .flags = COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_SKIP_COMMANDLOG,
        .categories = CATEGORY_TRANSACTION,
        .keys = KEYS_NONE,
        .group = "transactions",
        .since = "1.2.0",
        .syntax = "",
        .summary = "Runs the queued commands as one, unless a watched key has changed.",
        .complexity = "Depends on the queued commands",
    },
    {
        .name = "DISCARD",
        .run = command_discard,
        .arity = 1,
        .flags = TRANSACTION_FLAGS,
        .categories = CATEGORY_TRANSACTION,
        .keys = KEYS_NONE,
        .group = "transactions",
        .since = "2.0.0",
        .syntax = "",
        .summary = "Throws the queued commands away and forgets the watched keys.",
        .complexity = "O(N) in the number of queued commands",
    },
    {
        .name = "WATCH",
        .run = command_watch,
        .arity = -2,
        .flags = TRANSACTION_FLAGS,
        .categories = CATEGORY_TRANSACTION,
        .keys = KEYS_ALL(KEY_RO),
        .group = "transactions",
        .since = "2.2.0",
        .syntax = "key [key ...]",
        .summary = "Makes the next EXEC depend on these keys staying as they are.",
        .complexity = "O(1) for each key",
    },
    {
        .name = "UNWATCH",
        .run = command_unwatch,
        .arity = 1,
        .flags = TRANSACTION_FLAGS,
        .categories = CATEGORY_TRANSACTION,
        .keys = KEYS_NONE,
        .group = "transactions",
        .since = "2.2.0",
        .syntax = "",
        .summary = "Forgets the watched keys.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
