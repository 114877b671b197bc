#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/command_fixture.h"

/* Was a fault: it went on below zero, and XGROUP SETID takes no such number from the log. */
static void a_group_that_has_read_the_most_says_no_more(void **state)
{
    struct command_fixture *fixture = *state;
    static const struct {
        const char *before, *told;
    } groups[] = {
        {"XGROUP CREATE s g 0 ENTRIESREAD 9223372036854775806", "ENTRIESREAD 9223372036854775807"},
        {"XGROUP SETID s g 0 ENTRIESREAD 9223372036854775807", "ENTRIESREAD 1"},
        {"XSETID s 9-0 ENTRIESADDED 9223372036854775807 MAXDELETEDID 0-0", NULL},
        {"XADD s 10-0 f v", NULL}, /* entries added stay at the most */
        {"XGROUP SETID s g 9-0 ENTRIESREAD -1", "ENTRIESREAD 9223372036854775807"},
    };
    command_fixture_run(fixture, "XADD s 1-0 f v");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        command_fixture_run(fixture, groups[i].before);
        command_fixture_forget(fixture);
        if (groups[i].told == NULL)
            continue;
        command_fixture_run(fixture, "XREADGROUP GROUP g c STREAMS s >");
        assert_non_null(strstr(command_fixture_effects(fixture), groups[i].told));
    }
}

/* Was a fault: XCLAIM, as which it is told to the log, takes no greater number. */
static void an_entry_that_was_delivered_the_most_times_says_no_more(void **state)
{
    struct command_fixture *fixture = *state;
    static const char *const again[] = {
        "XREADGROUP GROUP g c STREAMS s 0",
        "XCLAIM s g c 0 1-0",
        "XAUTOCLAIM s g c 0 0",
    };
    command_fixture_run(fixture, "XADD s 1-0 f v");
    command_fixture_run(fixture, "XGROUP CREATE s g 0");
    command_fixture_run(fixture, "XREADGROUP GROUP g c STREAMS s >");
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        command_fixture_run(fixture, "XCLAIM s g c 0 1-0 RETRYCOUNT 9223372036854775806 JUSTID");
        for (int j = 0; j < 2; j++) {
            command_fixture_forget(fixture);
            command_fixture_run(fixture, again[i]);
            assert_non_null(
                strstr(command_fixture_effects(fixture), "RETRYCOUNT 9223372036854775807"));
        }
    }
}

/* Was a fault: what is idle for less than no time overflowed. */
static void an_entry_is_claimed_as_idle_for_any_time(void **state)
{
    struct command_fixture *fixture = *state;
    static const char *const idle[] = {"-9223372036854775808", "-1", "9223372036854775807"};
    command_fixture_run(fixture, "XADD s 1-0 f v");
    command_fixture_run(fixture, "XGROUP CREATE s g 0");
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "XCLAIM s g c 0 1-0 FORCE JUSTID IDLE %s", idle[i]);
        command_fixture_forget(fixture);
        command_fixture_run(fixture, line);
        assert_non_null(strstr(command_fixture_effects(fixture), "TIME 1000000"));
    }
}

/* Was a fault: time stands at the least while the log is read, and overflowed. */
static void a_consumer_that_the_log_made_is_not_idle(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_set_time(fixture, INT64_MIN);
    command_fixture_run(fixture, "XGROUP CREATE s g 0 MKSTREAM");
    command_fixture_run(fixture, "XGROUP CREATECONSUMER s g c");
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS);
    assert_non_null(strstr(command_fixture_run(fixture, "XINFO CONSUMERS s g"), "idle\r\n:0\r\n"));
}

/* Was a fault: the reply said that two streams follow, and one did. */
static void a_stream_named_twice_answers_as_often_as_it_has_what_is_new(void **state)
{
#define ENTRY(id) "*2\r\n$3\r\n" id "\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "XADD s 1-0 f v");
    command_fixture_run(fixture, "XADD s 2-0 f v");
    command_fixture_run(fixture, "XGROUP CREATE s g 0");
    command_fixture_expect(
        fixture, "XREADGROUP GROUP g c COUNT 1 STREAMS s s > >",
        "*2\r\n*2\r\n$1\r\ns\r\n*1\r\n" ENTRY("1-0") "*2\r\n$1\r\ns\r\n*1\r\n" ENTRY("2-0"));
    command_fixture_run(fixture, "XGROUP SETID s g 0");
    command_fixture_expect(fixture, "XREADGROUP GROUP g c STREAMS s s > >",
                           "*1\r\n*2\r\n$1\r\ns\r\n*2\r\n" ENTRY("1-0") ENTRY("2-0"));
#undef ENTRY
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_consumer_that_the_log_made_is_not_idle,
                                        command_fixture_setup, command_fixture_teardown),
        cmocka_unit_test_setup_teardown(an_entry_is_claimed_as_idle_for_any_time,
                                        command_fixture_setup, command_fixture_teardown),
        cmocka_unit_test_setup_teardown(a_stream_named_twice_answers_as_often_as_it_has_what_is_new,
                                        command_fixture_setup, command_fixture_teardown),
        cmocka_unit_test_setup_teardown(a_group_that_has_read_the_most_says_no_more,
                                        command_fixture_setup, command_fixture_teardown),
        cmocka_unit_test_setup_teardown(an_entry_that_was_delivered_the_most_times_says_no_more,
                                        command_fixture_setup, command_fixture_teardown),
    };
    return cmocka_run_group_tests_name("commands/stream_read", tests, NULL, NULL);
}
