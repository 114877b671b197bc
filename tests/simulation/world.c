#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "simulated_worker.h"
#include "system/disk_simulated.h"

#define START_US INT64_C(1800000000000000) /* when every world begins */
#define SYNC_USEC_MAX 4000
#define SLOW_SYNC_ONE_IN 16
#define SLOW_SYNC_USEC_MAX 40000
#define FILES_MAX 64 /* open at once */

struct world world;
static bool is_log[FILES_MAX]; /* a file of the log that is in force */

/* --- chance, time, trace --- */

uint64_t world_below(uint64_t n)
{
    return random_below(&world.chance, n);
}

bool world_chance(uint64_t one_in)
{
    return world_below(one_in) == 0;
}

void world_pass(int64_t microseconds)
{
    world.now_us += microseconds;
}

void world_trace(const char *what, const void *bytes, size_t length)
{
    struct hash_seed seed = {world.trace, (uint64_t)world.now_us};
    seed.k0 = hash_bytes(&seed, what, strlen(what));
    world.trace = hash_bytes(&seed, bytes, length);
    log_line(LOG_DEBUG, "%s, %zu bytes: %016llx", what, length, (unsigned long long)world.trace);
}

void world_trace_number(const char *what, uint64_t number)
{
    world_trace(what, &number, sizeof number);
}

void world_meet(enum world_meeting what)
{
    world.met[what]++;
}

const char *world_meeting_name(enum world_meeting what)
{
    static const char *const names[WORLD_MEETINGS] = {
        [MET_PENDING] = "pending entries recovered",
        [MET_SYNC_CHANGE] = "changes of appendfsync",
        [MET_LOG_OFF] = "logs ended",
        [MET_LOG_ON] = "logs begun",
        [MET_SNAPSHOT_START] = "starts from a snapshot",
        [MET_SAVE_RELIED] = "of these after SAVE",
        [MET_INVALIDATION] = "invalidations",
        [MET_BROADCAST] = "broadcast invalidations",
        [MET_CACHE_COMPARED] = "cached values compared",
        [MET_MONITOR_LINE] = "lines of MONITOR",
        [MET_EVICTION] = "evictions",
        [MET_RESTORE] = "values restored",
        [MET_SHUTDOWN] = "shutdowns",
        [MET_PAUSE] = "pauses",
        [MET_KILL] = "kills of clients",
        [MET_SWAP] = "swaps of databases",
        [MET_UNIX] = "clients by the Unix socket",
        [MET_TERMINATED] = "SIGTERM",
        [MET_HANG_UP] = "SIGHUP",
        [MET_MIGRATED] = "keys migrated",
        [MET_NO_KEY] = "migrations of nothing",
        [MET_TARGET_ERROR] = "of which the target refused some",
        [MET_MOVE_FAILED] = "that did not reach it",
        [MET_MOVE_RIVAL] = "of keys changed on their way",
        [MET_MOVE_CRASHED] = "with the crash on their way",
        [MET_FULL] = "writes refused by a full disk",
        [MET_LOG_FAILED] = "ends by a failed log",
        [MET_REFUSED] = "connections refused",
        [MET_CUT] = "cut",
    };
    return names[what];
}

void world_begin_life(void)
{
    world.off = false;
    world.calls = world.off_at_call = world.off_in_snapshot = 0;
    world.log_failed_us = world.log_full_us = 0;
}

void world_end_process(void)
{
    world.off = true;
    disk_simulated_power_off(world.simulated);
}

/* In the place of base/memory.h's, by the linker. */
struct memory_gauge;
size_t __wrap_memory_gauge_read(struct memory_gauge *gauge);
size_t __wrap_memory_gauge_read(struct memory_gauge *gauge)
{
    (void)gauge;
    return world.memory_used != NULL ? world.memory_used(world.context) : 0;
}

/* --- the disk: the simulated one, where each call takes time and may be the last --- */

static const struct disk_operations *below(void)
{
    return disk_simulated_disk(world.simulated)->operations;
}

/* Before each call. */
static void *call(const char *what)
{
    if (world.yield != NULL)
        world.yield();
    world.calls++;
    if (world.calls == world.off_at_call)
        world_end_process();
    world_pass((int64_t)world_below(20));
    world_trace_number(what, world.calls);
    return world.simulated;
}

static int world_open(void *context, const char *path, enum disk_open_mode mode)
{
    (void)context;
    if (mode >= DISK_CREATE && world.off_in_snapshot > 0 && strstr(path, "temp-") != NULL)
        world.off_at_call = world.calls + world.off_in_snapshot;
    log_line(LOG_DEBUG, "opens %s", path);
    if (strstr(path, "holdfast.lock") != NULL) /* a log begins: what failed was another's end */
        world.log_failed_us = world.log_full_us = 0;
    int file = below()->open(call("open"), path, mode);
    if (file >= 0 && file < FILES_MAX)
        is_log[file] = strstr(path, ".incr.") != NULL && strstr(path, "temp-") == NULL;
    return file;
}

static bool is_of_log(int file)
{
    return file >= 0 && file < FILES_MAX && is_log[file] && !world.off;
}

static void note_failure(void)
{
    int reason = errno;
    log_line(LOG_DEBUG, "the log fails: %s", strerror(reason));
    if (world.log_failed_us == 0)
        world.log_failed_us = world.now_us;
    errno = reason;
}

static void note_write(ssize_t written, size_t length)
{
    if (written < 0 && errno == ENOSPC && world.log_full_us == 0)
        world.log_full_us = world.now_us;
    else if (written < 0 && errno == EIO)
        note_failure();
    else if (written == (ssize_t)length)
        world.log_full_us = 0;
}

static int world_close(void *context, int file)
{
    (void)context;
    if (world.file_written != NULL && !world.off)
        world.file_written(world.context);
    return below()->close(world.simulated, file);
}

static ssize_t world_read(void *context, int file, void *data, size_t length, uint64_t offset)
{
    (void)context;
    return below()->read(call("read"), file, data, length, offset);
}

static ssize_t world_write(void *context, int file, const struct iovec *vectors, int count,
                           uint64_t offset)
{
    (void)context;
    if (world.file_written != NULL && !world.off)
        world.file_written(world.context);
    /* Not the bytes: a snapshot tells how much memory the process used. */
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        world_trace_number("write", vectors[i].iov_len);
        length += vectors[i].iov_len;
    }
    ssize_t written = below()->write(call("write"), file, vectors, count, offset);
    if (is_of_log(file))
        note_write(written, length);
    return written;
}

static bool never(int socket)
{
    (void)socket;
    return false;
}

static void take_long(void)
{
    (void)simulated_worker_wait(never, 0, world.now_us + (int64_t)world_below(SLOW_SYNC_USEC_MAX));
}

static int world_sync(void *context, int file)
{
    (void)context;
    if (world.file_written != NULL && !world.off)
        world.file_written(world.context);
    world_pass((int64_t)world_below(SYNC_USEC_MAX));
    bool slow = world_chance(SLOW_SYNC_ONE_IN), early = world_chance(2);
    if (slow && !early) /* meanwhile, much may happen */
        take_long();
    int result = below()->sync(call("sync"), file), reason = errno;
    if (result != 0 && errno != EINTR && is_of_log(file))
        note_failure();
    if (slow && early) /* what is written from here on is not covered */
        take_long();
    errno = reason;
    return result;
}

static int world_truncate(void *context, int file, uint64_t length)
{
    (void)context;
    return below()->truncate(call("truncate"), file, length);
}

static int64_t world_size(void *context, int file)
{
    (void)context;
    return below()->size(call("size"), file);
}

static int world_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return below()->rename(call("rename"), from, to);
}

static int world_remove(void *context, const char *path)
{
    (void)context;
    return below()->remove(call("remove"), path);
}

static int world_link(void *context, const char *from, const char *to)
{
    (void)context;
    return below()->link(call("link"), from, to);
}

static int world_make_directory(void *context, const char *path)
{
    (void)context;
    return below()->make_directory(call("mkdir"), path);
}

static int world_sync_directory(void *context, const char *path)
{
    (void)context;
    world_pass((int64_t)world_below(SYNC_USEC_MAX));
    return below()->sync_directory(call("sync directory"), path);
}

static int world_list(void *context, const char *path,
                      void (*found)(void *found_context, const char *name), void *found_context)
{
    (void)context;
    return below()->list(call("list"), path, found, found_context);
}

/* --- life --- */

void world_init(uint64_t seed)
{
    static const struct disk_operations operations = {
        .open = world_open,
        .close = world_close,
        .read = world_read,
        .write = world_write,
        .sync = world_sync,
        .truncate = world_truncate,
        .size = world_size,
        .rename = world_rename,
        .remove = world_remove,
        .link = world_link,
        .make_directory = world_make_directory,
        .sync_directory = world_sync_directory,
        .list = world_list,
    };
    world = (struct world){.now_us = START_US, .trace = seed};
    random_init_seed(&world.chance, seed);
    world.simulated = disk_simulated_create(random_next_u64(&world.chance));
    world.disk = (struct disk){&operations, NULL};
}

void world_deinit(void)
{
    disk_simulated_destroy(world.simulated);
    world.simulated = NULL;
}
