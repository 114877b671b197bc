/* The keyed hash of everything that clients choose: SipHash-1-3 (Aumasson and Bernstein, 2012), so
 * that nobody who does not know the seed can choose colliding keys. Pure. */
#ifndef HOLDFAST_BASE_HASH_H
#define HOLDFAST_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_seed {
    uint64_t k0, k1;
};

uint64_t hash_bytes(const struct hash_seed *seed, const void *data, size_t length);

#endif
