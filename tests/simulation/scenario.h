/* One seed: a server lives some lives in the simulated world, each but the last ended by a crash, a
 * kill or a failing disk, while clients use it. */
#ifndef HOLDFAST_SIMULATION_SCENARIO_H
#define HOLDFAST_SIMULATION_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

/* Ways to break a promise: the checks must notice. */
enum scenario_control {
    CONTROL_NONE,
    CONTROL_GATES_OFF,      /* replies do not wait for the disk */
    CONTROL_MESSAGES_AHEAD, /* messages do not */
    CONTROL_DISK_LIES,      /* syncs do nothing */
    CONTROL_STALE_READ,     /* a checker is fed old values */
    CONTROL_ANSWERS_FORGED, /* keys go although the target of MIGRATE may not have them */
};

struct scenario_result {
    bool failed;
    char why[600];
    uint64_t trace; /* the same for the same seed */
    uint64_t lives, turns, steps, replies, errors, recoveries;
    uint64_t met[WORLD_MEETINGS];
};

void scenario_run(uint64_t seed, enum scenario_control control, struct scenario_result *result);

#endif
