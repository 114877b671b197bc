/* Client-side caching: which clients read which keys, and telling them when these change.
 *
 * Default mode: a table from key to the ids of clients that read it, bounded by
 * tracking-table-max-keys (beyond it keys are invalidated to make room). BCAST mode: a sorted array
 * of prefixes with the clients of each. Messages are collected during a command and sent after its
 * reply. https://redis.io/docs/latest/develop/reference/client-side-caching/ */
#ifndef HOLDFAST_SERVER_PUBSUB_TRACKING_H
#define HOLDFAST_SERVER_PUBSUB_TRACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct client;
struct command;
struct command_context;
struct server;
struct tracking;

struct tracking_settings {
    uint64_t table_keys_max; /* tracking-table-max-keys: 1000000; 0 is no limit */
};

struct tracking *tracking_create(struct server *server, const struct tracking_settings *settings);
void tracking_destroy(struct tracking *tracking);

/* A read-only command of a tracking client ran: remembers its keys. */
void tracking_remember(struct tracking *tracking, struct client *client,
                       const struct command *command, const struct slice *arguments, size_t count);

/* A key changed or went (expired, evicted). `by`: the client that did it, NULL for none. */
void tracking_key_changed(struct tracking *tracking, struct client *by, struct slice key);
/* FLUSHALL, FLUSHDB. */
void tracking_flushed(struct tracking *tracking, struct client *by);

/* After each command (or EXEC): sends what was collected, in the order of changes. */
void tracking_send(struct tracking *tracking);

/* Tracking of this client ends: it goes, RESET, CLIENT TRACKING OFF. */
void tracking_forget_client(struct tracking *tracking, struct client *client);

/* INFO's tracking_total_keys, tracking_total_items, tracking_total_prefixes; clients in total. */
size_t tracking_key_count(const struct tracking *tracking);
size_t tracking_item_count(const struct tracking *tracking);
size_t tracking_prefix_count(const struct tracking *tracking);

#endif
