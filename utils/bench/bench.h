/* What the suites of holdfast-bench share: settings, time, the end of a run that cannot go on.
 *
 * A suite starts its servers itself, on private loopback ports, and stops them. Servers run on one
 * core, the load on another, so that they do not take time from each other. A program of one
 * thread: what goes wrong ends it with a message, and its servers with it. */
#ifndef HOLDFAST_BENCH_BENCH_H
#define HOLDFAST_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report;

#define BENCH_SERVER_CORE 0
#define BENCH_LOAD_CORE 1

struct bench {
    const char *server_path; /* of holdfast-server */
    const char *redis_path;
    const char *memcached_path;
    const char *output_folder; /* where reports and the servers' logs go */
    int turns;                 /* how often each measurement is made; 0: as the suite likes */
    bool quick;                /* a tenth of the keys: to see that it works */
};

struct suite {
    const char *name;
    const char *summary;
    void (*run)(const struct bench *bench, struct report *report);
};

extern const struct suite memory_suite;
extern const struct suite insert_latency_suite;
extern const struct suite expiry_suite;
extern const struct suite durability_suite;
extern const struct suite restart_suite;
extern const struct suite compaction_suite;
extern const struct suite compaction_large_suite;
extern const struct suite publish_suite;
extern const struct suite throughput_suite;
extern const struct suite scaling_suite;
extern const struct suite latency_suite;
extern const struct suite collections_suite;
extern const struct suite smoke_suite;

/* How often to measure: what the user said, else `preferred`; once when quick. */
int bench_turns(const struct bench *bench, int preferred);
/* `count`, or a tenth of it when quick. */
size_t bench_scale(const struct bench *bench, size_t count);

int64_t bench_wall_us(void); /* since 1970 */
int64_t bench_monotonic_ns(void);
void bench_sleep_us(int64_t duration_us);

/* Runs the calling process on this core only, where there are so many. */
void bench_pin(int core);
/* On any core again; a child begins with the cores of its parent. */
void bench_unpin(void);

/* Room for `count` open files, here and in what is started from now on. False: the system allows
 * fewer. */
bool bench_raise_descriptors(size_t count);

/* What is under way, for the person who waits: to stderr. */
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
