/* The real disk, whose syncs a test can hold, slow down and fail, and find full; and a server of
 * the test's own process on it. */
#ifndef HOLDFAST_TESTS_HELD_DISK_H
#define HOLDFAST_TESTS_HELD_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "commands/command.h"
#include "server/server.h"
#include "server/settings.h"
#include "system/disk.h"

struct held_disk {
    struct disk disk;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;        /* a sync waits until it is not */
    bool waiting;     /* one does */
    int64_t delay_us; /* that a sync takes */
    bool syncing;     /* one is being done, or held */
    uint64_t syncs;   /* that have been done */
    int sync_error;   /* errno of syncs; 0: they work */
    bool full;        /* writes find no room */
};

void held_disk_init(struct held_disk *held);
void held_disk_hold(struct held_disk *held);
void held_disk_release(struct held_disk *held);
void held_disk_wait_for_sync(struct held_disk *held); /* until one is held */
/* From now on; one that is under way goes by the new time, too. */
void held_disk_slow_down(struct held_disk *held, int64_t delay_us);
/* What a sync waits for before it is done. For a control: where nothing may wait. */
void held_disk_take_a_sync(struct held_disk *held);
/* Syncs done so far; *syncing: another is under way. */
uint64_t held_disk_syncs(struct held_disk *held, bool *syncing);
void held_disk_fail_syncs(struct held_disk *held, int error_number);
void held_disk_fill(struct held_disk *held, bool full);

/* In the environment: the server answers before the disk does. For the control of a test. */
#define HELD_SERVER_WITHOUT_GATES "HOLDFAST_TEST_WITHOUT_GATES"

/* A server in a thread, in a folder of its own, with the log on this disk. */
struct held_server {
    struct held_disk *held;
    struct settings settings;
    struct configuration *configuration;
    struct server *server;
    pthread_t thread;
    char folder[256];
    int port, status;
};

/* `folder` NULL: a new one. */
void held_server_start(struct held_server *out, struct held_disk *held, const char *folder);
/* The same with a table of commands of the test's own. */
void held_server_start_with(struct held_server *out, struct held_disk *held, const char *folder,
                            const struct command *commands);
/* The same with so many databases. */
void held_server_start_wide(struct held_server *out, struct held_disk *held, const char *folder,
                            int databases);
/* Waits for its end (SHUTDOWN, or a failure) and frees it; the folder stays. Returns its status. */
int held_server_wait(struct held_server *held);
void held_server_remove_folder(const struct held_server *held);

#endif
