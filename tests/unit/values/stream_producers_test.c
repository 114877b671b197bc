/* What producers lately added, against a plain row of messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "values/stream_producers.h"

#define SECONDS 10
#define RECORDS_MAX 5
#define STEPS 60000
#define PRODUCERS 7
#define MESSAGES 12
#define MODEL_MAX (PRODUCERS * RECORDS_MAX)

static const struct hash_seed seed = {1, 2};

static bool finds(struct stream_producers *producers, const char *producer, const char *message,
                  int64_t now_ms, struct stream_id *id)
{
    return stream_producers_find(producers, slice_of_string(producer), slice_of_string(message),
                                 now_ms, id);
}

static void record(struct stream_producers *producers, const char *producer, const char *message,
                   struct stream_id id)
{
    assert_true(stream_producers_record(producers, slice_of_string(producer),
                                        slice_of_string(message), id, (int64_t)id.ms));
}

static void a_message_is_known_by_its_producer_and_name(void **state)
{
    struct stream_producers *producers = stream_producers_create(&seed, SECONDS, RECORDS_MAX);
    struct stream_id id;
    (void)state;
    record(producers, "ab", "c", (struct stream_id){1000, 7});
    assert_true(finds(producers, "ab", "c", 1000, &id));
    assert_int_equal(id.ms, 1000);
    assert_int_equal(id.sequence, 7);
    assert_false(finds(producers, "a", "bc", 1000, &id));
    assert_false(finds(producers, "", "abc", 1000, &id));
    record(producers, "", "", (struct stream_id){1001, 0});
    assert_true(finds(producers, "", "", 1001, &id));
    stream_producers_check(producers);
    stream_producers_destroy(producers);
}

static void a_message_is_forgotten_when_it_is_too_old(void **state)
{
    struct stream_producers *producers = stream_producers_create(&seed, SECONDS, RECORDS_MAX);
    struct stream_id id;
    (void)state;
    record(producers, "p", "m", (struct stream_id){1000, 0});
    assert_true(finds(producers, "p", "m", 10999, &id));
    assert_false(finds(producers, "p", "m", 11000, &id));
    record(producers, "q", "m", (struct stream_id){11000, 0});
    assert_int_equal(stream_producers_messages(producers), 1);
    assert_int_equal(stream_producers_count(producers), 1);
    stream_producers_clear(producers);
    assert_false(finds(producers, "q", "m", 11000, &id));
    stream_producers_check(producers);
    stream_producers_destroy(producers);
}

/* --- against a model --- */

struct known {
    int producer, message;
    struct stream_id id;
};

/* The oldest first. */
struct model {
    struct known row[MODEL_MAX];
    size_t count;
};

static void drop(struct model *model, size_t at)
{
    for (model->count--; at < model->count; at++)
        model->row[at] = model->row[at + 1];
}

static bool is_old(struct stream_id id, int64_t now_ms)
{
    return (int64_t)id.ms + (int64_t)SECONDS * 1000 <= now_ms;
}

static const struct known *find_known(const struct model *model, int producer, int message)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->row[i].producer == producer && model->row[i].message == message)
            return &model->row[i];
    return NULL;
}

static void know(struct model *model, const struct known *new)
{
    size_t of_producer = 0, first = MODEL_MAX;
    for (size_t i = model->count; i-- > 0;)
        if (is_old(model->row[i].id, (int64_t) new->id.ms) ||
            (model->row[i].producer == new->producer && model->row[i].message == new->message))
            drop(model, i);
    for (size_t i = model->count; i-- > 0;)
        if (model->row[i].producer == new->producer) {
            first = i;
            of_producer++;
        }
    if (of_producer == RECORDS_MAX)
        drop(model, first);
    model->row[model->count++] = *new;
}

static void compare(struct stream_producers *producers, const struct model *model)
{
    struct ordered_cursor at = ordered_tree_seek(&producers->by_time, 0);
    stream_producers_check(producers);
    assert_int_equal(stream_producers_messages(producers), model->count);
    for (size_t i = 0; i < model->count; i++, ordered_cursor_next(&at)) {
        struct slice producer, message;
        struct stream_id id;
        char text[2][16];
        stream_producers_get(&at, &producer, &message, &id);
        snprintf(text[0], sizeof text[0], "p%d", model->row[i].producer);
        snprintf(text[1], sizeof text[1], "m%d", model->row[i].message);
        assert_true(slice_equals(producer, slice_of_string(text[0])));
        assert_true(slice_equals(message, slice_of_string(text[1])));
        assert_int_equal(stream_id_compare(id, model->row[i].id), 0);
    }
    assert_null(at.leaf);
}

static void random_messages_are_known_as_a_plain_row_knows_them(void **state)
{
    const char *given = getenv("SEED");
    uint64_t random = given != NULL ? strtoull(given, NULL, 10) : 20261125;
    struct stream_producers *producers = stream_producers_create(&seed, SECONDS, RECORDS_MAX);
    struct model model = {.count = 0};
    struct stream_id id = {1000000, 0};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)random);
    for (int step = 0; step < STEPS; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        struct known new = {
            (int)((random >> 33) % PRODUCERS), (int)((random >> 40) % MESSAGES), {0, 0}};
        char text[2][16];
        struct stream_id found;
        id.ms += (random >> 48) % 400;
        id.sequence++;
        new.id = id;
        snprintf(text[0], sizeof text[0], "p%d", new.producer);
        snprintf(text[1], sizeof text[1], "m%d", new.message);
        const struct known *known = find_known(&model, new.producer, new.message);
        bool expected = known != NULL && !is_old(known->id, (int64_t)id.ms);
        assert_int_equal(finds(producers, text[0], text[1], (int64_t)id.ms, &found), expected);
        if (expected)
            assert_int_equal(stream_id_compare(found, known->id), 0);
        if (expected && random % 4 != 0)
            continue;
        record(producers, text[0], text[1], id);
        know(&model, &new);
        if (step % 97 == 0)
            compare(producers, &model);
    }
    compare(producers, &model);
    struct stream_producers *copy = stream_producers_copy(producers);
    compare(copy, &model);
    stream_producers_destroy(producers);
    compare(copy, &model);
    while (!stream_producers_free_some(copy))
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_known_by_its_producer_and_name),
        cmocka_unit_test(a_message_is_forgotten_when_it_is_too_old),
        cmocka_unit_test(random_messages_are_known_as_a_plain_row_knows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
