/* How often the calling thread has slept: whoever sleeps gives up the core. */
#ifndef HOLDFAST_TESTS_THREAD_SLEEPS_H
#define HOLDFAST_TESTS_THREAD_SLEEPS_H

#include <sys/resource.h>

static inline long thread_sleeps(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

#endif
