/* Client-side caching: which clients read which keys, and telling them when these change.
 *
 * Default mode: a table from key to the ids of the clients that read it, bounded by
 * tracking-table-max-keys (beyond it, keys are invalidated to make room). BCAST mode: a table of
 * prefixes with the clients of each. A client is told of its own changes after its reply, of
 * others' at once; clients of prefixes at the end of the turn.
 * https://redis.io/docs/latest/develop/reference/client-side-caching/ */
#ifndef HOLDFAST_SERVER_PUBSUB_TRACKING_H
#define HOLDFAST_SERVER_PUBSUB_TRACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct client;
struct command;
struct server;
struct tracking;

struct tracking_settings {
    uint64_t table_keys_max; /* tracking-table-max-keys: 1000000; 0 is no limit */
};

/* How a client is tracked. */
struct tracking_mode {
    bool broadcast, optin, optout, noloop;
    uint64_t redirect; /* id of another client that gets the messages; 0: none */
};

struct tracking *tracking_create(struct server *server, const struct tracking_settings *settings);
void tracking_destroy(struct tracking *tracking);

/* --- switching --- */

/* Switches tracking on, or changes its mode; in broadcast mode adds prefixes ("" is all keys) to
 * those it has. */
void tracking_start(struct tracking *tracking, struct client *client,
                    const struct tracking_mode *mode, const struct slice *prefixes, size_t count);
/* Tracking of this client ends: it goes, RESET, CLIENT TRACKING OFF. */
void tracking_forget_client(struct tracking *tracking, struct client *client);
/* CLIENT CACHING YES or NO: holds for the next command. */
void tracking_set_caching(struct client *client);
/* The command for which CLIENT CACHING held has ended. */
void tracking_command_ends(struct client *client);

/* --- events --- */

/* A client is tracked, or was and keys of it are remembered. */
bool tracking_exists(const struct tracking *tracking);

/* A read-only command of a tracking client ran: remembers its keys. */
void tracking_remember(struct tracking *tracking, struct client *client,
                       const struct command *command, const struct slice *arguments, size_t count);

/* A key changed or went (expired, evicted). `by`: the client that did it, NULL for none. */
void tracking_key_changed(struct tracking *tracking, struct client *by, struct slice key);
/* FLUSHALL, FLUSHDB. */
void tracking_flushed(struct tracking *tracking, struct client *by);

/* After each command (or EXEC) of a tracking client: tells it of its own keys that changed. */
void tracking_send(struct tracking *tracking, struct client *client);
/* At the end of a turn: tells the clients of prefixes. */
void tracking_send_broadcasts(struct tracking *tracking);
/* Makes room in a table that has more than tracking-table-max-keys: a bounded step. */
void tracking_limit_keys(struct tracking *tracking);

/* --- looking --- */

/* NULL: tracking is off. */
const struct tracking_mode *tracking_mode(const struct client *client);
bool tracking_is_caching(const struct client *client); /* CLIENT CACHING was called */
/* CLIENT GETREDIR: -1 tracking is off, 0 it is on without redirection, else the id. */
int64_t tracking_redirection(const struct client *client);
bool tracking_is_broadcast(const struct client *client);
/* The prefixes of a client; index below the count. */
size_t tracking_client_prefix_count(const struct client *client);
struct slice tracking_client_prefix(const struct client *client, size_t index);
size_t tracking_client_memory(const struct client *client);

/* INFO's tracking_total_keys, tracking_total_items, tracking_total_prefixes. */
size_t tracking_key_count(const struct tracking *tracking);
size_t tracking_item_count(const struct tracking *tracking);
size_t tracking_prefix_count(const struct tracking *tracking);

#endif
