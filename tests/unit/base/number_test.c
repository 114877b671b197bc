#include "base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void integers_have_one_form(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        struct slice text = slice_of(cases[i].text, strlen(cases[i].text));
        assert_int_equal(number_parse_int64(text, &value), cases[i].is_number);
        assert_int_equal(value, cases[i].value);
    }
}

/* The fuzzers came here with fields of no bytes: an offset to NULL is undefined. */
static void a_text_without_bytes_is_no_number(void **state)
{
    (void)state;
    int64_t value;
    uint64_t natural;
    double real;
    assert_false(number_parse_int64(slice_of(NULL, 0), &value));
    assert_false(number_parse_uint64(slice_of(NULL, 0), &natural));
    assert_false(number_parse_double(slice_of(NULL, 0), &real));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_one_form),
        cmocka_unit_test(a_text_without_bytes_is_no_number),
    };
    return cmocka_run_group_tests_name("base/number", tests, NULL, NULL);
}
