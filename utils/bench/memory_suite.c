/* Resident memory per key: VmRSS of the process before and after the keys are there. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/wire.h"

#define KEY_OFFSET 18    /* bytes into a SET */
#define SETTLE_US 300000 /* for the allocator's background thread and the last rehash step */
#define HOUR_MS UINT64_C(3600000)
#define COUNTS 5

/* Between powers of two a table that doubles is at its emptiest, just below one at its fullest. */
static const size_t key_counts[COUNTS] = {1000000, 1500000, 2000000, 3000000, 4000000};

/* --- what is stored: keys of 16 bytes --- */

/* SET key <32 bytes>, with the key and the value's first bytes of their own. */
static size_t write_value(char *out, size_t number, const void *context)
{
    static const char form[] = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$32\r\n"
                               "0123456789abcdef0123456789abcdef\r\n";
    (void)context;
    memcpy(out, form, sizeof form - 1);
    load_write_key(out + KEY_OFFSET, number);
    return sizeof form - 1;
}

/* The same with deadlines spread over an hour, none of which comes during the measurement. */
static size_t write_deadline(char *out, size_t number, const void *context)
{
    static const char form[] = "*5\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$32\r\n"
                               "0123456789abcdef0123456789abcdef\r\n$2\r\nPX\r\n$7\r\n";
    (void)context;
    memcpy(out, form, sizeof form - 1);
    load_write_key(out + KEY_OFFSET, number);
    uint64_t ttl_ms = HOUR_MS + load_scatter(number) % HOUR_MS; /* seven digits */
    return sizeof form - 1 +
           (size_t)sprintf(out + sizeof form - 1, "%llu\r\n", (unsigned long long)ttl_ms);
}

/* Numbers of ten digits: too large for the objects that Redis shares. */
static size_t write_integer(char *out, size_t number, const void *context)
{
    static const char form[] = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$10\r\n";
    (void)context;
    memcpy(out, form, sizeof form - 1);
    load_write_key(out + KEY_OFFSET, number);
    return sizeof form - 1 +
           (size_t)sprintf(out + sizeof form - 1, "%llu\r\n",
                           1000000000ULL + (unsigned long long)(load_scatter(number) % 1000000000));
}

struct content {
    const char *name;
    load_writer *write;
    double ratio_max;
};

static const struct content contents[] = {
    {"32-byte value", write_value, 0.53},
    {"32-byte value with TTL", write_deadline, 0.45},
    {"integer value", write_integer, 0.45},
};
#define CONTENTS (sizeof contents / sizeof contents[0])

/* --- measuring --- */

/* Pages the server could give back count for neither side. */
static size_t settled_resident_bytes(const struct contender *contender, struct wire *wire)
{
    wire_command(wire, "MEMORY PURGE");
    bench_sleep_us(SETTLE_US);
    wire_command(wire, "MEMORY PURGE");
    return contender_resident_bytes(contender);
}

static void measure(const struct bench *bench, enum side side, const struct content *content,
                    struct report_row **rows)
{
    struct contender contender;
    struct wire wire;
    contender_start(&contender, bench, side);
    wire_open(&wire, contender.port);
    size_t before = settled_resident_bytes(&contender, &wire), loaded = 0;
    for (size_t i = 0; i < COUNTS; i++) {
        size_t count = bench_scale(bench, key_counts[i]);
        load_run(&wire, loaded, count, content->write, NULL);
        loaded = count;
        size_t after = settled_resident_bytes(&contender, &wire);
        struct wire_reply size = wire_command(&wire, "DBSIZE");
        if (size.integer != (int64_t)count)
            bench_fail("%s holds %lld keys, not %zu", contender_name(side), (long long)size.integer,
                       count);
        report_add_value(rows[i], side, (double)(after - before) / (double)count);
    }
    wire_close(&wire);
    contender_stop(&contender);
}

static void run(const struct bench *bench, struct report *report)
{
    struct report_row *rows[CONTENTS][COUNTS];
    for (size_t c = 0; c < CONTENTS; c++) {
        for (size_t i = 0; i < COUNTS; i++) {
            char label[128];
            snprintf(label, sizeof label, "%s, %zu keys", contents[c].name,
                     bench_scale(bench, key_counts[i]));
            rows[c][i] = report_add_row(report, label, "bytes/key", TARGET_NONE, 0);
        }
        int turns = bench_turns(bench, 1);
        for (int turn = 0; turn < turns; turn++)
            for (int side = 0; side < SIDES_OF_REDIS; side++) {
                if (!contender_is_there(bench, (enum side)side))
                    continue;
                bench_progress("%s: %s", contender_name((enum side)side), contents[c].name);
                measure(bench, (enum side)side, &contents[c], rows[c]);
            }
        char label[128];
        snprintf(label, sizeof label, "%s, geometric mean", contents[c].name);
        report_add_mean(report, label, "bytes/key", rows[c], COUNTS, TARGET_RATIO,
                        contents[c].ratio_max);
    }
    report_add_note(report, "Keys of 16 bytes, added to one server from the first count to the "
                            "last; VmRSS after MEMORY PURGE less that of the empty server.");
}

const struct suite memory_suite = {"memory", "resident memory per key", run};
