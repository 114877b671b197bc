/* The sync of each second, beside the writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "persist/log_writer.h"
#include "support/log_fixture.h"
#include "support/worker_hold.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/worker.h"

static void each_second_syncs_what_is_written(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t begin_us = clock_monotonic_us(fixture->clock);
    log_fixture_open_new(fixture, LOG_SYNC_EVERY_SECOND);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    uint64_t durable = log_writer_durable_offset(fixture->log);
    if (clock_monotonic_us(fixture->clock) - begin_us < 1000 * 1000)
        assert_int_equal(durable, 0); /* written, not synced */
    for (int i = 0; i < 1000 && log_writer_durable_offset(fixture->log) == 0; i++)
        log_fixture_end_turns(fixture, 10);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    log_fixture_end_turns(fixture, 1100); /* nothing new: no sync */
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    assert_int_equal(fixture->wrote_calls, 2);
}

static void wait_for_durable_offset(struct log_fixture *fixture, uint64_t offset)
{
    for (int i = 0; i < 1000 && log_writer_durable_offset(fixture->log) < offset; i++) {
        log_fixture_end_turn(fixture);
        event_loop_run_turn(fixture->loop, 10);
    }
    assert_int_equal(log_writer_durable_offset(fixture->log), offset);
}

/* What is with the worker when the second is over is synced as soon as it is written. */
static void a_second_that_ends_while_the_worker_is_busy_counts(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_open_new(fixture, LOG_SYNC_EVERY_SECOND);
    struct worker_hold hold;
    worker_hold_begin(&hold, fixture->worker);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_end_turns(fixture, 1100);
    event_loop_run_turn(fixture->loop, 0); /* the second is over, and heard of */
    worker_hold_end(&hold);
    worker_wait(fixture->worker); /* writes it */
    wait_for_durable_offset(fixture, log_writer_offset(fixture->log));
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
}

/* With everysec, as when the second is over. */
static void ask_for_sync(struct log_fixture *fixture)
{
    struct log_writer_settings settings = {LOG_SYNC_NO, LOG_SEGMENT_SIZE_DEFAULT, 1};
    static const enum log_sync syncs[] = {LOG_SYNC_NO, LOG_SYNC_ALWAYS, LOG_SYNC_EVERY_SECOND};
    for (size_t i = 0; i < 3; i++) { /* going to always asks */
        settings.sync = syncs[i];
        log_writer_set_settings(fixture->log, &settings);
    }
    log_fixture_end_turn(fixture);
}

static void begin_sync(struct log_fixture *fixture)
{
    ask_for_sync(fixture);
    assert_true(log_writer_is_syncing(fixture->log));
}

/* Nor is a group without commands that came after it. */
static void what_is_synced_is_not_synced_again(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_fixture_open_new(fixture, LOG_SYNC_NO);
    for (int synced = 0; synced < 2; synced++) {
        log_fixture_append(fixture, 0, "SET a 1");
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
        assert_int_equal(log_writer_statistics(fixture->log)->syncs, synced);
        log_writer_set_settings(fixture->log, &settings);
    }
    uint64_t group = log_writer_group(fixture->log);
    for (int empty = 0; empty < 2; empty++) {
        ask_for_sync(fixture);
        assert_false(log_writer_is_syncing(fixture->log));
        assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
        log_writer_expect(fixture->log, group);
        log_fixture_wait_for(fixture, group);
    }
}

/* A log of everysec with one group, whose sync does not end before sync_waits is false. */
static uint64_t begin_stuck_sync(struct log_fixture *fixture)
{
    log_fixture_open_new(fixture, LOG_SYNC_NO);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    log_fixture_faults.sync_waits = true;
    begin_sync(fixture);
    return log_writer_offset(fixture->log);
}

static void writes_do_not_wait_for_the_sync_of_a_second(void **state)
{
    struct log_fixture *fixture = *state;
    uint64_t first = begin_stuck_sync(fixture);
    for (int i = 0; i < 3; i++) {
        log_fixture_append(fixture, 0, "SET a 2");
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    }
    assert_true(log_writer_is_syncing(fixture->log));
    assert_int_equal(log_writer_durable_offset(fixture->log), 0);
    log_fixture_faults.sync_waits = false;
    wait_for_durable_offset(fixture, first); /* what came meanwhile is not covered */
    assert_false(log_writer_is_syncing(fixture->log));
    begin_sync(fixture);
    wait_for_durable_offset(fixture, log_writer_offset(fixture->log));
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 2);
}

/* What is written before that sync ends does not take the ask with it. */
static void a_second_that_ends_during_a_sync_has_one_of_its_own(void **state)
{
    struct log_fixture *fixture = *state;
    uint64_t first = begin_stuck_sync(fixture);
    begin_sync(fixture);
    log_fixture_append(fixture, 0, "SET a 2");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    log_fixture_faults.sync_waits = false;
    wait_for_durable_offset(fixture, first);
    assert_true(log_writer_is_syncing(fixture->log));
    wait_for_durable_offset(fixture, log_writer_offset(fixture->log));
}

/* The next file, and what is to be durable before a reply. */
static void what_needs_the_file_alone_waits_for_the_sync(void **state)
{
    struct log_fixture *fixture = *state;
    for (int always = 0; always < 2; always++) {
        int64_t sequence;
        begin_stuck_sync(fixture);
        if (always) {
            struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
            log_writer_set_settings(fixture->log, &settings);
        } else {
            log_writer_rotate(fixture->log, &sequence);
        }
        uint64_t group = log_writer_group(fixture->log);
        log_fixture_append(fixture, 0, "SET a 2");
        log_fixture_end_turns(fixture, 50);
        assert_true(log_writer_durable_group(fixture->log) < group);
        log_fixture_faults.sync_waits = false;
        log_fixture_wait_for(fixture, group);
        assert_int_equal(log_writer_durable_offset(fixture->log) == log_writer_offset(fixture->log),
                         always);
    }
}

/* --- failures --- */

/* What is said to be durable. */
struct told {
    uint64_t group, offset;
    int calls;
};

static struct told told_by(const struct log_fixture *fixture)
{
    return (struct told){log_writer_durable_group(fixture->log),
                         log_writer_durable_offset(fixture->log), fixture->durable_calls};
}

/* By `what`, first of all; nothing more was told than `before`. Closes it. */
static void assert_ended(struct log_fixture *fixture, struct told before, const char *what,
                         int error_number)
{
    struct told now = told_by(fixture);
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(fixture->failures, 1);
    assert_string_equal(fixture->failed, what);
    assert_int_equal(log_writer_statistics(fixture->log)->last_error, error_number);
    assert_int_equal(now.group, before.group);
    assert_int_equal(now.offset, before.offset);
    assert_int_equal(now.calls, before.calls);
    log_fixture_faults.write_errno = 0;
    log_fixture_close_failed(fixture);
    fixture->failures = fixture->full_calls = 0;
}

static void give_a_group(struct log_fixture *fixture)
{
    log_fixture_append(fixture, 0, "SET a 2");
    log_fixture_end_turn(fixture);
}

/* The sync that was stuck ends. 0: well. */
static void end_sync(struct log_fixture *fixture, int error_number)
{
    log_fixture_faults.sync_errno = error_number;
    log_fixture_faults.sync_waits = false;
    for (int i = 0; i < 1000 && log_writer_is_syncing(fixture->log); i++)
        event_loop_run_turn(fixture->loop, 10);
    assert_false(log_writer_is_syncing(fixture->log));
    log_fixture_faults.sync_errno = 0;
}

static void a_sync_that_fails_beside_the_writing_ends_the_log(void **state)
{
    struct log_fixture *fixture = *state;
    begin_stuck_sync(fixture);
    struct told before = told_by(fixture);
    end_sync(fixture, EIO);
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 0);
    assert_int_equal(before.offset, 0);
    assert_ended(fixture, before, "syncing the log", EIO);
}

/* Well, on a full disk, with an error of its own: nobody hears of it, and nothing is tried again.
 */
static void how_a_group_ends_after_a_sync_failed_changes_nothing(void **state)
{
    struct log_fixture *fixture = *state;
    static const int errors[] = {0, ENOSPC, EROFS};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct worker_hold hold;
        begin_stuck_sync(fixture);
        worker_hold_begin(&hold, fixture->worker);
        give_a_group(fixture);
        struct told before = told_by(fixture);
        end_sync(fixture, EIO);
        assert_int_equal(fixture->failures, 1);
        log_fixture_faults.write_errno = errors[i];
        worker_hold_end(&hold);
        worker_wait(fixture->worker);
        log_fixture_end_turns(fixture, 20);
        assert_int_equal(fixture->full_calls, 0);
        assert_false(log_writer_is_full(fixture->log));
        assert_ended(fixture, before, "syncing the log", EIO);
    }
}

static void how_a_sync_ends_after_a_group_failed_changes_nothing(void **state)
{
    struct log_fixture *fixture = *state;
    static const int errors[] = {0, EIO};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        begin_stuck_sync(fixture);
        log_fixture_faults.write_errno = EROFS;
        give_a_group(fixture);
        worker_wait(fixture->worker);
        assert_int_equal(fixture->failures, 1);
        struct told before = told_by(fixture);
        end_sync(fixture, errors[i]);
        assert_ended(fixture, before, "writing to the log", EROFS);
    }
}

/* A full disk, and a group that waits for room. */
static void fill_the_disk(struct log_fixture *fixture)
{
    log_fixture_faults.write_errno = ENOSPC;
    give_a_group(fixture);
    worker_wait(fixture->worker);
    assert_true(log_writer_is_full(fixture->log));
    assert_int_equal(fixture->full_calls, 1);
}

/* It found room, but nobody is invited to write any more. */
static void a_full_log_whose_sync_fails_stays_full(void **state)
{
    struct log_fixture *fixture = *state;
    struct worker_hold hold;
    begin_stuck_sync(fixture);
    fill_the_disk(fixture);
    struct told before = told_by(fixture);
    worker_hold_begin(&hold, fixture->worker);
    log_fixture_faults.write_errno = 0;
    for (int i = 0; i < 1000 && worker_pending(fixture->worker) < 2; i++)
        event_loop_run_turn(fixture->loop, 10);
    assert_int_equal(worker_pending(fixture->worker), 2); /* it is tried again */
    end_sync(fixture, EIO);
    worker_hold_end(&hold);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_backlog(fixture->log), 0); /* written */
    assert_true(log_writer_is_full(fixture->log));
    assert_int_equal(fixture->full_calls, 1);
    assert_ended(fixture, before, "syncing the log", EIO);
}

static void a_full_log_whose_sync_fails_is_tried_no_more(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_EVERY_SECOND, LOG_SEGMENT_SIZE_DEFAULT, 50};
    begin_stuck_sync(fixture);
    log_writer_set_settings(fixture->log, &settings);
    fill_the_disk(fixture);
    struct told before = told_by(fixture);
    end_sync(fixture, EIO); /* long before the next try */
    worker_wait(fixture->worker);
    uint64_t tries = log_writer_statistics(fixture->log)->full_errors;
    log_fixture_end_turns(fixture, 100);
    assert_int_equal(log_writer_statistics(fixture->log)->full_errors, tries);
    assert_true(log_writer_backlog(fixture->log) > 0);
    assert_ended(fixture, before, "syncing the log", EIO);
}

/* A group that begins a file is among those that wait for room: only when the sync is over is it
 * tried again. */
static void a_full_log_begins_no_file_beside_a_sync(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t sequence;
    begin_stuck_sync(fixture);
    fill_the_disk(fixture);
    for (int i = 0; i < 2; i++) { /* the second one seals what begins the file */
        log_writer_rotate(fixture->log, &sequence);
        log_fixture_append(fixture, 0, "SET b 1");
    }
    log_fixture_faults.write_errno = 0;
    log_fixture_end_turns(fixture, 50);
    assert_true(log_writer_is_full(fixture->log));
    assert_true(log_writer_is_syncing(fixture->log));
    end_sync(fixture, 0);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    assert_false(log_writer_is_full(fixture->log));
    assert_int_equal(fixture->full_calls, 2);
    assert_int_equal(fixture->failures, 0);
    static const char *const expected[] = {"[SELECT 0 SET a 1 ][SELECT 0 SET a 2 ]",
                                           "[SELECT 0 SET b 1 ]", "[SELECT 0 SET b 1 ]"};
    for (int i = 0; i < 3; i++) {
        char name[64], text[256];
        snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence - 2 + i);
        log_fixture_read_back(fixture, name, text, sizeof text);
        assert_string_equal(text, expected[i]);
    }
}

/* Its end would give the worker what whoever closes writes. */
static void closing_waits_for_the_sync_and_writes_alone(void **state)
{
    struct log_fixture *fixture = *state;
    char text[256];
    begin_stuck_sync(fixture);
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_faults.sync_waits = false;
    assert_int_equal(log_writer_end(fixture->log), OK);
    assert_false(log_fixture_is_busy(fixture));
    log_fixture_close(fixture);
    log_fixture_read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 ][]");
}

/* They were sealed while a sync went on beside; the first begins a file that cannot be made yet. */
static void groups_behind_one_that_waits_for_its_file_wait_too(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t sequence;
    char name[64], text[256];
    begin_stuck_sync(fixture);
    log_writer_rotate(fixture->log, &sequence);
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_end_turn(fixture);
    log_fixture_append(fixture, 0, "SET c 1");
    uint64_t group = log_writer_group(fixture->log);
    log_fixture_end_turn(fixture);
    log_fixture_faults.of_first_lines = true;
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_faults.sync_waits = false;
    for (int i = 0; i < 1000 && !log_writer_is_full(fixture->log); i++)
        event_loop_run_turn(fixture->loop, 10);
    assert_true(log_writer_is_full(fixture->log));
    log_fixture_faults.write_errno = 0;
    log_fixture_wait_for(fixture, group);
    snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence - 1);
    log_fixture_read_back(fixture, name, text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ]");
    snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence);
    log_fixture_read_back(fixture, name, text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET b 1 ][SELECT 0 SET c 1 ]");
}

/* The same where only the first of them meets a full disk. */
static void groups_behind_one_that_waits_for_room_wait_too(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    char name[64], text[256];
    begin_stuck_sync(fixture);
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_end_turn(fixture);
    log_fixture_append(fixture, 0, "SET c 1");
    uint64_t group = log_writer_group(fixture->log);
    log_fixture_end_turn(fixture);
    log_fixture_faults.writes_failing = 1; /* there is filler: it is not tried without */
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_faults.sync_waits = false;
    log_fixture_wait_for(fixture, group);
    assert_int_equal(fixture->full_calls, 2);
    snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof",
             (int)log_manifest_last_sequence(log_directory_manifest(fixture->directory),
                                             LOG_FILE_INCREMENT));
    log_fixture_read_back(fixture, name, text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 ][SELECT 0 SET c 1 ]");
}

static void the_time_that_a_sync_took_is_counted(void **state)
{
    struct log_fixture *fixture = *state;
    uint64_t first = begin_stuck_sync(fixture);
    const struct log_writer_statistics *statistics = log_writer_statistics(fixture->log);
    log_fixture_end_turns(fixture, 20);
    assert_int_equal(statistics->sync_us_total, 0);
    int calls = fixture->durable_calls, wrote_calls = fixture->wrote_calls;
    log_fixture_faults.sync_waits = false;
    wait_for_durable_offset(fixture, first);
    assert_int_equal(fixture->durable_calls, calls + 1);
    assert_int_equal(fixture->wrote_calls, wrote_calls + 1);
    assert_int_equal(statistics->syncs, 1);
    assert_true(statistics->sync_us_total >= 10000);
    assert_int_equal(statistics->sync_us_max, statistics->sync_us_total);
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_writer_set_settings(fixture->log, &settings); /* what it covered stays durable */
    assert_int_equal(log_writer_durable_group(fixture->log), log_writer_group(fixture->log) - 1);
}

/* Whether it was over when the group was written, or ended beside another one. */
static void the_next_group_says_what_a_sync_covered(void **state)
{
    struct log_fixture *fixture = *state;
    for (int beside = 0; beside < 2; beside++) {
        struct worker_hold hold;
        uint64_t first = begin_stuck_sync(fixture), group = log_writer_group(fixture->log);
        char path[128], expected[64];
        struct buffer content = {0};
        if (beside) {
            worker_hold_begin(&hold, fixture->worker);
            log_fixture_append(fixture, 0, "SET b 1");
            log_fixture_end_turn(fixture);
        }
        log_fixture_faults.sync_waits = false;
        wait_for_durable_offset(fixture, first);
        if (beside) {
            worker_hold_end(&hold);
            log_fixture_wait_for(fixture, group++);
        }
        uint64_t last = log_writer_offset(fixture->log);
        log_fixture_append(fixture, 0, "SET c 1");
        log_fixture_wait_for(fixture, group);
        snprintf(path, sizeof path, "%s/appendonly.aof.%d.incr.aof", fixture->path,
                 (int)log_manifest_last_sequence(log_directory_manifest(fixture->directory),
                                                 LOG_FILE_INCREMENT));
        assert_int_equal(disk_read_all(disk_real(), path, 1 << 20, &content), OK);
        snprintf(expected, sizeof expected, "#HF %llu %llu %llu ", (unsigned long long)last,
                 (unsigned long long)(log_writer_offset(fixture->log) - last),
                 (unsigned long long)first);
        assert_non_null(memmem(content.data, content.length, expected, strlen(expected)));
        buffer_deinit(&content);
    }
}

/* With appendfsync no. */
static void nobody_syncs_who_was_not_asked_to(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_open_new(fixture, LOG_SYNC_NO);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    log_fixture_end_turns(fixture, 1100);
    assert_false(log_writer_is_syncing(fixture->log));
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 0);
    assert_int_equal(log_writer_durable_offset(fixture->log), 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_second_syncs_what_is_written),
        TEST(a_second_that_ends_while_the_worker_is_busy_counts),
        TEST(what_is_synced_is_not_synced_again),
        TEST(writes_do_not_wait_for_the_sync_of_a_second),
        TEST(a_second_that_ends_during_a_sync_has_one_of_its_own),
        TEST(what_needs_the_file_alone_waits_for_the_sync),
        TEST(a_sync_that_fails_beside_the_writing_ends_the_log),
        TEST(how_a_group_ends_after_a_sync_failed_changes_nothing),
        TEST(how_a_sync_ends_after_a_group_failed_changes_nothing),
        TEST(a_full_log_whose_sync_fails_stays_full),
        TEST(a_full_log_whose_sync_fails_is_tried_no_more),
        TEST(a_full_log_begins_no_file_beside_a_sync),
        TEST(closing_waits_for_the_sync_and_writes_alone),
        TEST(groups_behind_one_that_waits_for_its_file_wait_too),
        TEST(groups_behind_one_that_waits_for_room_wait_too),
        TEST(the_time_that_a_sync_took_is_counted),
        TEST(nobody_syncs_who_was_not_asked_to),
        TEST(the_next_group_says_what_a_sync_covered),
    };
    return cmocka_run_group_tests_name("persist/log_writer_sync", tests, NULL, NULL);
}
