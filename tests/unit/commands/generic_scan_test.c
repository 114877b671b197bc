#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

#define KEYS 2000

static void fill(struct command_fixture *fixture)
{
    for (int i = 0; i < KEYS; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET key:%d %d", i, i);
        command_fixture_run(fixture, line);
    }
}

static void keys_lists_what_matches(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "KEYS *", "*0\r\n");
    command_fixture_run(fixture, "MSET one 1 two 2");
    command_fixture_expect(fixture, "KEYS o*", "*1\r\n$3\r\none\r\n");
    command_fixture_expect(fixture, "KEYS two", "*1\r\n$3\r\ntwo\r\n");
    command_fixture_expect(fixture, "KEYS t", "*0\r\n");
    assert_int_equal(strlen(command_fixture_run(fixture, "KEYS *")), 4 + 9 + 9);
}

static void expired_keys_are_not_listed(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1 PX 1");
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 1);
    command_fixture_expect(fixture, "KEYS *", "*0\r\n");
    command_fixture_expect(fixture, "SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n");
    command_fixture_expect(fixture, "RANDOMKEY", REPLY_NULL);
}

/* Scans to the end; marks the numbers of the keys in `seen`. Returns how many calls it took. */
static int scan_all(struct command_fixture *fixture, const char *options, unsigned char *seen)
{
    char cursor[32] = "0", line[128];
    int calls = 0;
    do {
        snprintf(line, sizeof line, "SCAN %s %s", cursor, options);
        const char *reply = command_fixture_run(fixture, line);
        assert_memory_equal(reply, "*2\r\n$", 5);
        const char *at = strchr(reply + 5, '\n') + 1;
        snprintf(cursor, sizeof cursor, "%.*s", (int)strcspn(at, "\r"), at);
        for (at = strstr(at, "key:"); at != NULL; at = strstr(at + 4, "key:"))
            seen[atoi(at + 4)]++;
        calls++;
        assert_true(calls < 10 * KEYS);
    } while (strcmp(cursor, "0") != 0);
    return calls;
}

static void scan_visits_every_key_once(void **state)
{
    struct command_fixture *fixture = *state;
    fill(fixture);
    unsigned char seen[KEYS] = {0};
    int calls = scan_all(fixture, "COUNT 100", seen);
    assert_in_range(calls, 2, KEYS / 100 + 1);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(seen[i], 1);
}

static void scan_takes_everything_at_once_if_asked(void **state)
{
    struct command_fixture *fixture = *state;
    fill(fixture);
    unsigned char seen[KEYS] = {0};
    assert_int_equal(scan_all(fixture, "COUNT 9223372036854775807", seen), 1);
}

static void scan_filters_by_pattern_and_type(void **state)
{
    struct command_fixture *fixture = *state;
    fill(fixture);
    unsigned char seen[KEYS] = {0};
    scan_all(fixture, "MATCH key:1?", seen);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(seen[i], i >= 10 && i < 20);
    scan_all(fixture, "TYPE String MATCH * COUNT 50", seen);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(seen[i], 1 + (i >= 10 && i < 20));
    scan_all(fixture, "TYPE list COUNT 500", seen);
    scan_all(fixture, "TYPE '' COUNT 500", seen);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(seen[i], 1 + (i >= 10 && i < 20));
}

static void a_key_that_stays_is_seen_while_others_come_and_go(void **state)
{
    struct command_fixture *fixture = *state;
    fill(fixture);
    unsigned char seen[KEYS] = {0};
    char cursor[32] = "0", line[128];
    int round = 0;
    do {
        snprintf(line, sizeof line, "SCAN %s COUNT 20", cursor);
        const char *at = strchr(command_fixture_run(fixture, line) + 5, '\n') + 1;
        snprintf(cursor, sizeof cursor, "%.*s", (int)strcspn(at, "\r"), at);
        for (at = strstr(at, "key:"); at != NULL; at = strstr(at + 4, "key:"))
            seen[atoi(at + 4)]++;
        for (int i = 0; i < 40; i++) {
            snprintf(line, sizeof line, round < 25 ? "SET other:%d 1" : "DEL other:%d",
                     round % 25 * 40 + i);
            command_fixture_run(fixture, line);
        }
        round++;
    } while (strcmp(cursor, "0") != 0);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(seen[i], 1);
}

static void cursors_are_read_as_redis_reads_them(void **state)
{
    static const char *const invalid[] = {"abc",
                                          "1x",
                                          "' 1'",
                                          "-",
                                          "+",
                                          "0x10",
                                          "1.0",
                                          "18446744073709551616",
                                          "99999999999999999999999"};
    static const char *const valid[] = {"0", "''", "+0", "00", "-0"};
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a 1");
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        char line[64];
        snprintf(line, sizeof line, "SCAN %s", invalid[i]);
        command_fixture_expect(fixture, line, "-ERR invalid cursor\r\n");
    }
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        char line[64];
        snprintf(line, sizeof line, "SCAN %s", valid[i]);
        command_fixture_expect(fixture, line, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
    }
    command_fixture_run(fixture, "SCAN -1");
    command_fixture_run(fixture, "SCAN 18446744073709551615");
}

static void scan_checks_its_options(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "SCAN 0 COUNT 0", REPLY_SYNTAX);
    command_fixture_expect(fixture, "SCAN 0 COUNT", REPLY_SYNTAX);
    command_fixture_expect(fixture, "SCAN 0 COUNT x", REPLY_NOT_INTEGER);
    command_fixture_expect(fixture, "SCAN 0 foo 1", REPLY_SYNTAX);
    command_fixture_expect(fixture, "SCAN x COUNT 0", "-ERR invalid cursor\r\n");
}

static void randomkey_picks_all_keys_in_time(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "RANDOMKEY", REPLY_NULL);
    command_fixture_run(fixture, "MSET a 1 b 2 c 3");
    int seen[3] = {0};
    for (int i = 0; i < 300; i++) {
        const char *reply = command_fixture_run(fixture, "RANDOMKEY");
        assert_memory_equal(reply, "$1\r\n", 4);
        seen[reply[4] - 'a']++;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(seen[i], 20, 280);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_lists_what_matches),
        TEST(expired_keys_are_not_listed),
        TEST(scan_visits_every_key_once),
        TEST(scan_takes_everything_at_once_if_asked),
        TEST(scan_filters_by_pattern_and_type),
        TEST(a_key_that_stays_is_seen_while_others_come_and_go),
        TEST(cursors_are_read_as_redis_reads_them),
        TEST(scan_checks_its_options),
        TEST(randomkey_picks_all_keys_in_time),
    };
    return cmocka_run_group_tests_name("commands/generic_scan", tests, NULL, NULL);
}
