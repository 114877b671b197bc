#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "system/random.h"

static void the_sequence_is_that_of_its_authors(void **state)
{
    (void)state;
    /* xoshiro256** from the state {1, 2, 3, 4}, by its definition. */
    struct random random = {{1, 2, 3, 4}};
    assert_true(random_next_u64(&random) == 11520);
    assert_true(random_next_u64(&random) == 0);
    assert_true(random_next_u64(&random) == 1509978240);
    assert_true(random_next_u64(&random) == 1215971899390074240);
}

static void a_seed_makes_one_sequence(void **state)
{
    (void)state;
    struct random a, b, c;
    random_init_seed(&a, 7);
    random_init_seed(&b, 7);
    random_init_seed(&c, 8);
    uint64_t first = random_next_u64(&a);
    assert_true(first == random_next_u64(&b));
    assert_true(first != random_next_u64(&c));
}

static void below_is_even(void **state)
{
    (void)state;
    enum { SIDES = 6, THROWS = 60000 };
    struct random random;
    int counts[SIDES] = {0};
    random_init_seed(&random, 1);
    for (int i = 0; i < THROWS; i++) {
        uint64_t side = random_below(&random, SIDES);
        assert_true(side < SIDES);
        counts[side]++;
    }
    for (int i = 0; i < SIDES; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (int i = 0; i < 100; i++) {
        assert_true(random_below(&random, 1) == 0);
        assert_true(random_below(&random, UINT64_MAX) < UINT64_MAX);
    }
}

static void secrets_differ(void **state)
{
    (void)state;
    struct random a, b;
    random_init(&a);
    random_init(&b);
    assert_true(random_next_u64(&a) != random_next_u64(&b));
    char first[41], second[41];
    random_fill_secret_hex(&a, first, 40);
    random_fill_secret_hex(&a, second, 40);
    assert_int_equal(strlen(first), 40);
    assert_int_equal(strspn(first, "0123456789abcdef"), 40);
    assert_string_not_equal(first, second);
    char odd[4];
    random_fill_secret_hex(&a, odd, 3);
    assert_int_equal(strlen(odd), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequence_is_that_of_its_authors),
        cmocka_unit_test(a_seed_makes_one_sequence),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(secrets_differ),
    };
    return cmocka_run_group_tests_name("system/random", tests, NULL, NULL);
}
