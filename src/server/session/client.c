#include "server/session/client.h"

#include "base/buffer.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "server/dispatch.h"
#include "server/persistence/effects.h"
#include "server/pubsub/pubsub.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/sessions.h"
#include "server/transactions/transaction.h"
#include "system/clock.h"

void client_close(struct client *client)
{
    if (client->flags & CLIENT_IN_COMMAND) {
        client_close_after_reply(client);
        return;
    }
    client->flags |= CLIENT_CLOSING;
    sessions_detach(client);
    connection_close_soon(client->connection);
}

void client_close_after_reply(struct client *client)
{
    client->flags |= CLIENT_CLOSING;
    connection_close_after_reply(client->connection);
}

/* Would a message now stand inside the reply of the client's own command? */
static bool is_replying(const struct client *client)
{
    return (client->flags & CLIENT_IN_EXEC) || ((client->flags & CLIENT_IN_COMMAND) &&
                                                client->reply->out->length != client->reply_start);
}

struct resp_writer *client_push_begin(struct client *client, struct resp_writer *scratch)
{
    *scratch = (struct resp_writer){
        .out = is_replying(client) ? &client->deferred : client->reply->out,
        .version = client->reply->version,
    };
    client->push_start = client->reply->out->length;
    return scratch;
}

void client_push_end(struct client *client, const struct resp_writer *writer)
{
    if (writer->out == &client->deferred)
        return;
    effects_gate_message(client->server->effects, client, client->push_start);
    client->reply_start = client->reply->out->length;
    connection_has_push(client->connection);
}

void client_push_bytes(struct client *client, struct slice resp)
{
    struct resp_writer scratch;
    chain_append(client_push_begin(client, &scratch)->out, resp.data, resp.length);
    client_push_end(client, &scratch);
}

void client_push_shared(struct client *client, struct chain_shared *shared, size_t position,
                        size_t length)
{
    if (is_replying(client)) {
        chain_append(&client->deferred, shared->data + position, length);
        return;
    }
    client->push_start = client->reply->out->length;
    connection_append_shared(client->connection, shared, position, length);
    client_push_end(client, client->reply);
}

void client_send_deferred(struct client *client)
{
    size_t start = client->reply->out->length;
    chain_splice(client->reply->out, &client->deferred);
    effects_gate_message(client->server->effects, client, start);
}

bool client_select(struct client *client, int64_t index)
{
    struct keyspace *keyspace = client->server->keyspace;
    if (index < 0 || index >= keyspace_database_count(keyspace))
        return false;
    client->database = keyspace_database(keyspace, (int)index);
    return true;
}

const char *client_address(const struct client *client)
{
    return connection_peer_address(client->connection);
}

const char *client_local_address(const struct client *client)
{
    return connection_local_address(client->connection);
}

size_t client_memory(const struct client *client)
{
    struct connection_statistics statistics;
    connection_read_statistics(client->connection, &statistics);
    return statistics.total_memory + sizeof *client + client->deferred.memory +
           transaction_memory(client) + pubsub_client_memory(client) +
           tracking_client_memory(client);
}

void client_letters(const struct client *client, char letters[CLIENT_LETTERS_MAX])
{
    const struct {
        bool holds;
        char letter;
    } table[] = {
        {client->flags & CLIENT_MONITOR, 'O'},
        {client->flags & CLIENT_PUBSUB, 'P'},
        {client->flags & CLIENT_IN_MULTI, 'x'},
        {client->flags & (CLIENT_BLOCKED | CLIENT_POSTPONED), 'b'},
        {client->flags & CLIENT_TRACKING, 't'},
        {client->flags & CLIENT_TRACKING_BROKEN_REDIRECT, 'R'},
        {tracking_is_broadcast(client), 'B'},
        {client->flags & CLIENT_DIRTY_WATCH, 'd'},
        {client->flags & CLIENT_CLOSING, 'c'},
        {client->flags & CLIENT_UNIX_SOCKET, 'U'},
        {client->flags & CLIENT_NO_EVICT, 'e'},
        {client->flags & CLIENT_NO_TOUCH, 'T'},
        {client->flags & CLIENT_IMPORT_SOURCE, 'I'},
    };
    _Static_assert(sizeof table / sizeof table[0] < CLIENT_LETTERS_MAX, "room for all letters");
    size_t length = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].holds)
            letters[length++] = table[i].letter;
    if (length == 0)
        letters[length++] = 'N';
    letters[length] = '\0';
}

void client_describe(const struct client *client, struct buffer *out)
{
    const struct connection *connection = client->connection;
    struct connection_statistics statistics;
    connection_read_statistics(connection, &statistics);
    int64_t now_ms = clock_cached_ms(client->server->clock);
    char letters[CLIENT_LETTERS_MAX];
    client_letters(client, letters);

    buffer_add_format(out,
                      "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=%s db=%d",
                      (unsigned long long)client->id, client_address(client),
                      client_local_address(client), connection_descriptor(connection), client->name,
                      (long long)(now_ms - connection->created_ms) / 1000,
                      (long long)(now_ms - connection->last_interaction_ms) / 1000, letters,
                      database_index(client->database));
    buffer_add_format(out, " sub=%zu psub=%zu ssub=%zu multi=%lld",
                      pubsub_client_count(client, PUBSUB_CHANNEL),
                      pubsub_client_count(client, PUBSUB_PATTERN),
                      pubsub_client_count(client, PUBSUB_SHARD_CHANNEL),
                      client->flags & CLIENT_IN_MULTI ? (long long)transaction_count(client) : -1);
    buffer_add_format(
        out,
        " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu rbs=%zu rbp=%zu obl=%zu "
        "oll=%zu omem=%zu tot-mem=%zu events=%s%s",
        statistics.query_buffer_length, statistics.query_buffer_free, statistics.argument_memory,
        transaction_memory(client), statistics.output_memory, (size_t)0,
        statistics.output_blocks <= 1 ? statistics.output_length : 0,
        statistics.output_blocks <= 1 ? 0 : statistics.output_blocks,
        statistics.output_blocks <= 1 ? 0 : statistics.output_memory, client_memory(client),
        statistics.waits_readable ? "r" : "", statistics.waits_writable ? "w" : "");
    buffer_add_format(out, " cmd=%s user=%s redir=%lld resp=%d lib-name=%s lib-ver=%s",
                      client->last_command != NULL ? client->last_command->full_name : "NULL",
                      client->user, (long long)tracking_redirection(client), client->reply->version,
                      client->library_name, client->library_version);
}
