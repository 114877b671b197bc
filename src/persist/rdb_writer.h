/* Writes the RDB format: version 10, as Redis 7.0 does, which Redis 7 and Valkey load.
 *
 * Appends to a buffer; whoever writes that to a file keeps the checksum (base/crc64.h). Format:
 * https://rdb.fnordig.de/file_format.html, checked against redis-server 7.0.15. Pure; memory
 * running out aborts nothing: the functions return ERROR_OUT_OF_MEMORY and the buffer is as before.
 */
#ifndef HOLDFAST_PERSIST_RDB_WRITER_H
#define HOLDFAST_PERSIST_RDB_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/crc64.h"
#include "base/error.h"
#include "base/slice.h"

struct entry;

#define RDB_VERSION 10 /* that we write: Redis 7.0's */

/* "REDIS0010" and the auxiliary fields (redis-ver, redis-bits, ctime, used-mem, aof-base). */
void rdb_write_header(struct buffer *out, int64_t now_ms, size_t used_memory, bool aof_base);
/* What follows is of this database. May come any number of times, in any order. */
void rdb_write_database(struct buffer *out, int database);
/* A hint, right behind rdb_write_database: keys, and keys with a deadline. */
void rdb_write_sizes(struct buffer *out, uint64_t keys, uint64_t with_deadline);
/* One key with its deadline and value (and, with `access`, idle time or frequency: not needed).
 * `compress`: strings above 20 bytes with LZF where that makes them shorter (rdbcompression). */
WARN_UNUSED enum error rdb_write_entry(struct buffer *out, const struct entry *entry,
                                       bool compress);
/* The same in two parts: what goes before the value; the value follows by rdb_value_writer.h,
 * whole, in pieces, or (a large string) by another thread. */
WARN_UNUSED enum error rdb_write_entry_head(struct buffer *out, const struct entry *entry,
                                            bool compress);
/* The end, and the checksum of everything: `crc` is that of the file up to here. The second form
 * says that there is none (rdbchecksum no). */
void rdb_write_end(struct buffer *out, const struct crc64_tables *tables, uint64_t crc);
void rdb_write_end_unchecked(struct buffer *out);

/* DUMP's payload: type, value, RDB version, CRC-64. */
WARN_UNUSED enum error rdb_write_dump(struct buffer *out, const struct entry *entry);

#endif
