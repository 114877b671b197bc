#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assertion.h"
#include "base/log.h"
#include "support/watched.h"
#include "system/crash.h"

static void report(void *context)
{
    log_raw(context);
}

static void report_crashes(void *context)
{
    (void)context;
    raise(SIGSEGV);
}

static void write_where_nothing_is(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
}

static void fail_assertion(void)
{
    ASSERT(getpid() == 0);
}

static int dive(volatile int *above)
{
    volatile int here[1024];
    here[0] = above[0] + 1;
    return here[0] < 0 ? 0 : dive(here) + here[0]; /* it never is: the stack ends before */
}

static void overflow_the_stack(void)
{
    volatile int top = 0;
    exit(dive(&top) == 0);
}

/* Crashes in a child; returns the signal it ended with, and what it wrote. */
static int crash_in_child(void (*crash)(void), void (*tell)(void *context), char *out, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        crash_install("holdfast-test", "1.2.3", tell, "state of everything\n");
        crash();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t count;
    while ((count = read(ends[0], out + length, size - 1 - length)) > 0)
        length += (size_t)count;
    out[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_crash_says_where_and_reports(void **state)
{
    SKIP_UNDER_VALGRIND("crashes are what valgrind reports");
    (void)state;
    static char text[65536];
    assert_int_equal(crash_in_child(write_where_nothing_is, report, text, sizeof text), SIGSEGV);
    assert_non_null(strstr(text, "holdfast-test 1.2.3 crashed by signal 11"));
    assert_non_null(strstr(text, "crash_test"));
    assert_non_null(strstr(text, "state of everything"));
    assert_non_null(strstr(text, "end of crash report"));
}

static void a_failed_assertion_is_a_crash_too(void **state)
{
    SKIP_UNDER_VALGRIND("crashes are what valgrind reports");
    (void)state;
    static char text[65536];
    assert_int_equal(crash_in_child(fail_assertion, report, text, sizeof text), SIGABRT);
    assert_non_null(strstr(text, "crashed by signal 6"));
    assert_non_null(strstr(text, "getpid() == 0"));
    assert_non_null(strstr(text, "state of everything"));
}

static void a_full_stack_is_reported(void **state)
{
    SKIP_UNDER_VALGRIND("crashes are what valgrind reports");
    (void)state;
    static char text[65536];
    assert_int_equal(crash_in_child(overflow_the_stack, report, text, sizeof text), SIGSEGV);
    assert_non_null(strstr(text, "crashed by signal 11"));
    assert_non_null(strstr(text, "state of everything"));
}

static void a_report_that_crashes_ends_the_process_all_the_same(void **state)
{
    SKIP_UNDER_VALGRIND("crashes are what valgrind reports");
    (void)state;
    static char text[65536];
    assert_int_equal(crash_in_child(fail_assertion, report_crashes, text, sizeof text), SIGSEGV);
    assert_non_null(strstr(text, "--- stack ---"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_says_where_and_reports),
        cmocka_unit_test(a_failed_assertion_is_a_crash_too),
        cmocka_unit_test(a_full_stack_is_reported),
        cmocka_unit_test(a_report_that_crashes_ends_the_process_all_the_same),
    };
    return cmocka_run_group_tests_name("system/crash", tests, NULL, NULL);
}
