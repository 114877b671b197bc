/* The cheapest clock there is, for measuring what is short: the processor's cycle counter where it
 * runs at a constant rate (about 10 ns a reading), else the monotonic clock (about 25 ns). Ticks
 * mean nothing by themselves; cycles_nsec turns a difference into nanoseconds. Any thread. */
#ifndef HOLDFAST_SYSTEM_CYCLES_H
#define HOLDFAST_SYSTEM_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

struct cycles {
    bool use_counter;
    uint64_t nsec_per_tick_2_32; /* nanoseconds a tick, times 2^32 */
};

/* Measures the counter's rate against the monotonic clock: takes CYCLES_CALIBRATION_MS once. */
#define CYCLES_CALIBRATION_MS 5
void cycles_init(struct cycles *cycles);

uint64_t cycles_read_clock(void); /* nanoseconds of the monotonic clock, without a struct clock */

static inline uint64_t cycles_read(const struct cycles *cycles)
{
#if defined(__x86_64__)
    if (cycles->use_counter)
        return __builtin_ia32_rdtsc();
#endif
    (void)cycles;
    return cycles_read_clock();
}

/* Exact for differences up to 2^64 ticks. */
static inline uint64_t cycles_nsec(const struct cycles *cycles, uint64_t ticks)
{
    __extension__ unsigned __int128 product = ticks;
    product *= cycles->nsec_per_tick_2_32;
    return (uint64_t)(product >> 32);
}

#endif
