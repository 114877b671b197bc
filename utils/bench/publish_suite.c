/* CPU time of the server for each message that PUBLISH brings to a subscriber.
 *
 * Subscribers read when a round of messages is sent, not while it is: what the kernel does to wake
 * them is not the server's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/report.h"
#include "bench/wire.h"

#define MESSAGE_SIZE 64 /* bytes of payload */
#define ROUND_LENGTH 16 /* messages of each publisher; a round of all fits any socket's buffer */
#define TURNS 5         /* of which the median counts */
#define SPARE_DESCRIPTORS 100
#define RATIO_MAX 0.7

struct fan_out {
    size_t subscribers;
    size_t publishers;
    size_t pipeline; /* messages that each of them publishes at once */
    size_t messages; /* deliveries in all */
};

static const struct fan_out fan_outs[] = {{1, 1, 1, 100000},
                                          {1, 50, 1, 1000000},
                                          {100, 1, 1, 1000000},
                                          {100, 50, 1, 8000000},
                                          {100, 1, ROUND_LENGTH, 3000000},
                                          {10000, 1, 1, 1280000}};
#define FAN_OUTS (sizeof fan_outs / sizeof fan_outs[0])

/* Bytes that a message is for a subscriber. */
static size_t delivered_size(void)
{
    return strlen("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$64\r\n\r\n") + MESSAGE_SIZE;
}

static size_t messages_of_round(const struct fan_out *fan_out)
{
    return ROUND_LENGTH * fan_out->publishers;
}

static int subscribe(const struct contender *contender)
{
    static struct wire wire;
    wire_open(&wire, contender->port);
    if (contender->side == SIDE_FLOOR) {
        wire_command(&wire, "LISTEN %zu", delivered_size());
        return wire.descriptor;
    }
    wire_command(&wire, "SUBSCRIBE news");
    wire_skip(&wire, 3); /* the elements of the confirmation */
    return wire.descriptor;
}

/* Reads exactly what a round brought. */
static void drain(int descriptor, size_t length)
{
    char data[65536];
    while (length > 0) {
        ssize_t count = recv(descriptor, data, length < sizeof data ? length : sizeof data, 0);
        if (count <= 0)
            bench_fail("a subscriber was dropped: %s", strerror(errno));
        length -= (size_t)count;
    }
}

static void publish_rounds(const struct fan_out *fan_out, struct wire *publishers,
                           const int *subscribers, size_t rounds)
{
    char batch[ROUND_LENGTH * 128], payload[MESSAGE_SIZE + 1];
    memset(payload, 'm', MESSAGE_SIZE);
    payload[MESSAGE_SIZE] = '\0';
    size_t length = 0;
    for (size_t i = 0; i < fan_out->pipeline; i++)
        length += (size_t)snprintf(batch + length, sizeof batch - length,
                                   "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n%s\r\n",
                                   MESSAGE_SIZE, payload);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < ROUND_LENGTH; i += fan_out->pipeline) {
            for (size_t p = 0; p < fan_out->publishers; p++)
                wire_send(&publishers[p], batch, length);
            for (size_t p = 0; p < fan_out->publishers; p++)
                wire_skip(&publishers[p], fan_out->pipeline);
        }
        for (size_t i = 0; i < fan_out->subscribers; i++)
            drain(subscribers[i], delivered_size() * messages_of_round(fan_out));
    }
}

static void measure(const struct bench *bench, enum side side, const struct fan_out *fan_out,
                    struct report_row *row)
{
    struct contender contender;
    size_t count = fan_out->subscribers;
    size_t per_round = count * messages_of_round(fan_out);
    size_t rounds = bench_scale(bench, fan_out->messages) / per_round + 1;
    int *subscribers = memory_allocate(count * sizeof *subscribers);
    struct wire *publishers = memory_allocate(fan_out->publishers * sizeof *publishers);
    contender_start(&contender, bench, side);
    contender_allow_clients(&contender);
    for (size_t i = 0; i < count; i++)
        subscribers[i] = subscribe(&contender);
    for (size_t i = 0; i < fan_out->publishers; i++)
        wire_open(&publishers[i], contender.port);
    publish_rounds(fan_out, publishers, subscribers, 1); /* memory is touched, code is there */
    int64_t before_ns = contender_cpu_ns(&contender);
    publish_rounds(fan_out, publishers, subscribers, rounds);
    double messages = (double)(rounds * per_round);
    report_add_value(row, side, (double)(contender_cpu_ns(&contender) - before_ns) / messages);
    for (size_t i = 0; i < fan_out->publishers; i++)
        wire_close(&publishers[i]);
    for (size_t i = 0; i < count; i++)
        close(subscribers[i]);
    memory_free(publishers);
    memory_free(subscribers);
    contender_stop(&contender);
}

static void run(const struct bench *bench, struct report *report)
{
    for (size_t f = 0; f < FAN_OUTS; f++) {
        const struct fan_out *fan_out = &fan_outs[f];
        char label[128];
        snprintf(label, sizeof label, "%zu subscriber%s, %zu publisher%s, %zu message%s at once",
                 fan_out->subscribers, fan_out->subscribers > 1 ? "s" : "", fan_out->publishers,
                 fan_out->publishers > 1 ? "s" : "", fan_out->pipeline,
                 fan_out->pipeline > 1 ? "s" : "");
        if (!bench_raise_descriptors(fan_out->subscribers + SPARE_DESCRIPTORS)) {
            report_add_note(report, "Left out, for want of descriptors: %s.", label);
            continue;
        }
        struct report_row *row =
            report_add_row(report, label, "CPU ns/message", TARGET_RATIO, RATIO_MAX);
        int turns = bench_turns(bench, TURNS);
        for (int turn = 0; turn < turns; turn++)
            for (int side = 0; side < SIDES; side++) {
                if (side == SIDE_MEMCACHED || !contender_is_there(bench, (enum side)side))
                    continue;
                bench_progress("%s: %s", contender_name((enum side)side), label);
                measure(bench, (enum side)side, fan_out, row);
            }
    }
    report_add_note(report,
                    "CPU time of the server's main thread, system time included, for each message "
                    "of %d bytes and each subscriber.",
                    MESSAGE_SIZE);
    report_add_note(report,
                    "The floor answers a request, then sends the same bytes to each subscriber: "
                    "one system call for each, and no other work.");
}

const struct suite publish_suite = {"publish", "CPU time of PUBLISH per message and subscriber",
                                    run};
