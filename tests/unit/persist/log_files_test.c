/* The directory and the files of a log, on a disk whose calls fail one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "persist/log_directory.h"
#include "persist/log_files.h"
#include "support/memory_balance.h"
#include "support/open_files.h"
#include "system/disk_simulated.h"

#define FOLDER "log"
#define NAME "a"
#define FILLER_AHEAD (256 * 1024) /* bytes, as the files are written */

static const struct log_id some_id = {{1, 2, 3}};

struct world {
    struct disk_simulated *simulated;
    struct disk_operations operations;
    struct disk disk;
    int write_errno, truncate_errno; /* what these end with; 0: they are the simulated disk's */
    int fails_once;                  /* calls of `write` that end so; 0: all */
    bool writes_a_byte;              /* the next call of `write`, before they end so */
    uint64_t shrinks_to;             /* bytes of a file before a call of `read`; 0: it stays */
    struct log_directory *directory;
    struct log_files *files;
};

static struct world *current; /* operations are given the simulated disk's context */

static ssize_t failing_write(void *context, int file, const struct iovec *vectors, int count,
                             uint64_t offset)
{
    if (current->write_errno == 0)
        return disk_simulated_disk(current->simulated)
            ->operations->write(context, file, vectors, count, offset);
    if (current->writes_a_byte) {
        struct iovec byte = {vectors[0].iov_base, 1};
        current->writes_a_byte = false;
        return disk_simulated_disk(current->simulated)
            ->operations->write(context, file, &byte, 1, offset);
    }
    errno = current->write_errno;
    if (current->fails_once > 0 && --current->fails_once == 0)
        current->write_errno = 0;
    return -1;
}

static int failing_truncate(void *context, int file, uint64_t length)
{
    if (current->truncate_errno == 0)
        return disk_simulated_disk(current->simulated)->operations->truncate(context, file, length);
    errno = current->truncate_errno;
    return -1;
}

static ssize_t shrinking_read(void *context, int file, void *data, size_t length, uint64_t offset)
{
    const struct disk_operations *operations = disk_simulated_disk(current->simulated)->operations;
    if (current->shrinks_to > 0)
        assert_int_equal(operations->truncate(context, file, current->shrinks_to), 0);
    return operations->read(context, file, data, length, offset);
}

static int set_up(void **state)
{
    struct world *world = memory_allocate_zeroed(sizeof *world);
    world->simulated = disk_simulated_create(1);
    world->operations = *disk_simulated_disk(world->simulated)->operations;
    open_files_count_from(&world->operations, disk_simulated_disk(world->simulated));
    world->operations.write = failing_write;
    world->operations.truncate = failing_truncate;
    world->operations.read = shrinking_read;
    world->disk = (struct disk){&world->operations, disk_simulated_disk(world->simulated)->context};
    log_set_level(LOG_NOTHING);
    *state = current = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    log_files_close(world->files);
    log_directory_close(world->directory);
    assert_int_equal(open_files_count(), 0);
    disk_simulated_destroy(world->simulated);
    memory_free(world);
    return 0;
}

static void put(struct world *world, const char *name, struct slice content)
{
    char path[400];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    disk_simulated_write(world->simulated, path, content);
}

static bool is_there(struct world *world, const char *name)
{
    char path[400];
    struct slice content;
    snprintf(path, sizeof path, FOLDER "/%s", name);
    return disk_simulated_read(world->simulated, path, &content);
}

static void assert_manifest(struct world *world, const char *expected)
{
    struct slice content;
    assert_true(disk_simulated_read(world->simulated, FOLDER "/" NAME ".manifest", &content));
    if (!slice_equals(content, slice_of_string(expected)))
        fail_msg("the manifest is %.*s", (int)content.length, content.data);
}

static void open_directory(struct world *world)
{
    struct buffer text = {0};
    assert_int_equal(log_directory_open(&world->disk, FOLDER, NAME, &world->directory, &text), OK);
    buffer_deinit(&text);
}

static void open_files(struct world *world, bool manifested)
{
    struct log_writer_start start = {.id = some_id};
    open_directory(world);
    assert_int_equal(log_files_open(world->directory, &start, manifested, &world->files), OK);
}

static void assert_open_says(struct world *world, const char *expected)
{
    struct buffer text = {0};
    assert_int_not_equal(log_directory_open(&world->disk, FOLDER, NAME, &world->directory, &text),
                         OK);
    buffer_add(&text, "", 1);
    assert_string_equal(text.data, expected);
    buffer_deinit(&text);
}

/* --- the directory --- */

static void a_manifest_that_cannot_be_used_is_said(void **state)
{
    struct world *world = *state;
    put(world, NAME ".manifest", SLICE("file a seq 1 type i\nfile b\n"));
    assert_open_says(world, "The manifest log/a.manifest is damaged: line 2: not pairs of words");
    struct buffer large = {0};
    for (size_t i = 0; i <= LOG_MANIFEST_SIZE_MAX; i++)
        buffer_add(&large, "#", 1);
    put(world, NAME ".manifest", buffer_slice(&large));
    assert_open_says(world, "Cannot read the manifest log/a.manifest: it is too large");
    buffer_deinit(&large);
}

static void opening_says_what_failed(void **state)
{
    struct world *world = *state;
    /* To make it, to sync its parent; to lock; to open, measure and read the manifest. */
    static const char *const expected[] = {
        "Cannot make the directory log: Input/output error",
        "Cannot make the directory log: Input/output error",
        "Cannot lock log/holdfast.lock: Input/output error",
        "Cannot read the manifest log/a.manifest: Input/output error",
        "Cannot read the manifest log/a.manifest: Input/output error",
        "Cannot read the manifest log/a.manifest: Input/output error",
    };
    put(world, NAME ".manifest", SLICE("file a seq 1 type i\n"));
    for (size_t call = 1; call <= sizeof expected / sizeof expected[0]; call++) {
        struct buffer text = {0};
        disk_simulated_fail(world->simulated, call, DISK_FAULT_ERROR, false);
        enum error error = log_directory_open(&world->disk, FOLDER, NAME, &world->directory, &text);
        buffer_add(&text, "", 1);
        assert_int_equal(error, ERROR_SYSTEM);
        assert_string_equal(text.data, expected[call - 1]);
        buffer_deinit(&text);
    }
}

static void what_nobody_names_is_removed_and_nothing_else(void **state)
{
    struct world *world = *state;
    static const char *const kept[] = {NAME ".1.incr.aof", NAME ".9.txt", NAME "incr.aof",
                                       "b.9.incr.aof",     "temp",        NAME ".",
                                       NAME ".9.incr.aofx"};
    static const char *const removed[] = {NAME ".9.incr.aof", NAME ".9.base.rdb",
                                          NAME ".manifest.tmp", "temp-1", NAME ".8.incr.aof"};
    char long_name[300] = "temp-";
    memset(long_name + 5, 'x', sizeof long_name - 6);
    put(world, long_name, SLICE("x"));
    put(world, NAME ".manifest",
        SLICE("file a.1.incr.aof seq 1 type i\nfile a.8.incr.aof seq 8 type h\n"));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        put(world, kept[i], SLICE("x"));
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
        put(world, removed[i], SLICE("x"));
    open_directory(world);
    log_directory_clean(world->directory);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        assert_true(is_there(world, kept[i]));
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
        assert_false(is_there(world, removed[i]));
    assert_true(is_there(world, long_name)); /* longer than any of ours */
    assert_manifest(world, "file a.1.incr.aof seq 1 type i\n");
}

static void a_manifest_of_history_alone_stays(void **state)
{
    struct world *world = *state;
    put(world, NAME ".manifest", SLICE("file a.8.incr.aof seq 8 type h\n"));
    open_directory(world);
    log_directory_clean(world->directory);
    assert_manifest(world, "file a.8.incr.aof seq 8 type h\n");
}

static void a_manifest_without_history_is_not_written_again(void **state)
{
    struct world *world = *state;
    put(world, NAME ".manifest", SLICE("file a.1.incr.aof seq 1 type i\n"));
    put(world, NAME ".1.incr.aof", SLICE("x"));
    open_directory(world);
    disk_simulated_fail(world->simulated, 0, DISK_FAULT_NONE, false);
    log_directory_clean(world->directory);
    assert_int_equal(disk_simulated_calls(world->simulated), 1); /* a look at the directory */
}

/* --- files --- */

static void starting_fails_with_any_call_that_matters(void **state)
{
    struct world *world = *state;
    size_t failures = 0;
    for (uint64_t call = 1; call <= 40; call++) {
        struct log_writer_start start = {some_id, 5, "a.2.incr.aof", 3, 1};
        struct log_files *files;
        put(world, NAME ".manifest",
            SLICE("file a.1.base.rdb seq 1 type b\n"
                  "file a.2.incr.aof seq 2 type i\n"
                  "file a.1.incr.aof seq 1 type h\n"));
        put(world, NAME ".1.base.rdb", SLICE("base"));
        put(world, NAME ".2.incr.aof", SLICE("increment"));
        put(world, NAME ".1.incr.aof", SLICE("old"));
        disk_simulated_fail(world->simulated, 0, DISK_FAULT_NONE, false);
        open_directory(world);
        disk_simulated_fail(world->simulated, call, DISK_FAULT_ERROR, false);
        enum error error = log_files_open(world->directory, &start, true, &files);
        if (error != OK)
            assert_int_equal(error, ERROR_SYSTEM);
        else
            log_files_close(files);
        failures += error != OK;
        log_directory_close(world->directory);
        world->directory = NULL;
    }
    /* To open and to sync each of two, to sync the directory; to open the last, to measure and to
     * cut it, to read and to write what may not be durable, to sync it. */
    assert_int_equal(failures, 11);
}

/* By others: it has `there` bytes when it is opened and `left` when it is written again. */
static void an_increment_that_became_shorter_is_refused(void **state)
{
    struct world *world = *state;
    static const struct {
        uint64_t there, proven, left;
    } cases[] = {{4, 9, 4}, {8, 1, 8}, {9, 1, 8}, {9, 1, 1}, {9, 8, 8}, {20, 5, 3}};
    put(world, NAME ".manifest", SLICE("file a.1.incr.aof seq 1 type i\n"));
    open_directory(world);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_writer_start start = {some_id, 5, "a.1.incr.aof", 9, cases[i].proven};
        struct slice content;
        put(world, NAME ".1.incr.aof", slice_of("increment and a tail", cases[i].there));
        world->shrinks_to = cases[i].there < 9 ? 0 : cases[i].left;
        errno = 0;
        assert_int_equal(log_files_open(world->directory, &start, true, &world->files),
                         ERROR_SYSTEM);
        assert_int_equal(errno, EIO);
        assert_true(disk_simulated_read(world->simulated, FOLDER "/" NAME ".1.incr.aof", &content));
        assert_int_equal(content.length, cases[i].left); /* nothing stands in its place */
    }
}

static void history_that_cannot_be_removed_is_not_synced(void **state)
{
    struct world *world = *state;
    put(world, NAME ".manifest", SLICE("file a.1.incr.aof seq 1 type h\n"));
    open_files(world, true);
    assert_int_equal(log_files_sequence(world->files), 2);
}

static uint64_t size_on_disk(struct world *world)
{
    struct slice content;
    assert_true(disk_simulated_read(world->simulated, FOLDER "/" NAME ".1.incr.aof", &content));
    return content.length;
}

static void filler_that_has_no_room_is_left_out(void **state)
{
    struct world *world = *state;
    static const int reasons[] = {ENOSPC, EDQUOT};
    open_files(world, true);
    for (size_t i = 0; i < 2; i++) {
        uint64_t size = log_files_size(world->files);
        struct slice content;
        world->write_errno = reasons[i];
        world->fails_once = 1;
        world->writes_a_byte = true;
        assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
        assert_true(log_files_size(world->files) > size);
        assert_int_equal(size_on_disk(world), log_files_size(world->files));
        assert_true(disk_simulated_read(world->simulated, FOLDER "/" NAME ".1.incr.aof", &content));
        assert_memory_equal(content.data + size, "#HF ", 4);
        assert_memory_equal(content.data + content.length - 7, "\r\ngroup", 7);
    }
    world->write_errno = EIO; /* another reason is no reason to try again, */
    world->fails_once = 1;
    assert_int_equal(log_files_append(world->files, SLICE("group")), ERROR_SYSTEM);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    world->write_errno = ENOSPC; /* nor is this one when there is filler already */
    world->fails_once = 1;
    assert_int_equal(log_files_append(world->files, SLICE("group")), ERROR_SYSTEM);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    assert_int_equal(size_on_disk(world), log_files_size(world->files) + FILLER_AHEAD);
}

static void filler_is_written_where_little_is_left(void **state)
{
    struct world *world = *state;
    const size_t room = FILLER_AHEAD - LOG_FILLER_LEFT_MIN;
    struct log_group_header header = {1, room, 0, 0};
    char line[LOG_ANNOTATION_MAX], *commands = memory_allocate_zeroed(room);
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("x")), OK);
    uint64_t filled = size_on_disk(world);
    assert_int_equal(filled, log_files_size(world->files) + FILLER_AHEAD);
    size_t length = room - log_group_write_header(line, &header);
    assert_int_equal(log_files_append(world->files, slice_of(commands, length)), OK);
    assert_int_equal(log_files_size(world->files), filled - LOG_FILLER_LEFT_MIN);
    assert_int_equal(size_on_disk(world), filled); /* just enough is left */
    assert_int_equal(log_files_append(world->files, SLICE("")), OK);
    assert_int_equal(size_on_disk(world), log_files_size(world->files) + FILLER_AHEAD);
    struct slice content;
    assert_true(disk_simulated_read(world->simulated, FOLDER "/" NAME ".1.incr.aof", &content));
    assert_memory_equal(content.data + content.length - 3, "##\n", 3); /* a line of its own */
    memory_free(commands);
}

static void a_write_that_fails_leaves_whole_groups(void **state)
{
    struct world *world = *state;
    static const int reasons[] = {ENOSPC, EDQUOT, EIO};
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("first")), OK);
    uint64_t size = log_files_size(world->files);
    for (int with_filler = 0; with_filler < 2; with_filler++)
        for (size_t i = 0; i < 3; i++) {
            world->write_errno = reasons[i];
            assert_int_equal(log_files_append(world->files, SLICE("second")), ERROR_SYSTEM);
            assert_int_equal(errno, reasons[i]);
            assert_int_equal(log_files_size(world->files), size);
            assert_int_equal(size_on_disk(world), size);
            assert_false(log_files_is_broken(world->files));
        }
    world->write_errno = 0;
    assert_int_equal(log_files_append(world->files, SLICE("second")), OK);
    assert_int_equal(size_on_disk(world), log_files_size(world->files) + FILLER_AHEAD);
    assert_int_equal(log_files_sync(world->files), OK);
    assert_int_equal(log_files_synced_offset(world->files), 11);
}

static void what_cannot_be_cut_back_breaks_the_log(void **state)
{
    struct world *world = *state;
    open_files(world, true);
    world->write_errno = ENOSPC;
    world->truncate_errno = EIO;
    assert_int_equal(log_files_append(world->files, SLICE("group")), ERROR_SYSTEM);
    assert_true(log_files_is_broken(world->files));
}

static void a_new_increment_needs_the_old_one_cut(void **state)
{
    struct world *world = *state;
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    world->truncate_errno = EIO;
    assert_int_equal(log_files_begin_increment(world->files, 2), ERROR_SYSTEM);
    assert_int_equal(log_files_sequence(world->files), 1);
    world->truncate_errno = 0;
    assert_int_equal(log_files_begin_increment(world->files, 2), OK);
    assert_int_equal(log_files_sequence(world->files), 2);
    assert_manifest(world, "file a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n");
}

static void a_new_increment_needs_the_old_one_synced(void **state)
{
    struct world *world = *state;
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    disk_simulated_fail(world->simulated, 1, DISK_FAULT_ERROR, false);
    assert_int_equal(log_files_begin_increment(world->files, 2), ERROR_SYSTEM);
    assert_true(log_files_is_broken(world->files));
    assert_int_equal(log_files_synced_offset(world->files), 0);
    assert_manifest(world, "file a.1.incr.aof seq 1 type i\n");
}

static void an_increment_is_begun_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    size_t failures = 0;
    enum error error;
    open_files(world, true);
    do {
        assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
        assert_int_equal(log_files_sync(world->files), OK);
        uint64_t size = log_files_size(world->files);
        assert_true(size_on_disk(world) >= size + LOG_FILLER_LEFT_MIN); /* anew, if it was cut */
        disk_simulated_fail(world->simulated, failures + 1, DISK_FAULT_ERROR, false);
        error = log_files_begin_increment(world->files, 2);
        failures += error != OK;
        assert_int_equal(log_files_sequence(world->files), error == OK ? 2 : 1);
        assert_true(error == OK || log_files_size(world->files) == size);
        assert_int_equal(open_files_count(), 2); /* the lock and the increment */
    } while (error != OK);
    /* The old one: cut, synced. The new one: made, written, synced, its name, too. The manifest:
     * made, written, synced, renamed, its name synced. */
    assert_int_equal(failures, 11);
}

static void what_is_synced_is_not_synced_again(void **state)
{
    struct world *world = *state;
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    assert_int_equal(log_files_sync(world->files), OK);
    disk_simulated_fail(world->simulated, 0, DISK_FAULT_NONE, false);
    assert_int_equal(log_files_sync(world->files), OK);
    assert_int_equal(disk_simulated_calls(world->simulated), 0);
}

static void a_new_base_never_takes_the_name_of_history(void **state)
{
    struct world *world = *state;
    put(world, NAME ".manifest",
        SLICE("file a.1.incr.aof seq 1 type i\n"
              "file a.5.base.rdb seq 5 type h\n"));
    put(world, NAME ".1.incr.aof", SLICE("x"));
    put(world, NAME ".5.base.rdb", SLICE("old"));
    struct log_writer_start start = {some_id, 0, "a.1.incr.aof", 1, 1};
    open_directory(world);
    /* the second call removes the old base */
    disk_simulated_fail(world->simulated, 2, DISK_FAULT_ERROR, false);
    assert_int_equal(log_files_open(world->directory, &start, true, &world->files), OK);
    assert_true(is_there(world, NAME ".5.base.rdb"));
    put(world, "new", SLICE("new base"));
    assert_int_equal(log_files_switch_base(world->files, FOLDER "/new", 1), OK);
    assert_manifest(world, "file a.6.base.rdb seq 6 type b\nfile a.1.incr.aof seq 1 type i\n");
    assert_int_equal(log_files_all_size(world->files), 8 + 1);
}

static void increments_of_a_new_log_get_their_names_or_it_fails(void **state)
{
    struct world *world = *state;
    open_files(world, false);
    assert_int_equal(log_files_begin_increment(world->files, 2), OK);
    assert_false(is_there(world, NAME ".2.incr.aof"));
    put(world, "new", SLICE("new base"));
    for (uint64_t call = 1; call <= 3; call++) { /* each of three renames */
        disk_simulated_fail(world->simulated, call, DISK_FAULT_ERROR, false);
        assert_int_equal(log_files_switch_base(world->files, FOLDER "/new", 1), ERROR_SYSTEM);
        assert_false(log_files_is_manifested(world->files));
        if (call > 1) { /* what was done before stays: the next log begins with other names */
            assert_true(is_there(world, NAME ".1.base.rdb"));
            put(world, "new", SLICE("new base"));
        }
        if (call == 3)
            put(world, "temp-" NAME ".1.incr.aof", SLICE("x"));
    }
    assert_int_equal(log_files_switch_base(world->files, FOLDER "/new", 1), OK);
    assert_true(log_files_is_manifested(world->files));
    assert_manifest(world, "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n"
                           "file a.2.incr.aof seq 2 type i\n");
}

static void a_path_ends_where_its_length_says(void **state)
{
    struct world *world = *state;
    struct buffer path = {0};
    open_directory(world);
    log_directory_file_path(world->directory, "x", &path);
    assert_string_equal(path.data, FOLDER "/x");
    assert_int_equal(path.length, strlen(FOLDER "/x"));
    buffer_deinit(&path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_that_cannot_be_used_is_said),
        TEST(opening_says_what_failed),
        TEST(what_nobody_names_is_removed_and_nothing_else),
        TEST(a_manifest_of_history_alone_stays),
        TEST(a_manifest_without_history_is_not_written_again),
        TEST(starting_fails_with_any_call_that_matters),
        TEST(an_increment_that_became_shorter_is_refused),
        TEST(history_that_cannot_be_removed_is_not_synced),
        TEST(filler_that_has_no_room_is_left_out),
        TEST(filler_is_written_where_little_is_left),
        TEST(a_write_that_fails_leaves_whole_groups),
        TEST(what_cannot_be_cut_back_breaks_the_log),
        TEST(a_new_increment_needs_the_old_one_cut),
        TEST(a_new_increment_needs_the_old_one_synced),
        TEST(an_increment_is_begun_whole_or_not_at_all),
        TEST(what_is_synced_is_not_synced_again),
        TEST(a_new_base_never_takes_the_name_of_history),
        TEST(increments_of_a_new_log_get_their_names_or_it_fails),
        TEST(a_path_ends_where_its_length_says),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/log_files", tests, memory_balance_begin, NULL);
}
