#include "server/session/sessions.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "net/network.h"
#include "server/dispatch.h"
#include "server/observe/observe.h"
#include "server/pubsub/pubsub.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/admission.h"
#include "server/session/blocking.h"
#include "server/session/client.h"
#include "server/settings.h"
#include "server/transactions/transaction.h"
#include "server/transactions/watches.h"
#include "system/clock.h"
#include "system/event_loop.h"

#define SIZE_CLASSES 64     /* of clients' memory, by powers of two */
#define INPUT_SHOWN_MAX 128 /* bytes of broken input in a log line */
#define IDLE_CHECK_MS 1000  /* between looks for clients idle for too long, or gone */

struct sessions {
    struct server *server;
    struct session_settings *settings;
    struct session_statistics statistics;
    enum pause pause;
    int64_t pause_until_ms;
    struct event_timer pause_timer;
    int64_t idle_checked_ms;
};

static void pause_over(void *context)
{
    (void)sessions_paused(context, NULL); /* ends a pause whose time is over */
}

struct sessions *sessions_create(struct server *server, struct session_settings *settings)
{
    struct sessions *sessions = memory_allocate_zeroed(sizeof *sessions);
    sessions->server = server;
    sessions->settings = settings;
    event_timer_init(&sessions->pause_timer, server->loop, pause_over, sessions);
    return sessions;
}

void sessions_destroy(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    event_timer_stop(&sessions->pause_timer);
    memory_free(sessions);
}

/* --- coming and going --- */

static const char *admit(void *context, const struct socket_peer *peer)
{
    struct sessions *sessions = context;
    return admission_refusal(sessions->server->admission, peer);
}

static void opened(void *context, struct connection *connection)
{
    struct sessions *sessions = context;
    struct client *client = memory_allocate_zeroed(sizeof *client);
    client->server = sessions->server;
    client->connection = connection;
    client->id = connection->id;
    client->database = keyspace_database(sessions->server->keyspace, 0);
    client->reply = &connection->reply;
    client->reply->version = 2;
    client->user = "default";
    client->name = memory_copy_string("");
    client->library_name = memory_copy_string("");
    client->library_version = memory_copy_string("");
    if (!sessions_need_password(sessions))
        client->flags |= CLIENT_AUTHENTICATED;
    if (connection->is_unix)
        client->flags |= CLIENT_UNIX_SOCKET;
    list_init(&client->watches);
    list_init(&client->monitor_link);
    chain_init(&client->deferred, connection->output.pool);
    connection->session = client;
    admission_set_limits(sessions->server->admission, client);
}

void sessions_detach(struct client *client)
{
    struct server *server = client->server;
    blocking_forget_client(client);
    transaction_discard(client);
    watches_forget_client(server->watches, client);
    pubsub_forget_client(server->pubsub, client);
    tracking_forget_client(server->tracking, client);
    if (client->flags & CLIENT_MONITOR)
        observe_monitor_ends(server->observe, client);
}

static void closed(void *context, struct connection *connection)
{
    (void)context;
    struct client *client = connection->session;
    sessions_detach(client);
    chain_deinit(&client->deferred);
    memory_free(client->name);
    memory_free(client->library_name);
    memory_free(client->library_version);
    memory_free(client);
    connection->session = NULL;
}

static size_t run(void *context, struct connection *connection, struct resp_command *commands,
                  size_t count)
{
    struct sessions *sessions = context;
    return dispatch_run(sessions->server->dispatch, connection->session, commands, count);
}

static void protocol_error(void *context, struct connection *connection, const char *text,
                           struct slice input)
{
    struct sessions *sessions = context;
    struct client *client = connection->session;
    client->reply->errors = 0;
    dispatch_count_error(sessions->server->dispatch, SLICE("ERR"));
    char shown[INPUT_SHOWN_MAX + 1];
    size_t length = input.length < INPUT_SHOWN_MAX ? input.length : INPUT_SHOWN_MAX;
    for (size_t i = 0; i < length; i++)
        shown[i] = input.data[i] >= ' ' && input.data[i] <= '~' ? input.data[i] : '.';
    shown[length] = '\0';
    log_line(LOG_VERBOSE, "%s from client id=%llu addr=%s, at: '%s'", text,
             (unsigned long long)client->id, client_address(client), shown);
}

static void prepare(void *context, struct connection *connection,
                    const struct resp_command *commands, size_t count)
{
    struct sessions *sessions = context;
    dispatch_prepare_ahead(sessions->server->dispatch, connection->session, commands, count);
}

static void fetch(void *context)
{
    struct sessions *sessions = context;
    dispatch_fetch_ahead(sessions->server->dispatch);
}

const struct network_handlers sessions_handlers = {
    .prepare = prepare,
    .fetch = fetch,
    .admit = admit,
    .opened = opened,
    .run = run,
    .protocol_error = protocol_error,
    .closed = closed,
};

/* --- finding --- */

const struct list *sessions_list(const struct sessions *sessions)
{
    return network_connections(sessions->server->network);
}

struct client *sessions_client_at(struct list *node)
{
    return LIST_ENTRY(node, struct connection, link)->session;
}

size_t sessions_count(const struct sessions *sessions)
{
    return network_connection_count(sessions->server->network);
}

struct client *sessions_find(struct sessions *sessions, uint64_t id)
{
    struct connection *connection = network_find(sessions->server->network, id);
    return connection == NULL ? NULL : connection->session;
}

struct session_statistics *sessions_statistics(struct sessions *sessions)
{
    return &sessions->statistics;
}

/* --- password --- */

bool sessions_need_password(const struct sessions *sessions)
{
    return sessions->settings->password[0] != '\0';
}

bool sessions_password_is_right(const struct sessions *sessions, struct slice password)
{
    if (!sessions_need_password(sessions))
        return true;
    const char *wanted = sessions->settings->password;
    size_t length = strlen(wanted);
    volatile unsigned char difference = length == password.length ? 0 : 1;
    for (size_t i = 0; i < password.length; i++)
        difference =
            (unsigned char)(difference | (password.data[i] ^ wanted[length == 0 ? 0 : i % length]));
    return difference == 0;
}

void sessions_apply(struct sessions *sessions)
{
    if (sessions_need_password(sessions))
        return;
    LIST_FOR_EACH (node, sessions_list(sessions)) {
        struct client *client = sessions_client_at(node);
        if (client->flags & CLIENT_AUTHENTICATED)
            continue;
        client->flags |= CLIENT_AUTHENTICATED;
        admission_set_limits(sessions->server->admission, client);
    }
}

/* --- CLIENT PAUSE --- */

enum pause sessions_paused(struct sessions *sessions, int64_t *until_ms)
{
    if (sessions->pause == PAUSE_NONE)
        return PAUSE_NONE;
    if (clock_now_ms(sessions->server->clock) >= sessions->pause_until_ms)
        sessions_unpause(sessions);
    if (until_ms != NULL)
        *until_ms = sessions->pause_until_ms;
    return sessions->pause;
}

void sessions_pause(struct sessions *sessions, enum pause pause, int64_t until_ms)
{
    if (pause > sessions->pause)
        sessions->pause = pause;
    dispatch_obstacles(sessions->server->dispatch)->paused = sessions->pause != PAUSE_NONE;
    if (until_ms > sessions->pause_until_ms)
        sessions->pause_until_ms = until_ms;
    keyspace_freeze_expiry(sessions->server->keyspace, true);
    int64_t left_ms = sessions->pause_until_ms - clock_now_ms(sessions->server->clock);
    event_timer_start(&sessions->pause_timer, left_ms > 0 ? left_ms : 0, 0);
}

void sessions_unpause(struct sessions *sessions)
{
    if (sessions->pause == PAUSE_NONE)
        return;
    sessions->pause = PAUSE_NONE;
    dispatch_obstacles(sessions->server->dispatch)->paused = false;
    sessions->pause_until_ms = 0;
    event_timer_stop(&sessions->pause_timer);
    keyspace_freeze_expiry(sessions->server->keyspace, false);
    sessions_resume_postponed(sessions);
}

void sessions_resume_postponed(struct sessions *sessions)
{
    LIST_FOR_EACH (node, sessions_list(sessions)) {
        struct client *client = sessions_client_at(node);
        if (client->flags & CLIENT_POSTPONED) {
            client->flags &= ~(unsigned)CLIENT_POSTPONED;
            sessions->statistics.blocked--;
            connection_resume(client->connection);
        }
    }
}

void sessions_postpone(struct sessions *sessions, struct client *client)
{
    client->flags |= CLIENT_POSTPONED;
    sessions->statistics.blocked++;
    connection_pause(client->connection);
}

/* --- memory --- */

static uint64_t client_memory_limit(const struct sessions *sessions)
{
    const struct session_settings *settings = sessions->settings;
    if (settings->client_memory_percent_max == 0)
        return settings->client_memory_bytes_max;
    uint64_t memory_max = sessions->server->settings->memory.bytes_max;
    return memory_max / 100 * (uint64_t)settings->client_memory_percent_max;
}

static int size_class(size_t memory)
{
    return 63 - __builtin_clzll((unsigned long long)memory | 1);
}

static bool may_be_evicted(const struct client *client)
{
    return !(client->flags & (CLIENT_NO_EVICT | CLIENT_MONITOR));
}

static void evict(struct sessions *sessions, struct client *client, size_t memory)
{
    log_line(LOG_NOTICE, "client id=%llu addr=%s closed for maxmemory-clients: it held %zu bytes",
             (unsigned long long)client->id, client_address(client), memory);
    sessions->statistics.evicted++;
    client_close(client);
}

/* What all clients hold; `of_class`: those that may be evicted, by size. */
static uint64_t measure_clients(const struct sessions *sessions, uint64_t of_class[SIZE_CLASSES])
{
    uint64_t sum = 0;
    memset(of_class, 0, SIZE_CLASSES * sizeof *of_class);
    LIST_FOR_EACH (node, sessions_list(sessions)) {
        struct client *client = sessions_client_at(node);
        size_t memory = client_memory(client);
        sum += memory;
        if (may_be_evicted(client))
            of_class[size_class(memory)] += memory;
    }
    return sum;
}

/* Closes the largest clients until all together fit in maxmemory-clients. Two looks at each,
 * however many must go: which is the largest is told to a power of two, and those that differ by
 * less go in the order in which they came. */
static void evict_clients(struct sessions *sessions, uint64_t limit)
{
    uint64_t of_class[SIZE_CLASSES], left = measure_clients(sessions, of_class);
    if (left > limit && network_send_pushes(sessions->server->network))
        left = measure_clients(sessions, of_class);
    if (left <= limit)
        return;
    int last = SIZE_CLASSES - 1; /* classes above it go as a whole, and some of it */
    for (; last > 0 && left - of_class[last] > limit; last--)
        left -= of_class[last];
    LIST_FOR_EACH (node, sessions_list(sessions)) {
        struct client *client = sessions_client_at(node);
        size_t memory = client_memory(client);
        int class = size_class(memory);
        if (!may_be_evicted(client) || class < last || (class == last && left <= limit))
            continue;
        if (class == last)
            left -= memory < left ? memory : left;
        evict(sessions, client, memory);
    }
}

static void close_idle(struct sessions *sessions, int64_t now_ms)
{
    int64_t timeout_ms = sessions->server->settings->admission.idle_timeout_s * 1000;
    LIST_FOR_EACH (node, sessions_list(sessions)) {
        struct client *client = sessions_client_at(node);
        bool spared = (client->flags &
                       (CLIENT_BLOCKED | CLIENT_PUBSUB | CLIENT_MONITOR | CLIENT_POSTPONED)) != 0;
        if (!spared && now_ms - client->connection->last_interaction_ms > timeout_ms &&
            !connection_read_awaited(client->connection)) {
            log_line(LOG_VERBOSE, "client id=%llu addr=%s closed: idle",
                     (unsigned long long)client->id, client_address(client));
            client_close(client);
        }
    }
}

/* Who waits inside a command and has sent much behind it is not read, and goes unheard. */
static void close_left(struct sessions *sessions)
{
    LIST_FOR_EACH (node, sessions_list(sessions)) {
        struct client *client = sessions_client_at(node);
        if ((client->flags & CLIENT_BLOCKED) && connection_is_left_unread(client->connection))
            client_close(client);
    }
}

void sessions_tick(struct sessions *sessions, int64_t now_ms)
{
    (void)sessions_paused(sessions, NULL);
    uint64_t limit = client_memory_limit(sessions);
    if (limit > 0)
        evict_clients(sessions, limit);
    if (now_ms - sessions->idle_checked_ms < IDLE_CHECK_MS)
        return;
    sessions->idle_checked_ms = now_ms;
    if (sessions->server->settings->admission.idle_timeout_s > 0)
        close_idle(sessions, now_ms);
    if (sessions->statistics.blocked > 0)
        close_left(sessions);
}
