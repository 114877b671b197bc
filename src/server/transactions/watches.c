#include "server/transactions/watches.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/name_table.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"

/* A key of one database that somebody watches. */
struct watched_key {
    struct name_node node;
    struct database *database;
    struct list watches; /* of struct watch by of_key */
    char name[];
};

/* One client watching one key. */
struct watch {
    struct list of_key, of_client;
    struct watched_key *key;
    struct client *client;
    bool absent; /* was the key absent when the watching began? */
};

struct watches {
    struct server *server;
    struct name_table keys; /* hash: the key's, with the database mixed in */
};

struct watches *watches_create(struct server *server)
{
    struct watches *watches = memory_allocate_zeroed(sizeof *watches);
    watches->server = server;
    return watches;
}

void watches_destroy(struct watches *watches)
{
    if (watches == NULL)
        return;
    ASSERT(watches->keys.count == 0);
    name_table_deinit(&watches->keys);
    memory_free(watches);
}

static struct watched_key *find(const struct watches *watches, const struct database *database,
                                const struct key *key)
{
    struct name_node *node =
        name_table_find(&watches->keys, database_mix_hash(database, key->hash), key->name);
    return node == NULL ? NULL : NAME_TABLE_ENTRY(node, struct watched_key, node);
}

static struct watched_key *add_key(struct watches *watches, struct database *database,
                                   const struct key *key)
{
    struct watched_key *watched = memory_allocate(sizeof *watched + key->name.length);
    if (key->name.length > 0)
        memcpy(watched->name, key->name.data, key->name.length);
    watched->node.name = slice_of(watched->name, key->name.length);
    watched->node.hash = database_mix_hash(database, key->hash);
    watched->database = database;
    list_init(&watched->watches);
    name_table_add(&watches->keys, &watched->node);
    sessions_statistics(watches->server->sessions)->watched_keys++;
    return watched;
}

/* Walks the shorter of the two lists, so that watching many keys is not quadratic. */
static bool is_watching(const struct client *client, const struct watched_key *watched)
{
    const struct list *of_client = client->watches.next, *of_key = watched->watches.next;
    while (of_client != &client->watches && of_key != &watched->watches) {
        if (LIST_ENTRY(of_client, struct watch, of_client)->key == watched ||
            LIST_ENTRY(of_key, struct watch, of_key)->client == client)
            return true;
        of_client = of_client->next;
        of_key = of_key->next;
    }
    return false;
}

void watches_add(struct watches *watches, struct client *client, struct database *database,
                 const struct key *key)
{
    struct watched_key *watched = find(watches, database, key);
    if (watched == NULL)
        watched = add_key(watches, database, key);
    if (is_watching(client, watched))
        return;
    struct watch *watch = memory_allocate(sizeof *watch);
    watch->key = watched;
    watch->client = client;
    watch->absent = database_find(database, key) == NULL;
    list_add_last(&watched->watches, &watch->of_key);
    list_add_last(&client->watches, &watch->of_client);
    if (client->watch_count++ == 0)
        sessions_statistics(watches->server->sessions)->watching_clients++;
}

void watches_forget_client(struct watches *watches, struct client *client)
{
    if (client->watch_count == 0)
        return;
    struct session_statistics *statistics = sessions_statistics(watches->server->sessions);
    LIST_FOR_EACH (node, &client->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, of_client);
        struct watched_key *watched = watch->key;
        list_remove(&watch->of_key);
        list_remove(&watch->of_client);
        memory_free(watch);
        if (list_is_empty(&watched->watches)) {
            name_table_remove(&watches->keys, &watched->node);
            memory_free(watched);
            statistics->watched_keys--;
        }
    }
    client->watch_count = 0;
    statistics->watching_clients--;
}

bool watches_exist(const struct watches *watches)
{
    return watches->keys.count > 0;
}

static struct watched_key *find_name(const struct watches *watches, struct database *database,
                                     struct slice name)
{
    if (watches->keys.count == 0)
        return NULL;
    struct key key = {name, keyspace_hash(watches->server->keyspace, name)};
    return find(watches, database, &key);
}

void watches_key_changed(struct watches *watches, struct database *database, struct slice name)
{
    struct watched_key *watched = find_name(watches, database, name);
    if (watched == NULL)
        return;
    LIST_FOR_EACH (node, &watched->watches)
        LIST_ENTRY(node, struct watch, of_key)->client->flags |= CLIENT_DIRTY_WATCH;
}

void watches_key_removed(struct watches *watches, struct database *database, struct slice name)
{
    struct watched_key *watched = find_name(watches, database, name);
    if (watched == NULL)
        return;
    LIST_FOR_EACH (node, &watched->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, of_key);
        if (!watch->absent)
            watch->client->flags |= CLIENT_DIRTY_WATCH;
    }
}

/* The key as the databases know it. */
static struct key key_of(const struct watches *watches, const struct watched_key *watched)
{
    return (struct key){watched->node.name,
                        keyspace_hash(watches->server->keyspace, watched->node.name)};
}

/* Marks the watchers of keys of `emptied` that are there, or (`other` not NULL) will be. */
static void mark_all(struct watches *watches, struct database *emptied, struct database *other)
{
    /* Finding an expired key removes it, which only marks watchers: the table stays as it is. */
    struct name_node *node = name_table_next(&watches->keys, NULL);
    for (; node != NULL; node = name_table_next(&watches->keys, node)) {
        struct watched_key *watched = NAME_TABLE_ENTRY(node, struct watched_key, node);
        if (watched->database != emptied)
            continue;
        struct key key = key_of(watches, watched);
        bool there = database_find(emptied, &key) != NULL ||
                     (other != NULL && database_find(other, &key) != NULL);
        if (!there)
            continue;
        LIST_FOR_EACH (link, &watched->watches)
            LIST_ENTRY(link, struct watch, of_key)->client->flags |= CLIENT_DIRTY_WATCH;
    }
}

void watches_flushed(struct watches *watches, struct database *database)
{
    if (watches->keys.count == 0)
        return;
    if (database != NULL) {
        mark_all(watches, database, NULL);
        return;
    }
    struct keyspace *keyspace = watches->server->keyspace;
    for (int i = 0; i < keyspace_database_count(keyspace); i++)
        mark_all(watches, keyspace_database(keyspace, i), NULL);
}

void watches_swapped(struct watches *watches, struct database *a, struct database *b)
{
    if (watches->keys.count == 0)
        return;
    mark_all(watches, a, b);
    mark_all(watches, b, a);
}

bool watches_expired(struct watches *watches, struct client *client)
{
    LIST_FOR_EACH (node, &client->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, of_client);
        struct key key = key_of(watches, watch->key);
        if (!watch->absent && database_find(watch->key->database, &key) == NULL)
            return true;
    }
    return false;
}
