#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/resp_request.h"

static void words_are_bulk_strings_of_an_array(void **state)
{
    struct buffer out = {NULL, 0, 0};
    const struct slice words[] = {SLICE("SET"), slice_of(NULL, 0), SLICE("a\0\r\n")};
    (void)state;
    buffer_add_string(&out, "before ");
    assert_int_equal(resp_request_append(&out, words, 3), OK);
    assert_int_equal(resp_request_append(&out, words, 1), OK);
    assert_true(slice_equals(buffer_slice(&out),
                             SLICE("before *3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n"
                                   "*1\r\n$3\r\nSET\r\n")));
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_are_bulk_strings_of_an_array)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
