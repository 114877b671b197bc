/* Deadlines of keys: EXPIRE and its family, TTL and its family, PERSIST. */
#include "base/number.h"
#include "commands/tables.h"

enum expire_unit { UNIT_SECONDS, UNIT_MILLISECONDS };

enum expire_condition {
    EXPIRE_NX = 1 << 0,
    EXPIRE_XX = 1 << 1,
    EXPIRE_GT = 1 << 2,
    EXPIRE_LT = 1 << 3
};

static bool parse_conditions(struct command_context *context, unsigned *conditions)
{
    *conditions = 0;
    for (size_t i = 3; i < context->count; i++) {
        struct slice word = context->arguments[i];
        if (slice_is_word(word, "NX")) {
            *conditions |= EXPIRE_NX;
        } else if (slice_is_word(word, "XX")) {
            *conditions |= EXPIRE_XX;
        } else if (slice_is_word(word, "GT")) {
            *conditions |= EXPIRE_GT;
        } else if (slice_is_word(word, "LT")) {
            *conditions |= EXPIRE_LT;
        } else {
            resp_writer_error_format(context->reply, "ERR Unsupported option %.*s",
                                     (int)(word.length < 128 ? word.length : 128), word.data);
            return false;
        }
    }
    if ((*conditions & EXPIRE_NX) && (*conditions & ~(unsigned)EXPIRE_NX)) {
        resp_writer_error(context->reply, "ERR NX and XX, GT or LT options at the same time are "
                                          "not compatible");
        return false;
    }
    if ((*conditions & EXPIRE_GT) && (*conditions & EXPIRE_LT)) {
        resp_writer_error(context->reply,
                          "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* A key without a deadline counts as one that lives for ever. */
static bool conditions_hold(unsigned conditions, const struct entry *entry, int64_t deadline_ms)
{
    int64_t current_ms = entry_deadline_ms(entry);
    bool has_deadline = current_ms != ENTRY_NO_DEADLINE;
    if ((conditions & EXPIRE_NX) && has_deadline)
        return false;
    if ((conditions & EXPIRE_XX) && !has_deadline)
        return false;
    if ((conditions & EXPIRE_GT) && (!has_deadline || deadline_ms <= current_ms))
        return false;
    return !((conditions & EXPIRE_LT) && has_deadline && deadline_ms >= current_ms);
}

/* The deadline that argument 2 means; false if it is none, which has been answered. */
static bool parse_deadline(struct command_context *context, int64_t base_ms, enum expire_unit unit,
                           int64_t *deadline_ms)
{
    if (!command_integer(context, 2, deadline_ms))
        return false;
    if ((unit == UNIT_SECONDS && !number_multiply(*deadline_ms, 1000, deadline_ms)) ||
        !number_add(*deadline_ms, base_ms, deadline_ms)) {
        command_reply_invalid_expire(context);
        return false;
    }
    return true;
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

static void expire_key(struct command_context *context, int64_t base_ms, enum expire_unit unit)
{
    unsigned conditions;
    int64_t deadline_ms;
    if (!parse_conditions(context, &conditions) ||
        !parse_deadline(context, base_ms, unit, &deadline_ms))
        return;
    struct database *database = context->database;
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(database, &key);
    if (entry == NULL || !conditions_hold(conditions, entry, deadline_ms)) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (deadline_ms <= keyspace_time_ms(context->keyspace)) {
        database_delete(database, &key);
        command_changed(context, database, key.name, EVENT_GENERIC, "del");
        command_effect_key(context, database, "DEL", key.name);
    } else if (database_set_deadline(database, &key, entry, deadline_ms) != NULL) {
        resp_writer_integer(context->reply, 1); /* before the event, as in Redis */
        tell_deadline(context, &key, deadline_ms);
        return;
    } else {
        command_reply_out_of_memory(context);
        return;
    }
    resp_writer_integer(context->reply, 1);
}

static void expire(struct command_context *context)
{
    expire_key(context, keyspace_time_ms(context->keyspace), UNIT_SECONDS);
}

static void pexpire(struct command_context *context)
{
    expire_key(context, keyspace_time_ms(context->keyspace), UNIT_MILLISECONDS);
}

static void expireat(struct command_context *context)
{
    expire_key(context, 0, UNIT_SECONDS);
}

static void pexpireat(struct command_context *context)
{
    expire_key(context, 0, UNIT_MILLISECONDS);
}

/* -2: no such key, -1: no deadline. Seconds are rounded to the nearest. */
static void answer_deadline(struct command_context *context, int64_t base_ms, enum expire_unit unit)
{
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, false);
    int64_t answer = -2;
    if (entry != NULL) {
        answer = entry_deadline_ms(entry);
        if (answer != ENTRY_NO_DEADLINE) {
            answer -= base_ms;
            answer = answer < 0 ? 0 : answer;
            if (unit == UNIT_SECONDS)
                answer = answer / 1000 + (answer % 1000 >= 500);
        }
    }
    resp_writer_integer(context->reply, answer);
}

static void ttl(struct command_context *context)
{
    answer_deadline(context, keyspace_time_ms(context->keyspace), UNIT_SECONDS);
}

static void pttl(struct command_context *context)
{
    answer_deadline(context, keyspace_time_ms(context->keyspace), UNIT_MILLISECONDS);
}

static void expiretime(struct command_context *context)
{
    answer_deadline(context, 0, UNIT_SECONDS);
}

static void pexpiretime(struct command_context *context)
{
    answer_deadline(context, 0, UNIT_MILLISECONDS);
}

static void persist(struct command_context *context)
{
    struct database *database = context->database;
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(database, &key);
    bool has_deadline = entry != NULL && entry_deadline_ms(entry) != ENTRY_NO_DEADLINE;
    if (has_deadline) {
        if (database_set_deadline(database, &key, entry, ENTRY_NO_DEADLINE) == NULL) {
            command_reply_out_of_memory(context);
            return;
        }
        command_changed(context, database, key.name, EVENT_GENERIC, "persist");
    }
    resp_writer_integer(context->reply, has_deadline);
}

const struct command generic_expire_commands[] = {
    {
        .name = "EXPIRE",
        .run = expire,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RW | KEY_UPDATE),
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key seconds [NX|XX|GT|LT]",
        .summary = "Sets the time to live of a key in seconds.",
        .complexity = "O(1)",
    },
    {
        .name = "PEXPIRE",
        .run = pexpire,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RW | KEY_UPDATE),
        .group = "generic",
        .since = "2.6.0",
        .syntax = "key milliseconds [NX|XX|GT|LT]",
        .summary = "Sets the time to live of a key in milliseconds.",
        .complexity = "O(1)",
    },
    {
        .name = "EXPIREAT",
        .run = expireat,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RW | KEY_UPDATE),
        .group = "generic",
        .since = "1.2.0",
        .syntax = "key unix-time-seconds [NX|XX|GT|LT]",
        .summary = "Sets the deadline of a key in seconds since 1970.",
        .complexity = "O(1)",
    },
    {
        .name = "PEXPIREAT",
        .run = pexpireat,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RW | KEY_UPDATE),
        .group = "generic",
        .since = "2.6.0",
        .syntax = "key unix-time-milliseconds [NX|XX|GT|LT]",
        .summary = "Sets the deadline of a key in milliseconds since 1970.",
        .complexity = "O(1)",
    },
    {
        .name = "TTL",
        .run = ttl,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "generic",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Returns how many seconds a key has left.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {
        .name = "PTTL",
        .run = pttl,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "generic",
        .since = "2.6.0",
        .syntax = "key",
        .summary = "Returns how many milliseconds a key has left.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {
        .name = "EXPIRETIME",
        .run = expiretime,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "generic",
        .since = "7.0.0",
        .syntax = "key",
        .summary = "Returns the deadline of a key in seconds since 1970.",
        .complexity = "O(1)",
    },
    {
        .name = "PEXPIRETIME",
        .run = pexpiretime,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "generic",
        .since = "7.0.0",
        .syntax = "key",
        .summary = "Returns the deadline of a key in milliseconds since 1970.",
        .complexity = "O(1)",
    },
    {
        .name = "PERSIST",
        .run = persist,
        .arity = 2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_KEYSPACE,
        .keys = KEYS_ONE(KEY_RW | KEY_UPDATE),
        .group = "generic",
        .since = "2.2.0",
        .syntax = "key",
        .summary = "Clears the deadline of a key.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
