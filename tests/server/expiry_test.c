/* Active expiry: keys go in time, and the loop stays free. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/fixture.h"

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* There one thread runs at a time, for as long as it likes: nobody sees the steps of another. */
static void skip_under_valgrind(void)
{
    const char *watched = getenv("HOLDFAST_WATCHED");
    if (watched == NULL || strcmp(watched, "valgrind") != 0)
        return;
    puts("skip: threads do not run side by side under valgrind");
    fflush(stdout);
    skip();
}

/* Asks until the answer is `size`, for as long as a test may take. */
static void wait_for_size(struct conversation *client, const char *size)
{
    int64_t end = now_ms(CLOCK_MONOTONIC) + 20000;
    while (strcmp(conversation_say(client, "DBSIZE"), size) != 0) {
        assert_true(now_ms(CLOCK_MONOTONIC) < end);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

static void a_key_goes_at_its_deadline_without_being_asked_for(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET a 1 PX 40");
    assert_says(clients[0], "+OK", "SET b 1 PX 100000");
    wait_for_size(clients[0], ":1");
    assert_says(clients[0], ":1", "EXISTS b");
}

static void a_nearer_deadline_wakes_earlier(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET far 1 PX 100000");
    assert_says(clients[0], "+OK", "SET a 1 PX 30");
    wait_for_size(clients[0], ":1");
    assert_says(clients[0], ":1", "PEXPIRE far 20");
    wait_for_size(clients[0], ":0");
}

/* Many keys due at once, while another client asks all the time: it sees them go by and by. How
 * long it waits is the bench's to say (`expiry`). */
static void a_storm_of_expiries_does_not_hold_the_loop(void **state)
{
    skip_under_valgrind();
    CLIENTS(state);
    enum { KEYS = 400000, WATCHED_KEYS = 20000, BATCH = 1000 };
    bool watched = getenv("HOLDFAST_WATCHED") != NULL; /* and slow */
    int keys = watched ? WATCHED_KEYS : KEYS;
    int64_t deadline = now_ms(CLOCK_REALTIME) + (watched ? 4000 : 2000);
    for (int i = 0; i < keys; i += BATCH) {
        for (int k = i; k < i + BATCH; k++)
            conversation_send(clients[0], "SET key%d x PXAT %lld", k, (long long)deadline);
        for (int k = i; k < i + BATCH; k++)
            assert_reads(clients[0], "+OK");
    }
    int64_t end = deadline + 60000;
    long before = keys, size = keys, steps = 0;
    for (; size > 0; before = size) {
        assert_true(now_ms(CLOCK_REALTIME) < end);
        size = strtol(conversation_say(clients[1], "DBSIZE") + 1, NULL, 10);
        steps += size < before;
    }
    printf("# all gone %lld ms after the deadline, in %ld steps\n",
           (long long)(now_ms(CLOCK_REALTIME) - deadline), steps);
    assert_true(now_ms(CLOCK_REALTIME) >= deadline);
    assert_true(steps >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_key_goes_at_its_deadline_without_being_asked_for),
        SERVER_TEST(a_nearer_deadline_wakes_earlier),
        SERVER_TEST(a_storm_of_expiries_does_not_hold_the_loop),
    };
    return cmocka_run_group_tests_name("server/expiry", tests, fixture_start, fixture_stop);
}
