#include "server/persistence/saving.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/log.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_walk.h"
#include "persist/log_directory.h"
#include "persist/log_writer.h"
#include "persist/snapshot.h"
#include "server/dispatch.h"
#include "server/persistence/persistence_private.h"
#include "server/persistence/saving_private.h"
#include "server/server.h"
#include "system/clock.h"
#include "system/process.h"

#define TICK_MS 100
#define SILENT_STEPS 64 /* of the rest of a walk that was broken off, a turn */

/* --- ends --- */

static int64_t now_ms(const struct saving *saving)
{
    return clock_now_ms(saving->persistence->server->clock);
}

static void delay(struct saving_task *task, int64_t now)
{
    task->failures++;
    int shift = task->failures < 10 ? (int)task->failures - 1 : 9;
    int64_t delay_ms = (int64_t)SAVING_RETRY_MS << shift;
    if (delay_ms > SAVING_RETRY_MS_MAX)
        delay_ms = SAVING_RETRY_MS_MAX;
    task->not_before_ms = now + delay_ms;
}

static void end_task(struct saving *saving, struct saving_task *task, int error_number)
{
    int64_t now = now_ms(saving);
    task->last_duration_s = (now - saving->begun_ms) / 1000;
    saving->running = NULL;
    if (error_number == 0) {
        task->failures = 0;
        task->not_before_ms = 0;
        task->last_failed = false;
        task->done++;
        log_line(LOG_NOTICE, "%s ended well: %" PRIu64 " keys in %.1f seconds", task->name,
                 saving->keys, (double)(now - saving->begun_ms) / 1000);
    } else if (error_number == ECANCELED) {
        log_line(LOG_NOTICE, "%s was broken off", task->name);
    } else {
        task->last_failed = true;
        delay(task, now);
        log_line(LOG_WARNING,
                 "%s failed: %s. What was there before is whole; next try in %" PRId64
                 " ms or later",
                 task->name, strerror(error_number), task->not_before_ms - now);
    }
}

static void destroy_snapshot(struct saving *saving)
{
    struct snapshot_progress progress;
    snapshot_read_progress(saving->snapshot, &progress);
    saving->keys = progress.keys_done;
    saving->turn_us_max = progress.turn_us_max;
    snapshot_destroy(saving->snapshot);
    saving->snapshot = NULL;
}

/* --- BGSAVE --- */

static void save_done(void *context, int error_number)
{
    struct saving *saving = context;
    destroy_snapshot(saving);
    if (error_number == 0) {
        saving->last_save_ms = saving->begun_ms;
        saving->changes_saved = saving->changes_begun;
    }
    /* A FLUSHALL came between; or it failed, and writes may be refused until one succeeds. */
    bool points = saving->persistence->settings->save_point_count > 0;
    bool again = error_number == ECANCELED ? !saving->cancelled : error_number != 0 && points;
    saving->save.scheduled = saving->save.scheduled || again;
    end_task(saving, &saving->save, error_number);
}

static bool begin_save(struct saving *saving)
{
    struct persistence *persistence = saving->persistence;
    struct server *server = persistence->server;
    char path[64];
    snprintf(path, sizeof path, LOG_TEMPORARY_PREFIX "%d.rdb", process_id());
    struct snapshot_settings settings = {
        .path = path,
        .final_path = persistence->settings->snapshot_file,
        .directory = ".",
        .compress = persistence->settings->compress,
        .checksum = persistence->settings->checksum,
    };
    saving->snapshot =
        snapshot_begin(server->loop, server->clock, persistence->disk, server->keyspace,
                       persistence->save_worker, &settings, save_done, saving);
    saving->changes_begun = dispatch_statistics(server->dispatch)->changes;
    return saving->snapshot != NULL;
}

/* --- BGREWRITEAOF --- */

static void switch_done(void *context, int error_number)
{
    struct saving *saving = context;
    saving->switching = false;
    end_task(saving, &saving->rewrite, error_number);
    if (error_number != 0)
        saving->rewrite.scheduled = true;
}

static void rewrite_done(void *context, int error_number)
{
    struct saving *saving = context;
    struct persistence *persistence = saving->persistence;
    destroy_snapshot(saving);
    if (error_number == 0 && persistence->log != NULL) {
        saving->switching = true;
        log_writer_switch_base(persistence->log, saving->base_path.data, saving->sequence,
                               switch_done, saving);
        return;
    }
    saving->rewrite.scheduled = persistence->log != NULL; /* tried again */
    end_task(saving, &saving->rewrite, error_number);
}

static bool begin_rewrite(struct saving *saving)
{
    struct persistence *persistence = saving->persistence;
    struct server *server = persistence->server;
    log_directory_file_path(persistence->directory, LOG_TEMPORARY_PREFIX "base.rdb",
                            &saving->base_path);
    struct snapshot_settings settings = {
        .path = saving->base_path.data,
        .directory = log_directory_path(persistence->directory),
        .compress = persistence->settings->compress,
        .checksum = persistence->settings->checksum,
        .aof_base = true,
    };
    saving->snapshot =
        snapshot_begin(server->loop, server->clock, persistence->disk, server->keyspace,
                       persistence->save_worker, &settings, rewrite_done, saving);
    if (saving->snapshot == NULL)
        return false;
    /* What comes after this moment goes to a new increment: the snapshot ends where that begins. */
    log_writer_rotate(persistence->log, &saving->sequence);
    return true;
}

/* --- what is to be done next --- */

static bool may_begin(const struct saving *saving, const struct saving_task *task, int64_t now)
{
    return task->scheduled && saving->running == NULL && now >= task->not_before_ms &&
           !snapshot_walk_goes_on(saving->persistence->server->keyspace);
}

static void begin_task(struct saving *saving, struct saving_task *task, int64_t now)
{
    bool (*begin)(struct saving *) = task == &saving->save ? begin_save : begin_rewrite;
    if (!begin(saving))
        return;
    task->scheduled = false;
    saving->cancelled = false;
    saving->running = task;
    saving->begun_ms = now;
    log_line(LOG_NOTICE, "%s begins", task->name);
}

static void check_save_points(struct saving *saving, int64_t now)
{
    const struct persistence_settings *settings = saving->persistence->settings;
    uint64_t changes = saving_changes(saving);
    for (size_t i = 0; i < settings->save_point_count; i++) {
        const struct save_point *point = &settings->save_points[i];
        if (changes >= point->changes && changes > 0 &&
            now - saving->last_save_ms > point->seconds * 1000) {
            saving->save.scheduled = true;
            return;
        }
    }
}

static void check_growth(struct saving *saving)
{
    const struct persistence *persistence = saving->persistence;
    uint64_t percentage = persistence->settings->rewrite_percentage;
    if (persistence->log == NULL || percentage == 0)
        return;
    const struct log_writer_statistics *log = log_writer_statistics(persistence->log);
    uint64_t base = log->base_size > 0 ? log->base_size : 1;
    if (log->size > persistence->settings->rewrite_size_min && log->size > base &&
        (log->size - base) / base * 100 + (log->size - base) % base * 100 / base >= percentage)
        saving->rewrite.scheduled = true;
}

static void tick(void *context)
{
    struct saving *saving = context;
    if (persistence_is_loading(saving->persistence) || saving->running != NULL)
        return;
    check_save_points(saving, now_ms(saving));
    check_growth(saving);
}

void saving_save_slice(struct saving *saving)
{
    struct server *server = saving->persistence->server;
    if (saving->snapshot != NULL) {
        snapshot_take_slice(saving->snapshot);
    } else if (snapshot_walk_goes_on(server->keyspace)) {
        for (int i = 0; i < SILENT_STEPS && snapshot_walk_step(server->keyspace); i++)
            ;
        event_loop_turn_again(server->loop);
    }
    if (!saving->rewrite.scheduled && !saving->save.scheduled)
        return;
    int64_t now = now_ms(saving);
    if (saving->persistence->log == NULL)
        saving->rewrite.scheduled = false;
    if (may_begin(saving, &saving->rewrite, now))
        begin_task(saving, &saving->rewrite, now);
    if (may_begin(saving, &saving->save, now))
        begin_task(saving, &saving->save, now);
}

/* --- at once --- */

static void finish_walk(struct saving *saving)
{
    while (snapshot_walk_step(saving->persistence->server->keyspace))
        ;
}

/* What is running is given up, and done again later. */
static void give_way(struct saving *saving)
{
    struct saving_task *task = saving->running;
    if (saving->snapshot == NULL)
        return;
    destroy_snapshot(saving);
    end_task(saving, task, ECANCELED);
    task->scheduled = true;
}

bool saving_save_now(struct saving *saving)
{
    give_way(saving);
    finish_walk(saving);
    saving->save.scheduled = false;
    struct saving_task *switching = saving->running; /* a rewrite whose base is being named */
    if (!begin_save(saving))
        return false;
    saving->running = &saving->save;
    saving->begun_ms = now_ms(saving);
    snapshot_finish(saving->snapshot);
    saving->running = switching;
    return !saving->save.last_failed;
}

void saving_begin_base(struct saving *saving)
{
    saving->rewrite.scheduled = true;
    saving->rewrite.not_before_ms = 0;
}

void saving_forget_log(struct saving *saving)
{
    if (saving->running == &saving->rewrite && saving->snapshot != NULL)
        give_way(saving);
    saving->rewrite.scheduled = false;
    if (saving->switching) { /* the log's end forgets it */
        saving->switching = false;
        saving->running = NULL;
    }
}

void saving_flushed(struct saving *saving)
{
    if (saving->persistence->settings->save_point_count > 0)
        saving->save.scheduled = true;
}

/* --- life and looking --- */

struct saving *saving_create(struct persistence *persistence)
{
    struct saving *saving = memory_allocate_zeroed(sizeof *saving);
    saving->persistence = persistence;
    saving->save.name = "Background saving";
    saving->rewrite.name = "Background append only file rewriting";
    saving->save.last_duration_s = saving->rewrite.last_duration_s = -1;
    saving->last_save_ms = clock_now_ms(persistence->server->clock);
    event_timer_init(&saving->timer, persistence->server->loop, tick, saving);
    event_timer_start(&saving->timer, TICK_MS, TICK_MS);
    return saving;
}

void saving_destroy(struct saving *saving)
{
    if (saving == NULL)
        return;
    event_timer_stop(&saving->timer);
    snapshot_destroy(saving->snapshot);
    buffer_deinit(&saving->base_path);
    memory_free(saving);
}

size_t saving_backlog(const struct saving *saving)
{
    return saving->snapshot != NULL ? snapshot_backlog(saving->snapshot) : 0;
}

bool saving_is_failing(const struct saving *saving)
{
    return saving->save.last_failed;
}

uint64_t saving_changes(const struct saving *saving)
{
    return dispatch_statistics(saving->persistence->server->dispatch)->changes -
           saving->changes_saved;
}
