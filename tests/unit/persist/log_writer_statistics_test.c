/* What the log says of itself: bytes, sizes, and how long syncs took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/log_fixture.h"
#include "support/memory_balance.h"
#include "support/worker_hold.h"
#include "system/worker.h"

static uint64_t size_on_disk(struct log_fixture *fixture)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof path, "%s/appendonly.aof.1.incr.aof", fixture->path);
    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

static void statistics_say_what_was_written(void **state)
{
    struct log_fixture *fixture = *state;
    const struct log_writer_statistics *statistics = log_writer_statistics(fixture->log);
    uint64_t size = size_on_disk(fixture);
    assert_int_equal(statistics->size, size);
    assert_int_equal(statistics->base_size, size);
    log_fixture_append(fixture, 0, "SET a a-long-value");
    uint64_t longest = log_writer_offset(fixture->log);
    assert_int_equal(log_writer_backlog(fixture->log), longest);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    assert_int_equal(log_writer_backlog(fixture->log), 0);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    uint64_t bytes = log_writer_offset(fixture->log);
    assert_int_equal(statistics->groups, 2);
    assert_int_equal(statistics->bytes, bytes);
    assert_int_equal(statistics->group_bytes_last, bytes - longest);
    assert_int_equal(statistics->group_bytes_max, longest);
    assert_true(statistics->size > size + bytes);
    assert_int_equal(statistics->base_size, size);
    uint64_t size_at_close = statistics->size;
    log_fixture_close(fixture);
    size = size_on_disk(fixture);
    assert_in_range(size - size_at_close, 1, LOG_ANNOTATION_MAX); /* the last empty group */
    struct log_writer_start start = {log_fixture_id, bytes, "appendonly.aof.1.incr.aof", size,
                                     size};
    log_fixture_open(fixture, &start, true, LOG_SYNC_ALWAYS);
    assert_int_equal(log_writer_offset(fixture->log), bytes);
    assert_int_equal(log_writer_durable_offset(fixture->log), bytes);
    statistics = log_writer_statistics(fixture->log);
    assert_int_equal(statistics->size, size);
    assert_int_equal(statistics->base_size, size);
}

/* Also those that are over within a microsecond. */
static void every_sync_is_counted_by_the_time_it_took(void **state)
{
    struct log_fixture *fixture = *state;
    const struct log_writer_statistics *statistics = log_writer_statistics(fixture->log);
    enum { QUICK = 200 };
    log_fixture_faults.sync_takes_us = 0;
    int64_t memory = 0;
    for (int i = 0; i < QUICK; i++) {
        if (i == 1)
            memory = memory_balance_now();
        log_fixture_append(fixture, 0, "SET a 1");
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    }
    /* What a group took is given back, or used for the next. */
    assert_in_range(memory_balance_now() - memory + 1000, 0, 2000);
    assert_int_equal(statistics->syncs, QUICK);
    assert_int_equal(fixture->wrote_calls, QUICK);
    uint64_t quick_us = statistics->sync_us_total;
    log_fixture_faults.sync_takes_us = 3000;
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
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

static void a_job_without_a_write_or_a_sync_took_no_time(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_open_new(fixture, LOG_SYNC_NO);
    log_writer_switch_base(fixture->log, "/nowhere/base", 1, log_fixture_on_switched, fixture);
    log_fixture_wait_for_switch(fixture);
    assert_int_equal(fixture->switch_error, ENOENT);
    assert_int_equal(fixture->wrote_calls, 0);
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 0);
}

static void write_group(struct log_fixture *fixture)
{
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
}

/* One block is kept for the next group, if it is not a large one. */
static void memory_of_groups_is_given_back(void **state)
{
    struct log_fixture *fixture = *state;
    enum { LARGE = 3 << 20 };
    char *bytes = malloc(LARGE);
    memset(bytes, 'x', LARGE);
    const struct slice words[] = {SLICE("SET"), SLICE("a"), slice_of(bytes, LARGE)};
    for (int i = 0; i < 3; i++)
        write_group(fixture);
    int64_t memory = memory_balance_now();
    log_writer_append(fixture->log, 0, words, 3);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    assert_true(memory_balance_now() <= memory);
    for (int i = 0; i < 3; i++)
        write_group(fixture);
    assert_int_equal(memory_balance_now(), memory);
    struct worker_hold hold;
    worker_hold_begin(&hold, fixture->worker);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_end_turn(fixture);
    for (int i = 0; i < 3; i++) { /* these are written at once */
        int64_t sequence;
        log_fixture_append(fixture, 0, "SET a 1");
        log_writer_rotate(fixture->log, &sequence);
    }
    worker_hold_end(&hold);
    write_group(fixture);
    for (int i = 0; i < 3; i++)
        write_group(fixture);
    assert_int_equal(memory_balance_now(), memory);
    free(bytes);
}

static void closing_gives_all_memory_back(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_start start = {.id = log_fixture_id};
    int64_t memory = 0;
    for (int round = 0; round < 3; round++) {
        log_fixture_close(fixture);
        if (round == 1) /* what the loop keeps it has taken by now */
            memory = memory_balance_now();
        else if (round == 2)
            assert_int_equal(memory_balance_now(), memory);
        log_fixture_open(fixture, &start, false, LOG_SYNC_EVERY_SECOND);
        for (int i = 0; i < 3; i++) {
            log_fixture_append(fixture, 0, "SET a 1");
            log_fixture_end_turn(fixture);
            worker_wait(fixture->worker);
        }
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(statistics_say_what_was_written),
        TEST(every_sync_is_counted_by_the_time_it_took),
        TEST(a_job_without_a_write_or_a_sync_took_no_time),
        TEST(memory_of_groups_is_given_back),
        TEST(closing_gives_all_memory_back),
    };
    return cmocka_run_group_tests_name("persist/log_writer_statistics", tests, memory_balance_begin,
                                       NULL);
}
