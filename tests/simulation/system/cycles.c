/* system/cycles.h in the simulated world: nanoseconds of its clock. */
#include "system/cycles.h"

#include "world.h"

void cycles_init(struct cycles *cycles)
{
    *cycles = (struct cycles){.nsec_per_tick_2_32 = UINT64_C(1) << 32};
}

uint64_t cycles_read_clock(void)
{
    return (uint64_t)world.now_us * 1000;
}
