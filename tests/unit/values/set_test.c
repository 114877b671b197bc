/* Sets in all three forms against a plain model, and where the forms change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/member_model.h"
#include "support/value_steps.h"
#include "values/set.h"

#define POOL 3000
#define ROUNDS 60
#define OPERATIONS 2000 /* of a round */

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

static void ignore(void *context, struct slice member)
{
    (void)context;
    (void)member;
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
    assert_int_equal(set_scan(set, 0, ignore, NULL), 0);
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
        struct set *set = set_of_listpack(listpack_copy(&pack), &small);
        assert_non_null(set);
        assert_int_equal(set_length(set), i + 1);
        expect_encoding(set, i < 2 ? "intset" : i < 6 ? "listpack" : "hashtable");
        set_destroy(set);
        for (size_t j = 0; j <= i; j++) {
            struct listpack doubled = listpack_copy(&pack);
            assert_true(listpack_append(&doubled, slice_of_string(members[j])));
            assert_null(set_of_listpack(doubled, &small));
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

struct fixture {
    struct set *set;
    struct value_settings settings;
    struct member_model *model;
    uint64_t scan, growth; /* cursor; of 100 changes so many add */
};

static void visit(void *context, struct slice member)
{
    struct fixture *fixture = context;
    (void)member_model_visit(fixture->model, member);
}

/* The form is one that the limits allow. */
static void expect_form(const struct fixture *fixture, const struct set *set)
{
    const struct value_limits *limits = &fixture->settings.limits;
    uint64_t entries_max = set_intset(set)->bytes != NULL     ? limits->set_integers_max
                           : set_listpack(set)->bytes != NULL ? limits->set_entries_max
                                                              : UINT64_MAX;
    assert_true(set_length(set) <= entries_max);
    for (size_t i = 0; i < fixture->model->size; i++) {
        const struct model_member *member = &fixture->model->members[i];
        int64_t integer;
        if (!member->is_there)
            continue;
        if (set_intset(set)->bytes != NULL)
            assert_true(number_parse_int64(member->word, &integer));
        else if (set_listpack(set)->bytes != NULL)
            assert_true(member->word.length <= limits->set_value_max);
    }
}

static void compare(struct fixture *fixture, const struct set *set)
{
    struct set_cursor cursor = {0};
    struct slice member;
    set_check(set);
    expect_form(fixture, set);
    assert_int_equal(value_kind(TYPE_SET)->length(set), fixture->model->count);
    member_model_watch(fixture->model);
    fixture->scan = 0;
    while (set_next(set, &cursor, &member))
        visit(fixture, member);
    member_model_expect_no_more(fixture->model);
}

static void compare_copy(struct fixture *fixture)
{
    struct set *copy = value_kind(TYPE_SET)->copy(fixture->set);
    assert_non_null(copy);
    compare(fixture, copy);
    value_steps_free(TYPE_SET, copy);
    compare(fixture, fixture->set);
}

static void change(struct fixture *fixture)
{
    struct model_member *member = member_model_draw(fixture->model);
    if (draw(100) < fixture->growth) {
        assert_int_equal(set_add(fixture->set, &fixture->settings, member->word),
                         member->is_there ? SET_THERE : SET_ADDED);
        member_model_set(fixture->model, member, true);
    } else {
        assert_int_equal(set_remove(fixture->set, member->word), member->is_there);
        member_model_set(fixture->model, member, false);
    }
    assert_int_equal(set_length(fixture->set), fixture->model->count);
}

static void look(struct fixture *fixture)
{
    const struct model_member *member = member_model_draw(fixture->model);
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice picked;
    value_steps_fetch(TYPE_SET, fixture->set, member->word);
    assert_int_equal(set_has(fixture->set, member->word), member->is_there);
    if (set_pick(fixture->set, draw_bits(), scratch, &picked))
        assert_true(member_model_find(fixture->model, picked)->is_there);
    else
        assert_true(set_listpack(fixture->set)->bytes == NULL || fixture->model->count == 0);
}

/* Small forms are visited as a whole, tables a page at a time. */
static void scan_on(struct fixture *fixture)
{
    bool is_small =
        set_intset(fixture->set)->bytes != NULL || set_listpack(fixture->set)->bytes != NULL;
    if (fixture->scan == 0)
        member_model_watch(fixture->model);
    fixture->scan = set_scan(fixture->set, fixture->scan, visit, fixture);
    assert_true(!is_small || fixture->scan == 0);
    if (fixture->scan == 0)
        member_model_expect_visits(fixture->model);
}

static void random_changes_leave_what_a_plain_model_has(void **state)
{
    (void)state;
    draw_begin();
    struct fixture fixture = {.model = member_model_create(POOL)};
    for (int round = 0; round < ROUNDS; round++) {
        member_model_clear(fixture.model, round % 3 == 0 ? 20 : round % 3 == 1 ? 300 : POOL);
        fixture.set = set_create();
        fixture.settings = value_steps_draw_settings();
        fixture.growth = 90;
        fixture.scan = 0;
        for (int i = 0; i < OPERATIONS; i++) {
            if (draw(OPERATIONS / 4) == 0)
                fixture.growth = draw(2) == 0 ? 90 : 10;
            change(&fixture);
            look(&fixture);
            if (draw(16) == 0)
                scan_on(&fixture);
            if (draw(OPERATIONS / 4) == 0)
                compare_copy(&fixture);
        }
        compare_copy(&fixture);
        value_steps_free(TYPE_SET, fixture.set);
    }
    member_model_destroy(fixture.model);
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
