/* One client's connection: bytes in, whole commands up to the server; replies in, bytes out. It
 * knows RESP and limits, no command and no key.
 *
 * In: what the socket has is read into one buffer that all connections share; commands are
 * parsed there as a batch, without copies, and handed up. Only the incomplete rest of the last
 * one is kept, in a buffer of the connection that is gone when it is empty: an idle connection
 * costs little. A big argument is read into a block of its own that grows as its bytes come.
 *
 * Out: replies (and pushes caused by others) are written to `output` through `reply`;
 * connection_has_output makes sure that they are sent at the end of the turn, connection_has_push
 * that they are soon.
 *
 * A connection is freed at the end of a turn only (network_turn_end), after `closed` was called:
 * a pointer stays valid within a turn. One thread: that of the loop. */
#ifndef HOLDFAST_NET_CONNECTION_H
#define HOLDFAST_NET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/chain.h"
#include "base/list.h"
#include "protocol/resp_parser.h"
#include "protocol/resp_writer.h"
#include "system/event_loop.h"

struct network;

#define CONNECTION_BATCH_MAX 64                 /* commands handed up in one call */
#define CONNECTION_TURN_COMMANDS_MAX 1024       /* commands of one connection in one turn */
#define CONNECTION_TURN_OUTPUT_MAX (256 * 1024) /* bytes of replies; the next waits for a turn */
#define CONNECTION_TURN_SEND_MAX (1024 * 1024)  /* bytes sent to one connection in one turn */
#define CONNECTION_PUSH_LEFT_MAX (64 * 1024)    /* bytes of pushes that may wait for another turn */
#define CONNECTION_PAUSED_INPUT_MAX (64 * 1024) /* bytes read ahead while it is paused */
#define CONNECTION_GATED_OUTPUT_MAX                                                                \
    (1024 * 1024)                  /* bytes; then nothing is run until a gate opens */
#define CONNECTION_GATHER_MAX 4096 /* bytes of a rest that the next read takes along */

/* What a connection may take. Owned by the server and shared by connections of a class: a change
 * counts for all of them at once. 0 is "no limit" but in `protocol`. */
struct connection_limits {
    struct resp_limits protocol;
    size_t query_buffer_max; /* bytes of input not run yet, MULTI's queue too:
                                client-query-buffer-limit */
    size_t output_hard_max;  /* bytes of output not sent yet: closed at once when exceeded; below
                                CHAIN_BLOCK_SIZE: what the turn's end could not send */
    size_t output_soft_max;  /* closed when exceeded for output_soft_ms without a break */
    int64_t output_soft_ms;
    int64_t deadline_ms; /* after the limits were set (before AUTH: the time to authenticate) */
};

enum connection_close_reason {
    CONNECTION_OPEN,
    /* the peer ended the connection, or it broke (errno in close_errno) */
    CONNECTION_CLOSED_BY_PEER,
    CONNECTION_CLOSED_BY_SERVER, /* connection_close_soon or connection_close_after_reply */
    CONNECTION_CLOSED_PROTOCOL_ERROR,
    CONNECTION_CLOSED_INPUT_LIMIT,  /* query_buffer_max */
    CONNECTION_CLOSED_OUTPUT_LIMIT, /* hard or soft */
    CONNECTION_CLOSED_DEADLINE,
    CONNECTION_CLOSED_OUT_OF_MEMORY, /* no memory for what it wanted to send */
};

/* Why no command is handed up: any bit. Private, but for connection_may_run. */
enum connection_stop {
    CONNECTION_STOP_CLOSING = 1 << 0,     /* will be freed at the end of the turn */
    CONNECTION_STOP_AFTER_REPLY = 1 << 1, /* will be closed when its output is sent */
    CONNECTION_STOP_PAUSED = 1 << 2,      /* by connection_pause */
    CONNECTION_STOP_GATED = 1 << 3,       /* much output waits for a gate */
};

/* From `position` on (bytes of output since the connection was opened) nothing leaves before the
 * network is released up to `gate`. */
struct connection_gate {
    uint64_t position, gate;
};

struct connection {
    /* --- for the server --- */
    void *session;            /* the server's own */
    uint64_t id;              /* from 1, never used twice */
    struct resp_writer reply; /* writes into `output`; version and muting are the server's to set */
    int64_t created_ms;       /* wall time */
    size_t queued_input;      /* bytes of commands the server keeps to run them later: they count as
                                 input */
    enum connection_close_reason close_reason;
    int close_errno;

    /* What writing and sending touch stands in the two lines of memory from here on: where one
     * message goes to thousands, they are all that is fetched of each. */
    struct chain output; /* not sent yet */

    /* --- private to net/, but for one member --- */
    struct list output_link; /* those with output to be sent at the end of the turn */
    struct network *network;
    int64_t last_interaction_ms; /* for the server: wall time of the last bytes in or out */
    uint64_t output_bytes;       /* in all */
    const struct connection_limits *limits;
    int64_t soft_limit_since_ms; /* monotonic; 0: not above it */
    uint32_t gate_first, gate_end, gate_capacity;
    int socket;
    unsigned stop; /* enum connection_stop */
    bool peer_ended, reading_paused, wants_write;
    bool is_unix, is_loopback; /* for the server, too */
    bool is_pushed;            /* among those whose output may wait for another turn */

    struct connection_gate *gates; /* both members rise; memory_* block, NULL: never had one */
    struct list link;              /* among all connections, in order of id */
    struct list ready_link;        /* those that go on in the next turn without new input */
    struct list gated_link;        /* those with a gate that is not open */
    struct list deadline_link;     /* those that are looked at now and then: there is a deadline, or
                                      output above the soft limit */
    int64_t limits_deadline_ms;    /* monotonic, of limits->deadline_ms; 0: none */
    struct connection *next_by_id;
    size_t turn_output_end; /* length of output at which it has had its share of this turn */
    uint64_t turn;          /* of the network, in which turn_commands were run */
    unsigned turn_commands;
    uint32_t receive_low; /* of the socket, while a big argument is read; 0: as at first */
    bool expects_big;     /* the last command had a big argument: perhaps the next has one, too */
    bool big_start_repeats;
    struct event_io io;
    struct resp_parser *parser;
    struct buffer input; /* bytes of commands not run yet */
    char *big_block;     /* the big argument that is being read, NULL if none */
    size_t big_length, big_filled, big_capacity;
    size_t big_start, big_last_length;  /* of the last command that began with one; bytes before */
    char *peer_address, *local_address; /* NULL until asked for (local) */
    uint64_t input_bytes;               /* in all */
    uint64_t commands;                  /* handed up and run */
};

/* --- output --- */

/* After writing to `output`, for oneself or another connection: it will be sent at the end of
 * the turn. Cheap to call for each reply. May find the output over its limit and begin to close. */
static inline void connection_has_output(struct connection *connection);
/* The same for what somebody else's command caused: it is sent after all replies of the turn, so
 * that who published to thousands goes on while they are served; to many over some turns. */
static inline void connection_has_push(struct connection *connection);

/* Adds bytes that others are sent, too, to `output`; connection_has_output follows. They are copied
 * only if the connection is slow. */
void connection_append_shared(struct connection *connection, struct chain_shared *shared,
                              size_t position, size_t length);

/* What stands in `output` from `position` on (a length it had before it was written; what is
 * written later stands behind it) leaves only once network_release has said `gate` or more. Nothing
 * happens if it has, or if nothing stands there. */
void connection_gate_output(struct connection *connection, size_t position, uint64_t gate);
/* The highest gate that its output waits for; 0: none. */
uint64_t connection_last_gate(const struct connection *connection);

/* True while the server may run the next command of a batch; else `run` returns what it has done
 * so far. */
static inline bool connection_may_run(const struct connection *connection)
{
    return connection->stop == 0 && connection->output.length < connection->turn_output_end;
}

/* --- the server holds a connection back --- */

/* No command is handed up until connection_resume; allowed inside `run`, which then returns.
 * Input is still read, a little (CONNECTION_PAUSED_INPUT_MAX), so that a hang-up is seen. For
 * blocked clients and CLIENT PAUSE. */
void connection_pause(struct connection *connection);
/* While it is paused and has read all it may: has the peer left behind what was not read? Nothing
 * tells by itself; a system call. */
bool connection_is_left_unread(const struct connection *connection);
/* Bytes of a big argument have come, fewer than are waited for: true, and they are read in the next
 * turn. So who is slow is not taken for idle. */
bool connection_read_awaited(struct connection *connection);
/* Goes on in the next turn, with the commands that `run` left. */
void connection_resume(struct connection *connection);

/* Nothing at all is read: the peer feels it. For a reader that must be slowed down. */
void connection_pause_reading(struct connection *connection);
void connection_resume_reading(struct connection *connection);

/* --- ending --- */

/* Nothing more is run; what is written up to now (and until the end of the turn) is sent, then
 * it is closed. */
void connection_close_after_reply(struct connection *connection);
/* Nothing more is run or sent; it leaves the network's list at once and is freed at the end of
 * the turn. */
void connection_close_soon(struct connection *connection);

static inline bool connection_is_closing(const struct connection *connection)
{
    return (connection->stop & CONNECTION_STOP_CLOSING) != 0;
}
static inline bool connection_closes_after_reply(const struct connection *connection)
{
    return (connection->stop & CONNECTION_STOP_AFTER_REPLY) != 0;
}

/* --- settings --- */

/* From now on, for input not parsed yet too. `limits` stays in place while the connection uses
 * it. Other limits than before start their deadline. */
void connection_set_limits(struct connection *connection, const struct connection_limits *limits);
void connection_set_keepalive(struct connection *connection, int interval_s);

/* --- looking --- */

/* "127.0.0.1:51234", "[::1]:51234", "/run/holdfast.sock:0": as CLIENT LIST prints it. The
 * connection's. */
const char *connection_peer_address(const struct connection *connection);
const char *connection_local_address(struct connection *connection);
int connection_descriptor(const struct connection *connection); /* CLIENT LIST's fd */

/* The argument `index` of a command being run as a block of its own, if it came as a big one:
 * the caller frees it with memory_free, the argument's slice stays valid as long as the caller
 * keeps the block. NULL: it has none. Sets *length. */
char *connection_take_big_argument(struct connection *connection,
                                   const struct resp_command *command, size_t index,
                                   size_t *length);

/* Bytes, for CLIENT LIST and MEMORY. */
struct connection_statistics {
    size_t query_buffer_length, query_buffer_free; /* qbuf, qbuf-free */
    size_t argument_memory;                        /* argv-mem: of the command being read or run */
    size_t output_length;                          /* not sent yet: obl when it fits one block */
    size_t output_blocks;                          /* oll */
    size_t output_memory;                          /* omem */
    size_t total_memory; /* tot-mem: all of that and the connection itself */
    /* since it was opened: tot-net-in, tot-net-out, tot-cmds */
    uint64_t input_bytes, output_bytes, commands;
    bool waits_readable, waits_writable; /* events=rw */
};
void connection_read_statistics(const struct connection *connection,
                                struct connection_statistics *out);

/* --- inline parts, private --- */

void connection_output_register(struct connection *connection);
void connection_push_register(struct connection *connection);
void connection_push_now(struct connection *connection);
void connection_output_check(struct connection *connection);

/* Bytes of output below which limits wait for the end of the turn. */
#define CONNECTION_OUTPUT_CHECK_MIN 8192

static inline void connection_check_output(struct connection *connection)
{
    if (UNLIKELY(connection->output.length >= CONNECTION_OUTPUT_CHECK_MIN))
        connection_output_check(connection);
}

static inline void connection_send_in_turn(struct connection *connection)
{
    if (list_is_empty(&connection->output_link) || UNLIKELY(connection->is_pushed))
        connection_output_register(connection);
}

static inline void connection_has_output(struct connection *connection)
{
    connection_send_in_turn(connection);
    connection_check_output(connection);
}

/* Nobody who reads comes near a limit because of what was left waiting. */
static inline bool connection_push_may_wait(const struct connection *connection)
{
    size_t limit = connection->limits->output_hard_max;
    return connection->output.length < CONNECTION_PUSH_LEFT_MAX &&
           (limit == 0 || limit >= 4 * CONNECTION_PUSH_LEFT_MAX);
}

static inline void connection_has_push(struct connection *connection)
{
    if (list_is_empty(&connection->output_link))
        connection_push_register(connection);
    if (connection->is_pushed && UNLIKELY(!connection_push_may_wait(connection)))
        connection_push_now(connection);
    connection_check_output(connection);
}

#endif
