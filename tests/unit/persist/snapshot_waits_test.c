/* A snapshot that takes collections in pieces: what waits meanwhile, and where memory is out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_walk.h"
#include "persist/snapshot.h"
#include "persist/snapshot_chunks.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "support/snapshot_fixture.h"
#include "support/thread_sleeps.h"
#include "support/worker_hold.h"
#include "system/disk.h"
#include "system/worker.h"
#include "values/hash.h"
#include "values/stream.h"

/* A whole snapshot in which that allocation of `size_min` bytes or more fails, and so it is given
 * up. False: there are not so many. */
static bool runs_out(struct snapshot_fixture *fixture, bool compress, unsigned call,
                     size_t size_min)
{
    fixture->done = 0;
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, compress);
    failing_memory_begin(call, size_min, false);
    snapshot_finish(snapshot);
    bool ran_out = failing_memory_end();
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->error_number, ran_out ? ENOMEM : 0);
    snapshot_destroy(snapshot);
    snapshot_fixture_end_walk(fixture);
    return ran_out;
}

static void a_snapshot_without_memory_is_given_up(void **state)
{
    struct snapshot_fixture *fixture = *state;
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    snapshot_fixture_set(fixture->keyspace, "noise", snapshot_fixture_large(noise, 12345));
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        snapshot_fixture_set(fixture->keyspace, name, slice_of(noise, 1000));
    }
    snapshot_fixture_add_hashes(fixture);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        ran_out = runs_out(fixture, true, call, 300);
        assert_int_equal(disk_exists(disk_real(), fixture->path), fixture->error_number == 0);
        unlink(fixture->path);
    }
    free(noise);
}

static size_t length_of_hash(struct keyspace *keyspace, const char *name)
{
    struct key key = snapshot_fixture_key(keyspace, name);
    return hash_length(entry_collection(database_find(keyspace_database(keyspace, 0), &key)));
}

/* What a collection hands out before its turn needs memory as well, and so does adding it. */
static void a_snapshot_without_memory_for_what_waits_is_given_up(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { FIELDS = 4000 };
    const char *const names[] = {"first", "waits"};
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct slice value = slice_of(snapshot_fixture_large(noise, 12345).data, 200);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        fixture->done = 0;
        struct hash *hashes[2];
        for (int i = 0; i < 2; i++)
            snapshot_fixture_add_hash(fixture, names[i], FIELDS, value);
        struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
        for (int i = 0; i < 2; i++) {
            struct database *database = keyspace_database(fixture->keyspace, 0);
            struct key key = snapshot_fixture_key(fixture->keyspace, names[i]);
            struct entry *entry = database_find(database, &key);
            database_changing(database, &key, entry);
            hashes[i] = entry_collection(entry);
        }
        failing_memory_begin(call, SNAPSHOT_CHUNK_SIZE / 4, false);
        snapshot_fixture_set_fields(fixture, hashes[1], FIELDS, SLICE("after"));
        for (int i = 0; i < 10000 && fixture->done == 0; i++) {
            worker_wait(fixture->worker);
            snapshot_take_slice(snapshot);
        }
        ran_out = failing_memory_end();
        database_clear(keyspace_database(fixture->keyspace, 0));
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ran_out ? ENOMEM : 0);
        snapshot_destroy(snapshot);
        snapshot_fixture_end_walk(fixture);
        snapshot_fixture_set(fixture->keyspace, "next", SLICE("1"));
        database_clear(keyspace_database(fixture->keyspace, 0)); /* it is asked no more */
    }
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    for (int i = 0; i < 2; i++)
        assert_int_equal(length_of_hash(loaded, names[i]), FIELDS);
    keyspace_destroy(loaded);
    free(noise);
}

/* All keys have been seen, and the elements of the last are being written. */
static void a_database_that_is_emptied_takes_its_collections_from_a_snapshot(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct snapshot_progress progress;
    snapshot_fixture_add_hashes(fixture);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    do {
        snapshot_take_slice(snapshot);
        snapshot_read_progress(snapshot, &progress);
    } while (progress.keys_done < progress.keys_total);
    while (snapshot_walk_goes_on(fixture->keyspace))
        (void)snapshot_walk_step(fixture->keyspace);
    assert_int_equal(fixture->done, 0);
    database_clear(keyspace_database(fixture->keyspace, 0));
    snapshot_finish(snapshot);
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->error_number, ECANCELED);
    snapshot_destroy(snapshot);
    assert_false(disk_exists(disk_real(), fixture->path));
}

/* Keys of one database wait while a collection of another is written. */
static void what_waits_keeps_its_database(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct database *second = keyspace_database(fixture->keyspace, 1);
    struct key key = snapshot_fixture_key(fixture->keyspace, "hash:0");
    snapshot_fixture_add_hashes(fixture);
    keyspace_swap(fixture->keyspace, 0, 1);
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct slice value = snapshot_fixture_large(noise, 12345);
    snapshot_fixture_set(fixture->keyspace, "small", SLICE("before"));
    snapshot_fixture_set(fixture->keyspace, "large", value);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    assert_true(database_delete(second, &key));
    snapshot_fixture_set(fixture->keyspace, "small", SLICE("after"));
    snapshot_fixture_set(fixture->keyspace, "large", SLICE("after"));
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 2);
    assert_int_equal(database_size(keyspace_database(loaded, 1)), 2);
    snapshot_fixture_assert_holds(loaded, "small", SLICE("before"));
    snapshot_fixture_assert_holds(loaded, "large", value);
    keyspace_destroy(loaded);
    free(noise);
}

/* While two collections of one database are written, one after the other, keys of another wait. */
static void what_waits_for_the_next_collection_keeps_its_database(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct snapshot_progress progress;
    struct key key = snapshot_fixture_key(fixture->keyspace, "hash:0");
    struct database *database = keyspace_database(fixture->keyspace, 0);
    const char *const names[] = {"small", "other"};
    for (int i = 0; i < 2; i++)
        snapshot_fixture_set(fixture->keyspace, names[i], SLICE("before"));
    keyspace_swap(fixture->keyspace, 0, 1);
    snapshot_fixture_add_hashes(fixture);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    database_changing(database, &key, database_find(database, &key));
    for (int i = 0; i < 2; i++) {
        struct key small = snapshot_fixture_key(fixture->keyspace, names[i]);
        assert_true(database_delete(keyspace_database(fixture->keyspace, 1), &small));
        assert_in_range(snapshot_backlog(snapshot), 1, SNAPSHOT_BACKLOG_MAX); /* it waits */
        do { /* until the second is being written */
            snapshot_take_slice(snapshot);
            snapshot_read_progress(snapshot, &progress);
        } while (progress.keys_done < 3);
    }
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 2);
    assert_int_equal(database_size(keyspace_database(loaded, 1)), 2);
    keyspace_destroy(loaded);
}

/* Its group has the name. */
static void add_stream(struct snapshot_fixture *fixture, const char *name, uint64_t entries,
                       struct slice group)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    const struct slice pair[2] = {SLICE("field"), SLICE("some value of some length")};
    struct stream *stream = stream_create(settings);
    struct key key = snapshot_fixture_key(fixture->keyspace, name);
    for (uint64_t ms = 1; ms <= entries; ms++)
        assert_true(stream_append(stream, &settings->limits, (struct stream_id){ms, 0}, pair, 1));
    (void)stream_add_group(stream, group, (struct stream_id){7, 0}, 7);
    assert_non_null(database_set_collection(keyspace_database(fixture->keyspace, 0), &key,
                                            TYPE_STREAM, stream, ENTRY_NO_DEADLINE));
}

/* What stands behind its entries, too. */
static void a_large_stream_is_saved_with_its_groups(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { ENTRIES = 30000 };
    add_stream(fixture, "stream", ENTRIES, SLICE("group"));
    snapshot_fixture_set(fixture->keyspace, "small", SLICE("1"));
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, true);
    struct database *database = keyspace_database(fixture->keyspace, 0);
    struct key key = snapshot_fixture_key(fixture->keyspace, "stream");
    database_changing(database, &key, database_find(database, &key));
    snapshot_destroy(snapshot); /* its groups have been encoded */
    snapshot_fixture_end_walk(fixture);
    snapshot = snapshot_fixture_begin(fixture, true);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    assert_int_equal(snapshot_backlog(snapshot), 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    key = snapshot_fixture_key(loaded, "stream");
    struct stream *stream = entry_collection(database_find(keyspace_database(loaded, 0), &key));
    assert_int_equal(stream->length, ENTRIES);
    assert_int_equal(stream_find_group(stream, SLICE("group"))->last_id.ms, 7);
    snapshot_fixture_assert_holds(loaded, "small", SLICE("1"));
    keyspace_destroy(loaded);
}

/* What stands before and behind its entries needs memory, too. */
static void a_snapshot_without_memory_for_a_large_stream_is_given_up(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { LONG = 2000, LONGER = 2 * SNAPSHOT_CHUNK_SIZE }; /* than there is room for */
    char *bytes = malloc(SNAPSHOT_FIXTURE_LARGE);
    struct slice group = slice_of(snapshot_fixture_large(bytes, 12345).data, LONGER);
    char name[LONG + 1];
    memset(name, 'n', LONG);
    name[LONG] = '\0';
    add_stream(fixture, name, 30000, group);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        ran_out = runs_out(fixture, false, call, LONG);
    }
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    struct key key = snapshot_fixture_key(loaded, name);
    struct stream *stream = entry_collection(database_find(keyspace_database(loaded, 0), &key));
    assert_non_null(stream_find_group(stream, group));
    keyspace_destroy(loaded);
    free(bytes);
}

/* So within a collection, too: its parts are given to the worker while it is walked. */
static void a_walk_waits_for_the_disk_within_a_collection(void **state)
{
    struct snapshot_fixture *fixture = *state;
    enum { FIELDS = 8000, TURNS_MAX = 5000 };
    struct worker_hold hold;
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    snapshot_fixture_add_hash(fixture, "hash", FIELDS,
                              slice_of(snapshot_fixture_large(noise, 12345).data, 2000));
    worker_hold_begin(&hold, fixture->worker);
    struct snapshot *snapshot = snapshot_fixture_begin(fixture, false);
    for (int i = 0; i < TURNS_MAX && snapshot_backlog(snapshot) < SNAPSHOT_BACKLOG_MAX; i++)
        snapshot_take_slice(snapshot);
    assert_in_range(snapshot_backlog(snapshot), SNAPSHOT_BACKLOG_MAX,
                    SNAPSHOT_BACKLOG_MAX + 2 * SNAPSHOT_CHUNK_SIZE);
    worker_hold_end(&hold);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = snapshot_fixture_load(fixture);
    assert_int_equal(length_of_hash(loaded, "hash"), FIELDS);
    keyspace_destroy(loaded);
    free(noise);
}

/* A disk that keeps nothing, and looks whether the worker slept between two pieces of a chunk. */
static struct {
    struct disk_operations operations;
    long sleeps; /* of the worker's thread, at its last piece */
    bool is_piece_full;
    int slept, went_on;
} pieces;

static ssize_t write_piece(void *context, int file, const struct iovec *vectors, int count,
                           uint64_t offset)
{
    long sleeps = thread_sleeps();
    (void)context, (void)file, (void)offset;
    if (pieces.is_piece_full)
        *(sleeps > pieces.sleeps ? &pieces.slept : &pieces.went_on) += 1;
    pieces.sleeps = sleeps;
    pieces.is_piece_full = vectors[0].iov_len == 16384;
    return count == 1 ? (ssize_t)vectors[0].iov_len : -1;
}

static void expect_pieces(bool some_slept, bool some_went_on)
{
    enum { SOME = 100 }; /* a busy machine spoils a few */
    assert_int_equal(pieces.slept >= SOME, some_slept);
    assert_int_equal(pieces.went_on >= SOME, some_went_on);
    pieces.slept = pieces.went_on = 0;
}

static void the_worker_rests_while_it_keeps_up_and_nobody_waits(void **state)
{
    struct snapshot_fixture *fixture = *state;
    struct worker_hold hold;
    char *noise = malloc(SNAPSHOT_FIXTURE_LARGE);
    memset(&pieces, 0, sizeof pieces);
    pieces.operations = *disk_real()->operations;
    pieces.operations.write = write_piece;
    struct disk disk = {&pieces.operations, disk_real()->context};
    struct slice value = slice_of(snapshot_fixture_large(noise, 12345).data, 2500);
    for (int i = 0; i < 8000; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        snapshot_fixture_set(fixture->keyspace, name, value);
    }
    struct snapshot *snapshot = snapshot_fixture_begin_on(fixture, &disk, false);
    struct snapshot_progress progress = {0};
    while (progress.bytes < (size_t)4 << 20) {
        snapshot_take_slice(snapshot);
        worker_wait(fixture->worker);
        snapshot_read_progress(snapshot, &progress);
    }
    expect_pieces(true, false);

    worker_hold_begin(&hold, fixture->worker);
    while (snapshot_backlog(snapshot) < SNAPSHOT_BACKLOG_MAX)
        snapshot_take_slice(snapshot);
    worker_hold_end(&hold);
    while (snapshot_backlog(snapshot) >= SNAPSHOT_CHUNK_SIZE)
        worker_wait(fixture->worker);
    expect_pieces(true, true); /* until it had caught up */

    snapshot_finish(snapshot);
    expect_pieces(false, true);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    free(noise);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, snapshot_fixture_set_up, snapshot_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_without_memory_is_given_up),
        TEST(a_snapshot_without_memory_for_what_waits_is_given_up),
        TEST(a_database_that_is_emptied_takes_its_collections_from_a_snapshot),
        TEST(what_waits_keeps_its_database),
        TEST(what_waits_for_the_next_collection_keeps_its_database),
        TEST(a_large_stream_is_saved_with_its_groups),
        TEST(a_snapshot_without_memory_for_a_large_stream_is_given_up),
        TEST(a_walk_waits_for_the_disk_within_a_collection),
        TEST(the_worker_rests_while_it_keeps_up_and_nobody_waits),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/snapshot_waits", tests, memory_balance_begin, NULL);
}
