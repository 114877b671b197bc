/* Fetching ahead: memory that will be read is asked for early, so that several misses overlap. */
#ifndef HOLDFAST_BASE_PREFETCH_H
#define HOLDFAST_BASE_PREFETCH_H

#include <stddef.h>

#define PREFETCH_LINE 64 /* bytes that come together */

/* Begins to fetch the line of `address`, which may be anything. */
static inline void prefetch(const void *address)
{
    __builtin_prefetch(address);
    /* A function that only prefetches has no effect in the compiler's eyes: with link-time
     * optimisation gcc took all calls of such functions out. */
    __asm__ volatile("");
}

/* The same for `size` bytes from there on. */
static inline void prefetch_bytes(const void *address, size_t size)
{
    for (size_t at = 0; at < size; at += PREFETCH_LINE)
        prefetch((const char *)address + at);
}

#endif
