/* A walk over all entries of a keyspace that sees the state of the moment in which it began, while
 * commands go on changing it.
 *
 * The walker visits the tables in hash order; before an entry that it has not seen is changed or
 * freed, database.c hands it over first. ENTRY_SEEN against the polarity of the walk is the one bit
 * per key: it turns with every walk, so that nothing is cleaned up between two. Entries made
 * meanwhile are born seen. FLUSHALL, FLUSHDB and SWAPDB break a walk off: what it was for begins
 * again. One walk at a time. */
#ifndef HOLDFAST_KEYSPACE_SNAPSHOT_WALK_H
#define HOLDFAST_KEYSPACE_SNAPSHOT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "values/value.h"

struct database;
struct entry;
struct keyspace;

struct snapshot_walk_handlers {
    void *context;
    /* An entry as it was when the walk began. Must change nothing. */
    void (*take)(void *context, struct database *database, const struct entry *entry);
    /* The walk was broken off; `take` is not called any more. */
    void (*broken_off)(void *context);
};

/* False while another walk (or the rest of one that was broken off) goes on. */
bool snapshot_walk_begin(struct keyspace *keyspace, const struct snapshot_walk_handlers *handlers);

/* Visits some tens of entries; false when all have been taken (or the rest of a walk that was
 * broken off is done): the walk has ended. */
bool snapshot_walk_step(struct keyspace *keyspace);

/* Nothing is taken any more; steps must go on until they return false before another can begin. */
void snapshot_walk_break_off(struct keyspace *keyspace);

bool snapshot_walk_goes_on(const struct keyspace *keyspace);

/* Who takes large collections in pieces (values/value_walk.h) holds on to them longer than the walk
 * over the keys may last. One at a time; NULL: nobody (any more). */
struct value_keeper {
    void *context;
    /* The value leaves the keyspace. True: its walk goes on, it is the keeper's to free. */
    bool (*keep)(void *context, enum value_type type, void *value);
    /* All values may be freed any moment: the keeper lets go of them now. */
    void (*let_go)(void *context);
};
void snapshot_walk_set_keeper(struct keyspace *keyspace, const struct value_keeper *keeper);

/* Frees a value that its keeper is through with, off the loop where it is large. */
void snapshot_walk_free_value(struct keyspace *keyspace, enum value_type type, void *value);

/* --- for database.c and keyspace.c --- */

struct snapshot_walk {
    struct snapshot_walk_handlers handlers;
    bool active;
    bool silent;  /* broken off: entries are marked, not taken */
    uint8_t seen; /* ENTRY_SEEN or 0: what entries that are seen have */
    int database; /* being visited */
    uint64_t cursor;
};

/* `entry` is not seen yet and about to be changed. */
void snapshot_walk_take(struct snapshot_walk *walk, struct database *database, struct entry *entry);
/* The tables changed under the walk as a whole. */
void snapshot_walk_interrupt(struct snapshot_walk *walk, const struct value_keeper *keeper);

#endif
