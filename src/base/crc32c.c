#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82F63B78) /* reflected */

/* The remainder of one byte that stands `position` bytes before the end of a word of 8. */
static uint32_t remainder_of(unsigned byte, int position)
{
    uint32_t crc = byte;
    for (int bit = 0; bit < 8 * (position + 1); bit++)
        crc = (crc >> 1) ^ (POLYNOMIAL & (0U - (crc & 1)));
    return crc;
}

struct tables {
    uint32_t of[8][256];
};

/* Filled before main: no state that changes. */
static struct tables tables;

__attribute__((constructor)) static void fill_tables(void)
{
    for (int position = 0; position < 8; position++)
        for (unsigned byte = 0; byte < 256; byte++)
            tables.of[position][byte] = remainder_of(byte, position);
}

static uint32_t add_words_portable(uint32_t crc, const unsigned char **data, size_t *length)
{
    const unsigned char *at = *data;
    size_t left = *length;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word ^= crc;
        crc = 0;
        for (int position = 0; position < 8; position++)
            crc ^= tables.of[7 - position][(word >> (8 * position)) & 0xff];
    }
    *data = at;
    *length = left;
    return crc;
}

uint32_t crc32c_add_portable(uint32_t crc, const void *data, size_t length)
{
    const unsigned char *at = data;
    crc = add_words_portable(~crc, &at, &length);
    for (; length > 0; at++, length--)
        crc = (crc >> 8) ^ tables.of[0][(crc ^ *at) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t add_hardware(uint32_t crc, const void *data,
                                                               size_t length)
{
    const unsigned char *at = data;
    uint64_t state = ~crc;
    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        state = __builtin_ia32_crc32di(state, word);
    }
    uint32_t rest = (uint32_t)state;
    for (; length > 0; at++, length--)
        rest = __builtin_ia32_crc32qi(rest, *at);
    return ~rest;
}

uint32_t crc32c_add(uint32_t crc, const void *data, size_t length)
{
    return __builtin_cpu_supports("sse4.2") ? add_hardware(crc, data, length)
                                            : crc32c_add_portable(crc, data, length);
}

#else

uint32_t crc32c_add(uint32_t crc, const void *data, size_t length)
{
    return crc32c_add_portable(crc, data, length);
}

#endif
