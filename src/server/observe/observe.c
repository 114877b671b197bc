#include "server/observe/observe.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/number.h"
#include "commands/command.h"
#include "server/dispatch.h"
#include "server/observe/command_log.h"
#include "server/observe/info.h"
#include "server/observe/latency.h"
#include "server/observe/observe_private.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"
#include "system/clock.h"

struct observe {
    struct server *server;
    struct observe_settings *settings;
    struct observe_limits limits;
    struct command_log *command_log;
    struct latency *latency;
    struct list monitors; /* clients in MONITOR mode: others are not looked at for them */
};

struct observe *observe_create(struct server *server, struct observe_settings *settings)
{
    struct observe *observe = memory_allocate_zeroed(sizeof *observe);
    observe->server = server;
    observe->settings = settings;
    observe->command_log = command_log_create();
    observe->latency = latency_create();
    list_init(&observe->monitors);
    observe_apply(observe);
    return observe;
}

void observe_destroy(struct observe *observe)
{
    command_log_destroy(observe->command_log);
    latency_destroy(observe->latency);
    memory_free(observe);
}

struct command_log *observe_command_log(struct observe *observe)
{
    return observe->command_log;
}

struct latency *observe_latency_events(struct observe *observe)
{
    return observe->latency;
}

const struct list *observe_monitors(const struct observe *observe)
{
    return &observe->monitors;
}

/* A limit of a setting in nanoseconds; one that no command reaches where there is none. */
static int64_t limit_nsec(bool wanted, int64_t value, int64_t nsec_per_unit)
{
    int64_t nsec;
    return wanted && number_multiply(value, nsec_per_unit, &nsec) ? nsec : INT64_MAX;
}

static int64_t slow_nsec(const struct observe_settings *settings)
{
    return limit_nsec(settings->slow_usec >= 0, settings->slow_usec, 1000);
}

static int64_t latency_nsec(const struct observe_settings *settings)
{
    return limit_nsec(settings->latency_threshold_ms > 0, settings->latency_threshold_ms, 1000000);
}

void observe_apply(struct observe *observe)
{
    const struct observe_settings *settings = observe->settings;
    int64_t slow = slow_nsec(settings), long_event = latency_nsec(settings);
    struct sessions *sessions = observe->server->sessions;
    observe->limits = (struct observe_limits){
        .duration_nsec = slow < long_event ? slow : long_event,
        .request_bytes =
            settings->large_request_bytes >= 0 ? (size_t)settings->large_request_bytes : SIZE_MAX,
        .reply_bytes =
            settings->large_reply_bytes >= 0 ? (size_t)settings->large_reply_bytes : SIZE_MAX,
        .monitors = sessions != NULL ? sessions_statistics(sessions)->monitors : 0,
    };
}

const struct observe_limits *observe_limits(const struct observe *observe)
{
    return &observe->limits;
}

void observe_interesting(struct observe *observe, const struct observation *observation)
{
    const struct observe_settings *settings = observe->settings;
    const struct command *command = observation->entry->command;
    struct command_log *log = observe->command_log;
    int64_t now_us = clock_now_us(observe->server->clock);
    if (observe->limits.monitors > 0)
        monitor_feed(observe->server, observation, now_us);
    if (observation->duration_nsec >= latency_nsec(settings))
        observe_latency(observe, command->flags & COMMAND_FAST ? "fast-command" : "command",
                        observation->duration_nsec);
    if (command->flags & COMMAND_SKIP_COMMANDLOG)
        return;
    int64_t now_s = now_us / 1000000;
    if (observation->duration_nsec >= slow_nsec(settings))
        command_log_add(log, COMMAND_LOG_SLOW, observation->duration_nsec / 1000, now_s,
                        observation, settings->slow_length_max);
    if (observation->request_bytes >= observe->limits.request_bytes)
        command_log_add(log, COMMAND_LOG_LARGE_REQUEST, (int64_t)observation->request_bytes, now_s,
                        observation, settings->large_request_length_max);
    if (observation->reply_bytes >= observe->limits.reply_bytes)
        command_log_add(log, COMMAND_LOG_LARGE_REPLY, (int64_t)observation->reply_bytes, now_s,
                        observation, settings->large_reply_length_max);
}

void observe_latency(struct observe *observe, const char *event, int64_t duration_nsec)
{
    if (duration_nsec >= latency_nsec(observe->settings))
        latency_add(observe->latency, event, clock_cached_ms(observe->server->clock) / 1000,
                    duration_nsec / 1000000);
}

void observe_monitor_begins(struct observe *observe, struct client *client)
{
    client->flags |= CLIENT_MONITOR;
    list_add_last(&observe->monitors, &client->monitor_link);
    sessions_statistics(client->server->sessions)->monitors++;
    observe_apply(observe);
}

void observe_monitor_ends(struct observe *observe, struct client *client)
{
    client->flags &= ~(unsigned)CLIENT_MONITOR;
    list_remove(&client->monitor_link);
    sessions_statistics(client->server->sessions)->monitors--;
    observe_apply(observe);
}

void observe_info_text(struct server *server, void (*write_text)(void *context, struct slice text),
                       void *context)
{
    struct slice everything = SLICE("everything");
    struct buffer text = {0};
    info_write(server, &everything, 1, &text);
    write_text(context, buffer_slice(&text));
    buffer_deinit(&text);
}
