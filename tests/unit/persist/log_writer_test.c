#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "persist/log_directory.h"
#include "persist/log_writer.h"
#include "support/log_fixture.h"
#include "support/worker_hold.h"
#include "system/clock.h"
#include "system/worker.h"

static void a_turn_is_a_group_and_becomes_durable(void **state)
{
    struct log_fixture *fixture = *state;
    uint64_t group = log_writer_group(fixture->log);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_append(fixture, 0, "SET b 2");
    log_fixture_append(fixture, 3, "DEL c");
    assert_true(log_writer_durable_group(fixture->log) < group);
    log_fixture_wait_for(fixture, group);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
    log_fixture_append(fixture, 3, "DEL d");
    log_fixture_wait_for(fixture, group + 1);
    assert_true(fixture->durable_calls >= 2);
    char text[512];
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 SET b 2 SELECT 3 DEL c ][SELECT 3 DEL d ]");
}

static void transactions_have_multi_and_exec_where_they_need_it(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_append(fixture, 0, "SET a 1");
    log_writer_begin_transaction(fixture->log);
    log_writer_end_transaction(fixture->log);
    log_writer_begin_transaction(fixture->log);
    log_fixture_append(fixture, 1, "SET b 1");
    log_writer_end_transaction(fixture->log);
    log_writer_begin_transaction(fixture->log);
    log_fixture_append(fixture, 2, "SET c 1");
    log_fixture_append(fixture, 2, "SET d 1");
    log_fixture_append(fixture, 0, "SET e 1");
    log_writer_end_transaction(fixture->log);
    log_writer_begin_transaction(fixture->log);
    log_fixture_append(fixture, 0, "SET f 1");
    log_fixture_append(fixture, 0, "SET g 1");
    log_writer_end_transaction(fixture->log);
    uint64_t end = log_writer_offset(fixture->log);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    assert_int_equal(log_writer_durable_offset(fixture->log), end);
    char text[512];
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 SELECT 1 SET b 1 SELECT 2 MULTI SET c 1 SET d 1 "
                              "SELECT 0 SET e 1 EXEC MULTI SET f 1 SET g 1 EXEC ]");
}

static void a_gate_on_an_empty_group_opens(void **state)
{
    struct log_fixture *fixture = *state;
    uint64_t group = log_writer_group(fixture->log);
    log_writer_expect(fixture->log, group);
    log_fixture_wait_for(fixture, group);
    assert_int_equal(log_writer_offset(fixture->log), 0);
}

static void a_new_base_leaves_only_what_came_after_it(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t sequence;
    log_fixture_append(fixture, 0, "SET a 1");
    log_writer_rotate(fixture->log, &sequence);
    assert_int_equal(sequence, 2);
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    char base[128], text[256];
    snprintf(base, sizeof base, "%s/temp-base", fixture->path);
    FILE *file = fopen(base, "w");
    assert_non_null(file);
    fclose(file);
    log_writer_switch_base(fixture->log, base, sequence, log_fixture_on_switched, fixture);
    log_fixture_wait_for_switch(fixture);
    assert_int_equal(fixture->switch_error, 0);
    assert_int_equal(log_writer_statistics(fixture->log)->base_size,
                     log_writer_statistics(fixture->log)->size);
    log_fixture_read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
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
    assert_int_equal(fixture->removed, 1); /* it is to be closed off the log's thread */
    log_fixture_end_turn(fixture);
    assert_false(log_fixture_is_busy(fixture)); /* it is not switched again */
}

static void a_new_log_counts_only_with_its_base(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    struct log_writer_start start = {.id = log_fixture_id};
    log_fixture_open(fixture, &start, false, LOG_SYNC_ALWAYS);
    uint64_t group = log_writer_group(fixture->log);
    log_fixture_append(fixture, 0, "SET a 1");
    assert_true(log_writer_durable_group(fixture->log) >= group); /* nothing waits yet */
    assert_false(log_writer_is_in_force(fixture->log));
    int64_t sequence;
    log_writer_rotate(fixture->log, &sequence);
    log_fixture_append(fixture, 0, "SET b 1");
    char base[128], text[256];
    snprintf(base, sizeof base, "%s/temp-base", fixture->path);
    FILE *file = fopen(base, "w");
    assert_non_null(file);
    fclose(file);
    log_writer_switch_base(fixture->log, base, sequence, log_fixture_on_switched, fixture);
    log_fixture_wait_for_switch(fixture);
    assert_int_equal(fixture->switch_error, 0);
    assert_true(log_writer_is_in_force(fixture->log));
    group = log_writer_group(fixture->log);
    log_fixture_append(fixture, 0, "SET c 1");
    assert_true(log_writer_durable_group(fixture->log) < group); /* now they do */
    log_fixture_wait_for(fixture, group);
    snprintf(base, sizeof base, "appendonly.aof.%d.incr.aof", (int)sequence);
    log_fixture_read_back(fixture, base, text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET b 1 ][SELECT 0 SET c 1 ]");
}

static void closing_says_that_all_is_durable(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_append(fixture, 0, "SET a 1");
    int calls = log_fixture_faults.sync_calls;
    log_fixture_close(fixture);
    assert_int_equal(log_fixture_faults.sync_calls - calls,
                     3); /* of the group, the last one, and without filler */
    char text[256];
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][]");
    struct log_writer_start start = {.id = log_fixture_id,
                                     .offset = 50,
                                     .increment_name = "appendonly.aof.1.incr.aof",
                                     .increment_size = 0};
    struct stat status;
    snprintf(text, sizeof text, "%s/appendonly.aof.1.incr.aof", fixture->path);
    assert_int_equal(stat(text, &status), 0);
    start.increment_size = (uint64_t)status.st_size;
    log_fixture_open(fixture, &start, true, LOG_SYNC_ALWAYS);
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][][SELECT 0 SET b 1 ]");
}

/* Nothing is given to the worker any more: what is left is written by whoever closes. */
static void closing_writes_what_waits(void **state)
{
    struct log_fixture *fixture = *state;
    struct worker_hold hold;
    worker_hold_begin(&hold, fixture->worker);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_end_turn(fixture);
    for (int i = 0; i < 3; i++) {
        int64_t sequence;
        log_fixture_append(fixture, 0, "SET b 1");
        if (i == 0)
            log_writer_rotate(fixture->log, &sequence);
    }
    worker_hold_end(&hold);
    log_fixture_close(fixture);
    char text[256];
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 ]");
    log_fixture_read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET b 1 SET b 1 ][]");
}

static void a_full_increment_is_followed_by_another(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, 1, 0};
    log_writer_set_settings(fixture->log, &settings);
    for (int i = 0; i < 3; i++) {
        log_fixture_append(fixture, 0, "SET a 1");
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    }
    assert_int_equal(
        log_manifest_last_sequence(log_directory_manifest(fixture->directory), LOG_FILE_INCREMENT),
        3);
    char text[256];
    log_fixture_read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ]");
}

static void a_second_server_is_refused(void **state)
{
    struct log_fixture *fixture = *state;
    struct buffer error_text = {0};
    struct log_directory *directory;
    assert_int_equal(
        log_directory_open(disk_real(), fixture->path, "appendonly.aof", &directory, &error_text),
        ERROR_SYSTEM);
    buffer_add(&error_text, "", 1);
    assert_non_null(strstr(error_text.data, "in use by another server"));
    buffer_deinit(&error_text);
}

static void a_full_disk_is_waited_out(void **state)
{
    struct log_fixture *fixture = *state;
    static const int reasons[] = {ENOSPC, EDQUOT};
    for (size_t i = 0; i < 2; i++) {
        uint64_t group = log_writer_group(fixture->log);
        fixture->full_calls = 0;
        log_fixture_faults.write_errno = reasons[i];
        log_fixture_append(fixture, 0, "SET a 1");
        log_fixture_end_turn(fixture);
        worker_wait(fixture->worker);
        log_fixture_end_turns(fixture, 50); /* it is tried again */
        assert_true(log_writer_is_full(fixture->log));
        assert_false(log_writer_has_failed(fixture->log));
        assert_int_equal(fixture->full_calls, 1);
        assert_true(log_writer_durable_group(fixture->log) < group);
        log_fixture_faults.write_errno = 0;
        log_fixture_wait_for(fixture, group);
        assert_false(log_writer_is_full(fixture->log));
        assert_int_equal(fixture->full_calls, 2);
    }
    assert_int_equal(fixture->failures, 0);
    char text[256];
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET a 1 ]");
}

/* Its file is made once. */
static void an_increment_whose_first_group_waits_is_begun_once(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t sequence;
    char text[256];
    log_writer_rotate(fixture->log, &sequence);
    log_fixture_append(fixture, 0, "SET a 1");
    uint64_t group = log_writer_group(fixture->log);
    log_fixture_faults.of_groups = true;
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_true(log_writer_is_full(fixture->log));
    log_fixture_faults.write_errno = 0;
    log_fixture_wait_for(fixture, group);
    assert_int_equal(fixture->failures, 0);
    log_fixture_read_back(fixture, "appendonly.aof.2.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ]");
}

static void a_full_disk_is_left_alone_for_a_while(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 0};
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_append(fixture, 0, "SET a 1");
    int64_t begin_us = clock_monotonic_us(fixture->clock);
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_statistics(fixture->log)->full_errors, 1);
    assert_int_equal(log_writer_statistics(fixture->log)->last_error, ENOSPC);
    log_fixture_end_turns(fixture, 50);
    uint64_t tries = log_writer_statistics(fixture->log)->full_errors;
    if (clock_monotonic_us(fixture->clock) - begin_us < LOG_FULL_RETRY_MS * 1000)
        assert_int_equal(tries, 1);
}

static void a_full_disk_that_cannot_be_cut_back_ends_the_log(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_faults.truncate_errno = EIO;
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(fixture->failures, 1);
    assert_string_equal(fixture->failed, "writing to the log");
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_end_turn(fixture);
    assert_false(log_fixture_is_busy(fixture)); /* nothing is written any more */
    log_fixture_close_failed(fixture);
}

/* A sync that fails is never tried again (P4), whatever else went wrong. */
static void a_full_disk_that_does_not_sync_ends_the_log(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_open_new(fixture, LOG_SYNC_NO);
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    worker_wait(fixture->worker); /* written, not synced */
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_append(fixture, 0, "SET b 1");
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_faults.sync_errno = EIO;
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_true(log_writer_has_failed(fixture->log));
    assert_false(log_writer_is_full(fixture->log));
    assert_int_equal(fixture->failures, 1);
    assert_string_equal(fixture->failed, "syncing the log");
    assert_int_equal(log_writer_statistics(fixture->log)->last_error, EIO);
    log_fixture_close_failed(fixture);
}

static void a_rotation_of_a_full_increment_begins_one_only(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, 1, 0};
    int64_t sequence;
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_append(fixture, 0, "SET a 1");
    log_writer_rotate(fixture->log, &sequence);
    assert_int_equal(sequence, 2);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    assert_int_equal(
        log_manifest_last_sequence(log_directory_manifest(fixture->directory), LOG_FILE_INCREMENT),
        2);
}

static void empty_arguments_are_written(void **state)
{
    struct log_fixture *fixture = *state;
    const struct slice words[3] = {SLICE("SET"), SLICE(""), SLICE("")};
    log_writer_append(fixture->log, 0, words, 3);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    char text[256];
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET   ]");
}

/* `full`: the disk is, when the first is written; `late`: the second is sealed after that. */
static void groups_keep_their_order_when_some_wait(void **state)
{
    struct log_fixture *fixture = *state;
    for (int round = 0; round < 3; round++) {
        bool full = round > 0, late = round > 1;
        int64_t sequence;
        char name[64], text[256];
        uint64_t begin = log_writer_offset(fixture->log);
        uint64_t syncs = log_writer_statistics(fixture->log)->syncs;
        log_fixture_faults.write_errno = full ? ENOSPC : 0;
        log_fixture_append(fixture, 0, "SET a 1");
        log_fixture_end_turn(fixture); /* to the worker; the others wait for it */
        if (late)
            worker_wait(fixture->worker);
        log_fixture_append(fixture, 0, "SET b 1");
        log_writer_rotate(fixture->log, &sequence);
        assert_int_equal(log_writer_backlog(fixture->log), log_writer_offset(fixture->log) - begin);
        worker_wait(fixture->worker);
        assert_int_equal(log_writer_is_full(fixture->log), full);
        log_fixture_end_turn(fixture); /* the second goes, if it may */
        log_fixture_append(fixture, 0, "SET c 1");
        log_fixture_faults.write_errno = 0;
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
        assert_int_equal(log_writer_backlog(fixture->log), 0);
        /* A group each, or none, both that waited, and the last. */
        assert_int_equal(log_writer_statistics(fixture->log)->syncs - syncs, 3);
        snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence);
        log_fixture_read_back(fixture, name, text, sizeof text);
        assert_string_equal(text, "[SELECT 0 SET c 1 ]");
        snprintf(name, sizeof name, "appendonly.aof.%d.incr.aof", (int)sequence - 1);
        log_fixture_read_back(fixture, name, text, sizeof text);
        assert_string_equal(text, full ? "[SELECT 0 SET c 1 ][SELECT 0 SET a 1 ][SELECT 0 SET b 1 ]"
                                       : "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 ]");
    }
    assert_int_equal(fixture->failures, 0);
}

static void going_to_always_syncs_what_is_written(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_settings settings = {LOG_SYNC_NO, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_durable_offset(fixture->log), 0);
    assert_false(log_writer_hides_the_undurable(fixture->log));
    settings.sync = LOG_SYNC_EVERY_SECOND;
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_durable_offset(fixture->log), 0);
    settings.sync = LOG_SYNC_ALWAYS;
    log_writer_set_settings(fixture->log, &settings);
    assert_true(log_writer_hides_the_undurable(fixture->log));
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
    log_writer_set_settings(fixture->log, &settings); /* it is so already */
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
}

static void a_base_that_is_not_there_is_said(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t sequence;
    log_writer_rotate(fixture->log, &sequence);
    log_writer_switch_base(fixture->log, "/nowhere/base", sequence, log_fixture_on_switched,
                           fixture);
    log_fixture_wait_for_switch(fixture);
    assert_int_equal(fixture->switched, 1);
    assert_int_equal(fixture->switch_error, ENOENT);
    assert_true(log_writer_statistics(fixture->log)->base_size <
                log_writer_statistics(fixture->log)->size);
    log_fixture_append(fixture, 0, "SET a 1"); /* it goes on */
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    fixture->switched = 0;
    log_fixture_faults.sync_errno = EIO; /* what ends the log ends the switch, too */
    log_fixture_append(fixture, 0, "SET b 1");
    log_writer_switch_base(fixture->log, "/nowhere/base", sequence, log_fixture_on_switched,
                           fixture);
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_int_equal(fixture->switched, 1);
    assert_int_equal(fixture->switch_error, EIO);
    assert_int_equal(log_writer_statistics(fixture->log)->last_error, EIO);
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(log_writer_durable_offset(fixture->log) < log_writer_offset(fixture->log), 1);
    log_fixture_close_failed(fixture);
}

/* Two increments: the second group begins one when the first has filled it. */
static void an_increment_is_full_when_it_has_its_size(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t expected = 1;
    for (uint64_t more = 0; more < 2; more++) {
        int64_t sequence;
        log_writer_rotate(fixture->log, &sequence);
        assert_int_equal(sequence, ++expected);
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
        uint64_t before = log_writer_offset(fixture->log);
        struct log_writer_settings settings = {LOG_SYNC_ALWAYS, UINT64_MAX, 1};
        log_fixture_append(fixture, 0, "SET a 1");
        settings.segment_size_max = log_writer_offset(fixture->log) - before + more;
        log_writer_set_settings(fixture->log, &settings);
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
        settings.segment_size_max = UINT64_MAX;
        log_writer_set_settings(fixture->log, &settings);
        log_fixture_append(fixture, 0, "SET b 1");
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
        expected += more == 0;
        assert_int_equal(log_manifest_last_sequence(log_directory_manifest(fixture->directory),
                                                    LOG_FILE_INCREMENT),
                         expected);
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_turn_is_a_group_and_becomes_durable),
        TEST(transactions_have_multi_and_exec_where_they_need_it),
        TEST(a_gate_on_an_empty_group_opens),
        TEST(a_new_base_leaves_only_what_came_after_it),
        TEST(a_new_log_counts_only_with_its_base),
        TEST(closing_says_that_all_is_durable),
        TEST(closing_writes_what_waits),
        TEST(a_full_increment_is_followed_by_another),
        TEST(a_second_server_is_refused),
        TEST(a_full_disk_is_waited_out),
        TEST(an_increment_whose_first_group_waits_is_begun_once),
        TEST(a_full_disk_is_left_alone_for_a_while),
        TEST(a_full_disk_that_cannot_be_cut_back_ends_the_log),
        TEST(a_full_disk_that_does_not_sync_ends_the_log),
        TEST(a_rotation_of_a_full_increment_begins_one_only),
        TEST(empty_arguments_are_written),
        TEST(groups_keep_their_order_when_some_wait),
        TEST(going_to_always_syncs_what_is_written),
        TEST(a_base_that_is_not_there_is_said),
        TEST(an_increment_is_full_when_it_has_its_size),
    };
    return cmocka_run_group_tests_name("persist/log_writer", tests, NULL, NULL);
}
