/* The clients' side of system/socket.c, and the network in between: bytes are on their way until
 * they are delivered, in pieces. */
#ifndef HOLDFAST_SIMULATION_SIMULATED_SOCKET_H
#define HOLDFAST_SIMULATION_SIMULATED_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "world.h"

/* A connection to the server, by either way, waiting to be accepted; -1: nobody listens. */
int simulated_socket_connect(void);
void simulated_socket_write(int socket, struct slice bytes);
/* Appends what has arrived, all of it sent under the same `*promise`; more may be left. False: the
 * connection has ended and nothing is left. */
bool simulated_socket_read(int socket, struct buffer *out, struct world_promise *promise);
/* The client goes. The number may belong to another connection from now on. */
void simulated_socket_leave(int socket);

/* How many bytes of what the client wrote the server has read so far. */
uint64_t simulated_socket_taken(int socket);

/* No worker has a connection, and the server has closed those that clients have left: nothing of
 * them can come any more. */
bool simulated_socket_is_settled(void);

/* Some bytes of some connection arrive at the other end. False: none are on their way. */
bool simulated_socket_step(void);
/* All that the server has sent arrives. */
void simulated_socket_drain(void);
/* The server's process is gone: every connection ends, and so do the listeners. */
void simulated_socket_end_server(void);

/* For the loop: enum event_interest. */
unsigned simulated_socket_ready(int socket);

#endif
