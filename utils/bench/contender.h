/* A server under measurement: Holdfast or what it is compared with, started and stopped by the
 * bench. */
#ifndef HOLDFAST_BENCH_CONTENDER_H
#define HOLDFAST_BENCH_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bench;

enum side {
    SIDE_HOLDFAST,
    SIDE_REDIS,
    SIDE_MEMCACHED,
    SIDE_FLOOR, /* floor.h: a part of the bench */
};
#define SIDES 4
#define SIDES_OF_REDIS 2 /* that speak all of its protocol */

struct contender {
    enum side side;
    pid_t pid;
    int port;
};

const char *contender_name(enum side side);

/* False when the program is not there; the suite then leaves this side out. */
bool contender_is_there(const struct bench *bench, enum side side);

/* Starts it on a free loopback port without persistence, on BENCH_SERVER_CORE, and waits until it
 * answers PING. It dies with the bench. */
void contender_start(struct contender *contender, const struct bench *bench, enum side side);
/* The same in a folder of its own, on any core, with `arguments` (NULL at the end) instead of
 * "--appendonly no"; waits until it has loaded what is there. */
void contender_start_in(struct contender *contender, const struct bench *bench, enum side side,
                        const char *folder, const char *const *arguments);
void contender_stop(struct contender *contender);
/* Lets a Redis-like one have 12,000 clients. */
void contender_allow_clients(const struct contender *contender);

/* What the system says of the process. */
size_t contender_resident_bytes(const struct contender *contender);
int64_t contender_cpu_ns(const struct contender *contender); /* of its main thread */
int64_t contender_all_cpu_ns(const struct contender *contender);
/* Of the process and its children: memory that is shared counts by its share. */
size_t contender_pss_bytes(const struct contender *contender);
/* How long it has been ready to run while something else had the core: noise of the machine. */
int64_t contender_queued_ns(const struct contender *contender);

#endif
