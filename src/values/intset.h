/* A set of integers in one sorted block: Redis's intset, byte for byte, so that it goes to disk and
 * comes from Redis as it is.
 *
 *   bytes of an integer (4, little: 2, 4 or 8) | integers (4, little) | integers, ascending
 *
 * A memory_* block that its owner passes in by reference, since it moves when it grows. */
#ifndef HOLDFAST_VALUES_INTSET_H
#define HOLDFAST_VALUES_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct intset {
    unsigned char *bytes; /* NULL: none */
};

struct intset intset_create(void);
struct intset intset_of(struct slice bytes); /* a copy; bytes NULL: memory is out */
void intset_free(struct intset *set);

/* Untrusted bytes: sizes agree, integers ascend. */
bool intset_is_valid(struct slice bytes);

size_t intset_size(const struct intset *set); /* bytes */
size_t intset_count(const struct intset *set);
int64_t intset_get(const struct intset *set, size_t index);
/* *index: where it stands, or would. */
bool intset_find(const struct intset *set, int64_t value, size_t *index);
/* The value must not be there. False: memory is out. */
bool intset_add(struct intset *set, int64_t value);
void intset_remove_at(struct intset *set, size_t index);

#endif
