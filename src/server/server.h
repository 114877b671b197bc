/* The server: which modules there are. Nothing but pointers; each module owns its state, its
 * settings and its statistics behind its own header. Two servers can live in one process. One
 * thread: the loop's. */
#ifndef HOLDFAST_SERVER_SERVER_H
#define HOLDFAST_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define SERVER_VERSION "0.1.0"       /* holdfast_version */
#define SERVER_NAME "holdfast"       /* server_name */
#define SERVER_REDIS_VERSION "7.4.0" /* the level of compatibility that clients see */
#define SERVER_RUN_ID_LENGTH 40      /* hexadecimal digits */

struct settings;

struct server {
    struct settings *settings;           /* server/settings.h: what each module was told */
    struct configuration *configuration; /* server/config/configuration.h: where that came from */
    struct event_loop *loop;             /* system/event_loop.h */
    struct clock *clock;                 /* system/clock.h */
    struct random *random;               /* system/random.h */
    struct worker *worker;               /* system/worker.h: frees what is large */
    struct network *network;             /* net/network.h */
    struct keyspace *keyspace;           /* keyspace/keyspace.h */
    struct dispatch *dispatch;           /* server/dispatch.h */
    struct sessions *sessions;           /* server/session/sessions.h */
    struct admission *admission;         /* server/session/admission.h */
    struct key_waits *key_waits;         /* server/session/key_waits.h */
    struct watches *watches;             /* server/transactions/watches.h */
    struct pubsub *pubsub;               /* server/pubsub/pubsub.h */
    struct tracking *tracking;           /* server/pubsub/tracking.h */
    struct notifications *notifications; /* server/notifications.h */
    struct memory_limit *memory_limit;   /* server/memory_limit.h */
    struct housekeeping *housekeeping;   /* server/housekeeping.h */
    struct observe *observe;             /* server/observe/observe.h */
    struct effects *effects;             /* server/persistence/effects.h */
    struct persistence *persistence;     /* server/persistence/persistence.h */
    struct migrations *migrations;       /* server/persistence/migration.h */
    struct lifecycle *lifecycle;         /* server/lifecycle.h: start and stop */
};

/* Makes every module from the settings, connects them and listens. `settings` and `configuration`
 * (NULL in tests) stay the caller's and must outlive the server; the settings may change only
 * through the modules' apply functions once the server runs. `watches_signals`: the process is this
 * server's. On error: what failed is in the log, nothing is left behind. */
WARN_UNUSED enum error server_create(struct settings *settings, struct configuration *configuration,
                                     bool watches_signals, struct server **out);

/* Runs the loop until lifecycle_stop, then writes what the disk does not have yet. Returns the exit
 * status: EXIT_FAILURE if it had to stop, or something could not be kept. */
int server_run(struct server *server);

/* Closes every connection and frees everything but settings and configuration. */
void server_destroy(struct server *server);

#endif
