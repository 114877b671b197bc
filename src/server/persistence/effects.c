#include "server/persistence/effects.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "commands/command.h"
#include "net/connection.h"
#include "net/network.h"
#include "persist/log_writer.h"
#include "server/dispatch.h"
#include "server/persistence/migration.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/settings.h"

struct effects *effects_create(struct server *server)
{
    struct effects *effects = memory_allocate_zeroed(sizeof *effects);
    effects->server = server;
    return effects;
}

void effects_destroy(struct effects *effects)
{
    memory_free(effects);
}

void effects_set_log(struct effects *effects, struct log_writer *log)
{
    effects->log = log;
    effects->depth = 0; /* what runs now began with another log, or without one */
    effects->transaction_log = NULL;
    keyspace_track_writes(effects->server->keyspace, log != NULL);
    dispatch_set_effect(effects->server->dispatch, log != NULL ? effects_add : NULL);
}

void effects_release(struct effects *effects)
{
    uint64_t gate = effects->log != NULL ? log_writer_durable_group(effects->log) : UINT64_MAX;
    network_release(effects->server->network, gate);
    migrations_release(effects->server->migrations, gate);
}

/* --- gates --- */

static void gate_output(struct effects *effects, struct client *client, size_t position,
                        uint64_t gate)
{
    if (LIKELY(gate <= log_writer_durable_group(effects->log)) ||
        effects->server->settings->persistence.gates_off)
        return;
    log_writer_expect(effects->log, gate);
    connection_gate_output(client->connection, position, gate);
}

void effects_gate_message(struct effects *effects, struct client *client, size_t position)
{
    if (effects->log != NULL && log_writer_hides_the_undurable(effects->log) &&
        !effects->server->settings->persistence.message_gates_off)
        gate_output(effects, client, position, effects->message_gate);
}

uint64_t effects_reading_gate(struct effects *effects)
{
    if (effects->log == NULL || !log_writer_hides_the_undurable(effects->log) ||
        effects->server->settings->persistence.gates_off)
        return 0;
    uint64_t gate = keyspace_take_read_mark(effects->server->keyspace);
    if (gate <= log_writer_durable_group(effects->log))
        return 0;
    log_writer_expect(effects->log, gate);
    return gate;
}

/* --- commands --- */

void effects_begin_command(struct effects *effects, struct client *client,
                           const struct command_context *context)
{
    uint64_t group = log_writer_group(effects->log);
    if (effects->depth++ == 0) {
        effects->inner_gate = 0;
        effects->transaction_wrote = false;
    }
    keyspace_set_write_mark(effects->server->keyspace, group);
    (void)keyspace_take_read_mark(effects->server->keyspace);
    /* What a client publishes after a change of its own must not overtake it. */
    bool writes = (context->command->flags & COMMAND_WRITES) != 0 || effects->transaction_wrote;
    effects->message_gate = writes ? group : connection_last_gate(client->connection);
}

/* The others of this turn wait, too: hundreds of large values may have come in it. The end of the
 * turn lets writers go on where there is room again. */
static void hold_writers_if_full(const struct effects *effects)
{
    if (UNLIKELY(log_writer_backlog(effects->log) > LOG_BACKLOG_MAX))
        dispatch_obstacles(effects->server->dispatch)->hold_writers = true;
}

/* What the reply of a command that changed nothing waits for. */
static uint64_t gate_of_reading(const struct effects *effects,
                                const struct command_context *context)
{
    struct keyspace *keyspace = effects->server->keyspace;
    const struct command *command = context->command;
    if (command->keys[0].find != KEY_FIND_NONE && !(command->keys[0].flags & KEY_NOT_KEY))
        return keyspace_take_read_mark(keyspace);
    /* SCAN, KEYS, DBSIZE, RANDOMKEY. */
    return (command->flags & COMMAND_READS) ? keyspace_last_write_mark(keyspace) : 0;
}

void effects_end_command(struct effects *effects, struct client *client,
                         struct command_context *context, size_t position)
{
    uint64_t gate;
    if (context->changes > 0) {
        if (!context->effect_replaced)
            log_writer_append(effects->log, database_index(context->database), context->arguments,
                              context->count);
        hold_writers_if_full(effects);
        effects->transaction_wrote = true;
        client->log_offset = log_writer_offset(effects->log);
        gate = log_writer_group(effects->log);
    } else if (log_writer_hides_the_undurable(effects->log)) {
        gate = gate_of_reading(effects, context);
    } else {
        gate = 0;
    }
    if (effects->depth == 0)
        return; /* EXEC that ran CONFIG SET appendonly */
    if (--effects->depth > 0) {
        if (gate > effects->inner_gate)
            effects->inner_gate = gate;
        return;
    }
    if (effects->inner_gate > gate)
        gate = effects->inner_gate;
    if (effects->transaction_wrote) /* EXEC stands behind what it closed */
        client->log_offset = log_writer_offset(effects->log);
    if (!(client->flags & CLIENT_ANSWERED_AT_ONCE))
        gate_output(effects, client, position, gate);
}

void effects_shows_a_change(struct effects *effects)
{
    if (effects->log != NULL)
        effects->inner_gate = keyspace_last_write_mark(effects->server->keyspace);
}

void effects_begin_look(struct effects *effects)
{
    (void)keyspace_take_read_mark(effects->server->keyspace);
}

void effects_end_look(struct effects *effects, struct client *client, size_t position)
{
    uint64_t gate = keyspace_take_read_mark(effects->server->keyspace);
    if (effects->log != NULL && log_writer_hides_the_undurable(effects->log) &&
        !(client->flags & CLIENT_ANSWERED_AT_ONCE))
        gate_output(effects, client, position, gate);
}

void effects_begin_transaction(struct effects *effects)
{
    if (effects->log == NULL)
        return;
    log_writer_begin_transaction(effects->log);
    effects->transaction_log = effects->log;
}

void effects_end_transaction(struct effects *effects)
{
    if (effects->transaction_log != NULL)
        log_writer_end_transaction(effects->transaction_log);
    effects->transaction_log = NULL;
}

void effects_add(struct command_context *context, struct database *database,
                 const struct slice *arguments, size_t count)
{
    struct effects *effects = client_of(context)->server->effects;
    log_writer_append(effects->log, database_index(database), arguments, count);
}

/* --- without a command --- */

static void log_removal(struct effects *effects, struct database *database,
                        const struct slice *words, size_t count)
{
    if (effects->log == NULL)
        return;
    log_writer_append(effects->log, database_index(database), words, count);
    effects->message_gate = log_writer_group(effects->log);
    keyspace_set_write_mark(effects->server->keyspace, effects->message_gate);
}

void effects_key_removed(struct effects *effects, struct database *database, struct slice key)
{
    struct slice words[] = {SLICE("DEL"), key};
    log_removal(effects, database, words, 2);
}

void effects_field_removed(struct effects *effects, struct database *database, struct slice key,
                           struct slice field)
{
    struct slice words[] = {SLICE("HDEL"), key, field};
    log_removal(effects, database, words, 3);
}

void effects_end_turn(struct effects *effects)
{
    effects->message_gate = keyspace_last_write_mark(effects->server->keyspace);
}
