#include "support/held_disk.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/config/configuration.h"
#include "server/dispatch.h"
#include "support/server_process.h"

/* With the lock: until it would be over if it had begun at `begin`. */
static bool wait_for_delay(struct held_disk *held, const struct timespec *begin)
{
    struct timespec end = *begin, now;
    end.tv_sec += held->delay_us / 1000000;
    end.tv_nsec += held->delay_us % 1000000 * 1000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
        return false;
    (void)pthread_cond_timedwait(&held->changed, &held->lock, &end);
    return true;
}

void held_disk_take_a_sync(struct held_disk *held)
{
    struct timespec begin;
    clock_gettime(CLOCK_REALTIME, &begin);
    pthread_mutex_lock(&held->lock);
    held->syncing = true;
    while (held->held) {
        held->waiting = true;
        pthread_cond_broadcast(&held->changed);
        pthread_cond_wait(&held->changed, &held->lock);
    }
    held->waiting = false;
    while (wait_for_delay(held, &begin))
        ;
    held->syncing = false;
    held->syncs++;
    pthread_mutex_unlock(&held->lock);
}

static int held_sync(void *context, int file)
{
    struct held_disk *held = context;
    held_disk_take_a_sync(held);
    pthread_mutex_lock(&held->lock);
    int error = held->sync_error;
    pthread_mutex_unlock(&held->lock);
    if (error == 0)
        return disk_real()->operations->sync(NULL, file);
    errno = error;
    return -1;
}

static int held_sync_directory(void *context, const char *path)
{
    held_disk_take_a_sync(context);
    return disk_real()->operations->sync_directory(NULL, path);
}

static ssize_t held_write(void *context, int file, const struct iovec *vectors, int count,
                          uint64_t offset)
{
    struct held_disk *held = context;
    pthread_mutex_lock(&held->lock);
    bool full = held->full;
    pthread_mutex_unlock(&held->lock);
    if (!full)
        return disk_real()->operations->write(NULL, file, vectors, count, offset);
    errno = ENOSPC;
    return -1;
}

/* The real operations with two of our own. They outlive every test. */
static const struct disk_operations *operations(void)
{
    static struct disk_operations mixed;
    if (mixed.open == NULL) {
        mixed = *disk_real()->operations;
        mixed.sync = held_sync;
        mixed.sync_directory = held_sync_directory;
        mixed.write = held_write;
    }
    return &mixed;
}

void held_disk_init(struct held_disk *held)
{
    *held = (struct held_disk){.disk = {operations(), held}};
    pthread_mutex_init(&held->lock, NULL);
    pthread_cond_init(&held->changed, NULL);
}

void held_disk_hold(struct held_disk *held)
{
    pthread_mutex_lock(&held->lock);
    held->held = true;
    pthread_mutex_unlock(&held->lock);
}

void held_disk_release(struct held_disk *held)
{
    pthread_mutex_lock(&held->lock);
    held->held = false;
    pthread_cond_broadcast(&held->changed);
    pthread_mutex_unlock(&held->lock);
}

void held_disk_slow_down(struct held_disk *held, int64_t delay_us)
{
    pthread_mutex_lock(&held->lock);
    held->delay_us = delay_us;
    pthread_cond_broadcast(&held->changed);
    pthread_mutex_unlock(&held->lock);
}

uint64_t held_disk_syncs(struct held_disk *held, bool *syncing)
{
    pthread_mutex_lock(&held->lock);
    uint64_t syncs = held->syncs;
    *syncing = held->syncing;
    pthread_mutex_unlock(&held->lock);
    return syncs;
}

void held_disk_wait_for_sync(struct held_disk *held)
{
    pthread_mutex_lock(&held->lock);
    while (!held->waiting)
        pthread_cond_wait(&held->changed, &held->lock);
    pthread_mutex_unlock(&held->lock);
}

void held_disk_fail_syncs(struct held_disk *held, int error_number)
{
    pthread_mutex_lock(&held->lock);
    held->sync_error = error_number;
    pthread_mutex_unlock(&held->lock);
}

void held_disk_fill(struct held_disk *held, bool full)
{
    pthread_mutex_lock(&held->lock);
    held->full = full;
    pthread_mutex_unlock(&held->lock);
}

/* --- the server --- */

static void *run(void *context)
{
    struct held_server *held = context;
    held->status = server_run(held->server);
    return NULL;
}

/* `commands` NULL, `databases` 0: as usual. */
static void start(struct held_server *out, struct held_disk *held, const char *folder,
                  const struct command *commands, int databases)
{
    *out = (struct held_server){.held = held};
    const char *parent = getenv("TMPDIR");
    if (folder != NULL)
        snprintf(out->folder, sizeof out->folder, "%s", folder);
    else
        snprintf(out->folder, sizeof out->folder, "%s/held-XXXXXX",
                 parent != NULL ? parent : "/tmp");
    if ((folder == NULL && mkdtemp(out->folder) == NULL) || chdir(out->folder) != 0) {
        perror(out->folder);
        exit(1);
    }
    settings_init(&out->settings);
    out->configuration = configuration_create(&out->settings);
    out->settings.admission.port = server_process_free_port();
    settings_set_string(&out->settings.admission.bind, "127.0.0.1");
    out->settings.persistence.disk = &held->disk;
    out->settings.persistence.gates_off = getenv(HELD_SERVER_WITHOUT_GATES) != NULL;
    out->settings.persistence.save_point_count = 0;
    out->settings.dispatch.enable_debug_command = GUARD_YES;
    if (databases > 0)
        out->settings.lifecycle.databases = databases;
    if (server_create(&out->settings, out->configuration, false, &out->server) != OK) {
        fprintf(stderr, "the server could not be made\n");
        exit(1);
    }
    configuration_attach(out->configuration, out->server);
    if (commands != NULL)
        dispatch_register(out->server->dispatch, commands);
    out->port = out->settings.admission.port;
    pthread_create(&out->thread, NULL, run, out);
}

void held_server_start(struct held_server *out, struct held_disk *held, const char *folder)
{
    start(out, held, folder, NULL, 0);
}

void held_server_start_with(struct held_server *out, struct held_disk *held, const char *folder,
                            const struct command *commands)
{
    start(out, held, folder, commands, 0);
}

void held_server_start_wide(struct held_server *out, struct held_disk *held, const char *folder,
                            int databases)
{
    start(out, held, folder, NULL, databases);
}

int held_server_wait(struct held_server *held)
{
    pthread_join(held->thread, NULL);
    server_destroy(held->server);
    configuration_destroy(held->configuration);
    settings_deinit(&held->settings);
    return held->status;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void held_server_remove_folder(const struct held_server *held)
{
    (void)nftw(held->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
