#include "keyspace/eviction.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/mix.h"
#include "keyspace/database_private.h"
#include "keyspace/keyspace_private.h"

#define MEMORY_SAMPLES 5 /* elements looked at to guess what a collection frees */
#define POOL_CANDIDATES 16
#define CHOICE_ROUNDS_MAX (4 * POOL_CANDIDATES) /* of refilling the pool for one victim */
#define LFU_COUNTER_FIRST 5                     /* so that a new key is not the first to go */
#define LFU_COUNTER_MAX 255

/* A key rather than its entry: it may be gone by the time its turn comes. */
struct candidate {
    uint64_t rank; /* the lowest goes first */
    uint64_t hash;
    int database;
    size_t key_length;
    char *key; /* memory_* block */
};

struct eviction_pool {
    enum eviction_policy policy; /* that ranked the candidates */
    size_t count;
    struct candidate candidates[POOL_CANDIDATES]; /* the highest rank first */
};

const char *eviction_policy_name(enum eviction_policy policy)
{
    static const char *const names[EVICTION_POLICIES] = {
        "noeviction",   "allkeys-lru",  "allkeys-lfu",     "allkeys-random",
        "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"};
    return names[policy];
}

static bool policy_is_volatile(enum eviction_policy policy)
{
    return policy >= EVICTION_VOLATILE_LRU;
}

/* --- access history --- */

static uint32_t lfu_minute(int64_t now_ms)
{
    return (uint32_t)((uint64_t)now_ms / 60000) & 0xffff;
}

static void lfu_store(struct entry *entry, unsigned counter, int64_t now_ms)
{
    entry_set_access(entry, lfu_minute(now_ms) << 8 | counter);
}

unsigned eviction_frequency(const struct entry *entry, const struct eviction_settings *settings,
                            int64_t now_ms)
{
    uint32_t access = entry_access(entry);
    unsigned counter = access & 0xff;
    if (settings->lfu_decay_minutes <= 0)
        return counter;
    uint32_t minutes = (lfu_minute(now_ms) - (access >> 8)) & 0xffff;
    uint32_t steps = minutes / (uint32_t)settings->lfu_decay_minutes;
    return steps < counter ? counter - steps : 0;
}

/* A step up becomes the less likely the higher the counter stands. */
static unsigned lfu_count(unsigned counter, int log_factor, uint32_t random)
{
    if (counter == LFU_COUNTER_MAX)
        return counter;
    double above = counter > LFU_COUNTER_FIRST ? counter - LFU_COUNTER_FIRST : 0;
    double chance = 1.0 / (above * log_factor + 1);
    return (double)random < chance * 4294967296.0 ? counter + 1 : counter;
}

void eviction_touch_lfu(struct entry *entry, const struct eviction_settings *settings,
                        int64_t now_ms, uint32_t random)
{
    unsigned counter = eviction_frequency(entry, settings, now_ms);
    lfu_store(entry, lfu_count(counter, settings->lfu_log_factor, random), now_ms);
}

void eviction_begin(struct entry *entry, const struct entry *old,
                    const struct eviction_settings *settings, int64_t now_ms)
{
    if (!eviction_policy_is_lfu(settings->policy))
        eviction_touch(entry, settings, now_ms, 0);
    else if (old != NULL)
        entry_set_access(entry, entry_access(old));
    else
        lfu_store(entry, LFU_COUNTER_FIRST, now_ms);
}

int64_t eviction_idle_seconds(const struct entry *entry, int64_t now_ms)
{
    uint32_t second = (uint32_t)((uint64_t)now_ms / 1000);
    return (second - entry_access(entry)) & EVICTION_IDLE_MASK;
}

/* --- the pool --- */

struct eviction_pool *eviction_pool_create(void)
{
    return memory_allocate_zeroed(sizeof(struct eviction_pool));
}

static void pool_clear(struct eviction_pool *pool)
{
    while (pool->count > 0)
        memory_free(pool->candidates[--pool->count].key);
}

void eviction_pool_destroy(struct eviction_pool *pool)
{
    if (pool == NULL)
        return;
    pool_clear(pool);
    memory_free(pool);
}

/* The lowest goes first. For LRU the second of the last use, so that ranks taken at different times
 * compare. */
static uint64_t rank_of(const struct entry *entry, const struct eviction_settings *settings,
                        int64_t now_ms)
{
    if (eviction_policy_is_lfu(settings->policy))
        return eviction_frequency(entry, settings, now_ms);
    return (uint64_t)now_ms / 1000 + EVICTION_IDLE_MASK -
           (uint64_t)eviction_idle_seconds(entry, now_ms);
}

static bool pool_has(const struct eviction_pool *pool, uint64_t hash, int database)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->candidates[i].hash == hash && pool->candidates[i].database == database)
            return true;
    return false;
}

static void pool_offer(struct eviction_pool *pool, struct database *database,
                       const struct entry *entry, uint64_t rank)
{
    if (pool->count == POOL_CANDIDATES && rank >= pool->candidates[0].rank)
        return;
    struct slice key = entry_key(entry);
    uint64_t hash = keyspace_hash(database->keyspace, key);
    char *copy = pool_has(pool, hash, database->index)
                     ? NULL
                     : memory_try_allocate(key.length > 0 ? key.length : 1);
    if (copy == NULL)
        return;
    if (key.length > 0)
        memcpy(copy, key.data, key.length);
    if (pool->count == POOL_CANDIDATES) {
        memory_free(pool->candidates[0].key);
        pool->count--;
        memmove(&pool->candidates[0], &pool->candidates[1],
                pool->count * sizeof pool->candidates[0]);
    }
    size_t at = pool->count;
    for (; at > 0 && pool->candidates[at - 1].rank < rank; at--)
        pool->candidates[at] = pool->candidates[at - 1];
    pool->candidates[at] = (struct candidate){rank, hash, database->index, key.length, copy};
    pool->count++;
}

/* --- choosing --- */

struct choice {
    struct database *database;
    struct entry *entry; /* NULL: none */
};

static size_t eligible(const struct database *database, enum eviction_policy policy)
{
    return policy_is_volatile(policy) ? database_count_with_deadline(database)
                                      : database_size(database);
}

/* A database, the likelier the more keys it has that may go; NULL when there are none. */
static struct database *pick_database(struct keyspace *keyspace, enum eviction_policy policy,
                                      uint64_t *random)
{
    size_t total = 0;
    int count = keyspace_database_count(keyspace);
    for (int i = 0; i < count; i++)
        total += eligible(keyspace_database(keyspace, i), policy);
    if (total == 0)
        return NULL;
    size_t place = mix_next(random) % total;
    for (int i = 0;; i++) {
        struct database *database = keyspace_database(keyspace, i);
        size_t here = eligible(database, policy);
        if (place < here)
            return database;
        place -= here;
    }
}

static struct entry *pick_entry(const struct database *database, enum eviction_policy policy,
                                uint64_t *random)
{
    return policy_is_volatile(policy) ? expiry_index_pick(database->expiry, mix_next(random))
                                      : database_pick(database, mix_next(random));
}

static struct choice choose_random(struct keyspace *keyspace, enum eviction_policy policy,
                                   uint64_t *random)
{
    struct database *database = pick_database(keyspace, policy, random);
    if (database == NULL)
        return (struct choice){NULL, NULL};
    return (struct choice){database, pick_entry(database, policy, random)};
}

static struct choice choose_by_deadline(struct keyspace *keyspace)
{
    struct choice choice = {NULL, NULL};
    int64_t first_ms = INT64_MAX;
    for (int i = 0; i < keyspace_database_count(keyspace); i++) {
        struct database *database = keyspace_database(keyspace, i);
        int64_t deadline_ms = expiry_index_first_ms(database->expiry);
        if (database_count_with_deadline(database) > 0 && deadline_ms <= first_ms) {
            first_ms = deadline_ms;
            choice.database = database;
        }
    }
    if (choice.database != NULL)
        choice.entry = expiry_index_first(choice.database->expiry);
    return choice;
}

/* The pool's best, if its key is still there and was not used since. */
static struct choice pool_take(struct eviction_pool *pool, struct keyspace *keyspace,
                               const struct eviction_settings *settings)
{
    struct candidate best = pool->candidates[--pool->count];
    struct database *database = keyspace_database(keyspace, best.database);
    struct slice key = {best.key, best.key_length};
    struct entry *entry = table_find(&database->table, best.hash, key);
    memory_free(best.key);
    if (entry != NULL && policy_is_volatile(settings->policy) &&
        !(entry->flags & ENTRY_HAS_DEADLINE))
        entry = NULL;
    if (entry != NULL && rank_of(entry, settings, keyspace_time_ms(keyspace)) > best.rank)
        entry = NULL;
    return (struct choice){database, entry};
}

static struct choice choose_by_rank(struct keyspace *keyspace,
                                    const struct eviction_settings *settings, uint64_t *random)
{
    struct eviction_pool *pool = keyspace_eviction_pool(keyspace);
    struct choice choice = {NULL, NULL};
    if (pool->policy != settings->policy) {
        pool_clear(pool);
        pool->policy = settings->policy;
    }
    for (int round = 0; round < CHOICE_ROUNDS_MAX && choice.entry == NULL; round++) {
        struct database *database = pick_database(keyspace, settings->policy, random);
        if (database == NULL)
            break;
        for (int i = 0; i < settings->samples; i++) {
            struct entry *entry = pick_entry(database, settings->policy, random);
            if (entry != NULL)
                pool_offer(pool, database, entry,
                           rank_of(entry, settings, keyspace_time_ms(keyspace)));
        }
        if (pool->count > 0)
            choice = pool_take(pool, keyspace, settings);
    }
    return choice;
}

static struct choice choose(struct keyspace *keyspace, const struct eviction_settings *settings,
                            uint64_t *random)
{
    switch (settings->policy) {
    case EVICTION_NONE:
        return (struct choice){NULL, NULL};
    case EVICTION_ALLKEYS_RANDOM:
    case EVICTION_VOLATILE_RANDOM:
        return choose_random(keyspace, settings->policy, random);
    case EVICTION_VOLATILE_TTL:
        return choose_by_deadline(keyspace);
    default:
        return choose_by_rank(keyspace, settings, random);
    }
}

enum eviction_result eviction_step(struct keyspace *keyspace,
                                   const struct eviction_settings *settings, size_t used,
                                   size_t limit, uint64_t random, size_t budget)
{
    ASSERT(settings->samples > 0 && settings->samples <= EVICTION_SAMPLES_MAX);
    size_t freed = 0;
    if (used <= limit)
        return EVICTION_DONE;
    for (size_t evicted = 0; evicted < budget; evicted++) {
        struct choice choice = choose(keyspace, settings, &random);
        if (choice.entry == NULL)
            return EVICTION_IMPOSSIBLE;
        freed += entry_memory(choice.entry, MEMORY_SAMPLES);
        database_evict(choice.database, choice.entry);
        if (freed >= used - limit)
            return EVICTION_DONE;
    }
    return EVICTION_MORE;
}
