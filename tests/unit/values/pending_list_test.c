/* Pending entries: by name, then random changes against a plain row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/stream_random.h"
#include "values/pending_list.h"

#define STEPS 200000
#define ROW_MAX 600

static const struct hash_seed seed = {1, 2};

/* Consumers are not looked into. */
static struct stream_consumer *consumer_of(uint64_t number)
{
    return (struct stream_consumer *)(uintptr_t)(8 * (1 + number));
}

static void ids_are_in_order_of_their_numbers(void **state)
{
    (void)state;
    static const struct stream_id ids[] = {
        {0, 1},   {0, 256}, {0, UINT64_MAX}, {1, 0},          {255, 9},
        {256, 0}, {256, 1}, {65536, 0},      {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX},
    };
    const size_t count = sizeof ids / sizeof ids[0];
    struct pending_list list;
    pending_list_init(&list, &seed);
    for (size_t i = 0; i < count; i++) {
        struct pending pending = {consumer_of(0), 1, 1};
        pending_list_set(&list, ids[i * 3 % count], &pending);
    }
    assert_int_equal(pending_list_count(&list), count);
    struct ordered_cursor cursor = pending_list_seek(&list.order, STREAM_ID_MIN);
    for (size_t i = 0; i < count; i++, ordered_cursor_next(&cursor)) {
        assert_int_equal(stream_id_compare(pending_list_id(&cursor), ids[i]), 0);
        struct ordered_cursor there = pending_list_seek(&list.order, ids[i]);
        assert_int_equal(stream_id_compare(pending_list_id(&there), ids[i]), 0);
    }
    assert_null(cursor.leaf);
    pending_list_deinit(&list);
}

static void an_empty_list_finds_nothing(void **state)
{
    (void)state;
    struct pending_list list;
    struct pending pending;
    pending_list_init(&list, &seed);
    assert_int_equal(pending_list_count(&list), 0);
    assert_false(pending_list_find(&list, STREAM_ID_MIN, &pending));
    assert_false(pending_list_remove(&list, STREAM_ID_MAX));
    assert_null(pending_list_seek(&list.order, STREAM_ID_MIN).leaf);
    pending_list_deinit(&list);
}

static void an_entry_set_again_is_replaced(void **state)
{
    (void)state;
    struct pending_list list;
    struct stream_id id = {5, 1};
    struct pending pending = {consumer_of(1), 100, 1}, found;
    pending_list_init(&list, &seed);
    pending_list_set(&list, id, &pending);
    pending = (struct pending){consumer_of(2), 200, 7};
    pending_list_set(&list, id, &pending);
    assert_int_equal(pending_list_count(&list), 1);
    assert_true(pending_list_find(&list, id, &found));
    assert_ptr_equal(found.consumer, consumer_of(2));
    assert_int_equal(found.delivered_ms, 200);
    assert_int_equal(found.deliveries, 7);
    pending_list_deinit(&list);
}

/* --- against a model --- */

struct row {
    struct stream_id id;
    struct pending pending;
};

struct model {
    struct stream_random random;
    struct pending_list list;
    struct row rows[ROW_MAX]; /* ascending */
    size_t count;
    size_t growth; /* chance of a new one, in percent */
};

/* Where the ID stands, or would. */
static bool find(const struct model *model, struct stream_id id, size_t *index)
{
    *index = 0;
    while (*index < model->count && stream_id_compare(model->rows[*index].id, id) < 0)
        ++*index;
    return *index < model->count && stream_id_compare(model->rows[*index].id, id) == 0;
}

static void compare(const struct model *model, struct stream_id from)
{
    size_t index;
    (void)find(model, from, &index);
    struct ordered_cursor cursor = pending_list_seek(&model->list.order, from);
    for (; index < model->count; index++, ordered_cursor_next(&cursor)) {
        const struct row *row = &model->rows[index];
        struct pending pending;
        assert_non_null(cursor.leaf);
        assert_int_equal(stream_id_compare(pending_list_id(&cursor), row->id), 0);
        assert_true(pending_list_find(&model->list, row->id, &pending));
        assert_memory_equal(&pending, &row->pending, sizeof pending);
    }
    assert_null(cursor.leaf);
}

static void set(struct model *model, struct stream_id id)
{
    size_t index;
    struct pending pending = {consumer_of(stream_random_draw(&model->random, 9)),
                              (int64_t)stream_random_bits(&model->random),
                              stream_random_bits(&model->random)};
    pending_list_set(&model->list, id, &pending);
    if (!find(model, id, &index)) {
        memmove(&model->rows[index + 1], &model->rows[index],
                (model->count++ - index) * sizeof *model->rows);
        model->rows[index].id = id;
    }
    model->rows[index].pending = pending;
}

static void take_out(struct model *model, struct stream_id id)
{
    size_t index;
    struct pending pending;
    bool found = find(model, id, &index);
    assert_int_equal(pending_list_remove(&model->list, id), found);
    assert_false(pending_list_find(&model->list, id, &pending));
    if (!found)
        return;
    model->count--;
    memmove(&model->rows[index], &model->rows[index + 1],
            (model->count - index) * sizeof *model->rows);
}

static void step(struct model *model)
{
    struct stream_id id = {stream_random_draw(&model->random, 60),
                           stream_random_draw(&model->random, 30) << 60};
    if (model->count > 0 && stream_random_once_in(&model->random, 3))
        id = model->rows[stream_random_draw(&model->random, model->count)].id;
    if (stream_random_draw(&model->random, 100) < model->growth && model->count < ROW_MAX)
        set(model, id);
    else
        take_out(model, id);
    assert_int_equal(pending_list_count(&model->list), model->count);
    if (stream_random_once_in(&model->random, 200))
        compare(model, id);
}

static void random_changes_leave_what_a_plain_row_has(void **state)
{
    (void)state;
    struct model *model = memory_allocate_zeroed(sizeof *model);
    stream_random_init(&model->random);
    pending_list_init(&model->list, &seed);
    for (int i = 0; i < STEPS; i++) {
        if (i % 2000 == 0) {
            compare(model, STREAM_ID_MIN);
            ordered_tree_check(&model->list.order);
            packed_table_check(&model->list.entries);
            model->growth = 30 + stream_random_draw(&model->random, 60);
        }
        step(model);
    }
    compare(model, STREAM_ID_MIN);
    pending_list_deinit(&model->list);
    memory_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_in_order_of_their_numbers),
        cmocka_unit_test(an_empty_list_finds_nothing),
        cmocka_unit_test(an_entry_set_again_is_replaced),
        cmocka_unit_test(random_changes_leave_what_a_plain_row_has),
    };
    return cmocka_run_group_tests_name("values/pending_list", tests, NULL, NULL);
}
