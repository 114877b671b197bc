/* What the parts of observe ask of each other. */
#ifndef HOLDFAST_SERVER_OBSERVE_OBSERVE_PRIVATE_H
#define HOLDFAST_SERVER_OBSERVE_OBSERVE_PRIVATE_H

#include <stdint.h>

struct command_log;
struct latency;
struct observation;
struct observe;
struct server;

struct command_log *observe_command_log(struct observe *observe);
struct latency *observe_latency_events(struct observe *observe);

/* Feeds every client in MONITOR mode with a command that ran at `time_us` (wall time). */
void monitor_feed(struct server *server, const struct observation *observation, int64_t time_us);

#endif
