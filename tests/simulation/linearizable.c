#include "linearizable.h"

#include <string.h>

#include "base/assertion.h"
#include "base/hash.h"
#include "base/memory.h"

#define MEMO_SIZE 65536 /* what is pushed out is tried again: slower, not wrong */

struct tried {
    uint64_t done;
    int64_t value;
};

struct search {
    const struct register_operation *operations;
    size_t count;
    uint64_t required; /* those whose outcome is known: all must have happened */
    struct tried *memo;
};

/* True if this was tried before; notes it. */
static bool was_tried(struct search *search, uint64_t done, int64_t value)
{
    static const struct hash_seed seed = {1, 2};
    struct tried now = {done, value};
    struct tried *place = &search->memo[hash_bytes(&seed, &now, sizeof now) % MEMO_SIZE];
    if (place->done == done && place->value == value && done != 0)
        return true;
    *place = now;
    return false;
}

/* The earliest return among those that have not happened: what is called later must wait. */
static uint64_t first_return(const struct search *search, uint64_t done)
{
    uint64_t first = LINEARIZABLE_NEVER;
    for (size_t i = 0; i < search->count; i++)
        if ((done >> i & 1) == 0 && search->operations[i].returned < first)
            first = search->operations[i].returned;
    return first;
}

static bool try(struct search *search, uint64_t done, int64_t value)
{
    if ((done & search->required) == search->required)
        return true;
    if (was_tried(search, done, value))
        return false;
    uint64_t limit = first_return(search, done);
    for (size_t i = 0; i < search->count; i++) {
        const struct register_operation *next = &search->operations[i];
        if ((done >> i & 1) != 0 || next->called > limit)
            continue;
        if (!next->is_write && next->value != value)
            continue;
        if (try(search, done | UINT64_C(1) << i, next->is_write ? next->value : value))
            return true;
    }
    return false;
}

bool linearizable(const struct register_operation *operations, size_t count)
{
    ASSERT(count <= LINEARIZABLE_MAX);
    struct search search = {.operations = operations, .count = count};
    for (size_t i = 0; i < count; i++)
        if (operations[i].returned != LINEARIZABLE_NEVER)
            search.required |= UINT64_C(1) << i;
    search.memo = memory_allocate_zeroed(MEMO_SIZE * sizeof *search.memo);
    bool good = try(&search, 0, 0);
    memory_free(search.memo);
    return good;
}
