/* The log: collects what commands did, writes it in groups off the loop, says what is durable.
 *
 *   append ... append   end_turn          worker: writev, fdatasync       durable hook
 *   (commands of a turn) ── group sealed ──────────────────────────────► gates open
 *
 * One group is being collected at any time; its number is log_writer_group. At the end of a turn it
 * is sealed and given to the worker, unless the worker still has one: then it goes on growing. So
 * the more load, the larger the group, and one fdatasync serves all of it. Just after the worker
 * has come back it is given when a turn of the loop has nothing else to do, or after twice the time
 * that the last group took (at most 400 us): whoever was answered by then is writing again.
 *
 * Whoever must not be answered before a change is durable waits for the number of the group that
 * was being collected when the change was made (a "gate"): log_writer_durable_group() >= number.
 * Groups become durable in order. A group to which nothing was appended becomes durable with the
 * one before it, so that no gate waits for ever.
 *
 * With LOG_SYNC_ALWAYS a group is durable when fdatasync said so. With the others it counts as such
 * when the kernel has it, so that the end of the process (kill -9) loses nothing that was answered;
 * the durable offset stays truthful. Their syncs run on a thread of their own: writes do not wait
 * for them, only what needs the file alone does (the next increment).
 *
 * Failure (P4). A failed fsync, a write error that is not ENOSPC (or EDQUOT), a manifest that
 * cannot be switched: the `failed` hook, once; from then on nothing becomes durable. ENOSPC: the
 * file is cut back to its last whole group, the same group is written again every
 * LOG_FULL_RETRY_MS; log_writer_is_full is true meanwhile, and the server refuses writes.
 *
 * The loop's thread calls everything here; the workers touch the file, the directory and the group
 * that was given to them, nothing else. */
#ifndef HOLDFAST_PERSIST_LOG_WRITER_H
#define HOLDFAST_PERSIST_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "persist/log_files.h"
#include "system/disk.h"

struct clock;
struct event_loop;
struct log_directory;
struct log_writer;
struct worker;

#define LOG_FULL_RETRY_MS 500                        /* between tries to write on a full disk */
#define LOG_SEGMENT_SIZE_DEFAULT (UINT64_C(1) << 30) /* bytes of an increment, then a new one */
#define LOG_BACKLOG_MAX                                                                            \
    ((size_t)64 << 20) /* bytes collected; the server then holds writers back                      \
                        */

enum log_sync { LOG_SYNC_ALWAYS, LOG_SYNC_EVERY_SECOND, LOG_SYNC_NO };

struct log_writer_hooks {
    void *context;
    /* durable_group or durable_offset moved. In a turn of the loop. */
    void (*durable)(void *context);
    /* It became full, or there is room again. */
    void (*full)(void *context, bool full);
    /* Nothing can be promised any more: `what` was tried and ended with errno `error_number`. */
    void (*failed)(void *context, const char *what, int error_number);
    /* A write and sync took this long: LATENCY, microseconds; -1: there was none. */
    void (*wrote)(void *context, int64_t write_us, int64_t sync_us);
    /* A file that has no name any more is to be closed, which may take long. */
    void (*removed)(void *context, struct disk_file file);
};

struct log_writer_settings {
    enum log_sync sync;
    uint64_t segment_size_max;
    int64_t full_retry_ms; /* 0: LOG_FULL_RETRY_MS */
};

/* Opens or makes the increment, durably, before it returns (blocking). `directory` and `worker`
 * stay the caller's; the worker is used by nobody else. `manifested` false: a new log whose base is
 * not there yet (CONFIG SET appendonly yes): the increment is kept out of the manifest until
 * log_writer_switch_base, and until then nothing waits. On error: errno. */
WARN_UNUSED enum error log_writer_create(struct event_loop *loop, struct clock *clock,
                                         struct log_directory *directory, struct worker *worker,
                                         const struct log_writer_settings *settings,
                                         const struct log_writer_start *start, bool manifested,
                                         const struct log_writer_hooks *hooks,
                                         struct log_writer **out);
/* Writes and syncs all that was collected, and says so in a last empty group. Blocking. Nothing
 * more can be written then. ERROR_SYSTEM: something was not kept (errno), and never becomes
 * durable; the `failed` hook is not called. */
WARN_UNUSED enum error log_writer_end(struct log_writer *writer);
/* Ends it unless that was done, with the same result, and closes. The writer is gone in any case.
 */
WARN_UNUSED enum error log_writer_close(struct log_writer *writer);

/* --- collecting --- */

/* The command `arguments`, run on database `database`, joins the group. A SELECT goes before it
 * where needed. */
void log_writer_append(struct log_writer *writer, int database, const struct slice *arguments,
                       size_t count);
/* What is appended between the two is one transaction: MULTI and EXEC around it unless it is empty
 * or a single command; never split over two groups. Not nested. */
void log_writer_begin_transaction(struct log_writer *writer);
void log_writer_end_transaction(struct log_writer *writer);

/* Gives the group to the worker if that is free and no more seems to come. Once a turn, before
 * replies are sent. */
void log_writer_end_turn(struct log_writer *writer);

/* --- what is durable --- */

uint64_t log_writer_group(const struct log_writer *writer);
/* UINT64_MAX: nothing waits. */
uint64_t log_writer_durable_group(const struct log_writer *writer);
/* The promise that this group number will become durable even if nothing is appended to it: to be
 * called for each gate on the group being collected. Cheap. */
void log_writer_expect(struct log_writer *writer, uint64_t group);

/* True with LOG_SYNC_ALWAYS: what is not durable must not be shown either. */
bool log_writer_hides_the_undurable(const struct log_writer *writer);

/* False: a new log whose base is not there yet. Synced or not, a start would not find it. */
bool log_writer_is_in_force(const struct log_writer *writer);

uint64_t log_writer_offset(const struct log_writer *writer);         /* end of what is collected */
uint64_t log_writer_durable_offset(const struct log_writer *writer); /* really synced */
size_t log_writer_backlog(const struct log_writer *writer); /* bytes collected and not written */
bool log_writer_is_full(const struct log_writer *writer);
bool log_writer_is_syncing(const struct log_writer *writer); /* beside the writing */
bool log_writer_has_failed(const struct log_writer *writer);

/* --- changing while it runs --- */

/* From now on; going to ALWAYS syncs what is not synced yet, and only then gates begin to hold. */
void log_writer_set_settings(struct log_writer *writer, const struct log_writer_settings *settings);

/* What was collected up to now ends the increment; what comes goes to a new one. Several
 * transactions in the same turn are not split: call it between turns' commands (end_turn).
 * `*sequence`: of the new increment. The file is made by the worker before the first group that
 * belongs into it. */
void log_writer_rotate(struct log_writer *writer, int64_t *sequence);

/* After a compaction that began with log_writer_rotate: the file `temporary_path`, written and
 * synced, becomes the base; increments from `sequence` on stay, everything before becomes history
 * and is removed. `done` is called in a turn of the loop, `error_number` 0 on success; after a
 * failure the old files are whole and in force. */
void log_writer_switch_base(struct log_writer *writer, const char *temporary_path, int64_t sequence,
                            void (*done)(void *context, int error_number), void *context);

#define LOG_SYNC_HISTOGRAM_SIZE 32

struct log_writer_statistics {
    uint64_t groups, syncs, bytes; /* since the start; bytes of commands */
    uint64_t group_bytes_last, group_bytes_max;
    uint64_t size;        /* bytes of base and increments: aof_current_size */
    uint64_t base_size;   /* bytes when the base was made, or of all at the start: aof_base_size */
    uint64_t full_errors; /* times that the disk was met full */
    uint64_t sync_us_total, sync_us_max;
    int last_error; /* errno of the last write, or what ended the log; 0: it went well */
    uint64_t sync_us_log2[LOG_SYNC_HISTOGRAM_SIZE]; /* syncs of 2^i .. 2^(i+1)-1 us */
};
const struct log_writer_statistics *log_writer_statistics(const struct log_writer *writer);

#endif
