/* How long things took: counts in classes 1/16 of a power of two wide, so that any quantile is
 * within 6.25 %. Nanoseconds from 0 to 2^40 (18 minutes; longer counts as that). About 2.5 KiB.
 * Recording is a handful of instructions. */
#ifndef HOLDFAST_SERVER_OBSERVE_HISTOGRAM_H
#define HOLDFAST_SERVER_OBSERVE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS_LOG2 4 /* classes of a power of two, as a power of two */
#define HISTOGRAM_STEPS (1 << HISTOGRAM_STEPS_LOG2)
#define HISTOGRAM_VALUE_MAX ((UINT64_C(1) << 40) - 1) /* nanoseconds */
#define HISTOGRAM_CLASSES ((40 - HISTOGRAM_STEPS_LOG2 + 1) * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t maximum; /* exact */
    uint32_t classes[HISTOGRAM_CLASSES];
};

/* The class of a value, 0 .. HISTOGRAM_CLASSES - 1. */
static inline unsigned histogram_class(uint64_t value)
{
    if (value > HISTOGRAM_VALUE_MAX)
        value = HISTOGRAM_VALUE_MAX;
    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEPS_LOG2;
    return (shift << HISTOGRAM_STEPS_LOG2) + (unsigned)(value >> shift);
}

static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    if (value > histogram->maximum)
        histogram->maximum = value;
    histogram->classes[histogram_class(value)]++;
}

struct histogram *histogram_create(void); /* empty; freed with memory_free */

/* The largest value of a class. */
uint64_t histogram_class_limit(unsigned class_index);

/* The value that `percentile` (0..100) of what was recorded does not exceed; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percentile);

/* How many values of at most `limit` were recorded (exact where a class ends at `limit`). */
uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t limit);

#endif
