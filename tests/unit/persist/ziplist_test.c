/* Packed rows of Redis before 7.0, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buffer.h"
#include "persist/ziplist.h"
#include "support/exact_copy.h"
#include "support/memory_balance.h"
#include "support/rdb_bytes.h"

/* All elements, a comma behind each; then how it ended. */
static void read_row(struct slice row, bool is_zipmap, struct buffer *out)
{
    struct ziplist_cursor cursor;
    struct slice text;
    enum ziplist_status status = ZIPLIST_BAD;
    if (!ziplist_begin(&cursor, row, is_zipmap)) {
        buffer_add_string(out, "none");
    } else {
        while ((status = ziplist_next(&cursor, &text)) == ZIPLIST_ELEMENT) {
            buffer_add(out, text.data, text.length);
            buffer_add(out, ",", 1);
        }
        buffer_add_string(out, status == ZIPLIST_END ? "end" : "bad");
    }
    buffer_add(out, "", 1);
}

static void assert_row(struct slice row, bool is_zipmap, const char *expected)
{
    struct buffer out = {0};
    struct slice copy = exact_copy(row);
    read_row(copy, is_zipmap, &out);
    exact_copy_free(copy);
    assert_string_equal(out.data, expected);
    buffer_deinit(&out);
}

static void assert_elements(struct slice elements, const char *expected)
{
    struct buffer row = {0};
    rdb_bytes_add_ziplist(&row, elements);
    assert_row(buffer_slice(&row), false, expected);
    buffer_deinit(&row);
}

static void strings_of_every_length_form_are_read(void **state)
{
    (void)state;
    assert_elements(SLICE(""), "end");
    assert_elements(SLICE("\000\000\002\001a"), ",a,end");
    assert_elements(SLICE("\000\100\002bc\376\005\000\000\000\200\000\000\000\003def"),
                    "bc,def,end");
    assert_elements(SLICE("\000\100\000"), ",end"); /* the shortest of each form is the last */
    assert_elements(SLICE("\000\200\000\000\000\000"), ",end");
}

/* The only element: its head, then so many bytes. */
static void assert_long_element(struct slice head, size_t length)
{
    struct buffer elements = {0}, row = {0};
    struct ziplist_cursor cursor;
    struct slice text;
    buffer_add(&elements, head.data, head.length);
    assert_int_equal(buffer_reserve(&elements, length), OK);
    memset(elements.data + elements.length, 'x', length);
    elements.length += length;
    rdb_bytes_add_ziplist(&row, buffer_slice(&elements));
    assert_true(ziplist_begin(&cursor, buffer_slice(&row), false));
    assert_int_equal(ziplist_next(&cursor, &text), ZIPLIST_ELEMENT);
    assert_int_equal(text.length, length);
    assert_int_equal(ziplist_next(&cursor, &text), ZIPLIST_END);
    buffer_deinit(&elements);
    buffer_deinit(&row);
}

/* Each byte of the longer forms counts. */
static void a_string_may_have_millions_of_bytes(void **state)
{
    (void)state;
    assert_long_element(SLICE("\000\101\002"), 0x0102);
    assert_long_element(SLICE("\000\200\001\002\003\004"), 0x01020304);
}

static void integers_of_every_size_are_read(void **state)
{
    (void)state;
    assert_elements(SLICE("\000\361\002\375\002\376\377"), "0,12,-1,end");
    assert_elements(SLICE("\000\300\000\200\004\360\377\377\177"), "-32768,8388607,end");
    assert_elements(SLICE("\000\320\000\000\000\200"), "-2147483648,end");
    assert_elements(SLICE("\000\340\377\377\377\377\377\377\377\177"), "9223372036854775807,end");
}

static void what_ends_too_early_is_bad(void **state)
{
    (void)state;
    const struct slice bad[] = {
        SLICE("\000"),                     /* a length, no element */
        SLICE("\376\000\000"),             /* half a length */
        SLICE("\377\001"),                 /* the end mark where a length stands */
        SLICE("\000\002x"),                /* one byte of two */
        SLICE("\000\100"),                 /* the second byte of its length is missing */
        SLICE("\000\100\005x"),            /* 14 bits: one byte of five */
        SLICE("\000\200\000\000\000"),     /* the fifth byte of its length is missing */
        SLICE("\000\200\377\000\000\001"), /* 32 bits: four billion bytes */
        SLICE("\000\300\001"),             /* half of a number, of each size */
        SLICE("\000\320\001\002\003"),
        SLICE("\000\340\001\002\003\004\005\006\007"),
        SLICE("\000\360\001\002"),
        SLICE("\000\376"),
        SLICE("\000\301\001\002"), /* forms that there are not */
        SLICE("\000\377\001"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_elements(bad[i], "bad");
}

static void a_row_says_its_size_and_ends_with_its_mark(void **state)
{
    (void)state;
    assert_row(SLICE("\013\000\000\000\012\000\000\000\000\000\377"), false, "end");
    assert_row(SLICE("\014\000\000\000\012\000\000\000\000\000\377"), false, "none");
    assert_row(SLICE("\013\000\000\000\012\000\000\000\000\000\376"), false, "none");
    assert_row(SLICE("\012\000\000\000\012\000\000\000\000\377"), false, "none");
    assert_row(SLICE(""), false, "none");
}

static void a_zipmap_is_fields_and_values(void **state)
{
    (void)state;
    assert_row(SLICE("\000\377"), true, "end");
    assert_row(SLICE("\001\001a\002\000bc\377"), true, "a,bc,end");
    assert_row(SLICE("\001\376\001\000\000\000" /* a long length; two free bytes */
                     "a\001\002b..\377"),
               true, "a,b,end");
}

static void damage_to_a_zipmap_is_noticed(void **state)
{
    (void)state;
    assert_row(SLICE("\377"), true, "none");
    assert_row(SLICE("\001\001a\377"), true, "a,bad");     /* a field without a value */
    assert_row(SLICE("\001\000\377"), true, ",bad");       /* one without a name, too */
    assert_row(SLICE("\001\001a\001\377"), true, "a,bad"); /* where the free bytes should be said */
    assert_row(SLICE("\001\001a\001\007b\377"), true, "a,bad"); /* seven free bytes of none */
    assert_row(SLICE("\001\011a\377"), true, "bad");
    assert_row(SLICE("\001\376\001\377"), true, "bad");
    assert_row(SLICE("\001\377\377"), true, "bad"); /* a mark before the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_every_length_form_are_read),
        cmocka_unit_test(a_string_may_have_millions_of_bytes),
        cmocka_unit_test(integers_of_every_size_are_read),
        cmocka_unit_test(what_ends_too_early_is_bad),
        cmocka_unit_test(a_row_says_its_size_and_ends_with_its_mark),
        cmocka_unit_test(a_zipmap_is_fields_and_values),
        cmocka_unit_test(damage_to_a_zipmap_is_noticed),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/ziplist", tests, memory_balance_begin, NULL);
}
