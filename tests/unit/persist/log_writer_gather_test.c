/* Just after a group, the next one waits for those who are writing again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persist/log_writer_private.h"
#include "support/log_fixture.h"
#include "system/clock.h"
#include "system/socket.h"
#include "system/worker.h"

#define A_LONG_TIME_US 60000000

/* A descriptor that is always ready: somebody's next command. */
struct somebody {
    struct event_io io;
    int sockets[2];
    int calls;
};

static void sends_more(void *context, unsigned events)
{
    struct somebody *somebody = context;
    (void)events;
    somebody->calls++;
}

static void somebody_comes(struct somebody *somebody, struct event_loop *loop)
{
    somebody->calls = 0;
    assert_int_equal(socket_pair(somebody->sockets), OK);
    event_io_init(&somebody->io, loop, somebody->sockets[0], sends_more, somebody);
    event_io_set(&somebody->io, EVENT_READABLE);
    assert_int_equal(socket_send(somebody->sockets[1], "x", 1), 1);
}

static void somebody_goes(struct somebody *somebody)
{
    event_io_stop(&somebody->io);
    socket_close(somebody->sockets[0]);
    socket_close(somebody->sockets[1]);
}

/* A group has just been written. */
static void begin_gathering(struct log_fixture *fixture)
{
    log_fixture_append(fixture, 0, "SET a 1");
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
    fixture->log->gather_until_us = clock_monotonic_us(fixture->clock) + A_LONG_TIME_US;
}

static void a_turn(struct log_fixture *fixture)
{
    log_writer_end_turn(fixture->log);
    event_loop_run_turn(fixture->loop, 0);
}

static void a_turn_with(struct log_fixture *fixture, const char *command)
{
    log_fixture_append(fixture, 0, command);
    a_turn(fixture);
}

static void while_more_comes_a_group_goes_on_growing(void **state)
{
    struct log_fixture *fixture = *state;
    struct somebody somebody;
    char text[256];
    begin_gathering(fixture);
    somebody_comes(&somebody, fixture->loop);
    a_turn_with(fixture, "SET b 1");
    a_turn_with(fixture, "SET c 1");
    assert_int_equal(somebody.calls, 2);
    assert_false(log_fixture_is_busy(fixture));
    somebody_goes(&somebody);
    event_loop_run_turn(fixture->loop, -1); /* nothing else: it does not sleep */
    log_writer_end_turn(fixture->log);
    assert_true(log_fixture_is_busy(fixture));
    log_fixture_wait_for(fixture, 2);
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 SET c 1 ]");
}

static void a_group_does_not_wait_longer_however_much_comes(void **state)
{
    struct log_fixture *fixture = *state;
    struct somebody somebody;
    begin_gathering(fixture);
    somebody_comes(&somebody, fixture->loop);
    a_turn_with(fixture, "SET b 1");
    assert_false(log_fixture_is_busy(fixture));
    fixture->log->gather_until_us = clock_monotonic_us(fixture->clock);
    log_writer_end_turn(fixture->log);
    assert_true(log_fixture_is_busy(fixture));
    somebody_goes(&somebody);
    log_fixture_wait_for(fixture, 2);
    assert_int_equal(log_writer_statistics(fixture->log)->groups, 2);
}

/* Whoever waits for a group without commands does not gain by others. */
static void a_gate_alone_waits_too(void **state)
{
    struct log_fixture *fixture = *state;
    struct somebody somebody;
    begin_gathering(fixture);
    somebody_comes(&somebody, fixture->loop);
    log_writer_expect(fixture->log, log_writer_group(fixture->log));
    a_turn(fixture);
    assert_false(log_fixture_is_busy(fixture));
    somebody_goes(&somebody);
    log_fixture_wait_for(fixture, log_writer_group(fixture->log));
}

/* `took_us` of the group that ends now; the time until which the next one is gathered, from then.
 */
static int64_t gathers_for(struct log_fixture *fixture, int64_t took_us)
{
    log_fixture_append(fixture, 0, "SET a 1");
    int64_t before_us = clock_monotonic_us(fixture->clock);
    log_fixture_end_turn(fixture);
    assert_in_range(fixture->log->submitted_us, before_us, clock_monotonic_us(fixture->clock));
    fixture->log->submitted_us = before_us - took_us;
    worker_wait(fixture->worker);
    int64_t passed_us = clock_monotonic_us(fixture->clock) - before_us;
    int64_t for_us = fixture->log->gather_until_us - before_us;
    return for_us < 0 ? for_us : for_us > passed_us ? for_us - passed_us : 0;
}

static void it_waits_up_to_twice_as_long_as_the_last_one_took(void **state)
{
    struct log_fixture *fixture = *state;
    assert_true(gathers_for(fixture, A_LONG_TIME_US) <= 400);
    /* As if it had ended before it began: nothing else tells the factor whatever the disk takes. */
    int64_t for_us = gathers_for(fixture, -A_LONG_TIME_US);
    assert_true(for_us >= -2 * A_LONG_TIME_US);
    assert_true(for_us < -A_LONG_TIME_US - A_LONG_TIME_US / 2);
}

/* What the log was closed with while it waited is written then. */
static void closing_does_not_wait_for_more(void **state)
{
    struct log_fixture *fixture = *state;
    char text[256];
    begin_gathering(fixture);
    log_fixture_append(fixture, 0, "SET b 1");
    log_writer_end_turn(fixture->log);
    assert_int_equal(log_writer_end(fixture->log), OK);
    event_loop_run_turn(fixture->loop, 0); /* nothing comes any more */
    log_fixture_close(fixture);
    log_fixture_read_back(fixture, "appendonly.aof.1.incr.aof", text, sizeof text);
    assert_string_equal(text, "[SELECT 0 SET a 1 ][SELECT 0 SET b 1 ][]");
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(while_more_comes_a_group_goes_on_growing),
        TEST(a_group_does_not_wait_longer_however_much_comes),
        TEST(a_gate_alone_waits_too),
        TEST(it_waits_up_to_twice_as_long_as_the_last_one_took),
        TEST(closing_does_not_wait_for_more),
    };
    return cmocka_run_group_tests_name("persist/log_writer_gather", tests, NULL, NULL);
}
