/* OBJECT: how a key is kept. */
#include <limits.h>

#include "commands/tables.h"
#include "keyspace/eviction.h"

#define SHARED_INTEGER_MAX 10000 /* Redis keeps one object for each smaller number */

/* The entry at argument 2, whose access time stays as it is. NULL: absent, which has been answered.
 * Counts as a read, but tells no keymiss event. */
static struct entry *look(struct command_context *context)
{
    struct key key = command_key(context, 2);
    struct entry *entry = database_find(context->database, &key);
    struct keyspace_statistics *statistics = keyspace_statistics(context->keyspace);
    if (entry != NULL) {
        statistics->hits++;
    } else {
        statistics->misses++;
        resp_writer_null(context->reply);
    }
    return entry;
}

static void object_encoding(struct command_context *context)
{
    struct entry *entry = look(context);
    if (entry != NULL)
        resp_writer_bulk_string(context->reply, entry_encoding_name(entry));
}

/* Values are never shared here; small integers cost nothing, which is what Redis says with INT_MAX.
 */
static void object_refcount(struct command_context *context)
{
    struct entry *entry = look(context);
    if (entry == NULL)
        return;
    bool shared = entry->type == TYPE_STRING && entry->encoding == ENCODING_INT &&
                  entry_integer(entry) >= 0 && entry_integer(entry) < SHARED_INTEGER_MAX;
    resp_writer_integer(context->reply, shared ? INT_MAX : 1);
}

static bool counts_frequency(const struct command_context *context)
{
    return eviction_policy_is_lfu(keyspace_eviction(context->keyspace)->policy);
}

static void object_idletime(struct command_context *context)
{
    struct entry *entry = look(context);
    if (entry == NULL)
        return;
    if (counts_frequency(context))
        resp_writer_error(context->reply,
                          "ERR An LFU maxmemory policy is selected, idle time not tracked. Please "
                          "note that when switching between policies at runtime LRU and LFU data "
                          "will take some time to adjust.");
    else
        resp_writer_integer(context->reply,
                            eviction_idle_seconds(entry, keyspace_time_ms(context->keyspace)));
}

static void object_freq(struct command_context *context)
{
    struct entry *entry = look(context);
    if (entry == NULL)
        return;
    if (!counts_frequency(context))
        resp_writer_error(context->reply,
                          "ERR An LFU maxmemory policy is not selected, access frequency not "
                          "tracked. Please note that when switching between policies at runtime "
                          "LRU and LFU data will take some time to adjust.");
    else
        resp_writer_integer(context->reply,
                            eviction_frequency(entry, keyspace_eviction(context->keyspace),
                                               keyspace_time_ms(context->keyspace)));
}

static void object_help(struct command_context *context)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        NULL,
    };
    command_reply_help(context, "OBJECT", lines);
}

static const struct command object_subcommands[] = {
    {
        .name = "ENCODING",
        .run = object_encoding,
        .arity = 3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_SUB(KEY_RO),
        .group = "generic",
        .since = "2.2.3",
        .syntax = "key",
        .summary = "Names the encoding of the value at a key.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {
        .name = "FREQ",
        .run = object_freq,
        .arity = 3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_SUB(KEY_RO),
        .group = "generic",
        .since = "4.0.0",
        .syntax = "key",
        .summary = "Returns how often a key is used, on a logarithmic scale.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {
        .name = "HELP",
        .run = object_help,
        .arity = 2,
        .flags = COMMAND_LOADING | COMMAND_STALE,
        .categories = CATEGORY_KEYSPACE,
        .group = "generic",
        .since = "6.2.0",
        .syntax = "",
        .summary = "Lists the subcommands.",
        .complexity = "O(1)",
    },
    {
        .name = "IDLETIME",
        .run = object_idletime,
        .arity = 3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_SUB(KEY_RO),
        .group = "generic",
        .since = "2.2.3",
        .syntax = "key",
        .summary = "Returns how many seconds ago a key was last used.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {
        .name = "REFCOUNT",
        .run = object_refcount,
        .arity = 3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_SUB(KEY_RO),
        .group = "generic",
        .since = "2.2.3",
        .syntax = "key",
        .summary = "Returns how many references there are to the value at a key.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};

const struct command generic_object_commands[] = {
    {
        .name = "OBJECT",
        .arity = -2,
        .group = "generic",
        .since = "2.2.3",
        .syntax = "",
        .summary = "Shows how the value at a key is kept.",
        .complexity = "Depends on the subcommand",
        .subcommands = object_subcommands,
    },
    {.name = NULL},
};
