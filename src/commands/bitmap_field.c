/* BITFIELD: integers of any width inside a string. */
#include "base/buffer.h"
#include "base/number.h"
#include "commands/bitmap_common.h"
#include "commands/tables.h"
#include "values/bit_array.h"

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum operation { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field_operation {
    enum operation operation;
    enum overflow overflow;
    bool is_signed;
    unsigned bits;
    uint64_t offset;
    int64_t value;
};

static bool parse_type(struct command_context *context, size_t index,
                       struct field_operation *operation)
{
    struct slice text = context->arguments[index];
    int64_t bits;
    operation->is_signed = text.length > 0 && text.data[0] == 'i';
    if (text.length < 2 || (!operation->is_signed && text.data[0] != 'u') ||
        !number_parse_int64(slice_of(text.data + 1, text.length - 1), &bits) || bits < 1 ||
        bits > (operation->is_signed ? 64 : 63)) {
        resp_writer_error(context->reply,
                          "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is "
                          "not supported but i64 is.");
        return false;
    }
    operation->bits = (unsigned)bits;
    return true;
}

static bool parse_overflow(struct command_context *context, size_t index, enum overflow *overflow)
{
    struct slice word = context->arguments[index];
    if (slice_is_word(word, "WRAP"))
        *overflow = OVERFLOW_WRAP;
    else if (slice_is_word(word, "SAT"))
        *overflow = OVERFLOW_SAT;
    else if (slice_is_word(word, "FAIL"))
        *overflow = OVERFLOW_FAIL;
    else {
        resp_writer_error(context->reply, "ERR Invalid OVERFLOW type specified");
        return false;
    }
    return true;
}

/* The operation at *at; goes behind it. *is_one: it was one, not OVERFLOW. */
static bool parse_operation(struct command_context *context, size_t *at, enum overflow *overflow,
                            struct field_operation *operation, bool *is_one)
{
    struct slice word = context->arguments[*at];
    size_t left = context->count - *at - 1;
    *is_one = true;
    if (slice_is_word(word, "GET") && left >= 2) {
        operation->operation = FIELD_GET;
    } else if (slice_is_word(word, "SET") && left >= 3) {
        operation->operation = FIELD_SET;
    } else if (slice_is_word(word, "INCRBY") && left >= 3) {
        operation->operation = FIELD_INCRBY;
    } else if (slice_is_word(word, "OVERFLOW") && left >= 1) {
        *is_one = false;
        *at += 2;
        return parse_overflow(context, *at - 1, overflow);
    } else {
        command_reply_syntax_error(context);
        return false;
    }
    operation->overflow = *overflow;
    if (!parse_type(context, *at + 1, operation) ||
        !bitmap_common_offset(context, *at + 2, true, operation->bits, &operation->offset))
        return false;
    bool has_value = operation->operation != FIELD_GET;
    if (has_value && !command_integer(context, *at + 3, &operation->value))
        return false;
    *at += has_value ? 4 : 3;
    return true;
}

/* value + increment within `bits` bits; true: it had to be bent by the rule. */
static bool add_unsigned(uint64_t value, int64_t increment, unsigned bits, enum overflow overflow,
                         uint64_t *out)
{
    uint64_t greatest = (UINT64_C(1) << bits) - 1; /* at most 63 bits */
    uint64_t sum = value + (uint64_t)increment;
    bool over = value > greatest || (increment > 0 && (uint64_t)increment > greatest - value);
    bool under = increment < 0 && 0 - (uint64_t)increment > value;
    *out = sum & greatest;
    if (overflow == OVERFLOW_SAT && (over || under))
        *out = over ? greatest : 0;
    return over || under;
}

static bool add_signed(int64_t value, int64_t increment, unsigned bits, enum overflow overflow,
                       int64_t *out)
{
    int64_t greatest = (int64_t)((UINT64_C(1) << (bits - 1)) - 1), least = -greatest - 1;
    bool over = value > greatest || (increment > 0 && value > greatest - increment);
    bool under = value < least || (increment < 0 && value < least - increment);
    unsigned unused = 64 - bits;
    *out = (int64_t)(((uint64_t)value + (uint64_t)increment) << unused) >> unused;
    if (overflow == OVERFLOW_SAT && (over || under))
        *out = over ? greatest : least;
    return over || under;
}

/* Works out what is to be stored and replied. False: FAIL, the reply is a null. */
static bool compute(const struct field_operation *operation, struct slice string, int64_t *reply,
                    uint64_t *stored)
{
    bool sets = operation->operation == FIELD_SET, bent;
    unsigned bits = operation->bits;
    if (operation->is_signed) {
        int64_t old = bit_array_get_signed(string, operation->offset, bits), new;
        bent = add_signed(sets ? operation->value : old, sets ? 0 : operation->value, bits,
                          operation->overflow, &new);
        *stored = (uint64_t) new;
        *reply = sets ? old : new;
    } else {
        uint64_t old = bit_array_get_unsigned(string, operation->offset, bits), new;
        bent = add_unsigned(sets ? (uint64_t)operation->value : old, sets ? 0 : operation->value,
                            bits, operation->overflow, &new);
        *stored = new;
        *reply = (int64_t)(sets ? old : new);
    }
    return !bent || operation->overflow != OVERFLOW_FAIL;
}

static void run_get(struct command_context *context, const struct field_operation *operation,
                    struct slice string)
{
    resp_writer_integer(
        context->reply,
        operation->is_signed
            ? bit_array_get_signed(string, operation->offset, operation->bits)
            : (int64_t)bit_array_get_unsigned(string, operation->offset, operation->bits));
}

static void run_operations(struct command_context *context,
                           const struct field_operation *operations, size_t count,
                           struct slice string, char *bytes, bool grown)
{
    uint64_t changes = 0;
    resp_writer_array(context->reply, count);
    for (size_t i = 0; i < count; i++) {
        int64_t reply;
        uint64_t stored;
        if (operations[i].operation == FIELD_GET) {
            run_get(context, &operations[i], string);
        } else if (compute(&operations[i], string, &reply, &stored)) {
            uint64_t mask = ~UINT64_C(0) >> (64 - operations[i].bits);
            uint64_t before =
                bit_array_get_unsigned(string, operations[i].offset, operations[i].bits);
            bit_array_set_integer(bytes, operations[i].offset, operations[i].bits, stored);
            resp_writer_integer(context->reply, reply);
            changes += grown || before != (stored & mask);
        } else {
            resp_writer_null(context->reply);
        }
    }
    if (changes > 0)
        command_changed(context, context->database, context->arguments[1], EVENT_STRING, "setbit");
    else if (grown) { /* by what did not fit, then: no event, but the log must know */
        context->changes++;
        command_touched(context, context->database, context->arguments[1]);
    }
}

/* Parses all operations into `list`. *end: bytes that writing needs, 0 if nothing is written. */
static bool parse_all(struct command_context *context, bool only_get, struct buffer *list,
                      size_t *count, size_t *end)
{
    enum overflow overflow = OVERFLOW_WRAP;
    for (size_t at = 2; at < context->count;) {
        struct field_operation operation = {.value = 0};
        bool is_one;
        if (!parse_operation(context, &at, &overflow, &operation, &is_one))
            return false;
        if (!is_one)
            continue;
        if (operation.operation != FIELD_GET) {
            size_t needed = (size_t)((operation.offset + operation.bits + 7) / 8);
            *end = needed > *end ? needed : *end;
        }
        if (buffer_append(list, &operation, sizeof operation) != OK) {
            command_reply_out_of_memory(context);
            return false;
        }
        ++*count;
    }
    if (!only_get || *end == 0)
        return true;
    resp_writer_error(context->reply, "ERR BITFIELD_RO only supports the GET subcommand");
    return false;
}

static void run(struct command_context *context, bool only_get)
{
    struct buffer list = {NULL, 0, 0};
    size_t count = 0, end = 0;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    if (!parse_all(context, only_get, &list, &count, &end)) {
        buffer_deinit(&list);
        return;
    }
    struct key key = command_key(context, 1);
    struct entry *entry = end > 0 ? database_find(context->database, &key)
                                  : database_read(context->database, &key, !context->no_touch);
    if (command_is_string(context, entry)) {
        char *bytes = NULL;
        struct slice string = {NULL, 0};
        bool grown = end > 0 && (entry == NULL || entry_string_length(entry) < end);
        if (end > 0) {
            bytes = bitmap_common_grow(context, &key, entry, end);
            entry = database_find(context->database, &key);
        }
        if (entry != NULL)
            string = entry_string(entry, scratch);
        if (end == 0 || bytes != NULL)
            run_operations(context, (const struct field_operation *)(const void *)list.data, count,
                           string, bytes, grown);
    }
    buffer_deinit(&list);
}

static void bitfield(struct command_context *context)
{
    run(context, false);
}

static void bitfield_ro(struct command_context *context)
{
    run(context, true);
}

/* Only what reads needs no right to write. */
static unsigned bitfield_key_flags(const struct slice *arguments, size_t count)
{
    for (size_t i = 2; i < count; i++)
        if (slice_is_word(arguments[i], "SET") || slice_is_word(arguments[i], "INCRBY"))
            return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    return KEY_RO | KEY_ACCESS;
}

const struct command bitmap_field_commands[] = {
    {
        .name = "BITFIELD",
        .run = bitfield,
        .key_flags = bitfield_key_flags,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE | KEY_ACCESS | KEY_VARIABLE_FLAGS)},
        .group = "bitmap",
        .since = "3.2.0",
        .syntax =
            "key [GET encoding offset|[OVERFLOW WRAP|SAT|FAIL] <SET encoding offset value|INCRBY "
            "encoding offset increment> [GET encoding offset|[OVERFLOW WRAP|SAT|FAIL] <SET "
            "encoding offset value|INCRBY encoding offset increment> ...]]",
        .summary = "Reads and changes integers of any width inside a string.",
        .complexity = "O(1) for each operation",
    },
    {
        .name = "BITFIELD_RO",
        .run = bitfield_ro,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .since = "6.0.0",
        .syntax = "key [GET encoding offset [GET encoding offset ...]]",
        .summary = "Reads integers of any width inside a string.",
        .complexity = "O(1) for each operation",
    },
    {.name = NULL},
};
