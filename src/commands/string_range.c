/* Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE. */
#include "base/number.h"
#include "commands/tables.h"

/* Can a string be `size` + `more` bytes long? If not, that is answered. */
static bool size_is_allowed(struct command_context *context, uint64_t size, uint64_t more)
{
    uint64_t total, size_max = command_string_size_max(context);
    if (!__builtin_add_overflow(size, more, &total) && total <= size_max)
        return true;
    resp_writer_error(context->reply,
                      "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

/* Puts `part` at `offset` of the string, which becomes `length` bytes long. False: memory is out,
 * which has been answered. */
static bool write_part(struct command_context *context, const struct key *key, struct entry *entry,
                       size_t length, size_t offset, struct slice part)
{
    char *bytes;
    if (database_resize_string(context->database, key, entry, length, &bytes) == NULL) {
        command_reply_out_of_memory(context);
        return false;
    }
    if (part.length > 0)
        memcpy(bytes + offset, part.data, part.length);
    return true;
}

static void tell(struct command_context *context, const struct key *key, bool created,
                 const char *event)
{
    if (created)
        command_created(context, context->database, key->name);
    command_changed(context, context->database, key->name, EVENT_STRING, event);
}

static void append(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct slice part = context->arguments[2];
    struct entry *entry = database_find(context->database, &key);
    bool created = entry == NULL;
    size_t old_length = 0;
    if (created) {
        if (database_replace_string(context->database, &key, NULL, part, DEADLINE_CLEAR, 0) ==
            NULL) {
            command_reply_out_of_memory(context);
            return;
        }
    } else {
        if (!command_is_string(context, entry))
            return;
        old_length = entry_string_length(entry);
        if (!size_is_allowed(context, old_length, part.length) ||
            !write_part(context, &key, entry, old_length + part.length, old_length, part))
            return;
    }
    tell(context, &key, created, "append");
    resp_writer_integer(context->reply, (int64_t)(old_length + part.length));
}

static void setrange(struct command_context *context)
{
    int64_t offset;
    if (!command_integer(context, 2, &offset))
        return;
    if (offset < 0) {
        resp_writer_error(context->reply, "ERR offset is out of range");
        return;
    }
    struct key key = command_key(context, 1);
    struct slice part = context->arguments[3];
    struct entry *entry = database_find(context->database, &key);
    if (!command_is_string(context, entry))
        return;
    bool created = entry == NULL;
    size_t length = created ? 0 : entry_string_length(entry);
    if (part.length > 0) {
        if (!size_is_allowed(context, (uint64_t)offset, part.length))
            return;
        size_t end = (size_t)offset + part.length;
        if (end > length)
            length = end;
        if (!write_part(context, &key, entry, length, (size_t)offset, part))
            return;
        tell(context, &key, created, "setrange");
    }
    resp_writer_integer(context->reply, (int64_t)length);
}

static void strlen_of(struct command_context *context)
{
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (!command_is_string(context, entry))
        return;
    size_t length = entry == NULL ? 0 : entry_string_length(entry);
    resp_writer_integer(context->reply, (int64_t)length);
}

/* The part from `start` to `end` (both included, negative from the end) of `text`. */
static struct slice part_of(struct slice text, int64_t start, int64_t end)
{
    int64_t length = (int64_t)text.length;
    if (start < 0 && end < 0 && start > end)
        return SLICE("");
    start = start < 0 ? start + length : start;
    end = end < 0 ? end + length : end;
    start = start < 0 ? 0 : start;
    end = end < 0 ? 0 : end;
    if (end >= length)
        end = length - 1;
    if (start > end)
        return SLICE("");
    return slice_of(text.data + start, (size_t)(end - start + 1));
}

static void getrange(struct command_context *context)
{
    int64_t start, end;
    if (!command_integer(context, 2, &start) || !command_integer(context, 3, &end))
        return;
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (!command_is_string(context, entry))
        return;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice text = entry == NULL ? SLICE("") : entry_string(entry, scratch);
    resp_writer_bulk(context->reply, part_of(text, start, end));
}

const struct command string_range_commands[] = {
    {
        .name = "APPEND",
        .run = append,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_INSERT),
        .group = "string",
        .since = "2.0.0",
        .syntax = "key value",
        .summary = "Adds bytes to the end of the string stored at a key.",
        .complexity = "O(N) where N is the length of the bytes added, amortized",
    },
    {
        .name = "STRLEN",
        .run = strlen_of,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RO),
        .group = "string",
        .since = "2.2.0",
        .syntax = "key",
        .summary = "Returns the length of the string stored at a key.",
        .complexity = "O(1)",
    },
    {
        .name = "SETRANGE",
        .run = setrange,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RW | KEY_UPDATE),
        .group = "string",
        .since = "2.2.0",
        .syntax = "key offset value",
        .summary = "Overwrites a part of the string stored at a key.",
        .complexity = "O(N) where N is the length of the bytes written",
    },
    {
        .name = "GETRANGE",
        .run = getrange,
        .arity = 4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "string",
        .since = "2.4.0",
        .syntax = "key start end",
        .summary = "Returns a part of the string stored at a key.",
        .complexity = "O(N) where N is the length of the part",
    },
    {
        .name = "SUBSTR",
        .run = getrange,
        .arity = 4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STRING,
        .keys = KEYS_ONE(KEY_RO | KEY_ACCESS),
        .group = "string",
        .since = "1.0.0",
        .syntax = "key start end",
        .summary = "Returns a part of the string stored at a key; GETRANGE is its newer name.",
        .complexity = "O(N) where N is the length of the part",
        .deprecated_since = "2.0.0",
        .replaced_by = "`GETRANGE`",
    },
    {.name = NULL},
};
