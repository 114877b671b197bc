/* The inside of dispatch, shared by its files only. */
#ifndef HOLDFAST_SERVER_DISPATCH_PRIVATE_H
#define HOLDFAST_SERVER_DISPATCH_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/name_table.h"
#include "keyspace/database.h"
#include "server/dispatch.h"
#include "system/cycles.h"
#include "values/value_fetch.h"

#define DISPATCH_NAME_MAX 64              /* bytes of a command's full name */
#define DISPATCH_BATCH_MAX 64             /* commands prepared together */
#define DISPATCH_AHEAD_MAX 8              /* batches prepared before the first of them runs */
#define DISPATCH_BATCH_ARGUMENTS_MAX 4096 /* arguments of a batch for which hashes are kept */
#define DISPATCH_BATCH_KEYS_MAX 256       /* keys prefetched for one batch */
#define DISPATCH_ERROR_CODES_MAX 128      /* distinct codes; beyond them only the sum is kept */

/* What the dispatcher must know of some commands beyond their flags. */
enum dispatch_trait {
    TRAIT_NEVER_QUEUED = 1 << 0, /* runs at once inside MULTI */
    TRAIT_IN_PUBSUB = 1 << 1,    /* allowed to a RESP2 client that is subscribed */
    TRAIT_EXEC = 1 << 2,
    TRAIT_OOM_IN_MULTI = 1 << 3,  /* allowed inside MULTI when memory is short */
    TRAIT_KEEPS_CACHING = 1 << 4, /* CLIENT: leaves CLIENT CACHING as it is */
};

/* An entry, its place in the table and the names it is known by. */
struct dispatch_row {
    struct dispatch_entry entry; /* first: dispatch_traits */
    unsigned traits;             /* enum dispatch_trait */
    struct name_node node;       /* by lower-case full name, or what it was renamed to */
    struct dispatch_row *container;
    char name[DISPATCH_NAME_MAX];      /* the node's */
    char full_name[DISPATCH_NAME_MAX]; /* the entry's */
    bool hidden;                       /* renamed to "" */
};

/* What was found out about a command of a batch before it runs. */
struct dispatch_plan {
    struct dispatch_entry *entry; /* NULL: unknown */
    const uint64_t *hashes;       /* NULL: not computed */
};

/* A member that a command will look for. */
struct dispatch_look {
    struct key key;
    const struct value_kind *kind; /* NULL: nothing (more) is to be fetched */
    struct value_fetch fetch;
};

/* Commands of one client that are prepared together. */
struct dispatch_batch {
    const struct resp_command *commands;
    size_t count;
    struct database *database; /* of the keys */
    struct dispatch_plan plans[DISPATCH_BATCH_MAX];
    uint64_t hashes[DISPATCH_BATCH_ARGUMENTS_MAX];
    uint64_t key_hashes[DISPATCH_BATCH_KEYS_MAX]; /* of all keys of all commands */
    size_t keys;
    struct dispatch_look looks[DISPATCH_BATCH_MAX]; /* at members of collections */
    size_t looks_count;
};

struct dispatch {
    struct server *server;
    const struct dispatch_settings *settings;
    struct command_services services;
    struct dispatch_obstacles obstacles;
    struct cycles cycles;
    uint64_t ticks;                     /* when the last command ended, or the batch began */
    const struct resp_command *running; /* the wire command being run, NULL outside */

    struct dispatch_row **rows;
    size_t rows_count, rows_capacity, commands_count;
    struct name_table table;

    struct dispatch_statistics statistics;
    uint64_t http_refused; /* clients that were taken for a browser */
    struct error_count error_codes[DISPATCH_ERROR_CODES_MAX];

    struct key_position positions[DISPATCH_BATCH_KEYS_MAX];
    struct dispatch_batch batches[DISPATCH_AHEAD_MAX + 1]; /* the last: not prepared ahead */
    size_t prepared, next; /* batches prepared ahead; the first that has not run */
    bool fetched;          /* no more are added to them */
};

enum verdict { VERDICT_RUN, VERDICT_QUEUE, VERDICT_REFUSED, VERDICT_POSTPONED };

/* dispatch_checks.c: what is to become of a command line now. Refused: the error is written
 * already. `entry` NULL: unknown. */
enum verdict dispatch_check(struct dispatch *dispatch, struct client *client,
                            struct dispatch_entry *entry, const struct slice *arguments,
                            size_t count);

/* Replies with an error as Redis rejects a command: the transaction is broken, EXEC answers
 * EXECABORT. `entry` may be NULL. Text with its code. */
void dispatch_reject(struct dispatch *dispatch, struct client *client, struct dispatch_entry *entry,
                     const char *text);

/* dispatch_statistics.c: what was written to `reply` from `position` on and is an error is counted.
 */
void dispatch_count_reply_errors(struct dispatch *dispatch, struct client *client, size_t position,
                                 uint64_t *of_entry);

/* dispatch_prepare.c: looks up and hashes, and begins to fetch the buckets of the keys. At most
 * DISPATCH_BATCH_MAX commands. */
void dispatch_prepare(struct dispatch *dispatch, struct dispatch_batch *batch,
                      const struct client *client, const struct resp_command *commands,
                      size_t count);
/* The batch that was prepared ahead for these commands; if there is none, it is prepared now. */
struct dispatch_batch *dispatch_prepared(struct dispatch *dispatch, const struct client *client,
                                         const struct resp_command *commands, size_t count);

/* dispatch_services.c: finds out anew whether anybody listens to changes: after whatever may have
 * made somebody listen. */
void dispatch_listen(struct dispatch *dispatch);

/* dispatch_services.c. The second: for commands of the log, which nobody is told of. */
void dispatch_services_init(struct command_services *services);
void dispatch_services_init_silent(struct command_services *services);

static inline unsigned dispatch_traits(const struct dispatch_entry *entry)
{
    return ((const struct dispatch_row *)(const void *)entry)->traits;
}

#endif
