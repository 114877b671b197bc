/* What the data were at the end of every turn of the server, and which of these states came back.
 *
 * The reference is the server's own memory, not its log: what is recovered must be the state at the
 * end of some turn, exactly (but for what has expired since), and of no turn before the last that
 * somebody may rely on. Turns are numbered through all lives of the server. A state lasted until
 * the turn that made another of it, or until the recovery that did not bring it back. */
#ifndef HOLDFAST_SIMULATION_HISTORY_H
#define HOLDFAST_SIMULATION_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyspace/keyspace.h"
#include "record.h"

#define HISTORY_KEYS_MAX 56
#define HISTORY_DATABASES 2

struct history;

/* `keys`: the names of all keys there can be, in each database. */
struct history *history_create(const char *const *keys, size_t key_count);
void history_destroy(struct history *history);

/* The turn that is going on. */
uint64_t history_turn(const struct history *history);
/* It ends: with these data. */
void history_end_turn(struct history *history, struct keyspace *keyspace);
/* In the midst of a turn these data went to disk as they are: SAVE, the end of the log. */
void history_saved_in_turn(struct history *history, struct keyspace *keyspace);
/* The last turn up to `turn` that changed one of these keys (bits); of each key the last two
 * changes are looked at. 0: none. */
uint64_t history_last_change(const struct history *history, uint64_t keys, uint64_t turn);

/* The turn of the `nth` change, from the turn `from` on, of the key with this index (in database
 * 0); 0: there were not so many. */
uint64_t history_change(const struct history *history, size_t key, uint64_t from, uint64_t nth);

/* These data were recovered. False, with the reason in `why`: they are no state that was, or one
 * from before the turn `needed`. */
bool history_recovered(struct history *history, struct keyspace *keyspace, uint64_t needed,
                       char *why, size_t why_size);

/* What the key with this index was in a database at the end of the last turn. */
const struct record *history_record(const struct history *history, size_t key, int database);

/* A number for what the data are now. */
uint64_t history_digest(const struct history *history);

#endif
