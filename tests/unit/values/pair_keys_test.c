/* Rows of pairs, short and long, in which a key may stand twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "values/pair_keys.h"

static const struct hash_seed seed = {1, 2};

/* Key i is "k<i>", but for the last, which is key `last`; all values are "k0". */
static struct listpack make_row(size_t pairs, size_t last)
{
    struct listpack pack = listpack_create(0);
    for (size_t i = 0; i < pairs; i++) {
        char key[24];
        snprintf(key, sizeof key, "k%zu", i + 1 < pairs ? i : last);
        assert_true(listpack_append(&pack, slice_of_string(key)));
        assert_true(listpack_append(&pack, SLICE("k0")));
    }
    return pack;
}

static void assert_row(size_t pairs, size_t last, enum error expected)
{
    struct listpack pack = make_row(pairs, last);
    assert_int_equal(pair_keys_differ(&pack, &seed), expected);
    listpack_free(&pack);
}

static void a_key_that_stands_there_twice_is_found(void **state)
{
    (void)state;
    static const size_t lengths[] = {2, 3, 127, 128, 129, 130, 5000};
    assert_row(0, 0, OK);
    assert_row(1, 0, OK);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_row(lengths[i], lengths[i] - 1, OK);
        assert_row(lengths[i], 0, ERROR_SYNTAX);
        assert_row(lengths[i], lengths[i] - 2, ERROR_SYNTAX);
    }
}

static void without_memory_it_is_not_known_of_a_long_row(void **state)
{
    (void)state;
    for (size_t pairs = 128; pairs <= 129; pairs++) {
        struct listpack pack = make_row(pairs, pairs - 1);
        bool ran_out = true;
        unsigned call = 1;
        for (; ran_out; call++) {
            failing_memory_begin(call, 0, false);
            enum error error = pair_keys_differ(&pack, &seed);
            ran_out = failing_memory_end();
            assert_int_equal(error, ran_out ? ERROR_OUT_OF_MEMORY : OK);
        }
        assert_int_equal(call == 2, pairs == 128); /* a short one needs none */
        listpack_free(&pack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_stands_there_twice_is_found),
        cmocka_unit_test(without_memory_it_is_not_known_of_a_long_row),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("values/pair_keys", tests, memory_balance_begin, NULL);
}
