#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "persist/log_directory.h"
#include "persist/log_writer.h"
#include "support/worker_hold.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/worker.h"

#define WAIT_MAX_US (INT64_C(30) * 1000 * 1000) /* then it will not come */

static const struct log_id some_id = {{1, 2, 3}};

/* What calls to the disk end with; 0: they are the real ones. */
static _Atomic int write_errno, sync_errno, truncate_errno;
static _Atomic int sync_takes_us = -1; /* instead of the real one; -1: it is done */

struct fixture {
    struct disk_operations operations;
    struct disk disk;
    char path[64];
    struct event_loop *loop;
    struct clock *clock;
    struct worker *worker;
    struct log_directory *directory;
    struct log_writer *log;
    int durable_calls, failures, switched, switch_error;
    int full_calls, wrote_calls;
};

static ssize_t failing_write(void *context, int file, const struct iovec *vectors, int count,
                             uint64_t offset)
{
    if (write_errno == 0)
        return disk_real()->operations->write(context, file, vectors, count, offset);
    errno = write_errno;
    return -1;
}

static int failing_sync(void *context, int file)
{
    if (sync_takes_us > 0)
        usleep((useconds_t)sync_takes_us);
    if (sync_takes_us >= 0)
        return 0;
    if (sync_errno == 0)
        return disk_real()->operations->sync(context, file);
    errno = sync_errno;
    return -1;
}

static int failing_truncate(void *context, int file, uint64_t length)
{
    if (truncate_errno == 0)
        return disk_real()->operations->truncate(context, file, length);
    errno = truncate_errno;
    return -1;
}

static void on_durable(void *context)
{
    struct fixture *fixture = context;
    fixture->durable_calls++;
}

static void on_full(void *context, bool full)
{
    struct fixture *fixture = context;
    (void)full;
    fixture->full_calls++;
}

static void on_wrote(void *context, int64_t write_us, int64_t sync_us)
{
    struct fixture *fixture = context;
    assert_true(write_us >= 0 || sync_us >= 0);
    fixture->wrote_calls++;
}

static void on_failed(void *context, const char *what, int error_number)
{
    struct fixture *fixture = context;
    (void)what, (void)error_number;
    fixture->failures++;
}

static void open_log(struct fixture *fixture, const struct log_writer_start *start, bool manifested,
                     enum log_sync sync)
{
    struct buffer error_text = {0};
    assert_int_equal(log_directory_open(&fixture->disk, fixture->path, "appendonly.aof",
                                        &fixture->directory, &error_text),
                     OK);
    struct log_writer_settings settings = {sync, LOG_SEGMENT_SIZE_DEFAULT, 1};
    struct log_writer_hooks hooks = {fixture, on_durable, on_full, on_failed, on_wrote};
    assert_int_equal(log_writer_create(fixture->loop, fixture->clock, fixture->directory,
                                       fixture->worker, &settings, start, manifested, &hooks,
                                       &fixture->log),
                     OK);
}

static void close_log(struct fixture *fixture)
{
    assert_int_equal(log_writer_close(fixture->log), OK);
    log_directory_close(fixture->directory);
    fixture->log = NULL;
    fixture->directory = NULL;
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/holdfast-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->operations = *disk_real()->operations;
    fixture->operations.write = failing_write;
    fixture->operations.sync = failing_sync;
    fixture->operations.truncate = failing_truncate;
    fixture->disk = (struct disk){&fixture->operations, disk_real()->context};
    fixture->loop = event_loop_create();
    fixture->clock = clock_create();
    fixture->worker = worker_create(fixture->loop, "log");
    struct log_writer_start start = {.id = some_id};
    open_log(fixture, &start, true, LOG_SYNC_ALWAYS);
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    write_errno = sync_errno = truncate_errno = 0;
    sync_takes_us = -1;
    if (fixture->log != NULL)
        close_log(fixture);
    worker_destroy(fixture->worker);
    event_loop_destroy(fixture->loop);
    clock_destroy(fixture->clock);
    (void)nftw(fixture->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    memory_free(fixture);
    return 0;
}

static void append(struct fixture *fixture, int database, const char *text)
{
    struct slice words[8];
    char copy[128];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    char *rest;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        words[count++] = slice_of_string(word);
    log_writer_append(fixture->log, database, words, count);
}

/* Turns until `group` is durable. */
static void wait_for(struct fixture *fixture, uint64_t group)
{
    int64_t until_us = clock_monotonic_us(fixture->clock) + WAIT_MAX_US;
    while (log_writer_durable_group(fixture->log) < group) {
        assert_true(clock_monotonic_us(fixture->clock) < until_us);
        log_writer_end_turn(fixture->log);
        event_loop_run_turn(fixture->loop, 1000);
    }
}

/* Turns until a switch of the base is over. */
static void wait_for_switch(struct fixture *fixture)
{
    int64_t until_us = clock_monotonic_us(fixture->clock) + WAIT_MAX_US;
    while (fixture->switched == 0) {
        assert_true(clock_monotonic_us(fixture->clock) < until_us);
        log_writer_end_turn(fixture->log);
        event_loop_run_turn(fixture->loop, 1000);
    }
}

/* The commands of all groups of a file, blanks between words; checks every checksum. */
static void read_back(struct fixture *fixture, const char *name, char *text, size_t text_size)
{
    struct buffer path = {0}, content = {0};
    buffer_add_format(&path, "%s/%s", fixture->path, name);
    buffer_add(&path, "", 1);
    assert_int_equal(disk_read_all(disk_real(), path.data, 1 << 20, &content), OK);
    struct slice left = buffer_slice(&content);
    struct log_file_header file;
    struct log_group_header group;
    size_t length, at = 0;
    assert_int_equal(log_group_read_line(left, &file, &group, &length), LOG_LINE_FILE);
    uint64_t offset = file.offset;
    for (;;) {
        left = slice_of(left.data + length, left.length - length);
        if (left.length == 0 || memcmp(left.data, "###", 3) == 0) /* the end, or filler */
            break;
        assert_int_equal(log_group_read_line(left, &file, &group, &length), LOG_LINE_GROUP);
        assert_int_equal(group.offset, offset);
        assert_true(group.durable <= group.offset);
        struct slice commands = slice_of(left.data + length, group.length);
        assert_int_equal(log_group_crc(&some_id, &group, commands), group.crc);
        at += (size_t)snprintf(text + at, text_size - at, "[");
        for (size_t i = 0; i + 1 < commands.length; i++) {
            const char *here = commands.data + i;
            if (*here == '$' || *here == '*') {
                while (*here != '\n')
                    here++;
                i = (size_t)(here - commands.data);
            } else if (*here == '\r') {
                text[at++] = ' ';
                i++;
            } else {
                text[at++] = *here;
            }
        }
        at += (size_t)snprintf(text + at, text_size - at, "]");
        offset += group.length;
        length += group.length;
    }
    buffer_deinit(&path);
    buffer_deinit(&content);
}

static void a_turn_is_a_group_and_becomes_durable(void **state)
{
    struct fixture *fixture = *state;
    uint64_t group = log_writer_group(fixture->log);
    append(fixture, 0, "SET a 1");
    append(fixture, 0, "SET b 2");
    append(fixture, 3, "DEL c");
    assert_true(log_writer_durable_group(fixture->log) < group);
    wait_for(fixture, group);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
    append(fixture, 3, "DEL d");
    wait_for(fixture, group + 1);
    assert_true(fixture->durable_calls >= 2);
    char text[512];
    read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 SET b 2 SELECT 3 DEL c ][SELECT 3 DEL d ]");
}

static void transactions_have_multi_and_exec_where_they_need_it(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 0, "SET a 1");
    log_writer_begin_transaction(fixture->log);
    log_writer_end_transaction(fixture->log);
    log_writer_begin_transaction(fixture->log);
    append(fixture, 1, "SET b 1");
    log_writer_end_transaction(fixture->log);
    log_writer_begin_transaction(fixture->log);
    append(fixture, 2, "SET c 1");
    append(fixture, 2, "SET d 1");
    append(fixture, 0, "SET e 1");
    log_writer_end_transaction(fixture->log);
    uint64_t end = log_writer_offset(fixture->log);
    wait_for(fixture, log_writer_group(fixture->log));
    assert_int_equal(log_writer_durable_offset(fixture->log), end);
    char text[512];
    read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 SELECT 1 SET b 1 SELECT 2 MULTI SET c 1 SET d 1 "
                              "SELECT 0 SET e 1 EXEC ]");
}

static void a_gate_on_an_empty_group_opens(void **state)
{
    struct fixture *fixture = *state;
    uint64_t group = log_writer_group(fixture->log);
    log_writer_expect(fixture->log, group);
    wait_for(fixture, group);
    assert_int_equal(log_writer_offset(fixture->log), 0);
}

static void on_switched(void *context, int error_number)
{
    struct fixture *fixture = context;
    fixture->switched++;
    fixture->switch_error = error_number;
}

static void a_new_base_leaves_only_what_came_after_it(void **state)
{
    struct fixture *fixture = *state;
    int64_t sequence;
    append(fixture, 0, "SET a 1");
    log_writer_rotate(fixture->log, &sequence);
    assert_int_equal(sequence, 2);
    append(fixture, 0, "SET b 1");
    wait_for(fixture, log_writer_group(fixture->log));
    char base[128], text[256];
    snprintf(base, sizeof base, "%s/temp-base", fixture->path);
    FILE *file = fopen(base, "w");
    assert_non_null(file);
    fclose(file);
    log_writer_switch_base(fixture->log, base, sequence, on_switched, fixture);
    wait_for_switch(fixture);
    assert_int_equal(fixture->switch_error, 0);
    read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET b 1 ]");
    struct buffer content = {0};
    snprintf(base, sizeof base, "%s/appendonly.aof.manifest", fixture->path);
    assert_int_equal(disk_read_all(disk_real(), base, 4096, &content), OK);
    buffer_add(&content, "", 1);
    assert_string_equal(content.data, "file appendonly.aof.1.base.rdb seq 1 type b\n"
                                      "file appendonly.aof.2.incr.aof seq 2 type i\n");
    buffer_deinit(&content);
    snprintf(base, sizeof base, "%s/appendonly.aof.1.incr.aof", fixture->path);
    assert_false(disk_exists(disk_real(), base));
}

static void a_new_log_counts_only_with_its_base(void **state)
{
    struct fixture *fixture = *state;
    close_log(fixture);
    struct log_writer_start start = {.id = some_id};
    open_log(fixture, &start, false, LOG_SYNC_ALWAYS);
    uint64_t group = log_writer_group(fixture->log);
    append(fixture, 0, "SET a 1");
    assert_true(log_writer_durable_group(fixture->log) >= group); /* nothing waits yet */
    int64_t sequence;
    log_writer_rotate(fixture->log, &sequence);
    append(fixture, 0, "SET b 1");
    char base[128], text[256];
    snprintf(base, sizeof base, "%s/temp-base", fixture->path);
    FILE *file = fopen(base, "w");
    assert_non_null(file);
    fclose(file);
    log_writer_switch_base(fixture->log, base, sequence, on_switched, fixture);
    wait_for_switch(fixture);
    assert_int_equal(fixture->switch_error, 0);
    group = log_writer_group(fixture->log);
    append(fixture, 0, "SET c 1");
    assert_true(log_writer_durable_group(fixture->log) < group); /* now they do */
    wait_for(fixture, group);
    snprintf(base, sizeof base, "appendonly.aof.%d.incr.aof", (int)sequence);
    read_back(fixture, base, text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET b 1 ][SELECT 0 SET c 1 ]");
}

static void closing_says_that_all_is_durable(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 0, "SET a 1");
    close_log(fixture);
    char text[256];
    read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][]");
    struct log_writer_start start = {.id = some_id,
                                     .offset = 50,
                                     .increment_name = "appendonly.aof.1.incr.aof",
                                     .increment_size = 0};
    struct stat status;
    snprintf(text, sizeof text, "%s/appendonly.aof.1.incr.aof", fixture->path);
    assert_int_equal(stat(text, &status), 0);
    start.increment_size = (uint64_t)status.st_size;
    open_log(fixture, &start, true, LOG_SYNC_ALWAYS);
    append(fixture, 0, "SET b 1");
    wait_for(fixture, log_writer_group(fixture->log));
    read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][][SELECT 0 SET b 1 ]");
}

static void a_full_increment_is_followed_by_another(void **state)
{
    struct fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, 1, 0};
    log_writer_set_settings(fixture->log, &settings);
    for (int i = 0; i < 3; i++) {
        append(fixture, 0, "SET a 1");
        wait_for(fixture, log_writer_group(fixture->log));
    }
    assert_int_equal(
        log_manifest_last_sequence(log_directory_manifest(fixture->directory), LOG_FILE_INCREMENT),
        3);
    char text[256];
    read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ]");
}

static void a_second_server_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer error_text = {0};
    struct log_directory *directory;
    assert_int_equal(
        log_directory_open(disk_real(), fixture->path, "appendonly.aof", &directory, &error_text),
        ERROR_SYSTEM);
    buffer_add(&error_text, "", 1);
    assert_non_null(strstr(error_text.data, "in use by another server"));
    buffer_deinit(&error_text);
}

static void end_turns(struct fixture *fixture, int64_t for_ms)
{
    int64_t until_us = clock_monotonic_us(fixture->clock) + for_ms * 1000;
    while (clock_monotonic_us(fixture->clock) < until_us) {
        log_writer_end_turn(fixture->log);
        event_loop_run_turn(fixture->loop, 10);
    }
}

static void reopen(struct fixture *fixture, enum log_sync sync)
{
    close_log(fixture);
    struct log_writer_start start = {.id = some_id};
    open_log(fixture, &start, true, sync);
}

static void each_second_syncs_what_is_written(void **state)
{
    struct fixture *fixture = *state;
    int64_t begin_us = clock_monotonic_us(fixture->clock);
    reopen(fixture, LOG_SYNC_EVERY_SECOND);
    append(fixture, 0, "SET a 1");
    wait_for(fixture, log_writer_group(fixture->log));
    uint64_t durable = log_writer_durable_offset(fixture->log);
    if (clock_monotonic_us(fixture->clock) - begin_us < 1000 * 1000)
        assert_int_equal(durable, 0); /* written, not synced */
    for (int i = 0; i < 1000 && log_writer_durable_offset(fixture->log) == 0; i++)
        end_turns(fixture, 10);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    end_turns(fixture, 1100); /* nothing new: no sync */
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    assert_int_equal(fixture->wrote_calls, 2);
}

/* What is with the worker when the second is over is synced as soon as it is written. */
static void a_second_that_ends_while_the_worker_is_busy_counts(void **state)
{
    struct fixture *fixture = *state;
    reopen(fixture, LOG_SYNC_EVERY_SECOND);
    struct worker_hold hold;
    worker_hold_begin(&hold, fixture->worker);
    append(fixture, 0, "SET a 1");
    end_turns(fixture, 1100);
    event_loop_run_turn(fixture->loop, 0); /* the second is over, and heard of */
    worker_hold_end(&hold);
    worker_wait(fixture->worker); /* writes it */
    worker_wait(fixture->worker); /* syncs it */
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
}

static void a_group_is_told_as_written_before_it_is_synced(void **state)
{
    struct fixture *fixture = *state;
    reopen(fixture, LOG_SYNC_NO);
    struct log_writer_settings settings = {LOG_SYNC_EVERY_SECOND, LOG_SEGMENT_SIZE_DEFAULT, 1};
    append(fixture, 0, "SET a 1");
    settings.sync = LOG_SYNC_ALWAYS;
    log_writer_set_settings(fixture->log, &settings); /* asks for a sync */
    settings.sync = LOG_SYNC_EVERY_SECOND;
    log_writer_set_settings(fixture->log, &settings);
    wait_for(fixture, log_writer_group(fixture->log)); /* told by the worker itself */
    event_loop_run_turn(fixture->loop, 10);
    worker_wait(fixture->worker);
    assert_int_equal(fixture->failures, 0);
    append(fixture, 0, "SET a 2");
    settings.sync = LOG_SYNC_NO;
    log_writer_set_settings(fixture->log, &settings);
    settings.sync = LOG_SYNC_ALWAYS;
    log_writer_set_settings(fixture->log, &settings);
    settings.sync = LOG_SYNC_EVERY_SECOND;
    log_writer_set_settings(fixture->log, &settings);
    uint64_t group = log_writer_group(fixture->log);
    sync_errno = EIO;
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker); /* the job is done before the loop hears that it wrote */
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(fixture->failures, 1);
    int calls = fixture->durable_calls;
    event_loop_run_turn(fixture->loop, 10);
    assert_int_equal(fixture->durable_calls, calls); /* nothing is called durable any more */
    assert_true(log_writer_durable_group(fixture->log) >= group);
    sync_errno = 0;
    assert_int_equal(log_writer_close(fixture->log), ERROR_SYSTEM);
    log_directory_close(fixture->directory);
    fixture->log = NULL;
}

static void a_full_disk_is_waited_out(void **state)
{
    struct fixture *fixture = *state;
    static const int reasons[] = {ENOSPC, EDQUOT};
    for (size_t i = 0; i < 2; i++) {
        uint64_t group = log_writer_group(fixture->log);
        fixture->full_calls = 0;
        write_errno = reasons[i];
        append(fixture, 0, "SET a 1");
        log_writer_end_turn(fixture->log);
        worker_wait(fixture->worker);
        end_turns(fixture, 50); /* it is tried again */
        assert_true(log_writer_is_full(fixture->log));
        assert_int_equal(fixture->full_calls, 1);
        assert_true(log_writer_durable_group(fixture->log) < group);
        write_errno = 0;
        wait_for(fixture, group);
        assert_false(log_writer_is_full(fixture->log));
        assert_int_equal(fixture->full_calls, 2);
    }
    assert_int_equal(fixture->failures, 0);
    char text[256];
    read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET a 1 ]");
}

static void a_full_disk_is_left_alone_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 0};
    log_writer_set_settings(fixture->log, &settings);
    write_errno = ENOSPC;
    append(fixture, 0, "SET a 1");
    int64_t begin_us = clock_monotonic_us(fixture->clock);
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_statistics(fixture->log)->full_errors, 1);
    assert_int_equal(log_writer_statistics(fixture->log)->last_error, ENOSPC);
    end_turns(fixture, 50);
    uint64_t tries = log_writer_statistics(fixture->log)->full_errors;
    if (clock_monotonic_us(fixture->clock) - begin_us < LOG_FULL_RETRY_MS * 1000)
        assert_int_equal(tries, 1);
}

static void a_full_disk_that_cannot_be_cut_back_ends_the_log(void **state)
{
    struct fixture *fixture = *state;
    write_errno = ENOSPC;
    truncate_errno = EIO;
    append(fixture, 0, "SET a 1");
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker);
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(fixture->failures, 1);
    assert_int_equal(log_writer_close(fixture->log), ERROR_SYSTEM);
    log_directory_close(fixture->directory);
    fixture->log = NULL;
}

static void a_rotation_of_a_full_increment_begins_one_only(void **state)
{
    struct fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, 1, 0};
    int64_t sequence;
    log_writer_set_settings(fixture->log, &settings);
    append(fixture, 0, "SET a 1");
    log_writer_rotate(fixture->log, &sequence);
    assert_int_equal(sequence, 2);
    wait_for(fixture, log_writer_group(fixture->log));
    assert_int_equal(
        log_manifest_last_sequence(log_directory_manifest(fixture->directory), LOG_FILE_INCREMENT),
        2);
}

static void empty_arguments_are_written(void **state)
{
    struct fixture *fixture = *state;
    const struct slice words[3] = {SLICE("SET"), SLICE(""), SLICE("")};
    log_writer_append(fixture->log, 0, words, 3);
    wait_for(fixture, log_writer_group(fixture->log));
    char text[256];
    read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET   ]");
}

/* `full`: the disk is, when the first is written; `late`: the second is sealed after that. */
static void groups_keep_their_order_when_some_wait(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 3; round++) {
        bool full = round > 0, late = round > 1;
        int64_t sequence;
        char name[64], text[256];
        uint64_t begin = log_writer_offset(fixture->log);
        uint64_t syncs = log_writer_statistics(fixture->log)->syncs;
        write_errno = full ? ENOSPC : 0;
        append(fixture, 0, "SET a 1");
        log_writer_end_turn(fixture->log); /* to the worker; the others wait for it */
        if (late)
            worker_wait(fixture->worker);
        append(fixture, 0, "SET b 1");
        log_writer_rotate(fixture->log, &sequence);
        assert_int_equal(log_writer_backlog(fixture->log), log_writer_offset(fixture->log) - begin);
        worker_wait(fixture->worker);
        assert_int_equal(log_writer_is_full(fixture->log), full);
        append(fixture, 0, "SET c 1");
        write_errno = 0;
        wait_for(fixture, log_writer_group(fixture->log));
        assert_int_equal(log_writer_backlog(fixture->log), 0);
        /* A group each, or none, both that waited, and the last. */
        assert_int_equal(log_writer_statistics(fixture->log)->syncs - syncs, 3);
        snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence);
        read_back(fixture, name, text, sizeof text);
        assert_string_equal(text, "[SELECT 0 SET c 1 ]");
        snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence - 1);
        read_back(fixture, name, text, sizeof text);
        assert_string_equal(text, full ? "[SELECT 0 SET c 1 ][SELECT 0 SET a 1 ][SELECT 0 SET b 1 ]"
                                       : "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 ]");
    }
    assert_int_equal(fixture->failures, 0);
}

static void going_to_always_syncs_what_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_NO, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_writer_set_settings(fixture->log, &settings);
    append(fixture, 0, "SET a 1");
    wait_for(fixture, log_writer_group(fixture->log));
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_durable_offset(fixture->log), 0);
    assert_false(log_writer_hides_the_undurable(fixture->log));
    settings.sync = LOG_SYNC_EVERY_SECOND;
    log_writer_set_settings(fixture->log, &settings);
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_durable_offset(fixture->log), 0);
    settings.sync = LOG_SYNC_ALWAYS;
    log_writer_set_settings(fixture->log, &settings);
    assert_true(log_writer_hides_the_undurable(fixture->log));
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
    log_writer_set_settings(fixture->log, &settings); /* it is so already */
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
}

static void a_base_that_is_not_there_is_said(void **state)
{
    struct fixture *fixture = *state;
    int64_t sequence;
    log_writer_rotate(fixture->log, &sequence);
    log_writer_switch_base(fixture->log, "/nowhere/base", sequence, on_switched, fixture);
    wait_for_switch(fixture);
    assert_int_equal(fixture->switched, 1);
    assert_int_equal(fixture->switch_error, ENOENT);
    append(fixture, 0, "SET a 1"); /* it goes on */
    wait_for(fixture, log_writer_group(fixture->log));
    fixture->switched = 0;
    sync_errno = EIO; /* what ends the log ends the switch, too */
    append(fixture, 0, "SET b 1");
    log_writer_switch_base(fixture->log, "/nowhere/base", sequence, on_switched, fixture);
    log_writer_end_turn(fixture->log);
    worker_wait(fixture->worker);
    assert_int_equal(fixture->switched, 1);
    assert_int_equal(fixture->switch_error, EIO);
    assert_int_equal(log_writer_statistics(fixture->log)->last_error, EIO);
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(log_writer_durable_offset(fixture->log) < log_writer_offset(fixture->log), 1);
    errno = 0;
    assert_int_equal(log_writer_close(fixture->log), ERROR_SYSTEM);
    assert_int_equal(errno, EIO);
    log_directory_close(fixture->directory);
    fixture->log = NULL;
}

/* Two increments: the second group begins one when the first has filled it. */
static void an_increment_is_full_when_it_has_its_size(void **state)
{
    struct fixture *fixture = *state;
    int64_t expected = 1;
    for (uint64_t more = 0; more < 2; more++) {
        int64_t sequence;
        log_writer_rotate(fixture->log, &sequence);
        assert_int_equal(sequence, ++expected);
        wait_for(fixture, log_writer_group(fixture->log));
        uint64_t before = log_writer_offset(fixture->log);
        struct log_writer_settings settings = {LOG_SYNC_ALWAYS, UINT64_MAX, 1};
        append(fixture, 0, "SET a 1");
        settings.segment_size_max = log_writer_offset(fixture->log) - before + more;
        log_writer_set_settings(fixture->log, &settings);
        wait_for(fixture, log_writer_group(fixture->log));
        settings.segment_size_max = UINT64_MAX;
        log_writer_set_settings(fixture->log, &settings);
        append(fixture, 0, "SET b 1");
        wait_for(fixture, log_writer_group(fixture->log));
        expected += more == 0;
        assert_int_equal(log_manifest_last_sequence(log_directory_manifest(fixture->directory),
                                                    LOG_FILE_INCREMENT),
                         expected);
    }
}

static uint64_t size_on_disk(struct fixture *fixture)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/appendonly.aof.1.incr.aof", fixture->path);
    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

static void statistics_say_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    const struct log_writer_statistics *statistics = log_writer_statistics(fixture->log);
    uint64_t size = size_on_disk(fixture);
    assert_int_equal(statistics->size, size);
    assert_int_equal(statistics->base_size, size);
    append(fixture, 0, "SET a a-long-value");
    uint64_t longest = log_writer_offset(fixture->log);
    assert_int_equal(log_writer_backlog(fixture->log), longest);
    wait_for(fixture, log_writer_group(fixture->log));
    assert_int_equal(log_writer_backlog(fixture->log), 0);
    append(fixture, 0, "SET a 1");
    wait_for(fixture, log_writer_group(fixture->log));
    uint64_t bytes = log_writer_offset(fixture->log);
    assert_int_equal(statistics->groups, 2);
    assert_int_equal(statistics->bytes, bytes);
    assert_int_equal(statistics->group_bytes_last, bytes - longest);
    assert_int_equal(statistics->group_bytes_max, longest);
    assert_true(statistics->size > size + bytes);
    assert_int_equal(statistics->base_size, size);
    uint64_t size_at_close = statistics->size;
    close_log(fixture);
    size = size_on_disk(fixture);
    assert_in_range(size - size_at_close, 1, LOG_ANNOTATION_MAX); /* the last empty group */
    struct log_writer_start start = {some_id, bytes, "appendonly.aof.1.incr.aof", size, size};
    open_log(fixture, &start, true, LOG_SYNC_ALWAYS);
    statistics = log_writer_statistics(fixture->log);
    assert_int_equal(statistics->size, size);
    assert_int_equal(statistics->base_size, size);
}

/* Also those that are over within a microsecond. */
static void every_sync_is_counted_by_the_time_it_took(void **state)
{
    struct fixture *fixture = *state;
    const struct log_writer_statistics *statistics = log_writer_statistics(fixture->log);
    enum { QUICK = 200 };
    sync_takes_us = 0;
    for (int i = 0; i < QUICK; i++) {
        append(fixture, 0, "SET a 1");
        wait_for(fixture, log_writer_group(fixture->log));
    }
    assert_int_equal(statistics->syncs, QUICK);
    assert_int_equal(fixture->wrote_calls, QUICK);
    uint64_t quick_us = statistics->sync_us_total;
    sync_takes_us = 3000;
    append(fixture, 0, "SET a 1");
    wait_for(fixture, log_writer_group(fixture->log));
    uint64_t slow_us = statistics->sync_us_total - quick_us, sum = 0;
    assert_true(slow_us >= 3000);
    assert_true(statistics->sync_us_max >= slow_us);
    assert_true(statistics->sync_us_max <= statistics->sync_us_total);
    int slot = 0;
    while (slow_us >> (slot + 1) > 0)
        slot++;
    assert_true(statistics->sync_us_log2[slot] > 0);
    for (size_t i = 0; i < LOG_SYNC_HISTOGRAM_SIZE; i++)
        sum += statistics->sync_us_log2[i];
    assert_int_equal(sum, statistics->syncs);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_turn_is_a_group_and_becomes_durable),
        TEST(transactions_have_multi_and_exec_where_they_need_it),
        TEST(a_gate_on_an_empty_group_opens),
        TEST(a_new_base_leaves_only_what_came_after_it),
        TEST(a_new_log_counts_only_with_its_base),
        TEST(closing_says_that_all_is_durable),
        TEST(a_full_increment_is_followed_by_another),
        TEST(a_second_server_is_refused),
        TEST(each_second_syncs_what_is_written),
        TEST(a_second_that_ends_while_the_worker_is_busy_counts),
        TEST(a_group_is_told_as_written_before_it_is_synced),
        TEST(a_full_disk_is_waited_out),
        TEST(a_full_disk_is_left_alone_for_a_while),
        TEST(a_full_disk_that_cannot_be_cut_back_ends_the_log),
        TEST(a_rotation_of_a_full_increment_begins_one_only),
        TEST(empty_arguments_are_written),
        TEST(groups_keep_their_order_when_some_wait),
        TEST(going_to_always_syncs_what_is_written),
        TEST(a_base_that_is_not_there_is_said),
        TEST(an_increment_is_full_when_it_has_its_size),
        TEST(statistics_say_what_was_written),
        TEST(every_sync_is_counted_by_the_time_it_took),
    };
    return cmocka_run_group_tests_name("persist/log_writer", tests, NULL, NULL);
}
