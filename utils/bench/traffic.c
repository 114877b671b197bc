#include "bench/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/load.h"

#define INPUT_SIZE (256 * 1024) /* bytes read at once */
#define EVENTS_MAX 1024

struct connection {
    int socket;
    size_t owed;        /* replies */
    size_t bytes_owed;  /* of them, where their size is known */
    const char *unsent; /* of a batch that the socket did not take whole */
    size_t unsent_length;
};

struct traffic {
    int epoll;
    size_t connections, pipeline;
    size_t asking_max; /* connections with requests under way */
    struct connection *connection;
    uint64_t random;
    size_t next; /* request, when each is sent once */
    char input[INPUT_SIZE];
};

/* --- requests --- */

void traffic_requests_init(struct traffic_requests *requests, size_t count, size_t size_max)
{
    *requests = (struct traffic_requests){
        .data = memory_allocate(count * size_max),
        .starts = memory_allocate((count + 1) * sizeof(size_t)),
    };
    requests->starts[0] = 0;
}

void traffic_requests_deinit(struct traffic_requests *requests)
{
    memory_free(requests->data);
    memory_free(requests->starts);
}

char *traffic_requests_begin(struct traffic_requests *requests)
{
    return requests->data + requests->starts[requests->count];
}

void traffic_requests_end(struct traffic_requests *requests, size_t length)
{
    requests->starts[requests->count + 1] = requests->starts[requests->count] + length;
    requests->count++;
}

/* --- connections --- */

int traffic_connect(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        bench_fail("cannot connect: %s", strerror(errno));
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return descriptor;
}

struct traffic *traffic_create(int port, size_t connections, size_t pipeline)
{
    struct traffic *traffic = memory_allocate_zeroed(sizeof *traffic);
    traffic->connections = connections;
    traffic->pipeline = pipeline;
    traffic->asking_max = connections;
    traffic->connection = memory_allocate_zeroed(connections * sizeof *traffic->connection);
    traffic->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < connections; i++) {
        struct connection *connection = &traffic->connection[i];
        connection->socket = traffic_connect(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(traffic->epoll, EPOLL_CTL_ADD, connection->socket, &event) != 0)
            bench_fail("epoll: %s", strerror(errno));
    }
    return traffic;
}

void traffic_destroy(struct traffic *traffic)
{
    for (size_t i = 0; i < traffic->connections; i++)
        close(traffic->connection[i].socket);
    close(traffic->epoll);
    memory_free(traffic->connection);
    memory_free(traffic);
}

/* --- the loop --- */

static void watch(struct traffic *traffic, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(traffic->epoll, EPOLL_CTL_MOD, connection->socket, &event) != 0)
        bench_fail("epoll: %s", strerror(errno));
}

static void send_rest(struct traffic *traffic, struct connection *connection)
{
    bool waited = connection->unsent_length > 0;
    ssize_t sent = send(connection->socket, connection->unsent, connection->unsent_length,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN)
        bench_fail("the server hung up: %s", strerror(errno));
    sent = sent < 0 ? 0 : sent;
    connection->unsent += sent;
    connection->unsent_length -= (size_t)sent;
    if (connection->unsent_length > 0 || waited)
        watch(traffic, connection,
              EPOLLIN | (connection->unsent_length > 0 ? (uint32_t)EPOLLOUT : 0));
}

/* A row of requests that stand side by side. */
static void send_batch(struct traffic *traffic, struct connection *connection,
                       const struct traffic_requests *requests, bool once)
{
    size_t count = traffic->pipeline, first;
    if (once) {
        first = traffic->next;
        count = requests->count - first < count ? requests->count - first : count;
        traffic->next += count;
    } else {
        first = load_scatter(traffic->random++) % (requests->count - count + 1);
    }
    if (count == 0)
        return;
    size_t begin = requests->starts[first], length = requests->starts[first + count] - begin;
    connection->owed = count;
    connection->bytes_owed = count * requests->reply_size;
    ssize_t sent =
        send(connection->socket, requests->data + begin, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN)
        bench_fail("the server hung up: %s", strerror(errno));
    if (sent == (ssize_t)length)
        return;
    sent = sent < 0 ? 0 : sent;
    connection->unsent = requests->data + begin + sent;
    connection->unsent_length = length - (size_t)sent;
    watch(traffic, connection, EPOLLIN | EPOLLOUT);
}

static size_t count_lines(const char *data, size_t length)
{
    size_t lines = 0;
    for (const char *at = data, *end = data + length;
         (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        lines++;
    return lines;
}

/* Returns the requests that are answered now: all of the connection's, or none. */
static size_t receive(struct traffic *traffic, struct connection *connection,
                      const struct traffic_requests *requests)
{
    ssize_t length = recv(connection->socket, traffic->input, INPUT_SIZE, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN)
        return 0;
    if (length <= 0)
        bench_fail("the server hung up");
    if (traffic->input[0] == '-' && connection->owed == traffic->pipeline)
        bench_fail("an error: %.60s", traffic->input);
    if (requests->reply_size > 0) {
        if ((size_t)length > connection->bytes_owed)
            bench_fail("a reply is longer than expected: %.60s", traffic->input);
        connection->bytes_owed -= (size_t)length;
        if (connection->bytes_owed > 0)
            return 0;
        size_t answered = connection->owed;
        connection->owed = 0;
        return answered;
    }
    size_t lines = count_lines(traffic->input, (size_t)length);
    connection->owed -= lines < connection->owed ? lines : connection->owed;
    return lines;
}

void traffic_limit_asking(struct traffic *traffic, size_t connections)
{
    traffic->asking_max = connections;
}

/* Who asks when this one has been answered. */
static struct connection *draw_next(struct traffic *traffic, struct connection *answered)
{
    if (traffic->asking_max >= traffic->connections)
        return answered;
    size_t at = load_scatter(traffic->random++) % traffic->connections;
    while (traffic->connection[at].owed > 0)
        at = at + 1 < traffic->connections ? at + 1 : 0;
    return &traffic->connection[at];
}

size_t traffic_run(struct traffic *traffic, const struct traffic_requests *requests,
                   int64_t duration_ns)
{
    bool once = duration_ns == 0;
    int64_t until_ns = bench_monotonic_ns() + duration_ns;
    size_t answered = 0, busy = 0;
    traffic->next = 0;
    for (size_t i = 0; i < traffic->connections && i < traffic->asking_max; i++) {
        send_batch(traffic, &traffic->connection[i], requests, once);
        busy += traffic->connection[i].owed > 0;
    }
    while (busy > 0) {
        static struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(traffic->epoll, events, EVENTS_MAX, -1);
        bool goes_on = once || bench_monotonic_ns() < until_ns;
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_rest(traffic, connection);
            if (!(events[i].events & EPOLLIN) || connection->owed == 0)
                continue;
            answered += receive(traffic, connection, requests);
            if (connection->owed > 0)
                continue;
            struct connection *next = draw_next(traffic, connection);
            if (goes_on)
                send_batch(traffic, next, requests, once);
            busy -= next->owed == 0;
        }
    }
    return answered;
}
