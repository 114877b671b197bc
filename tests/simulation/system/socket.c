/* system/socket.h in the simulated world: sockets are pairs of queues.
 *
 * The number of a socket is that of its end at the server. Where a worker of the server has made
 * the connection, the client's end has a number, too: OTHER_END more. */
#include "system/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "simulated_socket.h"
#include "simulated_worker.h"
#include "system/event_loop.h"
#include "world.h"

#define SOCKETS_MAX 64
#define FIRST 1000 /* the number of the first: none that a file could have */
#define OTHER_END SOCKETS_MAX
#define PORT 6379
#define ROOM_MAX 2048     /* bytes on their way to a client; more is SOCKET_BUSY */
#define PIECE_SMALL_MAX 9 /* bytes */
#define REFUSED_ONE_IN 16 /* connections of workers */
#define CUT_ONE_IN 100    /* looks of workers at a connection */

enum state { FREE, LISTENING, WAITING, OPEN };

struct socket {
    enum state state;
    bool is_unix;     /* this, or the listener it came to */
    bool is_outgoing; /* the client is a worker of the server */
    bool cut;         /* the network carries nothing more */
    bool client_left, server_left;
    struct buffer sent, arrived;   /* by the client, at the server */
    struct buffer answers, landed; /* by the server, at the client */
    uint64_t taken;                /* bytes the server has read */
    size_t low;                    /* bytes that must have arrived before it is told */
    uint64_t answered, heard;      /* bytes the server has sent, and the client read */
    struct buffer marks;           /* struct mark: under which promises, in order */
};

/* From this byte on, up to the next mark. */
struct mark {
    uint64_t from;
    struct world_promise promise;
};

static struct socket sockets[SOCKETS_MAX];

static struct socket *at(int number)
{
    ASSERT(number >= FIRST && number < FIRST + SOCKETS_MAX);
    return &sockets[number - FIRST];
}

static bool is_other_end(int number)
{
    return number >= FIRST + OTHER_END;
}

/* As the server sees it. */
static bool has_client(const struct socket *socket)
{
    return !socket->client_left && !socket->cut;
}

static int number_of(const struct socket *socket)
{
    return FIRST + (int)(socket - sockets);
}

static struct socket *take(enum state state)
{
    for (int i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state != FREE)
            continue;
        sockets[i].state = state;
        return &sockets[i];
    }
    ASSERT(false);
    return NULL;
}

static void clear(struct socket *socket)
{
    buffer_deinit(&socket->sent);
    buffer_deinit(&socket->arrived);
    buffer_deinit(&socket->answers);
    buffer_deinit(&socket->landed);
    buffer_deinit(&socket->marks);
    *socket = (struct socket){.state = FREE};
}

static size_t piece(size_t length)
{
    size_t some = world_chance(4) ? PIECE_SMALL_MAX : length;
    return 1 + (size_t)world_below(some < length ? some : length);
}

static void move(struct buffer *from, struct buffer *to, size_t length)
{
    if (length == 0)
        return;
    buffer_add(to, from->data, length);
    buffer_drop_front(from, length);
}

static struct mark *mark_at(struct socket *socket, size_t index)
{
    return (struct mark *)(void *)socket->marks.data + index;
}

static size_t mark_count(const struct socket *socket)
{
    return socket->marks.length / sizeof(struct mark);
}

static void mark(struct socket *socket)
{
    static const struct world_promise none = {UINT64_MAX, UINT64_MAX};
    struct mark mark = {socket->answered,
                        world.promise != NULL ? world.promise(world.context) : none};
    size_t count = mark_count(socket);
    if (count > 0 &&
        memcmp(&mark_at(socket, count - 1)->promise, &mark.promise, sizeof mark.promise) == 0)
        return;
    buffer_add(&socket->marks, (const char *)&mark, sizeof mark);
}

/* --- the other end --- */

static int connect_to(bool unix_path);

static bool is_over(const struct socket *socket)
{
    return socket->cut || (socket->server_left && socket->answers.length == 0);
}

static bool can_be_read(int number)
{
    const struct socket *socket = at(number);
    return socket->landed.length > 0 || is_over(socket) || world.forges_answers;
}

static bool can_be_written(int number)
{
    const struct socket *socket = at(number);
    return socket->sent.length < ROOM_MAX || is_over(socket);
}

/* What is on its way arrives, or a part of it, or nothing. */
static void cut(struct socket *socket)
{
    socket->cut = true;
    if (world_chance(2))
        socket->sent.length = (size_t)world_below(socket->sent.length + 1);
}

enum error socket_connect_tcp(const char *host, int port, int *out)
{
    bool is_refused =
        strcmp(host, "127.0.0.1") != 0 || port != PORT || world_chance(REFUSED_ONE_IN);
    int number = is_refused ? -1 : connect_to(false);
    if (number < 0) {
        world_meet(MET_REFUSED);
        errno = ECONNREFUSED;
        return ERROR_SYSTEM;
    }
    at(number)->is_outgoing = true;
    *out = number + OTHER_END;
    return OK;
}

bool socket_is_connected(int number)
{
    const struct socket *socket = at(number - OTHER_END);
    return !socket->cut && !socket->server_left;
}

bool socket_wait(int number, bool for_writing, int timeout_ms)
{
    struct socket *socket = at(number - OTHER_END);
    if (world_chance(CUT_ONE_IN) && !socket->cut) {
        world_meet(MET_CUT);
        cut(socket);
    }
    return simulated_worker_wait(for_writing ? can_be_written : can_be_read, number - OTHER_END,
                                 world.now_us + (int64_t)timeout_ms * 1000);
}

static ssize_t forge(const struct iovec *vector)
{
    static const char answer[] = "+OK\r\n";
    size_t length = sizeof answer - 1 < vector->iov_len ? sizeof answer - 1 : vector->iov_len;
    memcpy(vector->iov_base, answer, length);
    return (ssize_t)length;
}

static ssize_t other_end_receive(struct socket *socket, const struct iovec *vector)
{
    if (world.forges_answers)
        return forge(vector);
    size_t length =
        socket->landed.length < vector->iov_len ? socket->landed.length : vector->iov_len;
    if (socket->cut) {
        errno = ECONNRESET;
        return SOCKET_FAILED;
    }
    if (length == 0)
        return is_over(socket) ? 0 : SOCKET_BUSY;
    memcpy(vector->iov_base, socket->landed.data, length);
    buffer_drop_front(&socket->landed, length);
    return (ssize_t)length;
}

static ssize_t other_end_send(struct socket *socket, const struct iovec *vector)
{
    size_t room = socket->sent.length < ROOM_MAX ? ROOM_MAX - socket->sent.length : 0;
    size_t length = vector->iov_len < room ? vector->iov_len : room;
    if (is_over(socket)) {
        errno = EPIPE;
        return SOCKET_FAILED;
    }
    if (length == 0)
        return SOCKET_BUSY;
    if (world.sends != NULL)
        world.sends(world.context, slice_of(vector->iov_base, vector->iov_len));
    length = world_chance(4) ? 1 + (size_t)world_below(length) : length;
    buffer_add(&socket->sent, vector->iov_base, length);
    return (ssize_t)length;
}

/* --- the server's side --- */

enum error socket_listen_tcp(const char *address, int port, int backlog, int *out)
{
    (void)address, (void)port, (void)backlog;
    *out = number_of(take(LISTENING));
    return OK;
}

enum error socket_listen_unix(const char *path, unsigned mode, int backlog, int *out)
{
    (void)path, (void)mode, (void)backlog;
    struct socket *listener = take(LISTENING);
    listener->is_unix = true;
    *out = number_of(listener);
    return OK;
}

bool socket_address_is_optional(const char **address)
{
    bool optional = **address == '-';
    *address += optional;
    return optional;
}

bool socket_error_is_unavailable(int error_number)
{
    return error_number == EADDRNOTAVAIL;
}

void socket_read_peer(int socket, struct socket_peer *peer)
{
    *peer = (struct socket_peer){.is_loopback = true, .is_unix = at(socket)->is_unix};
    if (!peer->is_unix)
        snprintf(peer->address, sizeof peer->address, "127.0.0.1:%d", socket);
}

static bool waits_for(const struct socket *socket, const struct socket *listener)
{
    return socket->state == WAITING && socket->is_unix == listener->is_unix;
}

enum error socket_accept(int listener, int *out, struct socket_peer *peer)
{
    ASSERT(at(listener)->state == LISTENING);
    for (int i = 0; i < SOCKETS_MAX; i++) {
        if (!waits_for(&sockets[i], at(listener)))
            continue;
        sockets[i].state = OPEN;
        if (sockets[i].is_unix)
            world_meet(MET_UNIX);
        *out = FIRST + i;
        socket_read_peer(*out, peer);
        return OK;
    }
    return ERROR_NOT_FOUND;
}

void socket_set_no_delay(int socket)
{
    (void)socket;
}

void socket_set_keepalive(int socket, int interval_s)
{
    (void)socket, (void)interval_s;
}

bool socket_peer_has_left(int number)
{
    return !has_client(at(number));
}

size_t socket_receivable(int number)
{
    return at(number)->arrived.length;
}

void socket_set_receive_low(int number, size_t bytes)
{
    at(number)->low = bytes;
}

ssize_t socket_receive_vectors(int number, struct iovec *vectors, int count)
{
    if (is_other_end(number))
        return other_end_receive(at(number - OTHER_END), vectors);
    struct socket *socket = at(number);
    ssize_t sum = 0;
    if (socket->arrived.length == 0)
        return !has_client(socket) && socket->sent.length == 0 ? 0 : SOCKET_BUSY;
    for (int i = 0; i < count && socket->arrived.length > 0; i++) {
        size_t length = socket->arrived.length;
        length = length < vectors[i].iov_len ? length : vectors[i].iov_len;
        memcpy(vectors[i].iov_base, socket->arrived.data, length);
        buffer_drop_front(&socket->arrived, length);
        sum += (ssize_t)length;
    }
    socket->taken += (uint64_t)sum;
    return sum;
}

ssize_t socket_receive(int number, void *out, size_t size)
{
    struct iovec vector = {out, size};
    return socket_receive_vectors(number, &vector, 1);
}

ssize_t socket_send_vectors(int number, struct iovec *vectors, int count)
{
    if (is_other_end(number))
        return other_end_send(at(number - OTHER_END), vectors);
    struct socket *socket = at(number);
    ssize_t sum = 0;
    if (world.off || !has_client(socket)) {
        errno = EPIPE;
        return SOCKET_FAILED; /* nobody will ever see it */
    }
    mark(socket);
    for (int i = 0; i < count && socket->answers.length < ROOM_MAX; i++) {
        size_t room = ROOM_MAX - socket->answers.length, length = vectors[i].iov_len;
        length = length < room ? length : room;
        buffer_add(&socket->answers, vectors[i].iov_base, length);
        world_trace("answer", vectors[i].iov_base, length);
        sum += (ssize_t)length;
    }
    socket->answered += (uint64_t)sum;
    return sum > 0 ? sum : SOCKET_BUSY;
}

ssize_t socket_send(int number, const void *data, size_t length)
{
    struct iovec vector = {(void *)(uintptr_t)data, length};
    return socket_send_vectors(number, &vector, 1);
}

void socket_close(int number)
{
    if (is_other_end(number)) {
        simulated_socket_leave(number - OTHER_END);
        return;
    }
    struct socket *socket = at(number);
    if (socket->state == FREE)
        return; /* it ended with the process */
    socket->server_left = true;
    if (socket->state == LISTENING || socket->client_left)
        clear(socket);
}

void socket_local_address(int socket, char out[SOCKET_ADDRESS_MAX])
{
    (void)socket;
    snprintf(out, SOCKET_ADDRESS_MAX, "127.0.0.1:%d", PORT);
}

int socket_port(int socket)
{
    (void)socket;
    return PORT;
}

enum error socket_pair(int out[2])
{
    (void)out;
    errno = ENOSYS;
    return ERROR_SYSTEM;
}

unsigned simulated_socket_ready(int number)
{
    const struct socket *socket = at(number);
    unsigned ready = EVENT_NONE;
    if (socket->state == LISTENING) {
        for (int i = 0; i < SOCKETS_MAX; i++)
            if (waits_for(&sockets[i], socket))
                ready = EVENT_READABLE;
        return ready;
    }
    bool has_enough = socket->arrived.length > 0 && socket->arrived.length >= socket->low;
    if (has_enough || (!has_client(socket) && socket->sent.length == 0))
        ready |= EVENT_READABLE;
    if (socket->answers.length < ROOM_MAX || !has_client(socket))
        ready |= EVENT_WRITABLE;
    return ready;
}

/* --- the clients' side --- */

static int connect_to(bool unix_path)
{
    for (int i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state != LISTENING || sockets[i].is_unix != unix_path || world.off)
            continue;
        struct socket *socket = take(WAITING);
        socket->is_unix = unix_path;
        return number_of(socket);
    }
    return -1;
}

int simulated_socket_connect(void)
{
    int number = world_chance(4) ? connect_to(true) : -1;
    return number >= 0 ? number : connect_to(false);
}

void simulated_socket_write(int number, struct slice bytes)
{
    if (!at(number)->server_left)
        buffer_add(&at(number)->sent, bytes.data, bytes.length);
}

bool simulated_socket_read(int number, struct buffer *out, struct world_promise *promise)
{
    struct socket *socket = at(number);
    size_t length = socket->landed.length, count = mark_count(socket), i = 0;
    while (i + 1 < count && mark_at(socket, i + 1)->from <= socket->heard)
        i++;
    if (i + 1 < count && mark_at(socket, i + 1)->from - socket->heard < length)
        length = (size_t)(mark_at(socket, i + 1)->from - socket->heard);
    if (length > 0)
        *promise = mark_at(socket, i)->promise;
    move(&socket->landed, out, length);
    socket->heard += length;
    return !socket->server_left || socket->answers.length > 0 || socket->landed.length > 0;
}

void simulated_socket_leave(int number)
{
    struct socket *socket = at(number);
    socket->client_left = true;
    if (socket->server_left || socket->state == WAITING)
        clear(socket);
}

uint64_t simulated_socket_taken(int number)
{
    return at(number)->taken;
}

bool simulated_socket_is_settled(void)
{
    for (int i = 0; i < SOCKETS_MAX; i++)
        if (sockets[i].state != FREE && (sockets[i].is_outgoing || !has_client(&sockets[i])))
            return false;
    return true;
}

bool simulated_socket_step(void)
{
    int first = (int)world_below(SOCKETS_MAX);
    for (int i = 0; i < SOCKETS_MAX; i++) {
        struct socket *socket = &sockets[(first + i) % SOCKETS_MAX];
        bool up = socket->sent.length > 0 && !socket->server_left;
        bool down = socket->answers.length > 0;
        if (up && (!down || world_chance(2)))
            move(&socket->sent, &socket->arrived, piece(socket->sent.length));
        else if (down)
            move(&socket->answers, &socket->landed, piece(socket->answers.length));
        else
            continue;
        return true;
    }
    return false;
}

void simulated_socket_drain(void)
{
    for (int i = 0; i < SOCKETS_MAX; i++)
        move(&sockets[i].answers, &sockets[i].landed, sockets[i].answers.length);
}

void simulated_socket_end_server(void)
{
    simulated_socket_drain();
    for (int i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state == FREE)
            continue;
        if (sockets[i].is_outgoing)
            world_meet(MET_MOVE_CRASHED);
        socket_close(FIRST + i);
    }
}
