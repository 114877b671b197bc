/* Hashes: fields with values, and for single fields a deadline.
 *
 * Small ones are one listpack of fields and values, as Redis has it; large ones a packed table.
 * Deadlines stand beside either, in a sorted set of fields (deadlines are exact in a double), so
 * that a hash without them pays nothing and the next one due is at hand. Who owns a hash sees to
 * it that fields go when they are due: until then they are there. Where too many are due to take
 * them out at once, it hides them (hash_hide_due): for all who read or change fields they are gone
 * then, and only what says so below still knows them. Borrowed slices are valid until the next
 * change. One thread. */
#ifndef HOLDFAST_VALUES_HASH_H
#define HOLDFAST_VALUES_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/number.h"
#include "base/slice.h"
#include "values/listpack.h"
#include "values/packed_table.h"
#include "values/value.h"
#include "values/value_settings.h"

#define HASH_NO_DEADLINE INT64_C(-1)
#define HASH_DEADLINE_MAX (INT64_C(1) << 46) /* milliseconds since 1970; Redis's limit, too */
/* Of more fields with deadlines it is found fast whether one is hidden. */
#define HASH_PACKED_DEADLINES_MAX 128

struct hash;

extern const struct value_kind hash_kind;

struct hash *hash_create(void);
void hash_destroy(struct hash *hash);

/* Takes over a listpack that listpack_is_valid has accepted. ERROR_SYNTAX: it is no row of pairs
 * with different fields; ERROR_OUT_OF_MEMORY; it is still the caller's then, nothing is made. */
WARN_UNUSED enum error hash_of_listpack(struct listpack pack, const struct value_settings *settings,
                                        struct hash **made);
/* Its listpack; bytes NULL: it is a table. */
const struct listpack *hash_listpack(const struct hash *hash);

size_t hash_length(const struct hash *hash); /* without hidden ones; O(log n) if there are any */
size_t hash_total(const struct hash *hash);  /* with them: of parts that take memory */

/* `scratch` (NUMBER_INTEGER_TEXT_MAX bytes) is for values that are kept as integers. False: there
 * is no such field. */
bool hash_get(const struct hash *hash, struct slice field, char *scratch, struct slice *value);

enum hash_result { HASH_ADDED, HASH_CHANGED, HASH_OUT_OF_MEMORY };
/* Clears the field's deadline unless `keeps_deadline`. A hidden field goes first. */
enum hash_result hash_set(struct hash *hash, const struct value_settings *settings,
                          struct slice field, struct slice value, bool keeps_deadline);
bool hash_remove(struct hash *hash, struct slice field);
bool hash_remove_any(struct hash *hash, struct slice field); /* the same, hidden or not */

/* --- deadlines: of hidden fields, too --- */

/* HASH_NO_DEADLINE: it has none (or there is no such field). */
int64_t hash_deadline_ms(const struct hash *hash, struct slice field);
/* HASH_NO_DEADLINE clears it. The field must be there. False: memory is out. */
bool hash_set_deadline(struct hash *hash, const struct value_settings *settings, struct slice field,
                       int64_t deadline_ms);
/* The earliest; HASH_NO_DEADLINE: no field has one. */
int64_t hash_next_deadline_ms(const struct hash *hash);
size_t hash_count_with_deadline(const struct hash *hash);
/* The field that is due first at `now_ms`; false: none is. `scratch` as above. */
bool hash_first_due(const struct hash *hash, int64_t now_ms, char *scratch, struct slice *field);

/* From now on the fields that are due at `now_ms`, and no others, are hidden. Returns how many that
 * are. O(log n). */
size_t hash_hide_due(struct hash *hash, int64_t now_ms);
bool hash_is_hidden(const struct hash *hash, struct slice field);

/* For the keyspace, which keeps an index of hashes by hash_next_deadline_ms. */
void *hash_keeper(const struct hash *hash);
void hash_set_keeper(struct hash *hash, void *keeper);

/* --- all fields --- */

/* All zero is the start; the hash must not change between two calls. */
struct hash_cursor {
    bool any; /* hidden fields, too: may be set before the start */
    size_t at;
    struct packed_cursor place;
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
};
/* False: there are no more. The slices are valid until the cursor moves. */
bool hash_next(const struct hash *hash, struct hash_cursor *cursor, struct slice *field,
               struct slice *value);

/* See packed_table_scan; small hashes are visited as a whole. Not every call need visit a field. */
uint64_t hash_scan(const struct hash *hash, uint64_t cursor,
                   void (*visit)(void *context, struct slice field, struct slice value),
                   void *context);

/* A field chosen evenly by `random`; false: try again with other bits. Takes longer the more of all
 * fields are hidden: at most a walk over all. */
bool hash_pick(const struct hash *hash, uint64_t random, char scratch[2][NUMBER_INTEGER_TEXT_MAX],
               struct slice *field, struct slice *value);

void hash_check(const struct hash *hash);

#endif
