#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

#define REPLY_TOO_LONG "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"

static void append_grows_a_string(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "APPEND a 12", ":2\r\n");
    assert_string_equal(command_fixture_events(fixture), "new a, append a");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nint\r\n");
    command_fixture_expect(fixture, "APPEND a ' and more'", ":11\r\n");
    command_fixture_expect(fixture, "GET a", "$11\r\n12 and more\r\n");
    command_fixture_expect(fixture, "APPEND a ''", ":11\r\n");
    assert_string_equal(command_fixture_events(fixture), "append a, append a");
    assert_string_equal(command_fixture_effects(fixture), "as sent; as sent; as sent");
}

static void append_passes_every_size_of_an_entry(void **state)
{
    struct command_fixture *fixture = *state;
    char expected[5000], line[64];
    size_t length = 0;
    command_fixture_run(fixture, "SET a '' EX 100");
    while (length < 4900) {
        expected[length] = (char)('a' + length % 26);
        snprintf(line, sizeof line, "APPEND a %c", expected[length]);
        length++;
        char answer[32];
        snprintf(answer, sizeof answer, ":%zu\r\n", length);
        command_fixture_expect(fixture, line, answer);
    }
    const char *reply = command_fixture_run(fixture, "GET a");
    assert_memory_equal(reply, "$4900\r\n", 7);
    assert_memory_equal(reply + 7, expected, length);
    command_fixture_expect(fixture, "TTL a", ":100\r\n");
}

static void setrange_overwrites_and_pads_with_zeros(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SETRANGE a 3 x", ":4\r\n");
    assert_string_equal(command_fixture_events(fixture), "new a, setrange a");
    assert_memory_equal(command_fixture_run(fixture, "GET a"), "$4\r\n\0\0\0x\r\n", 10);
    command_fixture_run(fixture, "SET b 'Hello World'");
    command_fixture_expect(fixture, "SETRANGE b 6 Redis", ":11\r\n");
    command_fixture_expect(fixture, "GET b", "$11\r\nHello Redis\r\n");
    command_fixture_expect(fixture, "SETRANGE b 0 J", ":11\r\n");
    command_fixture_expect(fixture, "GET b", "$11\r\nJello Redis\r\n");
    command_fixture_run(fixture, "SET c 12345");
    command_fixture_expect(fixture, "SETRANGE c 1 x", ":5\r\n");
    command_fixture_expect(fixture, "GET c", "$5\r\n1x345\r\n");
}

static void setrange_with_nothing_changes_nothing(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SETRANGE a 5 ''", ":0\r\n");
    command_fixture_expect(fixture, "SETRANGE a 536870912 ''", ":0\r\n");
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
    command_fixture_run(fixture, "SET a 123");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "SETRANGE a 50 ''", ":3\r\n");
    assert_int_equal(fixture->changes, 0);
    assert_string_equal(command_fixture_events(fixture), "");
}

static void strings_have_a_largest_size(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SETRANGE a 536870912 x", REPLY_TOO_LONG);
    command_fixture_expect(fixture, "SETRANGE a 9223372036854775807 x", REPLY_TOO_LONG);
    command_fixture_expect(fixture, "SETRANGE a -1 x", "-ERR offset is out of range\r\n");
    command_fixture_expect(fixture, "SETRANGE a x x", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
    fixture->services.string_size_max = 10;
    command_fixture_run(fixture, "SET a 12345678");
    command_fixture_expect(fixture, "APPEND a 90", ":10\r\n");
    command_fixture_expect(fixture, "APPEND a x", REPLY_TOO_LONG);
    command_fixture_expect(fixture, "SETRANGE a 10 x", REPLY_TOO_LONG);
    command_fixture_expect(fixture, "SETRANGE a 9 x", ":10\r\n");
}

static void getrange_cuts_a_part(void **state)
{
    static const struct {
        const char *range, *part;
    } cases[] = {
        {"0 3", "This"},
        {"-3 -1", "ing"},
        {"0 -1", "This is a string"},
        {"10 100", "string"},
        {"5 3", ""},
        {"-1 -3", ""},
        {"100 200", ""},
        {"-100 3", "This"},
        {"-100 -200", ""},
        {"-5 -100", ""},
        {"0 0", "T"},
        {"0 -100", "T"},
        {"9223372036854775807 -1", ""},
        {"-9223372036854775808 0", "T"},
    };
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 'This is a string'");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[80], answer[80];
        snprintf(line, sizeof line, "GETRANGE a %s", cases[i].range);
        snprintf(answer, sizeof answer, "$%zu\r\n%s\r\n", strlen(cases[i].part), cases[i].part);
        command_fixture_expect(fixture, line, answer);
        snprintf(line, sizeof line, "SUBSTR a %s", cases[i].range);
        command_fixture_expect(fixture, line, answer);
    }
    command_fixture_expect(fixture, "GETRANGE none 0 -1", "$0\r\n\r\n");
    command_fixture_expect(fixture, "GETRANGE a 0 x", REPLY_NOT_INTEGER);
    command_fixture_run(fixture, "SET a -123");
    command_fixture_expect(fixture, "GETRANGE a 1 2", "$2\r\n12\r\n");
    command_fixture_run(fixture, "SET a ''");
    command_fixture_expect(fixture, "GETRANGE a 0 -1", "$0\r\n\r\n");
}

static void strlen_counts_bytes_of_every_encoding(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "STRLEN a", ":0\r\n");
    command_fixture_run(fixture, "SET a -1234");
    command_fixture_expect(fixture, "STRLEN a", ":5\r\n");
    command_fixture_run(fixture, "SET a ''");
    command_fixture_expect(fixture, "STRLEN a", ":0\r\n");
    command_fixture_run(fixture, "SETRANGE a 4999 x");
    command_fixture_expect(fixture, "STRLEN a", ":5000\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(append_grows_a_string),
        TEST(append_passes_every_size_of_an_entry),
        TEST(setrange_overwrites_and_pads_with_zeros),
        TEST(setrange_with_nothing_changes_nothing),
        TEST(strings_have_a_largest_size),
        TEST(getrange_cuts_a_part),
        TEST(strlen_counts_bytes_of_every_encoding),
    };
    return cmocka_run_group_tests_name("commands/string_range", tests, NULL, NULL);
}
