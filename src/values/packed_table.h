/* A hash table of byte strings with values, packed: what large hashes and sets are.
 *
 * Extendible hashing (Fagin et al., 1979), as the table of keys: a directory names pages by the
 * first bits of a keyed hash; a page that is full is split in two, so there is never a second
 * table, and the order of pages is hash order. Small neighbours become one page again. A page is
 * one block: tags (a byte of each hash), offsets, and the elements' bytes one behind the other, so
 * that an element takes its own bytes and about six more. Elements of more than PACKED_ELEMENT_MAX
 * bytes stand in blocks of their own.
 *
 * Borrowed slices are valid until the next change of the table. Scan cursors are positions in hash
 * order: they stay exact whatever splits in between. Two tables of one seed are visited in the same
 * order. One thread. */
#ifndef HOLDFAST_VALUES_PACKED_TABLE_H
#define HOLDFAST_VALUES_PACKED_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/slice.h"

struct packed_page;
struct value_fetch;
struct value_walk;

#define PACKED_ELEMENT_MAX 512  /* bytes of key and value that stand in a page */
#define PACKED_POSITION_BITS 48 /* of a hash that a cursor holds */

struct packed_table {
    struct packed_page **directory; /* NULL while nothing was ever put in; 1 << depth */
    uint8_t depth;
    uint8_t epoch; /* of walks: value_walk.h */
    uint8_t walks_unfinished;
    size_t deepest; /* pages that one word alone names: none left, the directory halves */
    size_t count;   /* elements */
    size_t memory;  /* bytes of directory, pages, blocks */
    size_t drained; /* by free_some: directory words whose pages are gone */
    struct hash_seed seed;
    struct value_walk *walk; /* NULL: none */
};

struct packed_element {
    struct slice key, value;
};

void packed_table_init(struct packed_table *table, const struct hash_seed *seed);
void packed_table_deinit(struct packed_table *table); /* frees everything now */
/* Frees a few pages; true: nothing is left. Then the table must not be used any more. */
bool packed_table_free_some(struct packed_table *table);
/* A copy in `to`, which must not be initialized. False: memory is out, nothing is left in `to`. */
bool packed_table_copy(const struct packed_table *table, struct packed_table *to);

uint64_t packed_table_hash(const struct packed_table *table, struct slice key);

/* Begins to fetch what the next step of finding fetch->member reads, from step 0 on (the table
 * itself has been fetched); false: that was the last. See value_fetch.h. */
bool packed_table_fetch(const struct packed_table *table, struct value_fetch *fetch, unsigned step);

bool packed_table_has(const struct packed_table *table, struct slice key);
/* False: it is not there. */
bool packed_table_find(const struct packed_table *table, struct slice key, struct slice *value);

enum packed_result { PACKED_ADDED, PACKED_REPLACED, PACKED_OUT_OF_MEMORY };
/* `value` may be a slice of another element of the table only if it is copied before. */
enum packed_result packed_table_set(struct packed_table *table, struct slice key,
                                    struct slice value);
/* PACKED_REPLACED: it was there, nothing has changed. */
enum packed_result packed_table_add(struct packed_table *table, struct slice key);
bool packed_table_remove(struct packed_table *table, struct slice key);

/* All elements, in hash order by page. All zero is the start; the table must not change between
 * two calls. False: there are no more. */
struct packed_cursor {
    size_t word; /* of the directory */
    unsigned slot;
};
bool packed_table_next(const struct packed_table *table, struct packed_cursor *cursor,
                       struct packed_element *element);

/* The elements of one page from `cursor` on; returns the cursor behind it, 0 at the end. Whoever
 * is there from the first call to the last is visited exactly once. `visit` changes nothing. */
uint64_t packed_table_scan(const struct packed_table *table, uint64_t cursor,
                           void (*visit)(void *context, const struct packed_element *element),
                           void *context);

/* An element chosen evenly, or false: then try again with other random bits (about 2 tries on
 * average while the table is not empty). */
bool packed_table_pick(const struct packed_table *table, uint64_t random,
                       struct packed_element *element);

/* See value_kind. The count of parts is the count of elements. */
void packed_table_walk_begin(struct packed_table *table, struct value_walk *walk);
bool packed_table_walk_step(struct packed_table *table);
void packed_table_walk_end(struct packed_table *table);
/* What belongs to this element elsewhere is about to change: the walk takes it as it was. */
void packed_table_leave_to_walk(struct packed_table *table, struct slice key);

/* Aborts unless everything can be found and all counts hold. O(n), for tests. */
void packed_table_check(const struct packed_table *table);

#endif
