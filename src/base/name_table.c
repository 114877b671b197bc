#include "base/name_table.h"

#include "base/assertion.h"
#include "base/memory.h"

#define BUCKETS_MIN 4
#define NODES_PER_BUCKET_MAX 1

/* With capacity c = 2^k and c/2 < bucket_count <= c: buckets below bucket_count are addressed by k
 * bits, those not split yet by one bit less. */
static size_t bucket_of(const struct name_table *table, uint64_t hash)
{
    size_t index = (size_t)hash & (table->capacity - 1);
    return index < table->bucket_count ? index : index - table->capacity / 2;
}

void name_table_deinit(struct name_table *table)
{
    memory_free(table->buckets);
    *table = (struct name_table){0};
}

struct name_node *name_table_find(const struct name_table *table, uint64_t hash, struct slice name)
{
    if (table->count == 0)
        return NULL;
    struct name_node *node = table->buckets[bucket_of(table, hash)];
    while (node != NULL && (node->hash != hash || !slice_equals(node->name, name)))
        node = node->next;
    return node;
}

/* Opens one more bucket and moves to it what belongs there from the one it is split off. */
static void split(struct name_table *table)
{
    if (table->bucket_count == table->capacity) {
        table->capacity *= 2;
        table->buckets =
            memory_resize(table->buckets, table->capacity * sizeof(struct name_node *));
    }
    size_t added = table->bucket_count++;
    size_t bit = table->capacity / 2;
    ASSERT(added >= bit);
    struct name_node **from = &table->buckets[added - bit];
    struct name_node **to = &table->buckets[added];
    *to = NULL;
    while (*from != NULL) {
        struct name_node *node = *from;
        if ((node->hash & bit) != 0) {
            *from = node->next;
            node->next = *to;
            *to = node;
        } else {
            from = &node->next;
        }
    }
}

void name_table_add(struct name_table *table, struct name_node *node)
{
    if (table->capacity == 0) {
        table->buckets = memory_allocate_zeroed(BUCKETS_MIN * sizeof(struct name_node *));
        table->capacity = table->bucket_count = BUCKETS_MIN;
    } else if (table->count >= table->bucket_count * NODES_PER_BUCKET_MAX) {
        split(table);
    }
    struct name_node **bucket = &table->buckets[bucket_of(table, node->hash)];
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

void name_table_remove(struct name_table *table, struct name_node *node)
{
    struct name_node **link = &table->buckets[bucket_of(table, node->hash)];
    while (*link != node) {
        ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    if (--table->count == 0)
        name_table_deinit(table);
}

static struct name_node *first_from(const struct name_table *table, size_t bucket)
{
    for (; bucket < table->bucket_count; bucket++)
        if (table->buckets[bucket] != NULL)
            return table->buckets[bucket];
    return NULL;
}

struct name_node *name_table_next(const struct name_table *table, const struct name_node *node)
{
    if (node == NULL)
        return first_from(table, 0);
    if (node->next != NULL)
        return node->next;
    return first_from(table, bucket_of(table, node->hash) + 1);
}

struct name_node *name_table_pick(const struct name_table *table, size_t position)
{
    if (table->count == 0)
        return NULL;
    struct name_node *node = first_from(table, position % table->bucket_count);
    return node != NULL ? node : first_from(table, 0);
}

size_t name_table_memory(const struct name_table *table)
{
    return table->capacity * sizeof(struct name_node *);
}
