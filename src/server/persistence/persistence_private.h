/* The inside of the room, shared by its files only. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_PERSISTENCE_PRIVATE_H
#define HOLDFAST_SERVER_PERSISTENCE_PERSISTENCE_PRIVATE_H

#include "base/list.h"
#include "persist/recovery.h"
#include "server/persistence/persistence.h"

struct loading;
struct log_directory;
struct log_writer;
struct saving;
struct worker;

struct persistence {
    struct server *server;
    struct persistence_settings *settings;
    const struct disk *disk;
    struct log_directory *directory; /* open and locked while the log is in use; else NULL */
    struct log_writer *log;          /* NULL: off, or still loading */
    struct worker *log_worker;       /* writes and syncs the log, nothing else */
    struct worker *save_worker;      /* writes snapshots, closes what was removed */
    struct loading *loading;         /* NULL: nothing is being loaded (any more) */
    struct saving *saving;
    struct list durable_waits;        /* durable_waits.c: who waits */
    uint64_t load_keys, load_expired; /* of the last load: put in, dropped */
    bool started;                     /* loaded what there was */
    bool release_wanted;              /* gates may open at the end of the turn */
    bool announces;                   /* the end of loading is told: it took more than a moment */
    int exit_status;
};

/* loading.c: everything is in the keyspace. `log`: where the log goes on; NULL: there was none (the
 * snapshot file was loaded, or nothing). The keyspace has its time again. */
void persistence_loaded(struct persistence *persistence, const struct recovery_result *log);

/* The server must not go on: `why` is logged, it stops with a failure status, and nothing that is
 * gated is sent. */
void persistence_fail(struct persistence *persistence, const char *why);

/* "DIRECTORY" of the log, relative to the working directory: appenddirname. */
const char *persistence_log_path(const struct persistence *persistence);

#endif
