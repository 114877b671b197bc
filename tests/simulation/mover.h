/* A client that moves keys of its own between two databases by MIGRATE, through the network to the
 * server itself, and what must have become of them.
 *
 *   g0 g1  nobody else changes them: in which database they may be after an answer, an error, a
 *          connection that was cut, or a crash is known exactly, with value and deadline
 *   g2     others change it meanwhile, in database 0: what was changed must not go
 *
 * And of all: a key vanishes from where it was only if the other database has had the same. */
#ifndef HOLDFAST_SIMULATION_MOVER_H
#define HOLDFAST_SIMULATION_MOVER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "claims.h"
#include "history.h"

#define MOVER_KEYS 3
#define MOVER_PLACES (MOVER_KEYS * HISTORY_DATABASES)
#define MOVER_SEEN_MAX 16

struct client;

/* What MIGRATE was answered. */
enum mover_outcome {
    MOVER_UNKNOWN, /* nothing (yet) */
    MOVER_OK,
    MOVER_NO_KEY,
    MOVER_TARGET_ERROR, /* by the target, to all keys or some */
    MOVER_NOT_REACHED,  /* IOERR: what has arrived is not known */
};

/* A key in a database. */
struct mover_place {
    int key, database;
    size_t index;                       /* of the key's name */
    struct record known;                /* before the step that is going on */
    struct record last;                 /* at the end of the last turn */
    struct record seen[MOVER_SEEN_MAX]; /* since the step began */
    size_t seen_count;
    bool is_written; /* by the step */
};

struct mover {
    bool deadlines; /* keys have some: nothing is evicted */
    bool lasts;     /* what was answered is durable */
    const struct history *history;
    char *failure; /* of CLAIMS_FAILURE_MAX bytes; "": none so far */

    /* --- private --- */
    struct mover_place places[MOVER_PLACES];
    bool migrates, looks; /* what the step is */
    bool keys[MOVER_KEYS];
    int from, to; /* databases */
    bool copies, replaces, is_refused;
    enum mover_outcome outcome;
};

void mover_init(struct mover *mover, const struct history *history, char *failure);

/* The next step, unless one is going on or its outcome is still open. */
void mover_send(struct mover *mover, struct client *client, struct buffer *bytes);
/* The last reply of the step. */
void mover_heard(struct mover *mover, const redisReply *reply, int64_t now_ms);
/* It will never come. */
void mover_lost(struct mover *mover);

/* The last turn up to `turn` that changed one of the keys whose values these bytes to the target
 * show; 0: they show none of this step's. */
uint64_t mover_shows(const struct mover *mover, struct slice bytes, uint64_t turn);

/* A turn has ended. */
void mover_note_turn(struct mover *mover, int64_t now_ms);
/* A server has begun its life with what it found. */
void mover_note_start(struct mover *mover, int64_t now_ms);

/* The name of the one that others may change. */
const char *mover_shared_key(void);

#endif
