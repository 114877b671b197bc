#include "commands/stream_common.h"

#include <string.h>

#include "base/number.h"

#define NAME_SHOWN_MAX 400           /* bytes of a name in an error */
#define APPROXIMATE_LIMIT_BLOCKS 100 /* blocks that `~` without LIMIT looks at */

/* As strtoull, which Redis uses for these: blanks and a plus before the digits, zeros among them,
 * and a zero byte ends it. */
static bool parse_number(struct slice text, uint64_t *number)
{
    size_t at = 0, digits = 0;
    while (at < text.length &&
           (text.data[at] == ' ' || (text.data[at] >= '\t' && text.data[at] <= '\r')))
        at++;
    at += at < text.length && text.data[at] == '+';
    *number = 0;
    for (; at < text.length && text.data[at] >= '0' && text.data[at] <= '9'; at++, digits++)
        if (__builtin_mul_overflow(*number, 10U, number) ||
            __builtin_add_overflow(*number, (uint64_t)(text.data[at] - '0'), number))
            return false;
    return digits > 0 && (at == text.length || text.data[at] == '\0');
}

bool stream_common_parse_id(struct slice text, uint64_t missing, struct stream_id *id)
{
    const char *dash = text.length > 0 ? memchr(text.data, '-', text.length) : NULL;
    struct slice ms = text, sequence = {NULL, 0};
    id->sequence = missing;
    if (dash != NULL) {
        ms = slice_of(text.data, (size_t)(dash - text.data));
        sequence = slice_of(dash + 1, text.length - ms.length - 1);
    }
    return parse_number(ms, &id->ms) && (dash == NULL || parse_number(sequence, &id->sequence));
}

bool stream_common_id(struct command_context *context, size_t index, uint64_t missing,
                      struct stream_id *id)
{
    if (stream_common_parse_id(context->arguments[index], missing, id))
        return true;
    resp_writer_error(context->reply, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

bool stream_common_range_end(struct command_context *context, size_t index, bool is_end,
                             struct stream_id *id)
{
    struct slice text = context->arguments[index];
    if (text.length > 1 && text.data[0] == '(') {
        if (!stream_common_parse_id(slice_of(text.data + 1, text.length - 1),
                                    is_end ? UINT64_MAX : 0, id)) {
            resp_writer_error(context->reply,
                              "ERR Invalid stream ID specified as stream command argument");
            return false;
        }
        if (is_end ? stream_id_previous(id) : stream_id_next(id))
            return true;
        resp_writer_error(context->reply, is_end ? "ERR invalid end ID for the interval"
                                                 : "ERR invalid start ID for the interval");
        return false;
    }
    if (slice_equals(text, SLICE("-")))
        *id = STREAM_ID_MIN;
    else if (slice_equals(text, SLICE("+")))
        *id = STREAM_ID_MAX;
    else
        return stream_common_id(context, index, is_end ? UINT64_MAX : 0, id);
    return true;
}

size_t stream_common_format_id(char *out, struct stream_id id)
{
    size_t length = number_format_uint64(out, id.ms);
    out[length++] = '-';
    return length + number_format_uint64(out + length, id.sequence);
}

void stream_common_reply_id(struct resp_writer *reply, struct stream_id id)
{
    char text[STREAM_ID_TEXT_MAX];
    resp_writer_bulk(reply, slice_of(text, stream_common_format_id(text, id)));
}

static void reply_field(void *context, struct slice field, struct slice value)
{
    resp_writer_bulk(context, field);
    resp_writer_bulk(context, value);
}

void stream_common_reply_entry(struct resp_writer *reply, const struct stream_cursor *cursor)
{
    resp_writer_array(reply, 2);
    stream_common_reply_id(reply, cursor->entry.id);
    resp_writer_array(reply, 2 * cursor->entry.fields);
    stream_visit(cursor, reply_field, reply);
}

size_t stream_common_reply_range(struct resp_writer *reply, struct stream *stream,
                                 struct stream_id start, struct stream_id end, bool reverse,
                                 size_t count)
{
    struct stream_cursor cursor;
    struct chain elements;
    size_t replied = 0;
    chain_init(&elements, reply->out->pool);
    struct resp_writer writer = *reply;
    writer.out = &elements;
    stream_seek(stream, start, end, reverse, &cursor);
    while (replied < count && stream_next(&cursor)) {
        stream_common_reply_entry(&writer, &cursor);
        replied++;
    }
    resp_writer_array_of(reply, replied, &elements);
    chain_deinit(&elements);
    return replied;
}

struct stream_group *stream_common_group(struct command_context *context, struct collection *stream,
                                         size_t group_index)
{
    struct slice name = context->arguments[group_index];
    struct stream_group *group =
        stream->entry != NULL ? stream_find_group(stream->value, name) : NULL;
    if (group == NULL)
        resp_writer_error_format(
            context->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'",
            (int)(stream->key.name.length < NAME_SHOWN_MAX ? stream->key.name.length
                                                           : NAME_SHOWN_MAX),
            stream->key.name.data,
            (int)(name.length < NAME_SHOWN_MAX ? name.length : NAME_SHOWN_MAX), name.data);
    return group;
}

/* --- effects --- */

void stream_common_effect_claim(struct command_context *context, const struct collection *stream,
                                const struct stream_group *group, struct stream_id id,
                                const struct pending *pending)
{
    char id_text[STREAM_ID_TEXT_MAX], last_text[STREAM_ID_TEXT_MAX];
    char time[NUMBER_INTEGER_TEXT_MAX], count[NUMBER_INTEGER_TEXT_MAX];
    if (!command_wants_effect(context)) {
        context->effect_replaced = true;
        return;
    }
    struct slice words[] = {
        SLICE("XCLAIM"),
        stream->key.name,
        group->name,
        pending->consumer->name,
        SLICE("0"),
        slice_of(id_text, stream_common_format_id(id_text, id)),
        SLICE("TIME"),
        slice_of(time, number_format_int64(time, pending->delivered_ms)),
        SLICE("RETRYCOUNT"),
        slice_of(count, number_format_uint64(count, pending->deliveries)),
        SLICE("FORCE"),
        SLICE("JUSTID"),
        SLICE("LASTID"),
        slice_of(last_text, stream_common_format_id(last_text, group->last_id)),
    };
    command_effect(context, stream->database, words, sizeof words / sizeof words[0]);
}

void stream_common_effect_position(struct command_context *context, const struct collection *stream,
                                   const struct stream_group *group)
{
    char id[STREAM_ID_TEXT_MAX], read[NUMBER_INTEGER_TEXT_MAX];
    struct slice words[] = {
        SLICE("XGROUP"),
        SLICE("SETID"),
        stream->key.name,
        group->name,
        slice_of(id, stream_common_format_id(id, group->last_id)),
        SLICE("ENTRIESREAD"),
        slice_of(read, number_format_int64(read, group->entries_read)),
    };
    command_effect(context, stream->database, words, sizeof words / sizeof words[0]);
}

void stream_common_effect_consumer(struct command_context *context, const struct collection *stream,
                                   const struct stream_group *group, struct slice consumer)
{
    struct slice words[] = {SLICE("XGROUP"), SLICE("CREATECONSUMER"), stream->key.name, group->name,
                            consumer};
    command_effect(context, stream->database, words, 5);
}

/* --- trimming --- */

static bool parse_threshold(struct command_context *context, size_t at, struct stream_trim *trim)
{
    int64_t length;
    if (trim->by_id)
        return stream_common_id(context, at, 0, &trim->min_id);
    if (!command_integer(context, at, &length))
        return false;
    if (length < 0) {
        resp_writer_error(context->reply, "ERR The MAXLEN argument must be >= 0.");
        return false;
    }
    trim->length_max = (uint64_t)length;
    return true;
}

static bool parse_limit(struct command_context *context, size_t at, struct stream_trim *trim)
{
    int64_t limit;
    if (!command_integer(context, at, &limit))
        return false;
    if (limit < 0) {
        resp_writer_error(context->reply, "ERR The LIMIT argument must be >= 0.");
        return false;
    }
    trim->limit = (uint64_t)limit;
    return true;
}

bool stream_common_parse_trim(struct command_context *context, size_t *at,
                              struct stream_common_trim *out)
{
    uint64_t block_entries = collection_settings(context)->limits.stream_block_entries_max;
    struct stream_trim *trim = &out->trim;
    if (out->wanted) {
        resp_writer_error(context->reply, "ERR syntax error, MAXLEN and MINID options at the same "
                                          "time are not compatible");
        return false;
    }
    *trim = (struct stream_trim){.by_id = slice_is_word(context->arguments[*at], "MINID")};
    out->wanted = true;
    size_t next = *at + 1;
    if (next + 1 < context->count && (slice_equals(context->arguments[next], SLICE("~")) ||
                                      slice_equals(context->arguments[next], SLICE("="))))
        trim->approximate = context->arguments[next++].data[0] == '~';
    if (next >= context->count) {
        command_reply_syntax_error(context);
        return false;
    }
    if (!parse_threshold(context, next, trim))
        return false;
    if (trim->approximate)
        trim->limit = APPROXIMATE_LIMIT_BLOCKS * (block_entries > 0 ? block_entries : 10000);
    next++;
    if (next + 1 < context->count && slice_is_word(context->arguments[next], "LIMIT")) {
        if (!parse_limit(context, next + 1, trim))
            return false;
        out->has_limit = true;
        next += 2;
    }
    *at = next;
    return true;
}

bool stream_common_trim_is_valid(struct command_context *context,
                                 const struct stream_common_trim *trim)
{
    if (!trim->has_limit || trim->trim.approximate)
        return true;
    resp_writer_error(context->reply,
                      "ERR syntax error, LIMIT cannot be used without the special ~ option");
    return false;
}
