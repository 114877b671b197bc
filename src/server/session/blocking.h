/* Clients that wait for something inside a command: they run nothing more until it comes, or a
 * timeout.
 *
 * WAIT and WAITAOF wait, and those that wait for a key (key_waits.h). The command that blocks has
 * written no reply; whoever ends the wait writes it. */
#ifndef HOLDFAST_SERVER_SESSION_BLOCKING_H
#define HOLDFAST_SERVER_SESSION_BLOCKING_H

#include <stdbool.h>
#include <stdint.h>

struct client;

/* Begins to wait; not allowed in EXEC (CLIENT_IN_EXEC). `timed_out` writes the reply that a timeout
 * gives; it is called after `timeout_ms` (0: never). `ended` is called whatever ends the wait, also
 * when the client goes; NULL: nobody needs to know. */
void blocking_begin(struct client *client, int64_t timeout_ms,
                    void (*timed_out)(struct client *client), void (*ended)(struct client *client));

/* What it waited for has come, and the reply is written: the client goes on. */
void blocking_end(struct client *client);

/* CLIENT UNBLOCK: as if the timeout were over, or with an error. */
void blocking_end_by_timeout(struct client *client);
void blocking_end_by_error(struct client *client, const char *error);

/* The client goes. Writes nothing. */
void blocking_forget_client(struct client *client);

#endif
