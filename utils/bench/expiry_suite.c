/* How late keys expire, and how long a storm of expiring keys holds the loop.
 *
 * A key's name tells its deadline: a subscriber to the expired events compares it with the time at
 * which the event arrived. */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/wire.h"
#include "server/observe/histogram.h"

#define SPREAD_KEYS 2000000
#define SPREAD_MS 60000
#define SPREAD_LATE_MS_MAX 100
#define STORM_KEYS 500000
#define STORM_MS 1000
#define STORM_HOLD_MS_MAX 5
#define GRACE_MS 30000       /* waited beyond the last deadline for events still missing */
#define LOAD_KEYS_PER_MS 150 /* at least: when the first deadline is to come */
#define PING_EVERY_US 500
#define DEADLINE_DIGITS 13

/* Key `number` expires at begin + its slot; each slot (1 ms) has equally many keys. */
struct schedule {
    int64_t begin_ms;
    size_t count;
    size_t slots;
};

struct watch {
    struct contender contender;
    struct wire control, events, pings;
    struct schedule schedule;
    struct histogram *late_ns, *ping_ns;
    size_t seen;
    int64_t queued_ns, cpu_ns; /* the server's, when the keys were there */
    int64_t
        left_after; /* keys still there SPREAD_LATE_MS_MAX after the last deadline; -1 unasked */
};

static int64_t deadline_of(const struct schedule *schedule, size_t number)
{
    return schedule->begin_ms + (int64_t)(number * 7919 % schedule->slots); /* a prime */
}

/* Name: 13 digits of deadline and 3 that tell apart the keys of one slot. */
static size_t write_expiring(char *out, size_t number, const void *context)
{
    const struct schedule *schedule = context;
    long long deadline_ms = deadline_of(schedule, number);
    return (size_t)snprintf(out, LOAD_COMMAND_SIZE,
                            "*5\r\n$3\r\nSET\r\n$16\r\n%013lld%03zu\r\n$32\r\n"
                            "0123456789abcdef0123456789abcdef\r\n$4\r\nPXAT\r\n$13\r\n%013lld\r\n",
                            deadline_ms, number / schedule->slots, deadline_ms);
}

/* --- events and pings --- */

/* One event: an array of "message", the channel, the key. */
static void take_event(struct watch *watch)
{
    wire_read(&watch->events);
    wire_read(&watch->events);
    wire_read(&watch->events);
    struct wire_reply key = wire_read(&watch->events);
    char digits[DEADLINE_DIGITS + 1] = {0};
    if (key.type != '$' || key.integer != LOAD_KEY_SIZE)
        bench_fail("not an expired event");
    memcpy(digits, key.text.data, DEADLINE_DIGITS);
    int64_t late_us = watch->events.received_us - strtoll(digits, NULL, 10) * 1000;
    histogram_record(watch->late_ns, late_us > 0 ? (uint64_t)late_us * 1000 : 0);
    watch->seen++;
}

static bool readable(struct wire *wire, int wait_ms)
{
    struct pollfd one = {wire->descriptor, POLLIN, 0};
    return wire_has_input(wire) || poll(&one, 1, wait_ms) > 0;
}

static void ask_what_is_left(struct watch *watch)
{
    int64_t end_ms = watch->schedule.begin_ms + (int64_t)watch->schedule.slots;
    if (watch->left_after < 0 && bench_wall_us() / 1000 >= end_ms + SPREAD_LATE_MS_MAX)
        watch->left_after = wire_command(&watch->control, "DBSIZE").integer;
}

/* Reads events until all have come and DBSIZE was asked, or the grace is over. Pings in between
 * when `pinging`. */
static void follow(struct watch *watch, bool pinging)
{
    int64_t end_us = (watch->schedule.begin_ms + (int64_t)watch->schedule.slots + GRACE_MS) * 1000;
    int64_t ping_at_us = bench_wall_us(), sent_ns = 0;
    while ((watch->seen < watch->schedule.count || watch->left_after < 0) &&
           bench_wall_us() < end_us) {
        if (sent_ns != 0 && readable(&watch->pings, 0)) {
            wire_skip(&watch->pings, 1);
            histogram_record(watch->ping_ns, (uint64_t)(bench_monotonic_ns() - sent_ns));
            sent_ns = 0;
            ping_at_us = bench_wall_us() + PING_EVERY_US;
        }
        if (pinging && sent_ns == 0 && bench_wall_us() >= ping_at_us) {
            sent_ns = bench_monotonic_ns();
            wire_send(&watch->pings, "PING\r\n", 6);
        }
        /* Few events at a time, so that a ping's answer is not kept waiting. */
        if (readable(&watch->events, pinging ? 0 : 10))
            for (int i = 0; i < 50 && (i == 0 || wire_has_input(&watch->events)); i++)
                take_event(watch);
        ask_what_is_left(watch);
    }
}

/* The maximum of the event "expire-cycle" in LATENCY LATEST, milliseconds; 0: none took as long as
 * one. */
static double longest_expire_cycle(struct watch *watch)
{
    double longest_ms = 0;
    struct wire_reply events = wire_command(&watch->control, "LATENCY LATEST");
    for (int64_t i = 0; i < events.integer; i++) {
        struct wire_reply head = wire_read(&watch->control);
        struct wire_reply name = wire_read(&watch->control);
        bool is_it = name.text.length == 12 && memcmp(name.text.data, "expire-cycle", 12) == 0;
        wire_skip(&watch->control, 2);
        int64_t max_ms = wire_read(&watch->control).integer;
        if (is_it)
            longest_ms = (double)max_ms;
        if (head.integer > 4)
            wire_skip(&watch->control, (size_t)head.integer - 4);
    }
    return longest_ms;
}

/* --- a run --- */

/* False if loading took until the first deadline. */
static bool try_begin(struct watch *watch, const struct bench *bench, enum side side, size_t count,
                      size_t slots, int64_t load_ms)
{
    memset(watch, 0, sizeof *watch);
    watch->late_ns = histogram_create();
    watch->ping_ns = histogram_create();
    watch->left_after = -1;
    contender_start(&watch->contender, bench, side);
    wire_open(&watch->control, watch->contender.port);
    wire_open(&watch->events, watch->contender.port);
    wire_open(&watch->pings, watch->contender.port);
    wire_configure(&watch->control, "notify-keyspace-events", "Ex");
    wire_configure(&watch->control, "latency-monitor-threshold", "1");
    wire_command(&watch->events, "SUBSCRIBE __keyevent@0__:expired");
    wire_skip(&watch->events, 3);
    watch->schedule = (struct schedule){bench_wall_us() / 1000 + load_ms, count, slots};
    load_run(&watch->control, 0, count, write_expiring, &watch->schedule);
    return bench_wall_us() / 1000 < watch->schedule.begin_ms;
}

static void end(struct watch *watch)
{
    wire_close(&watch->control);
    wire_close(&watch->events);
    wire_close(&watch->pings);
    contender_stop(&watch->contender);
    memory_free(watch->late_ns);
    memory_free(watch->ping_ns);
}

static void begin(struct watch *watch, const struct bench *bench, enum side side, size_t count,
                  size_t slots)
{
    int64_t load_ms = 1000 + (int64_t)(count / LOAD_KEYS_PER_MS);
    while (!try_begin(watch, bench, side, count, slots, load_ms)) {
        bench_progress("loading took more than %lld ms: again", (long long)load_ms);
        end(watch);
        load_ms *= 2;
    }
    watch->queued_ns = contender_queued_ns(&watch->contender);
    watch->cpu_ns = contender_cpu_ns(&watch->contender);
}

/* NaN when no event came. */
static double late_ms(const struct watch *watch, double percentile)
{
    if (watch->seen == 0)
        return NAN;
    return (double)histogram_percentile(watch->late_ns, percentile) / 1e6;
}

/* How long the server waited for its core since the keys were there. */
static double queued_ms(const struct watch *watch)
{
    return (double)(contender_queued_ns(&watch->contender) - watch->queued_ns) / 1e6;
}

/* The server's CPU time for each expired key: its removal, its event, waking up for it. */
static double cpu_us_per_key(const struct watch *watch)
{
    return (double)(contender_cpu_ns(&watch->contender) - watch->cpu_ns) / 1e3 /
           (double)watch->schedule.count;
}

struct spread_rows {
    struct report_row *p50, *p99, *max, *left, *missing, *cpu, *queued;
};

static void run_spread(const struct bench *bench, enum side side, const struct spread_rows *rows)
{
    static struct watch watch; /* its buffers are large for a stack */
    begin(&watch, bench, side, bench_scale(bench, SPREAD_KEYS), bench_scale(bench, SPREAD_MS));
    follow(&watch, false);
    report_add_value(rows->p50, side, late_ms(&watch, 50));
    report_add_value(rows->p99, side, late_ms(&watch, 99));
    report_add_value(rows->max, side, late_ms(&watch, 100));
    report_add_value(rows->left, side, (double)watch.left_after);
    report_add_value(rows->missing, side, (double)(watch.schedule.count - watch.seen));
    report_add_value(rows->cpu, side, cpu_us_per_key(&watch));
    report_add_value(rows->queued, side, queued_ms(&watch));
    end(&watch);
}

struct storm_rows {
    struct report_row *ping_max, *ping_p999, *ping_p50, *cycle, *queued, *p99, *max;
};

static void run_storm(const struct bench *bench, enum side side, const struct storm_rows *rows)
{
    static struct watch watch;
    begin(&watch, bench, side, bench_scale(bench, STORM_KEYS), STORM_MS);
    while (bench_wall_us() / 1000 < watch.schedule.begin_ms - 100)
        bench_sleep_us(10000);
    follow(&watch, true);
    report_add_value(rows->ping_max, side, (double)watch.ping_ns->maximum / 1e6);
    report_add_value(rows->ping_p999, side,
                     (double)histogram_percentile(watch.ping_ns, 99.9) / 1e6);
    report_add_value(rows->ping_p50, side, (double)histogram_percentile(watch.ping_ns, 50) / 1e6);
    report_add_value(rows->cycle, side, longest_expire_cycle(&watch));
    report_add_value(rows->queued, side, queued_ms(&watch));
    report_add_value(rows->p99, side, late_ms(&watch, 99));
    report_add_value(rows->max, side, late_ms(&watch, 100));
    end(&watch);
}

static void run(const struct bench *bench, struct report *report)
{
    struct spread_rows spread = {
        report_add_row(report, "spread: lateness of events, p50", "ms", TARGET_NONE, 0),
        report_add_row(report, "spread: lateness of events, p99", "ms", TARGET_VALUE,
                       SPREAD_LATE_MS_MAX),
        report_add_row(report, "spread: lateness of events, max", "ms", TARGET_NONE, 0),
        report_add_row(report, "spread: keys there 100 ms after the last deadline", "keys",
                       TARGET_VALUE, 0),
        report_add_row(report, "spread: events missing 30 s after the last deadline", "events",
                       TARGET_VALUE, 0),
        report_add_row(report, "spread: server's CPU time per key", "us", TARGET_NONE, 0),
        report_add_row(report, "spread: server waited for its core, in all", "ms", TARGET_NONE, 0),
    };
    struct storm_rows storm = {
        report_add_row(report, "storm: longest PING", "ms", TARGET_VALUE, STORM_HOLD_MS_MAX),
        report_add_row(report, "storm: p99.9 PING", "ms", TARGET_NONE, 0),
        report_add_row(report, "storm: p50 PING", "ms", TARGET_NONE, 0),
        report_add_row(report, "storm: longest expire-cycle by LATENCY (0: <1 ms)", "ms",
                       TARGET_VALUE, STORM_HOLD_MS_MAX),
        report_add_row(report, "storm: server waited for its core, in all", "ms", TARGET_NONE, 0),
        report_add_row(report, "storm: lateness of events, p99", "ms", TARGET_NONE, 0),
        report_add_row(report, "storm: lateness of events, max", "ms", TARGET_NONE, 0),
    };
    for (int side = 0; side < SIDES_OF_REDIS; side++) {
        if (!contender_is_there(bench, (enum side)side))
            continue;
        for (int turn = 0; turn < bench_turns(bench, 1); turn++) {
            bench_progress("%s: keys over %d s", contender_name((enum side)side),
                           (int)bench_scale(bench, SPREAD_MS) / 1000);
            run_spread(bench, (enum side)side, &spread);
        }
        for (int turn = 0; turn < bench_turns(bench, 3); turn++) {
            bench_progress("%s: storm", contender_name((enum side)side));
            run_storm(bench, (enum side)side, &storm);
        }
    }
    report_add_note(report,
                    "Spread: %zu keys over %zu s. Storm: %zu keys in one second, a PING "
                    "every %d us after the last answer.",
                    bench_scale(bench, SPREAD_KEYS), bench_scale(bench, SPREAD_MS) / 1000,
                    bench_scale(bench, STORM_KEYS), PING_EVERY_US);
    report_add_note(report, "A PING's time holds the network, the load generator and whatever else "
                            "ran on the cores: it is above what the loop was held.");
}

const struct suite expiry_suite = {"expiry", "how late keys expire, how long expiry holds the loop",
                                   run};
