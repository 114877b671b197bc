#include "base/hash.h"

#include <string.h>

static inline uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

#define SIP_ROUND(v)                                                                               \
    do {                                                                                           \
        v[0] += v[1];                                                                              \
        v[1] = rotate_left(v[1], 13) ^ v[0];                                                       \
        v[0] = rotate_left(v[0], 32);                                                              \
        v[2] += v[3];                                                                              \
        v[3] = rotate_left(v[3], 16) ^ v[2];                                                       \
        v[0] += v[3];                                                                              \
        v[3] = rotate_left(v[3], 21) ^ v[0];                                                       \
        v[2] += v[1];                                                                              \
        v[1] = rotate_left(v[1], 17) ^ v[2];                                                       \
        v[2] = rotate_left(v[2], 32);                                                              \
    } while (0)

/* Eight bytes, least significant first, whatever the machine's order. */
static inline uint64_t load_word(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The bytes behind the last whole word, as load_word has them, with zeroes behind. */
static inline uint64_t load_rest(const unsigned char *bytes, size_t length)
{
    size_t rest = length & 7;
    if (length >= 8 && rest > 0)
        return load_word(bytes + length - 8) >> (8 * (8 - rest));
    uint64_t word = 0;
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(const struct hash_seed *seed, const void *data, size_t length)
{
    uint64_t v[4] = {
        seed->k0 ^ UINT64_C(0x736f6d6570736575),
        seed->k1 ^ UINT64_C(0x646f72616e646f6d),
        seed->k0 ^ UINT64_C(0x6c7967656e657261),
        seed->k1 ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *bytes = data;
    size_t whole = length & ~(size_t)7;
    for (size_t at = 0; at < whole; at += 8) {
        uint64_t word = load_word(bytes + at);
        v[3] ^= word;
        SIP_ROUND(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)length << 56 | load_rest(bytes, length);
    v[3] ^= last;
    SIP_ROUND(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    SIP_ROUND(v);
    SIP_ROUND(v);
    SIP_ROUND(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
