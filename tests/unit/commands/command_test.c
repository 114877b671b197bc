#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

#define WORDS_MAX 16

/* The positions of the keys of a line, as "1 3" or "error". */
static const char *positions_of(const struct command *command, const char *line)
{
    static char text[128];
    struct slice words[WORDS_MAX];
    size_t count = 0, used = 0;
    for (const char *at = line; *at != '\0' && count < WORDS_MAX; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        words[count++] = slice_of(at, length);
        at += length;
    }
    struct key_position positions[WORDS_MAX];
    size_t found = command_key_positions(command, words, count, positions, WORDS_MAX);
    text[0] = '\0';
    if (found == COMMAND_KEYS_ERROR)
        return "error";
    for (size_t i = 0; i < found; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, i == 0 ? "%zu" : " %zu",
                                 positions[i].index);
    return text;
}

static void ranges_of_keys_are_found(void **state)
{
    (void)state;
    struct command one = {.arity = 2, .keys = KEYS_ONE(KEY_RO)};
    assert_string_equal(positions_of(&one, "GET a"), "1");
    assert_string_equal(positions_of(&one, "GET"), "error");
    struct command all = {.arity = -2, .keys = KEYS_ALL(KEY_RO)};
    assert_string_equal(positions_of(&all, "DEL a b c"), "1 2 3");
    assert_string_equal(positions_of(&all, "DEL"), "error");
    struct command pairs = {.arity = -3, .keys = KEYS_PAIRS(KEY_OW)};
    assert_string_equal(positions_of(&pairs, "MSET a 1 b 2"), "1 3");
    assert_string_equal(positions_of(&pairs, "MSET a 1 b"), "1 3");
    struct command two = {.arity = 3,
                          .keys = {KEYS_RANGE(1, 0, 1, KEY_RW), KEYS_RANGE(2, 0, 1, KEY_OW)}};
    assert_string_equal(positions_of(&two, "RENAME a b"), "1 2");
    struct command lcs = {.arity = -3, .keys = {KEYS_RANGE(1, 1, 1, KEY_RO)}};
    assert_string_equal(positions_of(&lcs, "LCS a b LEN"), "1 2");
    assert_string_equal(positions_of(&lcs, "LCS a"), "error");
    struct command none = {.arity = 1, .keys = KEYS_NONE};
    assert_string_equal(positions_of(&none, "PING x"), "");
    struct command channel = {.arity = -2, .keys = KEYS_ALL(KEY_NOT_KEY)};
    assert_string_equal(positions_of(&channel, "SSUBSCRIBE x"), "");
}

static void counted_keys_are_found(void **state)
{
    (void)state;
    struct command msetex = {
        .arity = -4,
        .keys = {
            {.find = KEY_FIND_COUNT, .first = 1, .step = 2, .first_after = 1, .flags = KEY_OW}}};
    assert_string_equal(positions_of(&msetex, "MSETEX 1 a 1"), "2");
    assert_string_equal(positions_of(&msetex, "MSETEX 2 a 1 b 2 NX"), "2 4");
    assert_string_equal(positions_of(&msetex, "MSETEX 3 a 1 b 2"), "error");
    assert_string_equal(positions_of(&msetex, "MSETEX 0 a 1"), "error");
    assert_string_equal(positions_of(&msetex, "MSETEX -1 a 1"), "error");
    assert_string_equal(positions_of(&msetex, "MSETEX x a 1"), "error");
    assert_string_equal(positions_of(&msetex, "MSETEX 9223372036854775807 a 1"), "error");
    assert_string_equal(positions_of(&msetex, "MSETEX"), "error");
    struct command store = {
        .arity = -3,
        .keys = {
            KEYS_RANGE(1, 0, 1, KEY_OW),
            {.find = KEY_FIND_COUNT, .first = 2, .step = 1, .first_after = 1, .flags = KEY_RO}}};
    assert_string_equal(positions_of(&store, "ZUNIONSTORE d 2 a b WEIGHTS 1"), "1 3 4");
}

static void more_keys_than_fit_are_counted(void **state)
{
    (void)state;
    struct command all = {.arity = -2, .keys = KEYS_ALL(KEY_RO)};
    struct slice words[] = {SLICE("DEL"), SLICE("a"), SLICE("b"), SLICE("c")};
    struct key_position positions[2] = {{99, 0}, {99, 0}};
    assert_int_equal(command_key_positions(&all, words, 4, positions, 1), 3);
    assert_int_equal(positions[0].index, 1);
    assert_int_equal(positions[1].index, 99);
    assert_int_equal(command_key_positions(&all, words, 4, NULL, 0), 3);
}

static unsigned flags_of(const char *line)
{
    const struct command *set = NULL;
    for (size_t i = 0; set == NULL && command_catalogue[i] != NULL; i++)
        set = command_find(command_catalogue[i], SLICE("set"));
    struct slice words[WORDS_MAX];
    size_t count = 0;
    for (const char *at = line; *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        words[count++] = slice_of(at, length);
        at += length;
    }
    struct key_position position;
    assert_int_equal(command_key_positions(set, words, count, &position, 1), 1);
    return position.flags;
}

static void set_reads_its_key_only_if_asked_to(void **state)
{
    (void)state;
    assert_int_equal(flags_of("SET a 1"), KEY_OW | KEY_UPDATE);
    assert_int_equal(flags_of("SET get ifeq EX 5"), KEY_OW | KEY_UPDATE);
    assert_int_equal(flags_of("SET a 1 get"), KEY_RW | KEY_ACCESS | KEY_UPDATE);
    assert_int_equal(flags_of("SET a 1 IFEQ 5"), KEY_RW | KEY_ACCESS | KEY_UPDATE);
}

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    static const struct command table[] = {{.name = "GET"}, {.name = "GETEX"}, {.name = NULL}};
    assert_ptr_equal(command_find(table, SLICE("getEX")), &table[1]);
    assert_ptr_equal(command_find(table, SLICE("get")), &table[0]);
    assert_null(command_find(table, SLICE("ge")));
    assert_null(command_find(table, SLICE("")));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranges_of_keys_are_found),       TEST(counted_keys_are_found),
        TEST(more_keys_than_fit_are_counted), TEST(set_reads_its_key_only_if_asked_to),
        TEST(names_are_found_in_any_case),
    };
    return cmocka_run_group_tests_name("commands/command", tests, NULL, NULL);
}
