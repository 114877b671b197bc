/* SET, its older forms, and GETSET. */
#include "commands/string_set.h"

#include "base/memory.h"
#include "commands/string_options.h"
#include "commands/tables.h"

struct entry *string_set_value(struct command_context *context, const struct key *key,
                               struct entry *entry, size_t value_index, enum deadline_rule rule,
                               int64_t deadline_ms)
{
    struct slice value = context->arguments[value_index];
    if (UNLIKELY(value.length > ENTRY_EMBEDDED_MAX) && context->services->take_argument != NULL) {
        size_t length;
        char *block = context->services->take_argument(context, value_index, &length);
        if (block != NULL) {
            entry = database_replace_string_block(context->database, key, entry, block, length,
                                                  rule, deadline_ms);
            if (entry == NULL) {
                context->arguments[value_index] = SLICE("");
                memory_free(block);
            }
            return entry;
        }
    }
    return database_replace_string(context->database, key, entry, value, rule, deadline_ms);
}

/* How a command of this family is spoken: SETEX has its time before the value, SETNX answers
 * numbers. */
struct form {
    size_t value_index;
    bool answers_numbers;
    bool own_effect; /* the command as sent is its effect */
};

static void answer(struct command_context *context, const struct form *form, bool done)
{
    if (form->answers_numbers)
        resp_writer_integer(context->reply, done);
    else if (done)
        resp_writer_ok(context->reply);
    else
        resp_writer_null(context->reply);
}

/* The entry to be replaced. With GET it is read, and its value answered. False: an error was. */
static bool look(struct command_context *context, const struct string_options *options,
                 const struct key *key, struct entry **entry)
{
    if (!options->get) {
        *entry = database_find(context->database, key);
        return options->condition < STRING_EQUAL || command_is_string(context, *entry);
    }
    *entry = database_read(context->database, key, !context->no_touch);
    if (!command_is_string(context, *entry))
        return false;
    if (*entry == NULL)
        resp_writer_null(context->reply);
    else
        command_reply_string(context, *entry);
    return true;
}

static void run(struct command_context *context, const struct form *form,
                struct string_options *options)
{
    if (!string_options_deadline(context, options))
        return;
    struct database *database = context->database;
    struct key key = command_key(context, 1);
    struct entry *entry;
    size_t reply_length = context->reply->out->length;
    if (!look(context, options, &key, &entry))
        return;
    if (!string_compare_holds(options->condition, options->operand, options->digest, entry)) {
        if (!options->get)
            answer(context, form, false);
        return;
    }
    bool created = entry == NULL;
    entry = string_set_value(context, &key, entry, form->value_index, string_options_rule(options),
                             options->deadline_ms);
    if (UNLIKELY(entry == NULL)) {
        chain_truncate(context->reply->out, reply_length);
        command_reply_out_of_memory(context);
        return;
    }
    if (created)
        command_created(context, database, key.name);
    command_changed(context, database, key.name, EVENT_STRING, "set");
    if (string_options_have_time(options))
        command_event(context, database, key.name, EVENT_GENERIC, "expire");
    if (!form->own_effect)
        string_options_effect(context, options, key.name, context->arguments[form->value_index]);
    if (!options->get)
        answer(context, form, true);
}

static void set(struct command_context *context)
{
    struct string_options options = {0};
    struct form form = {.value_index = 2, .own_effect = true};
    if (context->count > 3) {
        form.own_effect = false;
        if (!string_options_parse(
                context, 3, OPTION_PRESENCE | OPTION_COMPARE | OPTION_GET | OPTION_KEEP, &options))
            return;
    }
    run(context, &form, &options);
}

static void setnx(struct command_context *context)
{
    struct string_options options = {.condition = STRING_ABSENT};
    run(context, &(struct form){.value_index = 2, .answers_numbers = true}, &options);
}

static void setex(struct command_context *context)
{
    struct string_options options = {.expiry = EXPIRY_EX, .expiry_index = 2};
    run(context, &(struct form){.value_index = 3}, &options);
}

static void psetex(struct command_context *context)
{
    struct string_options options = {.expiry = EXPIRY_PX, .expiry_index = 2};
    run(context, &(struct form){.value_index = 3}, &options);
}

static void getset(struct command_context *context)
{
    struct string_options options = {.get = true};
    run(context, &(struct form){.value_index = 2}, &options);
}

/* Without GET or a comparison SET does not read. */
static unsigned set_key_flags(const struct slice *arguments, size_t count)
{
    for (size_t i = 3; i < count; i++) {
        if (slice_is_word(arguments[i], "GET") ||
            string_compare_word(arguments[i]) != STRING_ALWAYS)
            return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_OW | KEY_UPDATE;
}

const struct command string_set_commands[] = {
    {
        .name = "SET",
        .run = set,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = {{.find = KEY_FIND_RANGE,
                  .first = 1,
                  .step = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE_FLAGS,
                  .notes = "RW and ACCESS due to the optional `GET` argument"}},
        .key_flags = set_key_flags,
        .group = "string",
        .since = "1.0.0",
        .syntax = "key value [NX|XX|IFEQ comparison-value|IFNE comparison-value|IFDEQ digest|IFDNE "
                  "digest] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT "
                  "unix-time-milliseconds|KEEPTTL]",
        .summary =
            "Stores a string at a key, whatever was there before, if the conditions given hold.",
        .complexity = "O(1)",
    },
    {
        .name = "SETEX",
        .run = setex,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_OW | KEY_UPDATE),
        .group = "string",
        .since = "2.0.0",
        .syntax = "key seconds value",
        .summary = "Stores a string at a key together with its time to live in seconds.",
        .complexity = "O(1)",
    },
    {
        .name = "PSETEX",
        .run = psetex,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_OW | KEY_UPDATE),
        .group = "string",
        .since = "2.6.0",
        .syntax = "key milliseconds value",
        .summary = "Stores a string at a key together with its time to live in milliseconds.",
        .complexity = "O(1)",
    },
    {
        .name = "SETNX",
        .run = setnx,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_OW | KEY_INSERT),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key value",
        .summary = "Stores a string at a key that does not exist yet.",
        .complexity = "O(1)",
    },
    {
        .name = "GETSET",
        .run = getset,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key value",
        .summary = "Stores a string at a key and returns the one that was there before.",
        .complexity = "O(1)",
        .deprecated_since = "6.2.0",
        .replaced_by = "`SET` with the `!GET` argument",
    },
    {.name = NULL},
};
