#include "commands/string_options.h"

#include "base/number.h"

static enum string_expiry expiry_of_word(struct slice word, unsigned allowed)
{
    if (slice_is_word(word, "EX"))
        return EXPIRY_EX;
    if (slice_is_word(word, "PX"))
        return EXPIRY_PX;
    if (slice_is_word(word, "EXAT"))
        return EXPIRY_EXAT;
    if (slice_is_word(word, "PXAT"))
        return EXPIRY_PXAT;
    if ((allowed & OPTION_KEEP) && slice_is_word(word, "KEEPTTL"))
        return EXPIRY_KEEP;
    if ((allowed & OPTION_PERSIST) && slice_is_word(word, "PERSIST"))
        return EXPIRY_PERSIST;
    return EXPIRY_NONE;
}

static enum string_condition condition_of_word(struct slice word, unsigned allowed)
{
    if ((allowed & OPTION_PRESENCE) && slice_is_word(word, "NX"))
        return STRING_ABSENT;
    if ((allowed & OPTION_PRESENCE) && slice_is_word(word, "XX"))
        return STRING_PRESENT;
    return allowed & OPTION_COMPARE ? string_compare_word(word) : STRING_ALWAYS;
}

static bool needs_operand(enum string_condition condition)
{
    return condition >= STRING_EQUAL;
}

/* Takes the option at *index and its argument. The same option may come twice, the last counts;
 * two that exclude each other may not. */
static bool take(struct command_context *context, size_t *index, unsigned allowed,
                 struct string_options *options)
{
    struct slice word = context->arguments[*index];
    bool more = *index + 1 < context->count;
    enum string_expiry expiry = expiry_of_word(word, allowed);
    if (expiry != EXPIRY_NONE) {
        bool has_time = expiry <= EXPIRY_PXAT;
        if ((options->expiry != EXPIRY_NONE && options->expiry != expiry) || (has_time && !more))
            return false;
        options->expiry = expiry;
        if (has_time)
            options->expiry_index = ++*index;
        return true;
    }
    enum string_condition condition = condition_of_word(word, allowed);
    if (condition != STRING_ALWAYS) {
        if ((options->condition != STRING_ALWAYS && options->condition != condition) ||
            (needs_operand(condition) && !more))
            return false;
        options->condition = condition;
        if (needs_operand(condition))
            options->operand = context->arguments[++*index];
        return true;
    }
    if (!(allowed & OPTION_GET) || !slice_is_word(word, "GET"))
        return false;
    options->get = true;
    return true;
}

bool string_options_parse(struct command_context *context, size_t first, unsigned allowed,
                          struct string_options *options)
{
    for (size_t index = first; index < context->count; index++) {
        if (!take(context, &index, allowed, options)) {
            command_reply_syntax_error(context);
            return false;
        }
    }
    if (options->condition == STRING_DIGEST_EQUAL || options->condition == STRING_DIGEST_NOT_EQUAL)
        return string_compare_parse_digest(context, options->operand, &options->digest);
    return true;
}

bool string_options_deadline(struct command_context *context, struct string_options *options)
{
    options->deadline_ms = ENTRY_NO_DEADLINE;
    if (!string_options_have_time(options))
        return true;
    int64_t time;
    if (!command_integer(context, options->expiry_index, &time))
        return false;
    bool in_seconds = options->expiry == EXPIRY_EX || options->expiry == EXPIRY_EXAT;
    bool relative = options->expiry == EXPIRY_EX || options->expiry == EXPIRY_PX;
    if (time <= 0 || (in_seconds && !number_multiply(time, 1000, &time)) ||
        (relative && !number_add(time, keyspace_time_ms(context->keyspace), &time))) {
        command_reply_invalid_expire(context);
        return false;
    }
    options->deadline_ms = time;
    return true;
}

void string_options_effect(struct command_context *context, const struct string_options *options,
                           struct slice key, struct slice value)
{
    if (!command_wants_effect(context))
        return;
    char text[NUMBER_INTEGER_TEXT_MAX];
    struct slice words[5] = {SLICE("SET"), key, value};
    size_t count = 3;
    if (string_options_have_time(options)) {
        words[count++] = SLICE("PXAT");
        words[count++] = slice_of(text, number_format_int64(text, options->deadline_ms));
    } else if (options->expiry == EXPIRY_KEEP) {
        words[count++] = SLICE("KEEPTTL");
    }
    command_effect(context, context->database, words, count);
}
