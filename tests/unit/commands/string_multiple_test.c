#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include <stdio.h>

#include "protocol/resp_parser.h"
#include "support/command_fixture.h"

static void mget_answers_null_for_what_is_not_there(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 1 b two");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "MGET a nothing b a",
                           "*4\r\n$1\r\n1\r\n$-1\r\n$3\r\ntwo\r\n$1\r\n1\r\n");
    assert_string_equal(command_fixture_events(fixture), "keymiss nothing");
}

static void mset_sets_all_and_the_last_of_a_name_wins(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET b 0 EX 5");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "MSET a 1 b 2 a 3", REPLY_OK);
    assert_int_equal(fixture->changes, 3);
    assert_string_equal(command_fixture_events(fixture), "new a, set a, set b, set a");
    assert_string_equal(command_fixture_effects(fixture), "MSET a 1 b 2 a 3");
    command_fixture_expect(fixture, "GET a", "$1\r\n3\r\n");
    command_fixture_expect(fixture, "TTL b", ":-1\r\n");
}

static void a_key_without_a_value_is_refused(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "MSET a 1 b",
                           "-ERR wrong number of arguments for 'mset' command\r\n");
    command_fixture_expect(fixture, "MSETNX a 1 b",
                           "-ERR wrong number of arguments for 'msetnx' command\r\n");
    command_fixture_expect(fixture, "DBSIZE", ":0\r\n");
}

static void msetnx_sets_all_or_nothing(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "MSETNX a 1 b 2", ":1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "MSET a 1 b 2");
    command_fixture_expect(fixture, "MSETNX c 1 b 3", ":0\r\n");
    command_fixture_expect(fixture, "EXISTS c", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void msetex_sets_all_with_one_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "MSETEX 2 a 1 b 2 EX 10", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture),
                        "new a, set a, expire a, new b, set b, expire b");
    assert_string_equal(command_fixture_effects(fixture),
                        "SET a 1 PXAT 1010000; SET b 2 PXAT 1010000");
    command_fixture_expect(fixture, "MSETEX 1 a 5 KEEPTTL", ":1\r\n");
    command_fixture_expect(fixture, "TTL a", ":10\r\n");
    assert_string_equal(command_fixture_effects(fixture), "SET a 5 KEEPTTL");
    command_fixture_expect(fixture, "MSETEX 2 a 6 c 7", ":1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "MSET a 6 c 7");
    command_fixture_expect(fixture, "TTL a", ":-1\r\n");
}

static void msetex_asks_its_condition_of_every_key(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "MSETEX 2 a 1 b 2 XX", ":0\r\n");
    command_fixture_expect(fixture, "MSETEX 1 a 1 NX", ":1\r\n");
    command_fixture_expect(fixture, "MSETEX 2 a 1 b 2 XX", ":0\r\n");
    command_fixture_expect(fixture, "MSETEX 2 b 1 a 2 NX PX 5", ":0\r\n");
    command_fixture_expect(fixture, "EXISTS b", ":0\r\n");
    command_fixture_expect(fixture, "MSETEX 1 a 2 XX PX 5", ":1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "MSET a 1; SET a 2 PXAT 1000005");
}

static void msetex_refuses_what_does_not_fit(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "MSETEX 0 a 1", "-ERR invalid numkeys value\r\n");
    command_fixture_expect(fixture, "MSETEX -1 a 1", "-ERR invalid numkeys value\r\n");
    command_fixture_expect(fixture, "MSETEX x a 1", "-ERR invalid numkeys value\r\n");
    command_fixture_expect(fixture, "MSETEX 2147483648 a 1", "-ERR invalid numkeys value\r\n");
    command_fixture_expect(fixture, "MSETEX 2 a 1", "-ERR wrong number of key-value pairs\r\n");
    command_fixture_expect(fixture, "MSETEX 2147483647 a 1",
                           "-ERR wrong number of key-value pairs\r\n");
    command_fixture_expect(fixture, "MSETEX 1 a 1 b 2", REPLY_SYNTAX);
    command_fixture_expect(fixture, "MSETEX 1 a 1 IFEQ 2", REPLY_SYNTAX);
    command_fixture_expect(fixture, "MSETEX 1 a 1 GET", REPLY_SYNTAX);
    command_fixture_expect(fixture, "MSETEX 1 a 1 EX 0",
                           "-ERR invalid expire time in 'msetex' command\r\n");
    command_fixture_expect(fixture, "DBSIZE", ":0\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

/* Was a fault: the block that the first pair took was freed by the second, then read for the log.
 */
static void a_value_that_is_replaced_at_once_keeps_its_block(void **state)
{
    static char line[2 * RESP_BIG_ARGUMENT_MIN];
    struct command_fixture *fixture = *state;
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "MSET" : "MSETNX";
        fixture->blocks = true;
        fixture->blocks_taken = 0;
        snprintf(line, sizeof line, "%s a%d %0*d b%d 2 a%d 3", name, i, RESP_BIG_ARGUMENT_MIN, 0, i,
                 i);
        command_fixture_run(fixture, line);
        assert_int_equal(fixture->blocks_taken, 0);
        snprintf(line, sizeof line, "%s c%d 1 c%d %0*d", name, i, i, RESP_BIG_ARGUMENT_MIN, 0);
        command_fixture_run(fixture, line);
        assert_int_equal(fixture->blocks_taken, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mget_answers_null_for_what_is_not_there),
        TEST(mset_sets_all_and_the_last_of_a_name_wins),
        TEST(a_key_without_a_value_is_refused),
        TEST(a_value_that_is_replaced_at_once_keeps_its_block),
        TEST(msetnx_sets_all_or_nothing),
        TEST(msetex_sets_all_with_one_deadline),
        TEST(msetex_asks_its_condition_of_every_key),
        TEST(msetex_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("commands/string_multiple", tests, NULL, NULL);
}
