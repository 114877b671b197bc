/* Error replies that several rooms of the server share, in Redis's words. */
#ifndef HOLDFAST_SERVER_REPLIES_H
#define HOLDFAST_SERVER_REPLIES_H

struct command_context;

/* A subcommand that takes no such number of arguments: "unknown subcommand or wrong number of
 * arguments for 'LIST'. Try CLIENT HELP." */
void replies_subcommand_syntax(struct command_context *context, const char *container);

#endif
