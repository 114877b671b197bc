/* Whole keys, whatever they hold: DEL, EXISTS, RENAME, MOVE, COPY ... */
#include "commands/tables.h"

static void del(struct command_context *context)
{
    int64_t deleted = 0;
    for (size_t i = 1; i < context->count; i++) {
        struct key key = command_key(context, i);
        if (!database_delete(context->database, &key))
            continue;
        command_changed(context, context->database, key.name, EVENT_GENERIC, "del");
        deleted++;
    }
    resp_writer_integer(context->reply, deleted);
}

static void count_keys(struct command_context *context, bool touch)
{
    int64_t found = 0;
    for (size_t i = 1; i < context->count; i++) {
        struct key key = command_key(context, i);
        found += database_read(context->database, &key, touch) != NULL;
    }
    resp_writer_integer(context->reply, found);
}

static void exists(struct command_context *context)
{
    count_keys(context, false);
}

static void touch(struct command_context *context)
{
    count_keys(context, true); /* CLIENT NO-TOUCH does not hold for TOUCH */
}

static void type(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, false);
    resp_writer_simple(context->reply,
                       entry == NULL ? SLICE("none") : slice_of_string(entry_type_name(entry)));
}

/* RENAME, and with `only_absent` RENAMENX, which answers numbers. */
static void rename_key(struct command_context *context, bool only_absent)
{
    struct database *database = context->database;
    struct key from = command_key(context, 1), to = command_key(context, 2);
    if (database_find(database, &from) == NULL) {
        command_reply_no_such_key(context);
        return;
    }
    bool same = slice_equals(from.name, to.name);
    bool refused = only_absent && (same || database_find(database, &to) != NULL);
    if (!same && !refused) {
        if (database_move(database, &from, database, &to) == NULL) {
            command_reply_out_of_memory(context);
            return;
        }
        command_created(context, database, to.name);
        command_touched(context, database, from.name);
        command_event(context, database, from.name, EVENT_GENERIC, "rename_from");
        command_changed(context, database, to.name, EVENT_GENERIC, "rename_to");
    }
    if (only_absent)
        resp_writer_integer(context->reply, !refused);
    else
        resp_writer_ok(context->reply);
}

static void rename_always(struct command_context *context)
{
    rename_key(context, false);
}

static void renamenx(struct command_context *context)
{
    rename_key(context, true);
}

/* The database whose number is argument `index`. NULL: there is none, which has been answered. */
static struct database *named_database(struct command_context *context, size_t index)
{
    int number;
    if (!command_int(context, index, &number))
        return NULL;
    if (number >= 0 && number < keyspace_database_count(context->keyspace))
        return keyspace_database(context->keyspace, number);
    command_reply_database_range(context);
    return NULL;
}

static void reply_same_object(struct command_context *context)
{
    resp_writer_error(context->reply, "ERR source and destination objects are the same");
}

static void move(struct command_context *context)
{
    struct database *from = context->database, *to = named_database(context, 2);
    if (to == NULL)
        return;
    if (from == to) {
        reply_same_object(context);
        return;
    }
    struct key key = command_key(context, 1);
    if (database_find(from, &key) == NULL || database_find(to, &key) != NULL) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (database_move(from, &key, to, &key) == NULL) {
        command_reply_out_of_memory(context);
        return;
    }
    command_created(context, to, key.name);
    command_touched(context, from, key.name);
    command_event(context, from, key.name, EVENT_GENERIC, "move_from");
    command_changed(context, to, key.name, EVENT_GENERIC, "move_to");
    resp_writer_integer(context->reply, 1);
}

static bool copy_options(struct command_context *context, struct database **to, bool *replace)
{
    for (size_t i = 3; i < context->count; i++) {
        struct slice word = context->arguments[i];
        if (slice_is_word(word, "REPLACE")) {
            *replace = true;
        } else if (slice_is_word(word, "DB") && i + 1 < context->count) {
            *to = named_database(context, ++i);
            if (*to == NULL)
                return false;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

static void copy(struct command_context *context)
{
    struct database *from = context->database, *to = from;
    bool replace = false;
    if (!copy_options(context, &to, &replace))
        return;
    struct key from_key = command_key(context, 1), to_key = command_key(context, 2);
    if (from == to && slice_equals(from_key.name, to_key.name)) {
        reply_same_object(context);
        return;
    }
    if (database_read(from, &from_key, !context->no_touch) == NULL ||
        (database_find(to, &to_key) != NULL && !replace)) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (database_copy(from, &from_key, to, &to_key) == NULL) {
        command_reply_out_of_memory(context);
        return;
    }
    command_created(context, to, to_key.name);
    command_changed(context, to, to_key.name, EVENT_GENERIC, "copy_to");
    resp_writer_integer(context->reply, 1);
}

const struct command generic_keys_commands[] = {
    {
        .name = "DEL",
        .run = del,
        .arity = -2,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ALL(KEY_RM | KEY_DELETE),
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key [key ...]",
        .summary = "Deletes keys.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard response_policy:agg_sum",
    },
    {
        .name = "UNLINK",
        .run = del,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ALL(KEY_RM | KEY_DELETE),
        .group = "generic",
        .since = "4.0.0",
        .syntax = "key [key ...]",
        .summary = "Deletes keys; their memory may be freed a little later.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard response_policy:agg_sum",
    },
    {
        .name = "EXISTS",
        .run = exists,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ALL(KEY_RO),
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key [key ...]",
        .summary = "Counts how many of the keys given exist.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard response_policy:agg_sum",
    },
    {
        .name = "TOUCH",
        .run = touch,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ALL(KEY_RO),
        .group = "generic",
        .since = "3.2.1",
        .syntax = "key [key ...]",
        .summary = "Marks keys as just used and counts how many of them exist.",
        .complexity = "O(N) where N is the number of keys",
        .tips = "request_policy:multi_shard response_policy:agg_sum",
    },
    {
        .name = "TYPE",
        .run = type,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RO),
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Names the type of the value at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "RENAME",
        .run = rename_always,
        .arity = 3,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_KEYSPACE,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_OW | KEY_UPDATE)},
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key newkey",
        .summary = "Gives a key another name, which replaces the key that had it.",
        .complexity = "O(1)",
    },
    {
        .name = "RENAMENX",
        .run = renamenx,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_OW | KEY_INSERT)},
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key newkey",
        .summary = "Gives a key another name if no key has it.",
        .complexity = "O(1)",
    },
    {
        .name = "MOVE",
        .run = move,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key db",
        .summary = "Moves a key to another database.",
        .complexity = "O(1)",
    },
    {
        .name = "COPY",
        .run = copy,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_KEYSPACE,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS),
                 KEYS_RANGE(2, 0, 1, KEY_OW | KEY_UPDATE)},
        .group = "generic",
        .since = "6.2.0",
        .syntax = "source destination [DB destination-db] [REPLACE]",
        .summary = "Copies a value to another key.",
        .complexity = "O(N) where N is the size of the value",
    },
    {.name = NULL},
};
