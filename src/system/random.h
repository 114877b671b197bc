/* Random numbers: fast ones for choices (sampling, RANDOMKEY), and secret ones for ids and hash
 * seeds.
 *
 * The fast generator is xoshiro256** (Blackman and Vigna, 2018): anybody who sees enough of its
 * output can go on with it, so nothing that must be secret comes from it. One thread an object. */
#ifndef HOLDFAST_SYSTEM_RANDOM_H
#define HOLDFAST_SYSTEM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4]; /* private */
};

/* Seeded by the system; aborts if the system has no randomness to give. */
void random_init(struct random *random);
/* The same sequence for the same seed: for tests. */
void random_init_seed(struct random *random, uint64_t seed);

uint64_t random_next_u64(struct random *random);
/* Evenly from 0 to n - 1; n > 0. (Lemire, 2019) */
uint64_t random_below(struct random *random, uint64_t n);

/* Secret bytes from the system. */
void random_fill_secret(struct random *random, void *out, size_t length);
/* `length` lower-case hex digits and a NUL: run ids and the like. `out` has length + 1 bytes. */
void random_fill_secret_hex(struct random *random, char *out, size_t length);

#endif
