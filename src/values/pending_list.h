/* What a consumer group has delivered and nobody has acknowledged: entries by ID, each with its
 * consumer, time and number of deliveries.
 *
 * A packed table from IDs to what is known of them, and an ordered tree of IDs. A consumer has a
 * tree of its own. One thread. */
#ifndef HOLDFAST_VALUES_PENDING_LIST_H
#define HOLDFAST_VALUES_PENDING_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "values/ordered_tree.h"
#include "values/packed_table.h"
#include "values/stream_id.h"

struct stream_consumer;

#define PENDING_DELIVERIES_MAX INT64_MAX /* XCLAIM takes no more as its RETRYCOUNT */

struct pending {
    struct stream_consumer *consumer;
    int64_t delivered_ms; /* the last time, since 1970 */
    uint64_t deliveries;  /* up to PENDING_DELIVERIES_MAX */
};

void pending_count_delivery(struct pending *pending); /* one more, if it is not the most already */

struct pending_list {
    struct packed_table entries;
    struct ordered_tree order;
};

void pending_list_init(struct pending_list *list, const struct hash_seed *seed);
void pending_list_deinit(struct pending_list *list);
bool pending_list_free_some(struct pending_list *list); /* true: nothing is left */

size_t pending_list_count(const struct pending_list *list);
bool pending_list_find(const struct pending_list *list, struct stream_id id,
                       struct pending *pending);
/* Adds or replaces. Aborts when memory is out: some bytes. */
void pending_list_set(struct pending_list *list, struct stream_id id,
                      const struct pending *pending);
bool pending_list_remove(struct pending_list *list, struct stream_id id);

/* IDs in order, of either kind of tree: the first that is not less than `from`. */
struct ordered_cursor pending_list_seek(const struct ordered_tree *order, struct stream_id from);
struct stream_id pending_list_id(const struct ordered_cursor *cursor);

/* A consumer's tree. */
void pending_list_order_add(struct ordered_tree *order, struct stream_id id);
void pending_list_order_remove(struct ordered_tree *order, struct stream_id id);

#endif
