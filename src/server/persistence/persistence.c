#include "server/persistence/persistence.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/network.h"
#include "persist/log_directory.h"
#include "persist/log_writer.h"
#include "persist/snapshot.h"
#include "server/dispatch.h"
#include "server/lifecycle.h"
#include "server/observe/observe.h"
#include "server/persistence/durable_waits.h"
#include "server/persistence/effects.h"
#include "server/persistence/loading.h"
#include "server/persistence/persistence_private.h"
#include "server/persistence/saving.h"
#include "server/server.h"
#include "server/session/sessions.h"
#include "system/disk.h"
#include "system/random.h"
#include "system/worker.h"

#define USEC_PER_NSEC 1000

static const char full_text[] = "MISCONF Errors writing to the AOF file: No space left on device";
static const char save_failed_text[] =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is configured "
    "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
    "option). Please check the Redis logs for details about the RDB error.";

/* --- what the log tells --- */

static void hold_writers(struct persistence *persistence, bool hold)
{
    struct dispatch_obstacles *obstacles = dispatch_obstacles(persistence->server->dispatch);
    if (obstacles->hold_writers == hold)
        return;
    obstacles->hold_writers = hold;
    if (!hold)
        sessions_resume_postponed(persistence->server->sessions);
}

static void log_durable(void *context)
{
    struct persistence *persistence = context;
    effects_release(persistence->server->effects);
    durable_waits_check(persistence);
}

static void log_full(void *context, bool full)
{
    (void)context;
    if (full)
        log_line(LOG_WARNING,
                 "The disk of the log is full: writes are refused until there is room; "
                 "nothing that was answered is lost");
    else
        log_line(LOG_NOTICE, "The log could be written again: writes are accepted");
}

static void log_failed(void *context, const char *what, int error_number)
{
    char why[256];
    snprintf(why, sizeof why,
             "%s failed (%s): what was not answered yet may be lost, and nothing more can be "
             "promised. After the disk has been looked at, start again",
             what, strerror(error_number));
    persistence_fail(context, why);
}

static void log_wrote(void *context, int64_t write_us, int64_t sync_us)
{
    struct persistence *persistence = context;
    struct observe *observe = persistence->server->observe;
    if (write_us >= 0)
        observe_latency(observe, "aof-write", write_us * USEC_PER_NSEC);
    if (sync_us >= 0)
        observe_latency(observe,
                        persistence->settings->sync == LOG_SYNC_ALWAYS ? "aof-fsync-always"
                                                                       : "aof-fsync",
                        sync_us * USEC_PER_NSEC);
}

/* --- the log begins and ends --- */

static enum error open_directory(struct persistence *persistence)
{
    struct buffer error_text = {0};
    enum error error = log_directory_open(persistence->disk, persistence_log_path(persistence),
                                          persistence->settings->append_file,
                                          &persistence->directory, &error_text);
    if (error != OK)
        log_line(LOG_WARNING, "%.*s", (int)error_text.length, error_text.data);
    buffer_deinit(&error_text);
    return error;
}

/* On the thread that writes snapshots: it has just written one, and yields to everybody. */
struct closing {
    struct worker_job job; /* first */
    struct disk_file file;
};

static void close_file(struct worker_job *job)
{
    struct closing *closing = (struct closing *)(void *)job;
    disk_close(&closing->file);
    memory_free(closing);
}

static void log_removed(void *context, struct disk_file file)
{
    struct persistence *persistence = context;
    struct closing *closing = memory_allocate(sizeof *closing);
    *closing = (struct closing){{.run = close_file}, file};
    worker_submit(persistence->save_worker, &closing->job);
}

static void close_directory(struct persistence *persistence)
{
    log_directory_close(persistence->directory);
    persistence->directory = NULL;
}

static struct log_writer_settings writer_settings(const struct persistence *persistence)
{
    return (struct log_writer_settings){
        .sync = (enum log_sync)persistence->settings->sync,
        .segment_size_max = persistence->settings->segment_size_max,
    };
}

/* `found`: NULL for a new log. */
static enum error begin_log(struct persistence *persistence, const struct recovery_result *found,
                            bool manifested)
{
    struct server *server = persistence->server;
    struct log_writer_start start = {.offset = found != NULL ? found->offset : 0};
    if (found != NULL && found->has_id) {
        start.id = found->id;
        start.increment_name = found->increment_name;
        start.increment_size = found->increment_size;
        start.increment_proven = found->increment_proven;
    } else {
        random_fill_secret(server->random, start.id.bytes, sizeof start.id.bytes);
    }
    struct log_writer_settings settings = writer_settings(persistence);
    struct log_writer_hooks hooks = {persistence, log_durable, log_full,
                                     log_failed,  log_wrote,   log_removed};
    enum error error = log_writer_create(server->loop, server->clock, persistence->directory,
                                         persistence->log_worker, &settings, &start, manifested,
                                         &hooks, &persistence->log);
    if (error != OK) {
        log_line(LOG_WARNING, "The log in %s cannot be written: %s",
                 persistence_log_path(persistence), strerror(errno));
        return error;
    }
    effects_set_log(server->effects, persistence->log);
    persistence->release_wanted = true;
    return OK;
}

/* False: something was not kept. */
static bool end_log(struct persistence *persistence)
{
    if (persistence->log == NULL)
        return true;
    saving_forget_log(persistence->saving);
    struct log_writer *log = persistence->log;
    effects_end_transaction(persistence->server->effects); /* it may be EXEC that ends the log */
    bool failed = log_writer_has_failed(log);
    enum error error = log_writer_close(log);
    persistence->log = NULL;
    close_directory(persistence);
    if (error == OK) {
        effects_set_log(persistence->server->effects, NULL); /* all is durable: gates may open */
        persistence->release_wanted = true;
        durable_waits_check(persistence);
        return true;
    }
    if (!failed)
        log_line(LOG_WARNING, "The end of the log could not be written: %s", strerror(errno));
    persistence->server->effects->log = NULL; /* gates stay closed */
    persistence->exit_status = EXIT_FAILURE;
    return false;
}

/* --- life --- */

struct persistence *persistence_create(struct server *server, struct persistence_settings *settings)
{
    struct persistence *persistence = memory_allocate_zeroed(sizeof *persistence);
    persistence->server = server;
    persistence->settings = settings;
    persistence->disk = settings->disk != NULL ? settings->disk : disk_real();
    persistence->saving = saving_create(persistence);
    list_init(&persistence->durable_waits);
    return persistence;
}

void persistence_destroy(struct persistence *persistence)
{
    if (persistence == NULL)
        return;
    loading_destroy(persistence);
    (void)end_log(persistence);
    saving_destroy(persistence->saving);
    if (persistence->log_worker != NULL)
        worker_destroy(persistence->log_worker);
    if (persistence->save_worker != NULL)
        worker_destroy(persistence->save_worker);
    close_directory(persistence);
    memory_free(persistence);
}

enum error persistence_start(struct persistence *persistence)
{
    struct server *server = persistence->server;
    persistence->log_worker = worker_create(server->loop, "holdfast-log", WORKER_PROMPT);
    persistence->save_worker = worker_create(server->loop, "holdfast-save", WORKER_BACKGROUND);
    if (persistence->log_worker == NULL || persistence->save_worker == NULL) {
        log_line(LOG_WARNING, "Could not create the threads that write: %s", strerror(errno));
        return ERROR_SYSTEM;
    }
    if (persistence->settings->append_only && open_directory(persistence) != OK)
        return ERROR_SYSTEM;
    dispatch_obstacles(server->dispatch)->loading = true;
    loading_begin(persistence);
    persistence->announces = !persistence->started;
    return persistence->exit_status == EXIT_SUCCESS ? OK : ERROR_SYSTEM;
}

void persistence_loaded(struct persistence *persistence, const struct recovery_result *log)
{
    if (persistence->directory != NULL && begin_log(persistence, log, true) != OK) {
        persistence_fail(persistence, "The log cannot be written");
        return;
    }
    persistence->started = true;
    dispatch_obstacles(persistence->server->dispatch)->loading = false;
    if (persistence->announces)
        lifecycle_ready(persistence->server->lifecycle);
}

void persistence_fail(struct persistence *persistence, const char *why)
{
    if (persistence->exit_status != EXIT_SUCCESS)
        return;
    persistence->exit_status = EXIT_FAILURE;
    log_line(LOG_WARNING, "%s", why);
    if (persistence->server->lifecycle != NULL)
        lifecycle_stop(persistence->server->lifecycle, "The server cannot go on");
}

static void release(struct persistence *persistence)
{
    if (!persistence->release_wanted)
        return;
    persistence->release_wanted = false;
    effects_release(persistence->server->effects);
}

bool persistence_stop(struct persistence *persistence)
{
    bool kept = end_log(persistence);
    release(persistence);
    return kept;
}

bool persistence_save(struct persistence *persistence)
{
    return saving_save_now(persistence->saving);
}

void persistence_flushed(struct persistence *persistence)
{
    saving_flushed(persistence->saving);
}

/* --- looking --- */

const char *persistence_log_path(const struct persistence *persistence)
{
    return persistence->settings->append_directory;
}

bool persistence_is_loading(const struct persistence *persistence)
{
    return !persistence->started;
}

int persistence_exit_status(const struct persistence *persistence)
{
    return persistence->exit_status;
}

/* --- the turn --- */

static const char *refusal(const struct persistence *persistence)
{
    if (persistence->log != NULL && log_writer_is_full(persistence->log))
        return full_text;
    if (persistence->settings->stop_writes_on_save_error &&
        persistence->settings->save_point_count > 0 && saving_is_failing(persistence->saving))
        return save_failed_text;
    return NULL;
}

void persistence_end_turn(struct persistence *persistence)
{
    if (!persistence->started) {
        loading_end_turn(persistence);
        return;
    }
    size_t backlog = 0;
    if (persistence->log != NULL) {
        log_writer_end_turn(persistence->log);
        backlog = log_writer_backlog(persistence->log);
    }
    release(persistence);
    hold_writers(persistence, backlog > LOG_BACKLOG_MAX ||
                                  saving_backlog(persistence->saving) > SNAPSHOT_BACKLOG_HARD_MAX);
    dispatch_obstacles(persistence->server->dispatch)->refuse_writers = refusal(persistence);
}

void persistence_save_slice(struct persistence *persistence)
{
    if (persistence->started)
        saving_save_slice(persistence->saving);
}

/* --- settings --- */

void persistence_apply(struct persistence *persistence)
{
    if (persistence->log == NULL)
        return;
    struct log_writer_settings settings = writer_settings(persistence);
    log_writer_set_settings(persistence->log, &settings);
    persistence->release_wanted = true;
}

/* If the log cannot take its end it stays, and with it the gates of what it did not keep. */
static enum error end_log_while_serving(struct persistence *persistence)
{
    if (log_writer_is_full(persistence->log)) {
        log_line(LOG_WARNING, "The log goes on: its disk is full, so it cannot be ended");
        return ERROR_SYSTEM;
    }
    effects_end_transaction(persistence->server->effects); /* it may be EXEC that ends the log */
    if (log_writer_end(persistence->log) != OK) {
        log_failed(persistence, "writing the end of the log", errno);
        return ERROR_SYSTEM;
    }
    (void)end_log(persistence); /* all is kept */
    return OK;
}

enum error persistence_set_append_only(struct persistence *persistence, bool on)
{
    if (on == (persistence->log != NULL))
        return OK;
    if (!on)
        return end_log_while_serving(persistence);
    if (open_directory(persistence) != OK)
        return ERROR_SYSTEM;
    if (begin_log(persistence, NULL, false) != OK) {
        close_directory(persistence);
        return ERROR_SYSTEM;
    }
    saving_begin_base(persistence->saving);
    return OK;
}

/* --- INFO --- */

static void info_of_log(const struct persistence *persistence, struct buffer *out)
{
    const struct log_writer *log = persistence->log;
    const struct log_writer_statistics *statistics = log_writer_statistics(log);
    buffer_add_format(out,
                      "aof_current_size:%" PRIu64 "\r\naof_base_size:%" PRIu64
                      "\r\naof_pending_rewrite:0\r\naof_buffer_length:%zu\r\n"
                      "aof_pending_bio_fsync:%d\r\naof_delayed_fsync:0\r\n",
                      statistics->size, statistics->base_size, log_writer_backlog(log),
                      log_writer_is_syncing(log));
    buffer_add_format(out,
                      "log_offset:%" PRIu64 "\r\nlog_durable_offset:%" PRIu64
                      "\r\nlog_disk_full:%d\r\nlog_disk_full_errors:%" PRIu64 "\r\n",
                      log_writer_offset(log), log_writer_durable_offset(log),
                      log_writer_is_full(log), statistics->full_errors);
    buffer_add_format(out,
                      "log_groups:%" PRIu64 "\r\nlog_group_bytes_last:%" PRIu64
                      "\r\nlog_group_bytes_max:%" PRIu64 "\r\n",
                      statistics->groups, statistics->group_bytes_last,
                      statistics->group_bytes_max);
    buffer_add_format(out,
                      "log_syncs:%" PRIu64 "\r\nlog_sync_usec_total:%" PRIu64
                      "\r\nlog_sync_usec_max:%" PRIu64 "\r\nlog_sync_usec_histogram:",
                      statistics->syncs, statistics->sync_us_total, statistics->sync_us_max);
    const char *separator = "";
    for (int i = 0; i < LOG_SYNC_HISTOGRAM_SIZE; i++) {
        if (statistics->sync_us_log2[i] == 0)
            continue;
        buffer_add_format(out, "%s%" PRIu64 "=%" PRIu64, separator, UINT64_C(1) << i,
                          statistics->sync_us_log2[i]);
        separator = ",";
    }
    buffer_add_string(out, "\r\n");
}

void persistence_info(const struct persistence *persistence, struct buffer *out)
{
    const struct log_writer *log = persistence->log;
    buffer_add_format(out, "loading:%d\r\nasync_loading:0\r\n", !persistence->started);
    saving_info_snapshots(persistence->saving, out);
    buffer_add_format(out, "aof_enabled:%d\r\n", log != NULL);
    saving_info_compaction(persistence->saving, out);
    bool wrote = log == NULL || log_writer_statistics(log)->last_error == 0;
    buffer_add_format(out, "aof_last_write_status:%s\r\naof_last_cow_size:0\r\n",
                      wrote ? "ok" : "err");
    buffer_add_string(out, "module_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n");
    if (log != NULL)
        info_of_log(persistence, out);
    if (!persistence->started)
        loading_info(persistence, out);
}
