#include "system/random.h"

#include "base/assertion.h"
#include "base/mix.h"

void random_init_seed(struct random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = mix_next(&seed); /* spreads one word over the state */
}

void random_init(struct random *random)
{
    random_fill_secret(random, random->state, sizeof(random->state));
    random->state[0] |= 1; /* all zero is the one state that never leaves itself */
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t random_next_u64(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t n)
{
    ASSERT(n > 0);
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)random_next_u64(random) * n;
    if ((uint64_t)product < n) {
        uint64_t uneven = (0 - n) % n; /* results below it would favour some numbers */
        while ((uint64_t)product < uneven)
            product = (wide)random_next_u64(random) * n;
    }
    return (uint64_t)(product >> 64);
}

void random_fill_secret_hex(struct random *random, char *out, size_t length)
{
    for (size_t i = 0; i < length; i += 16) {
        uint64_t bits;
        random_fill_secret(random, &bits, sizeof(bits));
        for (size_t j = i; j < length && j < i + 16; j++, bits >>= 4)
            out[j] = "0123456789abcdef"[bits & 15];
    }
    out[length] = '\0';
}
