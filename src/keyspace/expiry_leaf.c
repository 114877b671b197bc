#include "keyspace/expiry_leaf.h"

#include <string.h>

#include "base/assertion.h"
#include "keyspace/entry.h"

/* --- positions --- */

static void position_swap(struct expiry_position *a, struct expiry_position *b)
{
    struct expiry_position held = *a;
    *a = *b;
    *b = held;
}

/* Partitions [low, high) around a pivot, the median of three: returns the pivot's final place. */
static size_t partition(struct expiry_position *items, size_t low, size_t high)
{
    size_t middle = low + (high - low) / 2, last = high - 1;
    if (expiry_position_before(&items[middle], &items[low]))
        position_swap(&items[middle], &items[low]);
    if (expiry_position_before(&items[last], &items[low]))
        position_swap(&items[last], &items[low]);
    if (expiry_position_before(&items[middle], &items[last]))
        position_swap(&items[middle], &items[last]);
    struct expiry_position pivot = items[last];
    size_t place = low;
    for (size_t i = low; i < last; i++) {
        /* No branch on what cannot be predicted. */
        struct expiry_position item = items[i];
        items[i] = items[place];
        items[place] = item;
        place += expiry_position_before(&item, &pivot);
    }
    position_swap(&items[place], &items[last]);
    return place;
}

void expiry_position_select(struct expiry_position *items, size_t count, size_t nth)
{
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t place = partition(items, low, high);
        if (place == nth)
            return;
        if (nth < place)
            high = place;
        else
            low = place + 1;
    }
}

static void position_sort(struct expiry_position *items, size_t count)
{
    while (count > 12) {
        size_t place = partition(items, 0, count);
        if (place < count - place) {
            position_sort(items, place);
            items += place + 1;
            count -= place + 1;
        } else {
            position_sort(items + place + 1, count - place - 1);
            count = place;
        }
    }
    for (size_t i = 1; i < count; i++) {
        struct expiry_position item = items[i];
        size_t at = i;
        for (; at > 0 && expiry_position_before(&item, &items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* --- leaves --- */

size_t expiry_leaf_load(const struct expiry_leaf *leaf, uint64_t window,
                        struct expiry_position *items)
{
    size_t count = leaf->count;
    for (size_t i = 0; i < leaf->count; i++)
        __builtin_prefetch(expiry_leaf_entry(leaf, i, window));
    for (size_t i = 0; i < count; i++) {
        uint64_t reference = entry_reference_load(leaf->references[i]);
        items[i] = (struct expiry_position){
            entry_deadline_ms(entry_reference_entry(reference, window)), reference};
    }
    return count;
}

void expiry_leaf_append(struct expiry_leaf *leaf, const struct expiry_position *items, size_t count)
{
    ASSERT(leaf->count + count <= EXPIRY_LEAF_CAPACITY);
    for (size_t i = 0; i < count; i++)
        entry_reference_store(leaf->references[leaf->count + i], items[i].reference);
    leaf->count = (uint16_t)(leaf->count + count);
    leaf->sorted = false;
}

void expiry_leaf_store(struct expiry_leaf *leaf, const struct expiry_position *items, size_t count)
{
    leaf->count = 0;
    expiry_leaf_append(leaf, items, count);
}

void expiry_leaf_sort(struct expiry_leaf *leaf, uint64_t window)
{
    struct expiry_position items[EXPIRY_LEAF_CAPACITY];
    size_t count = expiry_leaf_load(leaf, window, items);
    position_sort(items, count);
    for (size_t i = 0; i < count; i++)
        entry_reference_store(leaf->references[count - 1 - i], items[i].reference);
    leaf->sorted = true;
}

void expiry_leaf_remove(struct expiry_leaf *leaf, uint64_t reference)
{
    expiry_leaf_prefetch(leaf, 0);
    size_t at = 0;
    while (at < leaf->count && entry_reference_load(leaf->references[at]) != reference)
        at++;
    ASSERT(at < leaf->count); /* else it is not in the index, or its deadline has changed since */
    leaf->count--;
    if (leaf->sorted)
        memmove(leaf->references + at, leaf->references + at + 1,
                (leaf->count - at) * ENTRY_REFERENCE_SIZE);
    else
        memmove(leaf->references + at, leaf->references + leaf->count, ENTRY_REFERENCE_SIZE);
}
