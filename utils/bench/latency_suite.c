/* How long clients wait: at half load with the log synced for every write, a few in a closed loop,
 * beside a crowd of idle connections, and beside messages published to all of that crowd. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/closed_loop.h"
#include "bench/load.h"
#include "bench/paced.h"
#include "bench/report.h"
#include "bench/resp_requests.h"
#include "bench/scratch.h"
#include "bench/traffic.h"
#include "bench/wire.h"

#define TURNS 5
#define TURN_NS INT64_C(2000000000)
#define VALUE_SIZE 64 /* bytes */
#define KEYS 100000
#define CONNECTIONS 50
#define IDLE_CONNECTIONS 10000
#define IDLE_RATE 20000.0 /* requests a second of the others */
#define IDLE_GROWTH_MAX 2
#define SETTLE_US 1000000
#define PUBLISH_PAUSE_US 50000 /* so few that the crowd's sockets hold them all */
#define SPARE_DESCRIPTORS 200

static const int few[] = {1, 5, CONNECTIONS};
static const char *const volatile_only[] = {"--appendonly", "no", NULL};
static const char *const always[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};

static struct closed_loop_group group; /* large: not on the stack */

static int64_t turn_ns(const struct bench *bench)
{
    return bench->quick ? TURN_NS / 10 : TURN_NS;
}

/* --- half load --- */

struct waits {
    struct report_row *p50, *p99, *p999;
};

static void add_latency(const struct waits *rows, enum side side, const struct paced_latency *found)
{
    report_add_value(rows->p50, side, found->p50_us);
    report_add_value(rows->p99, side, found->p99_us);
    report_add_value(rows->p999, side, found->p999_us);
}

static double most_a_second(int port, int64_t duration_us)
{
    group = (struct closed_loop_group){CONNECTIONS, VALUE_SIZE, 0, KEYS, 0, {0}, 0};
    closed_loop_run(port, &group, 1, duration_us, NULL, NULL);
    return closed_loop_rate(&group, duration_us);
}

static void measure_half_load(const struct bench *bench, struct report *report)
{
    char value[VALUE_SIZE];
    struct traffic_requests requests;
    memset(value, 'v', sizeof value);
    resp_requests_make(&requests, KEYS, KEYS, value, VALUE_SIZE, false);
    struct waits rows = {
        report_add_row(report, "SET at half load, synced: p50", "us", TARGET_NONE, 0),
        report_add_row(report, "SET at half load, synced: p99", "us", TARGET_NONE, 0),
        report_add_row(report, "SET at half load, synced: p99.9", "us", TARGET_RATIO, 1),
    };
    double rate = 0;
    for (int turn = 0; turn < bench_turns(bench, TURNS); turn++) {
        for (int side = SIDES_OF_REDIS - 1; side >= 0; side--) {
            char folder[SCRATCH_PATH_SIZE];
            struct contender contender;
            struct paced_latency found;
            if (!contender_is_there(bench, (enum side)side))
                continue;
            bench_progress("%s: half load", contender_name((enum side)side));
            scratch_make(folder);
            contender_start_in(&contender, bench, (enum side)side, folder, always);
            if (rate == 0) /* the same for all: half of what the first to be asked can do */
                rate = most_a_second(contender.port, turn_ns(bench) / 1000) / 2;
            paced_run(contender.port, CONNECTIONS, &requests, rate, turn_ns(bench), &found);
            add_latency(&rows, (enum side)side, &found);
            contender_stop(&contender);
            scratch_remove(folder);
        }
    }
    report_add_note(
        report,
        "Half load: %.0f SETs a second over %d connections, due at fixed times; waiting "
        "counts from when each was due. Servers and load on any core.",
        rate, CONNECTIONS);
    traffic_requests_deinit(&requests);
}

/* --- few clients --- */

static int goes_on(void *context)
{
    (void)context;
    return 1;
}

static void measure_closed_loop(const struct bench *bench, struct contender *contender,
                                struct report_row *wait, struct report_row *cpu)
{
    int64_t duration_us = turn_ns(bench) / 4 / 1000;
    int64_t cpu_ns = contender_all_cpu_ns(contender);
    closed_loop_run(contender->port, &group, 1, duration_us, goes_on, NULL);
    cpu_ns = contender_all_cpu_ns(contender) - cpu_ns;
    report_add_value(wait, contender->side, closed_loop_quantile(&group, 0.5));
    report_add_value(cpu, contender->side, (double)cpu_ns / (double)group.replies);
}

static void measure_few(const struct bench *bench, struct report *report)
{
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        char label[80];
        snprintf(label, sizeof label, "GET, closed loop of %d: p50", few[i]);
        struct report_row *wait = report_add_row(report, label, "us", TARGET_NONE, 0);
        snprintf(label, sizeof label, "GET, closed loop of %d: CPU a request", few[i]);
        struct report_row *cpu = report_add_row(report, label, "ns", TARGET_NONE, 0);
        for (int turn = 0; turn < bench_turns(bench, TURNS); turn++) {
            for (int side = 0; side < SIDES_OF_REDIS; side++) {
                char folder[SCRATCH_PATH_SIZE];
                struct contender contender;
                if (!contender_is_there(bench, (enum side)side))
                    continue;
                bench_progress("%s: closed loop of %d", contender_name((enum side)side), few[i]);
                scratch_make(folder);
                contender_start_in(&contender, bench, (enum side)side, folder, volatile_only);
                group = (struct closed_loop_group){few[i], 0, 0, KEYS, 0, {0}, 0};
                measure_closed_loop(bench, &contender, wait, cpu);
                contender_stop(&contender);
                scratch_remove(folder);
            }
        }
    }
}

/* --- a crowd --- */

static void connect_all(int *crowd, int port)
{
    for (int i = 0; i < IDLE_CONNECTIONS; i++)
        crowd[i] = traffic_connect(port);
}

static void close_all(const int *crowd)
{
    for (int i = 0; i < IDLE_CONNECTIONS; i++)
        close(crowd[i]);
}

static void subscribe_all(const int *crowd)
{
    static const char line[] = "SUBSCRIBE news\r\n";
    for (int i = 0; i < IDLE_CONNECTIONS; i++)
        if (send(crowd[i], line, sizeof line - 1, MSG_NOSIGNAL) != sizeof line - 1)
            bench_fail("a subscriber was dropped: %s", strerror(errno));
}

/* A process of its own, until it is killed or its parent is gone. */
static pid_t begin_publishing(int port)
{
    pid_t parent = getpid(), child = fork();
    if (child < 0)
        bench_fail("no process: %s", strerror(errno));
    if (child > 0)
        return child;
    static struct wire wire;
    wire_open(&wire, port);
    while (getppid() == parent) {
        wire_command(&wire, "PUBLISH news %0*d", VALUE_SIZE, 0);
        bench_sleep_us(PUBLISH_PAUSE_US);
    }
    _exit(0);
}

static void end_publishing(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void measure_crowd(const struct bench *bench, struct report *report)
{
    char value[VALUE_SIZE];
    static int crowd[IDLE_CONNECTIONS];
    struct traffic_requests requests;
    if (!bench_raise_descriptors(IDLE_CONNECTIONS + SPARE_DESCRIPTORS)) {
        report_add_note(report, "no %d descriptors: the crowd is left out.", IDLE_CONNECTIONS);
        return;
    }
    memset(value, 'v', sizeof value);
    resp_requests_make(&requests, KEYS, KEYS, value, VALUE_SIZE, false);
    struct report_row *without = report_add_row(report, "others' p99, alone", "us", TARGET_NONE, 0);
    struct report_row *with =
        report_add_row(report, "others' p99 beside 10,000 idle", "us", TARGET_NONE, 0);
    struct report_row *told = report_add_row(
        report, "others' p99, 20 messages a second to the 10,000", "us", TARGET_NONE, 0);
    for (int side = 0; side < SIDES_OF_REDIS; side++) {
        struct contender contender;
        struct paced_latency found;
        if (!contender_is_there(bench, (enum side)side))
            continue;
        bench_progress("%s: %d idle connections", contender_name((enum side)side),
                       IDLE_CONNECTIONS);
        contender_start(&contender, bench, (enum side)side);
        contender_allow_clients(&contender);
        for (int turn = 0; turn < bench_turns(bench, TURNS); turn++) {
            paced_run(contender.port, CONNECTIONS, &requests, IDLE_RATE, turn_ns(bench), &found);
            report_add_value(without, (enum side)side, found.p99_us);
            connect_all(crowd, contender.port);
            bench_sleep_us(SETTLE_US); /* they come and go in other moments than those measured */
            paced_run(contender.port, CONNECTIONS, &requests, IDLE_RATE, turn_ns(bench), &found);
            report_add_value(with, (enum side)side, found.p99_us);
            close_all(crowd);
            bench_sleep_us(SETTLE_US);
        }
        connect_all(crowd, contender.port);
        subscribe_all(crowd);
        bench_sleep_us(SETTLE_US);
        for (int turn = 0; turn < bench_turns(bench, TURNS); turn++) {
            pid_t publisher = begin_publishing(contender.port);
            paced_run(contender.port, CONNECTIONS, &requests, IDLE_RATE, turn_ns(bench), &found);
            end_publishing(publisher);
            report_add_value(told, (enum side)side, found.p99_us);
        }
        close_all(crowd);
        contender_stop(&contender);
    }
    struct report_row *growth = report_add_row(report, "others' p99, beside the crowd to alone",
                                               "x", TARGET_VALUE, IDLE_GROWTH_MAX);
    for (int side = 0; side < SIDES_OF_REDIS; side++)
        report_add_value(growth, (enum side)side,
                         report_median(with, (enum side)side) /
                             report_median(without, (enum side)side));
    traffic_requests_deinit(&requests);
}

static void run(const struct bench *bench, struct report *report)
{
    measure_half_load(bench, report);
    measure_few(bench, report);
    measure_crowd(bench, report);
}

const struct suite latency_suite = {"latency",
                                    "how long clients wait at half load, and beside a crowd", run};
