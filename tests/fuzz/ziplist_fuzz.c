/* Any bytes as a ziplist and as a zipmap, with their length and end mark made right: the elements
 * end, each lies inside or is a number, and together they are not more than the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "persist/ziplist.h"

#define HEAD 10 /* bytes */

static void walk(struct slice bytes, bool is_zipmap)
{
    struct ziplist_cursor cursor;
    struct slice text;
    enum ziplist_status status;
    size_t elements = 0, inside = 0;
    if (!ziplist_begin(&cursor, bytes, is_zipmap))
        return;
    while ((status = ziplist_next(&cursor, &text)) == ZIPLIST_ELEMENT) {
        int64_t number;
        elements++;
        ASSERT(cursor.at < bytes.length && elements < bytes.length);
        if (text.data == cursor.scratch) {
            ASSERT(!is_zipmap && number_parse_int64(text, &number));
            continue;
        }
        ASSERT(text.data >= bytes.data && text.data + text.length < bytes.data + bytes.length);
        inside += text.length;
    }
    ASSERT(inside < bytes.length);
    ASSERT(status == ZIPLIST_BAD || cursor.at == bytes.length - 1);
    ASSERT(status == ZIPLIST_BAD || !is_zipmap || elements % 2 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = HEAD + size + 1;
    char *row = malloc(length);
    uint32_t stated = (uint32_t)length;
    memset(row, 0, HEAD);
    memcpy(row, &stated, sizeof stated);
    if (size > 0)
        memcpy(row + HEAD, data, size);
    row[length - 1] = '\xff';
    walk(slice_of(row, length), false);
    walk(slice_of(row + HEAD - 1, length - HEAD + 1), true);
    if (size > 0) { /* and as they are */
        memmove(row, data, size);
        walk(slice_of(row, size), size % 2 == 0);
    }
    free(row);
    return 0;
}
