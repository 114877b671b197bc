/* The simulated world of one seed: time, chance, the power, and what came of it all (the trace).
 *
 * The sources in system/ stand in for those of src/system that touch the outside; they and the
 * scenario meet here. There is one world at a time, since a clock is created without being told in
 * which. One thread. */
#ifndef HOLDFAST_SIMULATION_WORLD_H
#define HOLDFAST_SIMULATION_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "system/disk.h"
#include "system/random.h"

struct world {
    struct random chance;
    int64_t now_us; /* of all clocks, since 1970 */
    uint64_t trace; /* a hash of all that happened: the same seed, the same trace */
    bool off;       /* the power has gone, or the process was killed: nothing counts any more */
    uint64_t steps; /* of the scheduler, ever */
    uint64_t calls; /* to the disk, in this life of the server */
    uint64_t off_at_call;     /* the process ends at this call; 0: at none */
    uint64_t off_in_snapshot; /* ...or so many calls after a snapshot was begun; 0: not so */
    struct disk disk;         /* the simulated one; its calls take time and are counted */
    struct disk_simulated *simulated;
    /* Before each call to the disk: others may go on meanwhile. NULL: they do not. */
    void (*yield)(void);
    /* One thing happens: a client acts, bytes arrive, a job is done. False: nothing can. */
    bool (*step)(void *context);
    void (*turn_ended)(void *context); /* what was done is one group of the log, or some */
    void *context;
};

extern struct world world;

void world_init(uint64_t seed);
void world_deinit(void);

uint64_t world_below(uint64_t n);      /* from 0 to n - 1 */
bool world_chance(uint64_t one_in);    /* true once in so many */
void world_pass(int64_t microseconds); /* time goes on */
void world_trace(const char *what, const void *bytes, size_t length);
void world_trace_number(const char *what, uint64_t number);

/* The server's process ends at once: with the power, or killed. */
void world_end_process(void);

#endif
