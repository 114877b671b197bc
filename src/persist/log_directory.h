/* The directory of the log: its lock, its manifest, the names of its files.
 *
 * The manifest is that of Redis 7's multi-part AOF (lines "file NAME seq N type b|i|h", comments
 * begin with '#'): one base (RDB), increments in order, history (to be removed). A file counts only
 * once the manifest names it; the manifest changes by rename. Blocking: used at start and by the
 * log's worker, one thread at a time. */
#ifndef HOLDFAST_PERSIST_LOG_DIRECTORY_H
#define HOLDFAST_PERSIST_LOG_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "system/disk.h"

#define LOG_FILE_NAME_MAX 255 /* bytes of a file's name, as in Redis a name without a slash */
#define LOG_MANIFEST_SIZE_MAX (1024 * 1024) /* bytes */

enum log_file_type { LOG_FILE_BASE = 'b', LOG_FILE_INCREMENT = 'i', LOG_FILE_HISTORY = 'h' };

struct log_file {
    char name[LOG_FILE_NAME_MAX + 1];
    int64_t sequence;
    enum log_file_type type;
};

/* What the manifest says. `files`: the base first (if any), then increments in order of sequence,
 * then history. */
struct log_manifest {
    struct log_file *files; /* memory_* block */
    size_t count;
};

/* ERROR_SYNTAX: *line is the number of the line and `why` (static) what is wrong with it: as Redis,
 * a manifest in disorder is refused. `out` must be all zero. */
WARN_UNUSED enum error log_manifest_parse(struct slice text, struct log_manifest *out, size_t *line,
                                          const char **why);
void log_manifest_format(const struct log_manifest *manifest, struct buffer *out);
void log_manifest_deinit(struct log_manifest *manifest);
void log_manifest_copy(const struct log_manifest *from, struct log_manifest *to);
void log_manifest_add(struct log_manifest *manifest, const char *name, int64_t sequence,
                      enum log_file_type type);
const struct log_file *log_manifest_base(const struct log_manifest *manifest); /* NULL: none */
int64_t log_manifest_last_sequence(const struct log_manifest *manifest, enum log_file_type type);

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

/* Removes files of type history, forgets them in the manifest, and removes temporary and log files
 * of ours that the manifest does not name. What cannot be removed is left for the next time. */
void log_directory_clean(struct log_directory *directory);

#endif
