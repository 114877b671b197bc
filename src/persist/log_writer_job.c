/* What the worker does for the log: groups to the file, sync, a new base. */
#include <errno.h>

#include "persist/log_writer_private.h"
#include "system/clock.h"

static bool is_waited_out(const struct log_job *job, int error_number)
{
    return (error_number == ENOSPC || error_number == EDQUOT) && !log_files_is_broken(job->files);
}

static bool fails(struct log_job *job, enum error error, const char *what)
{
    if (error == OK)
        return false;
    job->error_number = errno;
    job->waits = is_waited_out(job, errno);
    job->what = what;
    return true;
}

static bool write_group(struct log_job *job, struct log_group *group)
{
    if (group->begins_increment != 0 && !group->begun) {
        if (fails(job, log_files_begin_increment(job->files, group->begins_increment),
                  "beginning a new file of the log"))
            return false;
        group->begun = true;
    }
    if (group->commands.length > 0 &&
        fails(job, log_files_append(job->files, buffer_slice(&group->commands)),
              "writing to the log"))
        return false;
    job->written_bytes += group->commands.length;
    group->written = true;
    return true;
}

static void write_groups(struct log_job *job)
{
    if (job->groups == NULL)
        return;
    int64_t begin_us = clock_monotonic_us(job->clock);
    for (struct log_group *group = job->groups; group != NULL; group = group->next)
        if (!write_group(job, group))
            break;
    job->write_us = clock_monotonic_us(job->clock) - begin_us;
}

static void sync_written(struct log_job *job)
{
    if (!job->sync || (job->error_number != 0 && !job->waits))
        return;
    int64_t begin_us = clock_monotonic_us(job->clock);
    if (log_files_sync(job->files) != OK) {
        job->error_number = errno;
        job->waits = false;
        job->what = "syncing the log";
        return;
    }
    job->synced = true;
    job->sync_us = clock_monotonic_us(job->clock) - begin_us;
}

/* A last group without commands says that everything before is durable: a reader can tell damage
 * from a torn tail. */
static void close_log(struct log_job *job)
{
    if (!job->closes || job->error_number != 0)
        return;
    if (!fails(job, log_files_append(job->files, slice_of(NULL, 0)), "closing the log"))
        (void)fails(job, log_files_sync(job->files), "closing the log");
}

void log_writer_job_run(struct worker_job *worker_job)
{
    struct log_job *job = (struct log_job *)(void *)worker_job;
    job->write_us = job->sync_us = -1;
    write_groups(job);
    sync_written(job);
    close_log(job);
    if (job->switch_path != NULL && job->error_number != 0) {
        job->switch_error = job->error_number;
    } else if (job->switch_path != NULL) {
        enum error error =
            log_files_switch_base(job->files, job->switch_path, job->switch_sequence);
        job->switch_error = error == OK ? 0 : errno;
        job->switched = error == OK;
    }
    job->manifested = log_files_is_manifested(job->files);
    job->synced_offset = log_files_synced_offset(job->files);
    job->size = log_files_all_size(job->files);
}
