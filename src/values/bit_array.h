/* Bits of a string, the first bit of a byte being its highest: what bitmap commands do. Pure. */
#ifndef HOLDFAST_VALUES_BIT_ARRAY_H
#define HOLDFAST_VALUES_BIT_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Bits that are set in the whole bytes. */
uint64_t bit_array_count(const void *bytes, size_t length);
/* The same from bit `first` to bit `last`, both counted. */
uint64_t bit_array_count_range(const void *bytes, uint64_t first, uint64_t last);
/* The first bit of this value from `first` to `last`; -1: there is none. */
int64_t bit_array_find(const void *bytes, uint64_t first, uint64_t last, bool value);

static inline bool bit_array_get(struct slice bytes, uint64_t bit)
{
    return bit / 8 < bytes.length && ((unsigned char)bytes.data[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

static inline void bit_array_set(char *bytes, uint64_t bit, bool value)
{
    unsigned mask = 1u << (7 - bit % 8);
    unsigned byte = (unsigned char)bytes[bit / 8];
    bytes[bit / 8] = (char)(value ? byte | mask : byte & ~mask);
}

/* An integer of `bits` bits (at most 64; 63 unsigned) at bit `offset`; bits beyond the end are 0.
 */
uint64_t bit_array_get_unsigned(struct slice bytes, uint64_t offset, unsigned bits);
int64_t bit_array_get_signed(struct slice bytes, uint64_t offset, unsigned bits);
void bit_array_set_integer(char *bytes, uint64_t offset, unsigned bits, uint64_t value);

enum bit_operation { BIT_AND, BIT_OR, BIT_XOR, BIT_NOT, BIT_DIFF, BIT_DIFF1, BIT_ANDOR, BIT_ONE };
/* Combines `count` strings (shorter ones are filled with zeros) to `length` bytes. NOT: of one.
 * DIFF: in the first and in none of the others; DIFF1: in others, not in the first; ANDOR: in the
 * first and in any other; ONE: in exactly one. */
void bit_array_combine(char *out, size_t length, enum bit_operation operation,
                       const struct slice *strings, size_t count);

#endif
