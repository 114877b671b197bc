/* Reading Redis's packed rows of before 7.0: ziplists, and zipmaps of before 2.6. Untrusted bytes.
 *
 * ziplist: bytes (4) | offset of the last (4) | count (2) | elements | 0xff; an element: length of
 * the one before (1, or 0xfe and 4) | encoding | bytes. zipmap: count (1) | field | value ... |
 * 0xff; each: length (1, or 0xfe and 4), of values a byte of free bytes behind it, bytes. */
#ifndef HOLDFAST_PERSIST_ZIPLIST_H
#define HOLDFAST_PERSIST_ZIPLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/number.h"
#include "base/slice.h"

struct ziplist_cursor {
    struct slice bytes;
    size_t at;
    bool is_zipmap;
    bool is_value; /* of a zipmap: what comes next */
    char scratch[NUMBER_INTEGER_TEXT_MAX];
};

/* False: the bytes are none. */
bool ziplist_begin(struct ziplist_cursor *cursor, struct slice bytes, bool is_zipmap);
enum ziplist_status { ZIPLIST_ELEMENT, ZIPLIST_END, ZIPLIST_BAD };
/* The text is valid until the next call. */
enum ziplist_status ziplist_next(struct ziplist_cursor *cursor, struct slice *text);

#endif
