/* A snapshot is the keyspace of one moment, whatever changes while it is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_walk.h"
#include "persist/snapshot.h"
#include "support/memory_balance.h"
#include "support/snapshot_fixture.h"
#include "support/worker_hold.h"
#include "system/clock.h"
#include "system/disk.h"
#include "system/event_loop.h"
#include "system/worker.h"

#define STEP_KEYS_MAX                                                                              \
    20 /* a step of the walk takes those at home in a bucket, half as many mostly */

static void large_strings_are_saved_as_they_were(void **state)
{
    struct snapshot_fixture *fixture = *state;
    char *plain = malloc(SNAPSHOT_FIXTURE_LARGE), *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    for (int compress = 0; compress < 2; compress++) {
        fixture->done = 0;
        snapshot_fixture_set(fixture->keyspace, "plain", snapshot_fixture_large(plain, 0));
        snapshot_fixture_set(fixture->keyspace, "noise", snapshot_fixture_large(noise, 12345));
        snapshot_fixture_set(fixture->keyspace, "changed", slice_of(noise, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_set(fixture->keyspace, "replaced",
                             slice_of(plain, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_set(fixture->keyspace, "deleted", slice_of(noise, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_set(fixture->keyspace, "small", SLICE("before"));
        struct snapshot *snapshot = snapshot_fixture_begin(fixture, compress != 0);

        char *bytes;
        struct database *database = keyspace_database(fixture->keyspace, 0);
        struct key key = snapshot_fixture_key(fixture->keyspace, "changed");
        assert_non_null(database_resize_string(database, &key, database_find(database, &key),
                                               SNAPSHOT_FIXTURE_LARGE + 5, &bytes));
        memset(bytes, 'z', SNAPSHOT_FIXTURE_LARGE + 5);
        snapshot_fixture_set(fixture->keyspace, "replaced", SLICE("new"));
        key = snapshot_fixture_key(fixture->keyspace, "deleted");
        assert_true(database_delete(database, &key));
        snapshot_fixture_set(fixture->keyspace, "small", SLICE("after"));
        snapshot_fixture_set(fixture->keyspace, "born later",
                             slice_of(plain, SNAPSHOT_FIXTURE_LARGE));

        snapshot_finish(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, 0);
        assert_int_equal(snapshot_backlog(snapshot), 0);
        snapshot_destroy(snapshot);

        struct stat status;
        assert_int_equal(stat(fixture->path, &status), 0);
        assert_in_range(status.st_size, (compress ? 3 : 5) * SNAPSHOT_FIXTURE_LARGE,
                        (compress ? 4 : 6) * SNAPSHOT_FIXTURE_LARGE);
        struct keyspace *loaded = snapshot_fixture_load(fixture);
        assert_int_equal(database_size(keyspace_database(loaded, 0)), 6);
        snapshot_fixture_assert_holds(loaded, "plain", slice_of(plain, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_assert_holds(loaded, "noise", slice_of(noise, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_assert_holds(loaded, "changed", slice_of(noise, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_assert_holds(loaded, "replaced", slice_of(plain, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_assert_holds(loaded, "deleted", slice_of(noise, SNAPSHOT_FIXTURE_LARGE));
        snapshot_fixture_assert_holds(loaded, "small", SLICE("before"));
        keyspace_destroy(loaded);
        database_clear(database);
    }
    free(plain);
    free(noise);
}

static void a_snapshot_that_is_given_up_lets_go_of_large_strings(void **state)
{
    struct snapshot_fixture *fixture = *state;
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct worker_hold hold;
    snapshot_fixture_set(fixture->keyspace, "noise", snapshot_fixture_large(noise, 0));
    worker_hold_begin(&hold, fixture->worker);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, true);
    snapshot_take_slice(snapshot); /* has taken it; the worker is to make it smaller */
    assert_in_range(snapshot_backlog(snapshot), SNAPSHOT_FIXTURE_LARGE,
                    SNAPSHOT_FIXTURE_LARGE + 1000);
    worker_hold_end(&hold);
    snapshot_destroy(snapshot);
    struct key key = snapshot_fixture_key(fixture->keyspace, "noise");
    struct database *database = keyspace_database(fixture->keyspace, 0);
    const char *before = entry_blob(database_find(database, &key)).data;
    char *bytes;
    assert_non_null(database_resize_string(database, &key, database_find(database, &key),
                                           SNAPSHOT_FIXTURE_LARGE, &bytes));
    assert_ptr_equal(bytes, before); /* nobody else has it any more */
    free(noise);
}

static void count(void *context)
{
    ++*(int *)context;
}

#define SLEEP_MAX_MS 10000 /* nobody has asked for a turn */

/* Has nobody asked for a turn, nor does anything else wake the loop for so long? */
static bool sleeps(struct snapshot_fixture *fixture, int64_t for_ms)
{
    struct event_timer timer;
    int expired = 0;
    event_timer_init(&timer, fixture->loop, count, &expired);
    event_timer_start(&timer, for_ms, 0);
    event_loop_run_turn(fixture->loop, -1);
    event_timer_stop(&timer);
    return expired > 0;
}

static void many_keys_are_saved_while_they_change(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { KEYS = 20000 };
    char name[32];
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "key:%d", i);
        snapshot_fixture_set(fixture->keyspace, name, SLICE("before"));
    }
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, true);
    assert_false(sleeps(fixture, SLEEP_MAX_MS)); /* it wants to begin */
    snapshot_take_slice(snapshot);
    if (snapshot_walk_goes_on(fixture->keyspace))
        assert_false(sleeps(fixture, SLEEP_MAX_MS)); /* it wants to go on */
    for (int i = 0; i < KEYS; i += 3) {              /* some are seen already, some are not */
        snprintf(name, sizeof name, "key:%d", i);
        snapshot_fixture_set(fixture->keyspace, name, SLICE("after"));
        if (i % 999 == 0)
            snapshot_take_slice(snapshot);
    }
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), KEYS);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "key:%d", i);
        snapshot_fixture_assert_holds(loaded, name, SLICE("before"));
    }
    keyspace_destroy(loaded);
}

static void a_snapshot_that_is_cancelled_says_so_and_leaves_no_file(void **state)
{
    struct snapshot_fixture *fixture = *state;
    for (int how = 0; how < 2; how++) {
        fixture->done = 0;
        snapshot_fixture_set(fixture->keyspace, "a", SLICE("1"));
        struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
        event_loop_run_turn(fixture->loop, 0);
        if (how == 0)
            snapshot_cancel(snapshot);
        else
            keyspace_swap(fixture->keyspace, 0, 1); /* SWAPDB does it */
        assert_int_equal(fixture->done, 0);
        assert_false(sleeps(fixture, SLEEP_MAX_MS)); /* the turn's end says it */
        snapshot_take_slice(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ECANCELED);
        snapshot_destroy(snapshot);
        snapshot_fixture_end_walk(fixture);
        assert_false(disk_exists(disk_real(), fixture->path));
    }
    snapshot_destroy(NULL);
}

static void there_is_one_snapshot_at_a_time(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct snapshot_settings settings = {.path = fixture->path, .directory = fixture->folder};
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    assert_null(snapshot_begin(fixture->loop, fixture->clock, disk_real(), fixture->keyspace,
                               fixture->worker, &settings, snapshot_fixture_done, fixture));
    assert_int_equal(errno, EBUSY);
    snapshot_destroy(snapshot);
}

static void a_file_may_be_without_a_checksum(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct snapshot_settings settings = {.path = fixture->path, .directory = fixture->folder};
    snapshot_fixture_set(fixture->keyspace, "a", SLICE("1"));
    struct snapshot *snapshot =
        snapshot_begin(fixture->loop, fixture->clock, disk_real(), fixture->keyspace,
                       fixture->worker, &settings, snapshot_fixture_done, fixture);
    snapshot_finish(snapshot);
    snapshot_destroy(snapshot);
    struct buffer file = {0};
    assert_int_equal(disk_read_all(disk_real(), fixture->path, SNAPSHOT_FIXTURE_FILE_MAX, &file),
                     OK);
    assert_memory_equal(file.data + file.length - 9, "\377\0\0\0\0\0\0\0\0", 9);
    buffer_deinit(&file);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    snapshot_fixture_assert_holds(loaded, "a", SLICE("1"));
    keyspace_destroy(loaded);
}

static void a_file_says_first_how_many_keys_its_databases_have(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct key key = snapshot_fixture_key(fixture->keyspace, "with a deadline");
    struct database *second = keyspace_database(fixture->keyspace, 1);
    static const char head[] = "\376\000\373\002\000\376\001\373\001\001";
    snapshot_fixture_set(fixture->keyspace, "a", SLICE("1"));
    snapshot_fixture_set(fixture->keyspace, "b", SLICE("2"));
    assert_non_null(database_set_string(second, &key, SLICE("v"), DEADLINE_SET, 5000));
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    snapshot_finish(snapshot);
    struct snapshot_progress progress;
    snapshot_read_progress(snapshot, &progress);
    snapshot_destroy(snapshot);
    struct buffer file = {0};
    assert_int_equal(disk_read_all(disk_real(), fixture->path, SNAPSHOT_FIXTURE_FILE_MAX, &file),
                     OK);
    const char *at = memmem(file.data, file.length, "aof-base", 8);
    assert_non_null(at);
    at += strlen("aof-base") + 2; /* and a small number */
    assert_memory_equal(at, head, sizeof head - 1);
    assert_int_equal(progress.keys_total, 3);
    assert_int_equal(progress.keys_done, 3);
    assert_int_equal(progress.bytes, file.length - 9); /* all but the end and the checksum */
    buffer_deinit(&file);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 2);
    assert_int_equal(database_size(keyspace_database(loaded, 1)), 1);
    keyspace_destroy(loaded);
}

/* More than may wait for a slow disk: the walk pauses, and then goes on. */
static void a_walk_waits_for_the_disk(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { KEYS = 300 };
    const size_t length = 64 * 1024;
    struct worker_hold hold;
    char name[32], *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct slice value = slice_of(snapshot_fixture_large(noise, 12345).data, length);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "key:%d", i);
        snapshot_fixture_set(fixture->keyspace, name, value);
    }
    worker_hold_begin(&hold, fixture->worker);
    int64_t begin_us = clock_monotonic_us(fixture->clock);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    struct snapshot_progress before, after;
    do {
        snapshot_read_progress(snapshot, &before);
        snapshot_take_slice(snapshot);
        snapshot_read_progress(snapshot, &after);
    } while (after.keys_done > before.keys_done);
    assert_in_range(snapshot_backlog(snapshot), SNAPSHOT_BACKLOG_MAX,
                    SNAPSHOT_BACKLOG_MAX + STEP_KEYS_MAX * length);
    assert_true(after.keys_done < KEYS);
    assert_in_range(after.turn_us_max, 1, clock_monotonic_us(fixture->clock) - begin_us);
    assert_int_equal(after.keys_total, KEYS);
    worker_hold_end(&hold);
    while (fixture->done == 0) {
        snapshot_take_slice(snapshot);
        event_loop_run_turn(fixture->loop, 1000);
    }
    assert_int_equal(fixture->error_number, 0);
    assert_int_equal(snapshot_backlog(snapshot), 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), KEYS);
    snapshot_fixture_assert_holds(loaded, "key:299", value);
    keyspace_destroy(loaded);
    free(noise);
}

/* While it has nothing to do but to wait for the disk, the loop is not to turn without end. */
static void a_snapshot_that_waits_for_the_disk_lets_the_loop_sleep(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { KEYS = 300 };
    char name[32], *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct slice value = slice_of(snapshot_fixture_large(noise, 12345).data, 64 * 1024);
    for (size_t full = 0; full < 2; full++) { /* all has been seen, or there is no room for more */
        struct worker_hold hold;
        for (size_t i = 0; i < KEYS * full; i++) {
            snprintf(name, sizeof name, "key:%zu", i);
            snapshot_fixture_set(fixture->keyspace, name, value);
        }
        worker_hold_begin(&hold, fixture->worker);
        fixture->done = 0;
        struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
        for (int i = 0; i < 1000; i++)
            snapshot_take_slice(snapshot);
        assert_in_range(snapshot_backlog(snapshot), full * SNAPSHOT_BACKLOG_MAX,
                        full * (SNAPSHOT_BACKLOG_MAX + STEP_KEYS_MAX * value.length) + 1000);
        assert_int_equal(snapshot_walk_goes_on(fixture->keyspace), full);
        event_loop_run_turn(fixture->loop, 0);
        snapshot_take_slice(snapshot);
        assert_true(sleeps(fixture, 50));
        snapshot_cancel(snapshot);
        event_loop_run_turn(fixture->loop, 0);
        snapshot_take_slice(snapshot);
        assert_true(sleeps(fixture, 50));
        assert_int_equal(fixture->done, 0); /* the worker has not let go */
        worker_hold_end(&hold);
        worker_wait(fixture->worker);
        event_loop_run_turn(fixture->loop, 0);
        assert_int_equal(fixture->done, 0);
        snapshot_take_slice(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ECANCELED);
        snapshot_destroy(snapshot);
        snapshot_fixture_end_walk(fixture);
    }
    free(noise);
}

/* It was over, or the disk had said no, before it was cancelled. */
static void what_ends_a_snapshot_first_is_told(void **state)
{
    struct snapshot_fixture *fixture = *state;
    char path[sizeof fixture->path];
    memcpy(path, fixture->path, sizeof path);
    for (int fails = 0; fails < 2; fails++) {
        fixture->done = 0;
        snapshot_fixture_set(fixture->keyspace, "a", SLICE("1"));
        if (fails)
            snprintf(fixture->path, sizeof fixture->path, "%s/nowhere/dump.rdb", fixture->folder);
        struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
        for (int i = 0; i < 1000; i++)
            snapshot_take_slice(snapshot);
        event_loop_run_turn(fixture->loop, 0);
        worker_wait(fixture->worker);
        snapshot_cancel(snapshot);
        assert_int_equal(fixture->done, 0);
        snapshot_take_slice(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, fails ? ENOENT : 0);
        snapshot_take_slice(snapshot);
        assert_int_equal(fixture->done, 1);
        snapshot_destroy(snapshot);
        memcpy(fixture->path, path, sizeof path);
        assert_int_equal(disk_exists(disk_real(), fixture->path), !fails);
        unlink(fixture->path);
    }
}

static void count_taken(void *context, struct database *database, const struct entry *entry)
{
    (void)database, (void)entry;
    count(context);
}

/* Once it has seen all keys another walk may go on, which is none of its business. */
static void a_snapshot_that_has_seen_all_leaves_the_next_walk_alone(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct worker_hold hold;
    int taken = 0;
    struct snapshot_walk_handlers handlers = {&taken, count_taken, count};
    snapshot_fixture_set(fixture->keyspace, "a", SLICE("1"));
    worker_hold_begin(&hold, fixture->worker);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    for (int i = 0; i < 1000; i++)
        snapshot_take_slice(snapshot);
    assert_true(snapshot_walk_begin(fixture->keyspace, &handlers));
    for (int i = 0; i < 1000; i++)
        snapshot_take_slice(snapshot);
    assert_int_equal(taken, 0);
    snapshot_cancel(snapshot);
    worker_hold_end(&hold);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->error_number, ECANCELED);
    snapshot_destroy(snapshot);
    snapshot_fixture_end_walk(fixture);
    assert_int_equal(taken, 1);
}

/* The last key that was to be taken was, before it changed, and the worker has written it. */
static void a_walk_that_finds_nothing_more_ends_the_file(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct database *database = keyspace_database(fixture->keyspace, 0);
    struct key key = snapshot_fixture_key(fixture->keyspace, "noise");
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct slice value = snapshot_fixture_large(noise, 12345);
    snapshot_fixture_set(fixture->keyspace, "small", SLICE("before"));
    snapshot_fixture_set(fixture->keyspace, "noise", value);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    snapshot_fixture_set(fixture->keyspace, "small", SLICE("after"));
    assert_true(database_delete(database, &key));
    for (int i = 0; i < 1000 && fixture->done == 0; i++) {
        worker_wait(fixture->worker);
        snapshot_take_slice(snapshot);
    }
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 2);
    snapshot_fixture_assert_holds(loaded, "small", SLICE("before"));
    snapshot_fixture_assert_holds(loaded, "noise", value);
    keyspace_destroy(loaded);
    free(noise);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, snapshot_fixture_set_up, snapshot_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_strings_are_saved_as_they_were),
        TEST(a_snapshot_that_is_given_up_lets_go_of_large_strings),
        TEST(many_keys_are_saved_while_they_change),
        TEST(a_snapshot_that_is_cancelled_says_so_and_leaves_no_file),
        TEST(there_is_one_snapshot_at_a_time),
        TEST(a_file_may_be_without_a_checksum),
        TEST(a_file_says_first_how_many_keys_its_databases_have),
        TEST(a_walk_waits_for_the_disk),
        TEST(a_snapshot_that_waits_for_the_disk_lets_the_loop_sleep),
        TEST(what_ends_a_snapshot_first_is_told),
        TEST(a_snapshot_that_has_seen_all_leaves_the_next_walk_alone),
        TEST(a_walk_that_finds_nothing_more_ends_the_file),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/snapshot", tests, memory_balance_begin, NULL);
}
