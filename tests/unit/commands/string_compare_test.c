#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void delifeq_deletes_what_is_equal(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "DELIFEQ a 1", ":0\r\n");
    command_fixture_run(fixture, "SET a 12");
    command_fixture_forget(fixture);
    command_fixture_expect(fixture, "DELIFEQ a 1", ":0\r\n");
    command_fixture_expect(fixture, "DELIFEQ a 012", ":0\r\n");
    assert_string_equal(command_fixture_effects(fixture), "");
    command_fixture_expect(fixture, "DELIFEQ a 12", ":1\r\n");
    assert_string_equal(command_fixture_events(fixture), "del a");
    assert_string_equal(command_fixture_effects(fixture), "DEL a");
    command_fixture_expect(fixture, "EXISTS a", ":0\r\n");
}

static void delex_deletes_under_a_condition(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "DELEX a", ":0\r\n");
    command_fixture_expect(fixture, "DELEX a IFNE x", ":0\r\n");
    command_fixture_run(fixture, "SET a x");
    command_fixture_expect(fixture, "DELEX a IFNE x", ":0\r\n");
    command_fixture_expect(fixture, "DELEX a IFEQ y", ":0\r\n");
    command_fixture_expect(fixture, "DELEX a ifeq x", ":1\r\n");
    command_fixture_run(fixture, "SET a x");
    command_fixture_expect(fixture, "DELEX a IFNE y", ":1\r\n");
    command_fixture_run(fixture, "SET a x");
    command_fixture_expect(fixture, "DELEX a", ":1\r\n");
}

static void delex_deletes_by_digest(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SET a ''");
    command_fixture_expect(fixture, "DELEX a IFDNE 2d06800538d394c2", ":0\r\n");
    command_fixture_expect(fixture, "DELEX a IFDEQ 2d06800538d394c3", ":0\r\n");
    command_fixture_expect(fixture, "DELEX a IFDEQ 2D06800538D394C2", ":1\r\n");
    command_fixture_expect(fixture, "DELEX a IFDEQ x",
                           "-ERR digest must be exactly 16 hexadecimal characters\r\n");
}

static void delex_refuses_other_words(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "DELEX a NX x", REPLY_SYNTAX);
    command_fixture_expect(fixture, "DELEX a IFEQ",
                           "-ERR wrong number of arguments for 'delex' command\r\n");
    command_fixture_expect(fixture, "DELEX a IFEQ 1 IFEQ 2",
                           "-ERR wrong number of arguments for 'delex' command\r\n");
}

static void digest_is_sixteen_hexadecimal_digits(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "DIGEST a", REPLY_NULL);
    command_fixture_run(fixture, "SET a ''");
    command_fixture_expect(fixture, "DIGEST a", "$16\r\n2d06800538d394c2\r\n");
    /* The same text is the same digest, however it is kept. */
    char kept[64];
    command_fixture_run(fixture, "SET a 123");
    strcpy(kept, command_fixture_run(fixture, "DIGEST a"));
    command_fixture_run(fixture, "SET a 12");
    command_fixture_run(fixture, "APPEND a 3");
    command_fixture_expect(fixture, "DIGEST a", kept);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delifeq_deletes_what_is_equal),
        TEST(delex_deletes_under_a_condition),
        TEST(delex_deletes_by_digest),
        TEST(delex_refuses_other_words),
        TEST(digest_is_sixteen_hexadecimal_digits),
    };
    return cmocka_run_group_tests_name("commands/string_compare", tests, NULL, NULL);
}
