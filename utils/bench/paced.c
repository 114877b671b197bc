#include "bench/paced.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/load.h"
#include "bench/traffic.h"

#define EVENTS_MAX 256
#define QUEUE_MAX 4096 /* requests under way on one connection */

/* When what is under way on one connection was due, in order. */
struct lane {
    int socket;
    size_t first, count;
    size_t bytes; /* of the oldest reply that have come */
    int64_t due_ns[QUEUE_MAX];
};

struct paced {
    int epoll;
    struct lane *lanes;
    size_t lane_count, under_way;
    const struct traffic_requests *requests;
    int64_t *latencies_ns;
    size_t count, capacity;
    uint64_t random;
};

static void receive(struct paced *paced, struct lane *lane)
{
    char input[65536];
    ssize_t length = recv(lane->socket, input, sizeof input, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0 || input[0] == '-')
        bench_fail("the server hung up, or answered with an error");
    int64_t now_ns = bench_monotonic_ns();
    lane->bytes += (size_t)length;
    for (; lane->bytes >= paced->requests->reply_size && lane->count > 0; lane->count--) {
        lane->bytes -= paced->requests->reply_size;
        if (paced->count < paced->capacity)
            paced->latencies_ns[paced->count++] = now_ns - lane->due_ns[lane->first];
        lane->first = (lane->first + 1) % QUEUE_MAX;
        paced->under_way--;
    }
}

static void send_one(struct paced *paced, struct lane *lane, int64_t due_ns)
{
    const struct traffic_requests *requests = paced->requests;
    size_t which = load_scatter(paced->random++) % requests->count;
    size_t begin = requests->starts[which], length = requests->starts[which + 1] - begin;
    if (lane->count == QUEUE_MAX)
        bench_fail("the server does not follow: %d requests wait on a connection", QUEUE_MAX);
    lane->due_ns[(lane->first + lane->count++) % QUEUE_MAX] = due_ns;
    paced->under_way++;
    if (send(lane->socket, requests->data + begin, length, MSG_NOSIGNAL) != (ssize_t)length)
        bench_fail("a request was not sent: %s", strerror(errno));
}

static void poll_until(struct paced *paced, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t left_ns = until_ns - bench_monotonic_ns();
    struct timespec wait = {0, left_ns > 0 ? (long)left_ns : 0};
    if (wait.tv_nsec > 999999999)
        wait.tv_nsec = 999999999;
    int ready = epoll_pwait2(paced->epoll, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < ready; i++)
        receive(paced, events[i].data.ptr);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(const struct paced *paced, double part)
{
    return (double)paced->latencies_ns[(size_t)((double)(paced->count - 1) * part)] / 1000;
}

void paced_run(int port, size_t connections, const struct traffic_requests *requests, double rate,
               int64_t duration_ns, struct paced_latency *out)
{
    size_t total = (size_t)(rate * (double)duration_ns / 1e9);
    struct paced paced = {
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .lanes = memory_allocate_zeroed(connections * sizeof(struct lane)),
        .lane_count = connections,
        .requests = requests,
        .latencies_ns = memory_allocate(total * sizeof(int64_t)),
        .capacity = total,
    };
    for (size_t i = 0; i < connections; i++) {
        struct lane *lane = &paced.lanes[i];
        lane->socket = traffic_connect(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = lane};
        if (epoll_ctl(paced.epoll, EPOLL_CTL_ADD, lane->socket, &event) != 0)
            bench_fail("epoll: %s", strerror(errno));
    }
    int64_t begin_ns = bench_monotonic_ns();
    for (size_t sent = 0; sent < total;) {
        int64_t now_ns = bench_monotonic_ns();
        int64_t due_ns = begin_ns + (int64_t)((double)sent * 1e9 / rate);
        for (; due_ns <= now_ns && sent < total;
             due_ns = begin_ns + (int64_t)((double)sent * 1e9 / rate)) {
            send_one(&paced, &paced.lanes[sent % connections], due_ns);
            sent++;
        }
        poll_until(&paced, due_ns);
    }
    while (paced.under_way > 0)
        poll_until(&paced, bench_monotonic_ns() + 100000000);
    qsort(paced.latencies_ns, paced.count, sizeof(int64_t), compare);
    *out =
        (struct paced_latency){percentile_us(&paced, 0.5), percentile_us(&paced, 0.99),
                               percentile_us(&paced, 0.999), percentile_us(&paced, 1), paced.count};
    for (size_t i = 0; i < connections; i++)
        close(paced.lanes[i].socket);
    close(paced.epoll);
    memory_free(paced.lanes);
    memory_free(paced.latencies_ns);
}
