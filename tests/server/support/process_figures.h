/* What a server costs, as the kernel counts it; and limits that a figure keeps or does not. For
 * tests that a busy machine must not fail: they compare memory and processor time, not seconds. */
#ifndef HOLDFAST_TESTS_PROCESS_FIGURES_H
#define HOLDFAST_TESTS_PROCESS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)

/* Processor time of all threads of a process, microseconds. */
int64_t process_cpu_us(pid_t pid);
/* Resident memory of a process, bytes. */
int64_t process_resident(pid_t pid);

/* Prints "# what: figure of limit"; true if the figure is no greater. A control asserts that it is
 * false. */
bool figure_within(const char *what, int64_t figure, int64_t limit);

/* Sorts `figures` and returns the value below which `percent` of them are; 50: the median. */
int64_t figures_percentile(int64_t *figures, size_t count, int percent);

/* Runs `act` again and again in a process of its own, which has all descriptors of this one. */
pid_t background_begin(void (*act)(void *context), void *context);
void background_end(pid_t pid);

#endif
