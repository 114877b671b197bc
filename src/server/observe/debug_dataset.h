/* The part of DEBUG that fills databases and compares them, for tests. Each of these holds the
 * server for as long as it takes. */
#ifndef HOLDFAST_SERVER_OBSERVE_DEBUG_DATASET_H
#define HOLDFAST_SERVER_OBSERVE_DEBUG_DATASET_H

struct command_context;

/* DEBUG POPULATE count [prefix] [size]: keys prefix:0 and on, those that are there stay. */
void debug_dataset_populate(struct command_context *context);

/* DEBUG DIGEST, DEBUG DIGEST-VALUE key ...: 40 hex digits that are the same where keys, types,
 * values and the existence of deadlines are the same, whatever the order and the encoding. Not
 * those that Redis computes; 40 zeros for nothing. */
void debug_dataset_digest(struct command_context *context);
void debug_dataset_digest_value(struct command_context *context);

/* DEBUG HTSTATS db: how full the table is. */
void debug_dataset_htstats(struct command_context *context);

#endif
