/* How long a start takes after kill -9: the raw log, and the log after a compaction. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/wire.h"

#define KEYS 4000000
#define KEY_AT 22
#define POLL_US 50000
#define SETTLE_US 4000000

static const char *const arguments[] = {
    "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0", NULL};

static size_t write_set(char *out, size_t number, const void *context)
{
    static const char form[] =
        "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$64\r\n"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n";
    (void)context;
    memcpy(out, form, sizeof form - 1);
    char *key = strstr(out, "key:");
    load_write_key(key, number);
    uint64_t value = load_scatter(number);
    memcpy(strstr(key, "$64") + 5, &(const char[17]){"ABCDEFGHIJKLMNOP"}[value % 8], 8);
    return sizeof form - 1;
}

static double start_seconds(struct contender *contender, const struct bench *bench, enum side side,
                            const char *folder, size_t keys)
{
    int64_t begin_ns = bench_monotonic_ns();
    contender_start_in(contender, bench, side, folder, arguments);
    double seconds = (double)(bench_monotonic_ns() - begin_ns) / 1e9;
    struct wire wire;
    wire_open(&wire, contender->port);
    struct wire_reply size = wire_command(&wire, "DBSIZE");
    if (size.integer != (int64_t)keys)
        bench_fail("%s came back with %lld of %zu keys", contender_name(side),
                   (long long)size.integer, keys);
    wire_close(&wire);
    return seconds;
}

static void compact(const struct contender *contender)
{
    struct wire wire;
    wire_open(&wire, contender->port);
    wire_command(&wire, "BGREWRITEAOF");
    for (;;) {
        bench_sleep_us(POLL_US);
        struct wire_reply info = wire_command(&wire, "INFO persistence");
        char text[8192];
        snprintf(text, sizeof text, "%.*s", (int)info.text.length, info.text.data);
        if (strstr(text, "aof_rewrite_in_progress:0") && strstr(text, "aof_rewrite_scheduled:0"))
            break;
    }
    wire_close(&wire);
}

static void measure(const struct bench *bench, enum side side, struct report_row *raw,
                    struct report_row *compacted)
{
    struct contender contender;
    struct wire wire;
    char folder[SCRATCH_PATH_SIZE];
    size_t keys = bench_scale(bench, KEYS);
    scratch_make(folder);
    contender_start_in(&contender, bench, side, folder, arguments);
    wire_open(&wire, contender.port);
    load_run(&wire, 0, keys, write_set, NULL);
    wire_close(&wire);
    bench_sleep_us(SETTLE_US);  /* Redis holds writes back while it syncs, and would lose them */
    contender_stop(&contender); /* SIGKILL */
    report_add_value(raw, side, start_seconds(&contender, bench, side, folder, keys));
    compact(&contender);
    contender_stop(&contender);
    report_add_value(compacted, side, start_seconds(&contender, bench, side, folder, keys));
    contender_stop(&contender);
    scratch_remove(folder);
}

static void run(const struct bench *bench, struct report *report)
{
    struct report_row *raw = report_add_row(report, "start, raw log", "s", TARGET_RATIO, 0.5);
    struct report_row *compacted =
        report_add_row(report, "start, compacted log", "s", TARGET_RATIO, 0.5);
    int turns = bench_turns(bench, 1);
    for (int turn = 0; turn < turns; turn++) {
        for (int side = 0; side < SIDES_OF_REDIS; side++) {
            if (!contender_is_there(bench, (enum side)side))
                continue;
            bench_progress("%s: restart", contender_name((enum side)side));
            measure(bench, (enum side)side, raw, compacted);
        }
    }
    report_add_note(report, "%zu keys of 16 bytes with values of 64; until PING is answered.",
                    bench_scale(bench, KEYS));
}

const struct suite restart_suite = {"restart", "how long a start takes after kill -9", run};
