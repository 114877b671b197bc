/* Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB. */
#include <limits.h>

#include "base/number.h"
#include "commands/tables.h"

static void dbsize(struct command_context *context)
{
    resp_writer_integer(context->reply, (int64_t)database_size(context->database));
}

/* SYNC and ASYNC are the same here: the keys are gone at once, their memory is freed in steps. */
static bool parse_flush(struct command_context *context)
{
    if (context->count == 1 ||
        (context->count == 2 && (slice_is_word(context->arguments[1], "SYNC") ||
                                 slice_is_word(context->arguments[1], "ASYNC"))))
        return true;
    command_reply_syntax_error(context);
    return false;
}

static void flushdb(struct command_context *context)
{
    if (!parse_flush(context))
        return;
    context->services->flushing(context, context->database);
    context->changes += database_clear(context->database);
    resp_writer_ok(context->reply);
}

static void flushall(struct command_context *context)
{
    if (!parse_flush(context))
        return;
    context->services->flushing(context, NULL);
    int count = keyspace_database_count(context->keyspace);
    for (int i = 0; i < count; i++)
        context->changes += database_clear(keyspace_database(context->keyspace, i));
    resp_writer_ok(context->reply);
}

/* A database number, parsed with an error of its own. */
static bool parse_index(struct command_context *context, size_t index, const char *error,
                        int64_t *out)
{
    if (number_parse_int64(context->arguments[index], out) && *out >= INT_MIN && *out <= INT_MAX)
        return true;
    resp_writer_error(context->reply, error);
    return false;
}

static void swapdb(struct command_context *context)
{
    int64_t a, b, count = keyspace_database_count(context->keyspace);
    if (!parse_index(context, 1, "ERR invalid first DB index", &a) ||
        !parse_index(context, 2, "ERR invalid second DB index", &b))
        return;
    if (a < 0 || a >= count || b < 0 || b >= count) {
        command_reply_database_range(context);
        return;
    }
    if (a != b) {
        context->services->swapping(context, keyspace_database(context->keyspace, (int)a),
                                    keyspace_database(context->keyspace, (int)b));
        keyspace_swap(context->keyspace, (int)a, (int)b);
    }
    context->changes++;
    resp_writer_ok(context->reply);
}

const struct command keyspace_commands[] = {
    {
        .name = "DBSIZE",
        .run = dbsize,
        .arity = 1,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Counts the keys of the database.",
        .complexity = "O(1)",
        .tips = "request_policy:all_shards response_policy:agg_sum",
    },
    {
        .name = "FLUSHDB",
        .run = flushdb,
        .arity = -1,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_DANGEROUS | CATEGORY_KEYSPACE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[ASYNC|SYNC]",
        .summary = "Deletes all keys of the database.",
        .complexity = "O(1), the memory is freed in steps",
        .tips = "request_policy:all_shards response_policy:all_succeeded",
    },
    {
        .name = "FLUSHALL",
        .run = flushall,
        .arity = -1,
        .flags = COMMAND_WRITES | COMMAND_ALL_DBS,
        .categories = CATEGORY_DANGEROUS | CATEGORY_KEYSPACE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[ASYNC|SYNC]",
        .summary = "Deletes all keys of all databases.",
        .complexity = "O(1) a database, the memory is freed in steps",
        .tips = "request_policy:all_shards response_policy:all_succeeded",
    },
    {
        .name = "SWAPDB",
        .run = swapdb,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_DANGEROUS | CATEGORY_KEYSPACE,
        .group = "server",
        .since = "4.0.0",
        .syntax = "index1 index2",
        .summary = "Lets two databases change places.",
        .complexity = "O(1), and O(N) where N is the number of watched keys",
    },
    {.name = NULL},
};
