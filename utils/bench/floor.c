#include "bench/floor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/load.h"

#define INPUT_SIZE (256 * 1024) /* bytes read at once */
#define ANSWERS_SIZE (4 * FLOOR_ANSWER_MAX)
#define EVENTS_MAX 1024
#define CLIENTS_MAX 65536  /* descriptors */
#define HEAD_MAX 256       /* bytes before a value that is stored */
#define LINE_MAX_LENGTH 80 /* bytes of an inline line */

/* Of a descriptor. All zero: nothing has come. */
struct client {
    char *block;      /* of the value that is being read; NULL: none */
    size_t filled;    /* bytes of a request that is stored */
    size_t listen_as; /* number among the listeners, from 1; 0: it is none */
};

/* Those who get so many bytes for each request. */
struct listeners {
    int descriptors[CLIENTS_MAX];
    size_t count, message_size;
};

/* What is kept of requests. */
struct store {
    char **values; /* `count` of them */
    size_t count, head_size, value_size;
    uint64_t random;
};

/* All zero: none yet. */
struct floor {
    int listener, epoll;
    char *input;
    char *answers; /* the answer again and again */
    size_t answer_size;
    struct store store;
    struct listeners listeners;
    struct client clients[CLIENTS_MAX]; /* by descriptor */
};

static void set_answer(struct floor *floor, size_t size)
{
    if (size < 3 || size > FLOOR_ANSWER_MAX)
        size = 5;
    memset(floor->answers, 'x', ANSWERS_SIZE);
    for (size_t at = 0; at + size <= ANSWERS_SIZE; at += size) {
        floor->answers[at] = '+';
        floor->answers[at + size - 2] = '\r';
        floor->answers[at + size - 1] = '\n';
    }
    floor->answer_size = size;
}

static void send_all(int descriptor, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, data, length, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        data += sent;
        length -= (size_t)sent;
    }
}

static void answer(struct floor *floor, int descriptor, size_t requests)
{
    size_t bytes = requests * floor->answer_size;
    while (bytes > 0) {
        size_t whole = ANSWERS_SIZE / floor->answer_size * floor->answer_size;
        size_t part = bytes < whole ? bytes : whole;
        send_all(descriptor, floor->answers, part);
        bytes -= part;
    }
}

static size_t count_requests(const char *data, size_t length)
{
    size_t requests = 0;
    for (const char *at = data, *end = data + length;
         (at = memchr(at, '*', (size_t)(end - at))) != NULL; at++)
        requests++;
    return requests;
}

/* --- who listens --- */

static void listen_to_all(struct floor *floor, int descriptor, size_t message_size)
{
    struct listeners *listeners = &floor->listeners;
    listeners->descriptors[listeners->count++] = descriptor;
    floor->clients[descriptor].listen_as = listeners->count;
    listeners->message_size = message_size;
}

static void listen_no_more(struct floor *floor, size_t listen_as)
{
    struct listeners *listeners = &floor->listeners;
    int last = listeners->descriptors[--listeners->count];
    listeners->descriptors[listen_as - 1] = last;
    floor->clients[last].listen_as = listen_as;
}

static void pass_on(const struct floor *floor, size_t requests)
{
    const struct listeners *listeners = &floor->listeners;
    for (size_t i = 0; i < listeners->count; i++)
        send_all(listeners->descriptors[i], floor->answers, requests * listeners->message_size);
}

/* --- what is kept --- */

static void keep(struct store *store, size_t count, size_t head_size, size_t value_size)
{
    for (size_t i = 0; i < store->count; i++)
        memory_free(store->values[i]);
    memory_free(store->values);
    *store = (struct store){
        .values = memory_allocate_zeroed(count * sizeof *store->values),
        .count = head_size > HEAD_MAX ? 0 : count,
        .head_size = head_size,
        .value_size = value_size,
    };
}

/* Adds to `vectors` what is left of a part of the request that begins at `start`. */
static int add_part(struct iovec *vectors, int count, size_t filled, size_t start, char *data,
                    size_t size)
{
    size_t done = filled < start ? 0 : filled - start < size ? filled - start : size;
    if (done < size)
        vectors[count++] = (struct iovec){data + done, size - done};
    return count;
}

static ssize_t receive_to_keep(struct floor *floor, int descriptor)
{
    const struct store *store = &floor->store;
    struct client *client = &floor->clients[descriptor];
    struct iovec vectors[3];
    size_t filled = client->filled, end = store->head_size + store->value_size;
    if (client->block == NULL)
        client->block = memory_allocate(store->value_size);
    int count = add_part(vectors, 0, filled, 0, floor->input, store->head_size);
    count = add_part(vectors, count, filled, store->head_size, client->block, store->value_size);
    count = add_part(vectors, count, filled, end, floor->input + HEAD_MAX, 2);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    return recvmsg(descriptor, &message, 0);
}

static void keep_received(struct floor *floor, int descriptor, size_t length)
{
    struct store *store = &floor->store;
    struct client *client = &floor->clients[descriptor];
    client->filled += length;
    if (client->filled < store->head_size + store->value_size + 2)
        return;
    char **place = &store->values[load_scatter(store->random++) % store->count];
    memory_free(*place);
    *place = client->block;
    client->block = NULL;
    client->filled = 0;
    answer(floor, descriptor, 1);
}

/* --- the loop --- */

static void forget(struct floor *floor, int descriptor)
{
    struct client *client = &floor->clients[descriptor];
    if (client->listen_as > 0)
        listen_no_more(floor, client->listen_as);
    memory_free(client->block);
    *client = (struct client){0};
    close(descriptor);
}

/* An inline line that has been read. False: it is none. */
static bool obey(struct floor *floor, int descriptor, size_t length)
{
    size_t numbers[3] = {0};
    struct client *client = &floor->clients[descriptor];
    if (length > LINE_MAX_LENGTH || floor->input[0] == '*' || client->filled > 0)
        return false;
    floor->input[length] = '\0';
    memory_free(client->block);
    client->block = NULL;
    if (sscanf(floor->input, "STORE %zu %zu %zu", &numbers[0], &numbers[1], &numbers[2]) >= 1)
        keep(&floor->store, numbers[0], numbers[1], numbers[2]);
    else if (sscanf(floor->input, "ANSWER %zu", &numbers[0]) == 1)
        set_answer(floor, numbers[0]);
    else if (sscanf(floor->input, "LISTEN %zu", &numbers[0]) == 1)
        listen_to_all(floor, descriptor, numbers[0]);
    else if (strcmp(floor->input, "PING\r\n") != 0)
        return false;
    send_all(descriptor, "+OK\r\n", 5);
    return true;
}

static void serve(struct floor *floor, int descriptor)
{
    bool keeps = floor->store.count > 0;
    ssize_t length =
        keeps ? receive_to_keep(floor, descriptor) : recv(descriptor, floor->input, INPUT_SIZE, 0);
    if (length <= 0) {
        forget(floor, descriptor);
        return;
    }
    if (obey(floor, descriptor, (size_t)length))
        return;
    if (keeps) {
        keep_received(floor, descriptor, (size_t)length);
        return;
    }
    size_t requests = count_requests(floor->input, (size_t)length);
    answer(floor, descriptor, requests); /* first: so its client goes on meanwhile */
    pass_on(floor, requests);
}

static void welcome(struct floor *floor)
{
    int one = 1, descriptor = accept(floor->listener, NULL, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (descriptor < 0)
        return;
    if (descriptor >= CLIENTS_MAX) {
        close(descriptor);
        return;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(floor->epoll, EPOLL_CTL_ADD, descriptor, &event);
}

_Noreturn void floor_run(int port)
{
    static struct floor floor;
    floor.listener = socket(AF_INET, SOCK_STREAM, 0);
    floor.epoll = epoll_create1(0);
    floor.input = memory_allocate(INPUT_SIZE + 1);
    floor.answers = memory_allocate(ANSWERS_SIZE);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;
    set_answer(&floor, 5);
    setsockopt(floor.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = floor.listener};
    if (bind(floor.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(floor.listener, 4096) != 0 ||
        epoll_ctl(floor.epoll, EPOLL_CTL_ADD, floor.listener, &event) != 0)
        _exit(1);
    static struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int ready = epoll_wait(floor.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == floor.listener)
                welcome(&floor);
            else
                serve(&floor, events[i].data.fd);
        }
    }
}
