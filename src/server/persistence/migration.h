/* MIGRATE: keys go to another server by RESTORE, and from here once they are there.
 *
 * A thread of its own carries them, as soon as what they are is durable: whoever sees them there
 * may rely on it (P2). The loop goes on, and only the client waits. A key that was changed on the
 * way stays here, and the client is told. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_MIGRATION_H
#define HOLDFAST_SERVER_PERSISTENCE_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct database;
struct migrations;
struct server;

struct migrations *migrations_create(struct server *server);
/* Transfers that are under way are given up. */
void migrations_destroy(struct migrations *migrations);

/* The log is durable up to this group: what waited for it goes. */
void migrations_release(struct migrations *migrations, uint64_t durable_group);

/* Keys are on their way. */
bool migrations_exist(const struct migrations *migrations);
/* A key changed: if it is on its way it stays. Cheap when none is. */
void migrations_key_changed(struct migrations *migrations, struct database *database,
                            struct slice key);

#endif
