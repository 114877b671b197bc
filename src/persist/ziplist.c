#include "persist/ziplist.h"

#include <stdint.h>
#include <string.h>

#define HEAD 10 /* bytes of a ziplist */
#define END_MARK 0xff
#define LONG_LENGTH 0xfe /* four bytes follow */

static uint32_t load_little(const unsigned char *at, size_t size)
{
    uint32_t value = 0;
    memcpy(&value, at, size);
    return value;
}

bool ziplist_begin(struct ziplist_cursor *cursor, struct slice bytes, bool is_zipmap)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    *cursor = (struct ziplist_cursor){.bytes = bytes, .is_zipmap = is_zipmap};
    cursor->at = is_zipmap ? 1 : HEAD;
    return bytes.length > cursor->at && data[bytes.length - 1] == END_MARK &&
           (is_zipmap || load_little(data, 4) == bytes.length);
}

static size_t left(const struct ziplist_cursor *cursor)
{
    return cursor->bytes.length - 1 - cursor->at; /* before the end mark */
}

static const unsigned char *here(const struct ziplist_cursor *cursor)
{
    return (const unsigned char *)cursor->bytes.data + cursor->at;
}

/* A length of one byte, or of four behind a mark. */
static bool read_length(struct ziplist_cursor *cursor, size_t *length)
{
    size_t size = left(cursor) > 0 && *here(cursor) == LONG_LENGTH ? 5 : 1;
    if (left(cursor) < size || *here(cursor) == END_MARK)
        return false;
    *length = size == 5 ? load_little(here(cursor) + 1, 4) : *here(cursor);
    cursor->at += size;
    return true;
}

static bool take(struct ziplist_cursor *cursor, size_t length, struct slice *text)
{
    if (length > left(cursor))
        return false;
    *text = slice_of((const char *)here(cursor), length);
    cursor->at += length;
    return true;
}

static bool take_integer(struct ziplist_cursor *cursor, size_t size, struct slice *text)
{
    uint64_t bits = 0;
    if (size > left(cursor))
        return false;
    memcpy(&bits, here(cursor), size);
    cursor->at += size;
    unsigned unused = 64 - 8 * (unsigned)size;
    int64_t value = (int64_t)(bits << unused) >> unused;
    *text = slice_of(cursor->scratch, number_format_int64(cursor->scratch, value));
    return true;
}

/* The element behind the length of the one before. */
static bool read_element(struct ziplist_cursor *cursor, struct slice *text)
{
    if (left(cursor) == 0)
        return false;
    const unsigned char *at = here(cursor);
    unsigned char first = at[0];
    if (first >> 6 == 0) {
        cursor->at += 1;
        return take(cursor, first & 0x3f, text);
    }
    if (first >> 6 == 1 && left(cursor) >= 2) {
        cursor->at += 2;
        return take(cursor, (size_t)(first & 0x3f) << 8 | at[1], text);
    }
    if (first >> 6 == 2 && left(cursor) >= 5) {
        cursor->at += 5;
        return take(cursor, (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4],
                    text);
    }
    cursor->at += 1;
    switch (first) {
    case 0xc0:
        return take_integer(cursor, 2, text);
    case 0xd0:
        return take_integer(cursor, 4, text);
    case 0xe0:
        return take_integer(cursor, 8, text);
    case 0xf0:
        return take_integer(cursor, 3, text);
    case 0xfe:
        return take_integer(cursor, 1, text);
    default:
        if (first < 0xf1 || first > 0xfd)
            return false;
        *text = slice_of(cursor->scratch, number_format_int64(cursor->scratch, (first & 0x0f) - 1));
        return true;
    }
}

static bool read_of_zipmap(struct ziplist_cursor *cursor, struct slice *text)
{
    size_t length, unused = 0;
    if (!read_length(cursor, &length))
        return false;
    if (cursor->is_value) {
        if (left(cursor) == 0)
            return false;
        unused = *here(cursor);
        cursor->at++;
    }
    cursor->is_value = !cursor->is_value;
    if (!take(cursor, length, text) || unused > left(cursor))
        return false;
    cursor->at += unused;
    return true;
}

enum ziplist_status ziplist_next(struct ziplist_cursor *cursor, struct slice *text)
{
    size_t previous;
    if (left(cursor) == 0)
        return cursor->is_value ? ZIPLIST_BAD : ZIPLIST_END;
    bool good = cursor->is_zipmap ? read_of_zipmap(cursor, text)
                                  : read_length(cursor, &previous) && read_element(cursor, text);
    return good ? ZIPLIST_ELEMENT : ZIPLIST_BAD;
}
