/* Directives that Redis 7, Redis 8 or Valkey 9 know and that have no effect here (yet): accepted,
 * so that a file written for them starts this server, and named once in the log.
 *
 * Most keep the value they were given, for CONFIG GET. Where a value would be a promise
 * ("appendonly yes"), CONFIG GET tells what is true here and CONFIG SET of anything else is
 * refused. Those that would leave the server less protected than the file says stop the start. */
#ifndef HOLDFAST_SERVER_CONFIG_SETTING_INERT_H
#define HOLDFAST_SERVER_CONFIG_SETTING_INERT_H

#include <stdbool.h>

#include "base/slice.h"

struct setting_problem;

enum inert_reason {
    INERT_NOT_KEPT,    /* the log and snapshots have no use for it */
    INERT_REPLICATION, /* no replicas yet */
    INERT_CLUSTER,
    INERT_TLS,
    INERT_VALUES,   /* about forms of values that do not exist here */
    INERT_SCRIPTS,  /* scripts, functions, modules */
    INERT_ACCESS,   /* ACL */
    INERT_SYSTEM,   /* what the system or the service manager does better, or not yet done */
    INERT_NEEDLESS, /* works without it: freeing is always off the loop, expiry always exact */
    INERT_REASONS
};

enum inert_kind {
    INERT_BOOL,
    INERT_NUMBER,
    INERT_MEMORY,
    INERT_TEXT,
    INERT_SECRET,       /* text that nobody is shown */
    INERT_FIXED,        /* `value` is what is true here, always */
    INERT_START,        /* text that CONFIG SET may not change */
    INERT_LINE,         /* of files only: CONFIG does not know it */
    INERT_REFUSED,      /* a file that has it (with a value) does not start */
    INERT_REFUSED_LINE, /* the same, and CONFIG does not know it */
};

struct setting_inert {
    const char *name; /* NULL ends the table */
    const char *alias;
    const char *value; /* Redis's default, or the truth */
    enum inert_kind kind;
    enum inert_reason reason;
};

extern const struct setting_inert setting_inert_table[];

/* Half a sentence for the log and for errors. */
const char *setting_inert_reason(enum inert_reason reason);

/* May CONFIG SET store this value? On false `problem` is filled. */
bool setting_inert_accepts(const struct setting_inert *inert, struct slice value,
                           struct setting_problem *problem);

#endif
