/* Streams: random changes against a plain row of entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/list_walk_record.h"
#include "support/stream_random.h"
#include "support/stream_walk.h"
#include "values/stream.h"

#define STEPS 200000
#define ENTRIES_MAX 1200
#define PAIRS_MAX 4
#define TEXT_MAX 300 /* bytes */
#define LOOKED_AT_MAX 60
#define SCHEMAS 3

struct model_entry {
    struct stream_id id;
    size_t count;
    struct slice pairs[2 * PAIRS_MAX];
};

struct model {
    struct stream_random random;
    struct value_settings settings;
    struct stream *stream;
    struct model_entry entries[ENTRIES_MAX]; /* ascending */
    size_t count;
    struct stream_id last_id, max_deleted_id;
    struct stream_id ever[STEPS]; /* every ID there ever was */
    size_t ever_count;
    struct list_walk_record record;
    size_t growth; /* chance of an append, in percent */
};

static uint64_t draw(struct model *model, uint64_t below)
{
    return stream_random_draw(&model->random, below);
}

static bool toss(struct model *model)
{
    return stream_random_once_in(&model->random, 2);
}

/* --- the row --- */

static bool id_equals(struct stream_id a, struct stream_id b)
{
    return stream_id_compare(a, b) == 0;
}

static void assert_same_id(struct stream_id a, struct stream_id b)
{
    assert_int_equal(a.ms, b.ms);
    assert_int_equal(a.sequence, b.sequence);
}

/* How many entries of the row are below `id`. */
static size_t count_below(const struct model *model, struct stream_id id)
{
    size_t count = 0;
    while (count < model->count && stream_id_compare(model->entries[count].id, id) < 0)
        count++;
    return count;
}

static bool find(const struct model *model, struct stream_id id, size_t *index)
{
    *index = count_below(model, id);
    return *index < model->count && id_equals(model->entries[*index].id, id);
}

static void remove_entries(struct model *model, size_t index, size_t count)
{
    for (size_t i = index; i < index + count; i++)
        for (size_t j = 0; j < 2 * model->entries[i].count; j++)
            stream_random_free(model->entries[i].pairs[j]);
    model->count -= count;
    memmove(&model->entries[index], &model->entries[index + count],
            (model->count - index) * sizeof *model->entries);
}

/* --- comparing --- */

struct visit {
    const struct model_entry *entry;
    size_t seen;
};

static void compare_pair(void *context, struct slice field, struct slice value)
{
    struct visit *visit = context;
    assert_in_range(visit->seen, 0, visit->entry->count - 1);
    assert_true(slice_equals(field, visit->entry->pairs[2 * visit->seen]));
    assert_true(slice_equals(value, visit->entry->pairs[2 * visit->seen + 1]));
    visit->seen++;
}

static void compare_entry(const struct stream_cursor *cursor, const struct model_entry *entry)
{
    struct visit visit = {.entry = entry};
    assert_same_id(cursor->entry.id, entry->id);
    stream_visit(cursor, compare_pair, &visit);
    assert_int_equal(visit.seen, entry->count);
}

/* The entries of a range, at most `count_max`, one way. */
static void compare_range(const struct model *model, struct stream *stream, struct stream_id start,
                          struct stream_id end, bool reverse, size_t count_max)
{
    size_t first = count_below(model, start), behind = first;
    while (behind < model->count && stream_id_compare(model->entries[behind].id, end) <= 0)
        behind++;
    struct stream_cursor cursor;
    stream_seek(stream, start, end, reverse, &cursor);
    for (size_t i = 0; i < behind - first; i++) {
        if (i == count_max)
            return;
        assert_true(stream_next(&cursor));
        compare_entry(&cursor, &model->entries[reverse ? behind - 1 - i : first + i]);
    }
    assert_false(stream_next(&cursor));
}

static void compare_head(const struct model *model, const struct stream *stream)
{
    assert_int_equal(stream->length, model->count);
    assert_int_equal(stream->entries_added, model->ever_count);
    assert_same_id(stream->first_id, model->count > 0 ? model->entries[0].id : STREAM_ID_MIN);
    assert_same_id(stream->last_id, model->last_id);
    assert_same_id(stream->max_deleted_id, model->max_deleted_id);
}

static void compare_all(const struct model *model, struct stream *stream)
{
    stream_check(stream);
    compare_head(model, stream);
    compare_range(model, stream, STREAM_ID_MIN, STREAM_ID_MAX, false, SIZE_MAX);
    compare_range(model, stream, STREAM_ID_MIN, STREAM_ID_MAX, true, SIZE_MAX);
}

static void compare_copy(const struct model *model)
{
    struct stream *copy = stream_kind.copy(model->stream);
    compare_all(model, copy);
    assert_int_equal(stream_block_total(copy), stream_block_total(model->stream));
    assert_true(stream_kind.memory(copy, 0) >= model->count);
    assert_true(stream_kind.memory(copy, 2) > 0);
    while (!stream_kind.free_some(copy))
        ;
}

/* --- changes --- */

static struct stream_id draw_next_id(struct model *model)
{
    struct stream_id id = model->last_id;
    switch (draw(model, 6)) {
    case 0:
        return (struct stream_id){id.ms + 1 + draw(model, 3), 0};
    case 1:
        return (struct stream_id){id.ms + 1, draw(model, 1000)};
    case 2:
        return (struct stream_id){id.ms + 1 + (stream_random_bits(&model->random) >> 20), 1};
    case 3:
        if (id.sequence < UINT64_MAX >> 1) {
            id.sequence += 1 + (stream_random_bits(&model->random) >> draw(model, 63) >> 1);
            return id;
        } /* fall through */
    default:
        (void)stream_id_next(&id);
        return id;
    }
}

/* Near one that is there or was; rarely anything. */
static struct stream_id draw_id(struct model *model)
{
    if (model->ever_count == 0 || draw(model, 30) == 0)
        return toss(model) ? STREAM_ID_MIN : STREAM_ID_MAX;
    struct stream_id id = model->ever[draw(model, model->ever_count)];
    if (model->count > 0 && draw(model, 4) > 0)
        id = model->entries[draw(model, model->count)].id;
    if (draw(model, 4) == 0)
        (void)stream_id_next(&id);
    else if (draw(model, 4) == 0)
        (void)stream_id_previous(&id);
    return id;
}

/* Mostly the fields of one of some schemas, so that blocks have masters that fit. */
static void append(struct model *model)
{
    static const struct slice fields[] = {{"name", 4}, {"7", 1}, {"", 0}, {"temperature", 11}};
    struct model_entry *entry = &model->entries[model->count++];
    uint64_t schema = draw(model, SCHEMAS + 1);
    entry->id = draw_next_id(model);
    entry->count = 1 + (size_t)(schema < SCHEMAS ? schema : draw(model, PAIRS_MAX));
    for (size_t i = 0; i < entry->count; i++) {
        entry->pairs[2 * i] = schema < SCHEMAS ? stream_random_copy(fields[schema + i % 2])
                                               : stream_random_text(&model->random, 20);
        entry->pairs[2 * i + 1] = stream_random_text(&model->random, TEXT_MAX);
    }
    assert_true(stream_append(model->stream, &model->settings.limits, entry->id, entry->pairs,
                              entry->count));
    model->last_id = entry->id;
    model->ever[model->ever_count++] = entry->id;
}

static void delete_one(struct model *model)
{
    size_t index;
    struct stream_id id = draw_id(model);
    bool found = find(model, id, &index);
    assert_int_equal(stream_has(model->stream, id), found);
    assert_int_equal(stream_delete(model->stream, id), found);
    assert_false(stream_has(model->stream, id));
    if (!found)
        return;
    remove_entries(model, index, 1);
    if (stream_id_compare(id, model->max_deleted_id) > 0)
        model->max_deleted_id = id;
}

/* How many entries an exact trim takes. */
static size_t surplus(const struct model *model, const struct stream_trim *trim)
{
    if (trim->by_id)
        return count_below(model, trim->min_id);
    return model->count > trim->length_max ? model->count - (size_t)trim->length_max : 0;
}

/* An approximate trim ends at a block, and stops only where it has to. */
static void compare_approximate(const struct model *model, const struct stream_trim *trim,
                                size_t trimmed, size_t wanted)
{
    assert_in_range(trimmed, 0, trim->limit > 0 && trim->limit < wanted ? trim->limit : wanted);
    if (stream_block_total(model->stream) == 0 || trimmed == wanted)
        return;
    struct stream_id id;
    const struct listpack *block = stream_get_block(model->stream, 0, &id);
    size_t next = stream_block_count(block);
    struct stream_entry last;
    assert_true(stream_block_last(block, id, &last));
    bool stays =
        trimmed + next > wanted || (trim->by_id && stream_id_compare(last.id, trim->min_id) >= 0);
    assert_true(stays || (trim->limit > 0 && trimmed + next > trim->limit));
}

static void trim(struct model *model)
{
    struct stream_trim trim = {.by_id = toss(model), .approximate = toss(model)};
    size_t less = (size_t)draw(model, draw(model, 30) == 0 ? model->count + 1 : 40);
    if (trim.by_id)
        trim.min_id = less < model->count ? model->entries[less].id : draw_id(model);
    if (trim.by_id && toss(model)) /* where one may have been deleted */
        (void)stream_id_previous(&trim.min_id);
    if (!trim.by_id)
        trim.length_max = less < model->count ? model->count - less : model->count + 3;
    if (trim.approximate && toss(model))
        trim.limit = 1 + draw(model, 50);
    size_t wanted = surplus(model, &trim);
    size_t trimmed = (size_t)stream_trim(model->stream, &trim);
    if (trim.approximate)
        compare_approximate(model, &trim, trimmed, wanted);
    else
        assert_int_equal(trimmed, wanted);
    remove_entries(model, 0, trimmed);
    if (draw(model, 5) == 0)
        stream_check(model->stream);
}

/* --- questions --- */

static size_t count_ever_below(const struct model *model, struct stream_id id)
{
    size_t low = 0, high = model->ever_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (stream_id_compare(model->ever[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* It is known at the end, and at the front while nothing behind that was deleted. */
static void compare_count_up_to(struct model *model, struct stream_id id)
{
    int64_t expected = STREAM_READ_UNKNOWN;
    bool has_entries = model->count > 0;
    struct stream_id first = has_entries ? model->entries[0].id : model->last_id;
    if (model->ever_count == 0 || id_equals(id, model->last_id) ||
        (!has_entries && stream_id_compare(id, model->last_id) < 0))
        expected = (int64_t)model->ever_count;
    else if (has_entries && stream_id_compare(id, first) <= 0 &&
             stream_id_compare(model->max_deleted_id, first) < 0)
        expected = (int64_t)count_ever_below(model, first) + id_equals(id, first);
    assert_int_equal(stream_count_up_to(model->stream, id), expected);
}

static void ask(struct model *model)
{
    struct stream_id start = draw_id(model), end = draw_id(model);
    size_t index;
    assert_int_equal(stream_has(model->stream, start), find(model, start, &index));
    compare_range(model, model->stream, start, end, toss(model), LOOKED_AT_MAX);
    compare_count_up_to(model, start);
    bool deleted = model->count > 0 && !stream_id_is_zero(model->max_deleted_id) &&
                   stream_id_compare(start, model->max_deleted_id) <= 0 &&
                   stream_id_compare(model->max_deleted_id, end) <= 0;
    assert_int_equal(stream_range_has_deleted(model->stream, start, end), deleted);
}

static void walk(struct model *model)
{
    if (!model->record.is_walking)
        (void)stream_walk_begin(&model->record, model->stream);
    else if (draw(model, 40) > 0)
        list_walk_record_step(&model->record, &stream_kind, model->stream);
    else
        list_walk_record_end(&model->record, &stream_kind, model->stream);
}

static void step(struct model *model)
{
    if (draw(model, 20) == 0)
        walk(model);
    if (draw(model, 100) < model->growth && model->count < ENTRIES_MAX)
        append(model);
    else if (draw(model, 12) == 0)
        trim(model);
    else if (toss(model))
        delete_one(model);
    else
        ask(model);
    compare_head(model, model->stream);
}

/* Blocks of a few entries, of some, and of more than their counts need one byte for. */
static void draw_limits(struct model *model)
{
    static const uint64_t entries_max[] = {1, 2, 5, 20, 100, 300, 0};
    static const uint64_t bytes_max[] = {1, 200, 4096, 40000, 0, 0};
    model->settings.limits.stream_block_entries_max = entries_max[draw(model, 7)];
    model->settings.limits.stream_block_bytes_max = bytes_max[draw(model, 6)];
    model->growth = 20 + draw(model, 70);
}

static void random_changes_leave_what_a_plain_row_has(void **state)
{
    (void)state;
    struct model *model = memory_allocate_zeroed(sizeof *model);
    stream_random_init(&model->random);
    model->settings = (struct value_settings){value_default_limits(), {1, 2}};
    model->stream = stream_create(&model->settings);
    for (int i = 0; i < STEPS; i++) {
        if (i % 500 == 0) {
            draw_limits(model);
            compare_all(model, model->stream);
            compare_copy(model);
        }
        step(model);
    }
    compare_all(model, model->stream);
    list_walk_record_end(&model->record, &stream_kind, model->stream);
    while (!stream_kind.free_some(model->stream))
        ;
    remove_entries(model, 0, model->count);
    memory_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_leave_what_a_plain_row_has),
    };
    return cmocka_run_group_tests_name("values/stream_model", tests, NULL, NULL);
}
