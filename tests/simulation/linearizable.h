/* Is there an order in which the operations on one register could have happened? (Wing and Gong,
 * 1993; the memo of what was tried is Lowe's, 2017.)
 *
 * Values are unique; 0 is what the register holds at first. An operation happens at one moment
 * between its call and its return; one whose outcome is unknown may happen at any time after its
 * call, or never. */
#ifndef HOLDFAST_SIMULATION_LINEARIZABLE_H
#define HOLDFAST_SIMULATION_LINEARIZABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINEARIZABLE_MAX 64 /* operations on one register */
#define LINEARIZABLE_NEVER UINT64_MAX

struct register_operation {
    bool is_write;
    int64_t value;
    uint64_t called, returned; /* returned: LINEARIZABLE_NEVER if the outcome is unknown */
};

bool linearizable(const struct register_operation *operations, size_t count);

#endif
