/* What clients can say about some keys by themselves, whatever the server thinks: the plain model.
 *
 *   r0 r1  registers with unique values: linearizable, through all crashes
 *   q      a list to which unique numbers are pushed: one order, of which every read is a prefix;
 *          a message about a push, a "rpush" event, and a line of MONITOR are never ahead of it
 *   m0 m1  set together in one transaction: never different
 *   n      counted up: no number comes twice, none goes back
 *   w      counted up under WATCH: no increment is lost, none happens twice
 *   b      unique numbers go in and are popped: none comes out twice, or without having gone in
 *
 * These hold as long as what was answered is durable: with `appendfsync always`. */
#ifndef HOLDFAST_SIMULATION_CLAIMS_H
#define HOLDFAST_SIMULATION_CLAIMS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "linearizable.h"

#define CLAIMS_NUMBERS_MAX 8192
#define CLAIMS_REGISTERS 2
#define CLAIMS_FAILURE_MAX 300

enum claim {
    CLAIM_NONE,
    CLAIM_SET,           /* SET r value */
    CLAIM_GET,           /* GET r */
    CLAIM_PUSH,          /* RPUSH q value */
    CLAIM_RANGE,         /* LRANGE q 0 -1 */
    CLAIM_PAIR,          /* EXEC of SET m0 value, SET m1 value */
    CLAIM_PAIR_READ,     /* MGET m0 m1 */
    CLAIM_COUNT,         /* INCR n */
    CLAIM_WATCHED_READ,  /* GET w */
    CLAIM_WATCHED_WRITE, /* EXEC of SET w value */
    CLAIM_ANNOUNCE,      /* EXEC of RPUSH q value, PUBLISH news value */
    CLAIM_PUT,           /* RPUSH b value */
    CLAIM_TAKE,          /* LPOP b */
    CLAIM_TAKE_WAITING,  /* BLPOP b */
};

/* One command that makes a claim. */
struct claim_call {
    enum claim claim;
    int reg; /* of CLAIMS_REGISTERS */
    int64_t value;
    uint64_t called;
    size_t place;  /* in the register's row; CLAIM_RANGE: the length known when it was called */
    int64_t floor; /* what was counted for sure when it was called */
};

struct claims {
    bool holds; /* false: nothing is checked */
    bool
        feeds_stale; /* the control: now and then a register's read is answered with an old value */
    uint64_t now;    /* counts calls and returns */
    char failure[CLAIMS_FAILURE_MAX];
    struct register_operation registers[CLAIMS_REGISTERS][LINEARIZABLE_MAX];
    size_t register_count[CLAIMS_REGISTERS];
    int64_t order[CLAIMS_NUMBERS_MAX]; /* of q: 0 is not known */
    size_t order_known;                /* the list has at least so many */
    int64_t announced[CLAIMS_NUMBERS_MAX];
    size_t announced_count, events;
    int64_t
        monitored[CLAIMS_NUMBERS_MAX]; /* pushes to q that MONITOR showed; 0: another one begins */
    size_t monitored_count;
    int64_t counted; /* the highest answer of INCR n */
    int64_t watched_done, watched_open;
    bool was_put[CLAIMS_NUMBERS_MAX], was_taken[CLAIMS_NUMBERS_MAX];
};

/* A command is about to be sent. False: no more of this kind. */
bool claims_call(struct claims *claims, struct claim_call *call);
/* Its reply came (errors too). */
void claims_return(struct claims *claims, const struct claim_call *call, const redisReply *reply);
/* It will never come. */
void claims_lost(struct claims *claims, const struct claim_call *call);
/* A message of a subscription. */
void claims_message(struct claims *claims, const redisReply *message);
/* A line of MONITOR; NULL: its connection has ended. */
void claims_monitored(struct claims *claims, const char *line);
/* All crashes are over, and q was read once more: what has to be there? */
void claims_finish(struct claims *claims);

#endif
