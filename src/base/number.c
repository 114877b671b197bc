#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char two_digits[] = "0001020304050607080910111213141516171819"
                                 "2021222324252627282930313233343536373839"
                                 "4041424344454647484950515253545556575859"
                                 "6061626364656667686970717273747576777879"
                                 "8081828384858687888990919293949596979899";

bool number_parse_uint64(struct slice text, uint64_t *out)
{
    if (text.length == 0 || text.length > 20)
        return false;
    if (text.data[0] == '0') {
        if (text.length > 1)
            return false;
        *out = 0;
        return true;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool number_parse_int64(struct slice text, int64_t *out)
{
    if (text.length == 0)
        return false; /* its data may be NULL */
    bool negative = text.data[0] == '-';
    uint64_t magnitude;
    if (!number_parse_uint64(slice_of(text.data + negative, text.length - negative), &magnitude))
        return false;
    if (negative) {
        if (magnitude == 0 || magnitude > (uint64_t)INT64_MAX + 1)
            return false;
        *out = (int64_t)(0 - magnitude);
        return true;
    }
    if (magnitude > INT64_MAX)
        return false;
    *out = (int64_t)magnitude;
    return true;
}

bool number_parse_double(struct slice text, double *out)
{
    char copy[NUMBER_LONG_DOUBLE_TEXT_MAX];
    if (text.length == 0 || text.length >= sizeof copy || isspace((unsigned char)text.data[0]))
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    char *end;
    errno = 0;
    double value = strtod(copy, &end);
    if (end != copy + text.length || isnan(value) ||
        (errno == ERANGE &&
         (value == HUGE_VAL || value == -HUGE_VAL || fpclassify(value) == FP_ZERO)))
        return false;
    *out = value;
    return true;
}

bool number_parse_long_double(struct slice text, long double *out)
{
    char copy[NUMBER_LONG_DOUBLE_TEXT_MAX];
    if (text.length == 0 || text.length >= sizeof copy || isspace((unsigned char)text.data[0]))
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    char *end;
    errno = 0;
    long double value = strtold(copy, &end);
    if (end != copy + text.length || isnan(value) ||
        (errno == ERANGE &&
         (value == HUGE_VALL || value == -HUGE_VALL || fpclassify(value) == FP_ZERO)))
        return false;
    *out = value;
    return true;
}

static size_t digit_count(uint64_t value)
{
    size_t count = 1;
    for (; value >= 10000; value /= 10000)
        count += 4;
    return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

size_t number_format_uint64(char *out, uint64_t value)
{
    size_t length = digit_count(value);
    size_t at = length;
    while (value >= 100) {
        at -= 2;
        memcpy(out + at, two_digits + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(out, two_digits + value * 2, 2);
    else
        out[0] = (char)('0' + value);
    return length;
}

size_t number_format_int64(char *out, int64_t value)
{
    if (value >= 0)
        return number_format_uint64(out, (uint64_t)value);
    out[0] = '-';
    return 1 + number_format_uint64(out + 1, 0 - (uint64_t)value);
}

size_t number_length_int64(int64_t value)
{
    return value >= 0 ? digit_count((uint64_t)value) : 1 + digit_count(0 - (uint64_t)value);
}

size_t number_format_double(char *out, double value)
{
    if (isnan(value))
        return (size_t)snprintf(out, NUMBER_DOUBLE_TEXT_MAX, "nan");
    if (isinf(value))
        return (size_t)snprintf(out, NUMBER_DOUBLE_TEXT_MAX, value < 0 ? "-inf" : "inf");
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value &&
        !(fpclassify(value) == FP_ZERO && signbit(value)))
        return number_format_int64(out, (int64_t)value);
    return (size_t)snprintf(out, NUMBER_DOUBLE_TEXT_MAX, "%.17g", value);
}

size_t number_format_long_double(char *out, long double value)
{
    if (!isfinite(value))
        return 0;
    int length = snprintf(out, NUMBER_LONG_DOUBLE_TEXT_MAX, "%.17Lf", value);
    if (length <= 0 || length >= NUMBER_LONG_DOUBLE_TEXT_MAX)
        return 0;
    while (out[length - 1] == '0')
        length--;
    if (out[length - 1] == '.')
        length--;
    if (length == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        length = 1;
    }
    out[length] = '\0';
    return (size_t)length;
}

bool number_parse_memory_size(struct slice text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {
        {"", 1},
        {"b", 1},
        {"k", 1000},
        {"kb", 1024},
        {"m", 1000 * 1000},
        {"mb", 1024 * 1024},
        {"g", 1000 * 1000 * 1000},
        {"gb", 1024 * 1024 * 1024},
    };
    size_t digits = 0;
    while (digits < text.length && isdigit((unsigned char)text.data[digits]))
        digits++;
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (unsigned)(text.data[i] - '0'), &value))
            return false;
    }
    struct slice unit = slice_of(text.data + digits, text.length - digits);
    for (size_t i = 0; digits > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (slice_is_word(unit, units[i].unit))
            return !__builtin_mul_overflow(value, units[i].factor, out);
    }
    return false;
}
