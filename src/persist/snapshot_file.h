/* The file of a snapshot: pieces, checksum, end mark, sync, its name. The worker's half of
 * snapshot; every call blocks. */
#ifndef HOLDFAST_PERSIST_SNAPSHOT_FILE_H
#define HOLDFAST_PERSIST_SNAPSHOT_FILE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

struct clock;
struct disk;
struct snapshot_file;
struct snapshot_settings;

/* Touches nothing yet. */
struct snapshot_file *snapshot_file_create(const struct clock *clock, const struct disk *disk,
                                           const struct snapshot_settings *settings);
/* Unless it was finished the file is removed. NULL allowed. */
void snapshot_file_destroy(struct snapshot_file *file);

/* Whether it rests after each piece of what is written, so that a thread that wants its core has it
 * at once: the scheduler lets who runs go on for milliseconds, or until a call returns. Such a file
 * grows by 150 MB a second. */
void snapshot_file_set_rests(struct snapshot_file *file, bool rests);
/* ERROR_SYSTEM: errno. After an error nothing but destroy may follow. */
WARN_UNUSED enum error snapshot_file_write(struct snapshot_file *file, struct slice bytes);
/* End mark, checksum, sync; then the name it is to have. */
WARN_UNUSED enum error snapshot_file_finish(struct snapshot_file *file);

#endif
