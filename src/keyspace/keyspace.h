/* All databases of a server, and what they share: hash seed, hooks, statistics, the time of the
 * turn.
 *
 * Knows no client, no command, no log. What happens to keys of their own accord (expiry, eviction)
 * is told upward through the hooks; what a command does, the command tells (commands/command.h).
 * One thread. */
#ifndef HOLDFAST_KEYSPACE_KEYSPACE_H
#define HOLDFAST_KEYSPACE_KEYSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/slice.h"

struct entry;
struct database;
struct eviction_settings;
struct keyspace;
struct value_limits;
struct value_settings;

#define KEYSPACE_DATABASES_MAX 16384

enum removal { REMOVED_EXPIRED, REMOVED_EVICTED };

struct keyspace_hooks {
    void *context;
    /* A key went away without a command. Called just before the entry is freed; must change no key.
     */
    void (*removed)(void *context, struct database *database, struct slice key,
                    enum removal reason);
    /* A field of a hash is due and about to go; with it the key, if it is the last. Must change no
     * key. */
    void (*field_expired)(void *context, struct database *database, struct slice key,
                          struct slice field, bool is_last);
    /* All fields of a hash are due, and too many to be told one by one: its key is about to go.
     * Must change no key. */
    void (*fields_expired)(void *context, struct database *database, struct slice key);
    /* A read found nothing (keymiss event). */
    void (*missed)(void *context, struct database *database, struct slice key);
    /* Frees what FLUSHALL and the like threw away, off the loop if the caller can: calls
     * `free_some(garbage)` until it returns true. NULL: it is freed at once. */
    void (*discard)(void *context, void *garbage, bool (*free_some)(void *garbage));
};

struct keyspace_statistics {
    uint64_t hits, misses;     /* of reads */
    uint64_t expired, evicted; /* keys */
    uint64_t expired_fields;   /* of hashes */
    uint64_t
        expired_late_ms_max; /* the longest a key stayed beyond its deadline, by active expiry */
};

struct keyspace *keyspace_create(int database_count, const struct hash_seed *seed,
                                 const struct keyspace_hooks *hooks);
void keyspace_destroy(struct keyspace *keyspace);

int keyspace_database_count(const struct keyspace *keyspace);
struct database *keyspace_database(struct keyspace *keyspace, int index);
struct keyspace_statistics *keyspace_statistics(struct keyspace *keyspace);
size_t keyspace_size(const struct keyspace *keyspace); /* keys in all databases */

/* SWAPDB: what the two indexes name changes places; database pointers keep naming their index. */
void keyspace_swap(struct keyspace *keyspace, int a, int b);

uint64_t keyspace_hash(const struct keyspace *keyspace, struct slice key);

/* The wall time that decides what is expired, milliseconds since 1970: set once a turn (and for
 * tests). */
void keyspace_set_time(struct keyspace *keyspace, int64_t now_ms);
int64_t keyspace_time_ms(const struct keyspace *keyspace);

/* While frozen nothing expires (CLIENT PAUSE WRITE, loading, DEBUG SET-ACTIVE-EXPIRE 0 for the
 * active half). An expired key is still answered as absent. */
void keyspace_freeze_expiry(struct keyspace *keyspace, bool frozen);

/* Removes keys that are due, at most `count_max`. Returns how many; == count_max means there may be
 * more. */
size_t keyspace_expire_due(struct keyspace *keyspace, size_t count_max);
/* The earliest deadline of any database, INT64_MAX when there is none. */
int64_t keyspace_next_deadline_ms(struct keyspace *keyspace);

/* --- what a read has to wait for (write_marks.h) --- */

/* Off (as at first): nothing is marked, and reading costs nothing. */
void keyspace_track_writes(struct keyspace *keyspace, bool on);
/* Changes from now on have this mark; marks rise. */
void keyspace_set_write_mark(struct keyspace *keyspace, uint64_t mark);
/* The highest mark among the keys looked up since the last call; 0: none has one. */
uint64_t keyspace_take_read_mark(struct keyspace *keyspace);
/* Of the last change of any key. */
uint64_t keyspace_last_write_mark(const struct keyspace *keyspace);

/* --- collections --- */

/* The limits up to which they are packed; Redis's defaults before. Copied. */
void keyspace_set_value_limits(struct keyspace *keyspace, const struct value_limits *limits);
/* For whatever changes a collection. */
const struct value_settings *keyspace_value_settings(const struct keyspace *keyspace);

/* --- eviction --- */

/* How accesses are marked and what eviction_step may remove (eviction.h): the settings stay the
 * caller's and may change at any time. Without this call: no eviction, idle times are kept. */
void keyspace_set_eviction(struct keyspace *keyspace, const struct eviction_settings *settings);
const struct eviction_settings *keyspace_eviction(const struct keyspace *keyspace);

#endif
