/* What the scheduler asks of system/worker.c. */
#ifndef HOLDFAST_SIMULATION_SIMULATED_WORKER_H
#define HOLDFAST_SIMULATION_SIMULATED_WORKER_H

#include <stdbool.h>

/* One worker does a piece of its work. False: none has any. */
bool simulated_worker_step(void);

#endif
