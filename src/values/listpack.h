/* A row of strings and integers packed into one block: Redis's listpack, byte for byte
 * (https://github.com/antirez/listpack/blob/master/listpack.md), so that it goes to disk and comes
 * from Redis as it is.
 *
 *   total bytes (4, little) | elements (2, 65535: unknown) | element ... | 0xff
 *   element: encoding and bytes | length of that, written backwards (1 to 5)
 *
 * Integers are kept as integers: text in number_parse_int64's form becomes one, and comes back as
 * the same text. A listpack is a memory_* block that its owner passes in by reference, since it
 * moves when it grows. Positions are offsets in bytes, valid until the next change before them;
 * LISTPACK_END is "none". Elements of up to LISTPACK_ELEMENT_MAX bytes, blocks up to
 * LISTPACK_SIZE_MAX: the caller stays below both. Functions that grow return false when memory is
 * out, with everything as before. */
#ifndef HOLDFAST_VALUES_LISTPACK_H
#define HOLDFAST_VALUES_LISTPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/number.h"
#include "base/slice.h"

#define LISTPACK_END SIZE_MAX
#define LISTPACK_EMPTY_SIZE 7                  /* bytes */
#define LISTPACK_SIZE_MAX ((size_t)1 << 30)    /* bytes of a block */
#define LISTPACK_ELEMENT_MAX ((size_t)1 << 29) /* bytes of an element */
#define LISTPACK_OVERHEAD_MAX 11               /* bytes an element takes beside its own */

struct listpack {
    unsigned char *bytes; /* NULL: none */
};

/* An element as it stands: an integer, or bytes inside the block. */
struct listpack_element {
    bool is_integer;
    int64_t integer;
    struct slice text; /* unless is_integer */
};

/* Aborts when memory is out; `size_hint`: bytes to make room for. */
struct listpack listpack_create(size_t size_hint);
/* A copy of bytes that listpack_is_valid has accepted. bytes NULL: memory is out. */
struct listpack listpack_of(struct slice bytes);
struct listpack listpack_copy(const struct listpack *pack); /* bytes NULL: memory is out */
void listpack_free(struct listpack *pack);

/* Untrusted bytes: every header, length and backward length is right, and the count is (or is
 * "unknown"). O(n). */
bool listpack_is_valid(struct slice bytes);

size_t listpack_size(const struct listpack *pack);  /* bytes in use: what goes to disk */
size_t listpack_count(const struct listpack *pack); /* O(1) below 65535 elements */

/* --- moving --- */

size_t listpack_first(const struct listpack *pack);
size_t listpack_last(const struct listpack *pack);
size_t listpack_next(const struct listpack *pack, size_t at);     /* `at` is an element */
size_t listpack_previous(const struct listpack *pack, size_t at); /* LISTPACK_END: the last */
size_t listpack_seek(const struct listpack *pack, int64_t index); /* negative: from the end */

/* --- reading --- */

struct listpack_element listpack_get(const struct listpack *pack, size_t at);
/* The element as text; `scratch` (NUMBER_INTEGER_TEXT_MAX bytes) is for integers. */
struct slice listpack_text(const struct listpack *pack, size_t at, char *scratch);
bool listpack_equals(const struct listpack *pack, size_t at, struct slice text);
/* The first element from `at` on that is `text`, looking at one and skipping `skip`; LISTPACK_END:
 * there is none. */
size_t listpack_find(const struct listpack *pack, size_t at, struct slice text, size_t skip);

/* --- changing: `at` as returned is where the element now stands --- */

bool listpack_append(struct listpack *pack, struct slice text);
/* Before the element at *at (LISTPACK_END: at the end); *at is the new element then. */
bool listpack_insert(struct listpack *pack, size_t *at, struct slice text);
bool listpack_replace(struct listpack *pack, size_t *at, struct slice text);
/* The same for integers, without a detour by text. */
bool listpack_append_integer(struct listpack *pack, int64_t value);
bool listpack_insert_integer(struct listpack *pack, size_t *at, int64_t value);
bool listpack_replace_integer(struct listpack *pack, size_t *at, int64_t value);
/* Removes `count` elements (at most all that follow); returns where the next one now stands. Gives
 * memory back when much is free. */
size_t listpack_remove(struct listpack *pack, size_t at, size_t count);

/* --- a gap in front ---
 *
 * An owner that often prepends keeps `*gap` free bytes of the block before the listpack, 0 at
 * first, so that a prepend moves nothing. While it is not 0, `bytes` is not where the block begins:
 * but for these only functions that read may be called then. */

/* Puts `text` before all others, amortised O(1): opens the gap, and widens it by an eighth of the
 * block when it is used up, as long as that takes at most `size_max` bytes. */
bool listpack_push_front(struct listpack *pack, uint16_t *gap, size_t size_max, struct slice text);
/* As listpack_remove: the gap stays, unless most of the block is free. */
size_t listpack_cut(struct listpack *pack, uint16_t *gap, size_t at, size_t count);
/* Moves the listpack to where its block begins; then everything may be called. */
void listpack_close_gap(struct listpack *pack, uint16_t *gap);

/* Bytes that `text` would take as an element. */
size_t listpack_element_size(struct slice text);
/* Bytes of the block, allocator rounding included. */
size_t listpack_memory(const struct listpack *pack);

#endif
