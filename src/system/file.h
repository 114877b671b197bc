/* Small files, read and written as a whole: configuration, pid file. These calls block; they are
 * for the start, for the end, and for what an administrator asks for. Data files go through an
 * interface of their own (README). */
#ifndef HOLDFAST_SYSTEM_FILE_H
#define HOLDFAST_SYSTEM_FILE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#define FILE_READ_MAX (64 * 1024 * 1024) /* bytes of a file that file_read takes */

/* Appends the file's bytes to `out`. ERROR_LIMIT: larger than FILE_READ_MAX. ERROR_SYSTEM:
 * errno. On error `out` is as before. */
WARN_UNUSED enum error file_read(const char *path, struct buffer *out);
/* The same from a descriptor until its end: standard input, for instance. */
WARN_UNUSED enum error file_read_descriptor(int descriptor, struct buffer *out);

/* After OK the file has the new bytes even after power loss; after an error, or a crash at any
 * moment, the old ones: written beside it, synced, renamed over it, directory synced. Owner and
 * mode stay. ERROR_SYSTEM: errno. */
WARN_UNUSED enum error file_write_atomically(const char *path, struct slice content);

/* The process id and a newline. */
WARN_UNUSED enum error file_write_pid(const char *path);

void file_remove(const char *path); /* nothing happens if it is not there */
bool file_exists(const char *path);
WARN_UNUSED enum error file_set_directory(const char *path); /* of the process: "dir" */
/* The working directory, a memory_* block. NULL: errno. */
char *file_directory(void);
/* Calls `found` for each path that a pattern of the shell (glob(7)) matches, in order of name;
 * none is OK. */
WARN_UNUSED enum error file_find(const char *pattern,
                                 void (*found)(void *context, const char *path), void *context);
/* The path without its relative beginning, in a memory_* block; the file need not exist. NULL:
 * errno. */
char *file_absolute_path(const char *path);

#endif
