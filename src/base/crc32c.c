#include "base/crc32c.h"

#include <string.h>

/* The remainder of each value of four bits. */
static const uint32_t remainders[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

uint32_t crc32c_add_portable(uint32_t crc, const void *data, size_t length)
{
    const unsigned char *at = data;
    for (crc = ~crc; length > 0; at++, length--) {
        crc ^= *at;
        crc = (crc >> 4) ^ remainders[crc & 15];
        crc = (crc >> 4) ^ remainders[crc & 15];
    }
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
