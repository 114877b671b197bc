/* CONFIG. */
#include "base/memory.h"
#include "commands/command.h"
#include "keyspace/keyspace.h"
#include "net/network.h"
#include "server/command_tables.h"
#include "server/config/configuration.h"
#include "server/dispatch.h"
#include "server/housekeeping.h"
#include "server/memory_limit.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"

static struct configuration *configuration_of(const struct command_context *context)
{
    return client_of(context)->server->configuration;
}

/* The reply of CONFIG GET while it is written: the number of pairs is known at its end. */
struct answer {
    struct resp_writer writer;
    struct chain pairs;
    size_t count;
};

static void answer_pair(void *context, struct slice name, struct slice value)
{
    struct answer *answer = context;
    resp_writer_bulk(&answer->writer, name);
    resp_writer_bulk(&answer->writer, value);
    answer->count++;
}

static void config_get(struct command_context *context)
{
    struct answer answer = {.writer = *context->reply};
    chain_init(&answer.pairs, context->reply->out->pool);
    answer.writer.out = &answer.pairs;
    configuration_get(configuration_of(context), context->arguments + 2, context->count - 2,
                      answer_pair, &answer);
    resp_writer_map(context->reply, answer.count);
    if (!context->reply->muted)
        chain_splice(context->reply->out, &answer.pairs);
    chain_deinit(&answer.pairs);
}

static void config_set(struct command_context *context)
{
    if (context->count % 2 != 0) {
        command_reply_syntax_error(context);
        return;
    }
    struct buffer error_text = {0};
    if (configuration_set(configuration_of(context), context->arguments + 2, context->count - 2,
                          &error_text) == OK)
        resp_writer_ok(context->reply);
    else
        resp_writer_error(context->reply, error_text.data);
    buffer_deinit(&error_text);
}

static void config_rewrite(struct command_context *context)
{
    struct buffer error_text = {0};
    if (configuration_rewrite(configuration_of(context), &error_text) == OK)
        resp_writer_ok(context->reply);
    else
        resp_writer_error(context->reply, error_text.data);
    buffer_deinit(&error_text);
}

static void config_resetstat(struct command_context *context)
{
    struct server *server = client_of(context)->server;
    dispatch_reset_statistics(server->dispatch);
    network_reset_statistics(server->network);
    housekeeping_reset_statistics(server->housekeeping);
    *keyspace_statistics(server->keyspace) = (struct keyspace_statistics){0};
    sessions_statistics(server->sessions)->evicted = 0;
    memory_limit_statistics(server->memory_limit)->exceeded_ms = 0;
    resp_writer_ok(context->reply);
}

static void config_help(struct command_context *context)
{
    static const char *const lines[] = {
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
        NULL,
    };
    command_reply_help(context, "CONFIG", lines);
}

#define CONFIG_FLAGS (COMMAND_ADMIN | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE)

static const struct command subcommands[] = {
    {
        .name = "GET",
        .run = config_get,
        .arity = -3,
        .flags = CONFIG_FLAGS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.0.0",
        .syntax = "parameter [parameter ...]",
        .summary = "Tells the values of the settings whose names match.",
        .complexity = "O(N) when N is the number of configuration parameters provided",
    },
    {
        .name = "SET",
        .run = config_set,
        .arity = -4,
        .flags = CONFIG_FLAGS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.0.0",
        .syntax = "parameter value [parameter value ...]",
        .summary = "Changes settings while the server runs, all of them or none.",
        .complexity = "O(N) when N is the number of configuration parameters provided",
        .tips = "request_policy:all_nodes response_policy:all_succeeded",
    },
    {
        .name = "REWRITE",
        .run = config_rewrite,
        .arity = 2,
        .flags = CONFIG_FLAGS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.8.0",
        .syntax = "",
        .summary = "Writes the settings that hold now into the configuration file.",
        .complexity = "O(1)",
    },
    {
        .name = "RESETSTAT",
        .run = config_resetstat,
        .arity = 2,
        .flags = CONFIG_FLAGS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.0.0",
        .syntax = "",
        .summary = "Sets the statistics of INFO to zero.",
        .complexity = "O(1)",
    },
    {
        .name = "HELP",
        .run = config_help,
        .arity = 2,
        .flags = COMMAND_LOADING | COMMAND_STALE,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "5.0.0",
        .syntax = "",
        .summary = "Says what subcommands there are.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};

const struct command configuration_commands[] = {
    {
        .name = "CONFIG",
        .arity = -2,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.0.0",
        .syntax = "",
        .summary = "A container of commands about the configuration.",
        .complexity = "Depends on subcommand.",
        .subcommands = subcommands,
    },
    {.name = NULL},
};
