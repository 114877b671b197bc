/* The ends of lists: pushing, popping, moving from one list to another. */
#include "base/number.h"
#include "commands/list_common.h"
#include "commands/tables.h"

static void push(struct command_context *context, enum list_end end, bool only_there)
{
    struct collection list;
    if (!collection_open(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry == NULL && only_there) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (!list_common_open(context, &list))
        return;
    const struct value_limits *limits = list_common_limits(context);
    for (size_t i = 2; i < context->count; i++)
        if (!list_value_push(list.value, limits, end, context->arguments[i])) {
            /* What stands there already stays; the log is told of the key as a whole. */
            command_reply_out_of_memory(context);
            list_value_remove_range(
                list.value, end == LIST_HEAD ? 0 : list_value_length(list.value) - (i - 2), i - 2);
            (void)collection_drop_if_empty(context, &list);
            return;
        }
    resp_writer_integer(context->reply, (int64_t)list_value_length(list.value));
    collection_changed(context, &list, EVENT_LIST, end == LIST_HEAD ? "lpush" : "rpush");
}

static void lpush(struct command_context *context)
{
    push(context, LIST_HEAD, false);
}

static void rpush(struct command_context *context)
{
    push(context, LIST_TAIL, false);
}

static void lpushx(struct command_context *context)
{
    push(context, LIST_HEAD, true);
}

static void rpushx(struct command_context *context)
{
    push(context, LIST_TAIL, true);
}

static bool pop_count(struct command_context *context, int64_t *count)
{
    if (!number_parse_int64(context->arguments[2], count) || *count < 0) {
        resp_writer_error(context->reply, "ERR value is out of range, must be positive");
        return false;
    }
    return true;
}

static void pop(struct command_context *context, enum list_end end)
{
    struct collection list;
    int64_t count = 1;
    bool counted = context->count == 3;
    if (context->count > 3) {
        command_reply_arity(context);
        return;
    }
    if ((counted && !pop_count(context, &count)) || !collection_open(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry == NULL) {
        if (counted)
            resp_writer_null_array(context->reply);
        else
            resp_writer_null(context->reply);
        return;
    }
    size_t length = list_value_length(list.value);
    size_t popped = (uint64_t)count < length ? (size_t)count : length;
    if (counted)
        resp_writer_array(context->reply, popped);
    for (size_t i = 0; i < popped; i++)
        list_common_pop_reply(context, &list, end);
    if (popped > 0)
        list_common_popped(context, &list, end);
}

static void lpop(struct command_context *context)
{
    pop(context, LIST_HEAD);
}

static void rpop(struct command_context *context)
{
    pop(context, LIST_TAIL);
}

static void move_between(struct command_context *context, enum list_end from_end,
                         enum list_end to_end)
{
    struct collection from;
    if (!collection_open(context, 1, TYPE_LIST, &from))
        return;
    if (from.entry == NULL)
        resp_writer_null(context->reply);
    else
        (void)list_common_move(context, &from, 2, from_end, to_end);
}

static void lmove(struct command_context *context)
{
    enum list_end from_end, to_end;
    if (list_common_end(context, 3, &from_end) && list_common_end(context, 4, &to_end))
        move_between(context, from_end, to_end);
}

static void rpoplpush(struct command_context *context)
{
    move_between(context, LIST_TAIL, LIST_HEAD);
}

const struct command list_ends_commands[] = {
    {
        .name = "LPUSH",
        .run = lpush,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key element [element ...]",
        .summary = "Puts elements at the head of a list; makes the list if there is none.",
        .complexity = "O(1) for each element",
    },
    {
        .name = "RPUSH",
        .run = rpush,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key element [element ...]",
        .summary = "Puts elements at the tail of a list; makes the list if there is none.",
        .complexity = "O(1) for each element",
    },
    {
        .name = "LPUSHX",
        .run = lpushx,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "2.2.0",
        .syntax = "key element [element ...]",
        .summary = "Puts elements at the head of a list if there is one.",
        .complexity = "O(1) for each element",
    },
    {
        .name = "RPUSHX",
        .run = rpushx,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "2.2.0",
        .syntax = "key element [element ...]",
        .summary = "Puts elements at the tail of a list if there is one.",
        .complexity = "O(1) for each element",
    },
    {
        .name = "LPOP",
        .run = lpop,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key [count]",
        .summary = "Takes elements from the head of a list and returns them.",
        .complexity = "O(N) for N elements",
    },
    {
        .name = "RPOP",
        .run = rpop,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key [count]",
        .summary = "Takes elements from the tail of a list and returns them.",
        .complexity = "O(N) for N elements",
    },
    {
        .name = "LMOVE",
        .run = lmove,
        .arity = 5,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "6.2.0",
        .syntax = "source destination <LEFT|RIGHT> <LEFT|RIGHT>",
        .summary = "Takes an element from an end of one list and puts it at an end of another.",
        .complexity = "O(1)",
    },
    {
        .name = "RPOPLPUSH",
        .run = rpoplpush,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "1.2.0",
        .syntax = "source destination",
        .summary = "Takes the last element of a list and puts it at the head of another.",
        .complexity = "O(1)",
        .deprecated_since = "6.2.0",
        .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
    },
    {.name = NULL},
};
