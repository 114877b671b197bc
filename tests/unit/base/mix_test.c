#include "base/mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

/* Of the authors' generator begun with 1234567, as
 * https://rosettacode.org/wiki/Pseudo-random_numbers has them. */
static void draws_are_those_of_the_published_generator(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t bits = 1234567;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_true(mix_next(&bits) == expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_those_of_the_published_generator),
    };
    return cmocka_run_group_tests_name("base/mix", tests, NULL, NULL);
}
