#include "server/observe/histogram.h"

#include "base/assertion.h"
#include "base/memory.h"

struct histogram *histogram_create(void)
{
    return memory_allocate_zeroed(sizeof(struct histogram));
}

uint64_t histogram_class_limit(unsigned class_index)
{
    ASSERT(class_index < HISTOGRAM_CLASSES);
    if (class_index < HISTOGRAM_STEPS)
        return class_index;
    unsigned shift = (class_index >> HISTOGRAM_STEPS_LOG2) - 1;
    uint64_t step = (class_index & (HISTOGRAM_STEPS - 1)) + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percentile)
{
    if (histogram->count == 0)
        return 0;
    uint64_t wanted = (uint64_t)((double)histogram->count * percentile / 100 + 0.5);
    if (wanted == 0)
        wanted = 1;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_CLASSES; i++) {
        seen += histogram->classes[i];
        if (seen >= wanted) {
            uint64_t limit = histogram_class_limit(i);
            return limit < histogram->maximum ? limit : histogram->maximum;
        }
    }
    return histogram->maximum;
}

uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t limit)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HISTOGRAM_CLASSES && histogram_class_limit(i) <= limit; i++)
        sum += histogram->classes[i];
    return sum;
}
