#include "server/observe/latency.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "server/command_tables.h"
#include "server/dispatch.h"
#include "server/observe/histogram.h"
#include "server/observe/observe_private.h"
#include "server/observe/sparkline.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/settings.h"
#include "system/clock.h"

struct sample {
    int64_t time_s, duration_ms;
};

struct event {
    const char *name;
    int64_t longest_ms;
    size_t count, next; /* samples in the ring, where the next one goes */
    struct sample samples[LATENCY_SAMPLES];
};

struct latency {
    size_t count;
    struct event *events[LATENCY_EVENTS_MAX];
};

struct latency *latency_create(void)
{
    return memory_allocate_zeroed(sizeof(struct latency));
}

void latency_destroy(struct latency *latency)
{
    for (size_t i = 0; i < latency->count; i++)
        memory_free(latency->events[i]);
    memory_free(latency);
}

static struct event *find_event(struct latency *latency, struct slice name)
{
    for (size_t i = 0; i < latency->count; i++) {
        if (slice_equals(slice_of_string(latency->events[i]->name), name))
            return latency->events[i];
    }
    return NULL;
}

/* The sample that is `age` samples old; 0 is the newest. */
static struct sample *sample_of_age(struct event *event, size_t age)
{
    return &event->samples[(event->next + LATENCY_SAMPLES - 1 - age) % LATENCY_SAMPLES];
}

void latency_add(struct latency *latency, const char *name, int64_t time_s, int64_t duration_ms)
{
    struct event *event = find_event(latency, slice_of_string(name));
    if (event == NULL) {
        if (latency->count == LATENCY_EVENTS_MAX)
            return;
        event = memory_allocate_zeroed(sizeof *event);
        event->name = name;
        latency->events[latency->count++] = event;
    }
    if (duration_ms > event->longest_ms)
        event->longest_ms = duration_ms;
    if (event->count > 0 && sample_of_age(event, 0)->time_s == time_s) {
        if (duration_ms > sample_of_age(event, 0)->duration_ms)
            sample_of_age(event, 0)->duration_ms = duration_ms;
        return;
    }
    event->samples[event->next] = (struct sample){time_s, duration_ms};
    event->next = (event->next + 1) % LATENCY_SAMPLES;
    if (event->count < LATENCY_SAMPLES)
        event->count++;
}

/* --- the commands --- */

static struct latency *latency_of(struct command_context *context)
{
    return observe_latency_events(client_of(context)->server->observe);
}

static void command_latest(struct command_context *context)
{
    struct latency *latency = latency_of(context);
    resp_writer_array(context->reply, latency->count);
    for (size_t i = 0; i < latency->count; i++) {
        struct event *event = latency->events[i];
        resp_writer_array(context->reply, 4);
        resp_writer_bulk_string(context->reply, event->name);
        resp_writer_integer(context->reply, sample_of_age(event, 0)->time_s);
        resp_writer_integer(context->reply, sample_of_age(event, 0)->duration_ms);
        resp_writer_integer(context->reply, event->longest_ms);
    }
}

static void command_history(struct command_context *context)
{
    struct event *event = find_event(latency_of(context), context->arguments[2]);
    resp_writer_array(context->reply, event != NULL ? event->count : 0);
    for (size_t i = event != NULL ? event->count : 0; i > 0; i--) {
        resp_writer_array(context->reply, 2);
        resp_writer_integer(context->reply, sample_of_age(event, i - 1)->time_s);
        resp_writer_integer(context->reply, sample_of_age(event, i - 1)->duration_ms);
    }
}

static void command_reset(struct command_context *context)
{
    struct latency *latency = latency_of(context);
    int64_t reset = 0;
    for (size_t i = latency->count; i > 0; i--) {
        struct event *event = latency->events[i - 1];
        bool named = context->count == 2;
        for (size_t argument = 2; argument < context->count; argument++)
            named |= slice_is_word(context->arguments[argument], event->name);
        if (!named)
            continue;
        memory_free(event);
        latency->events[i - 1] = latency->events[--latency->count];
        reset++;
    }
    resp_writer_integer(context->reply, reset);
}

static void command_graph(struct command_context *context)
{
    struct server *server = client_of(context)->server;
    struct event *event = find_event(latency_of(context), context->arguments[2]);
    if (event == NULL) {
        resp_writer_error_format(context->reply, "ERR No samples available for event '%.*s'",
                                 (int)context->arguments[2].length, context->arguments[2].data);
        return;
    }
    struct sparkline_column columns[LATENCY_SAMPLES];
    int64_t low = INT64_MAX, high = 0, now_s = clock_cached_ms(server->clock) / 1000;
    for (size_t i = 0; i < event->count; i++) { /* oldest first */
        const struct sample *sample = sample_of_age(event, event->count - 1 - i);
        columns[i] = (struct sparkline_column){sample->duration_ms, now_s - sample->time_s};
        low = sample->duration_ms < low ? sample->duration_ms : low;
        high = sample->duration_ms > high ? sample->duration_ms : high;
    }
    struct buffer text = {0};
    buffer_add_format(
        &text, "%s - high %" PRId64 " ms, low %" PRId64 " ms (all time high %" PRId64 " ms)\n",
        event->name, high, low, event->longest_ms);
    for (int i = 0; i < SPARKLINE_COLUMNS; i++)
        buffer_add_string(&text, "-");
    buffer_add_string(&text, "\n");
    sparkline_draw(columns, event->count, &text);
    resp_writer_verbatim(context->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
}

static void command_doctor(struct command_context *context)
{
    struct latency *latency = latency_of(context);
    struct buffer text = {0};
    if (client_of(context)->server->settings->observe.latency_threshold_ms <= 0)
        buffer_add_string(&text,
                          "Latency events are not recorded: set latency-monitor-threshold to "
                          "the milliseconds from which they shall be.\n");
    else if (latency->count == 0)
        buffer_add_string(&text, "No event took longer than latency-monitor-threshold.\n");
    for (size_t i = 0; i < latency->count; i++) {
        struct event *event = latency->events[i];
        int64_t sum = 0;
        for (size_t age = 0; age < event->count; age++)
            sum += sample_of_age(event, age)->duration_ms;
        buffer_add_format(&text,
                          "%s: %zu seconds with long events, %" PRId64
                          " ms on average, the longest %" PRId64 " ms.\n",
                          event->name, event->count, sum / (int64_t)event->count,
                          event->longest_ms);
    }
    resp_writer_verbatim(context->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
}

/* Counts of calls up to each power of two of microseconds, as Redis shows them. */
static void reply_histogram(struct resp_writer *reply, const struct dispatch_entry *entry)
{
    uint64_t limits[48], counts[48], before = 0;
    size_t shown = 0;
    for (unsigned power = 0; power < 40 && before < entry->latency->count; power++) {
        uint64_t limit_usec = UINT64_C(1) << power;
        uint64_t count = histogram_count_up_to(entry->latency, limit_usec * 1000);
        if (count > before) {
            limits[shown] = limit_usec;
            counts[shown++] = count;
            before = count;
        }
    }
    resp_writer_bulk_string(reply, entry->full_name);
    resp_writer_map(reply, 2);
    resp_writer_bulk_string(reply, "calls");
    resp_writer_integer(reply, (int64_t)entry->latency->count);
    resp_writer_bulk_string(reply, "histogram_usec");
    resp_writer_map(reply, shown);
    for (size_t i = 0; i < shown; i++) {
        resp_writer_integer(reply, (int64_t)limits[i]);
        resp_writer_integer(reply, (int64_t)counts[i]);
    }
}

static bool is_asked(struct command_context *context, const struct dispatch_entry *entry)
{
    if (entry->latency == NULL)
        return false;
    if (context->count == 2)
        return true;
    for (size_t i = 2; i < context->count; i++) {
        const struct dispatch_entry *asked =
            dispatch_find_name(client_of(context)->server->dispatch, context->arguments[i]);
        if (asked != NULL && (asked == entry || asked == entry->container))
            return true;
    }
    return false;
}

static void command_histogram(struct command_context *context)
{
    struct dispatch *dispatch = client_of(context)->server->dispatch;
    size_t count = 0;
    for (size_t i = 0; i < dispatch_count(dispatch); i++)
        count += is_asked(context, dispatch_at(dispatch, i));
    resp_writer_map(context->reply, count);
    for (size_t i = 0; i < dispatch_count(dispatch); i++) {
        if (is_asked(context, dispatch_at(dispatch, i)))
            reply_histogram(context->reply, dispatch_at(dispatch, i));
    }
}

static void command_help(struct command_context *context)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the "
        "specified command names.",
        "    If no commands are specified then all histograms are replied.",
        NULL,
    };
    command_reply_help(context, "LATENCY", lines);
}

#define ALL_NODES "nondeterministic_output request_policy:all_nodes response_policy:special"

#define ROW(name_, run_, arity_, since_, tips_, syntax_, summary_)                                 \
    {                                                                                              \
        .name = (name_), .run = (run_), .arity = (arity_),                                         \
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE,              \
        .keys = KEYS_NONE, .group = "server", .since = (since_), .syntax = (syntax_),              \
        .summary = (summary_), .tips = (tips_),                                                    \
    }

static const struct command subcommands[] = {
    ROW("DOCTOR", command_doctor, 2, "2.8.13", ALL_NODES, "", "Sums up the latency events."),
    ROW("GRAPH", command_graph, 3, "2.8.13", ALL_NODES, "event", "Draws one event's durations."),
    {
        .name = "HELP",
        .run = command_help,
        .arity = 2,
        .flags = COMMAND_LOADING | COMMAND_STALE,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.8.13",
        .syntax = "",
        .summary = "Lists the subcommands.",
    },
    ROW("HISTOGRAM", command_histogram, -2, "7.0.0", ALL_NODES, "[command [command ...]]",
        "Shows how the durations of commands are distributed."),
    ROW("HISTORY", command_history, 3, "2.8.13", ALL_NODES, "event",
        "Lists one event's durations."),
    ROW("LATEST", command_latest, 2, "2.8.13", ALL_NODES, "", "Shows the newest of every event."),
    ROW("RESET", command_reset, -2, "2.8.13",
        "request_policy:all_nodes response_policy:all_succeeded", "[event [event ...]]",
        "Forgets events."),
    {.name = NULL},
};

const struct command latency_commands[] = {
    {
        .name = "LATENCY",
        .arity = -2,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.8.13",
        .syntax = "",
        .summary = "Tells what took long.",
        .subcommands = subcommands,
    },
    {.name = NULL},
};
