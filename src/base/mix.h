/* Random bits out of others: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
 * number generators", 2014). For chances and samples, not for secrets. */
#ifndef HOLDFAST_BASE_MIX_H
#define HOLDFAST_BASE_MIX_H

#include <stdint.h>

/* Its finalizer: every bit of the result depends on all of `bits`. */
static inline uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

/* The next draw; any state is a good one to begin with. */
static inline uint64_t mix_next(uint64_t *state)
{
    return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

#endif
