#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/command_fixture.h"

static void lcs_finds_the_common_subsequence(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "MSET a ohmytext b mynewtext");
    command_fixture_expect(fixture, "LCS a b", "$6\r\nmytext\r\n");
    command_fixture_expect(fixture, "LCS a b LEN", ":6\r\n");
    command_fixture_expect(fixture, "LCS a b IDX",
                           "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                           "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n");
    command_fixture_expect(fixture, "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
                           "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                           ":4\r\n$3\r\nlen\r\n:6\r\n");
    fixture->reply.version = 3;
    command_fixture_expect(fixture, "LCS a b IDX MINMATCHLEN 9",
                           "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:6\r\n");
}

static void what_is_not_there_is_empty(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(fixture, "LCS a b", "$0\r\n\r\n");
    command_fixture_expect(fixture, "LCS a b LEN", ":0\r\n");
    command_fixture_expect(fixture, "LCS a b IDX",
                           "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
    command_fixture_run(fixture, "SET a 123");
    command_fixture_expect(fixture, "LCS a b", "$0\r\n\r\n");
    command_fixture_expect(fixture, "LCS a a", "$3\r\n123\r\n");
}

static void options_are_checked(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_expect(
        fixture, "LCS a b LEN IDX",
        "-ERR If you want both the length and indexes, please just use IDX.\r\n");
    command_fixture_expect(fixture, "LCS a b foo", REPLY_SYNTAX);
    command_fixture_expect(fixture, "LCS a b MINMATCHLEN", REPLY_SYNTAX);
    command_fixture_expect(fixture, "LCS a b MINMATCHLEN x", REPLY_NOT_INTEGER);
}

static void memory_is_limited(void **state)
{
    struct command_fixture *fixture = *state;
    command_fixture_run(fixture, "SETRANGE a 20000 x");
    command_fixture_expect(fixture, "LCS a a LEN",
                           "-ERR Insufficient memory, transient memory for LCS exceeds "
                           "proto-max-bulk-len\r\n");
}

/* The textbook's table. */
static size_t plain_lcs(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t table[40][40] = {0};
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            size_t up = table[i - 1][j], left = table[i][j - 1];
            table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1 : up > left ? up : left;
        }
    }
    return table[a_length][b_length];
}

static bool is_subsequence(const char *part, size_t length, const char *of, size_t of_length)
{
    size_t found = 0;
    for (size_t i = 0; i < of_length && found < length; i++)
        found += of[i] == part[found];
    return found == length;
}

static void random_strings_agree_with_the_textbook(void **state)
{
    struct command_fixture *fixture = *state;
    unsigned seed = 20261120;
    for (int round = 0; round < 2000; round++) {
        char a[40], b[40];
        size_t a_length = (size_t)rand_r(&seed) % 38 + 1, b_length = (size_t)rand_r(&seed) % 38 + 1;
        for (size_t i = 0; i < 40; i++) {
            a[i] = (char)('a' + rand_r(&seed) % 3);
            b[i] = (char)('a' + rand_r(&seed) % 3);
        }
        struct slice words[] = {SLICE("MSET"), SLICE("a"), slice_of(a, a_length), SLICE("b"),
                                slice_of(b, b_length)};
        command_fixture_run_words(fixture, words, 5);
        size_t length = strtoul(command_fixture_run(fixture, "LCS a b LEN") + 1, NULL, 10);
        const char *reply = command_fixture_run(fixture, "LCS a b");
        const char *text = strchr(reply, '\n') + 1;
        if (length != plain_lcs(a, a_length, b, b_length) ||
            strtoul(reply + 1, NULL, 10) != length || !is_subsequence(text, length, a, a_length) ||
            !is_subsequence(text, length, b, b_length))
            fail_msg("seed 20261120, round %d: %.*s and %.*s", round, (int)a_length, a,
                     (int)b_length, b);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, command_fixture_setup, command_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lcs_finds_the_common_subsequence),
        TEST(what_is_not_there_is_empty),
        TEST(options_are_checked),
        TEST(memory_is_limited),
        TEST(random_strings_agree_with_the_textbook),
    };
    return cmocka_run_group_tests_name("commands/string_lcs", tests, NULL, NULL);
}
