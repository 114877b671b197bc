/* The index of hashes by the next deadline of a field, against a plain array of hashes. */
#include "keyspace/field_expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/draw.h"
#include "values/hash.h"

#define HASHES 200
#define STEPS 10000

static const struct value_settings settings; /* limits of 0: every hash is a table */

/* hashes[i] is at the key "name[i]"; NULL: it is not in the index. */
struct model {
    struct field_expiry *expiry;
    struct hash *hashes[HASHES];
    unsigned names[HASHES];
};

static struct slice name_of(const struct model *model, size_t i, char text[32])
{
    return slice_of(text, (size_t)snprintf(text, 32, "hash:%zu:%u", i, model->names[i]));
}

static struct hash *new_hash(void)
{
    struct hash *hash = hash_create();
    assert_int_equal(hash_set(hash, &settings, SLICE("f"), SLICE("v"), false), HASH_ADDED);
    return hash;
}

static void set_deadline(struct hash *hash, int64_t deadline_ms)
{
    assert_true(hash_set_deadline(hash, &settings, SLICE("f"), deadline_ms));
}

static void update(struct model *model, size_t i)
{
    char text[32];
    field_expiry_update(model->expiry, model->hashes[i], name_of(model, i, text));
}

/* HASHES: no hash that is in the index has this name. */
static size_t number_of(const struct model *model, struct slice name)
{
    size_t i = 0;
    for (; i < HASHES; i++) {
        char text[32];
        if (model->hashes[i] != NULL && slice_equals(name, name_of(model, i, text)))
            break;
    }
    return i;
}

/* What the index says is the earliest of all, and one whose deadline that is. */
static void compare(const struct model *model)
{
    int64_t first_ms = INT64_MAX;
    size_t count = 0;
    for (size_t i = 0; i < HASHES; i++) {
        int64_t deadline_ms =
            model->hashes[i] == NULL ? HASH_NO_DEADLINE : hash_next_deadline_ms(model->hashes[i]);
        if (deadline_ms == HASH_NO_DEADLINE)
            continue;
        count++;
        first_ms = deadline_ms < first_ms ? deadline_ms : first_ms;
    }
    struct slice named;
    assert_int_equal(field_expiry_count(model->expiry), count);
    assert_int_equal(field_expiry_first_ms(model->expiry, &named), first_ms);
    if (count == 0)
        return;
    size_t number = number_of(model, named);
    assert_true(number < HASHES);
    assert_int_equal(hash_next_deadline_ms(model->hashes[number]), first_ms);
}

static void forget(struct model *model, size_t i)
{
    field_expiry_forget(model->expiry, model->hashes[i]);
    assert_null(hash_keeper(model->hashes[i]));
    hash_destroy(model->hashes[i]);
    model->hashes[i] = NULL;
}

static void step(struct model *model, size_t hashes)
{
    size_t i = draw(hashes);
    if (model->hashes[i] == NULL)
        model->hashes[i] = new_hash();
    switch (draw(8)) {
    case 0:
        forget(model, i);
        return;
    case 1:
        set_deadline(model->hashes[i], HASH_NO_DEADLINE);
        break;
    case 2:
        model->names[i]++;
        break;
    default:
        set_deadline(model->hashes[i], 1 + (int64_t)draw(draw(2) == 0 ? 20 : 1000000));
    }
    update(model, i);
}

static void the_first_of_all_deadlines_is_at_hand_whatever_changes(void **state)
{
    (void)state;
    static const size_t hashes[] = {3, 6, HASHES}; /* in a small heap all depend on each */
    draw_begin();
    for (size_t run = 0; run < sizeof hashes / sizeof hashes[0]; run++) {
        struct model model = {.expiry = field_expiry_create()};
        for (int i = 0; i < STEPS; i++) {
            step(&model, hashes[run]);
            compare(&model);
        }
        for (size_t i = 0; i < HASHES; i++)
            if (model.hashes[i] != NULL) {
                forget(&model, i);
                compare(&model);
            }
        field_expiry_destroy(model.expiry);
    }
}

static void hashes_go_in_order_of_their_next_deadline(void **state)
{
    (void)state;
    struct model model = {.expiry = field_expiry_create()};
    for (size_t i = 0; i < HASHES; i++) { /* 77 and 200 have no common divisor */
        model.hashes[i] = new_hash();
        set_deadline(model.hashes[i], 1000 + (int64_t)(i * 77 % HASHES));
        update(&model, i);
    }
    for (int64_t i = 0; i < HASHES; i++) {
        struct slice named;
        assert_int_equal(field_expiry_first_ms(model.expiry, &named), 1000 + i);
        size_t number = number_of(&model, named);
        assert_int_equal(number * 77 % HASHES, i);
        forget(&model, number);
    }
    compare(&model);
    field_expiry_destroy(model.expiry);
}

static void a_hash_without_deadlines_leaves_no_trace(void **state)
{
    (void)state;
    struct model model = {.expiry = field_expiry_create()};
    model.hashes[0] = new_hash();
    update(&model, 0);
    assert_null(hash_keeper(model.hashes[0]));
    compare(&model);
    forget(&model, 0); /* was never there */
    field_expiry_destroy(model.expiry);
}

static void a_key_without_a_name_is_told_apart(void **state)
{
    (void)state;
    struct field_expiry *expiry = field_expiry_create();
    struct hash *hash = new_hash();
    struct slice named;
    set_deadline(hash, 7);
    field_expiry_update(expiry, hash, SLICE("x"));
    field_expiry_update(expiry, hash, SLICE("")); /* RENAME x "" */
    assert_int_equal(field_expiry_first_ms(expiry, &named), 7);
    assert_int_equal(named.length, 0);
    assert_int_equal(field_expiry_count(expiry), 1);
    field_expiry_destroy(expiry); /* with a record in it */
    hash_destroy(hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_all_deadlines_is_at_hand_whatever_changes),
        cmocka_unit_test(hashes_go_in_order_of_their_next_deadline),
        cmocka_unit_test(a_hash_without_deadlines_leaves_no_trace),
        cmocka_unit_test(a_key_without_a_name_is_told_apart),
    };
    return cmocka_run_group_tests_name("keyspace/field_expiry", tests, NULL, NULL);
}
