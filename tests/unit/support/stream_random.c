#include "support/stream_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/mix.h"
#include "base/number.h"

#define DEFAULT_SEED 20261125

void stream_random_init(struct stream_random *random)
{
    const char *seed = getenv("SEED");
    random->state = seed != NULL ? strtoull(seed, NULL, 10) : DEFAULT_SEED;
    print_message("seed %llu\n", (unsigned long long)random->state);
}

uint64_t stream_random_bits(struct stream_random *random)
{
    return mix_next(&random->state);
}

uint64_t stream_random_draw(struct stream_random *random, uint64_t below)
{
    return stream_random_bits(random) % below;
}

bool stream_random_once_in(struct stream_random *random, uint64_t of)
{
    return stream_random_draw(random, of) == 0;
}

struct slice stream_random_text(struct stream_random *random, size_t length_max)
{
    char number[NUMBER_INTEGER_TEXT_MAX];
    uint64_t bits = stream_random_bits(random);
    if (stream_random_once_in(random, 3)) {
        int64_t value = (int64_t)bits >> stream_random_draw(random, 64);
        return stream_random_copy(slice_of(number, number_format_int64(number, value)));
    }
    size_t length_limit = length_max >> stream_random_draw(random, 12);
    size_t length = (size_t)stream_random_draw(random, length_limit + 1);
    char *text = memory_allocate(length + 1);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(bits >> (i % 8 * 8));
    return slice_of(text, length);
}

struct slice stream_random_copy(struct slice text)
{
    char *copy = memory_allocate(text.length + 1);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    return slice_of(copy, text.length);
}

void stream_random_free(struct slice text)
{
    memory_free((void *)(uintptr_t)text.data);
}
