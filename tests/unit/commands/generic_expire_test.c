#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void expire_sets_an_absolute_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "EXPIRE a 10", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "expire a");
    assert_string_equal(command_fixture_touched(fixture), "a");
    command_fixture_expect(fixture, "TTL a", ":10\r\n");
    command_fixture_expect(fixture, "PEXPIRE a 1500", ":1\r\n");
    command_fixture_expect(fixture, "PTTL a", ":1500\r\n");
    command_fixture_expect(fixture, "EXPIREAT a 2000", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRETIME a", ":2000\r\n");
    command_fixture_expect(fixture, "PEXPIREAT a 1000499", ":1\r\n");
    command_fixture_expect(fixture, "PEXPIRETIME a", ":1000499\r\n");
    assert_string_equal(command_fixture_effects(fixture),
                        "PEXPIREAT a 1010000; PEXPIREAT a 1001500; PEXPIREAT a 2000000; "
                        "PEXPIREAT a 1000499");
}

static void seconds_are_rounded_to_the_nearest(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 PX 1499");
    command_fixture_expect(fixture, "TTL a", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRETIME a", ":1001\r\n");
    command_fixture_run(fixture, "SET a 1 PX 1500");
    command_fixture_expect(fixture, "TTL a", ":2\r\n");
    command_fixture_expect(fixture, "EXPIRETIME a", ":1002\r\n");
    command_fixture_run(fixture, "PEXPIREAT a 9223372036854775807");
    command_fixture_expect(fixture, "EXPIRETIME a", ":9223372036854776\r\n");
}

static void a_time_that_has_passed_deletes(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a 1 b 2 c 3 d 4");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "EXPIRE a 0", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRE b -1", ":1\r\n");
    command_fixture_expect(fixture, "PEXPIREAT c 1000000", ":1\r\n");
    command_fixture_expect(fixture, "PEXPIREAT d -9223372036854775808", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "del a, del b, del c, del d");
    assert_string_equal(command_fixture_effects(fixture), "DEL a; DEL b; DEL c; DEL d");
    command_fixture_expect(fixture, "DBSIZE", ":0\r\n");
}

static void conditions_look_at_the_deadline_that_is_there(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_expect(fixture, "EXPIRE a 10 XX", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a 10 GT", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a 100 LT", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRE a 100 NX", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a 100 GT", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a 100 LT", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a 101 gt", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRE a 50 XX LT", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRE a 40 XX GT", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a -1 GT", ":0\r\n");
    command_fixture_run(fixture, "PERSIST a");
    command_fixture_expect(fixture, "EXPIRE a 100 XX LT", ":0\r\n");
    command_fixture_expect(fixture, "EXPIRE a 100 NX NX", ":1\r\n");
    command_fixture_expect(fixture, "EXPIRE none 100", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture),
                        "as sent; PEXPIREAT a 1100000; PEXPIREAT a 1101000; PEXPIREAT a 1050000; "
                        "as sent; PEXPIREAT a 1100000");
}

static void wrong_words_and_times_are_refused(void **state)
{
    struct command_fixture *fixture = *state;
    const char *mixed = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    command_fixture_run(fixture, "SET a 1");
    command_fixture_expect(fixture, "EXPIRE a 1 foo", "-ERR Unsupported option foo\r\n");
    command_fixture_expect(fixture, "EXPIRE a x foo", "-ERR Unsupported option foo\r\n");
    command_fixture_expect(fixture, "EXPIRE a 1 NX XX", mixed);
    command_fixture_expect(fixture, "EXPIRE a 1 GT NX", mixed);
    command_fixture_expect(fixture, "EXPIRE a 1 LT GT",
                           "-ERR GT and LT options at the same time are not compatible\r\n");
    command_fixture_expect(fixture, "EXPIRE a x", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "EXPIRE a 9223372036854775807",
                           "-ERR invalid expire time in 'expire' command\r\n");
    command_fixture_expect(fixture, "EXPIRE a -9223372036854775808",
                           "-ERR invalid expire time in 'expire' command\r\n");
    command_fixture_expect(fixture, "EXPIREAT none 9223372036854775807",
                           "-ERR invalid expire time in 'expireat' command\r\n");
    command_fixture_expect(fixture, "PEXPIRE a 9223372036854775807",
                           "-ERR invalid expire time in 'pexpire' command\r\n");
    command_fixture_expect(fixture, "TTL a", ":-1\r\n");
}

static void ttl_tells_missing_from_everlasting(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    command_fixture_expect(fixture, "TTL a", ":-1\r\n");
    command_fixture_expect(fixture, "PTTL a", ":-1\r\n");
    command_fixture_expect(fixture, "EXPIRETIME a", ":-1\r\n");
    command_fixture_expect(fixture, "PEXPIRETIME a", ":-1\r\n");
    command_fixture_expect(fixture, "TTL b", ":-2\r\n");
    command_fixture_expect(fixture, "PTTL b", ":-2\r\n");
    command_fixture_expect(fixture, "EXPIRETIME b", ":-2\r\n");
    command_fixture_expect(fixture, "PEXPIRETIME b", ":-2\r\n");
}

static void persist_clears_the_deadline_once(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 EX 10");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "PERSIST a", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "persist a");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    command_fixture_expect(fixture, "PERSIST a", ":0\r\n");
    command_fixture_expect(fixture, "PERSIST b", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

static void a_key_is_gone_at_its_deadline(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 PX 100");
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 99);
    command_fixture_expect(fixture, "PTTL a", ":1\r\n");
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 100);
    command_fixture_expect(fixture, "PTTL a", ":-2\r\n");
    command_fixture_expect(fixture, "DBSIZE", ":0\r\n");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(expire_sets_an_absolute_deadline),
        TEST(seconds_are_rounded_to_the_nearest),
        TEST(a_time_that_has_passed_deletes),
        TEST(conditions_look_at_the_deadline_that_is_there),
        TEST(wrong_words_and_times_are_refused),
        TEST(ttl_tells_missing_from_everlasting),
        TEST(persist_clears_the_deadline_once),
        TEST(a_key_is_gone_at_its_deadline),
    };
    return cmocka_run_group_tests_name("commands/generic_expire", tests, NULL, NULL);
}
