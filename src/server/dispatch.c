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

/* --- preparing a batch: look-ups and hashes, so that the misses of all its keys overlap --- */

/* Hashes of the keys of one command, at the indexes of the arguments. Returns how many keys there
 * are, 0 also when they are too many to prepare. */
static size_t hash_keys(struct dispatch *dispatch, const struct command *command,
                        const struct resp_command *line, uint64_t *hashes,
                        struct key_position *positions, size_t positions_max)
{
    const struct keyspace *keyspace = dispatch->server->keyspace;
    const struct key_spec *spec = &command->keys[0];
    if (LIKELY(spec->find == KEY_FIND_RANGE && spec->last == 0 &&
               command->keys[1].find == KEY_FIND_NONE)) {
        size_t index = (size_t)spec->first;
        if (line->count <= index || positions_max == 0)
            return 0;
        hashes[index] = keyspace_hash(keyspace, line->arguments[index]);
        positions[0].index = index;
        return 1;
    }
    size_t count =
        command_key_positions(command, line->arguments, line->count, positions, positions_max);
    if (count == COMMAND_KEYS_ERROR || count > positions_max)
        return 0;
    for (size_t i = 0; i < count; i++)
        hashes[positions[i].index] = keyspace_hash(keyspace, line->arguments[positions[i].index]);
    return count;
}

static bool names_keys(const struct command *command)
{
    return command->keys[0].find != KEY_FIND_NONE && !(command->keys[0].flags & KEY_NOT_KEY);
}

void dispatch_prepare(struct dispatch *dispatch, const struct client *client,
                      const struct resp_command *commands, size_t count)
{
    struct slice last_name = {NULL, 0};
    struct dispatch_entry *last = NULL;
    size_t arguments_used = 0, keys = 0;
    bool hashing = (client->flags & CLIENT_IN_MULTI) == 0;

    for (size_t i = 0; i < count; i++) {
        const struct resp_command *line = &commands[i];
        struct dispatch_plan *plan = &dispatch->plans[i];
        *plan = (struct dispatch_plan){NULL, NULL};
        if (line->count == 0)
            continue;
        /* Pipelines repeat themselves. */
        if (last != NULL && slice_equals(line->arguments[0], last_name)) {
            plan->entry = last;
        } else {
            plan->entry = dispatch_find(dispatch, line->arguments, line->count);
            bool reusable = plan->entry != NULL && plan->entry->container == NULL &&
                            plan->entry->command->subcommands == NULL;
            last = reusable ? plan->entry : NULL;
            last_name = line->arguments[0];
        }
        if (plan->entry == NULL || !hashing || !names_keys(plan->entry->command) ||
            line->count > DISPATCH_BATCH_ARGUMENTS_MAX - arguments_used)
            continue;
        uint64_t *hashes = dispatch->hashes + arguments_used;
        struct key_position *positions = dispatch->positions + keys;
        size_t found = hash_keys(dispatch, plan->entry->command, line, hashes, positions,
                                 DISPATCH_BATCH_KEYS_MAX - keys);
        if (found == 0)
            continue;
        plan->hashes = hashes;
        for (size_t k = 0; k < found; k++)
            dispatch->key_hashes[keys + k] = hashes[positions[k].index];
        arguments_used += line->count;
        keys += found;
    }
    if (keys < 2)
        return;
    for (size_t k = 0; k < keys; k++)
        database_prefetch_bucket(client->database, dispatch->key_hashes[k]);
    for (size_t k = 0; k < keys; k++)
        database_prefetch_entry(client->database, dispatch->key_hashes[k]);
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
                            const struct dispatch_entry *entry, struct slice *arguments,
                            size_t count, const struct slice *key)
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
        dispatch_count_reply_errors(dispatch, client, position, NULL);
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
    dispatch->services.string_size_max = dispatch->server->settings->admission.bulk_length_max;
    while (running && done < count) {
        size_t prepared = count - done < DISPATCH_BATCH_MAX ? count - done : DISPATCH_BATCH_MAX;
        dispatch_prepare(dispatch, client, commands + done, prepared);
        dispatch->ticks = cycles_read(&dispatch->cycles);
        for (size_t i = 0; i < prepared && running; i++) {
            const struct resp_command *line = &commands[done];
            if (!connection_may_run(connection) ||
                (line->count > 0 && !run_one(dispatch, client, line, &dispatch->plans[i])))
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
