/* A snapshot without fork: the exact state of the keyspace at one moment, encoded as RDB while
 * commands go on changing it.
 *
 * Begins between two commands. The walker visits the tables in hash order, a bounded slice per
 * turn, and encodes what it has not seen; before an unseen entry is changed or freed the keyspace
 * calls `before_change` (keyspace.h, keyspace_set_snapshot), which encodes it first. ENTRY_SEEN
 * against the keyspace's current mark is the one bit per key; entries made meanwhile are born seen.
 * No second copy of memory: what is encoded waits in a buffer of bounded size for a worker that
 * writes it to the file and keeps the checksum.
 *
 * FLUSHALL, FLUSHDB and SWAPDB end a snapshot in progress (`done` with ECANCELED): whoever wanted
 * it begins again. The loop's thread; the worker touches the file and the buffer given to it. */
#ifndef HOLDFAST_PERSIST_SNAPSHOT_H
#define HOLDFAST_PERSIST_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct clock;
struct disk;
struct event_loop;
struct keyspace;
struct snapshot;
struct worker;

#define SNAPSHOT_TURN_US 50                    /* the walker's share of one turn, microseconds */
#define SNAPSHOT_BACKLOG_MAX ((size_t)8 << 20) /* bytes not written yet: the walker waits */
#define SNAPSHOT_BACKLOG_HARD_MAX ((size_t)64 << 20) /* the server holds writers back */

struct snapshot_settings {
    const char *path; /* what is written; removed when it fails */
    const char
        *final_path; /* renamed to this when it is whole and synced; NULL: it keeps its name */
    const char *directory; /* of both: synced at the end */
    bool compress;         /* rdbcompression */
    bool checksum;         /* rdbchecksum */
    bool aof_base;         /* the auxiliary field that says so */
};

/* One at a time for a keyspace; the file is made by `worker`, which is the caller's. `done`: in a
 * turn of the loop, with 0 when the file is durable, else the errno of what failed; the snapshot is
 * to be destroyed there or later. NULL, EBUSY: another walk has not ended (snapshot_walk.h). */
struct snapshot *snapshot_begin(struct event_loop *loop, struct clock *clock,
                                const struct disk *disk, struct keyspace *keyspace,
                                struct worker *worker, const struct snapshot_settings *settings,
                                void (*done)(void *context, int error_number), void *context);
/* Before it is done: it is cancelled, the file removed. Blocking until the worker has let go. */
void snapshot_destroy(struct snapshot *snapshot);
/* As snapshot_destroy's cancel, but `done` is called (ECANCELED) once the worker has let go. */
void snapshot_cancel(struct snapshot *snapshot);

/* One slice of the walk; asks the loop for another turn while there is more. */
void snapshot_take_slice(struct snapshot *snapshot);
/* SAVE: the whole walk at once, blocking, `done` is called before it returns. */
void snapshot_finish(struct snapshot *snapshot);

size_t snapshot_backlog(const struct snapshot *snapshot); /* bytes encoded and not written */

struct snapshot_progress {
    uint64_t keys_total, keys_done; /* when it began; encoded */
    uint64_t bytes;                 /* encoded and given to the worker */
    int64_t turn_us_max;            /* longest slice */
};
void snapshot_read_progress(const struct snapshot *snapshot, struct snapshot_progress *out);

#endif
