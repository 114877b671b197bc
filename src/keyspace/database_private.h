/* What a database is made of: for keyspace/ alone. */
#ifndef HOLDFAST_KEYSPACE_DATABASE_PRIVATE_H
#define HOLDFAST_KEYSPACE_DATABASE_PRIVATE_H

#include "base/hash.h"
#include "keyspace/database.h"
#include "keyspace/expiry_index.h"
#include "keyspace/keyspace.h"
#include "keyspace/keyspace_shared.h"
#include "keyspace/table.h"

struct database {
    struct table table;
    struct expiry_index *expiry;
    struct field_expiry *fields; /* hashes whose fields have deadlines */
    struct keyspace *keyspace;
    struct keyspace_shared *shared; /* the keyspace's */
    int index;
};

void database_init(struct database *database, struct keyspace *keyspace, int index,
                   const struct hash_seed *seed);
void database_deinit(struct database *database); /* frees all entries */

/* Removes a key that is in the table, and tells the hook why. */
void database_remove(struct database *database, uint64_t hash, struct entry *entry,
                     enum removal reason);
/* The same for an expired entry that expiry_index_take_due gave. */
void database_remove_due(struct database *database, struct entry *entry);

/* Takes an entry out and frees it, and tells nobody. */
void database_drop(struct database *database, uint64_t hash, struct entry *entry);
/* Its collection is about to lose something of its own accord: as database_changing, but that is no
 * access. */
void database_losing(struct database *database, const struct key *key, struct entry *entry);

/* --- fields that are due (database_fields.c) --- */

/* The hash of `entry` as it is for whoever looks: a few fields that are due go, many are hidden. In
 * bounded time. NULL: all are due, the key is gone with them (while expiry is frozen: it is as if
 * it were). */
struct entry *database_without_due_fields(struct database *database, const struct key *key,
                                          struct entry *entry);
/* Removes the field that was due first in this database, if one is due (its hash as one, if all its
 * fields are due and they are many); true if so. */
bool database_expire_field(struct database *database);
/* When the next one is; INT64_MAX: none has a deadline. */
int64_t database_next_field_ms(const struct database *database);

/* The same for eviction. */
void database_evict(struct database *database, struct entry *entry);
/* Frees a value that no entry has any more: a large one off the loop. */
void database_free_value(struct keyspace *keyspace, enum value_type type, void *value);
/* Any entry, expired or not, chosen evenly by the bits of `random`; NULL when empty. */
struct entry *database_pick(const struct database *database, uint64_t random);

#endif
