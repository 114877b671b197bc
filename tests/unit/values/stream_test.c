/* Streams: their edges by name. Random changes: stream_model_test.c; groups: stream_group_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/list_walk_record.h"
#include "support/stream_walk.h"
#include "values/stream.h"

static const struct slice pair[2] = {{"field", 5}, {"value", 5}};

static struct stream_id id_of(uint64_t ms, uint64_t sequence)
{
    return (struct stream_id){ms, sequence};
}

static struct value_settings settings_of(uint64_t bytes_max, uint64_t entries_max)
{
    struct value_settings settings = {.limits = value_default_limits(), .seed = {1, 2}};
    settings.limits.stream_block_bytes_max = bytes_max;
    settings.limits.stream_block_entries_max = entries_max;
    return settings;
}

static void append(struct stream *stream, const struct value_settings *settings,
                   struct stream_id id)
{
    assert_true(stream_append(stream, &settings->limits, id, pair, 1));
}

/* Entries 1-0 to <count>-0, at most `block` in a block. */
static struct stream *stream_of(uint64_t count, uint64_t block)
{
    struct value_settings settings = settings_of(0, block);
    struct stream *stream = stream_create(&settings);
    for (uint64_t ms = 1; ms <= count; ms++)
        append(stream, &settings, id_of(ms, 0));
    stream_check(stream);
    return stream;
}

static void delete_entries(struct stream *stream, uint64_t first, uint64_t last)
{
    for (uint64_t ms = first; ms <= last; ms++)
        assert_true(stream_delete(stream, id_of(ms, 0)));
    stream_check(stream);
}

static void assert_id(struct stream_id id, uint64_t ms, uint64_t sequence)
{
    assert_int_equal(id.ms, ms);
    assert_int_equal(id.sequence, sequence);
}

/* The entries from `start` to `end` are those of these times, and backward they are the same. */
static void assert_range(struct stream *stream, struct stream_id start, struct stream_id end,
                         const uint64_t *times, size_t count)
{
    struct stream_cursor cursor;
    stream_seek(stream, start, end, false, &cursor);
    for (size_t i = 0; i < count; i++) {
        assert_true(stream_next(&cursor));
        assert_int_equal(cursor.entry.id.ms, times[i]);
    }
    assert_false(stream_next(&cursor));
    stream_seek(stream, start, end, true, &cursor);
    for (size_t i = count; i > 0; i--) {
        assert_true(stream_next(&cursor));
        assert_int_equal(cursor.entry.id.ms, times[i - 1]);
    }
    assert_false(stream_next(&cursor));
}

#define ASSERT_RANGE(stream, start, end, ...)                                                      \
    assert_range(stream, start, end, (const uint64_t[]){__VA_ARGS__},                              \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define ASSERT_ALL(stream, ...) ASSERT_RANGE(stream, STREAM_ID_MIN, STREAM_ID_MAX, __VA_ARGS__)
#define ASSERT_NONE(stream, start, end) assert_range(stream, start, end, NULL, 0)

static uint64_t trim_to_length(struct stream *stream, uint64_t length_max)
{
    struct stream_trim trim = {.length_max = length_max};
    uint64_t deleted = stream_trim(stream, &trim);
    stream_check(stream);
    return deleted;
}

static uint64_t trim_to_id(struct stream *stream, uint64_t min_ms)
{
    struct stream_trim trim = {.by_id = true, .min_id = {min_ms, 0}};
    uint64_t deleted = stream_trim(stream, &trim);
    stream_check(stream);
    return deleted;
}

static void an_empty_stream_has_no_entry(void **state)
{
    (void)state;
    struct stream *stream = stream_of(0, 10);
    ASSERT_NONE(stream, STREAM_ID_MIN, STREAM_ID_MAX);
    assert_false(stream_has(stream, id_of(1, 0)));
    assert_false(stream_delete(stream, id_of(1, 0)));
    assert_int_equal(trim_to_length(stream, 0), 0);
    assert_int_equal(trim_to_id(stream, 5), 0);
    assert_int_equal(stream_count_up_to(stream, id_of(1, 0)), 0);
    assert_false(stream_range_has_deleted(stream, STREAM_ID_MIN, STREAM_ID_MAX));
    stream_destroy(stream);
}

/* Sequences go down where the time goes up, and both take all 64 bits. */
static void ids_ascend_whatever_their_parts_do(void **state)
{
    (void)state;
    static const struct stream_id ids[] = {
        {0, 1},
        {0, UINT64_MAX},
        {1, 0},
        {1, 1},
        {1, UINT64_C(1) << 63},
        {2, 0},
        {INT64_MAX, UINT64_MAX},
        {UINT64_C(1) << 63, 3},
        {UINT64_MAX, 0},
        {UINT64_MAX, UINT64_MAX},
    };
    const size_t count = sizeof ids / sizeof ids[0];
    for (uint64_t block = 1; block <= count; block++) {
        struct value_settings settings = settings_of(0, block);
        struct stream *stream = stream_create(&settings);
        for (size_t i = 0; i < count; i++)
            append(stream, &settings, ids[i]);
        stream_check(stream);
        struct stream_cursor cursor;
        stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, false, &cursor);
        for (size_t i = 0; i < count; i++) {
            assert_true(stream_has(stream, ids[i]));
            assert_true(stream_next(&cursor));
            assert_int_equal(stream_id_compare(cursor.entry.id, ids[i]), 0);
        }
        assert_false(stream_has(stream, id_of(3, 0)));
        stream_destroy(stream);
    }
}

static void a_block_holds_so_many_entries_deleted_ones_too(void **state)
{
    (void)state;
    struct value_settings settings = settings_of(0, 3);
    struct stream *stream = stream_of(3, 3);
    delete_entries(stream, 2, 2);
    append(stream, &settings, id_of(4, 0));
    assert_int_equal(stream_block_total(stream), 2);
    struct stream_id id;
    (void)stream_get_block(stream, 1, &id);
    assert_id(id, 4, 0);
    ASSERT_ALL(stream, 1, 3, 4);
    stream_destroy(stream);
}

static void a_block_holds_so_many_bytes(void **state)
{
    (void)state;
    struct value_settings settings = settings_of(300, 0);
    struct stream *stream = stream_create(&settings);
    for (uint64_t ms = 1; ms <= 100; ms++)
        append(stream, &settings, id_of(ms, 0));
    assert_in_range(stream_block_total(stream), 3, 10);
    for (size_t i = 0; i < stream_block_total(stream); i++) {
        struct stream_id id;
        assert_in_range(listpack_size(stream_get_block(stream, i, &id)), 1, 320);
    }
    stream_destroy(stream);
}

static void a_block_without_limits_holds_everything(void **state)
{
    (void)state;
    struct stream *stream = stream_of(3000, 0);
    assert_int_equal(stream_block_total(stream), 1);
    assert_true(stream_has(stream, id_of(3000, 0)));
    stream_destroy(stream);
}

/* Nobody looks at bytes: of these there are none. */
static void an_entry_has_a_greatest_size(void **state)
{
    (void)state;
    enum { PAIRS = 3 };
    const size_t element = LISTPACK_ELEMENT_MAX, block = LISTPACK_SIZE_MAX;
    const struct {
        size_t lengths[2 * PAIRS];
        bool fits;
    } entries[] = {
        {{0}, true},
        {{1, element}, true},
        {{1, element + 1}, false},
        {{element + 1, 1}, false},
        {{1, element, 1, element - 1000}, true},
        {{1, element, 1, element}, false},
        {{block / 3, block / 3, 1, block / 3 - 1000}, true},
        {{block / 4, block / 4, block / 4, block / 4, 1, 1}, false},
    };
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct slice slices[2 * PAIRS];
        for (size_t j = 0; j < (size_t)2 * PAIRS; j++)
            slices[j] = slice_of(NULL, entries[i].lengths[j]);
        assert_int_equal(stream_entry_fits(slices, PAIRS), entries[i].fits);
    }
}

static void ranges_hold_their_bounds(void **state)
{
    (void)state;
    struct stream *stream = stream_of(7, 3);
    ASSERT_ALL(stream, 1, 2, 3, 4, 5, 6, 7);
    ASSERT_RANGE(stream, id_of(3, 0), id_of(4, 0), 3, 4);
    ASSERT_RANGE(stream, id_of(2, 1), id_of(6, UINT64_MAX), 3, 4, 5, 6);
    ASSERT_RANGE(stream, id_of(7, 0), STREAM_ID_MAX, 7);
    ASSERT_RANGE(stream, STREAM_ID_MIN, id_of(1, 0), 1);
    ASSERT_NONE(stream, id_of(4, 1), id_of(4, 2));
    ASSERT_NONE(stream, id_of(5, 0), id_of(4, 0));
    ASSERT_NONE(stream, id_of(8, 0), STREAM_ID_MAX);
    ASSERT_NONE(stream, STREAM_ID_MIN, id_of(0, 5));
    stream_destroy(stream);
}

static void deleted_entries_are_passed_over_both_ways(void **state)
{
    (void)state;
    struct stream *stream = stream_of(9, 3);
    delete_entries(stream, 2, 2);
    delete_entries(stream, 4, 6); /* a whole block */
    delete_entries(stream, 9, 9);
    ASSERT_ALL(stream, 1, 3, 7, 8);
    assert_int_equal(stream_block_total(stream), 2);
    assert_false(stream_has(stream, id_of(2, 0)));
    assert_false(stream_delete(stream, id_of(2, 0)));
    assert_false(stream_delete(stream, id_of(5, 0)));
    assert_int_equal(stream->length, 4);
    stream_destroy(stream);
}

static void first_last_and_max_deleted_ids_follow_the_changes(void **state)
{
    (void)state;
    struct stream *stream = stream_of(5, 2);
    assert_id(stream->first_id, 1, 0);
    assert_id(stream->last_id, 5, 0);
    assert_id(stream->max_deleted_id, 0, 0);
    delete_entries(stream, 3, 3);
    assert_id(stream->first_id, 1, 0);
    assert_id(stream->max_deleted_id, 3, 0);
    delete_entries(stream, 1, 2);
    assert_id(stream->first_id, 4, 0);
    assert_id(stream->max_deleted_id, 3, 0);
    delete_entries(stream, 5, 5);
    assert_id(stream->last_id, 5, 0);
    assert_id(stream->max_deleted_id, 5, 0);
    delete_entries(stream, 4, 4);
    assert_id(stream->first_id, 0, 0);
    assert_int_equal(stream->entries_added, 5);
    struct value_settings settings = settings_of(0, 2);
    append(stream, &settings, id_of(8, 0));
    assert_id(stream->first_id, 8, 0);
    stream_destroy(stream);
}

static void an_exact_trim_leaves_the_newest(void **state)
{
    (void)state;
    struct stream *stream = stream_of(10, 3);
    assert_int_equal(trim_to_length(stream, 10), 0);
    assert_int_equal(trim_to_length(stream, 5), 5);
    ASSERT_ALL(stream, 6, 7, 8, 9, 10);
    assert_id(stream->first_id, 6, 0);
    assert_id(stream->max_deleted_id, 0, 0);
    assert_int_equal(trim_to_id(stream, 6), 0);
    assert_int_equal(trim_to_id(stream, 9), 3);
    ASSERT_ALL(stream, 9, 10);
    assert_int_equal(trim_to_id(stream, 11), 2);
    assert_int_equal(stream_block_total(stream), 0);
    assert_id(stream->last_id, 10, 0);
    stream_destroy(stream);
    stream = stream_of(10, 3);
    assert_int_equal(trim_to_length(stream, 0), 10);
    ASSERT_NONE(stream, STREAM_ID_MIN, STREAM_ID_MAX);
    stream_destroy(stream);
}

static void an_approximate_trim_takes_whole_blocks_up_to_its_limit(void **state)
{
    (void)state;
    struct stream *stream = stream_of(12, 3);
    struct stream_trim trim = {.approximate = true, .length_max = 7};
    assert_int_equal(stream_trim(stream, &trim), 3);
    ASSERT_ALL(stream, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    trim = (struct stream_trim){.approximate = true, .length_max = 1, .limit = 5};
    assert_int_equal(stream_trim(stream, &trim), 3);
    trim = (struct stream_trim){.approximate = true, .by_id = true, .min_id = {12, 0}};
    assert_int_equal(stream_trim(stream, &trim), 3);
    ASSERT_ALL(stream, 10, 11, 12);
    trim.min_id = id_of(13, 0);
    trim.limit = 2;
    assert_int_equal(stream_trim(stream, &trim), 0);
    trim.limit = 3;
    assert_int_equal(stream_trim(stream, &trim), 3);
    stream_destroy(stream);
}

/* Was a fault: the block stayed, with nothing but deleted entries, and could not be loaded. */
static void a_trim_by_id_leaves_no_block_of_deleted_entries(void **state)
{
    (void)state;
    for (uint64_t block = 3; block <= 10; block++) {
        struct stream *stream = stream_of(10, block);
        delete_entries(stream, 3, 3);
        assert_int_equal(trim_to_id(stream, 3), 2);
        assert_id(stream->first_id, 4, 0);
        delete_entries(stream, 8, 10);
        assert_int_equal(trim_to_id(stream, 8), 4);
        assert_int_equal(stream->length, 0);
        assert_int_equal(stream_block_total(stream), 0);
        stream_destroy(stream);
    }
}

/* As Redis, which asks for the last ID, deleted or not. */
static void an_approximate_trim_leaves_a_block_whose_last_id_stays(void **state)
{
    (void)state;
    struct stream *stream = stream_of(6, 3);
    delete_entries(stream, 3, 3);
    struct stream_trim trim = {.approximate = true, .by_id = true, .min_id = {3, 0}};
    assert_int_equal(stream_trim(stream, &trim), 0);
    trim.min_id = id_of(3, 1);
    assert_int_equal(stream_trim(stream, &trim), 2);
    stream_destroy(stream);
}

/* Was a fault: where the counts of a block became shorter under the trim, an entry was left out. */
static void a_trim_takes_every_entry_of_a_large_block(void **state)
{
    (void)state;
    for (uint64_t deleted = 0; deleted < 300; deleted += 7) {
        struct stream *stream = stream_of(500, 0);
        if (deleted > 0)
            delete_entries(stream, 1, deleted);
        assert_int_equal(trim_to_length(stream, 3), 497 - deleted);
        ASSERT_ALL(stream, 498, 499, 500);
        stream_destroy(stream);
    }
}

/* As XINFO's lag wants it. */
static void entries_up_to_an_id_are_counted_where_that_is_known(void **state)
{
    (void)state;
    struct stream *stream = stream_of(10, 3);
    assert_int_equal(stream_count_up_to(stream, id_of(10, 0)), 10);
    assert_int_equal(stream_count_up_to(stream, id_of(11, 0)), STREAM_READ_UNKNOWN);
    assert_int_equal(stream_count_up_to(stream, id_of(5, 0)), STREAM_READ_UNKNOWN);
    assert_int_equal(stream_count_up_to(stream, id_of(1, 0)), 1);
    assert_int_equal(stream_count_up_to(stream, id_of(0, 1)), 0);
    assert_int_equal(trim_to_length(stream, 6), 4);
    assert_int_equal(stream_count_up_to(stream, id_of(5, 0)), 5);
    assert_int_equal(stream_count_up_to(stream, id_of(4, 0)), 4);
    delete_entries(stream, 7, 7);
    assert_int_equal(stream_count_up_to(stream, id_of(4, 0)), STREAM_READ_UNKNOWN);
    assert_int_equal(trim_to_length(stream, 0), 5);
    assert_int_equal(stream_count_up_to(stream, id_of(10, 0)), 10);
    assert_int_equal(stream_count_up_to(stream, id_of(3, 0)), 10);
    stream->entries_added = (uint64_t)INT64_MAX + 1; /* a file may say it */
    assert_int_equal(stream_count_up_to(stream, id_of(3, 0)), STREAM_READ_UNKNOWN);
    stream_destroy(stream);
    stream = stream_of(2, 3);
    stream->entries_added = 1; /* that, too */
    assert_int_equal(stream_count_up_to(stream, id_of(0, 1)), STREAM_READ_UNKNOWN);
    assert_int_equal(stream_count_up_to(stream, id_of(1, 0)), 0);
    stream_destroy(stream);
}

static void a_range_knows_of_the_greatest_deleted_id(void **state)
{
    (void)state;
    struct stream *stream = stream_of(10, 3);
    assert_false(stream_range_has_deleted(stream, STREAM_ID_MIN, STREAM_ID_MAX));
    delete_entries(stream, 5, 5);
    assert_true(stream_range_has_deleted(stream, id_of(5, 0), id_of(5, 0)));
    assert_true(stream_range_has_deleted(stream, STREAM_ID_MIN, STREAM_ID_MAX));
    assert_false(stream_range_has_deleted(stream, id_of(5, 1), STREAM_ID_MAX));
    assert_false(stream_range_has_deleted(stream, STREAM_ID_MIN, id_of(4, 9)));
    stream_destroy(stream);
}

static void loaded_blocks_come_in_any_order_but_once(void **state)
{
    (void)state;
    struct stream *from = stream_of(9, 3), *to = stream_of(0, 3);
    static const size_t order[] = {2, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        struct stream_id id;
        const struct listpack *block = stream_get_block(from, order[i], &id);
        struct listpack copy = listpack_copy(block);
        assert_true(stream_block_is_valid(&copy, id));
        assert_true(stream_add_block(to, id, copy));
        copy = listpack_copy(block);
        assert_false(stream_add_block(to, id, copy));
        listpack_free(&copy);
    }
    to->length = 9;
    to->last_id = id_of(8, UINT64_MAX);
    assert_false(stream_is_in_order(to));
    to->last_id = id_of(9, 0);
    assert_true(stream_is_in_order(to));
    stream_check(to);
    ASSERT_ALL(to, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    stream_destroy(from);
    stream_destroy(to);
}

/* Blocks of three entries, each of which gets another ID. */
static bool are_in_order(const uint64_t ids[3])
{
    struct stream *from = stream_of(9, 3), *to = stream_of(0, 3);
    for (size_t i = 0; i < 3; i++) {
        struct stream_id id;
        const struct listpack *block = stream_get_block(from, i, &id);
        assert_true(stream_add_block(to, id_of(ids[i], 0), listpack_copy(block)));
    }
    to->last_id = STREAM_ID_MAX;
    bool in_order = stream_is_in_order(to);
    stream_destroy(from);
    stream_destroy(to);
    return in_order;
}

static void each_block_lies_below_the_next(void **state)
{
    (void)state;
    assert_true(are_in_order((const uint64_t[]){1, 4, 7}));
    assert_false(are_in_order((const uint64_t[]){1, 3, 7}));
    assert_false(are_in_order((const uint64_t[]){1, 4, 6}));
}

/* Was a fault: what was new stood behind them in a block that then was not valid. */
static void the_last_id_may_be_set_below_what_is_deleted(void **state)
{
    (void)state;
    for (uint64_t next = 3; next <= 6; next++) {
        struct value_settings settings = settings_of(0, 100);
        struct stream *stream = stream_of(5, 100);
        delete_entries(stream, 3, 5);
        stream->last_id = id_of(2, 0);
        append(stream, &settings, id_of(next, 0));
        assert_int_equal(stream_block_total(stream), next <= 5 ? 2 : 1);
        stream_check(stream);
        ASSERT_ALL(stream, 1, 2, next);
        delete_entries(stream, next, next); /* so the first block is the last again */
        append(stream, &settings, id_of(next, 1));
        stream_check(stream);
        stream_destroy(stream);
    }
}

static void a_single_deleted_entry_counts(void **state)
{
    (void)state;
    struct value_settings settings = settings_of(0, 100);
    struct stream *stream = stream_of(5, 100);
    delete_entries(stream, 5, 5);
    stream->last_id = id_of(4, 0);
    append(stream, &settings, id_of(4, 1));
    assert_int_equal(stream_block_total(stream), 2);
    stream_check(stream);
    stream_destroy(stream);
}

static void a_copy_goes_its_own_way(void **state)
{
    (void)state;
    struct stream *stream = stream_of(9, 3), *copy = stream_kind.copy(stream);
    delete_entries(stream, 2, 8);
    ASSERT_ALL(copy, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert_int_equal(trim_to_length(copy, 2), 7);
    ASSERT_ALL(stream, 1, 9);
    stream_destroy(stream);
    ASSERT_ALL(copy, 8, 9);
    stream_destroy(copy);
}

static void a_walk_is_whole_whatever_walks_ended_early_before(void **state)
{
    (void)state;
    for (int early = 0; early < 2 * VALUE_EPOCHS; early++) {
        struct stream *stream = stream_of(100, 1);
        struct list_walk_record record = {.is_walking = false};
        for (int i = 0; i < early; i++) {
            assert_true(stream_walk_begin(&record, stream));
            list_walk_record_step(&record, &stream_kind, stream);
            list_walk_record_end(&record, &stream_kind, stream);
        }
        assert_true(stream_walk_begin(&record, stream));
        while (record.is_walking)
            list_walk_record_step(&record, &stream_kind, stream);
        stream_destroy(stream);
    }
}

/* Was a fault: when the row of blocks moved down, a walk that trims had overtaken ended. */
static void a_walk_goes_on_while_old_blocks_go_and_new_ones_come(void **state)
{
    (void)state;
    struct value_settings settings = settings_of(0, 1);
    for (uint64_t count = 65; count < 300; count += 9) {
        struct stream *stream = stream_of(count, 1);
        struct list_walk_record record = {.is_walking = false};
        assert_true(stream_walk_begin(&record, stream));
        (void)trim_to_length(stream, count / 3);
        for (uint64_t ms = count + 1; ms <= count + count / 4; ms++)
            append(stream, &settings, id_of(ms, 0));
        while (record.is_walking)
            list_walk_record_step(&record, &stream_kind, stream);
        stream_destroy(stream);
    }
}

static void a_long_stream_is_freed_in_steps(void **state)
{
    (void)state;
    struct stream *stream = stream_of(1000, 1);
    int calls = 1;
    while (!stream_kind.free_some(stream))
        calls++;
    assert_in_range(calls, 10, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_stream_has_no_entry),
        cmocka_unit_test(ids_ascend_whatever_their_parts_do),
        cmocka_unit_test(a_block_holds_so_many_entries_deleted_ones_too),
        cmocka_unit_test(a_block_holds_so_many_bytes),
        cmocka_unit_test(a_block_without_limits_holds_everything),
        cmocka_unit_test(an_entry_has_a_greatest_size),
        cmocka_unit_test(ranges_hold_their_bounds),
        cmocka_unit_test(deleted_entries_are_passed_over_both_ways),
        cmocka_unit_test(first_last_and_max_deleted_ids_follow_the_changes),
        cmocka_unit_test(an_exact_trim_leaves_the_newest),
        cmocka_unit_test(an_approximate_trim_takes_whole_blocks_up_to_its_limit),
        cmocka_unit_test(a_trim_by_id_leaves_no_block_of_deleted_entries),
        cmocka_unit_test(an_approximate_trim_leaves_a_block_whose_last_id_stays),
        cmocka_unit_test(a_trim_takes_every_entry_of_a_large_block),
        cmocka_unit_test(entries_up_to_an_id_are_counted_where_that_is_known),
        cmocka_unit_test(a_range_knows_of_the_greatest_deleted_id),
        cmocka_unit_test(loaded_blocks_come_in_any_order_but_once),
        cmocka_unit_test(each_block_lies_below_the_next),
        cmocka_unit_test(the_last_id_may_be_set_below_what_is_deleted),
        cmocka_unit_test(a_single_deleted_entry_counts),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(a_walk_is_whole_whatever_walks_ended_early_before),
        cmocka_unit_test(a_walk_goes_on_while_old_blocks_go_and_new_ones_come),
        cmocka_unit_test(a_long_stream_is_freed_in_steps),
    };
    return cmocka_run_group_tests_name("values/stream", tests, NULL, NULL);
}
