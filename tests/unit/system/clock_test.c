#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "system/clock.h"
#include "system/cycles.h"

static void the_turn_has_one_time(void **state)
{
    (void)state;
    struct clock *clock = clock_create();
    int64_t turn_ms = clock_cached_ms(clock);
    assert_in_range(turn_ms, (int64_t)time(NULL) * 1000 - 2000, (int64_t)time(NULL) * 1000 + 2000);
    clock_sleep_us(clock, 5000);
    assert_int_equal(clock_cached_ms(clock), turn_ms);
    assert_true(clock_now_ms(clock) > turn_ms);
    clock_update(clock);
    assert_true(clock_cached_ms(clock) > turn_ms);
    clock_destroy(clock);
}

static void all_clocks_count_the_same_units(void **state)
{
    (void)state;
    struct clock *clock = clock_create();
    struct cycles cycles;
    cycles_init(&cycles);
    assert_in_range(clock_now_us(clock) / 1000, clock_now_ms(clock) - 1000,
                    clock_now_ms(clock) + 1000);
    assert_in_range(clock_log_ms(), clock_now_ms(clock) - 1000, clock_now_ms(clock) + 1000);
    int64_t start_ns = clock_monotonic_ns(clock), start_us = clock_monotonic_us(clock);
    uint64_t start_ticks = cycles_read(&cycles);
    clock_sleep_us(clock, 20000);
    int64_t by_ticks_ns = (int64_t)cycles_nsec(&cycles, cycles_read(&cycles) - start_ticks);
    int64_t by_us = clock_monotonic_us(clock) - start_us;
    int64_t by_ns = clock_monotonic_ns(clock) - start_ns;
    assert_true(by_us >= 20000 && by_ns >= 20000000);
    assert_true(by_ns / 1000 >= by_us - 1 && by_ns / 1000 < by_us + 5000);
    assert_in_range(by_ticks_ns, by_ns * 8 / 10, by_ns * 12 / 10);
    clock_destroy(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_turn_has_one_time),
        cmocka_unit_test(all_clocks_count_the_same_units),
    };
    return cmocka_run_group_tests_name("system/clock", tests, NULL, NULL);
}
