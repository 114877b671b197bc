#include "values/bit_array.h"

#include <string.h>

#include "base/assertion.h"

#define WORD 8 /* bytes */

static uint64_t load(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

uint64_t bit_array_count(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t count = 0;
    for (; length >= WORD; at += WORD, length -= WORD)
        count += (uint64_t)__builtin_popcountll(load(at));
    for (; length > 0; at++, length--)
        count += (uint64_t)__builtin_popcount(*at);
    return count;
}

uint64_t bit_array_count_range(const void *bytes, uint64_t first, uint64_t last)
{
    const unsigned char *at = bytes;
    if (first > last)
        return 0;
    uint64_t first_byte = first / 8, last_byte = last / 8;
    unsigned before = 0xffu >> (first % 8), behind = 0xffu << (7 - last % 8);
    if (first_byte == last_byte)
        return (uint64_t)__builtin_popcount(at[first_byte] & before & behind & 0xff);
    return (uint64_t)__builtin_popcount(at[first_byte] & before) +
           bit_array_count(at + first_byte + 1, (size_t)(last_byte - first_byte - 1)) +
           (uint64_t)__builtin_popcount(at[last_byte] & behind & 0xff);
}

int64_t bit_array_find(const void *bytes, uint64_t first, uint64_t last, bool value)
{
    const unsigned char *at = bytes;
    const unsigned char none = value ? 0 : 0xff; /* a byte without such a bit */
    for (uint64_t bit = first; bit <= last;) {
        if (bit % 8 == 0) {
            while (bit + 63 <= last && load(at + bit / 8) == (value ? 0 : UINT64_MAX))
                bit += 64;
            if (bit <= last && at[bit / 8] == none) {
                bit += 8;
                continue;
            }
        }
        if (bit <= last && ((at[bit / 8] >> (7 - bit % 8) & 1) != 0) == value)
            return (int64_t)bit;
        bit++;
    }
    return -1;
}

uint64_t bit_array_get_unsigned(struct slice bytes, uint64_t offset, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bits; i++)
        value = value << 1 | bit_array_get(bytes, offset + i);
    return value;
}

int64_t bit_array_get_signed(struct slice bytes, uint64_t offset, unsigned bits)
{
    uint64_t value = bit_array_get_unsigned(bytes, offset, bits);
    unsigned unused = 64 - bits;
    return (int64_t)(value << unused) >> unused;
}

void bit_array_set_integer(char *bytes, uint64_t offset, unsigned bits, uint64_t value)
{
    for (unsigned i = 0; i < bits; i++)
        bit_array_set(bytes, offset + i, (value >> (bits - 1 - i) & 1) != 0);
}

static uint64_t word_of(struct slice string, size_t at)
{
    uint64_t word = 0;
    if (at < string.length)
        memcpy(&word, string.data + at, string.length - at < WORD ? string.length - at : WORD);
    return word;
}

static uint64_t combine_words(enum bit_operation operation, const struct slice *strings,
                              size_t count, size_t at)
{
    uint64_t first = word_of(strings[0], at), any = 0, twice = 0, result = first;
    for (size_t i = 1; i < count; i++) {
        uint64_t word = word_of(strings[i], at);
        twice |= word & (any | first);
        any |= word;
        result = operation == BIT_AND   ? result & word
                 : operation == BIT_OR  ? result | word
                 : operation == BIT_XOR ? result ^ word
                                        : result;
    }
    switch (operation) {
    case BIT_NOT:
        return ~first;
    case BIT_DIFF:
        return first & ~any;
    case BIT_DIFF1:
        return any & ~first;
    case BIT_ANDOR:
        return first & any;
    case BIT_ONE:
        return (first | any) & ~twice;
    default:
        return result;
    }
}

void bit_array_combine(char *out, size_t length, enum bit_operation operation,
                       const struct slice *strings, size_t count)
{
    for (size_t at = 0; at < length; at += WORD) {
        uint64_t word = combine_words(operation, strings, count, at);
        memcpy(out + at, &word, length - at < WORD ? length - at : WORD);
    }
}
