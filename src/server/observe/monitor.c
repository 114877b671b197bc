/* MONITOR: every command that runs, as a line to those who watch. */
#include <inttypes.h>

#include "base/buffer.h"
#include "commands/command.h"
#include "keyspace/database.h"
#include "server/command_tables.h"
#include "server/config/config_file.h"
#include "server/dispatch.h"
#include "server/observe/observe.h"
#include "server/observe/observe_private.h"
#include "server/observe/redaction.h"
#include "server/server.h"
#include "server/session/client.h"

void monitor_feed(struct server *server, const struct observation *observation, int64_t time_us)
{
    if (observation->entry->command->flags & (COMMAND_SKIP_MONITOR | COMMAND_ADMIN))
        return;
    struct buffer line = {0};
    buffer_add_format(&line, "+%" PRId64 ".%06" PRId64 " [%d %s]", time_us / 1000000,
                      time_us % 1000000, database_index(observation->client->database),
                      client_address(observation->client));
    for (size_t i = 0; i < observation->count; i++) {
        buffer_add_string(&line, " ");
        bool hidden = redaction_hides(observation->entry, observation->arguments, i);
        config_file_quote(hidden ? REDACTION_TEXT : observation->arguments[i], &line);
    }
    buffer_add_string(&line, "\r\n");
    LIST_FOR_EACH (node, observe_monitors(server->observe))
        client_push_bytes(LIST_ENTRY(node, struct client, monitor_link), buffer_slice(&line));
    buffer_deinit(&line);
}

static void command_monitor(struct command_context *context)
{
    struct client *client = client_of(context);
    if (!(client->flags & CLIENT_MONITOR))
        observe_monitor_begins(client->server->observe, client);
    resp_writer_ok(context->reply);
}

const struct command monitor_commands[] = {
    {
        .name = "MONITOR",
        .run = command_monitor,
        .arity = 1,
        .flags = COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Shows every command that runs, until the client resets or goes.",
    },
    {.name = NULL},
};
