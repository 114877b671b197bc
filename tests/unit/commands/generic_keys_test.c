#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void del_and_unlink_count_what_they_deleted(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 1 b 2 c 3");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "DEL a x a b", ":2\r\n");
    assert_int_equal(fixture->changes, 2);
    assert_string_equal(command_fixture_events(fixture), "del a, del b");
    assert_string_equal(command_fixture_touched(fixture), "a b");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    command_fixture_expect(fixture, "UNLINK c", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "del c");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "DEL a", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void an_expired_key_is_not_deleted_but_expires(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 PX 1");
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 1);
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "DEL a", ":0\r\n");
    assert_string_equal(command_fixture_events(fixture), "expired a");
}

static void exists_and_touch_count_every_time_a_key_is_named(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "EXISTS a b a", ":2\r\n");
    assert_string_equal(command_fixture_events(fixture), "keymiss b");
    command_fixture_expect(fixture, "TOUCH a b a", ":2\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void type_names_the_type(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_expect(fixture, "TYPE a", "+string\r\n");
    command_fixture_expect(fixture, "TYPE b", "+none\r\n");
}

static void rename_takes_value_and_deadline_along(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 EX 10");
    command_fixture_run(fixture, "SET b 2");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "RENAME a b", REPLY_OK);
    assert_int_equal(fixture->changes, 1);
    assert_string_equal(command_fixture_events(fixture), "new b, rename_from a, rename_to b");
    assert_string_equal(command_fixture_touched(fixture), "a b");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    command_fixture_expect(fixture, "GET b", "$1\r\n1\r\n");
    command_fixture_expect(fixture, "TTL b", ":10\r\n");
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
}

static void rename_to_a_key_without_deadline_clears_it(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_run(fixture, "SET b 2 EX 10");
    command_fixture_run(fixture, "RENAME a b");
    command_fixture_expect(fixture, "TTL b", ":-1\r\n");
}

static void rename_to_the_same_name_changes_nothing(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "RENAME a a", "-ERR no such key\r\n");
    command_fixture_expect(fixture, "RENAMENX a b", "-ERR no such key\r\n");
    command_fixture_run(fixture, "SET a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "RENAME a a", REPLY_OK);
    command_fixture_expect(fixture, "RENAMENX a a", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void renamenx_respects_what_is_there(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 1 b 2");
    command_fixture_expect(fixture, "RENAMENX a b", ":0\r\n");
    command_fixture_expect(fixture, "RENAMENX a c", ":1\r\n");
    command_fixture_expect(fixture, "MGET a b c", "*3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n");
}

static void move_takes_a_key_to_another_database(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 EX 10");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "MOVE a 1", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "new a, move_from a, move_to a");
    assert_string_equal(command_fixture_touched(fixture), "a a");
    assert_int_equal(fixture->changes, 1);
    command_fixture_expect(fixture, "MOVE a 1", ":0\r\n");
    command_fixture_run(fixture, "SET a 2");
    command_fixture_expect(fixture, "MOVE a 1", ":0\r\n");
    fixture->database = keyspace_database(fixture->keyspace, 1);
    command_fixture_expect(fixture, "TTL a", ":10\r\n");
    command_fixture_expect(fixture, "GET a", "$1\r\n1\r\n");
}

static void move_refuses_databases_that_are_not_there(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_expect(fixture, "MOVE a 0",
                           "-ERR source and destination objects are the same\r\n");
    command_fixture_expect(fixture, "MOVE a 16", "-ERR DB index is out of range\r\n");
    command_fixture_expect(fixture, "MOVE a -1", "-ERR DB index is out of range\r\n");
    command_fixture_expect(fixture, "MOVE a x", REPLY_NOT_INTEGER);
    command_fixture_expect(
        fixture, "MOVE a 2147483648",
        "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
}

static void copy_copies_value_and_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 EX 10");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "COPY a b", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "new b, copy_to b");
    assert_string_equal(command_fixture_touched(fixture), "b");
    command_fixture_expect(fixture, "TTL b", ":10\r\n");
    command_fixture_expect(fixture, "SET a 2", REPLY_OK);
    command_fixture_expect(fixture, "COPY a b", ":0\r\n");
    command_fixture_expect(fixture, "COPY a b REPLACE", ":1\r\n");
    command_fixture_expect(fixture, "TTL b", ":-1\r\n");
    command_fixture_expect(fixture, "COPY a a DB 2", ":1\r\n");
    command_fixture_expect(fixture, "COPY none b replace", ":0\r\n");
    command_fixture_expect(fixture, "GET b", "$1\r\n2\r\n");
    fixture->database = keyspace_database(fixture->keyspace, 2);
    command_fixture_expect(fixture, "GET a", "$1\r\n2\r\n");
}

static void a_copy_of_a_big_string_is_its_own(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SETRANGE a 4999 x");
    command_fixture_expect(fixture, "COPY a b", ":1\r\n");
    command_fixture_run(fixture, "SETRANGE a 0 y");
    command_fixture_expect(fixture, "GETRANGE b 4999 -1", "$1\r\nx\r\n");
    assert_memory_equal(command_fixture_run(fixture, "GETRANGE b 0 0"), "$1\r\n\0\r\n", 7);
    command_fixture_expect(fixture, "RENAME a b", REPLY_OK);
    command_fixture_expect(fixture, "GETRANGE b 0 0", "$1\r\ny\r\n");
}

static void copy_refuses_what_does_not_fit(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "COPY a a",
                           "-ERR source and destination objects are the same\r\n");
    command_fixture_expect(fixture, "COPY a a DB 0",
                           "-ERR source and destination objects are the same\r\n");
    command_fixture_expect(fixture, "COPY a b DB", REPLY_SYNTAX);
    command_fixture_expect(fixture, "COPY a b foo", REPLY_SYNTAX);
    command_fixture_expect(fixture, "COPY a b DB x", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "COPY a b DB 99", "-ERR DB index is out of range\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(del_and_unlink_count_what_they_deleted),
        TEST(an_expired_key_is_not_deleted_but_expires),
        TEST(exists_and_touch_count_every_time_a_key_is_named),
        TEST(type_names_the_type),
        TEST(rename_takes_value_and_deadline_along),
        TEST(rename_to_a_key_without_deadline_clears_it),
        TEST(rename_to_the_same_name_changes_nothing),
        TEST(renamenx_respects_what_is_there),
        TEST(move_takes_a_key_to_another_database),
        TEST(move_refuses_databases_that_are_not_there),
        TEST(copy_copies_value_and_deadline),
        TEST(a_copy_of_a_big_string_is_its_own),
        TEST(copy_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("commands/generic_keys", tests, NULL, NULL);
}
