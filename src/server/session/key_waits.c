#include "server/session/key_waits.h"

#include <string.h>

#include "base/assertion.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/name_table.h"
#include "commands/command.h"
#include "server/dispatch.h"
#include "server/persistence/effects.h"
#include "server/server.h"
#include "server/session/blocking.h"
#include "server/session/client.h"

/* A key of one database that somebody waits for. */
struct awaited_key {
    struct name_node node; /* hash: the key's, with the database mixed in */
    struct database *database;
    uint64_t hash;       /* the key's own */
    struct list waiters; /* of struct waiter, oldest first */
    struct list ready;   /* in key_waits_head.ready, or in no list */
    size_t needing;      /* waiters with needs_keys */
    char name[];
};

/* One client waiting for one key. */
struct waiter {
    struct list of_key;
    struct awaited_key *key;
    struct key_wait *wait;
};

/* All that one client waits for, and its command, to be run anew. */
struct key_wait {
    struct client *client;
    struct dispatch_entry *entry;
    enum value_type type;
    enum command_timeout_reply timeout_reply;
    bool needs_keys;
    bool waits_on; /* the run that goes on has found nothing */
    struct slice *arguments;
    size_t argument_count;
    size_t waiter_count;
    struct waiter waiters[]; /* then the arguments and their bytes, in the same block */
};

struct key_waits {
    struct key_waits_head head; /* first */
    struct server *server;
    struct name_table keys;
    bool serving;
};

struct key_waits *key_waits_create(struct server *server)
{
    struct key_waits *waits = memory_allocate_zeroed(sizeof *waits);
    waits->server = server;
    list_init(&waits->head.ready);
    return waits;
}

void key_waits_destroy(struct key_waits *waits)
{
    if (waits == NULL)
        return;
    ASSERT(waits->keys.count == 0);
    name_table_deinit(&waits->keys);
    memory_free(waits);
}

/* --- keys --- */

static struct awaited_key *find(const struct key_waits *waits, const struct database *database,
                                const struct key *key)
{
    struct name_node *node =
        name_table_find(&waits->keys, database_mix_hash(database, key->hash), key->name);
    return node == NULL ? NULL : NAME_TABLE_ENTRY(node, struct awaited_key, node);
}

static struct awaited_key *find_or_add(struct key_waits *waits, struct database *database,
                                       const struct key *key)
{
    struct awaited_key *awaited = find(waits, database, key);
    if (awaited != NULL)
        return awaited;
    awaited = memory_allocate(sizeof *awaited + key->name.length);
    if (key->name.length > 0)
        memcpy(awaited->name, key->name.data, key->name.length);
    awaited->node.name = slice_of(awaited->name, key->name.length);
    awaited->node.hash = database_mix_hash(database, key->hash);
    awaited->database = database;
    awaited->hash = key->hash;
    list_init(&awaited->waiters);
    list_init(&awaited->ready);
    awaited->needing = 0;
    name_table_add(&waits->keys, &awaited->node);
    return awaited;
}

static void drop_if_unawaited(struct key_waits *waits, struct awaited_key *awaited)
{
    if (!list_is_empty(&awaited->waiters))
        return;
    list_remove(&awaited->ready);
    name_table_remove(&waits->keys, &awaited->node);
    memory_free(awaited);
}

static void make_ready(struct key_waits *waits, struct awaited_key *awaited)
{
    if (list_is_empty(&awaited->ready))
        list_add_last(&waits->head.ready, &awaited->ready);
}

bool key_waits_exist(const struct key_waits *waits)
{
    return waits->keys.count > 0;
}

void key_waits_key_changed(struct key_waits *waits, struct database *database, struct slice name)
{
    if (LIKELY(waits->keys.count == 0))
        return;
    struct key key = {name, keyspace_hash(waits->server->keyspace, name)};
    struct awaited_key *awaited = find(waits, database, &key);
    if (awaited != NULL)
        make_ready(waits, awaited);
}

void key_waits_database_changed(struct key_waits *waits, const struct database *database)
{
    struct name_node *node = name_table_next(&waits->keys, NULL);
    for (; node != NULL; node = name_table_next(&waits->keys, node)) {
        struct awaited_key *awaited = NAME_TABLE_ENTRY(node, struct awaited_key, node);
        if (database == NULL || awaited->database == database)
            make_ready(waits, awaited);
    }
}

/* --- waiting --- */

static void write_timeout(struct client *client)
{
    switch (client->key_wait->timeout_reply) {
    case TIMEOUT_NULL_ARRAY:
        resp_writer_null_array(client->reply);
        break;
    case TIMEOUT_NULL:
        resp_writer_null(client->reply);
        break;
    case TIMEOUT_INTEGER_0:
        resp_writer_integer(client->reply, 0);
        break;
    }
}

/* That there was nothing shows what became of the keys: it waits for their last changes, as a read
 * does (P2). */
static void reply_timeout(struct client *client)
{
    struct effects *effects = client->server->effects;
    const struct key_wait *wait = client->key_wait;
    size_t position = client->reply->out->length;
    effects_begin_look(effects);
    for (size_t i = 0; i < wait->waiter_count; i++) {
        const struct awaited_key *awaited = wait->waiters[i].key;
        struct key key = {awaited->node.name, awaited->hash};
        (void)database_find(awaited->database, &key);
    }
    write_timeout(client);
    effects_end_look(effects, client, position);
}

/* The wait has ended, whatever ended it. */
static void forget(struct client *client)
{
    struct key_wait *wait = client->key_wait;
    client->key_wait = NULL;
    for (size_t i = 0; i < wait->waiter_count; i++) {
        struct waiter *waiter = &wait->waiters[i];
        list_remove(&waiter->of_key);
        waiter->key->needing -= wait->needs_keys;
        drop_if_unawaited(client->server->key_waits, waiter->key);
    }
    memory_free(wait);
}

/* With the command's words copied; no waiters yet. */
static struct key_wait *create_wait(const struct command_context *context,
                                    const struct slice *words, size_t waiters)
{
    size_t bytes = 0;
    for (size_t i = 0; i < context->count; i++)
        bytes += words[i].length;
    struct key_wait *wait =
        memory_try_allocate(sizeof *wait + waiters * sizeof wait->waiters[0] +
                            context->count * sizeof context->arguments[0] + bytes);
    if (wait == NULL)
        return NULL;
    *wait = (struct key_wait){.client = client_of(context), .argument_count = context->count};
    wait->arguments = (struct slice *)(void *)(wait->waiters + waiters);
    char *at = (char *)(wait->arguments + context->count);
    for (size_t i = 0; i < context->count; i++) {
        struct slice word = words[i];
        if (word.length > 0)
            memcpy(at, word.data, word.length);
        wait->arguments[i] = slice_of(at, word.length);
        at += word.length;
    }
    return wait;
}

/* A key named twice is waited for once. */
static bool waits_already(const struct key_wait *wait, const struct awaited_key *awaited)
{
    const struct list *last = awaited->waiters.previous;
    return last != &awaited->waiters && LIST_ENTRY(last, struct waiter, of_key)->wait == wait;
}

bool key_waits_begin(struct command_context *context, const struct command_await *await)
{
    struct client *client = client_of(context);
    struct key_waits *waits = client->server->key_waits;
    if (client->key_wait != NULL) {
        client->key_wait->waits_on = true;
        return true;
    }
    if (client->flags & CLIENT_IN_EXEC)
        return false;
    const struct slice *words = await->arguments != NULL ? await->arguments : context->arguments;
    struct key_wait *wait = create_wait(context, words, await->count);
    if (wait == NULL)
        return false;
    wait->entry = client->last_command;
    wait->type = await->type;
    wait->needs_keys = await->needs_keys;
    wait->timeout_reply = await->reply;
    for (size_t i = 0; i < await->count; i++) {
        struct key key = command_key(context, await->first + i * await->step);
        struct awaited_key *awaited = find_or_add(waits, context->database, &key);
        if (waits_already(wait, awaited))
            continue;
        struct waiter *waiter = &wait->waiters[wait->waiter_count++];
        *waiter = (struct waiter){.key = awaited, .wait = wait};
        list_add_last(&awaited->waiters, &waiter->of_key);
        awaited->needing += wait->needs_keys;
    }
    client->key_wait = wait;
    blocking_begin(client, await->timeout_ms, reply_timeout, forget);
    return true;
}

/* --- serving --- */

/* Runs the command of one waiter; if that ends the wait, the client goes on. */
static void serve(struct key_waits *waits, struct waiter *waiter)
{
    struct key_wait *wait = waiter->wait;
    struct client *client = wait->client;
    struct slice key = waiter->key->node.name;
    wait->waits_on = false;
    dispatch_execute_woken(waits->server->dispatch, client, wait->entry, wait->arguments,
                           wait->argument_count, &key);
    /* A client that is closed for its output has stopped waiting. */
    if (client->key_wait == wait && !wait->waits_on)
        blocking_end(client);
}

static void serve_key(struct key_waits *waits, struct awaited_key *awaited)
{
    struct key key = {awaited->node.name, awaited->hash};
    /* Stands behind the waiter being served: any other may go meanwhile. Keeps `awaited`, too. */
    struct list marker;
    list_init(&marker);
    list_add_first(&awaited->waiters, &marker);
    while (marker.next != &awaited->waiters) {
        struct entry *entry = database_find(awaited->database, &key);
        if (entry == NULL && awaited->needing == 0)
            break;
        struct waiter *waiter = LIST_ENTRY(marker.next, struct waiter, of_key);
        list_remove(&marker);
        list_add_first(&waiter->of_key, &marker);
        if (waiter->wait->needs_keys || (entry != NULL && waiter->wait->type == entry->type))
            serve(waits, waiter);
    }
    list_remove(&marker);
    drop_if_unawaited(waits, awaited);
}

void key_waits_serve_ready(struct key_waits *waits)
{
    if (waits->serving)
        return;
    waits->serving = true;
    while (!list_is_empty(&waits->head.ready)) {
        struct awaited_key *awaited = LIST_ENTRY(waits->head.ready.next, struct awaited_key, ready);
        list_remove(&awaited->ready);
        serve_key(waits, awaited);
    }
    waits->serving = false;
}
