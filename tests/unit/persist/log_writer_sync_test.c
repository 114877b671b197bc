/* The sync of each second, beside the writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

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
    for (int i = 0; i < 1000 && log_writer_durable_offset(fixture->log) < offset; i++)
        event_loop_run_turn(fixture->loop, 10);
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
static void begin_sync(struct log_fixture *fixture)
{
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_writer_set_settings(fixture->log, &settings); /* asks for a sync */
    settings.sync = LOG_SYNC_EVERY_SECOND;
    log_writer_set_settings(fixture->log, &settings);
    log_writer_end_turn(fixture->log);
    assert_true(log_writer_is_syncing(fixture->log));
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

/* Whether a group is with the other worker then or not. */
static void a_sync_that_fails_beside_the_writing_ends_the_log(void **state)
{
    struct log_fixture *fixture = *state;
    for (int busy = 0; busy < 2; busy++) {
        struct worker_hold hold;
        begin_stuck_sync(fixture);
        fixture->failures = 0;
        if (busy) {
            worker_hold_begin(&hold, fixture->worker);
            log_fixture_append(fixture, 0, "SET a 2");
            log_writer_end_turn(fixture->log);
        }
        uint64_t durable = log_writer_durable_group(fixture->log);
        int calls = fixture->durable_calls;
        log_fixture_faults.sync_errno = EIO;
        log_fixture_faults.sync_waits = false;
        for (int i = 0; i < 1000 && fixture->failures == 0; i++)
            event_loop_run_turn(fixture->loop, 10);
        assert_true(log_writer_has_failed(fixture->log));
        if (busy) {
            worker_hold_end(&hold);
            worker_wait(fixture->worker);
        }
        assert_int_equal(fixture->failures, 1);
        assert_int_equal(fixture->durable_calls, calls); /* nothing is called durable any more */
        assert_true(busy || log_writer_durable_group(fixture->log) == durable);
        assert_int_equal(log_writer_durable_offset(fixture->log), 0);
        assert_int_equal(log_writer_statistics(fixture->log)->syncs, 0);
        log_fixture_faults.sync_errno = 0;
        log_fixture_close_failed(fixture);
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_second_syncs_what_is_written),
        TEST(a_second_that_ends_while_the_worker_is_busy_counts),
        TEST(writes_do_not_wait_for_the_sync_of_a_second),
        TEST(a_second_that_ends_during_a_sync_has_one_of_its_own),
        TEST(what_needs_the_file_alone_waits_for_the_sync),
        TEST(a_sync_that_fails_beside_the_writing_ends_the_log),
    };
    return cmocka_run_group_tests_name("persist/log_writer_sync", tests, NULL, NULL);
}
