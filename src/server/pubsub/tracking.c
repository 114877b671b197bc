#include "server/pubsub/tracking.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "commands/command.h"
#include "keyspace/keyspace.h"
#include "server/pubsub/tracking_private.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"

#define REMEMBER_KEYS_STACK 64 /* keys of one command that need no allocation */
#define LIMIT_STEP_KEYS 100    /* keys one call of tracking_limit_keys invalidates at most */
#define CHANNEL "__redis__:invalidate" /* what a RESP2 client subscribes to */

struct tracking *tracking_create(struct server *server, const struct tracking_settings *settings)
{
    struct tracking *tracking = memory_allocate_zeroed(sizeof *tracking);
    tracking->server = server;
    tracking->settings = settings;
    list_init(&tracking->prefix_list);
    return tracking;
}

static void drop_key(struct tracking *tracking, struct tracked_key *tracked)
{
    tracking->items -= tracked->count;
    name_table_remove(&tracking->keys, &tracked->node);
    memory_free(tracked->ids);
    memory_free(tracked);
}

static void drop_all_keys(struct tracking *tracking)
{
    struct name_node *node = name_table_next(&tracking->keys, NULL);
    while (node != NULL) {
        struct name_node *next = name_table_next(&tracking->keys, node);
        struct tracked_key *tracked = NAME_TABLE_ENTRY(node, struct tracked_key, node);
        memory_free(tracked->ids);
        memory_free(tracked);
        node = next;
    }
    name_table_deinit(&tracking->keys);
    tracking->items = 0;
}

void tracking_destroy(struct tracking *tracking)
{
    if (tracking == NULL)
        return;
    drop_all_keys(tracking);
    ASSERT(tracking->prefixes.count == 0);
    name_table_deinit(&tracking->prefixes);
    memory_free(tracking->prefix_lengths);
    memory_free(tracking->prefix_length_uses);
    tracking_clear_changed(&tracking->own);
    memory_free(tracking->own.keys);
    memory_free(tracking);
}

/* --- switching --- */

void tracking_start(struct tracking *tracking, struct client *client,
                    const struct tracking_mode *mode, const struct slice *prefixes, size_t count)
{
    if (client->tracking == NULL) {
        client->tracking = memory_allocate_zeroed(sizeof *client->tracking);
        tracking->clients++;
        sessions_statistics(tracking->server->sessions)->tracking_clients++;
    }
    client->tracking->mode = *mode;
    client->flags |= CLIENT_TRACKING;
    client->flags &= ~(unsigned)CLIENT_TRACKING_BROKEN_REDIRECT;
    if (!mode->broadcast)
        return;
    if (count == 0)
        tracking_add_prefix(tracking, client, SLICE(""));
    for (size_t i = 0; i < count; i++)
        tracking_add_prefix(tracking, client, prefixes[i]);
}

void tracking_forget_client(struct tracking *tracking, struct client *client)
{
    if (client->tracking == NULL)
        return;
    if (client->flags & CLIENT_IN_COMMAND) {
        tracking_clear_changed(&tracking->own);
        tracking->own_flushed = false;
    }
    tracking_drop_prefixes(tracking, client);
    memory_free(client->tracking->prefixes);
    memory_free(client->tracking);
    client->tracking = NULL;
    client->flags &= ~(unsigned)(CLIENT_TRACKING | CLIENT_TRACKING_BROKEN_REDIRECT);
    tracking->clients--;
    sessions_statistics(tracking->server->sessions)->tracking_clients--;
}

void tracking_set_caching(struct client *client)
{
    client->tracking->caching = true;
}

void tracking_command_ends(struct client *client)
{
    if (client->tracking != NULL)
        client->tracking->caching = false;
}

/* --- sending --- */

/* Writes the header of one message; false if this client cannot get any. */
static bool begin_message(struct client *client, bool redirected, struct resp_writer *writer)
{
    if (writer->version == 3) {
        resp_writer_push(writer, 2);
        resp_writer_bulk_string(writer, "invalidate");
        return true;
    }
    if (!redirected || !(client->flags & CLIENT_PUBSUB))
        return false;
    resp_writer_array(writer, 3);
    resp_writer_bulk_string(writer, "message");
    resp_writer_bulk_string(writer, CHANNEL);
    return true;
}

/* Tells a client that the one its messages were redirected to is gone. */
static void tell_broken_redirect(struct client *client)
{
    client->flags |= CLIENT_TRACKING_BROKEN_REDIRECT;
    if (client->reply->version != 3)
        return;
    struct resp_writer scratch;
    struct resp_writer *writer = client_push_begin(client, &scratch);
    resp_writer_push(writer, 2);
    resp_writer_bulk_string(writer, "tracking-redir-broken");
    resp_writer_integer(writer, (int64_t)client->tracking->mode.redirect);
    client_push_end(client, writer);
}

void tracking_invalidate(struct tracking *tracking, struct client *client, const struct slice *keys,
                         size_t count)
{
    uint64_t redirect = client->tracking->mode.redirect;
    struct client *receiver = client;
    if (redirect != 0) {
        receiver = sessions_find(tracking->server->sessions, redirect);
        if (receiver == NULL) {
            tell_broken_redirect(client);
            return;
        }
    }
    struct resp_writer scratch;
    struct resp_writer *writer = client_push_begin(receiver, &scratch);
    if (!begin_message(receiver, redirect != 0, writer))
        return;
    if (keys == NULL) {
        resp_writer_null(writer);
    } else {
        resp_writer_array(writer, count);
        for (size_t i = 0; i < count; i++)
            resp_writer_bulk(writer, keys[i]);
    }
    client_push_end(receiver, writer);
}

/* --- changed keys --- */

void tracking_add_changed(struct changed_keys *changed, struct slice name, uint64_t by)
{
    if (changed->count == changed->capacity) {
        changed->capacity = changed->capacity == 0 ? 16 : changed->capacity * 2;
        changed->keys =
            memory_resize(changed->keys, changed->capacity * sizeof(struct changed_key));
    }
    char *copy = memory_allocate(name.length + 1);
    if (name.length > 0)
        memcpy(copy, name.data, name.length);
    changed->keys[changed->count] =
        (struct changed_key){slice_of(copy, name.length), by, changed->count};
    changed->count++;
}

void tracking_clear_changed(struct changed_keys *changed)
{
    for (size_t i = 0; i < changed->count; i++)
        memory_free((void *)(uintptr_t)changed->keys[i].name.data);
    changed->count = 0;
}

/* --- the table of keys --- */

/* The place of `id` among the sorted ids, or where it belongs. */
static uint32_t id_position(const struct tracked_key *tracked, uint64_t id)
{
    uint32_t low = 0, high = tracked->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tracked->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remember(struct tracking *tracking, uint64_t id, struct slice name)
{
    uint64_t hash = keyspace_hash(tracking->server->keyspace, name);
    struct name_node *node = name_table_find(&tracking->keys, hash, name);
    struct tracked_key *tracked;
    if (node != NULL) {
        tracked = NAME_TABLE_ENTRY(node, struct tracked_key, node);
    } else {
        tracked = memory_allocate_zeroed(sizeof *tracked + name.length);
        if (name.length > 0)
            memcpy(tracked->name, name.data, name.length);
        tracked->node.name = slice_of(tracked->name, name.length);
        tracked->node.hash = hash;
        name_table_add(&tracking->keys, &tracked->node);
    }
    uint32_t position = id_position(tracked, id);
    if (position < tracked->count && tracked->ids[position] == id)
        return;
    if (tracked->count == tracked->capacity) {
        tracked->capacity = tracked->capacity == 0 ? 1 : tracked->capacity * 2;
        tracked->ids = memory_resize(tracked->ids, tracked->capacity * sizeof(uint64_t));
    }
    memmove(tracked->ids + position + 1, tracked->ids + position,
            (tracked->count - position) * sizeof(uint64_t));
    tracked->ids[position] = id;
    tracked->count++;
    tracking->items++;
}

void tracking_remember(struct tracking *tracking, struct client *client,
                       const struct command *command, const struct slice *arguments, size_t count)
{
    const struct tracking_state *state = client->tracking;
    if (state->mode.broadcast || (state->mode.optin && !state->caching) ||
        (state->mode.optout && state->caching) || (command->flags & COMMAND_PUBSUB))
        return;
    struct key_position stack[REMEMBER_KEYS_STACK];
    struct key_position *positions = stack;
    size_t found = command_key_positions(command, arguments, count, positions, REMEMBER_KEYS_STACK);
    if (found == COMMAND_KEYS_ERROR)
        return;
    if (found > REMEMBER_KEYS_STACK) {
        positions = memory_try_allocate(found * sizeof *positions);
        if (positions == NULL)
            return;
        found = command_key_positions(command, arguments, count, positions, found);
    }
    for (size_t i = 0; i < found; i++)
        remember(tracking, client->id, arguments[positions[i].index]);
    if (positions != stack)
        memory_free(positions);
}

/* Tells every client that read the key, and forgets it. */
static void invalidate_key(struct tracking *tracking, struct client *by,
                           struct tracked_key *tracked)
{
    struct sessions *sessions = tracking->server->sessions;
    struct slice name = tracked->node.name;
    for (uint32_t i = 0; i < tracked->count; i++) {
        struct client *client = sessions_find(sessions, tracked->ids[i]);
        if (client == NULL || client->tracking == NULL || client->tracking->mode.broadcast)
            continue;
        if (client->tracking->mode.noloop && client == by)
            continue;
        if (client->flags & CLIENT_IN_COMMAND)
            tracking_add_changed(&tracking->own, name, 0);
        else
            tracking_invalidate(tracking, client, &name, 1);
    }
    drop_key(tracking, tracked);
}

bool tracking_exists(const struct tracking *tracking)
{
    return tracking->clients > 0 || tracking->keys.count > 0 || tracking->prefixes.count > 0;
}

void tracking_key_changed(struct tracking *tracking, struct client *by, struct slice name)
{
    if (tracking->prefixes.count > 0)
        tracking_note_prefixes(tracking, by == NULL ? 0 : by->id, name);
    if (tracking->keys.count == 0)
        return;
    uint64_t hash = keyspace_hash(tracking->server->keyspace, name);
    struct name_node *node = name_table_find(&tracking->keys, hash, name);
    if (node != NULL)
        invalidate_key(tracking, by, NAME_TABLE_ENTRY(node, struct tracked_key, node));
}

void tracking_flushed(struct tracking *tracking, struct client *by)
{
    if (tracking->clients == 0) {
        drop_all_keys(tracking);
        return;
    }
    LIST_FOR_EACH (node, sessions_list(tracking->server->sessions)) {
        struct client *client = sessions_client_at(node);
        if (client->tracking == NULL)
            continue;
        if (client == by)
            tracking->own_flushed = true;
        else
            tracking_invalidate(tracking, client, NULL, 0);
    }
    drop_all_keys(tracking);
}

/* Only one client runs a command at a time: what is kept is for the one whose command has just
 * ended. */
static void send_own(struct tracking *tracking, struct client *client)
{
    if (client != NULL && client->tracking != NULL) {
        for (size_t i = 0; i < tracking->own.count; i++)
            tracking_invalidate(tracking, client, &tracking->own.keys[i].name, 1);
        if (tracking->own_flushed)
            tracking_invalidate(tracking, client, NULL, 0);
    }
    tracking_clear_changed(&tracking->own);
    tracking->own_flushed = false;
}

void tracking_send(struct tracking *tracking, struct client *client)
{
    if (UNLIKELY(tracking->own.count > 0 || tracking->own_flushed))
        send_own(tracking, client);
}

void tracking_limit_keys(struct tracking *tracking)
{
    uint64_t limit = tracking->settings->table_keys_max;
    if (limit == 0)
        return;
    for (int step = 0; tracking->keys.count > limit && step < LIMIT_STEP_KEYS; step++) {
        struct name_node *node = name_table_pick(&tracking->keys, tracking->limit_position++);
        invalidate_key(tracking, NULL, NAME_TABLE_ENTRY(node, struct tracked_key, node));
    }
}

/* --- looking --- */

const struct tracking_mode *tracking_mode(const struct client *client)
{
    return client->tracking == NULL ? NULL : &client->tracking->mode;
}

bool tracking_is_caching(const struct client *client)
{
    return client->tracking != NULL && client->tracking->caching;
}

int64_t tracking_redirection(const struct client *client)
{
    return client->tracking == NULL ? -1 : (int64_t)client->tracking->mode.redirect;
}

bool tracking_is_broadcast(const struct client *client)
{
    return client->tracking != NULL && client->tracking->mode.broadcast;
}

size_t tracking_client_memory(const struct client *client)
{
    if (client->tracking == NULL)
        return 0;
    return sizeof *client->tracking +
           client->tracking->prefix_count * sizeof(struct tracked_prefix *);
}

size_t tracking_key_count(const struct tracking *tracking)
{
    return tracking->keys.count;
}

size_t tracking_item_count(const struct tracking *tracking)
{
    return tracking->items;
}

size_t tracking_prefix_count(const struct tracking *tracking)
{
    return tracking->prefixes.count;
}
