/* Every table of commands that the server offers, its own and those of src/commands: what dispatch
 * registers. A new table is named here and in command_tables.c. */
#ifndef HOLDFAST_SERVER_COMMAND_TABLES_H
#define HOLDFAST_SERVER_COMMAND_TABLES_H

#include "commands/command.h"

struct dispatch;

extern const struct command session_commands[];       /* session/session_commands.c */
extern const struct command client_commands[];        /* session/client_commands.c */
extern const struct command transaction_commands[];   /* transactions/transaction_commands.c */
extern const struct command pubsub_commands[];        /* pubsub/pubsub_commands.c */
extern const struct command server_commands[];        /* server_commands.c: TIME, ROLE, WAIT */
extern const struct command lifecycle_commands[];     /* lifecycle.c: SHUTDOWN */
extern const struct command durable_wait_commands[];  /* persistence/durable_waits.c: WAITAOF */
extern const struct command dump_commands[];          /* persistence/dump_commands.c */
extern const struct command migration_commands[];     /* persistence/migration.c: MIGRATE */
extern const struct command saving_commands[];        /* persistence/saving_commands.c */
extern const struct command configuration_commands[]; /* config/ */
extern const struct command info_commands[];          /* observe/info.c */
extern const struct command introspection_commands[]; /* observe/introspection.c: COMMAND */
extern const struct command command_log_commands[];   /* observe/command_log.c */
extern const struct command monitor_commands[];       /* observe/monitor.c */
extern const struct command latency_commands[];       /* observe/latency.c */
extern const struct command memory_commands[];        /* observe/memory_commands.c */
extern const struct command debug_commands[];         /* observe/debug_commands.c */

void command_tables_register(struct dispatch *dispatch);

#endif
