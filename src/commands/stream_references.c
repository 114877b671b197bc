/* Entries and the groups that hold them: deleting and trimming with KEEPREF, DELREF or ACKED. */
#include "commands/stream_references.h"

#include "base/number.h"
#include "commands/tables.h"

bool stream_references_parse(struct slice word, enum stream_references *references)
{
    if (slice_is_word(word, "KEEPREF"))
        *references = KEEP_REFERENCES;
    else if (slice_is_word(word, "DELREF"))
        *references = DELETE_REFERENCES;
    else if (slice_is_word(word, "ACKED"))
        *references = ONLY_ACKNOWLEDGED;
    else
        return false;
    return true;
}

/* What XDELEX and XACKDEL answer for an ID. */
enum { ANSWER_NONE = -1, ANSWER_DELETED = 1, ANSWER_KEPT = 2 };

/* [KEEPREF|DELREF|ACKED] IDS numids id ..., from `at` on. False: answered. */
static bool parse_ids(struct command_context *context, size_t at,
                      enum stream_references *references, size_t *first)
{
    int64_t count;
    struct stream_id id;
    *references = KEEP_REFERENCES;
    at += stream_references_parse(context->arguments[at], references);
    if (at + 1 >= context->count || !slice_is_word(context->arguments[at], "IDS")) {
        command_reply_syntax_error(context);
        return false;
    }
    if (!number_parse_int64(context->arguments[at + 1], &count) || count < 1 ||
        (uint64_t)count != context->count - at - 2) {
        resp_writer_error(context->reply, "ERR The `numids` parameter must match the number of "
                                          "arguments");
        return false;
    }
    *first = at + 2;
    for (size_t i = *first; i < context->count; i++)
        if (!stream_common_id(context, i, 0, &id))
            return false;
    return true;
}

static bool is_pending_anywhere(const struct stream *stream, struct stream_id id)
{
    struct pending pending;
    for (size_t i = 0; i < stream->group_count; i++) {
        const struct stream_group *group = stream->groups[i];
        if (stream_id_compare(id, group->last_id) > 0 ||
            pending_list_find(&group->pending, id, &pending))
            return true;
    }
    return false;
}

/* XACK key group id */
static void tell_acknowledged(struct command_context *context, const struct collection *stream,
                              const struct stream_group *group, struct stream_id id)
{
    char text[STREAM_ID_TEXT_MAX];
    struct slice words[] = {SLICE("XACK"), stream->key.name, group->name,
                            slice_of(text, stream_common_format_id(text, id))};
    command_effect(context, stream->database, words, 4);
}

static void drop_references_to(struct command_context *context, struct collection *stream,
                               struct stream_id id)
{
    struct stream *value = stream->value;
    for (size_t i = 0; i < value->group_count; i++)
        if (stream_remove_pending(value->groups[i], id))
            tell_acknowledged(context, stream, value->groups[i], id);
}

static void delete_entry(struct command_context *context, struct collection *stream,
                         struct stream_id id)
{
    char text[STREAM_ID_TEXT_MAX];
    struct slice words[] = {SLICE("XDEL"), stream->key.name,
                            slice_of(text, stream_common_format_id(text, id))};
    (void)stream_delete(stream->value, id);
    command_effect(context, stream->database, words, 3);
}

/* Deletes one entry as `references` asks. */
static int64_t delete_referred(struct command_context *context, struct collection *stream,
                               struct stream_id id, enum stream_references references)
{
    struct stream *value = stream->value;
    if (!stream_has(value, id))
        return ANSWER_NONE;
    if (references == ONLY_ACKNOWLEDGED && is_pending_anywhere(value, id))
        return ANSWER_KEPT;
    if (references == DELETE_REFERENCES)
        drop_references_to(context, stream, id);
    delete_entry(context, stream, id);
    return ANSWER_DELETED;
}

static void delete_ids(struct command_context *context, struct collection *stream, size_t first,
                       enum stream_references references, struct stream_group *group)
{
    int64_t changed = 0;
    resp_writer_array(context->reply, context->count - first);
    if (stream->entry != NULL)
        collection_changing(stream);
    for (size_t i = first; i < context->count; i++) {
        int64_t answer = ANSWER_NONE;
        struct stream_id id;
        (void)stream_common_parse_id(context->arguments[i], 0, &id);
        if (group != NULL) {
            bool acknowledged = stream_remove_pending(group, id);
            if (acknowledged) {
                tell_acknowledged(context, stream, group, id);
                answer = delete_referred(context, stream, id, references);
                answer = answer == ANSWER_NONE ? ANSWER_DELETED : answer;
                changed++;
            }
        } else if (stream->entry != NULL) {
            answer = delete_referred(context, stream, id, references);
            changed += answer == ANSWER_DELETED;
        }
        resp_writer_integer(context->reply, answer);
    }
    if (changed > 0)
        collection_changed(context, stream, EVENT_STREAM, "xdel");
}

/* --- trimming --- */

/* The exact form of a trim that has been done. */
static void tell_trim(struct command_context *context, const struct collection *stream)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    const struct stream *value = stream->value;
    struct slice words[] = {SLICE("XTRIM"), stream->key.name, SLICE("MAXLEN"), SLICE("="),
                            slice_of(text, number_format_uint64(text, value->length))};
    command_effect(context, stream->database, words, 5);
}

/* Would the trim, if it were exact, take an entry, with so many left? */
static bool is_beyond(const struct stream_trim *trim, struct stream_id id, uint64_t left)
{
    return trim->by_id ? stream_id_compare(id, trim->min_id) < 0 : left > trim->length_max;
}

/* No group holds anything of what an exact trim is going to take. */
static void drop_references(struct command_context *context, struct collection *stream,
                            const struct stream_trim *trim)
{
    struct stream *value = stream->value;
    struct stream_cursor cursor;
    uint64_t left = value->length;
    stream_seek(value, STREAM_ID_MIN, STREAM_ID_MAX, false, &cursor);
    while (stream_next(&cursor) && is_beyond(trim, cursor.entry.id, left--))
        drop_references_to(context, stream, cursor.entry.id);
}

/* Takes only what every group has read and acknowledged. */
static uint64_t trim_acknowledged(struct command_context *context, struct collection *stream,
                                  const struct stream_trim *trim)
{
    struct stream *value = stream->value;
    struct stream_cursor cursor;
    uint64_t deleted = 0, looked_at = 0;
    stream_seek(value, STREAM_ID_MIN, STREAM_ID_MAX, false, &cursor);
    while ((trim->limit == 0 || looked_at++ < trim->limit) && stream_next(&cursor) &&
           is_beyond(trim, cursor.entry.id, value->length)) {
        struct stream_id id = cursor.entry.id;
        if (is_pending_anywhere(value, id))
            continue;
        delete_entry(context, stream, id);
        deleted++;
        if (!stream_id_next(&id))
            break;
        stream_seek(value, id, STREAM_ID_MAX, false, &cursor); /* its block has changed */
    }
    return deleted;
}

uint64_t stream_references_trim(struct command_context *context, struct collection *stream,
                                const struct stream_common_trim *trim)
{
    struct stream *value = stream->value;
    struct stream_trim how = trim->trim;
    bool grouped = value->group_count > 0;
    if (grouped && trim->references == ONLY_ACKNOWLEDGED)
        return trim_acknowledged(context, stream, &how);
    if (grouped && trim->references == DELETE_REFERENCES) {
        how.approximate = false;
        drop_references(context, stream, &how);
    }
    uint64_t deleted = stream_trim(value, &how);
    if (deleted > 0)
        tell_trim(context, stream);
    return deleted;
}

/* --- XDELEX, XACKDEL --- */

static void xdelex(struct command_context *context)
{
    struct collection stream;
    enum stream_references references;
    size_t first;
    if (parse_ids(context, 2, &references, &first) &&
        collection_open(context, 1, TYPE_STREAM, &stream))
        delete_ids(context, &stream, first, references, NULL);
}

static void xackdel(struct command_context *context)
{
    struct collection stream;
    enum stream_references references;
    size_t first;
    if (!parse_ids(context, 3, &references, &first) ||
        !collection_open(context, 1, TYPE_STREAM, &stream))
        return;
    struct stream_group *group =
        stream.entry != NULL ? stream_find_group(stream.value, context->arguments[2]) : NULL;
    if (group == NULL) {
        resp_writer_array(context->reply, context->count - first);
        for (size_t i = first; i < context->count; i++)
            resp_writer_integer(context->reply, ANSWER_NONE);
        return;
    }
    delete_ids(context, &stream, first, references, group);
}

const struct command stream_references_commands[] = {
    {
        .name = "XDELEX",
        .run = xdelex,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .since = "8.2.0",
        .syntax = "key [KEEPREF|DELREF|ACKED] IDS numids id [id ...]",
        .summary = "Deletes entries, and what groups hold of them if asked to.",
        .complexity = "O(log B) for each entry",
    },
    {
        .name = "XACKDEL",
        .run = xackdel,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE | KEY_DELETE)},
        .group = "stream",
        .since = "8.2.0",
        .syntax = "key group [KEEPREF|DELREF|ACKED] IDS numids id [id ...]",
        .summary = "Acknowledges entries for a group and deletes them.",
        .complexity = "O(log B) for each entry",
    },
    {.name = NULL},
};
