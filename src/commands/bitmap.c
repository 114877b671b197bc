/* Bits of strings: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. */
#include "base/memory.h"
#include "base/number.h"
#include "commands/bitmap_common.h"
#include "commands/tables.h"
#include "values/bit_array.h"

static void setbit(struct command_context *context)
{
    uint64_t offset;
    int64_t value;
    if (!bitmap_common_offset(context, 2, false, 0, &offset))
        return;
    if (!number_parse_int64(context->arguments[3], &value) || value < 0 || value > 1) {
        resp_writer_error(context->reply, "ERR bit is not an integer or out of range");
        return;
    }
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(context->database, &key);
    if (!command_is_string(context, entry))
        return;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    bool old = entry != NULL && bit_array_get(entry_string(entry, scratch), offset);
    if (entry != NULL && old == (value != 0) && offset / 8 < entry_string_length(entry)) {
        /* Nothing changes and nobody is told, as in Redis; but it is raw from now on. */
        if (bitmap_common_grow(context, &key, entry, (size_t)(offset / 8) + 1) != NULL)
            resp_writer_integer(context->reply, old);
        return;
    }
    char *bytes = bitmap_common_grow(context, &key, entry, (size_t)(offset / 8) + 1);
    if (bytes == NULL)
        return;
    bit_array_set(bytes, offset, value != 0);
    command_changed(context, context->database, key.name, EVENT_STRING, "setbit");
    resp_writer_integer(context->reply, old);
}

/* The string of argument `index`; empty if there is none. False: answered. */
static bool read_string(struct command_context *context, size_t index, char *scratch,
                        struct slice *string, bool *is_there)
{
    struct key key = command_key(context, index);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (!command_is_string(context, entry))
        return false;
    *is_there = entry != NULL;
    *string = entry != NULL ? entry_string(entry, scratch) : slice_of(NULL, 0);
    return true;
}

static void getbit(struct command_context *context)
{
    uint64_t offset;
    struct slice string;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    bool is_there;
    if (bitmap_common_offset(context, 2, false, 0, &offset) &&
        read_string(context, 1, scratch, &string, &is_there))
        resp_writer_integer(context->reply, bit_array_get(string, offset));
}

/* A range of bytes or bits, as bits. */
struct bit_range {
    uint64_t first, last;
    bool is_empty;
    bool has_end;
};

/* BIT or BYTE, if there is such an argument. False: it is another word. */
static bool parse_unit(struct command_context *context, size_t at, bool *in_bits)
{
    *in_bits = context->count > at && slice_is_word(context->arguments[at], "BIT");
    if (context->count <= at || *in_bits || slice_is_word(context->arguments[at], "BYTE"))
        return true;
    command_reply_syntax_error(context);
    return false;
}

/* BITCOUNT and BITPOS look at their arguments in different order. `of_count`: BITCOUNT, to which
 * two ends that count from the end and are crossed mean nothing, whatever follows. */
static bool parse_range(struct command_context *context, size_t at, size_t length, bool of_count,
                        struct bit_range *range)
{
    int64_t start = 0, end = -1;
    bool in_bits = false;
    *range = (struct bit_range){.has_end = context->count > at + 1};
    if (context->count > at && !command_integer(context, at, &start))
        return false;
    if (!of_count && !parse_unit(context, at + 2, &in_bits))
        return false;
    if (range->has_end && !command_integer(context, at + 1, &end))
        return false;
    if (of_count && start < 0 && end < 0 && start > end) {
        range->is_empty = true;
        return true;
    }
    if (of_count && !parse_unit(context, at + 2, &in_bits))
        return false;
    int64_t units = (int64_t)(in_bits ? length * 8 : length);
    start = start < 0 ? start + units : start;
    end = end < 0 ? end + units : end;
    start = start < 0 ? 0 : start;
    end = end < 0 ? 0 : end;
    end = end >= units ? units - 1 : end;
    range->is_empty = start > end || units == 0;
    range->first = (uint64_t)start * (in_bits ? 1 : 8);
    range->last = in_bits ? (uint64_t)end : (uint64_t)end * 8 + 7;
    return true;
}

static void bitcount(struct command_context *context)
{
    struct bit_range range;
    struct slice string;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    bool is_there;
    if (!read_string(context, 1, scratch, &string, &is_there))
        return;
    if (!is_there) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (context->count == 3 || context->count > 5) {
        command_reply_syntax_error(context);
        return;
    }
    if (parse_range(context, 2, string.length, true, &range))
        resp_writer_integer(
            context->reply,
            range.is_empty ? 0
                           : (int64_t)bit_array_count_range(string.data, range.first, range.last));
}

static void bitpos(struct command_context *context)
{
    struct bit_range range;
    struct slice string;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    int64_t bit;
    bool is_there;
    if (!command_integer(context, 2, &bit))
        return;
    if (bit != 0 && bit != 1) {
        resp_writer_error(context->reply, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (!read_string(context, 1, scratch, &string, &is_there))
        return;
    if (!is_there) {
        resp_writer_integer(context->reply, bit == 1 ? -1 : 0);
        return;
    }
    if (context->count > 6) {
        command_reply_syntax_error(context);
        return;
    }
    if (!parse_range(context, 3, string.length, false, &range))
        return;
    int64_t found =
        range.is_empty ? -1 : bit_array_find(string.data, range.first, range.last, bit == 1);
    /* Behind a string that has no end there are zeros. */
    if (found < 0 && bit == 0 && !range.has_end && !range.is_empty)
        found = (int64_t)string.length * 8;
    resp_writer_integer(context->reply, found);
}

/* --- BITOP --- */

static bool parse_operation(struct command_context *context, enum bit_operation *operation)
{
    static const char *const names[] = {"AND", "OR", "XOR", "NOT", "DIFF", "DIFF1", "ANDOR", "ONE"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_is_word(context->arguments[1], names[i])) {
            *operation = (enum bit_operation)i;
            bool alone =
                *operation == BIT_DIFF || *operation == BIT_DIFF1 || *operation == BIT_ANDOR;
            if (*operation == BIT_NOT && context->count != 4) {
                resp_writer_error(context->reply,
                                  "ERR BITOP NOT must be called with a single source key.");
                return false;
            }
            if (alone && context->count < 5) {
                resp_writer_error_format(context->reply,
                                         "ERR BITOP %s must be called with at least two source "
                                         "keys.",
                                         names[i]);
                return false;
            }
            return true;
        }
    command_reply_syntax_error(context);
    return false;
}

struct operands {
    struct slice *strings;
    char (*scratch)[NUMBER_INTEGER_TEXT_MAX];
    size_t count, longest;
};

static bool open_operands(struct command_context *context, struct operands *operands)
{
    operands->count = context->count - 3;
    operands->longest = 0;
    operands->strings = memory_try_allocate(operands->count * sizeof *operands->strings);
    operands->scratch = memory_try_allocate(operands->count * sizeof *operands->scratch);
    bool good = operands->strings != NULL && operands->scratch != NULL;
    if (!good)
        command_reply_out_of_memory(context);
    for (size_t i = 0; i < operands->count && good; i++) {
        bool is_there;
        good = read_string(context, 3 + i, operands->scratch[i], &operands->strings[i], &is_there);
        if (good && operands->strings[i].length > operands->longest)
            operands->longest = operands->strings[i].length;
    }
    return good;
}

static void store_result(struct command_context *context, const struct operands *operands,
                         enum bit_operation operation)
{
    struct key key = command_key(context, 2);
    if (operands->longest == 0) {
        if (database_delete(context->database, &key))
            command_changed(context, context->database, key.name, EVENT_GENERIC, "del");
        resp_writer_integer(context->reply, 0);
        return;
    }
    char *result = memory_try_allocate(operands->longest);
    if (result == NULL) {
        command_reply_out_of_memory(context);
        return;
    }
    bit_array_combine(result, operands->longest, operation, operands->strings, operands->count);
    bool is_new = database_find(context->database, &key) == NULL;
    if (database_set_raw_block(context->database, &key, result, operands->longest) == NULL) {
        memory_free(result);
        command_reply_out_of_memory(context);
        return;
    }
    if (is_new)
        command_created(context, context->database, key.name);
    command_changed(context, context->database, key.name, EVENT_STRING, "set");
    resp_writer_integer(context->reply, (int64_t)operands->longest);
}

static void bitop(struct command_context *context)
{
    enum bit_operation operation;
    struct operands operands;
    if (!parse_operation(context, &operation))
        return;
    if (open_operands(context, &operands))
        store_result(context, &operands, operation);
    memory_free(operands.strings);
    memory_free(operands.scratch);
}

const struct command bitmap_commands[] = {
    {
        .name = "SETBIT",
        .run = setbit,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "bitmap",
        .since = "2.2.0",
        .syntax = "key offset value",
        .summary = "Sets or clears a bit of a string and returns what it was.",
        .complexity = "O(1)",
    },
    {
        .name = "GETBIT",
        .run = getbit,
        .arity = 3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .since = "2.2.0",
        .syntax = "key offset",
        .summary = "Returns a bit of a string.",
        .complexity = "O(1)",
    },
    {
        .name = "BITCOUNT",
        .run = bitcount,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .since = "2.6.0",
        .syntax = "key [start [end [BYTE|BIT]]]",
        .summary = "Returns how many bits of a string are set.",
        .complexity = "O(N) for N bytes",
    },
    {
        .name = "BITPOS",
        .run = bitpos,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .since = "2.8.7",
        .syntax = "key bit [start [end [BYTE|BIT]]]",
        .summary = "Returns where the first bit of a value stands.",
        .complexity = "O(N) for N bytes",
    },
    {
        .name = "BITOP",
        .run = bitop,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_BITMAP,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_OW | KEY_UPDATE),
                 KEYS_RANGE(3, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "bitmap",
        .since = "2.6.0",
        .syntax = "<AND|OR|XOR|NOT> destkey key [key ...]",
        .summary = "Combines strings bit by bit and stores the result.",
        .complexity = "O(N) for N bytes",
    },
    {.name = NULL},
};
