#include "values/zset.h"

#include <math.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/prefetch.h"
#include "values/packed_table.h"
#include "values/pair_keys.h"
#include "values/value_fetch.h"
#include "values/value_walk.h"

#define SCORE_INTEGER_MAX 4611686018427387904.0 /* 2^62: kept as an integer in a listpack */

struct zset_large {
    struct packed_table scores; /* member to score: 4 bytes if it is an integer that fits, else 8 */
    struct ordered_tree order;
    struct value_walk *walk; /* the caller's; `own_walk` is what the table knows of it */
    struct value_walk own_walk;
};

struct zset {
    struct listpack pack; /* bytes NULL: large */
    struct zset_large *large;
};

/* --- scores as bytes --- */

#define SCORE_BYTES_MAX 8

static struct slice score_write(char *out, double score)
{
    if (score >= INT32_MIN && score <= INT32_MAX && score == (double)(int32_t)score &&
        !(score == 0 && signbit(score))) {
        int32_t narrow = (int32_t)score;
        memcpy(out, &narrow, sizeof narrow);
        return slice_of(out, sizeof narrow);
    }
    memcpy(out, &score, sizeof score);
    return slice_of(out, sizeof score);
}

static double score_read(struct slice bytes)
{
    double score;
    int32_t narrow;
    if (bytes.length == sizeof narrow) {
        memcpy(&narrow, bytes.data, sizeof narrow);
        return narrow;
    }
    memcpy(&score, bytes.data, sizeof score);
    return score;
}

static double pack_score(const struct listpack *pack, size_t at)
{
    struct listpack_element element = listpack_get(pack, at);
    double score = 0;
    if (element.is_integer)
        return (double)element.integer;
    if (!number_parse_double(element.text, &score))
        ASSERT(false); /* was checked when it came in */
    return score;
}

/* The score as an element: an integer, or text. */
static bool pack_insert_score(struct listpack *pack, size_t *at, double score)
{
    if (fabs(score) < SCORE_INTEGER_MAX && score == (double)(int64_t)score)
        return listpack_insert_integer(pack, at, (int64_t)score);
    char text[NUMBER_DOUBLE_TEXT_MAX];
    return listpack_insert(pack, at, slice_of(text, number_format_double(text, score)));
}

/* --- life --- */

struct zset *zset_create(void)
{
    struct zset *zset = memory_allocate(sizeof *zset);
    *zset = (struct zset){listpack_create(0), NULL};
    return zset;
}

static bool free_some(void *value)
{
    struct zset *zset = value;
    struct zset_large *large = zset->large;
    if (large != NULL) {
        if (!packed_table_free_some(&large->scores) || !ordered_tree_free_some(&large->order))
            return false;
        memory_free(large);
    }
    listpack_free(&zset->pack);
    memory_free(zset);
    return true;
}

void zset_destroy(struct zset *zset)
{
    while (!free_some(zset))
        ;
}

const struct listpack *zset_listpack(const struct zset *zset)
{
    return &zset->pack;
}

static bool large_add(struct zset_large *large, struct slice member, double score)
{
    char bytes[SCORE_BYTES_MAX];
    if (packed_table_set(&large->scores, member, score_write(bytes, score)) == PACKED_OUT_OF_MEMORY)
        return false;
    if (ordered_tree_insert(&large->order, score, member))
        return true;
    (void)packed_table_remove(&large->scores, member);
    return false;
}

/* False: memory is out, it stays as it is. */
static bool become_large(struct zset *zset, const struct value_settings *settings)
{
    struct zset_large *large = memory_allocate_zeroed(sizeof *large);
    packed_table_init(&large->scores, &settings->seed);
    ordered_tree_init(&large->order);
    for (size_t at = listpack_first(&zset->pack); at != LISTPACK_END;) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        struct slice member = listpack_text(&zset->pack, at, scratch);
        at = listpack_next(&zset->pack, at);
        if (!large_add(large, member, pack_score(&zset->pack, at))) {
            packed_table_deinit(&large->scores);
            ordered_tree_deinit(&large->order);
            memory_free(large);
            return false;
        }
        at = listpack_next(&zset->pack, at);
    }
    listpack_free(&zset->pack);
    zset->large = large;
    return true;
}

static void *copy(const void *value)
{
    const struct zset *zset = value;
    struct zset *new = memory_allocate_zeroed(sizeof *new);
    if (zset->large == NULL) {
        new->pack = listpack_copy(&zset->pack);
        if (new->pack.bytes != NULL)
            return new;
        memory_free(new);
        return NULL;
    }
    new->large = memory_allocate_zeroed(sizeof *new->large);
    packed_table_init(&new->large->scores, &zset->large->scores.seed);
    struct ordered_cursor cursor = ordered_tree_seek(&zset->large->order, 0);
    while (cursor.leaf != NULL) {
        double score;
        struct slice member = ordered_cursor_get(&cursor, &score);
        if (!large_add(new->large, member, score)) {
            zset_destroy(new);
            return NULL;
        }
        ordered_cursor_next(&cursor);
    }
    return new;
}

/* --- untrusted listpacks --- */

static int compare_to_previous(struct slice a, double a_score, struct slice b, double b_score)
{
    if (a_score != b_score)
        return a_score < b_score ? -1 : 1;
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Pairs in strict order, scores that are numbers; no member twice with different scores. */
static enum error check_pairs(const struct listpack *pack, const struct hash_seed *seed)
{
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    struct slice previous = {NULL, 0};
    double previous_score = 0;
    size_t count = 0;
    for (size_t at = listpack_first(pack); at != LISTPACK_END; count++) {
        struct slice member = listpack_text(pack, at, scratch[count % 2]);
        at = listpack_next(pack, at);
        if (at == LISTPACK_END)
            return ERROR_SYNTAX;
        struct listpack_element element = listpack_get(pack, at);
        double score = (double)element.integer;
        if (!element.is_integer && (!number_parse_double(element.text, &score) || isnan(score)))
            return ERROR_SYNTAX;
        if (count > 0 && compare_to_previous(previous, previous_score, member, score) >= 0)
            return ERROR_SYNTAX;
        at = listpack_next(pack, at);
        previous = member;
        previous_score = score;
    }
    return count > 0 ? pair_keys_differ(pack, seed) : ERROR_SYNTAX;
}

enum error zset_of_listpack(struct listpack pack, const struct value_settings *settings,
                            struct zset **made)
{
    enum error error = check_pairs(&pack, &settings->seed);
    if (error != OK)
        return error;
    struct zset *zset = memory_allocate(sizeof *zset);
    *zset = (struct zset){pack, NULL};
    bool fits = listpack_count(&pack) / 2 <= settings->limits.zset_entries_max;
    for (size_t at = listpack_first(&pack); at != LISTPACK_END && fits;
         at = listpack_next(&pack, at)) {
        struct listpack_element element = listpack_get(&pack, at);
        fits = element.is_integer || element.text.length <= settings->limits.zset_value_max;
    }
    if (!fits && !become_large(zset, settings)) {
        memory_free(zset);
        return ERROR_OUT_OF_MEMORY;
    }
    *made = zset;
    return OK;
}

/* --- reading --- */

size_t zset_length(const struct zset *zset)
{
    return zset->large != NULL ? zset->large->order.count : listpack_count(&zset->pack) / 2;
}

static size_t pack_find(const struct zset *zset, struct slice member)
{
    return listpack_find(&zset->pack, listpack_first(&zset->pack), member, 1);
}

bool zset_score(const struct zset *zset, struct slice member, double *score)
{
    if (zset->large != NULL) {
        struct slice bytes;
        if (!packed_table_find(&zset->large->scores, member, &bytes))
            return false;
        *score = score_read(bytes);
        return true;
    }
    size_t at = pack_find(zset, member);
    if (at == LISTPACK_END)
        return false;
    *score = pack_score(&zset->pack, listpack_next(&zset->pack, at));
    return true;
}

/* Does the pair at `at` stand before the bound? */
static bool pair_is_before(const struct listpack *pack, size_t at, double score,
                           const struct ordered_bound *bound)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    if (!bound->by_member && score != bound->score)
        return score < bound->score;
    int order = 0;
    if (bound->by_member || bound->members_count)
        order = compare_to_previous(listpack_text(pack, at, scratch), 0, bound->member, 0);
    return order < 0 || (order == 0 && bound->after);
}

/* Where the first pair behind the bound stands; LISTPACK_END if none does. */
static size_t pack_seek_bound(const struct listpack *pack, const struct ordered_bound *bound,
                              size_t *rank)
{
    *rank = 0;
    for (size_t at = listpack_first(pack); at != LISTPACK_END; ++*rank) {
        size_t score_at = listpack_next(pack, at);
        if (!pair_is_before(pack, at, pack_score(pack, score_at), bound))
            return at;
        at = listpack_next(pack, score_at);
    }
    return LISTPACK_END;
}

size_t zset_count_before(const struct zset *zset, const struct ordered_bound *bound)
{
    if (zset->large != NULL)
        return ordered_tree_count_before(&zset->large->order, bound);
    size_t rank;
    (void)pack_seek_bound(&zset->pack, bound, &rank);
    return rank;
}

bool zset_rank(const struct zset *zset, struct slice member, size_t *rank, double *score)
{
    if (!zset_score(zset, member, score))
        return false;
    struct ordered_bound bound = {.members_count = true, .score = *score, .member = member};
    *rank = zset_count_before(zset, &bound);
    return true;
}

bool zset_seek(const struct zset *zset, size_t rank, struct zset_cursor *cursor)
{
    cursor->zset = zset;
    if (zset->large != NULL) {
        cursor->place = ordered_tree_seek(&zset->large->order, rank);
        return cursor->place.leaf != NULL;
    }
    cursor->at = rank < INT32_MAX ? listpack_seek(&zset->pack, (int64_t)rank * 2) : LISTPACK_END;
    return cursor->at != LISTPACK_END;
}

struct slice zset_cursor_get(struct zset_cursor *cursor, double *score)
{
    const struct zset *zset = cursor->zset;
    if (zset->large != NULL)
        return ordered_cursor_get(&cursor->place, score);
    *score = pack_score(&zset->pack, listpack_next(&zset->pack, cursor->at));
    return listpack_text(&zset->pack, cursor->at, cursor->scratch);
}

bool zset_cursor_next(struct zset_cursor *cursor)
{
    const struct zset *zset = cursor->zset;
    if (zset->large != NULL) {
        ordered_cursor_next(&cursor->place);
        return cursor->place.leaf != NULL;
    }
    cursor->at = listpack_next(&zset->pack, listpack_next(&zset->pack, cursor->at));
    return cursor->at != LISTPACK_END;
}

bool zset_cursor_previous(struct zset_cursor *cursor)
{
    const struct zset *zset = cursor->zset;
    if (zset->large != NULL) {
        ordered_cursor_previous(&cursor->place);
        return cursor->place.leaf != NULL;
    }
    size_t score_at = listpack_previous(&zset->pack, cursor->at);
    cursor->at = score_at == LISTPACK_END ? LISTPACK_END : listpack_previous(&zset->pack, score_at);
    return cursor->at != LISTPACK_END;
}

struct scan {
    void (*visit)(void *context, struct slice member, double score);
    void *context;
};

static void scan_visit(void *context, const struct packed_element *element)
{
    const struct scan *scan = context;
    scan->visit(scan->context, element->key, score_read(element->value));
}

uint64_t zset_scan(const struct zset *zset, uint64_t cursor,
                   void (*visit)(void *context, struct slice member, double score), void *context)
{
    if (zset->large != NULL) {
        struct scan scan = {visit, context};
        return packed_table_scan(&zset->large->scores, cursor, scan_visit, &scan);
    }
    struct zset_cursor at;
    bool more = zset_seek(zset, 0, &at);
    for (; more; more = zset_cursor_next(&at)) {
        double score;
        struct slice member = zset_cursor_get(&at, &score);
        visit(context, member, score);
    }
    return 0;
}

/* --- changing --- */

static bool pack_insert(struct zset *zset, struct slice member, double score)
{
    struct ordered_bound bound = {.members_count = true, .score = score, .member = member};
    size_t rank, at = pack_seek_bound(&zset->pack, &bound, &rank);
    if (!listpack_insert(&zset->pack, &at, member))
        return false;
    size_t score_at = listpack_next(&zset->pack, at);
    if (pack_insert_score(&zset->pack, &score_at, score))
        return true;
    (void)listpack_remove(&zset->pack, at, 1);
    return false;
}

static enum zset_result large_set(struct zset_large *large, struct slice member, double score)
{
    struct slice bytes;
    if (!packed_table_find(&large->scores, member, &bytes))
        return large_add(large, member, score) ? ZSET_ADDED : ZSET_OUT_OF_MEMORY;
    double old = score_read(bytes);
    if (old == score)
        return ZSET_SAME;
    if (!ordered_tree_insert(&large->order, score, member))
        return ZSET_OUT_OF_MEMORY;
    char written[SCORE_BYTES_MAX];
    if (packed_table_set(&large->scores, member, score_write(written, score)) ==
        PACKED_OUT_OF_MEMORY) {
        ordered_tree_remove(&large->order, score, member);
        return ZSET_OUT_OF_MEMORY;
    }
    ordered_tree_remove(&large->order, old, member);
    return ZSET_CHANGED;
}

enum zset_result zset_set(struct zset *zset, const struct value_settings *settings,
                          struct slice member, double score)
{
    if (zset->large != NULL)
        return large_set(zset->large, member, score);
    size_t at = pack_find(zset, member);
    if (at == LISTPACK_END) {
        if (member.length > settings->limits.zset_value_max ||
            zset_length(zset) + 1 > settings->limits.zset_entries_max ||
            listpack_size(&zset->pack) + member.length > LISTPACK_SIZE_MAX / 2)
            return become_large(zset, settings) ? large_set(zset->large, member, score)
                                                : ZSET_OUT_OF_MEMORY;
        return pack_insert(zset, member, score) ? ZSET_ADDED : ZSET_OUT_OF_MEMORY;
    }
    double old = pack_score(&zset->pack, listpack_next(&zset->pack, at));
    if (old == score)
        return ZSET_SAME;
    /* The new pair first: it is what may find no memory. */
    size_t size = listpack_size(&zset->pack);
    if (!pack_insert(zset, member, score))
        return ZSET_OUT_OF_MEMORY;
    if (score < old)
        at += listpack_size(&zset->pack) - size;
    (void)listpack_remove(&zset->pack, at, 2);
    return ZSET_CHANGED;
}

bool zset_remove(struct zset *zset, struct slice member)
{
    if (zset->large != NULL) {
        struct slice bytes;
        if (!packed_table_find(&zset->large->scores, member, &bytes))
            return false;
        ordered_tree_remove(&zset->large->order, score_read(bytes), member);
        return packed_table_remove(&zset->large->scores, member);
    }
    size_t at = pack_find(zset, member);
    if (at == LISTPACK_END)
        return false;
    (void)listpack_remove(&zset->pack, at, 2);
    return true;
}

void zset_remove_range(struct zset *zset, size_t rank, size_t count)
{
    if (zset->large == NULL) {
        size_t at = listpack_seek(&zset->pack, (int64_t)rank * 2);
        if (at != LISTPACK_END)
            (void)listpack_remove(&zset->pack, at, 2 * count);
        return;
    }
    for (; count > 0 && rank < zset_length(zset); count--) {
        struct ordered_cursor cursor = ordered_tree_seek(&zset->large->order, rank);
        double score;
        struct slice member = ordered_cursor_get(&cursor, &score);
        (void)packed_table_remove(&zset->large->scores, member);
        ordered_tree_remove(&zset->large->order, score, member);
    }
}

/* --- value_kind --- */

static size_t length(const void *value)
{
    return zset_length(value);
}

static const char *encoding(const void *value)
{
    const struct zset *zset = value;
    return zset->large != NULL ? "skiplist" : "listpack";
}

static size_t memory(const void *value, size_t samples)
{
    const struct zset *zset = value;
    (void)samples; /* both structures keep count */
    size_t own = memory_usable_size(zset);
    if (zset->large == NULL)
        return own + listpack_memory(&zset->pack);
    return own + memory_usable_size(zset->large) + zset->large->scores.memory +
           zset->large->order.memory;
}

static void take_score(void *context, const struct value_part *part)
{
    struct value_walk *walk = context;
    struct value_part scored = *part;
    scored.score = score_read(part->value);
    scored.value = slice_of(NULL, 0);
    walk->take(walk->context, &scored);
}

static bool walk_begin(void *value, struct value_walk *walk)
{
    struct zset *zset = value;
    if (zset->large == NULL || zset_length(zset) <= VALUE_WALK_PARTS_MIN)
        return false;
    zset->large->walk = walk;
    zset->large->own_walk = (struct value_walk){.context = walk, .take = take_score};
    packed_table_walk_begin(&zset->large->scores, &zset->large->own_walk);
    walk->parts = zset->large->own_walk.parts;
    return true;
}

static bool walk_step(void *value, struct value_walk *walk)
{
    struct zset *zset = value;
    ASSERT(zset->large->walk == walk);
    return packed_table_walk_step(&zset->large->scores);
}

static void walk_end(void *value, struct value_walk *walk)
{
    struct zset *zset = value;
    ASSERT(zset->large->walk == walk);
    packed_table_walk_end(&zset->large->scores);
    zset->large->walk = NULL;
}

static bool fetch(struct value_fetch *fetch)
{
    const struct zset *zset = fetch->value;
    if (fetch->step > 0)
        return packed_table_fetch(&zset->large->scores, fetch, fetch->step - 1);
    prefetch(zset->large != NULL ? (const void *)zset->large : (const void *)zset->pack.bytes);
    return zset->large != NULL;
}

const struct value_kind zset_kind = {
    .name = "zset",
    .length = length,
    .encoding = encoding,
    .memory = memory,
    .copy = copy,
    .free_some = free_some,
    .fetch = fetch,
    .walk_begin = walk_begin,
    .walk_step = walk_step,
    .walk_end = walk_end,
};

/* --- checking --- */

void zset_check(const struct zset *zset)
{
    static const struct hash_seed any_seed;
    if (zset->large == NULL) {
        ASSERT(listpack_count(&zset->pack) == 0 ||
               check_pairs(&zset->pack, &any_seed) != ERROR_SYNTAX);
        return;
    }
    packed_table_check(&zset->large->scores);
    ordered_tree_check(&zset->large->order);
    ASSERT(zset->large->scores.count == zset->large->order.count);
    struct ordered_cursor cursor = ordered_tree_seek(&zset->large->order, 0);
    for (; cursor.leaf != NULL; ordered_cursor_next(&cursor)) {
        double score, other;
        struct slice member = ordered_cursor_get(&cursor, &score);
        ASSERT(zset_score(zset, member, &other) && score == other);
    }
}
