/* Channels, patterns and shard channels: who listens, and how a message reaches them.
 *
 * A message is put into bytes once per protocol version; each subscriber costs one append. */
#ifndef HOLDFAST_SERVER_PUBSUB_PUBSUB_H
#define HOLDFAST_SERVER_PUBSUB_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct client;
struct pubsub;
struct server;

struct pubsub *pubsub_create(struct server *server);
void pubsub_destroy(struct pubsub *pubsub);

/* The one way of every message to its subscribers: PUBLISH, keyspace notifications. Returns how
 * many got it. */
size_t pubsub_publish(struct pubsub *pubsub, struct slice channel, struct slice message);
size_t pubsub_publish_shard(struct pubsub *pubsub, struct slice channel, struct slice message);

/* True if somebody listens to any channel or pattern: spares the making of messages. */
bool pubsub_has_listeners(const struct pubsub *pubsub);

/* Ends all subscriptions of a client, silently: it goes, or RESET. */
void pubsub_forget_client(struct pubsub *pubsub, struct client *client);

/* Subscriptions of one client: CLIENT LIST's sub, psub, ssub. */
size_t pubsub_client_channels(const struct client *client);
size_t pubsub_client_patterns(const struct client *client);
size_t pubsub_client_shard_channels(const struct client *client);

/* INFO's pubsub_channels, pubsub_patterns, pubsubshard_channels. */
size_t pubsub_channel_count(const struct pubsub *pubsub);
size_t pubsub_pattern_count(const struct pubsub *pubsub);
size_t pubsub_shard_channel_count(const struct pubsub *pubsub);
size_t pubsub_memory(const struct pubsub *pubsub); /* bytes */
size_t pubsub_client_memory(const struct client *client);

#endif
