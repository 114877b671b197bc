/* Entries of streams: adding, reading, trimming, deleting them. */
#include "base/number.h"
#include "commands/stream_common.h"
#include "commands/stream_idempotence.h"
#include "commands/stream_references.h"
#include "commands/tables.h"

/* --- XADD --- */

struct addition {
    bool no_create;
    struct stream_common_trim trim;
    size_t id_at;
    bool chosen_id, chosen_sequence; /* `*`, and `ms-*` */
    struct stream_id id;
    struct stream_idempotence message;
};

static bool parse_new_id(struct command_context *context, struct addition *addition)
{
    struct slice text = context->arguments[addition->id_at];
    addition->chosen_id = slice_equals(text, SLICE("*"));
    if (addition->chosen_id)
        return true;
    if (text.length > 2 && text.data[text.length - 1] == '*' && text.data[text.length - 2] == '-') {
        addition->chosen_sequence = true;
        if (number_parse_uint64(slice_of(text.data, text.length - 2), &addition->id.ms))
            return true;
        resp_writer_error(context->reply,
                          "ERR Invalid stream ID specified as stream command argument");
        return false;
    }
    return stream_common_id(context, addition->id_at, 0, &addition->id);
}

static bool parse_addition(struct command_context *context, struct addition *addition)
{
    size_t at = 2;
    *addition = (struct addition){.no_create = false};
    for (; at < context->count;) {
        struct slice word = context->arguments[at];
        if (slice_is_word(word, "NOMKSTREAM")) {
            addition->no_create = true;
            at++;
        } else if (stream_references_parse(word, &addition->trim.references)) {
            at++;
        } else if (stream_idempotence_parse(context, &at, &addition->message)) {
            continue;
        } else if (slice_is_word(word, "MAXLEN") || slice_is_word(word, "MINID")) {
            if (!stream_common_parse_trim(context, &at, &addition->trim))
                return false;
        } else {
            break;
        }
    }
    addition->id_at = at;
    if (at >= context->count) {
        command_reply_syntax_error(context);
        return false;
    }
    if (!stream_common_trim_is_valid(context, &addition->trim) || !parse_new_id(context, addition))
        return false;
    size_t words = context->count - at - 1;
    if (words < 2 || words % 2 != 0) {
        command_reply_arity(context);
        return false;
    }
    if (addition->message.wanted && !addition->chosen_id) {
        resp_writer_error(context->reply,
                          "ERR IDMP and IDMPAUTO can be used only with * as the ID");
        return false;
    }
    if (addition->message.automatic)
        stream_idempotence_name(&addition->message, context->arguments + at + 1, words / 2);
    if (!addition->chosen_id && !addition->chosen_sequence && stream_id_is_zero(addition->id)) {
        resp_writer_error(context->reply, "ERR The ID specified in XADD must be greater than 0-0");
        return false;
    }
    return true;
}

/* The ID to add; false: there is none above the last. */
static bool choose_id(struct command_context *context, const struct stream *stream,
                      struct addition *addition)
{
    struct stream_id last = stream != NULL ? stream->last_id : STREAM_ID_MIN;
    if (addition->chosen_id) {
        int64_t now_ms = keyspace_time_ms(context->keyspace);
        addition->id = (struct stream_id){(uint64_t)now_ms, 0};
        if (stream_id_compare(addition->id, last) <= 0) {
            addition->id = last;
            return stream_id_next(&addition->id);
        }
        return true;
    }
    if (addition->chosen_sequence) {
        if (addition->id.ms < last.ms)
            return false;
        addition->id.sequence = 0;
        if (addition->id.ms == last.ms) {
            if (last.sequence == UINT64_MAX)
                return false;
            addition->id.sequence = last.sequence + 1;
        }
    }
    return stream_id_compare(addition->id, last) > 0;
}

static bool open_stream(struct command_context *context, struct collection *stream)
{
    if (stream->entry != NULL) {
        collection_changing(stream);
        return true;
    }
    struct stream *value = stream_create(collection_settings(context));
    if (collection_create(context, stream, TYPE_STREAM, value))
        return true;
    stream_destroy(value);
    return false;
}

/* XADD with the ID that was chosen; trimming is an effect of its own. */
static void tell_effect(struct command_context *context, const struct collection *stream,
                        const struct addition *addition)
{
    char text[STREAM_ID_TEXT_MAX];
    context->effect_replaced = true;
    if (!command_wants_effect(context))
        return;
    struct slice *words = context->arguments + addition->id_at - 2; /* XADD key id ... */
    struct slice kept[3] = {words[0], words[1], words[2]};
    words[0] = SLICE("XADD");
    words[1] = stream->key.name;
    words[2] = slice_of(text, stream_common_format_id(text, addition->id));
    command_effect(context, stream->database, words, context->count - addition->id_at + 2);
    for (int i = 0; i < 3; i++)
        words[i] = kept[i];
}

static void xadd(struct command_context *context)
{
    struct addition addition;
    struct collection stream;
    if (!parse_addition(context, &addition) || !collection_open(context, 1, TYPE_STREAM, &stream))
        return;
    if (stream.entry == NULL && addition.no_create) {
        resp_writer_null(context->reply);
        return;
    }
    if (addition.message.wanted &&
        stream_idempotence_find(context, stream.value, &addition.message, &addition.id)) {
        stream_common_reply_id(context->reply, addition.id);
        return;
    }
    const struct stream *before = stream.value;
    const struct slice *pairs = context->arguments + addition.id_at + 1;
    size_t count = (context->count - addition.id_at - 1) / 2;
    if (before != NULL && before->last_id.ms == UINT64_MAX &&
        before->last_id.sequence == UINT64_MAX) {
        resp_writer_error(context->reply, "ERR The stream has exhausted the last possible ID, "
                                          "unable to add more items");
        return;
    }
    if (!choose_id(context, before, &addition)) {
        resp_writer_error(context->reply, "ERR The ID specified in XADD is equal or smaller than "
                                          "the target stream top item");
        return;
    }
    if (!stream_entry_fits(pairs, count)) {
        resp_writer_error(context->reply, "ERR Elements are too large to be stored");
        return;
    }
    if (!open_stream(context, &stream))
        return;
    if (!stream_append(stream.value, &collection_settings(context)->limits, addition.id, pairs,
                       count)) {
        command_reply_out_of_memory(context);
        if (before == NULL)
            (void)database_delete(stream.database, &stream.key);
        return;
    }
    stream_common_reply_id(context->reply, addition.id);
    tell_effect(context, &stream, &addition);
    if (addition.message.wanted)
        stream_idempotence_record(context, &stream, &addition.message, addition.id);
    collection_changed(context, &stream, EVENT_STREAM, "xadd");
    if (addition.trim.wanted && stream_references_trim(context, &stream, &addition.trim) > 0)
        command_event(context, stream.database, stream.key.name, EVENT_STREAM, "xtrim");
}

/* --- others --- */

static void xlen(struct command_context *context)
{
    struct collection stream;
    if (!collection_read(context, 1, TYPE_STREAM, &stream))
        return;
    const struct stream *value = stream.value;
    resp_writer_integer(context->reply, value != NULL ? (int64_t)value->length : 0);
}

static void range(struct command_context *context, bool reverse)
{
    struct collection stream;
    struct stream_id start, end;
    int64_t count = -1;
    if (!stream_common_range_end(context, reverse ? 3 : 2, false, &start) ||
        !stream_common_range_end(context, reverse ? 2 : 3, true, &end))
        return;
    for (size_t i = 4; i < context->count; i += 2) {
        if (!slice_is_word(context->arguments[i], "COUNT") || i + 1 >= context->count) {
            command_reply_syntax_error(context);
            return;
        }
        if (!command_integer(context, i + 1, &count))
            return;
        count = count < 0 ? 0 : count;
    }
    if (!collection_read(context, 1, TYPE_STREAM, &stream))
        return;
    if (stream.entry == NULL)
        resp_writer_array(context->reply, 0);
    else if (count == 0)
        resp_writer_null_array(context->reply);
    else
        (void)stream_common_reply_range(context->reply, stream.value, start, end, reverse,
                                        count < 0 ? SIZE_MAX : (size_t)count);
}

static void xrange(struct command_context *context)
{
    range(context, false);
}

static void xrevrange(struct command_context *context)
{
    range(context, true);
}

static void xdel(struct command_context *context)
{
    struct collection stream;
    struct stream_id id;
    int64_t deleted = 0;
    if (!collection_open(context, 1, TYPE_STREAM, &stream))
        return;
    if (stream.entry == NULL) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    for (size_t i = 2; i < context->count; i++)
        if (!stream_common_id(context, i, 0, &id))
            return;
    collection_changing(&stream);
    for (size_t i = 2; i < context->count; i++) {
        (void)stream_common_parse_id(context->arguments[i], 0, &id);
        deleted += stream_delete(stream.value, id);
    }
    if (deleted > 0)
        collection_changed(context, &stream, EVENT_STREAM, "xdel");
    resp_writer_integer(context->reply, deleted);
}

static void xtrim(struct command_context *context)
{
    struct collection stream;
    struct stream_common_trim trim = {.wanted = false};
    size_t at = 2;
    while (at < context->count) {
        struct slice word = context->arguments[at];
        if (slice_is_word(word, "MAXLEN") || slice_is_word(word, "MINID")) {
            if (!stream_common_parse_trim(context, &at, &trim))
                return;
        } else if (stream_references_parse(word, &trim.references)) {
            at++;
        } else {
            command_reply_syntax_error(context);
            return;
        }
    }
    if (!trim.wanted) {
        resp_writer_error(context->reply,
                          "ERR syntax error, XTRIM must be called with a trimming strategy");
        return;
    }
    if (!stream_common_trim_is_valid(context, &trim))
        return;
    if (!collection_open(context, 1, TYPE_STREAM, &stream))
        return;
    uint64_t deleted = 0;
    if (stream.entry != NULL) {
        collection_changing(&stream);
        deleted = stream_references_trim(context, &stream, &trim);
    }
    if (deleted > 0)
        collection_changed(context, &stream, EVENT_STREAM, "xtrim");
    resp_writer_integer(context->reply, (int64_t)deleted);
}

static bool parse_setid(struct command_context *context, struct stream_id id, int64_t *added,
                        bool *has_deleted, struct stream_id *deleted)
{
    for (size_t i = 3; i < context->count; i += 2) {
        bool more = i + 1 < context->count;
        if (more && slice_is_word(context->arguments[i], "ENTRIESADDED")) {
            if (!command_integer(context, i + 1, added))
                return false;
            if (*added < 0) {
                resp_writer_error(context->reply, "ERR entries_added must be positive");
                return false;
            }
        } else if (more && slice_is_word(context->arguments[i], "MAXDELETEDID")) {
            if (!stream_common_id(context, i + 1, 0, deleted))
                return false;
            if (stream_id_compare(id, *deleted) < 0) {
                resp_writer_error(context->reply, "ERR The ID specified in XSETID is smaller than "
                                                  "the provided max_deleted_entry_id");
                return false;
            }
            *has_deleted = true;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

static void xsetid(struct command_context *context)
{
    struct collection stream;
    struct stream_id id, deleted = STREAM_ID_MIN;
    int64_t added = -1;
    bool has_deleted = false;
    if (!stream_common_id(context, 2, 0, &id) ||
        !parse_setid(context, id, &added, &has_deleted, &deleted))
        return;
    if (!collection_open(context, 1, TYPE_STREAM, &stream))
        return;
    if (stream.entry == NULL) {
        command_reply_no_such_key(context);
        return;
    }
    struct stream *value = stream.value;
    if (stream_id_compare(id, value->max_deleted_id) < 0) {
        resp_writer_error(context->reply, "ERR The ID specified in XSETID is smaller than current "
                                          "max_deleted_entry_id");
        return;
    }
    if (value->length > 0) {
        struct stream_cursor cursor;
        stream_seek(value, STREAM_ID_MIN, STREAM_ID_MAX, true, &cursor);
        if (stream_next(&cursor) && stream_id_compare(id, cursor.entry.id) < 0) {
            resp_writer_error(context->reply, "ERR The ID specified in XSETID is smaller than the "
                                              "target stream top item");
            return;
        }
        if (added >= 0 && value->length > (uint64_t)added) {
            resp_writer_error(context->reply, "ERR The entries_added specified in XSETID is "
                                              "smaller than the target stream length");
            return;
        }
    }
    collection_changing(&stream);
    value->last_id = id;
    if (added >= 0)
        value->entries_added = (uint64_t)added;
    if (has_deleted && !stream_id_is_zero(deleted))
        value->max_deleted_id = deleted;
    resp_writer_ok(context->reply);
    collection_changed(context, &stream, EVENT_STREAM, "xsetid");
}

const struct command stream_entries_commands[] = {
    {
        .name = "XADD",
        .run = xadd,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key [NOMKSTREAM] [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> field "
                  "value [field value ...]",
        .summary = "Adds an entry to a stream; makes the stream if there is none.",
        .complexity = "O(1), O(N) for N entries trimmed",
        .tips = "nondeterministic_output",
    },
    {
        .name = "XLEN",
        .run = xlen,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key",
        .summary = "Returns how many entries a stream has.",
        .complexity = "O(1)",
    },
    {
        .name = "XRANGE",
        .run = xrange,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key start end [COUNT count]",
        .summary = "Returns the entries in a range of IDs.",
        .complexity = "O(log B+N) for N entries returned",
    },
    {
        .name = "XREVRANGE",
        .run = xrevrange,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key end start [COUNT count]",
        .summary = "Returns the entries in a range of IDs, the last first.",
        .complexity = "O(log B+N) for N entries returned",
    },
    {
        .name = "XDEL",
        .run = xdel,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key id [id ...]",
        .summary = "Deletes entries by their IDs.",
        .complexity = "O(log B) for each entry",
    },
    {
        .name = "XTRIM",
        .run = xtrim,
        .arity = -4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key <MAXLEN|MINID> [=|~] threshold [LIMIT count]",
        .summary = "Deletes the oldest entries of a stream.",
        .complexity = "O(N) for N entries deleted",
        .tips = "nondeterministic_output",
    },
    {
        .name = "XSETID",
        .run = xsetid,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
        .summary = "Sets the last ID of a stream.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
