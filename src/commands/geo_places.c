/* Places as members of sorted sets: GEOADD, GEOPOS, GEODIST, GEOHASH. */
#include <stdio.h>

#include "commands/geo_common.h"
#include "commands/tables.h"

/* Options and pairs become ZADD's: that is what is run, and what is logged. */
static void geoadd(struct command_context *context)
{
    size_t first = 2;
    bool nx = false, xx = false, ch = false;
    for (; first < context->count; first++) {
        struct slice word = context->arguments[first];
        if (slice_is_word(word, "NX"))
            nx = true;
        else if (slice_is_word(word, "XX"))
            xx = true;
        else if (slice_is_word(word, "CH"))
            ch = true;
        else
            break;
    }
    if ((context->count - first) % 3 != 0 || (nx && xx) || first == context->count) {
        command_reply_syntax_error(context);
        return;
    }
    for (size_t i = first; i < context->count; i += 3) {
        struct geohash_place place;
        if (!geo_common_place(context, i, &place))
            return;
    }
    struct collection zset;
    int64_t added = 0, updated = 0;
    if (!collection_open(context, 1, TYPE_ZSET, &zset))
        return;
    if (zset.entry == NULL && xx) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (!zset_common_open(context, &zset))
        return;
    size_t i;
    for (i = first; i < context->count; i += 3) {
        struct geohash_place place;
        double old;
        (void)geo_common_place(context, i, &place);
        bool there = zset_score(zset.value, context->arguments[i + 2], &old);
        if (there ? nx : xx)
            continue;
        enum zset_result result =
            zset_set(zset.value, collection_settings(context), context->arguments[i + 2],
                     (double)geohash_encode(place));
        if (result == ZSET_OUT_OF_MEMORY)
            break;
        added += result == ZSET_ADDED;
        updated += result == ZSET_CHANGED;
    }
    if (i == context->count)
        resp_writer_integer(context->reply, added + (ch ? updated : 0));
    else
        command_stopped_at(context, i, added + updated > 0);
    if (added + updated > 0)
        collection_changed(context, &zset, EVENT_ZSET, "zadd");
    else
        (void)collection_drop_if_empty(context, &zset);
}

static bool place_of(const struct collection *zset, struct slice member,
                     struct geohash_place *place)
{
    double score;
    if (zset->entry == NULL || !zset_score(zset->value, member, &score))
        return false;
    *place = geohash_decode((uint64_t)score);
    return true;
}

static void geopos(struct command_context *context)
{
    struct collection zset;
    if (!collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++) {
        struct geohash_place place;
        if (place_of(&zset, context->arguments[i], &place))
            geo_common_reply_place(context->reply, place);
        else
            resp_writer_null_array(context->reply);
    }
}

static void geodist(struct command_context *context)
{
    struct collection zset;
    struct geohash_place a, b;
    double unit_m = 1;
    if (context->count > 5) {
        command_reply_syntax_error(context);
        return;
    }
    if ((context->count == 5 && !geo_common_unit(context, 4, &unit_m)) ||
        !collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    if (place_of(&zset, context->arguments[2], &a) && place_of(&zset, context->arguments[3], &b))
        geo_common_reply_distance(context->reply, geohash_distance_m(a, b) / unit_m);
    else
        resp_writer_null(context->reply);
}

static void geohash(struct command_context *context)
{
    struct collection zset;
    if (!collection_read(context, 1, TYPE_ZSET, &zset))
        return;
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++) {
        struct geohash_place place;
        char text[GEOHASH_TEXT_SIZE];
        if (!place_of(&zset, context->arguments[i], &place)) {
            resp_writer_null(context->reply);
            continue;
        }
        geohash_text(place, text);
        resp_writer_bulk(context->reply, slice_of(text, sizeof text));
    }
}

const struct command geo_places_commands[] = {
    {
        .name = "GEOADD",
        .run = geoadd,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .member = 4,
        .group = "geo",
        .since = "3.2.0",
        .syntax = "key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]",
        .summary = "Adds members with the place they are at.",
        .complexity = "O(log N) for each member",
    },
    {
        .name = "GEOPOS",
        .run = geopos,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "geo",
        .since = "3.2.0",
        .syntax = "key [member [member ...]]",
        .summary = "Returns the places of members.",
        .complexity = "O(1) for each member",
    },
    {
        .name = "GEODIST",
        .run = geodist,
        .arity = -4,
        .flags = COMMAND_READS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "geo",
        .since = "3.2.0",
        .syntax = "key member1 member2 [M|KM|FT|MI]",
        .summary = "Returns how far two members are apart.",
        .complexity = "O(1)",
    },
    {
        .name = "GEOHASH",
        .run = geohash,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_GEO,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "geo",
        .since = "3.2.0",
        .syntax = "key [member [member ...]]",
        .summary = "Returns the geohashes of members as texts.",
        .complexity = "O(1) for each member",
    },
    {.name = NULL},
};
