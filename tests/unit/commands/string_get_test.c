#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void get_counts_hits_and_misses(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GET a", "$1\r\n1\r\n");
    command_fixture_expect(fixture, "GET b", REPLY_NULL);
    assert_string_equal(command_fixture_events(fixture), "keymiss b");
    assert_string_equal(command_fixture_effects(fixture), "");
    assert_int_equal(keyspace_statistics(fixture->keyspace)->hits, 1);
    assert_int_equal(keyspace_statistics(fixture->keyspace)->misses, 1);
}

static void get_returns_what_is_not_text_as_it_is(void **state)
{
    struct command_fixture *fixture = *state;
    struct slice words[] = {SLICE("SET"), slice_of("\0\r\n", 3), slice_of("\xff\0\r\n", 4)};
    assert_string_equal(command_fixture_run_words(fixture, words, 3), REPLY_OK);
    words[0] = SLICE("GET");
    const char *reply = command_fixture_run_words(fixture, words, 2);
    assert_memory_equal(reply, "$4\r\n\xff\0\r\n\r\n", 10);
}

static void the_smallest_and_the_largest_integer_come_back(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a -9223372036854775808");
    command_fixture_expect(fixture, "GET a", "$20\r\n-9223372036854775808\r\n");
    command_fixture_run(fixture, "SET a 9223372036854775807");
    command_fixture_expect(fixture, "GET a", "$19\r\n9223372036854775807\r\n");
    command_fixture_run(fixture, "SET a 9223372036854775808");
    command_fixture_expect(fixture, "GET a", "$19\r\n9223372036854775808\r\n");
    command_fixture_run(fixture, "SET a -0");
    command_fixture_expect(fixture, "GET a", "$2\r\n-0\r\n");
}

static void getdel_returns_and_deletes(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a hello");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GETDEL a", "$5\r\nhello\r\n");
    assert_string_equal(command_fixture_events(fixture), "del a");
    assert_string_equal(command_fixture_effects(fixture), "DEL a");
    assert_string_equal(command_fixture_touched(fixture), "a");
    command_fixture_expect(fixture, "GETDEL a", REPLY_NULL);
    assert_string_equal(command_fixture_events(fixture), "keymiss a");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void getex_without_options_changes_nothing(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 EX 10");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GETEX a", "$1\r\n1\r\n");
    assert_int_equal(fixture->changes, 0);
    command_fixture_expect(fixture, "TTL a", ":10\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void getex_sets_the_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a v");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GETEX a EX 10", "$1\r\nv\r\n");
    assert_string_equal(command_fixture_events(fixture), "expire a");
    command_fixture_expect(fixture, "GETEX a PX 10", "$1\r\nv\r\n");
    command_fixture_expect(fixture, "GETEX a EXAT 2000", "$1\r\nv\r\n");
    command_fixture_expect(fixture, "GETEX a PXAT 1000001", "$1\r\nv\r\n");
    assert_string_equal(command_fixture_effects(fixture),
                        "PEXPIREAT a 1010000; PEXPIREAT a 1000010; PEXPIREAT a 2000000; "
                        "PEXPIREAT a 1000001");
    command_fixture_expect(fixture, "PTTL a", ":1\r\n");
}

static void getex_persists(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a v EX 10");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GETEX a PERSIST", "$1\r\nv\r\n");
    assert_string_equal(command_fixture_events(fixture), "persist a");
    assert_string_equal(command_fixture_effects(fixture), "PERSIST a");
    command_fixture_expect(fixture, "GETEX a PERSIST", "$1\r\nv\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
    command_fixture_expect(fixture, "TTL a", ":-1\r\n");
}

static void getex_with_a_past_time_deletes(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a v");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GETEX a PXAT 1000000", "$1\r\nv\r\n");
    assert_string_equal(command_fixture_events(fixture), "del a");
    assert_string_equal(command_fixture_effects(fixture), "DEL a");
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
}

static void getex_checks_words_then_key_then_time(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "GETEX a EX 0", REPLY_NULL);
    command_fixture_expect(fixture, "GETEX a NX", REPLY_SYNTAX);
    command_fixture_expect(fixture, "GETEX a KEEPTTL", REPLY_SYNTAX);
    command_fixture_expect(fixture, "GETEX a GET", REPLY_SYNTAX);
    command_fixture_expect(fixture, "GETEX a PX", REPLY_SYNTAX);
    command_fixture_expect(fixture, "GETEX a PERSIST EX 1", REPLY_SYNTAX);
    command_fixture_run(fixture, "SET a v");
    command_fixture_expect(fixture, "GETEX a EX 0",
                           "-ERR invalid expire time in 'getex' command\r\n");
    command_fixture_expect(fixture, "GETEX a EX x", REPLY_NOT_INTEGER);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_counts_hits_and_misses),
        TEST(get_returns_what_is_not_text_as_it_is),
        TEST(the_smallest_and_the_largest_integer_come_back),
        TEST(getdel_returns_and_deletes),
        TEST(getex_without_options_changes_nothing),
        TEST(getex_sets_the_deadline),
        TEST(getex_persists),
        TEST(getex_with_a_past_time_deletes),
        TEST(getex_checks_words_then_key_then_time),
    };
    return cmocka_run_group_tests_name("commands/string_get", tests, NULL, NULL);
}
