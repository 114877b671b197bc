#include <errno.h>

#include "net/connection_private.h"
#include "system/clock.h"

/* --- limits --- */

/* What counts against limits: the bytes, or the memory they hold beyond the first block where
 * that is more. */
static size_t counted_output(const struct connection *connection)
{
    const struct chain *output = &connection->output;
    size_t beyond = output->memory > CHAIN_BLOCK_SIZE ? output->memory - CHAIN_BLOCK_SIZE : 0;
    return output->length > beyond ? output->length : beyond;
}

static void close_over_limit(struct connection *connection)
{
    connection->network->statistics.closed_output_limit++;
    connection_close_for(connection, CONNECTION_CLOSED_OUTPUT_LIMIT);
}

static void check_soft_limit(struct connection *connection, size_t counted)
{
    const struct connection_limits *limits = connection->limits;
    if (limits->output_soft_max == 0 || counted <= limits->output_soft_max) {
        connection->soft_limit_since_ms = 0;
        return;
    }
    int64_t now_ms = connection_now_ms(connection);
    if (connection->soft_limit_since_ms == 0) {
        connection->soft_limit_since_ms = now_ms;
        network_watch_deadline(connection->network, connection);
    } else if (now_ms - connection->soft_limit_since_ms >= limits->output_soft_ms) {
        close_over_limit(connection);
    }
}

/* `hard_min`: hard limits below it are not looked at. */
static void check_limits(struct connection *connection, size_t hard_min)
{
    const struct connection_limits *limits = connection->limits;
    size_t counted = counted_output(connection);
    size_t hard_max = limits->output_hard_max;
    if (hard_max > 0 && counted > (hard_max < hard_min ? hard_min : hard_max))
        close_over_limit(connection);
    else
        check_soft_limit(connection, counted);
}

void connection_output_check(struct connection *connection)
{
    if (connection_is_closing(connection))
        chain_deinit(&connection->output); /* nobody will read what others still push to it */
    else if (connection->limits != NULL)
        check_limits(connection, CHAIN_BLOCK_SIZE);
}

/* --- sending --- */

static void put_into(struct list *row, struct connection *connection, bool is_pushed)
{
    if (connection_is_closing(connection))
        return;
    list_remove(&connection->output_link);
    list_add_last(row, &connection->output_link);
    connection->is_pushed = is_pushed;
}

void connection_output_register(struct connection *connection)
{
    put_into(&connection->network->outputs, connection, false);
}

void connection_push_register(struct connection *connection)
{
    put_into(&connection->network->pushes, connection, true);
}

void connection_push_now(struct connection *connection)
{
    put_into(&connection->network->urgent_pushes, connection, false);
}

void connection_append_shared(struct connection *connection, struct chain_shared *shared,
                              size_t position, size_t length)
{
    if (connection->wants_write)
        chain_append(&connection->output, shared->data + position, length);
    else
        chain_append_shared(&connection->output, shared, position, length);
}

/* One system call for at most `length` bytes. Returns bytes sent, or SOCKET_BUSY, or SOCKET_FAILED.
 * `*wanted`: what it tried. */
static ssize_t send_once(struct connection *connection, size_t length, size_t *wanted)
{
    const struct chain *output = &connection->output;
    const struct chain_block *head = output->head;
    connection->network->statistics.writes++;
    if (head->end - head->start >= length) {
        *wanted = length;
        return socket_send(connection->socket, head->data + head->start, length);
    }
    struct iovec vectors[SOCKET_VECTORS_MAX];
    int count = chain_vectors(output, vectors, SOCKET_VECTORS_MAX);
    *wanted = 0;
    for (int i = 0; i < count; i++) {
        if (vectors[i].iov_len > length - *wanted) {
            vectors[i].iov_len = length - *wanted;
            count = i + 1;
        }
        *wanted += vectors[i].iov_len;
    }
    return socket_send_vectors(connection->socket, vectors, count);
}

/* The one place where bytes leave: those that no gate holds. */
void connection_output_send(struct connection *connection)
{
    struct network *network = connection->network;
    struct chain *output = &connection->output;
    size_t sent_in_turn = 0, free = connection_gate_free_output(connection);
    bool full = false;
    while (free > 0 && sent_in_turn < CONNECTION_TURN_SEND_MAX && !full) {
        size_t wanted;
        ssize_t sent = send_once(connection, free, &wanted);
        if (sent == SOCKET_BUSY)
            break;
        if (sent < 0) {
            connection->close_errno = errno;
            connection_close_for(connection, CONNECTION_CLOSED_BY_PEER);
            return;
        }
        full = (size_t)sent < wanted;
        chain_consume(output, (size_t)sent);
        free -= (size_t)sent;
        sent_in_turn += (size_t)sent;
    }
    if (sent_in_turn > 0) {
        connection->output_bytes += sent_in_turn;
        network->statistics.output_bytes += sent_in_turn;
        connection->last_interaction_ms = clock_cached_ms(network->clock);
    }
    if (output->length == 0 && connection_closes_after_reply(connection)) {
        connection_close_for(connection, CONNECTION_CLOSED_BY_SERVER);
        return;
    }
    if (free > 0 && !connection->wants_write)
        chain_unshare(output); /* it may take its time: shared bytes are not held for it alone */
    bool wanted_write = connection->wants_write;
    connection->wants_write = free > 0;
    check_limits(connection, 0);
    if (connection->wants_write != wanted_write)
        connection_update_interest(connection);
}

void connection_output_end_turn(struct connection *connection)
{
    connection->is_pushed = false;
    if (connection->wants_write)
        check_limits(connection, 0); /* the socket will say when it has room */
    else
        connection_output_send(connection);
}
