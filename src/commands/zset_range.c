/* Ranges of sorted sets: by rank, by score, by member. */
#include "commands/tables.h"
#include "commands/zset_common.h"

/* What a command of the ZRANGE family asks for. */
struct query {
    struct zset_range range;
    bool reverse, with_scores, is_limited;
    int64_t offset, count; /* LIMIT; a negative count: all */
};

/* What the command's name says already. */
enum { KIND_OPEN = -1 };

static bool parse_limit(struct command_context *context, size_t index, struct query *query)
{
    query->is_limited = true;
    return command_integer(context, index + 1, &query->offset) &&
           command_integer(context, index + 2, &query->count);
}

/* Options from `first` on. */
static bool parse_options(struct command_context *context, size_t first, int kind, bool stores,
                          struct query *query, enum zset_range_kind *out)
{
    bool open = kind == KIND_OPEN;
    *out = open ? RANGE_BY_RANK : (enum zset_range_kind)kind;
    for (size_t i = first; i < context->count; i++) {
        struct slice word = context->arguments[i];
        if (!stores && slice_is_word(word, "WITHSCORES")) {
            query->with_scores = true;
        } else if (slice_is_word(word, "LIMIT") && i + 2 < context->count) {
            if (!parse_limit(context, i, query))
                return false;
            i += 2;
        } else if (open && slice_is_word(word, "REV")) {
            query->reverse = true;
        } else if (open && slice_is_word(word, "BYLEX")) {
            *out = RANGE_BY_LEX;
        } else if (open && slice_is_word(word, "BYSCORE")) {
            *out = RANGE_BY_SCORE;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    if (query->is_limited && *out == RANGE_BY_RANK) {
        resp_writer_error(context->reply,
                          "ERR syntax error, LIMIT is only supported in combination with either "
                          "BYSCORE or BYLEX");
        return false;
    }
    if (query->with_scores && *out == RANGE_BY_LEX) {
        resp_writer_error(context->reply, "ERR syntax error, WITHSCORES not supported in "
                                          "combination with BYLEX");
        return false;
    }
    return true;
}

/* `at`: the key; two ends and options follow. */
static bool parse_query(struct command_context *context, size_t at, int kind, bool reverse,
                        bool stores, struct query *query)
{
    enum zset_range_kind found;
    *query = (struct query){.reverse = reverse, .count = -1};
    if (!parse_options(context, at + 3, kind, stores, query, &found))
        return false;
    bool swapped = query->reverse && found != RANGE_BY_RANK; /* the greater end comes first */
    return zset_common_range(context, found, at + (swapped ? 2 : 1), at + (swapped ? 1 : 2),
                             &query->range);
}

/* The members meant: `count` from rank `first` on, in the order of the query. */
static void find_members(const struct zset *zset, const struct query *query, size_t *first,
                         size_t *count)
{
    zset_common_ranks(zset, &query->range, first, count);
    if (query->range.kind == RANGE_BY_RANK && query->reverse && *count > 0)
        *first = zset_length(zset) - *first - *count; /* indexes count from the end */
    if (!query->is_limited)
        return;
    if (query->offset < 0 || (uint64_t)query->offset >= *count) {
        *count = 0;
        return;
    }
    size_t left = *count - (size_t)query->offset;
    size_t wanted =
        query->count >= 0 && (uint64_t)query->count < left ? (size_t)query->count : left;
    *first += query->reverse ? left - wanted : (size_t)query->offset;
    *count = wanted;
}

/* Where scores differ, which members a range by names means depends on the form that the set has,
 * and it may have another one when the log is read: such a range is told by ranks. `words` are the
 * command up to them, with room for two more. */
static void tell_ranks(struct command_context *context, struct database *database,
                       struct slice *words, size_t length, size_t first, size_t count)
{
    char texts[2][NUMBER_INTEGER_TEXT_MAX];
    uint64_t ends[2] = {count > 0 ? first : 1, count > 0 ? first + count - 1 : 0};
    for (int i = 0; i < 2; i++)
        words[length + (size_t)i] = slice_of(texts[i], number_format_uint64(texts[i], ends[i]));
    command_effect(context, database, words, length + 2);
}

static void reply_members(struct command_context *context, const struct zset *zset,
                          const struct query *query)
{
    struct zset_cursor cursor;
    size_t first, count;
    find_members(zset, query, &first, &count);
    zset_common_reply_count(context, count, query->with_scores);
    if (count == 0)
        return;
    bool more = zset_seek(zset, query->reverse ? first + count - 1 : first, &cursor);
    for (; more && count > 0; count--) {
        double score;
        struct slice member = zset_cursor_get(&cursor, &score);
        zset_common_reply_member(context, member, score, query->with_scores);
        more = query->reverse ? zset_cursor_previous(&cursor) : zset_cursor_next(&cursor);
    }
}

static void range(struct command_context *context, int kind, bool reverse)
{
    struct query query;
    struct collection zset;
    if (!parse_query(context, 1, kind, reverse, false, &query) ||
        !collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry == NULL)
        resp_writer_array(context->reply, 0);
    else
        reply_members(context, zset.value, &query);
}

static void zrange(struct command_context *context)
{
    range(context, KIND_OPEN, false);
}

static void zrevrange(struct command_context *context)
{
    range(context, RANGE_BY_RANK, true);
}

static void zrangebyscore(struct command_context *context)
{
    range(context, RANGE_BY_SCORE, false);
}

static void zrevrangebyscore(struct command_context *context)
{
    range(context, RANGE_BY_SCORE, true);
}

static void zrangebylex(struct command_context *context)
{
    range(context, RANGE_BY_LEX, false);
}

static void zrevrangebylex(struct command_context *context)
{
    range(context, RANGE_BY_LEX, true);
}

static void zrangestore(struct command_context *context)
{
    struct query query;
    struct collection zset;
    struct zset_cursor cursor;
    size_t first = 0, count = 0;
    if (!parse_query(context, 2, KIND_OPEN, false, true, &query) ||
        !collection_read(context, 2, TYPE_ZSET, &zset))
        return;
    struct zset *result = zset_create();
    if (zset.entry != NULL)
        find_members(zset.value, &query, &first, &count);
    bool more = count > 0 && zset_seek(zset.value, first, &cursor), good = true;
    for (size_t left = count; more && left > 0 && good; left--, more = zset_cursor_next(&cursor)) {
        double score;
        struct slice member = zset_cursor_get(&cursor, &score);
        good = zset_set(result, collection_settings(context), member, score) != ZSET_OUT_OF_MEMORY;
    }
    if (good) {
        struct slice words[5] = {SLICE("ZRANGESTORE"), context->arguments[1],
                                 context->arguments[2]};
        struct key key = command_key(context, 1);
        if (query.range.kind == RANGE_BY_LEX &&
            (count > 0 || database_find(zset.database, &key) != NULL))
            tell_ranks(context, zset.database, words, 3, first, count);
        zset_common_store(context, 1, result, "zrangestore");
        return;
    }
    zset_destroy(result);
    command_reply_out_of_memory(context);
}

/* --- counting and removing --- */

static void count_range(struct command_context *context, enum zset_range_kind kind)
{
    struct zset_range range;
    struct collection zset;
    size_t first, count = 0;
    if (!zset_common_range(context, kind, 2, 3, &range) ||
        !collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry != NULL)
        zset_common_ranks(zset.value, &range, &first, &count);
    resp_writer_integer(context->reply, (int64_t)count);
}

static void zcount(struct command_context *context)
{
    count_range(context, RANGE_BY_SCORE);
}

static void zlexcount(struct command_context *context)
{
    count_range(context, RANGE_BY_LEX);
}

static void remove_range(struct command_context *context, enum zset_range_kind kind,
                         const char *event)
{
    struct zset_range range;
    struct collection zset;
    size_t first, count = 0;
    if (!zset_common_range(context, kind, 2, 3, &range) ||
        !collection_open(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry != NULL)
        zset_common_ranks(zset.value, &range, &first, &count);
    if (count > 0) {
        collection_changing(&zset);
        zset_remove_range(zset.value, first, count);
        struct slice words[4] = {SLICE("ZREMRANGEBYRANK"), zset.key.name};
        if (kind == RANGE_BY_LEX)
            tell_ranks(context, zset.database, words, 2, first, count);
        collection_changed(context, &zset, EVENT_ZSET, event);
        (void)collection_drop_if_empty(context, &zset);
    }
    resp_writer_integer(context->reply, (int64_t)count);
}

static void zremrangebyrank(struct command_context *context)
{
    remove_range(context, RANGE_BY_RANK, "zremrangebyrank");
}

static void zremrangebyscore(struct command_context *context)
{
    remove_range(context, RANGE_BY_SCORE, "zremrangebyscore");
}

static void zremrangebylex(struct command_context *context)
{
    remove_range(context, RANGE_BY_LEX, "zremrangebylex");
}

const struct command zset_range_commands[] = {
    {
        .name = "ZRANGE",
        .run = zrange,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        .summary = "Returns the members in a range of ranks, scores or members.",
        .complexity = "O(log N+M) for M members returned",
    },
    {
        .name = "ZREVRANGE",
        .run = zrevrange,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key start stop [WITHSCORES]",
        .summary = "Returns the members in a range of ranks, the last first.",
        .complexity = "O(log N+M) for M members returned",
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `REV` argument",
    },
    {
        .name = "ZRANGEBYSCORE",
        .run = zrangebyscore,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "1.0.5",
        .syntax = "key min max [WITHSCORES] [LIMIT offset count]",
        .summary = "Returns the members in a range of scores.",
        .complexity = "O(log N+M) for M members returned",
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `BYSCORE` argument",
    },
    {
        .name = "ZREVRANGEBYSCORE",
        .run = zrevrangebyscore,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "2.2.0",
        .syntax = "key max min [WITHSCORES] [LIMIT offset count]",
        .summary = "Returns the members in a range of scores, the last first.",
        .complexity = "O(log N+M) for M members returned",
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
    },
    {
        .name = "ZRANGEBYLEX",
        .run = zrangebylex,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "2.8.9",
        .syntax = "key min max [LIMIT offset count]",
        .summary = "Returns the members in a range of members.",
        .complexity = "O(log N+M) for M members returned",
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `BYLEX` argument",
    },
    {
        .name = "ZREVRANGEBYLEX",
        .run = zrevrangebylex,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "2.8.9",
        .syntax = "key max min [LIMIT offset count]",
        .summary = "Returns the members in a range of members, the last first.",
        .complexity = "O(log N+M) for M members returned",
        .deprecated_since = "6.2.0",
        .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments",
    },
    {
        .name = "ZRANGESTORE",
        .run = zrangestore,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 KEYS_RANGE(2, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]",
        .summary = "Stores the members in a range of ranks, scores or members.",
        .complexity = "O(log N+M) for M members stored",
    },
    {
        .name = "ZCOUNT",
        .run = zcount,
        .arity = 4,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "2.0.0",
        .syntax = "key min max",
        .summary = "Returns how many members are in a range of scores.",
        .complexity = "O(log N)",
    },
    {
        .name = "ZLEXCOUNT",
        .run = zlexcount,
        .arity = 4,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "2.8.9",
        .syntax = "key min max",
        .summary = "Returns how many members are in a range of members.",
        .complexity = "O(log N)",
    },
    {
        .name = "ZREMRANGEBYRANK",
        .run = zremrangebyrank,
        .arity = 4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "sorted-set",
        .since = "2.0.0",
        .syntax = "key start stop",
        .summary = "Removes the members in a range of ranks.",
        .complexity = "O(M*log N) for M members removed",
    },
    {
        .name = "ZREMRANGEBYSCORE",
        .run = zremrangebyscore,
        .arity = 4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key min max",
        .summary = "Removes the members in a range of scores.",
        .complexity = "O(M*log N) for M members removed",
    },
    {
        .name = "ZREMRANGEBYLEX",
        .run = zremrangebylex,
        .arity = 4,
        .flags = COMMAND_WRITES,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "sorted-set",
        .since = "2.8.9",
        .syntax = "key min max",
        .summary = "Removes the members in a range of members.",
        .complexity = "O(M*log N) for M members removed",
    },
    {.name = NULL},
};
