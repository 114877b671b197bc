#include "server/pubsub/pubsub.h"

#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/glob.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/name_table.h"
#include "base/number.h"
#include "base/prefetch.h"
#include "keyspace/keyspace.h"
#include "server/server.h"
#include "server/session/admission.h"
#include "server/session/client.h"
#include "server/session/sessions.h"

/* A channel or pattern somebody listens to. Its subscribers lie in one array: publishing walks it.
 */
struct topic {
    struct name_node node;
    struct list patterns; /* of patterns: in order of appearance */
    struct subscription **subscriptions;
    size_t count, capacity;
    char name[];
};

struct subscription {
    struct name_node node; /* in the client's table; the name is the topic's */
    struct topic *topic;
    struct client *client;
    size_t index; /* in topic->subscriptions */
};

/* What one client listens to. */
struct pubsub_state {
    struct name_table subscriptions[PUBSUB_KINDS];
};

struct pubsub {
    struct server *server;
    struct name_table topics[PUBSUB_KINDS];
    struct list patterns;           /* of struct topic */
    size_t memory;                  /* bytes of topics and subscriptions */
    struct buffer message;          /* the message being published, as RESP2 */
    struct chain_shared *shared[2]; /* where subscribers get it from: RESP2 and RESP3; or NULL */
};

#define TOPIC_SUBSCRIPTIONS_MIN 4
#define PREFETCH_AHEAD                                                                             \
    8 /* subscribers whose memory is fetched ahead of the one that is written to */
#define CONNECTION_FETCHED 192        /* bytes: up to what writing to it touches */
#define MESSAGE_BUFFER_KEPT_MAX 65536 /* bytes kept between messages */
#define SHARED_SIZE 16384             /* bytes of messages that follow each other in memory */
#define NOT_PLACED SIZE_MAX

struct pubsub *pubsub_create(struct server *server)
{
    struct pubsub *pubsub = memory_allocate_zeroed(sizeof *pubsub);
    pubsub->server = server;
    list_init(&pubsub->patterns);
    return pubsub;
}

void pubsub_destroy(struct pubsub *pubsub)
{
    if (pubsub == NULL)
        return;
    for (enum pubsub_kind kind = 0; kind < PUBSUB_KINDS; kind++)
        ASSERT(pubsub->topics[kind].count == 0);
    buffer_deinit(&pubsub->message);
    chain_shared_release(pubsub->shared[0]);
    chain_shared_release(pubsub->shared[1]);
    memory_free(pubsub);
}

static uint64_t hash_of(const struct pubsub *pubsub, struct slice name)
{
    return keyspace_hash(pubsub->server->keyspace, name);
}

static struct topic *find_topic(const struct pubsub *pubsub, enum pubsub_kind kind,
                                struct slice name)
{
    if (pubsub->topics[kind].count == 0)
        return NULL;
    struct name_node *node = name_table_find(&pubsub->topics[kind], hash_of(pubsub, name), name);
    return node == NULL ? NULL : NAME_TABLE_ENTRY(node, struct topic, node);
}

/* --- subscribing --- */

static struct topic *add_topic(struct pubsub *pubsub, enum pubsub_kind kind, struct slice name)
{
    struct topic *topic = memory_allocate_zeroed(sizeof *topic + name.length);
    if (name.length > 0)
        memcpy(topic->name, name.data, name.length);
    topic->node.name = slice_of(topic->name, name.length);
    topic->node.hash = hash_of(pubsub, name);
    list_init(&topic->patterns);
    if (kind == PUBSUB_PATTERN)
        list_add_last(&pubsub->patterns, &topic->patterns);
    name_table_add(&pubsub->topics[kind], &topic->node);
    pubsub->memory += sizeof *topic + name.length;
    return topic;
}

static void remove_topic(struct pubsub *pubsub, enum pubsub_kind kind, struct topic *topic)
{
    name_table_remove(&pubsub->topics[kind], &topic->node);
    list_remove(&topic->patterns);
    pubsub->memory -= sizeof *topic + topic->node.name.length;
    pubsub->memory -= topic->capacity * sizeof(struct subscription *);
    memory_free(topic->subscriptions);
    memory_free(topic);
}

static size_t total_count(const struct client *client)
{
    size_t sum = 0;
    for (enum pubsub_kind kind = 0; kind < PUBSUB_KINDS; kind++)
        sum += pubsub_client_count(client, kind);
    return sum;
}

/* The first subscription of a client puts it among the subscribers, the end of the last takes it
 * out. */
static void update_class(struct pubsub *pubsub, struct client *client)
{
    struct session_statistics *statistics = sessions_statistics(pubsub->server->sessions);
    bool subscribed = total_count(client) > 0;
    if (subscribed == ((client->flags & CLIENT_PUBSUB) != 0))
        return;
    if (subscribed) {
        client->flags |= CLIENT_PUBSUB;
        statistics->pubsub_clients++;
    } else {
        client->flags &= ~(unsigned)CLIENT_PUBSUB;
        statistics->pubsub_clients--;
    }
    if (!(client->flags & CLIENT_CLOSING))
        admission_set_limits(pubsub->server->admission, client);
}

bool pubsub_subscribe(struct pubsub *pubsub, struct client *client, enum pubsub_kind kind,
                      struct slice name)
{
    struct topic *topic = find_topic(pubsub, kind, name);
    if (topic == NULL)
        topic = add_topic(pubsub, kind, name);
    if (client->pubsub == NULL)
        client->pubsub = memory_allocate_zeroed(sizeof *client->pubsub);
    struct name_table *own = &client->pubsub->subscriptions[kind];
    if (name_table_find(own, topic->node.hash, name) != NULL)
        return false;

    struct subscription *subscription = memory_allocate_zeroed(sizeof *subscription);
    subscription->node.name = topic->node.name;
    subscription->node.hash = topic->node.hash;
    subscription->topic = topic;
    subscription->client = client;
    subscription->index = topic->count;
    name_table_add(own, &subscription->node);
    if (topic->count == topic->capacity) {
        size_t capacity = topic->capacity == 0 ? TOPIC_SUBSCRIPTIONS_MIN : topic->capacity * 2;
        pubsub->memory += (capacity - topic->capacity) * sizeof(struct subscription *);
        topic->subscriptions =
            memory_resize(topic->subscriptions, capacity * sizeof(struct subscription *));
        topic->capacity = capacity;
    }
    topic->subscriptions[topic->count++] = subscription;
    pubsub->memory += sizeof *subscription;
    update_class(pubsub, client);
    return true;
}

static void end_subscription(struct pubsub *pubsub, enum pubsub_kind kind,
                             struct subscription *subscription)
{
    struct topic *topic = subscription->topic;
    name_table_remove(&subscription->client->pubsub->subscriptions[kind], &subscription->node);
    struct subscription *last = topic->subscriptions[--topic->count];
    topic->subscriptions[subscription->index] = last;
    last->index = subscription->index;
    if (topic->count == 0)
        remove_topic(pubsub, kind, topic);
    pubsub->memory -= sizeof *subscription;
    memory_free(subscription);
}

bool pubsub_unsubscribe(struct pubsub *pubsub, struct client *client, enum pubsub_kind kind,
                        struct slice name)
{
    if (pubsub_client_count(client, kind) == 0)
        return false;
    struct name_node *node =
        name_table_find(&client->pubsub->subscriptions[kind], hash_of(pubsub, name), name);
    if (node == NULL)
        return false;
    end_subscription(pubsub, kind, NAME_TABLE_ENTRY(node, struct subscription, node));
    update_class(pubsub, client);
    return true;
}

bool pubsub_any_subscription(const struct client *client, enum pubsub_kind kind, struct slice *name)
{
    if (pubsub_client_count(client, kind) == 0)
        return false;
    /* From a moving place: the first buckets of a table that is being emptied are empty soon. */
    const struct name_table *own = &client->pubsub->subscriptions[kind];
    *name = name_table_pick(own, own->count - 1)->name;
    return true;
}

void pubsub_forget_client(struct pubsub *pubsub, struct client *client)
{
    if (client->pubsub == NULL)
        return;
    for (enum pubsub_kind kind = 0; kind < PUBSUB_KINDS; kind++) {
        struct name_table *own = &client->pubsub->subscriptions[kind];
        while (own->count > 0) {
            struct name_node *node = name_table_pick(own, own->count - 1);
            end_subscription(pubsub, kind, NAME_TABLE_ENTRY(node, struct subscription, node));
        }
    }
    update_class(pubsub, client);
    memory_free(client->pubsub);
    client->pubsub = NULL;
}

/* --- publishing --- */

static void add_bulk(struct buffer *out, struct slice bytes)
{
    char head[NUMBER_INTEGER_TEXT_MAX + 3];
    head[0] = '$';
    size_t length = 1 + number_format_uint64(head + 1, bytes.length);
    head[length++] = '\r';
    head[length++] = '\n';
    buffer_add(out, head, length);
    buffer_add(out, bytes.data, bytes.length);
    buffer_add(out, "\r\n", 2);
}

static void encode(struct pubsub *pubsub, const char *head, const struct slice *parts, size_t count)
{
    struct buffer *message = &pubsub->message;
    if (message->capacity > MESSAGE_BUFFER_KEPT_MAX)
        buffer_deinit(message);
    buffer_clear(message);
    buffer_add_string(message, head);
    for (size_t i = 0; i < count; i++)
        add_bulk(message, parts[i]);
}

/* Puts the message where subscribers of a protocol version share it, behind the one before it if
 * that is still to be sent: both then leave at once. Returns its position. */
static size_t place(struct pubsub *pubsub, bool resp3)
{
    const struct buffer *message = &pubsub->message;
    struct chain_shared *shared = pubsub->shared[resp3];
    if (shared != NULL && shared->references == 1 && shared->capacity == SHARED_SIZE)
        shared->length = 0; /* nobody has anything of it any more */
    if (shared == NULL || shared->capacity - shared->length < message->length) {
        chain_shared_release(shared);
        shared = chain_shared_create(message->length > SHARED_SIZE ? message->length : SHARED_SIZE);
        pubsub->shared[resp3] = shared;
    }
    size_t position = chain_shared_append(shared, message->data, message->length);
    if (resp3)
        shared->data[position] = '>'; /* all that the versions differ in */
    return position;
}

/* The bytes to write to are three steps away from the array; steps are taken ahead of time. */
static void fetch_ahead(const struct topic *topic, size_t i)
{
    if (i + 3 * PREFETCH_AHEAD < topic->count)
        prefetch(topic->subscriptions[i + 3 * PREFETCH_AHEAD]);
    if (i + 2 * PREFETCH_AHEAD < topic->count)
        prefetch(topic->subscriptions[i + 2 * PREFETCH_AHEAD]->client);
    if (i + PREFETCH_AHEAD < topic->count)
        prefetch_bytes(topic->subscriptions[i + PREFETCH_AHEAD]->client->connection,
                       CONNECTION_FETCHED);
}

static size_t deliver(struct pubsub *pubsub, const struct topic *topic)
{
    size_t positions[2] = {NOT_PLACED, NOT_PLACED};
    for (size_t i = 0; i < topic->count; i++) {
        fetch_ahead(topic, i);
        struct client *client = topic->subscriptions[i]->client;
        bool resp3 = client->reply->version == 3;
        if (positions[resp3] == NOT_PLACED)
            positions[resp3] = place(pubsub, resp3);
        client_push_shared(client, pubsub->shared[resp3], positions[resp3], pubsub->message.length);
    }
    return topic->count;
}

size_t pubsub_publish(struct pubsub *pubsub, struct slice channel, struct slice message)
{
    size_t receivers = 0;
    const struct topic *topic = find_topic(pubsub, PUBSUB_CHANNEL, channel);
    if (topic != NULL) {
        encode(pubsub, "*3\r\n$7\r\nmessage\r\n", (struct slice[]){channel, message}, 2);
        receivers += deliver(pubsub, topic);
    }
    LIST_FOR_EACH (node, &pubsub->patterns) {
        topic = LIST_ENTRY(node, struct topic, patterns);
        if (!glob_matches(topic->node.name, channel))
            continue;
        encode(pubsub, "*4\r\n$8\r\npmessage\r\n",
               (struct slice[]){topic->node.name, channel, message}, 3);
        receivers += deliver(pubsub, topic);
    }
    return receivers;
}

size_t pubsub_publish_shard(struct pubsub *pubsub, struct slice channel, struct slice message)
{
    const struct topic *topic = find_topic(pubsub, PUBSUB_SHARD_CHANNEL, channel);
    if (topic == NULL)
        return 0;
    encode(pubsub, "*3\r\n$8\r\nsmessage\r\n", (struct slice[]){channel, message}, 2);
    return deliver(pubsub, topic);
}

/* --- looking --- */

bool pubsub_has_listeners(const struct pubsub *pubsub)
{
    return pubsub->topics[PUBSUB_CHANNEL].count > 0 || pubsub->topics[PUBSUB_PATTERN].count > 0;
}

size_t pubsub_client_count(const struct client *client, enum pubsub_kind kind)
{
    return client->pubsub == NULL ? 0 : client->pubsub->subscriptions[kind].count;
}

size_t pubsub_count(const struct pubsub *pubsub, enum pubsub_kind kind)
{
    return pubsub->topics[kind].count;
}

size_t pubsub_subscribers(const struct pubsub *pubsub, enum pubsub_kind kind, struct slice name)
{
    const struct topic *topic = find_topic(pubsub, kind, name);
    return topic == NULL ? 0 : topic->count;
}

void pubsub_visit(const struct pubsub *pubsub, enum pubsub_kind kind,
                  void (*visit)(void *context, struct slice name), void *context)
{
    const struct name_table *topics = &pubsub->topics[kind];
    for (struct name_node *node = name_table_next(topics, NULL); node != NULL;
         node = name_table_next(topics, node))
        visit(context, node->name);
}

size_t pubsub_memory(const struct pubsub *pubsub)
{
    size_t memory = pubsub->memory;
    for (enum pubsub_kind kind = 0; kind < PUBSUB_KINDS; kind++)
        memory += name_table_memory(&pubsub->topics[kind]);
    return memory;
}

size_t pubsub_client_memory(const struct client *client)
{
    if (client->pubsub == NULL)
        return 0;
    size_t memory = sizeof *client->pubsub;
    for (enum pubsub_kind kind = 0; kind < PUBSUB_KINDS; kind++)
        memory += name_table_memory(&client->pubsub->subscriptions[kind]) +
                  client->pubsub->subscriptions[kind].count * sizeof(struct subscription);
    return memory;
}
