/* The longest single insert from 0 to 20 M keys, and whether there ever is a second table.
 *
 * Measured inside a process of its own against src/keyspace, so that no socket hides anything: each
 * database_set_string by the monotonic clock and by the thread's CPU time. Where the first is long
 * and the second is not, something else had the core. Beside it both servers' own word: the longest
 * SET in their SLOWLOG. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/wire.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "server/observe/histogram.h"

#define KEY_OFFSET 18 /* bytes into a SET */
#define KEYS_MAX 20000000
#define CONTROL_FINDS 200 /* between two readings of the clock: as long as the longest insert */
#define INSERT_US_MAX 1000
#define SLOWLOG_THRESHOLD_US "300"

struct outcome {
    int64_t wall_max_ns, wall_p9999_ns, wall_p50_ns;
    int64_t cpu_max_ns, cpu_p9999_ns;
    int64_t wall_over, cpu_over;                            /* inserts above INSERT_US_MAX */
    int64_t preempted;                                      /* times something else took the core */
    int64_t control_max_ns, control_p9999_ns, control_over; /* CPU time, see measure_control */
    size_t table_peak_bytes, table_bytes, table_step_bytes;
};

struct rows {
    struct report_row *wall_max, *wall_p9999, *wall_p50, *cpu_max, *cpu_p9999;
    struct report_row *wall_over, *cpu_over, *preempted;
    struct report_row *peak, *step, *bytes, *slowlog;
};

/* --- in the process --- */

static int64_t cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t preemptions(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

static struct key named(const struct keyspace *keyspace, char text[LOAD_KEY_SIZE], size_t number)
{
    load_write_key(text, number);
    struct key key = {.name = {text, LOAD_KEY_SIZE}};
    key.hash = keyspace_hash(keyspace, key.name);
    return key;
}

static void find(struct keyspace *keyspace, size_t number)
{
    char text[LOAD_KEY_SIZE];
    struct key key = named(keyspace, text, number);
    if (database_find(keyspace_database(keyspace, 0), &key) == NULL)
        bench_fail("key %zu is gone", number);
}

static void insert(struct keyspace *keyspace, size_t number)
{
    static const char value[] = "0123456789abcdef0123456789abcdef";
    char text[LOAD_KEY_SIZE];
    struct key key = named(keyspace, text, number);
    if (database_set_string(keyspace_database(keyspace, 0), &key,
                            (struct slice){value, sizeof value - 1}, DEADLINE_CLEAR, 0) == NULL)
        bench_fail("no memory for %zu keys", number);
}

static void note_table(struct keyspace *keyspace, size_t *before, struct outcome *outcome)
{
    size_t now = database_table_memory(keyspace_database(keyspace, 0));
    if (now > outcome->table_peak_bytes)
        outcome->table_peak_bytes = now;
    if (now > *before && now - *before > outcome->table_step_bytes)
        outcome->table_step_bytes = now - *before;
    *before = now;
}

/* What the machine does to a program that takes and moves nothing, for as long as the inserts took:
 * it finds some keys at a time. */
static void measure_control(struct keyspace *keyspace, size_t count, int64_t length_ns,
                            struct outcome *outcome)
{
    struct histogram *control = histogram_create();
    uint64_t bits = 1;
    int64_t begin = cpu_ns(), before = begin;
    while (before - begin < length_ns) {
        for (int i = 0; i < CONTROL_FINDS; i++) {
            bits = load_scatter(bits);
            find(keyspace, bits % count);
        }
        int64_t now = cpu_ns();
        histogram_record(control, (uint64_t)(now - before));
        outcome->control_over += now - before > INSERT_US_MAX * 1000;
        before = now;
    }
    outcome->control_max_ns = (int64_t)control->maximum;
    outcome->control_p9999_ns = (int64_t)histogram_percentile(control, 99.99);
}

static void measure_inserts(size_t count, struct outcome *outcome)
{
    struct keyspace_hooks hooks = {.context = NULL};
    struct keyspace *keyspace = keyspace_create(1, &(struct hash_seed){20, 26}, &hooks);
    struct histogram *wall = histogram_create(), *cpu = histogram_create();
    size_t table_bytes = 0;
    int64_t preempted = preemptions(), begin = cpu_ns(), cpu_begin = begin;
    for (size_t i = 0; i < count; i++) {
        int64_t wall_begin = bench_monotonic_ns();
        insert(keyspace, i);
        int64_t wall_ns = bench_monotonic_ns() - wall_begin;
        int64_t cpu_end = cpu_ns();
        histogram_record(wall, (uint64_t)wall_ns);
        histogram_record(cpu, (uint64_t)(cpu_end - cpu_begin));
        outcome->wall_over += wall_ns > INSERT_US_MAX * 1000;
        outcome->cpu_over += cpu_end - cpu_begin > INSERT_US_MAX * 1000;
        note_table(keyspace, &table_bytes, outcome);
        cpu_begin = cpu_ns();
    }
    outcome->preempted = preemptions() - preempted;
    measure_control(keyspace, count, cpu_ns() - begin, outcome);
    outcome->wall_max_ns = (int64_t)wall->maximum;
    outcome->wall_p9999_ns = (int64_t)histogram_percentile(wall, 99.99);
    outcome->wall_p50_ns = (int64_t)histogram_percentile(wall, 50);
    outcome->cpu_max_ns = (int64_t)cpu->maximum;
    outcome->cpu_p9999_ns = (int64_t)histogram_percentile(cpu, 99.99);
    outcome->table_bytes = table_bytes;
}

/* In a child, so that every turn begins with fresh memory. */
static struct outcome measure_in_child(size_t count)
{
    struct outcome outcome = {0};
    int ends[2];
    if (pipe(ends) != 0)
        bench_fail("no pipe");
    pid_t child = fork();
    if (child == 0) {
        bench_unpin();
        memory_after_fork(); /* or this thread would return the pages itself */
        bench_pin(BENCH_SERVER_CORE);
        measure_inserts(count, &outcome);
        _exit(write(ends[1], &outcome, sizeof outcome) != (ssize_t)sizeof outcome);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &outcome, sizeof outcome) != (ssize_t)sizeof outcome)
        bench_fail("the process that inserts has died");
    close(ends[0]);
    waitpid(child, NULL, 0);
    return outcome;
}

static void add_outcome(const struct rows *rows, const struct outcome *outcome, size_t count)
{
    report_add_value(rows->wall_max, SIDE_HOLDFAST, (double)outcome->wall_max_ns / 1000);
    report_add_value(rows->wall_p9999, SIDE_HOLDFAST, (double)outcome->wall_p9999_ns / 1000);
    report_add_value(rows->wall_p50, SIDE_HOLDFAST, (double)outcome->wall_p50_ns / 1000);
    report_add_value(rows->cpu_max, SIDE_HOLDFAST, (double)outcome->cpu_max_ns / 1000);
    report_add_value(rows->cpu_p9999, SIDE_HOLDFAST, (double)outcome->cpu_p9999_ns / 1000);
    report_add_value(rows->cpu_max, SIDE_FLOOR, (double)outcome->control_max_ns / 1000);
    report_add_value(rows->cpu_p9999, SIDE_FLOOR, (double)outcome->control_p9999_ns / 1000);
    report_add_value(rows->cpu_over, SIDE_FLOOR, (double)outcome->control_over);
    report_add_value(rows->wall_over, SIDE_HOLDFAST, (double)outcome->wall_over);
    report_add_value(rows->cpu_over, SIDE_HOLDFAST, (double)outcome->cpu_over);
    report_add_value(rows->preempted, SIDE_HOLDFAST, (double)outcome->preempted);
    report_add_value(rows->peak, SIDE_HOLDFAST,
                     (double)outcome->table_peak_bytes / (double)outcome->table_bytes);
    report_add_value(rows->step, SIDE_HOLDFAST,
                     (double)outcome->table_step_bytes / (double)outcome->table_bytes);
    report_add_value(rows->bytes, SIDE_HOLDFAST, (double)outcome->table_bytes / (double)count);
}

/* --- in the servers --- */

static size_t write_set(char *out, size_t number, const void *context)
{
    static const char form[] = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$32\r\n"
                               "0123456789abcdef0123456789abcdef\r\n";
    (void)context;
    memcpy(out, form, sizeof form - 1);
    load_write_key(out + KEY_OFFSET, number);
    return sizeof form - 1;
}

/* The longest of the entries: each an array whose third element is the duration. */
static int64_t longest_in_slowlog(struct wire *wire)
{
    int64_t longest_us = 0;
    struct wire_reply entries = wire_command(wire, "SLOWLOG GET 100000");
    for (int64_t i = 0; i < entries.integer; i++) {
        struct wire_reply head = wire_read(wire);
        wire_skip(wire, 2);
        int64_t duration_us = wire_read(wire).integer;
        if (duration_us > longest_us)
            longest_us = duration_us;
        if (head.integer > 3)
            wire_skip(wire, (size_t)head.integer - 3);
    }
    return longest_us;
}

static void measure_server(const struct bench *bench, enum side side, size_t count,
                           struct report_row *row)
{
    struct contender contender;
    struct wire wire;
    contender_start(&contender, bench, side);
    wire_open(&wire, contender.port);
    wire_configure(&wire, "slowlog-log-slower-than", SLOWLOG_THRESHOLD_US);
    wire_configure(&wire, "slowlog-max-len", "100000");
    load_run(&wire, 0, count, write_set, NULL);
    report_add_value(row, side, (double)longest_in_slowlog(&wire));
    wire_close(&wire);
    contender_stop(&contender);
}

static struct rows add_rows(struct report *report)
{
    return (struct rows){
        report_add_row(report, "longest insert, wall", "us", TARGET_NONE, 0),
        report_add_row(report, "p99.99 insert, wall", "us", TARGET_NONE, 0),
        report_add_row(report, "median insert, wall", "us", TARGET_NONE, 0),
        report_add_row(report, "longest insert, CPU time", "us", TARGET_VALUE, INSERT_US_MAX),
        report_add_row(report, "p99.99 insert, CPU time", "us", TARGET_NONE, 0),
        report_add_row(report, "inserts above 1 ms, wall", "inserts", TARGET_NONE, 0),
        report_add_row(report, "inserts above 1 ms, CPU time", "inserts", TARGET_VALUE, 0),
        report_add_row(report, "times the core was taken away", "times", TARGET_NONE, 0),
        report_add_row(report, "peak of table memory / final", "ratio", TARGET_VALUE, 1.05),
        report_add_row(report, "largest step of table memory / final", "ratio", TARGET_VALUE, 0.1),
        report_add_row(report, "table memory", "bytes/key", TARGET_NONE, 0),
        report_add_row(report, "longest SET by the server's SLOWLOG (0: <0.3 ms)", "us",
                       TARGET_NONE, 0),
    };
}

static void run(const struct bench *bench, struct report *report)
{
    struct rows rows = add_rows(report);
    size_t count = bench_scale(bench, KEYS_MAX);
    int turns = bench_turns(bench, 3);
    for (int turn = 0; turn < turns; turn++) {
        bench_progress("%zu inserts in one process, turn %d of %d", count, turn + 1, turns);
        struct outcome outcome = measure_in_child(count);
        add_outcome(&rows, &outcome, count);
    }
    for (int side = 0; side < SIDES_OF_REDIS; side++) {
        if (!contender_is_there(bench, (enum side)side))
            continue;
        bench_progress("%s: %zu keys", contender_name((enum side)side), count);
        measure_server(bench, (enum side)side, count, rows.slowlog);
    }
    report_add_note(report,
                    "%zu keys of 16 bytes with values of 32. CPU time holds the reading of "
                    "a clock, about 0.3 us.",
                    count);
    report_add_note(
        report,
        "Floor: finding %d of the keys, about as long as the longest insert, again and again "
        "for as long as the inserts took.",
        CONTROL_FINDS);
    report_add_note(report, "Wall time above CPU time is the machine's: another process had the "
                            "core.");
}

const struct suite insert_latency_suite = {"insert-latency",
                                           "the longest single insert, 0 to 20 M keys", run};
