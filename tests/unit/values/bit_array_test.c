/* Bits of strings against a look at one bit after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/stream_random.h"
#include "values/bit_array.h"

#define BYTES_MAX 200
#define ROUNDS 60000
#define STRINGS_MAX 5

struct model {
    struct stream_random random;
    unsigned char bytes[BYTES_MAX];
    size_t length;
};

static uint64_t draw(struct model *model, uint64_t below)
{
    return stream_random_draw(&model->random, below);
}

/* Random bits, or long runs of equal ones with a few others. */
static void fill(struct model *model)
{
    model->length = 1 + (size_t)draw(model, BYTES_MAX);
    uint64_t kind = draw(model, 3);
    for (size_t i = 0; i < model->length; i++)
        model->bytes[i] = (unsigned char)(kind == 0               ? draw(model, 256)
                                          : draw(model, 100) == 0 ? 1u << draw(model, 8)
                                          : kind == 1             ? 0
                                                                  : 0xff);
}

static bool bit_of(const void *bytes, size_t length, uint64_t bit)
{
    const unsigned char *at = bytes;
    return bit < 8 * (uint64_t)length && (at[bit / 8] & (0x80 >> bit % 8)) != 0;
}

static struct slice slice(const struct model *model)
{
    return slice_of((const char *)model->bytes, model->length);
}

static void draw_range(struct model *model, uint64_t *first, uint64_t *last)
{
    uint64_t bits = 8 * model->length;
    *first = draw(model, bits);
    *last = draw(model, 3) == 0 ? bits - 1 : draw(model, bits);
    if (*first > *last && draw(model, 20) > 0) {
        uint64_t other = *first;
        *first = *last;
        *last = other;
    }
}

static void set_bits_are_counted(void **state)
{
    (void)state;
    struct model model;
    stream_random_init(&model.random);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t first, last, count = 0, in_range = 0;
        if (round % 50 == 0)
            fill(&model);
        draw_range(&model, &first, &last);
        for (uint64_t bit = 0; bit < 8 * model.length; bit++) {
            bool is_set = bit_of(model.bytes, model.length, bit);
            count += is_set;
            in_range += is_set && bit >= first && bit <= last;
        }
        assert_int_equal(bit_array_count(model.bytes, model.length), count);
        assert_int_equal(bit_array_count_range(model.bytes, first, last), in_range);
    }
}

static void the_first_bit_of_a_value_is_found(void **state)
{
    (void)state;
    struct model model;
    stream_random_init(&model.random);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t first, last;
        if (round % 50 == 0)
            fill(&model);
        draw_range(&model, &first, &last);
        for (int value = 0; value < 2; value++) {
            uint64_t bit = first;
            while (bit <= last && bit_of(model.bytes, model.length, bit) != value)
                bit++;
            int64_t expected = bit <= last ? (int64_t)bit : -1;
            assert_int_equal(bit_array_find(model.bytes, first, last, value), expected);
        }
    }
}

static void a_bit_that_is_set_is_there_and_no_other_changes(void **state)
{
    (void)state;
    struct model model;
    stream_random_init(&model.random);
    fill(&model);
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct model before = model;
        uint64_t bit = draw(&model, 8 * model.length);
        bool value = draw(&model, 2) == 0;
        bit_array_set((char *)model.bytes, bit, value);
        for (uint64_t i = 0; i < 8 * model.length + 20; i++) {
            bool expected = i == bit ? value : bit_of(before.bytes, before.length, i);
            assert_int_equal(bit_array_get(slice(&model), i), expected);
        }
    }
}

/* The integer at `offset`, its highest bit first. */
static uint64_t integer_of(const struct model *model, uint64_t offset, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bits; i++)
        value = 2 * value + bit_of(model->bytes, model->length, offset + i);
    return value;
}

static void integers_of_all_widths_are_read(void **state)
{
    (void)state;
    struct model model;
    stream_random_init(&model.random);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 50 == 0)
            fill(&model);
        unsigned bits = 1 + (unsigned)draw(&model, 64);
        uint64_t offset = draw(&model, 8 * model.length + 100);
        uint64_t expected = integer_of(&model, offset, bits);
        bool is_negative = (expected >> (bits - 1) & 1) != 0;
        assert_int_equal(bit_array_get_unsigned(slice(&model), offset, bits), expected);
        if (is_negative && bits < 64)
            expected -= UINT64_C(1) << bits;
        assert_int_equal(bit_array_get_signed(slice(&model), offset, bits), (int64_t)expected);
    }
}

static void integers_of_all_widths_are_written(void **state)
{
    (void)state;
    struct model model;
    stream_random_init(&model.random);
    for (int round = 0; round < ROUNDS / 10; round++) {
        fill(&model);
        struct model before = model;
        unsigned bits = 1 + (unsigned)draw(&model, 64);
        if (bits > 8 * model.length)
            continue;
        uint64_t offset = draw(&model, 8 * model.length - bits + 1);
        uint64_t value = stream_random_bits(&model.random); /* too wide: the low bits count */
        bit_array_set_integer((char *)model.bytes, offset, bits, value);
        assert_int_equal(integer_of(&model, offset, bits), value << (64 - bits) >> (64 - bits));
        for (uint64_t i = 0; i < 8 * model.length; i++)
            if (i < offset || i >= offset + bits)
                assert_int_equal(bit_of(model.bytes, model.length, i),
                                 bit_of(before.bytes, before.length, i));
    }
}

/* `set`: in how many strings the bit is; `first`: whether in the first. */
static bool combined(enum bit_operation operation, bool first, size_t set, size_t count)
{
    switch (operation) {
    case BIT_AND:
        return set == count;
    case BIT_OR:
        return set > 0;
    case BIT_XOR:
        return set % 2 == 1;
    case BIT_NOT:
        return !first;
    case BIT_DIFF:
        return first && set == 1;
    case BIT_DIFF1:
        return !first && set > 0;
    case BIT_ANDOR:
        return first && set > 1;
    case BIT_ONE:
        return set == 1;
    }
    return false;
}

static void strings_are_combined_bit_by_bit(void **state)
{
    (void)state;
    struct model models[STRINGS_MAX];
    struct slice strings[STRINGS_MAX];
    stream_random_init(&models[0].random);
    for (int round = 0; round < ROUNDS / 20; round++) {
        size_t count = 1 + (size_t)draw(&models[0], STRINGS_MAX), length = 0;
        for (size_t i = 0; i < count; i++) {
            models[i].random = models[0].random;
            models[i].random.state += i;
            fill(&models[i]);
            models[i].length -= draw(&models[i], 10) == 0 ? models[i].length : 0;
            strings[i] = slice(&models[i]);
            length = length > strings[i].length ? length : strings[i].length;
        }
        enum bit_operation operation = (enum bit_operation)draw(&models[0], BIT_ONE + 1);
        char out[BYTES_MAX + 1];
        out[length] = 'x';
        bit_array_combine(out, length, operation, strings, operation == BIT_NOT ? 1 : count);
        assert_int_equal(out[length], 'x');
        for (uint64_t bit = 0; bit < 8 * length; bit++) {
            size_t set = 0;
            for (size_t i = 0; i < count; i++)
                set += bit_of(models[i].bytes, models[i].length, bit);
            bool first = bit_of(models[0].bytes, models[0].length, bit);
            assert_int_equal(bit_of(out, length, bit), combined(operation, first, set, count));
        }
    }
}

static void bits_of_no_bytes_are_zero(void **state)
{
    (void)state;
    struct slice empty = slice_of(NULL, 0);
    assert_int_equal(bit_array_count("", 0), 0);
    assert_false(bit_array_get(empty, 0));
    assert_false(bit_array_get(empty, UINT64_MAX));
    assert_int_equal(bit_array_get_unsigned(empty, 5, 63), 0);
    assert_int_equal(bit_array_get_signed(empty, 5, 64), 0);
    bit_array_combine(NULL, 0, BIT_OR, &empty, 1);
}

/* In a watched build a look outside ends the program. */
static void no_byte_outside_is_looked_at(void **state)
{
    (void)state;
    for (size_t length = 1; length < 70; length++) {
        uint64_t last = 8 * length - 1;
        char *bytes = memory_allocate_zeroed(length), *out = memory_allocate(length);
        struct slice strings[2] = {slice_of(bytes, length), slice_of(bytes, length / 2)};
        assert_int_equal(bit_array_count(bytes, length), 0);
        for (uint64_t first = 0; first <= last; first++) {
            assert_int_equal(bit_array_count_range(bytes, first, last), 0);
            assert_int_equal(bit_array_find(bytes, first, last, true), -1);
            assert_int_equal(bit_array_get_unsigned(strings[0], first, 64), 0);
        }
        for (enum bit_operation operation = BIT_AND; operation <= BIT_ONE; operation++)
            bit_array_combine(out, length, operation, strings, operation == BIT_NOT ? 1 : 2);
        memory_free(bytes);
        memory_free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_bits_are_counted),
        cmocka_unit_test(the_first_bit_of_a_value_is_found),
        cmocka_unit_test(a_bit_that_is_set_is_there_and_no_other_changes),
        cmocka_unit_test(integers_of_all_widths_are_read),
        cmocka_unit_test(integers_of_all_widths_are_written),
        cmocka_unit_test(strings_are_combined_bit_by_bit),
        cmocka_unit_test(bits_of_no_bytes_are_zero),
        cmocka_unit_test(no_byte_outside_is_looked_at),
    };
    return cmocka_run_group_tests_name("values/bit_array", tests, NULL, NULL);
}
