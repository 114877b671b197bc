/* The walk hands over every entry once, as it was when it began, whatever happens meanwhile. */
#include "keyspace/snapshot_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "values/hash.h"

#define KEYS 3000
#define DATABASES 3

/* Key i is in database i % DATABASES. */
struct fixture {
    struct keyspace *keyspace;
    int taken[KEYS], all_taken;
    char values[KEYS][8]; /* the beginnings of what the walk was given */
    size_t fields;        /* of the hash that was given last */
    int broken_off;
    int let_go, kept;
    bool keeps;
    void *kept_value;
};

static void take(void *context, struct database *database, const struct entry *entry)
{
    struct fixture *fixture = context;
    struct slice key = entry_key(entry);
    int64_t number;
    assert_true(number_parse_int64(key, &number));
    assert_int_equal(database_index(database), number % DATABASES);
    fixture->taken[number]++;
    fixture->all_taken++;
    if (entry->type != TYPE_STRING) {
        fixture->fields = hash_total(entry_collection(entry));
        return;
    }
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value = entry_string(entry, scratch);
    size_t shown = value.length < 7 ? value.length : 7;
    memcpy(fixture->values[number], value.data, shown);
}

static void broken_off(void *context)
{
    ((struct fixture *)context)->broken_off++;
}

static bool keep(void *context, enum value_type type, void *value)
{
    struct fixture *fixture = context;
    assert_int_equal(type, TYPE_HASH);
    fixture->kept++;
    fixture->kept_value = value;
    return fixture->keeps;
}

static void let_go(void *context)
{
    ((struct fixture *)context)->let_go++;
}

static bool begin(struct fixture *fixture)
{
    memset(fixture->taken, 0, sizeof fixture->taken);
    memset(fixture->values, 0, sizeof fixture->values);
    fixture->all_taken = fixture->broken_off = 0;
    struct snapshot_walk_handlers handlers = {fixture, take, broken_off};
    return snapshot_walk_begin(fixture->keyspace, &handlers);
}

static struct database *database_of(struct fixture *fixture, int number)
{
    return keyspace_database(fixture->keyspace, number % DATABASES);
}

static struct key key_of(struct fixture *fixture, int number, char text[16])
{
    struct slice name = slice_of(text, (size_t)snprintf(text, 16, "%d", number));
    return (struct key){name, keyspace_hash(fixture->keyspace, name)};
}

static struct entry *set(struct fixture *fixture, int number, const char *value)
{
    char text[16];
    struct key key = key_of(fixture, number, text);
    return database_set_string(database_of(fixture, number), &key, slice_of_string(value),
                               DEADLINE_CLEAR, 0);
}

static struct entry *set_hash(struct fixture *fixture, int number)
{
    char text[16];
    struct key key = key_of(fixture, number, text);
    struct hash *hash = hash_create();
    assert_int_equal(
        hash_set(hash, keyspace_value_settings(fixture->keyspace), SLICE("f"), SLICE("v"), false),
        HASH_ADDED);
    return database_set_collection(database_of(fixture, number), &key, TYPE_HASH, hash,
                                   ENTRY_NO_DEADLINE);
}

static void add_due_field(struct fixture *fixture, struct hash *hash)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    assert_int_equal(hash_set(hash, settings, SLICE("due"), SLICE("v"), false), HASH_ADDED);
    assert_true(hash_set_deadline(hash, settings, SLICE("due"), 2000));
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct keyspace_hooks hooks = {.context = NULL};
    fixture->keyspace = keyspace_create(DATABASES, &(struct hash_seed){1, 2}, &hooks);
    keyspace_set_time(fixture->keyspace, 1000);
    for (int i = 0; i < KEYS; i++)
        set(fixture, i, "before");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    keyspace_destroy(fixture->keyspace);
    free(fixture);
    return 0;
}

/* Steps until the walk ends; how many. */
static int finish(struct fixture *fixture)
{
    int steps = 1;
    for (; snapshot_walk_step(fixture->keyspace); steps++)
        assert_true(snapshot_walk_goes_on(fixture->keyspace));
    assert_false(snapshot_walk_goes_on(fixture->keyspace));
    assert_false(snapshot_walk_step(fixture->keyspace)); /* nothing happens */
    return steps;
}

static void assert_each_was_taken_once(struct fixture *fixture)
{
    assert_int_equal(fixture->all_taken, KEYS);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(fixture->taken[i], 1);
}

static void every_key_is_taken_once_in_steps_of_tens(void **state)
{
    struct fixture *fixture = *state;
    for (int walk = 0; walk < 3; walk++) { /* the bit that marks what is seen turns */
        assert_true(begin(fixture));
        assert_false(begin(fixture));
        assert_true(snapshot_walk_step(fixture->keyspace));
        assert_in_range(fixture->all_taken, 1, 99);
        assert_true(finish(fixture) > KEYS / 100);
        assert_each_was_taken_once(fixture);
    }
}

static void what_changes_is_taken_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    for (int walk = 0; walk < 2; walk++) {
        for (int i = 0; i < KEYS; i++)
            set(fixture, i, "before");
        assert_true(begin(fixture));
        for (int i = 0, going = 1; i < KEYS; i++) {
            char text[16];
            struct key key = key_of(fixture, i, text);
            if (i % 4 == 0)
                assert_true(database_delete(database_of(fixture, i), &key));
            if (i % 4 <= 1)
                set(fixture, i, "new"); /* in place, or anew */
            if (i % 4 == 2)
                set(fixture, i, "another one than it was before");
            if (i % 10 == 0 && going)
                going = snapshot_walk_step(fixture->keyspace);
        }
        finish(fixture);
        assert_each_was_taken_once(fixture);
        for (int i = 0; i < KEYS; i++)
            assert_string_equal(fixture->values[i], "before");
    }
}

/* Of key 0, whose entry this is, in one of 13 ways. */
static void change_key(struct fixture *fixture, int change, struct entry *entry)
{
    struct database *database = keyspace_database(fixture->keyspace, 0);
    char text[16], other_text[16], *bytes;
    struct key key = key_of(fixture, 0, text), other = key_of(fixture, DATABASES, other_text);
    switch (change) {
    case 0:
        assert_non_null(database_resize_string(database, &key, entry, 10, &bytes));
        break;
    case 1:
        (void)set(fixture, 0, "new");
        break;
    case 2:
        assert_non_null(database_move(database, &key, database, &other));
        break;
    case 3:
        assert_non_null(database_resize_string(database, &key, entry, 7, &bytes));
        break;
    case 4: /* in place */
        assert_ptr_equal(database_set_deadline(database, &key, entry, 88888), entry);
        break;
    case 5:
        assert_non_null(database_set_deadline(database, &key, entry, ENTRY_NO_DEADLINE));
        break;
    case 6:
        assert_non_null(database_set_integer(database, &key, entry, 12));
        break;
    case 7:
        assert_non_null(database_copy(database, &other, database, &key));
        break;
    case 8:
        keyspace_set_time(fixture->keyspace, 99999);
        assert_null(database_find(database, &key));
        break;
    case 9:
        keyspace_set_time(fixture->keyspace, 99999);
        assert_int_equal(keyspace_expire_due(fixture->keyspace, 10), 1);
        break;
    case 10:
        database_changing(database, &key, entry);
        break;
    case 11:
        (void)set_hash(fixture, 0);
        break;
    default: /* one of two fields goes */
        keyspace_set_time(fixture->keyspace, 2000);
        assert_ptr_equal(database_find(database, &key), entry);
        assert_int_equal(fixture->fields, 2);
        assert_int_equal(hash_length(entry_collection(entry)), 1);
    }
}

/* One change after the other, each of a key that was set before the walk began. */
static void every_kind_of_change_hands_over_what_was(void **state)
{
    struct fixture *fixture = *state;
    struct database *database = keyspace_database(fixture->keyspace, 0);
    char text[16];
    static char block[4000];
    memset(block, 'b', sizeof block);
    struct key key = key_of(fixture, 0, text);
    for (int change = 0; change < 13; change++) {
        struct entry *entry = NULL;
        if (change < 3) /* a blob */
            entry = database_set_string(database, &key, slice_of(block, sizeof block), DEADLINE_SET,
                                        99999);
        else if (change < 10)
            entry = database_set_string(database, &key, SLICE("before"), DEADLINE_SET, 99999);
        else
            entry = set_hash(fixture, 0);
        if (change == 12) {
            add_due_field(fixture, entry_collection(entry));
            database_fields_changed(database, &key, entry);
        }
        assert_true(begin(fixture));
        change_key(fixture, change, entry);
        assert_int_equal(fixture->taken[0], 1);
        assert_string_equal(fixture->values[0], change < 3    ? "bbbbbbb"
                                                : change < 10 ? "before"
                                                              : "");
        finish(fixture);
        assert_int_equal(fixture->taken[0], 1);
        keyspace_set_time(fixture->keyspace, 1000);
        set(fixture, 3, "before");
    }
}

static void what_is_new_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    char text[16];
    for (int walk = 0; walk < 2; walk++) {
        for (int i = KEYS / 2; i < KEYS; i++) {
            struct key key = key_of(fixture, i, text);
            (void)database_delete(database_of(fixture, i), &key);
        }
        assert_true(begin(fixture));
        for (int i = KEYS / 2; i < KEYS; i++)
            set(fixture, i, "new");
        for (int i = KEYS / 2; i < KEYS; i++)
            set(fixture, i, "newer");
        finish(fixture);
        assert_int_equal(fixture->all_taken, KEYS / 2);
    }
}

static void changes_of_all_keys_break_the_walk_off(void **state)
{
    struct fixture *fixture = *state;
    for (int how = 0; how < 2; how++) {
        assert_true(begin(fixture));
        for (int step = 0; step < 150; step++) /* beyond the first database */
            assert_true(snapshot_walk_step(fixture->keyspace));
        int taken = fixture->all_taken;
        if (how == 0)
            keyspace_swap(fixture->keyspace, 0, 2);
        else
            assert_int_equal(database_clear(keyspace_database(fixture->keyspace, 1)), KEYS / 3);
        assert_int_equal(fixture->broken_off, 1);
        keyspace_swap(fixture->keyspace, 1, 1); /* told once */
        assert_int_equal(fixture->broken_off, 1);
        finish(fixture);
        assert_int_equal(fixture->all_taken, taken);
        if (how == 0) /* back; no walk, nobody to tell */
            keyspace_swap(fixture->keyspace, 0, 2);
        assert_int_equal(fixture->broken_off, 1);
        assert_true(begin(fixture)); /* whatever the other one had seen */
        finish(fixture);
        assert_int_equal(fixture->all_taken, how == 0 ? KEYS : KEYS - KEYS / 3);
    }
}

static void a_walk_that_is_broken_off_takes_no_more(void **state)
{
    struct fixture *fixture = *state;
    assert_true(begin(fixture));
    assert_true(snapshot_walk_step(fixture->keyspace));
    int taken = fixture->all_taken;
    snapshot_walk_break_off(fixture->keyspace);
    set(fixture, KEYS - 1, "other");
    assert_true(snapshot_walk_goes_on(fixture->keyspace));
    finish(fixture);
    assert_int_equal(fixture->all_taken, taken);
    assert_int_equal(fixture->broken_off, 0); /* who breaks it off knows */
    assert_true(begin(fixture));
    finish(fixture);
    assert_each_was_taken_once(fixture);
}

static void a_collection_that_leaves_goes_to_its_keeper_first(void **state)
{
    struct fixture *fixture = *state;
    struct value_keeper keeper = {fixture, keep, let_go};
    snapshot_walk_set_keeper(fixture->keyspace, &keeper);
    for (int kept = 0; kept < 2; kept++) {
        fixture->keeps = kept != 0;
        set_hash(fixture, 0);
        assert_int_equal(fixture->kept, kept);
        set(fixture, 0, "before");
        assert_int_equal(fixture->kept, kept + 1);
    }
    snapshot_walk_free_value(fixture->keyspace, TYPE_HASH, fixture->kept_value);
    fixture->keeps = false;
    char text[16];
    struct key key = key_of(fixture, 0, text);
    for (int how = 0; how < 3; how++) { /* looked at when it is due, removed then, deleted */
        struct entry *entry = set_hash(fixture, 0);
        (void)database_set_deadline(database_of(fixture, 0), &key, entry, 2000);
        keyspace_set_time(fixture->keyspace, how < 2 ? 2000 : 1000);
        if (how == 1)
            assert_int_equal(keyspace_expire_due(fixture->keyspace, 10), 1);
        else
            assert_int_equal(database_delete(database_of(fixture, 0), &key), how == 2);
        assert_int_equal(fixture->kept, 3 + how);
        keyspace_set_time(fixture->keyspace, 1000);
    }
    struct entry *entry = set_hash(fixture, 0); /* gone with its last field */
    struct hash *hash = entry_collection(entry);
    assert_true(
        hash_set_deadline(hash, keyspace_value_settings(fixture->keyspace), SLICE("f"), 2000));
    database_fields_changed(database_of(fixture, 0), &key, entry);
    keyspace_set_time(fixture->keyspace, 2000);
    assert_null(database_find(database_of(fixture, 0), &key));
    assert_int_equal(fixture->kept, 6);
    set_hash(fixture, 0); /* gone when another is renamed */
    char other_text[16];
    struct key other = key_of(fixture, DATABASES, other_text);
    assert_non_null(database_move(database_of(fixture, 0), &other, database_of(fixture, 0), &key));
    assert_int_equal(fixture->kept, 7);
    assert_int_equal(fixture->let_go, 0);
    keyspace_swap(fixture->keyspace, 0, 1);
    assert_int_equal(fixture->let_go, 1);
    snapshot_walk_set_keeper(fixture->keyspace, NULL);
    keyspace_swap(fixture->keyspace, 0, 1);
    set_hash(fixture, 0);
    set(fixture, 0, "before");
    assert_int_equal(fixture->let_go, 1);
    assert_int_equal(fixture->kept, 7);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_is_taken_once_in_steps_of_tens),
        TEST(what_changes_is_taken_as_it_was),
        TEST(every_kind_of_change_hands_over_what_was),
        TEST(what_is_new_is_not_taken),
        TEST(changes_of_all_keys_break_the_walk_off),
        TEST(a_walk_that_is_broken_off_takes_no_more),
        TEST(a_collection_that_leaves_goes_to_its_keeper_first),
    };
    return cmocka_run_group_tests_name("keyspace/snapshot_walk", tests, NULL, NULL);
}
