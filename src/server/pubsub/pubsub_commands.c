#include "base/buffer.h"
#include "base/glob.h"
#include "commands/command.h"
#include "server/command_tables.h"
#include "server/pubsub/pubsub.h"
#include "server/replies.h"
#include "server/server.h"
#include "server/session/client.h"

/* The names of a kind in confirmations. */
struct kind_words {
    const char *subscribe, *unsubscribe;
};
static const struct kind_words kind_words[PUBSUB_KINDS] = {
    [PUBSUB_CHANNEL] = {"subscribe", "unsubscribe"},
    [PUBSUB_PATTERN] = {"psubscribe", "punsubscribe"},
    [PUBSUB_SHARD_CHANNEL] = {"ssubscribe", "sunsubscribe"},
};

static struct pubsub *pubsub_of(const struct command_context *context)
{
    return client_of(context)->server->pubsub;
}

/* --- (P|S)SUBSCRIBE, (P|S)UNSUBSCRIBE --- */

/* Confirmations are pushes, but part of the reply: they stand where the reply would. `name` NULL:
 * there was nothing to end. Shard channels are counted by themselves. */
static void confirm(struct command_context *context, const char *word, const struct slice *name,
                    enum pubsub_kind kind)
{
    const struct client *client = client_of(context);
    size_t count = kind == PUBSUB_SHARD_CHANNEL ? pubsub_client_count(client, PUBSUB_SHARD_CHANNEL)
                                                : pubsub_client_count(client, PUBSUB_CHANNEL) +
                                                      pubsub_client_count(client, PUBSUB_PATTERN);
    bool muted = context->reply->muted;
    context->reply->muted = false;
    resp_writer_push(context->reply, 3);
    resp_writer_bulk_string(context->reply, word);
    if (name != NULL)
        resp_writer_bulk(context->reply, *name);
    else
        resp_writer_null(context->reply);
    resp_writer_integer(context->reply, (int64_t)count);
    context->reply->muted = muted;
}

static void subscribe(struct command_context *context, enum pubsub_kind kind)
{
    for (size_t i = 1; i < context->count; i++) {
        (void)pubsub_subscribe(pubsub_of(context), client_of(context), kind, context->arguments[i]);
        confirm(context, kind_words[kind].subscribe, &context->arguments[i], kind);
    }
}

static void unsubscribe(struct command_context *context, enum pubsub_kind kind)
{
    struct pubsub *pubsub = pubsub_of(context);
    struct client *client = client_of(context);
    const char *word = kind_words[kind].unsubscribe;
    for (size_t i = 1; i < context->count; i++) {
        (void)pubsub_unsubscribe(pubsub, client, kind, context->arguments[i]);
        confirm(context, word, &context->arguments[i], kind);
    }
    if (context->count > 1)
        return;
    if (pubsub_client_count(client, kind) == 0) {
        confirm(context, word, NULL, kind);
        return;
    }
    struct slice name;
    while (pubsub_any_subscription(client, kind, &name)) {
        /* The name goes with the last subscription: it is written before, the count is that after.
         */
        struct buffer copy = {0};
        buffer_add(&copy, name.data, name.length);
        (void)pubsub_unsubscribe(pubsub, client, kind, name);
        name = buffer_slice(&copy);
        confirm(context, word, &name, kind);
        buffer_deinit(&copy);
    }
}

static void command_subscribe(struct command_context *context)
{
    subscribe(context, PUBSUB_CHANNEL);
}

static void command_unsubscribe(struct command_context *context)
{
    unsubscribe(context, PUBSUB_CHANNEL);
}

static void command_psubscribe(struct command_context *context)
{
    subscribe(context, PUBSUB_PATTERN);
}

static void command_punsubscribe(struct command_context *context)
{
    unsubscribe(context, PUBSUB_PATTERN);
}

static void command_ssubscribe(struct command_context *context)
{
    /* As Redis 7.0 has it: of the three, this one is not allowed in EXEC. */
    if (client_of(context)->flags & CLIENT_IN_EXEC) {
        resp_writer_error(context->reply,
                          "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
        return;
    }
    subscribe(context, PUBSUB_SHARD_CHANNEL);
}

static void command_sunsubscribe(struct command_context *context)
{
    unsubscribe(context, PUBSUB_SHARD_CHANNEL);
}

/* --- PUBLISH, SPUBLISH --- */

static void command_publish(struct command_context *context)
{
    size_t receivers =
        pubsub_publish(pubsub_of(context), context->arguments[1], context->arguments[2]);
    resp_writer_integer(context->reply, (int64_t)receivers);
}

static void command_spublish(struct command_context *context)
{
    size_t receivers =
        pubsub_publish_shard(pubsub_of(context), context->arguments[1], context->arguments[2]);
    resp_writer_integer(context->reply, (int64_t)receivers);
}

/* --- PUBSUB --- */

struct listing {
    const struct slice *pattern; /* NULL for all: as in Redis, not even * matches an empty name */
    struct resp_writer elements;
    size_t count;
};

static void list_name(void *context, struct slice name)
{
    struct listing *listing = context;
    if (listing->pattern != NULL && !glob_matches(*listing->pattern, name))
        return;
    resp_writer_bulk(&listing->elements, name);
    listing->count++;
}

static void list_channels(struct command_context *context, enum pubsub_kind kind)
{
    if (context->count > 3) {
        replies_subcommand_syntax(context, "PUBSUB");
        return;
    }
    struct chain elements;
    chain_init(&elements, context->reply->out->pool);
    struct listing listing = {
        .pattern = context->count == 3 ? &context->arguments[2] : NULL,
        .elements = {.out = &elements, .version = context->reply->version},
    };
    pubsub_visit(pubsub_of(context), kind, list_name, &listing);
    resp_writer_array_of(context->reply, listing.count, &elements);
}

static void list_subscribers(struct command_context *context, enum pubsub_kind kind)
{
    resp_writer_array(context->reply, (context->count - 2) * 2);
    for (size_t i = 2; i < context->count; i++) {
        resp_writer_bulk(context->reply, context->arguments[i]);
        resp_writer_integer(context->reply, (int64_t)pubsub_subscribers(pubsub_of(context), kind,
                                                                        context->arguments[i]));
    }
}

static void command_pubsub_channels(struct command_context *context)
{
    list_channels(context, PUBSUB_CHANNEL);
}

static void command_pubsub_shard_channels(struct command_context *context)
{
    list_channels(context, PUBSUB_SHARD_CHANNEL);
}

static void command_pubsub_numsub(struct command_context *context)
{
    list_subscribers(context, PUBSUB_CHANNEL);
}

static void command_pubsub_shard_numsub(struct command_context *context)
{
    list_subscribers(context, PUBSUB_SHARD_CHANNEL);
}

static void command_pubsub_numpat(struct command_context *context)
{
    resp_writer_integer(context->reply, (int64_t)pubsub_count(pubsub_of(context), PUBSUB_PATTERN));
}

static void command_pubsub_help(struct command_context *context)
{
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        NULL,
    };
    command_reply_help(context, "PUBSUB", lines);
}

/* --- tables --- */

#define SUBSCRIBE_FLAGS (COMMAND_PUBSUB | COMMAND_NO_SCRIPT | COMMAND_LOADING | COMMAND_STALE)
#define PUBLISH_FLAGS                                                                              \
    (COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_MAY_REPLICATE)
#define LOOK_FLAGS (COMMAND_PUBSUB | COMMAND_LOADING | COMMAND_STALE)

static const struct command pubsub_subcommands[] = {
    {
        .name = "CHANNELS",
        .run = command_pubsub_channels,
        .arity = -2,
        .flags = LOOK_FLAGS,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.8.0",
        .syntax = "[pattern]",
        .summary = "Lists the channels that have subscribers.",
        .complexity = "O(N) in the number of channels",
    },
    {
        .name = "HELP",
        .run = command_pubsub_help,
        .arity = 2,
        .flags = COMMAND_LOADING | COMMAND_STALE,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "6.2.0",
        .syntax = "",
        .summary = "Explains the subcommands.",
        .complexity = "O(1)",
    },
    {
        .name = "NUMPAT",
        .run = command_pubsub_numpat,
        .arity = 2,
        .flags = LOOK_FLAGS,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.8.0",
        .syntax = "",
        .summary = "Counts the patterns that have subscribers.",
        .complexity = "O(1)",
    },
    {
        .name = "NUMSUB",
        .run = command_pubsub_numsub,
        .arity = -2,
        .flags = LOOK_FLAGS,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.8.0",
        .syntax = "[channel [channel ...]]",
        .summary = "Counts the subscribers of channels.",
        .complexity = "O(N) in the number of channels asked for",
    },
    {
        .name = "SHARDCHANNELS",
        .run = command_pubsub_shard_channels,
        .arity = -2,
        .flags = LOOK_FLAGS,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "7.0.0",
        .syntax = "[pattern]",
        .summary = "Lists the shard channels that have subscribers.",
        .complexity = "O(N) in the number of shard channels",
    },
    {
        .name = "SHARDNUMSUB",
        .run = command_pubsub_shard_numsub,
        .arity = -2,
        .flags = LOOK_FLAGS,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "7.0.0",
        .syntax = "[shardchannel [shardchannel ...]]",
        .summary = "Counts the subscribers of shard channels.",
        .complexity = "O(N) in the number of channels asked for",
    },
    {.name = NULL},
};

const struct command pubsub_commands[] = {
    {
        .name = "SUBSCRIBE",
        .run = command_subscribe,
        .arity = -2,
        .flags = SUBSCRIBE_FLAGS | COMMAND_SENTINEL,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.0.0",
        .syntax = "channel [channel ...]",
        .summary = "Listens to channels.",
        .complexity = "O(N) in the number of channels",
    },
    {
        .name = "UNSUBSCRIBE",
        .run = command_unsubscribe,
        .arity = -1,
        .flags = SUBSCRIBE_FLAGS | COMMAND_SENTINEL,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.0.0",
        .syntax = "[channel [channel ...]]",
        .summary = "Stops listening to channels, or to all.",
        .complexity = "O(N) in the number of channels",
    },
    {
        .name = "PSUBSCRIBE",
        .run = command_psubscribe,
        .arity = -2,
        .flags = SUBSCRIBE_FLAGS | COMMAND_SENTINEL,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.0.0",
        .syntax = "pattern [pattern ...]",
        .summary = "Listens to all channels that match patterns.",
        .complexity = "O(N) in the number of patterns",
    },
    {
        .name = "PUNSUBSCRIBE",
        .run = command_punsubscribe,
        .arity = -1,
        .flags = SUBSCRIBE_FLAGS | COMMAND_SENTINEL,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.0.0",
        .syntax = "[pattern [pattern ...]]",
        .summary = "Stops listening to patterns, or to all.",
        .complexity = "O(N) in the number of patterns",
    },
    {
        .name = "SSUBSCRIBE",
        .run = command_ssubscribe,
        .arity = -2,
        .flags = SUBSCRIBE_FLAGS,
        .keys = KEYS_ALL(KEY_NOT_KEY),
        .group = "pubsub",
        .since = "7.0.0",
        .syntax = "shardchannel [shardchannel ...]",
        .summary = "Listens to shard channels.",
        .complexity = "O(N) in the number of shard channels",
    },
    {
        .name = "SUNSUBSCRIBE",
        .run = command_sunsubscribe,
        .arity = -1,
        .flags = SUBSCRIBE_FLAGS,
        .keys = KEYS_ALL(KEY_NOT_KEY),
        .group = "pubsub",
        .since = "7.0.0",
        .syntax = "[shardchannel [shardchannel ...]]",
        .summary = "Stops listening to shard channels, or to all.",
        .complexity = "O(N) in the number of shard channels",
    },
    {
        .name = "PUBLISH",
        .run = command_publish,
        .arity = 3,
        .flags = PUBLISH_FLAGS | COMMAND_SENTINEL,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.0.0",
        .syntax = "channel message",
        .summary = "Sends a message to those who listen to a channel.",
        .complexity = "O(N+M) in the number of subscribers and of patterns",
    },
    {
        .name = "SPUBLISH",
        .run = command_spublish,
        .arity = 3,
        .flags = PUBLISH_FLAGS,
        .keys = KEYS_ONE(KEY_NOT_KEY),
        .group = "pubsub",
        .since = "7.0.0",
        .syntax = "shardchannel message",
        .summary = "Sends a message to those who listen to a shard channel.",
        .complexity = "O(N) in the number of subscribers",
    },
    {
        .name = "PUBSUB",
        .arity = -2,
        .keys = KEYS_NONE,
        .group = "pubsub",
        .since = "2.8.0",
        .syntax = "",
        .summary = "Looks at channels and their subscribers.",
        .complexity = "Depends on the subcommand",
        .subcommands = pubsub_subcommands,
    },
    {.name = NULL},
};
