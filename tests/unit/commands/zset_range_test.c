#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

/* Was a fault: with scores that differ, a set of another form had other members in such a range. */
static void a_range_by_names_is_told_by_ranks(void **state)
{
    struct command_fixture *fixture = *state;
    static const struct {
        const char *line, *reply, *effects;
    } commands[] = {
        {"ZREMRANGEBYLEX z [b (d", ":2\r\n", "ZREMRANGEBYRANK z 1 2"},
        {"ZREMRANGEBYLEX z [b (d", ":0\r\n", ""},
        {"ZRANGESTORE y z [d + BYLEX", ":2\r\n", "ZRANGESTORE y z 1 2"},
        {"ZRANGESTORE y z + - BYLEX REV LIMIT 0 1", ":1\r\n", "ZRANGESTORE y z 2 2"},
        {"ZRANGESTORE y z [f + BYLEX", ":0\r\n", "ZRANGESTORE y z 1 0"},
        {"ZRANGESTORE y z [f + BYLEX", ":0\r\n", ""}, /* nothing has changed */
        {"ZRANGESTORE y x - + BYLEX", ":0\r\n", ""},
        {"ZRANGESTORE y z 0 1", ":2\r\n", "as sent"},
        {"ZREMRANGEBYSCORE z -inf +inf", ":3\r\n", "as sent"},
    };
    command_fixture_run(fixture, "ZADD z 0 a 0 b 0 c 0 d 0 e");
    command_fixture_forget(fixture);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        command_fixture_expect(fixture, commands[i].line, commands[i].reply);
        assert_string_equal(command_fixture_effects(fixture), commands[i].effects);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_range_by_names_is_told_by_ranks, command_fixture_setup,
                                        command_fixture_teardown),
    };
    return cmocka_run_group_tests_name("commands/zset_range", tests, NULL, NULL);
}
