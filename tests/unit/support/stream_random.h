/* Random numbers for tests against a model, the same again from the same seed: that of the
 * environment (SEED), or one for all. */
#ifndef HOLDFAST_SUPPORT_STREAM_RANDOM_H
#define HOLDFAST_SUPPORT_STREAM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct stream_random {
    uint64_t state;
};

/* Prints the seed. */
void stream_random_init(struct stream_random *random);
uint64_t stream_random_bits(struct stream_random *random); /* 64 */
uint64_t stream_random_draw(struct stream_random *random, uint64_t below);
/* True once in `of` times. */
bool stream_random_once_in(struct stream_random *random, uint64_t of);

/* An integer of any length, or a word of up to `length_max` bytes, short ones more often. The text
 * is the caller's: stream_random_free. */
struct slice stream_random_text(struct stream_random *random, size_t length_max);

struct slice stream_random_copy(struct slice text);
void stream_random_free(struct slice text);

#endif
