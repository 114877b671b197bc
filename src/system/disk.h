/* The disk that data lives on: what the log, snapshots and recovery ask of a file system.
 *
 * A disk is a table of operations with the meaning of the system calls they are named after, so
 * that a simulated disk (system/disk_simulated.h: forgets what was not synced, fails at call N,
 * writes short, is full) can stand in for the real one. The functions below add what every caller
 * needs: retries after EINTR, whole writes.
 *
 * All calls block. They belong into the job of a worker (system/worker.h: submit, completion), or
 * into start and stop; never into a turn of the loop that serves clients. Any thread; one thread at
 * a time for a file. Errors: ERROR_SYSTEM, errno tells which. */
#ifndef HOLDFAST_SYSTEM_DISK_H
#define HOLDFAST_SYSTEM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

enum disk_open_mode {
    DISK_READ,       /* must exist */
    DISK_WRITE,      /* must exist; to be read and written */
    DISK_CREATE,     /* must not exist; else as DISK_WRITE */
    DISK_CREATE_NEW, /* emptied if it exists; else as DISK_WRITE */
    DISK_LOCK,       /* created if need be; taken exclusively (flock) without waiting: errno
                        EWOULDBLOCK if another process has it */
};

/* Each returns -1 with errno on failure, as the system call does. `file` is what `open` returned.
 */
struct disk_operations {
    int (*open)(void *context, const char *path, enum disk_open_mode mode);
    int (*close)(void *context, int file);
    ssize_t (*read)(void *context, int file, void *data, size_t length, uint64_t offset);
    ssize_t (*write)(void *context, int file, const struct iovec *vectors, int count,
                     uint64_t offset);    /* pwritev */
    int (*sync)(void *context, int file); /* fdatasync: bytes and length */
    int (*truncate)(void *context, int file, uint64_t length);
    int64_t (*size)(void *context, int file);
    int (*rename)(void *context, const char *from, const char *to);
    int (*remove)(void *context, const char *path);
    int (*link)(void *context, const char *from, const char *to);
    int (*make_directory)(void *context, const char *path); /* OK if it is there */
    int (*sync_directory)(void *context, const char *path);
    /* Calls `found` with each name in the directory, in no order. */
    int (*list)(void *context, const char *path,
                void (*found)(void *found_context, const char *name), void *found_context);
};

struct disk {
    const struct disk_operations *operations;
    void *context;
};

/* The file system of this machine. Static. */
const struct disk *disk_real(void);

struct disk_file {
    const struct disk *disk;
    int file; /* -1: not open */
};

#define DISK_FILE_NONE ((struct disk_file){NULL, -1})

WARN_UNUSED enum error disk_open(const struct disk *disk, const char *path,
                                 enum disk_open_mode mode, struct disk_file *out);
/* Nothing happens if it is not open. What was not synced may be lost: no error is told. */
void disk_close(struct disk_file *file);

/* Reads until `length` bytes or the end of the file; *done says how many. */
WARN_UNUSED enum error disk_read(const struct disk_file *file, uint64_t offset, void *data,
                                 size_t length, size_t *done);
/* Appends the whole file to `out`; ERROR_LIMIT beyond `size_max` bytes. */
WARN_UNUSED enum error disk_read_all(const struct disk *disk, const char *path, size_t size_max,
                                     struct buffer *out);
/* Writes all of it, in as many calls as it takes. After an error any part of it may be there.
 * `vectors` are used up. */
WARN_UNUSED enum error disk_write_vectors(const struct disk_file *file, struct iovec *vectors,
                                          int count, uint64_t offset);
WARN_UNUSED enum error disk_write(const struct disk_file *file, struct slice bytes,
                                  uint64_t offset);
WARN_UNUSED enum error disk_sync(const struct disk_file *file);
WARN_UNUSED enum error disk_truncate(const struct disk_file *file, uint64_t length);
WARN_UNUSED enum error disk_size(const struct disk_file *file, uint64_t *size);
WARN_UNUSED enum error disk_rename(const struct disk *disk, const char *from, const char *to);
/* OK if it was not there. What cannot be removed does no harm: the error may be ignored. */
enum error disk_remove(const struct disk *disk, const char *path);
WARN_UNUSED enum error disk_link(const struct disk *disk, const char *from, const char *to);
WARN_UNUSED enum error disk_make_directory(const struct disk *disk, const char *path);
/* Makes created, renamed and removed names durable. */
WARN_UNUSED enum error disk_sync_directory(const struct disk *disk, const char *path);
WARN_UNUSED enum error disk_list(const struct disk *disk, const char *path,
                                 void (*found)(void *context, const char *name), void *context);
bool disk_exists(const struct disk *disk, const char *path);

/* `content` beside `path`, synced, renamed over it, directory synced: after OK the new bytes are
 * there whatever happens, after an error or a crash at any moment the old ones or the new ones,
 * whole. */
WARN_UNUSED enum error disk_replace(const struct disk *disk, const char *directory,
                                    const char *path, struct slice content);

#endif
