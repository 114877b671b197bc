#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/thread_sleeps.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/process.h"
#include "system/socket.h"

/* What happened, in order, a letter an event. */
struct story {
    struct event_loop *loop;
    struct clock *clock;
    char text[200];
    int sockets[2];
};

static void tell(struct story *story, char letter)
{
    size_t length = strlen(story->text);
    if (length + 1 < sizeof story->text)
        story->text[length] = letter;
}

static void before_wait(void *context)
{
    tell(context, 'b');
}

static void after_wait(void *context)
{
    tell(context, 'a');
}

static void readable(void *context, unsigned events)
{
    struct story *story = context;
    char data[16];
    assert_int_equal(events, EVENT_READABLE);
    assert_true(socket_receive(story->sockets[0], data, sizeof data) > 0);
    tell(story, 'r');
}

static void expired(void *context)
{
    tell(context, 't');
}

static void stops(void *context)
{
    struct story *story = context;
    tell(story, 's');
    event_loop_stop(story->loop);
}

static int begin(void **state)
{
    static struct story story;
    memset(&story, 0, sizeof story);
    story.loop = event_loop_create();
    story.clock = clock_create();
    if (story.loop == NULL || socket_pair(story.sockets) != OK)
        return 1;
    *state = &story;
    return 0;
}

static int end(void **state)
{
    struct story *story = *state;
    socket_close(story->sockets[0]);
    socket_close(story->sockets[1]);
    event_loop_destroy(story->loop);
    clock_destroy(story->clock);
    return 0;
}

static void a_turn_has_its_hooks_around_the_wait(void **state)
{
    struct story *story = *state;
    struct event_io io;
    event_loop_set_hooks(story->loop, before_wait, after_wait, story);
    event_io_init(&io, story->loop, story->sockets[0], readable, story);
    event_io_set(&io, EVENT_READABLE);
    assert_int_equal(event_io_interest(&io), EVENT_READABLE);
    assert_int_equal(socket_send(story->sockets[1], "x", 1), 1);
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "bar");
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "barba");
    assert_int_equal(event_loop_turns(story->loop), 2);
    event_io_stop(&io);
}

static void the_turn_that_stops_ends_with_its_hook(void **state)
{
    struct story *story = *state;
    struct event_timer timer;
    event_loop_set_hooks(story->loop, before_wait, after_wait, story);
    event_timer_init(&timer, story->loop, stops, story);
    event_timer_start(&timer, 1, 0);
    event_loop_run(story->loop);
    assert_string_equal(story->text, "basb");
    assert_false(event_timer_is_active(&timer));
}

static void a_turn_that_asks_for_another_does_not_sleep(void **state)
{
    struct story *story = *state;
    int64_t start_us = clock_monotonic_us(story->clock);
    event_loop_turn_again(story->loop);
    event_loop_run_turn(story->loop, 1000);
    assert_true(clock_monotonic_us(story->clock) - start_us < 500000);
    start_us = clock_monotonic_us(story->clock);
    event_loop_run_turn(story->loop, 30);
    assert_true(clock_monotonic_us(story->clock) - start_us >= 28000);
}

static void idle_comes_once_and_when_nothing_else_does(void **state)
{
    struct story *story = *state;
    struct event_io io;
    struct event_idle idle;
    event_io_init(&io, story->loop, story->sockets[0], readable, story);
    event_io_set(&io, EVENT_READABLE);
    event_idle_init(&idle, story->loop, expired, story);
    event_idle_start(&idle);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(socket_send(story->sockets[1], "x", 1), 1);
        event_loop_run_turn(story->loop, 1000);
    }
    assert_string_equal(story->text, "rrr");
    event_idle_start(&idle); /* it is already */
    event_loop_run_turn(story->loop, -1);
    assert_string_equal(story->text, "rrrt");
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "rrrt");
    event_idle_start(&idle);
    event_idle_stop(&idle);
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "rrrt");
    event_io_stop(&io);
}

static int count_of(const struct story *story, char letter)
{
    int count = 0;
    for (const char *at = story->text; *at != '\0'; at++)
        count += *at == letter;
    return count;
}

/* --- busy poll --- */

static void wait_for_timer(struct story *story, int64_t delay_ms)
{
    struct event_timer timer;
    event_timer_init(&timer, story->loop, expired, story);
    event_loop_turn_again(story->loop);
    event_loop_run_turn(story->loop, 0); /* a delay counts from the start of a turn */
    event_timer_start(&timer, delay_ms, 0);
    event_loop_run_turn(story->loop, -1);
    assert_false(event_timer_is_active(&timer));
}

static void wait_for_timers(struct story *story, int count, int64_t delay_ms)
{
    for (int i = 0; i < count; i++)
        wait_for_timer(story, delay_ms);
}

static bool slept(struct story *story, int64_t delay_ms)
{
    long before = thread_sleeps();
    wait_for_timer(story, delay_ms);
    return thread_sleeps() > before;
}

static double cpu_ms_of_waiting(struct story *story, int64_t delay_ms)
{
    struct process_usage before, after;
    process_usage(&before);
    wait_for_timer(story, delay_ms);
    process_usage(&after);
    return 1000 * (after.cpu_user_thread_s + after.cpu_system_thread_s - before.cpu_user_thread_s -
                   before.cpu_system_thread_s);
}

static void skip_on_one_core(void)
{
    cpu_set_t cores;
    assert_int_equal(sched_getaffinity(0, sizeof cores, &cores), 0);
    if (CPU_COUNT(&cores) == 1) {
        print_message("there is one core: nothing polls\n");
        skip();
    }
}

static struct story *polling_story(void **state, int64_t limit_us)
{
    struct story *story = *state;
    skip_on_one_core();
    event_loop_set_busy_poll(story->loop, limit_us);
    return story;
}

static void what_is_polled_for_is_one_turn(void **state)
{
    struct story *story = *state;
    skip_on_one_core();
    assert_true(slept(story, 20));
    event_loop_set_busy_poll(story->loop, 10000000);
    event_loop_set_hooks(story->loop, before_wait, after_wait, story);
    memset(story->text, 0, sizeof story->text);
    uint64_t turns = event_loop_turns(story->loop);
    assert_false(slept(story, 20));
    assert_string_equal(story->text, "babat");
    assert_int_equal(event_loop_turns(story->loop) - turns, 2);
}

/* Polls before it is decided, those of them that count; waits before it is tried again. */
enum { TRIES = 40, COUNTED = 8, REST = 1024 };

static void what_comes_late_is_not_polled_for(void **state)
{
    struct story *story = polling_story(state, 5000);
    wait_for_timers(story, TRIES, 20);
    assert_true(cpu_ms_of_waiting(story, 20) < 2.5);
    wait_for_timers(story, REST, 1);
    assert_false(slept(story, 3));
}

static void setting_it_ends_a_rest(void **state)
{
    struct story *story = polling_story(state, 5000);
    wait_for_timers(story, TRIES, 20);
    assert_true(slept(story, 3));
    event_loop_set_busy_poll(story->loop, 5000);
    assert_false(slept(story, 3));
}

static void the_first_tries_wait_longer_and_do_not_count(void **state)
{
    struct story *story = polling_story(state, 10000);
    for (int i = 0; i < TRIES - COUNTED + 1; i++) /* one that counts is late, too */
        assert_false(slept(story, 20));
    for (int i = 0; i < COUNTED; i++)
        assert_false(slept(story, 1));
}

static void what_comes_soon_is_polled_for_though_some_comes_late(void **state)
{
    struct story *story = polling_story(state, 10000);
    wait_for_timers(story, 2 * TRIES, 1);
    wait_for_timers(story, 3, 30);
    assert_false(slept(story, 2));
}

static void what_begins_to_come_late_is_polled_for_a_few_times_only(void **state)
{
    struct story *story = polling_story(state, 10000);
    wait_for_timers(story, 3 * TRIES, 1);
    wait_for_timers(story, 8, 30);
    assert_true(cpu_ms_of_waiting(story, 30) < 5);
}

static void what_is_there_already_says_nothing_of_waiting(void **state)
{
    struct story *story = polling_story(state, 5000);
    struct event_io io;
    event_io_init(&io, story->loop, story->sockets[0], readable, story);
    event_io_set(&io, EVENT_READABLE);
    for (int i = 0; i < 2 * TRIES; i++) {
        assert_int_equal(socket_send(story->sockets[1], "x", 1), 1);
        event_loop_run_turn(story->loop, -1);
    }
    event_io_stop(&io);
    wait_for_timers(story, TRIES, 20);
    assert_true(cpu_ms_of_waiting(story, 20) < 2.5);
}

static void on_one_core_nothing_polls(void **state)
{
    struct story *story = *state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (size_t core = 0; CPU_COUNT(&one) == 0; core++)
        if (CPU_ISSET(core, &before))
            CPU_SET(core, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    event_loop_set_busy_poll(story->loop, 10000000);
    bool sleeps = slept(story, 20);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_true(sleeps);
}

static void timers_come_once_or_again_and_again(void **state)
{
    struct story *story = *state;
    struct event_timer once, often;
    event_timer_init(&once, story->loop, stops, story);
    event_timer_init(&often, story->loop, expired, story);
    event_timer_start(&often, 10, 10);
    event_timer_start(&once, 1000, 0);
    event_timer_start(&once, 55, 0); /* anew */
    event_loop_run(story->loop);
    assert_int_equal(count_of(story, 's'), 1); /* "ttttts", or another order on a slow machine */
    assert_false(event_timer_is_active(&once));
    assert_true(event_timer_is_active(&often));
    for (int i = 2; i < 20 && count_of(story, 't') < 4; i++) {
        event_timer_start(&once, 20, 0);
        event_loop_run(story->loop);
        assert_int_equal(count_of(story, 's'), i);
    }
    assert_true(count_of(story, 't') >= 4);
    event_timer_stop(&often);
    assert_false(event_timer_is_active(&often));
}

static void interest_can_change_and_end(void **state)
{
    struct story *story = *state;
    struct event_io io;
    event_io_init(&io, story->loop, story->sockets[0], readable, story);
    assert_int_equal(event_io_interest(&io), EVENT_NONE);
    assert_int_equal(socket_send(story->sockets[1], "x", 1), 1);
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "");
    event_io_set(&io, EVENT_READABLE);
    event_io_set(&io, EVENT_NONE);
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "");
    event_io_set(&io, EVENT_READABLE);
    event_loop_run_turn(story->loop, 0);
    assert_string_equal(story->text, "r");
    event_io_stop(&io);
    event_io_stop(&io);
}

static void signalled(void *context, int signal_number)
{
    struct story *story = context;
    assert_int_equal(signal_number, SIGUSR1);
    stops(story);
}

static void a_signal_is_a_callback_of_the_loop(void **state)
{
    struct story *story = *state;
    struct event_signal watcher;
    event_signal_start(&watcher, story->loop, SIGUSR1, signalled, story);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_string_equal(story->text, "");
    event_loop_run(story->loop);
    assert_string_equal(story->text, "s");
    event_signal_stop(&watcher);
}

static void *send_from_thread(void *argument)
{
    for (int i = 0; i < 3; i++)
        event_wake_send(argument);
    return NULL;
}

static void another_thread_can_wake_it(void **state)
{
    struct story *story = *state;
    struct event_wake wake;
    pthread_t thread;
    event_wake_start(&wake, story->loop, stops, story);
    assert_int_equal(pthread_create(&thread, NULL, send_from_thread, &wake), 0);
    event_loop_run(story->loop);
    assert_int_equal(story->text[0], 's');
    pthread_join(thread, NULL);
    event_wake_stop(&wake);
}

static void a_watcher_that_was_never_active_may_be_stopped(void **state)
{
    (void)state;
    struct event_io io = {0};
    struct event_timer timer = {0};
    struct event_signal watcher = {0};
    struct event_wake wake = {0};
    struct event_idle idle = {0};
    event_idle_stop(&idle);
    event_io_stop(&io);
    event_timer_stop(&timer);
    event_signal_stop(&watcher);
    event_wake_stop(&wake);
    assert_false(event_timer_is_active(&timer));
    assert_int_equal(event_io_interest(&io), EVENT_NONE);
}

#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_turn_has_its_hooks_around_the_wait),
        LOOP_TEST(the_turn_that_stops_ends_with_its_hook),
        LOOP_TEST(a_turn_that_asks_for_another_does_not_sleep),
        LOOP_TEST(idle_comes_once_and_when_nothing_else_does),
        LOOP_TEST(what_is_polled_for_is_one_turn),
        LOOP_TEST(what_comes_late_is_not_polled_for),
        LOOP_TEST(setting_it_ends_a_rest),
        LOOP_TEST(the_first_tries_wait_longer_and_do_not_count),
        LOOP_TEST(what_comes_soon_is_polled_for_though_some_comes_late),
        LOOP_TEST(what_begins_to_come_late_is_polled_for_a_few_times_only),
        LOOP_TEST(what_is_there_already_says_nothing_of_waiting),
        LOOP_TEST(on_one_core_nothing_polls),
        LOOP_TEST(timers_come_once_or_again_and_again),
        LOOP_TEST(interest_can_change_and_end),
        LOOP_TEST(a_signal_is_a_callback_of_the_loop),
        LOOP_TEST(another_thread_can_wake_it),
        LOOP_TEST(a_watcher_that_was_never_active_may_be_stopped),
    };
    return cmocka_run_group_tests_name("system/event_loop", tests, NULL, NULL);
}
