#include "support/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mix.h"
#include "base/number.h"

static uint64_t state;

void draw_begin(void)
{
    const char *seed = getenv("SEED");
    state = seed != NULL ? strtoull(seed, NULL, 10) : 20261125;
    print_message("seed %llu\n", (unsigned long long)state);
}

uint64_t draw_bits(void)
{
    return mix_next(&state);
}

uint64_t draw(uint64_t below)
{
    return draw_bits() % below;
}

int64_t draw_integer(void)
{
    uint64_t magnitude =
        draw(2) == 0 ? draw_bits() >> draw(64) : (UINT64_C(1) << draw(64)) + draw(3) - 1;
    return (int64_t)(draw(2) == 0 ? magnitude : 0 - magnitude);
}

struct slice draw_word(char *out)
{
    static const size_t edges[] = {0, 1, 63, 64, 127, 128, 511, 512, 513, 4095, 4096, 4097};
    size_t length = 1 + (size_t)draw(24);
    if (draw(4) == 0)
        return slice_of(out, number_format_int64(out, draw_integer()));
    if (draw(16) == 0)
        length = edges[draw(sizeof edges / sizeof edges[0])];
    for (size_t i = 0; i < length; i++)
        out[i] = (char)(draw(8) == 0 ? draw(256) : 'a' + draw(3));
    return slice_of(out, length);
}
