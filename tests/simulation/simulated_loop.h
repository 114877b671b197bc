/* What the scenario asks of system/event_loop.c. */
#ifndef HOLDFAST_SIMULATION_SIMULATED_LOOP_H
#define HOLDFAST_SIMULATION_SIMULATED_LOOP_H

#include <stdbool.h>

/* The server's process is sent a signal; its loop takes it up in a turn. False: nobody watches it.
 */
bool simulated_loop_signal(int number);

#endif
