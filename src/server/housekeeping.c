#include "server/housekeeping.h"

#include "base/log.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "net/network.h"
#include "server/dispatch.h"
#include "server/observe/observe.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/sessions.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/process.h"
#include "system/worker.h"

#define EXPIRY_STEP_KEYS 64    /* keys between two looks at the clock */
#define EXPIRY_SLICE_USEC 1000 /* of one turn */
#define EXPIRY_LATE_MS 20      /* behind by so much, a turn's slice is longer */
#define EXPIRY_SLICE_LATE_USEC 2000
#define SAMPLE_COUNT 16 /* samples the figures per second are averaged over */
#define SAMPLE_MS 100   /* between samples */
#define HZ_MIN 1
#define HZ_MAX 500
#define RESIDENT_MS 1000 /* between looks at the resident memory, a system call */

struct sample {
    uint64_t commands, input_bytes, output_bytes;
    int64_t at_us;
};

struct housekeeping {
    struct server *server;
    const struct housekeeping_settings *settings;
    struct housekeeping_statistics statistics;
    struct event_timer tick;
    struct event_timer expiry; /* wakes the loop for the next deadline */
    int64_t expiry_due_ms;     /* the deadline it is set for, INT64_MAX: none */
    bool active_expiry;
    struct sample samples[SAMPLE_COUNT];
    size_t sample_next;
    int64_t sampled_us, resident_us;
};

/* Something to be freed on the worker. */
struct discard_job {
    struct worker_job job;
    struct housekeeping *housekeeping;
    void *garbage;
    bool (*free_some)(void *garbage);
};

/* --- figures --- */

static void take_sample(struct housekeeping *housekeeping, int64_t now_us)
{
    struct server *server = housekeeping->server;
    struct housekeeping_statistics *statistics = &housekeeping->statistics;
    const struct network_statistics *network = network_counts(server->network);
    struct sample *oldest = &housekeeping->samples[housekeeping->sample_next];
    struct sample now = {dispatch_statistics(server->dispatch)->commands, network->input_bytes,
                         network->output_bytes, now_us};
    double seconds = (double)(now_us - oldest->at_us) / 1e6;
    /* Counters that were reset in between are smaller than the sample. */
    if (oldest->at_us != 0 && seconds > 0 && now.commands >= oldest->commands &&
        now.input_bytes >= oldest->input_bytes && now.output_bytes >= oldest->output_bytes) {
        statistics->commands_per_second =
            (uint64_t)((double)(now.commands - oldest->commands) / seconds);
        statistics->input_kib_per_second =
            (double)(now.input_bytes - oldest->input_bytes) / seconds / 1024;
        statistics->output_kib_per_second =
            (double)(now.output_bytes - oldest->output_bytes) / seconds / 1024;
    }
    *oldest = now;
    housekeeping->sample_next = (housekeeping->sample_next + 1) % SAMPLE_COUNT;
}

static void update_memory(struct housekeeping *housekeeping, int64_t now_us)
{
    struct housekeeping_statistics *statistics = &housekeeping->statistics;
    size_t used = memory_used();
    if (used > statistics->memory_used_peak) {
        statistics->memory_used_peak = used;
        statistics->memory_used_peak_ms = clock_cached_ms(housekeeping->server->clock);
    }
    if (now_us - housekeeping->resident_us >= RESIDENT_MS * 1000) {
        housekeeping->resident_us = now_us;
        statistics->resident = process_resident_memory();
    }
}

static void tick(void *context)
{
    struct housekeeping *housekeeping = context;
    struct server *server = housekeeping->server;
    int64_t now_us = clock_monotonic_us(server->clock);
    update_memory(housekeeping, now_us);
    if (now_us - housekeeping->sampled_us >= SAMPLE_MS * 1000 - SAMPLE_MS * 100) {
        housekeeping->sampled_us = now_us;
        take_sample(housekeeping, now_us);
    }
    sessions_tick(server->sessions, clock_cached_ms(server->clock));
}

/* --- life --- */

static void expiry_due(void *context)
{
    /* The loop is awake: housekeeping_end_turn does the work. */
    struct housekeeping *housekeeping = context;
    housekeeping->expiry_due_ms = INT64_MAX;
}

struct housekeeping *housekeeping_create(struct server *server,
                                         const struct housekeeping_settings *settings)
{
    struct housekeeping *housekeeping = memory_allocate_zeroed(sizeof *housekeeping);
    housekeeping->server = server;
    housekeeping->settings = settings;
    housekeeping->active_expiry = true;
    housekeeping->expiry_due_ms = INT64_MAX;
    event_timer_init(&housekeeping->tick, server->loop, tick, housekeeping);
    event_timer_init(&housekeeping->expiry, server->loop, expiry_due, housekeeping);
    housekeeping_apply(housekeeping);
    housekeeping->statistics.started_ms = clock_now_ms(server->clock);
    housekeeping->statistics.memory_used_startup = memory_used();
    housekeeping->statistics.resident = process_resident_memory();
    return housekeeping;
}

void housekeeping_destroy(struct housekeeping *housekeeping)
{
    if (housekeeping == NULL)
        return;
    event_timer_stop(&housekeeping->tick);
    event_timer_stop(&housekeeping->expiry);
    memory_free(housekeeping);
}

void housekeeping_apply(struct housekeeping *housekeeping)
{
    int hz = housekeeping->settings->hz;
    hz = hz < HZ_MIN ? HZ_MIN : hz > HZ_MAX ? HZ_MAX : hz;
    event_timer_start(&housekeeping->tick, 1000 / hz, 1000 / hz);
}

struct housekeeping_statistics *housekeeping_statistics(struct housekeeping *housekeeping)
{
    return &housekeeping->statistics;
}

void housekeeping_reset_statistics(struct housekeeping *housekeeping)
{
    struct housekeeping_statistics *statistics = &housekeeping->statistics;
    statistics->expiry_slices = 0;
    statistics->expiry_usec = 0;
    statistics->discards_done = 0;
    statistics->memory_used_peak = memory_used();
    statistics->memory_used_peak_ms = clock_cached_ms(housekeeping->server->clock);
}

/* --- active expiry --- */

void housekeeping_set_active_expiry(struct housekeeping *housekeeping, bool on)
{
    housekeeping->active_expiry = on;
}

bool housekeeping_active_expiry(const struct housekeeping *housekeeping)
{
    return housekeeping->active_expiry;
}

/* Removes what is due, for as long as a turn may spend. */
static void expire_slice(struct housekeeping *housekeeping, int64_t late_ms)
{
    struct server *server = housekeeping->server;
    int64_t begin_us = clock_monotonic_us(server->clock), now_us;
    int64_t budget_us = late_ms > EXPIRY_LATE_MS ? EXPIRY_SLICE_LATE_USEC : EXPIRY_SLICE_USEC;
    size_t expired;
    do {
        expired = keyspace_expire_due(server->keyspace, EXPIRY_STEP_KEYS);
        now_us = clock_monotonic_us(server->clock);
    } while (expired == EXPIRY_STEP_KEYS && now_us - begin_us < budget_us);
    housekeeping->statistics.expiry_slices++;
    housekeeping->statistics.expiry_usec += now_us - begin_us;
    observe_latency(server->observe, "expire-cycle", (now_us - begin_us) * 1000);
}

/* Sees to it that the loop is awake at the next deadline: now, if work was left. */
static void arm_expiry(struct housekeeping *housekeeping, int64_t next_ms, int64_t now_ms)
{
    if (next_ms <= now_ms) {
        event_loop_turn_again(housekeeping->server->loop);
        return;
    }
    if (next_ms == housekeeping->expiry_due_ms)
        return;
    housekeeping->expiry_due_ms = next_ms;
    if (next_ms == INT64_MAX)
        event_timer_stop(&housekeeping->expiry);
    else
        event_timer_start(&housekeeping->expiry, next_ms - now_ms, 0);
}

void housekeeping_end_turn(struct housekeeping *housekeeping)
{
    struct server *server = housekeeping->server;
    if (!housekeeping->active_expiry || sessions_paused(server->sessions, NULL) != PAUSE_NONE) {
        arm_expiry(housekeeping, INT64_MAX, 0);
        return;
    }
    int64_t next_ms = keyspace_next_deadline_ms(server->keyspace);
    if (next_ms == INT64_MAX && housekeeping->expiry_due_ms == INT64_MAX)
        return;
    int64_t now_ms = clock_cached_ms(server->clock);
    if (next_ms <= now_ms) {
        expire_slice(housekeeping, now_ms - next_ms);
        next_ms = keyspace_next_deadline_ms(server->keyspace);
    }
    arm_expiry(housekeeping, next_ms, now_ms);
}

/* --- freeing off the loop --- */

static void discard_run(struct worker_job *job)
{
    struct discard_job *discard = (struct discard_job *)(void *)job;
    while (!discard->free_some(discard->garbage))
        ;
}

static void discard_done(struct worker_job *job)
{
    struct discard_job *discard = (struct discard_job *)(void *)job;
    discard->housekeeping->statistics.discards_pending--;
    discard->housekeeping->statistics.discards_done++;
    memory_free(discard);
}

void housekeeping_discard(void *context, void *garbage, bool (*free_some)(void *garbage))
{
    struct housekeeping *housekeeping = context;
    struct discard_job *discard = memory_allocate_zeroed(sizeof *discard);
    discard->job.run = discard_run;
    discard->job.done = discard_done;
    discard->housekeeping = housekeeping;
    discard->garbage = garbage;
    discard->free_some = free_some;
    housekeeping->statistics.discards_pending++;
    worker_submit(housekeeping->server->worker, &discard->job);
}
