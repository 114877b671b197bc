#include "persist/log_group.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/crc32c.h"
#include "base/number.h"

#define ID_DIGITS (2 * LOG_ID_SIZE)
#define CRC_DIGITS 8

static const char group_mark[] = "#HF ";
static const char file_mark[] = "#HF-LOG ";

size_t log_group_write_file_header(char *out, const struct log_file_header *header)
{
    char digits[ID_DIGITS + 1];
    for (size_t i = 0; i < LOG_ID_SIZE; i++)
        snprintf(digits + 2 * i, 3, "%02x", header->id.bytes[i]);
    int length = snprintf(out, LOG_ANNOTATION_MAX, "%s%d %s %" PRIu64, file_mark,
                          LOG_FORMAT_VERSION, digits, header->offset);
    ASSERT(length > 0 && length + CRC_DIGITS + 3 < LOG_ANNOTATION_MAX);
    size_t covered = (size_t)length;
    int rest = snprintf(out + covered, LOG_ANNOTATION_MAX - covered, " %08" PRIx32 "\r\n",
                        crc32c_add(0, out, covered));
    return covered + (size_t)rest;
}

size_t log_group_write_header(char *out, const struct log_group_header *header)
{
    int length =
        snprintf(out, LOG_ANNOTATION_MAX, "%s%" PRIu64 " %" PRIu64 " %" PRIu64 " %08" PRIx32 "\r\n",
                 group_mark, header->offset, header->length, header->durable, header->crc);
    ASSERT(length > 0 && length < LOG_ANNOTATION_MAX);
    return (size_t)length;
}

/* --- reading --- */

/* Words of a line, one after the other. */
struct cursor {
    const char *at, *end;
};

/* The next word; words stand one blank apart. A blank at the end is left: no line may have one. An
 * empty word is neither a number nor digits. */
static struct slice take_word(struct cursor *cursor)
{
    const char *begin = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != ' ')
        cursor->at++;
    struct slice word = slice_of(begin, (size_t)(cursor->at - begin));
    if (cursor->end - cursor->at > 1)
        cursor->at++;
    return word;
}

static bool take_number(struct cursor *cursor, uint64_t *out)
{
    int64_t number;
    if (!number_parse_int64(take_word(cursor), &number) || number < 0)
        return false;
    *out = (uint64_t)number;
    return true;
}

static int digit_of(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool take_hexadecimal(struct cursor *cursor, uint8_t *bytes, size_t count)
{
    struct slice word = take_word(cursor);
    if (word.length != 2 * count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int high = digit_of(word.data[2 * i]), low = digit_of(word.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool take_crc(struct cursor *cursor, uint32_t *out)
{
    uint8_t crc[CRC_DIGITS / 2];
    if (!take_hexadecimal(cursor, crc, sizeof crc))
        return false;
    *out = (uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 | crc[3];
    return true;
}

static bool read_group(struct cursor cursor, struct log_group_header *group)
{
    if (!take_number(&cursor, &group->offset) || !take_number(&cursor, &group->length) ||
        !take_number(&cursor, &group->durable) || !take_crc(&cursor, &group->crc))
        return false;
    return cursor.at == cursor.end && group->length <= INT64_MAX - group->offset &&
           group->durable <= group->offset;
}

static bool read_file(struct cursor cursor, const char *line, struct log_file_header *file)
{
    uint64_t version;
    uint32_t crc;
    if (!take_number(&cursor, &version) || version != LOG_FORMAT_VERSION ||
        !take_hexadecimal(&cursor, file->id.bytes, LOG_ID_SIZE) ||
        !take_number(&cursor, &file->offset))
        return false;
    size_t covered = (size_t)(cursor.at - 1 - line); /* the blank before it is not */
    return take_crc(&cursor, &crc) && cursor.at == cursor.end &&
           crc == crc32c_add(0, line, covered);
}

static bool begins_with(struct slice input, const char *mark)
{
    size_t length = strlen(mark);
    return input.length >= length && memcmp(input.data, mark, length) == 0;
}

enum log_line log_group_read_line(struct slice input, struct log_file_header *file,
                                  struct log_group_header *group, size_t *length)
{
    if (input.length == 0)
        return LOG_LINE_INCOMPLETE;
    if (input.data[0] != '#')
        return LOG_LINE_NONE;
    size_t looked_at = input.length < LOG_ANNOTATION_MAX ? input.length : LOG_ANNOTATION_MAX;
    const char *end = memchr(input.data, '\n', looked_at);
    bool ours = begins_with(input, group_mark) || begins_with(input, file_mark);
    if (end == NULL) {
        if (looked_at < LOG_ANNOTATION_MAX)
            return LOG_LINE_INCOMPLETE;
        end = ours ? NULL : memchr(input.data, '\n', input.length);
        if (end == NULL)
            return ours ? LOG_LINE_BAD : LOG_LINE_INCOMPLETE;
    }
    *length = (size_t)(end - input.data) + 1;
    if (!ours)
        return LOG_LINE_ANNOTATION;
    if (end[-1] != '\r')
        return LOG_LINE_BAD;
    bool is_group = begins_with(input, group_mark);
    struct cursor cursor = {input.data + strlen(is_group ? group_mark : file_mark), end - 1};
    if (is_group)
        return read_group(cursor, group) ? LOG_LINE_GROUP : LOG_LINE_BAD;
    return read_file(cursor, input.data, file) ? LOG_LINE_FILE : LOG_LINE_BAD;
}

/* --- checksums --- */

uint32_t log_group_crc_begin(const struct log_id *id, const struct log_group_header *header)
{
    uint8_t numbers[24];
    const uint64_t values[3] = {header->offset, header->length, header->durable};
    for (size_t i = 0; i < sizeof numbers; i++)
        numbers[i] = (uint8_t)(values[i / 8] >> (8 * (i % 8)));
    return crc32c_add(crc32c_add(0, id->bytes, LOG_ID_SIZE), numbers, sizeof numbers);
}

uint32_t log_group_crc_add(uint32_t crc, struct slice commands)
{
    return crc32c_add(crc, commands.data, commands.length);
}

uint32_t log_group_crc(const struct log_id *id, const struct log_group_header *header,
                       struct slice commands)
{
    return log_group_crc_add(log_group_crc_begin(id, header), commands);
}
