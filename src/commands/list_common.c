#include "commands/list_common.h"

#include "base/buffer.h"
#include "base/number.h"

bool list_common_end(struct command_context *context, size_t index, enum list_end *end)
{
    struct slice word = context->arguments[index];
    *end = slice_is_word(word, "LEFT") ? LIST_HEAD : LIST_TAIL;
    if (*end == LIST_HEAD || slice_is_word(word, "RIGHT"))
        return true;
    command_reply_syntax_error(context);
    return false;
}

bool list_common_open(struct command_context *context, struct collection *list)
{
    if (list->entry != NULL) {
        collection_changing(list);
        return true;
    }
    struct list_value *value = list_value_create();
    if (collection_create(context, list, TYPE_LIST, value))
        return true;
    list_value_destroy(value);
    return false;
}

void list_common_popped(struct command_context *context, struct collection *list, enum list_end end)
{
    collection_changed(context, list, EVENT_LIST, end == LIST_HEAD ? "lpop" : "rpop");
    (void)collection_drop_if_empty(context, list);
}

static struct list_cursor cursor_at(const struct collection *list, enum list_end end)
{
    struct list_cursor cursor;
    (void)list_value_seek(list->value, end == LIST_HEAD ? 0 : -1, &cursor);
    return cursor;
}

void list_common_pop_reply(struct command_context *context, struct collection *list,
                           enum list_end end)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    collection_changing(list);
    struct list_cursor cursor = cursor_at(list, end);
    resp_writer_bulk(context->reply, list_cursor_get(&cursor, scratch));
    (void)list_cursor_remove(&cursor, false);
}

bool list_common_move(struct command_context *context, struct collection *from, size_t to_index,
                      enum list_end from_end, enum list_end to_end)
{
    struct collection to;
    struct buffer copy = {NULL, 0, 0};
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    if (!collection_open(context, to_index, TYPE_LIST, &to))
        return false;
    struct list_cursor cursor = cursor_at(from, from_end);
    struct slice element = list_cursor_get(&cursor, scratch);
    /* A copy: pushing may move what the element stands in. */
    if (buffer_append(&copy, element.data, element.length) != OK) {
        command_reply_out_of_memory(context);
        return false;
    }
    bool same = to.entry == from->entry;
    bool good = list_common_open(context, &to);
    if (good && !same) /* making the key may have moved entries */
        good = collection_open_key(context, from->database, &from->key, TYPE_LIST, from);
    if (good &&
        !list_value_push(to.value, list_common_limits(context), to_end, buffer_slice(&copy))) {
        command_reply_out_of_memory(context);
        (void)collection_drop_if_empty(context, &to);
        good = false;
    }
    if (good) {
        collection_changed(context, &to, EVENT_LIST, to_end == LIST_HEAD ? "lpush" : "rpush");
        resp_writer_bulk(context->reply, buffer_slice(&copy));
        collection_changing(from);
        cursor = cursor_at(from, from_end);
        if (same && from_end == to_end) /* the new one stands before it */
            (void)(from_end == LIST_HEAD ? list_cursor_next(&cursor)
                                         : list_cursor_previous(&cursor));
        (void)list_cursor_remove(&cursor, false);
        list_common_popped(context, from, from_end);
    }
    buffer_deinit(&copy);
    return good;
}

void list_common_pop_many(struct command_context *context, struct collection *list,
                          enum list_end end, int64_t count)
{
    size_t length = list_value_length(list->value);
    size_t popped = (uint64_t)count < length ? (size_t)count : length;
    resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, list->key.name);
    resp_writer_array(context->reply, popped);
    for (size_t i = 0; i < popped; i++)
        list_common_pop_reply(context, list, end);
    if (command_wants_effect(context)) {
        char text[NUMBER_INTEGER_TEXT_MAX];
        struct slice words[] = {end == LIST_HEAD ? SLICE("LPOP") : SLICE("RPOP"), list->key.name,
                                slice_of(text, number_format_uint64(text, popped))};
        command_effect(context, list->database, words, 3);
    }
    list_common_popped(context, list, end);
}
