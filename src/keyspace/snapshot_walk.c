#include "keyspace/snapshot_walk.h"

#include "base/assertion.h"
#include "keyspace/database_private.h"
#include "keyspace/keyspace_private.h"

bool snapshot_walk_begin(struct keyspace *keyspace, const struct snapshot_walk_handlers *handlers)
{
    struct snapshot_walk *walk = &keyspace_shared(keyspace)->walk;
    if (walk->active)
        return false;
    uint8_t seen = walk->seen ^ ENTRY_SEEN;
    *walk = (struct snapshot_walk){.handlers = *handlers, .active = true, .seen = seen};
    return true;
}

void snapshot_walk_take(struct snapshot_walk *walk, struct database *database, struct entry *entry)
{
    ASSERT(walk->active);
    if (!walk->silent)
        walk->handlers.take(walk->handlers.context, database, entry);
    entry->flags ^= ENTRY_SEEN;
}

struct visit {
    struct snapshot_walk *walk;
    struct database *database;
};

static void visit_entry(void *context, struct entry *entry)
{
    struct visit *visit = context;
    if ((entry->flags & ENTRY_SEEN) != visit->walk->seen)
        snapshot_walk_take(visit->walk, visit->database, entry);
}

bool snapshot_walk_step(struct keyspace *keyspace)
{
    struct snapshot_walk *walk = &keyspace_shared(keyspace)->walk;
    if (!walk->active)
        return false;
    struct visit visit = {walk, keyspace_database(keyspace, walk->database)};
    walk->cursor = table_scan(&visit.database->table, walk->cursor, visit_entry, &visit);
    if (walk->cursor == 0 && ++walk->database == keyspace_database_count(keyspace))
        walk->active = false;
    return walk->active;
}

void snapshot_walk_set_keeper(struct keyspace *keyspace, const struct value_keeper *keeper)
{
    keyspace_shared(keyspace)->keeper =
        keeper != NULL ? *keeper : (struct value_keeper){NULL, NULL, NULL};
}

void snapshot_walk_free_value(struct keyspace *keyspace, enum value_type type, void *value)
{
    database_free_value(keyspace, type, value);
}

void snapshot_walk_interrupt(struct snapshot_walk *walk, const struct value_keeper *keeper)
{
    if (keeper->let_go != NULL)
        keeper->let_go(keeper->context);
    if (!walk->active)
        return;
    bool was_silent = walk->silent;
    walk->silent = true;
    walk->database = 0;
    walk->cursor = 0;
    if (!was_silent)
        walk->handlers.broken_off(walk->handlers.context);
}

void snapshot_walk_break_off(struct keyspace *keyspace)
{
    keyspace_shared(keyspace)->walk.silent = true;
}

bool snapshot_walk_goes_on(const struct keyspace *keyspace)
{
    return keyspace_shared((struct keyspace *)(uintptr_t)keyspace)->walk.active;
}
