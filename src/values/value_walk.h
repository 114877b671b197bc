/* A look at a large collection as it was at one moment, taken in pieces while it goes on changing:
 * what a snapshot needs of a value that is too large for one turn of the loop.
 *
 * A collection that is walked holds a pointer to its walk. Before it changes or frees a part (a
 * field, a member, a block of a list) that the walk has not handed out, it hands it out first
 * (walk->take); parts that come in meanwhile are born seen. A few bits per part tell them apart:
 * the epoch in which it was seen last. The collection's epoch moves on with every walk, so nothing
 * is cleaned up between two. So every part that was there when the walk began is handed out exactly
 * once, as it was, and nothing else is. Where the order of parts matters (lists), it is the order
 * they had. One thread, one walk at a time for a collection. */
#ifndef HOLDFAST_VALUES_VALUE_WALK_H
#define HOLDFAST_VALUES_VALUE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define VALUE_NO_DEADLINE INT64_C(-1)

/* Epochs wrap: after so many walks in a row that did not end, parts must be brought up to date. */
#define VALUE_EPOCHS 16
#define VALUE_EPOCH_NEXT(epoch) ((uint8_t)(((epoch) + 1) % VALUE_EPOCHS))

/* Collections with more parts are walked; smaller ones are encoded at once. */
#define VALUE_WALK_PARTS_MIN 512
/* About how many parts (of lists and streams: a tenth of that) one step hands out. */
#define VALUE_WALK_STEP 64

/* By type: hash: a field with its value and deadline; set: a member; zset: a member and its score;
 * list: a block, or (is_plain) one large element; stream: a block and its first ID. Borrowed for
 * the call. */
struct value_part {
    struct slice key;   /* field, member; stream: the ID, 16 bytes, high byte first; list: none */
    struct slice value; /* hash: its value; list, stream: a listpack; list with is_plain: bytes */
    double score;
    int64_t deadline_ms; /* VALUE_NO_DEADLINE: none */
    bool is_plain;
};

/* Embedded by whoever wants the walk, who fills in the first two and otherwise only reads. */
struct value_walk {
    void *context;
    void (*take)(void *context, const struct value_part *part);
    size_t parts;    /* there when it began: how many will be handed out */
    uint64_t cursor; /* the collection's own */
    void *position;  /* likewise */
};

#endif
