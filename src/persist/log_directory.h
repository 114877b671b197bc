/* The directory of the log: its lock, its manifest, the names of its files.
 *
 * A file counts only once the manifest names it; the manifest changes by rename. Blocking: used at
 * start and by the log's worker, one thread at a time. */
#ifndef HOLDFAST_PERSIST_LOG_DIRECTORY_H
#define HOLDFAST_PERSIST_LOG_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "persist/log_manifest.h"
#include "system/disk.h"

#define LOG_TEMPORARY_PREFIX "temp-" /* of files that no manifest names yet */

struct log_directory;

/* Makes the directory `path` if need be, locks it, reads the manifest if there is one. `name`:
 * appendfilename. On an error `error_text` says what in one sentence (file, line, who holds the
 * lock). */
WARN_UNUSED enum error log_directory_open(const struct disk *disk, const char *path,
                                          const char *name, struct log_directory **out,
                                          struct buffer *error_text);
void log_directory_close(struct log_directory *directory); /* gives the lock back; NULL allowed */

const struct disk *log_directory_disk(const struct log_directory *directory);
const char *log_directory_path(const struct log_directory *directory);
bool log_directory_has_manifest(const struct log_directory *directory);
const struct log_manifest *log_directory_manifest(const struct log_directory *directory);

/* "DIRECTORY/name" into `out` (emptied before; NUL-terminated, the NUL not counted). */
void log_directory_file_path(const struct log_directory *directory, const char *name,
                             struct buffer *out);
/* Names as Redis gives them: NAME.N.base.rdb, NAME.N.incr.aof. */
void log_directory_base_name(const struct log_directory *directory, int64_t sequence,
                             char out[LOG_FILE_NAME_MAX + 1]);
void log_directory_increment_name(const struct log_directory *directory, int64_t sequence,
                                  char out[LOG_FILE_NAME_MAX + 1]);

/* Makes `manifest` the one on disk, durably (disk_replace), and then the one in memory (a copy). On
 * an error both are as before, as far as anyone can know: the log must then stop. */
WARN_UNUSED enum error log_directory_switch(struct log_directory *directory,
                                            const struct log_manifest *manifest);

/* Removes files of type history, forgets them in the manifest, and removes temporary files and log
 * files that a crash left unnamed. What cannot be removed is left for the next time. Does nothing
 * where there is no manifest.
 *
 * The blocks of a removed file are not given back yet: for a gigabyte that takes a tenth of a
 * second. Its last descriptor stays open for log_directory_take_removed. */
void log_directory_clean(struct log_directory *directory);
/* A removed file, the caller's to close; DISK_FILE_NONE: there is none any more. */
struct disk_file log_directory_take_removed(struct log_directory *directory);

#endif
