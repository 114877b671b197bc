/* Lists: the edges by name, then random changes against a plain row of strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/list_walk_record.h"
#include "support/stream_random.h"
#include "values/list.h"

#define MODEL_STEPS 400000
#define MODEL_ELEMENTS_MAX 1500
#define SIZES (sizeof list_sizes / sizeof list_sizes[0])
#define LONG_TEXT_MAX 70000

/* Forms of list-max-listpack-size. */
static const int64_t list_sizes[] = {-2, 1, -1, 3, -5, 128, 0, -3, 100000, -4, -9};

static char long_bytes[LONG_TEXT_MAX];

static struct value_limits limits_of(int64_t list_size)
{
    struct value_limits limits = value_default_limits();
    limits.list_size = list_size;
    return limits;
}

/* A text that no other length begins with. */
static struct slice long_text(size_t length)
{
    snprintf(long_bytes, sizeof long_bytes, "%zu:", length);
    return slice_of(long_bytes, length);
}

/* --- lists by name --- */

static struct slice number_text(int number)
{
    static char text[16];
    return slice_of(text, (size_t)snprintf(text, sizeof text, "n%d", number));
}

/* "n0" to "n<count - 1>". */
static struct list_value *list_of(const struct value_limits *limits, int count)
{
    struct list_value *list = list_value_create();
    for (int i = 0; i < count; i++)
        assert_true(list_value_push(list, limits, LIST_TAIL, number_text(i)));
    list_value_check(list);
    return list;
}

static void assert_element(struct list_value *list, int64_t index, struct slice text)
{
    struct list_cursor cursor;
    assert_true(list_value_seek(list, index, &cursor));
    assert_true(list_cursor_equals(&cursor, text));
}

static void assert_numbers(struct list_value *list, const int *numbers, size_t count)
{
    list_value_check(list);
    assert_int_equal(list_value_length(list), count);
    for (size_t i = 0; i < count; i++)
        assert_element(list, (int64_t)i, number_text(numbers[i]));
}

#define ASSERT_NUMBERS(list, ...)                                                                  \
    assert_numbers(list, (const int[]){__VA_ARGS__},                                               \
                   sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void an_empty_list_has_no_element(void **state)
{
    (void)state;
    struct list_value *list = list_value_create();
    struct list_cursor cursor;
    assert_int_equal(list_value_length(list), 0);
    assert_false(list_value_seek(list, 0, &cursor));
    assert_false(list_value_seek(list, -1, &cursor));
    assert_false(list_value_seek(list, INT64_MIN, &cursor));
    assert_false(list_value_seek(list, INT64_MAX, &cursor));
    assert_null(list_value_next_block(list, NULL));
    list_value_remove_range(list, 0, 10);
    list_value_check(list);
    list_value_destroy(list);
}

/* 7 bytes of the listpack and 11 for the element's head are kept free. */
static void an_element_too_large_for_a_block_stands_alone(void **state)
{
    (void)state;
    static const struct {
        int64_t list_size;
        size_t size;
    } cases[] = {{-1, 4096}, {-2, 8192}, {-3, 16384}, {-4, 32768}, {-5, 65536}, {128, 8192}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct value_limits limits = limits_of(cases[i].list_size);
        size_t length_max = cases[i].size - LISTPACK_EMPTY_SIZE - LISTPACK_OVERHEAD_MAX;
        struct list_value *list = list_value_create();
        bool is_plain;
        assert_true(list_value_push(list, &limits, LIST_TAIL, long_text(length_max)));
        (void)list_block_bytes(list_value_next_block(list, NULL), &is_plain);
        assert_false(is_plain);
        assert_string_equal(list_kind.encoding(list), "listpack");
        assert_true(list_value_push(list, &limits, LIST_HEAD, long_text(length_max + 1)));
        struct slice bytes = list_block_bytes(list_value_next_block(list, NULL), &is_plain);
        assert_true(is_plain);
        assert_true(slice_equals(bytes, long_text(length_max + 1)));
        assert_string_equal(list_kind.encoding(list), "quicklist");
        assert_int_equal(list_value_blocks(list), 2);
        list_value_check(list);
        list_value_destroy(list);
    }
}

static void a_positive_limit_counts_elements_of_a_block(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(3);
    struct list_value *list = list_of(&limits, 7);
    assert_int_equal(list_value_blocks(list), 3);
    list_value_destroy(list);
    limits = limits_of(1);
    list = list_of(&limits, 7);
    assert_int_equal(list_value_blocks(list), 7);
    list_value_destroy(list);
}

static void a_positive_limit_is_a_limit_of_bytes_too(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(1000);
    struct list_value *list = list_value_create();
    for (int i = 0; i < 4; i++)
        assert_true(list_value_push(list, &limits, LIST_TAIL, long_text(3000)));
    assert_int_equal(list_value_blocks(list), 2);
    list_value_destroy(list);
}

static void a_negative_limit_counts_bytes_of_a_block(void **state)
{
    (void)state;
    static const size_t sizes[] = {4096, 8192, 16384, 32768, 65536, 65536};
    for (int64_t list_size = -1; list_size >= -6; list_size--) {
        struct value_limits limits = limits_of(list_size);
        struct list_value *list = list_value_create();
        for (int i = 0; i < 3000; i++)
            assert_true(list_value_push(list, &limits, LIST_TAIL, long_text(100)));
        bool is_plain;
        size_t size = sizes[-list_size - 1];
        struct slice bytes = list_block_bytes(list_value_next_block(list, NULL), &is_plain);
        assert_in_range(bytes.length, size - 120, size);
        list_value_destroy(list);
    }
}

static void an_element_is_found_from_both_ends(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(4);
    struct list_value *list = list_of(&limits, 50);
    struct list_cursor cursor;
    for (int i = 0; i < 50; i++) {
        assert_element(list, i, number_text(i));
        assert_element(list, i - 50, number_text(i));
    }
    assert_false(list_value_seek(list, 50, &cursor));
    assert_false(list_value_seek(list, -51, &cursor));
    list_value_destroy(list);
}

static void an_element_comes_before_or_behind_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        struct value_limits limits = limits_of(list_sizes[i]);
        struct list_value *list = list_of(&limits, 3);
        struct list_cursor cursor;
        assert_true(list_value_seek(list, 0, &cursor));
        assert_true(list_cursor_insert(&cursor, &limits, number_text(10), false));
        assert_true(list_value_seek(list, -1, &cursor));
        assert_true(list_cursor_insert(&cursor, &limits, number_text(11), true));
        assert_true(list_value_seek(list, 2, &cursor));
        assert_true(list_cursor_insert(&cursor, &limits, number_text(12), false));
        assert_true(list_value_seek(list, 3, &cursor));
        assert_true(list_cursor_insert(&cursor, &limits, number_text(13), true));
        ASSERT_NUMBERS(list, 10, 0, 12, 1, 13, 2, 11);
        list_value_destroy(list);
    }
}

static void a_large_element_splits_the_block_it_comes_into(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(-1);
    struct list_value *list = list_of(&limits, 4);
    struct list_cursor cursor;
    assert_true(list_value_seek(list, 1, &cursor));
    assert_true(list_cursor_insert(&cursor, &limits, long_text(5000), true));
    list_value_check(list);
    assert_int_equal(list_value_blocks(list), 3);
    assert_element(list, 1, number_text(1));
    assert_element(list, 2, long_text(5000));
    assert_element(list, -2, number_text(2));
    list_value_destroy(list);
}

static void a_replaced_element_may_become_large_and_small_again(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(-1);
    for (int64_t index = 0; index < 3; index++) {
        struct list_value *list = list_of(&limits, 3);
        struct list_cursor cursor;
        assert_true(list_value_seek(list, index, &cursor));
        assert_true(list_cursor_replace(&cursor, &limits, long_text(6000)));
        list_value_check(list);
        assert_int_equal(list_value_length(list), 3);
        assert_element(list, index, long_text(6000));
        assert_true(list_value_seek(list, index, &cursor));
        assert_true(list_cursor_replace(&cursor, &limits, long_text(7000)));
        assert_element(list, index, long_text(7000));
        assert_true(list_value_seek(list, index, &cursor));
        assert_true(list_cursor_replace(&cursor, &limits, number_text((int)index)));
        ASSERT_NUMBERS(list, 0, 1, 2);
        list_value_destroy(list);
    }
}

/* Every second one, as LREM does it. */
static void elements_go_while_a_cursor_walks(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        struct value_limits limits = limits_of(list_sizes[i]);
        for (int backward = 0; backward < 2; backward++) {
            struct list_value *list = list_of(&limits, 8);
            struct list_cursor cursor;
            bool more = list_value_seek(list, backward ? -1 : 0, &cursor);
            while (more) {
                more = list_cursor_remove(&cursor, backward);
                if (more)
                    more = backward ? list_cursor_previous(&cursor) : list_cursor_next(&cursor);
            }
            if (backward)
                ASSERT_NUMBERS(list, 0, 2, 4, 6);
            else
                ASSERT_NUMBERS(list, 1, 3, 5, 7);
            list_value_destroy(list);
        }
    }
}

static void the_last_element_takes_the_last_block_along(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(-2);
    struct list_value *list = list_of(&limits, 1);
    struct list_cursor cursor;
    assert_true(list_value_seek(list, 0, &cursor));
    assert_false(list_cursor_remove(&cursor, false));
    assert_int_equal(list_value_blocks(list), 0);
    assert_true(list_value_push(list, &limits, LIST_HEAD, number_text(5)));
    ASSERT_NUMBERS(list, 5);
    list_value_destroy(list);
}

static void a_range_goes_across_blocks(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(3);
    struct list_value *list = list_of(&limits, 12);
    list_value_remove_range(list, 2, 6); /* ends of two blocks, one between */
    ASSERT_NUMBERS(list, 0, 1, 8, 9, 10, 11);
    assert_int_equal(list_value_blocks(list), 3);
    list_value_remove_range(list, 3, 100);
    ASSERT_NUMBERS(list, 0, 1, 8);
    list_value_remove_range(list, 3, 1);
    list_value_remove_range(list, 0, 0);
    ASSERT_NUMBERS(list, 0, 1, 8);
    list_value_remove_range(list, 0, SIZE_MAX);
    assert_int_equal(list_value_length(list), 0);
    list_value_check(list);
    list_value_destroy(list);
}

static void loaded_blocks_are_the_list(void **state)
{
    (void)state;
    struct list_value *list = list_value_create();
    struct listpack pack = listpack_create(0);
    assert_true(listpack_append(&pack, number_text(0)));
    assert_true(listpack_append(&pack, number_text(1)));
    list_value_append_block(list, pack);
    assert_true(list_value_append_plain(list, SLICE("")));
    assert_true(list_value_append_plain(list, number_text(2)));
    list_value_check(list);
    assert_int_equal(list_value_length(list), 4);
    assert_element(list, 1, number_text(1));
    assert_element(list, 2, SLICE(""));
    assert_element(list, -1, number_text(2));
    list_value_destroy(list);
}

static void a_long_list_is_freed_in_steps(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(1);
    struct list_value *list = list_of(&limits, 1000);
    int calls = 1;
    while (!list_kind.free_some(list))
        calls++;
    assert_in_range(calls, 10, 1000);
}

static bool begin_walk(struct list_walk_record *record, struct list_value *list)
{
    const struct list_block *block = NULL;
    while ((block = list_value_next_block(list, block)) != NULL) {
        bool is_plain;
        struct slice bytes = list_block_bytes(block, &is_plain);
        list_walk_record_expect(record, slice_of(NULL, 0), bytes, is_plain);
    }
    return list_walk_record_begin(record, &list_kind, list);
}

/* Epochs come back after VALUE_EPOCHS of them. */
static void a_walk_is_whole_whatever_walks_ended_early_before(void **state)
{
    (void)state;
    struct value_limits limits = limits_of(1);
    for (int early = 0; early < 2 * VALUE_EPOCHS; early++) {
        struct list_value *list = list_of(&limits, 50);
        struct list_walk_record record = {.is_walking = false};
        for (int i = 0; i < early; i++) {
            assert_true(begin_walk(&record, list));
            list_walk_record_step(&record, &list_kind, list);
            list_walk_record_end(&record, &list_kind, list);
        }
        assert_true(begin_walk(&record, list));
        while (record.is_walking)
            list_walk_record_step(&record, &list_kind, list);
        list_value_destroy(list);
    }
}

/* --- against a model --- */

struct model {
    struct stream_random random;
    struct value_limits limits;
    struct list_value *list;
    struct slice elements[MODEL_ELEMENTS_MAX + 1];
    size_t count;
    struct list_walk_record record;
    size_t growth; /* chance of a change that adds, in percent */
};

static size_t draw(struct model *model, size_t below)
{
    return (size_t)stream_random_draw(&model->random, below);
}

static bool toss(struct model *model)
{
    return stream_random_once_in(&model->random, 2);
}

static struct slice draw_text(struct model *model)
{
    size_t kind = draw(model, 400);
    return stream_random_text(&model->random, kind == 0 ? LONG_TEXT_MAX : kind < 20 ? 9000 : 60);
}

static void model_insert(struct model *model, size_t index, struct slice text)
{
    memmove(&model->elements[index + 1], &model->elements[index],
            (model->count++ - index) * sizeof *model->elements);
    model->elements[index] = text;
}

static void model_remove(struct model *model, size_t index, size_t count)
{
    for (size_t i = 0; i < count; i++)
        stream_random_free(model->elements[index + i]);
    model->count -= count;
    memmove(&model->elements[index], &model->elements[index + count],
            (model->count - index) * sizeof *model->elements);
}

/* Where the cursor stands; `more`: whether it stands anywhere. */
static void compare_cursor(struct model *model, const struct list_cursor *cursor, bool more,
                           size_t index)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    assert_int_equal(more, index < model->count);
    if (!more)
        return;
    assert_true(slice_equals(list_cursor_get(cursor, scratch), model->elements[index]));
    assert_true(list_cursor_equals(cursor, model->elements[index]));
}

static void compare_content(struct model *model, struct list_value *list)
{
    struct list_cursor cursor;
    list_value_check(list);
    assert_int_equal(list_value_length(list), model->count);
    assert_int_equal(list_kind.length(list), model->count);
    bool more = list_value_seek(list, 0, &cursor);
    for (size_t i = 0; i < model->count; i++, more = list_cursor_next(&cursor))
        compare_cursor(model, &cursor, more, i);
    assert_false(more);
    more = list_value_seek(list, -1, &cursor);
    for (size_t i = model->count; i > 0; i--, more = list_cursor_previous(&cursor))
        compare_cursor(model, &cursor, more, i - 1);
    assert_false(more);
}

/* Some blocks are looked at: a guess then; all: what they hold at the least. */
static void compare_copy(struct model *model)
{
    size_t bytes = 0;
    for (size_t i = 0; i < model->count; i++)
        bytes +=
            number_parse_int64(model->elements[i], &(int64_t){0}) ? 1 : model->elements[i].length;
    assert_true(list_kind.memory(model->list, 0) > bytes);
    assert_true(list_kind.memory(model->list, 3) > 0);
    struct list_value *copy = list_kind.copy(model->list);
    compare_content(model, copy);
    assert_int_equal(list_value_blocks(copy), list_value_blocks(model->list));
    while (!list_kind.free_some(copy))
        ;
}

/* A random place, from either end; false: it is one behind the end. */
static bool seek(struct model *model, struct list_cursor *cursor, size_t *index)
{
    int64_t count = (int64_t)model->count;
    *index = draw(model, model->count + 1);
    int64_t from = (int64_t)*index;
    if (toss(model))
        from = from == count ? -count - 1 : from - count;
    bool found = list_value_seek(model->list, from, cursor);
    compare_cursor(model, cursor, found, *index);
    return found;
}

static void push(struct model *model)
{
    enum list_end end = toss(model) ? LIST_HEAD : LIST_TAIL;
    struct slice text = draw_text(model);
    assert_true(list_value_push(model->list, &model->limits, end, text));
    model_insert(model, end == LIST_HEAD ? 0 : model->count, text);
}

static void insert(struct model *model)
{
    struct list_cursor cursor;
    size_t index;
    if (!seek(model, &cursor, &index))
        return;
    bool behind = toss(model);
    struct slice text = draw_text(model);
    assert_true(list_cursor_insert(&cursor, &model->limits, text, behind));
    model_insert(model, index + behind, text);
}

static void replace(struct model *model)
{
    struct list_cursor cursor;
    size_t index;
    if (!seek(model, &cursor, &index))
        return;
    struct slice text = draw_text(model);
    assert_true(list_cursor_replace(&cursor, &model->limits, text));
    stream_random_free(model->elements[index]);
    model->elements[index] = text;
}

/* Some elements on the way of a cursor. */
static void remove_on_the_way(struct model *model)
{
    struct list_cursor cursor;
    size_t index;
    bool backward = toss(model), more = seek(model, &cursor, &index);
    for (size_t steps = draw(model, 12); more && steps > 0; steps--) {
        if (toss(model)) {
            more = list_cursor_remove(&cursor, backward);
            model_remove(model, index, 1);
            index -= backward;
        } else {
            more = backward ? list_cursor_previous(&cursor) : list_cursor_next(&cursor);
            index += backward ? SIZE_MAX : 1;
        }
        compare_cursor(model, &cursor, more, index);
    }
}

static void remove_range(struct model *model)
{
    size_t index = draw(model, model->count + 2), room = index < model->count;
    size_t count = draw(model, draw(model, 40) == 0 ? 300 : 12);
    list_value_remove_range(model->list, index, count);
    if (room > 0 && count > model->count - index)
        count = model->count - index;
    if (room > 0)
        model_remove(model, index, count);
}

static void walk(struct model *model)
{
    if (!model->record.is_walking)
        (void)begin_walk(&model->record, model->list);
    else if (draw(model, 40) > 0)
        list_walk_record_step(&model->record, &list_kind, model->list);
    else
        list_walk_record_end(&model->record, &list_kind, model->list);
}

static void change(struct model *model)
{
    if (draw(model, 20) == 0)
        walk(model);
    if (draw(model, 100) < model->growth && model->count < MODEL_ELEMENTS_MAX)
        toss(model) ? push(model) : insert(model);
    else if (toss(model))
        replace(model);
    else if (draw(model, 5) > 0)
        remove_on_the_way(model);
    else
        remove_range(model);
}

static void random_changes_leave_what_a_plain_row_has(void **state)
{
    (void)state;
    struct model *model = memory_allocate_zeroed(sizeof *model);
    stream_random_init(&model->random);
    model->list = list_value_create();
    for (int step = 0; step < MODEL_STEPS; step++) {
        if (step % 500 == 0) {
            model->limits = limits_of(list_sizes[draw(model, SIZES)]);
            model->growth = 40 + draw(model, 50);
            compare_content(model, model->list);
            compare_copy(model);
        }
        change(model);
        assert_int_equal(list_value_length(model->list), model->count);
    }
    compare_content(model, model->list);
    list_walk_record_end(&model->record, &list_kind, model->list);
    while (!list_kind.free_some(model->list))
        ;
    model_remove(model, 0, model->count);
    memory_free(model);
}

int main(void)
{
    memset(long_bytes, '-', sizeof long_bytes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_list_has_no_element),
        cmocka_unit_test(an_element_too_large_for_a_block_stands_alone),
        cmocka_unit_test(a_positive_limit_counts_elements_of_a_block),
        cmocka_unit_test(a_positive_limit_is_a_limit_of_bytes_too),
        cmocka_unit_test(a_negative_limit_counts_bytes_of_a_block),
        cmocka_unit_test(an_element_is_found_from_both_ends),
        cmocka_unit_test(an_element_comes_before_or_behind_another),
        cmocka_unit_test(a_large_element_splits_the_block_it_comes_into),
        cmocka_unit_test(a_replaced_element_may_become_large_and_small_again),
        cmocka_unit_test(elements_go_while_a_cursor_walks),
        cmocka_unit_test(the_last_element_takes_the_last_block_along),
        cmocka_unit_test(a_range_goes_across_blocks),
        cmocka_unit_test(loaded_blocks_are_the_list),
        cmocka_unit_test(a_long_list_is_freed_in_steps),
        cmocka_unit_test(a_walk_is_whole_whatever_walks_ended_early_before),
        cmocka_unit_test(random_changes_leave_what_a_plain_row_has),
    };
    return cmocka_run_group_tests_name("values/list", tests, NULL, NULL);
}
