#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/chain.h"
#include "server/observe/syntax.h"

#define TEXT_MAX 4096

/* Turns RESP2 into text: [a, b], strings bare. Returns what follows. */
static const char *render(const char *resp, char *out)
{
    long count = strtol(resp + 1, NULL, 10);
    char type = resp[0];
    const char *line_end = strstr(resp, "\r\n");
    const char *next = line_end + 2;
    if (type == '$') {
        strncat(out, next, (size_t)count);
        return next + count + 2;
    }
    if (type == '+') {
        strncat(out, resp + 1, (size_t)(line_end - resp - 1));
        return next;
    }
    assert_int_equal(type, '*');
    strcat(out, "[");
    for (long i = 0; i < count; i++) {
        strcat(out, i > 0 ? " " : "");
        next = render(next, out);
    }
    strcat(out, "]");
    return next;
}

static void expect(const char *syntax, const char *expected)
{
    struct chain_pool *pool = chain_pool_create(1);
    struct chain chain;
    chain_init(&chain, pool);
    struct resp_writer writer = {.out = &chain, .version = 2};
    syntax_reply_arguments(&writer, slice_of_string(syntax));
    static char resp[TEXT_MAX * 8], text[TEXT_MAX];
    assert_true(chain.length < sizeof resp);
    chain_copy_out(&chain, 0, resp, chain.length);
    resp[chain.length] = '\0';
    text[0] = '\0';
    render(resp, text);
    assert_string_equal(text, expected);
    chain_deinit(&chain);
    chain_pool_destroy(pool);
}

static void plain_words_are_arguments(void **state)
{
    (void)state;
    expect("", "[]");
    expect("key value", "[[name key type key] [name value type string]]");
    expect("key seconds", "[[name key type key] [name seconds type integer]]");
}

static void repetition_is_a_flag(void **state)
{
    (void)state;
    expect("key [key ...]", "[[name key type key flags [multiple]]]");
    expect("[count]", "[[name count type integer flags [optional]]]");
}

static void alternatives_are_one_of(void **state)
{
    (void)state;
    expect("key [NX|XX]",
           "[[name key type key] [name options type oneof flags [optional] arguments "
           "[[name nx type pure-token token NX] [name xx type pure-token token XX]]]]");
    expect("[EX seconds|PERSIST]",
           "[[name options type oneof flags [optional] arguments [[name seconds type integer "
           "token EX] [name persist type pure-token token PERSIST]]]]");
}

static void brackets_that_do_not_close_come_to_an_end(void **state)
{
    (void)state;
    char deep[256];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    struct chain_pool *pool = chain_pool_create(1);
    struct chain chain;
    chain_init(&chain, pool);
    struct resp_writer writer = {.out = &chain, .version = 2};
    syntax_reply_arguments(&writer, slice_of_string(deep));
    assert_true(chain.length > 0);
    chain_deinit(&chain);
    chain_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_are_arguments),
        cmocka_unit_test(repetition_is_a_flag),
        cmocka_unit_test(alternatives_are_one_of),
        cmocka_unit_test(brackets_that_do_not_close_come_to_an_end),
    };
    return cmocka_run_group_tests_name("server/observe/syntax", tests, NULL, NULL);
}
