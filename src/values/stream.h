/* Streams: entries of fields and values by ascending ID, and groups of consumers that read them.
 *
 * Entries stand in packed blocks (stream_block.h), which a sorted row finds by their first ID: new
 * ones come at its end, old ones go at its front, both without moving the rest. One thread. */
#ifndef HOLDFAST_VALUES_STREAM_H
#define HOLDFAST_VALUES_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "values/pending_list.h"
#include "values/stream_block.h"
#include "values/stream_id.h"
#include "values/value.h"
#include "values/value_settings.h"

#define STREAM_READ_UNKNOWN INT64_C(-1) /* how many entries a group has read */

extern const struct value_kind stream_kind;

struct stream_producers;

struct stream_consumer {
    struct slice name;           /* its own */
    int64_t seen_ms;             /* last asked for anything, since 1970 */
    int64_t active_ms;           /* last got something; -1: never */
    struct ordered_tree pending; /* IDs */
};

struct stream_group {
    struct slice name; /* its own */
    struct stream_id last_id;
    int64_t entries_read; /* or STREAM_READ_UNKNOWN */
    struct pending_list pending;
    struct stream_consumer **consumers; /* by name */
    size_t consumer_count;
};

/* What commands read and XSETID writes. */
struct stream {
    size_t length; /* entries */
    struct stream_id first_id, last_id, max_deleted_id;
    uint64_t entries_added;
    struct stream_group **groups; /* by name */
    size_t group_count;
    struct stream_producers *producers; /* NULL: none ever named itself */
    struct stream_blocks *blocks;
    struct hash_seed seed;
};

struct stream *stream_create(const struct value_settings *settings);
void stream_destroy(struct stream *stream);

/* --- entries --- */

/* Whether a block can hold an entry of these fields and values: a gibibyte, and half of it of one
 * of them. Others cannot be added. */
bool stream_entry_fits(const struct slice *pairs, size_t count);
/* `id` is above last_id. False: memory is out, nothing has changed. */
bool stream_append(struct stream *stream, const struct value_limits *limits, struct stream_id id,
                   const struct slice *pairs, size_t count);
/* False: there is no such entry. */
bool stream_delete(struct stream *stream, struct stream_id id);
bool stream_has(struct stream *stream, struct stream_id id);

struct stream_trim {
    bool by_id, approximate;
    uint64_t length_max; /* unless by_id */
    struct stream_id min_id;
    uint64_t limit; /* entries looked at with `approximate`; 0: no limit */
};
/* Returns how many entries went. What is trimmed does not count as deleted, as in Redis. */
uint64_t stream_trim(struct stream *stream, const struct stream_trim *trim);

/* How many entries were ever added up to `id`, if that is known, else STREAM_READ_UNKNOWN. */
int64_t stream_count_up_to(struct stream *stream, struct stream_id id);
/* True if an entry between these (both counted) was deleted. */
bool stream_range_has_deleted(const struct stream *stream, struct stream_id from,
                              struct stream_id to);

/* Entries from `start` to `end`, or the other way round. */
struct stream_cursor {
    struct stream *stream;
    struct stream_id start, end;
    bool reverse, begun;
    size_t block;
    struct stream_entry entry; /* where it stands */
};
void stream_seek(struct stream *stream, struct stream_id start, struct stream_id end, bool reverse,
                 struct stream_cursor *cursor);
/* False: there are no more. */
bool stream_next(struct stream_cursor *cursor);
void stream_visit(const struct stream_cursor *cursor,
                  void (*take)(void *context, struct slice field, struct slice value),
                  void *context);

/* --- groups --- */

struct stream_group *stream_find_group(const struct stream *stream, struct slice name);
/* The name must be new. */
struct stream_group *stream_add_group(struct stream *stream, struct slice name,
                                      struct stream_id last_id, int64_t entries_read);
void stream_remove_group(struct stream *stream, struct stream_group *group);

struct stream_consumer *stream_find_consumer(const struct stream_group *group, struct slice name);
struct stream_consumer *stream_add_consumer(struct stream_group *group, struct slice name,
                                            int64_t now_ms);
void stream_remove_consumer(struct stream_group *group, struct stream_consumer *consumer);

/* The entry is pending for this consumer from now on, whoever had it before. */
void stream_set_pending(struct stream_group *group, struct stream_id id,
                        const struct pending *pending);
bool stream_remove_pending(struct stream_group *group, struct stream_id id);

/* --- blocks, for who loads and saves --- */

size_t stream_block_total(const struct stream *stream);
const struct listpack *stream_get_block(const struct stream *stream, size_t index,
                                        struct stream_id *id);
/* Takes over a block that stream_block_is_valid has accepted. False: its ID is there already, or
 * not above what is there: it is the caller's. Length and IDs are the caller's to set. */
bool stream_add_block(struct stream *stream, struct stream_id id, struct listpack block);
/* Whether the entries of each block lie below the ID of the next, and none above last_id; deleted
 * ones do not count. What cannot be said of blocks that were added must not be used. */
bool stream_is_in_order(const struct stream *stream);

void stream_check(struct stream *stream);

#endif
