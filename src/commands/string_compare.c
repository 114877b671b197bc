#include "commands/string_compare.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/number.h"
#include "commands/string_options.h"
#include "commands/tables.h"

#define DIGEST_LENGTH 16 /* hexadecimal digits */

enum string_condition string_compare_word(struct slice word)
{
    if (slice_is_word(word, "IFEQ"))
        return STRING_EQUAL;
    if (slice_is_word(word, "IFNE"))
        return STRING_NOT_EQUAL;
    if (slice_is_word(word, "IFDEQ"))
        return STRING_DIGEST_EQUAL;
    if (slice_is_word(word, "IFDNE"))
        return STRING_DIGEST_NOT_EQUAL;
    return STRING_ALWAYS;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool string_compare_parse_digest(struct command_context *context, struct slice text,
                                 uint64_t *digest)
{
    uint64_t value = 0;
    bool valid = text.length == DIGEST_LENGTH;
    for (size_t i = 0; valid && i < DIGEST_LENGTH; i++) {
        int digit = digit_value(text.data[i]);
        valid = digit >= 0;
        value = value << 4 | (uint64_t)(digit & 15);
    }
    if (valid)
        *digest = value;
    else
        resp_writer_error(context->reply, "ERR digest must be exactly 16 hexadecimal characters");
    return valid;
}

uint64_t string_compare_digest(const struct entry *entry)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value = entry_string(entry, scratch);
    return XXH3_64bits(value.data, value.length);
}

static bool equals(const struct entry *entry, struct slice value)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    return entry_string_length(entry) == value.length &&
           slice_equals(entry_string(entry, scratch), value);
}

bool string_compare_holds(enum string_condition condition, struct slice operand, uint64_t digest,
                          const struct entry *entry)
{
    switch (condition) {
    case STRING_ALWAYS:
        return true;
    case STRING_ABSENT:
        return entry == NULL;
    case STRING_PRESENT:
        return entry != NULL;
    case STRING_EQUAL:
        return entry != NULL && equals(entry, operand);
    case STRING_NOT_EQUAL:
        return entry == NULL || !equals(entry, operand);
    case STRING_DIGEST_EQUAL:
        return entry != NULL && string_compare_digest(entry) == digest;
    case STRING_DIGEST_NOT_EQUAL:
        return entry == NULL || string_compare_digest(entry) != digest;
    }
    return false;
}

static void digest(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (entry == NULL) {
        resp_writer_null(context->reply);
        return;
    }
    if (!command_is_string(context, entry))
        return;
    uint64_t value = string_compare_digest(entry);
    char text[DIGEST_LENGTH];
    for (size_t i = 0; i < DIGEST_LENGTH; i++)
        text[i] = "0123456789abcdef"[value >> (4 * (DIGEST_LENGTH - 1 - i)) & 15];
    resp_writer_bulk(context->reply, slice_of(text, DIGEST_LENGTH));
}

/* Deletes the key if it is there and meets the condition, and answers 1; else 0. */
static void delete_if(struct command_context *context, enum string_condition condition,
                      struct slice operand, uint64_t wanted)
{
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(context->database, &key);
    if (condition != STRING_ALWAYS && !command_is_string(context, entry))
        return;
    bool deleted = entry != NULL && string_compare_holds(condition, operand, wanted, entry);
    if (deleted) {
        database_delete(context->database, &key);
        command_changed(context, context->database, key.name, EVENT_GENERIC, "del");
        command_effect_key(context, context->database, "DEL", key.name);
    }
    resp_writer_integer(context->reply, deleted);
}

static void delifeq(struct command_context *context)
{
    delete_if(context, STRING_EQUAL, context->arguments[2], 0);
}

static void delex(struct command_context *context)
{
    if (context->count == 2) {
        delete_if(context, STRING_ALWAYS, SLICE(""), 0);
        return;
    }
    if (context->count != 4) {
        command_reply_arity(context);
        return;
    }
    enum string_condition condition = string_compare_word(context->arguments[2]);
    struct slice operand = context->arguments[3];
    uint64_t wanted = 0;
    if (condition == STRING_ALWAYS) {
        command_reply_syntax_error(context);
        return;
    }
    if ((condition == STRING_DIGEST_EQUAL || condition == STRING_DIGEST_NOT_EQUAL) &&
        !string_compare_parse_digest(context, operand, &wanted))
        return;
    delete_if(context, condition, operand, wanted);
}

static unsigned delex_key_flags(const struct slice *arguments, size_t count)
{
    (void)arguments;
    return count > 2 ? KEY_RW | KEY_ACCESS | KEY_DELETE : KEY_RM | KEY_DELETE;
}

const struct command string_compare_commands[] = {
    {
        .name = "DELEX",
        .run = delex,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_DELETE | KEY_VARIABLE_FLAGS),
        .key_flags = delex_key_flags,
        .group = "string",
        .since = "8.4.0",
        .syntax = "key [IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|IFDNE ifdne-digest]",
        .summary = "Deletes a key if its string, or the digest of it, meets a condition.",
        .complexity = "O(1), or O(N) where N is the length of the string if it is compared",
    },
    {
        .name = "DELIFEQ",
        .run = delifeq,
        .arity = 3,
        .flags = COMMAND_FAST | COMMAND_WRITES,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RM | KEY_DELETE),
        .group = "string",
        .since = "9.0.0",
        .syntax = "key value",
        .summary = "Deletes a key if it holds exactly the string given.",
        .complexity = "O(N) where N is the length of the string",
    },
    {
        .name = "DIGEST",
        .run = digest,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "string",
        .since = "8.4.0",
        .syntax = "key",
        .summary = "Returns a hash of the string stored at a key, to be compared later.",
        .complexity = "O(N) where N is the length of the string",
    },
    {.name = NULL},
};
