/* What the scheduler, and system/socket.c, ask of system/worker.c. */
#ifndef HOLDFAST_SIMULATION_SIMULATED_WORKER_H
#define HOLDFAST_SIMULATION_SIMULATED_WORKER_H

#include <stdbool.h>
#include <stdint.h>

/* One worker does a piece of its work. False: none has any, or all wait. */
bool simulated_worker_step(void);
/* No job is left, and what follows the last ones has been done. */
bool simulated_worker_all_are_idle(void);
/* When the first wait of a worker is over; INT64_MAX: none waits. */
int64_t simulated_worker_due_us(void);

/* For the job that runs: everything else goes on until this has happened to the socket, or until
 * that time. False: it has not. */
bool simulated_worker_wait(bool (*happened)(int socket), int socket, int64_t until_us);

#endif
