#include "server/server.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "net/network.h"
#include "server/command_tables.h"
#include "server/dispatch.h"
#include "server/housekeeping.h"
#include "server/memory_limit.h"
#include "server/notifications.h"
#include "server/observe/observe.h"
#include "server/persistence/effects.h"
#include "server/persistence/migration.h"
#include "server/persistence/persistence.h"
#include "server/pubsub/pubsub.h"
#include "server/pubsub/tracking.h"
#include "server/session/admission.h"
#include "server/session/key_waits.h"
#include "server/session/sessions.h"
#include "server/settings.h"
#include "server/transactions/watches.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/process.h"
#include "system/random.h"
#include "system/worker.h"

#define DESCRIPTORS_RESERVED 32 /* beside those of clients: files, the loop, listeners */

/* --- what the keyspace tells --- */

static void key_removed(void *context, struct database *database, struct slice key,
                        enum removal reason)
{
    struct server *server = context;
    effects_key_removed(server->effects, database, key);
    if (reason == REMOVED_EXPIRED)
        notifications_send(server->notifications, database, EVENT_EXPIRED, "expired", key);
    else
        notifications_send(server->notifications, database, EVENT_EVICTED, "evicted", key);
    watches_key_removed(server->watches, database, key);
    key_waits_key_changed(server->key_waits, database, key);
    tracking_key_changed(server->tracking, NULL, key);
}

/* `is_last`: the key goes, too. */
static void tell_fields_expired(struct server *server, struct database *database, struct slice key,
                                bool is_last)
{
    notifications_send(server->notifications, database, EVENT_HASH, "hexpired", key);
    if (is_last)
        notifications_send(server->notifications, database, EVENT_GENERIC, "del", key);
    watches_key_removed(server->watches, database, key);
    tracking_key_changed(server->tracking, NULL, key);
}

static void field_expired(void *context, struct database *database, struct slice key,
                          struct slice field, bool is_last)
{
    struct server *server = context;
    effects_field_removed(server->effects, database, key, field);
    tell_fields_expired(server, database, key, is_last);
}

static void fields_expired(void *context, struct database *database, struct slice key)
{
    struct server *server = context;
    effects_key_removed(server->effects, database, key);
    tell_fields_expired(server, database, key, true);
}

static void key_missed(void *context, struct database *database, struct slice key)
{
    struct server *server = context;
    notifications_send(server->notifications, database, EVENT_MISS, "keymiss", key);
}

static void discard(void *context, void *garbage, bool (*free_some)(void *garbage))
{
    struct server *server = context;
    housekeeping_discard(server->housekeeping, garbage, free_some);
}

/* --- the turn --- */

static void begin_turn(void *context)
{
    struct server *server = context;
    clock_update(server->clock);
    keyspace_set_time(server->keyspace, clock_cached_ms(server->clock));
    network_turn_begin(server->network);
}

static void end_turn(void *context)
{
    struct server *server = context;
    network_run_input(server->network);
    housekeeping_end_turn(server->housekeeping);
    memory_limit_end_turn(server->memory_limit);
    key_waits_serve(server->key_waits); /* of keys that expired or were evicted */
    effects_end_turn(server->effects);
    tracking_limit_keys(server->tracking);
    tracking_send_broadcasts(server->tracking);
    persistence_end_turn(server->persistence);
    network_turn_end(server->network);
    persistence_save_slice(server->persistence);
}

/* --- life --- */

static void create_keyspace(struct server *server)
{
    struct hash_seed seed;
    random_fill_secret(server->random, &seed, sizeof seed);
    struct keyspace_hooks hooks = {
        .context = server,
        .removed = key_removed,
        .field_expired = field_expired,
        .fields_expired = fields_expired,
        .missed = key_missed,
        .discard = discard,
    };
    server->keyspace = keyspace_create(server->settings->lifecycle.databases, &seed, &hooks);
    keyspace_set_value_limits(server->keyspace, &server->settings->values);
    keyspace_set_time(server->keyspace, clock_cached_ms(server->clock));
}

static void create_run_id(struct server *server)
{
    struct lifecycle_settings *settings = &server->settings->lifecycle;
    if (settings->run_id[0] != '\0')
        return;
    char run_id[SERVER_RUN_ID_LENGTH + 1];
    random_fill_secret_hex(server->random, run_id, SERVER_RUN_ID_LENGTH);
    settings_set_string(&settings->run_id, run_id);
}

/* maxclients is what the limit of open files leaves room for. */
static void fit_clients_max(struct server *server)
{
    struct admission_settings *settings = &server->settings->admission;
    size_t wanted = (size_t)settings->clients_max + DESCRIPTORS_RESERVED;
    size_t allowed = process_raise_open_files(wanted);
    if (allowed >= wanted)
        return;
    uint64_t reduced = allowed > DESCRIPTORS_RESERVED ? allowed - DESCRIPTORS_RESERVED : 1;
    log_line(LOG_WARNING, "maxclients reduced from %llu to %llu: the system allows %zu open files",
             (unsigned long long)settings->clients_max, (unsigned long long)reduced, allowed);
    settings->clients_max = reduced;
}

static void create_modules(struct server *server, bool watches_signals)
{
    struct settings *settings = server->settings;
    server->effects = effects_create(server);
    server->dispatch = dispatch_create(server, &settings->dispatch);
    server->observe = observe_create(server, &settings->observe);
    server->admission = admission_create(server, &settings->admission);
    server->sessions = sessions_create(server, &settings->session);
    server->key_waits = key_waits_create(server);
    server->migrations = migrations_create(server);
    server->watches = watches_create(server);
    server->pubsub = pubsub_create(server);
    server->tracking = tracking_create(server, &settings->tracking);
    server->notifications = notifications_create(server, &settings->notification);
    server->network =
        network_create(server->loop, server->clock, &sessions_handlers, server->sessions);
    create_keyspace(server);
    server->memory_limit = memory_limit_create(server, &settings->memory);
    server->housekeeping = housekeeping_create(server, &settings->housekeeping);
    server->persistence = persistence_create(server, &settings->persistence);
    server->lifecycle = lifecycle_create(server, &settings->lifecycle, watches_signals);
    command_tables_register(server->dispatch);
    event_loop_set_hooks(server->loop, end_turn, begin_turn, server);
}

enum error server_create(struct settings *settings, struct configuration *configuration,
                         bool watches_signals, struct server **out)
{
    struct server *server = memory_allocate_zeroed(sizeof *server);
    server->settings = settings;
    server->configuration = configuration;
    server->clock = clock_create();
    server->random = memory_allocate(sizeof *server->random);
    random_init(server->random);
    create_run_id(server);
    fit_clients_max(server);
    server->loop = event_loop_create();
    if (server->loop != NULL)
        server->worker = worker_create(server->loop, "holdfast-free", WORKER_PROMPT);
    if (server->worker == NULL) {
        log_line(LOG_WARNING, "Could not create the event loop: %s", strerror(errno));
        server_destroy(server);
        return ERROR_SYSTEM;
    }
    create_modules(server, watches_signals);
    enum error error = admission_listen(server->admission);
    if (error == OK)
        error = persistence_start(server->persistence);
    if (error != OK) {
        server_destroy(server);
        return error;
    }
    *out = server;
    return OK;
}

int server_run(struct server *server)
{
    lifecycle_begin(server->lifecycle);
    if (!persistence_is_loading(server->persistence))
        lifecycle_ready(server->lifecycle);
    event_loop_run(server->loop);
    (void)persistence_stop(server->persistence);
    (void)network_send_remaining(server->network);
    return persistence_exit_status(server->persistence);
}

void server_destroy(struct server *server)
{
    /* Connections go first: closing them ends what their clients take part in. Then what walks the
     * keyspace. */
    if (server->network != NULL)
        network_destroy(server->network);
    migrations_destroy(server->migrations);
    persistence_destroy(server->persistence);
    if (server->keyspace != NULL)
        keyspace_destroy(server->keyspace);
    if (server->worker != NULL)
        worker_destroy(server->worker);
    effects_destroy(server->effects);
    lifecycle_destroy(server->lifecycle);
    housekeeping_destroy(server->housekeeping);
    memory_limit_destroy(server->memory_limit);
    notifications_destroy(server->notifications);
    tracking_destroy(server->tracking);
    pubsub_destroy(server->pubsub);
    watches_destroy(server->watches);
    key_waits_destroy(server->key_waits);
    sessions_destroy(server->sessions);
    admission_destroy(server->admission);
    observe_destroy(server->observe);
    dispatch_destroy(server->dispatch);
    if (server->loop != NULL)
        event_loop_destroy(server->loop);
    memory_free(server->random);
    clock_destroy(server->clock);
    memory_free(server);
}
