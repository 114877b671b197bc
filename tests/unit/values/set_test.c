/* Sets in all three forms against a plain model, and where the forms change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/model_run.h"
#include "support/value_steps.h"
#include "values/set.h"

static const struct value_settings small = {
    .limits = {.set_integers_max = 4, .set_entries_max = 6, .set_value_max = 8}};

static void expect_encoding(const struct set *set, const char *encoding)
{
    value_steps_expect_encoding(TYPE_SET, set, encoding);
    set_check(set);
}

static void add(struct set *set, const char *member)
{
    assert_int_equal(set_add(set, &small, slice_of_string(member)), SET_ADDED);
    assert_int_equal(set_add(set, &small, slice_of_string(member)), SET_THERE);
    assert_true(set_has(set, slice_of_string(member)));
}

/* --- edges --- */

static void an_empty_set_answers(void **state)
{
    (void)state;
    struct set *set = set_create();
    struct set_cursor cursor = {0};
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice member;
    expect_encoding(set, "intset");
    assert_int_equal(set_length(set), 0);
    assert_false(set_has(set, slice_of(NULL, 0)));
    assert_false(set_remove(set, SLICE("1")));
    assert_false(set_remove(set, SLICE("x")));
    assert_false(set_next(set, &cursor, &member));
    assert_false(set_pick(set, UINT64_MAX, scratch, &member));
    assert_int_equal(set_scan(set, 0, NULL, NULL), 0);
    set_destroy(set);
}

static void integers_beyond_the_limit_become_a_listpack_and_then_a_table(void **state)
{
    (void)state;
    static const char *const members[] = {
        "9223372036854775807", "-9223372036854775808", "0", "-1", "327680", "5", "6"};
    struct value_settings settings = small;
    for (int long_ones = 0; long_ones < 2; long_ones++) {
        struct set *set = set_create();
        settings.limits.set_value_max = long_ones ? 20 : 4;
        for (size_t i = 0; i < 7; i++) {
            assert_int_equal(set_add(set, &settings, slice_of_string(members[i])), SET_ADDED);
            expect_encoding(set, i < 4 ? "intset" : long_ones && i < 6 ? "listpack" : "hashtable");
            for (size_t j = 0; j <= i; j++)
                assert_true(set_has(set, slice_of_string(members[j])));
        }
        for (size_t i = 0; i < 7; i++)
            assert_true(set_remove(set, slice_of_string(members[i])));
        assert_int_equal(set_length(set), 0);
        expect_encoding(set, "hashtable"); /* there is no way back */
        set_destroy(set);
    }
}

static void a_word_makes_integers_a_listpack(void **state)
{
    (void)state;
    struct set *set = set_create();
    add(set, "7");
    add(set, "07");
    expect_encoding(set, "listpack");
    add(set, "");
    add(set, "-0");
    add(set, "12345678");
    add(set, "-7");
    assert_int_equal(set_length(set), 6);
    expect_encoding(set, "listpack");
    assert_false(set_has(set, SLICE("0")));
    assert_int_equal(set_add(set, &small, SLICE("7")), SET_THERE);
    add(set, "a");
    expect_encoding(set, "hashtable");
    set_destroy(set);
}

static void a_long_word_makes_a_table_at_once(void **state)
{
    (void)state;
    struct set *set = set_create();
    add(set, "12345");
    add(set, "123456789 bytes and more");
    expect_encoding(set, "hashtable");
    assert_true(set_has(set, SLICE("12345")));
    set_destroy(set);
}

static void long_integers_are_long_members_too(void **state)
{
    (void)state;
    static const char *const integers[] = {"12345678", "-1234567", "123456789", "-12345678"};
    for (size_t i = 0; i < 4; i++) {
        struct set *set = set_create();
        add(set, integers[i]);
        add(set, "1");
        expect_encoding(set, "intset");
        add(set, "a");
        expect_encoding(set, i < 2 ? "listpack" : "hashtable");
        set_destroy(set);
    }
}

static void a_block_of_integers_is_taken_over(void **state)
{
    (void)state;
    for (int count = 0; count < 7; count++) {
        struct intset integers = intset_create();
        for (int i = 0; i < count; i++)
            assert_true(intset_add(&integers, i * 100000));
        struct set *set = set_of_intset(integers, &small);
        assert_int_equal(set_length(set), count);
        expect_encoding(set, count <= 4 ? "intset" : "hashtable");
        assert_int_equal(set_intset(set)->bytes == NULL, count > 4);
        assert_null(set_listpack(set)->bytes);
        assert_int_equal(set_has(set, SLICE("200000")), count > 2);
        value_steps_free(TYPE_SET, set);
    }
}

static void a_listpack_is_taken_over_unless_a_member_is_in_it_twice(void **state)
{
    (void)state;
    static const char *const members[] = {"1", "2", "x", "3", "4", "5", "6", "7"};
    struct listpack pack = listpack_create(0);
    for (size_t i = 0; i < 8; i++) {
        assert_true(listpack_append(&pack, slice_of_string(members[i])));
        struct set *set;
        assert_int_equal(set_of_listpack(listpack_copy(&pack), &small, &set), OK);
        assert_int_equal(set_length(set), i + 1);
        expect_encoding(set, i < 2 ? "intset" : i < 6 ? "listpack" : "hashtable");
        set_destroy(set);
        for (size_t j = 0; j <= i; j++) {
            struct listpack doubled = listpack_copy(&pack);
            assert_true(listpack_append(&doubled, slice_of_string(members[j])));
            assert_int_equal(set_of_listpack(doubled, &small, &set), ERROR_SYNTAX);
            listpack_free(&doubled);
        }
    }
    listpack_free(&pack);
}

static void picks_are_even_in_small_forms(void **state)
{
    (void)state;
    draw_begin();
    for (int words = 0; words < 2; words++) {
        struct value_settings settings = {.limits = value_default_limits()};
        struct set *set = set_create();
        unsigned picked[100] = {0};
        for (size_t i = 0; i < 100; i++) {
            char text[8];
            struct slice member =
                slice_of(text, (size_t)snprintf(text, sizeof text, words ? "m%zu" : "%zu", i));
            assert_int_equal(set_add(set, &settings, member), SET_ADDED);
        }
        expect_encoding(set, words ? "listpack" : "intset");
        for (int i = 0; i < 20000; i++) { /* 200 each: a deviation of 14 */
            char scratch[NUMBER_INTEGER_TEXT_MAX], text[8];
            struct slice member;
            int64_t number = -1;
            assert_true(set_pick(set, draw_bits(), scratch, &member));
            memcpy(text, member.data, member.length);
            assert_true(
                number_parse_int64(slice_of(text + words, member.length - (size_t)words), &number));
            picked[number]++;
        }
        for (size_t i = 0; i < 100; i++)
            assert_in_range(picked[i], 200 - 90, 200 + 90);
        set_destroy(set);
    }
}

/* --- the model --- */

static void *create(struct model_run *run)
{
    (void)run;
    return set_create();
}

static void free_set(void *value)
{
    value_steps_free(TYPE_SET, value);
}

static void add_one(struct model_run *run, struct model_member *member)
{
    assert_int_equal(set_add(run->value, &run->settings, member->word),
                     member->is_there ? SET_THERE : SET_ADDED);
    member_model_set(run->model, member, true);
}

static void remove_one(struct model_run *run, struct model_member *member)
{
    assert_int_equal(set_remove(run->value, member->word), member->is_there);
    member_model_set(run->model, member, false);
}

static bool is_small(const struct set *set)
{
    return set_intset(set)->bytes != NULL || set_listpack(set)->bytes != NULL;
}

static void look(struct model_run *run, const struct model_member *member)
{
    const struct set *set = run->value;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice picked;
    assert_int_equal(set_length(set), run->model->count);
    value_steps_fetch(TYPE_SET, set, member->word);
    assert_int_equal(set_has(set, member->word), member->is_there);
    if (set_pick(set, draw_bits(), scratch, &picked))
        assert_true(member_model_find(run->model, picked)->is_there);
    else
        assert_true(!is_small(set) || run->model->count == 0);
}

static void visit(void *context, struct slice member)
{
    struct model_run *run = context;
    (void)member_model_visit(run->model, member);
}

/* The form is one that the limits allow. */
static void expect_form(const struct set *set, const struct model_run *run)
{
    const struct value_limits *limits = &run->settings.limits;
    bool is_intset = set_intset(set)->bytes != NULL;
    if (!is_small(set))
        return;
    assert_true(set_length(set) <=
                (is_intset ? limits->set_integers_max : limits->set_entries_max));
    for (size_t i = 0; i < run->model->size; i++) {
        const struct model_member *member = &run->model->members[i];
        int64_t integer;
        if (member->is_there && is_intset)
            assert_true(number_parse_int64(member->word, &integer));
        else if (member->is_there)
            assert_true(member->word.length <= limits->set_value_max);
    }
}

static void compare(struct model_run *run, const void *value)
{
    struct set_cursor cursor = {0};
    struct slice member;
    set_check(value);
    expect_form(value, run);
    assert_int_equal(set_kind.length(value), run->model->count);
    while (set_next(value, &cursor, &member))
        visit(run, member);
}

/* Small forms are visited as a whole, tables a page at a time. */
static uint64_t scan(struct model_run *run, uint64_t cursor)
{
    cursor = set_scan(run->value, cursor, visit, run);
    assert_true(cursor == 0 || !is_small(run->value));
    return cursor;
}

static void random_changes_leave_what_a_plain_model_has(void **state)
{
    (void)state;
    struct model_run run = {
        .pool = 3000,
        .rounds = 60,
        .operations = 2000,
        .functions = {create, free_set, set_kind.copy, add_one, remove_one, look, scan, compare}};
    model_run(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_answers),
        cmocka_unit_test(integers_beyond_the_limit_become_a_listpack_and_then_a_table),
        cmocka_unit_test(a_word_makes_integers_a_listpack),
        cmocka_unit_test(a_long_word_makes_a_table_at_once),
        cmocka_unit_test(long_integers_are_long_members_too),
        cmocka_unit_test(a_block_of_integers_is_taken_over),
        cmocka_unit_test(a_listpack_is_taken_over_unless_a_member_is_in_it_twice),
        cmocka_unit_test(picks_are_even_in_small_forms),
        cmocka_unit_test(random_changes_leave_what_a_plain_model_has),
    };
    return cmocka_run_group_tests_name("values/set", tests, NULL, NULL);
}
