/* A view of bytes that somebody else owns.
 *
 * Binary safe, never NUL-terminated by contract. A slice is valid as long as its owner says so:
 * the arguments of a command, for instance, until the command has run. */
#ifndef HOLDFAST_BASE_SLICE_H
#define HOLDFAST_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
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

static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Equal but for the case of ASCII letters; `word` is NUL-terminated. For options of commands. */
static inline bool slice_is_word(struct slice slice, const char *word)
{
    return strlen(word) == slice.length && strncasecmp(slice.data, word, slice.length) == 0;
}

#endif
