#include "server/replies.h"

#include "commands/command.h"

#define WORD_SHOWN_MAX 128 /* bytes of the subcommand's name in the error */

void replies_subcommand_syntax(struct command_context *context, const char *container)
{
    struct slice word = context->arguments[1];
    resp_writer_error_format(
        context->reply,
        "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %s HELP.",
        (int)(word.length < WORD_SHOWN_MAX ? word.length : WORD_SHOWN_MAX), word.data, container);
}
