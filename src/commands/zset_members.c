/* Members of sorted sets and their scores. */
#include <math.h>
#include <stdio.h>

#include "commands/collection_scan.h"
#include "commands/tables.h"
#include "commands/zset_common.h"

#define PACKED_INTEGER_MAX 4611686018427387904.0 /* 2^62: a packed score below is an integer */

/* --- ZADD, ZINCRBY --- */

enum add_option {
    ADD_NX = 1 << 0,
    ADD_XX = 1 << 1,
    ADD_GT = 1 << 2,
    ADD_LT = 1 << 3,
    ADD_CH = 1 << 4,
    ADD_INCR = 1 << 5,
};

/* Options from argument 2 on; *first: the first score. */
static unsigned parse_add_options(const struct command_context *context, size_t *first)
{
    static const char *const words[] = {"NX", "XX", "GT", "LT", "CH", "INCR"};
    unsigned options = 0;
    for (*first = 2; *first < context->count; ++*first) {
        unsigned found = 0;
        for (unsigned i = 0; i < sizeof words / sizeof words[0] && found == 0; i++)
            if (slice_is_word(context->arguments[*first], words[i]))
                found = 1u << i;
        if (found == 0)
            break;
        options |= found;
    }
    return options;
}

static bool options_are_valid(struct command_context *context, unsigned options, size_t words)
{
    if (words == 0 || words % 2 != 0) {
        command_reply_syntax_error(context);
    } else if ((options & ADD_NX) && (options & ADD_XX)) {
        resp_writer_error(context->reply,
                          "ERR XX and NX options at the same time are not compatible");
    } else if (((options & ADD_GT) && (options & (ADD_NX | ADD_LT))) ||
               ((options & ADD_LT) && (options & ADD_NX))) {
        resp_writer_error(context->reply, "ERR GT, LT, and/or NX options at the same time are "
                                          "not compatible");
    } else if ((options & ADD_INCR) && words > 2) {
        resp_writer_error(context->reply,
                          "ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

enum add_outcome { ADD_NOTHING, ADD_ADDED, ADD_UPDATED, ADD_NAN, ADD_OUT_OF_MEMORY };

/* *score: in: what was asked for; out: what it is now. */
static enum add_outcome add_member(struct command_context *context, struct zset *zset,
                                   unsigned options, struct slice member, double *score)
{
    double old;
    bool there = zset_score(zset, member, &old);
    if (there ? options & ADD_NX : options & ADD_XX)
        return ADD_NOTHING;
    if (there && (options & ADD_INCR)) {
        *score += old;
        if (isnan(*score))
            return ADD_NAN;
    }
    if (there && (((options & ADD_GT) && *score <= old) || ((options & ADD_LT) && *score >= old)))
        return ADD_NOTHING;
    switch (zset_set(zset, collection_settings(context), member, *score)) {
    case ZSET_ADDED:
        return ADD_ADDED;
    case ZSET_CHANGED:
        return ADD_UPDATED;
    case ZSET_OUT_OF_MEMORY:
        return ADD_OUT_OF_MEMORY;
    default:
        return there && (options & ADD_INCR) ? ADD_UPDATED : ADD_NOTHING;
    }
}

struct additions {
    int64_t added, updated;
    enum add_outcome last;
    double score;
    size_t end; /* the argument at which it ended */
};

/* Adds all pairs. False: it ended with `last` being an error. */
static bool add_all(struct command_context *context, struct collection *zset, unsigned options,
                    size_t first, struct additions *additions)
{
    for (size_t i = first; i + 1 < context->count; i += 2) {
        double score = 0;
        (void)number_parse_double(context->arguments[i], &score); /* was parsed before */
        additions->last =
            add_member(context, zset->value, options, context->arguments[i + 1], &score);
        additions->score = score;
        additions->added += additions->last == ADD_ADDED;
        additions->updated += additions->last == ADD_UPDATED;
        additions->end = i;
        if (additions->last == ADD_NAN || additions->last == ADD_OUT_OF_MEMORY)
            return false;
    }
    return true;
}

static void reply_additions(struct command_context *context, unsigned options,
                            const struct additions *additions)
{
    if (!(options & ADD_INCR))
        resp_writer_integer(context->reply,
                            additions->added + ((options & ADD_CH) ? additions->updated : 0));
    else if (additions->last == ADD_NOTHING)
        resp_writer_null(context->reply);
    else
        resp_writer_double(context->reply, additions->score);
}

static void add_pairs(struct command_context *context, unsigned options, size_t first)
{
    struct collection zset;
    struct additions additions = {0, 0, ADD_NOTHING, 0, first};
    if (!options_are_valid(context, options, context->count - first))
        return;
    for (size_t i = first; i < context->count; i += 2) {
        double score;
        if (!zset_common_score(context, i, &score))
            return;
    }
    if (!collection_open(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry == NULL && (options & ADD_XX)) {
        reply_additions(context, options, &additions);
        return;
    }
    if (!zset_common_open(context, &zset))
        return;
    bool good = add_all(context, &zset, options, first, &additions);
    bool changed = additions.added + additions.updated > 0;
    if (good)
        reply_additions(context, options, &additions);
    else if (additions.last == ADD_NAN)
        resp_writer_error(context->reply, "ERR resulting score is not a number (NaN)");
    else
        command_stopped_at(context, additions.end, changed);
    if (changed)
        collection_changed(context, &zset, EVENT_ZSET, (options & ADD_INCR) ? "zincr" : "zadd");
    else
        (void)collection_drop_if_empty(context, &zset);
}

static void zadd(struct command_context *context)
{
    size_t first;
    unsigned options = parse_add_options(context, &first);
    add_pairs(context, options, first);
}

static void zincrby(struct command_context *context)
{
    size_t first; /* Redis takes ZADD's options here, too */
    unsigned options = parse_add_options(context, &first);
    add_pairs(context, options | ADD_INCR, first);
}

/* --- others --- */

static void zrem(struct command_context *context)
{
    struct collection zset;
    int64_t removed = 0;
    if (!collection_open(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry != NULL) {
        collection_changing(&zset);
        for (size_t i = 2; i < context->count; i++)
            removed += zset_remove(zset.value, context->arguments[i]);
    }
    if (removed > 0) {
        collection_changed(context, &zset, EVENT_ZSET, "zrem");
        (void)collection_drop_if_empty(context, &zset);
    }
    resp_writer_integer(context->reply, removed);
}

static void zcard(struct command_context *context)
{
    struct collection zset;
    if (collection_read(context, 1, TYPE_ZSET, &zset))
        resp_writer_integer(context->reply,
                            zset.entry != NULL ? (int64_t)zset_length(zset.value) : 0);
}

static void reply_score(struct command_context *context, const struct collection *zset,
                        struct slice member)
{
    double score;
    if (zset->entry != NULL && zset_score(zset->value, member, &score))
        resp_writer_double(context->reply, score);
    else
        resp_writer_null(context->reply);
}

static void zscore(struct command_context *context)
{
    struct collection zset;
    if (collection_read(context, 1, TYPE_ZSET, &zset))
        reply_score(context, &zset, context->arguments[2]);
}

static void zmscore(struct command_context *context)
{
    struct collection zset;
    if (!collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++)
        reply_score(context, &zset, context->arguments[i]);
}

static void rank(struct command_context *context, bool reverse)
{
    struct collection zset;
    size_t found;
    double score;
    bool with_score = context->count == 4;
    if (context->count > 4 || (with_score && !slice_is_word(context->arguments[3], "WITHSCORE"))) {
        command_reply_syntax_error(context);
        return;
    }
    if (!collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry == NULL || !zset_rank(zset.value, context->arguments[2], &found, &score)) {
        if (with_score)
            resp_writer_null_array(context->reply);
        else
            resp_writer_null(context->reply);
        return;
    }
    if (with_score)
        resp_writer_array(context->reply, 2);
    resp_writer_integer(context->reply,
                        (int64_t)(reverse ? zset_length(zset.value) - 1 - found : found));
    if (with_score)
        resp_writer_double(context->reply, score);
}

static void zrank(struct command_context *context)
{
    rank(context, false);
}

static void zrevrank(struct command_context *context)
{
    rank(context, true);
}

/* --- ZRANDMEMBER --- */

static void reply_at(struct command_context *context, const struct zset *zset, size_t place,
                     bool with_scores)
{
    struct zset_cursor cursor;
    double score;
    (void)zset_seek(zset, place, &cursor);
    struct slice member = zset_cursor_get(&cursor, &score);
    zset_common_reply_member(context, member, score, with_scores);
}

static void reply_sample(struct command_context *context, const struct zset *zset, size_t count,
                         bool with_scores)
{
    struct zset_cursor cursor;
    size_t left = zset_length(zset), wanted = count < left ? count : left;
    zset_common_reply_count(context, wanted, with_scores);
    bool more = zset_seek(zset, 0, &cursor);
    for (; more && wanted > 0; left--, more = zset_cursor_next(&cursor)) {
        double score;
        if (context->services->random(context) % left >= wanted)
            continue;
        struct slice member = zset_cursor_get(&cursor, &score);
        zset_common_reply_member(context, member, score, with_scores);
        wanted--;
    }
}

static void zrandmember(struct command_context *context)
{
    struct collection zset;
    int64_t count = 0;
    bool counted = context->count >= 3, with_scores = context->count >= 4;
    if (counted && !command_integer(context, 2, &count))
        return;
    if (context->count > 4 ||
        (with_scores && !slice_is_word(context->arguments[3], "WITHSCORES"))) {
        command_reply_syntax_error(context);
        return;
    }
    if (count < -INT64_MAX / 2 || count > INT64_MAX / 2) {
        resp_writer_error(context->reply, "ERR value is out of range");
        return;
    }
    if (!collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    size_t length = zset.entry != NULL ? zset_length(zset.value) : 0;
    if (!counted) {
        if (length == 0)
            resp_writer_null(context->reply);
        else
            reply_at(context, zset.value, context->services->random(context) % length, false);
    } else if (length == 0 || count == 0) {
        resp_writer_array(context->reply, 0);
    } else if (count > 0) {
        reply_sample(context, zset.value, (size_t)count, with_scores);
    } else {
        zset_common_reply_count(context, (size_t)-count, with_scores);
        for (; count < 0; count++)
            reply_at(context, zset.value, context->services->random(context) % length, with_scores);
    }
}

/* --- ZSCAN --- */

/* Scores as Redis has them here: of packed sets as they are stored, of large ones as numbers. */
static void scan_member(void *to, struct slice member, double score)
{
    struct collection_scan *scan = to;
    char text[NUMBER_DOUBLE_TEXT_MAX];
    if (!collection_scan_wants(scan, member))
        return;
    resp_writer_bulk(&scan->writer, member);
    size_t length = isfinite(score) ? (size_t)snprintf(text, sizeof text, "%.17g", score)
                                    : number_format_double(text, score);
    resp_writer_bulk(&scan->writer, slice_of(text, length));
    scan->count += 2;
}

static void scan_packed_member(void *to, struct slice member, double score)
{
    struct collection_scan *scan = to;
    if (fabs(score) >= PACKED_INTEGER_MAX || score != (double)(int64_t)score) {
        scan_member(to, member, score);
    } else if (collection_scan_wants(scan, member)) {
        resp_writer_bulk(&scan->writer, member);
        resp_writer_bulk_integer(&scan->writer, (int64_t)score);
        scan->count += 2;
    }
}

static void zscan(struct command_context *context)
{
    struct collection zset;
    struct collection_scan scan;
    if (!collection_scan_begin(&scan, context, TYPE_ZSET, &zset))
        return;
    bool packed = zset_listpack(zset.value)->bytes != NULL;
    do
        scan.cursor =
            zset_scan(zset.value, scan.cursor, packed ? scan_packed_member : scan_member, &scan);
    while (collection_scan_goes_on(&scan));
    collection_scan_reply(&scan, context);
}

const struct command zset_members_commands[] = {
    {
        .name = "ZADD",
        .run = zadd,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .member = 3,
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]",
        .summary = "Adds members to a sorted set, or changes their scores; makes the set if there "
                   "is none.",
        .complexity = "O(log N) for each member",
    },
    {
        .name = "ZINCRBY",
        .run = zincrby,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .member = 3,
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key increment member",
        .summary = "Adds to the score of a member.",
        .complexity = "O(log N)",
    },
    {
        .name = "ZREM",
        .run = zrem,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .member = 2,
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key member [member ...]",
        .summary = "Removes members from a sorted set.",
        .complexity = "O(log N) for each member",
    },
    {
        .name = "ZCARD",
        .run = zcard,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key",
        .summary = "Returns how many members a sorted set has.",
        .complexity = "O(1)",
    },
    {
        .name = "ZSCORE",
        .run = zscore,
        .arity = 3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "sorted-set",
        .since = "1.2.0",
        .syntax = "key member",
        .summary = "Returns the score of a member.",
        .complexity = "O(1)",
    },
    {
        .name = "ZMSCORE",
        .run = zmscore,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "key member [member ...]",
        .summary = "Returns the scores of members.",
        .complexity = "O(1) for each member",
    },
    {
        .name = "ZRANK",
        .run = zrank,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "sorted-set",
        .since = "2.0.0",
        .syntax = "key member [WITHSCORE]",
        .summary = "Returns how many members stand before a member.",
        .complexity = "O(log N)",
    },
    {
        .name = "ZREVRANK",
        .run = zrevrank,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "sorted-set",
        .since = "2.0.0",
        .syntax = "key member [WITHSCORE]",
        .summary = "Returns how many members stand behind a member.",
        .complexity = "O(log N)",
    },
    {
        .name = "ZRANDMEMBER",
        .run = zrandmember,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "key [count [WITHSCORES]]",
        .summary = "Returns members of a sorted set at random.",
        .complexity = "O(N) for N members",
        .tips = "nondeterministic_output",
    },
    {
        .name = "ZSCAN",
        .run = zscan,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .since = "2.8.0",
        .syntax = "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
        .summary = "Returns the members of a sorted set part by part.",
        .complexity = "O(1) for each call, O(N) for all",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
