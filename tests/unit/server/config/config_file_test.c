#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "server/config/config_file.h"

/* A file system of a few files, and what was read as text: "word|word\n". */
struct world {
    const char *const (*files)[2]; /* name and content, NULL at the end */
    const char *refused;           /* a directive that is not taken */
    struct buffer taken;
};

static enum error read_file(void *context, const char *path, struct buffer *content)
{
    const struct world *world = context;
    for (size_t i = 0; world->files != NULL && world->files[i][0] != NULL; i++) {
        if (strcmp(world->files[i][0], path) == 0) {
            buffer_add_string(content, world->files[i][1]);
            return OK;
        }
    }
    return ERROR_NOT_FOUND;
}

/* Every file whose name begins with what stands before the star. */
static enum error expand(void *context, const char *pattern,
                         void (*found)(void *found_context, const char *path), void *found_context)
{
    const struct world *world = context;
    size_t length = strcspn(pattern, "*");
    for (size_t i = 0; world->files != NULL && world->files[i][0] != NULL; i++)
        if (strncmp(world->files[i][0], pattern, length) == 0)
            found(found_context, world->files[i][0]);
    return OK;
}

static bool take(void *context, const struct config_line *line, struct buffer *problem)
{
    struct world *world = context;
    if (world->refused != NULL && slice_is_word(line->words[0], world->refused)) {
        buffer_add_string(problem, "refused");
        return false;
    }
    for (size_t i = 0; i < line->count; i++)
        buffer_add_format(&world->taken, "%s%s", i > 0 ? "|" : "", line->words[i].data);
    buffer_add_string(&world->taken, "\n");
    return true;
}

/* Parses `text`; what was taken, or the error. */
static void expect_bytes(struct world *world, struct slice text, const char *expected)
{
    struct config_file_handlers handlers = {world, read_file, expand, take};
    struct buffer error_text = {0};
    buffer_clear(&world->taken);
    enum error error = config_file_parse(&handlers, "main", text, &error_text);
    struct buffer *result = error == OK ? &world->taken : &error_text;
    buffer_add(result, "", 1);
    assert_string_equal(result->data, expected);
    buffer_deinit(&error_text);
}

static void expect(struct world *world, const char *text, const char *expected)
{
    expect_bytes(world, slice_of_string(text), expected);
}

static void lines_are_split_into_words(void **state)
{
    (void)state;
    struct world world = {0};
    expect(&world, "port 7000\nbind 127.0.0.1  -::1\n", "port|7000\nbind|127.0.0.1|-::1\n");
    expect(&world, "a \"b c\" 'd e' \"\\x41\\n\"", "a|b c|d e|A\n\n");
    expect(&world, "save \"\"\n", "save|\n");
    expect(&world, "\t port\t7000 \r\n", "port|7000\n");
    buffer_deinit(&world.taken);
}

static void comments_and_blank_lines_are_left_out(void **state)
{
    (void)state;
    struct world world = {0};
    expect(&world, "# one\n\n   # two\n \t\r\nport 1\n#", "port|1\n");
    expect(&world, "requirepass #secret\n", "requirepass|#secret\n");
    expect(&world, "", "");
    buffer_deinit(&world.taken);
}

static void an_error_names_file_and_line(void **state)
{
    (void)state;
    struct world world = {.refused = "bad"};
    expect(&world, "ok 1\n\nbad 2\nok 3", "main:3: refused");
    expect(&world, "ok \"1\n", "main:1: quotes are not balanced");
    expect(&world, "ok \"a\\x00b\"\n", "main:1: a word holds a NUL byte");
    expect_bytes(&world, SLICE("ok\0 1\n"), "main:1: the line holds a NUL byte");
    expect_bytes(&world, SLICE("# \0\n\0ok 1\n"), "main:2: the line holds a NUL byte");
    buffer_deinit(&world.taken);
}

static void an_included_file_stands_in_the_place_of_its_line(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"d/1", "one 1\n"}, {"d/2", "two 2\nbad 1\n"}, {"loop", "include loop\n"}, {NULL, NULL}};
    struct world world = {.files = files};
    expect(&world, "a 1\ninclude d/1\nb 1\n", "a|1\none|1\nb|1\n");
    expect(&world, "INCLUDE d/*\nb 1\n", "one|1\ntwo|2\nbad|1\nb|1\n");
    expect(&world, "include none/*\nb 1\n", "b|1\n");
    expect(&world, "b 1\ninclude\n", "main:2: include takes one file or pattern");
    expect(&world, "include none\n", "main:1: cannot read none: not found");
    expect(&world, "include loop\n",
           "loop:1: files are included more than 16 deep: does loop include itself?");
    world.refused = "bad";
    expect(&world, "include d/*\n", "d/2:2: refused");
    buffer_deinit(&world.taken);
}

static void files_that_multiply_come_to_an_end(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"d/1", "include d/*\n"}, {"d/2", "include d/*\n"}, {NULL, NULL}};
    struct world world = {.files = files};
    struct config_file_handlers handlers = {&world, read_file, expand, take};
    struct buffer error_text = {0};
    assert_int_equal(config_file_parse(&handlers, "main", SLICE("include d/*\n"), &error_text),
                     ERROR_SYNTAX);
    buffer_deinit(&error_text);
    buffer_deinit(&world.taken);
}

static void quoting_brings_back_every_byte(void **state)
{
    (void)state;
    char bytes[255];
    for (int i = 1; i < 256; i++)
        bytes[i - 1] = (char)i;
    struct buffer line = {0};
    buffer_add_string(&line, "word ");
    config_file_quote(slice_of(bytes, sizeof bytes), &line);
    struct world world = {0};
    struct config_file_handlers handlers = {&world, read_file, expand, take};
    struct buffer error_text = {0};
    assert_int_equal(config_file_parse(&handlers, "main", buffer_slice(&line), &error_text), OK);
    assert_int_equal(world.taken.length, 5 + sizeof bytes + 1);
    assert_memory_equal(world.taken.data + 5, bytes, sizeof bytes);
    buffer_deinit(&line);
    buffer_deinit(&world.taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_split_into_words),
        cmocka_unit_test(comments_and_blank_lines_are_left_out),
        cmocka_unit_test(an_error_names_file_and_line),
        cmocka_unit_test(an_included_file_stands_in_the_place_of_its_line),
        cmocka_unit_test(files_that_multiply_come_to_an_end),
        cmocka_unit_test(quoting_brings_back_every_byte),
    };
    return cmocka_run_group_tests_name("server/config/config_file", tests, NULL, NULL);
}
