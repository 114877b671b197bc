/* The packed table against a plain model, and the edges of its elements and pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/model_run.h"
#include "values/packed_table.h"
#include "values/value_fetch.h"

static const struct hash_seed seed = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};

static struct packed_table new_table(void)
{
    struct packed_table table;
    packed_table_init(&table, &seed);
    return table;
}

static void free_in_steps(struct packed_table *table)
{
    size_t before = table->count;
    while (!packed_table_free_some(table)) {
        assert_true(table->count <= before);
        before = table->count;
    }
    assert_int_equal(table->count, 0);
}

static void fetch(const struct packed_table *table, struct slice key)
{
    struct value_fetch fetch = {.value = table, .member = key};
    while (packed_table_fetch(table, &fetch, fetch.step))
        assert_in_range(++fetch.step, 1, 8);
}

static void holds(const struct packed_table *table, struct slice key, struct slice value)
{
    struct slice found;
    assert_true(packed_table_find(table, key, &found));
    assert_true(slice_equals(found, value));
}

/* --- edges --- */

static void count_visit(void *context, const struct packed_element *element)
{
    (void)element;
    ++*(size_t *)context;
}

static void an_empty_table_answers(void **state)
{
    (void)state;
    struct packed_table table = new_table(), copy;
    struct packed_cursor cursor = {0};
    struct packed_element element;
    assert_false(packed_table_has(&table, SLICE("")));
    assert_false(packed_table_remove(&table, SLICE("x")));
    assert_false(packed_table_next(&table, &cursor, &element));
    assert_false(packed_table_pick(&table, UINT64_MAX, &element));
    assert_int_equal(packed_table_scan(&table, 7, NULL, NULL), 0);
    fetch(&table, SLICE("x"));
    packed_table_check(&table);
    assert_true(packed_table_copy(&table, &copy));
    assert_true(packed_table_free_some(&copy));
    assert_true(packed_table_free_some(&table));
}

static void an_element_may_have_no_bytes_at_all(void **state)
{
    (void)state;
    struct packed_table table = new_table();
    struct packed_cursor cursor = {0};
    struct packed_element element;
    assert_int_equal(packed_table_set(&table, slice_of(NULL, 0), SLICE("")), PACKED_ADDED);
    assert_int_equal(packed_table_add(&table, SLICE("")), PACKED_REPLACED);
    holds(&table, SLICE(""), slice_of(NULL, 0));
    assert_true(packed_table_next(&table, &cursor, &element));
    assert_int_equal(element.key.length + element.value.length, 0);
    assert_false(packed_table_next(&table, &cursor, &element));
    assert_true(packed_table_pick(&table, 0, &element));
    assert_true(packed_table_remove(&table, SLICE("")));
    assert_false(packed_table_remove(&table, SLICE("")));
    packed_table_check(&table);
    packed_table_deinit(&table);
}

/* A value that grows over each bound and shrinks again, beside keys on both sides of them, too. */
static void values_of_all_lengths_replace_each_other(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,   1,   127, 128, 129, 384, 385, PACKED_ELEMENT_MAX,
                                     513, 126, 600, 600, 512, 511, 3,   0};
    char bytes[1024], key[1024];
    struct packed_table table = new_table();
    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            struct slice name = slice_of(key, lengths[i]), value = slice_of(bytes, lengths[j]);
            memset(bytes, (int)('a' + j), sizeof bytes);
            bool there = packed_table_has(&table, name);
            assert_int_equal(packed_table_set(&table, name, value),
                             there ? PACKED_REPLACED : PACKED_ADDED);
            holds(&table, name, value);
            packed_table_check(&table);
        }
    }
    assert_int_equal(table.count, 13); /* different lengths */
    free_in_steps(&table);
}

static size_t filled(struct packed_table *table, size_t count, size_t first)
{
    for (size_t i = first; i < count; i++)
        assert_int_equal(packed_table_add(table, slice_of((const char *)&i, sizeof i)),
                         PACKED_ADDED);
    return count;
}

static void emptied(struct packed_table *table, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        assert_true(packed_table_remove(table, slice_of((const char *)&i, sizeof i)));
}

static void a_table_that_empties_gives_its_memory_back(void **state)
{
    (void)state;
    struct packed_table table = new_table();
    size_t count = filled(&table, 50000, 0), full = table.memory;
    emptied(&table, 10, count);
    packed_table_check(&table);
    assert_true(table.memory < full / 100);
    filled(&table, count, 10);
    packed_table_check(&table);
    assert_true(table.memory <= full + full / 20);
    free_in_steps(&table);
}

static void long_elements_are_counted_and_given_back(void **state)
{
    (void)state;
    static const char bytes[20000] = {'x'};
    struct packed_table table = new_table();
    (void)packed_table_add(&table, SLICE("small"));
    size_t before = table.memory;
    for (int i = 0; i < 3; i++)
        (void)packed_table_set(&table, SLICE("large"), slice_of(bytes, sizeof bytes));
    assert_in_range(table.memory - before, sizeof bytes, 2 * sizeof bytes);
    assert_true(packed_table_remove(&table, SLICE("large")));
    assert_in_range(table.memory, before, before + 128);
    packed_table_deinit(&table);
}

static void picks_are_even(void **state)
{
    (void)state;
    draw_begin();
    static unsigned picked[500];
    struct packed_table table = new_table();
    struct packed_element element;
    size_t count = filled(&table, sizeof picked / sizeof picked[0], 0), at;
    for (unsigned picks = 0; picks < 200 * count;) { /* 200 each: a deviation of 14 */
        if (!packed_table_pick(&table, draw_bits(), &element))
            continue;
        picks++;
        memcpy(&at, element.key.data, sizeof at);
        picked[at]++;
    }
    for (size_t i = 0; i < count; i++)
        assert_in_range(picked[i], 200 - 90, 200 + 90);
    packed_table_deinit(&table);
}

static void a_pick_takes_a_few_tries_also_of_a_table_that_was_large(void **state)
{
    (void)state;
    draw_begin();
    struct packed_table table = new_table();
    struct packed_element element;
    filled(&table, 30000, 0);
    for (size_t left = 20000, from = 0; left > 0; left /= 2) {
        emptied(&table, from, 30000 - left);
        from = 30000 - left;
        unsigned tries = 0;
        for (int picks = 0; picks < 100; tries++)
            picks += packed_table_pick(&table, draw_bits(), &element);
        assert_in_range(tries, 100, 100 * 32);
    }
    packed_table_deinit(&table);
}

static void any_cursor_a_client_sends_ends_the_scan_in_bounds(void **state)
{
    (void)state;
    draw_begin();
    const uint64_t end = UINT64_C(1) << PACKED_POSITION_BITS;
    struct packed_table table = new_table();
    filled(&table, 3000, 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t cursor = draw_bits() >> draw(64), count = 0;
        uint64_t next = packed_table_scan(&table, cursor, count_visit, &count);
        assert_true(next == 0 || (next > cursor % end && next < end));
    }
    packed_table_deinit(&table);
}

/* --- the model --- */

struct fixture {
    struct model_run run;
    bool valued; /* or keys alone */
};

static void *create(struct model_run *run)
{
    struct packed_table *table = malloc(sizeof *table);
    assert_non_null(table);
    packed_table_init(table, &run->settings.seed);
    ((struct fixture *)run)->valued = draw(2) == 0;
    return table;
}

static void *copy(const void *value)
{
    struct packed_table *table = malloc(sizeof *table);
    assert_non_null(table);
    assert_true(packed_table_copy(value, table));
    return table;
}

static void free_table(void *value)
{
    free_in_steps(value);
    free(value);
}

static void add(struct model_run *run, struct model_member *member)
{
    enum packed_result expected = member->is_there ? PACKED_REPLACED : PACKED_ADDED;
    if (((struct fixture *)run)->valued) {
        member->value = member_model_draw(run->model)->word;
        assert_int_equal(packed_table_set(run->value, member->word, member->value), expected);
    } else {
        assert_int_equal(packed_table_add(run->value, member->word), expected);
    }
    member_model_set(run->model, member, true);
}

static void remove_one(struct model_run *run, struct model_member *member)
{
    assert_int_equal(packed_table_remove(run->value, member->word), member->is_there);
    member_model_set(run->model, member, false);
}

static void look(struct model_run *run, const struct model_member *member)
{
    const struct packed_table *table = run->value;
    struct packed_element element;
    assert_int_equal(table->count, run->model->count);
    fetch(table, member->word);
    assert_int_equal(packed_table_has(table, member->word), member->is_there);
    if (member->is_there)
        holds(table, member->word, member->value);
    if (packed_table_pick(table, draw_bits(), &element)) {
        member = member_model_find(run->model, element.key);
        assert_true(member->is_there && slice_equals(element.value, member->value));
    }
}

static void visit(void *context, const struct packed_element *element)
{
    struct model_run *run = context;
    const struct model_member *member = member_model_visit(run->model, element->key);
    assert_true(slice_equals(element->value, member->value));
}

static void compare(struct model_run *run, const void *value)
{
    const struct packed_table *table = value;
    struct packed_cursor cursor = {0};
    struct packed_element element;
    packed_table_check(table);
    assert_int_equal(table->count, run->model->count);
    while (packed_table_next(table, &cursor, &element))
        visit(run, &element);
}

static uint64_t scan(struct model_run *run, uint64_t cursor)
{
    return packed_table_scan(run->value, cursor, visit, run);
}

static void random_changes_leave_what_a_plain_model_has(void **state)
{
    (void)state;
    struct fixture fixture = {
        .run = {.pool = 6000,
                .rounds = 24,
                .operations = 6000,
                .functions = {create, free_table, copy, add, remove_one, look, scan, compare}}};
    model_run(&fixture.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_answers),
        cmocka_unit_test(an_element_may_have_no_bytes_at_all),
        cmocka_unit_test(values_of_all_lengths_replace_each_other),
        cmocka_unit_test(a_table_that_empties_gives_its_memory_back),
        cmocka_unit_test(long_elements_are_counted_and_given_back),
        cmocka_unit_test(picks_are_even),
        cmocka_unit_test(a_pick_takes_a_few_tries_also_of_a_table_that_was_large),
        cmocka_unit_test(any_cursor_a_client_sends_ends_the_scan_in_bounds),
        cmocka_unit_test(random_changes_leave_what_a_plain_model_has),
    };
    return cmocka_run_group_tests_name("values/packed_table", tests, NULL, NULL);
}
