/* Lists: a chain of packed blocks (listpacks), as Redis's quicklist, so that both ends are at hand
 * and a block goes to disk as it is. An element that is too large for a block stands alone in a
 * plain one.
 *
 * While a walk goes on, a block that it has not seen leaves a ghost in the chain when it changes:
 * its old bytes in its old place. Nothing but the walk sees ghosts; it frees them. One thread. */
#ifndef HOLDFAST_VALUES_LIST_H
#define HOLDFAST_VALUES_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "values/listpack.h"
#include "values/value.h"
#include "values/value_settings.h"

struct list_value;
struct list_block;

extern const struct value_kind list_kind;

enum list_end { LIST_HEAD, LIST_TAIL };

struct list_value *list_value_create(void);
void list_value_destroy(struct list_value *list);

size_t list_value_length(const struct list_value *list); /* elements */
size_t list_value_blocks(const struct list_value *list);

/* False: memory is out, nothing has changed. */
bool list_value_push(struct list_value *list, const struct value_limits *limits, enum list_end end,
                     struct slice text);

/* An element in its place. */
struct list_cursor {
    struct list_value *list;
    struct list_block *block; /* NULL: none */
    size_t at;                /* in its listpack */
};

/* Negative: from the end. False: there is no such element. */
bool list_value_seek(struct list_value *list, int64_t index, struct list_cursor *cursor);
/* `scratch` (NUMBER_INTEGER_TEXT_MAX bytes) is for integers. Valid until the next change. */
struct slice list_cursor_get(const struct list_cursor *cursor, char *scratch);
bool list_cursor_equals(const struct list_cursor *cursor, struct slice text);
/* False: that was the last one (the first). */
bool list_cursor_next(struct list_cursor *cursor);
bool list_cursor_previous(struct list_cursor *cursor);

/* Before or behind the element at the cursor, which is of no use afterwards. False: memory is out.
 */
bool list_cursor_insert(struct list_cursor *cursor, const struct value_limits *limits,
                        struct slice text, bool behind);
bool list_cursor_replace(struct list_cursor *cursor, const struct value_limits *limits,
                         struct slice text);
/* The cursor goes on to the next element, or `backward` to the previous one; false: there is none.
 */
bool list_cursor_remove(struct list_cursor *cursor, bool backward);

/* Removes `count` elements from `index` (not negative) on, as far as there are. */
void list_value_remove_range(struct list_value *list, size_t index, size_t count);

/* --- blocks, for who loads and saves --- */

/* Takes over a listpack that is not empty and that listpack_is_valid has accepted. */
void list_value_append_block(struct list_value *list, struct listpack pack);
/* A plain block with a copy of `text`. False: memory is out. */
bool list_value_append_plain(struct list_value *list, struct slice text);
/* All blocks: `block` NULL is the start; returns NULL at the end. */
const struct list_block *list_value_next_block(const struct list_value *list,
                                               const struct list_block *block);
/* The listpack's bytes, or (plain) the element. */
struct slice list_block_bytes(const struct list_block *block, bool *is_plain);

void list_value_check(const struct list_value *list);

#endif
