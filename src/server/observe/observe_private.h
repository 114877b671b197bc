/* What the parts of observe ask of each other. */
#ifndef HOLDFAST_SERVER_OBSERVE_OBSERVE_PRIVATE_H
#define HOLDFAST_SERVER_OBSERVE_OBSERVE_PRIVATE_H

#include <stdint.h>

struct client;
struct command_log;
struct latency;
struct list;
struct observation;
struct observe;
struct server;

struct command_log *observe_command_log(struct observe *observe);
struct latency *observe_latency_events(struct observe *observe);

/* Of struct client, by monitor_link. */
const struct list *observe_monitors(const struct observe *observe);
/* A client enters MONITOR mode; observe_monitor_ends when it leaves. */
void observe_monitor_begins(struct observe *observe, struct client *client);

/* Feeds every client in MONITOR mode with a command that ran at `time_us` (wall time). */
void monitor_feed(struct server *server, const struct observation *observation, int64_t time_us);

#endif
