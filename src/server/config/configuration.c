/* The least that a server needs to start: replaced as soon as the whole of it is there. */
#include "server/config/configuration.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "protocol/resp_parser.h"
#include "server/settings.h"
#include "system/file.h"

struct configuration {
    struct settings *settings;
};

struct configuration *configuration_create(struct settings *settings)
{
    struct configuration *configuration = memory_allocate_zeroed(sizeof *configuration);
    configuration->settings = settings;
    return configuration;
}

void configuration_destroy(struct configuration *configuration)
{
    memory_free(configuration);
}

static void set(struct settings *settings, const char *name, const char *value)
{
    if (strcasecmp(name, "port") == 0)
        settings->admission.port = (int)strtol(value, NULL, 10);
    else if (strcasecmp(name, "bind") == 0)
        settings_set_string(&settings->admission.bind, value);
    else if (strcasecmp(name, "unixsocket") == 0)
        settings_set_string(&settings->admission.unix_path, value);
    else if (strcasecmp(name, "requirepass") == 0)
        settings_set_string(&settings->session.password, value);
    else if (strcasecmp(name, "maxmemory") == 0)
        settings->memory.bytes_max = strtoull(value, NULL, 10);
    else if (strcasecmp(name, "maxclients") == 0)
        settings->admission.clients_max = strtoull(value, NULL, 10);
    else if (strcasecmp(name, "enable-debug-command") == 0)
        settings->dispatch.enable_debug_command =
            strcasecmp(value, "yes") == 0 ? GUARD_YES : GUARD_NO;
    else if (strcasecmp(name, "notify-keyspace-events") == 0)
        (void)notifications_parse(slice_of_string(value), &settings->notification.events);
}

static void load_line(struct settings *settings, struct slice line)
{
    char *words;
    struct slice *slices;
    size_t count;
    if (!resp_parser_split_line(line, &words, &slices, &count))
        return;
    if (count >= 2 && slices[0].data[0] != '#')
        set(settings, slices[0].data, slices[1].data);
    memory_free(words);
    memory_free(slices);
}

static enum error load_file(struct settings *settings, const char *path)
{
    struct buffer content = {0};
    enum error error = file_read(path, &content);
    for (size_t at = 0; error == OK && at < content.length;) {
        const char *line = content.data + at;
        const char *end = memchr(line, '\n', content.length - at);
        size_t length = end == NULL ? content.length - at : (size_t)(end - line);
        load_line(settings, slice_of(line, length));
        at += length + 1;
    }
    buffer_deinit(&content);
    return error;
}

enum error configuration_load(struct configuration *configuration, int argument_count,
                              char **arguments, struct buffer *error_text)
{
    for (int i = 0; i < argument_count; i++) {
        if (strncmp(arguments[i], "--", 2) == 0 && i + 1 < argument_count) {
            set(configuration->settings, arguments[i] + 2, arguments[i + 1]);
            i++;
        } else if (load_file(configuration->settings, arguments[i]) != OK) {
            buffer_add_format(error_text, "cannot read %s", arguments[i]);
            return ERROR_SYSTEM;
        }
    }
    return OK;
}

void configuration_attach(struct configuration *configuration, struct server *server)
{
    (void)configuration;
    (void)server;
}
