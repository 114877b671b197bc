/* Sorted sets: members with scores, in order of score and, where scores are equal, of their bytes.
 *
 * Small ones are one listpack of members and scores in order, as Redis has it; large ones a packed
 * table from members to scores, and an ordered tree of both. NaN is no score. Borrowed members are
 * valid until the next change. One thread. */
#ifndef HOLDFAST_VALUES_ZSET_H
#define HOLDFAST_VALUES_ZSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/number.h"
#include "base/slice.h"
#include "values/listpack.h"
#include "values/ordered_tree.h"
#include "values/value.h"
#include "values/value_settings.h"

struct zset;

extern const struct value_kind zset_kind;

struct zset *zset_create(void);
void zset_destroy(struct zset *zset); /* all of it now */

/* Takes over a listpack that listpack_is_valid has accepted: pairs in order, no member twice.
 * Becomes large if the limits say so. ERROR_SYNTAX: it is not that; ERROR_OUT_OF_MEMORY; it is
 * still the caller's then, nothing is made. */
WARN_UNUSED enum error zset_of_listpack(struct listpack pack, const struct value_settings *settings,
                                        struct zset **made);
/* Its listpack; bytes NULL: it is large. */
const struct listpack *zset_listpack(const struct zset *zset);

size_t zset_length(const struct zset *zset);
/* False: there is no such member. */
bool zset_score(const struct zset *zset, struct slice member, double *score);

enum zset_result { ZSET_ADDED, ZSET_CHANGED, ZSET_SAME, ZSET_OUT_OF_MEMORY };
enum zset_result zset_set(struct zset *zset, const struct value_settings *settings,
                          struct slice member, double score);
bool zset_remove(struct zset *zset, struct slice member);
/* Removes `count` members from this rank on. */
void zset_remove_range(struct zset *zset, size_t rank, size_t count);

/* How many members stand before `bound`: the rank of the first behind it. */
size_t zset_count_before(const struct zset *zset, const struct ordered_bound *bound);
bool zset_rank(const struct zset *zset, struct slice member, size_t *rank, double *score);

/* A member in its place. */
struct zset_cursor {
    const struct zset *zset;
    size_t at; /* in the listpack */
    struct ordered_cursor place;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
};
/* False: there is no such rank. */
bool zset_seek(const struct zset *zset, size_t rank, struct zset_cursor *cursor);
/* The member it stands at; valid until the cursor moves. */
struct slice zset_cursor_get(struct zset_cursor *cursor, double *score);
/* False: that was the last (the first). */
bool zset_cursor_next(struct zset_cursor *cursor);
bool zset_cursor_previous(struct zset_cursor *cursor);

/* See packed_table_scan; small sets are visited as a whole. */
uint64_t zset_scan(const struct zset *zset, uint64_t cursor,
                   void (*visit)(void *context, struct slice member, double score), void *context);

/* Aborts unless both structures agree. For tests. */
void zset_check(const struct zset *zset);

#endif
