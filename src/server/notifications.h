/* Keyspace notifications: which events are published, and under which names.
 *
 * notify-keyspace-events is a set of letters: K and E choose the channel families, the others the
 * classes of events. https://redis.io/docs/latest/develop/use/keyspace-notifications/ */
#ifndef HOLDFAST_SERVER_NOTIFICATIONS_H
#define HOLDFAST_SERVER_NOTIFICATIONS_H

#include <stdbool.h>

#include "base/slice.h"
#include "commands/command.h"

struct buffer;
struct client;
struct database;
struct notifications;
struct server;

#define NOTIFICATION_KEYSPACE (1u << 16) /* K: __keyspace@<db>__:<key> */
#define NOTIFICATION_KEYEVENT (1u << 17) /* E: __keyevent@<db>__:<event> */
/* A: all classes but m and n */
#define NOTIFICATION_ALL                                                                           \
    (EVENT_GENERIC | EVENT_STRING | EVENT_LIST | EVENT_SET | EVENT_HASH | EVENT_ZSET |             \
     EVENT_EXPIRED | EVENT_EVICTED | EVENT_STREAM | EVENT_MODULE)

struct notification_settings {
    unsigned events; /* NOTIFICATION_* and enum event_class; 0 is off */
};

struct notifications *notifications_create(struct server *server,
                                           const struct notification_settings *settings);
void notifications_destroy(struct notifications *notifications);

/* Letters to flags; false if one is unknown. */
bool notifications_parse(struct slice letters, unsigned *events);
/* Flags to letters in Redis's order ("AKE"), appended. */
void notifications_format(unsigned events, struct buffer *out);

/* Publishes the event if it is asked for. */
void notifications_send(struct notifications *notifications, struct database *database,
                        unsigned event_class, const char *event, struct slice key);

#endif
