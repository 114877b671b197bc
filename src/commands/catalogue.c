/* All tables of this layer in one list: what the server registers. */
#include "commands/command.h"

const struct command *const command_catalogue[] = {
    NULL,
};
