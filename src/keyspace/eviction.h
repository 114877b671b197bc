/* Which keys go when memory is short: the policies of `maxmemory-policy`.
 *
 * Every entry carries 24 bits of access history. For LRU: the second of the last access (it wraps
 * after 194 days, as in Redis). For LFU: 16 bits of minutes and an 8-bit logarithmic counter that
 * decays (Redis 4.0's). A victim is the best of a pool of 16 candidates that lives on between
 * evictions and that every eviction refills with a few random keys: close to exact LRU without a
 * list of all keys (Redis 3.0's). volatile-ttl is exact: deadlines are indexed. One thread. */
#ifndef HOLDFAST_KEYSPACE_EVICTION_H
#define HOLDFAST_KEYSPACE_EVICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyspace/entry.h"

struct eviction_pool;
struct keyspace;

enum eviction_policy {
    EVICTION_NONE,
    EVICTION_ALLKEYS_LRU,
    EVICTION_ALLKEYS_LFU,
    EVICTION_ALLKEYS_RANDOM,
    EVICTION_VOLATILE_LRU,
    EVICTION_VOLATILE_LFU,
    EVICTION_VOLATILE_RANDOM,
    EVICTION_VOLATILE_TTL,
};
#define EVICTION_POLICIES 8
#define EVICTION_SAMPLES_MAX 64

/* A keyspace reads them through the pointer given to keyspace_set_eviction. */
struct eviction_settings {
    enum eviction_policy policy; /* maxmemory-policy */
    int samples;                 /* maxmemory-samples: keys looked at for each eviction */
    int lfu_log_factor;          /* the greater, the more accesses a step of the counter takes */
    int lfu_decay_minutes;       /* lfu-decay-time: for one step down; 0: no decay */
};

/* Redis's defaults. */
static inline struct eviction_settings eviction_default_settings(void)
{
    return (struct eviction_settings){EVICTION_NONE, 5, 10, 1};
}

/* As the configuration spells it: "allkeys-lru". */
const char *eviction_policy_name(enum eviction_policy policy);

/* Does it keep frequencies (OBJECT FREQ) instead of idle times (OBJECT IDLETIME)? */
static inline bool eviction_policy_is_lfu(enum eviction_policy policy)
{
    return policy == EVICTION_ALLKEYS_LFU || policy == EVICTION_VOLATILE_LFU;
}

/* --- access history --- */

#define EVICTION_IDLE_MASK ((UINT32_C(1) << 24) - 1)

/* The part of eviction_touch for LFU. */
void eviction_touch_lfu(struct entry *entry, const struct eviction_settings *settings,
                        int64_t now_ms, uint32_t random);

/* Notes that `entry` was used at `now_ms`. `random`: any bits, used by LFU only. */
static inline void eviction_touch(struct entry *entry, const struct eviction_settings *settings,
                                  int64_t now_ms, uint32_t random)
{
    if (UNLIKELY(eviction_policy_is_lfu(settings->policy))) {
        eviction_touch_lfu(entry, settings, now_ms, random);
        return;
    }
    uint32_t second = (uint32_t)((uint64_t)now_ms / 1000) & EVICTION_IDLE_MASK;
    if (entry_access(entry) != second) /* spares most reads the write */
        entry_set_access(entry, second);
}

/* Gives a new entry its first history: that of `old`, which it replaces (NULL: none), where the
 * policy counts uses. */
void eviction_begin(struct entry *entry, const struct entry *old,
                    const struct eviction_settings *settings, int64_t now_ms);

/* Seconds since the last use; means something under policies that are not LFU. */
int64_t eviction_idle_seconds(const struct entry *entry, int64_t now_ms);

/* The counter after its decay, 0 to 255; means something under LFU policies. */
unsigned eviction_frequency(const struct entry *entry, const struct eviction_settings *settings,
                            int64_t now_ms);

/* --- evicting --- */

enum eviction_result {
    EVICTION_DONE,       /* as much was freed as was asked for */
    EVICTION_MORE,       /* the budget is used up: call again */
    EVICTION_IMPOSSIBLE, /* the policy lets nothing (more) go */
};

/* Evicts keys until `used` bytes would be `limit` (by what the entries hold), at most `budget`
 * keys. The keyspace's removed hook is told of each. `random`: any bits. */
enum eviction_result eviction_step(struct keyspace *keyspace,
                                   const struct eviction_settings *settings, size_t used,
                                   size_t limit, uint64_t random, size_t budget);

/* The keyspace owns one. */
struct eviction_pool *eviction_pool_create(void);
void eviction_pool_destroy(struct eviction_pool *pool);

#endif
