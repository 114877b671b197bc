#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void set_stores_and_get_returns(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a hello", REPLY_OK);
    assert_int_equal(fixture->changes, 1);
    assert_string_equal(command_fixture_events(fixture), "new a, set a");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    assert_string_equal(command_fixture_touched(fixture), "a");
    command_fixture_expect(fixture, "GET a", "$5\r\nhello\r\n");
    command_fixture_expect(fixture, "SET a 12", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "set a");
    command_fixture_expect(fixture, "GET a", "$2\r\n12\r\n");
    command_fixture_expect(fixture, "SET a ''", REPLY_OK);
    command_fixture_expect(fixture, "GET a", "$0\r\n\r\n");
}

static void set_clears_the_deadline_unless_told_to_keep_it(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 PX 500");
    command_fixture_expect(fixture, "SET a 2 KEEPTTL", REPLY_OK);
    command_fixture_expect(fixture, "PTTL a", ":500\r\n");
    assert_string_equal(command_fixture_effects(fixture), "SET a 1 PXAT 1000500; SET a 2 KEEPTTL");
    command_fixture_run(fixture, "SET a 3");
    command_fixture_expect(fixture, "PTTL a", ":-1\r\n");
}

static void times_become_absolute_in_the_effect(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 EX 10", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "new a, set a, expire a");
    command_fixture_run(fixture, "SET a 1 px 10");
    command_fixture_run(fixture, "SET a 1 exat 2000");
    command_fixture_run(fixture, "SET a 1 pxat 2000");
    command_fixture_run(fixture, "SETEX a 7 v");
    command_fixture_run(fixture, "PSETEX a 7 v");
    assert_string_equal(command_fixture_effects(fixture),
                        "SET a 1 PXAT 1010000; SET a 1 PXAT 1000010; SET a 1 PXAT 2000000; "
                        "SET a 1 PXAT 2000; SET a v PXAT 1007000; SET a v PXAT 1000007");
}

static void a_deadline_in_the_past_is_kept_and_the_key_expires_when_looked_at(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 EXAT 1", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "new a, set a, expire a");
    command_fixture_expect(fixture, "GET a", REPLY_NULL);
    assert_string_equal(command_fixture_events(fixture), "expired a, keymiss a");
}

static void an_expired_key_counts_as_new(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 PX 5");
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 5);
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "SET a 2 XX", REPLY_NULL);
    command_fixture_expect(fixture, "SET a 2", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "expired a, new a, set a");
}

static void nx_and_xx_decide_whether_the_key_is_set(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 XX", REPLY_NULL);
    assert_int_equal(fixture->changes, 0);
    assert_string_equal(command_fixture_effects(fixture), "");
    command_fixture_expect(fixture, "SET a 1 NX", REPLY_OK);
    command_fixture_expect(fixture, "SET a 2 NX", REPLY_NULL);
    command_fixture_expect(fixture, "SET a 3 XX", REPLY_OK);
    assert_string_equal(command_fixture_effects(fixture), "SET a 1; SET a 3");
    command_fixture_expect(fixture, "SET a 4 NX GET", "$1\r\n3\r\n");
    command_fixture_expect(fixture, "SET b 4 NX GET", REPLY_NULL);
    command_fixture_expect(fixture, "SET b 5 GET", "$1\r\n4\r\n");
    command_fixture_expect(fixture, "SET c 5 XX GET", REPLY_NULL);
    command_fixture_expect(fixture, "EXISTS c", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "SET b 4; SET b 5");
}

static void get_tells_of_a_missing_key(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 GET");
    assert_string_equal(command_fixture_events(fixture), "keymiss a, new a, set a");
    command_fixture_run(fixture, "SET b 1 NX");
    assert_string_equal(command_fixture_events(fixture), "new b, set b");
}

static void values_can_be_compared_and_set(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 IFEQ 1", REPLY_NULL);
    command_fixture_expect(fixture, "SET a 1 IFNE 1", REPLY_OK);
    command_fixture_expect(fixture, "SET a 2 IFNE 1", REPLY_NULL);
    command_fixture_expect(fixture, "SET a 2 IFEQ 01", REPLY_NULL);
    command_fixture_expect(fixture, "SET a text IFEQ 1", REPLY_OK);
    command_fixture_expect(fixture, "SET a 3 GET IFEQ other", "$4\r\ntext\r\n");
    command_fixture_expect(fixture, "SET a 3 ifeq text get EX 5", "$4\r\ntext\r\n");
    command_fixture_expect(fixture, "SET none 3 IFEQ text GET", REPLY_NULL);
    assert_string_equal(command_fixture_effects(fixture),
                        "SET a 1; SET a text; SET a 3 PXAT 1005000");
}

static void digests_can_be_compared_and_set(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 IFDEQ 0000000000000000", REPLY_NULL);
    command_fixture_expect(fixture, "SET a '' IFDNE 0000000000000000", REPLY_OK);
    /* XXH3-64 of nothing is 2d06800538d394c2. */
    command_fixture_expect(fixture, "SET a x IFDNE 2d06800538d394c2", REPLY_NULL);
    command_fixture_expect(fixture, "SET a x IFDEQ 2D06800538d394c2", REPLY_OK);
    const char *error = "-ERR digest must be exactly 16 hexadecimal characters\r\n";
    command_fixture_expect(fixture, "SET a y IFDEQ 2d06800538d394c", error);
    command_fixture_expect(fixture, "SET a y IFDEQ 2d06800538d394c20", error);
    command_fixture_expect(fixture, "SET a y IFDNE 2d06800538d394cg", error);
}

static void options_that_exclude_each_other_are_refused(void **state)
{
    static const char *const options[] = {
        "NX XX",         "XX NX",      "EX",      "EX 1 PX 1", "EX 1 KEEPTTL",   "KEEPTTL EX 1",
        "PXAT 1 EXAT 1", "PERSIST",    "foo",     "NX IFEQ 1", "IFEQ",           "IFEQ 1 IFNE 2",
        "EX 10 foo",     "IFDEQ 1 XX", "get set", "''",        "KEEPTTL PXAT 1", "IFEQ 1 IFEQ",
    };
    struct command_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char line[100] = "SET a 1 ";
        strncat(line, options[i], sizeof line - strlen(line) - 1);
        command_fixture_expect(fixture, line, REPLY_SYNTAX);
    }
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
}

static void the_same_option_may_come_twice_and_the_last_counts(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 EX 10 EX 20 NX NX", REPLY_OK);
    command_fixture_expect(fixture, "TTL a", ":20\r\n");
    command_fixture_expect(fixture, "SET a 2 IFEQ 9 IFEQ 1", REPLY_OK);
}

static void times_out_of_range_are_refused(void **state)
{
    struct command_fixture *fixture = *state;
    const char *error = "-ERR invalid expire time in 'set' command\r\n";
    command_fixture_expect(fixture, "SET a 1 EX 0", error);
    command_fixture_expect(fixture, "SET a 1 PX -1", error);
    command_fixture_expect(fixture, "SET a 1 EXAT 0", error);
    command_fixture_expect(fixture, "SET a 1 EX 9223372036854775807", error);
    command_fixture_expect(fixture, "SET a 1 EX 9223372036854775", error);
    command_fixture_expect(fixture, "SET a 1 PX 9223372036854775807", error);
    command_fixture_expect(fixture, "SET a 1 PX 9223372036854775808", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "SET a 1 EX abc", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "SETEX a 0 1",
                           "-ERR invalid expire time in 'setex' command\r\n");
    command_fixture_expect(fixture, "PSETEX a -1 1",
                           "-ERR invalid expire time in 'psetex' command\r\n");
    command_fixture_expect(fixture, "SETEX a b 1", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "SET a 1 PXAT 9223372036854775807", REPLY_OK);
    command_fixture_expect(fixture, "PEXPIRETIME a", ":9223372036854775807\r\n");
}

static void the_time_is_checked_before_the_condition(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SET a 1 XX EX 0",
                           "-ERR invalid expire time in 'set' command\r\n");
}

static void setnx_answers_numbers(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SETNX a 1", ":1\r\n");
    command_fixture_expect(fixture, "SETNX a 2", ":0\r\n");
    assert_string_equal(command_fixture_events(fixture), "new a, set a");
    assert_string_equal(command_fixture_effects(fixture), "SET a 1");
}

static void getset_returns_what_was_there_and_clears_the_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "GETSET a 1", REPLY_NULL);
    assert_string_equal(command_fixture_events(fixture), "keymiss a, new a, set a");
    command_fixture_run(fixture, "EXPIRE a 5");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "GETSET a 2", "$1\r\n1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "SET a 2");
    command_fixture_expect(fixture, "TTL a", ":-1\r\n");
}

static void a_big_argument_is_taken_without_a_copy(void **state)
{
    struct command_fixture *fixture = *state;
    char big[3000];
    memset(big, 'x', sizeof big);
    fixture->blocks = true;
    struct slice words[] = {SLICE("SET"), SLICE("a"), slice_of(big, sizeof big)};
    assert_string_equal(command_fixture_run_words(fixture, words, 3), REPLY_OK);
    assert_int_equal(fixture->blocks_taken, 1);
    command_fixture_expect(fixture, "STRLEN a", ":3000\r\n");
    command_fixture_expect(fixture, "SET a short", REPLY_OK);
    assert_int_equal(fixture->blocks_taken, 1);
    fixture->blocks = false;
    assert_string_equal(command_fixture_run_words(fixture, words, 3), REPLY_OK);
    command_fixture_expect(fixture, "STRLEN a", ":3000\r\n");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nraw\r\n");
}

static void no_effect_is_built_while_nobody_takes_it(void **state)
{
    struct command_fixture *fixture = *state;
    fixture->without_effects = true;
    command_fixture_expect(fixture, "SET a 1 EX 10", REPLY_OK);
    assert_int_equal(fixture->changes, 1);
}

static void resp3_has_its_own_null(void **state)
{
    struct command_fixture *fixture = *state;
    fixture->reply.version = 3;
    command_fixture_expect(fixture, "SET a 1 XX", "_\r\n");
    command_fixture_expect(fixture, "SET a 1 GET", "_\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set_stores_and_get_returns),
        TEST(set_clears_the_deadline_unless_told_to_keep_it),
        TEST(times_become_absolute_in_the_effect),
        TEST(a_deadline_in_the_past_is_kept_and_the_key_expires_when_looked_at),
        TEST(an_expired_key_counts_as_new),
        TEST(nx_and_xx_decide_whether_the_key_is_set),
        TEST(get_tells_of_a_missing_key),
        TEST(values_can_be_compared_and_set),
        TEST(digests_can_be_compared_and_set),
        TEST(options_that_exclude_each_other_are_refused),
        TEST(the_same_option_may_come_twice_and_the_last_counts),
        TEST(times_out_of_range_are_refused),
        TEST(the_time_is_checked_before_the_condition),
        TEST(setnx_answers_numbers),
        TEST(getset_returns_what_was_there_and_clears_the_deadline),
        TEST(a_big_argument_is_taken_without_a_copy),
        TEST(no_effect_is_built_while_nobody_takes_it),
        TEST(resp3_has_its_own_null),
    };
    return cmocka_run_group_tests_name("commands/string_set", tests, NULL, NULL);
}
