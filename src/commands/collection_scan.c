#include "commands/collection_scan.h"

#include "base/glob.h"
#include "base/number.h"

#define COUNT_DEFAULT 10 /* elements */

bool collection_scan_parse_cursor(struct slice text, uint64_t *cursor)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    size_t at = negative || (text.length > 0 && text.data[0] == '+');
    *cursor = 0;
    if (at > 0 && text.length == 1)
        return false;
    for (; at < text.length; at++) {
        char digit = text.data[at];
        if (digit < '0' || digit > '9' || __builtin_mul_overflow(*cursor, 10U, cursor) ||
            __builtin_add_overflow(*cursor, (uint64_t)(digit - '0'), cursor))
            return false;
    }
    if (negative)
        *cursor = 0 - *cursor;
    return true;
}

static bool parse_options(struct collection_scan *scan, struct command_context *context,
                          bool takes_names_only)
{
    for (size_t i = 3; i < context->count; i++) {
        struct slice word = context->arguments[i];
        bool more = i + 1 < context->count, valid = true;
        if (more && slice_is_word(word, "COUNT")) {
            if (!command_integer(context, ++i, &scan->wanted))
                return false;
            valid = scan->wanted >= 1;
        } else if (more && slice_is_word(word, "MATCH")) {
            scan->pattern = context->arguments[++i];
            scan->all = glob_is_all(scan->pattern);
        } else if (takes_names_only && slice_is_word(word, "NOVALUES")) {
            scan->names_only = true;
        } else {
            valid = false;
        }
        if (!valid) {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

bool collection_scan_begin(struct collection_scan *scan, struct command_context *context,
                           enum value_type type, struct collection *collection)
{
    *scan =
        (struct collection_scan){.wanted = COUNT_DEFAULT, .all = true, .writer = *context->reply};
    if (!collection_scan_parse_cursor(context->arguments[2], &scan->cursor)) {
        resp_writer_error(context->reply, "ERR invalid cursor");
        return false;
    }
    if (!collection_read(context, 1, type, collection))
        return false;
    if (collection->entry == NULL) {
        resp_writer_array(context->reply, 2);
        resp_writer_bulk(context->reply, SLICE("0"));
        resp_writer_array(context->reply, 0);
        return false;
    }
    if (!parse_options(scan, context, type == TYPE_HASH))
        return false;
    chain_init(&scan->elements, context->reply->out->pool);
    scan->writer.out = &scan->elements;
    return true;
}

bool collection_scan_wants(struct collection_scan *scan, struct slice name)
{
    scan->visited++;
    return scan->all || glob_matches(scan->pattern, name);
}

void collection_scan_reply(struct collection_scan *scan, struct command_context *context)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, slice_of(text, number_format_uint64(text, scan->cursor)));
    resp_writer_array_of(context->reply, scan->count, &scan->elements);
    chain_deinit(&scan->elements);
}
