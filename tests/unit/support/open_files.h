/* Counts the files that are open on a disk. One disk at a time. */
#ifndef HOLDFAST_TESTS_OPEN_FILES_H
#define HOLDFAST_TESTS_OPEN_FILES_H

#include "system/disk.h"

/* `operations`, those of `disk`, get an `open` and a `close` that count. Begins at none. */
void open_files_count_from(struct disk_operations *operations, const struct disk *disk);
int open_files_count(void);

#endif
