#include "persist/log_directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/log.h"
#include "base/memory.h"

#define LOCK_NAME "holdfast.lock"

struct log_directory {
    const struct disk *disk;
    char *path, *name;
    struct disk_file lock;
    struct log_manifest manifest;
    bool has_manifest;
    struct disk_file *removed; /* open still */
    size_t removed_count;
};

/* --- opening --- */

static void manifest_path(const struct log_directory *directory, struct buffer *out)
{
    buffer_clear(out);
    buffer_add_format(out, "%s/%s.manifest", directory->path, directory->name);
    buffer_add(out, "", 1);
}

static enum error take_lock(struct log_directory *directory, struct buffer *error_text)
{
    struct buffer path = {0};
    log_directory_file_path(directory, LOCK_NAME, &path);
    enum error error = disk_open(directory->disk, path.data, DISK_LOCK, &directory->lock);
    if (error != OK && errno == EWOULDBLOCK)
        buffer_add_format(error_text, "The log in %s is in use by another server (%s is locked)",
                          directory->path, path.data);
    else if (error != OK)
        buffer_add_format(error_text, "Cannot lock %s: %s", path.data, strerror(errno));
    buffer_deinit(&path);
    return error;
}

static enum error read_manifest(struct log_directory *directory, struct buffer *error_text)
{
    struct buffer path = {0}, text = {0};
    manifest_path(directory, &path);
    enum error error = disk_read_all(directory->disk, path.data, LOG_MANIFEST_SIZE_MAX, &text);
    if (error == ERROR_SYSTEM && errno == ENOENT) {
        error = OK;
    } else if (error != OK) {
        buffer_add_format(error_text, "Cannot read the manifest %s: %s", path.data,
                          error == ERROR_SYSTEM ? strerror(errno) : "it is too large");
    } else {
        size_t line;
        const char *why;
        error = log_manifest_parse(buffer_slice(&text), &directory->manifest, &line, &why);
        directory->has_manifest = error == OK;
        if (error != OK)
            buffer_add_format(error_text, "The manifest %s is damaged: line %zu: %s", path.data,
                              line, why);
    }
    buffer_deinit(&path);
    buffer_deinit(&text);
    return error;
}

/* The directory, and its name where it stands. */
static enum error make_durable_directory(const struct disk *disk, const char *path)
{
    enum error error = disk_make_directory(disk, path);
    if (error != OK)
        return error;
    const char *slash = strrchr(path, '/');
    struct buffer parent = {0};
    if (slash == NULL)
        buffer_add_string(&parent, ".");
    else
        buffer_add(&parent, path, slash > path ? (size_t)(slash - path) : 1);
    buffer_add(&parent, "", 1);
    error = disk_sync_directory(disk, parent.data);
    buffer_deinit(&parent);
    return error;
}

enum error log_directory_open(const struct disk *disk, const char *path, const char *name,
                              struct log_directory **out, struct buffer *error_text)
{
    struct log_directory *directory = memory_allocate_zeroed(sizeof *directory);
    directory->disk = disk;
    directory->path = memory_copy_string(path);
    directory->name = memory_copy_string(name);
    directory->lock = DISK_FILE_NONE;
    enum error error = make_durable_directory(disk, path);
    if (error != OK)
        buffer_add_format(error_text, "Cannot make the directory %s: %s", path, strerror(errno));
    else
        error = take_lock(directory, error_text);
    if (error == OK)
        error = read_manifest(directory, error_text);
    if (error == OK)
        *out = directory;
    else
        log_directory_close(directory);
    return error;
}

void log_directory_close(struct log_directory *directory)
{
    if (directory == NULL)
        return;
    disk_close(&directory->lock);
    while (directory->removed_count > 0) {
        struct disk_file file = log_directory_take_removed(directory);
        disk_close(&file);
    }
    memory_free(directory->removed);
    log_manifest_deinit(&directory->manifest);
    memory_free(directory->path);
    memory_free(directory->name);
    memory_free(directory);
}

/* --- looking --- */

const struct disk *log_directory_disk(const struct log_directory *directory)
{
    return directory->disk;
}

const char *log_directory_path(const struct log_directory *directory)
{
    return directory->path;
}

bool log_directory_has_manifest(const struct log_directory *directory)
{
    return directory->has_manifest;
}

const struct log_manifest *log_directory_manifest(const struct log_directory *directory)
{
    return &directory->manifest;
}

void log_directory_file_path(const struct log_directory *directory, const char *name,
                             struct buffer *out)
{
    buffer_clear(out);
    buffer_add_format(out, "%s/%s", directory->path, name);
    buffer_add(out, "", 1);
    out->length--;
}

void log_directory_base_name(const struct log_directory *directory, int64_t sequence,
                             char out[LOG_FILE_NAME_MAX + 1])
{
    snprintf(out, LOG_FILE_NAME_MAX + 1, "%s.%" PRId64 ".base.rdb", directory->name, sequence);
}

void log_directory_increment_name(const struct log_directory *directory, int64_t sequence,
                                  char out[LOG_FILE_NAME_MAX + 1])
{
    snprintf(out, LOG_FILE_NAME_MAX + 1, "%s.%" PRId64 ".incr.aof", directory->name, sequence);
}

/* --- changing --- */

enum error log_directory_switch(struct log_directory *directory,
                                const struct log_manifest *manifest)
{
    struct buffer path = {0}, text = {0};
    manifest_path(directory, &path);
    log_manifest_format(manifest, &text);
    enum error error =
        disk_replace(directory->disk, directory->path, path.data, buffer_slice(&text));
    if (error == OK) {
        struct log_manifest copy;
        log_manifest_copy(manifest, &copy);
        log_manifest_deinit(&directory->manifest);
        directory->manifest = copy;
        directory->has_manifest = true;
    }
    buffer_deinit(&path);
    buffer_deinit(&text);
    return error;
}

struct cleaning {
    struct log_directory *directory;
    struct log_manifest unnamed; /* files to be removed */
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Files of our making that nobody names: left by a crash between two steps. */
static void find_unnamed(void *context, const char *name)
{
    struct cleaning *cleaning = context;
    const struct log_directory *directory = cleaning->directory;
    size_t own_length = strlen(directory->name);
    bool temporary = strncmp(name, LOG_TEMPORARY_PREFIX, strlen(LOG_TEMPORARY_PREFIX)) == 0;
    bool own = strncmp(name, directory->name, own_length) == 0 && name[own_length] == '.' &&
               (ends_with(name, ".base.rdb") || ends_with(name, ".incr.aof") ||
                ends_with(name, ".manifest.tmp"));
    bool unnamed = temporary || own, live = false;
    for (size_t i = 0; i < directory->manifest.count; i++) {
        const struct log_file *file = &directory->manifest.files[i];
        if (strcmp(file->name, name) != 0)
            continue;
        unnamed = true;
        live = live || file->type != LOG_FILE_HISTORY;
    }
    unnamed = unnamed && !live;
    if (unnamed && strlen(name) <= LOG_FILE_NAME_MAX)
        log_manifest_add(&cleaning->unnamed, name, 1, LOG_FILE_HISTORY);
}

static void forget_history(struct log_directory *directory)
{
    struct log_manifest kept = {NULL, 0};
    for (size_t i = 0; i < directory->manifest.count; i++) {
        const struct log_file *file = &directory->manifest.files[i];
        if (file->type != LOG_FILE_HISTORY)
            log_manifest_add(&kept, file->name, file->sequence, file->type);
    }
    if (kept.count < directory->manifest.count && kept.count > 0 &&
        log_directory_switch(directory, &kept) != OK)
        log_line(LOG_WARNING, "The manifest in %s still names old files: %s", directory->path,
                 strerror(errno));
    log_manifest_deinit(&kept);
}

static enum error remove_file(struct log_directory *directory, const char *path)
{
    struct disk_file file;
    if (disk_open(directory->disk, path, DISK_READ, &file) == OK) {
        size_t size = (directory->removed_count + 1) * sizeof *directory->removed;
        directory->removed = memory_resize(directory->removed, size);
        directory->removed[directory->removed_count++] = file;
    }
    return disk_remove(directory->disk, path);
}

struct disk_file log_directory_take_removed(struct log_directory *directory)
{
    if (directory->removed_count == 0)
        return DISK_FILE_NONE;
    return directory->removed[--directory->removed_count];
}

void log_directory_clean(struct log_directory *directory)
{
    if (!directory->has_manifest)
        return; /* who knows whose files these are */
    struct cleaning cleaning = {.directory = directory};
    if (disk_list(directory->disk, directory->path, find_unnamed, &cleaning) != OK)
        log_line(LOG_WARNING, "Cannot look for old files in %s: %s", directory->path,
                 strerror(errno));
    struct buffer path = {0};
    bool removed_all = true;
    for (size_t i = 0; i < cleaning.unnamed.count; i++) {
        log_directory_file_path(directory, cleaning.unnamed.files[i].name, &path);
        if (remove_file(directory, path.data) != OK) {
            log_line(LOG_WARNING, "Cannot remove the old file %s: %s", path.data, strerror(errno));
            removed_all = false;
        }
    }
    buffer_deinit(&path);
    log_manifest_deinit(&cleaning.unnamed);
    if (removed_all)
        forget_history(directory);
}
