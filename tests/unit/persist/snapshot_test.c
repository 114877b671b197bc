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
#include <unistd.h>

#include "base/memory.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_walk.h"
#include "persist/rdb_reader.h"
#include "persist/snapshot.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "support/worker_hold.h"
#include "system/clock.h"
#include "system/disk.h"
#include "system/event_loop.h"
#include "system/worker.h"
#include "values/hash.h"
#include "values/stream.h"

#define FILE_SIZE_MAX ((size_t)64 << 20)
#define LARGE ((size_t)3 << 20) /* bytes: the worker encodes it */

struct fixture {
    char folder[64], path[96];
    struct event_loop *loop;
    struct clock *clock;
    struct worker *worker;
    struct keyspace *keyspace;
    int done, error_number;
};

static struct keyspace *new_keyspace(void)
{
    struct hash_seed seed = {1, 2};
    struct keyspace_hooks hooks = {.context = NULL};
    struct keyspace *keyspace = keyspace_create(2, &seed, &hooks);
    keyspace_set_time(keyspace, 1000);
    return keyspace;
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/holdfast-snapshot-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/dump.rdb", fixture->folder);
    fixture->loop = event_loop_create();
    fixture->clock = clock_create();
    fixture->worker = worker_create(fixture->loop, "test", WORKER_PROMPT);
    fixture->keyspace = new_keyspace();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    keyspace_destroy(fixture->keyspace);
    worker_destroy(fixture->worker);
    clock_destroy(fixture->clock);
    event_loop_destroy(fixture->loop);
    unlink(fixture->path);
    rmdir(fixture->folder);
    memory_free(fixture);
    return 0;
}

static struct key key_of(struct keyspace *keyspace, const char *name)
{
    struct slice text = slice_of_string(name);
    return (struct key){text, keyspace_hash(keyspace, text)};
}

static void set(struct keyspace *keyspace, const char *name, struct slice value)
{
    struct key key = key_of(keyspace, name);
    assert_non_null(
        database_set_string(keyspace_database(keyspace, 0), &key, value, DEADLINE_CLEAR, 0));
}

/* Bytes that LZF makes smaller (`step` 0), or does not. */
static struct slice large_value(char *bytes, uint64_t step)
{
    uint64_t number = 1;
    for (size_t i = 0; i < LARGE; i++) {
        number = number * UINT64_C(6364136223846793005) + step;
        bytes[i] = step == 0 ? 'a' : (char)(number >> 56);
    }
    return slice_of(bytes, LARGE);
}

static void assert_holds(struct keyspace *keyspace, const char *name, struct slice value)
{
    struct key key = key_of(keyspace, name);
    struct entry *entry = database_find(keyspace_database(keyspace, 0), &key);
    char scratch[32];
    assert_non_null(entry);
    assert_true(slice_equals(entry_string(entry, scratch), value));
}

static void on_done(void *context, int error_number)
{
    struct fixture *fixture = context;
    fixture->done++;
    fixture->error_number = error_number;
}

static struct snapshot *begin(struct fixture *fixture, bool compress)
{
    struct snapshot_settings settings = {
        .path = fixture->path,
        .directory = fixture->folder,
        .compress = compress,
        .checksum = true,
    };
    struct snapshot *snapshot =
        snapshot_begin(fixture->loop, fixture->clock, disk_real(), fixture->keyspace,
                       fixture->worker, &settings, on_done, fixture);
    assert_non_null(snapshot);
    return snapshot;
}

static struct keyspace *load(struct fixture *fixture)
{
    struct buffer file = {0};
    struct keyspace *keyspace = new_keyspace();
    assert_int_equal(disk_read_all(disk_real(), fixture->path, FILE_SIZE_MAX, &file), OK);
    struct rdb_reader_settings settings = {.verify_checksum = true,
                                           .now_ms = 1000,
                                           .file_size = file.length,
                                           .length_max = UINT32_MAX};
    struct rdb_reader *reader = rdb_reader_create(keyspace, &settings);
    size_t used;
    assert_int_equal(rdb_reader_feed(reader, buffer_slice(&file), true, &used), RDB_DONE);
    rdb_reader_destroy(reader);
    buffer_deinit(&file);
    return keyspace;
}

static void large_strings_are_saved_as_they_were(void **state)
{
    struct fixture *fixture = *state;
    char *plain = malloc(LARGE), *noise = malloc(LARGE);
    for (int compress = 0; compress < 2; compress++) {
        fixture->done = 0;
        set(fixture->keyspace, "plain", large_value(plain, 0));
        set(fixture->keyspace, "noise", large_value(noise, 12345));
        set(fixture->keyspace, "changed", slice_of(noise, LARGE));
        set(fixture->keyspace, "replaced", slice_of(plain, LARGE));
        set(fixture->keyspace, "deleted", slice_of(noise, LARGE));
        set(fixture->keyspace, "small", SLICE("before"));
        struct snapshot *snapshot = begin(fixture, compress != 0);

        char *bytes;
        struct database *database = keyspace_database(fixture->keyspace, 0);
        struct key key = key_of(fixture->keyspace, "changed");
        assert_non_null(database_resize_string(database, &key, database_find(database, &key),
                                               LARGE + 5, &bytes));
        memset(bytes, 'z', LARGE + 5);
        set(fixture->keyspace, "replaced", SLICE("new"));
        key = key_of(fixture->keyspace, "deleted");
        assert_true(database_delete(database, &key));
        set(fixture->keyspace, "small", SLICE("after"));
        set(fixture->keyspace, "born later", slice_of(plain, LARGE));

        snapshot_finish(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, 0);
        assert_int_equal(snapshot_backlog(snapshot), 0);
        snapshot_destroy(snapshot);

        struct keyspace *loaded = load(fixture);
        assert_int_equal(database_size(keyspace_database(loaded, 0)), 6);
        assert_holds(loaded, "plain", slice_of(plain, LARGE));
        assert_holds(loaded, "noise", slice_of(noise, LARGE));
        assert_holds(loaded, "changed", slice_of(noise, LARGE));
        assert_holds(loaded, "replaced", slice_of(plain, LARGE));
        assert_holds(loaded, "deleted", slice_of(noise, LARGE));
        assert_holds(loaded, "small", SLICE("before"));
        keyspace_destroy(loaded);
        database_clear(database);
    }
    free(plain);
    free(noise);
}

static void a_snapshot_that_is_given_up_lets_go_of_large_strings(void **state)
{
    struct fixture *fixture = *state;
    char *noise = malloc(LARGE);
    set(fixture->keyspace, "noise", large_value(noise, 99));
    struct snapshot *snapshot = begin(fixture, false);
    snapshot_end_turn(snapshot); /* has taken it */
    snapshot_destroy(snapshot);
    struct key key = key_of(fixture->keyspace, "noise");
    struct database *database = keyspace_database(fixture->keyspace, 0);
    const char *before = entry_blob(database_find(database, &key)).data;
    char *bytes;
    assert_non_null(
        database_resize_string(database, &key, database_find(database, &key), LARGE, &bytes));
    assert_ptr_equal(bytes, before); /* nobody else has it any more */
    free(noise);
}

static void many_keys_are_saved_while_they_change(void **state)
{
    struct fixture *fixture = *state;
    enum { KEYS = 20000 };
    char name[32];
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "key:%d", i);
        set(fixture->keyspace, name, SLICE("before"));
    }
    struct snapshot *snapshot = begin(fixture, true);
    for (int i = 0; i < KEYS; i += 3) { /* some are seen already, some are not */
        snprintf(name, sizeof name, "key:%d", i);
        set(fixture->keyspace, name, SLICE("after"));
        if (i % 999 == 0)
            snapshot_end_turn(snapshot);
    }
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), KEYS);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "key:%d", i);
        assert_holds(loaded, name, SLICE("before"));
    }
    keyspace_destroy(loaded);
}

/* What was broken off is walked to its end before another can begin. */
static void end_walk(struct fixture *fixture)
{
    while (snapshot_walk_goes_on(fixture->keyspace) && snapshot_walk_step(fixture->keyspace))
        ;
}

static void count(void *context)
{
    ++*(int *)context;
}

#define SLEEP_MAX_MS 10000 /* nobody has asked for a turn */

/* Has nobody asked for a turn, nor does anything else wake the loop for so long? */
static bool sleeps(struct fixture *fixture, int64_t for_ms)
{
    struct event_timer timer;
    int expired = 0;
    event_timer_init(&timer, fixture->loop, count, &expired);
    event_timer_start(&timer, for_ms, 0);
    event_loop_run_turn(fixture->loop, -1);
    event_timer_stop(&timer);
    return expired > 0;
}

static void a_snapshot_that_is_cancelled_says_so_and_leaves_no_file(void **state)
{
    struct fixture *fixture = *state;
    for (int how = 0; how < 2; how++) {
        fixture->done = 0;
        set(fixture->keyspace, "a", SLICE("1"));
        struct snapshot *snapshot = begin(fixture, false);
        event_loop_run_turn(fixture->loop, 0);
        if (how == 0)
            snapshot_cancel(snapshot);
        else
            keyspace_swap(fixture->keyspace, 0, 1); /* SWAPDB does it */
        assert_int_equal(fixture->done, 0);
        assert_false(sleeps(fixture, SLEEP_MAX_MS)); /* the turn's end says it */
        snapshot_end_turn(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ECANCELED);
        snapshot_destroy(snapshot);
        end_walk(fixture);
        assert_false(disk_exists(disk_real(), fixture->path));
    }
    snapshot_destroy(NULL);
}

static void there_is_one_snapshot_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct snapshot_settings settings = {.path = fixture->path, .directory = fixture->folder};
    struct snapshot *snapshot = begin(fixture, false);
    assert_null(snapshot_begin(fixture->loop, fixture->clock, disk_real(), fixture->keyspace,
                               fixture->worker, &settings, on_done, fixture));
    assert_int_equal(errno, EBUSY);
    snapshot_destroy(snapshot);
}

static void a_file_may_be_without_a_checksum(void **state)
{
    struct fixture *fixture = *state;
    struct snapshot_settings settings = {.path = fixture->path, .directory = fixture->folder};
    set(fixture->keyspace, "a", SLICE("1"));
    struct snapshot *snapshot =
        snapshot_begin(fixture->loop, fixture->clock, disk_real(), fixture->keyspace,
                       fixture->worker, &settings, on_done, fixture);
    snapshot_finish(snapshot);
    snapshot_destroy(snapshot);
    struct buffer file = {0};
    assert_int_equal(disk_read_all(disk_real(), fixture->path, FILE_SIZE_MAX, &file), OK);
    assert_memory_equal(file.data + file.length - 9, "\377\0\0\0\0\0\0\0\0", 9);
    buffer_deinit(&file);
    struct keyspace *loaded = load(fixture);
    assert_holds(loaded, "a", SLICE("1"));
    keyspace_destroy(loaded);
}

static void set_fields(struct fixture *fixture, struct hash *hash, int fields, struct slice value)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    for (int field = 0; field < fields; field++) {
        char name[32];
        snprintf(name, sizeof name, "field:%d", field);
        assert_int_not_equal(hash_set(hash, settings, slice_of_string(name), value, false),
                             HASH_OUT_OF_MEMORY);
    }
}

static void add_hash(struct fixture *fixture, const char *name, int fields, struct slice value)
{
    struct hash *hash = hash_create();
    struct key key = key_of(fixture->keyspace, name);
    set_fields(fixture, hash, fields, value);
    assert_non_null(database_set_collection(keyspace_database(fixture->keyspace, 0), &key,
                                            TYPE_HASH, hash, ENTRY_NO_DEADLINE));
}

/* A hash that is walked in pieces, and one behind it in the file. */
static void add_hashes(struct fixture *fixture)
{
    add_hash(fixture, "hash:0", 20000, SLICE("some value of some length"));
    add_hash(fixture, "hash:1", 20000, SLICE("some value of some length"));
}

static void a_snapshot_without_memory_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    char *noise = malloc(LARGE);
    set(fixture->keyspace, "noise", large_value(noise, 12345));
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        set(fixture->keyspace, name, slice_of(noise, 1000));
    }
    add_hashes(fixture);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        fixture->done = 0;
        struct snapshot *snapshot = begin(fixture, true);
        failing_memory_begin(call, 300, false);
        snapshot_finish(snapshot);
        ran_out = failing_memory_end();
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ran_out ? ENOMEM : 0);
        snapshot_destroy(snapshot);
        end_walk(fixture);
        assert_int_equal(disk_exists(disk_real(), fixture->path), fixture->error_number == 0);
        unlink(fixture->path);
    }
    free(noise);
}

static size_t length_of_hash(struct keyspace *keyspace, const char *name)
{
    struct key key = key_of(keyspace, name);
    return hash_length(entry_collection(database_find(keyspace_database(keyspace, 0), &key)));
}

/* What a collection hands out before its turn needs memory as well, and so does adding it. */
static void a_snapshot_without_memory_for_what_waits_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    enum { FIELDS = 4000 };
    const char *const names[] = {"first", "waits"};
    char *noise = malloc(LARGE);
    struct slice value = slice_of(large_value(noise, 12345).data, 200);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        fixture->done = 0;
        struct hash *hashes[2];
        for (int i = 0; i < 2; i++)
            add_hash(fixture, names[i], FIELDS, value);
        struct snapshot *snapshot = begin(fixture, false);
        for (int i = 0; i < 2; i++) {
            struct database *database = keyspace_database(fixture->keyspace, 0);
            struct key key = key_of(fixture->keyspace, names[i]);
            struct entry *entry = database_find(database, &key);
            database_changing(database, &key, entry);
            hashes[i] = entry_collection(entry);
        }
        failing_memory_begin(call, SNAPSHOT_CHUNK_SIZE / 4, false);
        set_fields(fixture, hashes[1], FIELDS, SLICE("after"));
        snapshot_finish(snapshot);
        ran_out = failing_memory_end();
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ran_out ? ENOMEM : 0);
        snapshot_destroy(snapshot);
        end_walk(fixture);
    }
    struct keyspace *loaded = load(fixture);
    for (int i = 0; i < 2; i++)
        assert_int_equal(length_of_hash(loaded, names[i]), FIELDS);
    keyspace_destroy(loaded);
    free(noise);
}

static void a_file_says_first_how_many_keys_its_databases_have(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_of(fixture->keyspace, "with a deadline");
    struct database *second = keyspace_database(fixture->keyspace, 1);
    static const char head[] = "\376\000\373\002\000\376\001\373\001\001";
    set(fixture->keyspace, "a", SLICE("1"));
    set(fixture->keyspace, "b", SLICE("2"));
    assert_non_null(database_set_string(second, &key, SLICE("v"), DEADLINE_SET, 5000));
    struct snapshot *snapshot = begin(fixture, false);
    snapshot_finish(snapshot);
    struct snapshot_progress progress;
    snapshot_read_progress(snapshot, &progress);
    snapshot_destroy(snapshot);
    struct buffer file = {0};
    assert_int_equal(disk_read_all(disk_real(), fixture->path, FILE_SIZE_MAX, &file), OK);
    const char *at = memmem(file.data, file.length, "aof-base", 8);
    assert_non_null(at);
    at += strlen("aof-base") + 2; /* and a small number */
    assert_memory_equal(at, head, sizeof head - 1);
    assert_int_equal(progress.keys_total, 3);
    assert_int_equal(progress.keys_done, 3);
    assert_int_equal(progress.bytes, file.length - 9); /* all but the end and the checksum */
    buffer_deinit(&file);
    struct keyspace *loaded = load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 2);
    assert_int_equal(database_size(keyspace_database(loaded, 1)), 1);
    keyspace_destroy(loaded);
}

/* All keys have been seen, and the elements of the last are being written. */
static void a_database_that_is_emptied_takes_its_collections_from_a_snapshot(void **state)
{
    struct fixture *fixture = *state;
    struct snapshot_progress progress;
    add_hashes(fixture);
    struct snapshot *snapshot = begin(fixture, false);
    do {
        snapshot_end_turn(snapshot);
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

/* A small key of one database waits while a collection of another is written. */
static void what_waits_keeps_its_database(void **state)
{
    struct fixture *fixture = *state;
    struct database *second = keyspace_database(fixture->keyspace, 1);
    struct key key = key_of(fixture->keyspace, "hash:0");
    add_hashes(fixture);
    keyspace_swap(fixture->keyspace, 0, 1);
    set(fixture->keyspace, "small", SLICE("before"));
    struct snapshot *snapshot = begin(fixture, false);
    assert_true(database_delete(second, &key));
    set(fixture->keyspace, "small", SLICE("after"));
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 1);
    assert_int_equal(database_size(keyspace_database(loaded, 1)), 2);
    assert_holds(loaded, "small", SLICE("before"));
    keyspace_destroy(loaded);
}

/* What stands behind its entries, too. */
static void a_large_stream_is_saved_with_its_groups(void **state)
{
    struct fixture *fixture = *state;
    enum { ENTRIES = 30000 };
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    const struct slice pair[2] = {SLICE("field"), SLICE("some value of some length")};
    struct stream *stream = stream_create(settings);
    struct key key = key_of(fixture->keyspace, "stream");
    for (uint64_t ms = 1; ms <= ENTRIES; ms++)
        assert_true(stream_append(stream, &settings->limits, (struct stream_id){ms, 0}, pair, 1));
    (void)stream_add_group(stream, SLICE("group"), (struct stream_id){7, 0}, 7);
    assert_non_null(database_set_collection(keyspace_database(fixture->keyspace, 0), &key,
                                            TYPE_STREAM, stream, ENTRY_NO_DEADLINE));
    set(fixture->keyspace, "small", SLICE("1"));
    struct snapshot *snapshot = begin(fixture, true);
    struct database *database = keyspace_database(fixture->keyspace, 0);
    database_changing(database, &key, database_find(database, &key));
    snapshot_destroy(snapshot); /* its groups have been encoded */
    end_walk(fixture);
    snapshot = begin(fixture, true);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    key = key_of(loaded, "stream");
    stream = entry_collection(database_find(keyspace_database(loaded, 0), &key));
    assert_int_equal(stream->length, ENTRIES);
    assert_int_equal(stream_find_group(stream, SLICE("group"))->last_id.ms, 7);
    assert_holds(loaded, "small", SLICE("1"));
    keyspace_destroy(loaded);
}

/* More than may wait for a slow disk: the walk pauses, and then goes on. */
static void a_walk_waits_for_the_disk(void **state)
{
    struct fixture *fixture = *state;
    enum { KEYS = 300 };
    const size_t length = 64 * 1024;
    struct worker_hold hold;
    char name[32], *noise = malloc(LARGE);
    struct slice value = slice_of(large_value(noise, 12345).data, length);
    for (int i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "key:%d", i);
        set(fixture->keyspace, name, value);
    }
    worker_hold_begin(&hold, fixture->worker);
    int64_t begin_us = clock_monotonic_us(fixture->clock);
    struct snapshot *snapshot = begin(fixture, false);
    struct snapshot_progress before, after;
    do {
        snapshot_read_progress(snapshot, &before);
        snapshot_end_turn(snapshot);
        snapshot_read_progress(snapshot, &after);
    } while (after.keys_done > before.keys_done);
    assert_in_range(snapshot_backlog(snapshot), SNAPSHOT_BACKLOG_MAX,
                    SNAPSHOT_BACKLOG_MAX + 2 * SNAPSHOT_CHUNK_SIZE);
    assert_true(after.keys_done < KEYS);
    assert_in_range(after.turn_us_max, 1, clock_monotonic_us(fixture->clock) - begin_us);
    assert_int_equal(after.keys_total, KEYS);
    worker_hold_end(&hold);
    while (fixture->done == 0) {
        snapshot_end_turn(snapshot);
        event_loop_run_turn(fixture->loop, 1000);
    }
    assert_int_equal(fixture->error_number, 0);
    assert_int_equal(snapshot_backlog(snapshot), 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), KEYS);
    assert_holds(loaded, "key:299", value);
    keyspace_destroy(loaded);
    free(noise);
}

/* So within a collection, too: its parts are given to the worker while it is walked. */
static void a_walk_waits_for_the_disk_within_a_collection(void **state)
{
    struct fixture *fixture = *state;
    enum { FIELDS = 8000, TURNS_MAX = 5000 };
    struct worker_hold hold;
    char *noise = malloc(LARGE);
    add_hash(fixture, "hash", FIELDS, slice_of(large_value(noise, 12345).data, 2000));
    worker_hold_begin(&hold, fixture->worker);
    struct snapshot *snapshot = begin(fixture, false);
    for (int i = 0; i < TURNS_MAX && snapshot_backlog(snapshot) < SNAPSHOT_BACKLOG_MAX; i++)
        snapshot_end_turn(snapshot);
    assert_in_range(snapshot_backlog(snapshot), SNAPSHOT_BACKLOG_MAX,
                    SNAPSHOT_BACKLOG_MAX + 2 * SNAPSHOT_CHUNK_SIZE);
    worker_hold_end(&hold);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    assert_int_equal(length_of_hash(loaded, "hash"), FIELDS);
    keyspace_destroy(loaded);
    free(noise);
}

/* While it has nothing to do but to wait for the disk, the loop is not to turn without end. */
static void a_snapshot_that_waits_for_the_disk_lets_the_loop_sleep(void **state)
{
    struct fixture *fixture = *state;
    char name[32], *noise = malloc(LARGE);
    large_value(noise, 12345);
    for (size_t large = 0; large < 2;
         large++) { /* all has been seen, or there is no room for more */
        struct worker_hold hold;
        for (size_t i = 0; i < 3 * large; i++) {
            snprintf(name, sizeof name, "key:%zu", i);
            set(fixture->keyspace, name, slice_of(noise, LARGE));
        }
        worker_hold_begin(&hold, fixture->worker);
        fixture->done = 0;
        struct snapshot *snapshot = begin(fixture, false);
        for (int i = 0; i < 1000; i++)
            snapshot_end_turn(snapshot);
        assert_in_range(snapshot_backlog(snapshot), large * SNAPSHOT_BACKLOG_MAX,
                        large * 3 * LARGE + 1000);
        event_loop_run_turn(fixture->loop, 0);
        snapshot_end_turn(snapshot);
        assert_true(sleeps(fixture, 50));
        snapshot_cancel(snapshot);
        event_loop_run_turn(fixture->loop, 0);
        snapshot_end_turn(snapshot);
        assert_true(sleeps(fixture, 50));
        assert_int_equal(fixture->done, 0); /* the worker has not let go */
        worker_hold_end(&hold);
        worker_wait(fixture->worker);
        event_loop_run_turn(fixture->loop, 0);
        assert_int_equal(fixture->done, 0);
        snapshot_end_turn(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, ECANCELED);
        snapshot_destroy(snapshot);
        end_walk(fixture);
    }
    free(noise);
}

/* It was over, or the disk had said no, before it was cancelled. */
static void what_ends_a_snapshot_first_is_told(void **state)
{
    struct fixture *fixture = *state;
    char path[sizeof fixture->path];
    memcpy(path, fixture->path, sizeof path);
    for (int fails = 0; fails < 2; fails++) {
        fixture->done = 0;
        set(fixture->keyspace, "a", SLICE("1"));
        if (fails)
            snprintf(fixture->path, sizeof fixture->path, "%s/nowhere/dump.rdb", fixture->folder);
        struct snapshot *snapshot = begin(fixture, false);
        for (int i = 0; i < 1000; i++)
            snapshot_end_turn(snapshot);
        event_loop_run_turn(fixture->loop, 0);
        worker_wait(fixture->worker);
        snapshot_cancel(snapshot);
        assert_int_equal(fixture->done, 0);
        snapshot_end_turn(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, fails ? ENOENT : 0);
        snapshot_end_turn(snapshot);
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
    struct fixture *fixture = *state;
    struct worker_hold hold;
    int taken = 0;
    struct snapshot_walk_handlers handlers = {&taken, count_taken, count};
    set(fixture->keyspace, "a", SLICE("1"));
    worker_hold_begin(&hold, fixture->worker);
    struct snapshot *snapshot = begin(fixture, false);
    for (int i = 0; i < 1000; i++)
        snapshot_end_turn(snapshot);
    assert_true(snapshot_walk_begin(fixture->keyspace, &handlers));
    for (int i = 0; i < 1000; i++)
        snapshot_end_turn(snapshot);
    assert_int_equal(taken, 0);
    snapshot_cancel(snapshot);
    worker_hold_end(&hold);
    snapshot_finish(snapshot);
    snapshot_destroy(snapshot);
    end_walk(fixture);
    assert_int_equal(taken, 1);
}

/* The last key that was to be taken was, before it changed, and the worker has written it. */
static void a_walk_that_finds_nothing_more_ends_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct database *database = keyspace_database(fixture->keyspace, 0);
    struct key key = key_of(fixture->keyspace, "noise");
    char *noise = malloc(LARGE);
    struct slice value = large_value(noise, 12345);
    set(fixture->keyspace, "small", SLICE("before"));
    set(fixture->keyspace, "noise", value);
    struct snapshot *snapshot = begin(fixture, false);
    set(fixture->keyspace, "small", SLICE("after"));
    assert_true(database_delete(database, &key));
    for (int i = 0; i < 1000 && fixture->done == 0; i++) {
        worker_wait(fixture->worker);
        snapshot_end_turn(snapshot);
    }
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    assert_int_equal(database_size(keyspace_database(loaded, 0)), 2);
    assert_holds(loaded, "small", SLICE("before"));
    assert_holds(loaded, "noise", value);
    keyspace_destroy(loaded);
    free(noise);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_strings_are_saved_as_they_were),
        TEST(a_snapshot_that_is_given_up_lets_go_of_large_strings),
        TEST(many_keys_are_saved_while_they_change),
        TEST(a_snapshot_that_is_cancelled_says_so_and_leaves_no_file),
        TEST(there_is_one_snapshot_at_a_time),
        TEST(a_file_may_be_without_a_checksum),
        TEST(a_snapshot_without_memory_is_given_up),
        TEST(a_snapshot_without_memory_for_what_waits_is_given_up),
        TEST(a_file_says_first_how_many_keys_its_databases_have),
        TEST(a_database_that_is_emptied_takes_its_collections_from_a_snapshot),
        TEST(what_waits_keeps_its_database),
        TEST(a_large_stream_is_saved_with_its_groups),
        TEST(a_walk_waits_for_the_disk),
        TEST(a_walk_waits_for_the_disk_within_a_collection),
        TEST(a_snapshot_that_waits_for_the_disk_lets_the_loop_sleep),
        TEST(what_ends_a_snapshot_first_is_told),
        TEST(a_snapshot_that_has_seen_all_leaves_the_next_walk_alone),
        TEST(a_walk_that_finds_nothing_more_ends_the_file),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/snapshot", tests, memory_balance_begin, NULL);
}
