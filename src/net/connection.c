#include "net/connection.h"

#include "base/memory.h"
#include "net/connection_private.h"
#include "system/clock.h"
#include "system/socket.h"

/* --- life --- */

static void ready(void *context, unsigned events)
{
    struct connection *connection = context;
    if (events & EVENT_WRITABLE)
        connection_output_send(connection);
    /* One that goes on by itself reads nothing more before that: level-triggered, it will be told
     * again. */
    if ((events & EVENT_READABLE) && list_is_empty(&connection->ready_link) &&
        !(connection->stop & (CONNECTION_STOP_CLOSING | CONNECTION_STOP_AFTER_REPLY)))
        connection_input_read(connection);
}

struct connection *connection_create(struct network *network, int socket,
                                     const struct socket_peer *peer)
{
    struct connection *connection = memory_allocate_zeroed(sizeof *connection);
    connection->network = network;
    connection->socket = socket;
    connection->created_ms = connection->last_interaction_ms = clock_cached_ms(network->clock);
    connection->is_unix = peer->is_unix;
    connection->is_loopback = peer->is_loopback;
    connection->peer_address = memory_copy_string(peer->address);
    connection->parser = resp_parser_create();
    chain_init(&connection->output, network->pool);
    connection->reply = (struct resp_writer){.out = &connection->output, .version = 2};
    list_init(&connection->link);
    list_init(&connection->output_link);
    list_init(&connection->ready_link);
    list_init(&connection->gated_link);
    list_init(&connection->deadline_link);
    event_io_init(&connection->io, network->loop, socket, ready, connection);
    network_add(network, connection);
    network->handlers.opened(network->context, connection);
    ASSERT(connection->limits != NULL || connection_is_closing(connection));
    connection_update_interest(connection);
    return connection;
}

void connection_end(struct connection *connection)
{
    event_io_stop(&connection->io);
    socket_close(connection->socket);
}

void connection_destroy(struct connection *connection)
{
    chain_deinit(&connection->output);
    buffer_deinit(&connection->input);
    memory_free(connection->big_block);
    memory_free(connection->gates);
    resp_parser_destroy(connection->parser);
    memory_free(connection->peer_address);
    memory_free(connection->local_address);
    memory_free(connection);
}

/* --- ending --- */

void connection_close_for(struct connection *connection, enum connection_close_reason reason)
{
    if (connection_is_closing(connection))
        return;
    if (connection->close_reason == CONNECTION_OPEN)
        connection->close_reason = reason;
    connection->stop |= CONNECTION_STOP_CLOSING;
    event_io_stop(&connection->io);
    list_remove(&connection->output_link);
    list_remove(&connection->ready_link);
    list_remove(&connection->gated_link);
    list_remove(&connection->deadline_link);
    network_remove(connection->network, connection);
}

void connection_close_soon(struct connection *connection)
{
    connection_close_for(connection, CONNECTION_CLOSED_BY_SERVER);
}

void connection_close_after_reply_for(struct connection *connection,
                                      enum connection_close_reason reason)
{
    if (connection_is_closing(connection))
        return;
    if (connection->close_reason == CONNECTION_OPEN)
        connection->close_reason = reason;
    connection->stop |= CONNECTION_STOP_AFTER_REPLY;
    list_remove(&connection->ready_link);
    connection_has_output(connection); /* the end of the turn closes it, even if there is none */
    connection_update_interest(connection);
}

void connection_close_after_reply(struct connection *connection)
{
    connection_close_after_reply_for(connection, CONNECTION_CLOSED_BY_SERVER);
}

/* --- what the socket is watched for --- */

static bool has_read_enough(const struct connection *connection)
{
    return (connection->stop & (CONNECTION_STOP_PAUSED | CONNECTION_STOP_GATED)) &&
           connection->input.length + connection->big_filled >= CONNECTION_PAUSED_INPUT_MAX;
}

void connection_update_interest(struct connection *connection)
{
    if (connection_is_closing(connection))
        return;
    bool reads = !connection->reading_paused && !connection->peer_ended &&
                 !has_read_enough(connection) && !connection_closes_after_reply(connection);
    unsigned interest = (reads ? EVENT_READABLE : EVENT_NONE) |
                        (connection->wants_write ? EVENT_WRITABLE : EVENT_NONE);
    event_io_set(&connection->io, interest);
}

void connection_go_on_next_turn(struct connection *connection)
{
    if (!list_is_empty(&connection->ready_link) || connection_is_closing(connection))
        return;
    list_add_last(&connection->network->ready, &connection->ready_link);
    event_loop_turn_again(connection->network->loop);
}

void connection_pause(struct connection *connection)
{
    connection->stop |= CONNECTION_STOP_PAUSED;
    connection_update_interest(connection);
}

bool connection_is_left_unread(const struct connection *connection)
{
    return (connection->stop & CONNECTION_STOP_PAUSED) && has_read_enough(connection) &&
           socket_peer_has_left(connection->socket);
}

void connection_resume(struct connection *connection)
{
    if (!(connection->stop & CONNECTION_STOP_PAUSED))
        return;
    connection->stop &= ~(unsigned)CONNECTION_STOP_PAUSED;
    connection_update_interest(connection);
    connection_go_on_next_turn(connection);
}

void connection_pause_reading(struct connection *connection)
{
    connection->reading_paused = true;
    connection_update_interest(connection);
}

void connection_resume_reading(struct connection *connection)
{
    connection->reading_paused = false;
    connection_update_interest(connection);
}

/* --- limits --- */

int64_t connection_now_ms(const struct connection *connection)
{
    return clock_monotonic_us(connection->network->clock) / 1000;
}

void connection_set_limits(struct connection *connection, const struct connection_limits *limits)
{
    if (limits == connection->limits)
        return;
    connection->limits = limits;
    connection->limits_deadline_ms = 0;
    if (limits->deadline_ms > 0) {
        connection->limits_deadline_ms = connection_now_ms(connection) + limits->deadline_ms;
        network_watch_deadline(connection->network, connection);
    }
}

bool connection_check_deadlines(struct connection *connection)
{
    if (connection->limits_deadline_ms != 0 &&
        connection_now_ms(connection) >= connection->limits_deadline_ms) {
        connection->network->statistics.closed_deadline++;
        connection_close_for(connection, CONNECTION_CLOSED_DEADLINE);
        return false;
    }
    if (connection->soft_limit_since_ms != 0)
        connection_output_check(connection);
    return connection->limits_deadline_ms != 0 || connection->soft_limit_since_ms != 0;
}

/* --- settings and looking --- */

void connection_set_keepalive(struct connection *connection, int interval_s)
{
    if (!connection->is_unix)
        socket_set_keepalive(connection->socket, interval_s);
}

const char *connection_peer_address(const struct connection *connection)
{
    return connection->peer_address;
}

const char *connection_local_address(struct connection *connection)
{
    if (connection->local_address == NULL) {
        char address[SOCKET_ADDRESS_MAX];
        socket_local_address(connection->socket, address);
        connection->local_address = memory_copy_string(address);
    }
    return connection->local_address;
}

int connection_descriptor(const struct connection *connection)
{
    return connection->socket;
}

void connection_read_statistics(const struct connection *connection,
                                struct connection_statistics *out)
{
    const struct chain *output = &connection->output;
    unsigned interest =
        connection_is_closing(connection) ? EVENT_NONE : event_io_interest(&connection->io);
    size_t blocks = 0;
    for (const struct chain_block *block = output->head; block != NULL; block = block->next)
        blocks++;
    *out = (struct connection_statistics){
        .query_buffer_length = connection->input.length,
        .query_buffer_free = connection->input.capacity - connection->input.length,
        .argument_memory = connection->big_capacity + resp_parser_memory(connection->parser),
        .output_length = output->length,
        .output_blocks = blocks,
        .output_memory = output->memory,
        .input_bytes = connection->input_bytes,
        .output_bytes = connection->output_bytes,
        .commands = connection->commands,
        .waits_readable = (interest & EVENT_READABLE) != 0,
        .waits_writable = (interest & EVENT_WRITABLE) != 0,
    };
    out->total_memory =
        sizeof *connection + connection->input.capacity + out->argument_memory + out->output_memory;
}
