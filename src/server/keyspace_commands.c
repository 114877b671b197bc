/* Commands about whole databases, and those that need the server around them. */
#include "base/number.h"
#include "commands/command.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "server/command_tables.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/blocking.h"
#include "server/session/client.h"
#include "server/transactions/watches.h"
#include "system/clock.h"

/* --- FLUSHDB, FLUSHALL, SWAPDB --- */

/* [ASYNC|SYNC]: both empty at once here, and free off the loop. */
static bool flush_options_are_valid(struct command_context *context)
{
    bool valid = context->count == 1 ||
                 (context->count == 2 && (slice_is_word(context->arguments[1], "ASYNC") ||
                                          slice_is_word(context->arguments[1], "SYNC")));
    if (!valid)
        command_reply_syntax_error(context);
    return valid;
}

static void command_flushdb(struct command_context *context)
{
    struct client *client = client_of(context);
    if (!flush_options_are_valid(context))
        return;
    watches_flushed(client->server->watches, context->database);
    tracking_flushed(client->server->tracking, client);
    context->changes += database_clear(context->database);
    resp_writer_ok(context->reply);
}

static void command_flushall(struct command_context *context)
{
    struct client *client = client_of(context);
    if (!flush_options_are_valid(context))
        return;
    watches_flushed(client->server->watches, NULL);
    tracking_flushed(client->server->tracking, client);
    for (int i = 0; i < keyspace_database_count(context->keyspace); i++)
        context->changes += database_clear(keyspace_database(context->keyspace, i));
    context->changes++; /* as Redis counts it: FLUSHALL of nothing is a change too */
    resp_writer_ok(context->reply);
}

static bool parse_database(struct command_context *context, size_t index, const char *error,
                           int64_t *out)
{
    if (number_parse_int64(context->arguments[index], out) && *out >= INT32_MIN &&
        *out <= INT32_MAX)
        return true;
    resp_writer_error(context->reply, error);
    return false;
}

static void command_swapdb(struct command_context *context)
{
    int64_t a, b;
    if (!parse_database(context, 1, "ERR invalid first DB index", &a) ||
        !parse_database(context, 2, "ERR invalid second DB index", &b))
        return;
    int count = keyspace_database_count(context->keyspace);
    if (a < 0 || b < 0 || a >= count || b >= count) {
        resp_writer_error(context->reply, "ERR DB index is out of range");
        return;
    }
    struct client *client = client_of(context);
    if (a != b)
        watches_swapped(client->server->watches, keyspace_database(context->keyspace, (int)a),
                        keyspace_database(context->keyspace, (int)b));
    keyspace_swap(context->keyspace, (int)a, (int)b);
    context->changes++;
    resp_writer_ok(context->reply);
}

/* --- DBSIZE, TIME, ROLE, WAIT --- */

static void command_dbsize(struct command_context *context)
{
    resp_writer_integer(context->reply, (int64_t)database_size(context->database));
}

static void command_time(struct command_context *context)
{
    int64_t now_us = clock_now_us(client_of(context)->server->clock);
    resp_writer_array(context->reply, 2);
    resp_writer_bulk_integer(context->reply, now_us / 1000000);
    resp_writer_bulk_integer(context->reply, now_us % 1000000);
}

static void command_role(struct command_context *context)
{
    resp_writer_array(context->reply, 3);
    resp_writer_bulk_string(context->reply, "master");
    resp_writer_integer(context->reply, 0);
    resp_writer_array(context->reply, 0);
}

static void wait_timed_out(struct client *client)
{
    resp_writer_integer(client->reply, 0);
}

/* There are no replicas: whoever waits for one waits until the timeout. */
static void command_wait(struct command_context *context)
{
    struct client *client = client_of(context);
    int64_t replicas, timeout_ms;
    if (!command_integer(context, 1, &replicas))
        return;
    if (!number_parse_int64(context->arguments[2], &timeout_ms)) {
        resp_writer_error(context->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        resp_writer_error(context->reply, "ERR timeout is negative");
        return;
    }
    if (replicas <= 0 || (client->flags & CLIENT_IN_EXEC)) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    blocking_begin(client, timeout_ms, wait_timed_out);
}

const struct command keyspace_commands[] = {
    {
        .name = "FLUSHDB",
        .run = command_flushdb,
        .arity = -1,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_KEYSPACE | CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[ASYNC|SYNC]",
        .summary = "Removes all keys of the current database.",
        .complexity = "O(1), memory is freed in the background",
    },
    {
        .name = "FLUSHALL",
        .run = command_flushall,
        .arity = -1,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_KEYSPACE | CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[ASYNC|SYNC]",
        .summary = "Removes all keys of all databases.",
        .complexity = "O(1), memory is freed in the background",
    },
    {
        .name = "SWAPDB",
        .run = command_swapdb,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE | CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "4.0.0",
        .syntax = "index1 index2",
        .summary = "Lets two databases change places.",
        .complexity = "O(N) in the number of watched keys",
    },
    {
        .name = "DBSIZE",
        .run = command_dbsize,
        .arity = 1,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Counts the keys of the current database.",
        .complexity = "O(1)",
    },
    {
        .name = "TIME",
        .run = command_time,
        .arity = 1,
        .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.6.0",
        .syntax = "",
        .summary = "Says what time it is for the server: seconds and microseconds.",
        .complexity = "O(1)",
    },
    {
        .name = "ROLE",
        .run = command_role,
        .arity = 1,
        .flags = COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST |
                 COMMAND_SENTINEL,
        .categories = CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.8.12",
        .syntax = "",
        .summary = "Says what part the server plays in replication.",
        .complexity = "O(1)",
    },
    {
        .name = "WAIT",
        .run = command_wait,
        .arity = 3,
        .flags = COMMAND_BLOCKS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "generic",
        .since = "3.0.0",
        .syntax = "numreplicas timeout",
        .summary = "Waits until replicas have got the writes of this connection, or for a time.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
