/* What INFO persistence says of snapshots and compaction. */
#include <inttypes.h>

#include "persist/snapshot.h"
#include "server/persistence/persistence_private.h"
#include "server/persistence/saving_private.h"
#include "server/server.h"
#include "system/clock.h"

static int64_t running_s(const struct saving *saving, const struct saving_task *task)
{
    if (saving->running != task)
        return -1;
    return (clock_now_ms(saving->persistence->server->clock) - saving->begun_ms) / 1000;
}

void saving_info_snapshots(const struct saving *saving, struct buffer *out)
{
    struct snapshot_progress progress = {.keys_total = 0};
    if (saving->snapshot != NULL)
        snapshot_read_progress(saving->snapshot, &progress);
    buffer_add_format(out,
                      "current_cow_peak:0\r\ncurrent_cow_size:0\r\ncurrent_cow_size_age:0\r\n"
                      "current_fork_perc:0.00\r\ncurrent_save_keys_processed:%" PRIu64
                      "\r\ncurrent_save_keys_total:%" PRIu64 "\r\n",
                      progress.keys_done, progress.keys_total);
    const struct saving_task *task = &saving->save;
    buffer_add_format(out,
                      "rdb_changes_since_last_save:%" PRIu64 "\r\nrdb_bgsave_in_progress:%d\r\n"
                      "rdb_last_save_time:%" PRId64 "\r\nrdb_last_bgsave_status:%s\r\n",
                      saving_changes(saving), saving->running == task, saving->last_save_ms / 1000,
                      task->last_failed ? "err" : "ok");
    buffer_add_format(out,
                      "rdb_last_bgsave_time_sec:%" PRId64 "\r\nrdb_current_bgsave_time_sec:%" PRId64
                      "\r\nrdb_saves:%" PRIu64 "\r\nrdb_last_cow_size:0\r\n",
                      task->last_duration_s, running_s(saving, task), task->done);
    buffer_add_format(
        out, "rdb_last_load_keys_expired:%" PRIu64 "\r\nrdb_last_load_keys_loaded:%" PRIu64 "\r\n",
        saving->persistence->load_expired, saving->persistence->load_keys);
}

void saving_info_compaction(const struct saving *saving, struct buffer *out)
{
    const struct saving_task *task = &saving->rewrite;
    buffer_add_format(
        out,
        "aof_rewrite_in_progress:%d\r\naof_rewrite_scheduled:%d\r\n"
        "aof_last_rewrite_time_sec:%" PRId64 "\r\naof_current_rewrite_time_sec:%" PRId64 "\r\n",
        saving->running == task, task->scheduled, task->last_duration_s, running_s(saving, task));
    buffer_add_format(out,
                      "aof_last_bgrewrite_status:%s\r\naof_rewrites:%" PRIu64
                      "\r\naof_rewrites_consecutive_failures:%" PRIu64
                      "\r\nsnapshot_last_turn_usec_max:%" PRId64 "\r\n",
                      task->last_failed ? "err" : "ok", task->done, task->failures,
                      saving->turn_us_max);
}
