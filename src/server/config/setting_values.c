/* Settings of how collections are kept: up to which size they are packed. */
#include "server/config/setting_tables.h"
#include "server/settings.h"
#include "values/stream_producers.h"

#define LIMIT(name_, alias_, type_, field)                                                         \
    {                                                                                              \
        .name = (name_), .alias = (alias_), .type = (type_),                                       \
        .offset = offsetof(struct settings, values.field), .max = INT64_MAX,                       \
        .module = MODULE_KEYSPACE                                                                  \
    }

#define PRODUCERS(name_, field, max_)                                                              \
    {                                                                                              \
        .name = (name_), .type = SETTING_UINT64,                                                   \
        .offset = offsetof(struct settings, values.field), .min = 1, .max = (max_),                \
        .module = MODULE_KEYSPACE                                                                  \
    }

const struct setting setting_values_table[] = {
    LIMIT("hash-max-listpack-entries", "hash-max-ziplist-entries", SETTING_UINT64,
          hash_entries_max),
    LIMIT("hash-max-listpack-value", "hash-max-ziplist-value", SETTING_MEMORY, hash_value_max),
    {.name = "list-max-listpack-size",
     .alias = "list-max-ziplist-size",
     .type = SETTING_INT64,
     .offset = offsetof(struct settings, values.list_size),
     .min = INT32_MIN,
     .max = INT32_MAX,
     .module = MODULE_KEYSPACE},
    LIMIT("set-max-intset-entries", NULL, SETTING_UINT64, set_integers_max),
    LIMIT("set-max-listpack-entries", NULL, SETTING_UINT64, set_entries_max),
    LIMIT("set-max-listpack-value", NULL, SETTING_UINT64, set_value_max),
    LIMIT("zset-max-listpack-entries", "zset-max-ziplist-entries", SETTING_UINT64,
          zset_entries_max),
    LIMIT("zset-max-listpack-value", "zset-max-ziplist-value", SETTING_MEMORY, zset_value_max),
    LIMIT("hll-sparse-max-bytes", NULL, SETTING_MEMORY, hll_sparse_max),
    LIMIT("stream-node-max-bytes", NULL, SETTING_MEMORY, stream_block_bytes_max),
    LIMIT("stream-node-max-entries", NULL, SETTING_UINT64, stream_block_entries_max),
    PRODUCERS("stream-idmp-duration", stream_producers_seconds, STREAM_PRODUCERS_DURATION_MAX),
    PRODUCERS("stream-idmp-maxsize", stream_producers_records_max, STREAM_PRODUCERS_RECORDS_MAX),
    {.name = NULL},
};
