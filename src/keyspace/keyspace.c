#include "keyspace/keyspace.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "keyspace/database_private.h"
#include "keyspace/eviction.h"
#include "keyspace/keyspace_private.h"
#include "keyspace/table.h"
#include "values/value_settings.h"

#define EXPIRE_SLICE 64 /* entries taken from an index at a time */

static const struct eviction_settings no_eviction = {EVICTION_NONE, 5, 10, 1};

struct keyspace {
    struct keyspace_shared shared;
    struct keyspace_hooks hooks;
    struct hash_seed seed;
    struct keyspace_statistics statistics;
    int64_t now_ms;
    bool expiry_frozen;
    struct value_settings values;
    const struct eviction_settings *eviction;
    struct eviction_pool *eviction_pool;
    uint64_t touch_random; /* for LFU's counters */
    int next_to_expire;    /* database where keyspace_expire_due begins, so that none starves */
    int database_count;
    struct database databases[];
};

struct keyspace *keyspace_create(int database_count, const struct hash_seed *seed,
                                 const struct keyspace_hooks *hooks)
{
    ASSERT(database_count > 0 && database_count <= KEYSPACE_DATABASES_MAX);
    size_t size = sizeof(struct keyspace) + (size_t)database_count * sizeof(struct database);
    struct keyspace *keyspace = memory_allocate_zeroed(size);
    keyspace->hooks = *hooks;
    keyspace->seed = *seed;
    keyspace->values = (struct value_settings){value_default_limits(), *seed};
    keyspace->eviction = &no_eviction;
    keyspace->eviction_pool = eviction_pool_create();
    keyspace->touch_random = seed->k0;
    keyspace->database_count = database_count;
    for (int i = 0; i < database_count; i++)
        database_init(&keyspace->databases[i], keyspace, i, seed);
    return keyspace;
}

void keyspace_destroy(struct keyspace *keyspace)
{
    if (keyspace == NULL)
        return;
    for (int i = 0; i < keyspace->database_count; i++)
        database_deinit(&keyspace->databases[i]);
    eviction_pool_destroy(keyspace->eviction_pool);
    memory_free(keyspace->shared.marks.slots);
    memory_free(keyspace);
}

int keyspace_database_count(const struct keyspace *keyspace)
{
    return keyspace->database_count;
}

struct database *keyspace_database(struct keyspace *keyspace, int index)
{
    ASSERT(index >= 0 && index < keyspace->database_count);
    return &keyspace->databases[index];
}

struct keyspace_statistics *keyspace_statistics(struct keyspace *keyspace)
{
    return &keyspace->statistics;
}

size_t keyspace_size(const struct keyspace *keyspace)
{
    size_t size = 0;
    for (int i = 0; i < keyspace->database_count; i++)
        size += database_size(&keyspace->databases[i]);
    return size;
}

void keyspace_swap(struct keyspace *keyspace, int a, int b)
{
    struct database *first = keyspace_database(keyspace, a);
    struct database *second = keyspace_database(keyspace, b);
    struct database swapped = *first;
    *first = *second;
    *second = swapped;
    first->index = a;
    second->index = b;
    write_marks_changed_all(&keyspace->shared.marks);
    snapshot_walk_interrupt(&keyspace->shared.walk, &keyspace->shared.keeper);
}

struct keyspace_shared *keyspace_shared(struct keyspace *keyspace)
{
    return &keyspace->shared;
}

void keyspace_track_writes(struct keyspace *keyspace, bool on)
{
    struct write_marks *marks = &keyspace->shared.marks;
    if (on == (marks->slots != NULL))
        return;
    memory_free(marks->slots);
    marks->slots = on ? memory_allocate_zeroed(WRITE_MARKS_SLOTS * sizeof *marks->slots) : NULL;
    marks->last = marks->all = marks->read = 0;
}

void keyspace_set_write_mark(struct keyspace *keyspace, uint64_t mark)
{
    keyspace->shared.marks.mark = mark;
}

uint64_t keyspace_take_read_mark(struct keyspace *keyspace)
{
    struct write_marks *marks = &keyspace->shared.marks;
    uint64_t mark = marks->read > marks->all ? marks->read : marks->all;
    marks->read = 0;
    return mark;
}

uint64_t keyspace_last_write_mark(const struct keyspace *keyspace)
{
    return keyspace->shared.marks.last;
}

uint64_t keyspace_hash(const struct keyspace *keyspace, struct slice key)
{
    return table_hash(&keyspace->seed, key);
}

void keyspace_set_time(struct keyspace *keyspace, int64_t now_ms)
{
    keyspace->now_ms = now_ms;
}

int64_t keyspace_time_ms(const struct keyspace *keyspace)
{
    return keyspace->now_ms;
}

void keyspace_freeze_expiry(struct keyspace *keyspace, bool frozen)
{
    keyspace->expiry_frozen = frozen;
}

bool keyspace_expiry_is_frozen(const struct keyspace *keyspace)
{
    return keyspace->expiry_frozen;
}

static void note_lateness(struct keyspace *keyspace, const struct entry *entry)
{
    uint64_t late_ms = (uint64_t)(keyspace->now_ms - entry_deadline_ms(entry));
    if (late_ms > keyspace->statistics.expired_late_ms_max)
        keyspace->statistics.expired_late_ms_max = late_ms;
}

static size_t expire_in(struct keyspace *keyspace, struct database *database, size_t count_max)
{
    size_t expired = 0, count = EXPIRE_SLICE;
    while (count == EXPIRE_SLICE && expired < count_max) {
        struct entry *due[EXPIRE_SLICE];
        size_t wanted = count_max - expired < EXPIRE_SLICE ? count_max - expired : EXPIRE_SLICE;
        count = expiry_index_take_due(database->expiry, keyspace->now_ms, due, wanted);
        for (size_t i = 0; i < count; i++) {
            note_lateness(keyspace, due[i]);
            database_remove_due(database, due[i]);
        }
        expired += count;
    }
    while (expired < count_max && database_expire_field(database))
        expired++;
    return expired;
}

size_t keyspace_expire_due(struct keyspace *keyspace, size_t count_max)
{
    if (keyspace->expiry_frozen)
        return 0;
    size_t expired = 0;
    for (int i = 0; i < keyspace->database_count && expired < count_max; i++) {
        int index = (keyspace->next_to_expire + i) % keyspace->database_count;
        expired += expire_in(keyspace, &keyspace->databases[index], count_max - expired);
    }
    keyspace->next_to_expire = (keyspace->next_to_expire + 1) % keyspace->database_count;
    return expired;
}

int64_t keyspace_next_deadline_ms(struct keyspace *keyspace)
{
    int64_t next_ms = INT64_MAX;
    for (int i = 0; i < keyspace->database_count; i++) {
        int64_t first_ms = expiry_index_first_ms(keyspace->databases[i].expiry);
        int64_t field_ms = database_next_field_ms(&keyspace->databases[i]);
        if (first_ms < next_ms)
            next_ms = first_ms;
        if (field_ms < next_ms)
            next_ms = field_ms;
    }
    return next_ms;
}

void keyspace_tell_removed(struct keyspace *keyspace, struct database *database, struct slice key,
                           enum removal reason)
{
    if (reason == REMOVED_EXPIRED)
        keyspace->statistics.expired++;
    else
        keyspace->statistics.evicted++;
    if (keyspace->hooks.removed != NULL)
        keyspace->hooks.removed(keyspace->hooks.context, database, key, reason);
}

void keyspace_tell_field_expired(struct keyspace *keyspace, struct database *database,
                                 struct slice key, struct slice field, bool is_last)
{
    keyspace->statistics.expired_fields++;
    if (keyspace->hooks.field_expired != NULL)
        keyspace->hooks.field_expired(keyspace->hooks.context, database, key, field, is_last);
}

void keyspace_tell_fields_expired(struct keyspace *keyspace, struct database *database,
                                  struct slice key, size_t count)
{
    keyspace->statistics.expired_fields += count;
    if (keyspace->hooks.fields_expired != NULL)
        keyspace->hooks.fields_expired(keyspace->hooks.context, database, key);
}

void keyspace_tell_missed(struct keyspace *keyspace, struct database *database, struct slice key)
{
    keyspace->statistics.misses++;
    if (keyspace->hooks.missed != NULL)
        keyspace->hooks.missed(keyspace->hooks.context, database, key);
}

void keyspace_discard(struct keyspace *keyspace, void *garbage, bool (*free_some)(void *garbage))
{
    if (keyspace->hooks.discard != NULL) {
        keyspace->hooks.discard(keyspace->hooks.context, garbage, free_some);
        return;
    }
    while (!free_some(garbage))
        ;
}

void keyspace_set_value_limits(struct keyspace *keyspace, const struct value_limits *limits)
{
    keyspace->values.limits = *limits;
}

const struct value_settings *keyspace_value_settings(const struct keyspace *keyspace)
{
    return &keyspace->values;
}

void keyspace_set_eviction(struct keyspace *keyspace, const struct eviction_settings *settings)
{
    keyspace->eviction = settings;
}

const struct eviction_settings *keyspace_eviction(const struct keyspace *keyspace)
{
    return keyspace->eviction;
}

struct eviction_pool *keyspace_eviction_pool(struct keyspace *keyspace)
{
    return keyspace->eviction_pool;
}

void keyspace_touch(struct keyspace *keyspace, struct entry *entry)
{
    /* Knuth's linear congruential generator: good enough for a chance, and one multiplication. */
    keyspace->touch_random =
        keyspace->touch_random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    eviction_touch(entry, keyspace->eviction, keyspace->now_ms,
                   (uint32_t)(keyspace->touch_random >> 32));
}

void keyspace_touch_new(struct keyspace *keyspace, const struct entry *old, struct entry *entry)
{
    eviction_begin(entry, old, keyspace->eviction, keyspace->now_ms);
    if (old != NULL)
        keyspace_touch(keyspace, entry);
}
