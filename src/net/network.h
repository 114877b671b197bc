/* All connections of a server and what they share: the read buffer, the pool of output blocks,
 * the listeners, the turn.
 *
 * The server calls network_turn_begin first in a turn (after_wait) and network_turn_end last
 * (before_wait); in between sockets call back by themselves. Several networks can live in one
 * process. One thread: that of the loop. */
#ifndef HOLDFAST_NET_NETWORK_H
#define HOLDFAST_NET_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/connection.h"
#include "system/socket.h"

struct clock;
struct event_loop;
struct network; /* opaque */

#define NETWORK_READ_SIZE (64 * 1024)   /* bytes of a shared read buffer */
#define NETWORK_GATHER_MAX 8            /* connections read before the first of them runs */
#define NETWORK_SENDS_LATE_MAX 64       /* connections whose replies wait for the end of a turn */
#define NETWORK_ACCEPTS_PER_TURN_MAX 64 /* of one listener */
#define NETWORK_BLOCKS_KEPT_MAX 1024    /* free output blocks that are kept warm */
#define NETWORK_LISTENERS_MAX 32
#define NETWORK_PUSH_SLICE_US 50 /* of sending pushes in one turn, if there is other work */
#define NETWORK_FREED_PER_TURN_MAX (2 * 1024 * 1024) /* bytes of output of closed connections */

/* What the server does. None of them may destroy the network; all may close connections, this
 * one too. */
struct network_handlers {
    /* Somebody connects. NULL: welcome. A text (whole RESP, static): it is sent, then the
     * connection is closed: protected mode. */
    const char *(*admit)(void *context, const struct socket_peer *peer);
    /* A new connection: sets `session` and must call connection_set_limits. */
    void (*opened)(void *context, struct connection *connection);
    /* Whole commands, in order (count >= 1; a command may have 0 arguments: nothing to do).
     * Returns how many are done: all of them unless connection_may_run said no before one of
     * them. Those not done come again later. Arguments are valid until it returns. */
    size_t (*run)(void *context, struct connection *connection, struct resp_command *commands,
                  size_t count);
    /* NULL, or told of commands that will be given to `run` soon, those of at most
     * NETWORK_GATHER_MAX connections one after the other; then `fetch`, then they run. So what they
     * need can be fetched from memory in two steps, that of all at once. */
    void (*prepare)(void *context, struct connection *connection,
                    const struct resp_command *commands, size_t count);
    void (*fetch)(void *context);
    /* The client broke the protocol: the error reply is written already. `input`: where it
     * happened, for a log line. */
    void (*protocol_error)(void *context, struct connection *connection, const char *text,
                           struct slice input);
    /* The last call for a connection, at the end of a turn: it is freed after it. close_reason
     * tells why. */
    void (*closed)(void *context, struct connection *connection);
};

/* `loop` and `clock` outlive it. Never NULL. */
struct network *network_create(struct event_loop *loop, struct clock *clock,
                               const struct network_handlers *handlers, void *context);
/* Closes everything; `closed` is called for every connection. */
void network_destroy(struct network *network);

/* --- the turn --- */

/* Connections that were not finished in the last turn, or were resumed, go on. */
void network_turn_begin(struct network *network);
/* Runs what was read in this turn and not run yet: to be called before everything that belongs to
 * the end of a turn. */
void network_run_input(struct network *network);
/* Sends all output written in this turn, then frees what was closed. */
void network_turn_end(struct network *network);

/* --- settings; each holds for new connections --- */

void network_set_connections_max(struct network *network, size_t connections_max); /* maxclients */
void network_set_keepalive(struct network *network, int interval_s); /* tcp-keepalive, 0: off */

/* --- listening --- */

/* One address of a bind directive, "-" allowed in front: then a missing address is OK and *bound
 * false. ERROR_SYSTEM: errno. */
WARN_UNUSED enum error network_listen_tcp(struct network *network, const char *address, int port,
                                          int backlog, bool *bound);
/* `mode`: of the socket file (unixsocketperm), 0: as the umask says. */
WARN_UNUSED enum error network_listen_unix(struct network *network, const char *path, unsigned mode,
                                           int backlog);
/* No listener any more: before listening anew, and when the server stops. Removes no file. */
void network_stop_listening(struct network *network);
/* Only those of TCP: CONFIG SET bind and port. */
void network_stop_listening_tcp(struct network *network);
int network_port(
    const struct network *network); /* of the first TCP listener (port 0 chooses one), 0: none */

/* --- connections --- */

/* Takes over a connected socket as if it had been accepted. For tests and, later, outgoing
 * links. */
struct connection *network_adopt(struct network *network, int socket);

/* All that are open (not those that are closing), in order of id. The node is `link`:
 *     LIST_FOR_EACH(node, network_connections(network))
 *         struct connection *connection = LIST_ENTRY(node, struct connection, link); */
const struct list *network_connections(const struct network *network);
size_t network_connection_count(const struct network *network);
struct connection *network_find(const struct network *network, uint64_t id); /* NULL; O(1) */

/* --- gates: output that waits for something to be durable (connection_gate_output) --- */

/* Opens the gates up to `gate`; those above it hold, also from now on. UINT64_MAX (as at first):
 * there are none. What they held is sent at the end of the turn. */
void network_release(struct network *network, uint64_t gate);

/* Sends at once what was pushed and left for later turns: before it is judged what connections
 * hold. False: nothing was. Not while a command runs. */
bool network_send_pushes(struct network *network);
/* Tries to send all output once more and says how many bytes are left: before the process ends. */
size_t network_send_remaining(struct network *network);

/* --- looking --- */

struct network_statistics {
    uint64_t accepted; /* total_connections_received */
    uint64_t refused;  /* rejected_connections: over the maximum, or not admitted */
    uint64_t input_bytes, output_bytes;
    uint64_t reads, writes; /* system calls: total_reads_processed, total_writes_processed */
    uint64_t commands;      /* handed up and run */
    uint64_t protocol_errors;
    uint64_t closed_input_limit, closed_output_limit, closed_deadline;
    size_t input_memory;      /* bytes of all query buffers and big arguments being read */
    size_t output_memory;     /* bytes of all output not sent yet */
    size_t query_buffer_peak; /* largest query buffer since the last reset */
};
/* Looks at every connection, for the memory. */
void network_read_statistics(const struct network *network, struct network_statistics *out);
/* The counts alone (the two of memory are 0): looks at no connection. */
const struct network_statistics *network_counts(const struct network *network);
void network_reset_statistics(struct network *network); /* CONFIG RESETSTAT */

#endif
