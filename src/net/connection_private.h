/* What connections and their network ask of each other: for net/ alone. */
#ifndef HOLDFAST_NET_CONNECTION_PRIVATE_H
#define HOLDFAST_NET_CONNECTION_PRIVATE_H

#include <sys/uio.h>

#include "net/connection.h"
#include "net/network.h"

struct network {
    struct event_loop *loop;
    struct clock *clock;
    struct network_handlers handlers;
    void *context;
    struct chain_pool *pool;
    /* NETWORK_READ_SIZE bytes each, shared by all connections. Those of what is put aside come
     * first, the next is for reading. */
    char *read_buffers[NETWORK_GATHER_MAX];
    struct connection_gathering *gathering; /* input that was read and not run yet */
    struct list all;                        /* open connections, in order of id */
    struct list closed;                     /* to be freed at the end of the turn */
    struct list dying;         /* `closed` was told; much of their output is still there */
    struct list outputs;       /* with output to be sent at the end of the turn */
    struct list urgent_pushes; /* the same: others caused it, it is sent after those */
    struct list pushes;        /* the same, if there is time, or in a later turn: is_pushed */
    int64_t pushes_left_us;    /* monotonic: when the last slice of them ended; 0: none are left */
    struct list gated;         /* with output that waits for a gate */
    uint64_t released;         /* gates up to this are open */
    struct list ready;         /* go on in the next turn without new input */
    struct list deadlines;     /* with a deadline or above their soft limit, in no order */
    struct event_timer deadline_timer; /* active while `deadlines` is not empty */
    struct connection **by_id;         /* hash table by id, chained by next_by_id */
    size_t by_id_size;                 /* a power of two */
    size_t count, connections_max;
    uint64_t last_id, turn;
    size_t ran_in_turn; /* connections that had input */
    int keepalive_s;
    struct listener *listeners[NETWORK_LISTENERS_MAX];
    int listener_count;
    struct network_statistics statistics;
};

/* Takes over the socket; registers with the network and tells it `opened`. */
struct connection *connection_create(struct network *network, int socket,
                                     const struct socket_peer *peer);
/* Closes the socket; it is in no list any more but that of the dying. */
void connection_end(struct connection *connection);
/* Frees everything. */
void connection_destroy(struct connection *connection);

/* --- connection.c --- */

/* Begins to close; the first reason stays. */
void connection_close_for(struct connection *connection, enum connection_close_reason reason);
void connection_close_after_reply_for(struct connection *connection,
                                      enum connection_close_reason reason);
/* Watches the socket for what the connection wants now. */
void connection_update_interest(struct connection *connection);
void connection_go_on_next_turn(struct connection *connection);
/* Its deadline or soft limit may have passed. Returns false when there is none left to watch. */
bool connection_check_deadlines(struct connection *connection);
/* Monotonic, of clock_monotonic. */
int64_t connection_now_ms(const struct connection *connection);

/* --- connection_input.c --- */

/* Reads once what the socket has, and runs it. */
void connection_input_read(struct connection *connection);
/* Runs what its input holds already. */
void connection_input_go_on(struct connection *connection);
/* What is in the input will be parsed from its first byte. */
void connection_parse_anew(struct connection *connection);
/* Keeps what is left, in the connection's own buffer; none if there is nothing. */
void connection_keep_rest(struct connection *connection, struct slice rest);
/* Runs what was read and put aside. */
void connection_input_run_gathered(struct network *network);
struct connection_gathering *connection_gathering_create(void); /* freed with memory_free */

/* --- connection_big.c --- */

#define CONNECTION_BIG_HEAD_READ 4096 /* bytes in which a big argument may begin */

/* Where the next bytes go: first the rest of a big argument, then behind the input, which is
 * `base` from now on. A short input moves into the shared buffer for that: no connection keeps a
 * large buffer of its own to read into. Or, after a guess: what stands before a big argument, the
 * argument, what stands behind it. */
struct connection_room {
    struct iovec vectors[3];
    int count;
    char *base;
    size_t kept; /* bytes of input at `base` */
    char *guess; /* block for a big argument that has not begun; NULL: nothing is guessed */
    size_t guess_capacity;
};

/* Begins to collect a big argument whose first bytes are the last of `input`. Returns what is to be
 * kept: what stands before it. */
struct slice connection_big_begin(struct connection *connection, struct slice input);
/* Room for more of the big argument: never more than its length. False: out of memory. */
bool connection_big_make_room(struct connection *connection, struct connection_room *room);
/* Commands with a big argument come one after the other, and it began at the same place in the last
 * two: makes room as if it did in the next one, so that it is read at once. False: no guess. */
bool connection_big_guess(struct connection *connection, struct connection_room *room);
/* Takes out of what was `*received` into `room` what belongs to a big argument; while it is not
 * whole the socket waits for as much as is worth a system call. False: there is nothing to run, or
 * no memory, and the connection closes. */
bool connection_big_take(struct connection *connection, struct connection_room *room,
                         size_t *received);

/* --- connection_output.c --- */

/* Sends as much output as the socket takes, within the turn's bound. */
void connection_output_send(struct connection *connection);
/* At the end of a turn: sends, unless the socket is known to be full; checks limits. */
void connection_output_end_turn(struct connection *connection);

/* --- connection_gate.c --- */

/* Bytes of output that no gate holds. */
size_t connection_gate_free_output(const struct connection *connection);
/* Takes out the gates that are open now; true if there were some. */
bool connection_gate_open(struct connection *connection);

/* --- network.c --- */

void network_add(struct network *network, struct connection *connection);
void network_remove(struct network *network, struct connection *connection); /* to `closed` */
void network_watch_deadline(struct network *network, struct connection *connection);

#endif
