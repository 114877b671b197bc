/* What is said when the program breaks: on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT the log
 * gets the signal, the stack trace and the caller's report; then the signal has its usual effect
 * (core dump, exit status).
 *
 * A signal handler has no argument, so report and context are the one thing kept globally here. */
#ifndef HOLDFAST_SYSTEM_CRASH_H
#define HOLDFAST_SYSTEM_CRASH_H

/* `report` writes with log_raw. The process is broken when it runs: it may crash in turn, which
 * ends the report but not the stack trace before it; should it hang, the process ends after
 * CRASH_REPORT_SECONDS_MAX. */
#define CRASH_REPORT_SECONDS_MAX 10
void crash_install(const char *program, const char *version, void (*report)(void *context),
                   void *context);
/* Back to the system's handling: `crash-log-enabled no`, and before the report's context goes. */
void crash_uninstall(void);

/* Writes the calling thread's stack to the log. */
void crash_log_stack(void);

#endif
