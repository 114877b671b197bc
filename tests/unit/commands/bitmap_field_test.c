#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

/* Was a fault: the string was longer, or there, and the log did not know. */
static void what_does_not_fit_makes_room_that_the_log_knows_of(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "BITFIELD k OVERFLOW FAIL INCRBY u1 15 2", "*1\r\n$-1\r\n");
    command_fixture_expect(fixture, "STRLEN k", ":2\r\n");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    assert_string_equal(command_fixture_events(fixture), "new k");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "BITFIELD k OVERFLOW FAIL INCRBY u1 15 2", "*1\r\n$-1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
    command_fixture_expect(fixture, "BITFIELD k OVERFLOW FAIL INCRBY u1 16 2", "*1\r\n$-1\r\n");
    assert_string_equal(command_fixture_effects(fixture), "as sent");
    assert_string_equal(command_fixture_events(fixture), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_does_not_fit_makes_room_that_the_log_knows_of,
                                        command_fixture_setup, command_fixture_teardown),
    };
    return cmocka_run_group_tests_name("commands/bitmap_field", tests, NULL, NULL);
}
