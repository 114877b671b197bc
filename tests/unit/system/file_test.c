#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "system/file.h"

static int begin(void **state)
{
    static char folder[200];
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/file-test-XXXXXX", parent == NULL ? "/tmp" : parent);
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    *state = folder;
    return 0;
}

static int end(void **state)
{
    char command[300];
    snprintf(command, sizeof command, "cd / && rm -rf '%s'", (char *)*state);
    return system(command);
}

static void check_content(const char *path, const char *expected)
{
    struct buffer content = {0};
    buffer_add_string(&content, "before ");
    assert_int_equal(file_read(path, &content), OK);
    assert_int_equal(content.length, 7 + strlen(expected));
    assert_memory_equal(content.data + 7, expected, strlen(expected));
    buffer_deinit(&content);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    assert_int_equal(file_write_atomically("new.conf", SLICE("port 1\n")), OK);
    check_content("new.conf", "port 1\n");
    assert_int_equal(file_write_atomically("./new.conf", SLICE("")), OK);
    check_content("new.conf", "");
    file_remove("new.conf");
    assert_false(file_exists("new.conf"));
    file_remove("new.conf");
}

static void the_mode_stays_and_nothing_else_is_left(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(file_write_atomically("a.conf", SLICE("one")), OK);
    assert_int_equal(chmod("a.conf", 0640), 0);
    assert_int_equal(file_write_atomically("a.conf", SLICE("two")), OK);
    assert_int_equal(stat("a.conf", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(system("test \"$(ls -A)\" = a.conf"), 0);
}

static void a_symbolic_link_stays_one(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(file_write_atomically("real.conf", SLICE("one")), OK);
    assert_int_equal(symlink("real.conf", "link.conf"), 0);
    assert_int_equal(file_write_atomically("link.conf", SLICE("two")), OK);
    assert_int_equal(lstat("link.conf", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    check_content("real.conf", "two");
}

static void after_an_error_the_old_content_is_there(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(file_write_atomically("missing/a.conf", SLICE("x")), ERROR_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(file_read("missing", &out), ERROR_SYSTEM);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(file_write_atomically("folder", SLICE("x")), ERROR_SYSTEM);
    assert_int_equal(file_read("folder", &out), ERROR_SYSTEM);
    assert_int_equal(out.length, 0);
    assert_int_equal(system("test \"$(ls -A)\" = folder"), 0);
    buffer_deinit(&out);
}

static void a_file_without_end_is_refused(void **state)
{
    (void)state;
    struct buffer out = {0};
    buffer_add_string(&out, "kept");
    assert_int_equal(file_read("/dev/zero", &out), ERROR_LIMIT);
    assert_int_equal(out.length, 4);
    buffer_deinit(&out);
}

static void paths_become_absolute(void **state)
{
    (void)state;
    char folder[300], expected[400];
    assert_non_null(getcwd(folder, sizeof folder));
    snprintf(expected, sizeof expected, "%s/a/b.conf", folder);
    char *path = file_absolute_path("a/b.conf");
    assert_string_equal(path, expected);
    memory_free(path);
    path = file_absolute_path("./a/b.conf");
    assert_string_equal(path, expected);
    memory_free(path);
    path = file_absolute_path("/etc/x");
    assert_string_equal(path, "/etc/x");
    memory_free(path);
    path = file_directory();
    assert_string_equal(path, folder);
    memory_free(path);
    assert_int_equal(file_set_directory("/no such folder"), ERROR_SYSTEM);
}

static void the_pid_is_written(void **state)
{
    (void)state;
    char expected[32];
    snprintf(expected, sizeof expected, "%d\n", (int)getpid());
    assert_int_equal(file_write_pid("server.pid"), OK);
    check_content("server.pid", expected);
    assert_int_equal(file_write_pid("missing/server.pid"), ERROR_SYSTEM);
}

static void remember(void *context, const char *path)
{
    char *all = context;
    strcat(strcat(all, path), " ");
}

static void patterns_find_files_in_order(void **state)
{
    (void)state;
    char found[100] = "";
    assert_int_equal(file_write_atomically("b.conf", SLICE("")), OK);
    assert_int_equal(file_write_atomically("a.conf", SLICE("")), OK);
    assert_int_equal(file_write_atomically("c.txt", SLICE("")), OK);
    assert_int_equal(file_find("*.conf", remember, found), OK);
    assert_string_equal(found, "a.conf b.conf ");
    found[0] = '\0';
    assert_int_equal(file_find("*.none", remember, found), OK);
    assert_string_equal(found, "");
}

#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(what_is_written_is_read),
        FILE_TEST(the_mode_stays_and_nothing_else_is_left),
        FILE_TEST(a_symbolic_link_stays_one),
        FILE_TEST(after_an_error_the_old_content_is_there),
        FILE_TEST(a_file_without_end_is_refused),
        FILE_TEST(paths_become_absolute),
        FILE_TEST(the_pid_is_written),
        FILE_TEST(patterns_find_files_in_order),
    };
    return cmocka_run_group_tests_name("system/file", tests, NULL, NULL);
}
