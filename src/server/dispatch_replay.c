/* The log's commands, run again at the start. */
#include <stdio.h>

#include "base/assertion.h"
#include "server/dispatch_private.h"
#include "server/server.h"
#include "server/session/client.h"

static bool refuse(char *why, const struct resp_command *line, const char *what)
{
    int length = line->arguments[0].length < 64 ? (int)line->arguments[0].length : 64;
    snprintf(why, DISPATCH_WHY_SIZE, "'%.*s' %s", length, line->arguments[0].data, what);
    return false;
}

static bool check(const struct dispatch_entry *entry, const struct resp_command *line, char *why)
{
    if (entry == NULL || entry->command->run == NULL)
        return refuse(why, line, "is not known to this version");
    int arity = entry->command->arity;
    if (arity > 0 ? line->count != (size_t)arity : line->count < (size_t)-arity)
        return refuse(why, line, "has the wrong number of arguments");
    if (!(entry->command->flags & COMMAND_WRITES) &&
        !((entry->command->flags & COMMAND_READS) &&
          (entry->command->flags & COMMAND_MAY_REPLICATE))) /* PFCOUNT */
        return refuse(why, line, "is no command that writes");
    return true;
}

bool dispatch_replay(struct dispatch *dispatch, struct client *client,
                     const struct resp_command *commands, size_t count, char *why)
{
    struct command_services services;
    ASSERT(count <= DISPATCH_BATCH_MAX);
    dispatch_services_init_silent(&services);
    struct dispatch_batch *batch = dispatch_prepared(dispatch, client, commands, count);
    for (size_t i = 0; i < count; i++) {
        const struct resp_command *line = &commands[i];
        const struct dispatch_entry *entry = batch->plans[i].entry;
        if (!check(entry, line, why))
            return false;
        struct command_context context = {
            .command = entry->command,
            .arguments = line->arguments,
            .count = line->count,
            .hashes = batch->plans[i].hashes,
            .reply = client->reply,
            .keyspace = dispatch->server->keyspace,
            .database = client->database,
            .services = &services,
            .session = client,
            .no_touch = true,
        };
        entry->command->run(&context);
        if (client->reply->errors != 0)
            return refuse(why, line, "answered with an error");
    }
    return true;
}
