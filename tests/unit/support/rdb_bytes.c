#include "support/rdb_bytes.h"

#include <stdint.h>

#include "base/assertion.h"

#define ZIPLIST_HEAD 10 /* bytes */
#define LISTPACK_HEAD 6
#define COUNT_UNKNOWN 0xffff

static void add_head(struct buffer *out, size_t head_size, size_t elements_size, uint16_t count)
{
    char head[ZIPLIST_HEAD] = {0};
    uint32_t size = (uint32_t)(head_size + elements_size + 1);
    memcpy(head, &size, sizeof size);
    memcpy(head + head_size - sizeof count, &count, sizeof count);
    buffer_add(out, head, head_size);
}

void rdb_bytes_add_ziplist(struct buffer *out, struct slice elements)
{
    add_head(out, ZIPLIST_HEAD, elements.length, COUNT_UNKNOWN);
    buffer_add(out, elements.data, elements.length);
    buffer_add(out, "\xff", 1);
}

void rdb_bytes_add_listpack(struct buffer *out, struct slice elements, uint16_t count)
{
    add_head(out, LISTPACK_HEAD, elements.length, count);
    buffer_add(out, elements.data, elements.length);
    buffer_add(out, "\xff", 1);
}

void rdb_bytes_add_text(struct buffer *out, struct slice text)
{
    char length = (char)text.length;
    ASSERT(text.length < 64);
    buffer_add(out, &length, 1);
    buffer_add(out, text.data, text.length);
}
