/* The directory of a log: its lock, its manifest, what is cleaned away in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "persist/log_directory.h"
#include "support/log_folder.h"
#include "support/memory_balance.h"
#include "support/open_files.h"

struct world {
    struct disk_simulated *simulated;
    struct disk_operations operations;
    struct disk disk;
    char synced_directory[64]; /* the first that was; "": none */
    struct log_directory *directory;
};

static struct world *current; /* operations are given the simulated disk's context */

static int noting_sync_directory(void *context, const char *path)
{
    if (current->synced_directory[0] == '\0')
        snprintf(current->synced_directory, sizeof current->synced_directory, "%s", path);
    return disk_simulated_disk(current->simulated)->operations->sync_directory(context, path);
}

static int set_up(void **state)
{
    struct world *world = memory_allocate_zeroed(sizeof *world);
    const struct disk *disk;
    world->simulated = disk_simulated_create(1);
    disk = disk_simulated_disk(world->simulated);
    world->operations = *disk->operations;
    open_files_count_from(&world->operations, disk);
    world->operations.sync_directory = noting_sync_directory;
    world->disk = (struct disk){&world->operations, disk->context};
    log_set_level(LOG_NOTHING);
    *state = current = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    log_directory_close(world->directory);
    assert_int_equal(open_files_count(), 0);
    disk_simulated_destroy(world->simulated);
    memory_free(world);
    return 0;
}

static void open_directory(struct world *world)
{
    struct buffer text = {0};
    assert_int_equal(
        log_directory_open(&world->disk, LOG_FOLDER, LOG_FOLDER_NAME, &world->directory, &text),
        OK);
    buffer_deinit(&text);
}

static void assert_open_says(struct world *world, const char *expected)
{
    struct buffer text = {0};
    assert_int_not_equal(
        log_directory_open(&world->disk, LOG_FOLDER, LOG_FOLDER_NAME, &world->directory, &text),
        OK);
    buffer_add(&text, "", 1);
    assert_string_equal(text.data, expected);
    buffer_deinit(&text);
}

static void a_manifest_that_cannot_be_used_is_said(void **state)
{
    struct world *world = *state;
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest",
                   SLICE("file a seq 1 type i\nfile b\n"));
    assert_open_says(world, "The manifest log/a.manifest is damaged: line 2: not pairs of words");
    struct buffer large = {0};
    for (size_t i = 0; i <= LOG_MANIFEST_SIZE_MAX; i++)
        buffer_add(&large, "#", 1);
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest", buffer_slice(&large));
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
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest", SLICE("file a seq 1 type i\n"));
    for (size_t call = 1; call <= sizeof expected / sizeof expected[0]; call++) {
        struct buffer text = {0};
        disk_simulated_fail(world->simulated, call, DISK_FAULT_ERROR, false);
        enum error error =
            log_directory_open(&world->disk, LOG_FOLDER, LOG_FOLDER_NAME, &world->directory, &text);
        buffer_add(&text, "", 1);
        assert_int_equal(error, ERROR_SYSTEM);
        assert_string_equal(text.data, expected[call - 1]);
        buffer_deinit(&text);
    }
}

static void what_nobody_names_is_removed_and_nothing_else(void **state)
{
    struct world *world = *state;
    static const char *const kept[] = {LOG_FOLDER_NAME ".1.incr.aof",
                                       LOG_FOLDER_NAME ".9.txt",
                                       LOG_FOLDER_NAME "incr.aof",
                                       "b.9.incr.aof",
                                       "temp",
                                       LOG_FOLDER_NAME ".",
                                       LOG_FOLDER_NAME ".9.incr.aofx"};
    static const char *const removed[] = {
        LOG_FOLDER_NAME ".9.incr.aof",   LOG_FOLDER_NAME ".9.base.rdb",
        LOG_FOLDER_NAME ".manifest.tmp", "temp-1",
        LOG_FOLDER_NAME ".8.incr.aof",   "of-another-name"};
    char long_name[300] = "temp-", longest_name[LOG_FILE_NAME_MAX + 1] = "temp-";
    memset(long_name + 5, 'x', sizeof long_name - 6);
    memset(longest_name + 5, 'x', sizeof longest_name - 6);
    log_folder_put(world->simulated, long_name, SLICE("x"));
    log_folder_put(world->simulated, longest_name, SLICE("x"));
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest",
                   SLICE("file a.1.incr.aof seq 1 type i\nfile a.8.incr.aof seq 8 type h\n"
                         "file of-another-name seq 9 type h\n"));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        log_folder_put(world->simulated, kept[i], SLICE("x"));
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
        log_folder_put(world->simulated, removed[i], SLICE("x"));
    open_directory(world);
    log_directory_clean(world->directory);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        assert_true(log_folder_has(world->simulated, kept[i]));
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
        assert_false(log_folder_has(world->simulated, removed[i]));
    assert_true(log_folder_has(world->simulated, long_name)); /* longer than any of ours */
    assert_false(log_folder_has(world->simulated, longest_name));
    log_folder_assert_manifest(world->simulated, "file a.1.incr.aof seq 1 type i\n");
}

/* They are closed by whoever asks for them, or with the directory. */
static void removed_files_stay_open_until_somebody_has_time(void **state)
{
    struct world *world = *state;
    static const char *const old[] = {LOG_FOLDER_NAME ".8.incr.aof", "temp-1",
                                      LOG_FOLDER_NAME ".9.base.rdb"};
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest",
                   SLICE("file a.1.incr.aof seq 1 type i\nfile a.8.incr.aof seq 8 type h\n"));
    for (size_t i = 0; i < 3; i++)
        log_folder_put(world->simulated, old[i], SLICE("x"));
    open_directory(world);
    int before = open_files_count();
    log_directory_clean(world->directory);
    for (size_t i = 0; i < 3; i++)
        assert_false(log_folder_has(world->simulated, old[i]));
    assert_int_equal(open_files_count(), before + 3);
    for (int left = 2; left >= 0; left--) {
        struct disk_file file = log_directory_take_removed(world->directory);
        uint64_t size;
        assert_int_equal(disk_size(&file, &size), OK);
        assert_int_equal(size, 1);
        disk_close(&file);
        assert_int_equal(open_files_count(), before + left);
    }
    assert_int_equal(log_directory_take_removed(world->directory).file, -1);
    log_folder_put(world->simulated, "temp-2", SLICE("x"));
    log_directory_clean(world->directory);
    assert_int_equal(open_files_count(), before + 1);
    log_directory_close(world->directory);
    world->directory = NULL;
    assert_int_equal(open_files_count(), 0);
}

static void a_manifest_of_history_alone_stays(void **state)
{
    struct world *world = *state;
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest",
                   SLICE("file a.8.incr.aof seq 8 type h\n"));
    open_directory(world);
    log_directory_clean(world->directory);
    log_folder_assert_manifest(world->simulated, "file a.8.incr.aof seq 8 type h\n");
}

static void a_manifest_without_history_is_not_written_again(void **state)
{
    struct world *world = *state;
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest",
                   SLICE("file a.1.incr.aof seq 1 type i\n"));
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".1.incr.aof", SLICE("x"));
    open_directory(world);
    disk_simulated_fail(world->simulated, 0, DISK_FAULT_NONE, false);
    log_directory_clean(world->directory);
    assert_int_equal(disk_simulated_calls(world->simulated), 1); /* a look at the directory */
}

static void a_path_ends_where_its_length_says(void **state)
{
    struct world *world = *state;
    struct buffer path = {0};
    open_directory(world);
    log_directory_file_path(world->directory, "x", &path);
    assert_string_equal(path.data, LOG_FOLDER "/x");
    assert_int_equal(path.length, strlen(LOG_FOLDER "/x"));
    buffer_deinit(&path);
}

static void the_directory_is_durable_where_it_stands(void **state)
{
    struct world *world = *state;
    static const char *const parents[][2] = {
        {"log", "."}, {"/log", "/"}, {"some/log", "some"}, {"/some/log", "/some"}};
    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        struct log_directory *directory;
        struct buffer text = {0};
        world->synced_directory[0] = '\0';
        assert_int_equal(
            log_directory_open(&world->disk, parents[i][0], LOG_FOLDER_NAME, &directory, &text),
            OK);
        assert_string_equal(world->synced_directory, parents[i][1]);
        log_directory_close(directory);
    }
}

static void a_manifest_is_there_once_it_was_switched_to(void **state)
{
    struct world *world = *state;
    struct log_manifest manifest = {NULL, 0};
    open_directory(world);
    assert_false(log_directory_has_manifest(world->directory));
    log_manifest_add(&manifest, "x", 1, LOG_FILE_INCREMENT);
    disk_simulated_fail(world->simulated, 1, DISK_FAULT_ERROR, false);
    assert_int_equal(log_directory_switch(world->directory, &manifest), ERROR_SYSTEM);
    assert_false(log_directory_has_manifest(world->directory));
    assert_int_equal(log_directory_switch(world->directory, &manifest), OK);
    assert_true(log_directory_has_manifest(world->directory));
    log_manifest_deinit(&manifest);
}

static void a_directory_that_is_locked_is_in_use(void **state)
{
    struct world *world = *state;
    open_directory(world);
    struct log_directory *first = world->directory;
    assert_open_says(world, "The log in log is in use by another server (log/holdfast.lock is "
                            "locked)");
    world->directory = first;
}

/* Of files that nobody names any more. Call number 0: none fails. `for_good`: all after it
 * fail, too. */
static void assert_cleaning_says(struct world *world, uint64_t call, bool for_good,
                                 const char *expected)
{
    char path[] = "/tmp/holdfast-cleaning-XXXXXX";
    struct buffer said = {0};
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".manifest",
                   SLICE("file a.1.incr.aof seq 1 type i\nfile a.8.incr.aof seq 8 type h\n"));
    log_folder_put(world->simulated, LOG_FOLDER_NAME ".8.incr.aof", SLICE("x"));
    open_directory(world);
    close(mkstemp(path));
    assert_int_equal(log_open(path), OK);
    log_set_level(LOG_DEBUG);
    disk_simulated_fail(world->simulated, call, call > 0 ? DISK_FAULT_ERROR : DISK_FAULT_NONE,
                        for_good);
    log_directory_clean(world->directory);
    disk_simulated_fail(world->simulated, 0, DISK_FAULT_NONE, false);
    log_set_level(LOG_NOTHING);
    assert_int_equal(log_open(""), OK);
    assert_int_equal(disk_read_all(disk_real(), path, LOG_LINE_MAX, &said), OK);
    assert_int_equal(remove(path), 0);
    buffer_add(&said, "", 1);
    if (expected[0] == '\0')
        assert_string_equal(said.data, "");
    else if (strstr(said.data, expected) == NULL)
        fail_msg("\"%s\" instead of \"%s\"", said.data, expected);
    buffer_deinit(&said);
    log_directory_close(world->directory);
    world->directory = NULL;
}

static void what_cannot_be_cleaned_is_said(void **state)
{
    struct world *world = *state;
    assert_cleaning_says(world, 0, false, "");
    assert_cleaning_says(world, 1, false,
                         "warning: Cannot look for old files in log: Input/output error\n");
    assert_cleaning_says(world, 2, false, ""); /* it cannot be opened: then it goes at once */
    assert_false(log_folder_has(world->simulated, LOG_FOLDER_NAME ".8.incr.aof"));
    assert_cleaning_says(
        world, 2, true,
        "warning: Cannot remove the old file log/a.8.incr.aof: Input/output error\n");
    assert_cleaning_says(
        world, 3, false,
        "warning: Cannot remove the old file log/a.8.incr.aof: Input/output error\n");
    assert_cleaning_says(
        world, 4, false,
        "warning: The manifest in log still names old files: Input/output error\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    tzset(); /* the C library keeps what the time of a log line takes */
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_that_cannot_be_used_is_said),
        TEST(opening_says_what_failed),
        TEST(what_nobody_names_is_removed_and_nothing_else),
        TEST(removed_files_stay_open_until_somebody_has_time),
        TEST(a_manifest_of_history_alone_stays),
        TEST(a_manifest_without_history_is_not_written_again),
        TEST(a_path_ends_where_its_length_says),
        TEST(the_directory_is_durable_where_it_stands),
        TEST(a_manifest_is_there_once_it_was_switched_to),
        TEST(a_directory_that_is_locked_is_in_use),
        TEST(what_cannot_be_cleaned_is_said),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/log_directory", tests, memory_balance_begin, NULL);
}
