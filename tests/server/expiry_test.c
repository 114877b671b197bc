/* Active expiry: keys go in time, and the loop stays free. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support/fixture.h"

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds are no measure for a server that valgrind makes twenty times slower. */
static void skip_under_valgrind(void)
{
    const char *watched = getenv("HOLDFAST_WATCHED");
    if (watched == NULL || strcmp(watched, "valgrind") != 0)
        return;
    puts("skip: times mean nothing under valgrind");
    fflush(stdout);
    skip();
}

static void a_key_goes_at_its_deadline_without_being_asked_for(void **state)
{
    skip_under_valgrind();
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET a 1 PX 40");
    assert_says(clients[0], "+OK", "SET b 1 PX 100000");
    assert_says(clients[0], ":2", "DBSIZE");
    nanosleep(&(struct timespec){0, 80000000}, NULL);
    assert_says(clients[0], ":1", "DBSIZE");
}

static void a_nearer_deadline_wakes_earlier(void **state)
{
    skip_under_valgrind();
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET far 1 PX 100000");
    assert_says(clients[0], "+OK", "SET a 1 PX 30");
    nanosleep(&(struct timespec){0, 60000000}, NULL);
    assert_says(clients[0], ":1", "DBSIZE");
    assert_says(clients[0], ":1", "PEXPIRE far 20");
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    assert_says(clients[0], ":0", "DBSIZE");
}

/* A storm: many keys due at once, while another client asks all the time. */
static void a_storm_of_expiries_does_not_hold_the_loop(void **state)
{
    skip_under_valgrind();
    CLIENTS(state);
    enum { KEYS = 100000, BATCH = 1000 };
    int64_t deadline = now_ms(CLOCK_REALTIME) + 1500;
    for (int i = 0; i < KEYS; i += BATCH) {
        for (int k = i; k < i + BATCH; k++)
            conversation_send(clients[0], "SET key%d x PXAT %lld", k, (long long)deadline);
        for (int k = i; k < i + BATCH; k++)
            assert_reads(clients[0], "+OK");
    }
    int slowness = getenv("HOLDFAST_WATCHED") == NULL ? 1 : 10; /* of a watched build */
    int64_t longest_ms = 0, gone_ms = 0;
    while (gone_ms == 0 && now_ms(CLOCK_REALTIME) < deadline + 5000 * slowness) {
        int64_t begin = now_ms(CLOCK_MONOTONIC);
        const char *size = conversation_say(clients[1], "DBSIZE");
        int64_t took = now_ms(CLOCK_MONOTONIC) - begin;
        if (took > longest_ms)
            longest_ms = took;
        if (strcmp(size, ":0") == 0)
            gone_ms = now_ms(CLOCK_REALTIME);
    }
    printf("# all gone %lld ms after the deadline, longest reply %lld ms\n",
           (long long)(gone_ms - deadline), (long long)longest_ms);
    assert_in_range(gone_ms, deadline, deadline + 2000 * slowness);
    assert_true(longest_ms < 100 * slowness); /* generous: the machine may be busy */
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
