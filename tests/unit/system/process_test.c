#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/watched.h"
#include "system/process.h"

static void the_process_knows_itself(void **state)
{
    (void)state;
    struct process_usage usage;
    char text[256];
    for (volatile int i = 0; i < 20000000; i++)
        ;
    process_usage(&usage);
    assert_true(usage.cpu_user_s + usage.cpu_system_s > 0);
    assert_true(usage.minor_faults > 0);
    assert_true(process_resident_memory() > 100000);
    assert_true(process_total_memory() > process_resident_memory());
    assert_int_equal(process_id(), getpid());
    process_system_name(text, sizeof text);
    assert_memory_equal(text, "Linux ", 6);
    process_host_name(text, sizeof text);
    assert_true(strlen(text) > 0);
    process_user_name(text, sizeof text);
    assert_true(strlen(text) > 0);
    process_executable(text, sizeof text);
    assert_non_null(strstr(text, "process_test"));
}

static void the_limit_of_open_files_goes_as_high_as_allowed(void **state)
{
    SKIP_UNDER_VALGRIND("valgrind keeps a limit of descriptors of its own");
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit small = {20, 40};
        setrlimit(RLIMIT_NOFILE, &small);
        bool fine = process_raise_open_files(10) == 20 && process_raise_open_files(30) == 30;
        size_t raised = process_raise_open_files(100);
        fine = fine && (raised == 40 || (geteuid() == 0 && raised == 100));
        _exit(fine ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_service_manager_is_told(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char received[64] = "";
    unsetenv("NOTIFY_SOCKET");
    assert_false(process_is_supervised());
    assert_false(process_notify_manager("READY=1\n"));
    int length = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "holdfast-test-%d", getpid());
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    assert_int_equal(bind(manager, (struct sockaddr *)&at, size), 0);
    at.sun_path[0] = '@';
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    assert_true(process_is_supervised());
    assert_true(process_notify_manager("READY=1\n"));
    assert_int_equal(recv(manager, received, sizeof received, MSG_DONTWAIT), 8);
    assert_string_equal(received, "READY=1\n");
    close(manager);
    assert_false(process_notify_manager("STOPPING=1\n"));
    unsetenv("NOTIFY_SOCKET");
}

static void the_background_is_another_process_of_its_own_session(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        pid_t before = getpid();
        enum error error = process_daemonize();
        bool fine = error == OK && getpid() != before && getsid(0) == getpid();
        ssize_t written = write(ends[1], fine ? "y" : "n", 1);
        _exit(written == 1 ? 0 : 1);
    }
    int status;
    char answer = '?';
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    close(ends[0]);
    close(ends[1]);
}

static void the_title_stays_within_the_arguments(void **state)
{
    (void)state;
    char memory[] = "program\0--port\0"
                    "1\0behind";
    char *arguments[] = {memory, memory + 8, memory + 15, NULL};
    process_set_title(3, arguments, "a title that is too long");
    assert_memory_equal(memory, "a title that is \0behind", sizeof memory);
    process_set_title(3, arguments, "short");
    assert_memory_equal(memory, "short\0\0\0\0\0\0\0\0\0\0\0\0behind", sizeof memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_knows_itself),
        cmocka_unit_test(the_limit_of_open_files_goes_as_high_as_allowed),
        cmocka_unit_test(a_service_manager_is_told),
        cmocka_unit_test(the_background_is_another_process_of_its_own_session),
        cmocka_unit_test(the_title_stays_within_the_arguments),
    };
    return cmocka_run_group_tests_name("system/process", tests, NULL, NULL);
}
