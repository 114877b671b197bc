/* Clients that wait for a key: BLPOP, BZPOPMIN, XREAD BLOCK and their like (command_await).
 *
 * A change of a key that somebody waits for makes it ready; after the command or transaction that
 * changed it, the commands of its waiters run anew, oldest first, until the key is gone (and then
 * of those that need it: XREADGROUP has an error to tell). A waiter that found nothing waits on in
 * its place. While nobody waits, a change costs one comparison. */
#ifndef HOLDFAST_SERVER_SESSION_KEY_WAITS_H
#define HOLDFAST_SERVER_SESSION_KEY_WAITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assertion.h"
#include "base/list.h"
#include "base/slice.h"

struct client;
struct command_await;
struct command_context;
struct database;
struct key_waits;
struct server;

struct key_waits *key_waits_create(struct server *server);
void key_waits_destroy(struct key_waits *waits);

/* command_services.await. */
bool key_waits_begin(struct command_context *context, const struct command_await *await);

bool key_waits_exist(const struct key_waits *waits);

void key_waits_key_changed(struct key_waits *waits, struct database *database, struct slice key);
/* What is at keys of this database (NULL: of all) has changed as a whole: SWAPDB, FLUSHALL. */
void key_waits_database_changed(struct key_waits *waits, const struct database *database);

/* Between two commands: runs the waiters of keys that are ready. */
void key_waits_serve_ready(struct key_waits *waits);

/* The public head of the module, for the check that every command makes. */
struct key_waits_head {
    struct list ready; /* of keys, in the order they became so */
};

static inline void key_waits_serve(struct key_waits *waits)
{
    const struct key_waits_head *head = (const struct key_waits_head *)(const void *)waits;
    if (UNLIKELY(!list_is_empty(&head->ready)))
        key_waits_serve_ready(waits);
}

#endif
