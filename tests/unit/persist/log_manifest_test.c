#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persist/log_manifest.h"

static const char *why_not(const char *text, size_t *line)
{
    struct log_manifest manifest = {NULL, 0};
    const char *why;
    if (log_manifest_parse(slice_of_string(text), &manifest, line, &why) == OK)
        fail_msg("taken as good: %s", text);
    assert_null(manifest.files);
    return why;
}

static void a_manifest_of_redis_comes_back_as_it_was(void **state)
{
    (void)state;
    static const char text[] = "file appendonly.aof.2.base.rdb seq 2 type b\n"
                               "file appendonly.aof.3.incr.aof seq 3 type i\n"
                               "file appendonly.aof.4.incr.aof seq 4 type i\n"
                               "file appendonly.aof.1.base.rdb seq 1 type h\n";
    struct log_manifest manifest = {NULL, 0};
    size_t line;
    const char *why;
    assert_int_equal(log_manifest_parse(slice_of_string(text), &manifest, &line, &why), OK);
    assert_int_equal(manifest.count, 4);
    assert_string_equal(log_manifest_base(&manifest)->name, "appendonly.aof.2.base.rdb");
    assert_int_equal(log_manifest_last_sequence(&manifest, LOG_FILE_INCREMENT), 4);
    struct buffer out = {0};
    log_manifest_format(&manifest, &out);
    assert_int_equal(out.length, strlen(text));
    assert_memory_equal(out.data, text, out.length);
    buffer_deinit(&out);
    log_manifest_deinit(&manifest);
}

static void comments_and_unknown_words_are_skipped(void **state)
{
    (void)state;
    struct log_manifest manifest = {NULL, 0};
    size_t line;
    const char *why;
    struct slice text = SLICE("# mine\nfile a seq 1 type i startoffset 7\r\n");
    assert_int_equal(log_manifest_parse(text, &manifest, &line, &why), OK);
    assert_int_equal(manifest.count, 1);
    log_manifest_deinit(&manifest);
}

static void disorder_is_refused_with_its_line(void **state)
{
    (void)state;
    size_t line;
    assert_string_equal(why_not("file a seq 2 type i\nfile b seq 2 type i\n", &line),
                        "sequences do not rise");
    assert_int_equal(line, 2);
    assert_string_equal(why_not("file a seq 1 type b\nfile b seq 2 type b\n", &line),
                        "a second base");
    assert_string_equal(why_not("file ../a seq 1 type b\n", &line),
                        "a file's name can't be a path");
    assert_string_equal(why_not("file a seq 0 type b\n", &line),
                        "the sequence is no positive number");
    assert_string_equal(why_not("file a seq 1 type x\n", &line), "unknown type of file");
    assert_string_equal(why_not("file a seq 1\n", &line), "not pairs of words");
    assert_string_equal(why_not("file a seq 1 type i", &line), "the line does not end");
    assert_string_equal(why_not("\n", &line), "the line is empty");
    assert_string_equal(why_not("", &line), "it names no file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_of_redis_comes_back_as_it_was),
        cmocka_unit_test(comments_and_unknown_words_are_skipped),
        cmocka_unit_test(disorder_is_refused_with_its_line),
    };
    return cmocka_run_group_tests_name("persist/log_manifest", tests, NULL, NULL);
}
