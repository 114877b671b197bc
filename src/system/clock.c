#include "system/clock.h"

#include <errno.h>
#include <time.h>

#include "base/memory.h"

static int64_t clock_read_ns(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct clock *clock_create(void)
{
    struct clock *clock = memory_allocate(sizeof(*clock));
    clock_update(clock);
    return clock;
}

void clock_destroy(struct clock *clock)
{
    memory_free(clock);
}

/* The real clocks need no state; a simulated clock is driven through the object. */

int64_t clock_now_ms(const struct clock *clock)
{
    (void)clock;
    return clock_read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_now_us(const struct clock *clock)
{
    (void)clock;
    return clock_read_ns(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_ns(const struct clock *clock)
{
    (void)clock;
    return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_us(const struct clock *clock)
{
    return clock_monotonic_ns(clock) / 1000;
}

void clock_update(struct clock *clock)
{
    clock->turn_ms = clock_now_ms(clock);
}

long long clock_log_ms(void)
{
    return clock_read_ns(CLOCK_REALTIME) / 1000000;
}

void clock_sleep_us(const struct clock *clock, int64_t duration_us)
{
    (void)clock;
    struct timespec left = {(time_t)(duration_us / 1000000), (long)(duration_us % 1000000) * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}
