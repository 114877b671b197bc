/* Which hashes have a field that is due next, in order of that field's deadline: beside the index
 * of keys' deadlines, for hashes with deadlines of their own.
 *
 * A binary heap of one record a hash; the hash leads to its record (hash_keeper). The record knows
 * the key's name, so that the key is found again wherever its entry is. One thread. */
#ifndef HOLDFAST_KEYSPACE_FIELD_EXPIRY_H
#define HOLDFAST_KEYSPACE_FIELD_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct field_expiry;
struct hash;

struct field_expiry *field_expiry_create(void);
/* Frees the index and looks at no hash. */
void field_expiry_destroy(struct field_expiry *expiry);

/* The hash at this key has these deadlines now: its record appears, moves or goes. */
void field_expiry_update(struct field_expiry *expiry, struct hash *hash, struct slice key);
/* The hash leaves its key. */
void field_expiry_forget(struct field_expiry *expiry, struct hash *hash);

/* The earliest deadline of any field, INT64_MAX when there is none; *key: whose. Borrowed until the
 * next change. */
int64_t field_expiry_first_ms(const struct field_expiry *expiry, struct slice *key);
size_t field_expiry_count(const struct field_expiry *expiry); /* hashes */

#endif
