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
extern const struct command configuration_commands[]; /* config/ */
extern const struct command observe_commands[];       /* observe/ */

void command_tables_register(struct dispatch *dispatch);

#endif
