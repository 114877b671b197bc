#include "system/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"

#define CRASH_FRAMES_MAX 64
#define CRASH_STACK_SIZE                                                                           \
    (128 * 1024) /* bytes: the handler must run when the stack has overflowed */
#define CRASH_LINE_MAX 256

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define CRASH_SIGNAL_COUNT (sizeof(crash_signals) / sizeof(crash_signals[0]))

/* A handler gets no argument, hence the only global state of this folder. Written at start and end
 * only. */
static struct {
    const char *program, *version;
    void (*report)(void *context);
    void *context;
    char stack[CRASH_STACK_SIZE];
} crash;

/* Where the program was. The handler's own frames do not hide it: it is printed by itself. */
static void *crash_program_counter(const void *context)
{
    const ucontext_t *machine = context;
#if defined(__x86_64__)
    return (void *)machine->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)machine->uc_mcontext.pc;
#else
    (void)machine;
    return NULL;
#endif
}

void crash_log_stack(void)
{
    void *frames[CRASH_FRAMES_MAX];
    int count = backtrace(frames, CRASH_FRAMES_MAX);
    backtrace_symbols_fd(frames, count, log_descriptor());
}

static void crash_handle(int signal_number, siginfo_t *information, void *context)
{
    char line[CRASH_LINE_MAX];
    void *at = crash_program_counter(context);

    /* SA_RESETHAND has put back the default: a second crash ends the process. So does a report that
     * hangs. */
    signal(SIGALRM, SIG_DFL);
    alarm(CRASH_REPORT_SECONDS_MAX);
    snprintf(line, sizeof(line),
             "\n=== %s %s crashed by signal %d (%s), code %d, address %p, at %p ===\n"
             "--- stack ---\n",
             crash.program, crash.version, signal_number, sigdescr_np(signal_number),
             information->si_code, signal_number == SIGABRT ? NULL : information->si_addr, at);
    log_raw(line);
    if (at != NULL)
        backtrace_symbols_fd(&at, 1, log_descriptor());
    crash_log_stack();
    if (crash.report != NULL) {
        log_raw("--- report ---\n");
        crash.report(crash.context);
    }
    log_raw("=== end of crash report ===\n");
    raise(signal_number);
}

void crash_install(const char *program, const char *version, void (*report)(void *context),
                   void *context)
{
    crash.program = program;
    crash.version = version;
    crash.report = report;
    crash.context = context;

    /* The first call loads libgcc, which allocates: not in the handler. */
    void *frame;
    (void)backtrace(&frame, 1);

    stack_t stack = {.ss_sp = crash.stack, .ss_size = sizeof(crash.stack)};
    (void)sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_flags =
                                   (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER)};
    action.sa_sigaction = crash_handle;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < CRASH_SIGNAL_COUNT; i++)
        (void)sigaction(crash_signals[i], &action, NULL);
}

void crash_uninstall(void)
{
    for (size_t i = 0; i < CRASH_SIGNAL_COUNT; i++)
        signal(crash_signals[i], SIG_DFL);
    crash.report = NULL;
    crash.context = NULL;
}
