/* Who adds to a stream, and what they lately added: a message that comes a second time is known by
 * the ID it has already (Redis 8.6's IDMP). A producer names itself (pid) and each of its messages
 * (iid).
 *
 * What is remembered is forgotten when it is older than `duration_s`, by the time in its ID, or one
 * of more than `records_max` of its producer. A packed table finds a message; two ordered trees
 * know the oldest of all and the oldest of a producer. One thread. */
#ifndef HOLDFAST_VALUES_STREAM_PRODUCERS_H
#define HOLDFAST_VALUES_STREAM_PRODUCERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "values/ordered_tree.h"
#include "values/packed_table.h"
#include "values/stream_id.h"

#define STREAM_PRODUCERS_DURATION_MAX 86400 /* seconds */
#define STREAM_PRODUCERS_RECORDS_MAX 10000

struct stream_producers {
    uint64_t duration_s, records_max; /* at least 1 */
    uint64_t added, duplicates;       /* messages, since the stream is in memory */
    struct packed_table messages;     /* producer and message to ID */
    struct packed_table counts;       /* producer to number of its messages */
    struct ordered_tree by_time;      /* ID, producer, message */
    struct ordered_tree by_producer;  /* producer, ID, message */
    struct buffer scratch;
};

struct stream_producers *stream_producers_create(const struct hash_seed *seed, uint64_t duration_s,
                                                 uint64_t records_max);
/* Frees a part; true: nothing is left. */
bool stream_producers_free_some(struct stream_producers *producers);
void stream_producers_destroy(struct stream_producers *producers); /* all of it now */
struct stream_producers *stream_producers_copy(const struct stream_producers *producers);

/* The ID a message has; false: it is new, or too old to be known. */
bool stream_producers_find(struct stream_producers *producers, struct slice producer,
                           struct slice message, int64_t now_ms, struct stream_id *id);
/* False: memory is out, it is not remembered. */
bool stream_producers_record(struct stream_producers *producers, struct slice producer,
                             struct slice message, struct stream_id id, int64_t now_ms);
/* Forgets all messages. */
void stream_producers_clear(struct stream_producers *producers);

size_t stream_producers_count(const struct stream_producers *producers);
size_t stream_producers_messages(const struct stream_producers *producers);
size_t stream_producers_memory(const struct stream_producers *producers); /* bytes */

/* All messages, the oldest first: `at` from ordered_tree_seek(&producers->by_time, 0) on. */
void stream_producers_get(const struct ordered_cursor *at, struct slice *producer,
                          struct slice *message, struct stream_id *id);

/* Aborts unless all four agree. For tests. */
void stream_producers_check(struct stream_producers *producers);

#endif
