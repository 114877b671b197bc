/* Streams out of the RDB format: blocks one by one, then everything else at once. For
 * rdb_value_reader. */
#ifndef HOLDFAST_PERSIST_RDB_STREAM_READER_H
#define HOLDFAST_PERSIST_RDB_STREAM_READER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "persist/rdb_cursor.h"
#include "values/stream.h"

/* False: the cursor says why; nothing has changed. */
bool rdb_stream_read_block(struct stream *stream, struct rdb_cursor *cursor,
                           struct buffer *scratch);
/* IDs, groups, what is pending. If the cursor is short it is read again from its beginning. */
bool rdb_stream_read_tail(struct stream *stream, struct rdb_cursor *cursor, unsigned char rdb_type,
                          struct buffer *scratch);

#endif
