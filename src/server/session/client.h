/* A client: what the server knows of one connection beyond its bytes.
 *
 * Made by sessions when the network accepts a connection, freed by them when it is gone; never
 * inside the run of one of its own commands (a killed client is only marked). Fields are public
 * inside server/: each group names the room that changes it. */
#ifndef HOLDFAST_SERVER_SESSION_CLIENT_H
#define HOLDFAST_SERVER_SESSION_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "commands/command.h"
#include "net/connection.h"
#include "protocol/resp_writer.h"

struct blocking;
struct buffer;
struct dispatch_entry;
struct pubsub_state;
struct server;
struct tracking_state;
struct transaction;

enum client_flag {
    CLIENT_AUTHENTICATED = 1 << 0,
    CLIENT_IN_MULTI = 1 << 1,    /* between MULTI and EXEC: commands are queued */
    CLIENT_DIRTY_WATCH = 1 << 2, /* a watched key changed: EXEC answers null */
    CLIENT_DIRTY_QUEUE = 1 << 3, /* a command was refused at queueing: EXECABORT */
    CLIENT_IN_EXEC = 1 << 4,     /* its queue runs: nothing may block */
    CLIENT_BLOCKED = 1 << 5,     /* waits for something, see session/blocking.h */
    CLIENT_POSTPONED = 1 << 6,   /* stopped by CLIENT PAUSE */
    CLIENT_CLOSING = 1 << 7,     /* closed once its replies are sent; runs nothing any more */
    CLIENT_MONITOR = 1 << 8,
    CLIENT_PUBSUB = 1 << 9, /* has subscriptions of any kind */
    CLIENT_REPLY_OFF = 1 << 10,
    CLIENT_REPLY_SKIP = 1 << 11, /* this command is not answered */
    CLIENT_REPLY_SKIP_NEXT = 1 << 12,
    CLIENT_NO_EVICT = 1 << 13,
    CLIENT_NO_TOUCH = 1 << 14,
    CLIENT_TRACKING = 1 << 15,
    CLIENT_TRACKING_BROKEN_REDIRECT = 1 << 16,
    CLIENT_UNIX_SOCKET = 1 << 17,
    CLIENT_IMPORT_SOURCE = 1 << 18,
    CLIENT_CAPABLE_REDIRECT = 1 << 19, /* CLIENT CAPA redirect */
    CLIENT_IN_COMMAND = 1 << 20,       /* one of its commands runs right now */
    CLIENT_ANSWERED_AT_ONCE = 1 << 21, /* CLIENT DURABLE OFF: its replies wait for no disk */
};

struct client {
    struct server *server;
    struct connection *connection; /* id, addresses, times, output */
    uint64_t id;                   /* the connection's */
    unsigned flags;                /* enum client_flag */
    struct database *database;
    struct resp_writer *reply; /* the connection's; version 2 or 3; muted as CLIENT REPLY says */
    size_t push_start;         /* bytes of output when the message being pushed began */
    size_t reply_start;        /* bytes of output when its command began, or of pushes since */

    /* session */
    char *name; /* "" if none; memory_* block, as are the next two */
    char *library_name;
    char *library_version;
    const char *user;                    /* "default" */
    struct dispatch_entry *last_command; /* NULL: none yet */
    struct blocking *blocking;           /* while CLIENT_BLOCKED */
    struct durable_wait *durable_wait;   /* while WAITAOF waits */
    struct key_wait *key_wait;           /* while BLPOP and the like wait */
    struct migration *migration;         /* while MIGRATE waits */
    uint64_t log_offset;                 /* end of its last write in the log */

    struct list monitor_link; /* observe: while CLIENT_MONITOR */

    /* transactions */
    struct transaction *transaction; /* NULL: not in MULTI */
    struct list watches;             /* of struct watch: keys this client watches */
    unsigned watch_count;

    /* pubsub */
    struct pubsub_state *pubsub;     /* NULL: never subscribed */
    struct tracking_state *tracking; /* NULL: off */
    struct chain deferred; /* pushed while its own command replied: sent behind the reply */
};

/* The client that runs this command. Commands in server/ use it; NULL in unit tests of commands. */
static inline struct client *client_of(const struct command_context *context)
{
    return context->session;
}

/* Closes the connection: at once, or once what is written has been sent. During its own command
 * both wait for the end of the command. */
void client_close(struct client *client);
void client_close_after_reply(struct client *client);

/* Where to write a message the client did not ask for (publish, invalidation, monitor). Pair with
 * client_push_end, which lets the network send it and applies the output limits. While a command of
 * this client runs, the message goes before its reply if that has not begun (as in Redis 7.0), else
 * behind it; never into it. */
struct resp_writer *client_push_begin(struct client *client, struct resp_writer *scratch);
void client_push_end(struct client *client, const struct resp_writer *writer);
/* The same for bytes that are RESP already. */
void client_push_bytes(struct client *client, struct slice resp);
/* The same for bytes that are RESP already and go to others, too: what PUBLISH does for each
 * subscriber. */
void client_push_shared(struct client *client, struct chain_shared *shared, size_t position,
                        size_t length);

/* After its command: what was pushed meanwhile follows the reply. */
void client_send_deferred(struct client *client);

/* One line of CLIENT LIST without newline, appended. */
void client_describe(const struct client *client, struct buffer *out);

/* The letters of CLIENT LIST's flags ("N" for none). */
#define CLIENT_LETTERS_MAX 24
void client_letters(const struct client *client, char letters[CLIENT_LETTERS_MAX]);

/* Memory it holds, output included: tot-mem of CLIENT LIST, bytes. */
size_t client_memory(const struct client *client);

const char *client_address(const struct client *client); /* "127.0.0.1:51234" or "/path/sock:0" */
const char *client_local_address(const struct client *client);

/* SELECT without a reply: false if there is no such database. */
bool client_select(struct client *client, int64_t index);

#endif
