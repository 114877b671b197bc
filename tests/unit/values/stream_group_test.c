/* Groups of streams: their edges by name, then random changes against plain rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/stream_random.h"
#include "values/stream.h"

#define STEPS 60000
#define GROUPS 4
#define CONSUMERS 6
#define IDS 400
#define MUCH 50000

static struct stream *new_stream(void)
{
    struct value_settings settings = {.limits = value_default_limits(), .seed = {1, 2}};
    return stream_create(&settings);
}

static struct stream_id id_of(uint64_t number)
{
    return (struct stream_id){number / 7, number % 7};
}

/* Names of which some begin others. */
static struct slice name_of(size_t number)
{
    static const char names[] = "aaaaaaaa";
    return number % 2 == 0 ? slice_of(names, number / 2) : slice_of("b\0cdefgh", number / 2 + 1);
}

static void set(struct stream_group *group, struct stream_consumer *consumer, uint64_t number,
                int64_t delivered_ms, uint64_t deliveries)
{
    struct pending pending = {consumer, delivered_ms, deliveries};
    stream_set_pending(group, id_of(number), &pending);
}

static void groups_and_consumers_stand_by_name(void **state)
{
    (void)state;
    struct stream *stream = new_stream();
    for (size_t i = 0; i < 10; i++) {
        size_t number = i * 7 % 10;
        assert_null(stream_find_group(stream, name_of(number)));
        struct stream_group *group =
            stream_add_group(stream, name_of(number), id_of(number), (int64_t)number);
        assert_ptr_equal(stream_find_group(stream, name_of(number)), group);
        struct stream_group *first = stream->groups[0];
        struct stream_consumer *consumer = stream_add_consumer(first, name_of(number), 5);
        assert_ptr_equal(stream_find_consumer(first, name_of(number)), consumer);
        assert_int_equal(consumer->seen_ms, 5);
        assert_int_equal(consumer->active_ms, -1);
        stream_remove_consumer(first, consumer);
    }
    for (size_t i = 1; i < stream->group_count; i++) {
        struct slice before = stream->groups[i - 1]->name, name = stream->groups[i]->name;
        size_t length = before.length < name.length ? before.length : name.length;
        int order = memcmp(before.data, name.data, length);
        assert_true(order < 0 || (order == 0 && before.length < name.length));
    }
    for (size_t i = 0; i < 10; i++)
        stream_remove_group(stream, stream_find_group(stream, name_of(i)));
    assert_int_equal(stream->group_count, 0);
    stream_destroy(stream);
}

static struct stream *stream_with_group(struct stream_consumer **one,
                                        struct stream_consumer **other)
{
    struct stream *stream = new_stream();
    struct stream_group *group = stream_add_group(stream, SLICE("group"), STREAM_ID_MIN, 0);
    *one = stream_add_consumer(group, SLICE("one"), 1);
    *other = stream_add_consumer(group, SLICE("other"), 1);
    return stream;
}

static void an_entry_is_pending_for_one_consumer(void **state)
{
    (void)state;
    struct stream_consumer *one, *other;
    struct stream *stream = stream_with_group(&one, &other);
    struct stream_group *group = stream->groups[0];
    set(group, one, 10, 100, 1);
    set(group, one, 11, 100, 1);
    set(group, other, 10, 200, 2);
    stream_check(stream);
    assert_int_equal(one->pending.count, 1);
    assert_int_equal(other->pending.count, 1);
    struct pending pending;
    assert_true(pending_list_find(&group->pending, id_of(10), &pending));
    assert_ptr_equal(pending.consumer, other);
    assert_int_equal(pending.delivered_ms, 200);
    assert_int_equal(pending.deliveries, 2);
    assert_true(stream_remove_pending(group, id_of(10)));
    assert_false(stream_remove_pending(group, id_of(10)));
    assert_int_equal(other->pending.count, 0);
    stream_check(stream);
    stream_destroy(stream);
}

static void a_consumer_takes_its_pending_entries_along(void **state)
{
    (void)state;
    struct stream_consumer *one, *other;
    struct stream *stream = stream_with_group(&one, &other);
    struct stream_group *group = stream->groups[0];
    for (uint64_t i = 0; i < 1000; i++)
        set(group, i % 3 == 0 ? other : one, i, 5, 1);
    stream_remove_consumer(group, one);
    stream_check(stream);
    assert_int_equal(pending_list_count(&group->pending), 334);
    assert_int_equal(other->pending.count, 334);
    assert_null(stream_find_consumer(group, SLICE("one")));
    stream_destroy(stream);
}

static void a_group_with_much_pending_is_freed_in_steps(void **state)
{
    (void)state;
    struct stream *stream = new_stream();
    struct stream_group *group = stream_add_group(stream, SLICE("g"), id_of(0), 0);
    struct stream_consumer *consumers[] = {stream_add_consumer(group, SLICE("a"), 1),
                                           stream_add_consumer(group, SLICE("b"), 1)};
    for (uint64_t i = 0; i < MUCH; i++)
        set(group, consumers[i % 2], i, 1, 1);
    size_t steps = 1;
    while (!stream_kind.free_some(stream))
        steps++;
    assert_true(steps > MUCH / VALUE_FREE_STEP);
}

/* --- against a model --- */

struct model_pending {
    size_t consumer;
    int64_t delivered_ms;
    uint64_t deliveries; /* 0: not pending */
};

struct model_group {
    bool there;
    struct stream_id last_id;
    int64_t entries_read;
    bool consumers[CONSUMERS];
    int64_t seen_ms[CONSUMERS], active_ms[CONSUMERS];
    struct model_pending pending[IDS];
};

struct model {
    struct stream_random random;
    struct stream *stream;
    struct model_group groups[GROUPS];
};

static size_t draw(struct model *model, size_t below)
{
    return (size_t)stream_random_draw(&model->random, below);
}

/* The IDs of a tree from `from` on are those that are pending, of this consumer or (CONSUMERS) of
 * any. */
static void compare_order(const struct model_group *expected, const struct ordered_tree *order,
                          size_t consumer, size_t from)
{
    struct ordered_cursor cursor = pending_list_seek(order, id_of(from));
    for (size_t i = from; i < IDS; i++) {
        const struct model_pending *pending = &expected->pending[i];
        if (pending->deliveries == 0 || (consumer < CONSUMERS && pending->consumer != consumer))
            continue;
        assert_non_null(cursor.leaf);
        assert_int_equal(stream_id_compare(pending_list_id(&cursor), id_of(i)), 0);
        ordered_cursor_next(&cursor);
    }
    assert_null(cursor.leaf);
}

static void compare_pending(const struct stream_group *group, const struct model_group *expected,
                            size_t i)
{
    struct pending pending;
    bool found = pending_list_find(&group->pending, id_of(i), &pending);
    assert_int_equal(found, expected->pending[i].deliveries > 0);
    if (!found)
        return;
    assert_true(slice_equals(pending.consumer->name, name_of(expected->pending[i].consumer)));
    assert_int_equal(pending.delivered_ms, expected->pending[i].delivered_ms);
    assert_int_equal(pending.deliveries, expected->pending[i].deliveries);
}

static void compare_group(const struct stream_group *group, const struct model_group *expected)
{
    size_t consumers = 0;
    assert_int_equal(stream_id_compare(group->last_id, expected->last_id), 0);
    assert_int_equal(group->entries_read, expected->entries_read);
    compare_order(expected, &group->pending.order, CONSUMERS, 0);
    for (size_t i = 0; i < IDS; i++)
        compare_pending(group, expected, i);
    for (size_t i = 0; i < CONSUMERS; i++) {
        const struct stream_consumer *consumer = stream_find_consumer(group, name_of(i));
        assert_int_equal(consumer != NULL, expected->consumers[i]);
        if (consumer == NULL)
            continue;
        consumers++;
        assert_int_equal(consumer->seen_ms, expected->seen_ms[i]);
        assert_int_equal(consumer->active_ms, expected->active_ms[i]);
        compare_order(expected, &consumer->pending, i, 0);
    }
    assert_int_equal(group->consumer_count, consumers);
}

static void compare(const struct model *model, struct stream *stream)
{
    size_t groups = 0;
    stream_check(stream);
    for (size_t i = 0; i < GROUPS; i++) {
        const struct stream_group *group = stream_find_group(stream, name_of(i));
        assert_int_equal(group != NULL, model->groups[i].there);
        if (group == NULL)
            continue;
        groups++;
        compare_group(group, &model->groups[i]);
    }
    assert_int_equal(stream->group_count, groups);
}

static void compare_copy(const struct model *model)
{
    struct stream *copy = stream_kind.copy(model->stream);
    compare(model, copy);
    assert_true(stream_kind.memory(copy, 0) >= sizeof *copy);
    while (!stream_kind.free_some(copy))
        ;
}

/* A group comes, goes, or reads on. */
static void change_group(struct model *model, struct stream_group *group, size_t number)
{
    struct model_group *expected = &model->groups[number];
    struct stream_id last_id = id_of(draw(model, IDS));
    int64_t entries_read = (int64_t)draw(model, 100) + STREAM_READ_UNKNOWN;
    if (group == NULL) {
        group = stream_add_group(model->stream, name_of(number), last_id, entries_read);
        *expected = (struct model_group){.there = true};
    } else if (draw(model, 40) == 0) {
        stream_remove_group(model->stream, group);
        expected->there = false;
        return;
    }
    group->last_id = expected->last_id = last_id;
    group->entries_read = expected->entries_read = entries_read;
}

static void change_consumer(struct model *model, struct stream_group *group,
                            struct model_group *expected, size_t number)
{
    struct stream_consumer *consumer = stream_find_consumer(group, name_of(number));
    int64_t now_ms = (int64_t)draw(model, 1000);
    assert_int_equal(consumer != NULL, expected->consumers[number]);
    if (consumer == NULL) {
        (void)stream_add_consumer(group, name_of(number), now_ms);
        expected->consumers[number] = true;
        expected->seen_ms[number] = now_ms;
        expected->active_ms[number] = -1;
    } else if (draw(model, 20) == 0) {
        stream_remove_consumer(group, consumer);
        expected->consumers[number] = false;
        for (size_t i = 0; i < IDS; i++)
            if (expected->pending[i].consumer == number)
                expected->pending[i].deliveries = 0;
    } else {
        consumer->seen_ms = expected->seen_ms[number] = now_ms;
        consumer->active_ms = expected->active_ms[number] = now_ms - 1;
    }
}

/* An entry is delivered, claimed or acknowledged. */
static void change_pending(struct model *model, struct stream_group *group,
                           struct model_group *expected, size_t number)
{
    size_t id = draw(model, IDS);
    struct stream_consumer *consumer = stream_find_consumer(group, name_of(number));
    struct model_pending *pending = &expected->pending[id];
    if (consumer != NULL && draw(model, 5) > 1) {
        *pending = (struct model_pending){number, (int64_t)draw(model, 1000), 1 + draw(model, 9)};
        set(group, consumer, id, pending->delivered_ms, pending->deliveries);
    } else {
        assert_int_equal(stream_remove_pending(group, id_of(id)), pending->deliveries > 0);
        pending->deliveries = 0;
    }
    compare_pending(group, expected, id);
}

static void step(struct model *model)
{
    size_t number = draw(model, GROUPS), consumer = draw(model, CONSUMERS);
    struct model_group *expected = &model->groups[number];
    struct stream_group *group = stream_find_group(model->stream, name_of(number));
    assert_int_equal(group != NULL, expected->there);
    if (group == NULL || draw(model, 100) == 0)
        change_group(model, group, number);
    else if (draw(model, 40) == 0)
        change_consumer(model, group, expected, consumer);
    else if (draw(model, 100) > 0)
        change_pending(model, group, expected, consumer);
    else
        compare_order(expected, &group->pending.order, CONSUMERS, draw(model, IDS));
}

static void random_changes_leave_what_plain_rows_have(void **state)
{
    (void)state;
    struct model *model = memory_allocate_zeroed(sizeof *model);
    stream_random_init(&model->random);
    model->stream = new_stream();
    for (int i = 0; i < STEPS; i++) {
        if (i % 500 == 0) {
            compare(model, model->stream);
            compare_copy(model);
        }
        step(model);
    }
    compare(model, model->stream);
    while (!stream_kind.free_some(model->stream))
        ;
    memory_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_and_consumers_stand_by_name),
        cmocka_unit_test(an_entry_is_pending_for_one_consumer),
        cmocka_unit_test(a_consumer_takes_its_pending_entries_along),
        cmocka_unit_test(a_group_with_much_pending_is_freed_in_steps),
        cmocka_unit_test(random_changes_leave_what_plain_rows_have),
    };
    return cmocka_run_group_tests_name("values/stream_group", tests, NULL, NULL);
}
