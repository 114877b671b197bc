/* What databases ask of their keyspace: for keyspace/ alone. */
#ifndef HOLDFAST_KEYSPACE_KEYSPACE_PRIVATE_H
#define HOLDFAST_KEYSPACE_KEYSPACE_PRIVATE_H

#include "keyspace/keyspace.h"
#include "keyspace/keyspace_shared.h"

struct keyspace_shared *keyspace_shared(struct keyspace *keyspace);

bool keyspace_expiry_is_frozen(const struct keyspace *keyspace);

void keyspace_tell_removed(struct keyspace *keyspace, struct database *database, struct slice key,
                           enum removal reason);
void keyspace_tell_field_expired(struct keyspace *keyspace, struct database *database,
                                 struct slice key, struct slice field, bool is_last);
void keyspace_tell_fields_expired(struct keyspace *keyspace, struct database *database,
                                  struct slice key, size_t count);
void keyspace_tell_missed(struct keyspace *keyspace, struct database *database, struct slice key);
void keyspace_discard(struct keyspace *keyspace, void *garbage, bool (*free_some)(void *garbage));

struct eviction_pool *keyspace_eviction_pool(struct keyspace *keyspace);

/* Marks an access of `entry` for eviction. */
void keyspace_touch(struct keyspace *keyspace, struct entry *entry);
/* Marks `entry` as just written; `old` (may be NULL, or the same) is what the key was before. */
void keyspace_touch_new(struct keyspace *keyspace, const struct entry *old, struct entry *entry);

#endif
