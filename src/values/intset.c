#include "values/intset.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"

#define HEAD 8 /* bytes */

static uint32_t load(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static size_t width_of(const unsigned char *bytes)
{
    return load(bytes);
}

static void set_head(unsigned char *bytes, size_t width, size_t count)
{
    uint32_t head[2] = {(uint32_t)width, (uint32_t)count};
    memcpy(bytes, head, sizeof head);
}

static int64_t get(const unsigned char *bytes, size_t width, size_t index)
{
    const unsigned char *at = bytes + HEAD + index * width;
    int64_t wide;
    int32_t middle;
    int16_t narrow;
    switch (width) {
    case 2:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    case 4:
        memcpy(&middle, at, sizeof middle);
        return middle;
    default:
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
}

static void put(unsigned char *bytes, size_t width, size_t index, int64_t value)
{
    memcpy(bytes + HEAD + index * width, &value, width); /* little endian: the low bytes */
}

static size_t width_for(int64_t value)
{
    return value >= INT16_MIN && value <= INT16_MAX   ? 2
           : value >= INT32_MIN && value <= INT32_MAX ? 4
                                                      : 8;
}

struct intset intset_create(void)
{
    struct intset set = {memory_allocate(HEAD + 2)};
    set_head(set.bytes, 2, 0);
    return set;
}

struct intset intset_of(struct slice bytes)
{
    struct intset set = {memory_try_allocate(bytes.length)};
    if (set.bytes != NULL)
        memcpy(set.bytes, bytes.data, bytes.length);
    return set;
}

void intset_free(struct intset *set)
{
    memory_free(set->bytes);
    set->bytes = NULL;
}

bool intset_is_valid(struct slice slice)
{
    const unsigned char *bytes = (const unsigned char *)slice.data;
    if (slice.length < HEAD)
        return false;
    size_t width = width_of(bytes), count = load(bytes + 4);
    if ((width != 2 && width != 4 && width != 8) || (slice.length - HEAD) / width != count ||
        (slice.length - HEAD) % width != 0)
        return false;
    for (size_t i = 1; i < count; i++)
        if (get(bytes, width, i - 1) >= get(bytes, width, i))
            return false;
    return true;
}

size_t intset_count(const struct intset *set)
{
    return load(set->bytes + 4);
}

size_t intset_size(const struct intset *set)
{
    return HEAD + intset_count(set) * width_of(set->bytes);
}

int64_t intset_get(const struct intset *set, size_t index)
{
    return get(set->bytes, width_of(set->bytes), index);
}

bool intset_find(const struct intset *set, int64_t value, size_t *index)
{
    size_t low = 0, high = intset_count(set), width = width_of(set->bytes);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (get(set->bytes, width, middle) < value)
            low = middle + 1;
        else
            high = middle;
    }
    *index = low;
    return low < intset_count(set) && get(set->bytes, width, low) == value;
}

bool intset_add(struct intset *set, int64_t value)
{
    size_t index, count = intset_count(set), old = width_of(set->bytes), width = width_for(value);
    bool found = intset_find(set, value, &index);
    ASSERT(!found);
    width = width > old ? width : old;
    unsigned char *bytes = memory_try_resize(set->bytes, HEAD + (count + 1) * width);
    if (bytes == NULL)
        return false;
    set->bytes = bytes;
    if (width == old) {
        unsigned char *at = bytes + HEAD + index * width;
        memmove(at + width, at, (count - index) * width);
    } else { /* wider ones take the place of all: from the last on, none is overwritten unread */
        for (size_t i = count; i > 0; i--)
            put(bytes, width, i - 1 + (i > index), get(bytes, old, i - 1));
    }
    put(bytes, width, index, value);
    set_head(bytes, width, count + 1);
    return true;
}

void intset_remove_at(struct intset *set, size_t index)
{
    size_t count = intset_count(set), width = width_of(set->bytes);
    unsigned char *at = set->bytes + HEAD + index * width;
    memmove(at, at + width, (count - index - 1) * width);
    set_head(set->bytes, width, count - 1);
    unsigned char *bytes = memory_try_resize(set->bytes, HEAD + (count - 1) * width);
    if (bytes != NULL)
        set->bytes = bytes;
}
