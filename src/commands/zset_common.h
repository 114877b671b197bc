/* What commands on sorted sets share. For commands/zset_*.c and geo_*.c. */
#ifndef HOLDFAST_COMMANDS_ZSET_COMMON_H
#define HOLDFAST_COMMANDS_ZSET_COMMON_H

#include "commands/collection.h"
#include "values/zset.h"

/* The sorted set at the key, made if there is none; about to change. False: answered. */
bool zset_common_open(struct command_context *context, struct collection *zset);

/* Parses a score; replies "ERR value is not a valid float" and returns false if it is none. */
bool zset_common_score(struct command_context *context, size_t index, double *score);

/* --- ranges --- */

enum zset_range_kind { RANGE_BY_RANK, RANGE_BY_SCORE, RANGE_BY_LEX };

/* Both ends as commands have them. */
struct zset_range {
    enum zset_range_kind kind;
    int64_t start, stop; /* BY_RANK */
    struct ordered_bound bounds[2];
    bool is_least[2], is_greatest[2]; /* BY_LEX: - and + */
};

/* Parses the two arguments; the lesser end at `low`. False: answered. */
bool zset_common_range(struct command_context *context, enum zset_range_kind kind, size_t low,
                       size_t high, struct zset_range *range);

/* The ranks it means: from *first on *count members. */
void zset_common_ranks(const struct zset *zset, const struct zset_range *range, size_t *first,
                       size_t *count);

/* --- replies --- */

/* The head of `count` members, with scores: in RESP3 pairs are arrays, in RESP2 all is flat. */
void zset_common_reply_count(struct command_context *context, size_t count, bool with_scores);
void zset_common_reply_member(struct command_context *context, struct slice member, double score,
                              bool with_score);

/* Puts `result` (not NULL; taken over) at the key, or takes the key away if it is empty; replies
 * its length. */
void zset_common_store(struct command_context *context, size_t key_index, struct zset *result,
                       const char *event);
/* The same for a key whose hash was not computed ahead: behind an option. */
void zset_common_store_at(struct command_context *context, struct slice name, struct zset *result,
                          const char *event);

#endif
