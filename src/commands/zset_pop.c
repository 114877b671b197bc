/* The least and the greatest members: taking them out, and waiting for some. */
#include "commands/tables.h"
#include "commands/zset_common.h"

enum zset_end { END_MIN, END_MAX };

static const char *const pop_events[] = {"zpopmin", "zpopmax"};
static const char *const pop_names[] = {"ZPOPMIN", "ZPOPMAX"};

/* Takes `count` members (at most all) out and replies them; `nested`: each as an array. */
static void pop_members(struct command_context *context, struct collection *zset, enum zset_end end,
                        size_t count, bool nested)
{
    collection_changing(zset);
    for (size_t i = 0; i < count; i++) {
        struct zset_cursor cursor;
        double score;
        size_t place = end == END_MIN ? 0 : zset_length(zset->value) - 1;
        (void)zset_seek(zset->value, place, &cursor);
        struct slice member = zset_cursor_get(&cursor, &score);
        if (nested)
            resp_writer_array(context->reply, 2);
        resp_writer_bulk(context->reply, member);
        resp_writer_double(context->reply, score);
        zset_remove_range(zset->value, place, 1);
    }
    collection_changed(context, zset, EVENT_ZSET, pop_events[end]);
}

/* For commands that are not their own effect. */
static void tell_effect(struct command_context *context, const struct collection *zset,
                        enum zset_end end, size_t count)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    struct slice words[] = {slice_of_string(pop_names[end]), zset->key.name,
                            slice_of(text, number_format_uint64(text, count))};
    command_effect(context, zset->database, words, 3);
}

static size_t at_most(const struct collection *zset, int64_t count)
{
    size_t length = zset_length(zset->value);
    return (uint64_t)count < length ? (size_t)count : length;
}

static void pop(struct command_context *context, enum zset_end end)
{
    struct collection zset;
    int64_t count = 1;
    bool counted = context->count == 3;
    if (context->count > 3) {
        command_reply_syntax_error(context);
        return;
    }
    if (counted && (!number_parse_int64(context->arguments[2], &count) || count < 0)) {
        resp_writer_error(context->reply, "ERR value is out of range, must be positive");
        return;
    }
    if (!collection_open(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry == NULL || count == 0) {
        resp_writer_array(context->reply, 0);
        return;
    }
    size_t popped = at_most(&zset, count);
    bool nested = counted && context->reply->version >= 3;
    resp_writer_array(context->reply, nested ? popped : 2 * popped);
    pop_members(context, &zset, end, popped, nested);
    (void)collection_drop_if_empty(context, &zset);
}

static void zpopmin(struct command_context *context)
{
    pop(context, END_MIN);
}

static void zpopmax(struct command_context *context)
{
    pop(context, END_MAX);
}

/* --- of several keys, and waiting --- */

/* False: an error has been answered. `zset` without entry: there is none. */
static bool find_zset(struct command_context *context, size_t first, size_t count,
                      struct collection *zset)
{
    zset->entry = NULL;
    for (size_t i = first; i < first + count; i++) {
        if (!command_may_look_at(context, context->arguments[i]))
            continue;
        if (!collection_open(context, i, TYPE_ZSET, zset))
            return false;
        if (zset->entry != NULL)
            return true;
    }
    return true;
}

static void await_zsets(struct command_context *context, size_t first, size_t count,
                        int64_t timeout_ms)
{
    struct command_await await = {.first = first,
                                  .count = count,
                                  .step = 1,
                                  .type = TYPE_ZSET,
                                  .timeout_ms = timeout_ms,
                                  .reply = TIMEOUT_NULL_ARRAY};
    if (!command_await(context, &await))
        resp_writer_null_array(context->reply);
}

static void blocking_pop(struct command_context *context, enum zset_end end)
{
    struct collection zset;
    int64_t timeout_ms;
    size_t keys = context->count - 2;
    if (!command_timeout(context, context->count - 1, &timeout_ms) ||
        !find_zset(context, 1, keys, &zset))
        return;
    if (zset.entry == NULL) {
        await_zsets(context, 1, keys, timeout_ms);
        return;
    }
    resp_writer_array(context->reply, 3);
    resp_writer_bulk(context->reply, zset.key.name);
    pop_members(context, &zset, end, 1, false);
    tell_effect(context, &zset, end, 1);
    (void)collection_drop_if_empty(context, &zset);
}

static void bzpopmin(struct command_context *context)
{
    blocking_pop(context, END_MIN);
}

static void bzpopmax(struct command_context *context)
{
    blocking_pop(context, END_MAX);
}

struct multiple {
    size_t first, keys;
    enum zset_end end;
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
    out->end = slice_is_word(context->arguments[end_at], "MAX") ? END_MAX : END_MIN;
    if (out->end == END_MIN && !slice_is_word(context->arguments[end_at], "MIN")) {
        command_reply_syntax_error(context);
        return false;
    }
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

static void pop_multiple(struct command_context *context, struct collection *zset,
                         const struct multiple *multiple)
{
    size_t popped = at_most(zset, multiple->count);
    resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, zset->key.name);
    resp_writer_array(context->reply, popped);
    pop_members(context, zset, multiple->end, popped, true);
    tell_effect(context, zset, multiple->end, popped);
    (void)collection_drop_if_empty(context, zset);
}

static void zmpop(struct command_context *context)
{
    struct multiple multiple;
    struct collection zset;
    if (!parse_multiple(context, 1, &multiple) ||
        !find_zset(context, multiple.first, multiple.keys, &zset))
        return;
    if (zset.entry == NULL)
        resp_writer_null_array(context->reply);
    else
        pop_multiple(context, &zset, &multiple);
}

static void bzmpop(struct command_context *context)
{
    struct multiple multiple;
    struct collection zset;
    int64_t timeout_ms;
    if (!command_timeout(context, 1, &timeout_ms) || !parse_multiple(context, 2, &multiple) ||
        !find_zset(context, multiple.first, multiple.keys, &zset))
        return;
    if (zset.entry == NULL)
        await_zsets(context, multiple.first, multiple.keys, timeout_ms);
    else
        pop_multiple(context, &zset, &multiple);
}

const struct command zset_pop_commands[] = {
    {
        .name = "ZPOPMIN",
        .run = zpopmin,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "sorted-set",
        .since = "5.0.0",
        .syntax = "key [count]",
        .summary = "Takes the members with the lowest scores out and returns them.",
        .complexity = "O(M*log N) for M members",
    },
    {
        .name = "ZPOPMAX",
        .run = zpopmax,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "sorted-set",
        .since = "5.0.0",
        .syntax = "key [count]",
        .summary = "Takes the members with the highest scores out and returns them.",
        .complexity = "O(M*log N) for M members",
    },
    {
        .name = "BZPOPMIN",
        .run = bzpopmin,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST | COMMAND_BLOCKS | COMMAND_NO_SCRIPT,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "sorted-set",
        .since = "5.0.0",
        .syntax = "key [key ...] timeout",
        .summary = "Takes the member with the lowest score out of the first sorted set that has "
                   "one; waits if none has.",
        .complexity = "O(log N)",
    },
    {
        .name = "BZPOPMAX",
        .run = bzpopmax,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST | COMMAND_BLOCKS | COMMAND_NO_SCRIPT,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "sorted-set",
        .since = "5.0.0",
        .syntax = "key [key ...] timeout",
        .summary = "Takes the member with the highest score out of the first sorted set that has "
                   "one; waits if none has.",
        .complexity = "O(log N)",
    },
    {
        .name = "ZMPOP",
        .run = zmpop,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_DELETE}},
        .group = "sorted-set",
        .since = "7.0.0",
        .syntax = "numkeys key [key ...] <MIN|MAX> [COUNT count]",
        .summary = "Takes members from an end of the first sorted set that has some.",
        .complexity = "O(K)+O(M*log N) for K keys and M members",
    },
    {
        .name = "BZMPOP",
        .run = bzmpop,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_BLOCKS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 2,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_DELETE}},
        .group = "sorted-set",
        .since = "7.0.0",
        .syntax = "timeout numkeys key [key ...] <MIN|MAX> [COUNT count]",
        .summary =
            "Takes members from an end of the first sorted set that has some; waits if none has.",
        .complexity = "O(K)+O(M*log N) for K keys and M members",
    },
    {.name = NULL},
};
