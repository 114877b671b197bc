#include "commands/bitmap_common.h"

#include "base/number.h"

bool bitmap_common_offset(struct command_context *context, size_t index, bool multiplied,
                          unsigned bits, uint64_t *offset)
{
    struct slice text = context->arguments[index];
    int64_t value;
    bool counts_fields = multiplied && text.length > 0 && text.data[0] == '#';
    if (counts_fields)
        text = slice_of(text.data + 1, text.length - 1);
    if (number_parse_int64(text, &value) && value >= 0 &&
        (!counts_fields || number_multiply(value, (int64_t)bits, &value)) &&
        (uint64_t)value / 8 < command_string_size_max(context)) {
        *offset = (uint64_t)value;
        return true;
    }
    resp_writer_error(context->reply, "ERR bit offset is not an integer or out of range");
    return false;
}

char *bitmap_common_grow(struct command_context *context, const struct key *key,
                         struct entry *entry, size_t length)
{
    bool is_new = entry == NULL;
    size_t old = is_new ? 0 : entry_string_length(entry);
    char *bytes;
    if (database_resize_string(context->database, key, entry, old > length ? old : length,
                               &bytes) == NULL) {
        command_reply_out_of_memory(context);
        return NULL;
    }
    if (is_new)
        command_created(context, context->database, key->name);
    return bytes;
}
