/* Start: brings back what the log directory holds, exactly, or refuses (P3).
 *
 * Reads the manifest's base (RDB), then its increments in order. Groups of our own are verified
 * before any of their commands is applied. Bad bytes at the end of the last increment are a torn
 * tail - cut off, reported - when they lie above every durable offset seen and no later group says
 * otherwise; anything else is damage: recovery stops and says file, offset and the command that
 * repairs. Files of Redis or Valkey (no annotations) load by Redis's rules (aof-load-truncated).
 *
 * Resumable, so that the loop can answer -LOADING meanwhile: recovery_step works for a bounded
 * time. Reading blocks on the disk, not longer than one read of RECOVERY_READ_SIZE takes. */
#ifndef HOLDFAST_PERSIST_RECOVERY_H
#define HOLDFAST_PERSIST_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "persist/log_group.h"
#include "protocol/resp_parser.h"

struct clock;
struct keyspace;
struct log_directory;
struct recovery;

#define RECOVERY_READ_SIZE (1024 * 1024) /* bytes */
#define RECOVERY_BATCH_MAX 64            /* commands handed over in one call */

struct recovery_handlers {
    void *context;
    /* Runs commands of the log in order; MULTI and EXEC are taken out before, and commands of an
     * unfinished transaction never come. False: a command is unknown or failed; `why` (room for 256
     * bytes) says so, and recovery ends with damage. The database is that of the last SELECT, which
     * recovery handles: `database`. */
    bool (*apply)(void *context, int database, const struct resp_command *commands, size_t count,
                  char *why);
};

struct recovery_settings {
    bool load_truncated;   /* aof-load-truncated: for files without annotations; ours are cut */
    bool verify_checksums; /* of RDB files: rdbchecksum */
};

enum recovery_status { RECOVERY_MORE, RECOVERY_DONE, RECOVERY_REFUSED };

struct recovery_progress {
    uint64_t total_bytes, loaded_bytes;
    uint64_t keys, commands, groups; /* keys: of the base */
    size_t files;                    /* that the manifest names */
    const char *file;                /* being read */
};

/* What the log goes on with after RECOVERY_DONE. */
struct recovery_result {
    struct log_id id;
    bool has_id;               /* false: no file of ours was there, a new log begins */
    uint64_t offset;           /* end of the last group */
    char *increment_name;      /* of ours, to append to; NULL: begin a new one */
    uint64_t increment_size;   /* bytes, after the cut */
    uint64_t increment_proven; /* bytes of it that had been synced for sure */
    uint64_t cut_bytes;        /* of the torn tail, 0: none */
    char *cut_file;            /* NULL: none */
};

/* `keyspace` must be empty, its time set so that nothing is expired. */
struct recovery *recovery_create(struct clock *clock, struct log_directory *directory,
                                 struct keyspace *keyspace,
                                 const struct recovery_settings *settings,
                                 const struct recovery_handlers *handlers);
void recovery_destroy(struct recovery *recovery);

/* Works for about `budget_us`. REFUSED: recovery_error says why; nothing on disk was changed.
 * DONE: a torn tail has been cut off, durably. */
enum recovery_status recovery_step(struct recovery *recovery, int64_t budget_us);
void recovery_read_progress(const struct recovery *recovery, struct recovery_progress *out);
const struct recovery_result *recovery_result(const struct recovery *recovery);
/* One or more sentences: file, offset, what a repair would drop, the command to do it. */
const char *recovery_error(const struct recovery *recovery);

#endif
