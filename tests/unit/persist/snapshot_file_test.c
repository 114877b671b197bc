/* The file of a snapshot: its bytes, its checksum, when it is synced, what is left of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"
#include "base/memory.h"
#include "persist/rdb_writer.h"
#include "persist/snapshot.h"
#include "persist/snapshot_file.h"
#include "support/memory_balance.h"
#include "support/open_files.h"
#include "support/thread_sleeps.h"
#include "system/clock.h"
#include "system/disk_simulated.h"

#define FOLDER "data"
#define PATH FOLDER "/temp.rdb"
#define FINAL_PATH FOLDER "/dump.rdb"
#define PIECE ((size_t)128 << 10) /* bytes */
#define PIECES_A_SYNC 8
#define PIECE_MAX ((size_t)16 << 10) /* bytes, of the file's own pieces */

struct world {
    struct disk_simulated *simulated;
    struct disk_operations operations; /* the simulated disk's, but these are watched: */
    struct disk disk;
    struct clock *clock;
    int syncs, directory_syncs, writes_not_synced, sync_errno;
    int pieces;        /* written */
    size_t piece_size; /* of the largest */
    struct snapshot_file *file;
};

static struct world *current; /* operations are given the simulated disk's context */

static ssize_t watched_write(void *context, int file, const struct iovec *vectors, int count,
                             uint64_t offset)
{
    current->writes_not_synced++;
    current->pieces++;
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += vectors[i].iov_len;
    current->piece_size = size > current->piece_size ? size : current->piece_size;
    return disk_simulated_disk(current->simulated)
        ->operations->write(context, file, vectors, count, offset);
}

static int watched_sync(void *context, int file)
{
    current->syncs++;
    current->writes_not_synced = 0;
    if (current->sync_errno == 0)
        return disk_simulated_disk(current->simulated)->operations->sync(context, file);
    errno = current->sync_errno;
    return -1;
}

static int watched_rename(void *context, const char *from, const char *to)
{
    assert_int_equal(current->writes_not_synced, 0); /* it gets its name when it is durable */
    return disk_simulated_disk(current->simulated)->operations->rename(context, from, to);
}

static int watched_sync_directory(void *context, const char *path)
{
    current->directory_syncs++;
    return disk_simulated_disk(current->simulated)->operations->sync_directory(context, path);
}

static int set_up(void **state)
{
    struct world *world = memory_allocate_zeroed(sizeof *world);
    world->simulated = disk_simulated_create(1);
    world->operations = *disk_simulated_disk(world->simulated)->operations;
    open_files_count_from(&world->operations, disk_simulated_disk(world->simulated));
    world->operations.write = watched_write;
    world->operations.sync = watched_sync;
    world->operations.rename = watched_rename;
    world->operations.sync_directory = watched_sync_directory;
    world->disk = (struct disk){&world->operations, disk_simulated_disk(world->simulated)->context};
    world->clock = clock_create();
    *state = current = world;
    assert_int_equal(disk_make_directory(&world->disk, FOLDER), OK);
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    snapshot_file_destroy(world->file);
    assert_int_equal(open_files_count(), 0);
    disk_simulated_destroy(world->simulated);
    clock_destroy(world->clock);
    memory_free(world);
    return 0;
}

static void create(struct world *world, const char *final_path, bool checksum)
{
    struct snapshot_settings settings = {
        .path = PATH, .final_path = final_path, .directory = FOLDER, .checksum = checksum};
    world->file = snapshot_file_create(world->clock, &world->disk, &settings);
}

static void destroy(struct world *world)
{
    snapshot_file_destroy(world->file);
    world->file = NULL;
}

static bool is_there(struct world *world, const char *path)
{
    struct slice content;
    return disk_simulated_read(world->simulated, path, &content);
}

static void pieces_stand_one_behind_the_other_and_then_their_checksum(void **state)
{
    struct world *world = *state;
    for (int checksum = 0; checksum < 2; checksum++) {
        struct buffer expected = {0};
        struct slice content;
        struct crc64_tables tables;
        crc64_init(&tables);
        buffer_add_string(&expected, "one, and two");
        if (checksum)
            rdb_write_end(&expected, &tables,
                          crc64_add(&tables, 0, expected.data, expected.length));
        else
            rdb_write_end_unchecked(&expected);
        create(world, FINAL_PATH, checksum != 0);
        assert_int_equal(snapshot_file_write(world->file, SLICE("one, ")), OK);
        assert_int_equal(snapshot_file_write(world->file, SLICE("and two")), OK);
        assert_true(is_there(world, PATH));
        assert_int_equal(snapshot_file_finish(world->file), OK);
        assert_false(is_there(world, PATH));
        assert_true(disk_simulated_read(world->simulated, FINAL_PATH, &content));
        assert_true(slice_equals(content, buffer_slice(&expected)));
        destroy(world);
        assert_true(is_there(world, FINAL_PATH));
        buffer_deinit(&expected);
    }
    assert_int_equal(world->directory_syncs, 2);
}

/* So that what is left for the end, and what the log's own syncs meet, stays small. */
static void every_megabyte_is_synced(void **state)
{
    struct world *world = *state;
    char *bytes = calloc(1, PIECE);
    create(world, NULL, false);
    for (int piece = 1; piece <= 3 * PIECES_A_SYNC; piece++) {
        assert_int_equal(snapshot_file_write(world->file, slice_of(bytes, PIECE)), OK);
        assert_int_equal(world->syncs, piece / PIECES_A_SYNC);
    }
    for (int piece = 1; piece < PIECES_A_SYNC; piece++)
        assert_int_equal(snapshot_file_write(world->file, slice_of(bytes, PIECE)), OK);
    world->sync_errno = EIO;
    assert_int_equal(snapshot_file_write(world->file, slice_of(bytes, PIECE)), ERROR_SYSTEM);
    assert_int_equal(errno, EIO);
    destroy(world);
    assert_false(is_there(world, PATH));
    free(bytes);
}

/* Whoever waits for the core has it after a short piece. */
static void it_rests_after_each_piece_if_it_is_to(void **state)
{
    struct world *world = *state;
    char *bytes = calloc(1, PIECE);
    create(world, NULL, true);
    for (int rests = 0; rests < 2; rests++) {
        long before = thread_sleeps();
        world->pieces = 0;
        snapshot_file_set_rests(world->file, rests != 0);
        assert_int_equal(snapshot_file_write(world->file, slice_of(bytes, PIECE - 1)), OK);
        assert_int_equal(world->pieces, PIECE / PIECE_MAX);
        assert_int_equal(world->piece_size, PIECE_MAX);
        assert_int_equal(thread_sleeps() > before, rests != 0);
    }
    free(bytes);
}

static void a_file_that_is_not_finished_is_removed(void **state)
{
    struct world *world = *state;
    create(world, NULL, true);
    destroy(world); /* nothing was written: nothing is there, and nothing is removed */
    disk_simulated_write(world->simulated, PATH, SLICE("somebody's"));
    create(world, NULL, true);
    destroy(world);
    assert_true(is_there(world, PATH));
    create(world, NULL, true);
    assert_int_equal(snapshot_file_write(world->file, SLICE("one")), OK);
    destroy(world);
    assert_false(is_there(world, PATH));
    create(world, NULL, true);
    assert_int_equal(snapshot_file_finish(world->file), OK); /* an empty one */
    destroy(world);
    assert_true(is_there(world, PATH));
    snapshot_file_destroy(NULL);
}

static void a_call_that_fails_is_told(void **state)
{
    struct world *world = *state;
    size_t failures = 0;
    bool done = false;
    for (uint64_t call = 1; !done; call++) {
        create(world, FINAL_PATH, true);
        disk_simulated_fail(world->simulated, call, DISK_FAULT_ERROR, false);
        errno = 0;
        enum error error = snapshot_file_write(world->file, SLICE("one"));
        if (error == OK)
            error = snapshot_file_finish(world->file);
        done = disk_simulated_calls(world->simulated) < call;
        assert_int_equal(error, done ? OK : ERROR_SYSTEM);
        assert_true(done || errno == EIO);
        failures += !done;
        disk_simulated_fail(world->simulated, 0, DISK_FAULT_NONE, false);
        destroy(world);
        assert_false(is_there(world, PATH));
    }
    assert_int_equal(failures, 6); /* open, two writes, sync, rename, the directory's sync */
    assert_true(is_there(world, FINAL_PATH));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_stand_one_behind_the_other_and_then_their_checksum),
        TEST(every_megabyte_is_synced),
        TEST(it_rests_after_each_piece_if_it_is_to),
        TEST(a_file_that_is_not_finished_is_removed),
        TEST(a_call_that_fails_is_told),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/snapshot_file", tests, memory_balance_begin, NULL);
}
