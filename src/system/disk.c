#include "system/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assertion.h"
#include "base/memory.h"

#define FILE_MODE 0644
#define DIRECTORY_MODE 0755
#define READ_PIECE_MAX ((size_t)1 << 30) /* bytes of one read */
#define TEMPORARY_SUFFIX ".tmp"

/* --- the real one --- */

static int real_open(void *context, const char *path, enum disk_open_mode mode)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY,
        [DISK_WRITE] = O_RDWR,
        [DISK_CREATE] = O_RDWR | O_CREAT | O_EXCL,
        [DISK_CREATE_NEW] = O_RDWR | O_CREAT | O_TRUNC,
        [DISK_LOCK] = O_RDWR | O_CREAT,
    };
    (void)context;
    int file = open(path, flags[mode] | O_CLOEXEC, FILE_MODE);
    if (file >= 0 && mode == DISK_LOCK && flock(file, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        close(file);
        errno = error;
        return -1;
    }
    return file;
}

static int real_close(void *context, int file)
{
    (void)context;
    return close(file);
}

static ssize_t real_read(void *context, int file, void *data, size_t length, uint64_t offset)
{
    (void)context;
    return pread(file, data, length, (off_t)offset);
}

static ssize_t real_write(void *context, int file, const struct iovec *vectors, int count,
                          uint64_t offset)
{
    (void)context;
    return pwritev(file, vectors, count, (off_t)offset);
}

static int real_sync(void *context, int file)
{
    (void)context;
    return fdatasync(file);
}

static int real_truncate(void *context, int file, uint64_t length)
{
    (void)context;
    return ftruncate(file, (off_t)length);
}

static int64_t real_size(void *context, int file)
{
    struct stat status;
    (void)context;
    return fstat(file, &status) == 0 ? (int64_t)status.st_size : -1;
}

static int real_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to);
}

static int real_remove(void *context, const char *path)
{
    (void)context;
    return unlink(path);
}

static int real_link(void *context, const char *from, const char *to)
{
    (void)context;
    return link(from, to);
}

static int real_make_directory(void *context, const char *path)
{
    (void)context;
    return mkdir(path, DIRECTORY_MODE) == 0 || errno == EEXIST ? 0 : -1;
}

static int real_sync_directory(void *context, const char *path)
{
    (void)context;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int result = fsync(directory), error = errno;
    close(directory);
    errno = error;
    return result;
}

static int real_list(void *context, const char *path,
                     void (*found)(void *found_context, const char *name), void *found_context)
{
    (void)context;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -1;
    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found(found_context, entry->d_name);
    int error = errno;
    closedir(directory);
    errno = error;
    return error == 0 ? 0 : -1;
}

const struct disk *disk_real(void)
{
    static const struct disk_operations operations = {
        .open = real_open,
        .close = real_close,
        .read = real_read,
        .write = real_write,
        .sync = real_sync,
        .truncate = real_truncate,
        .size = real_size,
        .rename = real_rename,
        .remove = real_remove,
        .link = real_link,
        .make_directory = real_make_directory,
        .sync_directory = real_sync_directory,
        .list = real_list,
    };
    static const struct disk disk = {&operations, NULL};
    return &disk;
}

/* --- what every caller needs --- */

static enum error result_of(int result)
{
    return result == 0 ? OK : ERROR_SYSTEM;
}

enum error disk_open(const struct disk *disk, const char *path, enum disk_open_mode mode,
                     struct disk_file *out)
{
    int file;
    do
        file = disk->operations->open(disk->context, path, mode);
    while (file < 0 && errno == EINTR);
    if (file < 0)
        return ERROR_SYSTEM;
    *out = (struct disk_file){disk, file};
    return OK;
}

void disk_close(struct disk_file *file)
{
    if (file->disk == NULL)
        return;
    int error = errno;
    (void)file->disk->operations->close(file->disk->context, file->file);
    errno = error;
    *file = DISK_FILE_NONE;
}

enum error disk_read(const struct disk_file *file, uint64_t offset, void *data, size_t length,
                     size_t *done)
{
    const struct disk *disk = file->disk;
    *done = 0;
    while (*done < length) {
        size_t wanted = length - *done < READ_PIECE_MAX ? length - *done : READ_PIECE_MAX;
        ssize_t got = disk->operations->read(disk->context, file->file, (char *)data + *done,
                                             wanted, offset + *done);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return ERROR_SYSTEM;
        if (got > 0)
            *done += (size_t)got;
    }
    return OK;
}

static enum error read_open_file(const struct disk_file *file, size_t size_max, struct buffer *out)
{
    uint64_t size;
    enum error error = disk_size(file, &size);
    if (error != OK)
        return error;
    if (size > size_max)
        return ERROR_LIMIT;
    error = buffer_reserve(out, size);
    if (error != OK)
        return error;
    size_t done;
    error = disk_read(file, 0, out->data + out->length, size, &done);
    if (error == OK)
        out->length += done;
    return error;
}

enum error disk_read_all(const struct disk *disk, const char *path, size_t size_max,
                         struct buffer *out)
{
    struct disk_file file;
    enum error error = disk_open(disk, path, DISK_READ, &file);
    if (error != OK)
        return error;
    error = read_open_file(&file, size_max, out);
    disk_close(&file);
    return error;
}

enum error disk_write_vectors(const struct disk_file *file, struct iovec *vectors, int count,
                              uint64_t offset)
{
    const struct disk *disk = file->disk;
    while (count > 0) {
        if (vectors->iov_len == 0) {
            vectors++;
            count--;
            continue;
        }
        ssize_t written =
            disk->operations->write(disk->context, file->file, vectors, count, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            if (written == 0)
                errno = EIO;
            return ERROR_SYSTEM;
        }
        offset += (uint64_t)written;
        for (size_t left = (size_t)written; left > 0;) {
            size_t taken = left < vectors->iov_len ? left : vectors->iov_len;
            vectors->iov_base = (char *)vectors->iov_base + taken;
            vectors->iov_len -= taken;
            left -= taken;
            if (vectors->iov_len == 0 && left > 0) {
                vectors++;
                count--;
                ASSERT(count > 0);
            }
        }
    }
    return OK;
}

enum error disk_write(const struct disk_file *file, struct slice bytes, uint64_t offset)
{
    struct iovec vector = {(char *)(uintptr_t)bytes.data, bytes.length};
    return disk_write_vectors(file, &vector, 1, offset);
}

enum error disk_sync(const struct disk_file *file)
{
    int result;
    do
        result = file->disk->operations->sync(file->disk->context, file->file);
    while (result != 0 && errno == EINTR);
    return result_of(result);
}

enum error disk_truncate(const struct disk_file *file, uint64_t length)
{
    int result;
    do
        result = file->disk->operations->truncate(file->disk->context, file->file, length);
    while (result != 0 && errno == EINTR);
    return result_of(result);
}

enum error disk_size(const struct disk_file *file, uint64_t *size)
{
    int64_t result = file->disk->operations->size(file->disk->context, file->file);
    if (result < 0)
        return ERROR_SYSTEM;
    *size = (uint64_t)result;
    return OK;
}

enum error disk_rename(const struct disk *disk, const char *from, const char *to)
{
    return result_of(disk->operations->rename(disk->context, from, to));
}

enum error disk_remove(const struct disk *disk, const char *path)
{
    if (disk->operations->remove(disk->context, path) != 0 && errno != ENOENT)
        return ERROR_SYSTEM;
    return OK;
}

enum error disk_link(const struct disk *disk, const char *from, const char *to)
{
    return result_of(disk->operations->link(disk->context, from, to));
}

enum error disk_make_directory(const struct disk *disk, const char *path)
{
    return result_of(disk->operations->make_directory(disk->context, path));
}

enum error disk_sync_directory(const struct disk *disk, const char *path)
{
    int result;
    do
        result = disk->operations->sync_directory(disk->context, path);
    while (result != 0 && errno == EINTR);
    return result_of(result);
}

enum error disk_list(const struct disk *disk, const char *path,
                     void (*found)(void *context, const char *name), void *context)
{
    return result_of(disk->operations->list(disk->context, path, found, context));
}

bool disk_exists(const struct disk *disk, const char *path)
{
    struct disk_file file;
    if (disk_open(disk, path, DISK_READ, &file) != OK)
        return errno != ENOENT;
    disk_close(&file);
    return true;
}

static enum error write_whole(const struct disk *disk, const char *path, struct slice content)
{
    struct disk_file file;
    enum error error = disk_open(disk, path, DISK_CREATE_NEW, &file);
    if (error != OK)
        return error;
    error = disk_write(&file, content, 0);
    if (error == OK)
        error = disk_sync(&file);
    disk_close(&file);
    return error;
}

enum error disk_replace(const struct disk *disk, const char *directory, const char *path,
                        struct slice content)
{
    struct buffer temporary = {0};
    buffer_add_format(&temporary, "%s%s", path, TEMPORARY_SUFFIX);
    buffer_add(&temporary, "", 1);
    enum error error = write_whole(disk, temporary.data, content);
    if (error == OK)
        error = disk_rename(disk, temporary.data, path);
    if (error == OK) {
        error = disk_sync_directory(disk, directory);
    } else {
        int reason = errno;
        (void)disk_remove(disk, temporary.data);
        errno = reason;
    }
    buffer_deinit(&temporary);
    return error;
}
