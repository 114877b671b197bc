#include "system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define FILE_READ_STEP 65536 /* bytes */

static void file_close_failed(int descriptor)
{
    int kept = errno;
    close(descriptor);
    errno = kept;
}

enum error file_read_descriptor(int descriptor, struct buffer *out)
{
    size_t before = out->length;
    enum error error = OK;
    for (;;) {
        if (out->length - before > FILE_READ_MAX) {
            error = ERROR_LIMIT;
            break;
        }
        error = buffer_reserve(out, FILE_READ_STEP);
        if (error != OK)
            break;
        ssize_t count = read(descriptor, out->data + out->length, FILE_READ_STEP);
        if (count == 0)
            return OK;
        if (count > 0) {
            out->length += (size_t)count;
        } else if (errno != EINTR) {
            error = ERROR_SYSTEM;
            break;
        }
    }
    out->length = before;
    return error;
}

enum error file_read(const char *path, struct buffer *out)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return ERROR_SYSTEM;
    enum error error = file_read_descriptor(descriptor, out);
    file_close_failed(descriptor);
    return error;
}

static enum error file_write_all(int descriptor, struct slice content)
{
    while (content.length > 0) {
        ssize_t count = write(descriptor, content.data, content.length);
        if (count < 0) {
            if (errno == EINTR)
                continue;
            return ERROR_SYSTEM;
        }
        content.data += count;
        content.length -= (size_t)count;
    }
    return OK;
}

/* Makes the names in the directory of `path` durable. */
static enum error file_sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path);
    if (slash == NULL)
        snprintf(directory, sizeof(directory), ".");
    else
        snprintf(directory, sizeof(directory), "%.*s", length > 0 ? length : 1, path);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return ERROR_SYSTEM;
    int result = fsync(descriptor);
    file_close_failed(descriptor);
    return result == 0 ? OK : ERROR_SYSTEM;
}

/* The new content under a name of its own, synced, with the owner and the mode of the old file. */
static enum error file_write_beside(const char *path, const char *temporary, struct slice content)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    mode_t mode = exists ? old.st_mode & 07777 : 0644;
    int descriptor =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, exists ? mode & 0600 : mode);
    if (descriptor < 0)
        return ERROR_SYSTEM;
    if (exists && fchown(descriptor, old.st_uid, old.st_gid) != 0) {
        /* Not root: the owner is who writes it, as after any editor. */
    }
    if ((exists && fchmod(descriptor, mode) != 0) || file_write_all(descriptor, content) != OK ||
        fsync(descriptor) != 0) {
        file_close_failed(descriptor);
        return ERROR_SYSTEM;
    }
    return close(descriptor) == 0 ? OK : ERROR_SYSTEM;
}

enum error file_write_atomically(const char *path, struct slice content)
{
    char target[PATH_MAX], temporary[PATH_MAX];
    /* A symbolic link stays: what it points to is replaced. */
    if (realpath(path, target) == NULL &&
        (errno != ENOENT || snprintf(target, sizeof(target), "%s", path) >= (int)sizeof(target)))
        return ERROR_SYSTEM;
    if (snprintf(temporary, sizeof(temporary), "%s.tmp-%d", target, (int)getpid()) >=
        (int)sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return ERROR_SYSTEM;
    }
    unlink(temporary); /* of a process of the same number that crashed */
    if (file_write_beside(target, temporary, content) != OK || rename(temporary, target) != 0) {
        int kept = errno;
        unlink(temporary);
        errno = kept;
        return ERROR_SYSTEM;
    }
    return file_sync_directory(target);
}

enum error file_write_pid(const char *path)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return ERROR_SYSTEM;
    enum error error = file_write_all(descriptor, slice_of(text, (size_t)length));
    file_close_failed(descriptor);
    return error;
}

void file_remove(const char *path)
{
    unlink(path);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum error file_set_directory(const char *path)
{
    return chdir(path) == 0 ? OK : ERROR_SYSTEM;
}

char *file_directory(void)
{
    char directory[PATH_MAX];
    return getcwd(directory, sizeof(directory)) == NULL ? NULL : memory_copy_string(directory);
}

enum error file_find(const char *pattern, void (*found)(void *context, const char *path),
                     void *context)
{
    glob_t matches;
    int status = glob(pattern, 0, NULL, &matches);
    if (status != 0 && status != GLOB_NOMATCH)
        return ERROR_SYSTEM;
    for (size_t i = 0; status == 0 && i < matches.gl_pathc; i++)
        found(context, matches.gl_pathv[i]);
    globfree(&matches);
    return OK;
}

char *file_absolute_path(const char *path)
{
    if (path[0] == '/')
        return memory_copy_string(path);
    char directory[PATH_MAX];
    if (getcwd(directory, sizeof(directory)) == NULL)
        return NULL;
    struct buffer joined = {0};
    if (strncmp(path, "./", 2) == 0)
        path += 2;
    buffer_add_format(&joined, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, path);
    buffer_add(&joined, "", 1);
    return joined.data;
}
