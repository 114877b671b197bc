/* When each key was changed last, coarsely: what a read has to wait for.
 *
 * A mark is a number that only rises (of the log group to which changes belong now). A fixed table
 * indexed by key hash holds the mark of the last change to any key of that slot; a collision only
 * makes a reader wait a little longer, and nothing is ever cleaned up. */
#ifndef HOLDFAST_KEYSPACE_WRITE_MARKS_H
#define HOLDFAST_KEYSPACE_WRITE_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/assertion.h"

#define WRITE_MARKS_SLOTS 65536

struct write_marks {
    uint64_t *slots; /* NULL: nobody waits, nothing is marked */
    uint64_t mark;   /* of changes from now on */
    uint64_t last;   /* of the last change of all */
    uint64_t all;    /* of the last change that concerned every key: FLUSHALL, SWAPDB */
    uint64_t read;   /* highest of the keys looked up since it was taken */
};

static inline void write_marks_changed(struct write_marks *marks, uint64_t hash)
{
    if (marks->slots == NULL)
        return;
    marks->slots[hash % WRITE_MARKS_SLOTS] = marks->mark;
    marks->last = marks->mark;
}

static inline void write_marks_changed_all(struct write_marks *marks)
{
    marks->all = marks->last = marks->mark;
}

static inline void write_marks_looked_up(struct write_marks *marks, uint64_t hash)
{
    if (marks->slots == NULL)
        return;
    uint64_t mark = marks->slots[hash % WRITE_MARKS_SLOTS];
    if (UNLIKELY(mark > marks->read))
        marks->read = mark;
}

#endif
