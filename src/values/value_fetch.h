/* A look at a member of a collection, fetched from memory ahead of time: step by step, each step
 * asking for what the next one reads, so that the misses of many looks overlap. The collection
 * itself is fetched by the caller, before the first step. Reads only. All steps are to be made
 * before anything changes. */
#ifndef HOLDFAST_VALUES_VALUE_FETCH_H
#define HOLDFAST_VALUES_VALUE_FETCH_H

#include <stdint.h>

#include "base/slice.h"

struct value_fetch {
    const void *value; /* the collection */
    struct slice member;
    unsigned step; /* 0 at first; counted by the caller */
    uint64_t hash; /* the type's own */
};

#endif
