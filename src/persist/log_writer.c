#include "persist/log_writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/log.h"
#include "base/memory.h"
#include "persist/log_writer_private.h"
#include "system/clock.h"

#define SPARE_CAPACITY_MAX ((size_t)1 << 20) /* bytes of a block kept for the next group */
#define SYNC_EVERY_MS 1000
#define GATHER_US_MAX 400 /* however long the last group took */

/* --- groups: sealed, given to the worker, taken back --- */

static void seal(struct log_writer *writer)
{
    struct log_group *group = memory_allocate(sizeof *group);
    *group = (struct log_group){
        .number = writer->group,
        .commands = writer->collecting,
        .begins_increment = writer->next_begins_increment,
    };
    uint64_t length = writer->collecting.length;
    writer->statistics.group_bytes_last = length;
    if (length > writer->statistics.group_bytes_max)
        writer->statistics.group_bytes_max = length;
    writer->segment_bytes += length;
    writer->collecting = writer->spare;
    writer->spare = (struct buffer){NULL, 0, 0};
    writer->database = -1;
    writer->group++;
    writer->next_begins_increment = 0;
    *writer->sealed_end = group;
    writer->sealed_end = &group->next;
    writer->sealed_bytes += length;
    if (writer->segment_bytes >= writer->settings.segment_size_max)
        writer->next_begins_increment = log_writer_next_sequence(writer);
}

int64_t log_writer_next_sequence(struct log_writer *writer)
{
    writer->segment_bytes = 0;
    return ++writer->sequence;
}

static bool must_seal(const struct log_writer *writer)
{
    return writer->collecting.length > 0 || writer->expected == writer->group;
}

/* What the worker may not do while a sync goes on beside it. */
static bool must_be_alone(const struct log_writer *writer)
{
    if (writer->settings.sync == LOG_SYNC_ALWAYS)
        return true;
    for (const struct log_group *group = writer->sealed; group != NULL; group = group->next)
        if (group->begins_increment != 0 && !group->begun)
            return true;
    return false;
}

static void submit(struct log_writer *writer)
{
    struct log_job *job = &writer->job;
    ASSERT(!writer->busy);
    *job = (struct log_job){
        .worker_job = job->worker_job,
        .writer = writer,
        .files = writer->files,
        .clock = writer->clock,
        .groups = writer->sealed,
        .sync = writer->settings.sync == LOG_SYNC_ALWAYS,
        .switch_path = writer->switch_asked ? writer->switch_path : NULL,
        .switch_sequence = writer->switch_sequence,
    };
    writer->switch_asked = false;
    writer->sealed = NULL;
    writer->sealed_end = &writer->sealed;
    writer->sync_asked = writer->sync_asked && !job->sync; /* a sync beside may run still */
    writer->busy = true;
    writer->submitted_us = clock_monotonic_us(writer->clock);
    worker_submit(writer->worker, &job->worker_job);
}

/* Those whom the last group let be answered send their next commands now, one after the other: to
 * submit the first of them alone would make the others wait for two syncs. */
static bool should_gather(const struct log_writer *writer)
{
    return must_seal(writer) && writer->sealed == NULL &&
           clock_monotonic_us(writer->clock) < writer->gather_until_us;
}

/* The worker is free: more is waited for up to twice as long as it took, while more comes. */
static void gather_from_now(struct log_writer *writer)
{
    int64_t now_us = clock_monotonic_us(writer->clock);
    int64_t for_us = 2 * (now_us - writer->submitted_us);
    writer->gather_until_us = now_us + (for_us < GATHER_US_MAX ? for_us : GATHER_US_MAX);
}

/* The end of this turn submits what there is. */
static void no_more_comes(void *context)
{
    struct log_writer *writer = context;
    writer->gather_until_us = 0;
}

void log_writer_end_turn(struct log_writer *writer)
{
    ASSERT(!writer->in_transaction);
    if (writer->busy || writer->failed || writer->closing)
        return;
    bool always = writer->settings.sync == LOG_SYNC_ALWAYS;
    if (writer->sync_asked && !always && !writer->sync.runs) {
        writer->sync_asked = false;
        if (writer->unsynced)
            log_writer_sync_begin(writer);
    }
    if (writer->full)
        return;
    if (should_gather(writer)) {
        event_idle_start(&writer->no_more);
        return;
    }
    if (must_seal(writer))
        seal(writer);
    if (writer->sync.runs && must_be_alone(writer))
        return; /* its end goes on from here */
    if (writer->sealed != NULL || (writer->sync_asked && always) || writer->switch_asked)
        submit(writer);
}

static void recycle(struct log_writer *writer, struct log_group *group)
{
    writer->sealed_bytes -= group->commands.length;
    buffer_clear(&group->commands);
    if (writer->spare.data == NULL && group->commands.capacity <= SPARE_CAPACITY_MAX)
        writer->spare = group->commands;
    else
        buffer_deinit(&group->commands);
    memory_free(group);
}

/* Groups the worker could not write come first again. */
static void put_back(struct log_writer *writer, struct log_group *groups)
{
    struct log_group **end = &groups;
    while (*end != NULL)
        end = &(*end)->next;
    *end = writer->sealed;
    if (writer->sealed == NULL)
        writer->sealed_end = end;
    writer->sealed = groups;
    if (groups == NULL)
        writer->sealed_end = &writer->sealed;
}

static void count_sync(struct log_writer_statistics *statistics, int64_t sync_us)
{
    int slot = sync_us > 0 ? 63 - __builtin_clzll((unsigned long long)sync_us) : 0;
    statistics->syncs++;
    statistics->sync_us_total += (uint64_t)sync_us;
    if ((uint64_t)sync_us > statistics->sync_us_max)
        statistics->sync_us_max = (uint64_t)sync_us;
    statistics->sync_us_log2[slot < LOG_SYNC_HISTOGRAM_SIZE ? slot : LOG_SYNC_HISTOGRAM_SIZE - 1]++;
}

void log_writer_record_sync(struct log_writer *writer, int64_t sync_us)
{
    count_sync(&writer->statistics, sync_us);
    if (writer->hooks.wrote != NULL)
        writer->hooks.wrote(writer->hooks.context, -1, sync_us);
}

static void record(struct log_writer *writer, const struct log_job *job)
{
    struct log_writer_statistics *statistics = &writer->statistics;
    statistics->bytes += job->written_bytes;
    statistics->size = job->size;
    if (job->switched)
        statistics->base_size = job->size;
    if (job->sync_us >= 0)
        count_sync(statistics, job->sync_us);
    if ((job->write_us >= 0 || job->sync_us >= 0) && writer->hooks.wrote != NULL)
        writer->hooks.wrote(writer->hooks.context, job->write_us, job->sync_us);
}

static int64_t retry_ms(const struct log_writer *writer)
{
    int64_t wanted_ms = writer->settings.full_retry_ms;
    return wanted_ms > 0 ? wanted_ms : LOG_FULL_RETRY_MS;
}

static void become_full(struct log_writer *writer)
{
    writer->statistics.full_errors++;
    event_timer_start(&writer->retry, retry_ms(writer), 0);
    if (writer->full)
        return;
    writer->full = true;
    writer->hooks.full(writer->hooks.context, true);
}

void log_writer_fail(struct log_writer *writer, const char *what, int error_number)
{
    ASSERT(!writer->failed); /* once */
    writer->statistics.last_error = error_number;
    writer->failed = true;
    event_timer_stop(&writer->retry);
    writer->hooks.failed(writer->hooks.context, what, error_number);
}

static void take_back(struct log_writer *writer, struct log_job *job)
{
    while (job->groups != NULL && job->groups->written) {
        struct log_group *group = job->groups;
        job->groups = group->next;
        writer->statistics.groups++;
        if (!writer->failed)
            writer->written_group = group->number;
        recycle(writer, group);
    }
    put_back(writer, job->groups);
    job->groups = NULL;
}

static void give_away_removed(struct log_writer *writer)
{
    for (;;) {
        struct disk_file file = log_files_take_removed(writer->files);
        if (file.file < 0)
            return;
        writer->hooks.removed(writer->hooks.context, file);
    }
}

/* What is durable now, and how the log goes on. Not for a log that has failed, however well the job
 * went: nothing may become durable any more, and nobody be invited to write (P4). */
static void conclude(struct log_writer *writer, const struct log_job *job)
{
    if (job->synced_offset > writer->durable_offset)
        writer->durable_offset = job->synced_offset;
    if (job->synced) {
        writer->synced_group = writer->written_group;
        writer->unsynced = false;
    } else if (job->written_bytes > 0) {
        writer->unsynced = true;
    }
    writer->statistics.last_error = job->error_number;
    if (job->error_number != 0 && !job->waits) {
        log_writer_fail(writer, job->what, job->error_number);
    } else if (job->error_number != 0) {
        become_full(writer);
    } else if (writer->full) {
        writer->full = false;
        writer->hooks.full(writer->hooks.context, false);
    }
}

/* On the loop: the worker is done with a job. */
static void job_done(struct worker_job *worker_job)
{
    struct log_job *job = (struct log_job *)(void *)worker_job; /* its first member */
    struct log_writer *writer = job->writer;
    writer->busy = false;
    gather_from_now(writer);
    record(writer, job);
    take_back(writer, job);
    log_writer_sync_note(writer);
    give_away_removed(writer);
    if (job->manifested)
        writer->manifested = true;
    if (!writer->failed)
        conclude(writer, job);
    if (!writer->failed)
        writer->hooks.durable(writer->hooks.context);
    if (job->switch_path != NULL)
        log_writer_switch_done(writer, job->switch_error);
}

/* --- timers --- */

static void retry(void *context)
{
    struct log_writer *writer = context;
    ASSERT(writer->full && !writer->failed); /* and nothing was submitted since it became full */
    if (writer->sync.runs && must_be_alone(writer))
        event_timer_start(&writer->retry, retry_ms(writer), 0);
    else
        submit(writer);
}

static void every_second(void *context)
{
    struct log_writer *writer = context;
    if (writer->settings.sync == LOG_SYNC_EVERY_SECOND && (writer->unsynced || writer->busy))
        writer->sync_asked = true; /* the end of this turn submits it */
}

/* --- life --- */

enum error log_writer_create(struct event_loop *loop, struct clock *clock,
                             struct log_directory *directory, struct worker *worker,
                             const struct log_writer_settings *settings,
                             const struct log_writer_start *start, bool manifested,
                             const struct log_writer_hooks *hooks, struct log_writer **out)
{
    struct log_files *files;
    enum error error = log_files_open(directory, start, manifested, &files);
    if (error != OK)
        return error;
    struct worker *sync_worker = worker_create(loop, "holdfast-sync", WORKER_PROMPT);
    if (sync_worker == NULL) {
        log_files_close(files);
        return ERROR_SYSTEM;
    }
    struct log_writer *writer = memory_allocate_zeroed(sizeof *writer);
    writer->clock = clock;
    writer->worker = worker;
    writer->sync_worker = sync_worker;
    writer->files = files;
    writer->settings = *settings;
    writer->hooks = *hooks;
    writer->manifested = manifested;
    writer->sequence = log_files_sequence(files);
    writer->segment_bytes = log_files_size(files);
    writer->group = 1;
    writer->database = -1;
    writer->offset = writer->durable_offset = start->offset;
    writer->sealed_end = &writer->sealed;
    writer->statistics.size = writer->statistics.base_size = log_files_all_size(files);
    writer->job.writer = writer;
    writer->job.worker_job.run = log_writer_job_run;
    writer->job.worker_job.done = job_done;
    log_writer_sync_init(writer);
    event_idle_init(&writer->no_more, loop, no_more_comes, writer);
    event_timer_init(&writer->retry, loop, retry, writer);
    event_timer_init(&writer->second, loop, every_second, writer);
    event_timer_start(&writer->second, SYNC_EVERY_MS, SYNC_EVERY_MS);
    *out = writer;
    return OK;
}

/* The worker has nothing: the rest is done here, on the loop's thread. */
static enum error finish(struct log_writer *writer)
{
    if (writer->failed) {
        errno = EIO;
        return ERROR_SYSTEM;
    }
    if (writer->collecting.length > 0)
        seal(writer);
    struct log_job *job = &writer->job;
    *job = (struct log_job){
        .worker_job = job->worker_job,
        .writer = writer,
        .files = writer->files,
        .clock = writer->clock,
        .groups = writer->sealed,
        .sync = true,
        .closes = true,
    };
    log_writer_job_run(&job->worker_job);
    if (job->error_number == 0)
        return OK;
    errno = job->error_number;
    return ERROR_SYSTEM;
}

enum error log_writer_end(struct log_writer *writer)
{
    if (writer->ended) {
        errno = EIO;
        return writer->failed ? ERROR_SYSTEM : OK;
    }
    writer->closing = true;
    event_idle_stop(&writer->no_more);
    worker_wait(writer->worker); /* calls job_done */
    worker_wait(writer->sync_worker);
    event_timer_stop(&writer->retry);
    event_timer_stop(&writer->second);
    enum error error = finish(writer);
    writer->ended = true;
    writer->failed = error != OK;
    return error;
}

enum error log_writer_close(struct log_writer *writer)
{
    enum error error = log_writer_end(writer);
    int reason = errno;
    worker_destroy(writer->sync_worker);
    while (writer->sealed != NULL) {
        struct log_group *group = writer->sealed;
        writer->sealed = group->next;
        recycle(writer, group);
    }
    log_files_close(writer->files);
    buffer_deinit(&writer->collecting);
    buffer_deinit(&writer->spare);
    memory_free(writer->switch_path);
    memory_free(writer);
    errno = reason;
    return error;
}

/* --- what is durable --- */

uint64_t log_writer_group(const struct log_writer *writer)
{
    return writer->group;
}

uint64_t log_writer_durable_group(const struct log_writer *writer)
{
    if (!writer->manifested)
        return UINT64_MAX;
    if (writer->settings.sync == LOG_SYNC_ALWAYS)
        return writer->synced_group;
    return writer->written_group;
}

bool log_writer_hides_the_undurable(const struct log_writer *writer)
{
    return writer->settings.sync == LOG_SYNC_ALWAYS;
}

void log_writer_expect(struct log_writer *writer, uint64_t group)
{
    ASSERT(group <= writer->group);
    if (group > writer->expected)
        writer->expected = group;
}

bool log_writer_is_in_force(const struct log_writer *writer)
{
    return writer->manifested;
}

uint64_t log_writer_offset(const struct log_writer *writer)
{
    return writer->offset;
}

uint64_t log_writer_durable_offset(const struct log_writer *writer)
{
    return writer->durable_offset;
}

size_t log_writer_backlog(const struct log_writer *writer)
{
    return writer->collecting.length + writer->sealed_bytes;
}

bool log_writer_is_full(const struct log_writer *writer)
{
    return writer->full;
}

bool log_writer_is_syncing(const struct log_writer *writer)
{
    return writer->sync.runs;
}

bool log_writer_has_failed(const struct log_writer *writer)
{
    return writer->failed;
}

const struct log_writer_statistics *log_writer_statistics(const struct log_writer *writer)
{
    return &writer->statistics;
}

/* --- changing while it runs --- */

void log_writer_set_settings(struct log_writer *writer, const struct log_writer_settings *settings)
{
    if (settings->sync == LOG_SYNC_ALWAYS && writer->settings.sync != LOG_SYNC_ALWAYS)
        writer->sync_asked = true;
    writer->settings = *settings;
}

void log_writer_rotate(struct log_writer *writer, int64_t *sequence)
{
    ASSERT(!writer->in_transaction);
    if (must_seal(writer))
        seal(writer);
    if (writer->next_begins_increment == 0)
        writer->next_begins_increment = log_writer_next_sequence(writer);
    *sequence = writer->next_begins_increment;
    /* The new increment must be there even if nothing is written any more. */
    log_writer_expect(writer, writer->group);
}

void log_writer_switch_base(struct log_writer *writer, const char *temporary_path, int64_t sequence,
                            void (*done)(void *context, int error_number), void *context)
{
    ASSERT(writer->switch_callback == NULL);
    writer->switch_path = memory_copy_string(temporary_path);
    writer->switch_sequence = sequence;
    writer->switch_callback = done;
    writer->switch_context = context;
    writer->switch_asked = true;
}

void log_writer_switch_done(struct log_writer *writer, int error_number)
{
    void (*done)(void *, int) = writer->switch_callback;
    memory_free(writer->switch_path);
    writer->switch_path = NULL;
    writer->switch_callback = NULL;
    done(writer->switch_context, error_number);
}
