#include "support/value_steps.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/draw.h"
#include "values/value_fetch.h"

#define STEPS_MAX 100000 /* of freeing any value of a test */

struct value_settings value_steps_draw_settings(void)
{
    static const uint64_t entries[] = {0, 1, 20, 128, 512};
    struct value_limits limits = value_default_limits();
    if (draw(3) != 0) {
        limits.hash_entries_max = entries[draw(5)];
        limits.set_integers_max = entries[draw(5)];
        limits.set_entries_max = entries[draw(5)];
        limits.zset_entries_max = entries[draw(5)];
        limits.hash_value_max = limits.set_value_max = limits.zset_value_max =
            draw(2) == 0 ? 64 : 5000;
    }
    return (struct value_settings){.limits = limits, .seed = {draw_bits(), draw_bits()}};
}

void value_steps_fetch(enum value_type type, const void *value, struct slice member)
{
    struct value_fetch fetch = {.value = value, .member = member};
    while (value_kind(type)->fetch(&fetch))
        assert_in_range(++fetch.step, 1, 8);
}

void value_steps_free(enum value_type type, void *value)
{
    unsigned steps = 1;
    while (!value_kind(type)->free_some(value))
        assert_in_range(++steps, 1, STEPS_MAX);
}

void value_steps_expect_encoding(enum value_type type, const void *value, const char *encoding)
{
    assert_string_equal(value_kind(type)->encoding(value), encoding);
    assert_true(value_kind(type)->memory(value, 0) > 0);
    value_steps_fetch(type, value, SLICE("some member"));
}
