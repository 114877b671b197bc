#include "commands/command.h"

#include <limits.h>
#include <math.h>

#include "base/number.h"

#define TIMEOUT_SECONDS_MAX 9.0e15L /* beyond it milliseconds leave 64 bits */
#define NAME_SIZE_MAX 64            /* bytes of a command's name in an error, the rest is cut */

/* --- what a command did --- */

void command_touched(struct command_context *context, struct database *database, struct slice key)
{
    if (!context->services->unheard)
        context->services->key_changed(context, database, key);
}

void command_ready(struct command_context *context, struct database *database, struct slice key)
{
    if (!context->services->unheard)
        context->services->key_ready(context, database, key);
}

void command_event(struct command_context *context, struct database *database, struct slice key,
                   enum event_class event_class, const char *event)
{
    if (!context->services->unheard)
        context->services->key_event(context, database, event_class, event, key);
}

void command_created(struct command_context *context, struct database *database, struct slice key)
{
    command_event(context, database, key, EVENT_NEW, "new");
}

void command_changed(struct command_context *context, struct database *database, struct slice key,
                     enum event_class event_class, const char *event)
{
    context->changes++;
    if (LIKELY(context->services->unheard))
        return;
    command_touched(context, database, key);
    command_event(context, database, key, event_class, event);
}

void command_effect(struct command_context *context, struct database *database,
                    const struct slice *arguments, size_t count)
{
    context->effect_replaced = true;
    if (context->services->effect != NULL)
        context->services->effect(context, database, arguments, count);
}

void command_effect_key(struct command_context *context, struct database *database,
                        const char *name, struct slice key)
{
    struct slice words[] = {slice_of_string(name), key};
    command_effect(context, database, words, 2);
}

/* --- waiting --- */

bool command_await(struct command_context *context, const struct command_await *await)
{
    return context->services->await != NULL && context->services->await(context, await);
}

bool command_may_look_at(const struct command_context *context, struct slice key)
{
    return context->woken_by == NULL || slice_equals(*context->woken_by, key);
}

/* --- shared replies --- */

void command_reply_syntax_error(struct command_context *context)
{
    resp_writer_error(context->reply, "ERR syntax error");
}

void command_reply_wrong_type(struct command_context *context)
{
    resp_writer_error(context->reply,
                      "WRONGTYPE Operation against a key holding the wrong kind of value");
}

void command_reply_not_integer(struct command_context *context)
{
    resp_writer_error(context->reply, "ERR value is not an integer or out of range");
}

void command_reply_out_of_memory(struct command_context *context)
{
    resp_writer_error(context->reply, "OOM out of memory for a value of this size");
}

void command_stopped_at(struct command_context *context, size_t end, bool changed)
{
    if (changed && command_wants_effect(context))
        command_effect(context, context->database, context->arguments, end);
    command_reply_out_of_memory(context);
}

void command_reply_no_such_key(struct command_context *context)
{
    resp_writer_error(context->reply, "ERR no such key");
}

void command_reply_database_range(struct command_context *context)
{
    resp_writer_error(context->reply, "ERR DB index is out of range");
}

/* The command's name as errors show it. */
static const char *lower_name(const struct command_context *context, char out[NAME_SIZE_MAX])
{
    size_t length = 0;
    for (const char *at = context->command->name; *at != '\0' && length + 1 < NAME_SIZE_MAX; at++)
        out[length++] = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    out[length] = '\0';
    return out;
}

void command_reply_arity(struct command_context *context)
{
    char name[NAME_SIZE_MAX];
    resp_writer_error_format(context->reply, "ERR wrong number of arguments for '%s' command",
                             lower_name(context, name));
}

void command_reply_invalid_expire(struct command_context *context)
{
    char name[NAME_SIZE_MAX];
    resp_writer_error_format(context->reply, "ERR invalid expire time in '%s' command",
                             lower_name(context, name));
}

void command_reply_help(struct command_context *context, const char *container,
                        const char *const *lines)
{
    static const char title[] = " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:";
    char first[NAME_SIZE_MAX + sizeof title];
    size_t count = 0, length = strnlen(container, NAME_SIZE_MAX);
    while (lines[count] != NULL)
        count++;
    memcpy(first, container, length);
    memcpy(first + length, title, sizeof title - 1);
    resp_writer_array(context->reply, count + 3);
    resp_writer_simple(context->reply, slice_of(first, length + sizeof title - 1));
    for (size_t i = 0; i < count; i++)
        resp_writer_simple(context->reply, slice_of_string(lines[i]));
    resp_writer_simple(context->reply, SLICE("HELP"));
    resp_writer_simple(context->reply, SLICE("    Prints this help."));
}

void command_reply_string(struct command_context *context, struct entry *entry)
{
    struct chain_shared *shared = NULL;
    if (entry->encoding == ENCODING_INT) {
        resp_writer_bulk_integer(context->reply, entry_integer(entry));
        return;
    }
    if (UNLIKELY(!(entry->flags & ENTRY_EMBEDDED)))
        shared = entry_share(entry);
    if (shared != NULL)
        resp_writer_bulk_shared(context->reply, shared);
    else
        resp_writer_bulk(context->reply, entry_string(entry, NULL));
}

/* --- arguments --- */

bool command_integer(struct command_context *context, size_t index, int64_t *out)
{
    if (LIKELY(number_parse_int64(context->arguments[index], out)))
        return true;
    command_reply_not_integer(context);
    return false;
}

bool command_int(struct command_context *context, size_t index, int *out)
{
    int64_t value;
    if (!command_integer(context, index, &value))
        return false;
    if (value < INT_MIN || value > INT_MAX) {
        resp_writer_error_format(context->reply,
                                 "ERR value is out of range, value must between %d and %d", INT_MIN,
                                 INT_MAX);
        return false;
    }
    *out = (int)value;
    return true;
}

bool command_timeout(struct command_context *context, size_t index, int64_t *timeout_ms)
{
    long double seconds;
    if (!number_parse_long_double(context->arguments[index], &seconds)) {
        resp_writer_error(context->reply, "ERR timeout is not a float or out of range");
    } else if (seconds < 0) {
        resp_writer_error(context->reply, "ERR timeout is negative");
    } else if (seconds > TIMEOUT_SECONDS_MAX) {
        resp_writer_error(context->reply, "ERR timeout is out of range");
    } else {
        *timeout_ms = (int64_t)ceill(seconds * 1000);
        return true;
    }
    return false;
}

bool command_is_string(struct command_context *context, const struct entry *entry)
{
    if (LIKELY(entry == NULL || entry->type == TYPE_STRING))
        return true;
    command_reply_wrong_type(context);
    return false;
}

/* --- tables --- */

const struct command *command_find(const struct command *table, struct slice name)
{
    for (const struct command *command = table; command->name != NULL; command++) {
        if (slice_is_word(name, command->name))
            return command;
    }
    return NULL;
}

/* The first and last key of one specification; false if the line does not have them. */
static bool find_keys(const struct key_spec *spec, const struct slice *arguments, int64_t count,
                      int64_t *first, int64_t *last)
{
    *first = spec->first;
    if (spec->find == KEY_FIND_KEYWORD) {
        while (*first < count && !slice_is_word(arguments[*first], spec->keyword))
            ++*first;
        ++*first;
        *last = spec->last >= 0 ? *first + spec->last : count + spec->last;
        if (spec->limit > 1)
            *last = *first + (count - *first) / spec->limit - 1;
    } else if (spec->find == KEY_FIND_RANGE) {
        *last = spec->last >= 0 ? *first + spec->last : count + spec->last;
    } else {
        int64_t position = *first + spec->last, keys;
        if (position >= count || !number_parse_int64(arguments[position], &keys) || keys < 0 ||
            keys > count)
            return false;
        *first += spec->first_after;
        *last = *first + (keys - 1) * spec->step;
    }
    return *first < count && *last < count && *first <= *last;
}

size_t command_key_positions(const struct command *command, const struct slice *arguments,
                             size_t count, struct key_position *positions, size_t max)
{
    size_t found = 0;
    if (command->find_keys != NULL)
        return command->find_keys(arguments, count, positions, max);
    for (size_t i = 0; i < COMMAND_KEY_SPECS_MAX; i++) {
        const struct key_spec *spec = &command->keys[i];
        if (spec->find == KEY_FIND_NONE)
            break;
        if ((spec->flags & KEY_NOT_KEY) || spec->find == KEY_FIND_UNKNOWN)
            continue;
        int64_t first, last;
        if (!find_keys(spec, arguments, (int64_t)count, &first, &last)) {
            if (spec->find == KEY_FIND_KEYWORD && i > 0)
                continue; /* an option that is not there */
            return COMMAND_KEYS_ERROR;
        }
        unsigned flags = spec->flags;
        if ((flags & KEY_VARIABLE_FLAGS) && command->key_flags != NULL)
            flags = command->key_flags(arguments, count);
        for (int64_t at = first; at <= last; at += spec->step, found++) {
            if (found < max)
                positions[found] = (struct key_position){(size_t)at, flags};
        }
    }
    return found;
}
