/* Lengths and strings of the RDB format, one at a time: what is not whole, what claims too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persist/rdb_cursor.h"
#include "support/exact_copy.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"

/* `bytes` as they are: of the test. */
static struct rdb_cursor cursor_of(struct slice bytes)
{
    return (struct rdb_cursor){.data = (const unsigned char *)bytes.data,
                               .length = bytes.length,
                               .string_length_max = UINT64_MAX};
}

static void a_cursor_that_is_not_good_stays_so(void **state)
{
    (void)state;
    struct rdb_cursor cursor = cursor_of(SLICE("abc"));
    const unsigned char *bytes;
    unsigned char byte;
    assert_false(rdb_cursor_bytes(&cursor, 5, &bytes));
    assert_int_equal(cursor.state, RDB_CURSOR_SHORT);
    assert_int_equal(cursor.wanted, 5);
    assert_false(rdb_cursor_byte(&cursor, &byte));
    cursor.state = RDB_CURSOR_GOOD;
    assert_true(rdb_cursor_byte(&cursor, &byte));
    assert_int_equal(byte, 'a');
    assert_false(rdb_cursor_fail(&cursor, "why"));
    assert_false(rdb_cursor_byte(&cursor, &byte));
    assert_string_equal(cursor.why, "why");
}

/* Each byte of it counts; without the last one it is short, and says so. */
static void assert_length(struct slice bytes, uint64_t expected)
{
    uint64_t length;
    for (size_t size = 0; size <= bytes.length; size++) {
        struct slice copy = exact_copy(slice_of(bytes.data, size));
        struct rdb_cursor cursor = cursor_of(copy);
        assert_int_equal(rdb_cursor_length(&cursor, &length), size == bytes.length);
        assert_int_equal(cursor.state, size == bytes.length ? RDB_CURSOR_GOOD : RDB_CURSOR_SHORT);
        exact_copy_free(copy);
    }
    assert_true(length == expected);
}

static void lengths_of_every_form_are_read(void **state)
{
    (void)state;
    assert_length(SLICE("\077"), 63);
    assert_length(SLICE("\177\376"), 0x3ffe);
    assert_length(SLICE("\200\001\002\003\004"), 0x01020304);
    assert_length(SLICE("\201\001\002\003\004\005\006\007\010"), 0x0102030405060708);
}

static void assert_string(struct slice bytes, enum rdb_cursor_state expected, const char *why)
{
    struct slice copy = exact_copy(bytes);
    struct rdb_cursor cursor = cursor_of(copy);
    struct rdb_string string;
    assert_int_equal(rdb_cursor_string(&cursor, &string), expected == RDB_CURSOR_GOOD);
    assert_int_equal(cursor.state, expected);
    if (expected == RDB_CURSOR_BAD)
        assert_string_equal(cursor.why, why);
    exact_copy_free(copy);
}

/* What is believed is read: it is not all there. */
static void a_compressed_string_is_believed_up_to_a_limit(void **state)
{
    (void)state;
    const char *too_much = "a compressed string claims too much";
    assert_string(SLICE("\303\002\102\017"), RDB_CURSOR_SHORT, NULL); /* 527 of two bytes */
    assert_string(SLICE("\303\002\102\020"), RDB_CURSOR_SHORT, NULL);
    assert_string(SLICE("\303\001\102\020"), RDB_CURSOR_BAD, too_much);
    assert_string(SLICE("\303\002\103\030"), RDB_CURSOR_BAD, too_much); /* three times 264 */
    assert_string(SLICE("\303\200\377\000\000\000\200\377\377\377\377"), RDB_CURSOR_SHORT, NULL);
    assert_string(SLICE("\303\200\377\000\000\000\201\000\000\000\001\000\000\000\000"),
                  RDB_CURSOR_BAD, "a string is longer than is allowed");
}

static void a_string_without_memory_is_no_text(void **state)
{
    (void)state;
    const struct {
        struct slice bytes;
        const char *text;
    } strings[] = {{SLICE("\301\071\060"), "12345"}, {SLICE("\303\004\003\002abc"), "abc"}};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        struct buffer scratch = {0};
        struct rdb_cursor cursor = cursor_of(strings[i].bytes);
        struct slice text;
        failing_memory_begin(1, 0, false);
        bool good = rdb_cursor_read_text(&cursor, &scratch, &text);
        assert_true(failing_memory_end());
        assert_false(good);
        assert_int_equal(cursor.state, RDB_CURSOR_BAD);
        assert_ptr_equal(cursor.why, rdb_cursor_out_of_memory);
        cursor = cursor_of(strings[i].bytes);
        assert_true(rdb_cursor_read_text(&cursor, &scratch, &text));
        assert_true(slice_equals(text, slice_of_string(strings[i].text)));
        buffer_deinit(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_that_is_not_good_stays_so),
        cmocka_unit_test(lengths_of_every_form_are_read),
        cmocka_unit_test(a_compressed_string_is_believed_up_to_a_limit),
        cmocka_unit_test(a_string_without_memory_is_no_text),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/rdb_cursor", tests, memory_balance_begin, NULL);
}
