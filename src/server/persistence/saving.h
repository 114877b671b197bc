/* Snapshots and compaction: SAVE, BGSAVE, save points, BGREWRITEAOF, automatic rewriting. One
 * snapshot at a time, whoever wants it; another is scheduled behind it. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_SAVING_H
#define HOLDFAST_SERVER_PERSISTENCE_SAVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct persistence;
struct saving;

struct saving *saving_create(struct persistence *persistence);
/* A snapshot in progress is cancelled, its file removed. NULL allowed. */
void saving_destroy(struct saving *saving);

/* A slice of the snapshot in progress. Once a turn. */
void saving_save_slice(struct saving *saving);

/* Bytes that are encoded and wait for the disk. */
size_t saving_backlog(const struct saving *saving);

/* SAVE: the whole snapshot at once, blocking. False: it failed, the log says why. */
bool saving_save_now(struct saving *saving);
/* A new log needs its base (the log was switched on): begins as soon as nothing else is saved. */
void saving_begin_base(struct saving *saving);
/* The log goes away: what was being written for it is given up. */
void saving_forget_log(struct saving *saving);

/* FLUSHALL: what is saved must not bring back what is gone. */
void saving_flushed(struct saving *saving);

/* The last snapshot that a save point asked for failed (stop-writes-on-bgsave-error). */
bool saving_is_failing(const struct saving *saving);

/* The lines of INFO persistence about snapshots, and those about compaction. */
void saving_info_snapshots(const struct saving *saving, struct buffer *out);
void saving_info_compaction(const struct saving *saving, struct buffer *out);

#endif
