/* Any bytes as a line of the log. What is read as a group or a file's beginning is written again
 * and means the same; more bytes behind a line change nothing; and a file's beginning of which one
 * byte is another is none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "persist/log_group.h"

static enum log_line read_exact(struct slice bytes, struct log_file_header *file,
                                struct log_group_header *group, size_t *length)
{
    char *copy = malloc(bytes.length + 1); /* of its own, so that a watcher sees reads behind it */
    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    *length = 0;
    enum log_line line = log_group_read_line(slice_of(copy, bytes.length), file, group, length);
    ASSERT(*length <= bytes.length);
    free(copy);
    return line;
}

static void read_any(struct slice input)
{
    struct log_file_header file = {{{0}}, 0}, file_again = {{{0}}, 0};
    struct log_group_header group = {0}, group_again = {0};
    size_t length, again_length;
    char text[LOG_ANNOTATION_MAX];
    enum log_line line = read_exact(input, &file, &group, &length);
    if (line == LOG_LINE_FILE) {
        size_t written = log_group_write_file_header(text, &file);
        ASSERT(read_exact(slice_of(text, written), &file_again, &group, &again_length) == line);
        ASSERT(memcmp(&file_again, &file, sizeof file) == 0);
    } else if (line == LOG_LINE_GROUP) {
        ASSERT(group.durable <= group.offset && group.length <= INT64_MAX - group.offset);
        size_t written = log_group_write_header(text, &group);
        ASSERT(read_exact(slice_of(text, written), &file, &group_again, &again_length) == line);
        ASSERT(group_again.offset == group.offset && group_again.length == group.length &&
               group_again.durable == group.durable && group_again.crc == group.crc);
    }
    if (line != LOG_LINE_INCOMPLETE && length > 0) {
        ASSERT(read_exact(slice_of(input.data, length), &file, &group, &again_length) == line);
        ASSERT(again_length == length);
        ASSERT(read_exact(slice_of(input.data, length - 1), &file, &group, &again_length) != line ||
               line == LOG_LINE_BAD);
    }
}

static void change_one_byte(struct slice input)
{
    struct log_file_header file = {{{0}}, 0}, read;
    struct log_group_header group;
    size_t length;
    char text[LOG_ANNOTATION_MAX];
    if (input.length < LOG_ID_SIZE + 8 + 2)
        return;
    memcpy(file.id.bytes, input.data, LOG_ID_SIZE);
    memcpy(&file.offset, input.data + LOG_ID_SIZE, 8);
    file.offset &= INT64_MAX;
    size_t written = log_group_write_file_header(text, &file);
    ASSERT(read_exact(slice_of(text, written), &read, &group, &length) == LOG_LINE_FILE);
    ASSERT(length == written && memcmp(&read, &file, sizeof file) == 0);
    const unsigned char *last = (const unsigned char *)input.data + LOG_ID_SIZE + 8;
    if (last[1] == 0)
        return;
    text[last[0] % written] = (char)(text[last[0] % written] ^ (char)last[1]);
    ASSERT(read_exact(slice_of(text, written), &read, &group, &length) != LOG_LINE_FILE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    read_any(input);
    change_one_byte(input);
    return 0;
}
