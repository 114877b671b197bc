/* The sync of each second: on a worker of its own, so that writes go on meanwhile.
 *
 * It covers what was written when it began. Meanwhile the other worker may append to the file, but
 * neither close nor sync it: of two syncs at once only one is told of an error. */
#include <errno.h>

#include "base/assertion.h"
#include "persist/log_writer_private.h"
#include "system/clock.h"

/* On its worker. */
static void run(struct worker_job *worker_job)
{
    struct log_side_sync *sync = (struct log_side_sync *)(void *)worker_job; /* its first member */
    struct clock *clock = sync->writer->clock;
    int64_t begin_us = clock_monotonic_us(clock);
    sync->error_number = disk_sync(&sync->file) == OK ? 0 : errno;
    sync->sync_us = clock_monotonic_us(clock) - begin_us;
}

void log_writer_sync_note(struct log_writer *writer)
{
    if (writer->sync.is_news)
        log_files_synced_to(writer->files, writer->sync.offset);
    writer->sync.is_news = false;
}

static void done(struct worker_job *worker_job)
{
    struct log_side_sync *sync = (struct log_side_sync *)(void *)worker_job;
    struct log_writer *writer = sync->writer;
    sync->runs = false;
    if (writer->failed)
        return; /* nothing may become durable any more, even if it is (P4) */
    if (sync->error_number != 0) {
        log_writer_fail(writer, "syncing the log", sync->error_number);
        return;
    }
    log_writer_record_sync(writer, sync->sync_us);
    sync->is_news = true;
    if (!writer->busy)
        log_writer_sync_note(writer);
    writer->durable_offset = sync->offset;
    writer->synced_group = sync->group;
    writer->unsynced = writer->written_group != sync->group;
    log_writer_end_turn(writer); /* something may have waited for it */
    writer->hooks.durable(writer->hooks.context);
}

void log_writer_sync_init(struct log_writer *writer)
{
    writer->sync.writer = writer;
    writer->sync.worker_job.run = run;
    writer->sync.worker_job.done = done;
}

void log_writer_sync_begin(struct log_writer *writer)
{
    struct log_side_sync *sync = &writer->sync;
    ASSERT(!writer->busy && !sync->runs && !sync->is_news);
    sync->file = log_files_current(writer->files);
    sync->offset = log_files_offset(writer->files);
    sync->group = writer->written_group;
    sync->runs = true;
    worker_submit(writer->sync_worker, &sync->worker_job);
}
