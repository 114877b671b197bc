/* Bytes of the RDB format, put together by hand. */
#ifndef HOLDFAST_TESTS_RDB_BYTES_H
#define HOLDFAST_TESTS_RDB_BYTES_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* A ziplist (its count says that it is not known), a listpack of elements as they are encoded. */
void rdb_bytes_add_ziplist(struct buffer *out, struct slice elements);
void rdb_bytes_add_listpack(struct buffer *out, struct slice elements, uint16_t count);

/* A length of one byte (below 64) and the bytes. */
void rdb_bytes_add_text(struct buffer *out, struct slice text);

#endif
