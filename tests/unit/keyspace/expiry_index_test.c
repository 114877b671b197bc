#include "keyspace/expiry_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "base/memory.h"
#include "keyspace/entry.h"
#include "keyspace/expiry_leaf.h"
#include "support/draw.h"

/* --- entries and random numbers --- */

static struct entry *new_entry(int64_t deadline_ms)
{
    struct entry *entry = entry_create(slice_of("0123456789abcdef", 16), deadline_ms, 0);
    assert_non_null(entry);
    entry_set_embedded(entry, slice_of("", 0), ENCODING_EMBSTR);
    return entry;
}

static uint64_t random_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_bits(state) % limit;
}

/* --- the model: an array sorted by deadline --- */

struct model {
    struct entry **entries;
    size_t count, capacity;
};

static size_t model_find(const struct model *model, int64_t deadline_ms)
{
    size_t low = 0, high = model->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entry_deadline_ms(model->entries[middle]) < deadline_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void model_add(struct model *model, struct entry *entry)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity * 2 + 16;
        model->entries = memory_resize(model->entries, model->capacity * sizeof(struct entry *));
    }
    size_t at = model_find(model, entry_deadline_ms(entry));
    memmove(&model->entries[at + 1], &model->entries[at],
            (model->count - at) * sizeof(struct entry *));
    model->entries[at] = entry;
    model->count++;
}

static void model_remove(struct model *model, struct entry *entry)
{
    size_t at = model_find(model, entry_deadline_ms(entry));
    while (at < model->count && model->entries[at] != entry)
        at++;
    assert_true(at < model->count);
    model->count--;
    memmove(&model->entries[at], &model->entries[at + 1],
            (model->count - at) * sizeof(struct entry *));
}

static bool model_has(const struct model *model, const struct entry *entry)
{
    size_t at = model_find(model, entry_deadline_ms(entry));
    while (at < model->count && model->entries[at] != entry)
        at++;
    return at < model->count;
}

static int64_t model_first_ms(const struct model *model)
{
    return model->count == 0 ? INT64_MAX : entry_deadline_ms(model->entries[0]);
}

/* --- both together --- */

static void add(struct expiry_index *index, struct model *model, int64_t deadline_ms)
{
    struct entry *entry = new_entry(deadline_ms);
    expiry_index_add(index, entry);
    model_add(model, entry);
}

static void remove_at(struct expiry_index *index, struct model *model, size_t at)
{
    struct entry *entry = model->entries[at];
    expiry_index_remove(index, entry);
    model_remove(model, entry);
    entry_free(entry);
}

static void change_at(struct expiry_index *index, struct model *model, size_t at,
                      int64_t deadline_ms)
{
    struct entry *entry = model->entries[at];
    expiry_index_remove(index, entry);
    model_remove(model, entry);
    entry_set_deadline_value(entry, deadline_ms);
    expiry_index_add(index, entry);
    model_add(model, entry);
}

/* What is due in the index is what is due in the model, in the same order of deadlines. */
static size_t take_due(struct expiry_index *index, struct model *model, int64_t now_ms,
                       size_t count_max)
{
    struct entry *due[500];
    assert_true(count_max <= 500);
    size_t expected = model_find(model, now_ms + 1);
    if (expected > count_max)
        expected = count_max;
    size_t count = expiry_index_take_due(index, now_ms, due, count_max);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entry_deadline_ms(due[i]), model_first_ms(model));
        model_remove(model, due[i]);
        entry_free(due[i]);
    }
    return count;
}

static void finish(struct expiry_index *index, struct model *model)
{
    expiry_index_destroy(index);
    for (size_t i = 0; i < model->count; i++)
        entry_free(model->entries[i]);
    memory_free(model->entries);
}

static void drain(struct expiry_index *index, struct model *model)
{
    int64_t last_ms = entry_deadline_ms(model->entries[model->count - 1]);
    expiry_index_check(index);
    while (take_due(index, model, last_ms, 500) > 0)
        expiry_index_check(index);
    assert_int_equal(model->count, 0);
    assert_int_equal(expiry_index_count(index), 0);
    assert_int_equal(expiry_index_first_ms(index), INT64_MAX);
    finish(index, model);
}

static void compare(struct expiry_index *index, const struct model *model, uint64_t random)
{
    assert_int_equal(expiry_index_count(index), model->count);
    assert_int_equal(expiry_index_first_ms(index), model_first_ms(model));
    struct entry *first = expiry_index_first(index), *picked = expiry_index_pick(index, random);
    if (model->count == 0) {
        assert_null(first);
        assert_null(picked);
    } else {
        assert_int_equal(entry_deadline_ms(first), model_first_ms(model));
        assert_true(model_has(model, first));
        assert_true(model_has(model, picked));
    }
}

/* Random operations; the index grows while `growth` is above 50, else it shrinks. */
static void run_operations(struct expiry_index *index, struct model *model, uint64_t *state,
                           size_t operations, unsigned growth, uint64_t deadlines)
{
    for (size_t i = 0; i < operations; i++) {
        uint64_t kind = random_below(state, 100);
        int64_t deadline_ms = (int64_t)random_below(state, deadlines);
        size_t at = model->count > 0 ? random_below(state, model->count) : 0;
        if (kind < growth * 9 / 10 || model->count == 0)
            add(index, model, deadline_ms);
        else if (kind < 80)
            remove_at(index, model, at);
        else if (kind < 95)
            change_at(index, model, at, deadline_ms);
        else
            take_due(index, model, model_first_ms(model) + (int64_t)random_below(state, 3),
                     random_below(state, 20) + 1);
        if (i % 16 == 0)
            compare(index, model, random_bits(state));
        if (i % 500 == 0)
            expiry_index_check(index);
    }
    expiry_index_check(index);
}

static void random_operations(uint64_t deadlines)
{
    uint64_t seed = (uint64_t)time(NULL) * 1000003 + deadlines, state = seed | 1;
    print_message("           seed %llu\n", (unsigned long long)seed);
    struct expiry_index *index = expiry_index_create();
    struct model model = {0};
    for (int round = 0; round < 3; round++) {
        run_operations(index, &model, &state, 12000, 95, deadlines);
        run_operations(index, &model, &state, 6000, 60, deadlines);
        run_operations(index, &model, &state, 12000, 10, deadlines);
    }
    finish(index, &model);
}

/* --- tests --- */

static void an_empty_index_has_nothing(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct entry *due[4];
    assert_int_equal(expiry_index_count(index), 0);
    assert_int_equal(expiry_index_first_ms(index), INT64_MAX);
    assert_int_equal(expiry_index_take_due(index, INT64_MAX, due, 4), 0);
    assert_null(expiry_index_pick(index, 7));
    assert_null(expiry_index_first(index));
    assert_int_equal(expiry_index_average_ttl_ms(index, 0), 0);
    expiry_index_check(index);
    expiry_index_destroy(index);
    expiry_index_destroy(NULL);
}

static void due_entries_come_in_order_and_no_more_than_asked_for(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct entry *entries[5], *due[5];
    const int64_t deadlines[5] = {50, 10, 40, 20, 30};
    for (int i = 0; i < 5; i++)
        expiry_index_add(index, entries[i] = new_entry(deadlines[i]));
    assert_int_equal(expiry_index_take_due(index, 9, due, 5), 0);
    assert_int_equal(expiry_index_take_due(index, 35, due, 2), 2);
    assert_ptr_equal(due[0], entries[1]);
    assert_ptr_equal(due[1], entries[3]);
    assert_int_equal(expiry_index_first_ms(index), 30);
    assert_int_equal(expiry_index_take_due(index, 35, due, 2), 1);
    assert_ptr_equal(due[0], entries[4]);
    assert_int_equal(expiry_index_count(index), 2);
    for (int i = 0; i < 5; i++)
        entry_free(entries[i]); /* the index does not look at them again */
    expiry_index_destroy(index);
}

static void the_average_of_one_is_its_own(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct entry *entry = new_entry(7400);
    expiry_index_add(index, entry);
    assert_int_equal(expiry_index_average_ttl_ms(index, 1000), 6400); /* 64 samples */
    expiry_index_destroy(index);
    entry_free(entry);
}

static void random_operations_agree_with_a_sorted_array(void **state)
{
    (void)state;
    random_operations(1000000);
}

static void random_operations_with_few_deadlines_agree_too(void **state)
{
    (void)state;
    random_operations(12);
}

/* A full leaf of which all but one come before what is added, or behind it. Whichever that is. */
static void one_in_the_way_keeps_a_leaf_from_ending_there(void **state)
{
    (void)state;
    for (int other = 0; other <= 2000; other += 2000) {
        for (int place = 0; place < EXPIRY_LEAF_CAPACITY; place++) {
            struct expiry_index *index = expiry_index_create();
            struct model model = {0};
            for (int i = 0; i < EXPIRY_LEAF_CAPACITY; i++)
                add(index, &model, i == place ? 2000 - other : 900 + other / 10 - i % 3);
            add(index, &model, 1000);
            expiry_index_check(index);
            drain(index, &model);
        }
    }
}

static void equal_deadlines_by_the_ten_thousand(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct model model = {0};
    for (int i = 0; i < 30000; i++)
        add(index, &model, i % 10 == 0 ? i : 7777);
    expiry_index_check(index);
    for (int i = 0; i < 10000; i++)
        remove_at(index, &model, model.count / 2);
    drain(index, &model);
}

/* Leaves are full and in order, so every second one is known: it empties, and begins anew. */
static void a_leaf_that_empties_leaves_its_room_to_its_neighbours(void **state)
{
    (void)state;
    draw_begin();
    struct expiry_index *index = expiry_index_create();
    struct model model = {0};
    for (int i = 0; i < 200 * EXPIRY_LEAF_CAPACITY; i++)
        add(index, &model, i);
    for (int leaf = 0; leaf < 200; leaf += 2) {
        int64_t first_ms = leaf * EXPIRY_LEAF_CAPACITY;
        for (int i = 0; i < EXPIRY_LEAF_CAPACITY; i++)
            remove_at(index, &model, model_find(&model, first_ms + i));
        for (int i = 0; i < 3; i++)
            add(index, &model, first_ms + i);
    }
    expiry_index_check(index);
    while (model.count > 0) {
        remove_at(index, &model, draw(model.count));
        if (model.count % 100 == 0)
            expiry_index_check(index);
    }
    finish(index, &model);
}

static double bytes_a_key(const struct expiry_index *index)
{
    return (double)expiry_index_memory(index) / (double)expiry_index_count(index);
}

/* References take a byte more in sanitizer builds. */
static void assert_within_budget(const struct expiry_index *index, double budget)
{
    assert_true(bytes_a_key(index) >= 5);
#ifndef HOLDFAST_SANITIZED
    print_message("           %.2f bytes a key\n", bytes_a_key(index));
    assert_true(bytes_a_key(index) <= budget);
#else
    assert_true(bytes_a_key(index) <= budget * 1.5);
#endif
}

static void ascending_deadlines_fill_the_leaves(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct model model = {0};
    for (int i = 0; i < 20000; i++)
        add(index, &model, 1000 + i);
    assert_within_budget(index, 5.7);
    drain(index, &model);
}

/* Enough for inner nodes on three levels. */
static void a_higher_tree_finds_and_loses_its_entries(void **state)
{
    (void)state;
    enum { COUNT = 230000 };
    struct entry **entries = memory_allocate(COUNT * sizeof(struct entry *));
    struct expiry_index *index = expiry_index_create();
    for (size_t i = 0; i < COUNT; i++)
        expiry_index_add(index, entries[i] = new_entry((int64_t)i));
    expiry_index_check(index);
    for (size_t i = 0; i < COUNT; i++) {
        struct entry *entry = entries[i * 77777 % COUNT]; /* no common divisor */
        expiry_index_remove(index, entry);
        entry_free(entry);
        if (i % (COUNT / 8) == 0)
            expiry_index_check(index);
    }
    assert_int_equal(expiry_index_count(index), 0);
    expiry_index_destroy(index);
    memory_free(entries);
}

static void descending_deadlines_fill_the_leaves(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct model model = {0};
    for (int i = 0; i < 20000; i++)
        add(index, &model, 100000 - i);
    assert_within_budget(index, 5.7);
    drain(index, &model);
}

static void random_deadlines_stay_within_the_budget_of_memory(void **state)
{
    (void)state;
    draw_begin();
    enum { COUNT = 60000 };
    struct entry **entries = memory_allocate(COUNT * sizeof(struct entry *));
    struct expiry_index *index = expiry_index_create();
    for (size_t i = 0; i < COUNT; i++) {
        entries[i] = new_entry((int64_t)draw(3600000));
        expiry_index_add(index, entries[i]);
    }
    assert_within_budget(index, 6.6);
    /* Keys come and go for a long time. */
    for (size_t i = 0; i < 4UL * COUNT; i++) {
        struct entry *entry = entries[draw(COUNT)];
        expiry_index_remove(index, entry);
        entry_set_deadline_value(entry, (int64_t)draw(3600000));
        expiry_index_add(index, entry);
    }
    expiry_index_check(index);
    assert_within_budget(index, 6.8);
    for (size_t i = 0; i < COUNT; i++) {
        expiry_index_remove(index, entries[i]);
        entry_free(entries[i]);
    }
    expiry_index_check(index);
    expiry_index_destroy(index);
    memory_free(entries);
}

/* All but one in twenty go: in no order, upwards, downwards. Nearly empty nodes would show. */
static void an_index_that_shrinks_stays_within_the_budget(void **state)
{
    (void)state;
    static const double budgets[3][2] = {{7.8, 7.6}, {7.1, 7.35}, {7.1, 7.35}};
    draw_begin();
    for (int order = 0; order < 3; order++) {
        struct expiry_index *index = expiry_index_create();
        struct model model = {0};
        for (int i = 0; i < 40000; i++)
            add(index, &model, (int64_t)draw(3600000));
        for (size_t at = 0; model.count > 2000;) {
            if (order == 0) {
                remove_at(index, &model, draw(model.count));
            } else if (model.count % 20 == 0 && at + 1 < model.count) {
                at++; /* one that stays */
                remove_at(index, &model, order == 1 ? at : model.count - 1 - at);
            } else {
                remove_at(index, &model, order == 1 ? at : model.count - 1 - at);
            }
            if (model.count == 8000 || model.count == 2000)
                assert_within_budget(index, budgets[order][model.count == 2000]);
        }
        expiry_index_check(index);
        drain(index, &model);
    }
}

static void two_streams_of_ascending_deadlines_stay_within_the_budget(void **state)
{
    (void)state;
    struct expiry_index *index = expiry_index_create();
    struct model model = {0};
    for (int i = 0; i < 30000; i++)
        add(index, &model, i % 2 == 0 ? 60000 + i : 3600000 + i);
    assert_within_budget(index, 5.9);
    drain(index, &model);
}

/* In a tree of one level, and in one whose last inner node has twice the children of others. */
static void picks_are_even(void **state)
{
    (void)state;
    void *
        dirty[20]; /* what a node gets is not zero: only children that are there may be looked at */
    for (int i = 0; i < 20; i++)
        memset(dirty[i] = memory_allocate(1520), 0xff, 1520);
    for (int i = 0; i < 20; i++)
        memory_free(dirty[i]);
    enum { PICKS = 100000, BLOCKS = 10 };
    const size_t counts[] = {1000, 155 * EXPIRY_LEAF_CAPACITY};
    for (int run = 0; run < 2; run++) {
        size_t count = counts[run], picked[BLOCKS + 1] = {0};
        struct entry **entries = memory_allocate(count * sizeof(struct entry *));
        struct expiry_index *index = expiry_index_create();
        for (size_t i = 0; i < count; i++)
            expiry_index_add(index, entries[i] = new_entry((int64_t)i));
        bool *once = memory_allocate_zeroed(count * sizeof(bool));
        for (uint64_t i = 0; i < PICKS; i++) {
            size_t number = (size_t)entry_deadline_ms(expiry_index_pick(index, i));
            picked[number / (count / BLOCKS)]++;
            once[number] = true;
        }
        for (size_t i = 0; i < count && run == 0; i++) /* 100 times, on average */
            assert_true(once[i]);
        memory_free(once);
        for (int i = 0; i < BLOCKS; i++) /* 10,000 expected, 5 deviations allowed */
            assert_in_range(picked[i], 9500, 10500);
        int64_t average_ms = expiry_index_average_ttl_ms(index, -1000) - 1000;
        assert_in_range(average_ms, count * 3 / 10, count * 7 / 10);
        expiry_index_destroy(index);
        for (size_t i = 0; i < count; i++)
            entry_free(entries[i]);
        memory_free(entries);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_index_has_nothing),
        cmocka_unit_test(due_entries_come_in_order_and_no_more_than_asked_for),
        cmocka_unit_test(the_average_of_one_is_its_own),
        cmocka_unit_test(random_operations_agree_with_a_sorted_array),
        cmocka_unit_test(random_operations_with_few_deadlines_agree_too),
        cmocka_unit_test(one_in_the_way_keeps_a_leaf_from_ending_there),
        cmocka_unit_test(equal_deadlines_by_the_ten_thousand),
        cmocka_unit_test(a_leaf_that_empties_leaves_its_room_to_its_neighbours),
        cmocka_unit_test(ascending_deadlines_fill_the_leaves),
        cmocka_unit_test(a_higher_tree_finds_and_loses_its_entries),
        cmocka_unit_test(descending_deadlines_fill_the_leaves),
        cmocka_unit_test(random_deadlines_stay_within_the_budget_of_memory),
        cmocka_unit_test(an_index_that_shrinks_stays_within_the_budget),
        cmocka_unit_test(two_streams_of_ascending_deadlines_stay_within_the_budget),
        cmocka_unit_test(picks_are_even),
    };
    return cmocka_run_group_tests_name("keyspace/expiry_index", tests, NULL, NULL);
}
