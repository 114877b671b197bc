#include "commands/zset_common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_TEXT_MAX 1100 /* bytes: more than any number needs */

bool zset_common_open(struct command_context *context, struct collection *zset)
{
    if (zset->entry != NULL) {
        collection_changing(zset);
        return true;
    }
    struct zset *value = zset_create();
    if (collection_create(context, zset, TYPE_ZSET, value))
        return true;
    zset_destroy(value);
    return false;
}

bool zset_common_score(struct command_context *context, size_t index, double *score)
{
    if (number_parse_double(context->arguments[index], score) && !isnan(*score))
        return true;
    resp_writer_error(context->reply, "ERR value is not a valid float");
    return false;
}

/* --- ranges --- */

/* "(1.5", "-inf": `is_high` is the greater end. */
static bool parse_score_bound(struct slice text, bool is_high, struct ordered_bound *bound)
{
    bool exclusive = text.length > 0 && text.data[0] == '(';
    if (exclusive)
        text = slice_of(text.data + 1, text.length - 1);
    *bound = (struct ordered_bound){.after = exclusive != is_high};
    /* As strtod, which Redis uses here: nothing at all is 0, what is too large is infinite. */
    char copy[BOUND_TEXT_MAX + 1], *end;
    if (text.length > BOUND_TEXT_MAX)
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    bound->score = strtod(copy, &end);
    return *end == '\0' && !isnan(bound->score);
}

/* "[a", "(a", "-", "+". */
static bool parse_lex_bound(struct slice text, bool is_high, struct zset_range *range)
{
    struct ordered_bound *bound = &range->bounds[is_high];
    *bound = (struct ordered_bound){.by_member = true};
    range->is_least[is_high] = slice_equals(text, SLICE("-"));
    range->is_greatest[is_high] = slice_equals(text, SLICE("+"));
    if (range->is_least[is_high] || range->is_greatest[is_high])
        return true;
    if (text.length == 0 || (text.data[0] != '(' && text.data[0] != '['))
        return false;
    bound->after = (text.data[0] == '(') != is_high;
    bound->member = slice_of(text.data + 1, text.length - 1);
    return true;
}

bool zset_common_range(struct command_context *context, enum zset_range_kind kind, size_t low,
                       size_t high, struct zset_range *range)
{
    const struct slice *arguments = context->arguments;
    *range = (struct zset_range){.kind = kind};
    switch (kind) {
    case RANGE_BY_RANK:
        return command_integer(context, low, &range->start) &&
               command_integer(context, high, &range->stop);
    case RANGE_BY_SCORE:
        if (parse_score_bound(arguments[low], false, &range->bounds[0]) &&
            parse_score_bound(arguments[high], true, &range->bounds[1]))
            return true;
        resp_writer_error(context->reply, "ERR min or max is not a float");
        return false;
    case RANGE_BY_LEX:
        if (parse_lex_bound(arguments[low], false, range) &&
            parse_lex_bound(arguments[high], true, range))
            return true;
        resp_writer_error(context->reply, "ERR min or max not valid string range item");
        return false;
    }
    return false;
}

void zset_common_ranks(const struct zset *zset, const struct zset_range *range, size_t *first,
                       size_t *count)
{
    size_t length = zset_length(zset), ends[2];
    *first = *count = 0;
    if (range->kind == RANGE_BY_RANK) {
        int64_t start = range->start, stop = range->stop;
        if (collection_range(&start, &stop, length)) {
            *first = (size_t)start;
            *count = (size_t)(stop - start) + 1;
        }
        return;
    }
    for (int i = 0; i < 2; i++)
        ends[i] = range->is_least[i]      ? 0
                  : range->is_greatest[i] ? length
                                          : zset_count_before(zset, &range->bounds[i]);
    *first = ends[0];
    *count = ends[1] > ends[0] ? ends[1] - ends[0] : 0;
}

/* --- replies --- */

void zset_common_reply_count(struct command_context *context, size_t count, bool with_scores)
{
    bool flat = with_scores && context->reply->version < 3;
    resp_writer_array(context->reply, flat ? 2 * count : count);
}

void zset_common_reply_member(struct command_context *context, struct slice member, double score,
                              bool with_score)
{
    if (with_score && context->reply->version >= 3)
        resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, member);
    if (with_score)
        resp_writer_double(context->reply, score);
}

void zset_common_store(struct command_context *context, size_t key_index, struct zset *result,
                       const char *event)
{
    zset_common_store_at(context, context->arguments[key_index], result, event);
}

void zset_common_store_at(struct command_context *context, struct slice name, struct zset *result,
                          const char *event)
{
    struct collection to = {.database = context->database,
                            .key = {name, keyspace_hash(context->keyspace, name)}};
    size_t length = zset_length(result);
    if (length == 0) {
        zset_destroy(result);
        resp_writer_integer(context->reply, 0); /* before the event, as in Redis */
        if (database_delete(to.database, &to.key))
            collection_changed(context, &to, EVENT_GENERIC, "del");
    } else if (collection_create(context, &to, TYPE_ZSET, result)) {
        resp_writer_integer(context->reply, (int64_t)length);
        collection_changed(context, &to, EVENT_ZSET, event);
    } else {
        zset_destroy(result);
    }
}
