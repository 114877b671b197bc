/* A view of bytes that somebody else owns.
 *
 * Binary safe, never NUL-terminated by contract. A slice is valid as long as its owner says so:
 * the arguments of a command, for instance, until the command has run. */
#ifndef HOLDFAST_BASE_SLICE_H
#define HOLDFAST_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *data;
    size_t length; /* bytes */
};

/* A slice of a string literal, without counting at run time. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *data, size_t length)
{
    return (struct slice){data, length};
}

static inline struct slice slice_of_string(const char *string)
{
    return (struct slice){string, strlen(string)};
}

/* The first and the last 8 (4) bytes of each, which overlap. */
static inline bool slice_bytes_equal_16(const char *a, const char *b, size_t length)
{
    uint64_t first[2], last[2];
    memcpy(&first[0], a, 8);
    memcpy(&first[1], b, 8);
    memcpy(&last[0], a + length - 8, 8);
    memcpy(&last[1], b + length - 8, 8);
    return ((first[0] ^ first[1]) | (last[0] ^ last[1])) == 0;
}

static inline bool slice_bytes_equal_8(const char *a, const char *b, size_t length)
{
    uint32_t first[2], last[2];
    memcpy(&first[0], a, 4);
    memcpy(&first[1], b, 4);
    memcpy(&last[0], a + length - 4, 4);
    memcpy(&last[1], b + length - 4, 4);
    return ((first[0] ^ first[1]) | (last[0] ^ last[1])) == 0;
}

/* Names of commands and keys are short: a call of memcmp would take longer than what it does. */
static inline bool slice_equals(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    if (a.length - 8 <= 8)
        return slice_bytes_equal_16(a.data, b.data, a.length);
    if (a.length - 4 <= 4)
        return slice_bytes_equal_8(a.data, b.data, a.length);
    return a.length == 0 || memcmp(a.data, b.data, a.length) == 0;
}

/* Equal but for the case of ASCII letters; `word` is NUL-terminated. For options of commands. */
static inline bool slice_is_word(struct slice slice, const char *word)
{
    return strlen(word) == slice.length && strncasecmp(slice.data, word, slice.length) == 0;
}

#endif
