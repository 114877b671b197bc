/* GET, and its forms that change the key: GETDEL, GETEX. */
#include "base/number.h"
#include "commands/string_options.h"
#include "commands/tables.h"

/* The string at argument 1, for a read. NULL: there is none, which has been answered. */
static struct entry *read_string(struct command_context *context, const struct key *key)
{
    struct entry *entry = database_read(context->database, key, !context->no_touch);
    if (entry == NULL)
        resp_writer_null(context->reply);
    else if (!command_is_string(context, entry))
        entry = NULL;
    return entry;
}

static void get(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct entry *entry = read_string(context, &key);
    if (entry != NULL)
        command_reply_string(context, entry);
}

/* Removes the key; the effect is a DEL. */
static void delete_key(struct command_context *context, const struct key *key)
{
    database_delete(context->database, key);
    command_changed(context, context->database, key->name, EVENT_GENERIC, "del");
    command_effect_key(context, context->database, "DEL", key->name);
}

static void getdel(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct entry *entry = read_string(context, &key);
    if (entry == NULL)
        return;
    command_reply_string(context, entry);
    delete_key(context, &key);
}

static void tell_deadline(struct command_context *context, const struct key *key,
                          int64_t deadline_ms)
{
    command_changed(context, context->database, key->name, EVENT_GENERIC, "expire");
    if (!command_wants_effect(context))
        return;
    char text[NUMBER_INTEGER_TEXT_MAX];
    struct slice number = slice_of(text, number_format_int64(text, deadline_ms));
    struct slice words[] = {SLICE("PEXPIREAT"), key->name, number};
    command_effect(context, context->database, words, 3);
}

static void getex(struct command_context *context)
{
    struct string_options options = {0};
    if (!string_options_parse(context, 2, OPTION_PERSIST, &options))
        return;
    struct database *database = context->database;
    struct key key = command_key(context, 1);
    struct entry *entry = read_string(context, &key);
    if (entry == NULL || !string_options_deadline(context, &options))
        return;
    size_t reply_length = context->reply->out->length;
    command_reply_string(context, entry);
    if (string_options_have_time(&options)) {
        if (options.deadline_ms <= keyspace_time_ms(context->keyspace)) {
            delete_key(context, &key);
        } else if (database_set_deadline(database, &key, entry, options.deadline_ms) != NULL) {
            tell_deadline(context, &key, options.deadline_ms);
        } else {
            chain_truncate(context->reply->out, reply_length);
            command_reply_out_of_memory(context);
        }
    } else if (options.expiry == EXPIRY_PERSIST && entry_deadline_ms(entry) != ENTRY_NO_DEADLINE) {
        if (database_set_deadline(database, &key, entry, ENTRY_NO_DEADLINE) == NULL) {
            chain_truncate(context->reply->out, reply_length);
            command_reply_out_of_memory(context);
            return;
        }
        command_changed(context, database, key.name, EVENT_GENERIC, "persist");
        command_effect_key(context, database, "PERSIST", key.name);
    }
}

const struct command string_get_commands[] = {
    {
        .name = "GET",
        .run = get,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Returns the string stored at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "GETDEL",
        .run = getdel,
        .arity = 2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_DELETE),
        .group = "string",
        .since = "6.2.0",
        .syntax = "key",
        .summary = "Returns the string stored at a key and deletes the key.",
        .complexity = "O(1)",
    },
    {
        .name = "GETEX",
        .run = getex,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = {{.find = KEY_FIND_RANGE,
                  .first = 1,
                  .step = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_UPDATE,
                  .notes = "RW and UPDATE because it changes the TTL"}},
        .group = "string",
        .since = "6.2.0",
        .syntax = "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT "
                  "unix-time-milliseconds|PERSIST]",
        .summary = "Returns the string stored at a key and sets or clears its deadline.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
