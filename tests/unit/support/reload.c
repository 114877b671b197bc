#include "support/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "support/failing_memory.h"
#include "support/log_bytes.h"
#include "support/log_folder.h"
#include "support/open_files.h"
#include "system/clock.h"

static struct reload *current; /* operations are given the simulated disk's context */

static int64_t longer_size(void *context, int file)
{
    int64_t size = disk_simulated_disk(current->simulated)->operations->size(context, file);
    return size < 0 ? size : size + current->size_added;
}

int reload_set_up(void **state)
{
    struct reload *world = memory_allocate_zeroed(sizeof *world);
    world->simulated = disk_simulated_create(1);
    world->operations = *disk_simulated_disk(world->simulated)->operations;
    open_files_count_from(&world->operations, disk_simulated_disk(world->simulated));
    world->operations.size = longer_size;
    world->disk = (struct disk){&world->operations, disk_simulated_disk(world->simulated)->context};
    world->load_truncated = true;
    *state = current = world;
    return 0;
}

int reload_tear_down(void **state)
{
    struct reload *world = *state;
    disk_simulated_destroy(world->simulated);
    buffer_deinit(&world->commands);
    memory_free(world);
    return 0;
}

void reload_put(struct reload *world, const char *name, struct slice content)
{
    log_folder_put(world->simulated, name, content);
}

struct slice reload_content(const struct reload *world, const char *name)
{
    return log_folder_content(world->simulated, name);
}

void reload_name_files(struct reload *world, bool base, int files)
{
    struct buffer text = {0};
    if (base)
        buffer_add_string(&text, "file base seq 1 type b\n");
    for (int i = 1; i <= files; i++)
        buffer_add_format(&text, "file %d seq %d type i\n", i, i);
    reload_put(world, LOG_FOLDER_NAME ".manifest", buffer_slice(&text));
    buffer_deinit(&text);
}

static bool apply(void *context, int database, const struct resp_command *commands, size_t count,
                  char *why)
{
    struct reload *world = context;
    assert_in_range(count, 1, RECOVERY_BATCH_MAX);
    world->batches++;
    for (size_t i = 0; i < count; i++) {
        if (slice_is_word(commands[i].arguments[0], "BAD")) {
            snprintf(why, 256, "it is bad");
            return false;
        }
        /* To format 100,000 of them would take a second. */
        const char digit = (char)('0' + database % 10);
        if (database < 10)
            buffer_add(&world->commands, &digit, 1);
        else
            buffer_add_format(&world->commands, "%d", database);
        for (size_t j = 0; j < commands[i].count && j < 3; j++) {
            buffer_add(&world->commands, " ", 1);
            buffer_add(&world->commands, commands[i].arguments[j].data,
                       commands[i].arguments[j].length % 100);
        }
        buffer_add(&world->commands, "\n", 1);
    }
    return true;
}

void reload_with(struct reload *world, uint64_t disk_call, unsigned allocation, bool for_good)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct log_directory *directory;
    struct buffer error_text = {0};
    struct clock *clock = clock_create();
    struct keyspace *keyspace = keyspace_create(2, &seed, &no_hooks);
    struct recovery_settings settings = {world->load_truncated, true};
    struct recovery_handlers handlers = {world, apply};
    int64_t size_added = world->size_added;
    world->size_added = 0;
    assert_int_equal(
        log_directory_open(&world->disk, LOG_FOLDER, LOG_FOLDER_NAME, &directory, &error_text), OK);
    world->size_added = size_added;
    world->batches = world->steps = world->advances = 0;
    world->progress = (struct recovery_progress){.files = 0};
    buffer_clear(&world->commands);
    buffer_add(&world->commands, "", 1);
    assert_int_equal(buffer_reserve(&world->commands, 1 << 20), OK);
    buffer_clear(&world->commands);
    disk_simulated_fail(world->simulated, disk_call,
                        disk_call > 0 ? DISK_FAULT_ERROR : DISK_FAULT_NONE, false);
    struct recovery *recovery = recovery_create(clock, directory, keyspace, &settings, &handlers);
    assert_string_equal(recovery_error(recovery), "");
    failing_memory_begin(allocation, 1024, for_good);
    while ((world->status = recovery_step(recovery, 0)) == RECOVERY_MORE) {
        uint64_t before = world->progress.loaded_bytes;
        world->steps++;
        recovery_read_progress(recovery, &world->progress);
        assert_true(world->progress.loaded_bytes >= before);
        world->advances += world->progress.loaded_bytes > before;
        assert_true(disk_call > 0 || world->progress.loaded_bytes <= world->progress.total_bytes);
    }
    recovery_read_progress(recovery, &world->progress);
    snprintf(world->file, sizeof world->file, "%s",
             world->progress.file != NULL ? world->progress.file : "");
    world->ran_out = failing_memory_end();
    const struct recovery_result *result = recovery_result(recovery);
    snprintf(world->why, sizeof world->why, "%s", recovery_error(recovery));
    snprintf(world->increment, sizeof world->increment, "%s",
             result->increment_name != NULL ? result->increment_name : "");
    snprintf(world->cut_file, sizeof world->cut_file, "%s",
             result->cut_file != NULL ? result->cut_file : "");
    world->cut_bytes = result->cut_bytes;
    world->has_id = result->has_id;
    world->goes_on = *result;
    buffer_add(&world->commands, "", 1);
    recovery_destroy(recovery);
    keyspace_destroy(keyspace);
    clock_destroy(clock);
    log_directory_close(directory);
    assert_int_equal(open_files_count(), 0);
    if (world->status == RECOVERY_DONE && world->has_id) {
        assert_int_equal(world->goes_on.increment_size,
                         reload_content(world, world->increment).length);
        assert_true(world->goes_on.increment_proven <= world->goes_on.increment_size);
    }
}

void reload_run(struct reload *world, uint64_t disk_call)
{
    reload_with(world, disk_call, 0, false);
}

void reload_assert_loads(struct reload *world, const char *commands)
{
    reload_run(world, 0);
    assert_string_equal(world->why, "");
    assert_int_equal(world->status, RECOVERY_DONE);
    assert_string_equal(world->commands.data, commands);
}

void reload_assert_refuses(struct reload *world, const char *why)
{
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_REFUSED);
    if (strstr(world->why, why) == NULL)
        fail_msg("\"%s\" instead of \"%s\"", world->why, why);
}

void reload_add_bytes(struct buffer *out, char byte, size_t count)
{
    assert_int_equal(buffer_reserve(out, count), OK);
    if (count > 0)
        memset(out->data + out->length, byte, count);
    out->length += count;
}

void reload_put_groups(struct reload *world, const char *const *commands, struct slice tail)
{
    struct buffer bytes = {0};
    uint64_t offset = 0;
    log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
    for (; *commands != NULL; commands++)
        log_bytes_add_group_of(&bytes, &offset, *commands);
    buffer_add(&bytes, tail.data, tail.length);
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&bytes));
    buffer_deinit(&bytes);
}

void reload_put_plain(struct reload *world, const char *commands, struct slice tail)
{
    struct buffer bytes = {0};
    log_bytes_add_commands(&bytes, commands);
    buffer_add(&bytes, tail.data, tail.length);
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&bytes));
    buffer_deinit(&bytes);
}
