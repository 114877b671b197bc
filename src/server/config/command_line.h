/* The words of the command line as redis-server takes them: [FILE] [-] [--name value ...] ... [-].
 *
 * Options become lines of a configuration that is read last, so that they win; "-" reads more of it
 * from standard input, between file and options. Pure. */
#ifndef HOLDFAST_SERVER_CONFIG_COMMAND_LINE_H
#define HOLDFAST_SERVER_CONFIG_COMMAND_LINE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct command_line {
    const char *file; /* NULL: none */
    bool reads_standard_input;
    struct buffer options; /* a line for each, in config_file's grammar */
};

/* `arguments` without the program's name; *out is all zero before and deinitialized by the caller.
 * ERROR_SYNTAX: `error_text` says what is wrong. */
WARN_UNUSED enum error command_line_parse(int argument_count, char **arguments,
                                          struct command_line *out, struct buffer *error_text);
void command_line_deinit(struct command_line *line);

#endif
