/* Numbers as text, by Redis's rules. Pure functions. */
#ifndef HOLDFAST_BASE_NUMBER_H
#define HOLDFAST_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define NUMBER_INTEGER_TEXT_MAX 21 /* bytes of the longest 64-bit integer and a NUL */
#define NUMBER_DOUBLE_TEXT_MAX 400 /* bytes that number_format_double may write, NUL included */
#define NUMBER_LONG_DOUBLE_TEXT_MAX 5120

/* The strict form (no spaces, no plus, no leading zero, "-0" refused): what Redis takes as an
 * integer, and what a string must look like to be kept as one. */
bool number_parse_int64(struct slice text, int64_t *out);
bool number_parse_uint64(struct slice text, uint64_t *out);

/* As Redis's getDoubleFromObject / getLongDoubleFromObject: no leading space, whole text used, NaN
 * refused; inf is allowed for both (the caller refuses it where Redis does). */
bool number_parse_double(struct slice text, double *out);
bool number_parse_long_double(struct slice text, long double *out);

/* Decimal text without NUL; returns its length (at most NUMBER_INTEGER_TEXT_MAX - 1). Fast: two
 * digits a step, no division by ten per digit. */
size_t number_format_int64(char *out, int64_t value);
size_t number_format_uint64(char *out, uint64_t value);
size_t number_length_int64(int64_t value); /* how many bytes number_format_int64 would write */

/* The shortest text that parses back to `value`, as in RESP3 doubles ("inf", "-inf", "nan"). */
size_t number_format_double(char *out, double value);

/* As INCRBYFLOAT stores it: "%.17Lf" without trailing zeros. Returns the length, 0 if not finite.
 */
size_t number_format_long_double(char *out, long double value);

/* "100", "1k" (1000), "1kb" (1024), m, mb, g, gb, b: sizes in configuration. */
bool number_parse_memory_size(struct slice text, uint64_t *out);

/* a + b and a * b that do not overflow; false (and *out untouched) otherwise. */
static inline bool number_add(int64_t a, int64_t b, int64_t *out)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

static inline bool number_multiply(int64_t a, int64_t b, int64_t *out)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

#endif
