#include "server/memory_limit.h"

#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "server/observe/observe.h"
#include "server/server.h"
#include "server/session/sessions.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/random.h"

#define STEP_KEYS 16        /* evicted between two looks at the clock */
#define TENACITY_DEFAULT 10 /* beyond it, slices grow by TENACITY_GROWTH a step */
#define TENACITY_GROWTH 1.15
#define TENACITY_UNLIMITED 100

struct memory_limit {
    struct server *server;
    const struct memory_limit_settings *settings;
    struct memory_limit_statistics statistics;
    struct memory_gauge gauge;
    bool unfinished; /* the last slice ended before memory was below the limit */
};

struct memory_limit *memory_limit_create(struct server *server,
                                         const struct memory_limit_settings *settings)
{
    struct memory_limit *memory_limit = memory_allocate_zeroed(sizeof *memory_limit);
    memory_limit->server = server;
    memory_limit->settings = settings;
    memory_gauge_init(&memory_limit->gauge);
    keyspace_set_eviction(server->keyspace, &settings->eviction);
    return memory_limit;
}

void memory_limit_destroy(struct memory_limit *memory_limit)
{
    memory_free(memory_limit);
}

struct memory_limit_statistics *memory_limit_statistics(struct memory_limit *memory_limit)
{
    return &memory_limit->statistics;
}

/* Redis's scale of maxmemory-eviction-tenacity. */
static int64_t slice_usec(int tenacity)
{
    if (tenacity >= TENACITY_UNLIMITED)
        return INT64_MAX;
    if (tenacity <= TENACITY_DEFAULT)
        return MEMORY_LIMIT_SLICE_USEC * (int64_t)tenacity / TENACITY_DEFAULT;
    double usec = MEMORY_LIMIT_SLICE_USEC;
    for (int i = TENACITY_DEFAULT; i < tenacity; i++)
        usec *= TENACITY_GROWTH;
    return (int64_t)usec;
}

static enum eviction_result evict_slice(struct memory_limit *memory_limit)
{
    struct server *server = memory_limit->server;
    const struct memory_limit_settings *settings = memory_limit->settings;
    int64_t begin_us = clock_monotonic_us(server->clock), now_us;
    int64_t budget_us = slice_usec(settings->tenacity);
    enum eviction_result result;
    do {
        result = eviction_step(server->keyspace, &settings->eviction,
                               memory_gauge_read(&memory_limit->gauge), (size_t)settings->bytes_max,
                               random_next_u64(server->random), STEP_KEYS);
        now_us = clock_monotonic_us(server->clock);
    } while (result == EVICTION_MORE && now_us - begin_us < budget_us);
    observe_latency(server->observe, "eviction-cycle", (now_us - begin_us) * 1000);
    return result;
}

static void note_exceeded(struct memory_limit *memory_limit, bool exceeded)
{
    struct memory_limit_statistics *statistics = &memory_limit->statistics;
    int64_t now_ms = clock_cached_ms(memory_limit->server->clock);
    if (exceeded && statistics->exceeded_since_ms == 0) {
        statistics->exceeded_since_ms = now_ms;
    } else if (!exceeded && statistics->exceeded_since_ms != 0) {
        statistics->exceeded_ms += now_ms - statistics->exceeded_since_ms;
        statistics->exceeded_since_ms = 0;
    }
}

bool memory_limit_is_short(struct memory_limit *memory_limit)
{
    uint64_t limit = memory_limit->settings->bytes_max;
    if (limit == 0 || memory_gauge_read(&memory_limit->gauge) <= limit) {
        memory_limit->unfinished = false;
        if (UNLIKELY(memory_limit->statistics.exceeded_since_ms != 0))
            note_exceeded(memory_limit, false);
        return false;
    }
    note_exceeded(memory_limit, true);
    if (sessions_paused(memory_limit->server->sessions, NULL) != PAUSE_NONE)
        return false;
    enum eviction_result result = evict_slice(memory_limit);
    memory_limit->unfinished = result == EVICTION_MORE;
    if (result == EVICTION_DONE)
        note_exceeded(memory_limit, false);
    return result == EVICTION_IMPOSSIBLE;
}

void memory_limit_end_turn(struct memory_limit *memory_limit)
{
    bool stands_still =
        !memory_limit->unfinished && memory_limit->statistics.exceeded_since_ms == 0;
    if (!stands_still && !memory_limit_is_short(memory_limit) && memory_limit->unfinished)
        event_loop_turn_again(memory_limit->server->loop);
}
