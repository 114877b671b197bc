/* Any bytes as a number of each kind and as a stream's ID: what is read is written, and read again
 * as the same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/number.h"
#include "commands/stream_common.h"

#define DOUBLE_TEXT_MAX 6000 /* bytes: room for any */

static void read_integers(struct slice text)
{
    int64_t number;
    uint64_t positive, size;
    char out[NUMBER_INTEGER_TEXT_MAX];
    if (number_parse_int64(text, &number)) {
        size_t length = number_format_int64(out, number); /* the form is strict: the same bytes */
        ASSERT(slice_equals(slice_of(out, length), text));
        ASSERT(length == number_length_int64(number));
        ASSERT(number < 0 ||
               (number_parse_uint64(text, &positive) && positive == (uint64_t)number));
    }
    if (number_parse_uint64(text, &positive))
        ASSERT(slice_equals(slice_of(out, number_format_uint64(out, positive)), text));
    if (number_parse_memory_size(text, &size))
        ASSERT(text.length > 0);
}

static void read_doubles(struct slice text)
{
    static char out[DOUBLE_TEXT_MAX];
    double number, again;
    long double extended;
    if (number_parse_double(text, &number)) {
        ASSERT(!isnan(number));
        ASSERT(number_parse_double(slice_of(out, number_format_double(out, number)), &again));
        ASSERT(memcmp(&number, &again, sizeof number) == 0 || number == again);
    }
    if (number_parse_long_double(text, &extended)) {
        ASSERT(!isnan(extended));
        size_t length = number_format_long_double(out, extended);
        ASSERT((length > 0) == !isinf(extended) && length < DOUBLE_TEXT_MAX);
    }
}

static void read_id(struct slice text)
{
    struct stream_id id, again;
    char out[2 * NUMBER_INTEGER_TEXT_MAX];
    if (!stream_common_parse_id(text, 7, &id))
        return;
    size_t length = number_format_uint64(out, id.ms);
    out[length++] = '-';
    length += number_format_uint64(out + length, id.sequence);
    ASSERT(stream_common_parse_id(slice_of(out, length), 0, &again));
    ASSERT(stream_id_compare(id, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a watcher sees reads behind it */
    if (size > 0)
        memcpy(copy, data, size);
    struct slice text = slice_of(copy, size);
    read_integers(text);
    read_doubles(text);
    read_id(text);
    free(copy);
    return 0;
}
