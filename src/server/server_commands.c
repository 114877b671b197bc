/* TIME, ROLE and WAIT: what needs the server around it and belongs to no room of its own. */
#include "base/number.h"
#include "commands/command.h"
#include "server/command_tables.h"
#include "server/server.h"
#include "server/session/blocking.h"
#include "server/session/client.h"
#include "system/clock.h"

/* --- TIME, ROLE, WAIT --- */

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
    blocking_begin(client, timeout_ms, wait_timed_out, NULL);
}

const struct command server_commands[] = {
    {
        .name = "TIME",
        .tips = "nondeterministic_output",
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
        .flags =
            COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_SENTINEL,
        .categories = CATEGORY_DANGEROUS | CATEGORY_ADMIN,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.8.12",
        .syntax = "",
        .summary = "Says what part the server plays in replication.",
        .complexity = "O(1)",
    },
    {
        .name = "WAIT",
        .tips = "request_policy:all_shards response_policy:agg_min",
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
