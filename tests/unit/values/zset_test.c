/* Sorted sets in both forms against a sorted array, and where the form changes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/model_run.h"
#include "support/order_model.h"
#include "support/value_steps.h"
#include "values/zset.h"

static const struct value_settings small = {.limits = {.zset_entries_max = 4, .zset_value_max = 8}};
static const struct value_settings none = {.limits = {.zset_entries_max = 0}};
static const struct value_settings wide = {
    .limits = {.zset_entries_max = 1000, .zset_value_max = 1000}};
static const struct value_settings *const forms[] = {&wide, &none}; /* a listpack, a large one */

static void expect_encoding(const struct zset *zset, const char *encoding)
{
    value_steps_expect_encoding(TYPE_ZSET, zset, encoding);
    zset_check(zset);
}

static void add(struct zset *zset, const struct value_settings *settings, struct slice member,
                double score)
{
    double found;
    assert_int_equal(zset_set(zset, settings, member, score), ZSET_ADDED);
    assert_int_equal(zset_set(zset, settings, member, score), ZSET_SAME);
    assert_true(zset_score(zset, member, &found) && found == score);
}

static void expect_at(const struct zset *zset, size_t expected, struct slice member, double score)
{
    struct zset_cursor cursor;
    double found;
    size_t rank;
    assert_true(zset_seek(zset, expected, &cursor));
    assert_true(slice_equals(zset_cursor_get(&cursor, &found), member));
    assert_true(found == score);
    assert_true(zset_rank(zset, member, &rank, &found));
    assert_int_equal(rank, expected);
    assert_true(found == score);
}

/* --- edges --- */

static void an_empty_zset_answers(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct zset *zset = zset_create();
        struct ordered_bound bound = {.score = INFINITY, .after = true};
        struct zset_cursor cursor;
        double score;
        size_t rank;
        add(zset, forms[form], slice_of(NULL, 0), 1);
        expect_at(zset, 0, SLICE(""), 1);
        assert_true(zset_remove(zset, SLICE("")));
        expect_encoding(zset, form == 0 ? "listpack" : "skiplist");
        assert_int_equal(zset_length(zset), 0);
        assert_false(zset_score(zset, SLICE(""), &score));
        assert_false(zset_rank(zset, SLICE(""), &rank, &score));
        assert_false(zset_remove(zset, SLICE("")));
        assert_false(zset_seek(zset, 0, &cursor));
        assert_int_equal(zset_count_before(zset, &bound), 0);
        assert_int_equal(zset_scan(zset, 0, NULL, NULL), 0);
        zset_remove_range(zset, 0, 1);
        zset_destroy(zset);
    }
}

static void scores_of_all_kinds_are_kept_and_ordered(void **state)
{
    (void)state;
    static const double scores[] = {-INFINITY,
                                    -1e308,
                                    -4611686018427387904.0,
                                    (double)INT32_MIN - 1,
                                    INT32_MIN,
                                    -1e-310,
                                    0,
                                    1.0 / 3,
                                    INT32_MAX,
                                    (double)INT32_MAX + 1,
                                    9007199254740993.0,
                                    4611686018427387904.0,
                                    9223372036854775808.0,
                                    INFINITY};
    const size_t count = sizeof scores / sizeof scores[0];
    for (int form = 0; form < 2; form++) {
        struct zset *zset = zset_create();
        for (size_t i = 0; i < count; i++) {
            char name = (char)('a' + i * 5 % count);
            add(zset, forms[form], slice_of(&name, 1), scores[i * 5 % count]);
        }
        for (size_t i = 0; i < count; i++) {
            char name = (char)('a' + i);
            struct ordered_bound bound = {.score = scores[i], .after = true};
            expect_at(zset, i, slice_of(&name, 1), scores[i]);
            assert_int_equal(zset_count_before(zset, &bound), i + 1);
        }
        expect_encoding(zset, form == 0 ? "listpack" : "skiplist");
        zset_destroy(zset);
    }
}

static void zero_is_the_same_as_minus_zero(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct zset *zset = zset_create();
        add(zset, forms[form], SLICE("b"), -0.0);
        add(zset, forms[form], SLICE("a"), 0.0);
        assert_int_equal(zset_set(zset, forms[form], SLICE("b"), 0.0), ZSET_SAME);
        expect_at(zset, 0, SLICE("a"), 0);
        expect_at(zset, 1, SLICE("b"), 0);
        assert_true(zset_remove(zset, SLICE("b")));
        zset_check(zset);
        zset_destroy(zset);
    }
}

static void equal_scores_are_ordered_by_the_bytes_of_members(void **state)
{
    (void)state;
    static const struct slice members[] = {{"", 0},  {"\0", 1},   {"-1", 2},  {"10", 2},
                                           {"9", 1}, {"a", 1},    {"a\0", 2}, {"aa", 2},
                                           {"b", 1}, {"\x80", 1}, {"\xff", 1}};
    const size_t count = sizeof members / sizeof members[0];
    for (int form = 0; form < 2; form++) {
        struct zset *zset = zset_create();
        for (size_t i = 0; i < count; i++)
            add(zset, forms[form], members[i * 3 % count], 7);
        for (size_t i = 0; i < count; i++) {
            struct ordered_bound bound = {.by_member = true, .member = members[i]};
            expect_at(zset, i, members[i], 7);
            assert_int_equal(zset_count_before(zset, &bound), i);
            bound.after = true;
            assert_int_equal(zset_count_before(zset, &bound), i + 1);
        }
        zset_check(zset);
        zset_destroy(zset);
    }
}

static void too_many_members_or_bytes_make_it_large(void **state)
{
    (void)state;
    struct zset *zset = zset_create();
    add(zset, &small, SLICE("12345678"), 4);
    add(zset, &small, SLICE("a"), 3);
    add(zset, &small, SLICE("b"), 2);
    add(zset, &small, SLICE("c"), 1e300);
    expect_encoding(zset, "listpack");
    assert_int_equal(zset_set(zset, &small, SLICE("a"), 3.5), ZSET_CHANGED);
    expect_encoding(zset, "listpack");
    add(zset, &small, SLICE("d"), 0);
    expect_encoding(zset, "skiplist");
    expect_at(zset, 1, SLICE("b"), 2);
    expect_at(zset, 2, SLICE("a"), 3.5);
    expect_at(zset, 3, SLICE("12345678"), 4);
    expect_at(zset, 4, SLICE("c"), 1e300);
    zset_remove_range(zset, 0, 5);
    expect_encoding(zset, "skiplist"); /* there is no way back */
    zset_destroy(zset);
    zset = zset_create();
    add(zset, &small, SLICE("123456789"), 4);
    expect_encoding(zset, "skiplist");
    assert_null(zset_listpack(zset)->bytes);
    zset_destroy(zset);
}

static void ranks_and_ranges_that_are_not_there_are_nothing(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct zset *zset = zset_create();
        struct zset_cursor cursor;
        add(zset, forms[form], SLICE("a"), 1);
        add(zset, forms[form], SLICE("b"), 2);
        assert_false(zset_seek(zset, 2, &cursor));
        assert_false(zset_seek(zset, SIZE_MAX, &cursor));
        assert_false(zset_seek(zset, (size_t)1 << 63, &cursor));
        assert_true(zset_seek(zset, 1, &cursor));
        assert_false(zset_cursor_next(&cursor));
        assert_true(zset_seek(zset, 0, &cursor));
        assert_false(zset_cursor_previous(&cursor));
        zset_remove_range(zset, 2, 1);
        zset_remove_range(zset, 0, 0);
        assert_int_equal(zset_length(zset), 2);
        zset_remove_range(zset, 1, 5);
        assert_int_equal(zset_length(zset), 1);
        expect_at(zset, 0, SLICE("a"), 1);
        zset_destroy(zset);
    }
}

/* Whether the pairs, as texts that end with NULL, are taken over. */
static bool is_taken(const char *const *texts, const struct value_settings *settings)
{
    struct listpack pack = listpack_create(0);
    size_t count = 0;
    for (; texts[count] != NULL; count++)
        assert_true(listpack_append(&pack, slice_of_string(texts[count])));
    struct zset *zset;
    enum error error = zset_of_listpack(pack, settings, &zset);
    if (error != OK) {
        assert_int_equal(error, ERROR_SYNTAX);
        listpack_free(&pack);
        return false;
    }
    assert_int_equal(zset_length(zset), count / 2);
    zset_check(zset);
    value_steps_free(TYPE_ZSET, zset);
    return true;
}

static void a_listpack_is_taken_over_if_it_is_in_order(void **state)
{
    (void)state;
    static const char *const good[][11] = {
        {"a", "1"},
        {"1", "-inf", "2", "-inf", "a", "-0", "b", "0", "c", "inf"},
        {"10", "1", "9", "1", "9a", "1.0", "a", "1e0"},
        {"a long member", "1", "b", "1.5"},
    };
    static const char *const bad[][11] = {
        {NULL},
        {"a"},
        {"a", "1", "b"},
        {"a", "b"},
        {"a", ""},
        {"a", "nan"},
        {"a", "1 "},
        {"b", "1", "a", "1"},
        {"a", "2", "b", "1"},
        {"a", "1", "a", "1"},
        {"a", "1", "b", "1", "a", "2"},
        {"9", "1", "10", "1"},
    };
    for (int form = 0; form < 2; form++) {
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
            assert_true(is_taken(good[i], forms[form]));
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
            assert_false(is_taken(bad[i], forms[form]));
    }
}

/* Its two structures would not agree. */
static void a_member_that_is_a_number_kept_as_text_is_not_there_twice(void **state)
{
    (void)state;
    struct listpack pack = listpack_of(slice_of("\23\0\0\0\4\0\x82"
                                                "12\3\1\1\x82"
                                                "12\3\2\1\xff",
                                                19));
    assert_true(listpack_is_valid(slice_of((const char *)pack.bytes, 19)));
    struct zset *zset;
    for (int form = 0; form < 2; form++)
        assert_int_equal(zset_of_listpack(pack, forms[form], &zset), ERROR_SYNTAX);
    listpack_free(&pack);
}

/* --- the model --- */

struct fixture {
    struct model_run run;
    struct order_model order;
};

static void *create(struct model_run *run)
{
    ((struct fixture *)run)->order.count = 0;
    return zset_create();
}

static void free_zset(void *value)
{
    value_steps_free(TYPE_ZSET, value);
}

static struct order_pair pair_of(const struct model_member *member)
{
    return (struct order_pair){member->score, member};
}

static void model_set(struct model_run *run, struct model_member *member, bool is_there,
                      double score)
{
    struct order_model *order = &((struct fixture *)run)->order;
    if (member->is_there)
        order_model_remove(order, order_model_rank(order, pair_of(member)));
    member->score = score;
    member_model_set(run->model, member, is_there);
    if (is_there)
        order_model_insert(order, pair_of(member));
}

static void add_one(struct model_run *run, struct model_member *member)
{
    double score = order_model_draw_score();
    enum zset_result expected = !member->is_there        ? ZSET_ADDED
                                : member->score == score ? ZSET_SAME
                                                         : ZSET_CHANGED;
    assert_int_equal(zset_set(run->value, &run->settings, member->word, score), expected);
    model_set(run, member, true, score);
}

static void remove_range(struct model_run *run)
{
    struct order_model *order = &((struct fixture *)run)->order;
    size_t rank = (size_t)draw(order->count + 1), count = (size_t)draw(20);
    zset_remove_range(run->value, rank, count);
    for (; count > 0 && rank < order->count; count--) {
        struct slice word = order->pairs[rank].member->word;
        model_set(run, member_model_find(run->model, word), false, 0);
    }
}

static void remove_one(struct model_run *run, struct model_member *member)
{
    if (draw(20) == 0)
        remove_range(run);
    assert_int_equal(zset_remove(run->value, member->word), member->is_there);
    model_set(run, member, false, 0);
}

static void look(struct model_run *run, const struct model_member *member)
{
    const struct order_model *order = &((struct fixture *)run)->order;
    struct zset_cursor cursor;
    double score;
    size_t rank = (size_t)draw(order->count + 1);
    assert_int_equal(zset_length(run->value), order->count);
    value_steps_fetch(TYPE_ZSET, run->value, member->word);
    assert_int_equal(zset_score(run->value, member->word, &score), member->is_there);
    assert_true(!member->is_there || score == member->score);
    assert_int_equal(zset_seek(run->value, rank, &cursor), rank < order->count);
    if (rank < order->count)
        expect_at(run->value, rank, order->pairs[rank].member->word, order->pairs[rank].score);
    if (draw(8) == 0) {
        struct ordered_bound bound = order_model_draw_bound(member->word);
        assert_int_equal(zset_count_before(run->value, &bound),
                         order_model_count_before(order, &bound));
    }
}

static void visit(void *context, struct slice member, double score)
{
    struct model_run *run = context;
    assert_true(member_model_visit(run->model, member)->score == score);
}

static uint64_t scan(struct model_run *run, uint64_t cursor)
{
    return zset_scan(run->value, cursor, visit, run);
}

static void expect_pair(struct zset_cursor *cursor, const struct order_pair *pair)
{
    double score;
    assert_true(slice_equals(zset_cursor_get(cursor, &score), pair->member->word));
    assert_true(score == pair->score);
}

static void compare(struct model_run *run, const void *value)
{
    const struct order_model *order = &((struct fixture *)run)->order;
    struct zset_cursor cursor;
    zset_check(value);
    assert_int_equal(zset_kind.length(value), order->count);
    bool more = zset_seek(value, 0, &cursor);
    for (size_t i = 0; i < order->count; i++, more = zset_cursor_next(&cursor)) {
        assert_true(more);
        expect_pair(&cursor, &order->pairs[i]);
        visit(run, order->pairs[i].member->word, order->pairs[i].score);
    }
    assert_false(more);
    more = order->count > 0 && zset_seek(value, order->count - 1, &cursor);
    for (size_t i = order->count; i > 0; i--, more = zset_cursor_previous(&cursor)) {
        assert_true(more);
        expect_pair(&cursor, &order->pairs[i - 1]);
    }
    assert_false(more);
    assert_true(zset_listpack(value)->bytes == NULL ||
                order->count <= run->settings.limits.zset_entries_max);
}

static void random_changes_leave_what_a_sorted_array_has(void **state)
{
    (void)state;
    struct fixture fixture = {.run = {.pool = 2000,
                                      .rounds = 54,
                                      .operations = 2000,
                                      .functions = {create, free_zset, zset_kind.copy, add_one,
                                                    remove_one, look, scan, compare}}};
    order_model_init(&fixture.order, 2000);
    model_run(&fixture.run);
    order_model_deinit(&fixture.order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_zset_answers),
        cmocka_unit_test(scores_of_all_kinds_are_kept_and_ordered),
        cmocka_unit_test(zero_is_the_same_as_minus_zero),
        cmocka_unit_test(equal_scores_are_ordered_by_the_bytes_of_members),
        cmocka_unit_test(too_many_members_or_bytes_make_it_large),
        cmocka_unit_test(ranks_and_ranges_that_are_not_there_are_nothing),
        cmocka_unit_test(a_listpack_is_taken_over_if_it_is_in_order),
        cmocka_unit_test(a_member_that_is_a_number_kept_as_text_is_not_there_twice),
        cmocka_unit_test(random_changes_leave_what_a_sorted_array_has),
    };
    return cmocka_run_group_tests_name("values/zset", tests, NULL, NULL);
}
