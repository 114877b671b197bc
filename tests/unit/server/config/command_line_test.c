#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/config/command_line.h"

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Parses; afterwards `line` holds the options with a NUL behind them, or the error. */
static enum error parse(const char *const *words, struct command_line *line)
{
    char *arguments[16];
    int count = 0;
    for (; words[count] != NULL; count++)
        arguments[count] = (char *)(uintptr_t)words[count];
    struct buffer error_text = {0};
    enum error error = command_line_parse(count, arguments, line, &error_text);
    if (error != OK) {
        buffer_clear(&line->options);
        buffer_add(&line->options, error_text.data, error_text.length);
    }
    buffer_add(&line->options, "", 1);
    buffer_deinit(&error_text);
    return error;
}

static void options_become_lines(void **state)
{
    (void)state;
    struct command_line line = {0};
    assert_int_equal(parse(ARGUMENTS("--port", "7000", "--bind", "::1", "127.0.0.1"), &line), OK);
    assert_string_equal(line.options.data, "port \"7000\"\nbind \"::1\" \"127.0.0.1\"\n");
    assert_null(line.file);
    assert_false(line.reads_standard_input);
    command_line_deinit(&line);
}

static void the_first_word_may_be_a_file(void **state)
{
    (void)state;
    struct command_line line = {0};
    assert_int_equal(parse(ARGUMENTS("x.conf", "--save", "", "--dir", "a b"), &line), OK);
    assert_string_equal(line.file, "x.conf");
    assert_string_equal(line.options.data, "save \"\"\ndir \"a b\"\n");
    command_line_deinit(&line);
}

static void save_needs_no_value(void **state)
{
    (void)state;
    struct command_line line = {0};
    assert_int_equal(parse(ARGUMENTS("--save", "--port", "1"), &line), OK);
    assert_string_equal(line.options.data, "save \"\"\nport \"1\"\n");
    command_line_deinit(&line);
    line = (struct command_line){0};
    assert_int_equal(parse(ARGUMENTS("--port", "1", "--save"), &line), OK);
    assert_string_equal(line.options.data, "port \"1\"\nsave \"\"\n");
    command_line_deinit(&line);
}

static void a_minus_reads_standard_input(void **state)
{
    (void)state;
    struct command_line line = {0};
    assert_int_equal(parse(ARGUMENTS("-"), &line), OK);
    assert_true(line.reads_standard_input);
    command_line_deinit(&line);
    line = (struct command_line){0};
    assert_int_equal(parse(ARGUMENTS("x.conf", "--port", "1", "-"), &line), OK);
    assert_true(line.reads_standard_input);
    assert_string_equal(line.options.data, "port \"1\"\n");
    command_line_deinit(&line);
    line = (struct command_line){0};
    assert_int_equal(parse(ARGUMENTS("--requirepass", "-", "--port", "1"), &line), OK);
    assert_false(line.reads_standard_input);
    command_line_deinit(&line);
}

static void a_second_file_is_refused(void **state)
{
    (void)state;
    struct command_line line = {0};
    assert_int_equal(parse(ARGUMENTS("x.conf", "y.conf"), &line), ERROR_SYNTAX);
    assert_string_equal(line.options.data,
                        "command line: what is 'y.conf'? An option begins with --");
    command_line_deinit(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_become_lines),     cmocka_unit_test(the_first_word_may_be_a_file),
        cmocka_unit_test(save_needs_no_value),      cmocka_unit_test(a_minus_reads_standard_input),
        cmocka_unit_test(a_second_file_is_refused),
    };
    return cmocka_run_group_tests_name("server/config/command_line", tests, NULL, NULL);
}
