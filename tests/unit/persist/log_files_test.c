/* The files of a log, on a disk whose calls fail one by one. */
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
#include "support/log_folder.h"
#include "support/memory_balance.h"
#include "support/open_files.h"

#define FOLDER LOG_FOLDER
#define NAME LOG_FOLDER_NAME
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
    log_folder_put(world->simulated, name, content);
}

static bool is_there(struct world *world, const char *name)
{
    return log_folder_has(world->simulated, name);
}

static void assert_manifest(struct world *world, const char *expected)
{
    log_folder_assert_manifest(world->simulated, expected);
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
    assert_int_equal(errno, ENOSPC);
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
    /* the third call removes the old base */
    disk_simulated_fail(world->simulated, 3, DISK_FAULT_ERROR, false);
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

/* What the files of a log in `world` have in all, beside the current increment's bytes. */
static uint64_t size_before(struct world *world)
{
    return log_files_all_size(world->files) - log_files_size(world->files);
}

static void all_that_the_manifest_names_is_measured(void **state)
{
    struct world *world = *state;
    struct log_writer_start start = {some_id, 1000, "a.3.incr.aof", 3, 3};
    put(world, NAME ".manifest",
        SLICE("file a.1.base.rdb seq 1 type b\n"
              "file a.1.incr.aof seq 1 type i\n"
              "file a.2.incr.aof seq 2 type i\n"
              "file a.3.incr.aof seq 3 type i\n"));
    put(world, NAME ".1.base.rdb", SLICE("old base")); /* of 8 bytes */
    put(world, NAME ".1.incr.aof", SLICE("0123456789"));
    put(world, NAME ".2.incr.aof", SLICE("01234"));
    put(world, NAME ".3.incr.aof", SLICE("012"));
    open_directory(world);
    assert_int_equal(log_files_open(world->directory, &start, true, &world->files), OK);
    assert_int_equal(size_before(world), 8 + 10 + 5);
    assert_int_equal(log_files_size(world->files), 3);
    assert_int_equal(log_files_offset(world->files), 1000);
    assert_int_equal(log_files_synced_offset(world->files), 1000);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    assert_int_equal(log_files_offset(world->files), 1005);
    uint64_t size = log_files_size(world->files);
    assert_int_equal(log_files_begin_increment(world->files, 4), OK);
    assert_int_equal(size_before(world), 8 + 10 + 5 + size);
    put(world, "new", SLICE("new"));
    assert_int_equal(log_files_switch_base(world->files, FOLDER "/new", 2), OK);
    assert_int_equal(size_before(world), 3 + 5 + size);
    assert_manifest(world, "file a.2.base.rdb seq 2 type b\nfile a.2.incr.aof seq 2 type i\n"
                           "file a.3.incr.aof seq 3 type i\nfile a.4.incr.aof seq 4 type i\n");
    assert_false(is_there(world, NAME ".1.base.rdb"));
    assert_false(is_there(world, NAME ".1.incr.aof"));
}

/* A new log, beside an old one that is not whole. */
static void what_cannot_be_measured_has_no_size(void **state)
{
    struct world *world = *state;
    struct log_writer_start start = {.id = some_id};
    put(world, NAME ".manifest", SLICE("file a.1.base.rdb seq 1 type b\n"));
    open_files(world, false);
    assert_int_equal(size_before(world), 0);
    put(world, NAME ".1.base.rdb", SLICE("base"));
    size_t failed = 0;
    uint64_t call = 0;
    do {
        log_files_close(world->files);
        world->files = NULL;
        disk_simulated_fail(world->simulated, ++call, DISK_FAULT_ERROR, false);
        if (log_files_open(world->directory, &start, false, &world->files) != OK)
            continue;
        assert_true(size_before(world) == 4 || size_before(world) == 0);
        failed += size_before(world) == 0;
    } while (disk_simulated_calls(world->simulated) >= call);
    assert_int_equal(size_before(world), 4);
    assert_int_equal(failed, 2); /* to open it, to ask for its size */
}

static void the_longest_names_are_not_cut(void **state)
{
    struct world *world = *state;
    struct log_writer_start start = {.id = some_id};
    struct buffer text = {0};
    char name[LOG_FILE_NAME_MAX + 1], path[LOG_FILE_NAME_MAX + 20];
    memset(name, 'n', sizeof name);
    name[LOG_FILE_NAME_MAX - strlen(".1.incr.aof")] = '\0';
    assert_int_equal(log_directory_open(&world->disk, FOLDER, name, &world->directory, &text), OK);
    assert_int_equal(log_files_open(world->directory, &start, false, &world->files), OK);
    snprintf(path, sizeof path, "temp-%s.1.incr.aof", name);
    assert_true(is_there(world, path));
    put(world, "new", SLICE("new"));
    assert_int_equal(log_files_switch_base(world->files, FOLDER "/new", 1), OK);
    assert_false(is_there(world, path));
    assert_true(is_there(world, path + strlen("temp-")));
    snprintf(path, sizeof path, "%s.1.base.rdb", name);
    assert_true(is_there(world, path));
    buffer_deinit(&text);
}

/* --- in which order the disk is told --- */

static struct buffer told; /* "rename FROM TO, sync FOLDER, write OFFSET LENGTH, ..." */

static int noting_rename(void *context, const char *from, const char *to)
{
    buffer_add_format(&told, "rename %s %s, ", from, to);
    return disk_simulated_disk(current->simulated)->operations->rename(context, from, to);
}

static int noting_sync_directory(void *context, const char *path)
{
    buffer_add_format(&told, "sync %s, ", path);
    return disk_simulated_disk(current->simulated)->operations->sync_directory(context, path);
}

static ssize_t noting_write(void *context, int file, const struct iovec *vectors, int count,
                            uint64_t offset)
{
    ssize_t written = disk_simulated_disk(current->simulated)
                          ->operations->write(context, file, vectors, count, offset);
    buffer_add_format(&told, "write %llu %zd, ", (unsigned long long)offset, written);
    return written;
}

static void assert_told(const char *expected)
{
    buffer_add(&told, "", 1);
    assert_string_equal(told.data, expected);
    buffer_deinit(&told);
}

/* The names that the manifest is to say are durable before it says them. */
static void a_new_base_is_durable_before_it_is_named(void **state)
{
    struct world *world = *state;
    open_files(world, false);
    put(world, "new", SLICE("new base"));
    world->operations.rename = noting_rename;
    world->operations.sync_directory = noting_sync_directory;
    assert_int_equal(log_files_switch_base(world->files, FOLDER "/new", 1), OK);
    assert_told("rename log/new log/a.1.base.rdb, "
                "rename log/temp-a.1.incr.aof log/a.1.incr.aof, sync log, "
                "rename log/a.manifest.tmp log/a.manifest, sync log, ");
}

/* All that may be in memory only, in pieces, and nothing else. */
static void what_was_not_proven_is_written_again(void **state)
{
    struct world *world = *state;
    static const struct {
        uint64_t from, to;
        const char *told;
    } parts[] = {
        {0, 1, "write 0 1, "},
        {5, 5, ""},
        {300000, 300007, "write 300000 7, "},
        {100, 600000, "write 100 262144, write 262244 262144, write 524388 75612, "},
        {100, 524388, "write 100 262144, write 262244 262144, "},
    };
    char *bytes = memory_allocate(600000);
    for (size_t i = 0; i < 600000; i++)
        bytes[i] = (char)(i % 251);
    put(world, NAME ".manifest", SLICE("file a.1.incr.aof seq 1 type i\n"));
    world->operations.write = noting_write;
    open_directory(world);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct log_writer_start start = {some_id, 0, "a.1.incr.aof", parts[i].to, parts[i].from};
        put(world, NAME ".1.incr.aof", slice_of(bytes, 600000));
        assert_int_equal(log_files_open(world->directory, &start, true, &world->files), OK);
        assert_told(parts[i].told);
        struct slice content = log_folder_content(world->simulated, NAME ".1.incr.aof");
        assert_true(slice_equals(content, slice_of(bytes, parts[i].to)));
        log_files_close(world->files);
        world->files = NULL;
    }
    memory_free(bytes);
}

/* --- a disk that takes a part of what is written --- */

static size_t torn_length; /* bytes that are taken at each try */
static int torn_tries;     /* that end so; then all is taken */
static bool is_torn;       /* the next call says why */

static ssize_t tearing_write(void *context, int file, const struct iovec *vectors, int count,
                             uint64_t offset)
{
    struct iovec part[3];
    size_t left = torn_length;
    int parts = 0;
    if (torn_tries > 0 && (is_torn || left == 0)) {
        is_torn = false;
        torn_tries--;
        errno = ENOSPC;
        return -1;
    }
    for (; torn_tries > 0 && parts < count && left > 0; parts++) {
        part[parts] = vectors[parts];
        if (part[parts].iov_len > left)
            part[parts].iov_len = left;
        left -= part[parts].iov_len;
    }
    is_torn = torn_tries > 0;
    return disk_simulated_disk(current->simulated)
        ->operations->write(context, file, is_torn ? part : vectors, is_torn ? parts : count,
                            offset);
}

static void assert_increment(struct world *world, const char *expected)
{
    struct slice content = log_folder_content(world->simulated, NAME ".1.incr.aof");
    struct log_file_header file;
    struct log_group_header group;
    size_t length;
    uint64_t offset = 0;
    struct buffer commands = {0};
    assert_int_equal(log_group_read_line(content, &file, &group, &length), LOG_LINE_FILE);
    for (;;) {
        content = slice_of(content.data + length, content.length - length);
        if (content.length == 0 || (content.length > 1 && content.data[1] == LOG_FILLER))
            break;
        assert_int_equal(log_group_read_line(content, &file, &group, &length), LOG_LINE_GROUP);
        struct slice bytes = slice_of(content.data + length, group.length);
        assert_int_equal(group.offset, offset);
        assert_int_equal(log_group_crc(&some_id, &group, bytes), group.crc);
        buffer_add(&commands, bytes.data, bytes.length);
        buffer_add(&commands, ",", 1);
        offset += group.length;
        length += group.length;
    }
    for (size_t i = 0; i < content.length; i++)
        assert_int_equal(content.data[i], i + 1 < content.length ? LOG_FILLER : LOG_FILLER_END);
    assert_int_equal(log_files_size(world->files) + content.length, size_on_disk(world));
    buffer_add(&commands, "", 1);
    assert_string_equal(commands.data, expected);
    buffer_deinit(&commands);
}

/* Wherever the disk was full, and whether there was room without filler. */
static void a_full_disk_leaves_whole_groups_only(void **state)
{
    struct world *world = *state;
    const size_t whole = strlen("#HF 0 12 0 01234567\r\na torn group");
    for (int tries = 1; tries <= 2; tries++)
        for (size_t length = 0; length < whole; length++) {
            char *used = memory_allocate(FILLER_AHEAD); /* memory that has been used before */
            memset(used, 'u', FILLER_AHEAD);
            memory_free(used);
            disk_simulated_destroy(world->simulated);
            world->simulated = disk_simulated_create(1);
            world->disk.context = disk_simulated_disk(world->simulated)->context;
            open_files(world, true);
            world->operations.write = tearing_write;
            torn_length = length;
            torn_tries = tries;
            assert_int_equal(log_files_append(world->files, SLICE("a torn group")),
                             tries == 1 ? OK : ERROR_SYSTEM);
            assert_increment(world, tries == 1 ? "a torn group," : "");
            assert_int_equal(size_on_disk(world), log_files_size(world->files));
            assert_int_equal(log_files_append(world->files, SLICE("2nd")), OK);
            assert_increment(world, tries == 1 ? "a torn group,2nd," : "2nd,");
            assert_int_equal(log_files_offset(world->files), tries == 1 ? 15 : 3);
            log_files_close(world->files);
            log_directory_close(world->directory);
            world->files = NULL;
            world->directory = NULL;
        }
}

/* A byte more than leaves just enough filler: numbers of any length stand before the group. */
static void filler_is_written_where_a_byte_is_missing(void **state)
{
    struct world *world = *state;
    const size_t room = FILLER_AHEAD - LOG_FILLER_LEFT_MIN;
    char line[LOG_ANNOTATION_MAX], *commands = memory_allocate_zeroed(room);
    open_files(world, true);
    for (uint64_t more = 0; more < 2; more++) {
        struct log_group_header header = {log_files_offset(world->files) + 1, room, 0, 0};
        assert_int_equal(log_files_append(world->files, SLICE("x")), OK);
        uint64_t filled = size_on_disk(world);
        size_t length = room - log_group_write_header(line, &header) + more;
        assert_int_equal(log_files_append(world->files, slice_of(commands, length)), OK);
        assert_int_equal(log_files_size(world->files), filled - LOG_FILLER_LEFT_MIN + more);
        assert_int_equal(size_on_disk(world),
                         more == 0 ? filled : log_files_size(world->files) + FILLER_AHEAD);
    }
    memory_free(commands);
}

/* Where somebody else synced it. */
static void a_group_says_what_was_durable_before_it(void **state)
{
    struct world *world = *state;
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("1st")), OK);
    assert_int_equal(log_files_append(world->files, SLICE("2nd")), OK);
    log_files_synced_to(world->files, 3);
    assert_int_equal(log_files_synced_offset(world->files), 3);
    assert_int_equal(log_files_append(world->files, SLICE("3rd")), OK);
    struct slice content = log_folder_content(world->simulated, NAME ".1.incr.aof");
    assert_non_null(memmem(content.data, content.length, "2nd#HF 6 3 3 ", 13));
}

/* Nobody knows what of it is on the disk (P4). */
static void a_broken_log_is_left_as_it_is(void **state)
{
    struct world *world = *state;
    open_files(world, true);
    assert_int_equal(log_files_append(world->files, SLICE("group")), OK);
    uint64_t size = size_on_disk(world);
    disk_simulated_fail(world->simulated, 1, DISK_FAULT_ERROR, false);
    assert_int_equal(log_files_sync(world->files), ERROR_SYSTEM);
    log_files_close(world->files);
    world->files = NULL;
    assert_int_equal(size_on_disk(world), size);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(all_that_the_manifest_names_is_measured),
        TEST(what_cannot_be_measured_has_no_size),
        TEST(the_longest_names_are_not_cut),
        TEST(a_new_base_is_durable_before_it_is_named),
        TEST(what_was_not_proven_is_written_again),
        TEST(a_full_disk_leaves_whole_groups_only),
        TEST(filler_is_written_where_a_byte_is_missing),
        TEST(a_group_says_what_was_durable_before_it),
        TEST(a_broken_log_is_left_as_it_is),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/log_files", tests, memory_balance_begin, NULL);
}
