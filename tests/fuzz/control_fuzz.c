/* The control of the fuzz targets: resp_parser_fuzz with a planted fault. A command of three
 * arguments that came in pieces loses the last byte of its last argument. tests/run fails if this
 * is not found. */
#include "protocol/resp_parser.h"

static enum resp_status planted_next(struct resp_parser *parser, struct slice input,
                                     const struct resp_limits *limits, struct resp_command *command,
                                     size_t *consumed)
{
    static bool in_pieces;
    enum resp_status status = resp_parser_next(parser, input, limits, command, consumed);
    if (status == RESP_COMMAND && in_pieces && command->count == 3 &&
        command->arguments[2].length > 1)
        command->arguments[2].length--;
    in_pieces = status == RESP_INCOMPLETE;
    return status;
}

#define resp_parser_next planted_next
#include "resp_parser_fuzz.c"
