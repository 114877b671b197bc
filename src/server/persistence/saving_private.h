/* The inside of saving, shared by its files only. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_SAVING_PRIVATE_H
#define HOLDFAST_SERVER_PERSISTENCE_SAVING_PRIVATE_H

#include "base/buffer.h"
#include "server/persistence/saving.h"
#include "system/event_loop.h"

#define SAVING_RETRY_MS 1000       /* after the first failure; twice as long after each */
#define SAVING_RETRY_MS_MAX 300000 /* between two tries */

/* One of the two things that need a snapshot. */
struct saving_task {
    const char *name;
    bool scheduled;
    bool last_failed;
    uint64_t failures; /* one after the other */
    uint64_t done;
    int64_t not_before_ms;   /* wall time; after a failure */
    int64_t last_duration_s; /* -1: none yet */
};

struct saving {
    struct persistence *persistence;
    struct event_timer timer;
    struct saving_task save, rewrite;
    struct saving_task *running; /* NULL: neither */
    struct snapshot *snapshot;   /* while the keyspace is being walked and written */
    bool switching;              /* the new base is written, the log is naming it */
    bool cancelled;              /* by BGSAVE CANCEL: not done again */
    int64_t begun_ms;
    uint64_t keys; /* of the last snapshot */
    int64_t turn_us_max;
    struct buffer base_path; /* of the base being written */
    int64_t sequence;        /* of the increment behind it */
    int64_t last_save_ms;
    uint64_t changes_begun, changes_saved; /* dispatch's count when the snapshot began */
};

/* Changes that no snapshot has: rdb_changes_since_last_save. */
uint64_t saving_changes(const struct saving *saving);

#endif
