/* BCAST mode. A changed key is looked up once per length that occurs among the prefixes, so its
 * cost does not grow with the number of prefixes. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "server/pubsub/tracking_private.h"
#include "server/server.h"
#include "server/session/client.h"

static struct tracked_prefix *find_prefix(const struct tracking *tracking, struct slice name)
{
    uint64_t hash = keyspace_hash(tracking->server->keyspace, name);
    struct name_node *node = name_table_find(&tracking->prefixes, hash, name);
    return node == NULL ? NULL : NAME_TABLE_ENTRY(node, struct tracked_prefix, node);
}

/* --- the lengths that occur --- */

static size_t length_position(const struct tracking *tracking, size_t length)
{
    size_t i = 0;
    while (i < tracking->prefix_length_count && tracking->prefix_lengths[i] < length)
        i++;
    return i;
}

static void use_length(struct tracking *tracking, size_t length)
{
    size_t i = length_position(tracking, length);
    size_t count = tracking->prefix_length_count;
    if (i < count && tracking->prefix_lengths[i] == length) {
        tracking->prefix_length_uses[i]++;
        return;
    }
    size_t size = (count + 1) * sizeof(size_t), moved = (count - i) * sizeof(size_t);
    tracking->prefix_lengths = memory_resize(tracking->prefix_lengths, size);
    tracking->prefix_length_uses = memory_resize(tracking->prefix_length_uses, size);
    memmove(tracking->prefix_lengths + i + 1, tracking->prefix_lengths + i, moved);
    memmove(tracking->prefix_length_uses + i + 1, tracking->prefix_length_uses + i, moved);
    tracking->prefix_lengths[i] = length;
    tracking->prefix_length_uses[i] = 1;
    tracking->prefix_length_count++;
}

static void release_length(struct tracking *tracking, size_t length)
{
    size_t i = length_position(tracking, length);
    if (--tracking->prefix_length_uses[i] > 0)
        return;
    size_t moved = (--tracking->prefix_length_count - i) * sizeof(size_t);
    memmove(tracking->prefix_lengths + i, tracking->prefix_lengths + i + 1, moved);
    memmove(tracking->prefix_length_uses + i, tracking->prefix_length_uses + i + 1, moved);
}

/* --- prefixes and their clients --- */

static int compare_names(struct slice a, struct slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0)
        return order;
    return a.length == b.length ? 0 : a.length < b.length ? -1 : 1;
}

/* Messages and TRACKINGINFO name prefixes in order, as Redis does. */
static void list_in_order(struct tracking *tracking, struct tracked_prefix *prefix)
{
    struct list *before = &tracking->prefix_list;
    LIST_FOR_EACH (node, &tracking->prefix_list) {
        struct slice name = LIST_ENTRY(node, struct tracked_prefix, all)->node.name;
        if (compare_names(name, prefix->node.name) > 0) {
            before = node;
            break;
        }
    }
    list_add_last(before, &prefix->all); /* "last" of a node is just before it */
}

void tracking_add_prefix(struct tracking *tracking, struct client *client, struct slice name)
{
    struct tracked_prefix *prefix = find_prefix(tracking, name);
    if (prefix == NULL) {
        prefix = memory_allocate_zeroed(sizeof *prefix + name.length);
        if (name.length > 0)
            memcpy(prefix->name, name.data, name.length);
        prefix->node.name = slice_of(prefix->name, name.length);
        prefix->node.hash = keyspace_hash(tracking->server->keyspace, name);
        name_table_add(&tracking->prefixes, &prefix->node);
        list_in_order(tracking, prefix);
        use_length(tracking, name.length);
    }
    for (size_t i = 0; i < prefix->count; i++)
        if (prefix->clients[i] == client)
            return;
    if (prefix->count == prefix->capacity) {
        prefix->capacity = prefix->capacity == 0 ? 4 : prefix->capacity * 2;
        prefix->clients =
            memory_resize(prefix->clients, prefix->capacity * sizeof(struct client *));
    }
    prefix->clients[prefix->count++] = client;

    struct tracking_state *state = client->tracking;
    state->prefixes =
        memory_resize(state->prefixes, (state->prefix_count + 1) * sizeof(struct tracked_prefix *));
    size_t at = state->prefix_count++;
    while (at > 0 && compare_names(state->prefixes[at - 1]->node.name, name) > 0) {
        state->prefixes[at] = state->prefixes[at - 1];
        at--;
    }
    state->prefixes[at] = prefix;
}

static void drop_prefix(struct tracking *tracking, struct tracked_prefix *prefix)
{
    name_table_remove(&tracking->prefixes, &prefix->node);
    list_remove(&prefix->all);
    release_length(tracking, prefix->node.name.length);
    tracking_clear_changed(&prefix->changed);
    memory_free(prefix->changed.keys);
    memory_free(prefix->clients);
    memory_free(prefix);
}

void tracking_drop_prefixes(struct tracking *tracking, struct client *client)
{
    struct tracking_state *state = client->tracking;
    for (size_t i = 0; i < state->prefix_count; i++) {
        struct tracked_prefix *prefix = state->prefixes[i];
        size_t at = 0;
        while (prefix->clients[at] != client)
            at++;
        prefix->clients[at] = prefix->clients[--prefix->count];
        if (prefix->count == 0)
            drop_prefix(tracking, prefix);
    }
    state->prefix_count = 0;
}

size_t tracking_client_prefix_count(const struct client *client)
{
    return client->tracking == NULL ? 0 : client->tracking->prefix_count;
}

struct slice tracking_client_prefix(const struct client *client, size_t index)
{
    return client->tracking->prefixes[index]->node.name;
}

/* --- changes --- */

void tracking_note_prefixes(struct tracking *tracking, uint64_t by, struct slice key)
{
    for (size_t i = 0; i < tracking->prefix_length_count; i++) {
        size_t length = tracking->prefix_lengths[i];
        if (length > key.length)
            return;
        struct tracked_prefix *prefix = find_prefix(tracking, slice_of(key.data, length));
        if (prefix == NULL)
            continue;
        tracking_add_changed(&prefix->changed, key, by);
        tracking->prefixes_changed = true;
    }
}

static int compare_changed(const void *a, const void *b)
{
    const struct changed_key *x = a, *y = b;
    int order = compare_names(x->name, y->name);
    if (order != 0)
        return order;
    return x->sequence < y->sequence ? -1 : 1;
}

/* Sorts by name, as Redis sends them, and keeps of each name the first change. */
static void sort_and_unite(struct changed_keys *changed)
{
    qsort(changed->keys, changed->count, sizeof changed->keys[0], compare_changed);
    size_t kept = 0;
    for (size_t i = 0; i < changed->count; i++) {
        if (kept > 0 && slice_equals(changed->keys[kept - 1].name, changed->keys[i].name))
            memory_free((void *)(uintptr_t)changed->keys[i].name.data);
        else
            changed->keys[kept++] = changed->keys[i];
    }
    changed->count = kept;
}

/* Tells all clients of a prefix; those with NOLOOP not of their own changes. */
static void send_prefix(struct tracking *tracking, struct tracked_prefix *prefix)
{
    struct changed_keys *changed = &prefix->changed;
    sort_and_unite(changed);
    struct slice *names = memory_allocate(changed->count * sizeof(struct slice));
    for (size_t i = 0; i < prefix->count; i++) {
        struct client *client = prefix->clients[i];
        size_t count = 0;
        for (size_t k = 0; k < changed->count; k++)
            if (!client->tracking->mode.noloop || changed->keys[k].by != client->id)
                names[count++] = changed->keys[k].name;
        if (count > 0)
            tracking_invalidate(tracking, client, names, count);
    }
    memory_free(names);
    tracking_clear_changed(changed);
}

void tracking_send_broadcasts(struct tracking *tracking)
{
    if (!tracking->prefixes_changed)
        return;
    tracking->prefixes_changed = false;
    LIST_FOR_EACH (node, &tracking->prefix_list) {
        struct tracked_prefix *prefix = LIST_ENTRY(node, struct tracked_prefix, all);
        if (prefix->changed.count > 0)
            send_prefix(tracking, prefix);
    }
}
