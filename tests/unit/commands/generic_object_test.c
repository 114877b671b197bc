#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void encodings_are_named_as_in_redis(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "OBJECT ENCODING a", REPLY_NULL);
    command_fixture_run(fixture, "SET a 123");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nint\r\n");
    command_fixture_run(fixture, "SET a 0123");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$6\r\nembstr\r\n");
    command_fixture_run(fixture, "SET a 12345678901234567890123456789012345678901234");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$6\r\nembstr\r\n");
    command_fixture_run(fixture, "SET a 123456789012345678901234567890123456789012345");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nraw\r\n");
    command_fixture_run(fixture, "SET a x");
    command_fixture_run(fixture, "APPEND a y");
    command_fixture_expect(fixture, "OBJECT ENCODING a", "$3\r\nraw\r\n");
    command_fixture_run(fixture, "COPY a b");
    command_fixture_run(fixture, "SETRANGE c 0 x");
    command_fixture_expect(fixture, "OBJECT ENCODING c", "$3\r\nraw\r\n");
}

static void references_are_counted_as_in_redis(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 9999 b 10000 c -1 d x");
    command_fixture_expect(fixture, "OBJECT REFCOUNT a", ":2147483647\r\n");
    command_fixture_expect(fixture, "OBJECT REFCOUNT b", ":1\r\n");
    command_fixture_expect(fixture, "OBJECT REFCOUNT c", ":1\r\n");
    command_fixture_expect(fixture, "OBJECT REFCOUNT d", ":1\r\n");
    command_fixture_expect(fixture, "OBJECT REFCOUNT e", REPLY_NULL);
}

static void looking_tells_no_miss_but_counts_one(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "OBJECT ENCODING a");
    assert_string_equal(command_fixture_events(fixture), "");
    assert_int_equal(keyspace_statistics(fixture->keyspace)->misses, 1);
}

static void help_lists_the_subcommands(void **state)
{
    struct command_fixture *fixture = *state;
    const char *reply = command_fixture_run(fixture, "OBJECT HELP");
    assert_memory_equal(reply, "*15\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]. ", 53);
    assert_non_null(strstr(reply, "\r\n+HELP\r\n+    Prints this help.\r\n"));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(encodings_are_named_as_in_redis),
        TEST(references_are_counted_as_in_redis),
        TEST(looking_tells_no_miss_but_counts_one),
        TEST(help_lists_the_subcommands),
    };
    return cmocka_run_group_tests_name("commands/generic_object", tests, NULL, NULL);
}
