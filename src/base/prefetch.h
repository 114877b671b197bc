/* Fetching ahead: memory that will be read is asked for early, so that several misses overlap. */
#ifndef HOLDFAST_BASE_PREFETCH_H
#define HOLDFAST_BASE_PREFETCH_H

#define CACHE_LINE 64 /* bytes */

/* A function that only prefetches has no effect in the compiler's eyes: with link-time optimisation
 * gcc took all calls of such functions out. Hence the statement behind it. */
#define PREFETCH(address)                                                                          \
    do {                                                                                           \
        __builtin_prefetch(address);                                                               \
        __asm__ volatile("");                                                                      \
    } while (0)

#endif
