/* A leaf of the expiry index: references to entries, in no order.
 *
 * Its place in the tree says between which positions its entries lie, so adding one writes 5 bytes
 * and looks at nothing. Deadlines stand in the entries; where many are read they are fetched all at
 * once, so that the cache misses overlap. `window`: of all references, see entry_reference.h. For
 * keyspace/expiry_index.c alone. */
#ifndef HOLDFAST_KEYSPACE_EXPIRY_LEAF_H
#define HOLDFAST_KEYSPACE_EXPIRY_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyspace/entry_reference.h"

#define EXPIRY_LEAF_SIZE 512 /* bytes: a class of the allocator */
#define EXPIRY_LEAF_HEADER_SIZE 4
#define EXPIRY_LEAF_CAPACITY                                                                       \
    ((EXPIRY_LEAF_SIZE - EXPIRY_LEAF_HEADER_SIZE) / ENTRY_REFERENCE_SIZE) /* 101 */

/* Where an entry stands: the reference tells equal deadlines apart, so that they split too. */
struct expiry_position {
    int64_t deadline_ms;
    uint64_t reference;
};

struct expiry_leaf {
    uint16_t count;
    bool sorted; /* the earliest last, so that it is the one that goes first */
    unsigned char references[EXPIRY_LEAF_CAPACITY][ENTRY_REFERENCE_SIZE];
};

_Static_assert(sizeof(struct expiry_leaf) <= EXPIRY_LEAF_SIZE, "a leaf fits its allocator class");

static inline bool expiry_position_before(const struct expiry_position *a,
                                          const struct expiry_position *b)
{
    return a->deadline_ms < b->deadline_ms ||
           (a->deadline_ms == b->deadline_ms && a->reference < b->reference);
}

/* Moves the `nth` smallest to items[nth], smaller ones before it, greater ones behind (Hoare's
 * quickselect). For as many items as a leaf holds: its worst case is quadratic. */
void expiry_position_select(struct expiry_position *items, size_t count, size_t nth);

/* Begins to fetch the header and the lines from byte `from` on, all at once. */
static inline void expiry_leaf_prefetch(const struct expiry_leaf *leaf, size_t from)
{
    const char *block = (const char *)leaf;
    __builtin_prefetch(block);
    for (size_t at = from; at < sizeof *leaf; at += 64)
        __builtin_prefetch(block + at);
}

static inline struct entry *expiry_leaf_entry(const struct expiry_leaf *leaf, size_t i,
                                              uint64_t window)
{
    return entry_reference_entry(entry_reference_load(leaf->references[i]), window);
}

/* Writes the positions of all entries to `items` (room for a full leaf); returns how many. */
size_t expiry_leaf_load(const struct expiry_leaf *leaf, uint64_t window,
                        struct expiry_position *items);

/* Adds; there must be room. */
void expiry_leaf_append(struct expiry_leaf *leaf, const struct expiry_position *items,
                        size_t count);
/* Replaces everything. */
void expiry_leaf_store(struct expiry_leaf *leaf, const struct expiry_position *items, size_t count);

void expiry_leaf_sort(struct expiry_leaf *leaf, uint64_t window);

/* Aborts if it is not there. Keeps a sorted leaf sorted. */
void expiry_leaf_remove(struct expiry_leaf *leaf, uint64_t reference);

#endif
