#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"
#include "support/watched.h"

#define REPLY_OVERFLOW "-ERR increment or decrement would overflow\r\n"
#define REPLY_NOT_FLOAT "-ERR value is not a valid float\r\n"

static void counters_begin_at_zero(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "INCR a", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "new a, incrby a");
    command_fixture_expect(fixture, "INCRBY a 41", ":42\r\n");
    command_fixture_expect(fixture, "DECR a", ":41\r\n");
    command_fixture_expect(fixture, "DECRBY a 50", ":-9\r\n");
    assert_string_equal(command_fixture_events(fixture), "incrby a, incrby a, incrby a");
    assert_string_equal(command_fixture_effects(fixture), "as sent; as sent; as sent; as sent");
    command_fixture_expect(fixture, "DECR b", ":-1\r\n");
    command_fixture_expect(fixture, "GET a", "$2\r\n-9\r\n");
}

static void counters_keep_their_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 5 EX 10");
    command_fixture_expect(fixture, "INCR a", ":6\r\n");
    command_fixture_expect(fixture, "INCRBYFLOAT a 0.5", "$3\r\n6.5\r\n");
    command_fixture_expect(fixture, "TTL a", ":10\r\n");
}

static void counters_do_not_overflow(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 9223372036854775807");
    command_fixture_expect(fixture, "INCR a", REPLY_OVERFLOW);
    command_fixture_expect(fixture, "INCRBY a 1", REPLY_OVERFLOW);
    command_fixture_expect(fixture, "DECRBY a -1", REPLY_OVERFLOW);
    command_fixture_expect(fixture, "INCRBY a 0", ":9223372036854775807\r\n");
    command_fixture_run(fixture, "SET a -9223372036854775808");
    command_fixture_expect(fixture, "DECR a", REPLY_OVERFLOW);
    command_fixture_expect(fixture, "INCRBY a -1", REPLY_OVERFLOW);
    command_fixture_expect(fixture, "INCRBY a 9223372036854775807", ":-1\r\n");
    command_fixture_expect(fixture, "DECRBY a -9223372036854775808",
                           "-ERR decrement would overflow\r\n");
    command_fixture_expect(fixture, "INCRBY a 9223372036854775808", REPLY_NOT_INTEGER);
}

static void only_strict_integers_count(void **state)
{
    static const char *const values[] = {"''", "' 1'", "'1 '", "+1", "01", "-0", "1.0", "x", "0x1"};
    struct command_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[50] = "SET a ";
        strcat(line, values[i]);
        command_fixture_run(fixture, line);
        command_fixture_expect(fixture, "INCR a", REPLY_NOT_INTEGER);
        assert_int_equal(fixture->changes, 0);
        strcpy(line, "INCRBY b ");
        strcat(line, values[i]);
        command_fixture_expect(fixture, line, REPLY_NOT_INTEGER);
    }
    command_fixture_expect(fixture, "EXISTS b", ":0\r\n");
}

static void text_that_became_a_number_counts(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_run(fixture, "APPEND a 2");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nraw\r\n");
    command_fixture_expect(fixture, "INCR a", ":13\r\n");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nint\r\n");
}

static void incrbyfloat_adds_and_logs_the_sum(void **state)
{
    SKIP_UNDER_VALGRIND("valgrind computes long double in 64 bits");
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "INCRBYFLOAT a 10.50", "$4\r\n10.5\r\n");
    assert_string_equal(command_fixture_events(fixture), "new a, incrbyfloat a");
    command_fixture_expect(fixture, "INCRBYFLOAT a 0.1", "$4\r\n10.6\r\n");
    command_fixture_expect(fixture, "INCRBYFLOAT a -5", "$3\r\n5.6\r\n");
    command_fixture_expect(fixture, "INCRBYFLOAT a 5.0e3", "$22\r\n5005.60000000000000009\r\n");
    assert_string_equal(command_fixture_effects(fixture),
                        "SET a 10.5 KEEPTTL; SET a 10.6 KEEPTTL; SET a 5.6 KEEPTTL; "
                        "SET a 5005.60000000000000009 KEEPTTL");
    command_fixture_run(fixture, "SET b 3");
    command_fixture_expect(fixture, "INCRBYFLOAT b 1", "$1\r\n4\r\n");
    command_fixture_expect(fixture, "INCR b", ":5\r\n");
}

static void incrbyfloat_refuses_what_is_no_number(void **state)
{
    SKIP_UNDER_VALGRIND("valgrind computes long double in 64 bits");
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "INCRBYFLOAT a x", REPLY_NOT_FLOAT);
    command_fixture_expect(fixture, "INCRBYFLOAT a ' 1'", REPLY_NOT_FLOAT);
    command_fixture_expect(fixture, "INCRBYFLOAT a ''", REPLY_NOT_FLOAT);
    command_fixture_expect(fixture, "INCRBYFLOAT a nan", REPLY_NOT_FLOAT);
    command_fixture_expect(fixture, "INCRBYFLOAT a inf",
                           "-ERR increment would produce NaN or Infinity\r\n");
    command_fixture_run(fixture, "SET a x");
    command_fixture_expect(fixture, "INCRBYFLOAT a 1", REPLY_NOT_FLOAT);
    command_fixture_expect(fixture, "GET a", "$1\r\nx\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counters_begin_at_zero),
        TEST(counters_keep_their_deadline),
        TEST(counters_do_not_overflow),
        TEST(only_strict_integers_count),
        TEST(text_that_became_a_number_counts),
        TEST(incrbyfloat_adds_and_logs_the_sum),
        TEST(incrbyfloat_refuses_what_is_no_number),
    };
    return cmocka_run_group_tests_name("commands/string_counter", tests, NULL, NULL);
}
