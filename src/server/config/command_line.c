#include "server/config/command_line.h"

#include <string.h>
#include <strings.h>

#include "server/config/config_file.h"

static bool is_option(const char *argument)
{
    return strncmp(argument, "--", 2) == 0 && argument[2] != '\0';
}

/* "--save" without a value means "--save ''", as redis-server has it. */
static void end_option(struct buffer *options, const char *name, int values)
{
    if (name != NULL && values == 0 && strcasecmp(name, "save") == 0)
        buffer_add_string(options, " \"\"");
    if (name != NULL)
        buffer_add_string(options, "\n");
}

enum error command_line_parse(int argument_count, char **arguments, struct command_line *out,
                              struct buffer *error_text)
{
    const char *name = NULL;
    int values = 0;
    for (int i = 0; i < argument_count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "-") == 0 && (name == NULL || i == argument_count - 1)) {
            out->reads_standard_input = true;
        } else if (is_option(argument)) {
            end_option(&out->options, name, values);
            name = argument + 2;
            values = 0;
            buffer_add_string(&out->options, name);
        } else if (name != NULL) {
            buffer_add_string(&out->options, " ");
            config_file_quote(slice_of_string(argument), &out->options);
            values++;
        } else if (i == 0) {
            out->file = argument;
        } else {
            buffer_add_format(error_text, "command line: what is '%s'? An option begins with --",
                              argument);
            return ERROR_SYNTAX;
        }
    }
    end_option(&out->options, name, values);
    return OK;
}

void command_line_deinit(struct command_line *line)
{
    buffer_deinit(&line->options);
}
