/* The part of DEBUG that fills databases and compares them, for tests. Each of these holds the
 * server for as long as it takes. */
#ifndef HOLDFAST_SERVER_OBSERVE_DEBUG_DATASET_H
#define HOLDFAST_SERVER_OBSERVE_DEBUG_DATASET_H

struct command_context;

/* DEBUG POPULATE count [prefix] [size]: keys prefix:0 and on, those that are there stay. */
void debug_dataset_populate(struct command_context *context);

/* DEBUG DIGEST, DEBUG DIGEST-VALUE key ...: dataset_digest.h as 40 hex digits; 40 zeros for
 * nothing. A key that is due is no value any more. */
void debug_dataset_digest(struct command_context *context);
void debug_dataset_digest_value(struct command_context *context);

/* DEBUG HTSTATS db: how full the table is. */
void debug_dataset_htstats(struct command_context *context);

#endif
