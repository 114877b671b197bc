#include "bench/bench.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define QUICK_DIVISOR 10

int bench_turns(const struct bench *bench, int preferred)
{
    if (bench->turns > 0)
        return bench->turns;
    return bench->quick ? 1 : preferred;
}

size_t bench_scale(const struct bench *bench, size_t count)
{
    return bench->quick ? count / QUICK_DIVISOR : count;
}

static int64_t read_clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int64_t bench_wall_us(void)
{
    return read_clock_ns(CLOCK_REALTIME) / 1000;
}

int64_t bench_monotonic_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

void bench_sleep_us(int64_t duration_us)
{
    if (duration_us <= 0)
        return;
    struct timespec time = {duration_us / 1000000, duration_us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

void bench_pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sysconf(_SC_NPROCESSORS_ONLN) > core)
        sched_setaffinity(0, sizeof set, &set);
}

void bench_unpin(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int core = 0; core < sysconf(_SC_NPROCESSORS_ONLN); core++)
        CPU_SET((size_t)core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

bool bench_raise_descriptors(size_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < count)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void bench_progress(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("  ... ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("holdfast-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}
