/* The simulated world of one seed: time, chance, the power, and what came of it all (the trace).
 *
 * The sources in system/ stand in for those of src/system that touch the outside; they and the
 * scenario meet here. There is one world at a time, since a clock is created without being told in
 * which. One thread. */
#ifndef HOLDFAST_SIMULATION_WORLD_H
#define HOLDFAST_SIMULATION_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "system/disk.h"
#include "system/random.h"

/* What a check has really met: counted, so that a run can say (and fail if) it never was. */
enum world_meeting {
    MET_PENDING,        /* pending entries of a consumer group that were recovered */
    MET_SYNC_CHANGE,    /* appendfsync became another while the server ran */
    MET_LOG_OFF,        /* ...appendonly no */
    MET_LOG_ON,         /* ...appendonly yes, and its base came into force */
    MET_SNAPSHOT_START, /* a start from the snapshot file alone */
    MET_SAVE_RELIED,    /* SAVE was answered, and a start without the log had to show that */
    MET_INVALIDATION,   /* a key, of which a client was told that it changed */
    MET_BROADCAST,      /* ...in BCAST mode */
    MET_CACHE_COMPARED, /* a cached value, compared to what the server had in the end */
    MET_MONITOR_LINE,   /* of a push that MONITOR showed */
    MET_EVICTION,       /* keys that were evicted */
    MET_RESTORE,        /* values of DUMP that RESTORE took */
    MET_SHUTDOWN,       /* the server ended because a client asked for it */
    MET_PAUSE,          /* CLIENT PAUSE */
    MET_KILL,           /* CLIENT KILL of somebody */
    MET_SWAP,           /* SWAPDB */
    MET_UNIX,           /* a client came by the Unix socket */
    MET_TERMINATED,     /* the server ended because of SIGTERM */
    MET_HANG_UP,        /* SIGHUP */
    MET_MIGRATED,       /* MIGRATE of known keys (mover.h), answered with OK */
    MET_NO_KEY,         /* ...NOKEY */
    MET_TARGET_ERROR,   /* ...an error of the target's: busy, or it refused all */
    MET_MOVE_FAILED,    /* ...IOERR: refused, cut, or too slow */
    MET_MOVE_RIVAL,     /* ...keys that were changed on their way */
    MET_MOVE_CRASHED,   /* ...the process ended while it was on its way */
    MET_FULL,           /* writes refused because the disk of the log was full */
    MET_LOG_FAILED,     /* the server ended by itself: a write or sync of its log had failed */
    MET_REFUSED,        /* a connection that a worker did not get */
    MET_CUT,            /* ...and one that was cut */
    WORLD_MEETINGS
};

/* Which commands' replies are kept to, by those who sent them: of commands that ran after... */
struct world_promise {
    uint64_t durable_since; /* ...this turn, whatever happens; UINT64_MAX: none */
    uint64_t logged_since;  /* ...this turn, if only the process ends */
};

struct world {
    struct random chance;
    int64_t now_us; /* of all clocks, since 1970 */
    uint64_t trace; /* a hash of all that happened: the same seed, the same trace */
    bool off;       /* the power has gone, or the process was killed: nothing counts any more */
    uint64_t steps; /* of the scheduler, ever */
    uint64_t step_us_max; /* that one takes: in a slow world timers end while clients are busy */
    uint64_t calls;       /* to the disk, in this life of the server */
    uint64_t off_at_call; /* the process ends at this call; 0: at none */
    uint64_t off_in_snapshot; /* ...or so many calls after a snapshot was begun; 0: not so */
    /* What a file of the log that is in force answered; 0: no such thing in this life. */
    int64_t log_failed_us; /* an error that cannot be waited out, at this time */
    int64_t log_full_us;   /* no room since then */
    bool forges_answers; /* workers hear OK from whom they connect to, who may not have answered */
    struct disk disk;    /* the simulated one; its calls take time and are counted */
    struct disk_simulated *simulated;
    /* Before each call to the disk: others may go on meanwhile. NULL: they do not. */
    void (*yield)(void);
    /* One thing happens: a client acts, bytes arrive, a job is done. False: nothing can. */
    bool (*step)(void *context);
    void (*turn_ended)(void *context); /* what was done is one group of the log, or some */
    /* What can be promised at this moment, of what is sent now. */
    struct world_promise (*promise)(void *context);
    /* A file is written, synced or closed: its data may be those in the midst of a turn. */
    void (*file_written)(void *context);
    /* A worker sends this to another server, who may show it. */
    void (*sends)(void *context, struct slice bytes);
    /* What maxmemory is compared to, bytes; NULL: nothing is in use. The allocator's own count
     * would differ from run to run. */
    size_t (*memory_used)(void *context);
    void *context;
    uint64_t met[WORLD_MEETINGS];
};

extern struct world world;

void world_init(uint64_t seed);
void world_deinit(void);

uint64_t world_below(uint64_t n);      /* from 0 to n - 1 */
bool world_chance(uint64_t one_in);    /* true once in so many */
void world_pass(int64_t microseconds); /* time goes on */
void world_trace(const char *what, const void *bytes, size_t length);
void world_trace_number(const char *what, uint64_t number);

void world_meet(enum world_meeting what);
const char *world_meeting_name(enum world_meeting what);

/* A life of the server begins: nothing has happened to it yet. */
void world_begin_life(void);
/* The server's process ends at once: with the power, or killed. */
void world_end_process(void);

#endif
