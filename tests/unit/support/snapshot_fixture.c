#include "support/snapshot_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "keyspace/database.h"
#include "keyspace/snapshot_walk.h"
#include "persist/rdb_reader.h"
#include "system/clock.h"
#include "system/disk.h"
#include "system/event_loop.h"
#include "system/worker.h"
#include "values/hash.h"

struct keyspace *snapshot_fixture_keyspace(void)
{
    struct hash_seed seed = {1, 2};
    struct keyspace_hooks hooks = {.context = NULL};
    struct keyspace *keyspace = keyspace_create(2, &seed, &hooks);
    keyspace_set_time(keyspace, 1000);
    return keyspace;
}

int snapshot_fixture_set_up(void **state)
{
    struct snapshot_fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/holdfast-snapshot-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/dump.rdb", fixture->folder);
    fixture->loop = event_loop_create();
    fixture->clock = clock_create();
    fixture->worker = worker_create(fixture->loop, "test", WORKER_PROMPT);
    fixture->keyspace = snapshot_fixture_keyspace();
    *state = fixture;
    return 0;
}

int snapshot_fixture_tear_down(void **state)
{
    struct snapshot_fixture *fixture = *state;
    keyspace_destroy(fixture->keyspace);
    worker_destroy(fixture->worker);
    clock_destroy(fixture->clock);
    event_loop_destroy(fixture->loop);
    unlink(fixture->path);
    rmdir(fixture->folder);
    memory_free(fixture);
    return 0;
}

struct key snapshot_fixture_key(struct keyspace *keyspace, const char *name)
{
    struct slice text = slice_of_string(name);
    return (struct key){text, keyspace_hash(keyspace, text)};
}

void snapshot_fixture_set(struct keyspace *keyspace, const char *name, struct slice value)
{
    struct key key = snapshot_fixture_key(keyspace, name);
    assert_non_null(
        database_set_string(keyspace_database(keyspace, 0), &key, value, DEADLINE_CLEAR, 0));
}

struct slice snapshot_fixture_large(char *bytes, uint64_t step)
{
    uint64_t number = 1;
    for (size_t i = 0; i < SNAPSHOT_FIXTURE_LARGE; i++) {
        number = number * UINT64_C(6364136223846793005) + step;
        bytes[i] = step == 0 ? 'a' : (char)(number >> 56);
    }
    return slice_of(bytes, SNAPSHOT_FIXTURE_LARGE);
}

void snapshot_fixture_assert_holds(struct keyspace *keyspace, const char *name, struct slice value)
{
    struct key key = snapshot_fixture_key(keyspace, name);
    struct entry *entry = database_find(keyspace_database(keyspace, 0), &key);
    char scratch[32];
    assert_non_null(entry);
    assert_true(slice_equals(entry_string(entry, scratch), value));
}

void snapshot_fixture_done(void *context, int error_number)
{
    struct snapshot_fixture *fixture = context;
    fixture->done++;
    fixture->error_number = error_number;
}

struct snapshot *snapshot_fixture_begin_on(struct snapshot_fixture *fixture,
                                           const struct disk *disk, bool compress)
{
    struct snapshot_settings settings = {
        .path = fixture->path,
        .directory = fixture->folder,
        .compress = compress,
        .checksum = true,
    };
    struct snapshot *snapshot =
        snapshot_begin(fixture->loop, fixture->clock, disk, fixture->keyspace, fixture->worker,
                       &settings, snapshot_fixture_done, fixture);
    assert_non_null(snapshot);
    return snapshot;
}

struct snapshot *snapshot_fixture_begin(struct snapshot_fixture *fixture, bool compress)
{
    return snapshot_fixture_begin_on(fixture, disk_real(), compress);
}

struct keyspace *snapshot_fixture_load(struct snapshot_fixture *fixture)
{
    struct buffer file = {0};
    struct keyspace *keyspace = snapshot_fixture_keyspace();
    assert_int_equal(disk_read_all(disk_real(), fixture->path, SNAPSHOT_FIXTURE_FILE_MAX, &file),
                     OK);
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

void snapshot_fixture_end_walk(struct snapshot_fixture *fixture)
{
    while (snapshot_walk_goes_on(fixture->keyspace) && snapshot_walk_step(fixture->keyspace))
        ;
}

void snapshot_fixture_set_fields(struct snapshot_fixture *fixture, struct hash *hash, int fields,
                                 struct slice value)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    for (int field = 0; field < fields; field++) {
        char name[32];
        snprintf(name, sizeof name, "field:%d", field);
        assert_int_not_equal(hash_set(hash, settings, slice_of_string(name), value, false),
                             HASH_OUT_OF_MEMORY);
    }
}

void snapshot_fixture_add_hash(struct snapshot_fixture *fixture, const char *name, int fields,
                               struct slice value)
{
    struct hash *hash = hash_create();
    struct key key = snapshot_fixture_key(fixture->keyspace, name);
    snapshot_fixture_set_fields(fixture, hash, fields, value);
    assert_non_null(database_set_collection(keyspace_database(fixture->keyspace, 0), &key,
                                            TYPE_HASH, hash, ENTRY_NO_DEADLINE));
}

void snapshot_fixture_add_hashes(struct snapshot_fixture *fixture)
{
    snapshot_fixture_add_hash(fixture, "hash:0", 20000, SLICE("some value of some length"));
    snapshot_fixture_add_hash(fixture, "hash:1", 20000, SLICE("some value of some length"));
}
