/* One packed block of a stream: Redis's listpack of entries, byte for byte.
 *
 *   master entry: entries | deleted ones | fields | field ... | 0
 *   entry: flags | ms and sequence, less those of the block's ID | (unless its fields are the
 *   master's: their number,) fields and values, or values alone | elements of it so far
 *
 * A block that stream_block_is_valid has accepted can be read without further checks. */
#ifndef HOLDFAST_VALUES_STREAM_BLOCK_H
#define HOLDFAST_VALUES_STREAM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "values/listpack.h"
#include "values/stream_id.h"

/* An entry where it stands. */
struct stream_entry {
    struct stream_id id;
    bool is_deleted, has_master_fields;
    size_t fields;     /* pairs */
    size_t flags_at;   /* where it begins */
    size_t content_at; /* its first field or value */
    size_t end;        /* of it: where the next one's flags stand, or LISTPACK_END */
};

/* A block for entries with these fields; no entry yet. bytes NULL: memory is out. */
struct listpack stream_block_create(const struct slice *pairs, size_t count);
/* Adds an entry behind the last. False: memory is out, nothing has changed. */
bool stream_block_append(struct listpack *block, struct stream_id block_id, struct stream_id id,
                         const struct slice *pairs, size_t count);

/* Entries, deleted ones left out or alone. */
size_t stream_block_count(const struct listpack *block);
size_t stream_block_deleted(const struct listpack *block);
/* Marks the entry as deleted. */
void stream_block_delete(struct listpack *block, const struct stream_entry *entry);

/* The first entry, the next; deleted ones among them. False: there is none. */
bool stream_block_first(const struct listpack *block, struct stream_id block_id,
                        struct stream_entry *entry);
bool stream_block_next(const struct listpack *block, struct stream_id block_id,
                       struct stream_entry *entry);
bool stream_block_last(const struct listpack *block, struct stream_id block_id,
                       struct stream_entry *entry);
bool stream_block_previous(const struct listpack *block, struct stream_id block_id,
                           struct stream_entry *entry);

/* Calls `take` with each field and value; slices are valid for the call. */
void stream_block_visit(const struct listpack *block, const struct stream_entry *entry,
                        void (*take)(void *context, struct slice field, struct slice value),
                        void *context);

/* Untrusted: a valid listpack in the form above, IDs ascending from the block's own on, counts
 * right. */
bool stream_block_is_valid(const struct listpack *block, struct stream_id block_id);

#endif
