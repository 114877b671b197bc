#include "persist/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "persist/rdb_reader.h"
#include "persist/recovery_private.h"
#include "system/clock.h"

#define MAGIC_SIZE 9                   /* bytes that tell what a file is */
#define STRING_MAX (UINT64_C(4) << 30) /* bytes of a string in a base */

/* --- errors --- */

bool recovery_refuse(struct recovery *recovery, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ASSERT(recovery->named != NULL);
    buffer_add_format(&recovery->error, "%s/%s at byte %" PRIu64 ": ",
                      log_directory_path(recovery->directory), recovery->named->name,
                      recovery_position(recovery));
    buffer_add_string(&recovery->error, text);
    buffer_add(&recovery->error, "", 1);
    return false;
}

bool recovery_refuse_damage(struct recovery *recovery, const char *what)
{
    uint64_t position = recovery_position(recovery);
    uint64_t later = 0;
    for (size_t i = recovery->index + 1; i < recovery->progress.files; i++)
        later++;
    return recovery_refuse(
        recovery,
        "%s. The log is damaged and is not loaded. A repair would drop the %" PRIu64
        " bytes of this file from here on%s: holdfast-log repair %s",
        what, recovery->file_size - position, later > 0 ? ", and all files after it" : "",
        log_directory_path(recovery->directory));
}

const char *recovery_error(const struct recovery *recovery)
{
    return recovery->error.length > 0 ? recovery->error.data : "";
}

/* --- reading --- */

uint64_t recovery_position(const struct recovery *recovery)
{
    return recovery->input_start + recovery->at;
}

struct slice recovery_input(const struct recovery *recovery)
{
    if (recovery->input.data == NULL)
        return SLICE("");
    return slice_of(recovery->input.data + recovery->at, recovery->input.length - recovery->at);
}

bool recovery_read_all(const struct recovery *recovery)
{
    return recovery->read_end >= recovery->file_size;
}

static bool read_more(struct recovery *recovery, size_t least)
{
    struct buffer *input = &recovery->input;
    if (recovery->at > 0) {
        buffer_drop_front(input, recovery->at);
        recovery->input_start += recovery->at;
        recovery->at = 0;
    }
    uint64_t left = recovery->file_size - recovery->read_end;
    size_t wanted = least > RECOVERY_READ_SIZE ? least : RECOVERY_READ_SIZE, done;
    if (wanted > left)
        wanted = (size_t)left;
    if (buffer_reserve(input, wanted) != OK)
        return recovery_refuse(recovery, "out of memory: %zu bytes are needed", wanted);
    if (disk_read(&recovery->file, recovery->read_end, input->data + input->length, wanted,
                  &done) != OK)
        return recovery_refuse(recovery, "cannot be read: %s", strerror(errno));
    if (done < wanted) /* it was cut while we read */
        recovery->file_size = recovery->read_end + done;
    input->length += done;
    recovery->read_end += done;
    return true;
}

bool recovery_want(struct recovery *recovery, size_t wanted)
{
    while (recovery->input.length - recovery->at < wanted && !recovery_read_all(recovery))
        if (!read_more(recovery, wanted - (recovery->input.length - recovery->at)))
            return false;
    return true;
}

bool recovery_cut(struct recovery *recovery)
{
    const struct disk *disk = log_directory_disk(recovery->directory);
    uint64_t position = recovery_position(recovery);
    uint64_t torn;
    struct buffer path = {0};
    struct disk_file file = DISK_FILE_NONE;
    if (!recovery_tail_length(recovery, &torn))
        return false;
    log_directory_file_path(recovery->directory, recovery->named->name, &path);
    enum error error = disk_open(disk, path.data, DISK_WRITE, &file);
    if (error == OK)
        error = disk_truncate(&file, position);
    if (error == OK)
        error = disk_sync(&file);
    if (error == OK) {
        recovery->result.cut_bytes = torn;
        memory_free(recovery->result.cut_file);
        recovery->result.cut_file = memory_copy_string(path.data);
        recovery->file_size = position;
    } else {
        (void)recovery_refuse(recovery, "the torn tail cannot be cut off: %s", strerror(errno));
    }
    disk_close(&file);
    buffer_deinit(&path);
    return error == OK;
}

/* --- files --- */

bool recovery_is_last(const struct recovery *recovery)
{
    return recovery->index + 1 == recovery->progress.files;
}

static bool open_file(struct recovery *recovery)
{
    const struct log_manifest *manifest = log_directory_manifest(recovery->directory);
    struct buffer path = {0};
    recovery->named = &manifest->files[recovery->index];
    recovery->progress.file = recovery->named->name;
    recovery->input_start = recovery->read_end = recovery->file_size = 0;
    recovery->at = 0;
    buffer_clear(&recovery->input);
    recovery->part = PART_BEGIN;
    log_directory_file_path(recovery->directory, recovery->named->name, &path);
    enum error error =
        disk_open(log_directory_disk(recovery->directory), path.data, DISK_READ, &recovery->file);
    if (error == OK)
        error = disk_size(&recovery->file, &recovery->file_size);
    if (error != OK && errno == ENOENT)
        (void)recovery_refuse(recovery, "the manifest names this file, but it is missing. The log "
                                        "is damaged and is not loaded");
    else if (error != OK)
        (void)recovery_refuse(recovery, "cannot be opened: %s", strerror(errno));
    buffer_deinit(&path);
    return error == OK;
}

static bool close_file(struct recovery *recovery)
{
    recovery->progress.loaded_bytes += recovery->file_size;
    disk_close(&recovery->file);
    recovery->index++;
    return true;
}

static bool begin_rdb(struct recovery *recovery)
{
    struct rdb_reader_settings settings = {
        .verify_checksum = recovery->settings.verify_checksums,
        .now_ms = INT64_MIN,
        .length_max = STRING_MAX,
        .file_size = recovery->file_size,
    };
    recovery->rdb = rdb_reader_create(recovery->keyspace, &settings);
    recovery->part = PART_RDB;
    return true;
}

static bool begin_part(struct recovery *recovery, bool *ended)
{
    if (!recovery_want(recovery, LOG_ANNOTATION_MAX))
        return false;
    struct slice input = recovery_input(recovery);
    bool rdb = input.length >= MAGIC_SIZE &&
               (memcmp(input.data, "REDIS", 5) == 0 || memcmp(input.data, "VALKEY", 6) == 0);
    if (rdb && recovery->named->type == LOG_FILE_BASE)
        return begin_rdb(recovery);
    struct log_file_header header;
    struct log_group_header group;
    size_t length;
    switch (log_group_read_line(input, &header, &group, &length)) {
    case LOG_LINE_FILE:
        recovery->at += length;
        return recovery_begin_groups(recovery, &header);
    case LOG_LINE_BAD:
    case LOG_LINE_GROUP:
        return recovery_refuse_damage(recovery, "the first annotation is not in order");
    case LOG_LINE_INCOMPLETE:
        if (input.length == 0)
            break;
        if (!recovery_is_last(recovery))
            return recovery_refuse_damage(recovery, "the first annotation is not whole");
        *ended = true;
        recovery->has_id = false;
        return recovery_cut(recovery);
    case LOG_LINE_ANNOTATION:
    case LOG_LINE_NONE:
        break;
    }
    recovery->has_id = false; /* a log of ours that goes on behind it is another one */
    recovery->part = PART_PLAIN;
    return true;
}

static bool step_rdb(struct recovery *recovery, bool *ended)
{
    size_t used;
    bool all = recovery_read_all(recovery);
    enum rdb_status status = rdb_reader_feed(recovery->rdb, recovery_input(recovery), all, &used);
    if (status == RDB_REFUSED)
        return recovery_refuse(recovery, "%s. The base of the log is damaged and is not loaded",
                               rdb_reader_error(recovery->rdb));
    recovery->at += used;
    recovery->progress.keys = rdb_reader_keys(recovery->rdb);
    if (status == RDB_MORE)
        return recovery_want(recovery, rdb_reader_wants(recovery->rdb));
    rdb_reader_destroy(recovery->rdb);
    recovery->rdb = NULL;
    if (!recovery_want(recovery, 1))
        return false;
    *ended = recovery_input(recovery).length == 0;
    recovery->part = PART_PLAIN; /* an old log with a preamble */
    return true;
}

static bool step_file(struct recovery *recovery, bool *ended)
{
    switch (recovery->part) {
    case PART_BEGIN:
        return begin_part(recovery, ended);
    case PART_RDB:
        return step_rdb(recovery, ended);
    case PART_PLAIN:
        return recovery_step_plain(recovery, ended);
    case PART_GROUPS:
        return recovery_step_groups(recovery, ended);
    }
    return false;
}

/* --- the whole --- */

static void measure(struct recovery *recovery)
{
    const struct log_manifest *manifest = log_directory_manifest(recovery->directory);
    struct buffer path = {0};
    for (size_t i = 0; i < manifest->count; i++) {
        uint64_t size;
        struct disk_file file;
        if (manifest->files[i].type == LOG_FILE_HISTORY)
            break; /* they stand at the end */
        recovery->progress.files++;
        log_directory_file_path(recovery->directory, manifest->files[i].name, &path);
        if (disk_open(log_directory_disk(recovery->directory), path.data, DISK_READ, &file) != OK)
            continue; /* said when it is its turn */
        if (disk_size(&file, &size) == OK)
            recovery->progress.total_bytes += size;
        disk_close(&file);
    }
    buffer_deinit(&path);
}

struct recovery *recovery_create(struct clock *clock, struct log_directory *directory,
                                 struct keyspace *keyspace,
                                 const struct recovery_settings *settings,
                                 const struct recovery_handlers *handlers)
{
    struct recovery *recovery = memory_allocate_zeroed(sizeof *recovery);
    recovery->clock = clock;
    recovery->directory = directory;
    recovery->keyspace = keyspace;
    recovery->settings = *settings;
    recovery->handlers = *handlers;
    recovery->file = DISK_FILE_NONE;
    recovery->parser = resp_parser_create();
    recovery->scanner = resp_parser_create();
    measure(recovery);
    return recovery;
}

void recovery_destroy(struct recovery *recovery)
{
    if (recovery == NULL)
        return;
    rdb_reader_destroy(recovery->rdb);
    disk_close(&recovery->file);
    resp_parser_destroy(recovery->parser);
    resp_parser_destroy(recovery->scanner);
    buffer_deinit(&recovery->input);
    buffer_deinit(&recovery->error);
    memory_free(recovery->result.increment_name);
    memory_free(recovery->result.cut_file);
    memory_free(recovery);
}

/* The log goes on where the last file ends, if that is one of ours. */
static void conclude(struct recovery *recovery)
{
    struct recovery_result *result = &recovery->result;
    recovery->named = NULL;
    if (!recovery->has_id)
        return;
    const struct log_manifest *manifest = log_directory_manifest(recovery->directory);
    result->has_id = true;
    result->id = recovery->id;
    result->offset = recovery->offset;
    result->increment_name = memory_copy_string(manifest->files[recovery->index - 1].name);
    result->increment_size = recovery->file_size;
    result->increment_proven = recovery->proven;
}

enum recovery_status recovery_step(struct recovery *recovery, int64_t budget_us)
{
    int64_t until_us = clock_monotonic_us(recovery->clock) + budget_us;
    do {
        if (recovery->index == recovery->progress.files) {
            conclude(recovery);
            return RECOVERY_DONE;
        }
        bool ended = false;
        bool good = recovery->file.disk != NULL || open_file(recovery);
        if (good)
            good = step_file(recovery, &ended);
        if (good && ended)
            good = close_file(recovery);
        if (!good)
            return RECOVERY_REFUSED;
    } while (clock_monotonic_us(recovery->clock) < until_us);
    return RECOVERY_MORE;
}

void recovery_read_progress(const struct recovery *recovery, struct recovery_progress *out)
{
    *out = recovery->progress;
    if (recovery->file.disk != NULL)
        out->loaded_bytes += recovery_position(recovery);
}

const struct recovery_result *recovery_result(const struct recovery *recovery)
{
    return &recovery->result;
}
