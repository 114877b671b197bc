/* How a log begins and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "persist/log_directory.h"
#include "persist/log_writer.h"
#include "support/log_fixture.h"
#include "support/memory_balance.h"
#include "system/worker.h"

static bool no_threads; /* none can be made */

/* That of the C library is behind it. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return no_threads ? EAGAIN : create(thread, attributes, run, argument);
}

static int open_files_of_process(void)
{
    int count = 0;
    for (int file = 0; file < 100; file++) {
        struct stat status;
        count += fstat(file, &status) == 0;
    }
    return count;
}

/* Nothing of it stays then, but the files that it made. */
static void a_log_that_cannot_begin_says_so(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_start start = {.id = log_fixture_id};
    log_fixture_close(fixture);
    int files = open_files_of_process();
    log_fixture_faults.sync_errno = EIO;
    errno = 0;
    assert_int_equal(log_fixture_try_open(fixture, &start, true, LOG_SYNC_ALWAYS), ERROR_SYSTEM);
    assert_int_equal(errno, EIO);
    log_fixture_faults.sync_errno = 0;
    for (int round = 0; round < 3; round++) {
        int64_t memory = memory_balance_now();
        no_threads = true;
        errno = 0;
        assert_int_equal(log_fixture_try_open(fixture, &start, true, LOG_SYNC_ALWAYS),
                         ERROR_SYSTEM);
        no_threads = false;
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(open_files_of_process(), files);
        assert_true(round == 0 || memory_balance_now() == memory); /* the loop keeps some */
    }
    log_fixture_open(fixture, &start, true, LOG_SYNC_ALWAYS);
}

static void an_increment_that_goes_on_counts_with_what_it_has(void **state)
{
    struct log_fixture *fixture = *state;
    char path[128];
    struct stat status;
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    uint64_t offset = log_writer_offset(fixture->log);
    log_fixture_close(fixture);
    snprintf(path, sizeof path, "%s/appendonly.aof.1.incr.aof", fixture->path);
    assert_int_equal(stat(path, &status), 0);
    uint64_t size = (uint64_t)status.st_size;
    struct log_writer_start start = {log_fixture_id, offset, "appendonly.aof.1.incr.aof", size,
                                     size};
    log_fixture_open(fixture, &start, true, LOG_SYNC_ALWAYS);
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, size + 1, 1};
    log_writer_set_settings(fixture->log, &settings);
    for (int i = 0; i < 2; i++) { /* the first fills it */
        log_fixture_append(fixture, 0, "SET b 1");
        log_fixture_wait_for(fixture, log_writer_group(fixture->log));
        assert_int_equal(log_manifest_last_sequence(log_directory_manifest(fixture->directory),
                                                    LOG_FILE_INCREMENT),
                         i + 1);
    }
}

static void a_log_ends_once(void **state)
{
    struct log_fixture *fixture = *state;
    char text[256];
    log_fixture_append(fixture, 0, "SET a 1");
    assert_int_equal(log_writer_end(fixture->log), OK);
    assert_int_equal(log_writer_end(fixture->log), OK);
    log_fixture_close(fixture);
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][]");
}

static void a_log_that_could_not_end_stays_so(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_faults.write_errno = ENOSPC;
    log_fixture_end_turn(fixture);
    worker_wait(fixture->worker);
    assert_true(log_writer_is_full(fixture->log)); /* it would be tried again in a millisecond */
    assert_int_equal(log_writer_end(fixture->log), ERROR_SYSTEM);
    assert_int_equal(errno, ENOSPC);
    log_fixture_end_turns(fixture, 20);
    log_fixture_faults.write_errno = 0;
    errno = 0;
    assert_int_equal(log_writer_end(fixture->log), ERROR_SYSTEM);
    assert_int_equal(errno, EIO);
    assert_true(log_writer_has_failed(fixture->log));
    assert_int_equal(fixture->failures, 0);
    log_fixture_close_failed(fixture);
}

/* It is over when the log has ended. */
static void the_end_waits_for_a_sync_beside(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_open_new(fixture, LOG_SYNC_NO);
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    log_writer_set_settings(fixture->log, &settings); /* asks for a sync */
    settings.sync = LOG_SYNC_EVERY_SECOND;
    log_writer_set_settings(fixture->log, &settings);
    log_fixture_faults.sync_takes_us = 50 * 1000;
    log_fixture_end_turn(fixture);
    assert_true(log_writer_is_syncing(fixture->log));
    assert_int_equal(log_writer_end(fixture->log), OK);
    assert_false(log_writer_is_syncing(fixture->log));
    assert_int_equal(log_writer_statistics(fixture->log)->syncs, 1);
    assert_int_equal(log_writer_durable_offset(fixture->log), log_writer_offset(fixture->log));
}

/* The base that was asked for comes no more, and nobody is told. */
static void a_switch_that_waits_ends_with_the_log(void **state)
{
    struct log_fixture *fixture = *state;
    struct log_writer_start start = {.id = log_fixture_id};
    int64_t memory = 0;
    for (int round = 0; round < 3; round++) {
        log_writer_switch_base(fixture->log, "/nowhere/base", 1, log_fixture_on_switched, fixture);
        log_fixture_close(fixture);
        if (round == 1) /* what the loop keeps it has taken by now */
            memory = memory_balance_now();
        else if (round == 2)
            assert_int_equal(memory_balance_now(), memory);
        log_fixture_open(fixture, &start, true, LOG_SYNC_ALWAYS);
    }
    assert_int_equal(fixture->switched, 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_log_that_cannot_begin_says_so),
        TEST(an_increment_that_goes_on_counts_with_what_it_has),
        TEST(a_log_ends_once),
        TEST(a_log_that_could_not_end_stays_so),
        TEST(the_end_waits_for_a_sync_beside),
        TEST(a_switch_that_waits_ends_with_the_log),
    };
    return cmocka_run_group_tests_name("persist/log_writer_life", tests, memory_balance_begin,
                                       NULL);
}
