#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "persist/log_group.h"

static const struct log_id some_id = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};

static enum log_line read_line(const char *text, struct log_group_header *group)
{
    struct log_file_header file;
    size_t length;
    return log_group_read_line(slice_of_string(text), &file, group, &length);
}

static void crc32c_is_that_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(crc32c_add(0, "123456789", 9), 0xE3069283); /* RFC 3720's check value */
    assert_int_equal(crc32c_add_portable(0, "123456789", 9), 0xE3069283);
    unsigned char bytes[257];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + 3);
    for (size_t length = 0; length < 64; length++)
        for (size_t from = 0; from < 16; from++)
            assert_int_equal(crc32c_add(1, bytes + from, length),
                             crc32c_add_portable(1, bytes + from, length));
}

static void headers_come_back_as_they_were_written(void **state)
{
    (void)state;
    char line[LOG_ANNOTATION_MAX];
    struct log_file_header file = {some_id, UINT64_C(9223372036854775807)}, read_file;
    struct log_group_header group = {77, 1234, 70, 0xdeadbeef}, read_group;
    size_t length, written = log_group_write_file_header(line, &file);
    assert_int_equal(log_group_read_line(slice_of(line, written), &read_file, &read_group, &length),
                     LOG_LINE_FILE);
    assert_int_equal(length, written);
    assert_memory_equal(&file, &read_file, sizeof file);
    written = log_group_write_header(line, &group);
    assert_int_equal(log_group_read_line(slice_of(line, written), &read_file, &read_group, &length),
                     LOG_LINE_GROUP);
    assert_int_equal(read_group.offset, group.offset);
    assert_int_equal(read_group.length, group.length);
    assert_int_equal(read_group.durable, group.durable);
    assert_int_equal(read_group.crc, group.crc);
    assert_memory_equal(line, "#HF 77 1234 70 deadbeef\r\n", written);
}

static void a_line_is_whole_or_incomplete_at_every_cut(void **state)
{
    (void)state;
    char line[LOG_ANNOTATION_MAX];
    struct log_group_header group = {77, 1234, 70, 0xdeadbeef}, read_group;
    struct log_file_header file;
    size_t length, written = log_group_write_header(line, &group);
    for (size_t cut = 0; cut < written; cut++)
        assert_int_equal(log_group_read_line(slice_of(line, cut), &file, &read_group, &length),
                         LOG_LINE_INCOMPLETE);
    const struct slice command = SLICE("*1\r\n");
    for (size_t cut = 0; cut <= command.length; cut++)
        assert_int_equal(
            log_group_read_line(slice_of(command.data, cut), &file, &read_group, &length),
            cut == 0 ? LOG_LINE_INCOMPLETE : LOG_LINE_NONE);
}

static void what_is_not_quite_a_group_is_bad(void **state)
{
    (void)state;
    struct log_group_header group;
    assert_int_equal(read_line("*1\r\n", &group), LOG_LINE_NONE);
    assert_int_equal(read_line("#TS:123\r\n", &group), LOG_LINE_ANNOTATION);
    assert_int_equal(read_line("#HF 1 2 0 00000000\r\n", &group), LOG_LINE_GROUP);
    static const char *const bad[] = {
        "#HF 1 2 0 0000000\r\n",
        "#HF 1 2 0 00000000\n",
        "#HF 01 2 0 00000000\r\n",
        "#HF 1 2 0  00000000\r\n",
        "#HF 1 2 0 00000000 \r\n",
        "#HF 1 2 0 0000000G\r\n",
        "#HF -1 2 0 00000000\r\n",
        "#HF 1 2 2 00000000\r\n",
        "#HF 1 2 0\r\n",
        "#HF 1 2 0 00000000 9\r\n",
        "#HF-LOG 2 00 1\r\n",
        "#HF 1 2 0 DEADBEEF\r\n",
        "#HF 1 9223372036854775807 0 00000000\r\n",
        "#HF \r\n",
        "#HF 1 \r\n",
        "#HF 1 2 \r\n",
        "#HF 1 2 0 \r\n",
        "#HF 1 2 0 00000000  \r\n",
        "#HF  1 2 0 00000000\r\n",
        "#HF 1  2 0 00000000\r\n",
        "#HF 1 -2 0 00000000\r\n",
        "#HF 9223372036854775808 2 0 00000000\r\n",
        "#HF 1 18446744073709551615 0 00000000\r\n",
        "#HF 1 2 18446744073709551616 00000000\r\n",
        "#HF-LOG \r\n",
        "#HF-LOG 1 \r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_line(bad[i], &group) != LOG_LINE_BAD)
            fail_msg("taken as good: %s", bad[i]);
    char endless[2 * LOG_ANNOTATION_MAX];
    memset(endless, '1', sizeof endless);
    memcpy(endless, "#HF ", 4);
    struct log_file_header file;
    size_t length;
    assert_int_equal(log_group_read_line(slice_of(endless, sizeof endless), &file, &group, &length),
                     LOG_LINE_BAD);
}

static void the_checksum_covers_everything(void **state)
{
    (void)state;
    struct slice commands = SLICE("*1\r\n$4\r\nPING\r\n");
    struct log_group_header header = {10, commands.length, 5, 0};
    uint32_t crc = log_group_crc(&some_id, &header, commands);
    struct log_group_header other = header;
    other.offset++;
    assert_int_not_equal(log_group_crc(&some_id, &other, commands), crc);
    other = header;
    other.durable--;
    assert_int_not_equal(log_group_crc(&some_id, &other, commands), crc);
    other = header;
    other.length++;
    assert_int_not_equal(log_group_crc(&some_id, &other, commands), crc);
    struct log_id other_id = some_id;
    other_id.bytes[3] ^= 1;
    assert_int_not_equal(log_group_crc(&other_id, &header, commands), crc);
    assert_int_not_equal(log_group_crc(&some_id, &header, SLICE("*1\r\n$4\r\nPIMG\r\n")), crc);
    uint32_t in_pieces = log_group_crc_begin(&some_id, &header);
    for (size_t i = 0; i < commands.length; i++)
        in_pieces = log_group_crc_add(in_pieces, slice_of(commands.data + i, 1));
    assert_int_equal(in_pieces, crc);
}

/* The format of version 1: what was written once must be read for ever. */
static void golden_bytes_are_written_and_read(void **state)
{
    (void)state;
    static const char golden[] = "#HF-LOG 1 000102030405060708090a0b0c0d0eff 1000 b81d203a\r\n"
                                 "#HF 1000 14 990 0df94e43\r\n*1\r\n$4\r\nPING\r\n";
    char bytes[256];
    struct log_file_header file = {some_id, 1000}, read_file;
    struct log_group_header group = {1000, 14, 990, 0}, read_group;
    struct slice commands = SLICE("*1\r\n$4\r\nPING\r\n");
    size_t length = log_group_write_file_header(bytes, &file), head;
    group.crc = log_group_crc(&some_id, &group, commands);
    length += log_group_write_header(bytes + length, &group);
    memcpy(bytes + length, commands.data, commands.length);
    length += commands.length;
    assert_int_equal(length, sizeof golden - 1);
    assert_memory_equal(bytes, golden, length);
    struct slice rest = SLICE(golden);
    assert_int_equal(log_group_read_line(rest, &read_file, &read_group, &head), LOG_LINE_FILE);
    assert_int_equal(read_file.offset, 1000);
    rest = slice_of(golden + head, sizeof golden - 1 - head);
    assert_int_equal(log_group_read_line(rest, &read_file, &read_group, &head), LOG_LINE_GROUP);
    assert_int_equal(read_group.crc, group.crc);
}

/* Of a file's first line; its checksum is right where nothing else is said. */
static void a_file_of_another_version_is_bad(void **state)
{
    (void)state;
    static const char *const formats[] = {"%s %08x\r\n", "%s %08x 9\r\n", "%s %08x \r\n",
                                          "%s %08x9\r\n", "%s  %08x\r\n"};
    struct log_group_header group;
    for (int version = 0; version < 4; version++)
        for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
            for (unsigned wrong = 0; wrong < 2; wrong++) {
                char covered[LOG_ANNOTATION_MAX], line[2 * LOG_ANNOTATION_MAX];
                snprintf(covered, sizeof covered, "#HF-LOG %d %032x 7", version, 5);
                snprintf(line, sizeof line, formats[i], covered,
                         crc32c_add(0, covered, strlen(covered)) ^ wrong);
                bool good = version == LOG_FORMAT_VERSION && i == 0 && wrong == 0;
                assert_int_equal(read_line(line, &group), good ? LOG_LINE_FILE : LOG_LINE_BAD);
            }
}

static void a_line_that_lacks_a_field_is_bad(void **state)
{
    (void)state;
    struct log_group_header group;
    static const char *const bad[] = {
        "#HF x 2 0 01234567\r\n",  "#HF 1 x 0 01234567\r\n",  "#HF 1 2 x 01234567\r\n",
        "#HF 1 2 -1 01234567\r\n", "#HF 1 2 0\r\n",           "#HF 1 2 0 0123456\r\n",
        "#HF 1 2 0 0123456G\r\n",  "#HF 1 2 0 0123456/\r\n",  "#HF 1 2 0 0123456`\r\n",
        "#HF 1 2 0 012345678\r\n", "#HF 1 2 0 01234567 \r\n", "#HF 1 2 2 01234567\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_line(bad[i], &group) != LOG_LINE_BAD)
            fail_msg("taken as good: %s", bad[i]);
    assert_int_equal(read_line("#HF 1 2 1 89abcdef\r\n", &group), LOG_LINE_GROUP);
    assert_int_equal(group.crc, 0x89abcdef);
    assert_int_equal(read_line("#HF 1 2 1 09afa9f0\r\n", &group), LOG_LINE_GROUP);
    assert_int_equal(group.crc, 0x09afa9f0);
    char line[LOG_ANNOTATION_MAX + 1];
    struct log_file_header file = {some_id, 5};
    line[log_group_write_file_header(line, &file)] = '\0';
    assert_int_equal(read_line(line, &group), LOG_LINE_FILE);
    for (char *at = strchr(line, ' '); at != NULL; at = strchr(at + 1, ' ')) {
        char *cut = line + strlen(line) - 2, kept[2] = {at[0], at[1]};
        at[1] = 'x'; /* the beginning of each field in turn */
        assert_int_equal(read_line(line, &group), LOG_LINE_BAD);
        memcpy(at, kept, 2);
        char text[LOG_ANNOTATION_MAX + 1];
        snprintf(text, sizeof text, "%.*s%s", (int)(at - line), line, cut); /* it and the rest */
        assert_int_not_equal(read_line(text, &group), LOG_LINE_FILE);
    }
}

static void a_group_may_reach_up_to_the_last_offset(void **state)
{
    (void)state;
    struct log_group_header group;
    assert_int_equal(read_line("#HF 1 9223372036854775806 0 00000000\r\n", &group), LOG_LINE_GROUP);
    assert_int_equal(group.length, INT64_MAX - 1);
}

static void a_line_of_others_may_be_of_any_length(void **state)
{
    (void)state;
    char text[4 * LOG_ANNOTATION_MAX];
    struct log_group_header group;
    struct log_file_header file;
    for (size_t filler = LOG_ANNOTATION_MAX - 2; filler < sizeof text; filler++) {
        memset(text, LOG_FILLER, filler);
        size_t length = 0;
        assert_int_equal(log_group_read_line(slice_of(text, filler), &file, &group, &length),
                         LOG_LINE_INCOMPLETE);
        text[filler] = LOG_FILLER_END;
        assert_int_equal(log_group_read_line(slice_of(text, filler + 1), &file, &group, &length),
                         LOG_LINE_ANNOTATION);
        assert_int_equal(length, filler + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_is_that_of_the_standard),
        cmocka_unit_test(headers_come_back_as_they_were_written),
        cmocka_unit_test(a_line_is_whole_or_incomplete_at_every_cut),
        cmocka_unit_test(what_is_not_quite_a_group_is_bad),
        cmocka_unit_test(the_checksum_covers_everything),
        cmocka_unit_test(golden_bytes_are_written_and_read),
        cmocka_unit_test(a_file_of_another_version_is_bad),
        cmocka_unit_test(a_line_that_lacks_a_field_is_bad),
        cmocka_unit_test(a_group_may_reach_up_to_the_last_offset),
        cmocka_unit_test(a_line_of_others_may_be_of_any_length),
    };
    return cmocka_run_group_tests_name("persist/log_group", tests, NULL, NULL);
}
