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

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD_CHANNEL, PUBSUB_KINDS };

struct pubsub *pubsub_create(struct server *server);
void pubsub_destroy(struct pubsub *pubsub);

/* --- messages --- */

/* The one way of every message to its subscribers: PUBLISH, keyspace notifications. Returns how
 * many got it. */
size_t pubsub_publish(struct pubsub *pubsub, struct slice channel, struct slice message);
size_t pubsub_publish_shard(struct pubsub *pubsub, struct slice channel, struct slice message);

/* True if somebody listens to any channel or pattern: spares the making of messages. */
bool pubsub_has_listeners(const struct pubsub *pubsub);

/* --- subscriptions --- */

/* False: it was subscribed already (or was not); nothing has changed. */
bool pubsub_subscribe(struct pubsub *pubsub, struct client *client, enum pubsub_kind kind,
                      struct slice name);
bool pubsub_unsubscribe(struct pubsub *pubsub, struct client *client, enum pubsub_kind kind,
                        struct slice name);
/* Some subscription of the client, for ending all of them one by one. False: there is none. The
 * name is valid while it is subscribed. */
bool pubsub_any_subscription(const struct client *client, enum pubsub_kind kind,
                             struct slice *name);
/* Ends all subscriptions of a client, silently: it goes, or RESET. */
void pubsub_forget_client(struct pubsub *pubsub, struct client *client);

/* --- looking --- */

size_t pubsub_client_count(const struct client *client, enum pubsub_kind kind);
/* Names in use, and subscribers of one. */
size_t pubsub_count(const struct pubsub *pubsub, enum pubsub_kind kind);
size_t pubsub_subscribers(const struct pubsub *pubsub, enum pubsub_kind kind, struct slice name);
/* Visits every name in use. */
void pubsub_visit(const struct pubsub *pubsub, enum pubsub_kind kind,
                  void (*visit)(void *context, struct slice name), void *context);

size_t pubsub_memory(const struct pubsub *pubsub); /* bytes */
size_t pubsub_client_memory(const struct client *client);

#endif
