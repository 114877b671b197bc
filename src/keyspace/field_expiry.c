#include "keyspace/field_expiry.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "values/hash.h"

struct record {
    int64_t deadline_ms;
    size_t place; /* in the heap */
    size_t name_length;
    char name[];
};

struct field_expiry {
    struct record **heap;
    size_t count, capacity;
};

struct field_expiry *field_expiry_create(void)
{
    return memory_allocate_zeroed(sizeof(struct field_expiry));
}

void field_expiry_destroy(struct field_expiry *expiry)
{
    for (size_t i = 0; i < expiry->count; i++)
        memory_free(expiry->heap[i]);
    memory_free(expiry->heap);
    memory_free(expiry);
}

static void put(struct field_expiry *expiry, size_t place, struct record *record)
{
    expiry->heap[place] = record;
    record->place = place;
}

/* Moves the record to where its deadline belongs. */
static void sift(struct field_expiry *expiry, struct record *record)
{
    size_t place = record->place;
    while (place > 0 && expiry->heap[(place - 1) / 2]->deadline_ms > record->deadline_ms) {
        put(expiry, place, expiry->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < expiry->count &&
            expiry->heap[child + 1]->deadline_ms < expiry->heap[child]->deadline_ms)
            child++;
        if (child >= expiry->count || expiry->heap[child]->deadline_ms >= record->deadline_ms)
            break;
        put(expiry, place, expiry->heap[child]);
        place = child;
    }
    put(expiry, place, record);
}

static void add(struct field_expiry *expiry, struct hash *hash, struct slice key)
{
    if (expiry->count == expiry->capacity) {
        expiry->capacity = expiry->capacity == 0 ? 16 : 2 * expiry->capacity;
        expiry->heap = memory_resize(expiry->heap, expiry->capacity * sizeof(struct record *));
    }
    struct record *record = memory_allocate(sizeof *record + key.length);
    record->name_length = key.length;
    if (key.length > 0)
        memcpy(record->name, key.data, key.length);
    record->deadline_ms = hash_next_deadline_ms(hash);
    put(expiry, expiry->count++, record);
    sift(expiry, record);
    hash_set_keeper(hash, record);
}

void field_expiry_forget(struct field_expiry *expiry, struct hash *hash)
{
    struct record *record = hash_keeper(hash);
    if (record == NULL)
        return;
    struct record *last = expiry->heap[--expiry->count];
    if (last != record) {
        put(expiry, record->place, last);
        sift(expiry, last);
    }
    memory_free(record);
    hash_set_keeper(hash, NULL);
}

void field_expiry_update(struct field_expiry *expiry, struct hash *hash, struct slice key)
{
    struct record *record = hash_keeper(hash);
    int64_t deadline_ms = hash_next_deadline_ms(hash);
    if (LIKELY(record == NULL && deadline_ms == HASH_NO_DEADLINE))
        return;
    if (record != NULL && (deadline_ms == HASH_NO_DEADLINE ||
                           !slice_equals(slice_of(record->name, record->name_length), key))) {
        field_expiry_forget(expiry, hash);
        record = NULL;
    }
    if (deadline_ms == HASH_NO_DEADLINE)
        return;
    if (record == NULL) {
        add(expiry, hash, key);
    } else if (record->deadline_ms != deadline_ms) {
        record->deadline_ms = deadline_ms;
        sift(expiry, record);
    }
}

int64_t field_expiry_first_ms(const struct field_expiry *expiry, struct slice *key)
{
    if (expiry->count == 0)
        return INT64_MAX;
    const struct record *first = expiry->heap[0];
    *key = slice_of(first->name, first->name_length);
    return first->deadline_ms;
}

size_t field_expiry_count(const struct field_expiry *expiry)
{
    return expiry->count;
}
