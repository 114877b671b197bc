/* All clients: who is connected, how they are found, paused, blocked and thrown out.
 *
 * Owns every struct client. The network tells of accepted connections, of input (dispatch runs it)
 * and of connections that are gone. */
#ifndef HOLDFAST_SERVER_SESSION_SESSIONS_H
#define HOLDFAST_SERVER_SESSION_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"

struct client;
struct network_handlers;
struct server;
struct sessions;

struct session_settings {
    char *password;                   /* requirepass; "" is none. Compared in constant time */
    uint64_t client_memory_bytes_max; /* maxmemory-clients; 0 is none */
    int client_memory_percent_max;    /* the same as a share of maxmemory; 0: the bytes count */
};

struct session_statistics {
    uint64_t evicted; /* clients closed for maxmemory-clients */
    size_t blocked;   /* now */
    size_t monitors;
    size_t pubsub_clients;
    size_t tracking_clients;
    size_t watching_clients;
    uint64_t watched_keys;
};

struct sessions *sessions_create(struct server *server, struct session_settings *settings);
void sessions_destroy(struct sessions *sessions);

/* What the network calls; the context is the sessions. */
extern const struct network_handlers sessions_handlers;

/* To visit all clients in order of id: LIST_FOR_EACH over sessions_list, sessions_client_at for
 * each node. The one visited may be closed. */
const struct list *sessions_list(const struct sessions *sessions);
struct client *sessions_client_at(struct list *node);
size_t sessions_count(const struct sessions *sessions);
struct client *sessions_find(struct sessions *sessions, uint64_t id);
struct session_statistics *sessions_statistics(struct sessions *sessions);

/* After requirepass changed: clients that are in stay in; new ones must authenticate. */
void sessions_apply(struct sessions *sessions);
/* Does the default user need a password? */
bool sessions_need_password(const struct sessions *sessions);
/* Compares in a time that does not tell where they differ. Any password is right where none is
 * needed. */
bool sessions_password_is_right(const struct sessions *sessions, struct slice password);

/* Ends everything a client takes part in: subscriptions, watches, tracking, MULTI, waiting. */
void sessions_detach(struct client *client);

/* --- CLIENT PAUSE --- */

enum pause { PAUSE_NONE, PAUSE_WRITE, PAUSE_ALL };

/* What is paused right now, and until when (wall time); PAUSE_NONE when the time is over. */
enum pause sessions_paused(struct sessions *sessions, int64_t *until_ms);

void sessions_pause(struct sessions *sessions, enum pause pause, int64_t until_ms);
void sessions_unpause(struct sessions *sessions);
/* Holds a client back until the pause is over, or what else stood in the way: then all of them try
 * again. */
void sessions_postpone(struct sessions *sessions, struct client *client);
void sessions_resume_postponed(struct sessions *sessions);

/* --- periodic work, called by housekeeping --- */

/* Ends a pause whose time is over, wakes who was postponed, unblocks who waited long enough,
 * enforces maxmemory-clients. */
void sessions_tick(struct sessions *sessions, int64_t now_ms);

#endif
