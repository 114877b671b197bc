/* What the server keeps on disk: start and stop of the log, its settings, what it promises.
 *
 * Owns the log's directory, its writer and the workers that do disk work; the other files of the
 * room use them: effects (what commands did goes into the log, replies wait for it), loading (the
 * start), saving (snapshots and compaction). */
#ifndef HOLDFAST_SERVER_PERSISTENCE_PERSISTENCE_H
#define HOLDFAST_SERVER_PERSISTENCE_PERSISTENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct disk;
struct persistence;
struct server;

#define PERSISTENCE_SAVE_POINTS_MAX 16

/* "save 3600 1": a snapshot after `seconds` if there were at least `changes`. */
struct save_point {
    int64_t seconds;
    uint64_t changes;
};

struct persistence_settings {
    const struct disk *disk;     /* NULL: disk_real(). For tests */
    bool gates_off;              /* nothing waits for the disk: the control of the gates' tests */
    bool message_gates_off;      /* the same of messages alone */
    bool append_only;            /* appendonly: persistence_set_append_only applies it */
    int sync;                    /* appendfsync, enum log_sync: persistence_apply */
    char *append_directory;      /* appenddirname, within `dir`; at start only */
    char *append_file;           /* appendfilename; at start only */
    uint64_t segment_size_max;   /* aof-segment-size, bytes: persistence_apply */
    bool load_truncated;         /* aof-load-truncated */
    uint64_t rewrite_percentage; /* auto-aof-rewrite-percentage; 0: never by itself */
    uint64_t rewrite_size_min;   /* auto-aof-rewrite-min-size, bytes */
    struct save_point save_points[PERSISTENCE_SAVE_POINTS_MAX];
    size_t save_point_count;
    bool save_points_given;         /* a configuration named some: further lines join them */
    char *snapshot_file;            /* dbfilename */
    bool compress, checksum;        /* rdbcompression, rdbchecksum */
    bool stop_writes_on_save_error; /* stop-writes-on-bgsave-error */
};

struct persistence *persistence_create(struct server *server,
                                       struct persistence_settings *settings);
void persistence_destroy(struct persistence *persistence);

/* Opens the directory and begins to load; the loop must run for it to end (or fail: then the server
 * stops with a log line that says why and a failure status). On error: said in the log. */
WARN_UNUSED enum error persistence_start(struct persistence *persistence);
bool persistence_is_loading(const struct persistence *persistence);
/* The exit status the process should end with. */
int persistence_exit_status(const struct persistence *persistence);

/* Everything that was answered or is waiting is written and synced, and may be sent then; the log
 * is closed. Blocking. False: it could not be, the log says why. */
bool persistence_stop(struct persistence *persistence);
/* SAVE, blocking. False: the log says why it failed. */
bool persistence_save(struct persistence *persistence);

/* FLUSHALL runs. */
void persistence_flushed(struct persistence *persistence);
/* Once a turn, before the network sends. */
void persistence_end_turn(struct persistence *persistence);
/* A slice of the snapshot in progress. Once a turn, after the network has sent: nobody's reply
 * waits for it. */
void persistence_save_slice(struct persistence *persistence);

/* After a change of settings. */
void persistence_apply(struct persistence *persistence);
/* CONFIG SET appendonly: off is at once; on begins a new log with a base of its own. On error the
 * log is as it was; if that met an error of its disk when it was to end, the server stops. */
WARN_UNUSED enum error persistence_set_append_only(struct persistence *persistence, bool on);

/* Appends the lines of INFO persistence. */
void persistence_info(const struct persistence *persistence, struct buffer *out);

#endif
