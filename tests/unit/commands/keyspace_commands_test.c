#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void flushdb_empties_one_database(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 1 b 2");
    command_fixture_run(fixture, "COPY a a DB 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "DBSIZE", ":2\r\n");
    command_fixture_expect(fixture, "FLUSHDB", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "flushing 0");
    assert_int_equal(fixture->changes, 2);
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    command_fixture_expect(fixture, "DBSIZE", ":0\r\n");
    command_fixture_expect(fixture, "FLUSHDB ASYNC", REPLY_OK);
    assert_int_equal(fixture->changes, 0);
    assert_int_equal(keyspace_size(fixture->keyspace), 1);
}

static void flushall_empties_all(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 1 b 2");
    command_fixture_run(fixture, "COPY a a DB 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "FLUSHALL sync", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "flushing -1");
    assert_int_equal(fixture->changes, 3);
    assert_int_equal(keyspace_size(fixture->keyspace), 0);
}

static void flush_knows_two_words(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_expect(fixture, "FLUSHALL foo", REPLY_SYNTAX);
    command_fixture_expect(fixture, "FLUSHDB SYNC ASYNC", REPLY_SYNTAX);
    command_fixture_expect(fixture, "DBSIZE", ":1\r\n");
}

static void swapdb_lets_two_databases_change_places(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "SWAPDB 0 2", REPLY_OK);
    assert_string_equal(command_fixture_events(fixture), "swapping 0 2");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
    fixture->database = keyspace_database(fixture->keyspace, 2);
    command_fixture_expect(fixture, "EXISTS a", ":1\r\n");
    command_fixture_expect(fixture, "SWAPDB 2 2", REPLY_OK);
    command_fixture_expect(fixture, "EXISTS a", ":1\r\n");
}

static void swapdb_checks_both_numbers(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SWAPDB x 0", "-ERR invalid first DB index\r\n");
    command_fixture_expect(fixture, "SWAPDB 0 x", "-ERR invalid second DB index\r\n");
    command_fixture_expect(fixture, "SWAPDB 99999999999 0", "-ERR invalid first DB index\r\n");
    command_fixture_expect(fixture, "SWAPDB 0 16", "-ERR DB index is out of range\r\n");
    command_fixture_expect(fixture, "SWAPDB -1 0", "-ERR DB index is out of range\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flushdb_empties_one_database), TEST(flushall_empties_all),
        TEST(flush_knows_two_words),        TEST(swapdb_lets_two_databases_change_places),
        TEST(swapdb_checks_both_numbers),
    };
    return cmocka_run_group_tests_name("commands/keyspace_commands", tests, NULL, NULL);
}
