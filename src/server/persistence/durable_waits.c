#include "server/persistence/durable_waits.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/number.h"
#include "commands/command.h"
#include "persist/log_writer.h"
#include "server/command_tables.h"
#include "server/persistence/persistence_private.h"
#include "server/server.h"
#include "server/session/blocking.h"
#include "server/session/client.h"

struct durable_wait {
    struct list link;
    struct client *client;
    uint64_t offset;
    bool for_replicas; /* there are none: only the timeout ends it */
};

static bool is_durable(const struct persistence *persistence, uint64_t offset)
{
    const struct log_writer *log = persistence->log;
    if (log == NULL || !log_writer_is_in_force(log))
        return false;
    if (offset > log_writer_offset(log))
        offset = log_writer_offset(log); /* it was written to a log before this one */
    return log_writer_durable_offset(log) >= offset;
}

static void reply(struct client *client)
{
    const struct persistence *persistence = client->server->persistence;
    resp_writer_array(client->reply, 2);
    resp_writer_integer(client->reply, is_durable(persistence, client->log_offset));
    resp_writer_integer(client->reply, 0);
}

void durable_waits_check(struct persistence *persistence)
{
    LIST_FOR_EACH (node, &persistence->durable_waits) {
        struct durable_wait *wait = LIST_ENTRY(node, struct durable_wait, link);
        struct client *client = wait->client;
        if (!wait->for_replicas && is_durable(persistence, wait->offset)) {
            reply(client);
            blocking_end(client);
        }
    }
}

static void forget(struct client *client)
{
    struct durable_wait *wait = client->durable_wait;
    list_remove(&wait->link);
    memory_free(wait);
    client->durable_wait = NULL;
}

static void begin(struct client *client, int64_t replicas, int64_t timeout_ms)
{
    struct durable_wait *wait = memory_allocate(sizeof *wait);
    *wait = (struct durable_wait){
        .client = client,
        .offset = client->log_offset,
        .for_replicas = replicas > 0,
    };
    list_add_last(&client->server->persistence->durable_waits, &wait->link);
    client->durable_wait = wait;
    blocking_begin(client, timeout_ms, reply, forget);
}

static bool parse_timeout(struct command_context *context, size_t index, int64_t *timeout_ms)
{
    if (!number_parse_int64(context->arguments[index], timeout_ms))
        resp_writer_error(context->reply, "ERR timeout is not an integer or out of range");
    else if (*timeout_ms < 0)
        resp_writer_error(context->reply, "ERR timeout is negative");
    else
        return true;
    return false;
}

static void command_waitaof(struct command_context *context)
{
    struct client *client = client_of(context);
    const struct persistence *persistence = client->server->persistence;
    int64_t local, replicas, timeout_ms;
    if (!command_integer(context, 1, &local) || !command_integer(context, 2, &replicas))
        return;
    if (local < 0 || local > 1 || replicas < 0) {
        resp_writer_error(context->reply, local < 0 || local > 1
                                              ? "ERR value is out of range, must be between 0 and 1"
                                              : "ERR value is out of range, must be positive");
        return;
    }
    if (!parse_timeout(context, 3, &timeout_ms))
        return;
    if (local > 0 && persistence->log == NULL) {
        resp_writer_error(context->reply, "ERR WAITAOF cannot be used when numlocal is set but "
                                          "appendonly is disabled.");
        return;
    }
    bool kept = local == 0 || is_durable(persistence, client->log_offset);
    if ((kept && replicas == 0) || (client->flags & CLIENT_IN_EXEC))
        reply(client);
    else
        begin(client, replicas, timeout_ms);
}

const struct command durable_wait_commands[] = {
    {
        .name = "WAITAOF",
        .tips = "request_policy:all_shards response_policy:agg_min",
        .run = command_waitaof,
        .arity = 4,
        .flags = COMMAND_BLOCKS,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "generic",
        .since = "7.2.0",
        .syntax = "numlocal numreplicas timeout",
        .summary = "Waits until the writes of this connection are synced to disk, or for a time.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
