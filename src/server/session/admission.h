/* Who may connect, where, and what a connection may take: listeners, protected mode, limits by
 * class.
 *
 * Before AUTH a connection gets the small limits of a stranger; then those of its class.
 */
#ifndef HOLDFAST_SERVER_SESSION_ADMISSION_H
#define HOLDFAST_SERVER_SESSION_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct admission;
struct client;
struct connection;
struct server;
struct socket_peer;

#define ADMISSION_ADDRESSES_MAX 16 /* of bind */

/* Redis's client classes that have limits of their own. */
enum client_class { CLASS_NORMAL, CLASS_REPLICA, CLASS_PUBSUB, CLASS_COUNT };

struct output_limit {
    uint64_t hard_bytes; /* 0: none */
    uint64_t soft_bytes; /* 0: none */
    int64_t soft_seconds;
};

struct admission_settings {
    char *bind;      /* "bind": addresses with blanks between, "* -::*" by default is Redis's; ours
                        "127.0.0.1 -::1" */
    int port;        /* 6379; 0: no TCP */
    int backlog;     /* 511 */
    char *unix_path; /* unixsocket; "" none */
    unsigned unix_mode;                             /* unixsocketperm; 0: as the umask says */
    bool protected_mode;                            /* true */
    uint64_t clients_max;                           /* maxclients: 10000 */
    int64_t idle_timeout_s;                         /* timeout: 0 never */
    int keepalive_s;                                /* tcp-keepalive: 300 */
    uint64_t query_buffer_max;                      /* client-query-buffer-limit: 1 GiB */
    uint64_t bulk_length_max;                       /* proto-max-bulk-len: 512 MiB */
    struct output_limit output_limits[CLASS_COUNT]; /* client-output-buffer-limit */

    /* What a stranger, who has not said AUTH yet, may take: preauth-*. */
    int64_t stranger_arguments_max;     /* of one command: 10 */
    uint64_t stranger_argument_max;     /* bytes of one: 16 KiB */
    uint64_t stranger_query_buffer_max; /* bytes: 64 KiB */
    uint64_t stranger_output_max;       /* bytes not sent yet: 1 KiB */
    int64_t stranger_deadline_s;        /* to authenticate: 60; 0 never */
};

struct admission *admission_create(struct server *server, struct admission_settings *settings);
void admission_destroy(struct admission *admission);

/* Opens the listeners of the settings. ERROR_SYSTEM: one could not be opened, the log says which;
 * none is open then. */
WARN_UNUSED enum error admission_listen(struct admission *admission);

/* After any of the settings changed, but for bind, port and the Unix socket: gives the limits to
 * all connections. */
void admission_apply(struct admission *admission);
/* After bind or port changed. On error the old listeners are open again. */
WARN_UNUSED enum error admission_listen_again(struct admission *admission, const char *old_bind,
                                              int old_port);

/* network_handlers.admit: NULL, or what to tell the peer before closing. */
const char *admission_refusal(const struct admission *admission, const struct socket_peer *peer);

/* Gives a client's connection the limits of what it is now: stranger, normal, pubsub. */
void admission_set_limits(struct admission *admission, struct client *client);
enum client_class admission_class(const struct client *client);

#endif
