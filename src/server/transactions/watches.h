/* WATCH: which clients look at which keys, so that a change marks them. Optimistic locking for
 * EXEC. */
#ifndef HOLDFAST_SERVER_TRANSACTIONS_WATCHES_H
#define HOLDFAST_SERVER_TRANSACTIONS_WATCHES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct client;
struct database;
struct key;
struct server;
struct watches;

struct watches *watches_create(struct server *server);
void watches_destroy(struct watches *watches);

/* Adds a key to what `client` watches; a second time changes nothing. */
void watches_add(struct watches *watches, struct client *client, struct database *database,
                 const struct key *key);
/* UNWATCH, EXEC, DISCARD, the client goes. */
void watches_forget_client(struct watches *watches, struct client *client);

bool watches_exist(const struct watches *watches);

/* A key changed: marks its watchers. Cheap when nobody watches anything. */
void watches_key_changed(struct watches *watches, struct database *database, struct slice key);
/* A key expired or was evicted: marks the watchers that saw it alive. */
void watches_key_removed(struct watches *watches, struct database *database, struct slice key);
/* FLUSHDB: marks watchers of keys that are there. NULL: every database. */
void watches_flushed(struct watches *watches, struct database *database);
/* SWAPDB: marks watchers of keys that are there in one of the two, or will be. Before the swap. */
void watches_swapped(struct watches *watches, struct database *a, struct database *b);

/* EXEC: has a watched key expired since WATCH? */
bool watches_expired(struct watches *watches, struct client *client);

#endif
