/* What `appendfsync always` costs: writers in a closed loop, readers beside them, one writer alone.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/closed_loop.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/wire.h"

#define DURATION_US INT64_C(3000000)
#define VALUE_SIZE 64
#define KEYS 100000
#define BARE_WRITES 3000
#define BARE_BYTES 180 /* of a group with one such SET, its annotation included */

static const char *const always[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
static const char *const off[] = {"--appendonly", "no", NULL};

struct measured {
    double rate;      /* of writers, a second */
    double write_p50; /* us */
    double read_p50;
};

static struct closed_loop_group groups[CLOSED_LOOP_GROUPS_MAX]; /* large: not on the stack */

static struct measured run_clients(const struct bench *bench, enum side side,
                                   const char *const *arguments, int writers, int readers)
{
    struct contender contender;
    char folder[SCRATCH_PATH_SIZE];
    int64_t duration_us = bench->quick ? DURATION_US / 6 : DURATION_US;
    scratch_make(folder);
    contender_start_in(&contender, bench, side, folder, arguments);
    groups[0] = (struct closed_loop_group){writers, VALUE_SIZE, 0, KEYS, 0, {0}, 0};
    groups[1] = (struct closed_loop_group){readers, 0, 2 * KEYS, KEYS, 0, {0}, 0};
    closed_loop_run(contender.port, groups, readers > 0 ? 2 : 1, duration_us, NULL, NULL);
    contender_stop(&contender);
    scratch_remove(folder);
    return (struct measured){
        closed_loop_rate(&groups[0], duration_us),
        closed_loop_quantile(&groups[0], 0.5),
        readers > 0 ? closed_loop_quantile(&groups[1], 0.5) : 0,
    };
}

/* write + fdatasync of as many bytes at the end of a file, median, us. */
static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bare_write_us(void)
{
    static double durations[BARE_WRITES];
    char folder[SCRATCH_PATH_SIZE], path[SCRATCH_PATH_SIZE + 16], bytes[BARE_BYTES];
    scratch_make(folder);
    snprintf(path, sizeof path, "%s/bare", folder);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < BARE_WRITES; i++) {
        int64_t begin_ns = bench_monotonic_ns();
        if (write(file, bytes, sizeof bytes) != (ssize_t)sizeof bytes || fdatasync(file) != 0)
            bench_fail("cannot write %s", path);
        durations[i] = (double)(bench_monotonic_ns() - begin_ns) / 1000;
    }
    close(file);
    scratch_remove(folder);
    qsort(durations, BARE_WRITES, sizeof durations[0], compare_doubles);
    return durations[BARE_WRITES / 2];
}

static void measure_writers(const struct bench *bench, struct report *report, int writers,
                            double ratio_max)
{
    char label[128];
    snprintf(label, sizeof label, "%d writers, always: a SET takes", writers);
    struct report_row *kept = report_add_row(report, label, "us", TARGET_RATIO, 1 / ratio_max);
    snprintf(label, sizeof label, "%d writers, no log: a SET takes", writers);
    struct report_row *lost = report_add_row(report, label, "us", TARGET_NONE, 0);
    snprintf(label, sizeof label, "%d writers: always beside no log", writers);
    struct report_row *both = report_add_row(report, label, "x", TARGET_VALUE, 1 / 0.9);
    int turns = bench_turns(bench, 3);
    for (int turn = 0; turn < turns; turn++) {
        for (int side = 0; side < SIDES_OF_REDIS; side++) {
            if (!contender_is_there(bench, (enum side)side))
                continue;
            bench_progress("%s: %d writers", contender_name((enum side)side), writers);
            double with = 1e6 / run_clients(bench, (enum side)side, always, writers, 0).rate;
            double without = 1e6 / run_clients(bench, (enum side)side, off, writers, 0).rate;
            report_add_value(kept, (enum side)side, with);
            report_add_value(lost, (enum side)side, without);
            report_add_value(both, (enum side)side, with / without);
        }
    }
}

static void measure_reader(const struct bench *bench, struct report *report)
{
    struct report_row *rows[2] = {
        report_add_row(report, "a reader beside 50 writers, always: p50", "us", TARGET_NONE, 0),
        report_add_row(report, "a reader beside 50 writers, no log: p50", "us", TARGET_NONE, 0),
    };
    struct report_row *both =
        report_add_row(report, "a reader: always beside no log", "x", TARGET_VALUE, 1.3);
    int turns = bench_turns(bench, 3);
    for (int turn = 0; turn < turns; turn++) {
        for (int side = 0; side < SIDES_OF_REDIS; side++) {
            if (!contender_is_there(bench, (enum side)side))
                continue;
            bench_progress("%s: a reader beside writers", contender_name((enum side)side));
            double with = run_clients(bench, (enum side)side, always, 50, 1).read_p50;
            double without = run_clients(bench, (enum side)side, off, 50, 1).read_p50;
            report_add_value(rows[0], (enum side)side, with);
            report_add_value(rows[1], (enum side)side, without);
            report_add_value(both, (enum side)side, with / without);
        }
    }
}

static void measure_alone(const struct bench *bench, struct report *report)
{
    struct report_row *row =
        report_add_row(report, "one writer alone, always: p50", "us", TARGET_NONE, 0);
    struct report_row *floor =
        report_add_row(report, "bare write + fdatasync and a round trip", "us", TARGET_NONE, 0);
    struct report_row *both =
        report_add_row(report, "one writer beside the bare write", "x", TARGET_VALUE, 1.15);
    int turns = bench_turns(bench, 3);
    for (int turn = 0; turn < turns; turn++) {
        bench_progress("one writer");
        for (int side = 0; side < SIDES_OF_REDIS; side++) {
            if (!contender_is_there(bench, (enum side)side))
                continue;
            double with = run_clients(bench, (enum side)side, always, 1, 0).write_p50;
            double trip = run_clients(bench, (enum side)side, off, 1, 0).write_p50;
            double bare = bare_write_us() + trip;
            report_add_value(row, (enum side)side, with);
            report_add_value(floor, (enum side)side, bare);
            report_add_value(both, (enum side)side, with / bare);
        }
    }
}

static void run(const struct bench *bench, struct report *report)
{
    measure_writers(bench, report, 50, 1.3);
    measure_writers(bench, report, 200, 1.1);
    measure_reader(bench, report);
    measure_alone(bench, report);
    report_add_note(report,
                    "SETs of %d bytes over %d keys in a closed loop, servers and load on "
                    "any core, the logs on one disk (%s).",
                    VALUE_SIZE, KEYS, scratch_parent());
}

const struct suite durability_suite = {"durability", "what appendfsync always costs", run};
