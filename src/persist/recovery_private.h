/* The inside of recovery, shared by its files only. */
#ifndef HOLDFAST_PERSIST_RECOVERY_PRIVATE_H
#define HOLDFAST_PERSIST_RECOVERY_PRIVATE_H

#include <stddef.h>

#include "base/buffer.h"
#include "persist/log_directory.h"
#include "persist/recovery.h"
#include "system/disk.h"

struct rdb_reader;

/* What of the current file is being read. */
enum recovery_part {
    PART_BEGIN,  /* nothing is known of it yet */
    PART_RDB,    /* a base, or the preamble of one */
    PART_PLAIN,  /* commands without annotations: Redis's or Valkey's */
    PART_GROUPS, /* ours */
};

struct recovery {
    struct clock *clock;
    struct log_directory *directory;
    struct keyspace *keyspace;
    struct recovery_settings settings;
    struct recovery_handlers handlers;
    struct recovery_result result;
    struct recovery_progress progress;
    struct buffer error;

    /* the current file */
    size_t index; /* in the manifest */
    const struct log_file *named;
    struct disk_file file;
    uint64_t file_size;
    enum recovery_part part;
    struct rdb_reader *rdb;
    struct buffer input;
    size_t at;            /* bytes of `input` that are done */
    uint64_t input_start; /* of the file: where input.data[0] stands */
    uint64_t read_end;    /* of the file: where the next bytes are read */

    /* commands */
    struct resp_parser *parser, *scanner; /* the second looks ahead */
    int database;
    struct resp_command batch[RECOVERY_BATCH_MAX];
    size_t batch_count;
    uint64_t group_left; /* bytes of the verified group not applied yet */

    /* our groups */
    struct log_id id;
    bool has_id;
    uint64_t offset; /* end of the last group */
    uint64_t proven; /* of the current file: up to here everything had been synced */
    /* A group of it that comes later; `proven` goes there when a group says so. */
    uint64_t candidate, candidate_offset;
};

/* --- recovery.c --- */

/* Where the first byte of `input` not done stands in the file. */
uint64_t recovery_position(const struct recovery *recovery);
struct slice recovery_input(const struct recovery *recovery);
/* Reads until `wanted` bytes not done are in `input`, or the file ends. False: refused. */
bool recovery_want(struct recovery *recovery, size_t wanted);
bool recovery_read_all(const struct recovery *recovery); /* all of the file is in `input` */
bool recovery_is_last(const struct recovery *recovery);  /* no other file follows */
/* Adds to the error: "FILE at OFFSET: ..." and returns false. */
bool recovery_refuse(struct recovery *recovery, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Refuses with what a repair would drop. */
bool recovery_refuse_damage(struct recovery *recovery, const char *what);
/* Cuts the file off where `input` is not done, durably. False: refused. */
bool recovery_cut(struct recovery *recovery);

/* --- recovery_commands.c: both false when refused; *ended: the file is done. --- */

/* Works on one piece; returns when some hundred microseconds of work are done. */
bool recovery_step_plain(struct recovery *recovery, bool *ended);
bool recovery_step_groups(struct recovery *recovery, bool *ended);
/* The first annotation of one of our files. */
bool recovery_begin_groups(struct recovery *recovery, const struct log_file_header *header);

/* --- recovery_tail.c --- */

/* Is there, behind the place where `input` is not done, a group that proves that the bad bytes
 * there had been durable? False also when it could not be read: *failed. */
bool recovery_tail_is_damage(struct recovery *recovery, bool *failed);
/* Does somebody else's command follow (whole filler before it is then done)? Redis goes on with our
 * last file when it takes over our log. False: refused. */
bool recovery_tail_is_plain(struct recovery *recovery, bool *plain);
/* Bytes that are not done, without the filler at the end. False: refused, they cannot be read. */
bool recovery_tail_length(struct recovery *recovery, uint64_t *length);

#endif
