#include "server/session/client_names.h"

#include <string.h>

#include "base/memory.h"
#include "commands/command.h"

bool client_names_check(struct command_context *context, struct slice name, const char *what)
{
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') {
            resp_writer_error_format(
                context->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                what);
            return false;
        }
    }
    return true;
}

void client_names_set(char **name, struct slice value)
{
    char *copy = memory_allocate(value.length + 1);
    if (value.length > 0)
        memcpy(copy, value.data, value.length);
    copy[value.length] = '\0';
    memory_free(*name);
    *name = copy;
}
