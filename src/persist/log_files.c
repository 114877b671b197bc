#include "persist/log_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/log.h"
#include "base/memory.h"
#include "persist/log_directory.h"

#define FILLER_AHEAD ((size_t)256 * 1024) /* bytes behind the last group */
#define REWRITE_SIZE ((size_t)256 * 1024) /* bytes of one piece */

struct log_files {
    struct log_directory *directory;
    struct log_id id;
    struct disk_file file; /* the current increment */
    int64_t sequence;
    uint64_t size;   /* of the current increment: up to its last whole group */
    uint64_t filled; /* of the current increment: behind `size` stands filler up to here */
    uint64_t before; /* bytes of base and increments before the current one */
    uint64_t offset, synced_offset;
    char *filler;                   /* FILLER_AHEAD bytes of it */
    bool manifested, broken, dirty; /* dirty: something is not synced */
};

/* --- sizes --- */

static uint64_t size_of(const struct log_directory *directory, const char *name)
{
    struct buffer path = {0};
    struct disk_file file;
    uint64_t size = 0;
    log_directory_file_path(directory, name, &path);
    if (disk_open(log_directory_disk(directory), path.data, DISK_READ, &file) == OK) {
        if (disk_size(&file, &size) != OK)
            size = 0;
        disk_close(&file);
    }
    buffer_deinit(&path);
    return size;
}

/* What was loaded may be in memory only, if whoever wrote it did not sync, or was killed between a
 * rename and the sync of the directory: it must not be lost now that it is served. */
static enum error sync_all(const struct log_directory *directory)
{
    const struct log_manifest *manifest = log_directory_manifest(directory);
    struct buffer path = {0};
    enum error error = OK;
    for (size_t i = 0; i < manifest->count && error == OK; i++) {
        struct disk_file file = DISK_FILE_NONE;
        if (manifest->files[i].type == LOG_FILE_HISTORY)
            continue;
        log_directory_file_path(directory, manifest->files[i].name, &path);
        error = disk_open(log_directory_disk(directory), path.data, DISK_WRITE, &file);
        if (error == OK)
            error = disk_sync(&file);
        disk_close(&file);
    }
    buffer_deinit(&path);
    return error != OK
               ? error
               : disk_sync_directory(log_directory_disk(directory), log_directory_path(directory));
}

/* All the manifest names but the current increment. */
static void measure(struct log_files *files)
{
    const struct log_manifest *manifest = log_directory_manifest(files->directory);
    files->before = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct log_file *file = &manifest->files[i];
        if (file->type == LOG_FILE_HISTORY ||
            (file->type == LOG_FILE_INCREMENT && file->sequence == files->sequence))
            continue;
        files->before += size_of(files->directory, file->name);
    }
}

/* --- increments --- */

static void increment_path(const struct log_files *files, int64_t sequence, struct buffer *out)
{
    char name[LOG_FILE_NAME_MAX + 1], temporary[LOG_FILE_NAME_MAX + 16];
    log_directory_increment_name(files->directory, sequence, name);
    snprintf(temporary, sizeof temporary, "%s%s", files->manifested ? "" : LOG_TEMPORARY_PREFIX,
             name);
    log_directory_file_path(files->directory, temporary, out);
}

static enum error name_increment(struct log_files *files, int64_t sequence)
{
    char name[LOG_FILE_NAME_MAX + 1];
    struct log_manifest manifest;
    log_directory_increment_name(files->directory, sequence, name);
    log_manifest_copy(log_directory_manifest(files->directory), &manifest);
    log_manifest_add(&manifest, name, sequence, LOG_FILE_INCREMENT);
    enum error error = log_directory_switch(files->directory, &manifest);
    log_manifest_deinit(&manifest);
    return error;
}

static enum error write_file_header(struct log_files *files, const struct disk_file *file,
                                    uint64_t *size)
{
    char line[LOG_ANNOTATION_MAX];
    struct log_file_header header = {files->id, files->offset};
    *size = log_group_write_file_header(line, &header);
    enum error error = disk_write(file, slice_of(line, *size), 0);
    return error == OK ? disk_sync(file) : error;
}

/* Makes the file, its first line and its name durable, then the manifest that names it. */
static enum error make_increment(struct log_files *files, int64_t sequence, struct disk_file *out,
                                 uint64_t *size)
{
    const struct disk *disk = log_directory_disk(files->directory);
    struct buffer path = {0};
    increment_path(files, sequence, &path);
    struct disk_file file = DISK_FILE_NONE;
    enum error error = disk_open(disk, path.data, DISK_CREATE_NEW, &file);
    if (error == OK)
        error = write_file_header(files, &file, size);
    if (error == OK)
        error = disk_sync_directory(disk, log_directory_path(files->directory));
    if (error == OK && files->manifested)
        error = name_increment(files, sequence);
    if (error == OK)
        *out = file;
    else
        disk_close(&file); /* an unnamed file does no harm; made anew at the next try */
    buffer_deinit(&path);
    return error;
}

static enum error begin_increment(struct log_files *files, int64_t sequence)
{
    struct disk_file file;
    uint64_t size;
    enum error error = make_increment(files, sequence, &file, &size);
    if (error != OK)
        return error;
    disk_close(&files->file);
    files->file = file;
    files->before += files->size;
    files->size = files->filled = size;
    files->sequence = sequence;
    return OK;
}

/* The filler goes: nothing is to be written behind it any more. */
static enum error drop_filler(struct log_files *files)
{
    if (files->filled == files->size)
        return OK;
    enum error error = disk_truncate(&files->file, files->size);
    if (error != OK)
        return error;
    files->filled = files->size;
    return disk_sync(&files->file);
}

enum error log_files_begin_increment(struct log_files *files, int64_t sequence)
{
    ASSERT(sequence > files->sequence);
    enum error error = log_files_sync(files);
    if (error == OK)
        error = drop_filler(files);
    return error == OK ? begin_increment(files, sequence) : error;
}

static enum error became_shorter(const char *path)
{
    log_line(LOG_WARNING, "%s has become shorter since it was loaded", path);
    errno = EIO;
    return ERROR_SYSTEM;
}

/* What was not loaded goes. A shorter file is not made longer: zeros would stand where groups were.
 */
static enum error cut_to(const struct disk_file *file, const char *path, uint64_t loaded)
{
    uint64_t size;
    enum error error = disk_size(file, &size);
    if (error == OK && size < loaded)
        error = became_shorter(path);
    return error == OK ? disk_truncate(file, loaded) : error;
}

/* Writes again what is there from `from` on. If a sync of it failed, the system holds it for synced
 * and would never write it; a reader sees it until memory is short or the power goes (P4). */
static enum error rewrite(const struct disk_file *file, const char *path, uint64_t from,
                          uint64_t to)
{
    struct buffer piece = {0};
    enum error error = buffer_reserve(&piece, REWRITE_SIZE);
    while (error == OK && from < to) {
        size_t done, wanted = to - from < REWRITE_SIZE ? (size_t)(to - from) : REWRITE_SIZE;
        error = disk_read(file, from, piece.data, wanted, &done);
        if (error == OK && done < wanted)
            error = became_shorter(path);
        if (error == OK)
            error = disk_write(file, slice_of(piece.data, wanted), from);
        from += wanted;
    }
    buffer_deinit(&piece);
    return error;
}

static enum error open_increment(struct log_files *files, const struct log_writer_start *start)
{
    struct buffer path = {0};
    log_directory_file_path(files->directory, start->increment_name, &path);
    enum error error =
        disk_open(log_directory_disk(files->directory), path.data, DISK_WRITE, &files->file);
    if (error == OK)
        error = cut_to(&files->file, path.data, start->increment_size);
    if (error == OK)
        error = rewrite(&files->file, path.data, start->increment_proven, start->increment_size);
    if (error == OK)
        error = disk_sync(&files->file);
    files->size = files->filled = start->increment_size;
    files->sequence =
        log_manifest_last_sequence(log_directory_manifest(files->directory), LOG_FILE_INCREMENT);
    buffer_deinit(&path);
    return error;
}

/* Not that of an old increment, either: if the manifest still names it as one that is to go, the
 * new file would go in its place. */
static int64_t new_sequence(const struct log_directory *directory)
{
    const struct log_manifest *manifest = log_directory_manifest(directory);
    int64_t last = log_manifest_last_sequence(manifest, LOG_FILE_INCREMENT);
    int64_t old = log_manifest_last_sequence(manifest, LOG_FILE_HISTORY);
    return (last > old ? last : old) + 1;
}

enum error log_files_open(struct log_directory *directory, const struct log_writer_start *start,
                          bool manifested, struct log_files **out)
{
    struct log_files *files = memory_allocate_zeroed(sizeof *files);
    files->directory = directory;
    files->id = start->id;
    files->file = DISK_FILE_NONE;
    files->offset = files->synced_offset = start->offset;
    files->manifested = manifested;
    files->filler = memory_allocate(FILLER_AHEAD);
    memset(files->filler, LOG_FILLER, FILLER_AHEAD);
    files->filler[FILLER_AHEAD - 1] = LOG_FILLER_END;
    log_directory_clean(directory);
    enum error error = manifested ? sync_all(directory) : OK;
    if (error == OK && start->increment_name != NULL)
        error = open_increment(files, start);
    else if (error == OK)
        error = begin_increment(files, new_sequence(directory));
    if (error != OK) {
        log_files_close(files);
        return error;
    }
    measure(files);
    *out = files;
    return OK;
}

void log_files_close(struct log_files *files)
{
    if (files == NULL)
        return;
    if (files->file.disk != NULL && !files->broken)
        (void)!drop_filler(files); /* it does no harm */
    disk_close(&files->file);
    memory_free(files->filler);
    memory_free(files);
}

/* --- groups --- */

/* What a write that failed left behind goes. */
static void cut_back(struct log_files *files)
{
    int reason = errno;
    files->filled = files->size;
    if (disk_truncate(&files->file, files->size) != OK)
        files->broken = true;
    errno = reason;
}

/* A group, and filler behind it where little is left.
 *
 * A write over filler changes no length, and a sync of such a write needs no commit of the file
 * system's journal (measured on ext4: 91 us instead of 154). It consists of '#' and one newline at
 * the end, so that every reader skips it as an annotation, whatever stands before it, and what
 * Redis writes behind it begins a line. That there is no room for it does no harm. */
static enum error write_group(struct log_files *files, struct slice annotation,
                              struct slice commands)
{
    uint64_t end = files->size + annotation.length + commands.length;
    bool fills = files->filled < end + LOG_FILLER_LEFT_MIN;
    struct iovec vectors[3] = {
        {(char *)(uintptr_t)annotation.data, annotation.length},
        {(char *)(uintptr_t)commands.data, commands.length},
        {files->filler, FILLER_AHEAD},
    };
    enum error error = disk_write_vectors(&files->file, vectors, fills ? 3 : 2, files->size);
    if (error == OK) {
        files->filled = fills ? end + FILLER_AHEAD : files->filled;
        return OK;
    }
    cut_back(files);
    if (!fills || (errno != ENOSPC && errno != EDQUOT) || files->broken)
        return error;
    vectors[0] = (struct iovec){(char *)(uintptr_t)annotation.data, annotation.length};
    vectors[1] = (struct iovec){(char *)(uintptr_t)commands.data, commands.length};
    error = disk_write_vectors(&files->file, vectors, 2, files->size);
    if (error == OK)
        files->filled = end;
    else
        cut_back(files);
    return error;
}

enum error log_files_append(struct log_files *files, struct slice commands)
{
    ASSERT(!files->broken);
    struct log_group_header header = {
        .offset = files->offset,
        .length = commands.length,
        .durable = files->synced_offset,
    };
    header.crc = log_group_crc(&files->id, &header, commands);
    char line[LOG_ANNOTATION_MAX];
    size_t length = log_group_write_header(line, &header);
    enum error error = write_group(files, slice_of(line, length), commands);
    if (error != OK)
        return error;
    files->size += length + commands.length;
    files->offset += commands.length;
    files->dirty = true;
    return OK;
}

enum error log_files_sync(struct log_files *files)
{
    ASSERT(!files->broken);
    if (!files->dirty)
        return OK;
    enum error error = disk_sync(&files->file);
    if (error != OK) {
        files->broken = true; /* what the kernel did with the pages nobody knows (P4) */
        return error;
    }
    files->dirty = false;
    files->synced_offset = files->offset;
    return OK;
}

struct disk_file log_files_current(const struct log_files *files)
{
    return files->file;
}

void log_files_synced_to(struct log_files *files, uint64_t offset)
{
    ASSERT(offset >= files->synced_offset && offset <= files->offset);
    files->synced_offset = offset;
}

/* --- a new base --- */

/* The increments of a new log get their names. */
static enum error name_temporaries(struct log_files *files, int64_t from)
{
    const struct disk *disk = log_directory_disk(files->directory);
    struct buffer temporary = {0}, path = {0};
    enum error error = OK;
    for (int64_t sequence = from; error == OK && sequence <= files->sequence; sequence++) {
        char name[LOG_FILE_NAME_MAX + 1];
        log_directory_increment_name(files->directory, sequence, name);
        log_directory_file_path(files->directory, name, &path);
        increment_path(files, sequence, &temporary);
        error = disk_rename(disk, temporary.data, path.data);
    }
    buffer_deinit(&temporary);
    buffer_deinit(&path);
    return error;
}

static void plan_manifest(const struct log_files *files, const char *base_name,
                          int64_t base_sequence, int64_t from, struct log_manifest *out)
{
    const struct log_manifest *now = log_directory_manifest(files->directory);
    *out = (struct log_manifest){NULL, 0};
    log_manifest_add(out, base_name, base_sequence, LOG_FILE_BASE);
    for (size_t i = 0; i < now->count; i++) {
        const struct log_file *file = &now->files[i];
        bool stays =
            files->manifested && file->type == LOG_FILE_INCREMENT && file->sequence >= from;
        log_manifest_add(out, file->name, file->sequence,
                         stays ? LOG_FILE_INCREMENT : LOG_FILE_HISTORY);
    }
    for (int64_t sequence = from; !files->manifested && sequence <= files->sequence; sequence++) {
        char name[LOG_FILE_NAME_MAX + 1];
        log_directory_increment_name(files->directory, sequence, name);
        log_manifest_add(out, name, sequence, LOG_FILE_INCREMENT);
    }
}

enum error log_files_switch_base(struct log_files *files, const char *temporary_path,
                                 int64_t sequence)
{
    const struct disk *disk = log_directory_disk(files->directory);
    const struct log_manifest *now = log_directory_manifest(files->directory);
    int64_t base_sequence = log_manifest_last_sequence(now, LOG_FILE_BASE) + 1;
    int64_t old_sequence = log_manifest_last_sequence(now, LOG_FILE_HISTORY) + 1;
    if (base_sequence < old_sequence)
        base_sequence = old_sequence; /* never the name of a file that is still there */
    char name[LOG_FILE_NAME_MAX + 1];
    struct buffer path = {0};
    log_directory_base_name(files->directory, base_sequence, name);
    log_directory_file_path(files->directory, name, &path);
    enum error error = disk_rename(disk, temporary_path, path.data);
    if (error == OK && !files->manifested)
        error = name_temporaries(files, sequence);
    if (error == OK)
        error = disk_sync_directory(disk, log_directory_path(files->directory));
    if (error == OK) {
        struct log_manifest manifest;
        plan_manifest(files, name, base_sequence, sequence, &manifest);
        error = log_directory_switch(files->directory, &manifest);
        log_manifest_deinit(&manifest);
    }
    buffer_deinit(&path);
    if (error != OK)
        return error;
    files->manifested = true;
    log_directory_clean(files->directory);
    measure(files);
    return OK;
}

/* --- looking --- */

struct disk_file log_files_take_removed(struct log_files *files)
{
    return log_directory_take_removed(files->directory);
}

uint64_t log_files_offset(const struct log_files *files)
{
    return files->offset;
}

uint64_t log_files_synced_offset(const struct log_files *files)
{
    return files->synced_offset;
}

int64_t log_files_sequence(const struct log_files *files)
{
    return files->sequence;
}

uint64_t log_files_size(const struct log_files *files)
{
    return files->size;
}

uint64_t log_files_all_size(const struct log_files *files)
{
    return files->before + files->size;
}

bool log_files_is_manifested(const struct log_files *files)
{
    return files->manifested;
}

bool log_files_is_broken(const struct log_files *files)
{
    return files->broken;
}
