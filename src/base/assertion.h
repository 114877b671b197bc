/* Assertions, on in release builds: a programmer's error ends the process before it can lie. */
#ifndef HOLDFAST_BASE_ASSERTION_H
#define HOLDFAST_BASE_ASSERTION_H

#define ASSERT(condition)                                                                          \
    (__builtin_expect(!!(condition), 1) ? (void)0                                                  \
                                        : assertion_failed(#condition, __FILE__, __LINE__))

/* Prints what failed to stderr and aborts: the crash report (system/crash) follows. */
_Noreturn void assertion_failed(const char *condition, const char *file, int line);

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#endif
