/* What an operation costs the server: CPU time of all its threads, and how many it does a second.
 *
 * All contenders run at once on one core, and take turns at being asked: a noisy moment meets all
 * of them. CPU time is what holds on a noisy machine. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/load.h"
#include "bench/report.h"
#include "bench/resp_requests.h"
#include "bench/traffic.h"
#include "bench/wire.h"

#define KEYS 1000000
#define VALUE_SIZE 64 /* bytes */
#define CONNECTIONS 50
#define REQUESTS 1000000 /* made before, sent in random rows: every key is met */
#define REQUEST_MAX 1280 /* bytes of one */
#define TURNS 5
#define TURN_MS 300
#define MULTIPLE 10           /* keys of an MSET */
#define COUNTER_PREFIX "num:" /* instead of a key's "key:" */

enum operation { GET, SET, INCR, MSET, OPERATIONS };

struct measured {
    const char *label;
    enum operation operation;
    size_t pipeline;
    double bound; /* of the ratio to Redis's CPU time */
};

static const struct measured cases[] = {
    {"GET pipeline 1", GET, 1, 0.97},     {"SET pipeline 1", SET, 1, 0.97},
    {"GET pipeline 16", GET, 16, 0.38},   {"SET pipeline 16", SET, 16, 0.35},
    {"GET pipeline 100", GET, 100, 0.30}, {"SET pipeline 100", SET, 100, 0.28},
    {"INCR pipeline 16", INCR, 16, 0.42}, {"MSET of 10, pipeline 16", MSET, 16, 0.25},
};
#define CASES (sizeof cases / sizeof cases[0])

static char value[VALUE_SIZE + 1];

/* --- requests --- */

static size_t write_resp(char *out, enum operation operation, uint64_t random, bool counters)
{
    static const char *const names[OPERATIONS] = {"GET", "SET", "INCR", "MSET"};
    static const size_t words[OPERATIONS] = {2, 3, 2, 1 + 2 * MULTIPLE};
    size_t keys = operation == MSET ? MULTIPLE : 1;
    char key[LOAD_KEY_SIZE + 1];
    size_t length = (size_t)snprintf(out, LOAD_COMMAND_SIZE, "*%zu\r\n", words[operation]);
    length += resp_requests_word(out + length, names[operation], strlen(names[operation]));
    for (size_t i = 0; i < keys; i++) {
        load_write_key(key, load_scatter(random + (i << 32)) % KEYS);
        if (counters)
            memcpy(key, COUNTER_PREFIX, strlen(COUNTER_PREFIX));
        length += resp_requests_word(out + length, key, LOAD_KEY_SIZE);
        if (operation == SET || operation == MSET)
            length += resp_requests_word(out + length, value, VALUE_SIZE);
    }
    return length;
}

static size_t write_memcached(char *out, enum operation operation, uint64_t random)
{
    char key[LOAD_KEY_SIZE + 1];
    load_write_key(key, load_scatter(random) % KEYS);
    if (operation == GET)
        return (size_t)snprintf(out, LOAD_COMMAND_SIZE, "get %.*s\r\n", LOAD_KEY_SIZE, key);
    return (size_t)snprintf(out, LOAD_COMMAND_SIZE, "set %.*s 0 0 %d\r\n%s\r\n", LOAD_KEY_SIZE, key,
                            VALUE_SIZE, value);
}

static bool can_do(enum side side, enum operation operation)
{
    return side != SIDE_MEMCACHED || operation == GET || operation == SET;
}

static size_t reply_size(enum side side, enum operation operation)
{
    if (side == SIDE_MEMCACHED)
        return operation == SET ? strlen("STORED\r\n")
                                : strlen("VALUE  0 64\r\n\r\nEND\r\n") + LOAD_KEY_SIZE + VALUE_SIZE;
    if (operation == INCR)
        return side == SIDE_FLOOR ? 5 : 0; /* numbers grow */
    return operation == GET ? strlen("$64\r\n\r\n") + VALUE_SIZE : strlen("+OK\r\n");
}

static void make_requests(struct traffic_requests *requests, enum side side,
                          enum operation operation)
{
    size_t count = operation == MSET ? REQUESTS / MULTIPLE : REQUESTS;
    traffic_requests_init(requests, count, operation == MSET ? REQUEST_MAX : LOAD_COMMAND_SIZE);
    for (size_t i = 0; i < count; i++) {
        char *out = traffic_requests_begin(requests);
        size_t length = side == SIDE_MEMCACHED ? write_memcached(out, operation, i)
                                               : write_resp(out, operation, i, operation == INCR);
        traffic_requests_end(requests, length);
    }
    requests->reply_size = reply_size(side, operation);
}

/* --- servers --- */

static size_t write_set(char *out, enum side side, const char *key, const char *text)
{
    size_t length = strlen(text);
    if (side == SIDE_MEMCACHED)
        return (size_t)snprintf(out, LOAD_COMMAND_SIZE, "set %.*s 0 0 %zu\r\n%s\r\n", LOAD_KEY_SIZE,
                                key, length, text);
    return (size_t)snprintf(out, LOAD_COMMAND_SIZE,
                            "*3\r\n$3\r\nSET\r\n$%d\r\n%.*s\r\n$%zu\r\n%s\r\n", LOAD_KEY_SIZE,
                            LOAD_KEY_SIZE, key, length, text);
}

/* Every key once, in random order: strings, or the counters of INCR. */
static void fill(const struct contender *contender, bool counters)
{
    struct traffic_requests requests;
    traffic_requests_init(&requests, KEYS, LOAD_COMMAND_SIZE);
    for (size_t i = 0; i < KEYS; i++) {
        char *out = traffic_requests_begin(&requests), key[LOAD_KEY_SIZE + 1];
        load_write_key(key, i * 7919 % KEYS); /* a prime: each comes once */
        if (counters)
            memcpy(key, COUNTER_PREFIX, strlen(COUNTER_PREFIX));
        traffic_requests_end(&requests,
                             write_set(out, contender->side, key, counters ? "0" : value));
    }
    requests.reply_size = reply_size(contender->side, SET);
    struct traffic *traffic = traffic_create(contender->port, 8, 100);
    traffic_run(traffic, &requests, 0);
    traffic_destroy(traffic);
    traffic_requests_deinit(&requests);
}

static void set_floor_answer(const struct contender *contender, enum operation operation)
{
    static struct wire wire;
    wire_open(&wire, contender->port);
    wire_command(&wire, "ANSWER %zu", reply_size(SIDE_FLOOR, operation));
    wire_close(&wire);
}

static void measure(const struct bench *bench, const struct contender *contender,
                    const struct measured *measured, const struct traffic_requests *requests,
                    struct report_row *cpu, struct report_row *rate)
{
    if (contender->side == SIDE_FLOOR)
        set_floor_answer(contender, measured->operation);
    struct traffic *traffic = traffic_create(contender->port, CONNECTIONS, measured->pipeline);
    int64_t duration_ns = (int64_t)bench_scale(bench, TURN_MS) * 1000000;
    traffic_run(traffic, requests, duration_ns / 10); /* warm */
    int64_t cpu_ns = contender_all_cpu_ns(contender), begin_ns = bench_monotonic_ns();
    double operations = (double)traffic_run(traffic, requests, duration_ns);
    int64_t wall_ns = bench_monotonic_ns() - begin_ns;
    cpu_ns = contender_all_cpu_ns(contender) - cpu_ns;
    report_add_value(cpu, contender->side, (double)cpu_ns / operations);
    report_add_value(rate, contender->side, operations / ((double)wall_ns / 1e9) / 1000);
    traffic_destroy(traffic);
}

/* Requests of every operation in RESP, and in memcached's protocol: too dear to be made anew. */
struct all_requests {
    struct traffic_requests resp[OPERATIONS], memcached[OPERATIONS];
    struct traffic_requests floor[OPERATIONS]; /* the same bytes, other replies */
};

static void make_all(struct all_requests *all)
{
    memset(all, 0, sizeof *all);
    for (int i = 0; i < OPERATIONS; i++) {
        enum operation operation = (enum operation)i;
        make_requests(&all->resp[i], SIDE_REDIS, operation);
        all->floor[i] = all->resp[i];
        all->floor[i].reply_size = reply_size(SIDE_FLOOR, operation);
        if (can_do(SIDE_MEMCACHED, operation))
            make_requests(&all->memcached[i], SIDE_MEMCACHED, operation);
    }
}

static void free_all(struct all_requests *all)
{
    for (int i = 0; i < OPERATIONS; i++) {
        traffic_requests_deinit(&all->resp[i]);
        traffic_requests_deinit(&all->memcached[i]);
    }
}

static const struct traffic_requests *requests_for(const struct all_requests *all, enum side side,
                                                   enum operation operation)
{
    if (side == SIDE_MEMCACHED)
        return &all->memcached[operation];
    return side == SIDE_FLOOR ? &all->floor[operation] : &all->resp[operation];
}

static void run(const struct bench *bench, struct report *report)
{
    struct contender contenders[SIDES];
    struct report_row *cpu[CASES], *rate[CASES];
    struct all_requests all;
    memset(value, 'v', VALUE_SIZE);
    make_all(&all);
    for (int side = 0; side < SIDES; side++) {
        contenders[side].pid = 0;
        if (!contender_is_there(bench, (enum side)side))
            continue;
        contender_start(&contenders[side], bench, (enum side)side);
        if (side == SIDE_FLOOR)
            continue;
        bench_progress("%s: %d keys", contender_name((enum side)side), KEYS);
        fill(&contenders[side], false);
        if (can_do((enum side)side, INCR))
            fill(&contenders[side], true);
    }
    for (size_t i = 0; i < CASES; i++)
        cpu[i] = report_add_row(report, cases[i].label, "ns of CPU", TARGET_RATIO, cases[i].bound);
    for (size_t i = 0; i < CASES; i++)
        rate[i] = report_add_row(report, cases[i].label, "thousand a second", TARGET_NONE, 0);
    int turns = bench_turns(bench, TURNS);
    for (int turn = 0; turn < turns; turn++) {
        bench_progress("turn %d of %d", turn + 1, turns);
        for (size_t i = 0; i < CASES; i++)
            for (int side = 0; side < SIDES; side++)
                if (contenders[side].pid != 0 && can_do((enum side)side, cases[i].operation))
                    measure(bench, &contenders[side], &cases[i],
                            requests_for(&all, (enum side)side, cases[i].operation), cpu[i],
                            rate[i]);
    }
    for (int side = 0; side < SIDES; side++)
        if (contenders[side].pid != 0)
            contender_stop(&contenders[side]);
    free_all(&all);
    report_add_note(report, "%d-byte values, %d keys of %d bytes, %d connections, no persistence.",
                    VALUE_SIZE, KEYS, LOAD_KEY_SIZE, CONNECTIONS);
    report_add_note(report, "INCR has %d keys of its own, which exist like the others.", KEYS);
    report_add_note(report,
                    "CPU time of all threads of the server; medians of %d turns of %d ms. "
                    "The floor reads, counts and answers.",
                    turns, TURN_MS);
}

const struct suite throughput_suite = {
    "throughput", "what an operation costs the server, and how many it does", run};
