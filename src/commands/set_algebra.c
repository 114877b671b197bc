/* Several sets: what they have in common, all they have, what the first has alone. */
#include "base/memory.h"
#include "base/number.h"
#include "commands/collection.h"
#include "commands/tables.h"
#include "values/set.h"

/* The sets of a command; NULL: there is none at that key. */
struct operands {
    const struct set **sets;
    size_t count;
};

/* False: answered. */
static bool open_operands(struct command_context *context, size_t first, size_t count,
                          struct operands *operands)
{
    operands->count = count;
    operands->sets = memory_try_allocate(count * sizeof(struct set *));
    if (operands->sets == NULL) {
        command_reply_out_of_memory(context);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct collection set;
        if (!collection_read(context, first + i, TYPE_SET, &set)) {
            memory_free(operands->sets);
            return false;
        }
        operands->sets[i] = set.value;
    }
    return true;
}

/* Where members of a result go. False: memory is out. */
struct result {
    bool (*take)(struct result *result, struct slice member);
    struct resp_writer *writer;
    struct set *set;
    const struct value_settings *settings;
    size_t count, limit; /* limit 0: none */
};

static bool take_reply(struct result *result, struct slice member)
{
    resp_writer_bulk(result->writer, member);
    return true;
}

static bool take_set(struct result *result, struct slice member)
{
    return set_add(result->set, result->settings, member) != SET_OUT_OF_MEMORY;
}

static bool take_count(struct result *result, struct slice member)
{
    (void)result, (void)member;
    return true;
}

/* The smallest first; all of one seed are visited in the same order, so looking up the members of
 * one in another goes through its memory from front to back. */
static bool intersect(const struct operands *operands, struct result *result)
{
    const struct set *smallest = operands->sets[0];
    for (size_t i = 0; i < operands->count; i++) {
        if (operands->sets[i] == NULL)
            return true;
        if (set_length(operands->sets[i]) < set_length(smallest))
            smallest = operands->sets[i];
    }
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    while (set_next(smallest, &cursor, &member)) {
        bool in_all = true;
        for (size_t i = 0; i < operands->count && in_all; i++)
            in_all = operands->sets[i] == smallest || set_has(operands->sets[i], member);
        if (!in_all)
            continue;
        if (!result->take(result, member))
            return false;
        if (++result->count == result->limit)
            break;
    }
    return true;
}

static bool in_any(const struct operands *operands, size_t from, size_t to, struct slice member)
{
    for (size_t i = from; i < to; i++)
        if (operands->sets[i] != NULL && set_has(operands->sets[i], member))
            return true;
    return false;
}

/* Each member when the first set that has it is visited: no set of what was seen is needed. */
static bool unite(const struct operands *operands, struct result *result)
{
    for (size_t i = 0; i < operands->count; i++) {
        struct set_cursor cursor = {.at = 0};
        struct slice member;
        while (operands->sets[i] != NULL && set_next(operands->sets[i], &cursor, &member)) {
            if (in_any(operands, 0, i, member))
                continue;
            if (!result->take(result, member))
                return false;
            result->count++;
        }
    }
    return true;
}

static bool subtract(const struct operands *operands, struct result *result)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    while (operands->sets[0] != NULL && set_next(operands->sets[0], &cursor, &member)) {
        if (in_any(operands, 1, operands->count, member))
            continue;
        if (!result->take(result, member))
            return false;
        result->count++;
    }
    return true;
}

typedef bool combine(const struct operands *operands, struct result *result);

static void reply_combined(struct command_context *context, combine *combine_sets)
{
    struct operands operands;
    if (!open_operands(context, 1, context->count - 1, &operands))
        return;
    struct chain elements;
    chain_init(&elements, context->reply->out->pool);
    struct resp_writer writer = *context->reply;
    writer.out = &elements;
    struct result result = {.take = take_reply, .writer = &writer};
    (void)combine_sets(&operands, &result);
    resp_writer_set(context->reply, result.count);
    chain_splice(context->reply->out, &elements);
    chain_deinit(&elements);
    memory_free(operands.sets);
}

static void store_combined(struct command_context *context, combine *combine_sets,
                           const char *event)
{
    struct operands operands;
    struct collection to = {.database = context->database, .key = command_key(context, 1)};
    if (!open_operands(context, 2, context->count - 2, &operands))
        return;
    struct result result = {
        .take = take_set, .set = set_create(), .settings = collection_settings(context)};
    bool good = combine_sets(&operands, &result);
    memory_free(operands.sets);
    if (!good)
        command_reply_out_of_memory(context);
    if (good && result.count > 0) {
        if (!collection_create(context, &to, TYPE_SET, result.set)) {
            set_destroy(result.set);
            return;
        }
        collection_changed(context, &to, EVENT_SET, event);
        resp_writer_integer(context->reply, (int64_t)result.count);
        return;
    }
    set_destroy(result.set);
    if (!good)
        return;
    if (database_delete(to.database, &to.key))
        collection_changed(context, &to, EVENT_GENERIC, "del");
    resp_writer_integer(context->reply, 0);
}

static void smembers(struct command_context *context)
{
    struct collection set;
    if (!collection_read(context, 1, TYPE_SET, &set))
        return;
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    resp_writer_set(context->reply, set.entry != NULL ? set_length(set.value) : 0);
    while (set.entry != NULL && set_next(set.value, &cursor, &member))
        resp_writer_bulk(context->reply, member);
}

static void sinter(struct command_context *context)
{
    reply_combined(context, intersect);
}

static void sunion(struct command_context *context)
{
    reply_combined(context, unite);
}

static void sdiff(struct command_context *context)
{
    reply_combined(context, subtract);
}

static void sinterstore(struct command_context *context)
{
    store_combined(context, intersect, "sinterstore");
}

static void sunionstore(struct command_context *context)
{
    store_combined(context, unite, "sunionstore");
}

static void sdiffstore(struct command_context *context)
{
    store_combined(context, subtract, "sdiffstore");
}

static void sintercard(struct command_context *context)
{
    int64_t keys, limit = 0;
    if (!number_parse_int64(context->arguments[1], &keys) || keys < 1) {
        resp_writer_error(context->reply, "ERR numkeys should be greater than 0");
        return;
    }
    if ((uint64_t)keys > context->count - 2) {
        resp_writer_error(context->reply,
                          "ERR Number of keys can't be greater than number of args");
        return;
    }
    for (size_t i = 2 + (size_t)keys; i < context->count; i += 2) {
        if (!slice_is_word(context->arguments[i], "LIMIT") || i + 1 >= context->count) {
            command_reply_syntax_error(context);
            return;
        }
        if (!number_parse_int64(context->arguments[i + 1], &limit) || limit < 0) {
            resp_writer_error(context->reply, "ERR LIMIT can't be negative");
            return;
        }
    }
    struct operands operands;
    if (!open_operands(context, 2, (size_t)keys, &operands))
        return;
    struct result result = {.take = take_count, .limit = (size_t)limit};
    (void)intersect(&operands, &result);
    memory_free(operands.sets);
    resp_writer_integer(context->reply, (int64_t)result.count);
}

const struct command set_algebra_commands[] = {
    {
        .name = "SMEMBERS",
        .run = smembers,
        .arity = 2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Returns all members of a set.",
        .complexity = "O(N) for N members",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "SINTER",
        .run = sinter,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key [key ...]",
        .summary = "Returns the members that all sets have.",
        .complexity = "O(N*M) for N members of the smallest of M sets",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "SINTERSTORE",
        .run = sinterstore,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 KEYS_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "destination key [key ...]",
        .summary = "Stores the members that all sets have.",
        .complexity = "O(N*M) for N members of the smallest of M sets",
    },
    {
        .name = "SINTERCARD",
        .run = sintercard,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "set",
        .since = "7.0.0",
        .syntax = "numkeys key [key ...] [LIMIT limit]",
        .summary = "Returns how many members all sets have in common.",
        .complexity = "O(N*M) for N members of the smallest of M sets",
    },
    {
        .name = "SUNION",
        .run = sunion,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key [key ...]",
        .summary = "Returns the members that any of the sets has.",
        .complexity = "O(N*M) for N members of M sets",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "SUNIONSTORE",
        .run = sunionstore,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 KEYS_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "destination key [key ...]",
        .summary = "Stores the members that any of the sets has.",
        .complexity = "O(N*M) for N members of M sets",
    },
    {
        .name = "SDIFF",
        .run = sdiff,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key [key ...]",
        .summary = "Returns the members of the first set that no other has.",
        .complexity = "O(N*M) for N members of the first of M sets",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "SDIFFSTORE",
        .run = sdiffstore,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 KEYS_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "destination key [key ...]",
        .summary = "Stores the members of the first set that no other has.",
        .complexity = "O(N*M) for N members of the first of M sets",
    },
    {.name = NULL},
};
