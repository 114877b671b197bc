#include "record.h"

#include "base/assertion.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/slice.h"
#include "keyspace/entry.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/zset.h"

static uint64_t mix(uint64_t seed, struct slice bytes)
{
    struct hash_seed key = {seed, 0x5eed};
    return hash_bytes(&key, bytes.data, bytes.length);
}

static uint64_t mix_number(uint64_t seed, uint64_t number)
{
    return mix(seed, slice_of((const char *)&number, sizeof number));
}

static uint64_t of_list(struct list_value *list)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct list_cursor cursor;
    uint64_t digest = 1;
    for (bool more = list_value_seek(list, 0, &cursor); more; more = list_cursor_next(&cursor))
        digest = mix(digest, list_cursor_get(&cursor, scratch));
    return digest;
}

static uint64_t of_set(const struct set *set)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    uint64_t sum = 2;
    while (set_next(set, &cursor, &member))
        sum += mix(2, member);
    return sum;
}

static uint64_t of_zset(const struct zset *zset)
{
    struct zset_cursor cursor;
    uint64_t digest = 3;
    for (bool more = zset_seek(zset, 0, &cursor); more; more = zset_cursor_next(&cursor)) {
        double score;
        struct slice member = zset_cursor_get(&cursor, &score);
        digest = mix(mix(digest, member), slice_of((const char *)&score, sizeof score));
    }
    return digest;
}

static void of_hash(const struct hash *hash, struct record *record)
{
    struct hash_cursor cursor = {.any = true};
    struct slice field, value;
    record->digest = 4;
    record->undated = 0;
    while (hash_next(hash, &cursor, &field, &value)) {
        uint64_t pair = mix(mix(4, field), value);
        int64_t deadline_ms = hash_deadline_ms(hash, field);
        if (deadline_ms == HASH_NO_DEADLINE) {
            record->digest += pair;
            record->undated++;
            continue;
        }
        ASSERT(record->dated_count < RECORD_DATED_MAX);
        record->dated[record->dated_count].digest = pair;
        record->dated[record->dated_count++].deadline_ms = deadline_ms;
    }
}

static void add_field(void *context, struct slice field, struct slice value)
{
    uint64_t *digest = context;
    *digest = mix(mix(*digest, field), value);
}

static uint64_t mix_id(uint64_t digest, struct stream_id id)
{
    return mix_number(mix_number(digest, id.ms), id.sequence);
}

/* What is pending, in the order of IDs; the trees of the consumers hold the same, each its part. */
static uint64_t mix_pending(uint64_t digest, const struct stream_group *group)
{
    static const struct stream_id first = {0, 0};
    size_t of_consumers = 0;
    struct ordered_cursor cursor = pending_list_seek(&group->pending.order, first);
    for (; cursor.leaf != NULL; ordered_cursor_next(&cursor)) {
        struct pending pending;
        struct stream_id id = pending_list_id(&cursor);
        bool found = pending_list_find(&group->pending, id, &pending);
        ASSERT(found);
        digest = mix_id(mix(digest, pending.consumer->name), id);
        digest = mix_number(mix_number(digest, (uint64_t)pending.delivered_ms), pending.deliveries);
    }
    for (size_t i = 0; i < group->consumer_count; i++)
        of_consumers += group->consumers[i]->pending.count;
    ASSERT(of_consumers == pending_list_count(&group->pending));
    return digest;
}

/* But for when consumers were last seen, which the log does not keep for reads that change nothing
 * else (as in Redis). */
static uint64_t mix_group(uint64_t digest, const struct stream_group *group)
{
    digest = mix_id(mix(digest, group->name), group->last_id);
    digest = mix_number(digest, (uint64_t)group->entries_read);
    digest = mix_number(digest, group->consumer_count);
    for (size_t i = 0; i < group->consumer_count; i++)
        digest = mix(digest, group->consumers[i]->name);
    return mix_pending(digest, group);
}

static uint64_t of_stream(struct stream *stream)
{
    static const struct stream_id first = {0, 0}, last = {UINT64_MAX, UINT64_MAX};
    struct stream_cursor cursor;
    uint64_t digest = mix_number(5, stream->length);
    digest = mix_id(mix_id(digest, stream->last_id), stream->max_deleted_id);
    digest = mix_number(digest, stream->entries_added);
    stream_seek(stream, first, last, false, &cursor);
    while (stream_next(&cursor)) {
        digest = mix_id(digest, cursor.entry.id);
        stream_visit(&cursor, add_field, &digest);
    }
    for (size_t i = 0; i < stream->group_count; i++)
        digest = mix_group(digest, stream->groups[i]);
    return digest;
}

static uint64_t count_pending(const struct stream *stream)
{
    uint64_t count = 0;
    for (size_t i = 0; i < stream->group_count; i++)
        count += pending_list_count(&stream->groups[i]->pending);
    return count;
}

void record_read(const struct entry *entry, struct record *record)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    *record = (struct record){.deadline_ms = entry_deadline_ms(entry), .undated = 1};
    switch (entry->type) {
    case TYPE_STRING:
        record->digest = mix(6, entry_string(entry, scratch));
        break;
    case TYPE_LIST:
        record->digest = of_list(entry_collection(entry));
        break;
    case TYPE_SET:
        record->digest = of_set(entry_collection(entry));
        break;
    case TYPE_ZSET:
        record->digest = of_zset(entry_collection(entry));
        break;
    case TYPE_HASH:
        of_hash(entry_collection(entry), record);
        break;
    default:
        record->digest = of_stream(entry_collection(entry));
        record->pending = count_pending(entry_collection(entry));
    }
}

/* What is left at this time: true if anything. */
static bool left_at(const struct record *record, int64_t now_ms, struct record *out)
{
    *out = (struct record){0};
    if (record->digest == 0 ||
        (record->deadline_ms != ENTRY_NO_DEADLINE && record->deadline_ms <= now_ms))
        return false;
    *out = (struct record){
        .digest = record->digest, .deadline_ms = record->deadline_ms, .undated = record->undated};
    for (uint32_t i = 0; i < record->dated_count; i++) {
        if (record->dated[i].deadline_ms <= now_ms)
            continue;
        /* In any order: a sum. */
        out->digest += mix_number(record->dated[i].digest, (uint64_t)record->dated[i].deadline_ms);
        out->undated++;
    }
    if (out->undated == 0)
        *out = (struct record){0};
    return out->undated > 0;
}

bool record_is_same(const struct record *a, const struct record *b, int64_t now_ms)
{
    struct record left_a, left_b;
    bool is_a = left_at(a, now_ms, &left_a), is_b = left_at(b, now_ms, &left_b);
    return is_a == is_b && left_a.digest == left_b.digest &&
           left_a.deadline_ms == left_b.deadline_ms && left_a.undated == left_b.undated;
}

bool record_is_there(const struct record *record, int64_t now_ms)
{
    struct record left;
    return left_at(record, now_ms, &left);
}
