#include "persist/rdb_cursor.h"

#include <liblzf/lzf.h>

#include "base/number.h"
#include "persist/rdb_format.h"

const char rdb_cursor_out_of_memory[] = "out of memory";

bool rdb_cursor_fail(struct rdb_cursor *cursor, const char *why)
{
    cursor->state = RDB_CURSOR_BAD;
    cursor->why = why;
    return false;
}

bool rdb_cursor_bytes(struct rdb_cursor *cursor, size_t count, const unsigned char **bytes)
{
    if (cursor->state != RDB_CURSOR_GOOD)
        return false;
    if (count > cursor->length - cursor->at) {
        cursor->state = RDB_CURSOR_SHORT;
        cursor->wanted = cursor->at + count;
        return false;
    }
    *bytes = cursor->data + cursor->at;
    cursor->at += count;
    return true;
}

bool rdb_cursor_byte(struct rdb_cursor *cursor, unsigned char *byte)
{
    const unsigned char *bytes;
    if (!rdb_cursor_bytes(cursor, 1, &bytes))
        return false;
    *byte = *bytes;
    return true;
}

bool rdb_cursor_little(struct rdb_cursor *cursor, size_t size, uint64_t *value)
{
    const unsigned char *bytes;
    if (!rdb_cursor_bytes(cursor, size, &bytes))
        return false;
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value |= (uint64_t)bytes[i] << (8 * i);
    return true;
}

static bool read_big(struct rdb_cursor *cursor, size_t size, uint64_t *value)
{
    const unsigned char *bytes;
    if (!rdb_cursor_bytes(cursor, size, &bytes))
        return false;
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value = *value << 8 | bytes[i];
    return true;
}

/* *encoding: -1 for a length, else how the string is encoded. */
static bool read_length(struct rdb_cursor *cursor, uint64_t *length, int *encoding)
{
    unsigned char first, second;
    *encoding = -1;
    if (!rdb_cursor_byte(cursor, &first))
        return false;
    switch (first & 0xc0) {
    case RDB_LENGTH_6:
        *length = first & 0x3f;
        return true;
    case RDB_LENGTH_14:
        if (!rdb_cursor_byte(cursor, &second))
            return false;
        *length = (uint64_t)(first & 0x3f) << 8 | second;
        return true;
    case RDB_ENCODED:
        *encoding = first & 0x3f;
        *length = 0;
        return true;
    default:
        if (first == RDB_LENGTH_32)
            return read_big(cursor, 4, length);
        if (first == RDB_LENGTH_64)
            return read_big(cursor, 8, length);
        return rdb_cursor_fail(cursor, "a length of unknown form");
    }
}

bool rdb_cursor_length(struct rdb_cursor *cursor, uint64_t *length)
{
    int encoding;
    if (!read_length(cursor, length, &encoding))
        return false;
    return encoding < 0 || rdb_cursor_fail(cursor, "an encoded string where a length should be");
}

static bool read_plain(struct rdb_cursor *cursor, uint64_t length, struct slice *bytes)
{
    const unsigned char *data;
    if (length > cursor->string_length_max)
        return rdb_cursor_fail(cursor, "a string is longer than is allowed");
    if (!rdb_cursor_bytes(cursor, (size_t)length, &data))
        return false;
    *bytes = slice_of((const char *)data, (size_t)length);
    return true;
}

static bool read_compressed(struct rdb_cursor *cursor, struct rdb_string *string)
{
    uint64_t compressed;
    if (!rdb_cursor_length(cursor, &compressed) || !rdb_cursor_length(cursor, &string->length))
        return false;
    string->form = RDB_STRING_COMPRESSED;
    if (string->length > cursor->string_length_max || string->length > UINT32_MAX)
        return rdb_cursor_fail(cursor, "a string is longer than is allowed");
    /* One byte and two more can stand for at most 264: a claim of more is not worth an
     * allocation. */
    if (string->length / 264 > compressed)
        return rdb_cursor_fail(cursor, "a compressed string claims too much");
    return read_plain(cursor, compressed, &string->bytes);
}

bool rdb_cursor_string(struct rdb_cursor *cursor, struct rdb_string *string)
{
    uint64_t value;
    int encoding;
    *string = (struct rdb_string){.form = RDB_STRING_PLAIN};
    if (!read_length(cursor, &string->length, &encoding))
        return false;
    switch (encoding) {
    case -1:
        return read_plain(cursor, string->length, &string->bytes);
    case RDB_INT8:
    case RDB_INT16:
    case RDB_INT32:
        if (!rdb_cursor_little(cursor, (size_t)1 << encoding, &value))
            return false;
        string->form = RDB_STRING_NUMBER;
        string->number = encoding == RDB_INT8    ? (int8_t)value
                         : encoding == RDB_INT16 ? (int16_t)value
                                                 : (int32_t)value;
        return true;
    case RDB_LZF:
        return read_compressed(cursor, string);
    default:
        return rdb_cursor_fail(cursor, "a string of unknown encoding");
    }
}

bool rdb_cursor_skip_string(struct rdb_cursor *cursor)
{
    struct rdb_string string;
    return rdb_cursor_string(cursor, &string);
}

bool rdb_cursor_text(struct rdb_cursor *cursor, const struct rdb_string *string,
                     struct buffer *scratch, struct slice *text)
{
    *text = string->bytes;
    if (string->form == RDB_STRING_PLAIN)
        return true;
    size_t room =
        string->form == RDB_STRING_NUMBER ? NUMBER_INTEGER_TEXT_MAX : (size_t)string->length;
    buffer_clear(scratch);
    if (buffer_reserve(scratch, room + 1) != OK)
        return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
    if (string->form == RDB_STRING_NUMBER)
        scratch->length = number_format_int64(scratch->data, string->number);
    else
        scratch->length = lzf_decompress(string->bytes.data, (unsigned)string->bytes.length,
                                         scratch->data, (unsigned)string->length);
    *text = buffer_slice(scratch);
    return string->form == RDB_STRING_NUMBER || scratch->length == string->length ||
           rdb_cursor_fail(cursor, "a compressed string cannot be unpacked");
}

bool rdb_cursor_read_text(struct rdb_cursor *cursor, struct buffer *scratch, struct slice *text)
{
    struct rdb_string string;
    return rdb_cursor_string(cursor, &string) && rdb_cursor_text(cursor, &string, scratch, text);
}
