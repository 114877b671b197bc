#include "support/log_fixture.h"

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
#include "persist/log_writer_private.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/worker.h"

#define WAIT_MAX_US (INT64_C(30) * 1000 * 1000) /* then it will not come */

const struct log_id log_fixture_id = {{1, 2, 3}};
struct log_fixture_faults log_fixture_faults = {.sync_takes_us = -1};

static ssize_t failing_write(void *context, int file, const struct iovec *vectors, int count,
                             uint64_t offset)
{
    if (log_fixture_faults.write_errno == 0 || (log_fixture_faults.of_groups && count == 1) ||
        (log_fixture_faults.of_first_lines && count > 1))
        return disk_real()->operations->write(context, file, vectors, count, offset);
    errno = log_fixture_faults.write_errno;
    if (log_fixture_faults.writes_failing > 0 && --log_fixture_faults.writes_failing == 0)
        log_fixture_faults.write_errno = 0;
    return -1;
}

static int failing_sync(void *context, int file)
{
    log_fixture_faults.sync_calls++;
    while (log_fixture_faults.sync_waits)
        usleep(1000);
    if (log_fixture_faults.sync_takes_us > 0)
        usleep((useconds_t)log_fixture_faults.sync_takes_us);
    if (log_fixture_faults.sync_takes_us >= 0)
        return 0;
    if (log_fixture_faults.sync_errno == 0)
        return disk_real()->operations->sync(context, file);
    errno = log_fixture_faults.sync_errno;
    return -1;
}

static int failing_truncate(void *context, int file, uint64_t length)
{
    if (log_fixture_faults.truncate_errno == 0)
        return disk_real()->operations->truncate(context, file, length);
    errno = log_fixture_faults.truncate_errno;
    return -1;
}

static void on_durable(void *context)
{
    struct log_fixture *fixture = context;
    fixture->durable_calls++;
}

static void on_full(void *context, bool full)
{
    struct log_fixture *fixture = context;
    (void)full;
    fixture->full_calls++;
}

static void on_wrote(void *context, int64_t write_us, int64_t sync_us)
{
    struct log_fixture *fixture = context;
    assert_true(write_us >= 0 || sync_us >= 0);
    assert_in_range(write_us + 1, 0, WAIT_MAX_US); /* -1: there was none */
    assert_in_range(sync_us + 1, 0, WAIT_MAX_US);
    fixture->wrote_calls++;
}

static void on_failed(void *context, const char *what, int error_number)
{
    struct log_fixture *fixture = context;
    assert_int_not_equal(error_number, 0);
    fixture->failures++;
    fixture->failed = what;
}

static void on_removed(void *context, struct disk_file file)
{
    struct log_fixture *fixture = context;
    fixture->removed++;
    disk_close(&file);
}

enum error log_fixture_try_open(struct log_fixture *fixture, const struct log_writer_start *start,
                                bool manifested, enum log_sync sync)
{
    struct buffer error_text = {0};
    assert_int_equal(log_directory_open(&fixture->disk, fixture->path, "appendonly.aof",
                                        &fixture->directory, &error_text),
                     OK);
    struct log_writer_settings settings = {sync, LOG_SEGMENT_SIZE_DEFAULT, 1};
    struct log_writer_hooks hooks = {fixture, on_durable, on_full, on_failed, on_wrote, on_removed};
    enum error error =
        log_writer_create(fixture->loop, fixture->clock, fixture->directory, fixture->worker,
                          &settings, start, manifested, &hooks, &fixture->log);
    if (error != OK) {
        log_directory_close(fixture->directory);
        fixture->log = NULL;
        fixture->directory = NULL;
    }
    return error;
}

void log_fixture_open(struct log_fixture *fixture, const struct log_writer_start *start,
                      bool manifested, enum log_sync sync)
{
    assert_int_equal(log_fixture_try_open(fixture, start, manifested, sync), OK);
}

static void close_as(struct log_fixture *fixture, enum error expected)
{
    errno = 0;
    assert_int_equal(log_writer_close(fixture->log), expected);
    assert_true(expected == OK || errno == EIO);
    log_directory_close(fixture->directory);
    fixture->log = NULL;
    fixture->directory = NULL;
}

void log_fixture_close(struct log_fixture *fixture)
{
    close_as(fixture, OK);
}

void log_fixture_close_failed(struct log_fixture *fixture)
{
    close_as(fixture, ERROR_SYSTEM);
}

void log_fixture_open_new(struct log_fixture *fixture, enum log_sync sync)
{
    if (fixture->log != NULL)
        log_fixture_close(fixture);
    struct log_writer_start start = {.id = log_fixture_id};
    log_fixture_open(fixture, &start, true, sync);
}

int log_fixture_set_up(void **state)
{
    struct log_fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/holdfast-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->operations = *disk_real()->operations;
    fixture->operations.write = failing_write;
    fixture->operations.sync = failing_sync;
    fixture->operations.truncate = failing_truncate;
    fixture->disk = (struct disk){&fixture->operations, disk_real()->context};
    fixture->loop = event_loop_create();
    fixture->clock = clock_create();
    fixture->worker = worker_create(fixture->loop, "log", WORKER_PROMPT);
    log_fixture_open_new(fixture, LOG_SYNC_ALWAYS);
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

int log_fixture_tear_down(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_faults.write_errno = log_fixture_faults.sync_errno =
        log_fixture_faults.truncate_errno = 0;
    log_fixture_faults.sync_takes_us = -1;
    log_fixture_faults.of_groups = log_fixture_faults.of_first_lines = false;
    log_fixture_faults.sync_waits = false;
    log_fixture_faults.writes_failing = 0;
    if (fixture->log != NULL)
        log_fixture_close(fixture);
    worker_destroy(fixture->worker);
    event_loop_destroy(fixture->loop);
    clock_destroy(fixture->clock);
    (void)nftw(fixture->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    memory_free(fixture);
    return 0;
}

void log_fixture_append(struct log_fixture *fixture, int database, const char *text)
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

void log_fixture_end_turn(struct log_fixture *fixture)
{
    fixture->log->gather_until_us = 0;
    log_writer_end_turn(fixture->log);
}

bool log_fixture_is_busy(const struct log_fixture *fixture)
{
    return fixture->log->busy;
}

void log_fixture_wait_for(struct log_fixture *fixture, uint64_t group)
{
    int64_t until_us = clock_monotonic_us(fixture->clock) + WAIT_MAX_US;
    while (log_writer_durable_group(fixture->log) < group) {
        assert_true(clock_monotonic_us(fixture->clock) < until_us);
        log_fixture_end_turn(fixture);
        event_loop_run_turn(fixture->loop, 1000);
    }
}

void log_fixture_on_switched(void *context, int error_number)
{
    struct log_fixture *fixture = context;
    fixture->switched++;
    fixture->switch_error = error_number;
}

void log_fixture_wait_for_switch(struct log_fixture *fixture)
{
    int64_t until_us = clock_monotonic_us(fixture->clock) + WAIT_MAX_US;
    while (fixture->switched == 0) {
        assert_true(clock_monotonic_us(fixture->clock) < until_us);
        log_fixture_end_turn(fixture);
        event_loop_run_turn(fixture->loop, 1000);
    }
}

void log_fixture_read_back(struct log_fixture *fixture, const char *name, char *text,
                           size_t text_size)
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
        assert_int_equal(log_group_crc(&log_fixture_id, &group, commands), group.crc);
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

void log_fixture_end_turns(struct log_fixture *fixture, int64_t for_ms)
{
    int64_t until_us = clock_monotonic_us(fixture->clock) + for_ms * 1000;
    while (clock_monotonic_us(fixture->clock) < until_us) {
        log_fixture_end_turn(fixture);
        event_loop_run_turn(fixture->loop, 10);
    }
}
