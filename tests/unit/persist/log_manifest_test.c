#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "persist/log_manifest.h"
#include "support/memory_balance.h"

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
    text = SLICE("a b c d e f g h i j type i seq 2 file b\n"); /* as many as are looked at */
    assert_int_equal(log_manifest_parse(text, &manifest, &line, &why), OK);
    assert_string_equal(manifest.files[0].name, "b");
    log_manifest_deinit(&manifest);
}

/* A pair beyond the last would be one of the longer line before. */
static void a_line_ends_where_it_ends(void **state)
{
    (void)state;
    struct log_manifest manifest = {NULL, 0};
    size_t line;
    const char *why;
    struct slice text = SLICE("file a seq 1 type i seq 1\nfile b seq 2 type i\n");
    assert_int_equal(log_manifest_parse(text, &manifest, &line, &why), OK);
    assert_int_equal(manifest.count, 2);
    assert_int_equal(manifest.files[1].sequence, 2);
    log_manifest_deinit(&manifest);
    text = SLICE("file long seq 2 type i file b seq 1\n"); /* the last of its kind counts */
    assert_int_equal(log_manifest_parse(text, &manifest, &line, &why), OK);
    assert_string_equal(manifest.files[0].name, "b");
    assert_int_equal(manifest.files[0].sequence, 1);
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
    struct log_manifest manifest = {NULL, 0};
    const char *why;
    /* What lies around the text is not looked at. */
    struct slice around = SLICE("\r\nfile a seq 1 type i\nfile b seq 2 type i\n");
    assert_int_equal(log_manifest_parse(slice_of(around.data + 1, 1), &manifest, &line, &why),
                     ERROR_SYNTAX);
    assert_string_equal(why, "the line is empty");
    assert_int_equal(
        log_manifest_parse(slice_of(around.data + 2, around.length - 3), &manifest, &line, &why),
        ERROR_SYNTAX);
    assert_string_equal(why, "the line does not end");
    assert_int_equal(line, 2);
}

static void a_line_has_what_it_must_have(void **state)
{
    (void)state;
    size_t line;
    char text[400], name[LOG_FILE_NAME_MAX + 2];
    assert_string_equal(why_not("file a seq 1 x y\n", &line), "file, seq or type is missing");
    assert_string_equal(why_not("file a type i x y\n", &line), "file, seq or type is missing");
    assert_string_equal(why_not("seq 1 type i x y\n", &line), "file, seq or type is missing");
    assert_string_equal(why_not("file a seq 1 type i z\n", &line), "not pairs of words");
    assert_string_equal(why_not("file a seq x type i\n", &line),
                        "the sequence is no positive number");
    assert_string_equal(why_not("file a seq 1 type bi\n", &line), "unknown type of file");
    assert_string_equal(why_not("a b c d e f g h i j k l m n o p q r\n", &line),
                        "not pairs of words"); /* more than are looked at */
    assert_string_equal(why_not("file a seq 1 type i\n\r\n", &line), "the line is empty");
    memset(name, 'n', sizeof name);
    snprintf(text, sizeof text, "file %.*s seq 1 type i\n", LOG_FILE_NAME_MAX + 1, name);
    assert_string_equal(why_not(text, &line), "the file's name is too long");
    struct log_manifest manifest = {NULL, 0};
    const char *why;
    struct slice zero = SLICE("file a\0b seq 1 type i\n");
    assert_int_equal(log_manifest_parse(zero, &manifest, &line, &why), ERROR_SYNTAX);
    assert_string_equal(why, "a file's name can't be a path");
    zero = SLICE("file a seq 1 type \0\n");
    assert_int_equal(log_manifest_parse(zero, &manifest, &line, &why), ERROR_SYNTAX);
    assert_string_equal(why, "file, seq or type is missing");
    snprintf(text, sizeof text, "file  %.*s   seq 1 type i\n", LOG_FILE_NAME_MAX, name);
    assert_int_equal(log_manifest_parse(slice_of_string(text), &manifest, &line, &why), OK);
    assert_null(log_manifest_base(&manifest));
    assert_int_equal(strlen(manifest.files[0].name), LOG_FILE_NAME_MAX);
    log_manifest_deinit(&manifest);
}

static void the_last_sequence_is_the_highest(void **state)
{
    (void)state;
    struct log_manifest manifest = {NULL, 0};
    assert_int_equal(log_manifest_last_sequence(&manifest, LOG_FILE_HISTORY), 0);
    log_manifest_add(&manifest, "h7", 7, LOG_FILE_HISTORY);
    log_manifest_add(&manifest, "h3", 3, LOG_FILE_HISTORY);
    log_manifest_add(&manifest, "i9", 9, LOG_FILE_INCREMENT);
    assert_int_equal(log_manifest_last_sequence(&manifest, LOG_FILE_HISTORY), 7);
    assert_int_equal(log_manifest_last_sequence(&manifest, LOG_FILE_INCREMENT), 9);
    assert_int_equal(log_manifest_last_sequence(&manifest, LOG_FILE_BASE), 0);
    assert_string_equal(manifest.files[0].name, "i9"); /* history stands at the end */
    log_manifest_add(&manifest, "b1", 1, LOG_FILE_BASE);
    static const char *const order[] = {"b1", "i9", "h7", "h3"}; /* and the base at the beginning */
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_string_equal(manifest.files[i].name, order[i]);
    log_manifest_deinit(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_of_redis_comes_back_as_it_was),
        cmocka_unit_test(comments_and_unknown_words_are_skipped),
        cmocka_unit_test(a_line_ends_where_it_ends),
        cmocka_unit_test(disorder_is_refused_with_its_line),
        cmocka_unit_test(a_line_has_what_it_must_have),
        cmocka_unit_test(the_last_sequence_is_the_highest),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/log_manifest", tests, memory_balance_begin, NULL);
}
