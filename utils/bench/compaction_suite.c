/* Compaction under full-speed overwrites: memory, what a reader feels, how long it takes. First of
 * many small values, then of three large collections. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/closed_loop.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/wire.h"
#include "server/observe/histogram.h"

#define KEYS 8000000
#define VALUE_SIZE 100
#define WRITERS 20
#define BEFORE_US INT64_C(4000000)
#define DURING_US_MAX INT64_C(240000000)
#define SETTLE_US 3000000 /* for the disk to be done with the load */
#define LOOK_US 200000
#define LOOK_NICE 19     /* reading memory takes 5 ms, on the core of the load, ... */
#define LOOKS_A_MEMORY 5 /* ... so it is done every second: ten such reads are 1 of 1000 */
#define BEGIN_US 20000   /* until INFO says that it has begun */
#define ELEMENTS 5000000 /* of each collection */
#define KINDS 3          /* of collections */
#define CHANGES 2000     /* sent at once by the writer of collections */
#define TURN_US_MAX 5000

static const char *const arguments[] = {
    "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0", NULL};

static struct closed_loop_group groups[CLOSED_LOOP_GROUPS_MAX];

static size_t write_set(char *out, size_t number, const void *context)
{
    (void)context;
    int head = sprintf(out, "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$%d\r\n", VALUE_SIZE);
    load_write_key(strstr(out, "key:"), number);
    memset(out + head, 'v', VALUE_SIZE);
    memcpy(out + head + VALUE_SIZE, "\r\n", 2);
    return (size_t)head + VALUE_SIZE + 2;
}

/* Looks at memory and at INFO from a thread of its own: reading the memory of a large process takes
 * milliseconds, which must not count as the server's. */
struct watch {
    const struct contender *contender;
    struct wire wire;
    pthread_t thread;
    atomic_bool stops, compacted;
    atomic_size_t peak_bytes;
};

static bool is_compacting(struct wire *wire)
{
    struct wire_reply info = wire_command(wire, "INFO persistence");
    char text[8192];
    snprintf(text, sizeof text, "%.*s", (int)info.text.length, info.text.data);
    return strstr(text, "aof_rewrite_in_progress:0") == NULL ||
           strstr(text, "aof_rewrite_scheduled:0") == NULL;
}

static void *look(void *context)
{
    struct watch *watch = context;
    setpriority(PRIO_PROCESS, (id_t)gettid(), LOOK_NICE);
    for (int i = 0; !atomic_load(&watch->stops); i++) {
        size_t bytes = i % LOOKS_A_MEMORY == 0 ? contender_pss_bytes(watch->contender) : 0;
        if (bytes > atomic_load(&watch->peak_bytes))
            atomic_store(&watch->peak_bytes, bytes);
        if (!is_compacting(&watch->wire))
            atomic_store(&watch->compacted, true);
        bench_sleep_us(LOOK_US);
    }
    return NULL;
}

static int goes_on(void *context)
{
    return !atomic_load(&((struct watch *)context)->compacted);
}

struct rows {
    struct report_row *memory, *tail_before, *tail, *tail_ratio, *longest, *seconds;
};

/* `duration_us`, or until the compaction has ended. */
static void run_clients(struct watch *watch, size_t keys, int64_t duration_us, bool until_compacted)
{
    groups[0] = (struct closed_loop_group){WRITERS, VALUE_SIZE, 0, keys, 0, {0}, 0};
    groups[1] = (struct closed_loop_group){1, 0, 0, keys, 0, {0}, 0};
    watch->stops = watch->compacted = false;
    watch->peak_bytes = 0;
    pthread_create(&watch->thread, NULL, look, watch);
    closed_loop_run(watch->contender->port, groups, 2, duration_us,
                    until_compacted ? goes_on : NULL, watch);
    atomic_store(&watch->stops, true);
    pthread_join(watch->thread, NULL);
}

static void measure(const struct bench *bench, enum side side, const struct rows *rows)
{
    struct contender contender;
    char folder[SCRATCH_PATH_SIZE];
    size_t keys = bench_scale(bench, KEYS);
    scratch_make(folder);
    contender_start_in(&contender, bench, side, folder, arguments);
    struct watch watch = {.contender = &contender};
    wire_open(&watch.wire, contender.port);
    load_run(&watch.wire, 0, keys, write_set, NULL);
    bench_sleep_us(SETTLE_US);
    run_clients(&watch, keys, BEFORE_US, false);
    double before = (double)watch.peak_bytes, tail = closed_loop_quantile(&groups[1], 0.999);
    int64_t begin_ns = bench_monotonic_ns();
    wire_command(&watch.wire, "BGREWRITEAOF");
    bench_sleep_us(BEGIN_US);
    run_clients(&watch, keys, DURING_US_MAX, true);
    double seconds = (double)(bench_monotonic_ns() - begin_ns) / 1e9;
    report_add_value(rows->memory, side, (double)watch.peak_bytes / before);
    report_add_value(rows->tail_before, side, tail);
    report_add_value(rows->tail, side, closed_loop_quantile(&groups[1], 0.999));
    report_add_value(rows->tail_ratio, side, closed_loop_quantile(&groups[1], 0.999) / tail);
    report_add_value(rows->longest, side, (double)groups[1].latency_us_max / 1000);
    report_add_value(rows->seconds, side, seconds);
    wire_close(&watch.wire);
    contender_stop(&contender);
    scratch_remove(folder);
}

/* --- collections --- */

static size_t write_element(char *out, size_t number, const void *context)
{
    size_t index = number / KINDS;
    (void)context;
    switch (number % KINDS) {
    case 0:
        return (size_t)sprintf(out, "ZADD zset %zu member:%08zu\r\n",
                               (size_t)(load_scatter(index) % ELEMENTS), index);
    case 1:
        return (size_t)sprintf(out, "HSET hash field:%08zu value:%08zu\r\n", index, index);
    default:
        return (size_t)sprintf(out, "RPUSH list element:%08zu\r\n", index);
    }
}

/* Members get other scores, fields other values, the list moves on by an element. */
static size_t write_change(char *out, size_t number, const void *context)
{
    size_t elements = *(const size_t *)context;
    size_t random = (size_t)load_scatter(number), index = random % elements;
    switch (number % KINDS) {
    case 0:
        return (size_t)sprintf(out, "ZADD zset %zu member:%08zu\r\n", random / elements % elements,
                               index);
    case 1:
        return (size_t)sprintf(out, "HSET hash field:%08zu value:%08zu\r\n", index,
                               random / elements % ELEMENTS);
    default:
        return (size_t)sprintf(out, "LMOVE list list RIGHT LEFT\r\n");
    }
}

struct writer {
    struct wire wire;
    pthread_t thread;
    size_t elements;
    atomic_bool stops;
};

static void *change(void *context)
{
    struct writer *writer = context;
    for (size_t number = 0; !atomic_load(&writer->stops); number += CHANGES)
        load_run(&writer->wire, number, number + CHANGES, write_change, &writer->elements);
    return NULL;
}

/* Writes and PINGs for a while, or until the compaction has ended. */
static void ping(struct watch *watch, struct writer *writer, struct histogram *ping_ns,
                 int64_t duration_us, bool until_compacted)
{
    static struct wire wire;
    int64_t begin_ns = bench_monotonic_ns(), now_ns = begin_ns;
    wire_open(&wire, watch->contender->port);
    watch->stops = watch->compacted = false;
    watch->peak_bytes = 0;
    writer->stops = false;
    pthread_create(&watch->thread, NULL, look, watch);
    pthread_create(&writer->thread, NULL, change, writer);
    while (now_ns - begin_ns < duration_us * 1000 && (!until_compacted || goes_on(watch))) {
        wire_command(&wire, "PING");
        int64_t after_ns = bench_monotonic_ns();
        histogram_record(ping_ns, (uint64_t)(after_ns - now_ns));
        now_ns = after_ns;
    }
    atomic_store(&writer->stops, true);
    atomic_store(&watch->stops, true);
    pthread_join(writer->thread, NULL);
    pthread_join(watch->thread, NULL);
    wire_close(&wire);
}

struct collection_rows {
    struct report_row *memory, *turn, *tail_before, *tail, *longest, *seconds;
};

static double info_number(struct wire *wire, const char *section, const char *field)
{
    char text[8192];
    struct wire_reply info = wire_command(wire, "INFO %s", section);
    snprintf(text, sizeof text, "%.*s", (int)info.text.length, info.text.data);
    const char *at = strstr(text, field);
    return at != NULL ? strtod(at + strlen(field), NULL) : NAN;
}

static void measure_collections(const struct bench *bench, enum side side,
                                const struct collection_rows *rows)
{
    struct contender contender;
    char folder[SCRATCH_PATH_SIZE];
    static struct writer writer;
    writer.elements = bench_scale(bench, ELEMENTS);
    scratch_make(folder);
    contender_start_in(&contender, bench, side, folder, arguments);
    struct watch watch = {.contender = &contender};
    struct histogram *before_ns = histogram_create(), *meanwhile_ns = histogram_create();
    wire_open(&watch.wire, contender.port);
    wire_open(&writer.wire, contender.port);
    load_run(&watch.wire, 0, KINDS * writer.elements, write_element, NULL);
    bench_sleep_us(SETTLE_US);
    ping(&watch, &writer, before_ns, BEFORE_US, false);
    double before = (double)watch.peak_bytes;
    int64_t begin_ns = bench_monotonic_ns();
    wire_command(&watch.wire, "BGREWRITEAOF");
    bench_sleep_us(BEGIN_US);
    ping(&watch, &writer, meanwhile_ns, DURING_US_MAX, true);
    report_add_value(rows->seconds, side, (double)(bench_monotonic_ns() - begin_ns) / 1e9);
    report_add_value(rows->memory, side, (double)watch.peak_bytes / before);
    report_add_value(rows->turn, side,
                     info_number(&watch.wire, "persistence", "snapshot_last_turn_usec_max:"));
    report_add_value(rows->tail_before, side, (double)histogram_percentile(before_ns, 99.9) / 1e3);
    report_add_value(rows->tail, side, (double)histogram_percentile(meanwhile_ns, 99.9) / 1e3);
    report_add_value(rows->longest, side, (double)histogram_percentile(meanwhile_ns, 100) / 1e6);
    wire_close(&writer.wire);
    wire_close(&watch.wire);
    contender_stop(&contender);
    scratch_remove(folder);
    memory_free(before_ns);
    memory_free(meanwhile_ns);
}

static void run_collections(const struct bench *bench, struct report *report)
{
    struct collection_rows rows = {
        report_add_row(report, "peak memory beside that before", "x", TARGET_VALUE, 1.05),
        report_add_row(report, "longest turn of the compaction", "us", TARGET_VALUE, TURN_US_MAX),
        report_add_row(report, "PING before: p99.9", "us", TARGET_NONE, 0),
        report_add_row(report, "PING meanwhile: p99.9", "us", TARGET_NONE, 0),
        report_add_row(report, "PING meanwhile: longest", "ms", TARGET_NONE, 0),
        report_add_row(report, "compaction takes", "s", TARGET_NONE, 0),
    };
    for (int side = 0; side < SIDES_OF_REDIS; side++) {
        if (!contender_is_there(bench, (enum side)side))
            continue;
        bench_progress("%s: compaction of large collections", contender_name((enum side)side));
        measure_collections(bench, (enum side)side, &rows);
    }
    report_add_note(report,
                    "A sorted set, a hash and a list of %zu elements each, changed "
                    "by one client in pipelines.",
                    bench_scale(bench, ELEMENTS));
}

static void run(const struct bench *bench, struct report *report)
{
    struct rows rows = {
        report_add_row(report, "peak memory beside that before", "x", TARGET_VALUE, 1.05),
        report_add_row(report, "a reader before: p99.9", "us", TARGET_NONE, 0),
        report_add_row(report, "a reader meanwhile: p99.9", "us", TARGET_NONE, 0),
        report_add_row(report, "a reader's p99.9 beside that before", "x", TARGET_VALUE, 2),
        report_add_row(report, "a reader meanwhile: longest", "ms", TARGET_VALUE, 10),
        report_add_row(report, "compaction takes", "s", TARGET_RATIO, 2),
    };
    int turns = bench_turns(bench, 1);
    for (int turn = 0; turn < turns; turn++) {
        for (int side = 0; side < SIDES_OF_REDIS; side++) {
            if (!contender_is_there(bench, (enum side)side))
                continue;
            bench_progress("%s: compaction", contender_name((enum side)side));
            measure(bench, (enum side)side, &rows);
        }
    }
    report_add_note(report,
                    "%zu keys of 16 bytes with values of %d, overwritten by %d clients in a "
                    "closed loop; Pss of the process and its children.",
                    bench_scale(bench, KEYS), VALUE_SIZE, WRITERS);
}

const struct suite compaction_suite = {"compaction", "compaction under overwrites", run};

const struct suite compaction_large_suite = {
    "compaction-large", "compaction of collections of 5 M elements under writes", run_collections};
