/* How the cost of an operation grows: with the number of keys, of connections, with the size of
 * values. CPU time of the server. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/resp_requests.h"
#include "bench/traffic.h"
#include "bench/wire.h"

#define TURNS 5
#define TURN_NS INT64_C(300000000)
#define SMALL_SIZE 8     /* bytes */
#define REQUESTS 2000000 /* at random: more than any cache holds */
#define PIPELINE 16
#define CONNECTIONS 50
#define KEYS_GROWTH_MAX 1.6 /* from 1 M to the most */
#define CONNECTIONS_GROWTH_MAX 1.5
#define COPY_MAX 1.2     /* beside the floor, from 64 KiB on */
#define BYTES_PER_KEY 64 /* what a key may take: to see whether they fit */
#define SPARE_DESCRIPTORS 100

static const size_t key_counts[] = {100000, 1000000, 10000000, 50000000};
#define KEY_COUNTS (sizeof key_counts / sizeof key_counts[0])

/* `asking` of them have a request under way: all, where what many at once cost is measured, or few,
 * where it is what connections cost that are there. */
static const struct crowd {
    size_t connections, asking;
} crowds[] = {{10, 10}, {1000, 1000}, {10000, 10000}, {10000, 50}};
#define CROWDS (sizeof crowds / sizeof crowds[0])
#define FIRST_LARGE_CROWD 2 /* from it on they are compared with the first */
static const size_t value_sizes[] = {16, 256, 4096, 65536, 262144, 1048576};
#define VALUE_SIZES (sizeof value_sizes / sizeof value_sizes[0])

static const struct crowd few = {8, 8}; /* where values are large */
static const struct crowd connections = {CONNECTIONS, CONNECTIONS};

static const char small_value[SMALL_SIZE + 1] = "abcdefgh";

/* CPU nanoseconds of one request. */
static double cost(const struct contender *contender, const struct traffic_requests *requests,
                   struct crowd crowd, size_t pipeline, int64_t duration_ns)
{
    struct traffic *traffic = traffic_create(contender->port, crowd.connections, pipeline);
    traffic_limit_asking(traffic, crowd.asking);
    traffic_run(traffic, requests, duration_ns / 10);
    int64_t cpu_ns = contender_all_cpu_ns(contender);
    double operations = (double)traffic_run(traffic, requests, duration_ns);
    cpu_ns = contender_all_cpu_ns(contender) - cpu_ns;
    traffic_destroy(traffic);
    return (double)cpu_ns / operations;
}

static int64_t turn_ns(const struct bench *bench)
{
    return bench->quick ? TURN_NS / 10 : TURN_NS;
}

/* A row that says how much dearer `of` is than `beside`, for each server that was measured. */
static void add_growth(struct report *report, const char *label, const struct report_row *of,
                       const struct report_row *beside, double bound)
{
    struct report_row *row = report_add_row(report, label, "x", TARGET_VALUE, bound);
    for (enum side side = 0; side < SIDES; side++)
        report_add_value(row, side, report_median(of, side) / report_median(beside, side));
}

/* --- keys --- */

static size_t write_small(char *out, size_t number, const void *context)
{
    char key[LOAD_KEY_SIZE + 1];
    (void)context;
    load_write_key(key, number);
    size_t length = (size_t)snprintf(out, LOAD_COMMAND_SIZE, "*3\r\n$3\r\nSET\r\n");
    length += resp_requests_word(out + length, key, LOAD_KEY_SIZE);
    return length + resp_requests_word(out + length, small_value, SMALL_SIZE);
}

static bool fits(size_t keys)
{
    double pages = (double)sysconf(_SC_AVPHYS_PAGES), page = (double)sysconf(_SC_PAGESIZE);
    return (double)keys * BYTES_PER_KEY < pages * page * 0.8;
}

static void measure_keys(const struct bench *bench, struct report *report)
{
    static struct wire wire;
    struct contender contender;
    struct report_row *gets[KEY_COUNTS], *sets[KEY_COUNTS];
    size_t measured = 0, loaded = 0;
    contender_start(&contender, bench, SIDE_HOLDFAST);
    for (; measured < KEY_COUNTS; measured++) {
        size_t keys = bench_scale(bench, key_counts[measured]);
        if (!fits(keys)) {
            report_add_note(report, "%zu keys do not fit this machine's memory: left out.", keys);
            break;
        }
        bench_progress("%zu keys", keys);
        wire_open(&wire, contender.port);
        load_run(&wire, loaded, keys, write_small, NULL);
        wire_close(&wire);
        loaded = keys;
        char label[64];
        snprintf(label, sizeof label, "GET, %zu keys", keys);
        gets[measured] = report_add_row(report, label, "ns of CPU", TARGET_NONE, 0);
        snprintf(label, sizeof label, "SET, %zu keys", keys);
        sets[measured] = report_add_row(report, label, "ns of CPU", TARGET_NONE, 0);
        struct traffic_requests get, set;
        resp_requests_make(&get, REQUESTS, keys, NULL, SMALL_SIZE, false);
        resp_requests_make(&set, REQUESTS, keys, small_value, SMALL_SIZE, false);
        for (int turn = 0; turn < bench_turns(bench, TURNS); turn++) {
            report_add_value(gets[measured], SIDE_HOLDFAST,
                             cost(&contender, &get, connections, PIPELINE, turn_ns(bench)));
            report_add_value(sets[measured], SIDE_HOLDFAST,
                             cost(&contender, &set, connections, PIPELINE, turn_ns(bench)));
        }
        traffic_requests_deinit(&get);
        traffic_requests_deinit(&set);
    }
    contender_stop(&contender);
    if (measured < 3)
        return;
    add_growth(report, "GET, most keys beside the second row", gets[measured - 1], gets[1],
               KEYS_GROWTH_MAX);
    add_growth(report, "SET, most keys beside the second row", sets[measured - 1], sets[1],
               KEYS_GROWTH_MAX);
}

/* --- connections --- */

static void set_answer(const struct contender *contender, size_t size)
{
    static struct wire wire;
    wire_open(&wire, contender->port);
    wire_command(&wire, "ANSWER %zu", size);
    wire_close(&wire);
}

static void measure_connections(const struct bench *bench, struct report *report)
{
    struct contender contenders[SIDES];
    struct report_row *rows[CROWDS];
    struct traffic_requests get;
    size_t keys = 100000;
    resp_requests_make(&get, keys, keys, NULL, SMALL_SIZE, false);
    for (int side = 0; side < SIDES; side++) {
        static struct wire wire;
        contenders[side].pid = 0;
        if (side == SIDE_MEMCACHED || !contender_is_there(bench, (enum side)side))
            continue;
        contender_start(&contenders[side], bench, (enum side)side);
        if (side == SIDE_FLOOR) {
            set_answer(&contenders[side], get.reply_size);
            continue;
        }
        contender_allow_clients(&contenders[side]);
        wire_open(&wire, contenders[side].port);
        load_run(&wire, 0, keys, write_small, NULL);
        wire_close(&wire);
    }
    for (size_t i = 0; i < CROWDS; i++) {
        struct crowd crowd = crowds[i];
        char label[64];
        snprintf(label, sizeof label, "GET, %zu connections, %zu of them at once",
                 crowd.connections, crowd.asking);
        rows[i] = report_add_row(report, label, "ns of CPU", TARGET_NONE, 0);
        if (!bench_raise_descriptors(crowd.connections + SPARE_DESCRIPTORS)) {
            report_add_note(report, "no %zu descriptors: left out.", crowd.connections);
            continue;
        }
        bench_progress("%zu connections", crowd.connections);
        for (int turn = 0; turn < bench_turns(bench, TURNS); turn++)
            for (int side = 0; side < SIDES; side++)
                if (contenders[side].pid != 0)
                    report_add_value(rows[i], (enum side)side,
                                     cost(&contenders[side], &get, crowd, 1, 2 * turn_ns(bench)));
    }
    for (size_t i = FIRST_LARGE_CROWD; i < CROWDS; i++) {
        char label[64];
        snprintf(label, sizeof label, "GET, %zu connections (%zu at once) beside fewest",
                 crowds[i].connections, crowds[i].asking);
        add_growth(report, label, rows[i], rows[0], CONNECTIONS_GROWTH_MAX);
    }
    for (int side = 0; side < SIDES; side++)
        if (contenders[side].pid != 0)
            contender_stop(&contenders[side]);
    traffic_requests_deinit(&get);
}

/* --- values --- */

/* What the floor does with the value of each SET: reads it over and over into one buffer, or into a
 * block of its own that is kept, as a server must. */
static void set_stored(const struct contender *bare, const struct traffic_requests *sets,
                       size_t keys, size_t size)
{
    static struct wire wire;
    size_t head = sets->starts[1] - sets->starts[0] - size - strlen("\r\n");
    wire_open(&wire, bare->port);
    wire_command(&wire, "STORE %zu %zu %zu", keys, head, size);
    wire_close(&wire);
}

/* So that no key has a value of another size when it is read. */
static void set_all(const struct contender *contender, const struct traffic_requests *sets)
{
    struct traffic *traffic = traffic_create(contender->port, few.connections, 1);
    traffic_run(traffic, sets, 0);
    traffic_destroy(traffic);
}

static void add_beside(struct report *report, const char *label, const struct report_row *row,
                       const struct report_row *floor)
{
    struct report_row *beside = report_add_row(report, label, "x", TARGET_VALUE, COPY_MAX);
    report_add_value(beside, SIDE_HOLDFAST,
                     report_median(row, SIDE_HOLDFAST) / report_median(floor, SIDE_FLOOR));
}

static void measure_value(const struct bench *bench, struct report *report,
                          const struct contender *holdfast, const struct contender *bare,
                          size_t size)
{
    char label[64], *value = memory_allocate(size);
    memset(value, 'v', size);
    size_t keys = size >= 65536 ? 16 : 1000;
    struct traffic_requests requests[2];
    struct report_row *stored = NULL;
    resp_requests_make(&requests[0], keys, keys, value, size, true);
    resp_requests_make(&requests[1], keys, keys, NULL, size, true);
    set_all(holdfast, &requests[0]);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "SET" : "GET";
        snprintf(label, sizeof label, "%s, values of %zu bytes", name, size);
        struct report_row *row = report_add_row(report, label, "ns of CPU", TARGET_NONE, 0);
        if (i == 0) {
            snprintf(label, sizeof label, "SET, values of %zu bytes, stored by the floor", size);
            stored = report_add_row(report, label, "ns of CPU", TARGET_NONE, 0);
        }
        set_answer(bare, requests[i].reply_size);
        for (int turn = 0; turn < bench_turns(bench, TURNS); turn++) {
            report_add_value(row, SIDE_HOLDFAST,
                             cost(holdfast, &requests[i], few, 1, turn_ns(bench)));
            report_add_value(row, SIDE_FLOOR, cost(bare, &requests[i], few, 1, turn_ns(bench)));
            if (i == 1)
                continue;
            set_stored(bare, &requests[i], keys, size);
            report_add_value(stored, SIDE_FLOOR, cost(bare, &requests[i], few, 1, turn_ns(bench)));
            set_stored(bare, &requests[i], 0, size);
        }
        if (size >= 65536) {
            snprintf(label, sizeof label, "%s of %zu bytes beside the floor", name, size);
            add_beside(report, label, row, row);
        }
        if (size >= 65536 && i == 0)
            add_beside(report, strcat(label, " that stores"), row, stored);
        traffic_requests_deinit(&requests[i]);
    }
    memory_free(value);
}

static void run(const struct bench *bench, struct report *report)
{
    struct contender holdfast, bare;
    measure_keys(bench, report);
    measure_connections(bench, report);
    contender_start(&holdfast, bench, SIDE_HOLDFAST);
    contender_start(&bare, bench, SIDE_FLOOR);
    for (size_t i = 0; i < VALUE_SIZES; i++) {
        bench_progress("values of %zu bytes", value_sizes[i]);
        measure_value(bench, report, &holdfast, &bare, value_sizes[i]);
    }
    contender_stop(&holdfast);
    contender_stop(&bare);
    report_add_note(report,
                    "Keys: values of %d bytes, %d connections, pipelines of %d. Values: 8 "
                    "connections, no pipeline.",
                    SMALL_SIZE, CONNECTIONS, PIPELINE);
}

const struct suite scaling_suite = {
    "scaling", "what an operation costs with more keys, connections, bytes", run};
