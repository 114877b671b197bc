#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/slice.h"

#define LENGTH_MAX 40

static void slices_are_equal_if_every_byte_is(void **state)
{
    char a[LENGTH_MAX], b[LENGTH_MAX];
    (void)state;
    memset(a, 'x', sizeof a);
    memcpy(b, a, sizeof b);
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        assert_true(slice_equals(slice_of(a, length), slice_of(b, length)));
        for (size_t i = 0; i < LENGTH_MAX; i++) {
            b[i] = (char)(b[i] ^ 1 << i % 8);
            assert_int_equal(slice_equals(slice_of(a, length), slice_of(b, length)), i >= length);
            b[i] = a[i];
        }
        for (size_t other = 0; other <= LENGTH_MAX; other++)
            assert_int_equal(slice_equals(slice_of(a, length), slice_of(b, other)),
                             length == other);
    }
}

static void a_slice_without_bytes_may_have_no_data(void **state)
{
    (void)state;
    assert_true(slice_equals(slice_of(NULL, 0), slice_of("", 0)));
    assert_false(slice_equals(slice_of(NULL, 0), slice_of("a", 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_equal_if_every_byte_is),
        cmocka_unit_test(a_slice_without_bytes_may_have_no_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
