/* Who runs the server: changes its settings while it works, saves, shuts it down. */
#ifndef HOLDFAST_SIMULATION_OPERATOR_H
#define HOLDFAST_SIMULATION_OPERATOR_H

#include "base/buffer.h"

struct client;

/* Sends one command, or a transaction, if what it sent before is answered: so there is at most one
 * change in a turn. */
void operator_send(struct client *client, struct buffer *bytes);

#endif
