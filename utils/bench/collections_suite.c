/* Collections: what they take in memory, and what their commands cost the server. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/resp_requests.h"
#include "bench/traffic.h"
#include "bench/wire.h"

#define SETTLE_US 300000
#define TURNS 5
#define TURN_MS 300
#define CONNECTIONS 50
#define PIPELINE 16
#define REQUESTS 200000
#define MEMBERS 1000000 /* of the large collections */
#define SCORE_RANGE 100 /* members between two scores */
#define RANGE_ELEMENTS 600
#define INTERSECTED 100000 /* members of each of two sets, half of which they share */
#define LIST_VALUE "xxx"   /* what redis-benchmark pushes by default */

/* --- memory --- */

struct shape {
    const char *label;
    const char *command; /* HSET, SADD, ZADD */
    size_t members, collections;
    double ratio_max;
};

static const struct shape shapes[] = {
    {"set of 200 members", "SADD", 200, 5000, 0.45},
    {"hash of 1000 fields", "HSET", 1000, 1000, 0.45},
    {"sorted set of 1000 members", "ZADD", 1000, 1000, 0.45},
    {"hash of 20 fields", "HSET", 20, 40000, 1.0},
    {"sorted set of 20 members", "ZADD", 20, 40000, 1.0},
};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static size_t write_words(char *out, const char *const *words, size_t count)
{
    size_t length = (size_t)sprintf(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++)
        length += resp_requests_word(out + length, words[i], strlen(words[i]));
    return length;
}

/* One member of the collection it belongs to: 11 bytes; a field's value has 11, too. */
static size_t write_member(char *out, size_t number, const void *context)
{
    const struct shape *shape = context;
    char key[32], member[32], other[32];
    size_t index = number % shape->members;
    sprintf(key, "key:%08zu", number / shape->members);
    sprintf(member, "member:%04zu", index);
    if (shape->command[0] == 'S') {
        const char *words[] = {shape->command, key, member};
        return write_words(out, words, 3);
    }
    if (shape->command[0] == 'H') {
        sprintf(other, "value:%05zu", index);
        const char *words[] = {shape->command, key, member, other};
        return write_words(out, words, 4);
    }
    sprintf(other, "%zu", (size_t)(load_scatter(number) % 100000));
    const char *words[] = {shape->command, key, other, member};
    return write_words(out, words, 4);
}

static size_t settled_resident_bytes(const struct contender *contender, struct wire *wire)
{
    wire_command(wire, "MEMORY PURGE");
    bench_sleep_us(SETTLE_US);
    wire_command(wire, "MEMORY PURGE");
    return contender_resident_bytes(contender);
}

static void measure_memory(const struct bench *bench, struct report *report)
{
    static struct wire wire;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *shape = &shapes[i];
        struct report_row *row =
            report_add_row(report, shape->label, "bytes/member", TARGET_RATIO, shape->ratio_max);
        size_t collections = bench_scale(bench, shape->collections);
        for (int side = 0; side < SIDES_OF_REDIS; side++) {
            struct contender contender;
            if (!contender_is_there(bench, (enum side)side))
                continue;
            bench_progress("%s: %s", contender_name((enum side)side), shape->label);
            contender_start(&contender, bench, (enum side)side);
            wire_open(&wire, contender.port);
            size_t before = settled_resident_bytes(&contender, &wire);
            load_run(&wire, 0, collections * shape->members, write_member, shape);
            size_t after = settled_resident_bytes(&contender, &wire);
            wire_close(&wire);
            contender_stop(&contender);
            report_add_value(row, (enum side)side,
                             (double)(after - before) / (double)(collections * shape->members));
        }
    }
}

/* --- time --- */

enum operation { HSET, LPUSH, SADD, ZADD, LRANGE, ZRANGE, SINTER, OPERATIONS };

struct measured {
    const char *label;
    enum operation operation;
    size_t pipeline;
    double ratio_max;
};

static const struct measured cases[OPERATIONS] = {
    {"HSET, 1 M fields, pipeline 16", HSET, PIPELINE, 0.6},
    {"LPUSH, pipeline 16", LPUSH, PIPELINE, 0.6},
    {"SADD, 1 M members, pipeline 16", SADD, PIPELINE, 0.6},
    {"ZADD, 1 M members, pipeline 16", ZADD, PIPELINE, 0.5},
    {"LRANGE of 600, pipeline 16", LRANGE, PIPELINE, 0.6},
    {"ZRANGE by score of 100 in 1 M, pipeline 16", ZRANGE, PIPELINE, 0.5},
    {"SINTER of two sets of 100 k", SINTER, 1, 0.6},
};

static size_t write_operation(char *out, enum operation operation, size_t number)
{
    char member[32], score[32], end[32];
    size_t random = (size_t)(load_scatter(number) % MEMBERS);
    sprintf(member, "element:%012zu", random);
    sprintf(score, "%zu", (size_t)(load_scatter(random) % MEMBERS));
    const char *hset[] = {"HSET", "myhash", member, LIST_VALUE};
    const char *lpush[] = {"LPUSH", "mylist", LIST_VALUE};
    const char *sadd[] = {"SADD", "myset", member};
    const char *zadd[] = {"ZADD", "myzset", score, member};
    const char *lrange[] = {"LRANGE", "range", "0", "599"};
    const char *sinter[] = {"SINTER", "a", "b"};
    switch (operation) {
    case HSET:
        return write_words(out, hset, 4);
    case LPUSH:
        return write_words(out, lpush, 3);
    case SADD:
        return write_words(out, sadd, 3);
    case ZADD:
        sprintf(score, "%zu", (size_t)(load_scatter(number * 31) % MEMBERS));
        return write_words(out, zadd, 4);
    case LRANGE:
        return write_words(out, lrange, 4);
    case SINTER:
        return write_words(out, sinter, 3);
    default:
        break;
    }
    sprintf(score, "%zu", random % (MEMBERS - SCORE_RANGE));
    sprintf(end, "%zu", random % (MEMBERS - SCORE_RANGE) + SCORE_RANGE - 1);
    const char *zrange[] = {"ZRANGE", "ranked", score, end, "BYSCORE"};
    return write_words(out, zrange, 5);
}

static size_t array_size(size_t count, size_t element_size)
{
    char head[32];
    return (size_t)sprintf(head, "*%zu\r\n", count) + count * resp_requests_bulk_size(element_size);
}

static size_t reply_size(enum operation operation)
{
    switch (operation) {
    case LPUSH:
        return 0; /* the length grows: lines are counted */
    case LRANGE:
        return array_size(RANGE_ELEMENTS, strlen(LIST_VALUE));
    case ZRANGE:
        return array_size(SCORE_RANGE, strlen("element:000000000000"));
    case SINTER:
        return array_size(INTERSECTED / 2, strlen("element:000000000000"));
    default:
        return strlen(":0\r\n");
    }
}

/* --- what is there before --- */

static size_t write_full(char *out, size_t number, const void *context)
{
    enum operation operation = *(const enum operation *)context;
    char member[32], score[32];
    sprintf(member, "element:%012zu", number * 7919 % MEMBERS); /* a prime: each comes once */
    sprintf(score, "%zu", number * 7919 % MEMBERS);
    const char *hset[] = {"HSET", "myhash", member, LIST_VALUE};
    const char *sadd[] = {"SADD", "myset", member};
    const char *zadd[] = {"ZADD", operation == ZADD ? "myzset" : "ranked", score, member};
    const char *rpush[] = {"RPUSH", "range", LIST_VALUE};
    switch (operation) {
    case HSET:
        return write_words(out, hset, 4);
    case SADD:
        return write_words(out, sadd, 3);
    case LRANGE:
        return write_words(out, rpush, 3);
    default:
        return write_words(out, zadd, 4);
    }
}

static size_t write_intersected(char *out, size_t number, const void *context)
{
    char member[32];
    (void)context;
    sprintf(member, "element:%012zu",
            number % INTERSECTED + number / INTERSECTED * INTERSECTED / 2);
    const char *words[] = {"SADD", number < INTERSECTED ? "a" : "b", member};
    return write_words(out, words, 3);
}

static void fill(const struct contender *contender)
{
    static struct wire wire;
    static const enum operation filled[] = {HSET, SADD, ZADD, ZRANGE};
    static const enum operation range = LRANGE;
    wire_open(&wire, contender->port);
    for (size_t i = 0; i < sizeof filled / sizeof filled[0]; i++)
        load_run(&wire, 0, MEMBERS, write_full, &filled[i]);
    load_run(&wire, 0, RANGE_ELEMENTS, write_full, &range);
    load_run(&wire, 0, (size_t)2 * INTERSECTED, write_intersected, NULL);
    wire_close(&wire);
}

static void measure(const struct bench *bench, const struct contender *contender,
                    const struct measured *measured, const struct traffic_requests *requests,
                    struct report_row *row)
{
    size_t connections = measured->pipeline == 1 ? 1 : CONNECTIONS;
    struct traffic *traffic = traffic_create(contender->port, connections, measured->pipeline);
    int64_t duration_ns = (int64_t)bench_scale(bench, TURN_MS) * 1000000;
    traffic_run(traffic, requests, duration_ns / 10);
    int64_t cpu_ns = contender_all_cpu_ns(contender);
    double operations = (double)traffic_run(traffic, requests, duration_ns);
    cpu_ns = contender_all_cpu_ns(contender) - cpu_ns;
    report_add_value(row, contender->side, (double)cpu_ns / operations);
    traffic_destroy(traffic);
}

static void measure_time(const struct bench *bench, struct report *report)
{
    struct contender contenders[SIDES_OF_REDIS];
    struct report_row *rows[OPERATIONS];
    static struct traffic_requests requests[OPERATIONS];
    for (int i = 0; i < OPERATIONS; i++) {
        rows[i] =
            report_add_row(report, cases[i].label, "ns of CPU", TARGET_RATIO, cases[i].ratio_max);
        traffic_requests_init(&requests[i], REQUESTS, LOAD_COMMAND_SIZE);
        for (size_t number = 0; number < REQUESTS; number++) {
            char *out = traffic_requests_begin(&requests[i]);
            traffic_requests_end(&requests[i], write_operation(out, (enum operation)i, number));
        }
        requests[i].reply_size = reply_size((enum operation)i);
    }
    for (int side = 0; side < SIDES_OF_REDIS; side++) {
        contenders[side].pid = 0;
        if (!contender_is_there(bench, (enum side)side))
            continue;
        contender_start(&contenders[side], bench, (enum side)side);
        bench_progress("%s: filling", contender_name((enum side)side));
        fill(&contenders[side]);
    }
    int turns = bench_turns(bench, TURNS);
    for (int turn = 0; turn < turns; turn++) {
        bench_progress("turn %d of %d", turn + 1, turns);
        for (int i = 0; i < OPERATIONS; i++)
            for (int side = 0; side < SIDES_OF_REDIS; side++)
                if (contenders[side].pid != 0)
                    measure(bench, &contenders[side], &cases[i], &requests[i], rows[i]);
    }
    for (int side = 0; side < SIDES_OF_REDIS; side++)
        if (contenders[side].pid != 0)
            contender_stop(&contenders[side]);
    for (int i = 0; i < OPERATIONS; i++)
        traffic_requests_deinit(&requests[i]);
}

static void run(const struct bench *bench, struct report *report)
{
    measure_memory(bench, report);
    measure_time(bench, report);
    report_add_note(report, "Memory: VmRSS after MEMORY PURGE less that of the empty server; "
                            "members, fields and their values of 11 bytes.");
    report_add_note(report,
                    "Time: CPU of all threads of the server an operation, %d connections; members "
                    "of 20 bytes at random among %d, as redis-benchmark -r has them.",
                    CONNECTIONS, MEMBERS);
}

const struct suite collections_suite = {
    "collections", "what collections take in memory, and what their commands cost", run};
