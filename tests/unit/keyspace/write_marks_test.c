#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/write_marks.h"

static int set_up(void **state)
{
    struct hash_seed seed = {1, 2};
    struct keyspace_hooks hooks = {.context = NULL};
    struct keyspace *keyspace = keyspace_create(2, &seed, &hooks);
    keyspace_set_time(keyspace, 1000);
    keyspace_track_writes(keyspace, true);
    *state = keyspace;
    return 0;
}

static int tear_down(void **state)
{
    keyspace_destroy(*state);
    return 0;
}

static struct key key_of(struct keyspace *keyspace, const char *name)
{
    struct slice text = slice_of_string(name);
    return (struct key){text, keyspace_hash(keyspace, text)};
}

static void set(struct keyspace *keyspace, const char *name, uint64_t mark)
{
    struct key key = key_of(keyspace, name);
    keyspace_set_write_mark(keyspace, mark);
    assert_non_null(
        database_set_string(keyspace_database(keyspace, 0), &key, SLICE("x"), DEADLINE_CLEAR, 0));
    (void)keyspace_take_read_mark(keyspace);
}

/* What a read of this key alone has to wait for. */
static uint64_t mark_of_reading(struct keyspace *keyspace, const char *name)
{
    struct key key = key_of(keyspace, name);
    (void)keyspace_take_read_mark(keyspace);
    (void)database_read(keyspace_database(keyspace, 0), &key, true);
    return keyspace_take_read_mark(keyspace);
}

static void a_read_waits_for_the_last_write_of_its_key(void **state)
{
    set(*state, "a", 5);
    set(*state, "b", 7);
    assert_int_equal(mark_of_reading(*state, "a"), 5);
    assert_int_equal(mark_of_reading(*state, "b"), 7);
    set(*state, "a", 9);
    assert_int_equal(mark_of_reading(*state, "a"), 9);
    assert_int_equal(keyspace_last_write_mark(*state), 9);
}

static void a_key_that_was_never_written_waits_for_nothing(void **state)
{
    set(*state, "a", 5);
    assert_int_equal(mark_of_reading(*state, "other"), 0);
}

static void a_read_of_several_keys_waits_for_the_latest(void **state)
{
    struct keyspace *keyspace = *state;
    set(keyspace, "a", 5);
    set(keyspace, "b", 7);
    set(keyspace, "c", 6);
    (void)keyspace_take_read_mark(keyspace);
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        struct key key = key_of(keyspace, names[i]);
        (void)database_read(keyspace_database(keyspace, 0), &key, true);
    }
    assert_int_equal(keyspace_take_read_mark(keyspace), 7);
    assert_int_equal(keyspace_take_read_mark(keyspace), 0); /* taken */
}

static void that_a_key_is_gone_is_waited_for(void **state)
{
    struct keyspace *keyspace = *state;
    struct key key = key_of(keyspace, "a");
    set(keyspace, "a", 5);
    keyspace_set_write_mark(keyspace, 8);
    assert_true(database_delete(keyspace_database(keyspace, 0), &key));
    assert_int_equal(mark_of_reading(keyspace, "a"), 8);
}

static void a_changed_deadline_is_a_change(void **state)
{
    struct keyspace *keyspace = *state;
    struct key key = key_of(keyspace, "a");
    struct database *database = keyspace_database(keyspace, 0);
    set(keyspace, "a", 5);
    keyspace_set_write_mark(keyspace, 6);
    struct entry *entry =
        database_set_deadline(database, &key, database_find(database, &key), 999999);
    assert_int_equal(mark_of_reading(keyspace, "a"), 6);
    keyspace_set_write_mark(keyspace, 7);
    (void)database_set_deadline(database, &key, entry, 888888); /* in place */
    assert_int_equal(mark_of_reading(keyspace, "a"), 7);
}

static void a_value_that_grows_in_place_is_a_change(void **state)
{
    struct keyspace *keyspace = *state;
    struct key key = key_of(keyspace, "a");
    struct database *database = keyspace_database(keyspace, 0);
    set(keyspace, "a", 5);
    for (uint64_t mark = 6; mark < 9; mark++) { /* in the entry, to a block, in the block */
        char *bytes;
        keyspace_set_write_mark(keyspace, mark);
        assert_non_null(database_resize_string(database, &key, database_find(database, &key),
                                               mark == 6 ? 2 : 1000 * mark, &bytes));
        assert_int_equal(mark_of_reading(keyspace, "a"), mark);
    }
}

static void a_key_that_expires_is_changed(void **state)
{
    struct keyspace *keyspace = *state;
    struct key key = key_of(keyspace, "a");
    struct database *database = keyspace_database(keyspace, 0);
    for (uint64_t mark = 5; mark < 9; mark += 2) { /* found when it is due, or looked for */
        keyspace_set_time(keyspace, 1000);
        keyspace_set_write_mark(keyspace, mark);
        assert_non_null(database_set_string(database, &key, SLICE("x"), DEADLINE_SET, 2000));
        keyspace_set_write_mark(keyspace, mark + 1);
        keyspace_set_time(keyspace, 2000);
        if (mark == 5)
            assert_int_equal(keyspace_expire_due(keyspace, 10), 1);
        else
            assert_null(database_find(database, &key));
        assert_int_equal(mark_of_reading(keyspace, "a"), mark + 1);
    }
}

static void both_names_of_a_rename_are_marked(void **state)
{
    struct keyspace *keyspace = *state;
    struct database *database = keyspace_database(keyspace, 0);
    struct key from = key_of(keyspace, "from"), to = key_of(keyspace, "to");
    set(keyspace, "from", 3);
    keyspace_set_write_mark(keyspace, 4);
    assert_non_null(database_move(database, &from, database, &to));
    assert_int_equal(mark_of_reading(keyspace, "from"), 4);
    assert_int_equal(mark_of_reading(keyspace, "to"), 4);
}

static void flushing_and_swapping_concern_every_key(void **state)
{
    struct keyspace *keyspace = *state;
    set(keyspace, "a", 3);
    keyspace_set_write_mark(keyspace, 5);
    database_clear(keyspace_database(keyspace, 0));
    assert_int_equal(mark_of_reading(keyspace, "never written"), 5);
    keyspace_set_write_mark(keyspace, 6);
    keyspace_swap(keyspace, 0, 1);
    assert_int_equal(mark_of_reading(keyspace, "never written"), 6);
}

static void what_is_not_tracked_is_not_waited_for(void **state)
{
    struct keyspace *keyspace = *state;
    set(keyspace, "a", 5);
    keyspace_track_writes(keyspace, true); /* as it is */
    assert_int_equal(mark_of_reading(keyspace, "a"), 5);
    (void)database_clear(keyspace_database(keyspace, 0));
    keyspace_track_writes(keyspace, false);
    assert_int_equal(mark_of_reading(keyspace, "a"), 0);
    assert_int_equal(keyspace_last_write_mark(keyspace), 0);
    keyspace_track_writes(keyspace, true); /* another log: what was is durable or not its own */
    assert_int_equal(mark_of_reading(keyspace, "a"), 0);
}

static void keys_of_one_slot_share_the_later_mark(void **state)
{
    (void)state;
    uint64_t slots[WRITE_MARKS_SLOTS] = {0};
    struct write_marks marks = {.slots = slots, .mark = 4};
    write_marks_changed(&marks, 17);
    marks.mark = 6;
    write_marks_changed(&marks, 17 + WRITE_MARKS_SLOTS);
    write_marks_looked_up(&marks, 17);
    assert_int_equal(marks.read, 6); /* waits longer than it had to: never shorter */
    marks.read = 0;
    write_marks_looked_up(&marks, 18);
    assert_int_equal(marks.read, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_read_waits_for_the_last_write_of_its_key),
        TEST(a_key_that_was_never_written_waits_for_nothing),
        TEST(a_read_of_several_keys_waits_for_the_latest),
        TEST(that_a_key_is_gone_is_waited_for),
        TEST(a_changed_deadline_is_a_change),
        TEST(a_value_that_grows_in_place_is_a_change),
        TEST(a_key_that_expires_is_changed),
        TEST(both_names_of_a_rename_are_marked),
        TEST(flushing_and_swapping_concern_every_key),
        TEST(what_is_not_tracked_is_not_waited_for),
        cmocka_unit_test(keys_of_one_slot_share_the_later_mark),
    };
    return cmocka_run_group_tests_name("keyspace/write_marks", tests, NULL, NULL);
}
