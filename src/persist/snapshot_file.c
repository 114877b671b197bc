#include "persist/snapshot_file.h"

#include "base/crc64.h"
#include "base/memory.h"
#include "persist/rdb_writer.h"
#include "persist/snapshot.h"
#include "system/clock.h"
#include "system/disk.h"

#define PIECE_SIZE ((size_t)16 << 10) /* bytes written before a rest: 20 us */
#define REST_US 20                    /* what the kernel adds to it is as long again, or twice */
#define SYNC_EVERY ((size_t)1 << 20)  /* bytes: the log's syncs on the same disk stay short */

struct snapshot_file {
    const struct clock *clock;
    const struct disk *disk;
    struct disk_file file;
    char *path, *final_path, *directory;
    bool checksum, rests, created, finished;
    size_t unsynced;
    uint64_t size;
    uint64_t crc;
    struct crc64_tables tables;
};

struct snapshot_file *snapshot_file_create(const struct clock *clock, const struct disk *disk,
                                           const struct snapshot_settings *settings)
{
    struct snapshot_file *file = memory_allocate_zeroed(sizeof *file);
    file->clock = clock;
    file->disk = disk;
    file->file = DISK_FILE_NONE;
    file->path = memory_copy_string(settings->path);
    file->directory = memory_copy_string(settings->directory);
    if (settings->final_path != NULL)
        file->final_path = memory_copy_string(settings->final_path);
    file->checksum = settings->checksum;
    crc64_init(&file->tables);
    return file;
}

void snapshot_file_destroy(struct snapshot_file *file)
{
    if (file == NULL)
        return;
    disk_close(&file->file);
    if (file->created && !file->finished)
        (void)disk_remove(file->disk, file->path);
    memory_free(file->path);
    memory_free(file->final_path);
    memory_free(file->directory);
    memory_free(file);
}

static enum error open_file(struct snapshot_file *file)
{
    if (file->created)
        return OK;
    enum error error = disk_open(file->disk, file->path, DISK_CREATE_NEW, &file->file);
    file->created = error == OK;
    return error;
}

static enum error write_piece(struct snapshot_file *file, struct slice piece)
{
    enum error error = disk_write(&file->file, piece, file->size);
    if (error != OK)
        return error;
    if (file->checksum)
        file->crc = crc64_add(&file->tables, file->crc, piece.data, piece.length);
    file->unsynced += piece.length;
    file->size += piece.length;
    if (file->rests)
        clock_sleep_us(file->clock, REST_US);
    if (file->unsynced < SYNC_EVERY)
        return OK;
    file->unsynced = 0;
    return disk_sync(&file->file);
}

void snapshot_file_set_rests(struct snapshot_file *file, bool rests)
{
    file->rests = rests;
}

enum error snapshot_file_write(struct snapshot_file *file, struct slice bytes)
{
    enum error error = open_file(file);
    while (error == OK && bytes.length > 0) {
        size_t length = bytes.length < PIECE_SIZE ? bytes.length : PIECE_SIZE;
        error = write_piece(file, slice_of(bytes.data, length));
        bytes = slice_of(bytes.data + length, bytes.length - length);
    }
    return error;
}

enum error snapshot_file_finish(struct snapshot_file *file)
{
    struct buffer end = {0};
    if (file->checksum)
        rdb_write_end(&end, &file->tables, file->crc);
    else
        rdb_write_end_unchecked(&end);
    enum error error = open_file(file);
    if (error == OK)
        error = disk_write(&file->file, buffer_slice(&end), file->size);
    buffer_deinit(&end);
    if (error == OK)
        error = disk_sync(&file->file);
    if (error == OK && file->final_path != NULL)
        error = disk_rename(file->disk, file->path, file->final_path);
    if (error != OK)
        return error;
    file->finished = true;
    return disk_sync_directory(file->disk, file->directory);
}
