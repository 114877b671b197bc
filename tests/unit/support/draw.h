/* Random choices of tests, repeatable: the seed is printed, and SEED=n in the environment gives it.
 */
#ifndef HOLDFAST_TESTS_DRAW_H
#define HOLDFAST_TESTS_DRAW_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define DRAW_WORD_MAX 4097 /* bytes */

/* Begins a test's choices anew. */
void draw_begin(void);

uint64_t draw_bits(void);
uint64_t draw(uint64_t below);

/* Of all widths, often beside a power of two. */
int64_t draw_integer(void);
/* Bytes of any kind, often an integer's text, sometimes of a length at which a form ends. */
struct slice draw_word(char *out);

#endif
