/* The inside of tracking, shared by its files only. */
#ifndef HOLDFAST_SERVER_PUBSUB_TRACKING_PRIVATE_H
#define HOLDFAST_SERVER_PUBSUB_TRACKING_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/name_table.h"
#include "base/slice.h"
#include "server/pubsub/tracking.h"

/* A key that clients have read. The ids are sorted; those of clients that are gone stay until the
 * key changes. */
struct tracked_key {
    struct name_node node;
    uint64_t *ids;
    uint32_t count, capacity;
    char name[];
};

/* A key that changed and whose clients have not been told yet. */
struct changed_key {
    struct slice name; /* a copy of its own */
    uint64_t by;       /* id of the client that changed it, 0: none */
    size_t sequence;
};

struct changed_keys {
    struct changed_key *keys;
    size_t count, capacity;
};

/* A prefix and the clients that want to hear of keys that begin with it. */
struct tracked_prefix {
    struct name_node node;
    struct list all; /* among all prefixes, in order of names */
    struct client **clients;
    size_t count, capacity;
    struct changed_keys changed; /* in this turn */
    char name[];
};

struct tracking_state {
    struct tracking_mode mode;
    bool caching; /* CLIENT CACHING YES or NO was called */
    struct tracked_prefix **prefixes;
    size_t prefix_count;
};

struct tracking {
    struct server *server;
    const struct tracking_settings *settings;
    size_t clients;
    struct name_table keys; /* of struct tracked_key */
    size_t items;           /* ids of all keys */
    size_t limit_position;  /* where tracking_limit_keys goes on */

    struct changed_keys own; /* keys of the running client that changed while its command ran */
    bool own_flushed;

    struct name_table prefixes; /* of struct tracked_prefix */
    struct list prefix_list;
    size_t *prefix_lengths; /* the lengths that occur, ascending, and how often */
    size_t *prefix_length_uses;
    size_t prefix_length_count;
    bool prefixes_changed; /* some prefix has changed keys */
};

/* tracking_prefixes.c */
void tracking_add_prefix(struct tracking *tracking, struct client *client, struct slice name);
void tracking_drop_prefixes(struct tracking *tracking, struct client *client);
void tracking_note_prefixes(struct tracking *tracking, uint64_t by, struct slice key);

/* Sends an invalidation of keys (NULL: of everything) to a tracking client, or to where it
 * redirects. */
void tracking_invalidate(struct tracking *tracking, struct client *client, const struct slice *keys,
                         size_t count);

void tracking_add_changed(struct changed_keys *changed, struct slice name, uint64_t by);
void tracking_clear_changed(struct changed_keys *changed);

#endif
