/* What the producers of a stream lately added (values/stream_producers.h), in an RDB file: an
 * auxiliary field behind the stream, because Redis passes over those it does not know.
 *
 *   auxiliary "holdfast-producers", a string of: key | seconds | messages kept of a producer |
 *   number of messages | producer, message, ID (16 bytes) ... */
#ifndef HOLDFAST_PERSIST_RDB_PRODUCERS_H
#define HOLDFAST_PERSIST_RDB_PRODUCERS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "persist/rdb_cursor.h"

struct database;
struct entry;
struct keyspace;

#define RDB_PRODUCERS_FIELD "holdfast-producers"

/* Nothing unless `entry` is a stream whose producers named themselves. ERROR_OUT_OF_MEMORY leaves
 * `out` as it was. */
WARN_UNUSED enum error rdb_producers_write(struct buffer *out, const struct entry *entry);

/* The field's text. A key that is not there (it is late) is no error. False: it is bad, or memory
 * is out (*why). */
bool rdb_producers_read(struct keyspace *keyspace, struct database *database, struct slice text,
                        const char **why);

#endif
