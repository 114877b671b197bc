#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

#define FIRST_ID "$9\r\n1000000-0\r\n"
#define SECOND_ID "$9\r\n1000000-1\r\n"

static void a_message_that_comes_again_is_not_added_again(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "XADD s IDMP p m * a 1", FIRST_ID);
    assert_string_equal(command_fixture_effects(fixture),
                        "XADD s 1000000-0 a 1; XIDMPRECORD s p m 1000000-0");
    assert_string_equal(command_fixture_events(fixture), "new s, xadd s");
    command_fixture_expect(fixture, "XADD s IDMP p m * b 2", FIRST_ID);
    assert_string_equal(command_fixture_effects(fixture), "");
    assert_string_equal(command_fixture_events(fixture), "");
    assert_int_equal(fixture->changes, 0);
    command_fixture_expect(fixture, "XADD s IDMP q m * b 2", SECOND_ID);
    command_fixture_expect(fixture, "XLEN s", ":2\r\n");
}

static void a_message_may_be_known_by_what_it_says(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "XADD s IDMPAUTO p * a 1 b 2", FIRST_ID);
    command_fixture_expect(fixture, "XADD s IDMPAUTO p * b 2 a 1", FIRST_ID);
    command_fixture_expect(fixture, "XADD s IDMPAUTO p * a 2 b 1", SECOND_ID);
    command_fixture_expect(fixture, "XLEN s", ":2\r\n");
}

static void messages_are_known_as_long_as_is_set(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "XADD s IDMP p m * a 1");
    command_fixture_expect(fixture, "XCFGSET s IDMP-DURATION 100 IDMP-MAXSIZE 100", REPLY_OK);
    command_fixture_expect(fixture, "XADD s IDMP p m * a 1", FIRST_ID);
    command_fixture_expect(fixture, "XCFGSET s IDMP-DURATION 5", REPLY_OK); /* forgets */
    command_fixture_expect(fixture, "XADD s IDMP p m * a 1", SECOND_ID);
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 4999);
    command_fixture_expect(fixture, "XADD s IDMP p m * a 1", SECOND_ID);
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS + 5000);
    command_fixture_expect(fixture, "XADD s IDMP p m * a 1", "$9\r\n1005000-0\r\n");
    command_fixture_expect(fixture, "XCFGSET s IDMP-MAXSIZE 1", REPLY_OK);
    command_fixture_run(fixture, "XADD s IDMP p one * a 1");
    command_fixture_run(fixture, "XADD s IDMP p two * a 1");
    command_fixture_run(fixture, "XADD s IDMP p one * a 1");
    command_fixture_expect(fixture, "XLEN s", ":6\r\n");
}

static void what_was_recorded_is_known(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "XADD s 999999-5 a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "XIDMPRECORD s p m 999999-5", REPLY_OK);
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    command_fixture_expect(fixture, "XADD s IDMP p m * a 1", "$8\r\n999999-5\r\n");
    command_fixture_expect(fixture, "COPY s other", ":1\r\n");
    command_fixture_expect(fixture, "XADD other IDMP p m * a 1", "$8\r\n999999-5\r\n");
}

static void bad_words_change_nothing(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "XADD s IDMP p m 5-5 a 1",
                           "-ERR IDMP and IDMPAUTO can be used only with * as the ID\r\n");
    command_fixture_expect(fixture, "XCFGSET s IDMP-DURATION 5", "-ERR no such key\r\n");
    command_fixture_expect(fixture, "XIDMPRECORD s p m 1-1", "-ERR no such key\r\n");
    command_fixture_run(fixture, "XADD s 1-1 a 1");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "XCFGSET s",
                           "-ERR at least one of IDMP-DURATION and IDMP-MAXSIZE must be given\r\n");
    command_fixture_expect(fixture, "XCFGSET s IDMP-DURATION", REPLY_SYNTAX);
    command_fixture_expect(fixture, "XCFGSET s IDMP-DURATION 0",
                           "-ERR IDMP-DURATION must be between 1 and 86400\r\n");
    command_fixture_expect(fixture, "XCFGSET s IDMP-DURATION 5 IDMP-MAXSIZE 10001",
                           "-ERR IDMP-MAXSIZE must be between 1 and 10000\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
}

/* --- trimming --- */

#define GROUPED                                                                                    \
    "XADD s 1-0 a 1", "XADD s 2-0 a 1", "XADD s 3-0 a 1", "XADD s 4-0 a 1", "XGROUP CREATE s g 0", \
        "XREADGROUP GROUP g c COUNT 3 STREAMS s >", "XACK s g 2-0"

static void fill(struct command_fixture *fixture)
{
    static const char *const lines[] = {GROUPED};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        command_fixture_run(fixture, lines[i]);
    command_fixture_forget(fixture);
}

static void trimming_may_drop_what_groups_hold(void **state)
{
    struct command_fixture *fixture = *state;
    fill(fixture);
    command_fixture_expect(fixture, "XTRIM s MAXLEN 3 KEEPREF", ":1\r\n");
    command_fixture_expect(fixture, "XPENDING s g",
                           "*4\r\n:2\r\n$3\r\n1-0\r\n$3\r\n3-0\r\n*1\r\n*2\r\n$1\r\nc\r\n$1\r\n2"
                           "\r\n");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "XTRIM s MAXLEN 1 DELREF", ":2\r\n");
    assert_string_equal(command_fixture_effects(fixture), "XACK s g 3-0; XTRIM s MAXLEN = 1");
    command_fixture_expect(fixture, "XPENDING s g",
                           "*4\r\n:1\r\n$3\r\n1-0\r\n$3\r\n1-0\r\n*1\r\n*2\r\n$1\r\nc\r\n$1\r\n1"
                           "\r\n");
}

static void trimming_may_spare_what_is_not_acknowledged(void **state)
{
    struct command_fixture *fixture = *state;
    fill(fixture);
    command_fixture_expect(fixture, "XTRIM s MAXLEN 0 ACKED", ":1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "XDEL s 2-0");
    command_fixture_expect(fixture, "XTRIM s MAXLEN 0 ACKED", ":0\r\n");
    command_fixture_run(fixture, "XACK s g 1-0");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "XADD s ACKED MAXLEN 0 9-0 a 1", "$3\r\n9-0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "XADD s 9-0 a 1; XDEL s 1-0");
    command_fixture_expect(fixture, "XLEN s", ":3\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_that_comes_again_is_not_added_again,
                                        command_fixture_setup, command_fixture_teardown),
        cmocka_unit_test_setup_teardown(a_message_may_be_known_by_what_it_says,
                                        command_fixture_setup, command_fixture_teardown),
        cmocka_unit_test_setup_teardown(messages_are_known_as_long_as_is_set, command_fixture_setup,
                                        command_fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_recorded_is_known, command_fixture_setup,
                                        command_fixture_teardown),
        cmocka_unit_test_setup_teardown(bad_words_change_nothing, command_fixture_setup,
                                        command_fixture_teardown),
        cmocka_unit_test_setup_teardown(trimming_may_drop_what_groups_hold, command_fixture_setup,
                                        command_fixture_teardown),
        cmocka_unit_test_setup_teardown(trimming_may_spare_what_is_not_acknowledged,
                                        command_fixture_setup, command_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
