#include "bench/closed_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/bench.h"
#include "bench/load.h"
#include "bench/wire.h"

#define CLIENTS_MAX 1024
#define COMMAND_MAX 4096
#define EVENTS_MAX 64
#define BETWEEN_US 1000

struct client {
    struct closed_loop_group *group;
    int descriptor;
    int64_t sent_ns;
    size_t length; /* of the command */
    size_t key_at; /* bytes into it */
    char command[COMMAND_MAX];
};

struct loop {
    int epoll;
    uint64_t random;
    int64_t counted_from_ns;
    struct client *clients;
    int client_count;
};

static void prepare(struct client *client)
{
    const struct closed_loop_group *group = client->group;
    char *at = client->command;
    if (group->value_size > 0) {
        at += sprintf(at, "*3\r\n$3\r\nSET\r\n$16\r\n");
        client->key_at = (size_t)(at - client->command);
        at += sprintf(at, "key:000000000000\r\n$%zu\r\n", group->value_size);
        memset(at, 'v', group->value_size);
        at += group->value_size;
        at += sprintf(at, "\r\n");
    } else {
        at += sprintf(at, "*2\r\n$3\r\nGET\r\n$16\r\n");
        client->key_at = (size_t)(at - client->command);
        at += sprintf(at, "key:000000000000\r\n");
    }
    client->length = (size_t)(at - client->command);
}

static void send_next(struct loop *loop, struct client *client)
{
    uint64_t number = load_scatter(++loop->random) % client->group->keys;
    load_write_key(client->command + client->key_at, client->group->first_key + (size_t)number);
    client->sent_ns = bench_monotonic_ns();
    ssize_t sent = send(client->descriptor, client->command, client->length, MSG_NOSIGNAL);
    if (sent != (ssize_t)client->length)
        bench_fail("a command could not be sent: %s", strerror(errno));
}

static void take_reply(struct loop *loop, struct client *client)
{
    char reply[COMMAND_MAX];
    ssize_t got = recv(client->descriptor, reply, sizeof reply, 0);
    if (got <= 0)
        bench_fail("the server hung up");
    if (reply[0] == '-')
        bench_fail("the server said %.*s", (int)got, reply);
    int64_t now_ns = bench_monotonic_ns();
    if (client->sent_ns >= loop->counted_from_ns) {
        int64_t us = (now_ns - client->sent_ns) / 1000;
        client->group->replies++;
        client->group->latency_us[us < CLOSED_LOOP_BUCKETS ? us : CLOSED_LOOP_BUCKETS - 1]++;
        if (us > client->group->latency_us_max)
            client->group->latency_us_max = us;
    }
    send_next(loop, client);
}

static void connect_all(struct loop *loop, int port, struct closed_loop_group *groups, int count)
{
    static struct client clients[CLIENTS_MAX];
    loop->clients = clients;
    for (int g = 0; g < count; g++) {
        groups[g].replies = 0;
        groups[g].latency_us_max = 0;
        memset(groups[g].latency_us, 0, sizeof groups[g].latency_us);
        for (int i = 0; i < groups[g].clients && loop->client_count < CLIENTS_MAX; i++) {
            struct client *client = &clients[loop->client_count++];
            struct wire wire;
            wire_open(&wire, port);
            *client = (struct client){.group = &groups[g], .descriptor = wire.descriptor};
            prepare(client);
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
            epoll_ctl(loop->epoll, EPOLL_CTL_ADD, client->descriptor, &event);
        }
    }
}

void closed_loop_run(int port, struct closed_loop_group *groups, int count, int64_t duration_us,
                     int (*between)(void *context), void *context)
{
    struct loop loop = {.epoll = epoll_create1(EPOLL_CLOEXEC), .random = (uint64_t)port};
    connect_all(&loop, port, groups, count);
    int64_t begin_ns = bench_monotonic_ns(), end_ns = begin_ns + duration_us * 1000;
    int64_t between_ns = begin_ns;
    loop.counted_from_ns = between != NULL ? begin_ns : begin_ns + duration_us * 100;
    for (int i = 0; i < loop.client_count; i++)
        send_next(&loop, &loop.clients[i]);
    for (int64_t now_ns = begin_ns; now_ns < end_ns; now_ns = bench_monotonic_ns()) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(loop.epoll, events, EVENTS_MAX, 1);
        for (int i = 0; i < ready; i++)
            take_reply(&loop, events[i].data.ptr);
        if (between != NULL && now_ns - between_ns >= BETWEEN_US * 1000) {
            between_ns = now_ns;
            if (!between(context))
                break;
        }
    }
    for (int i = 0; i < loop.client_count; i++) {
        struct wire wire = {.descriptor = loop.clients[i].descriptor};
        wire_close(&wire);
    }
    struct wire wire = {.descriptor = loop.epoll};
    wire_close(&wire);
}

double closed_loop_rate(const struct closed_loop_group *group, int64_t duration_us)
{
    return (double)group->replies / ((double)duration_us * 0.9) * 1e6;
}

double closed_loop_quantile(const struct closed_loop_group *group, double part)
{
    uint64_t wanted = (uint64_t)((double)group->replies * part), sum = 0;
    for (int us = 0; us < CLOSED_LOOP_BUCKETS; us++) {
        sum += group->latency_us[us];
        if (sum > wanted)
            return us;
    }
    return CLOSED_LOOP_BUCKETS;
}
