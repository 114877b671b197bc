#include "system/disk_simulated.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/memory.h"

#define SECTOR ((size_t)512)
#define NAMES_MAX 256
#define OPEN_MAX 64

/* A file's bytes: as they are read now, and as they are on the disk for sure. */
struct inode {
    struct buffer now;
    struct buffer durable;
    /* A sync failed: for each byte of `now`, is it one that was not durable then? It passes for
     * synced, and is not, until it is written again. Empty: none is. */
    struct buffer lost;
    int uses; /* names and descriptors */
};

struct name {
    char *path;
    struct inode *inode;
};

struct directory {
    struct name names[NAMES_MAX];
    size_t count;
};

/* A change of a name that is not durable yet. */
struct change {
    char *path;          /* gets... */
    struct inode *inode; /* ...this file; NULL: is removed */
};

struct open_file {
    struct inode *inode; /* NULL: not open */
    bool locked;
};

struct disk_simulated {
    struct disk disk;
    pthread_mutex_t mutex; /* recursive: a worker and the loop use the disk at the same time */
    uint64_t random;
    struct directory now, durable;
    struct change *changes; /* since the last sync of a directory, in order */
    size_t change_count;
    struct open_file files[OPEN_MAX];
    uint64_t calls, fail_at;
    enum disk_fault fault;
    bool for_good, lies, off;
    uint64_t limit;
};

static pthread_mutex_t *hold(struct disk_simulated *simulated)
{
    pthread_mutex_lock(&simulated->mutex);
    return &simulated->mutex;
}

static void let_go(pthread_mutex_t **mutex)
{
    pthread_mutex_unlock(*mutex);
}

/* For this thread alone until the end of the block, on each way out of it. */
#define HOLD(simulated)                                                                            \
    pthread_mutex_t *held __attribute__((cleanup(let_go), unused)) = hold(simulated)

/* Knuth's linear congruential generator; the high bits are good. */
static uint64_t next_random(struct disk_simulated *simulated)
{
    simulated->random =
        simulated->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return simulated->random >> 33;
}

/* --- faults --- */

static enum disk_fault next_fault(struct disk_simulated *simulated)
{
    uint64_t call = ++simulated->calls;
    if (simulated->off)
        return DISK_FAULT_ERROR;
    if (simulated->fault == DISK_FAULT_NONE || call < simulated->fail_at)
        return DISK_FAULT_NONE;
    if (call > simulated->fail_at && !simulated->for_good)
        return DISK_FAULT_NONE;
    /* What is interrupted for good would never end. */
    if (simulated->fault == DISK_FAULT_INTERRUPTED && (call - simulated->fail_at) % 2 == 1)
        return DISK_FAULT_NONE;
    return simulated->fault;
}

/* True (with errno) if the call fails. `takes_room`: it can meet a full disk. */
static bool call_fails(struct disk_simulated *simulated, bool takes_room, bool is_interruptible)
{
    switch (next_fault(simulated)) {
    case DISK_FAULT_ERROR:
        errno = EIO;
        return true;
    case DISK_FAULT_FULL:
        errno = ENOSPC;
        return takes_room;
    case DISK_FAULT_INTERRUPTED:
        errno = EINTR;
        return is_interruptible;
    case DISK_FAULT_NONE:
    case DISK_FAULT_SHORT:
        break;
    }
    return false;
}

/* --- names --- */

static void release(struct inode *inode)
{
    if (inode == NULL || --inode->uses > 0)
        return;
    buffer_deinit(&inode->now);
    buffer_deinit(&inode->durable);
    buffer_deinit(&inode->lost);
    memory_free(inode);
}

static struct name *find_name(struct directory *directory, const char *path)
{
    for (size_t i = 0; i < directory->count; i++)
        if (strcmp(directory->names[i].path, path) == 0)
            return &directory->names[i];
    return NULL;
}

/* `inode` NULL removes the name. */
static void set_name(struct directory *directory, const char *path, struct inode *inode)
{
    struct name *name = find_name(directory, path);
    if (inode != NULL)
        inode->uses++;
    if (name != NULL) {
        release(name->inode);
        name->inode = inode;
        if (inode == NULL) {
            memory_free(name->path);
            *name = directory->names[--directory->count];
        }
    } else if (inode != NULL) {
        ASSERT(directory->count < NAMES_MAX);
        directory->names[directory->count++] = (struct name){memory_copy_string(path), inode};
    }
}

static void change_name(struct disk_simulated *simulated, const char *path, struct inode *inode)
{
    simulated->changes = memory_resize(simulated->changes,
                                       (simulated->change_count + 1) * sizeof *simulated->changes);
    simulated->changes[simulated->change_count++] =
        (struct change){memory_copy_string(path), inode};
    if (inode != NULL)
        inode->uses++;
    set_name(&simulated->now, path, inode);
}

/* "a/b" stands in "a", "b" in ".". */
static bool is_in(const char *path, const char *directory)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strcmp(directory, ".") == 0;
    return strncmp(path, directory, (size_t)(slash - path)) == 0 && directory[slash - path] == '\0';
}

/* The unsynced changes in this directory become durable. */
static void settle_directory(struct disk_simulated *simulated, const char *directory)
{
    size_t kept = 0;
    for (size_t i = 0; i < simulated->change_count; i++) {
        struct change *change = &simulated->changes[i];
        if (!is_in(change->path, directory)) {
            simulated->changes[kept++] = *change;
            continue;
        }
        set_name(&simulated->durable, change->path, change->inode);
        release(change->inode);
        memory_free(change->path);
    }
    simulated->change_count = kept;
}

/* The first `count` unsynced changes become durable, the others are forgotten. */
static void settle_changes(struct disk_simulated *simulated, size_t count)
{
    for (size_t i = 0; i < simulated->change_count; i++) {
        struct change *change = &simulated->changes[i];
        if (i < count)
            set_name(&simulated->durable, change->path, change->inode);
        release(change->inode);
        memory_free(change->path);
    }
    simulated->change_count = 0;
}

/* --- bytes --- */

static void set_bytes(struct buffer *buffer, struct slice bytes)
{
    buffer_clear(buffer);
    if (bytes.length > 0)
        buffer_add(buffer, bytes.data, bytes.length);
}

static uint64_t bytes_in_use(const struct disk_simulated *simulated)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < simulated->now.count; i++)
        sum += simulated->now.names[i].inode->now.length;
    return sum;
}

/* A byte as it is on the disk for sure. */
static char durable_byte(const struct inode *inode, size_t at)
{
    return inode->durable.length > at ? inode->durable.data[at] : 0;
}

static void lose_unsynced(struct inode *inode)
{
    static const char no[SECTOR];
    while (inode->lost.length < inode->now.length) {
        size_t more = inode->now.length - inode->lost.length;
        buffer_add(&inode->lost, no, more < SECTOR ? more : SECTOR);
    }
    for (size_t at = 0; at < inode->now.length; at++)
        if (at >= inode->durable.length || inode->now.data[at] != inode->durable.data[at])
            inode->lost.data[at] = 1;
}

static void shorten(struct inode *inode, size_t length)
{
    inode->now.length = length;
    if (inode->lost.length > length)
        inode->lost.length = length;
}

static void written(struct inode *inode, size_t offset, size_t length)
{
    for (size_t at = offset; at < offset + length && at < inode->lost.length; at++)
        inode->lost.data[at] = 0;
}

/* What passes for synced and is not shows. */
static void reveal_lost(struct inode *inode)
{
    for (size_t at = 0; at < inode->lost.length; at++)
        if (inode->lost.data[at])
            inode->now.data[at] = durable_byte(inode, at);
    inode->lost.length = 0;
}

/* All that can be becomes durable. */
static void keep(struct inode *inode)
{
    struct buffer kept = {0};
    set_bytes(&kept, buffer_slice(&inode->now));
    for (size_t at = 0; at < inode->lost.length; at++)
        if (inode->lost.data[at])
            kept.data[at] = durable_byte(inode, at);
    buffer_deinit(&inode->durable);
    inode->durable = kept;
}

/* What a crash leaves of a file. */
static void crash_file(struct disk_simulated *simulated, struct inode *inode)
{
    reveal_lost(inode);
    size_t kept = inode->durable.length, longest = inode->now.length;
    size_t common = kept < longest ? kept : longest;
    for (size_t at = 0; at < common; at += SECTOR) {
        size_t length = common - at < SECTOR ? common - at : SECTOR;
        if (next_random(simulated) % 2 == 0) /* an unsynced overwrite happened to be done */
            memcpy(inode->durable.data + at, inode->now.data + at, length);
    }
    if (longest < kept && next_random(simulated) % 2 == 0)
        inode->durable.length = kept = longest; /* an unsynced truncation happened to be done */
    if (longest > kept) {
        size_t length = kept + next_random(simulated) % (longest - kept + 1);
        for (size_t at = kept; at < length;) {
            size_t end = (at / SECTOR + 1) * SECTOR;
            end = end < length ? end : length;
            static const char zeros[SECTOR];
            bool written = next_random(simulated) % 3 != 0;
            buffer_add(&inode->durable, written ? inode->now.data + at : zeros, end - at);
            at = end;
        }
    }
    set_bytes(&inode->now, buffer_slice(&inode->durable));
}

/* --- operations --- */

static struct open_file *file_at(struct disk_simulated *simulated, int file)
{
    ASSERT(file >= 0 && file < OPEN_MAX && simulated->files[file].inode != NULL);
    return &simulated->files[file];
}

static bool is_locked(const struct disk_simulated *simulated, const struct inode *inode)
{
    for (int i = 0; i < OPEN_MAX; i++)
        if (simulated->files[i].inode == inode && simulated->files[i].locked)
            return true;
    return false;
}

static int simulated_open(void *context, const char *path, enum disk_open_mode mode)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, mode >= DISK_CREATE, true))
        return -1;
    struct name *name = find_name(&simulated->now, path);
    if (name == NULL ? mode == DISK_READ || mode == DISK_WRITE : mode == DISK_CREATE) {
        errno = name == NULL ? ENOENT : EEXIST;
        return -1;
    }
    struct inode *inode = name != NULL ? name->inode : memory_allocate_zeroed(sizeof *inode);
    if (name == NULL)
        change_name(simulated, path, inode);
    if (mode == DISK_LOCK && is_locked(simulated, inode)) {
        errno = EWOULDBLOCK;
        return -1;
    }
    if (mode == DISK_CREATE_NEW)
        shorten(inode, 0);
    int file = 0;
    while (simulated->files[file].inode != NULL)
        ASSERT(++file < OPEN_MAX);
    inode->uses++;
    simulated->files[file] = (struct open_file){inode, mode == DISK_LOCK};
    return file;
}

static int simulated_close(void *context, int file)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    struct open_file *open = file_at(simulated, file);
    release(open->inode);
    *open = (struct open_file){NULL, false};
    return 0;
}

static ssize_t simulated_read(void *context, int file, void *data, size_t length, uint64_t offset)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    const struct buffer *bytes = &file_at(simulated, file)->inode->now;
    bool is_short = simulated->fault == DISK_FAULT_SHORT &&
                    simulated->calls + 1 >= simulated->fail_at &&
                    (simulated->for_good || simulated->calls + 1 == simulated->fail_at);
    if (call_fails(simulated, false, true))
        return -1;
    if (offset >= bytes->length)
        return 0;
    size_t left = bytes->length - (size_t)offset;
    size_t count = length < left ? length : left;
    if (is_short && count > 1)
        count /= 2;
    memcpy(data, bytes->data + offset, count);
    return (ssize_t)count;
}

/* Overwrites and extends. */
static void put_bytes(struct buffer *bytes, size_t offset, const char *data, size_t length)
{
    static const char zeros[SECTOR];
    while (bytes->length < offset) {
        size_t gap = offset - bytes->length;
        buffer_add(bytes, zeros, gap < SECTOR ? gap : SECTOR);
    }
    size_t over = bytes->length - offset < length ? bytes->length - offset : length;
    if (over > 0)
        memcpy(bytes->data + offset, data, over);
    if (length > over)
        buffer_add(bytes, data + over, length - over);
}

static ssize_t simulated_write(void *context, int file, const struct iovec *vectors, int count,
                               uint64_t offset)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    struct inode *inode = file_at(simulated, file)->inode;
    struct buffer *bytes = &inode->now;
    size_t length = 0, left;
    for (int i = 0; i < count; i++)
        length += vectors[i].iov_len;
    enum disk_fault fault = next_fault(simulated);
    if (fault == DISK_FAULT_ERROR || fault == DISK_FAULT_INTERRUPTED) {
        errno = fault == DISK_FAULT_ERROR ? EIO : EINTR;
        return -1;
    }
    if (fault == DISK_FAULT_SHORT && length > 1)
        length /= 2;
    if (simulated->limit > 0) {
        uint64_t used = bytes_in_use(simulated);
        uint64_t room = used < simulated->limit ? simulated->limit - used : 0;
        room += offset < bytes->length ? bytes->length - offset : 0;
        length = length < room ? length : (size_t)room;
    }
    if (fault == DISK_FAULT_FULL)
        length = simulated->for_good ? 0 : length / 2;
    if (length == 0) {
        errno = ENOSPC;
        return -1;
    }
    left = length;
    written(inode, (size_t)offset, length);
    for (int i = 0; i < count && left > 0; i++) {
        size_t part = vectors[i].iov_len < left ? vectors[i].iov_len : left;
        put_bytes(bytes, (size_t)offset, vectors[i].iov_base, part);
        offset += part;
        left -= part;
    }
    return (ssize_t)length;
}

static int simulated_sync(void *context, int file)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    struct inode *inode = file_at(simulated, file)->inode;
    if (call_fails(simulated, false, true)) {
        int error = errno;
        if (error == EIO && !simulated->off)
            lose_unsynced(inode);
        errno = error;
        return -1;
    }
    if (!simulated->lies && inode->lost.length > 0)
        keep(inode);
    else if (!simulated->lies)
        set_bytes(&inode->durable, buffer_slice(&inode->now));
    return 0;
}

static int simulated_truncate(void *context, int file, uint64_t length)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    struct inode *inode = file_at(simulated, file)->inode;
    if (call_fails(simulated, false, true))
        return -1;
    ASSERT(length <= inode->now.length);
    shorten(inode, (size_t)length);
    return 0;
}

static int64_t simulated_size(void *context, int file)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, false, false))
        return -1;
    return (int64_t)file_at(simulated, file)->inode->now.length;
}

static int simulated_rename(void *context, const char *from, const char *to)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, true, false))
        return -1;
    struct name *name = find_name(&simulated->now, from);
    if (name == NULL) {
        errno = ENOENT;
        return -1;
    }
    struct inode *inode = name->inode;
    change_name(simulated, to, inode);
    change_name(simulated, from, NULL);
    return 0;
}

static int simulated_remove(void *context, const char *path)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, false, false))
        return -1;
    if (find_name(&simulated->now, path) == NULL) {
        errno = ENOENT;
        return -1;
    }
    change_name(simulated, path, NULL);
    return 0;
}

static int simulated_link(void *context, const char *from, const char *to)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, true, false))
        return -1;
    struct name *name = find_name(&simulated->now, from);
    if (name == NULL || find_name(&simulated->now, to) != NULL) {
        errno = name == NULL ? ENOENT : EEXIST;
        return -1;
    }
    change_name(simulated, to, name->inode);
    return 0;
}

static int simulated_make_directory(void *context, const char *path)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, true, false))
        return -1;
    if (find_name(&simulated->now, path) == NULL)
        change_name(simulated, path, memory_allocate_zeroed(sizeof(struct inode)));
    return 0;
}

static int simulated_sync_directory(void *context, const char *path)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    if (call_fails(simulated, false, true))
        return -1;
    if (!simulated->lies)
        settle_directory(simulated, path);
    return 0;
}

static int simulated_list(void *context, const char *path,
                          void (*found)(void *found_context, const char *name), void *found_context)
{
    struct disk_simulated *simulated = context;
    HOLD(simulated);
    size_t length = strlen(path);
    if (call_fails(simulated, false, false))
        return -1;
    for (size_t i = 0; i < simulated->now.count; i++) {
        const char *name = simulated->now.names[i].path;
        if (strncmp(name, path, length) == 0 && name[length] == '/')
            found(found_context, name + length + 1);
    }
    return 0;
}

/* --- for tests --- */

struct disk_simulated *disk_simulated_create(uint64_t seed)
{
    static const struct disk_operations operations = {
        .open = simulated_open,
        .close = simulated_close,
        .read = simulated_read,
        .write = simulated_write,
        .sync = simulated_sync,
        .truncate = simulated_truncate,
        .size = simulated_size,
        .rename = simulated_rename,
        .remove = simulated_remove,
        .link = simulated_link,
        .make_directory = simulated_make_directory,
        .sync_directory = simulated_sync_directory,
        .list = simulated_list,
    };
    struct disk_simulated *simulated = memory_allocate_zeroed(sizeof *simulated);
    simulated->disk = (struct disk){&operations, simulated};
    simulated->random = seed;
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&simulated->mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return simulated;
}

static void forget_names(struct directory *directory)
{
    while (directory->count > 0)
        set_name(directory, directory->names[directory->count - 1].path, NULL);
}

static void close_all(struct disk_simulated *simulated)
{
    for (int i = 0; i < OPEN_MAX; i++)
        if (simulated->files[i].inode != NULL)
            (void)simulated_close(simulated, i);
}

void disk_simulated_destroy(struct disk_simulated *simulated)
{
    close_all(simulated);
    settle_changes(simulated, 0);
    forget_names(&simulated->now);
    forget_names(&simulated->durable);
    memory_free(simulated->changes);
    pthread_mutex_destroy(&simulated->mutex);
    memory_free(simulated);
}

const struct disk *disk_simulated_disk(const struct disk_simulated *simulated)
{
    return &simulated->disk;
}

void disk_simulated_fail(struct disk_simulated *simulated, uint64_t call, enum disk_fault fault,
                         bool for_good)
{
    HOLD(simulated);
    simulated->calls = 0;
    simulated->fail_at = call;
    simulated->fault = fault;
    simulated->for_good = for_good;
}

uint64_t disk_simulated_calls(const struct disk_simulated *simulated)
{
    return simulated->calls;
}

void disk_simulated_lie(struct disk_simulated *simulated, bool lies)
{
    HOLD(simulated);
    simulated->lies = lies;
}

void disk_simulated_limit(struct disk_simulated *simulated, uint64_t bytes)
{
    HOLD(simulated);
    simulated->limit = bytes;
}

void disk_simulated_power_off(struct disk_simulated *simulated)
{
    HOLD(simulated);
    simulated->off = true;
}

void disk_simulated_kill(struct disk_simulated *simulated)
{
    close_all(simulated);
    disk_simulated_fail(simulated, 0, DISK_FAULT_NONE, false);
    simulated->lies = simulated->off = false;
}

/* What stands in a directory whose own name was lost is lost, too. */
static void lose_directories(struct disk_simulated *simulated)
{
    for (size_t i = 0; i < simulated->now.count; i++) {
        const char *directory = simulated->now.names[i].path;
        if (find_name(&simulated->durable, directory) != NULL)
            continue;
        for (size_t j = simulated->durable.count; j-- > 0;)
            if (is_in(simulated->durable.names[j].path, directory))
                set_name(&simulated->durable, simulated->durable.names[j].path, NULL);
    }
}

void disk_simulated_crash(struct disk_simulated *simulated)
{
    disk_simulated_kill(simulated);
    settle_changes(simulated, next_random(simulated) % (simulated->change_count + 1));
    lose_directories(simulated);
    for (size_t i = 0; i < simulated->durable.count; i++)
        crash_file(simulated, simulated->durable.names[i].inode);
    forget_names(&simulated->now);
    for (size_t i = 0; i < simulated->durable.count; i++)
        set_name(&simulated->now, simulated->durable.names[i].path,
                 simulated->durable.names[i].inode);
}

bool disk_simulated_read(const struct disk_simulated *simulated, const char *path,
                         struct slice *content)
{
    for (size_t i = 0; i < simulated->now.count; i++) {
        if (strcmp(simulated->now.names[i].path, path) == 0) {
            *content = buffer_slice(&simulated->now.names[i].inode->now);
            return true;
        }
    }
    return false;
}

/* The file of this name, for sure. */
static struct inode *durable_file(struct disk_simulated *simulated, const char *path)
{
    struct name *name = find_name(&simulated->now, path);
    struct inode *inode = name != NULL ? name->inode : memory_allocate_zeroed(sizeof *inode);
    if (name == NULL) {
        set_name(&simulated->now, path, inode);
        set_name(&simulated->durable, path, inode);
    }
    return inode;
}

void disk_simulated_write(struct disk_simulated *simulated, const char *path, struct slice content)
{
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        char *directory = memory_copy_string(path);
        directory[slash - path] = '\0';
        (void)durable_file(simulated, directory);
        memory_free(directory);
    }
    struct inode *inode = durable_file(simulated, path);
    set_bytes(&inode->now, content);
    set_bytes(&inode->durable, content);
}
