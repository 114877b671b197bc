/* A simulated client: sends random commands, several at a time, and believes what it is told. */
#ifndef HOLDFAST_SIMULATION_CLIENT_H
#define HOLDFAST_SIMULATION_CLIENT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cache.h"
#include "claims.h"
#include "commands.h"
#include "history.h"
#include "mover.h"
#include "world.h"

#define CLIENT_PIPELINE_MAX 16 /* replies it waits for */

enum client_kind {
    CLIENT_RANDOM,
    CLIENT_CLAIMS,
    CLIENT_WATCHES,
    CLIENT_BLOCKS,
    CLIENT_SUBSCRIBES,
    CLIENT_MONITORS,
    CLIENT_CACHES,
    CLIENT_OPERATES,
    CLIENT_MIGRATES,
};

/* A command whose reply is to come. */
struct sent {
    enum effect effect;
    uint64_t keys;
    uint64_t end;  /* in what the client wrote to this connection: behind its last byte */
    uint64_t turn; /* in which the server read that byte, so it ran in this turn or later; 0: not
                      yet read */
    bool waits_for_sync;    /* WAITAOF */
    bool saves;             /* SAVE */
    bool dumps, restores;   /* DUMP, RESTORE */
    bool kills;             /* CLIENT KILL */
    bool moves;             /* the last of a step of mover.h */
    enum cache_mode tracks; /* CLIENT TRACKING; CACHE_OFF: it is something else */
    bool reads_cached;      /* a read of cached_key, */
    bool keeps;             /* ...of which the server will tell */
    int cached_key;
    struct claim_call call;
};

struct clients; /* what they share */

struct client {
    struct clients *shared;
    enum client_kind kind;
    int socket; /* -1: not connected */
    redisReader *reader;
    uint64_t written;
    struct sent sent[CLIENT_PIPELINE_MAX];
    size_t sent_count;
    struct world_promise promise; /* of what is heard now */
    uint64_t last_write; /* the turn, or an earlier one, of its last write that was answered */
    int64_t watched;     /* CLIENT_WATCHES: what GET w said; -1: not known */
    bool subscribed;     /* or monitors, or speaks RESP3 */
    struct cache cache;
};

struct clients {
    struct history *history;
    struct claims *claims;
    struct mover *mover; /* NULL: nobody moves keys */
    uint64_t numbers;    /* given out */
    uint64_t needed;     /* the turn that somebody relies on: a crash must not take it back */
    uint64_t logged;     /* the same if only the process ends */
    uint64_t saved;      /* the same if there was no log, and a start reads the snapshot: SAVE */
    uint64_t replies, errors;
    struct buffer dump; /* what DUMP gave last; empty: nothing */
    bool large;         /* commands_large, too */
    bool operates;      /* operator.h */
    bool switches; /* ...changes the log's settings, and what concerns all keys of a database */
    bool evicts;   /* ...maxmemory */
    bool swapped;  /* SWAPDB was sent: of which caches are not told, as in Redis */
    bool may_shut_down;
    bool ends_log;          /* SHUTDOWN or CONFIG SET appendonly no was sent in this life */
    bool shutdown_saves;    /* the SHUTDOWN that was sent last */
    uint64_t shutdown_turn; /* before which that did not run */
};

void client_init(struct client *client, struct clients *shared, enum client_kind kind);
void client_deinit(struct client *client);

/* Sends the command in `bytes`, and empties them. */
void client_send(struct client *client, struct buffer *bytes, const struct sent *sent);
/* One that nobody else has. */
uint64_t client_next_number(struct client *client);

/* Sends something, or leaves. False: it has nothing to do now. */
bool client_act(struct client *client);
/* Sends the reads with which a seed ends. */
void client_ask_at_the_end(struct client *client);
/* Reads what has arrived. False: there was nothing. */
bool client_hear(struct client *client);
/* The server's turn goes to its end: which commands has it read? */
void client_note_turn(struct client *client);
/* The connection has ended: what was not answered never will be. */
void client_hang_up(struct client *client);

#endif
