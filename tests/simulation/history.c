#include "history.h"

#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/zset.h"
#include "world.h"

#define DATED_MAX 8 /* fields of a hash that have deadlines */

/* A value, as a number. */
struct record {
    uint64_t digest; /* 0: there is no such key */
    int64_t deadline_ms;
    uint32_t undated; /* fields without a deadline; 1 for all that is no hash */
    uint32_t dated_count;
    uint64_t pending; /* entries, of all groups of a stream */
    struct {
        uint64_t digest;
        int64_t deadline_ms;
    } dated[DATED_MAX];
};

struct state {
    uint64_t turn;  /* the first at whose end the data were so */
    uint64_t until; /* the turn that ended it */
    struct record records[HISTORY_KEYS_MAX];
};

struct history {
    const char *const *keys;
    size_t name_count;
    size_t key_count; /* names in all databases */
    uint64_t turn;
    struct state **states; /* the last one is what the data are */
    size_t count, capacity;
    uint64_t changes[HISTORY_KEYS_MAX][2]; /* turns: the last change and the one before */
};

/* --- a value as a number --- */

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
        ASSERT(record->dated_count < DATED_MAX);
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

static void read_record(const struct entry *entry, struct record *record)
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

static bool is_same(const struct record *a, const struct record *b, int64_t now_ms)
{
    struct record left_a, left_b;
    bool is_a = left_at(a, now_ms, &left_a), is_b = left_at(b, now_ms, &left_b);
    return is_a == is_b && left_a.digest == left_b.digest &&
           left_a.deadline_ms == left_b.deadline_ms && left_a.undated == left_b.undated;
}

/* --- the data --- */

struct reading {
    const struct history *history;
    struct record *records; /* of this database */
};

static void read_entry(void *context, struct entry *entry)
{
    struct reading *reading = context;
    struct slice name = entry_key(entry);
    for (size_t i = 0; i < reading->history->name_count; i++) {
        if (slice_equals(name, slice_of_string(reading->history->keys[i]))) {
            read_record(entry, &reading->records[i]);
            return;
        }
    }
    fprintf(stderr, "a key that nobody wrote: %.*s\n", (int)name.length, name.data);
    ASSERT(false);
}

static void read_state(const struct history *history, struct keyspace *keyspace, struct state *out)
{
    memset(out->records, 0, sizeof out->records);
    for (int i = 0; i < HISTORY_DATABASES; i++) {
        struct reading reading = {history, out->records + (size_t)i * history->name_count};
        struct database *database = keyspace_database(keyspace, i);
        uint64_t cursor = 0;
        do {
            cursor = database_scan(database, cursor, read_entry, &reading);
        } while (cursor != 0);
    }
}

/* What the data are from now on. */
static struct state *add_state(struct history *history)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity * 2 + 64;
        history->states =
            memory_resize(history->states, history->capacity * sizeof *history->states);
    }
    struct state *state = memory_allocate_zeroed(sizeof *state);
    state->turn = history->turn;
    state->until = UINT64_MAX;
    if (history->count > 0)
        history->states[history->count - 1]->until = history->turn;
    history->states[history->count++] = state;
    return state;
}

static void drop_last_state(struct history *history)
{
    memory_free(history->states[--history->count]);
    if (history->count > 0)
        history->states[history->count - 1]->until = UINT64_MAX;
}

/* --- turns --- */

struct history *history_create(const char *const *keys, size_t key_count)
{
    struct history *history = memory_allocate_zeroed(sizeof *history);
    history->keys = keys;
    history->name_count = key_count;
    history->key_count = key_count * HISTORY_DATABASES;
    ASSERT(history->key_count <= HISTORY_KEYS_MAX);
    (void)add_state(history); /* turn 0: nothing */
    history->turn = 1;
    return history;
}

void history_destroy(struct history *history)
{
    while (history->count > 0)
        drop_last_state(history);
    memory_free(history->states);
    memory_free(history);
}

uint64_t history_turn(const struct history *history)
{
    return history->turn;
}

static void note_change(struct history *history, size_t key, uint64_t turn)
{
    history->changes[key][1] = history->changes[key][0];
    history->changes[key][0] = turn;
}

/* Takes down what the data are, if they are not as before. */
static void take_down(struct history *history, struct keyspace *keyspace)
{
    const struct state *before = history->states[history->count - 1];
    struct state *now = add_state(history);
    int64_t now_ms = keyspace_time_ms(keyspace);
    read_state(history, keyspace, now);
    if (memcmp(before->records, now->records, sizeof now->records) == 0) {
        drop_last_state(history);
        return;
    }
    for (size_t i = 0; i < history->key_count; i++)
        if (!is_same(&before->records[i], &now->records[i], now_ms))
            note_change(history, i, history->turn);
}

void history_end_turn(struct history *history, struct keyspace *keyspace)
{
    take_down(history, keyspace);
    history->turn++;
}

void history_saved_in_turn(struct history *history, struct keyspace *keyspace)
{
    take_down(history, keyspace);
}

uint64_t history_last_change(const struct history *history, uint64_t keys, uint64_t turn)
{
    uint64_t last = 0;
    for (size_t i = 0; i < history->key_count; i++) {
        if ((keys >> i & 1) == 0)
            continue;
        const uint64_t *changes = history->changes[i];
        uint64_t change = changes[0] <= turn ? changes[0] : changes[1];
        if (change <= turn && change > last)
            last = change;
    }
    return last;
}

uint64_t history_change(const struct history *history, size_t key, uint64_t from, uint64_t nth)
{
    for (size_t i = 1; i < history->count; i++) {
        const struct state *before = history->states[i - 1], *state = history->states[i];
        bool changed = before->records[key].digest != state->records[key].digest;
        if (state->turn >= from && changed && --nth == 0)
            return state->turn;
    }
    return 0;
}

static int first_difference(const struct history *history, const struct state *a,
                            const struct state *b, int64_t now_ms)
{
    for (size_t i = 0; i < history->key_count; i++)
        if (!is_same(&a->records[i], &b->records[i], now_ms))
            return (int)i;
    return -1;
}

/* The last state that these data are and that no turn up to `needed` ended; SIZE_MAX: none. */
static size_t find(const struct history *history, const struct state *data, uint64_t needed,
                   int64_t now_ms)
{
    for (size_t i = history->count; i-- > 0;)
        if (history->states[i]->until > needed &&
            first_difference(history, history->states[i], data, now_ms) < 0)
            return i;
    return SIZE_MAX;
}

static void explain(const struct history *history, const struct state *data, uint64_t needed,
                    int64_t now_ms, char *why, size_t why_size)
{
    size_t old = find(history, data, 0, now_ms);
    bool was = old != SIZE_MAX;
    const struct state *beside = history->states[was ? old + 1 : history->count - 1];
    int key = first_difference(history, beside, data, now_ms);
    const char *name = key < 0 ? "none" : history->keys[(size_t)key % history->name_count];
    if (was)
        snprintf(why, why_size,
                 "what came back is the state before turn %llu (key %s), but turn %llu was relied "
                 "on",
                 (unsigned long long)beside->turn, name, (unsigned long long)needed);
    else
        snprintf(why, why_size, "what came back never was so (beside the last state: key %s)",
                 name);
}

bool history_recovered(struct history *history, struct keyspace *keyspace, uint64_t needed,
                       char *why, size_t why_size)
{
    struct state *data = memory_allocate_zeroed(sizeof *data);
    int64_t now_ms = keyspace_time_ms(keyspace);
    read_state(history, keyspace, data);
    bool good = find(history, data, needed, now_ms) != SIZE_MAX;
    if (!good)
        explain(history, data, needed, now_ms, why, why_size);
    memory_free(data);
    history_end_turn(history, keyspace); /* the recovery is a turn of its own */
    for (size_t i = 0; i < history->key_count; i++)
        if (history->states[history->count - 1]->records[i].pending > 0)
            world_meet(MET_PENDING);
    return good;
}

uint64_t history_digest(const struct history *history)
{
    const struct state *last = history->states[history->count - 1];
    return mix(7, slice_of((const char *)last->records, sizeof last->records));
}
