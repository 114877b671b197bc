/* What time it is: the wall clock, a clock that never goes back, and the wall time of the
 * current turn.
 *
 * One turn of the event loop is one instant for everything that runs in it: whoever owns the
 * loop calls clock_update at the start of each turn, everybody else reads clock_cached_ms, which
 * costs nothing. Thread of the loop; the functions that read a clock may be called from any
 * thread. */
#ifndef HOLDFAST_SYSTEM_CLOCK_H
#define HOLDFAST_SYSTEM_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t turn_ms; /* private: see clock_cached_ms */
};

struct clock *clock_create(void); /* already updated once */
void clock_destroy(struct clock *clock);

/* Wall time since 1970-01-01 UTC; it jumps when somebody sets the machine's clock. */
int64_t clock_now_ms(const struct clock *clock);
int64_t clock_now_us(const struct clock *clock);

/* Time since some fixed moment; never jumps. For durations and timeouts. */
int64_t clock_monotonic_ns(const struct clock *clock);
int64_t clock_monotonic_us(const struct clock *clock);

/* Holds the calling thread; the kernel adds some 50 us. In the loop for DEBUG SLEEP alone. */
void clock_sleep_us(const struct clock *clock, int64_t duration_us);

/* Takes the wall time for the turn that begins. */
void clock_update(struct clock *clock);

/* Wall time of the current turn. */
static inline int64_t clock_cached_ms(const struct clock *clock)
{
    return clock->turn_ms;
}

/* Wall time for log lines (fits log_set_clock), which have no clock at hand. */
long long clock_log_ms(void);

#endif
