/* Bytes in a block that ends where they end, so that a watched build sees who reads behind it. */
#ifndef HOLDFAST_TESTS_EXACT_COPY_H
#define HOLDFAST_TESTS_EXACT_COPY_H

#include <stdint.h>
#include <stdlib.h>

#include "base/slice.h"

/* To be given to exact_copy_free. */
static inline struct slice exact_copy(struct slice bytes)
{
    char *block = malloc(bytes.length);
    if (block == NULL && bytes.length > 0)
        abort();
    if (bytes.length > 0)
        memcpy(block, bytes.data, bytes.length);
    return slice_of(block, bytes.length);
}

static inline void exact_copy_free(struct slice copy)
{
    free((char *)(uintptr_t)copy.data);
}

#endif
