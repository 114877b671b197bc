/* What commands reach of the server: the functions behind struct command_services. */
#include "server/dispatch_private.h"
#include "server/notifications.h"
#include "server/persistence/migration.h"
#include "server/persistence/persistence.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/key_waits.h"
#include "server/settings.h"
#include "server/transactions/watches.h"
#include "system/random.h"

static void key_changed(struct command_context *context, struct database *database,
                        struct slice key)
{
    struct client *client = client_of(context);
    watches_key_changed(client->server->watches, database, key);
    key_waits_key_changed(client->server->key_waits, database, key);
    migrations_key_changed(client->server->migrations, database, key);
    tracking_key_changed(client->server->tracking, client, key);
}

static void key_ready(struct command_context *context, struct database *database, struct slice key)
{
    key_waits_key_changed(client_of(context)->server->key_waits, database, key);
}

static void key_event(struct command_context *context, struct database *database,
                      unsigned event_class, const char *event, struct slice key)
{
    notifications_send(client_of(context)->server->notifications, database, event_class, event,
                       key);
}

static void flushing(struct command_context *context, struct database *database)
{
    struct client *client = client_of(context);
    watches_flushed(client->server->watches, database);
    key_waits_database_changed(client->server->key_waits, database);
    tracking_flushed(client->server->tracking, client);
    if (database == NULL)
        persistence_flushed(client->server->persistence);
}

static void swapping(struct command_context *context, struct database *a, struct database *b)
{
    struct server *server = client_of(context)->server;
    watches_swapped(server->watches, a, b);
    key_waits_database_changed(server->key_waits, a);
    key_waits_database_changed(server->key_waits, b);
}

void dispatch_listen(struct dispatch *dispatch)
{
    const struct server *server = dispatch->server;
    dispatch->services.unheard =
        !watches_exist(server->watches) && !key_waits_exist(server->key_waits) &&
        !tracking_exists(server->tracking) && !migrations_exist(server->migrations) &&
        server->settings->notification.events == 0;
}

/* Only words that came from the socket just now have blocks of their own; queued ones are copies.
 */
static char *take_argument(struct command_context *context, size_t index, size_t *length)
{
    struct client *client = client_of(context);
    const struct resp_command *running = client->server->dispatch->running;
    if (running == NULL || running->arguments != context->arguments)
        return NULL;
    return connection_take_big_argument(client->connection, running, index, length);
}

static uint64_t random_bits(struct command_context *context)
{
    return random_next_u64(client_of(context)->server->random);
}

static void ignore_change(struct command_context *context, struct database *database,
                          struct slice key)
{
    (void)context, (void)database, (void)key;
}

static void ignore_event(struct command_context *context, struct database *database,
                         unsigned event_class, const char *event, struct slice key)
{
    (void)context, (void)database, (void)event_class, (void)event, (void)key;
}

static void ignore_flushing(struct command_context *context, struct database *database)
{
    (void)context, (void)database;
}

static void ignore_swapping(struct command_context *context, struct database *a, struct database *b)
{
    (void)context, (void)a, (void)b;
}

static char *keep_argument(struct command_context *context, size_t index, size_t *length)
{
    (void)context, (void)index, (void)length;
    return NULL;
}

void dispatch_services_init_silent(struct command_services *services)
{
    *services = (struct command_services){
        .key_changed = ignore_change,
        .key_ready = ignore_change,
        .key_event = ignore_event,
        .take_argument = keep_argument,
        .random = random_bits,
        .flushing = ignore_flushing,
        .swapping = ignore_swapping,
        .string_size_max = UINT32_MAX,
    };
}

void dispatch_services_init(struct command_services *services)
{
    *services = (struct command_services){
        .key_changed = key_changed,
        .key_ready = key_ready,
        .key_event = key_event,
        .effect = NULL, /* the log's, when there is one */
        .take_argument = take_argument,
        .random = random_bits,
        .flushing = flushing,
        .swapping = swapping,
        .await = key_waits_begin,
    };
}
