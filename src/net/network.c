#include "net/network.h"

#include <errno.h>

#include "base/memory.h"
#include "base/prefetch.h"
#include "net/connection_private.h"
#include "net/listener.h"
#include "system/clock.h"
#include "system/event_loop.h"

#define BY_ID_SIZE_MIN 64        /* slots of the table by id */
#define DEADLINE_INTERVAL_MS 100 /* how often deadlines are looked at */
#define PUSHES_PER_LOOK 8        /* sends between two looks at the clock */
#define TURN_END_ROUNDS_MAX 8    /* what closing causes to be sent and closed in turn */

static const char refused_text[] = "-ERR max number of clients reached\r\n";

/* --- life --- */

static void deadlines_due(void *context)
{
    struct network *network = context;
    LIST_FOR_EACH (node, &network->deadlines) {
        struct connection *connection = LIST_ENTRY(node, struct connection, deadline_link);
        if (!connection_check_deadlines(connection))
            list_remove(&connection->deadline_link);
    }
    if (list_is_empty(&network->deadlines))
        event_timer_stop(&network->deadline_timer);
}

struct network *network_create(struct event_loop *loop, struct clock *clock,
                               const struct network_handlers *handlers, void *context)
{
    struct network *network = memory_allocate_zeroed(sizeof *network);
    network->loop = loop;
    network->clock = clock;
    network->handlers = *handlers;
    network->context = context;
    network->pool = chain_pool_create(NETWORK_BLOCKS_KEPT_MAX);
    for (int i = 0; i < NETWORK_GATHER_MAX; i++)
        network->read_buffers[i] = memory_allocate(NETWORK_READ_SIZE);
    network->gathering = connection_gathering_create();
    network->connections_max = SIZE_MAX;
    list_init(&network->all);
    list_init(&network->closed);
    list_init(&network->dying);
    list_init(&network->outputs);
    list_init(&network->urgent_pushes);
    list_init(&network->pushes);
    list_init(&network->gated);
    network->released = UINT64_MAX;
    list_init(&network->ready);
    list_init(&network->deadlines);
    event_timer_init(&network->deadline_timer, loop, deadlines_due, network);
    network->by_id_size = BY_ID_SIZE_MIN;
    network->by_id = memory_allocate_zeroed(BY_ID_SIZE_MIN * sizeof(struct connection *));
    return network;
}

static void tell_closed(struct network *network)
{
    while (!list_is_empty(&network->closed)) {
        struct connection *connection = LIST_ENTRY(network->closed.next, struct connection, link);
        list_remove(&connection->link);
        list_add_last(&network->dying, &connection->link);
        network->handlers.closed(network->context, connection);
        connection_end(connection);
    }
}

/* Frees what nobody uses any more, at most `budget` bytes of output: half a gigabyte that somebody
 * did not read would hold the loop for 30 ms. */
static void free_dying(struct network *network, size_t budget)
{
    while (!list_is_empty(&network->dying)) {
        struct connection *connection = LIST_ENTRY(network->dying.next, struct connection, link);
        struct chain *output = &connection->output;
        if (output->length > budget) {
            chain_consume(output, budget);
            event_loop_turn_again(network->loop);
            return;
        }
        budget -= output->length;
        list_remove(&connection->link);
        connection_destroy(connection);
    }
}

void network_destroy(struct network *network)
{
    network_stop_listening(network);
    LIST_FOR_EACH (node, &network->all)
        connection_close_soon(LIST_ENTRY(node, struct connection, link));
    tell_closed(network);
    free_dying(network, SIZE_MAX);
    event_timer_stop(&network->deadline_timer);
    chain_pool_destroy(network->pool);
    for (int i = 0; i < NETWORK_GATHER_MAX; i++)
        memory_free(network->read_buffers[i]);
    memory_free(network->gathering);
    memory_free(network->by_id);
    memory_free(network);
}

/* --- the turn --- */

void network_turn_begin(struct network *network)
{
    network->turn++;
    network->ran_in_turn = 0;
    struct list ready;
    list_init(&ready);
    /* Only those that waited before this turn: what is added now waits for the next. */
    while (!list_is_empty(&network->ready)) {
        struct list *node = network->ready.next;
        list_remove(node);
        list_add_last(&ready, node);
    }
    while (!list_is_empty(&ready)) {
        struct connection *connection = LIST_ENTRY(ready.next, struct connection, ready_link);
        list_remove(&connection->ready_link);
        connection_input_go_on(connection);
    }
}

/* Fetches what sending needs of the connection after this one, and the output of this one, which
 * was fetched before: of thousands that were sent one message little is left in the caches. */
static void fetch_next_outputs(const struct list *node)
{
    const struct connection *next = LIST_ENTRY(node->next, struct connection, output_link);
    prefetch(&next->output);
    prefetch(&next->last_interaction_ms);
}

static void send_outputs(const struct list *outputs, size_t count_max)
{
    while (!list_is_empty(outputs) && count_max-- > 0) {
        struct connection *connection = LIST_ENTRY(outputs->next, struct connection, output_link);
        fetch_next_outputs(&connection->output_link);
        list_remove(&connection->output_link);
        connection_output_end_turn(connection);
    }
}

/* Sends for a slice of time; what is left goes on in the next turn, at its place. Meanwhile others
 * are served, and what they publish goes along: one system call brings a subscriber all that came
 * since its last. As much time as the rest of the loop took since the last slice is always there:
 * so it takes at most twice as long as it would alone. */
static void send_slice_of_pushes(struct network *network)
{
    int64_t left_us = network->pushes_left_us;
    network->pushes_left_us = 0;
    send_outputs(&network->pushes, PUSHES_PER_LOOK); /* for a few no clock is read */
    if (list_is_empty(&network->pushes))
        return;
    int64_t now_us = clock_monotonic_us(network->clock);
    int64_t rest_us = left_us > 0 ? now_us - left_us : 0;
    int64_t end_us = now_us + (rest_us > NETWORK_PUSH_SLICE_US ? rest_us : NETWORK_PUSH_SLICE_US);
    while (now_us <= end_us) {
        send_outputs(&network->pushes, PUSHES_PER_LOOK);
        if (list_is_empty(&network->pushes))
            return;
        now_us = clock_monotonic_us(network->clock);
    }
    network->pushes_left_us = now_us;
}

bool network_send_pushes(struct network *network)
{
    bool were_left = !list_is_empty(&network->pushes);
    send_outputs(&network->pushes, SIZE_MAX);
    return were_left;
}

void network_release(struct network *network, uint64_t gate)
{
    network->released = gate;
    LIST_FOR_EACH (node, &network->gated) {
        struct connection *connection = LIST_ENTRY(node, struct connection, gated_link);
        if (connection_gate_open(connection))
            connection_send_in_turn(connection);
    }
}

void network_run_input(struct network *network)
{
    connection_input_run_gathered(network);
}

/* But for pushes that may wait. */
static bool is_unfinished(const struct network *network)
{
    return !list_is_empty(&network->outputs) || !list_is_empty(&network->urgent_pushes) ||
           !list_is_empty(&network->closed);
}

void network_turn_end(struct network *network)
{
    for (int round = 0; round < TURN_END_ROUNDS_MAX; round++) {
        send_outputs(&network->outputs, SIZE_MAX);
        send_outputs(&network->urgent_pushes, SIZE_MAX);
        if (round == 0)
            send_slice_of_pushes(network);
        tell_closed(network);
        if (!is_unfinished(network))
            break;
    }
    if (is_unfinished(network) || !list_is_empty(&network->pushes))
        event_loop_turn_again(network->loop);
    free_dying(network, NETWORK_FREED_PER_TURN_MAX);
}

size_t network_send_remaining(struct network *network)
{
    size_t left = 0;
    LIST_FOR_EACH (node, &network->all) {
        struct connection *connection = LIST_ENTRY(node, struct connection, link);
        connection_output_send(connection);
        left += connection->output.length;
    }
    return left;
}

/* --- settings --- */

void network_set_connections_max(struct network *network, size_t connections_max)
{
    network->connections_max = connections_max;
}

void network_set_keepalive(struct network *network, int interval_s)
{
    network->keepalive_s = interval_s;
}

/* --- listening --- */

static void refuse(struct network *network, int socket, const char *text)
{
    network->statistics.refused++;
    /* One try: a fresh socket has room for a line, and nobody waits for those who have not. */
    ssize_t sent = socket_send(socket, text, strlen(text));
    (void)sent;
    socket_close(socket);
}

static void accepted(void *context, int socket, const struct socket_peer *peer)
{
    struct network *network = context;
    if (network->count >= network->connections_max) {
        refuse(network, socket, refused_text);
        return;
    }
    const char *refusal =
        network->handlers.admit != NULL ? network->handlers.admit(network->context, peer) : NULL;
    if (refusal != NULL) {
        refuse(network, socket, refusal);
        return;
    }
    network->statistics.accepted++;
    if (!peer->is_unix) {
        socket_set_no_delay(socket);
        if (network->keepalive_s > 0)
            socket_set_keepalive(socket, network->keepalive_s);
    }
    connection_create(network, socket, peer);
}

static void add_listener(struct network *network, int socket, const char *unix_path)
{
    network->listeners[network->listener_count++] = listener_create(
        network->loop, socket, unix_path, NETWORK_ACCEPTS_PER_TURN_MAX, accepted, network);
}

enum error network_listen_tcp(struct network *network, const char *address, int port, int backlog,
                              bool *bound)
{
    *bound = false;
    if (network->listener_count == NETWORK_LISTENERS_MAX)
        return ERROR_LIMIT;
    bool optional = socket_address_is_optional(&address);
    int socket;
    enum error error = socket_listen_tcp(address, port, backlog, &socket);
    if (error == ERROR_SYSTEM && optional && socket_error_is_unavailable(errno))
        return OK;
    if (error != OK)
        return error;
    *bound = true;
    add_listener(network, socket, NULL);
    return OK;
}

enum error network_listen_unix(struct network *network, const char *path, unsigned mode,
                               int backlog)
{
    if (network->listener_count == NETWORK_LISTENERS_MAX)
        return ERROR_LIMIT;
    int socket;
    enum error error = socket_listen_unix(path, mode, backlog, &socket);
    if (error == OK)
        add_listener(network, socket, path);
    return error;
}

static void stop_listening(struct network *network, bool unix_too)
{
    int kept = 0;
    for (int i = 0; i < network->listener_count; i++) {
        if (!unix_too && listener_is_unix(network->listeners[i]))
            network->listeners[kept++] = network->listeners[i];
        else
            listener_destroy(network->listeners[i]);
    }
    network->listener_count = kept;
}

void network_stop_listening(struct network *network)
{
    stop_listening(network, true);
}

void network_stop_listening_tcp(struct network *network)
{
    stop_listening(network, false);
}

int network_port(const struct network *network)
{
    for (int i = 0; i < network->listener_count; i++) {
        if (!listener_is_unix(network->listeners[i]))
            return listener_port(network->listeners[i]);
    }
    return 0;
}

/* --- connections --- */

struct connection *network_adopt(struct network *network, int socket)
{
    struct socket_peer peer;
    socket_read_peer(socket, &peer);
    return connection_create(network, socket, &peer);
}

static void by_id_grow(struct network *network)
{
    memory_free(network->by_id);
    network->by_id_size *= 2;
    network->by_id = memory_allocate_zeroed(network->by_id_size * sizeof(struct connection *));
    LIST_FOR_EACH (node, &network->all) {
        struct connection *connection = LIST_ENTRY(node, struct connection, link);
        struct connection **slot = &network->by_id[connection->id & (network->by_id_size - 1)];
        connection->next_by_id = *slot;
        *slot = connection;
    }
}

void network_add(struct network *network, struct connection *connection)
{
    if (network->count >= network->by_id_size)
        by_id_grow(network);
    connection->id = ++network->last_id;
    struct connection **slot = &network->by_id[connection->id & (network->by_id_size - 1)];
    connection->next_by_id = *slot;
    *slot = connection;
    list_add_last(&network->all, &connection->link);
    network->count++;
}

void network_remove(struct network *network, struct connection *connection)
{
    struct connection **slot = &network->by_id[connection->id & (network->by_id_size - 1)];
    while (*slot != connection)
        slot = &(*slot)->next_by_id;
    *slot = connection->next_by_id;
    list_remove(&connection->link);
    list_add_last(&network->closed, &connection->link);
    network->count--;
    /* It is freed at the end of this turn, which must come even if nothing else happens. */
    event_loop_turn_again(network->loop);
}

void network_watch_deadline(struct network *network, struct connection *connection)
{
    if (connection_is_closing(connection) || !list_is_empty(&connection->deadline_link))
        return;
    list_add_last(&network->deadlines, &connection->deadline_link);
    if (!event_timer_is_active(&network->deadline_timer))
        event_timer_start(&network->deadline_timer, DEADLINE_INTERVAL_MS, DEADLINE_INTERVAL_MS);
}

const struct list *network_connections(const struct network *network)
{
    return &network->all;
}

size_t network_connection_count(const struct network *network)
{
    return network->count;
}

struct connection *network_find(const struct network *network, uint64_t id)
{
    struct connection *connection = network->by_id[id & (network->by_id_size - 1)];
    while (connection != NULL && connection->id != id)
        connection = connection->next_by_id;
    return connection;
}

/* --- looking --- */

void network_read_statistics(const struct network *network, struct network_statistics *out)
{
    *out = network->statistics;
    for (const struct list *node = network->all.next; node != &network->all; node = node->next) {
        const struct connection *connection =
            (const struct connection *)(const void *)((const char *)node -
                                                      offsetof(struct connection, link));
        out->input_memory += connection->input.capacity + connection->big_capacity;
        out->output_memory += connection->output.memory;
    }
}

const struct network_statistics *network_counts(const struct network *network)
{
    return &network->statistics;
}

void network_reset_statistics(struct network *network)
{
    network->statistics = (struct network_statistics){0};
}
