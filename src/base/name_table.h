/* A hash table from names (bytes) to whatever embeds a node. It owns its array of buckets, nothing
 * else: nodes and names belong to the caller, who also computes the hashes (keyed, where clients
 * choose the names).
 *
 * Linear hashing (Litwin, 1980): each addition splits at most one bucket, so growing never takes a
 * pause; only the array of bucket pointers is enlarged at once. All zero is an empty table. */
#ifndef HOLDFAST_BASE_NAME_TABLE_H
#define HOLDFAST_BASE_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct name_node {
    struct name_node *next; /* private */
    uint64_t hash;
    struct slice name; /* must stay valid while the node is in a table */
};

#define NAME_TABLE_ENTRY(node, type, member)                                                       \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

struct name_table {
    struct name_node **buckets;
    size_t bucket_count; /* in use: between half of capacity + 1 and capacity */
    size_t capacity;     /* of the array: a power of two, or 0 */
    size_t count;        /* nodes */
};

/* Forgets the nodes and frees the array. */
void name_table_deinit(struct name_table *table);

/* NULL if there is none. */
struct name_node *name_table_find(const struct name_table *table, uint64_t hash, struct slice name);

/* node->hash and node->name are set; the name is not in the table yet. */
void name_table_add(struct name_table *table, struct name_node *node);

/* The node must be in the table. */
void name_table_remove(struct name_table *table, struct name_node *node);

/* Visits all nodes: begins with NULL, ends with NULL. The node given may have been removed only if
 * `next` was asked for before. O(1) amortized. */
struct name_node *name_table_next(const struct name_table *table, const struct name_node *node);

/* Some node of bucket `position` modulo the buckets, or of the next that has one; NULL when empty.
 * For picking a victim: pass a moving or random position. */
struct name_node *name_table_pick(const struct name_table *table, size_t position);

/* Bytes of the array. */
size_t name_table_memory(const struct name_table *table);

#endif
