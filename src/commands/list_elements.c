/* Elements anywhere in a list. */
#include "base/number.h"
#include "commands/list_common.h"
#include "commands/tables.h"

static void llen(struct command_context *context)
{
    struct collection list;
    if (collection_read(context, 1, TYPE_LIST, &list))
        resp_writer_integer(context->reply,
                            list.entry != NULL ? (int64_t)list_value_length(list.value) : 0);
}

static void lrange(struct command_context *context)
{
    struct collection list;
    struct list_cursor cursor;
    int64_t start, stop;
    if (!command_integer(context, 2, &start) || !command_integer(context, 3, &stop) ||
        !collection_read(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry == NULL || !collection_range(&start, &stop, list_value_length(list.value))) {
        resp_writer_array(context->reply, 0);
        return;
    }
    resp_writer_array(context->reply, (size_t)(stop - start) + 1);
    bool more = list_value_seek(list.value, start, &cursor);
    for (; more && start <= stop; start++, more = list_cursor_next(&cursor)) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        resp_writer_bulk(context->reply, list_cursor_get(&cursor, scratch));
    }
}

static void lindex(struct command_context *context)
{
    struct collection list;
    struct list_cursor cursor;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    int64_t index;
    if (!collection_read(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry == NULL) {
        resp_writer_null(context->reply);
        return;
    }
    if (!command_integer(context, 2, &index))
        return;
    if (list_value_seek(list.value, index, &cursor))
        resp_writer_bulk(context->reply, list_cursor_get(&cursor, scratch));
    else
        resp_writer_null(context->reply);
}

static void lset(struct command_context *context)
{
    struct collection list;
    struct list_cursor cursor;
    int64_t index;
    if (!collection_open(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry == NULL) {
        command_reply_no_such_key(context);
        return;
    }
    if (!command_integer(context, 2, &index))
        return;
    if (!list_value_seek(list.value, index, &cursor)) {
        resp_writer_error(context->reply, "ERR index out of range");
        return;
    }
    collection_changing(&list);
    if (!list_cursor_replace(&cursor, list_common_limits(context), context->arguments[3])) {
        command_reply_out_of_memory(context);
        return;
    }
    resp_writer_ok(context->reply);
    collection_changed(context, &list, EVENT_LIST, "lset");
}

static void linsert(struct command_context *context)
{
    struct collection list;
    struct list_cursor cursor;
    bool behind = slice_is_word(context->arguments[2], "AFTER");
    if (!behind && !slice_is_word(context->arguments[2], "BEFORE")) {
        command_reply_syntax_error(context);
        return;
    }
    if (!collection_open(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry == NULL) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    bool more = list_value_seek(list.value, 0, &cursor);
    while (more && !list_cursor_equals(&cursor, context->arguments[3]))
        more = list_cursor_next(&cursor);
    if (!more) {
        resp_writer_integer(context->reply, -1);
        return;
    }
    collection_changing(&list);
    if (!list_cursor_insert(&cursor, list_common_limits(context), context->arguments[4], behind)) {
        command_reply_out_of_memory(context);
        return;
    }
    collection_changed(context, &list, EVENT_LIST, "linsert");
    resp_writer_integer(context->reply, (int64_t)list_value_length(list.value));
}

static void lrem(struct command_context *context)
{
    struct collection list;
    struct list_cursor cursor;
    int64_t wanted, removed = 0;
    if (!command_integer(context, 2, &wanted) || !collection_open(context, 1, TYPE_LIST, &list))
        return;
    bool backward = wanted < 0;
    uint64_t limit = backward ? 0 - (uint64_t)wanted : (uint64_t)wanted;
    bool more = list.entry != NULL && list_value_seek(list.value, backward ? -1 : 0, &cursor);
    while (more) {
        if (!list_cursor_equals(&cursor, context->arguments[3])) {
            more = backward ? list_cursor_previous(&cursor) : list_cursor_next(&cursor);
            continue;
        }
        if (removed++ == 0)
            collection_changing(&list);
        more = list_cursor_remove(&cursor, backward) && (uint64_t)removed != limit;
    }
    if (removed > 0) {
        collection_changed(context, &list, EVENT_LIST, "lrem");
        (void)collection_drop_if_empty(context, &list);
    }
    resp_writer_integer(context->reply, removed);
}

static void ltrim(struct command_context *context)
{
    struct collection list;
    int64_t start, stop;
    if (!command_integer(context, 2, &start) || !command_integer(context, 3, &stop) ||
        !collection_open(context, 1, TYPE_LIST, &list))
        return;
    if (list.entry != NULL) {
        size_t length = list_value_length(list.value);
        size_t kept = collection_range(&start, &stop, length) ? (size_t)(stop - start) + 1 : 0;
        size_t before = kept > 0 ? (size_t)start : length;
        if (kept < length) {
            collection_changing(&list);
            list_value_remove_range(list.value, before + kept, length - before - kept);
            list_value_remove_range(list.value, 0, before);
            collection_changed(context, &list, EVENT_LIST, "ltrim");
            (void)collection_drop_if_empty(context, &list);
        } else {
            command_touched(context, list.database, list.key.name);
            command_event(context, list.database, list.key.name, EVENT_LIST, "ltrim");
        }
    }
    resp_writer_ok(context->reply);
}

/* --- LPOS --- */

struct search {
    int64_t rank;       /* the first match that counts, from the end if negative; never 0 */
    int64_t count;      /* matches wanted; 0: all; -1: one, replied as a number */
    int64_t length_max; /* elements looked at; 0: all */
};

static bool parse_search(struct command_context *context, struct search *search)
{
    *search = (struct search){1, -1, 0};
    for (size_t i = 3; i < context->count; i += 2) {
        struct slice word = context->arguments[i];
        bool more = i + 1 < context->count;
        if (more && slice_is_word(word, "RANK")) {
            if (!command_integer(context, i + 1, &search->rank))
                return false;
            if (search->rank == 0) {
                resp_writer_error(context->reply,
                                  "ERR RANK can't be zero: use 1 to start from the first match, "
                                  "2 from the second ... or use negative to start from the end "
                                  "of the list");
                return false;
            }
        } else if (more && slice_is_word(word, "COUNT")) {
            if (!number_parse_int64(context->arguments[i + 1], &search->count) ||
                search->count < 0) {
                resp_writer_error(context->reply, "ERR COUNT can't be negative");
                return false;
            }
        } else if (more && slice_is_word(word, "MAXLEN")) {
            if (!number_parse_int64(context->arguments[i + 1], &search->length_max) ||
                search->length_max < 0) {
                resp_writer_error(context->reply, "ERR MAXLEN can't be negative");
                return false;
            }
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

/* Writes the indexes to `out`, or stops at the first if one is wanted; returns how many. */
static size_t search_list(struct command_context *context, const struct collection *list,
                          const struct search *search, struct resp_writer *out, int64_t *first)
{
    struct list_cursor cursor;
    bool backward = search->rank < 0;
    int64_t to_skip = backward ? -(search->rank + 1) : search->rank - 1, looked_at = 0;
    int64_t index = backward ? (int64_t)list_value_length(list->value) - 1 : 0;
    size_t found = 0;
    bool more = list_value_seek(list->value, backward ? -1 : 0, &cursor);
    while (more && (search->length_max == 0 || looked_at++ < search->length_max)) {
        if (list_cursor_equals(&cursor, context->arguments[2]) && to_skip-- <= 0) {
            *first = index;
            if (search->count >= 0)
                resp_writer_integer(out, index);
            found++;
            if (search->count != 0 && (search->count < 0 || found == (size_t)search->count))
                break;
        }
        index += backward ? -1 : 1;
        more = backward ? list_cursor_previous(&cursor) : list_cursor_next(&cursor);
    }
    return found;
}

static void lpos(struct command_context *context)
{
    struct collection list;
    struct search search;
    if (!parse_search(context, &search) || !collection_read(context, 1, TYPE_LIST, &list))
        return;
    struct chain elements;
    chain_init(&elements, context->reply->out->pool);
    struct resp_writer writer = *context->reply;
    writer.out = &elements;
    int64_t first = 0;
    size_t found = list.entry != NULL ? search_list(context, &list, &search, &writer, &first) : 0;
    if (search.count >= 0)
        resp_writer_array_of(context->reply, found, &elements);
    else if (found > 0)
        resp_writer_integer(context->reply, first);
    else
        resp_writer_null(context->reply);
    chain_deinit(&elements);
}

const struct command list_elements_commands[] = {
    {
        .name = "LLEN",
        .run = llen,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Returns how many elements a list has.",
        .complexity = "O(1)",
    },
    {
        .name = "LRANGE",
        .run = lrange,
        .arity = 4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key start stop",
        .summary = "Returns the elements from one index to another.",
        .complexity = "O(S+N) for S elements from the nearer end and N returned",
    },
    {
        .name = "LINDEX",
        .run = lindex,
        .arity = 3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key index",
        .summary = "Returns the element at an index.",
        .complexity = "O(N) for N elements from the nearer end",
    },
    {
        .name = "LSET",
        .run = lset,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key index element",
        .summary = "Sets the element at an index.",
        .complexity = "O(N) for N elements from the nearer end",
    },
    {
        .name = "LINSERT",
        .run = linsert,
        .arity = 5,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "list",
        .since = "2.2.0",
        .syntax = "key <BEFORE|AFTER> pivot element",
        .summary = "Puts an element before or after another.",
        .complexity = "O(N) for N elements up to it",
    },
    {
        .name = "LREM",
        .run = lrem,
        .arity = 4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key count element",
        .summary = "Removes elements that are equal to a value.",
        .complexity = "O(N) for N elements",
    },
    {
        .name = "LTRIM",
        .run = ltrim,
        .arity = 4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "list",
        .since = "1.0.0",
        .syntax = "key start stop",
        .summary = "Removes all elements but those from one index to another.",
        .complexity = "O(N) for N elements removed",
    },
    {
        .name = "LPOS",
        .run = lpos,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_LIST,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "list",
        .since = "6.0.6",
        .syntax = "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        .summary = "Returns the indexes of elements that are equal to a value.",
        .complexity = "O(N) for N elements looked at",
    },
    {.name = NULL},
};
