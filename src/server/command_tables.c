#include "server/command_tables.h"

#include "server/dispatch.h"

/* commands/catalogue.c: the tables of that layer, NULL at the end. */
extern const struct command *const command_catalogue[];

void command_tables_register(struct dispatch *dispatch)
{
    static const struct command *const own[] = {
        session_commands,     client_commands,        transaction_commands,  pubsub_commands,
        server_commands,      lifecycle_commands,     info_commands,         introspection_commands,
        command_log_commands, monitor_commands,       latency_commands,      memory_commands,
        debug_commands,       configuration_commands, durable_wait_commands, saving_commands,
        dump_commands,        migration_commands,
    };
    for (size_t i = 0; command_catalogue[i] != NULL; i++)
        dispatch_register(dispatch, command_catalogue[i]);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        dispatch_register(dispatch, own[i]);
}
