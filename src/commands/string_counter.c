/* Numbers kept in strings: INCR and its family. */
#include <math.h>

#include "base/number.h"
#include "commands/tables.h"

/* The number a string holds, 0 if it is absent. False: it is none, which has been answered. */
static bool current_integer(struct command_context *context, const struct entry *entry,
                            int64_t *value)
{
    *value = 0;
    if (entry == NULL)
        return true;
    if (!command_is_string(context, entry))
        return false;
    if (LIKELY(entry->encoding == ENCODING_INT)) {
        *value = entry_integer(entry);
        return true;
    }
    if (number_parse_int64(entry_string(entry, NULL), value))
        return true;
    command_reply_not_integer(context);
    return false;
}

static void add(struct command_context *context, int64_t increment)
{
    struct database *database = context->database;
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(database, &key);
    int64_t value;
    if (!current_integer(context, entry, &value))
        return;
    if (!number_add(value, increment, &value)) {
        resp_writer_error(context->reply, "ERR increment or decrement would overflow");
        return;
    }
    bool created = entry == NULL;
    if (UNLIKELY(database_set_integer(database, &key, entry, value) == NULL)) {
        command_reply_out_of_memory(context);
        return;
    }
    if (created)
        command_created(context, database, key.name);
    command_changed(context, database, key.name, EVENT_STRING, "incrby");
    resp_writer_integer(context->reply, value);
}

static void incr(struct command_context *context)
{
    add(context, 1);
}

static void decr(struct command_context *context)
{
    add(context, -1);
}

static void incrby(struct command_context *context)
{
    int64_t increment;
    if (command_integer(context, 2, &increment))
        add(context, increment);
}

static void decrby(struct command_context *context)
{
    int64_t decrement;
    if (!command_integer(context, 2, &decrement))
        return;
    if (decrement == INT64_MIN)
        resp_writer_error(context->reply, "ERR decrement would overflow");
    else
        add(context, -decrement);
}

/* False: one of the two is not a number, which has been answered. */
static bool float_operands(struct command_context *context, const struct entry *entry,
                           long double *value, long double *increment)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    *value = 0;
    if (!command_is_string(context, entry))
        return false;
    if ((entry == NULL || number_parse_long_double(entry_string(entry, scratch), value)) &&
        number_parse_long_double(context->arguments[2], increment))
        return true;
    resp_writer_error(context->reply, "ERR value is not a valid float");
    return false;
}

static void incrbyfloat(struct command_context *context)
{
    struct database *database = context->database;
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(database, &key);
    long double value, increment;
    if (!float_operands(context, entry, &value, &increment))
        return;
    value += increment;
    if (!isfinite(value)) {
        resp_writer_error(context->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
    struct slice sum = slice_of(text, number_format_long_double(text, value));
    bool created = entry == NULL;
    if (database_replace_string(database, &key, entry, sum, DEADLINE_KEEP, 0) == NULL) {
        command_reply_out_of_memory(context);
        return;
    }
    if (created)
        command_created(context, database, key.name);
    command_changed(context, database, key.name, EVENT_STRING, "incrbyfloat");
    struct slice words[] = {SLICE("SET"), key.name, sum, SLICE("KEEPTTL")};
    command_effect(context, database, words, 4);
    resp_writer_bulk(context->reply, sum);
}

const struct command string_counter_commands[] = {
    {
        .name = "INCR",
        .run = incr,
        .arity = 2,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Adds one to the integer stored at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "DECR",
        .run = decr,
        .arity = 2,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Subtracts one from the integer stored at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "INCRBY",
        .run = incrby,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key increment",
        .summary = "Adds a number to the integer stored at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "DECRBY",
        .run = decrby,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key decrement",
        .summary = "Subtracts a number from the integer stored at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "INCRBYFLOAT",
        .run = incrbyfloat,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_ACCESS | KEY_UPDATE),
        .group = "string",
        .since = "2.6.0",
        .syntax = "key increment",
        .summary = "Adds a decimal number to the number stored at a key.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
