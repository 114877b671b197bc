/* Strings by the dozen: MGET, MSET, MSETNX, MSETEX. */
#include <limits.h>

#include "base/memory.h"
#include "base/number.h"
#include "commands/string_options.h"
#include "commands/string_set.h"
#include "commands/tables.h"
#include "protocol/resp_parser.h"

static void mget(struct command_context *context)
{
    resp_writer_array(context->reply, context->count - 1);
    for (size_t i = 1; i < context->count; i++) {
        struct key key = command_key(context, i);
        struct entry *entry = database_read(context->database, &key, !context->no_touch);
        if (entry == NULL || entry->type != TYPE_STRING)
            resp_writer_null(context->reply);
        else
            command_reply_string(context, entry);
    }
}

/* The effect of having set these pairs without a deadline: an MSET of them, in the arguments' own
 * place for as long as it takes to tell. */
static void tell_pairs(struct command_context *context, size_t first, size_t end)
{
    if (!command_wants_effect(context) || end == first)
        return;
    struct slice saved = context->arguments[first - 1];
    context->arguments[first - 1] = SLICE("MSET");
    command_effect(context, context->database, context->arguments + first - 1, end - first + 1);
    context->arguments[first - 1] = saved;
}

static inline void tell_pair(struct command_context *context, const struct string_options *options,
                             size_t index, bool created)
{
    struct slice name = context->arguments[index];
    if (created)
        command_created(context, context->database, name);
    command_changed(context, context->database, name, EVENT_STRING, "set");
    if (string_options_have_time(options))
        command_event(context, context->database, name, EVENT_GENERIC, "expire");
    if (string_options_rule(options) != DEADLINE_CLEAR)
        string_options_effect(context, options, name, context->arguments[index + 1]);
}

/* Does the key of argument `index` stand before `end` once more? */
static bool comes_again(const struct command_context *context, size_t index, size_t end)
{
    struct key key = command_key(context, index);
    for (size_t i = index + 2; i < end; i += 2) {
        struct key other = command_key(context, i);
        if (other.hash == key.hash && slice_equals(other.name, key.name))
            return true;
    }
    return false;
}

/* The value stays an argument until the pairs are told: it is copied where a later pair frees it.
 */
static struct entry *set_pair(struct command_context *context, size_t index, size_t end,
                              const struct key *key, struct entry *entry,
                              const struct string_options *options)
{
    enum deadline_rule rule = string_options_rule(options);
    struct slice value = context->arguments[index + 1];
    if (UNLIKELY(value.length >= RESP_BIG_ARGUMENT_MIN) && comes_again(context, index, end))
        return database_replace_string(context->database, key, entry, value, rule,
                                       options->deadline_ms);
    return string_set_value(context, key, entry, index + 1, rule, options->deadline_ms);
}

/* None of the keys was there: all pairs or none. False: memory is out, which has been answered. */
static bool set_new_pairs(struct command_context *context, size_t first, size_t end,
                          const struct string_options *options)
{
    struct database *database = context->database;
    enum deadline_rule rule = string_options_rule(options);
    bool *created = memory_try_allocate((end - first) / 2); /* a key may come twice */
    size_t i = first;
    for (; created != NULL && i < end; i += 2) {
        struct key key = command_key(context, i);
        struct entry *entry = database_find(database, &key);
        created[(i - first) / 2] = entry == NULL;
        if (set_pair(context, i, end, &key, entry, options) == NULL)
            break;
    }
    bool whole = i == end;
    for (size_t done = first; done < i; done += 2) {
        struct key key = command_key(context, done);
        if (whole)
            tell_pair(context, options, done, created[(done - first) / 2]);
        else
            (void)database_delete(database, &key);
    }
    memory_free(created);
    if (!whole)
        command_reply_out_of_memory(context);
    else if (rule == DEADLINE_CLEAR)
        tell_pairs(context, first, end);
    return whole;
}

/* Sets the pairs from argument `first` to before `end`. When memory runs out on the way it replies
 * so and returns false: the pairs that are set stay, and their effect is logged as such. */
static bool set_pairs(struct command_context *context, size_t first, size_t end,
                      const struct string_options *options)
{
    struct database *database = context->database;
    enum deadline_rule rule = string_options_rule(options);
    size_t i;
    for (i = first; i < end; i += 2) {
        struct key key = command_key(context, i);
        struct entry *entry = database_find(database, &key);
        bool created = entry == NULL;
        if (set_pair(context, i, end, &key, entry, options) == NULL)
            break;
        tell_pair(context, options, i, created);
    }
    if (rule == DEADLINE_CLEAR)
        tell_pairs(context, first, i);
    if (i < end)
        command_reply_out_of_memory(context);
    return i == end;
}

/* True if the condition holds for every key from argument `first` to before `end`. */
static bool all_hold(struct command_context *context, size_t first, size_t end,
                     enum string_condition condition)
{
    for (size_t i = first; condition != STRING_ALWAYS && i < end; i += 2) {
        struct key key = command_key(context, i);
        struct entry *entry = database_find(context->database, &key);
        if (!string_compare_holds(condition, SLICE(""), 0, entry))
            return false;
    }
    return true;
}

static void mset(struct command_context *context)
{
    struct string_options options = {0};
    if (context->count % 2 == 0)
        command_reply_arity(context);
    else if (set_pairs(context, 1, context->count, &options))
        resp_writer_ok(context->reply);
}

static void set_pairs_if(struct command_context *context, size_t first, size_t end,
                         const struct string_options *options)
{
    if (!all_hold(context, first, end, options->condition))
        resp_writer_integer(context->reply, 0);
    else if (options->condition == STRING_ABSENT ? set_new_pairs(context, first, end, options)
                                                 : set_pairs(context, first, end, options))
        resp_writer_integer(context->reply, 1);
}

static void msetnx(struct command_context *context)
{
    struct string_options options = {.condition = STRING_ABSENT};
    if (context->count % 2 == 0)
        command_reply_arity(context);
    else
        set_pairs_if(context, 1, context->count, &options);
}

static void msetex(struct command_context *context)
{
    struct string_options options = {0};
    int64_t keys;
    if (!number_parse_int64(context->arguments[1], &keys) || keys < 1 || keys > INT_MAX) {
        resp_writer_error(context->reply, "ERR invalid numkeys value");
        return;
    }
    if ((uint64_t)keys > (context->count - 2) / 2) {
        resp_writer_error(context->reply, "ERR wrong number of key-value pairs");
        return;
    }
    size_t end = 2 + 2 * (size_t)keys;
    if (string_options_parse(context, end, OPTION_PRESENCE | OPTION_KEEP, &options) &&
        string_options_deadline(context, &options))
        set_pairs_if(context, 2, end, &options);
}

const struct command string_multiple_commands[] = {
    {
        .name = "MGET",
        .run = mget,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ALL(KEY_RO | KEY_ACCESS),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key [key ...]",
        .summary = "Returns the strings stored at several keys.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard",
    },
    {
        .name = "MSET",
        .run = mset,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_PAIRS(KEY_OW | KEY_UPDATE),
        .group = "string",
        .since = "1.0.1",
        .syntax = "key value [key value ...]",
        .summary = "Stores several strings in one step.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard response_policy:all_succeeded",
    },
    {
        .name = "MSETNX",
        .run = msetnx,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_PAIRS(KEY_OW | KEY_INSERT),
        .group = "string",
        .since = "1.0.1",
        .syntax = "key value [key value ...]",
        .summary = "Stores several strings in one step, or none of them if one of the keys exists.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard response_policy:agg_min",
    },
    {
        .name = "MSETEX",
        .run = msetex,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 2,
                  .first_after = 1,
                  .flags = KEY_OW | KEY_UPDATE}},
        .group = "string",
        .since = "9.1.0",
        .syntax = "numkeys key value [key value ...] [NX|XX] [EX seconds|PX milliseconds|EXAT "
                  "unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
        .summary = "Stores several strings with one deadline in one step, if the condition holds "
                   "for all keys.",
        .complexity = "O(N) where N is the number of keys",
    },
    {.name = NULL},
};
