/* Values in the RDB format, as Redis 7.0 writes and loads them: whole, or in the pieces that a
 * value_walk hands out.
 *
 *   string 0 | list 18: blocks | set 2: members, 11: an intset | sorted set 5: members and scores,
 *   17: a listpack | hash 4: fields and values, 16: a listpack | hash with deadlines 24: as Redis
 *   7.4 (7.0 does not load it) | stream 19: blocks, IDs, groups
 *
 * Pure. Functions return ERROR_OUT_OF_MEMORY with the buffer as before. */
#ifndef HOLDFAST_PERSIST_RDB_VALUE_WRITER_H
#define HOLDFAST_PERSIST_RDB_VALUE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

struct entry;
struct value_part;

/* The byte that says how the value of `entry` is written. */
unsigned char rdb_value_writer_type(const struct entry *entry);

/* All of it, without that byte. */
WARN_UNUSED enum error rdb_write_value(struct buffer *out, const struct entry *entry,
                                       bool compress);

/* In pieces: what stands before the parts, of which there are `parts`. Sets *base_ms, which the
 * parts are then written with. */
WARN_UNUSED enum error rdb_write_value_head(struct buffer *out, const struct entry *entry,
                                            size_t parts, int64_t *base_ms);
WARN_UNUSED enum error rdb_write_value_part(struct buffer *out, unsigned char type,
                                            const struct value_part *part, int64_t base_ms,
                                            bool compress);

/* What stands behind the parts: of a stream its IDs and groups; else nothing. */
WARN_UNUSED enum error rdb_write_value_tail(struct buffer *out, const struct entry *entry);

/* A length, a string: for rdb_writer.c. */
WARN_UNUSED enum error rdb_write_length(struct buffer *out, uint64_t length);
WARN_UNUSED enum error rdb_write_string(struct buffer *out, struct slice text, bool compress);

#endif
