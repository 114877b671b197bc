/* The files of the log as their writer sees them: groups at the end of the current increment, the
 * next increment, a new base. The worker's half of log_writer.
 *
 * Every call blocks; one thread at a time. ERROR_SYSTEM with errno; after it, what was there before
 * is there still, unless log_files_is_broken. */
#ifndef HOLDFAST_PERSIST_LOG_FILES_H
#define HOLDFAST_PERSIST_LOG_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "persist/log_group.h"
#include "system/disk.h"

struct log_directory;
struct log_files;

/* Where to go on: what recovery found (persist/recovery.h), or a new log. */
struct log_writer_start {
    struct log_id id;
    uint64_t offset;            /* of the next group */
    const char *increment_name; /* to append to, at `increment_size`; NULL: begin a new increment */
    uint64_t increment_size;
    uint64_t increment_proven; /* bytes of it that had been synced for sure: the others are written
                                  again */
};

/* `manifested` false: the increment gets a temporary name and no place in the manifest before
 * log_files_switch_base. Files that nobody names are removed. EIO, too: the increment is shorter
 * than `start` says. */
WARN_UNUSED enum error log_files_open(struct log_directory *directory,
                                      const struct log_writer_start *start, bool manifested,
                                      struct log_files **out);
void log_files_close(struct log_files *files); /* NULL allowed; syncs nothing */

/* Appends one group. After an error the file is cut back to its last whole group. */
WARN_UNUSED enum error log_files_append(struct log_files *files, struct slice commands);
WARN_UNUSED enum error log_files_sync(struct log_files *files);
/* For a sync beside appends, by another thread: of the current increment, which must not be ended
 * meanwhile. Afterwards log_files_synced_to says what `log_files_offset` was before it. */
struct disk_file log_files_current(const struct log_files *files);
void log_files_synced_to(struct log_files *files, uint64_t offset);
/* Syncs the increment, makes the next one and names it in the manifest: the next group goes there.
 */
WARN_UNUSED enum error log_files_begin_increment(struct log_files *files, int64_t sequence);
/* The file at `temporary_path` becomes the base, increments from `sequence` on stay, everything
 * before goes. */
WARN_UNUSED enum error log_files_switch_base(struct log_files *files, const char *temporary_path,
                                             int64_t sequence);

/* A file that was removed and is open still (log_directory_take_removed). */
struct disk_file log_files_take_removed(struct log_files *files);

uint64_t log_files_offset(const struct log_files *files); /* of the next group */
uint64_t log_files_synced_offset(const struct log_files *files);
int64_t log_files_sequence(const struct log_files *files);  /* of the current increment */
uint64_t log_files_size(const struct log_files *files);     /* bytes of the current increment */
uint64_t log_files_all_size(const struct log_files *files); /* bytes of base and increments */
bool log_files_is_manifested(const struct log_files *files);
/* The file could not be cut back, a sync failed: nothing can be written any more. */
bool log_files_is_broken(const struct log_files *files);

#endif
