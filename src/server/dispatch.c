#include "server/dispatch.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "net/connection.h"
#include "server/dispatch_private.h"
#include "server/observe/observe.h"
#include "server/persistence/effects.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/key_waits.h"
#include "server/session/sessions.h"
#include "server/settings.h"
#include "server/transactions/transaction.h"

struct dispatch *dispatch_create(struct server *server, const struct dispatch_settings *settings)
{
    struct dispatch *dispatch = memory_allocate_zeroed(sizeof *dispatch);
    dispatch->server = server;
    dispatch->settings = settings;
    dispatch->statistics.error_codes = dispatch->error_codes;
    cycles_init(&dispatch->cycles);
    dispatch_services_init(&dispatch->services);
    return dispatch;
}

void dispatch_destroy(struct dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    for (size_t i = 0; i < dispatch->rows_count; i++) {
        memory_free(dispatch->rows[i]->entry.latency);
        memory_free(dispatch->rows[i]);
    }
    memory_free(dispatch->rows);
    name_table_deinit(&dispatch->table);
    memory_free(dispatch);
}

struct dispatch_obstacles *dispatch_obstacles(struct dispatch *dispatch)
{
    return &dispatch->obstacles;
}

void dispatch_set_effect(struct dispatch *dispatch,
                         void (*effect)(struct command_context *context, struct database *database,
                                        const struct slice *arguments, size_t count))
{
    dispatch->services.effect = effect;
}

/* --- running --- */

static void record_latency(struct dispatch_entry *entry, uint64_t nsec)
{
    if (UNLIKELY(entry->latency == NULL))
        entry->latency = histogram_create();
    histogram_record(entry->latency, nsec);
}

static void execute(struct dispatch *dispatch, struct client *client, struct dispatch_entry *entry,
                    struct slice *arguments, size_t count, const uint64_t *hashes,
                    size_t request_bytes)
{
    struct server *server = dispatch->server;
    struct resp_writer *reply = client->reply;
    struct command_context context = {
        .command = entry->command,
        .arguments = arguments,
        .count = count,
        .hashes = hashes,
        .reply = reply,
        .keyspace = server->keyspace,
        .database = client->database,
        .services = &dispatch->services,
        .session = client,
        .no_touch = (client->flags & CLIENT_NO_TOUCH) != 0,
    };
    size_t position = reply->out->length;
    uint64_t begin = dispatch->ticks;
    bool logged = effects_are_logged(server->effects);

    if (logged)
        effects_begin_command(server->effects, client, &context);
    entry->command->run(&context);
    if (UNLIKELY(!(entry->command->flags & (COMMAND_READS | COMMAND_WRITES)) ||
                 (entry->command->flags & COMMAND_BLOCKS)))
        dispatch_listen(dispatch); /* WATCH, CLIENT TRACKING, CONFIG SET, BLPOP ... */
    if (logged && effects_are_logged(server->effects)) /* it may have been CONFIG SET */
        effects_end_command(server->effects, client, &context, position);

    uint64_t end = cycles_read(&dispatch->cycles);
    uint64_t ticks = end - begin;
    uint64_t nsec = cycles_nsec(&dispatch->cycles, ticks);
    dispatch->ticks = end;
    dispatch->statistics.commands++;
    dispatch->statistics.changes += context.changes;
    entry->calls++;
    entry->ticks += ticks;
    if (dispatch->settings->latency_tracking)
        record_latency(entry, nsec);
    if (UNLIKELY(reply->errors != 0)) /* behind pushes that came before the reply */
        dispatch_count_reply_errors(dispatch, client,
                                    client->reply_start > position ? client->reply_start : position,
                                    &entry->failed);

    if (UNLIKELY((client->flags & CLIENT_TRACKING) && (entry->command->flags & COMMAND_READS)))
        tracking_remember(server->tracking, client, entry->command, arguments, count);

    size_t written = reply->out->length;
    struct observation observation = {
        .client = client,
        .entry = entry,
        .arguments = arguments,
        .count = count,
        .database = context.database,
        .duration_nsec = (int64_t)nsec,
        .request_bytes = request_bytes,
        .reply_bytes = written > position ? written - position : 0,
    };
    observe_command(server->observe, observe_limits(server->observe), &observation);
}

void dispatch_execute(struct dispatch *dispatch, struct client *client,
                      struct dispatch_entry *entry, struct slice *arguments, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += arguments[i].length;
    execute(dispatch, client, entry, arguments, count, NULL, bytes);
}

/* CLIENT REPLY and CLIENT CACHING hold for one command. */
static void end_command(struct client *client, const struct dispatch_entry *entry)
{
    if (client->flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT)) {
        client->flags &= ~(unsigned)CLIENT_REPLY_SKIP;
        if (client->flags & CLIENT_REPLY_SKIP_NEXT) {
            client->flags &= ~(unsigned)CLIENT_REPLY_SKIP_NEXT;
            client->flags |= CLIENT_REPLY_SKIP;
        }
        client->reply->muted = (client->flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)) != 0;
    }
    if (client->flags & CLIENT_TRACKING) {
        bool keeps = entry != NULL && (dispatch_traits(entry) & TRAIT_KEEPS_CACHING);
        if (!(client->flags & CLIENT_IN_MULTI) && !keeps)
            tracking_command_ends(client);
        tracking_send(client->server->tracking, client);
    }
    if (UNLIKELY(client->deferred.length > 0))
        client_send_deferred(client);
}

void dispatch_execute_woken(struct dispatch *dispatch, struct client *client,
                            struct dispatch_entry *entry, struct slice *arguments, size_t count,
                            const struct slice *key)
{
    struct server *server = dispatch->server;
    struct command_context context = {
        .command = entry->command,
        .arguments = arguments,
        .count = count,
        .reply = client->reply,
        .keyspace = server->keyspace,
        .database = client->database,
        .services = &dispatch->services,
        .session = client,
        .no_touch = (client->flags & CLIENT_NO_TOUCH) != 0,
        .woken_by = key,
    };
    size_t position = client->reply->out->length;
    client->reply_start = position;
    client->flags |= CLIENT_IN_COMMAND;
    bool logged = effects_are_logged(server->effects);
    if (logged)
        effects_begin_command(server->effects, client, &context);
    entry->command->run(&context);
    if (logged)
        effects_end_command(server->effects, client, &context, position);
    dispatch->statistics.changes += context.changes;
    if (UNLIKELY(client->reply->errors != 0))
        dispatch_count_reply_errors(dispatch, client, position, &entry->failed);
    end_command(client, entry);
    client->flags &= ~(unsigned)CLIENT_IN_COMMAND;
}

/* False: postponed, the command is to come again. */
static bool run_one(struct dispatch *dispatch, struct client *client,
                    const struct resp_command *line, const struct dispatch_plan *plan)
{
    struct dispatch_entry *entry = plan->entry;
    client->last_command = entry;
    switch (dispatch_check(dispatch, client, entry, line->arguments, line->count)) {
    case VERDICT_RUN:
        dispatch->running = line;
        client->reply_start = client->reply->out->length;
        execute(dispatch, client, entry, line->arguments, line->count, plan->hashes,
                line->wire_length);
        dispatch->running = NULL;
        break;
    case VERDICT_QUEUE:
        if (transaction_queue(client, entry, line->arguments, line->count))
            resp_writer_simple(client->reply, SLICE("QUEUED"));
        else
            dispatch_reject(dispatch, client, entry, "OOM out of memory while queueing");
        break;
    case VERDICT_REFUSED:
        break;
    case VERDICT_POSTPONED:
        return false;
    }
    end_command(client, entry);
    if (entry != NULL && !(entry->command->flags & COMMAND_READS))
        key_waits_serve(dispatch->server->key_waits);
    return true;
}

size_t dispatch_run(struct dispatch *dispatch, struct client *client, struct resp_command *commands,
                    size_t count)
{
    struct connection *connection = client->connection;
    size_t done = 0;
    bool running = true;
    client->flags |= CLIENT_IN_COMMAND;
    dispatch_listen(dispatch);
    dispatch->services.string_size_max = dispatch->server->settings->admission.bulk_length_max;
    while (running && done < count) {
        size_t prepared = count - done < DISPATCH_BATCH_MAX ? count - done : DISPATCH_BATCH_MAX;
        struct dispatch_batch *batch =
            dispatch_prepared(dispatch, client, commands + done, prepared);
        dispatch->ticks = cycles_read(&dispatch->cycles);
        for (size_t i = 0; i < prepared && running; i++) {
            const struct resp_command *line = &commands[done];
            if (!connection_may_run(connection) ||
                (line->count > 0 && !run_one(dispatch, client, line, &batch->plans[i])))
                running = false;
            else
                done++;
        }
    }
    client->flags &= ~(unsigned)CLIENT_IN_COMMAND;
    if (client->reply->out->length > 0)
        connection_has_output(connection);
    return done;
}
