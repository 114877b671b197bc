/* What commands did goes into the log; what tells of it waits until it is durable.
 *
 * While a command runs, everything it changes belongs to the group of the log that is being
 * collected. Its reply waits for that group (P1). A reply that shows keys waits for the group of
 * their last change (P2, keyspace/write_marks.h), one that shows the whole keyspace for the last
 * change of all. Messages - keyspace events, invalidations, MONITOR, what a transaction that wrote
 * publishes - wait for the change that caused them. With everysec and no only the reply of a write
 * waits, for the kernel to have it, not for the disk. Where there is no log nothing here costs more
 * than a comparison.
 */
#ifndef HOLDFAST_SERVER_PERSISTENCE_EFFECTS_H
#define HOLDFAST_SERVER_PERSISTENCE_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct client;
struct command_context;
struct database;
struct log_writer;
struct server;

struct effects {
    struct server *server;
    struct log_writer *log; /* NULL: there is none, nothing is done */

    /* --- private --- */
    unsigned depth;                     /* of commands: EXEC runs others */
    struct log_writer *transaction_log; /* in which EXEC began a transaction; NULL: none is open */
    uint64_t inner_gate;                /* highest of the commands that EXEC ran */
    uint64_t message_gate;              /* of messages that are sent now */
    bool transaction_wrote;             /* something was changed since EXEC began */
};

struct effects *effects_create(struct server *server);
void effects_destroy(struct effects *effects);

/* The log begins or (NULL) ends: effects_release is to follow. */
void effects_set_log(struct effects *effects, struct log_writer *log);
/* The log's durable group moved, or its settings: opens gates, and sends what they held. Not while
 * a command runs. */
void effects_release(struct effects *effects);

static inline bool effects_are_logged(const struct effects *effects)
{
    return effects->log != NULL;
}

/* Around the run of a command, if effects_are_logged. `position`: bytes of the client's output
 * before it. */
void effects_begin_command(struct effects *effects, struct client *client,
                           const struct command_context *context);
void effects_end_command(struct effects *effects, struct client *client,
                         struct command_context *context, size_t position);
/* The reply of the command that runs tells that something was changed by somebody: EXEC that does
 * not run because of WATCH. */
void effects_shows_a_change(struct effects *effects);
/* Around the look at keys of which a reply tells that no command stands behind: a wait that is
 * over. `position`: bytes of the client's output before that reply. */
void effects_begin_look(struct effects *effects);
void effects_end_look(struct effects *effects, struct client *client, size_t position);
void effects_begin_transaction(struct effects *effects);
/* Nothing happens if none is open: the log may have ended in it. */
void effects_end_transaction(struct effects *effects);

/* command_services.effect. */
void effects_add(struct command_context *context, struct database *database,
                 const struct slice *arguments, size_t count);

/* A key goes of its own accord: to be called before anybody is told. */
void effects_key_removed(struct effects *effects, struct database *database, struct slice key);
/* The same of a field of a hash. */
void effects_field_removed(struct effects *effects, struct database *database, struct slice key,
                           struct slice field);

/* The group that has to be durable before anybody else is told what the command that runs has read;
 * 0: it is. Whoever waits for it is called by effects_release. */
uint64_t effects_reading_gate(struct effects *effects);

/* At the end of a turn, before messages that were gathered in it are sent. */
void effects_end_turn(struct effects *effects);

/* A message stands in the client's output from `position` on. */
void effects_gate_message(struct effects *effects, struct client *client, size_t position);

#endif
