#include "values/listpack.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"

/* First bytes of elements: the bits that tell the kind, the rest belongs to length or value. */
enum {
    STRING_6 = 0x80,   /* 10llllll */
    INTEGER_13 = 0xc0, /* 110xxxxx xxxxxxxx */
    STRING_12 = 0xe0,  /* 1110llll llllllll */
    STRING_32 = 0xf0,  /* then 4 bytes of length, low first */
    INTEGER_16 = 0xf1,
    INTEGER_24 = 0xf2,
    INTEGER_32 = 0xf3,
    INTEGER_64 = 0xf4,
    END_MARK = 0xff,
};

#define HEAD_SIZE 6
#define COUNT_UNKNOWN 65535
#define ENCODED_HEAD_MAX 9 /* bytes before a string's own, or all of an integer */
#define BACK_MAX 5         /* bytes of a backward length */
#define SHRINK_MIN 64      /* bytes: a block that wastes less stays where it is */
#define GAP_SHARE 8        /* a new gap is one of so many parts of the block */

/* --- the block --- */

static uint64_t load_little(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size);
    return value;
}

static void store_little(unsigned char *at, uint64_t value, size_t size)
{
    memcpy(at, &value, size);
}

size_t listpack_size(const struct listpack *pack)
{
    return (size_t)load_little(pack->bytes, 4);
}

static size_t stated_count(const struct listpack *pack)
{
    return (size_t)load_little(pack->bytes + 4, 2);
}

static void set_head(struct listpack *pack, size_t size, size_t count)
{
    store_little(pack->bytes, size, 4);
    store_little(pack->bytes + 4, count < COUNT_UNKNOWN ? count : COUNT_UNKNOWN, 2);
}

struct listpack listpack_create(size_t size_hint)
{
    size_t size = size_hint > LISTPACK_EMPTY_SIZE ? size_hint : LISTPACK_EMPTY_SIZE;
    struct listpack pack = {memory_allocate(size)};
    set_head(&pack, LISTPACK_EMPTY_SIZE, 0);
    pack.bytes[HEAD_SIZE] = END_MARK;
    return pack;
}

struct listpack listpack_of(struct slice bytes)
{
    struct listpack pack = {memory_try_allocate(bytes.length)};
    if (pack.bytes != NULL)
        memcpy(pack.bytes, bytes.data, bytes.length);
    return pack;
}

struct listpack listpack_copy(const struct listpack *pack)
{
    return listpack_of(slice_of((const char *)pack->bytes, listpack_size(pack)));
}

void listpack_free(struct listpack *pack)
{
    memory_free(pack->bytes);
    pack->bytes = NULL;
}

size_t listpack_memory(const struct listpack *pack)
{
    return memory_usable_size(pack->bytes);
}

/* --- decoding --- */

/* Bytes of the element at `at` before its backward length. */
static size_t encoded_size(const unsigned char *at)
{
    if (at[0] < STRING_6)
        return 1;
    if (at[0] < INTEGER_13)
        return 1 + (size_t)(at[0] & 0x3f);
    if (at[0] < STRING_12)
        return 2;
    if (at[0] < STRING_32)
        return 2 + ((size_t)(at[0] & 0x0f) << 8 | at[1]);
    if (at[0] == STRING_32)
        return 5 + (size_t)load_little(at + 1, 4);
    ASSERT(at[0] <= INTEGER_64);
    static const unsigned char sizes[] = {3, 4, 5, 9};
    return sizes[at[0] - INTEGER_16];
}

/* Bytes that the backward length of so many takes: Redis's bounds, to the byte. */
static size_t back_size(size_t length)
{
    return length <= 127        ? 1
           : length < 16383     ? 2
           : length < 2097151   ? 3
           : length < 268435455 ? 4
                                : 5;
}

static void put_back(unsigned char *at, size_t length, size_t size)
{
    if (LIKELY(size == 1)) {
        at[0] = (unsigned char)length;
        return;
    }
    for (size_t i = size; i > 0; i--) {
        at[i - 1] = (unsigned char)((length & 127) | (i > 1 ? 128 : 0));
        length >>= 7;
    }
}

/* The backward length whose last byte is at `at`. */
static size_t get_back(const unsigned char *at, size_t *size)
{
    size_t length = 0;
    for (*size = 0; *size < BACK_MAX; at--) {
        length |= (size_t)(*at & 127) << (7 * (*size)++);
        if (!(*at & 128))
            break;
    }
    return length;
}

struct listpack_element listpack_get(const struct listpack *pack, size_t at)
{
    const unsigned char *p = pack->bytes + at;
    if (p[0] < STRING_6)
        return (struct listpack_element){true, p[0], {NULL, 0}};
    if (p[0] < INTEGER_13)
        return (struct listpack_element){false, 0,
                                         slice_of((const char *)p + 1, (size_t)(p[0] & 0x3f))};
    if (p[0] < STRING_12) {
        int64_t value = (int64_t)((p[0] & 0x1f) << 8 | p[1]);
        return (struct listpack_element){
            true, value < 1 << 12 ? value : value - (1 << 13), {NULL, 0}};
    }
    if (p[0] < STRING_32)
        return (struct listpack_element){
            false, 0, slice_of((const char *)p + 2, (size_t)(p[0] & 0x0f) << 8 | p[1])};
    if (p[0] == STRING_32)
        return (struct listpack_element){
            false, 0, slice_of((const char *)p + 5, (size_t)load_little(p + 1, 4))};
    size_t size = encoded_size(p) - 1;
    unsigned unused = 64 - 8 * (unsigned)size;
    int64_t value = (int64_t)(load_little(p + 1, size) << unused) >> unused;
    return (struct listpack_element){true, value, {NULL, 0}};
}

struct slice listpack_text(const struct listpack *pack, size_t at, char *scratch)
{
    struct listpack_element element = listpack_get(pack, at);
    if (!element.is_integer)
        return element.text;
    return slice_of(scratch, number_format_int64(scratch, element.integer));
}

/* --- moving --- */

size_t listpack_first(const struct listpack *pack)
{
    return pack->bytes[HEAD_SIZE] == END_MARK ? LISTPACK_END : HEAD_SIZE;
}

size_t listpack_next(const struct listpack *pack, size_t at)
{
    size_t size = encoded_size(pack->bytes + at);
    at += size + back_size(size);
    return pack->bytes[at] == END_MARK ? LISTPACK_END : at;
}

size_t listpack_previous(const struct listpack *pack, size_t at)
{
    if (at == LISTPACK_END)
        at = listpack_size(pack) - 1;
    if (at == HEAD_SIZE)
        return LISTPACK_END;
    size_t size, length = get_back(pack->bytes + at - 1, &size);
    return at - size - length;
}

size_t listpack_last(const struct listpack *pack)
{
    return listpack_previous(pack, LISTPACK_END);
}

size_t listpack_count(const struct listpack *pack)
{
    size_t count = stated_count(pack);
    if (LIKELY(count != COUNT_UNKNOWN))
        return count;
    count = 0;
    for (size_t at = listpack_first(pack); at != LISTPACK_END; at = listpack_next(pack, at))
        count++;
    return count;
}

static size_t seek_forward(const struct listpack *pack, size_t steps)
{
    size_t at = listpack_first(pack);
    while (at != LISTPACK_END && steps-- > 0)
        at = listpack_next(pack, at);
    return at;
}

static size_t seek_backward(const struct listpack *pack, size_t steps)
{
    size_t at = listpack_last(pack);
    while (at != LISTPACK_END && steps-- > 0)
        at = listpack_previous(pack, at);
    return at;
}

size_t listpack_seek(const struct listpack *pack, int64_t index)
{
    size_t count = stated_count(pack);
    size_t steps = index >= 0 ? (size_t)index : (size_t)(-(index + 1));
    if (count != COUNT_UNKNOWN) {
        if (steps >= count)
            return LISTPACK_END;
        if (steps > count / 2) { /* the other end is nearer */
            steps = count - 1 - steps;
            index = -index - 1;
        }
    }
    return index >= 0 ? seek_forward(pack, steps) : seek_backward(pack, steps);
}

/* --- comparing --- */

bool listpack_equals(const struct listpack *pack, size_t at, struct slice text)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    return slice_equals(listpack_text(pack, at, scratch), text);
}

/* Nearly all text that is no number is told by its first byte. */
static bool is_integer(struct slice text, int64_t *value)
{
    if (text.length == 0 || text.length >= NUMBER_INTEGER_TEXT_MAX)
        return false;
    char first = text.data[0];
    return ((first >= '0' && first <= '9') || first == '-') && number_parse_int64(text, value);
}

size_t listpack_find(const struct listpack *pack, size_t at, struct slice text, size_t skip)
{
    int64_t integer = 0;
    bool wants_integer = is_integer(text, &integer);
    size_t skipping = 0;
    for (; at != LISTPACK_END; at = listpack_next(pack, at)) {
        if (skipping > 0) {
            skipping--;
            continue;
        }
        struct listpack_element element = listpack_get(pack, at);
        /* Bytes from elsewhere may hold an integer as text. */
        if (element.is_integer ? wants_integer && element.integer == integer
                               : slice_equals(element.text, text))
            return at;
        skipping = skip;
    }
    return LISTPACK_END;
}

/* --- encoding --- */

/* An element on its way into the block. */
struct encoded {
    unsigned char head[ENCODED_HEAD_MAX];
    size_t head_size;
    struct slice text; /* behind the head; nothing for integers */
};

static void encode_integer(struct encoded *out, int64_t value)
{
    out->text = (struct slice){NULL, 0};
    if (value >= 0 && value <= 127) {
        out->head[0] = (unsigned char)value;
        out->head_size = 1;
    } else if (value >= -4096 && value <= 4095) {
        uint64_t bits = (uint64_t)value & 0x1fff;
        out->head[0] = (unsigned char)(INTEGER_13 | bits >> 8);
        out->head[1] = (unsigned char)bits;
        out->head_size = 2;
    } else {
        static const unsigned char sizes[] = {2, 3, 4, 8};
        unsigned kind = value >= INT16_MIN && value <= INT16_MAX   ? 0
                        : value >= -(1 << 23) && value < 1 << 23   ? 1
                        : value >= INT32_MIN && value <= INT32_MAX ? 2
                                                                   : 3;
        out->head[0] = (unsigned char)(INTEGER_16 + kind);
        store_little(out->head + 1, (uint64_t)value, sizes[kind]);
        out->head_size = 1 + (size_t)sizes[kind];
    }
}

static void encode(struct encoded *out, struct slice text)
{
    int64_t value;
    if (is_integer(text, &value)) {
        encode_integer(out, value);
        return;
    }
    out->text = text;
    if (text.length < 1 << 6) {
        out->head[0] = (unsigned char)(STRING_6 | text.length);
        out->head_size = 1;
    } else if (text.length < 1 << 12) {
        out->head[0] = (unsigned char)(STRING_12 | text.length >> 8);
        out->head[1] = (unsigned char)text.length;
        out->head_size = 2;
    } else {
        ASSERT(text.length <= LISTPACK_ELEMENT_MAX);
        out->head[0] = STRING_32;
        store_little(out->head + 1, text.length, 4);
        out->head_size = 5;
    }
}

static size_t whole_size(const struct encoded *encoded)
{
    size_t size = encoded->head_size + encoded->text.length;
    return size + back_size(size);
}

static void put(unsigned char *at, const struct encoded *encoded)
{
    size_t size = encoded->head_size + encoded->text.length;
    if (LIKELY(encoded->head_size == 1))
        at[0] = encoded->head[0];
    else
        memcpy(at, encoded->head, encoded->head_size);
    if (encoded->text.length > 0)
        memcpy(at + encoded->head_size, encoded->text.data, encoded->text.length);
    put_back(at + size, size, back_size(size));
}

size_t listpack_element_size(struct slice text)
{
    struct encoded encoded;
    encode(&encoded, text);
    return whole_size(&encoded);
}

/* --- changing --- */

/* Room for `size` bytes in all. */
static bool reserve(struct listpack *pack, size_t size)
{
    ASSERT(size <= LISTPACK_SIZE_MAX);
    if (LIKELY(memory_usable_size(pack->bytes) >= size))
        return true;
    unsigned char *bytes = memory_try_resize(pack->bytes, size);
    if (bytes == NULL)
        return false;
    pack->bytes = bytes;
    return true;
}

/* In place of `removed` bytes at `at`, `removed_count` elements: one element, or nothing (NULL). */
static bool splice(struct listpack *pack, size_t at, size_t removed, size_t removed_count,
                   const struct encoded *encoded)
{
    size_t size = listpack_size(pack), added = encoded != NULL ? whole_size(encoded) : 0;
    size_t count = stated_count(pack);
    if (added > removed && !reserve(pack, size - removed + added))
        return false;
    if (added != removed)
        memmove(pack->bytes + at + added, pack->bytes + at + removed, size - at - removed);
    if (encoded != NULL)
        put(pack->bytes + at, encoded);
    if (count != COUNT_UNKNOWN)
        count = count - removed_count + (encoded != NULL);
    set_head(pack, size - removed + added, count);
    return true;
}

/* LISTPACK_END is the place of the end mark. */
static size_t position(const struct listpack *pack, size_t at)
{
    return at == LISTPACK_END ? listpack_size(pack) - 1 : at;
}

static size_t size_at(const struct listpack *pack, size_t at)
{
    size_t size = encoded_size(pack->bytes + at);
    return size + back_size(size);
}

static bool insert_encoded(struct listpack *pack, size_t *at, const struct encoded *encoded)
{
    size_t place = position(pack, *at);
    if (!splice(pack, place, 0, 0, encoded))
        return false;
    *at = place;
    return true;
}

static bool replace_encoded(struct listpack *pack, size_t at, const struct encoded *encoded)
{
    return splice(pack, at, size_at(pack, at), 1, encoded);
}

bool listpack_append(struct listpack *pack, struct slice text)
{
    size_t at = LISTPACK_END;
    return listpack_insert(pack, &at, text);
}

bool listpack_insert(struct listpack *pack, size_t *at, struct slice text)
{
    struct encoded encoded;
    encode(&encoded, text);
    return insert_encoded(pack, at, &encoded);
}

bool listpack_replace(struct listpack *pack, size_t *at, struct slice text)
{
    struct encoded encoded;
    encode(&encoded, text);
    return replace_encoded(pack, *at, &encoded);
}

bool listpack_append_integer(struct listpack *pack, int64_t value)
{
    size_t at = LISTPACK_END;
    return listpack_insert_integer(pack, &at, value);
}

bool listpack_insert_integer(struct listpack *pack, size_t *at, int64_t value)
{
    struct encoded encoded;
    encode_integer(&encoded, value);
    return insert_encoded(pack, at, &encoded);
}

bool listpack_replace_integer(struct listpack *pack, size_t *at, int64_t value)
{
    struct encoded encoded;
    encode_integer(&encoded, value);
    return replace_encoded(pack, *at, &encoded);
}

/* Gives back what is free, if it is a good part of the block. */
static void shrink(struct listpack *pack)
{
    size_t size = listpack_size(pack), usable = memory_usable_size(pack->bytes);
    if (usable < SHRINK_MIN || usable - size < usable / 4)
        return;
    unsigned char *bytes = memory_try_resize(pack->bytes, size);
    if (bytes != NULL)
        pack->bytes = bytes;
}

static void remove_elements(struct listpack *pack, size_t at, size_t count)
{
    size_t removed = 0, removed_count = 0;
    while (removed_count < count && pack->bytes[at + removed] != END_MARK) {
        removed += size_at(pack, at + removed);
        removed_count++;
    }
    (void)splice(pack, at, removed, removed_count, NULL); /* cannot fail: nothing grows */
}

size_t listpack_remove(struct listpack *pack, size_t at, size_t count)
{
    remove_elements(pack, at, count);
    shrink(pack);
    return pack->bytes[at] == END_MARK ? LISTPACK_END : at;
}

/* --- a gap in front --- */

void listpack_close_gap(struct listpack *pack, uint16_t *gap)
{
    if (LIKELY(*gap == 0))
        return;
    unsigned char *block = pack->bytes - *gap;
    memmove(block, pack->bytes, listpack_size(pack));
    pack->bytes = block;
    *gap = 0;
    shrink(pack);
}

size_t listpack_cut(struct listpack *pack, uint16_t *gap, size_t at, size_t count)
{
    remove_elements(pack, at, count);
    size_t usable = memory_usable_size(pack->bytes - *gap);
    if (usable >= SHRINK_MIN && listpack_size(pack) < usable / 2)
        listpack_close_gap(pack, gap);
    return pack->bytes[at] == END_MARK ? LISTPACK_END : at;
}

/* Puts the listpack at the end of its block, or of a larger one if less than `room` bytes are free
 * in that. What is free beyond the widest gap stays behind it. */
static bool open_gap(struct listpack *pack, uint16_t *gap, size_t room, size_t size_max)
{
    size_t size = listpack_size(pack), wanted = size + room + size / GAP_SHARE;
    unsigned char *block = pack->bytes - *gap, *target = block;
    size_t usable = memory_usable_size(block);
    if (usable - size < room) {
        if (wanted > size_max)
            wanted = size_max > size + room ? size_max : size + room;
        target = memory_try_allocate(wanted);
        if (target == NULL)
            return false;
        usable = memory_usable_size(target);
    }
    size_t free = usable - size < UINT16_MAX ? usable - size : UINT16_MAX;
    memmove(target + free, pack->bytes, size);
    if (target != block)
        memory_free(block);
    pack->bytes = target + free;
    *gap = (uint16_t)free;
    return true;
}

bool listpack_push_front(struct listpack *pack, uint16_t *gap, size_t size_max, struct slice text)
{
    struct encoded encoded;
    encode(&encoded, text);
    size_t size = listpack_size(pack), count = stated_count(pack), added = whole_size(&encoded);
    if (UNLIKELY(*gap < added) && !open_gap(pack, gap, added, size_max))
        return false;
    pack->bytes -= added;
    *gap = (uint16_t)(*gap - added);
    put(pack->bytes + HEAD_SIZE, &encoded);
    set_head(pack, size + added, count == COUNT_UNKNOWN ? count : count + 1);
    return true;
}

/* --- untrusted bytes --- */

/* The size of the element at `at` with its backward length; 0: it does not fit before `end`. */
static size_t checked_size(const unsigned char *bytes, size_t at, size_t end)
{
    size_t head = bytes[at] == STRING_32                            ? 5
                  : bytes[at] >= STRING_12 && bytes[at] < STRING_32 ? 2
                                                                    : 1;
    if (bytes[at] > INTEGER_64 || head > end - at)
        return 0;
    size_t size = encoded_size(bytes + at);
    if (size > end - at || back_size(size) > end - at - size)
        return 0;
    size_t stated_size, stated = get_back(bytes + at + size + back_size(size) - 1, &stated_size);
    return stated == size && stated_size == back_size(size) ? size + stated_size : 0;
}

bool listpack_is_valid(struct slice bytes)
{
    const unsigned char *data = (const unsigned char *)bytes.data;
    if (bytes.length < LISTPACK_EMPTY_SIZE || bytes.length > LISTPACK_SIZE_MAX ||
        load_little(data, 4) != bytes.length || data[bytes.length - 1] != END_MARK)
        return false;
    size_t count = 0, end = bytes.length - 1;
    for (size_t at = HEAD_SIZE; at < end; count++) {
        size_t size = checked_size(data, at, end);
        if (size == 0)
            return false;
        at += size;
    }
    size_t stated = (size_t)load_little(data + 4, 2);
    return stated == count || stated == COUNT_UNKNOWN;
}
