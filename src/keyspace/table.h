/* The table of keys: an extendible hash table of cache-line buckets.
 *
 * A directory names segments by the first bits of the hash (Fagin et al., "Extendible hashing",
 * 1979; the layout owes to Dash, Lu et al., VLDB 2020, and the overflow counts to F14, Bronson and
 * Shi, 2019). A segment is an array of 1 to 32 buckets of 64 bytes; a bucket holds references to
 * entries and one byte of each entry's hash. An entry's home bucket is its position in hash order;
 * a full bucket passes entries on to the next.
 *
 *   - One segment grows at a time (by a quarter or less, so that it is 76 to 95 % full), or splits
 * in two when it has 32 buckets: the longest insert rebuilds one segment of about 300 entries, and
 * there never is a second table.
 *   - Hashes are bent so that the end of the table is twice as dense as its beginning (Martin,
 * "Spiral storage", 1979). So segments split one after the other as a table doubles, not all at
 * nearly the same time. A table is about 87 % full at any size, no time of its growing is dearer
 * than another, and what one segment leaves another soon takes: memory does not go back to the
 * system only to come again.
 *   - Table order is hash order. A scan cursor is a position in it, so it stays exact whatever the
 * table does.
 *   - The directory packs each segment's address, depth and size: a find reads one word of it, the
 * home bucket, the entry.
 *
 * The table borrows entries, and reads their keys when it rebuilds. One thread. */
#ifndef HOLDFAST_KEYSPACE_TABLE_H
#define HOLDFAST_KEYSPACE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/slice.h"

struct entry;

#define TABLE_POSITION_BITS                                                                        \
    48 /* of a hash that decide an entry's place; the low byte of the rest is its tag */

struct table {
    uint64_t *directory;      /* NULL while nothing was ever inserted; 1 << depth words */
    unsigned depth;           /* bits of hash that choose a directory word */
    size_t segments_at_depth; /* whose own depth is `depth`: at 0 the directory can be halved */
    size_t count;             /* entries */
    size_t buckets;           /* of all segments */
    size_t drained;           /* by table_drain: directory words whose segments are gone */
    bool filling;             /* see table_fill */
    uint64_t window;          /* of all references, see entry_reference.h */
    struct hash_seed seed;
};

void table_init(struct table *table, const struct hash_seed *seed);
void table_deinit(struct table *table); /* frees directory and segments, not the entries */

/* The hash of a key, by which the other functions know it. Its first bits are not even, see above.
 */
uint64_t table_hash(const struct hash_seed *seed, struct slice key);

struct entry *table_find(const struct table *table, uint64_t hash, struct slice key);

/* Makes room at once for about `count` entries, in a table in which nothing was ever put; else
 * nothing happens. For loading: growing would place every entry some ten times. */
void table_reserve(struct table *table, size_t count);

/* While `on` the table grows by doubling segments, so that each entry is placed a quarter as often:
 * for loading. Afterwards table_fit gives back what is too much, a segment a call, beginning at
 * *position 0; false when it has been through. */
void table_fill(struct table *table, bool on);
bool table_fit(struct table *table, size_t *position);

/* The key of `entry` must not be in the table. */
void table_insert(struct table *table, uint64_t hash, struct entry *entry);
/* `entry` must be in the table. The second form puts another entry of the same key in its place. */
void table_remove(struct table *table, uint64_t hash, const struct entry *entry);
void table_replace(struct table *table, uint64_t hash, const struct entry *old, struct entry *new);

/* Begins to fetch what table_find(hash) will read: first the home bucket, later (when that has
 * come) the entry. */
void table_prefetch_bucket(const struct table *table, uint64_t hash);
void table_prefetch_entry(const struct table *table, uint64_t hash);

/* Visits all entries whose home is the bucket at position `cursor` of hash order and not before it.
 * Returns the position behind, 0 at the end. `visit` must not change the table. */
uint64_t table_scan(const struct table *table, uint64_t cursor,
                    void (*visit)(void *context, struct entry *entry), void *context);

/* A slot chosen evenly among all slots there could be: its entry, or NULL if it is empty (then try
 * again with other random bits; about 3 tries on average). */
struct entry *table_pick(const struct table *table, uint64_t random);

/* Hands all entries of one segment to `take` and frees the segment. Returns true when nothing is
 * left: then only table_deinit may follow. */
bool table_drain(struct table *table, void (*take)(void *context, struct entry *entry),
                 void *context);

size_t table_memory(const struct table *table); /* bytes of directory and segments */
size_t table_slots(const struct table *table);  /* slots of all buckets */

/* Aborts unless every entry can be found and all counts hold. O(n), for tests. */
void table_check(const struct table *table);

#endif
