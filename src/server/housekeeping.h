/* What the server does without being asked: active expiry, pauses and timeouts that end, statistics
 * of the second, freeing what FLUSHALL threw away.
 *
 * Every piece of work is bounded: expiry takes a slice of a millisecond a turn of the loop (two
 * when it is behind); while more is due, the loop is asked for another turn, so clients are served
 * in between. */
#ifndef HOLDFAST_SERVER_HOUSEKEEPING_H
#define HOLDFAST_SERVER_HOUSEKEEPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct housekeeping;
struct server;

struct housekeeping_settings {
    int hz;                /* 10: how often the periodic work runs, a second */
    bool dynamic_hz;       /* accepted; the work does not depend on it */
    bool active_rehashing; /* accepted: there is no rehashing */
};

/* Figures per second over the last 1.6 seconds, as in Redis, and peaks. */
struct housekeeping_statistics {
    uint64_t commands_per_second; /* instantaneous_ops_per_sec */
    double input_kib_per_second, output_kib_per_second;
    size_t memory_used_peak;     /* bytes */
    int64_t memory_used_peak_ms; /* when */
    size_t memory_used_startup;  /* bytes, once the server was made */
    size_t resident;             /* bytes, of the last tick */
    uint64_t expiry_slices;      /* turns in which keys were expired actively */
    int64_t expiry_usec;         /* time spent so */
    uint64_t discards_pending;   /* tables waiting to be freed: lazyfree_pending_objects */
    uint64_t discards_done;      /* lazyfreed_objects */
    int64_t started_ms;          /* wall time */
};

struct housekeeping *housekeeping_create(struct server *server,
                                         const struct housekeeping_settings *settings);
void housekeeping_destroy(struct housekeeping *housekeeping);

/* At the end of each turn: removes keys that are due, and sees to it that the loop wakes for the
 * next. */
void housekeeping_end_turn(struct housekeeping *housekeeping);

struct housekeeping_statistics *housekeeping_statistics(struct housekeeping *housekeeping);
void housekeeping_reset_statistics(struct housekeeping *housekeeping); /* CONFIG RESETSTAT */

/* After hz changed. */
void housekeeping_apply(struct housekeeping *housekeeping);

/* DEBUG SET-ACTIVE-EXPIRE. */
void housekeeping_set_active_expiry(struct housekeeping *housekeeping, bool on);
bool housekeeping_active_expiry(const struct housekeeping *housekeeping);

/* keyspace_hooks.discard: frees on the worker thread. `context` is the housekeeping. */
void housekeeping_discard(void *context, void *garbage, bool (*free_some)(void *garbage));

#endif
