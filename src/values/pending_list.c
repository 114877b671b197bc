#include "values/pending_list.h"

#include <string.h>

#include "base/assertion.h"

void pending_count_delivery(struct pending *pending)
{
    pending->deliveries += pending->deliveries < PENDING_DELIVERIES_MAX;
}

void pending_list_init(struct pending_list *list, const struct hash_seed *seed)
{
    packed_table_init(&list->entries, seed);
    ordered_tree_init(&list->order);
}

void pending_list_deinit(struct pending_list *list)
{
    packed_table_deinit(&list->entries);
    ordered_tree_deinit(&list->order);
}

bool pending_list_free_some(struct pending_list *list)
{
    return packed_table_free_some(&list->entries) && ordered_tree_free_some(&list->order);
}

size_t pending_list_count(const struct pending_list *list)
{
    return list->order.count;
}

bool pending_list_find(const struct pending_list *list, struct stream_id id,
                       struct pending *pending)
{
    char key[STREAM_ID_SIZE];
    struct slice value;
    stream_id_write(key, id);
    if (!packed_table_find(&list->entries, slice_of(key, sizeof key), &value))
        return false;
    ASSERT(value.length == sizeof *pending);
    memcpy(pending, value.data, sizeof *pending);
    return true;
}

void pending_list_set(struct pending_list *list, struct stream_id id, const struct pending *pending)
{
    char key[STREAM_ID_SIZE];
    stream_id_write(key, id);
    enum packed_result result = packed_table_set(&list->entries, slice_of(key, sizeof key),
                                                 slice_of((const char *)pending, sizeof *pending));
    ASSERT(result != PACKED_OUT_OF_MEMORY);
    if (result == PACKED_ADDED)
        pending_list_order_add(&list->order, id);
}

bool pending_list_remove(struct pending_list *list, struct stream_id id)
{
    char key[STREAM_ID_SIZE];
    stream_id_write(key, id);
    if (!packed_table_remove(&list->entries, slice_of(key, sizeof key)))
        return false;
    pending_list_order_remove(&list->order, id);
    return true;
}

struct ordered_cursor pending_list_seek(const struct ordered_tree *order, struct stream_id from)
{
    char key[STREAM_ID_SIZE];
    stream_id_write(key, from);
    struct ordered_bound bound = {.by_member = true, .member = slice_of(key, sizeof key)};
    return ordered_tree_seek(order, ordered_tree_count_before(order, &bound));
}

struct stream_id pending_list_id(const struct ordered_cursor *cursor)
{
    double score;
    return stream_id_read(ordered_cursor_get(cursor, &score).data);
}

void pending_list_order_add(struct ordered_tree *order, struct stream_id id)
{
    char key[STREAM_ID_SIZE];
    stream_id_write(key, id);
    bool added = ordered_tree_insert(order, 0, slice_of(key, sizeof key));
    ASSERT(added); /* no large member */
}

void pending_list_order_remove(struct ordered_tree *order, struct stream_id id)
{
    char key[STREAM_ID_SIZE];
    stream_id_write(key, id);
    ordered_tree_remove(order, 0, slice_of(key, sizeof key));
}
