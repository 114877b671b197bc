/* Sets. Small ones of integers are an intset, other small ones a listpack, as Redis has them; large
 * ones a packed table. Borrowed members are valid until the next change. One thread. */
#ifndef HOLDFAST_VALUES_SET_H
#define HOLDFAST_VALUES_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/number.h"
#include "base/slice.h"
#include "values/intset.h"
#include "values/listpack.h"
#include "values/packed_table.h"
#include "values/value.h"
#include "values/value_settings.h"

struct set;

extern const struct value_kind set_kind;

struct set *set_create(void);
void set_destroy(struct set *set);

/* Take over blocks that intset_is_valid or listpack_is_valid have accepted. Both become large if
 * the limits say so. The second may fail: ERROR_SYNTAX, a member stands there twice;
 * ERROR_OUT_OF_MEMORY; the block is still the caller's then, nothing is made. */
struct set *set_of_intset(struct intset integers, const struct value_settings *settings);
WARN_UNUSED enum error set_of_listpack(struct listpack pack, const struct value_settings *settings,
                                       struct set **made);
/* What it is made of; bytes NULL: not of that. */
const struct intset *set_intset(const struct set *set);
const struct listpack *set_listpack(const struct set *set);

size_t set_length(const struct set *set);
bool set_has(const struct set *set, struct slice member);

enum set_result { SET_ADDED, SET_THERE, SET_OUT_OF_MEMORY };
enum set_result set_add(struct set *set, const struct value_settings *settings,
                        struct slice member);
/* `member` may be the set's own bytes. */
bool set_remove(struct set *set, struct slice member);

/* All members. All zero is the start; the set must not change between two calls. */
struct set_cursor {
    size_t at; /* index, or position + 1 */
    struct packed_cursor place;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
};
/* False: there are no more. The member is valid until the cursor moves. */
bool set_next(const struct set *set, struct set_cursor *cursor, struct slice *member);

/* See packed_table_scan; small sets are visited as a whole. */
uint64_t set_scan(const struct set *set, uint64_t cursor,
                  void (*visit)(void *context, struct slice member), void *context);

/* A member chosen evenly by `random`; false: try again with other bits. `scratch` is for integers
 * (NUMBER_INTEGER_TEXT_MAX bytes). */
bool set_pick(const struct set *set, uint64_t random, char *scratch, struct slice *member);

void set_check(const struct set *set);

#endif
