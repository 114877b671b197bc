/* MULTI: commands that wait for EXEC, each copied into one block. */
#ifndef HOLDFAST_SERVER_TRANSACTIONS_TRANSACTION_H
#define HOLDFAST_SERVER_TRANSACTIONS_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct client;
struct dispatch_entry;

/* MULTI. */
void transaction_begin(struct client *client);

/* EXEC, once nothing speaks against it: runs the queue, replies with the array, leaves MULTI. */
void transaction_run(struct client *client);

/* Copies a command that passed its checks behind the queue. False: memory is out, nothing was
 * queued. */
bool transaction_queue(struct client *client, struct dispatch_entry *entry,
                       const struct slice *arguments, size_t count);

/* The queue is thrown away and the client is out of MULTI; watches are kept or not. */
void transaction_discard(struct client *client);

/* A queued or refused command makes EXEC fail. Nothing outside MULTI. */
void transaction_break(struct client *client);

/* EXEC must abort with `error` ("NOPERM ..." and so on): replies EXECABORT and leaves MULTI. */
void transaction_abort(struct client *client, const char *error);

/* enum command_flag of all queued commands together. */
unsigned transaction_flags(const struct client *client);

size_t transaction_count(const struct client *client);  /* queued commands; CLIENT LIST's multi */
size_t transaction_memory(const struct client *client); /* bytes */

#endif
