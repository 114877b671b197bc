/* Popping from the first of several lists that has elements, and waiting for one. */
#include "base/number.h"
#include "commands/list_common.h"
#include "commands/tables.h"

/* Looks for a list among the arguments from `first` on. False: an error has been answered. `list`
 * without entry: there is none. */
static bool find_list(struct command_context *context, size_t first, size_t count,
                      struct collection *list)
{
    list->entry = NULL;
    for (size_t i = first; i < first + count; i++) {
        if (!command_may_look_at(context, context->arguments[i]))
            continue;
        if (!collection_open(context, i, TYPE_LIST, list))
            return false;
        if (list->entry != NULL)
            return true;
    }
    return true;
}

static void await_lists(struct command_context *context, size_t first, size_t count,
                        int64_t timeout_ms)
{
    struct command_await await = {.first = first,
                                  .count = count,
                                  .step = 1,
                                  .type = TYPE_LIST,
                                  .timeout_ms = timeout_ms,
                                  .reply = TIMEOUT_NULL_ARRAY};
    if (!command_await(context, &await))
        resp_writer_null_array(context->reply);
}

static void blocking_pop(struct command_context *context, enum list_end end)
{
    struct collection list;
    int64_t timeout_ms;
    size_t keys = context->count - 2;
    if (!command_timeout(context, context->count - 1, &timeout_ms) ||
        !find_list(context, 1, keys, &list))
        return;
    if (list.entry == NULL) {
        await_lists(context, 1, keys, timeout_ms);
        return;
    }
    resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, list.key.name);
    list_common_pop_reply(context, &list, end);
    command_effect_key(context, list.database, end == LIST_HEAD ? "LPOP" : "RPOP", list.key.name);
    list_common_popped(context, &list, end);
}

static void blpop(struct command_context *context)
{
    blocking_pop(context, LIST_HEAD);
}

static void brpop(struct command_context *context)
{
    blocking_pop(context, LIST_TAIL);
}

static void blocking_move(struct command_context *context, enum list_end from_end,
                          enum list_end to_end, int64_t timeout_ms)
{
    struct collection from;
    if (!collection_open(context, 1, TYPE_LIST, &from))
        return;
    if (from.entry == NULL) {
        struct command_await await = {.first = 1,
                                      .count = 1,
                                      .step = 1,
                                      .type = TYPE_LIST,
                                      .timeout_ms = timeout_ms,
                                      .reply = TIMEOUT_NULL_ARRAY};
        if (!command_await(context, &await))
            resp_writer_null(context->reply);
        return;
    }
    if (command_wants_effect(context)) {
        struct slice ends[] = {SLICE("LEFT"), SLICE("RIGHT")};
        struct slice words[] = {SLICE("LMOVE"), context->arguments[1], context->arguments[2],
                                ends[from_end], ends[to_end]};
        if (!list_common_move(context, &from, 2, from_end, to_end))
            return;
        command_effect(context, context->database, words, 5);
    } else {
        (void)list_common_move(context, &from, 2, from_end, to_end);
    }
}

static void blmove(struct command_context *context)
{
    enum list_end from_end, to_end;
    int64_t timeout_ms;
    if (list_common_end(context, 3, &from_end) && list_common_end(context, 4, &to_end) &&
        command_timeout(context, 5, &timeout_ms))
        blocking_move(context, from_end, to_end, timeout_ms);
}

static void brpoplpush(struct command_context *context)
{
    int64_t timeout_ms;
    if (command_timeout(context, 3, &timeout_ms))
        blocking_move(context, LIST_TAIL, LIST_HEAD, timeout_ms);
}

/* --- LMPOP, BLMPOP --- */

struct multiple {
    size_t first, keys;
    enum list_end end;
    int64_t count;
};

static bool parse_multiple(struct command_context *context, size_t at, struct multiple *out)
{
    int64_t keys;
    if (!number_parse_int64(context->arguments[at], &keys) || keys < 1) {
        resp_writer_error(context->reply, "ERR numkeys should be greater than 0");
        return false;
    }
    if ((uint64_t)keys >= context->count - at - 1) {
        command_reply_syntax_error(context);
        return false;
    }
    size_t end_at = at + 1 + (size_t)keys;
    *out = (struct multiple){.first = at + 1, .keys = (size_t)keys, .count = -1};
    if (!list_common_end(context, end_at, &out->end))
        return false;
    for (size_t i = end_at + 1; i < context->count; i += 2) {
        if (out->count >= 0 || !slice_is_word(context->arguments[i], "COUNT") ||
            i + 1 >= context->count) {
            command_reply_syntax_error(context);
            return false;
        }
        if (!number_parse_int64(context->arguments[i + 1], &out->count) || out->count < 1) {
            resp_writer_error(context->reply, "ERR count should be greater than 0");
            return false;
        }
    }
    if (out->count < 0)
        out->count = 1;
    return true;
}

static void lmpop(struct command_context *context)
{
    struct multiple multiple;
    struct collection list;
    if (!parse_multiple(context, 1, &multiple) ||
        !find_list(context, multiple.first, multiple.keys, &list))
        return;
    if (list.entry == NULL)
        resp_writer_null_array(context->reply);
    else
        list_common_pop_many(context, &list, multiple.end, multiple.count);
}

static void blmpop(struct command_context *context)
{
    struct multiple multiple;
    struct collection list;
    int64_t timeout_ms;
    if (!command_timeout(context, 1, &timeout_ms) || !parse_multiple(context, 2, &multiple) ||
        !find_list(context, multiple.first, multiple.keys, &list))
        return;
    if (list.entry == NULL)
        await_lists(context, multiple.first, multiple.keys, timeout_ms);
    else
        list_common_pop_many(context, &list, multiple.end, multiple.count);
}

const struct command list_blocking_commands[] = {
    {
        .name = "BLPOP",
        .run = blpop,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_BLOCKS | COMMAND_NO_SCRIPT,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .since = "2.0.0",
        .syntax = "key [key ...] timeout",
        .summary = "Takes the first element of the first list that has one; waits if none has.",
        .complexity = "O(N) for N keys",
    },
    {
        .name = "BRPOP",
        .run = brpop,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_BLOCKS | COMMAND_NO_SCRIPT,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "list",
        .since = "2.0.0",
        .syntax = "key [key ...] timeout",
        .summary = "Takes the last element of the first list that has one; waits if none has.",
        .complexity = "O(N) for N keys",
    },
    {
        .name = "BLMOVE",
        .run = blmove,
        .arity = 6,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_BLOCKS | COMMAND_NO_SCRIPT,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "6.2.0",
        .syntax = "source destination <LEFT|RIGHT> <LEFT|RIGHT> timeout",
        .summary = "Takes an element from an end of one list and puts it at an end of another; "
                   "waits if there is none.",
        .complexity = "O(1)",
    },
    {
        .name = "BRPOPLPUSH",
        .run = brpoplpush,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_BLOCKS | COMMAND_NO_SCRIPT,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "2.2.0",
        .syntax = "source destination timeout",
        .summary = "Takes the last element of a list and puts it at the head of another; waits if "
                   "there is none.",
        .complexity = "O(1)",
        .deprecated_since = "6.2.0",
        .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
    },
    {
        .name = "LMPOP",
        .run = lmpop,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_LIST,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_DELETE}},
        .group = "list",
        .since = "7.0.0",
        .syntax = "numkeys key [key ...] <LEFT|RIGHT> [COUNT count]",
        .summary = "Takes elements from an end of the first list that has some.",
        .complexity = "O(N+M) for N keys and M elements",
    },
    {
        .name = "BLMPOP",
        .run = blmpop,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_BLOCKS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_LIST,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 2,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_DELETE}},
        .group = "list",
        .since = "7.0.0",
        .syntax = "timeout numkeys key [key ...] <LEFT|RIGHT> [COUNT count]",
        .summary = "Takes elements from an end of the first list that has some; waits if none has.",
        .complexity = "O(N+M) for N keys and M elements",
    },
    {.name = NULL},
};
