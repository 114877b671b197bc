/* maxmemory: evicts keys while memory is over the limit, and says when commands that need more must
 * be refused.
 *
 * Work is bounded: at most MEMORY_LIMIT_SLICE_USEC a command or turn (more with a greater
 * maxmemory-eviction-tenacity); what is left is done in the next turns, and meanwhile commands are
 * let through, as in Redis. */
#ifndef HOLDFAST_SERVER_MEMORY_LIMIT_H
#define HOLDFAST_SERVER_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyspace/eviction.h"

struct memory_limit;
struct server;

#define MEMORY_LIMIT_SLICE_USEC 500 /* at the default tenacity of 10 */

struct memory_limit_settings {
    uint64_t bytes_max; /* maxmemory; 0: no limit */
    struct eviction_settings
        eviction; /* maxmemory-policy, -samples, lfu-*: keyspace reads them too */
    int tenacity; /* maxmemory-eviction-tenacity: 0 to 100 */
};

struct memory_limit_statistics {
    int64_t exceeded_since_ms; /* wall time; 0: memory is not over the limit */
    int64_t exceeded_ms; /* in all, up to the last time it ended: total_eviction_exceeded_time */
};

struct memory_limit *memory_limit_create(struct server *server,
                                         const struct memory_limit_settings *settings);
void memory_limit_destroy(struct memory_limit *memory_limit);

/* Before a command: true if memory is over the limit and nothing can go. Evicts first. */
bool memory_limit_is_short(struct memory_limit *memory_limit);

/* At the end of each turn: goes on with an eviction that was not finished. */
void memory_limit_end_turn(struct memory_limit *memory_limit);

struct memory_limit_statistics *memory_limit_statistics(struct memory_limit *memory_limit);

#endif
