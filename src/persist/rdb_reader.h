/* Reads the RDB format, versions 1 to those of Redis 8 and Valkey 9.1, for the types that exist
 * here.
 *
 * Fed with pieces of a file as they are read (resumable at any byte: recovery reads in slices).
 * Every length is checked before anything of that size is allocated or read; a value is whole and
 * valid before it enters the keyspace. Any bytes at all end in DONE or REFUSED, never in a crash.
 */
#ifndef HOLDFAST_PERSIST_RDB_READER_H
#define HOLDFAST_PERSIST_RDB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "keyspace/database.h"

struct keyspace;
struct rdb_reader;
struct value_settings;

enum rdb_status { RDB_MORE, RDB_DONE, RDB_REFUSED };

struct rdb_reader_settings {
    bool verify_checksum; /* a file that says 0 has none */
    int64_t now_ms;       /* keys due before it are dropped, as Redis does; INT64_MIN: all are kept
                             (the base of a log: its increments decide) */
    uint64_t file_size;  /* bytes: what the file says of its keys is believed up to what fits in it;
                            0: not at all */
    uint64_t length_max; /* bytes of one string: proto-max-bulk-len */
};

/* Keys go into `keyspace` (database numbers beyond its count are refused); a key that is there
 * already is refused, as in Redis. */
struct rdb_reader *rdb_reader_create(struct keyspace *keyspace,
                                     const struct rdb_reader_settings *settings);
void rdb_reader_destroy(struct rdb_reader *reader);

/* Takes the next bytes of the file. Sets *used: bytes behind it come again with more behind them,
 * at the beginning of the next call (`piece` must be able to grow as large as one value's
 * encoding; rdb_reader_wants tells how many bytes at least the next call needs). `last`: nothing
 * comes after. DONE: the end and its checksum were read; *used says where (an AOF with an RDB
 * preamble goes on there). */
enum rdb_status rdb_reader_feed(struct rdb_reader *reader, struct slice piece, bool last,
                                size_t *used);
size_t rdb_reader_wants(const struct rdb_reader *reader);
uint64_t rdb_reader_offset(const struct rdb_reader *reader);  /* of the file, bytes used so far */
uint64_t rdb_reader_keys(const struct rdb_reader *reader);    /* put in */
uint64_t rdb_reader_expired(const struct rdb_reader *reader); /* dropped */
/* After REFUSED: what is wrong, "unknown type 42", "checksum does not match" ... */
const char *rdb_reader_error(const struct rdb_reader *reader);

/* RESTORE: checks version and checksum of DUMP's payload. */
bool rdb_reader_payload_is_valid(struct slice payload);
/* Whether a valid payload holds a value that this version can make. ERROR_SYNTAX: it does not. */
WARN_UNUSED enum error rdb_reader_check_value(struct slice payload, uint64_t length_max,
                                              const struct value_settings *settings);
/* Makes `key` (whatever it was before) of a valid payload with this deadline. ERROR_SYNTAX: the
 * payload's value is bad; ERROR_OUT_OF_MEMORY: it may be good. Nothing has changed then. */
WARN_UNUSED enum error rdb_reader_restore(struct database *database, const struct key *key,
                                          struct slice payload, int64_t deadline_ms,
                                          uint64_t length_max);

#endif
