#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "protocol/resp_writer.h"

struct fixture {
    struct chain_pool *pool;
    struct chain chain;
    struct resp_writer two, three; /* both write to the chain */
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    fixture->pool = chain_pool_create(4);
    chain_init(&fixture->chain, fixture->pool);
    fixture->two = (struct resp_writer){.out = &fixture->chain, .version = 2};
    fixture->three = (struct resp_writer){.out = &fixture->chain, .version = 3};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    chain_deinit(&fixture->chain);
    chain_pool_destroy(fixture->pool);
    memory_free(fixture);
    return 0;
}

/* What was written since the last call. */
static void assert_written(struct fixture *fixture, const char *expected)
{
    size_t length = fixture->chain.length;
    char *text = memory_allocate(length + 1);
    chain_copy_out(&fixture->chain, 0, text, length);
    text[length] = '\0';
    assert_string_equal(text, expected);
    memory_free(text);
    chain_consume(&fixture->chain, length);
}

static void texts_are_lines(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_ok(&fixture->two);
    resp_writer_simple(&fixture->two, SLICE("PONG"));
    resp_writer_simple(&fixture->two, slice_of(NULL, 0));
    assert_written(fixture, "+OK\r\n+PONG\r\n+\r\n");
    resp_writer_error(&fixture->two, "ERR syntax error");
    resp_writer_error_format(&fixture->two, "ERR %s %d", "number", 7);
    assert_written(fixture, "-ERR syntax error\r\n-ERR number 7\r\n");
    assert_int_equal(fixture->two.errors, 2);
}

static void a_line_end_in_a_text_becomes_a_space(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_error(&fixture->three, "ERR a\r\nb\n");
    resp_writer_simple(&fixture->three, SLICE("\rx"));
    assert_written(fixture, "-ERR a  b \r\n+ x\r\n");
}

static void a_long_text_is_written_whole(void **state)
{
    struct fixture *fixture = *state;
    const size_t length = 3 * CHAIN_RESERVE_MAX + 1;
    char *text = memory_allocate(length + 3), *expected = memory_allocate(length + 4);
    memset(text, 't', length);
    text[CHAIN_RESERVE_MAX] = '\n';
    resp_writer_simple(&fixture->two, slice_of(text, length));
    text[CHAIN_RESERVE_MAX] = ' ';
    text[length] = '\0';
    snprintf(expected, length + 4, "+%s\r\n", text);
    assert_written(fixture, expected);
    memory_free(text);
    memory_free(expected);
}

static void integers_of_every_length_are_written(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_integer(&fixture->two, 0);
    resp_writer_integer(&fixture->two, 9);
    resp_writer_integer(&fixture->two, 10);
    resp_writer_integer(&fixture->two, -1);
    resp_writer_integer(&fixture->three, INT64_MAX);
    resp_writer_integer(&fixture->three, INT64_MIN);
    assert_written(fixture, ":0\r\n:9\r\n:10\r\n:-1\r\n:9223372036854775807\r\n"
                            ":-9223372036854775808\r\n");
}

static void bulk_strings_carry_their_length(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_bulk(&fixture->two, SLICE("a\r\nb"));
    resp_writer_bulk(&fixture->two, slice_of(NULL, 0));
    resp_writer_bulk_string(&fixture->three, "hello");
    resp_writer_bulk_integer(&fixture->three, -42);
    assert_written(fixture, "$4\r\na\r\nb\r\n$0\r\n\r\n$5\r\nhello\r\n$3\r\n-42\r\n");
}

static void bulk_strings_about_the_size_of_a_reserve_are_whole(void **state)
{
    struct fixture *fixture = *state;
    const size_t longest = CHAIN_BLOCK_SIZE * 3;
    char *bytes = memory_allocate(longest + 1), *expected = memory_allocate(longest + 40);
    for (size_t length = CHAIN_RESERVE_MAX - 40; length <= longest;
         length += length <= CHAIN_RESERVE_MAX ? 1 : 4999) {
        memset(bytes, 'b', length);
        bytes[length] = '\0';
        resp_writer_bulk(&fixture->two, slice_of(bytes, length));
        snprintf(expected, longest + 40, "$%zu\r\n%s\r\n", length, bytes);
        assert_written(fixture, expected);
    }
    memory_free(bytes);
    memory_free(expected);
}

static void nulls_depend_on_the_version(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_null(&fixture->two);
    resp_writer_null_array(&fixture->two);
    assert_written(fixture, "$-1\r\n*-1\r\n");
    resp_writer_null(&fixture->three);
    resp_writer_null_array(&fixture->three);
    assert_written(fixture, "_\r\n_\r\n");
}

static void booleans_depend_on_the_version(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_bool(&fixture->two, true);
    resp_writer_bool(&fixture->two, false);
    resp_writer_bool(&fixture->three, true);
    resp_writer_bool(&fixture->three, false);
    assert_written(fixture, ":1\r\n:0\r\n#t\r\n#f\r\n");
}

static void numbers_depend_on_the_version(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_double(&fixture->two, 1.5);
    resp_writer_double(&fixture->three, 1.5);
    resp_writer_double(&fixture->three, -1.0 / 0.0);
    assert_written(fixture, "$3\r\n1.5\r\n,1.5\r\n,-inf\r\n");
    resp_writer_long_double_bulk(&fixture->two, 10.5L);
    resp_writer_long_double_bulk(&fixture->three, 3.0L);
    assert_written(fixture, "$4\r\n10.5\r\n$1\r\n3\r\n");
    resp_writer_big_number(&fixture->two, SLICE("123"));
    resp_writer_big_number(&fixture->three, SLICE("123"));
    assert_written(fixture, "$3\r\n123\r\n(123\r\n");
}

static void verbatim_text_is_bulk_in_version_two(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_verbatim(&fixture->two, "txt", SLICE("a\nb"));
    resp_writer_verbatim(&fixture->three, "txt", SLICE("a\nb"));
    assert_written(fixture, "$3\r\na\nb\r\n=7\r\ntxt:a\nb\r\n");
}

static void headers_depend_on_the_version(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_array(&fixture->two, 0);
    resp_writer_map(&fixture->two, 5);
    resp_writer_set(&fixture->two, 2);
    resp_writer_push(&fixture->two, 3);
    assert_written(fixture, "*0\r\n*10\r\n*2\r\n*3\r\n");
    resp_writer_array(&fixture->three, 100);
    resp_writer_map(&fixture->three, 5);
    resp_writer_set(&fixture->three, 2);
    resp_writer_push(&fixture->three, 3);
    resp_writer_attribute(&fixture->three, 1);
    assert_written(fixture, "*100\r\n%5\r\n~2\r\n>3\r\n|1\r\n");
}

static void elements_written_first_follow_their_header(void **state)
{
    struct fixture *fixture = *state;
    for (size_t count = 0; count <= 4000; count += 2000) {
        struct chain elements;
        chain_init(&elements, fixture->pool);
        struct resp_writer writer = {.out = &elements, .version = 2};
        for (size_t i = 0; i < count; i++)
            resp_writer_integer(&writer, 7);
        resp_writer_array_of(&fixture->two, count, &elements);
        assert_int_equal(elements.length, 0);
        resp_writer_ok(&fixture->two);
        char start[16];
        size_t header = (size_t)snprintf(start, sizeof start, "*%zu\r\n", count);
        assert_int_equal(fixture->chain.length, header + 4 * count + 5);
        char *text = memory_allocate(fixture->chain.length);
        chain_copy_out(&fixture->chain, 0, text, fixture->chain.length);
        assert_memory_equal(text, start, header);
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(text + header + 4 * i, ":7\r\n", 4);
        assert_memory_equal(text + header + 4 * count, "+OK\r\n", 5);
        memory_free(text);
        chain_consume(&fixture->chain, fixture->chain.length);
        chain_deinit(&elements);
    }
}

static void bytes_that_are_replies_already_are_copied(void **state)
{
    struct fixture *fixture = *state;
    resp_writer_raw(&fixture->two, SLICE("*1\r\n:1\r\n"));
    assert_written(fixture, "*1\r\n:1\r\n");
}

static void a_muted_writer_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct chain elements;
    chain_init(&elements, fixture->pool);
    chain_append(&elements, ":1\r\n", 4);
    fixture->three.muted = true;
    resp_writer_ok(&fixture->three);
    resp_writer_error(&fixture->three, "ERR no");
    resp_writer_bulk(&fixture->three, SLICE("a"));
    resp_writer_integer(&fixture->three, 1);
    resp_writer_null(&fixture->three);
    resp_writer_bool(&fixture->three, true);
    resp_writer_double(&fixture->three, 2);
    resp_writer_verbatim(&fixture->three, "txt", SLICE("a"));
    resp_writer_map(&fixture->three, 1);
    resp_writer_raw(&fixture->three, SLICE(":1\r\n"));
    resp_writer_array_of(&fixture->three, 1, &elements);
    assert_int_equal(fixture->chain.length, 0);
    assert_int_equal(elements.length, 0);
    assert_int_equal(fixture->three.errors, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_are_lines),
        TEST(a_line_end_in_a_text_becomes_a_space),
        TEST(a_long_text_is_written_whole),
        TEST(integers_of_every_length_are_written),
        TEST(bulk_strings_carry_their_length),
        TEST(bulk_strings_about_the_size_of_a_reserve_are_whole),
        TEST(nulls_depend_on_the_version),
        TEST(booleans_depend_on_the_version),
        TEST(numbers_depend_on_the_version),
        TEST(verbatim_text_is_bulk_in_version_two),
        TEST(headers_depend_on_the_version),
        TEST(elements_written_first_follow_their_header),
        TEST(bytes_that_are_replies_already_are_copied),
        TEST(a_muted_writer_writes_nothing),
    };
    return cmocka_run_group_tests_name("protocol/resp_writer", tests, NULL, NULL);
}
