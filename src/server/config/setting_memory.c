/* Settings of maxmemory and of who must go for it. */
#include <limits.h>

#include "server/config/setting_tables.h"
#include "server/settings.h"

static const struct setting_choice policies[] = {
    {"volatile-lru", EVICTION_VOLATILE_LRU},
    {"volatile-lfu", EVICTION_VOLATILE_LFU},
    {"volatile-random", EVICTION_VOLATILE_RANDOM},
    {"volatile-ttl", EVICTION_VOLATILE_TTL},
    {"allkeys-lru", EVICTION_ALLKEYS_LRU},
    {"allkeys-lfu", EVICTION_ALLKEYS_LFU},
    {"allkeys-random", EVICTION_ALLKEYS_RANDOM},
    {"noeviction", EVICTION_NONE},
    {NULL, 0},
};

#define AT(field) .offset = offsetof(struct settings, field)

const struct setting setting_memory_table[] = {
    {.name = "maxmemory", .type = SETTING_MEMORY, AT(memory.bytes_max), .max = INT64_MAX},
    {.name = "maxmemory-policy",
     .type = SETTING_CHOICE,
     AT(memory.eviction.policy),
     .choices = policies},
    {.name = "maxmemory-samples",
     .type = SETTING_INT,
     AT(memory.eviction.samples),
     .min = 1,
     .max = INT_MAX},
    {.name = "maxmemory-eviction-tenacity", .type = SETTING_INT, AT(memory.tenacity), .max = 100},
    {.name = "lfu-log-factor",
     .type = SETTING_INT,
     AT(memory.eviction.lfu_log_factor),
     .max = INT_MAX},
    {.name = "lfu-decay-time",
     .type = SETTING_INT,
     AT(memory.eviction.lfu_decay_minutes),
     .max = INT_MAX},
    {.name = NULL},
};
