/* The ordered tree against a sorted array, and its edges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/model_run.h"
#include "support/order_model.h"
#include "values/ordered_tree.h"

static void free_in_steps(struct ordered_tree *tree)
{
    while (!ordered_tree_free_some(tree))
        ordered_tree_check(tree);
    assert_int_equal(tree->count, 0);
    assert_int_equal(tree->memory, 0);
    assert_null(tree->root);
}

static void insert(struct ordered_tree *tree, double score, struct slice member)
{
    assert_true(ordered_tree_insert(tree, score, member));
}

static void expect_at(const struct ordered_tree *tree, size_t rank, double score,
                      struct slice member)
{
    double found;
    struct ordered_cursor cursor = ordered_tree_seek(tree, rank);
    assert_non_null(cursor.leaf);
    assert_true(slice_equals(ordered_cursor_get(&cursor, &found), member));
    assert_true(found == score && signbit(found) == signbit(score));
}

/* --- edges --- */

static void an_empty_tree_answers(void **state)
{
    (void)state;
    struct ordered_tree tree;
    struct ordered_bound bound = {.score = INFINITY, .after = true};
    ordered_tree_init(&tree);
    assert_int_equal(ordered_tree_count_before(&tree, &bound), 0);
    assert_null(ordered_tree_seek(&tree, 0).leaf);
    ordered_tree_check(&tree);
    assert_true(ordered_tree_free_some(&tree));
    ordered_tree_deinit(&tree);
}

static void one_member_has_no_neighbours(void **state)
{
    (void)state;
    struct ordered_tree tree;
    ordered_tree_init(&tree);
    insert(&tree, 1.5, slice_of(NULL, 0));
    expect_at(&tree, 0, 1.5, SLICE(""));
    struct ordered_cursor cursor = ordered_tree_seek(&tree, 0);
    ordered_cursor_next(&cursor);
    assert_null(cursor.leaf);
    cursor = ordered_tree_seek(&tree, 0);
    ordered_cursor_previous(&cursor);
    assert_null(cursor.leaf);
    assert_null(ordered_tree_seek(&tree, 1).leaf);
    ordered_tree_remove(&tree, 1.5, SLICE(""));
    assert_null(tree.root);
    assert_int_equal(tree.memory, 0);
}

static void scores_of_all_kinds_come_back_as_they_were(void **state)
{
    (void)state;
    static const double scores[] = {
        -INFINITY, -1e308,    (double)INT32_MIN - 1, INT32_MIN,          -1,    -1e-310, -0.0,
        0.5,       INT32_MAX, (double)INT32_MAX + 1, 9007199254740992.0, 1e308, INFINITY};
    struct ordered_tree tree;
    size_t count = sizeof scores / sizeof scores[0];
    ordered_tree_init(&tree);
    for (size_t i = 0; i < count; i++)
        insert(&tree, scores[i * 5 % count], SLICE("member"));
    for (size_t i = 0; i < count; i++) {
        struct ordered_bound bound = {.score = scores[i]};
        expect_at(&tree, i, scores[i], SLICE("member"));
        assert_int_equal(ordered_tree_count_before(&tree, &bound), i);
        bound.after = true;
        assert_int_equal(ordered_tree_count_before(&tree, &bound), i + 1);
    }
    free_in_steps(&tree);
}

static void zero_is_equal_to_minus_zero(void **state)
{
    (void)state;
    struct ordered_tree tree;
    struct ordered_bound bound = {.score = 0.0};
    ordered_tree_init(&tree);
    insert(&tree, -0.0, SLICE("b"));
    insert(&tree, 0.0, SLICE("a"));
    expect_at(&tree, 0, 0.0, SLICE("a"));
    expect_at(&tree, 1, -0.0, SLICE("b"));
    assert_int_equal(ordered_tree_count_before(&tree, &bound), 0);
    ordered_tree_remove(&tree, 0.0, SLICE("b"));
    expect_at(&tree, 0, 0.0, SLICE("a"));
    ordered_tree_deinit(&tree);
}

static void equal_scores_are_ordered_by_the_bytes_of_members(void **state)
{
    (void)state;
    static const struct slice members[] = {{"", 0},     {"\0", 1},   {"a", 1},
                                           {"a\0", 2},  {"aa", 2},   {"b", 1},
                                           {"\x7f", 1}, {"\x80", 1}, {"\xff", 1}};
    struct ordered_tree tree;
    size_t count = sizeof members / sizeof members[0];
    ordered_tree_init(&tree);
    for (size_t i = 0; i < count; i++)
        insert(&tree, 3, members[i * 4 % count]);
    for (size_t i = 0; i < count; i++) {
        struct ordered_bound bound = {.by_member = true, .member = members[i]};
        expect_at(&tree, i, 3, members[i]);
        assert_int_equal(ordered_tree_count_before(&tree, &bound), i);
    }
    ordered_tree_deinit(&tree);
}

/* Leaves whose bytes are nearly all in their first few members: a half of these may still be too
 * full for one more, in a parent that is full itself. */
static void a_leaf_with_long_members_on_one_side_is_split_well(void **state)
{
    (void)state;
    enum { LEAVES = 64, LONG = 500, LONG_COUNT = 7, SHORT_COUNT = 40 };
    static const char text[LONG] = {'x'};
    for (unsigned leaf = 0; leaf < LEAVES; leaf++) {
        struct ordered_tree tree;
        double score = 0;
        ordered_tree_init(&tree);
        for (unsigned i = 0; i < LEAVES * (LONG_COUNT + SHORT_COUNT); i++, score++) {
            bool is_long = i % (LONG_COUNT + SHORT_COUNT) < LONG_COUNT;
            insert(&tree, score, slice_of(text, is_long ? LONG : 5));
        }
        for (unsigned i = 0; i < LONG_COUNT; i++) {
            double before = leaf * (LONG_COUNT + SHORT_COUNT) + i;
            insert(&tree, before, slice_of(text, LONG - 1));
            ordered_tree_check(&tree);
            expect_at(&tree, (size_t)(before + i), before, slice_of(text, LONG - 1));
        }
        ordered_tree_deinit(&tree);
    }
}

static void a_tree_in_order_is_packed_tightly(void **state)
{
    (void)state;
    struct ordered_tree tree;
    char text[32];
    const int count = 20000;
    ordered_tree_init(&tree);
    for (int i = 0; i < count; i++)
        insert(&tree, i, slice_of(text, (size_t)snprintf(text, sizeof text, "member:%06d", i)));
    assert_in_range(tree.memory, count * 13, count * 26);
    for (int i = 0; i < count; i++)
        ordered_tree_remove(&tree, i,
                            slice_of(text, (size_t)snprintf(text, sizeof text, "member:%06d", i)));
    assert_int_equal(tree.memory, 0);
}

/* --- the model --- */

struct fixture {
    struct model_run run;
    struct order_model order;
};

static void *create(struct model_run *run)
{
    struct ordered_tree *tree = malloc(sizeof *tree);
    assert_non_null(tree);
    ordered_tree_init(tree);
    ((struct fixture *)run)->order.count = 0;
    return tree;
}

static void free_tree(void *value)
{
    free_in_steps(value);
    free(value);
}

/* A pair, that is: a member may be there with many scores. */
static void add(struct model_run *run, struct model_member *member)
{
    struct order_model *order = &((struct fixture *)run)->order;
    struct order_pair pair = {order_model_draw_score(), member};
    if (order->count == order->size_max || order_model_has(order, pair))
        return;
    insert(run->value, pair.score, member->word);
    order_model_insert(order, pair);
}

static void remove_one(struct model_run *run, struct model_member *member)
{
    struct order_model *order = &((struct fixture *)run)->order;
    (void)member;
    if (order->count == 0)
        return;
    size_t rank = (size_t)draw(order->count);
    struct order_pair pair = order->pairs[rank];
    ordered_tree_remove(run->value, pair.score, pair.member->word);
    order_model_remove(order, rank);
}

static void expect_pair(const struct ordered_cursor *cursor, const struct order_pair *pair)
{
    double score;
    assert_non_null(cursor->leaf);
    assert_true(slice_equals(ordered_cursor_get(cursor, &score), pair->member->word));
    assert_true(score == pair->score && signbit(score) == signbit(pair->score));
}

static void look(struct model_run *run, const struct model_member *member)
{
    const struct order_model *order = &((struct fixture *)run)->order;
    const struct ordered_tree *tree = run->value;
    size_t rank = (size_t)draw(order->count + 1);
    struct ordered_cursor cursor = ordered_tree_seek(tree, rank);
    assert_int_equal(tree->count, order->count);
    assert_int_equal(cursor.leaf == NULL, rank == order->count);
    if (cursor.leaf != NULL) {
        const struct order_pair *pair = &order->pairs[rank];
        struct ordered_bound bound = {
            .members_count = true, .score = pair->score, .member = pair->member->word};
        expect_pair(&cursor, pair);
        assert_int_equal(ordered_tree_count_before(tree, &bound), rank);
        bound.after = true;
        assert_int_equal(ordered_tree_count_before(tree, &bound), rank + 1);
    }
    if (draw(8) == 0) {
        struct ordered_bound bound = order_model_draw_bound(member->word);
        assert_int_equal(ordered_tree_count_before(tree, &bound),
                         order_model_count_before(order, &bound));
    }
}

static void compare(struct model_run *run, const void *value)
{
    const struct order_model *order = &((struct fixture *)run)->order;
    const struct ordered_tree *tree = value;
    ordered_tree_check(tree);
    struct ordered_cursor cursor = ordered_tree_seek(tree, 0);
    for (size_t i = 0; i < order->count; i++, ordered_cursor_next(&cursor))
        expect_pair(&cursor, &order->pairs[i]);
    assert_null(cursor.leaf);
    if (order->count == 0)
        return;
    cursor = ordered_tree_seek(tree, order->count - 1);
    for (size_t i = order->count; i > 0; i--, ordered_cursor_previous(&cursor))
        expect_pair(&cursor, &order->pairs[i - 1]);
    assert_null(cursor.leaf);
}

static void random_changes_leave_what_a_sorted_array_has(void **state)
{
    (void)state;
    struct fixture fixture = {
        .run = {.pool = 3000,
                .rounds = 18,
                .operations = 8000,
                .functions = {create, free_tree, NULL, add, remove_one, look, NULL, compare}}};
    order_model_init(&fixture.order, 8000);
    model_run(&fixture.run);
    order_model_deinit(&fixture.order);
}

/* Scores do not count where all are equal. */
static void ranges_by_member_are_those_of_a_sorted_array(void **state)
{
    (void)state;
    draw_begin();
    struct ordered_tree tree;
    struct order_model order;
    struct member_model *members = member_model_create(3000);
    ordered_tree_init(&tree);
    order_model_init(&order, members->size);
    for (size_t i = 0; i < members->size; i += 2) {
        struct order_pair pair = {7, &members->members[i]};
        insert(&tree, pair.score, pair.member->word);
        order_model_insert(&order, pair);
    }
    for (int i = 0; i < 2000; i++) {
        struct ordered_bound bound = order_model_draw_bound(member_model_draw(members)->word);
        bound.by_member = true;
        assert_int_equal(ordered_tree_count_before(&tree, &bound),
                         order_model_count_before(&order, &bound));
    }
    ordered_tree_deinit(&tree);
    order_model_deinit(&order);
    member_model_destroy(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tree_answers),
        cmocka_unit_test(one_member_has_no_neighbours),
        cmocka_unit_test(scores_of_all_kinds_come_back_as_they_were),
        cmocka_unit_test(zero_is_equal_to_minus_zero),
        cmocka_unit_test(equal_scores_are_ordered_by_the_bytes_of_members),
        cmocka_unit_test(a_leaf_with_long_members_on_one_side_is_split_well),
        cmocka_unit_test(a_tree_in_order_is_packed_tightly),
        cmocka_unit_test(random_changes_leave_what_a_sorted_array_has),
        cmocka_unit_test(ranges_by_member_are_those_of_a_sorted_array),
    };
    return cmocka_run_group_tests_name("values/ordered_tree", tests, NULL, NULL);
}
