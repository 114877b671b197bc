/* Listpacks against an array of strings, and the edges of their encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/number.h"
#include "support/draw.h"
#include "support/exact_copy.h"
#include "values/listpack.h"

#define OPERATIONS 100000
#define MODEL_MAX 120
#define GAPPED_SIZE_MAX 1000 /* bytes */

static struct slice bytes_of(const struct listpack *pack)
{
    return slice_of((const char *)pack->bytes, listpack_size(pack));
}

static bool is_valid(const unsigned char *bytes, size_t length)
{
    struct slice copy = exact_copy(slice_of((const char *)bytes, length));
    bool valid = listpack_is_valid(copy);
    exact_copy_free(copy);
    return valid;
}

/* --- edges --- */

static void an_empty_listpack_answers(void **state)
{
    (void)state;
    struct listpack pack = listpack_create(100);
    assert_int_equal(listpack_size(&pack), LISTPACK_EMPTY_SIZE);
    assert_memory_equal(pack.bytes, "\7\0\0\0\0\0\xff", LISTPACK_EMPTY_SIZE);
    assert_true(listpack_is_valid(bytes_of(&pack)));
    assert_int_equal(listpack_count(&pack), 0);
    assert_true(listpack_first(&pack) == LISTPACK_END);
    assert_true(listpack_last(&pack) == LISTPACK_END);
    assert_true(listpack_seek(&pack, 0) == LISTPACK_END);
    assert_true(listpack_seek(&pack, -1) == LISTPACK_END);
    assert_true(listpack_find(&pack, listpack_first(&pack), SLICE(""), 0) == LISTPACK_END);
    listpack_free(&pack);
    assert_null(pack.bytes);
}

static void bytes_are_as_redis_has_them(void **state)
{
    (void)state;
    struct listpack pack = listpack_create(0);
    assert_true(listpack_append(&pack, SLICE("ab")));
    assert_true(listpack_append(&pack, SLICE("-1")));
    size_t at = listpack_first(&pack);
    assert_true(listpack_insert(&pack, &at, SLICE("1000")));
    assert_memory_equal(pack.bytes,
                        "\21\0\0\0\3\0\xc3\xe8\2\x82"
                        "ab\3\xdf\xff\2\xff",
                        17);
    listpack_free(&pack);
}

static void each_integer_takes_the_narrowest_form(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        size_t size; /* bytes, the backward length included */
    } cases[] = {
        {0, 2},
        {127, 2},
        {-1, 3},
        {128, 3},
        {4095, 3},
        {-4096, 3},
        {4096, 4},
        {-4097, 4},
        {INT16_MAX, 4},
        {INT16_MIN, 4},
        {INT16_MAX + 1, 5},
        {INT16_MIN - 1, 5},
        {(1 << 23) - 1, 5},
        {-(1 << 23), 5},
        {1 << 23, 6},
        {-(1 << 23) - 1, 6},
        {INT32_MAX, 6},
        {INT32_MIN, 6},
        {(int64_t)INT32_MAX + 1, 10},
        {(int64_t)INT32_MIN - 1, 10},
        {INT64_MAX, 10},
        {INT64_MIN, 10},
    };
    struct listpack pack = listpack_create(0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[NUMBER_INTEGER_TEXT_MAX];
        struct slice slice = slice_of(text, number_format_int64(text, cases[i].value));
        assert_int_equal(listpack_element_size(slice), cases[i].size);
        assert_true(listpack_append_integer(&pack, cases[i].value));
        assert_true(listpack_append(&pack, slice));
        struct listpack_element element = listpack_get(&pack, listpack_last(&pack));
        assert_true(element.is_integer && element.integer == cases[i].value);
        assert_true(listpack_equals(&pack, listpack_seek(&pack, -2), slice));
        assert_true(listpack_is_valid(bytes_of(&pack)));
    }
    listpack_free(&pack);
}

static void what_only_looks_like_an_integer_stays_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "-0",
                                        "+1",
                                        "01",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551616",
                                        "100000000000000000000"};
    struct listpack pack = listpack_create(0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(listpack_append(&pack, slice_of_string(texts[i])));
        assert_false(listpack_get(&pack, listpack_last(&pack)).is_integer);
        assert_true(listpack_equals(&pack, listpack_last(&pack), slice_of_string(texts[i])));
    }
    listpack_free(&pack);
}

static void strings_change_form_at_64_and_4096_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t length, size; /* bytes; the backward length grows at 128, 16383 and 2097151 */
    } cases[] = {{0, 2},         {1, 3},         {63, 65},           {64, 67},
                 {125, 128},     {126, 130},     {4095, 4099},       {4096, 4103},
                 {16377, 16384}, {16378, 16386}, {2097145, 2097153}, {2097146, 2097155}};
    char *bytes = malloc(1 << 22);
    assert_non_null(bytes);
    memset(bytes, 'x', 1 << 22);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice text = slice_of(bytes, cases[i].length);
        struct listpack pack = listpack_create(0);
        assert_int_equal(listpack_element_size(text), cases[i].size);
        assert_true(listpack_append(&pack, SLICE("first")));
        assert_true(listpack_append(&pack, text));
        assert_true(listpack_append(&pack, SLICE("last")));
        assert_int_equal(listpack_size(&pack), LISTPACK_EMPTY_SIZE + 7 + cases[i].size + 6);
        assert_true(listpack_is_valid(bytes_of(&pack)));
        assert_true(listpack_equals(&pack, listpack_seek(&pack, 1), text));
        assert_true(listpack_equals(&pack, listpack_seek(&pack, -3), SLICE("first")));
        listpack_free(&pack);
    }
    free(bytes);
}

static void more_than_65534_elements_are_counted_one_by_one(void **state)
{
    (void)state;
    struct listpack pack = listpack_create(400000);
    for (int i = 0; i < 65534; i++)
        assert_true(listpack_append_integer(&pack, i));
    assert_memory_equal(pack.bytes + 4, "\xfe\xff", 2);
    assert_true(listpack_append_integer(&pack, 65534));
    assert_memory_equal(pack.bytes + 4, "\xff\xff", 2);
    assert_int_equal(listpack_count(&pack), 65535);
    assert_true(listpack_append_integer(&pack, 65535));
    assert_int_equal(listpack_count(&pack), 65536);
    assert_true(listpack_is_valid(bytes_of(&pack)));
    assert_int_equal(listpack_get(&pack, listpack_seek(&pack, 40000)).integer, 40000);
    assert_int_equal(listpack_get(&pack, listpack_seek(&pack, -65536)).integer, 0);
    assert_true(listpack_seek(&pack, 65536) == LISTPACK_END);
    assert_true(listpack_seek(&pack, -65537) == LISTPACK_END);
    assert_true(listpack_remove(&pack, listpack_seek(&pack, 2), SIZE_MAX) == LISTPACK_END);
    assert_int_equal(listpack_count(&pack), 2);
    listpack_free(&pack);
}

static void a_block_that_empties_gives_memory_back(void **state)
{
    (void)state;
    struct listpack pack = listpack_create(0);
    for (int i = 0; i < 1000; i++)
        assert_true(listpack_append(&pack, SLICE("some bytes")));
    assert_true(listpack_memory(&pack) >= 12000);
    assert_true(listpack_remove(&pack, listpack_first(&pack), 1000) == LISTPACK_END);
    assert_true(listpack_memory(&pack) < 100);
    listpack_free(&pack);
}

/* Bytes from elsewhere may have it so; Redis finds it, too. */
static void what_comes_in_front_moves_little(void **state)
{
    (void)state;
    struct listpack pack = listpack_create(0);
    uint16_t gap = 0;
    size_t moves = 0, bytes_moved = 0;
    for (int i = 0; i < 2000; i++) {
        const unsigned char *block = pack.bytes - gap;
        size_t room = gap;
        assert_true(listpack_push_front(&pack, &gap, SIZE_MAX, SLICE("element")));
        bool moved = pack.bytes - gap != block || gap > room;
        moves += moved;
        bytes_moved += moved ? listpack_size(&pack) : 0;
    }
    assert_true(moves > 1);
    assert_in_range(bytes_moved, 0, 10 * listpack_size(&pack));
    assert_int_equal(listpack_count(&pack), 2000);
    assert_true(listpack_is_valid(bytes_of(&pack)));
    listpack_close_gap(&pack, &gap);
    assert_int_equal(gap, 0);
    assert_true(listpack_append(&pack, SLICE("last")));
    assert_true(listpack_is_valid(bytes_of(&pack)));
    listpack_free(&pack);
}

static void a_gap_takes_no_more_than_it_may(void **state)
{
    (void)state;
    char bytes[100] = {0};
    struct listpack pack = listpack_create(0);
    uint16_t gap = 0;
    while (listpack_size(&pack) + sizeof bytes + LISTPACK_OVERHEAD_MAX <= 4096) {
        assert_true(listpack_push_front(&pack, &gap, 4096, slice_of(bytes, sizeof bytes)));
        assert_in_range(listpack_size(&pack) + gap, 1, 4096);
    }
    /* Most of it goes: the rest takes no more than it needs. */
    (void)listpack_cut(&pack, &gap, listpack_first(&pack), listpack_count(&pack) - 1);
    assert_int_equal(listpack_count(&pack), 1);
    assert_in_range(listpack_size(&pack) + gap, 1, 4 * sizeof bytes);
    listpack_close_gap(&pack, &gap);
    assert_in_range(listpack_memory(&pack), 1, 4 * sizeof bytes);
    listpack_free(&pack);
}

static void a_number_that_is_kept_as_text_is_found(void **state)
{
    (void)state;
    struct listpack pack = listpack_of(slice_of("\xd\0\0\0\2\0\x82"
                                                "12\3\xc\1\xff",
                                                13));
    assert_true(listpack_is_valid(bytes_of(&pack)));
    assert_true(listpack_equals(&pack, listpack_first(&pack), SLICE("12")));
    assert_int_equal(listpack_find(&pack, listpack_first(&pack), SLICE("12"), 0), 6);
    assert_int_equal(listpack_find(&pack, 10, SLICE("12"), 0), 10);
    listpack_free(&pack);
}

/* --- untrusted bytes --- */

/* One of each form. */
static struct listpack one_of_each(void)
{
    static const int64_t integers[] = {5, -5, 5000, 100000, 10000000, INT64_MAX};
    static const size_t lengths[] = {0, 20, 63, 64, 200, 5000};
    char text[5000];
    struct listpack pack = listpack_create(0);
    memset(text, 'y', sizeof text);
    for (size_t i = 0; i < 6; i++) {
        assert_true(listpack_append(&pack, slice_of(text, lengths[i])));
        assert_true(listpack_append_integer(&pack, integers[i]));
    }
    return pack;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct listpack pack = one_of_each();
    unsigned char cut[8192];
    memcpy(cut, pack.bytes, listpack_size(&pack));
    for (size_t length = 0; length < listpack_size(&pack); length++) {
        uint32_t size = (uint32_t)length;
        assert_false(is_valid(pack.bytes, length));
        if (length < LISTPACK_EMPTY_SIZE)
            continue;
        memcpy(cut, &size, sizeof size); /* also where the head has it right, */
        assert_false(is_valid(cut, length));
        unsigned char last = cut[length - 1];
        cut[length - 1] = 0xff; /* and the end: then the count is wrong at least */
        assert_false(is_valid(cut, length));
        cut[length - 1] = last;
    }
    listpack_free(&pack);
}

/* Goes through all that there is, both ways. */
static void read_all(const struct listpack *pack)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    size_t sum = 0, count = 0, back = 0;
    for (size_t at = listpack_first(pack); at != LISTPACK_END; at = listpack_next(pack, at)) {
        struct slice text = listpack_text(pack, at, scratch);
        for (size_t i = 0; i < text.length; i++)
            sum += (unsigned char)text.data[i];
        count++;
    }
    for (size_t at = listpack_last(pack); at != LISTPACK_END; at = listpack_previous(pack, at))
        back++;
    assert_int_equal(count, back);
    assert_int_equal(listpack_count(pack), count);
    assert_true(sum < SIZE_MAX);
}

static void a_corrupt_byte_is_refused_or_does_no_harm(void **state)
{
    (void)state;
    draw_begin();
    struct listpack pack = one_of_each();
    size_t size = listpack_size(&pack), accepted = 0;
    for (int i = 0; i < 8000; i++) {
        /* Mostly heads: text may be anything. */
        size_t at = draw(4) == 0 ? (size_t)draw(size) : (size_t)draw(280);
        unsigned char before = pack.bytes[at];
        pack.bytes[at] = (unsigned char)draw(256);
        if (is_valid(pack.bytes, size)) {
            struct listpack copy = listpack_of(slice_of((const char *)pack.bytes, size));
            read_all(&copy);
            listpack_free(&copy);
            accepted++;
        }
        pack.bytes[at] = before;
    }
    assert_in_range(accepted, 100, 7900);
    listpack_free(&pack);
}

/* --- the model --- */

struct fixture {
    struct listpack pack;
    uint16_t gap;
    struct slice texts[MODEL_MAX]; /* exact copies */
    size_t count;
};

static void model_put(struct fixture *fixture, size_t index, struct slice text)
{
    memmove(fixture->texts + index + 1, fixture->texts + index,
            (fixture->count - index) * sizeof text);
    fixture->texts[index] = exact_copy(text);
    fixture->count++;
}

static void model_remove(struct fixture *fixture, size_t index, size_t count)
{
    for (; count > 0 && index < fixture->count; count--) {
        exact_copy_free(fixture->texts[index]);
        fixture->count--;
        memmove(fixture->texts + index, fixture->texts + index + 1,
                (fixture->count - index) * sizeof fixture->texts[0]);
    }
}

static void compare(const struct fixture *fixture, const struct listpack *pack)
{
    assert_true(listpack_is_valid(bytes_of(pack)));
    assert_int_equal(listpack_count(pack), fixture->count);
    size_t at = listpack_first(pack), size = LISTPACK_EMPTY_SIZE;
    for (size_t i = 0; i < fixture->count; i++, at = listpack_next(pack, at)) {
        assert_true(listpack_equals(pack, at, fixture->texts[i]));
        size += listpack_element_size(fixture->texts[i]);
    }
    assert_true(at == LISTPACK_END);
    assert_int_equal(listpack_size(pack), size);
    at = listpack_last(pack);
    for (size_t i = fixture->count; i > 0; i--, at = listpack_previous(pack, at))
        assert_true(listpack_equals(pack, at, fixture->texts[i - 1]));
    assert_true(at == LISTPACK_END);
}

static void insert(struct fixture *fixture)
{
    char text[DRAW_WORD_MAX], integer_text[NUMBER_INTEGER_TEXT_MAX];
    int64_t integer = draw_integer();
    struct slice word = draw_word(text);
    size_t index = (size_t)draw(fixture->count + 1);
    size_t at = listpack_seek(&fixture->pack, (int64_t)index);
    if (draw(2) == 0) {
        assert_true(listpack_push_front(&fixture->pack, &fixture->gap, GAPPED_SIZE_MAX, word));
        model_put(fixture, 0, word);
        return;
    }
    listpack_close_gap(&fixture->pack, &fixture->gap);
    switch (draw(4)) {
    case 0:
        index = fixture->count;
        assert_true(listpack_append(&fixture->pack, word));
        break;
    case 2:
        word = slice_of(integer_text, number_format_int64(integer_text, integer));
        assert_true(listpack_insert_integer(&fixture->pack, &at, integer));
        assert_true(listpack_equals(&fixture->pack, at, word));
        break;
    case 3:
        index = fixture->count;
        word = slice_of(integer_text, number_format_int64(integer_text, integer));
        assert_true(listpack_append_integer(&fixture->pack, integer));
        break;
    default:
        assert_true(listpack_insert(&fixture->pack, &at, word));
        assert_true(listpack_equals(&fixture->pack, at, word));
        break;
    }
    model_put(fixture, index, word);
}

static void replace(struct fixture *fixture, size_t index)
{
    char text[DRAW_WORD_MAX];
    int64_t integer = draw_integer();
    struct slice word = draw_word(text);
    size_t at = listpack_seek(&fixture->pack, (int64_t)index);
    listpack_close_gap(&fixture->pack, &fixture->gap);
    if (draw(3) == 0) {
        word = slice_of(text, number_format_int64(text, integer));
        assert_true(listpack_replace_integer(&fixture->pack, &at, integer));
    } else {
        assert_true(listpack_replace(&fixture->pack, &at, word));
    }
    assert_true(listpack_equals(&fixture->pack, at, word));
    model_remove(fixture, index, 1);
    model_put(fixture, index, word);
}

static void remove_some(struct fixture *fixture, size_t index)
{
    size_t at = listpack_seek(&fixture->pack, (int64_t)index);
    size_t count = draw(8) == 0 ? (size_t)draw(40) : 1;
    if (fixture->gap == 0 && draw(2) == 0)
        at = listpack_remove(&fixture->pack, at, count);
    else
        at = listpack_cut(&fixture->pack, &fixture->gap, at, count);
    model_remove(fixture, index, count);
    assert_int_equal(at == LISTPACK_END, index == fixture->count);
    if (at != LISTPACK_END)
        assert_true(listpack_equals(&fixture->pack, at, fixture->texts[index]));
}

/* Finds a text that is there, from somewhere on, among every first, second or third. */
static void look(const struct fixture *fixture, size_t index)
{
    size_t start = (size_t)draw(index + 1), skip = (size_t)draw(3), found = start;
    struct slice text = fixture->texts[index];
    while (found < fixture->count && !slice_equals(fixture->texts[found], text))
        found += 1 + skip;
    size_t at =
        listpack_find(&fixture->pack, listpack_seek(&fixture->pack, (int64_t)start), text, skip);
    assert_true(at == (found < fixture->count ? listpack_seek(&fixture->pack, (int64_t)found)
                                              : LISTPACK_END));
    int64_t from_end = (int64_t)index - (int64_t)fixture->count;
    assert_true(listpack_equals(&fixture->pack, listpack_seek(&fixture->pack, from_end), text));
    assert_true(listpack_seek(&fixture->pack, (int64_t)fixture->count) == LISTPACK_END);
}

static void random_changes_leave_what_an_array_has(void **state)
{
    (void)state;
    draw_begin();
    static struct fixture fixture;
    fixture.pack = listpack_create(0);
    for (int i = 0; i < OPERATIONS; i++) {
        if (fixture.count == 0 || (fixture.count < MODEL_MAX && draw(2) == 0)) {
            insert(&fixture);
            continue;
        }
        size_t index = (size_t)draw(fixture.count);
        look(&fixture, index);
        if (draw(2) == 0)
            replace(&fixture, index);
        else
            remove_some(&fixture, index);
        if (draw(20) == 0)
            compare(&fixture, &fixture.pack);
    }
    compare(&fixture, &fixture.pack);
    model_remove(&fixture, 0, fixture.count);
    listpack_close_gap(&fixture.pack, &fixture.gap);
    listpack_free(&fixture.pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_listpack_answers),
        cmocka_unit_test(bytes_are_as_redis_has_them),
        cmocka_unit_test(each_integer_takes_the_narrowest_form),
        cmocka_unit_test(what_only_looks_like_an_integer_stays_text),
        cmocka_unit_test(strings_change_form_at_64_and_4096_bytes),
        cmocka_unit_test(more_than_65534_elements_are_counted_one_by_one),
        cmocka_unit_test(a_block_that_empties_gives_memory_back),
        cmocka_unit_test(what_comes_in_front_moves_little),
        cmocka_unit_test(a_gap_takes_no_more_than_it_may),
        cmocka_unit_test(a_number_that_is_kept_as_text_is_found),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_corrupt_byte_is_refused_or_does_no_harm),
        cmocka_unit_test(random_changes_leave_what_an_array_has),
    };
    return cmocka_run_group_tests_name("values/listpack", tests, NULL, NULL);
}
