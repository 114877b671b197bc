/* Clients in a closed loop: each sends one command, waits for its reply, and sends the next. One
 * thread, epoll. */
#ifndef HOLDFAST_BENCH_CLOSED_LOOP_H
#define HOLDFAST_BENCH_CLOSED_LOOP_H

#include <stddef.h>
#include <stdint.h>

#define CLOSED_LOOP_GROUPS_MAX 2
#define CLOSED_LOOP_BUCKETS 100000 /* of 1 us; what takes longer is in the last */

/* Clients that do the same. */
struct closed_loop_group {
    int clients;
    size_t value_size;      /* SET key value; 0: GET key */
    size_t first_key, keys; /* the keys are chosen among these */

    /* results */
    uint64_t replies;
    uint64_t latency_us[CLOSED_LOOP_BUCKETS];
    int64_t latency_us_max;
};

/* Runs all groups at once for `duration_us`; what comes in the first tenth does not count.
 * With `between` all of it counts. `between` (NULL: nothing) is called about every millisecond, and
 * ends the run when it returns false. */
void closed_loop_run(int port, struct closed_loop_group *groups, int count, int64_t duration_us,
                     int (*between)(void *context), void *context);

/* Replies a second of what counted. */
double closed_loop_rate(const struct closed_loop_group *group, int64_t duration_us);
/* The latency below which `part` of the replies came, us. */
double closed_loop_quantile(const struct closed_loop_group *group, double part);

#endif
