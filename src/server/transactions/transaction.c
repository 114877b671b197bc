#include "server/transactions/transaction.h"

#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "commands/command.h"
#include "net/connection.h"
#include "server/dispatch.h"
#include "server/persistence/effects.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/transactions/watches.h"

#define ERROR_TEXT_MAX 512 /* bytes of EXECABORT's reason */

/* One block: the arguments' slices, then their bytes. */
struct queued {
    struct dispatch_entry *entry;
    size_t count;
    size_t size; /* bytes of the block */
    struct slice arguments[];
};

struct transaction {
    struct queued **commands;
    size_t count, capacity;
    size_t memory;  /* bytes of all blocks */
    unsigned flags; /* enum command_flag of all commands */
};

void transaction_begin(struct client *client)
{
    ASSERT(client->transaction == NULL);
    client->transaction = memory_allocate_zeroed(sizeof *client->transaction);
    client->flags |= CLIENT_IN_MULTI;
}

static struct queued *copy_command(struct dispatch_entry *entry, const struct slice *arguments,
                                   size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += arguments[i].length;
    size_t size = sizeof(struct queued) + count * sizeof(struct slice) + bytes;
    struct queued *queued = memory_try_allocate(size);
    if (queued == NULL)
        return NULL;
    queued->entry = entry;
    queued->count = count;
    queued->size = size;
    char *at = (char *)(queued->arguments + count);
    for (size_t i = 0; i < count; i++) {
        if (arguments[i].length > 0)
            memcpy(at, arguments[i].data, arguments[i].length);
        queued->arguments[i] = slice_of(at, arguments[i].length);
        at += arguments[i].length;
    }
    return queued;
}

bool transaction_queue(struct client *client, struct dispatch_entry *entry,
                       const struct slice *arguments, size_t count)
{
    /* EXEC will refuse them all: why keep this one? */
    if (client->flags & (CLIENT_DIRTY_WATCH | CLIENT_DIRTY_QUEUE))
        return true;
    struct transaction *transaction = client->transaction;
    if (transaction->count == transaction->capacity) {
        size_t capacity = transaction->capacity == 0 ? 8 : transaction->capacity * 2;
        struct queued **commands =
            memory_try_resize(transaction->commands, capacity * sizeof(struct queued *));
        if (commands == NULL)
            return false;
        transaction->commands = commands;
        transaction->capacity = capacity;
    }
    struct queued *queued = copy_command(entry, arguments, count);
    if (queued == NULL)
        return false;
    transaction->commands[transaction->count++] = queued;
    transaction->memory += queued->size;
    client->connection->queued_input = transaction_memory(client);
    transaction->flags |= entry->command->flags;
    return true;
}

static void destroy(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->count; i++)
        memory_free(transaction->commands[i]);
    memory_free(transaction->commands);
    memory_free(transaction);
}

void transaction_discard(struct client *client)
{
    if (client->transaction != NULL)
        destroy(client->transaction);
    client->transaction = NULL;
    client->connection->queued_input = 0;
    client->flags &= ~(unsigned)(CLIENT_IN_MULTI | CLIENT_DIRTY_WATCH | CLIENT_DIRTY_QUEUE);
}

void transaction_break(struct client *client)
{
    if (client->flags & CLIENT_IN_MULTI)
        client->flags |= CLIENT_DIRTY_QUEUE;
}

void transaction_abort(struct client *client, const char *error)
{
    transaction_discard(client);
    watches_forget_client(client->server->watches, client);
    if (strncmp(error, "ERR ", 4) == 0)
        error += 4; /* Redis names other codes only */
    char text[ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "EXECABORT Transaction discarded because of: %s", error);
    resp_writer_error(client->reply, text);
}

void transaction_run(struct client *client)
{
    struct transaction *transaction = client->transaction;
    client->transaction = NULL;
    client->connection->queued_input = 0;
    client->flags &= ~(unsigned)CLIENT_IN_MULTI;
    client->flags |= CLIENT_IN_EXEC;
    resp_writer_array(client->reply, transaction->count);
    effects_begin_transaction(client->server->effects);
    for (size_t i = 0; i < transaction->count; i++) {
        struct queued *queued = transaction->commands[i];
        dispatch_execute(client->server->dispatch, client, queued->entry, queued->arguments,
                         queued->count);
    }
    effects_end_transaction(client->server->effects);
    client->flags &= ~(unsigned)CLIENT_IN_EXEC;
    destroy(transaction);
}

unsigned transaction_flags(const struct client *client)
{
    return client->transaction == NULL ? 0 : client->transaction->flags;
}

size_t transaction_count(const struct client *client)
{
    return client->transaction == NULL ? 0 : client->transaction->count;
}

size_t transaction_memory(const struct client *client)
{
    const struct transaction *transaction = client->transaction;
    if (transaction == NULL)
        return 0;
    return transaction->memory + transaction->capacity * sizeof(struct queued *);
}
