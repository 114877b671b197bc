/* Up to which size a collection is kept packed: the limits of hash-max-listpack-entries and its
 * like, and the seed of the tables of large ones.
 *
 * A keyspace has one (keyspace_value_settings). Whatever may change the form of a collection is
 * given it; limits may change at any time and hold from the next change of a collection on. */
#ifndef HOLDFAST_VALUES_VALUE_SETTINGS_H
#define HOLDFAST_VALUES_VALUE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct value_limits {
    uint64_t hash_entries_max; /* hash-max-listpack-entries: fields */
    uint64_t hash_value_max;   /* hash-max-listpack-value: bytes of the longest field or value */
    uint64_t set_integers_max; /* set-max-intset-entries: members that are all integers */
    uint64_t set_entries_max;  /* set-max-listpack-entries */
    uint64_t set_value_max;    /* set-max-listpack-value: bytes */
    uint64_t zset_entries_max; /* zset-max-listpack-entries */
    uint64_t zset_value_max;   /* zset-max-listpack-value: bytes */
    int64_t list_size; /* list-max-listpack-size: > 0 elements of a block, -1 to -5 4 to 64 KiB */
    uint64_t hll_sparse_max;               /* hll-sparse-max-bytes */
    uint64_t stream_block_bytes_max;       /* stream-node-max-bytes; 0: no limit */
    uint64_t stream_block_entries_max;     /* stream-node-max-entries; 0: no limit */
    uint64_t stream_producers_seconds;     /* stream-idmp-duration, of streams without their own */
    uint64_t stream_producers_records_max; /* stream-idmp-maxsize, likewise */
};

struct value_settings {
    struct value_limits limits;
    struct hash_seed seed;
};

/* Redis's defaults. */
static inline struct value_limits value_default_limits(void)
{
    return (struct value_limits){
        .hash_entries_max = 512,
        .hash_value_max = 64,
        .set_integers_max = 512,
        .set_entries_max = 128,
        .set_value_max = 64,
        .zset_entries_max = 128,
        .zset_value_max = 64,
        .list_size = -2,
        .hll_sparse_max = 3000,
        .stream_block_bytes_max = 4096,
        .stream_block_entries_max = 100,
        .stream_producers_seconds = 100,
        .stream_producers_records_max = 100,
    };
}

#endif
