#include "system/cycles.h"

#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NSEC_PER_MS 1000000

uint64_t cycles_read_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A counter that stops in sleep states or follows the processor's frequency is no clock. */
static bool counter_is_constant(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8)) != 0;
#else
    return false;
#endif
}

void cycles_init(struct cycles *cycles)
{
    cycles->use_counter = counter_is_constant();
    cycles->nsec_per_tick_2_32 = UINT64_C(1) << 32;
    if (!cycles->use_counter)
        return;
    uint64_t clock_start = cycles_read_clock();
    uint64_t start = cycles_read(cycles);
    uint64_t clock_end;
    do {
        clock_end = cycles_read_clock();
    } while (clock_end - clock_start < CYCLES_CALIBRATION_MS * NSEC_PER_MS);
    uint64_t ticks = cycles_read(cycles) - start;
    __extension__ unsigned __int128 nsec_2_32 = clock_end - clock_start;
    nsec_2_32 <<= 32;
    cycles->nsec_per_tick_2_32 = (uint64_t)(nsec_2_32 / ticks);
}
