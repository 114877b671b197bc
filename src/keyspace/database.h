/* One numbered database: the table of its keys and the index of their deadlines, always in step.
 *
 * Entries are borrowed: valid until the next call that changes a key of this database. A key comes
 * with its hash, computed once (keyspace_hash). Changing functions that allocate a size a client
 * chose return NULL when memory is out, with everything as before. One thread. */
#ifndef HOLDFAST_KEYSPACE_DATABASE_H
#define HOLDFAST_KEYSPACE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "keyspace/entry.h"

struct keyspace;
struct database;

struct key {
    struct slice name;
    uint64_t hash;
};

/* --- finding --- */

/* The entry if it is there and not expired, else NULL. An expired one is removed (and the hook
 * told) unless expiry is frozen. Of a hash, fields that are due are removed likewise or, if they
 * are many, hidden (values/hash.h): nothing here takes longer the more they are. Touches nothing,
 * counts nothing: for commands that are about to write, and for inner use. */
struct entry *database_find(struct database *database, const struct key *key);

/* The same for a read: counts a hit or a miss, tells the missed hook, marks the access for eviction
 * unless `touch` is false (CLIENT NO-TOUCH, OBJECT, DEBUG, TTL ...). */
struct entry *database_read(struct database *database, const struct key *key, bool touch);

/* Begins to fetch the memory that a find of this hash will need. Two steps, so that the misses of a
 * batch overlap: first the bucket of every key, then the entry of every key. */
void database_prefetch_bucket(const struct database *database, uint64_t hash);
void database_prefetch_entry(const struct database *database, uint64_t hash);

/* The collection that a find would give, for fetching ahead of it: nothing expires, nothing is
 * counted. NULL: there is none. Its kind in *kind. */
const void *database_peek(const struct database *database, const struct key *key,
                          const struct value_kind **kind);

/* --- strings --- */

enum deadline_rule { DEADLINE_CLEAR, DEADLINE_KEEP, DEADLINE_SET };

/* Makes `key` the string `value`, whatever it was before. Text that is an integer in its strict
 * form is kept as one. `deadline_ms` counts with DEADLINE_SET only. Never NULL but when memory is
 * out. */
struct entry *database_set_string(struct database *database, const struct key *key,
                                  struct slice value, enum deadline_rule rule, int64_t deadline_ms);
/* The same with a block that becomes the value without a copy: taken over on success. */
struct entry *database_set_string_block(struct database *database, const struct key *key,
                                        char *block, size_t length, enum deadline_rule rule,
                                        int64_t deadline_ms);
/* The same of any length, never kept as a number, and without a deadline: what is made of bits. */
struct entry *database_set_raw_block(struct database *database, const struct key *key, char *block,
                                     size_t length);
/* Both for a caller that has looked already. `entry`: what database_find said, may be NULL. */
struct entry *database_replace_string(struct database *database, const struct key *key,
                                      struct entry *entry, struct slice value,
                                      enum deadline_rule rule, int64_t deadline_ms);
struct entry *database_replace_string_block(struct database *database, const struct key *key,
                                            struct entry *entry, char *block, size_t length,
                                            enum deadline_rule rule, int64_t deadline_ms);
/* The same with a number. Keeps the deadline. `entry`: what database_find said, may be NULL. */
struct entry *database_set_integer(struct database *database, const struct key *key,
                                   struct entry *entry, int64_t value);

/* Makes the string of `entry` (NULL: the key is absent, it is created) `length` bytes long: new
 * bytes are zero, encoding becomes raw, the deadline stays. *bytes points to them, writable until
 * the next change. Grows with room to spare, so that appending is O(1) amortized. Returns the
 * entry, which may have moved. */
struct entry *database_resize_string(struct database *database, const struct key *key,
                                     struct entry *entry, size_t length, char **bytes);

/* --- collections --- */

/* Makes `key` this collection, whatever it was before: taken over on success. NULL when memory is
 * out. */
struct entry *database_set_collection(struct database *database, const struct key *key,
                                      enum value_type type, void *value, int64_t deadline_ms);

/* The collection of `entry` is about to change in place: to be called before that, by every change
 * of a turn. A snapshot that has not seen it takes it as it was. */
void database_changing(struct database *database, const struct key *key, struct entry *entry);

/* A field of the hash at `entry` is about to be set. One that is due but still kept, hidden, goes
 * before that, and the hook is told. */
void database_expire_hidden(struct database *database, const struct key *key, struct entry *entry,
                            struct slice field);
/* The deadlines of fields of the hash at `entry` may have changed: to be called after that. */
void database_fields_changed(struct database *database, const struct key *key, struct entry *entry);

/* --- keys --- */

/* Removes the key; true if it was there (and not expired). */
bool database_delete(struct database *database, const struct key *key);

/* Sets or (ENTRY_NO_DEADLINE) clears the deadline. Returns the entry, which may have moved. */
struct entry *database_set_deadline(struct database *database, const struct key *key,
                                    struct entry *entry, int64_t deadline_ms);

/* RENAME, MOVE: takes the value with its deadline from one key (which is gone then) to another
 * (replaced if there). */
struct entry *database_move(struct database *from, const struct key *from_key, struct database *to,
                            const struct key *to_key);
/* COPY: the same with a copy. */
struct entry *database_copy(struct database *from, const struct key *from_key, struct database *to,
                            const struct key *to_key);

/* --- the whole --- */

int database_index(const struct database *database);
/* The hash of a key's name, another in each database: for tables of keys of all of them. */
uint64_t database_mix_hash(const struct database *database, uint64_t key_hash);
struct keyspace *database_keyspace(const struct database *database);
size_t database_size(const struct database *database);
size_t database_count_with_deadline(const struct database *database);
int64_t database_average_ttl_ms(const struct database *database);
size_t database_table_memory(const struct database *database);  /* directory and segments, bytes */
size_t database_expiry_memory(const struct database *database); /* of the expiry index, bytes */
size_t database_table_slots(const struct database *database);   /* slots of all segments */

/* About so many keys will be put in: room for them is made at once, if the database was never used.
 */
void database_reserve(struct database *database, size_t count);

/* For loading: see table_fill and table_fit. */
void database_fill(struct database *database, bool on);
bool database_fit(struct database *database, size_t *position);

/* FLUSHDB: empty at once; the memory goes to the keyspace's discard hook. Returns how many keys
 * there were. */
size_t database_clear(struct database *database);

/* A key chosen evenly at random, not expired; NULL when empty. */
struct entry *database_random(struct database *database, uint64_t random);

/* Visits the keys of a range of hash order that begins at `cursor` (0: the start) and holds at
 * least one bucket; returns the cursor where to go on, 0 at the end. Cursors have at most 48 bits.
 * Every key that is there from the first call to the last is visited exactly once, whatever the
 * table does between calls. `visit` must change nothing; expired keys are visited too. */
uint64_t database_scan(struct database *database, uint64_t cursor,
                       void (*visit)(void *context, struct entry *entry), void *context);

/* Aborts unless table and index agree. O(n), for tests. */
void database_check(const struct database *database);

#endif
