/* A keyspace of two databases, and a file on the real disk for its snapshots. */
#ifndef HOLDFAST_TESTS_SNAPSHOT_FIXTURE_H
#define HOLDFAST_TESTS_SNAPSHOT_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/snapshot.h"

struct disk;
struct hash;

#define SNAPSHOT_FIXTURE_FILE_MAX ((size_t)64 << 20) /* bytes of the file */
#define SNAPSHOT_FIXTURE_LARGE ((size_t)3 << 20)     /* bytes of a string: the worker encodes it */

struct snapshot_fixture {
    char folder[64], path[96];
    struct event_loop *loop;
    struct clock *clock;
    struct worker *worker;
    struct keyspace *keyspace;
    int done, error_number; /* how often the snapshot was done; the last time */
};

/* cmocka's. */
int snapshot_fixture_set_up(void **state);
int snapshot_fixture_tear_down(void **state);

/* An empty one, like the fixture's; the caller's. */
struct keyspace *snapshot_fixture_keyspace(void);

struct key snapshot_fixture_key(struct keyspace *keyspace, const char *name);
/* Strings of the first database. */
void snapshot_fixture_set(struct keyspace *keyspace, const char *name, struct slice value);
void snapshot_fixture_assert_holds(struct keyspace *keyspace, const char *name, struct slice value);
/* SNAPSHOT_FIXTURE_LARGE bytes that LZF makes smaller (`step` 0), or does not. */
struct slice snapshot_fixture_large(char *bytes, uint64_t step);

/* So many fields, which become `value`; a hash of them in the first database. */
void snapshot_fixture_set_fields(struct snapshot_fixture *fixture, struct hash *hash, int fields,
                                 struct slice value);
void snapshot_fixture_add_hash(struct snapshot_fixture *fixture, const char *name, int fields,
                               struct slice value);
/* "hash:0", that is walked in pieces, and "hash:1". */
void snapshot_fixture_add_hashes(struct snapshot_fixture *fixture);

/* What is called when a snapshot is done; one with such a `done`. */
void snapshot_fixture_done(void *context, int error_number);
struct snapshot *snapshot_fixture_begin_on(struct snapshot_fixture *fixture,
                                           const struct disk *disk, bool compress);
struct snapshot *snapshot_fixture_begin(struct snapshot_fixture *fixture, bool compress);
/* What was broken off is walked to its end before another can begin. */
void snapshot_fixture_end_walk(struct snapshot_fixture *fixture);
/* The file's keyspace: the caller's. */
struct keyspace *snapshot_fixture_load(struct snapshot_fixture *fixture);

#endif
