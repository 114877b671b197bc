/* The inside of log_writer, shared by its files only. */
#ifndef HOLDFAST_PERSIST_LOG_WRITER_PRIVATE_H
#define HOLDFAST_PERSIST_LOG_WRITER_PRIVATE_H

#include "base/buffer.h"
#include "persist/log_writer.h"
#include "system/disk.h"
#include "system/event_loop.h"
#include "system/worker.h"

/* Sealed: nothing is added any more. */
struct log_group {
    struct log_group *next;
    uint64_t number;
    struct buffer commands;
    int64_t begins_increment; /* the sequence of the increment that begins with it; 0: none does */
    bool begun;               /* that increment has been made (a retry after a full disk) */
    bool written;
};

/* What the worker is to do, and then what came of it. */
struct log_job {
    struct worker_job worker_job; /* first */
    struct log_writer *writer;
    struct log_files *files;
    struct clock *clock;
    struct log_group *groups;
    bool sync;
    bool closes;             /* a last empty group says that all is durable */
    const char *switch_path; /* the new base; NULL: none */
    int64_t switch_sequence;

    bool synced;      /* all that is written is durable */
    bool switched;    /* switch_path is the base */
    bool manifested;  /* the manifest names the log */
    bool waits;       /* error_number is one that is waited out */
    int error_number; /* of writing and syncing; 0: all went well */
    int switch_error;
    const char *what;          /* what ended with error_number */
    int64_t write_us, sync_us; /* -1: there was none */
    uint64_t written_bytes, synced_offset, size;
};

/* A sync beside the writing: with every setting but LOG_SYNC_ALWAYS nobody's reply waits for it. */
struct log_side_sync {
    struct worker_job worker_job; /* first */
    struct log_writer *writer;
    struct disk_file file;
    uint64_t offset, group; /* the last that it covers */
    int error_number;
    int64_t sync_us;
    bool runs;    /* the worker has it */
    bool is_news; /* `files` was the other worker's when it ended well */
};

struct log_writer {
    struct clock *clock;
    struct worker *worker, *sync_worker;
    struct log_files *files; /* the worker's while `busy` */
    struct log_writer_settings settings;
    struct log_writer_hooks hooks;
    struct event_timer retry, second;
    struct event_idle no_more;
    int64_t submitted_us, gather_until_us; /* of the monotonic clock */

    /* collecting */
    struct buffer collecting, spare;
    uint64_t group, expected;
    uint64_t offset;
    int database; /* SELECTed in this group, -1: none */
    bool in_transaction;
    size_t transaction_start; /* bytes of `collecting` before its first command */
    size_t transaction_count; /* commands */
    int64_t next_begins_increment;
    int64_t sequence;       /* of the newest increment, made or to be made */
    uint64_t segment_bytes; /* in that increment, about */

    /* sealed, not given to the worker yet */
    struct log_group *sealed, **sealed_end;
    size_t sealed_bytes; /* of these and of those in the job */

    struct log_job job;
    struct log_side_sync sync;
    bool busy;           /* the worker has the job */
    bool closing, ended; /* it gets no more */
    bool full, failed, unsynced, sync_asked, manifested;
    uint64_t written_group, synced_group, durable_offset;

    bool switch_asked;
    char *switch_path;
    int64_t switch_sequence;
    void (*switch_callback)(void *context, int error_number);
    void *switch_context;

    struct log_writer_statistics statistics;
};

/* log_writer.c */
/* Once. */
void log_writer_fail(struct log_writer *writer, const char *what, int error_number);
void log_writer_record_sync(struct log_writer *writer, int64_t sync_us);
int64_t log_writer_next_sequence(struct log_writer *writer);
void log_writer_switch_done(struct log_writer *writer, int error_number);

/* log_writer_job.c: on the worker. */
void log_writer_job_run(struct worker_job *worker_job);

/* log_writer_sync.c */
void log_writer_sync_init(struct log_writer *writer);
/* `files` is ours. */
void log_writer_sync_begin(struct log_writer *writer);
void log_writer_sync_note(struct log_writer *writer);

#endif
