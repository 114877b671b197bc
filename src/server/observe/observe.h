/* What the server remembers of commands that ran: COMMANDLOG (SLOWLOG), LATENCY's events, the feed
 * of MONITOR.
 *
 * The dispatcher calls one inline check after each command; only what is interesting goes further.
 * The rest of server/observe (INFO, COMMAND, MEMORY, DEBUG, LOLWUT) needs nothing from the hot
 * path. */
#ifndef HOLDFAST_SERVER_OBSERVE_OBSERVE_H
#define HOLDFAST_SERVER_OBSERVE_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assertion.h"
#include "base/slice.h"

struct client;
struct command;
struct database;
struct dispatch_entry;
struct observe;
struct server;

#define OBSERVE_PERCENTILES_MAX 16 /* of INFO latencystats */

/* Own setting names: slowlog-log-slower-than and commandlog-*; latency-monitor-threshold. */
struct observe_settings {
    int64_t slow_usec;           /* commandlog-execution-slower-than: 10000; -1 never, 0 all */
    uint64_t slow_length_max;    /* commandlog-slow-execution-max-len: 128 */
    int64_t large_request_bytes; /* commandlog-request-larger-than: 1048576; -1 never */
    uint64_t large_request_length_max;
    int64_t large_reply_bytes; /* commandlog-reply-larger-than: 1048576; -1 never */
    uint64_t large_reply_length_max;
    int64_t latency_threshold_ms; /* latency-monitor-threshold: 0 never */
    /* latency-tracking-info-percentiles: 50 99 99.9 */
    double percentiles[OBSERVE_PERCENTILES_MAX];
    size_t percentile_count;
};

/* A command that has just run. Borrowed for the call. */
struct observation {
    struct client *client;
    const struct dispatch_entry *entry;
    const struct slice *arguments;
    size_t count;
    struct database *database; /* in which it ran */
    int64_t duration_nsec;
    size_t request_bytes;
    size_t reply_bytes;
};

/* Public head of the module: the limits that the inline check reads. */
struct observe_limits {
    int64_t duration_nsec; /* the shortest that interests anybody: INT64_MAX for none */
    size_t request_bytes;  /* SIZE_MAX for none */
    size_t reply_bytes;
    size_t monitors; /* clients in MONITOR mode */
};

struct observe *observe_create(struct server *server, struct observe_settings *settings);
void observe_destroy(struct observe *observe);

/* After a change of the settings, and when clients enter or leave MONITOR: recomputes the limits.
 */
void observe_apply(struct observe *observe);
const struct observe_limits *observe_limits(const struct observe *observe);

/* The slow half of observe_command: logs, latency event "command" or "fast-command", the feed of
 * monitors (which leaves out what COMMAND_SKIP_MONITOR and COMMAND_ADMIN say). */
void observe_interesting(struct observe *observe, const struct observation *observation);

static inline void observe_command(struct observe *observe, const struct observe_limits *limits,
                                   const struct observation *observation)
{
    if (UNLIKELY(limits->monitors > 0 || observation->duration_nsec >= limits->duration_nsec ||
                 observation->request_bytes >= limits->request_bytes ||
                 observation->reply_bytes >= limits->reply_bytes))
        observe_interesting(observe, observation);
}

/* Something other than a command took a while: "expire-cycle", "eviction-cycle", ... Below the
 * threshold nothing happens. */
void observe_latency(struct observe *observe, const char *event, int64_t duration_nsec);

/* A client in MONITOR mode goes (closed, RESET): called by the sessions for each such client. */
void observe_monitor_ends(struct observe *observe, struct client *client);

/* Fills a crash report or a log with INFO's text; pieces go to `write`. */
void observe_info_text(struct server *server, void (*write_text)(void *context, struct slice text),
                       void *context);

#endif
