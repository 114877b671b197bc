/* system/clock.h in the simulated world: time goes on when the world says so, and a little with
 * each look at it, so that what works until a moment comes to its end. */
#include "system/clock.h"

#include "base/memory.h"
#include "world.h"

#define LOOK_USEC_MAX 3
#define STALL_USEC_MAX 3000 /* once in a while the thread is not run for so long */
#define STALL_ONE_IN 64

struct clock *clock_create(void)
{
    struct clock *clock = memory_allocate(sizeof *clock);
    clock_update(clock);
    return clock;
}

void clock_destroy(struct clock *clock)
{
    memory_free(clock);
}

int64_t clock_now_us(const struct clock *clock)
{
    (void)clock;
    return world.now_us;
}

int64_t clock_now_ms(const struct clock *clock)
{
    return clock_now_us(clock) / 1000;
}

int64_t clock_monotonic_us(const struct clock *clock)
{
    (void)clock;
    world_pass((int64_t)world_below(world_chance(STALL_ONE_IN) ? STALL_USEC_MAX : LOOK_USEC_MAX));
    return world.now_us;
}

int64_t clock_monotonic_ns(const struct clock *clock)
{
    return clock_monotonic_us(clock) * 1000;
}

void clock_update(struct clock *clock)
{
    clock->turn_ms = clock_now_ms(clock);
}

long long clock_log_ms(void)
{
    return world.now_us / 1000;
}

void clock_sleep_us(const struct clock *clock, int64_t duration_us)
{
    (void)clock;
    world_pass(duration_us);
}
