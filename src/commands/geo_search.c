/* Members near a place: GEOSEARCH and its older forms. */
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "commands/geo_common.h"
#include "commands/tables.h"

enum shape { SHAPE_NONE, SHAPE_RADIUS, SHAPE_BOX, SHAPE_POLYGON };

struct search {
    enum shape shape;
    bool has_centre;
    struct geohash_place centre;
    double radius_m, width_m, height_m, unit_m;
    struct geohash_place *corners; /* of a polygon */
    size_t corner_count;
    bool with_place, with_distance, with_hash, any, stores_distance;
    int sort;        /* 1: nearest first, -1: farthest first, 0: as they come */
    int64_t count;   /* 0: all */
    size_t store_at; /* argument; 0: it is replied */
};

struct found {
    struct slice member; /* position in the texts until all are there */
    struct geohash_place place;
    double distance, score;
};

struct results {
    struct found *found;
    size_t count, capacity;
    struct buffer texts;
};

/* --- parsing --- */

static bool parse_number(struct command_context *context, size_t index, const char *error,
                         double *out)
{
    if (number_parse_double(context->arguments[index], out) && !isnan(*out))
        return true;
    resp_writer_error(context->reply, error);
    return false;
}

static bool parse_radius(struct command_context *context, size_t index, struct search *search)
{
    if (!parse_number(context, index, "ERR need numeric radius", &search->radius_m))
        return false;
    if (search->radius_m < 0) {
        resp_writer_error(context->reply, "ERR radius cannot be negative");
        return false;
    }
    if (!geo_common_unit(context, index + 1, &search->unit_m))
        return false;
    search->radius_m *= search->unit_m;
    search->shape = SHAPE_RADIUS;
    return true;
}

static bool parse_box(struct command_context *context, size_t index, struct search *search)
{
    if (!parse_number(context, index, "ERR need numeric width", &search->width_m) ||
        !parse_number(context, index + 1, "ERR need numeric height", &search->height_m))
        return false;
    if (search->width_m < 0 || search->height_m < 0) {
        resp_writer_error(context->reply, "ERR height or width cannot be negative");
        return false;
    }
    if (!geo_common_unit(context, index + 2, &search->unit_m))
        return false;
    search->width_m *= search->unit_m;
    search->height_m *= search->unit_m;
    search->radius_m =
        sqrt(search->width_m * search->width_m / 4 + search->height_m * search->height_m / 4);
    search->shape = SHAPE_BOX;
    return true;
}

/* The number of corners and they; *at goes behind them. */
static bool parse_polygon(struct command_context *context, size_t *at, struct search *search)
{
    int64_t corners;
    if (!number_parse_int64(context->arguments[*at], &corners) || corners < 3 ||
        (uint64_t)corners > (context->count - *at - 1) / 2) {
        resp_writer_error(context->reply, "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
        return false;
    }
    search->corners = memory_try_allocate((size_t)corners * sizeof *search->corners);
    if (search->corners == NULL) {
        command_reply_out_of_memory(context);
        return false;
    }
    search->corner_count = (size_t)corners;
    search->shape = SHAPE_POLYGON;
    search->unit_m = 1;
    struct geohash_place sum = {0, 0};
    for (size_t i = 0; i < search->corner_count; i++) {
        if (!geo_common_place(context, *at + 1 + 2 * i, &search->corners[i]))
            return false;
        sum.longitude += search->corners[i].longitude / (double)corners;
        sum.latitude += search->corners[i].latitude / (double)corners;
    }
    search->centre = sum;
    search->has_centre = true;
    for (size_t i = 0; i < search->corner_count; i++)
        search->radius_m = fmax(search->radius_m, geohash_distance_m(sum, search->corners[i]));
    *at += 2 * search->corner_count;
    return true;
}

static bool centre_at_member(struct command_context *context, const struct collection *zset,
                             size_t index, struct search *search)
{
    double score;
    search->has_centre = true;
    if (zset->entry == NULL)
        return true; /* nothing is found anyhow */
    if (!zset_score(zset->value, context->arguments[index], &score)) {
        resp_writer_error(context->reply, "ERR could not decode requested zset member");
        return false;
    }
    search->centre = geohash_decode((uint64_t)score);
    return true;
}

/* What GEOSEARCH has instead of fixed places. *matched: it was one of them. */
static bool parse_form(struct command_context *context, const struct collection *zset, size_t *at,
                       struct search *search, bool *matched)
{
    struct slice word = context->arguments[*at];
    size_t left = context->count - *at - 1;
    *matched = true;
    if (slice_is_word(word, "FROMMEMBER") && left >= 1 && !search->has_centre) {
        *at += 1;
        return centre_at_member(context, zset, *at, search);
    }
    if (slice_is_word(word, "FROMLONLAT") && left >= 2 && !search->has_centre) {
        search->has_centre = true;
        *at += 2;
        return geo_common_place(context, *at - 1, &search->centre);
    }
    if (slice_is_word(word, "BYRADIUS") && left >= 2 && search->shape == SHAPE_NONE) {
        *at += 2;
        return parse_radius(context, *at - 1, search);
    }
    if (slice_is_word(word, "BYBOX") && left >= 3 && search->shape == SHAPE_NONE) {
        *at += 3;
        return parse_box(context, *at - 2, search);
    }
    if (slice_is_word(word, "BYPOLYGON") && left >= 1 && search->shape == SHAPE_NONE) {
        *at += 1;
        return parse_polygon(context, at, search);
    }
    *matched = false;
    return true;
}

static bool parse_count(struct command_context *context, size_t index, struct search *search)
{
    if (!command_integer(context, index, &search->count))
        return false;
    if (search->count > 0)
        return true;
    resp_writer_error(context->reply, "ERR COUNT must be > 0");
    return false;
}

enum form { FORM_SEARCH = 1, FORM_SEARCH_STORE = 2, FORM_RADIUS = 4, FORM_READ_ONLY = 8 };

static bool parse_option(struct command_context *context, const struct collection *zset,
                         unsigned form, size_t *at, struct search *search)
{
    struct slice word = context->arguments[*at];
    size_t left = context->count - *at - 1;
    bool matched = false, may_store = (form & FORM_RADIUS) && !(form & FORM_READ_ONLY);
    if (slice_is_word(word, "WITHDIST")) {
        search->with_distance = true;
    } else if (slice_is_word(word, "WITHHASH")) {
        search->with_hash = true;
    } else if (slice_is_word(word, "WITHCOORD")) {
        search->with_place = true;
    } else if (slice_is_word(word, "ANY")) {
        search->any = true;
    } else if (slice_is_word(word, "ASC")) {
        search->sort = 1;
    } else if (slice_is_word(word, "DESC")) {
        search->sort = -1;
    } else if (slice_is_word(word, "COUNT") && left >= 1) {
        return parse_count(context, ++*at, search);
    } else if (may_store && left >= 1 &&
               (slice_is_word(word, "STORE") || slice_is_word(word, "STOREDIST"))) {
        search->stores_distance = slice_is_word(word, "STOREDIST");
        search->store_at = ++*at;
    } else if ((form & FORM_SEARCH_STORE) && slice_is_word(word, "STOREDIST")) {
        search->stores_distance = true;
    } else {
        if ((form & (FORM_SEARCH | FORM_SEARCH_STORE)) &&
            !parse_form(context, zset, at, search, &matched))
            return false;
        if (!matched) {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

static bool parse_options(struct command_context *context, const struct collection *zset,
                          unsigned form, size_t at, struct search *search)
{
    for (; at < context->count; at++)
        if (!parse_option(context, zset, form, &at, search))
            return false;
    bool shows = search->with_distance || search->with_hash || search->with_place;
    const char *error = NULL;
    if (search->store_at != 0 && shows)
        error = (form & FORM_SEARCH_STORE)
                    ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD "
                      "options"
                    : "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and "
                      "WITHCOORD options";
    else if (!search->has_centre)
        error = (form & FORM_SEARCH) ? "ERR exactly one of FROMMEMBER or FROMLONLAT can be "
                                       "specified for geosearch"
                                     : "ERR exactly one of FROMMEMBER or FROMLONLAT can be "
                                       "specified for geosearchstore";
    else if (search->shape == SHAPE_NONE)
        error = (form & FORM_SEARCH) ? "ERR exactly one of BYRADIUS and BYBOX can be specified for "
                                       "geosearch"
                                     : "ERR exactly one of BYRADIUS and BYBOX can be specified for "
                                       "geosearchstore";
    else if (search->any && search->count == 0)
        error = "ERR the ANY argument requires COUNT argument";
    if (error != NULL)
        resp_writer_error(context->reply, error);
    /* The nearest ones are wanted, unless any will do. */
    if (search->count > 0 && search->sort == 0 && !search->any)
        search->sort = 1;
    return error == NULL;
}

/* --- searching --- */

/* By the crossings of a ray (Shimrat, "Algorithm 112", 1962). */
static bool is_in_polygon(const struct search *search, struct geohash_place place)
{
    bool inside = false;
    for (size_t i = 0, j = search->corner_count - 1; i < search->corner_count; j = i++) {
        struct geohash_place a = search->corners[i], b = search->corners[j];
        if ((a.latitude > place.latitude) != (b.latitude > place.latitude) &&
            place.longitude < (b.longitude - a.longitude) * (place.latitude - a.latitude) /
                                      (b.latitude - a.latitude) +
                                  a.longitude)
            inside = !inside;
    }
    return inside;
}

static bool is_within(const struct search *search, struct geohash_place place, double *distance)
{
    struct geohash_place corner = {search->centre.longitude, place.latitude};
    *distance = geohash_distance_m(search->centre, place);
    switch (search->shape) {
    case SHAPE_BOX:
        return geohash_distance_m(corner, place) <= search->width_m / 2 &&
               geohash_distance_m(corner, search->centre) <= search->height_m / 2;
    case SHAPE_POLYGON:
        return is_in_polygon(search, place);
    default:
        return *distance <= search->radius_m;
    }
}

static bool add_found(struct results *results, struct slice member, struct geohash_place place,
                      double distance, double score)
{
    if (results->count == results->capacity) {
        size_t capacity = results->capacity == 0 ? 16 : 2 * results->capacity;
        struct found *larger = memory_try_resize(results->found, capacity * sizeof *larger);
        if (larger == NULL)
            return false;
        results->found = larger;
        results->capacity = capacity;
    }
    struct slice position = {(const char *)(uintptr_t)results->texts.length, member.length};
    if (buffer_append(&results->texts, member.data, member.length) != OK)
        return false;
    results->found[results->count++] = (struct found){position, place, distance, score};
    return true;
}

/* Those of one range of scores. *enough: no more are wanted. False: memory is out. */
static bool search_range(const struct zset *zset, const struct search *search,
                         struct geohash_range range, struct results *results, bool *enough)
{
    struct ordered_bound bound = {.score = (double)range.first};
    struct zset_cursor cursor;
    bool more = zset_seek(zset, zset_count_before(zset, &bound), &cursor);
    for (; more && !*enough; more = zset_cursor_next(&cursor)) {
        double score, distance;
        struct slice member = zset_cursor_get(&cursor, &score);
        if (score >= (double)range.end)
            break;
        struct geohash_place place = geohash_decode((uint64_t)score);
        if (!is_within(search, place, &distance))
            continue;
        if (!add_found(results, member, place, distance / search->unit_m, score))
            return false;
        *enough = search->any && results->count == (size_t)search->count;
    }
    return true;
}

static int compare_distance(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    return (a->distance > b->distance) - (a->distance < b->distance);
}

static int compare_distance_down(const void *left, const void *right)
{
    return compare_distance(right, left);
}

static bool find(const struct zset *zset, const struct search *search, struct results *results)
{
    struct geohash_range ranges[GEOHASH_RANGES_MAX];
    unsigned count = geohash_around(search->centre, search->radius_m, ranges);
    bool enough = false;
    for (unsigned i = 0; i < count && !enough; i++)
        if (!search_range(zset, search, ranges[i], results, &enough))
            return false;
    for (size_t i = 0; i < results->count; i++)
        results->found[i].member.data =
            results->texts.data + (uintptr_t)results->found[i].member.data;
    if (search->sort != 0 && results->count > 1)
        qsort(results->found, results->count, sizeof *results->found,
              search->sort > 0 ? compare_distance : compare_distance_down);
    if (search->count > 0 && results->count > (size_t)search->count)
        results->count = (size_t)search->count;
    return true;
}

/* --- results --- */

static void reply_found(struct command_context *context, const struct search *search,
                        const struct results *results)
{
    size_t options = (size_t)search->with_distance + search->with_hash + search->with_place;
    resp_writer_array(context->reply, results->count);
    for (size_t i = 0; i < results->count; i++) {
        const struct found *found = &results->found[i];
        if (options > 0)
            resp_writer_array(context->reply, options + 1);
        resp_writer_bulk(context->reply, found->member);
        if (search->with_distance)
            geo_common_reply_distance(context->reply, found->distance);
        if (search->with_hash)
            resp_writer_integer(context->reply, (int64_t)found->score);
        if (search->with_place)
            geo_common_reply_place(context->reply, found->place);
    }
}

static void store_found(struct command_context *context, const struct search *search,
                        const struct results *results)
{
    struct zset *zset = zset_create();
    for (size_t i = 0; i < results->count; i++) {
        const struct found *found = &results->found[i];
        if (zset_set(zset, collection_settings(context), found->member,
                     search->stores_distance ? found->distance : found->score) ==
            ZSET_OUT_OF_MEMORY) {
            zset_destroy(zset);
            command_reply_out_of_memory(context);
            return;
        }
    }
    zset_common_store_at(context, context->arguments[search->store_at], zset,
                         context->command->name[3] == 'R' ? "georadiusstore" : "geosearchstore");
}

static void run(struct command_context *context, unsigned form, size_t key_at, size_t options_at,
                struct search *search)
{
    struct collection zset;
    struct results results = {NULL, 0, 0, {NULL, 0, 0}};
    bool good = collection_read(context, key_at, TYPE_ZSET, &zset);
    if (good && (form & FORM_RADIUS)) {
        /* key longitude latitude radius unit, or key member radius unit */
        bool by_member = options_at == 5;
        good = by_member ? centre_at_member(context, &zset, 2, search)
                         : geo_common_place(context, 2, &search->centre);
        search->has_centre = true;
        search->shape = SHAPE_RADIUS;
        if (!by_member || zset.entry != NULL) /* as in Redis: of nothing it is not looked at */
            good = good && parse_radius(context, options_at - 2, search);
    }
    good = good && parse_options(context, &zset, form, options_at, search);
    if (good && zset.entry != NULL && !find(zset.value, search, &results)) {
        command_reply_out_of_memory(context);
        good = false;
    }
    if (good && search->store_at != 0)
        store_found(context, search, &results);
    else if (good)
        reply_found(context, search, &results);
    memory_free(results.found);
    memory_free(search->corners);
    buffer_deinit(&results.texts);
}

static void geosearch(struct command_context *context)
{
    struct search search = {.shape = SHAPE_NONE};
    run(context, FORM_SEARCH, 1, 2, &search);
}

static void geosearchstore(struct command_context *context)
{
    struct search search = {.shape = SHAPE_NONE, .store_at = 1};
    run(context, FORM_SEARCH_STORE, 2, 3, &search);
}

static void georadius(struct command_context *context)
{
    struct search search = {.shape = SHAPE_NONE};
    run(context, FORM_RADIUS, 1, 6, &search);
}

static void georadius_ro(struct command_context *context)
{
    struct search search = {.shape = SHAPE_NONE};
    run(context, FORM_RADIUS | FORM_READ_ONLY, 1, 6, &search);
}

static void georadiusbymember(struct command_context *context)
{
    struct search search = {.shape = SHAPE_NONE};
    run(context, FORM_RADIUS, 1, 5, &search);
}

static void georadiusbymember_ro(struct command_context *context)
{
    struct search search = {.shape = SHAPE_NONE};
    run(context, FORM_RADIUS | FORM_READ_ONLY, 1, 5, &search);
}

const struct command geo_search_commands[] = {
    {
        .name = "GEOSEARCH",
        .run = geosearch,
        .arity = -7,
        .flags = COMMAND_READS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "geo",
        .since = "6.2.0",
        .syntax = "key [FROMMEMBER member|FROMLONLAT longitude latitude] <BYRADIUS radius "
                  "<M|KM|FT|MI>|BYBOX width height <M|KM|FT|MI>|BYPOLYGON num-vertices longitude "
                  "latitude [longitude latitude ...]> [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] "
                  "[WITHDIST] [WITHHASH]",
        .summary = "Returns the members within a circle, box or polygon.",
        .complexity = "O(N+log M) for N members around, M in the set",
    },
    {
        .name = "GEOSEARCHSTORE",
        .run = geosearchstore,
        .arity = -8,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_OW | KEY_UPDATE),
                 KEYS_RANGE(2, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "geo",
        .since = "6.2.0",
        .syntax =
            "destination source [FROMMEMBER member|FROMLONLAT longitude latitude] <BYRADIUS radius "
            "<M|KM|FT|MI>|BYBOX width height <M|KM|FT|MI>|BYPOLYGON num-vertices longitude "
            "latitude [longitude latitude ...]> [ASC|DESC] [COUNT count [ANY]] [STOREDIST]",
        .summary = "Stores the members within a circle, box or polygon.",
        .complexity = "O(N+log M) for N members around, M in the set",
    },
    {
        .name = "GEORADIUS",
        .run = georadius,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS),
                 {.find = KEY_FIND_KEYWORD,
                  .keyword = "STORE",
                  .first = 6,
                  .last = 0,
                  .step = 1,
                  .limit = 0,
                  .flags = KEY_OW | KEY_UPDATE},
                 {.find = KEY_FIND_KEYWORD,
                  .keyword = "STOREDIST",
                  .first = 6,
                  .last = 0,
                  .step = 1,
                  .limit = 0,
                  .flags = KEY_OW | KEY_UPDATE}},
        .group = "geo",
        .since = "3.2.0",
        .syntax = "key longitude latitude radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
                  "[COUNT count [ANY]] [ASC|DESC] [STORE storekey|STOREDIST storedistkey]",
        .summary = "Returns or stores the members within a circle.",
        .complexity = "O(N+log M) for N members around, M in the set",
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
    },
    {
        .name = "GEORADIUS_RO",
        .run = georadius_ro,
        .arity = -6,
        .flags = COMMAND_READS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "geo",
        .since = "3.2.10",
        .syntax = "key longitude latitude radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
                  "[COUNT count [ANY]] [ASC|DESC]",
        .summary = "Returns the members within a circle.",
        .complexity = "O(N+log M) for N members around, M in the set",
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
    },
    {
        .name = "GEORADIUSBYMEMBER",
        .run = georadiusbymember,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS),
                 {.find = KEY_FIND_KEYWORD,
                  .keyword = "STORE",
                  .first = 5,
                  .last = 0,
                  .step = 1,
                  .limit = 0,
                  .flags = KEY_OW | KEY_UPDATE},
                 {.find = KEY_FIND_KEYWORD,
                  .keyword = "STOREDIST",
                  .first = 5,
                  .last = 0,
                  .step = 1,
                  .limit = 0,
                  .flags = KEY_OW | KEY_UPDATE}},
        .group = "geo",
        .since = "3.2.0",
        .syntax = "key member radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count "
                  "[ANY]] [ASC|DESC] [STORE storekey|STOREDIST storedistkey]",
        .summary = "Returns or stores the members within a circle around a member.",
        .complexity = "O(N+log M) for N members around, M in the set",
        .deprecated_since = "6.2.0",
        .replaced_by =
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    },
    {
        .name = "GEORADIUSBYMEMBER_RO",
        .run = georadiusbymember_ro,
        .arity = -5,
        .flags = COMMAND_READS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "geo",
        .since = "3.2.10",
        .syntax = "key member radius <M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count "
                  "[ANY]] [ASC|DESC]",
        .summary = "Returns the members within a circle around a member.",
        .complexity = "O(N+log M) for N members around, M in the set",
        .deprecated_since = "6.2.0",
        .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
    },
    {.name = NULL},
};
