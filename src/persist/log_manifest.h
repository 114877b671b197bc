/* Which files make up the log: the manifest of Redis 7's multi-part AOF.
 *
 * Lines "file NAME seq N type b|i|h", comments begin with '#': one base (RDB), increments in order,
 * history (to be removed). Pure. */
#ifndef HOLDFAST_PERSIST_LOG_MANIFEST_H
#define HOLDFAST_PERSIST_LOG_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#define LOG_FILE_NAME_MAX 255               /* bytes of a file's name, which has no slash */
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

#endif
