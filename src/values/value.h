/* What can be done with any value that is not a string, whatever its type: the keyspace and the
 * commands that concern every type (OBJECT, COPY, UNLINK ...) know collections through this alone.
 *
 * A collection is a block of its type's own (struct list, struct hash ...) that the entry of its
 * key points to. Each type's file has its row; value.c has the table of rows. One thread, but
 * free_some, which any thread may call on a value that nobody else knows any more. */
#ifndef HOLDFAST_VALUES_VALUE_H
#define HOLDFAST_VALUES_VALUE_H

#include <stdbool.h>
#include <stddef.h>

struct value_fetch;
struct value_walk;

/* In 4 bits. */
enum value_type { TYPE_STRING, TYPE_LIST, TYPE_SET, TYPE_ZSET, TYPE_HASH, TYPE_STREAM, TYPE_COUNT };

/* Values with more elements are freed in steps, off the loop. */
#define VALUE_FREE_AT_ONCE_MAX 64 /* elements */
/* About how many elements free_some frees in a call. */
#define VALUE_FREE_STEP 256

struct value_kind {
    const char *name; /* "list": what TYPE answers */
    /* Elements, fields (hidden ones, too), members or entries: O(1). Never 0 in the keyspace but
     * for streams. */
    size_t (*length)(const void *value);
    const char *(*encoding)(const void *value); /* what OBJECT ENCODING answers: "listpack" */
    /* Bytes it holds, allocator rounding included; of large ones a guess from `samples` elements
     * (0: all are looked at). */
    size_t (*memory)(const void *value, size_t samples);
    /* NULL when memory is out. */
    void *(*copy)(const void *value);
    /* Frees a bounded part; true: nothing is left, `value` is gone. */
    bool (*free_some)(void *value);

    /* Begins to fetch what the next step of a look at fetch->member reads; false: nothing is left
     * to fetch (value_fetch.h). NULL: values of this type have no members to look at. */
    bool (*fetch)(struct value_fetch *fetch);

    /* Large values in pieces (value_walk.h). Begin: fills in walk->parts and is true if `value` is
     * large; false: nothing has happened, it is to be looked at as a whole. Step: hands out some
     * parts; false: all have been. End: the walk is over (also before it was through); the value
     * forgets it. All three NULL: values of this type are never large. */
    bool (*walk_begin)(void *value, struct value_walk *walk);
    bool (*walk_step)(void *value, struct value_walk *walk);
    void (*walk_end)(void *value, struct value_walk *walk);
};

/* Not for TYPE_STRING. */
const struct value_kind *value_kind(enum value_type type);

/* Frees all of it now. */
void value_free(enum value_type type, void *value);

#endif
