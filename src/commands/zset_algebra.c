/* Several sorted sets (and sets, whose members score 1): union, intersection, difference. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "commands/tables.h"
#include "commands/zset_common.h"
#include "values/set.h"

enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX };

struct operand {
    const struct zset *zset; /* both NULL: there is no such key */
    const struct set *set;
    double weight;
};

struct algebra {
    struct operand *operands;
    size_t count;
    enum aggregate aggregate;
    bool with_scores;
    int64_t limit; /* ZINTERCARD; 0: none */
};

/* Members of an operand, one after the other. */
struct operand_cursor {
    const struct operand *operand;
    struct zset_cursor in_zset;
    struct set_cursor in_set;
    bool begun, more;
};

static bool operand_next(struct operand_cursor *cursor, struct slice *member, double *score)
{
    const struct operand *operand = cursor->operand;
    if (operand->set != NULL) {
        *score = 1;
        return set_next(operand->set, &cursor->in_set, member);
    }
    if (operand->zset == NULL)
        return false;
    if (!cursor->begun)
        cursor->more = zset_seek(operand->zset, 0, &cursor->in_zset);
    else if (cursor->more)
        cursor->more = zset_cursor_next(&cursor->in_zset);
    cursor->begun = true;
    if (cursor->more)
        *member = zset_cursor_get(&cursor->in_zset, score);
    return cursor->more;
}

static bool operand_score(const struct operand *operand, struct slice member, double *score)
{
    *score = 1;
    if (operand->set != NULL)
        return set_has(operand->set, member);
    return operand->zset != NULL && zset_score(operand->zset, member, score);
}

static size_t operand_length(const struct operand *operand)
{
    return operand->set != NULL    ? set_length(operand->set)
           : operand->zset != NULL ? zset_length(operand->zset)
                                   : 0;
}

/* --- parsing --- */

static bool open_operand(struct command_context *context, size_t index, struct operand *operand)
{
    struct key key = command_key(context, index);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    *operand = (struct operand){NULL, NULL, 1};
    if (entry == NULL)
        return true;
    if (entry->type == TYPE_ZSET)
        operand->zset = entry_collection(entry);
    else if (entry->type == TYPE_SET)
        operand->set = entry_collection(entry);
    else
        command_reply_wrong_type(context);
    return entry->type == TYPE_ZSET || entry->type == TYPE_SET;
}

static bool parse_aggregate(struct command_context *context, size_t index,
                            enum aggregate *aggregate)
{
    struct slice word = context->arguments[index];
    if (slice_is_word(word, "SUM"))
        *aggregate = AGGREGATE_SUM;
    else if (slice_is_word(word, "MIN"))
        *aggregate = AGGREGATE_MIN;
    else if (slice_is_word(word, "MAX"))
        *aggregate = AGGREGATE_MAX;
    else
        return false;
    return true;
}

enum form { FORM_REPLY = 1, FORM_STORE = 2, FORM_DIFFERENCE = 4, FORM_COUNT = 8 };

static bool parse_weights(struct command_context *context, size_t first, struct algebra *algebra)
{
    for (size_t i = 0; i < algebra->count; i++) {
        double *weight = &algebra->operands[i].weight;
        if (!number_parse_double(context->arguments[first + i], weight) || isnan(*weight)) {
            resp_writer_error(context->reply, "ERR weight value is not a float");
            return false;
        }
    }
    return true;
}

static bool parse_option(struct command_context *context, size_t *at, unsigned form,
                         struct algebra *algebra, bool *valid)
{
    struct slice word = context->arguments[*at];
    size_t left = context->count - *at - 1;
    *valid = true;
    if (form & FORM_COUNT) {
        *valid = slice_is_word(word, "LIMIT") && left >= 1;
        if (!*valid)
            return true;
        if (number_parse_int64(context->arguments[++*at], &algebra->limit) && algebra->limit >= 0)
            return true;
        resp_writer_error(context->reply, "ERR LIMIT can't be negative");
        return false;
    }
    if (!(form & FORM_DIFFERENCE) && slice_is_word(word, "WEIGHTS") && left >= algebra->count) {
        if (!parse_weights(context, *at + 1, algebra))
            return false;
        *at += algebra->count;
    } else if (!(form & FORM_DIFFERENCE) && slice_is_word(word, "AGGREGATE") && left >= 1) {
        *valid = parse_aggregate(context, ++*at, &algebra->aggregate);
    } else if ((form & FORM_REPLY) && slice_is_word(word, "WITHSCORES")) {
        algebra->with_scores = true;
    } else {
        *valid = false;
    }
    return true;
}

static bool parse_operands(struct command_context *context, size_t first, unsigned form,
                           struct algebra *algebra)
{
    for (size_t i = 0; i < algebra->count; i++)
        if (!open_operand(context, first + i, &algebra->operands[i]))
            return false;
    for (size_t at = first + algebra->count; at < context->count; at++) {
        bool valid;
        if (!parse_option(context, &at, form, algebra, &valid))
            return false;
        if (!valid) {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

/* `at`: the number of keys. False: answered, nothing to free. */
static bool parse(struct command_context *context, size_t at, unsigned form,
                  struct algebra *algebra)
{
    int64_t keys;
    *algebra = (struct algebra){.aggregate = AGGREGATE_SUM};
    if (!command_integer(context, at, &keys))
        return false;
    if (keys < 1) {
        char name[32] = "";
        for (size_t i = 0; context->command->name[i] != '\0' && i + 1 < sizeof name; i++)
            name[i] = (char)(context->command->name[i] | 0x20);
        resp_writer_error_format(context->reply,
                                 "ERR at least 1 input key is needed for '%s' command", name);
        return false;
    }
    if ((uint64_t)keys > context->count - at - 1) {
        command_reply_syntax_error(context);
        return false;
    }
    algebra->count = (size_t)keys;
    algebra->operands = memory_try_allocate(algebra->count * sizeof *algebra->operands);
    if (algebra->operands == NULL) {
        command_reply_out_of_memory(context);
        return false;
    }
    if (parse_operands(context, at + 1, form, algebra))
        return true;
    memory_free(algebra->operands);
    return false;
}

/* --- combining --- */

static double weighted(double weight, double score)
{
    double product = weight * score;
    return isnan(product) ? 0 : product; /* infinity times nothing */
}

static double combine(enum aggregate aggregate, double a, double b)
{
    switch (aggregate) {
    case AGGREGATE_MIN:
        return b < a ? b : a; /* the order matters for zeros */
    case AGGREGATE_MAX:
        return b > a ? b : a;
    default:
        return isnan(a + b) ? 0 : a + b; /* of two infinities */
    }
}

static int compare_lengths(const void *a, const void *b)
{
    size_t left = operand_length(a), right = operand_length(b);
    return (left > right) - (left < right);
}

/* Where what is found goes: a sorted set, or (NULL) only its count. False: memory is out. */
struct result {
    struct zset *zset;
    const struct value_settings *settings;
    size_t count;
};

static bool put(struct result *result, struct slice member, double score)
{
    result->count++;
    return result->zset == NULL ||
           zset_set(result->zset, result->settings, member, score) != ZSET_OUT_OF_MEMORY;
}

static bool unite(struct algebra *algebra, struct result *result)
{
    /* As Redis: the smallest first, which shows in sums of floats. */
    qsort(algebra->operands, algebra->count, sizeof *algebra->operands, compare_lengths);
    for (size_t i = 0; i < algebra->count; i++) {
        struct operand_cursor cursor = {.operand = &algebra->operands[i]};
        struct slice member;
        double score, old;
        while (operand_next(&cursor, &member, &score)) {
            score = weighted(algebra->operands[i].weight, score);
            if (zset_score(result->zset, member, &old)) {
                score = combine(algebra->aggregate, old, score);
                if (old == score && signbit(old) != signbit(score)) /* setting would not change */
                    (void)zset_remove(result->zset, member);
            }
            if (!put(result, member, score))
                return false;
        }
    }
    return true;
}

static bool intersect(struct algebra *algebra, struct result *result)
{
    qsort(algebra->operands, algebra->count, sizeof *algebra->operands, compare_lengths);
    struct operand_cursor cursor = {.operand = &algebra->operands[0]};
    struct slice member;
    double score, other;
    while (operand_next(&cursor, &member, &score)) {
        bool in_all = true;
        score = weighted(algebra->operands[0].weight, score);
        for (size_t i = 1; i < algebra->count && in_all; i++) {
            in_all = operand_score(&algebra->operands[i], member, &other);
            if (in_all)
                score = combine(algebra->aggregate, score,
                                weighted(algebra->operands[i].weight, other));
        }
        if (in_all && !put(result, member, score))
            return false;
        if (algebra->limit > 0 && result->count == (size_t)algebra->limit)
            break;
    }
    return true;
}

static bool subtract(struct algebra *algebra, struct result *result)
{
    struct operand_cursor cursor = {.operand = &algebra->operands[0]};
    struct slice member;
    double score, other;
    while (operand_next(&cursor, &member, &score)) {
        bool in_another = false;
        for (size_t i = 1; i < algebra->count && !in_another; i++)
            in_another = operand_score(&algebra->operands[i], member, &other);
        if (!in_another && !put(result, member, score))
            return false;
    }
    return true;
}

typedef bool combination(struct algebra *algebra, struct result *result);

/* The combined set. NULL: answered. */
static struct zset *run(struct command_context *context, size_t at, unsigned form,
                        combination *combine_sets, struct algebra *algebra)
{
    if (!parse(context, at, form, algebra))
        return NULL;
    /* A packed set knows no negative zero: what is only replied is not packed. */
    struct value_settings settings = *collection_settings(context);
    if (form & FORM_REPLY)
        settings.limits.zset_entries_max = 0;
    struct result result = {zset_create(), &settings, 0};
    bool good = combine_sets(algebra, &result);
    memory_free(algebra->operands);
    if (good)
        return result.zset;
    zset_destroy(result.zset);
    command_reply_out_of_memory(context);
    return NULL;
}

static void reply_combined(struct command_context *context, unsigned form,
                           combination *combine_sets)
{
    struct algebra algebra;
    struct zset_cursor cursor;
    struct zset *result = run(context, 1, form | FORM_REPLY, combine_sets, &algebra);
    if (result == NULL)
        return;
    zset_common_reply_count(context, zset_length(result), algebra.with_scores);
    bool more = zset_seek(result, 0, &cursor);
    for (; more; more = zset_cursor_next(&cursor)) {
        double score;
        struct slice member = zset_cursor_get(&cursor, &score);
        zset_common_reply_member(context, member, score, algebra.with_scores);
    }
    zset_destroy(result);
}

static void store_combined(struct command_context *context, unsigned form,
                           combination *combine_sets, const char *event)
{
    struct algebra algebra;
    struct zset *result = run(context, 2, form | FORM_STORE, combine_sets, &algebra);
    if (result != NULL)
        zset_common_store(context, 1, result, event);
}

static void zunion(struct command_context *context)
{
    reply_combined(context, 0, unite);
}

static void zinter(struct command_context *context)
{
    reply_combined(context, 0, intersect);
}

static void zdiff(struct command_context *context)
{
    reply_combined(context, FORM_DIFFERENCE, subtract);
}

static void zunionstore(struct command_context *context)
{
    store_combined(context, 0, unite, "zunionstore");
}

static void zinterstore(struct command_context *context)
{
    store_combined(context, 0, intersect, "zinterstore");
}

static void zdiffstore(struct command_context *context)
{
    store_combined(context, FORM_DIFFERENCE, subtract, "zdiffstore");
}

static void zintercard(struct command_context *context)
{
    struct algebra algebra;
    if (!parse(context, 1, FORM_COUNT, &algebra))
        return;
    struct result result = {NULL, NULL, 0};
    (void)intersect(&algebra, &result);
    memory_free(algebra.operands);
    resp_writer_integer(context->reply, (int64_t)result.count);
}

const struct command zset_algebra_commands[] = {
    {
        .name = "ZUNION",
        .run = zunion,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] "
                  "[WITHSCORES]",
        .summary = "Returns the members that any of the sorted sets has.",
        .complexity = "O(N)+O(M*log M) for N members of all and M returned",
    },
    {
        .name = "ZUNIONSTORE",
        .run = zunionstore,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 {.find = KEY_FIND_COUNT,
                  .first = 2,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "2.0.0",
        .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE "
                  "SUM|MIN|MAX]",
        .summary = "Stores the members that any of the sorted sets has.",
        .complexity = "O(N)+O(M*log M) for N members of all and M stored",
    },
    {
        .name = "ZINTER",
        .run = zinter,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] "
                  "[WITHSCORES]",
        .summary = "Returns the members that all sorted sets have.",
        .complexity = "O(N*K)+O(M*log M) for N members of the smallest of K and M returned",
    },
    {
        .name = "ZINTERSTORE",
        .run = zinterstore,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 {.find = KEY_FIND_COUNT,
                  .first = 2,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "2.0.0",
        .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE "
                  "SUM|MIN|MAX]",
        .summary = "Stores the members that all sorted sets have.",
        .complexity = "O(N*K)+O(M*log M) for N members of the smallest of K and M stored",
    },
    {
        .name = "ZINTERCARD",
        .run = zintercard,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "7.0.0",
        .syntax = "numkeys key [key ...] [LIMIT limit]",
        .summary = "Returns how many members all sorted sets have in common.",
        .complexity = "O(N*K) for N members of the smallest of K",
    },
    {
        .name = "ZDIFF",
        .run = zdiff,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {{.find = KEY_FIND_COUNT,
                  .first = 1,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "numkeys key [key ...] [WITHSCORES]",
        .summary = "Returns the members of the first sorted set that no other has.",
        .complexity = "O(N*K)+O(M*log M) for N members of the first of K and M returned",
    },
    {
        .name = "ZDIFFSTORE",
        .run = zdiffstore,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_SORTED_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 {.find = KEY_FIND_COUNT,
                  .first = 2,
                  .last = 0,
                  .step = 1,
                  .first_after = 1,
                  .flags = KEY_RO | KEY_ACCESS}},
        .group = "sorted-set",
        .since = "6.2.0",
        .syntax = "destination numkeys key [key ...]",
        .summary = "Stores the members of the first sorted set that no other has.",
        .complexity = "O(N*K)+O(M*log M) for N members of the first of K and M stored",
    },
    {.name = NULL},
};
