#include "history.h"

#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/hash.h"
#include "base/memory.h"
#include "keyspace/database.h"
#include "world.h"

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
            record_read(entry, &reading->records[i]);
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

/* What the data are from now on, to be filled. */
static struct state *add_state(struct history *history)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity * 2 + 64;
        history->states =
            memory_resize(history->states, history->capacity * sizeof *history->states);
    }
    struct state *state = memory_allocate(sizeof *state);
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
    struct state *first = add_state(history); /* turn 0: nothing */
    memset(first->records, 0, sizeof first->records);
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
        if (!record_is_same(&before->records[i], &now->records[i], now_ms))
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
        if (!record_is_same(&a->records[i], &b->records[i], now_ms))
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

const struct record *history_record(const struct history *history, size_t key, int database)
{
    return &history->states[history->count - 1]
                ->records[(size_t)database * history->name_count + key];
}

uint64_t history_digest(const struct history *history)
{
    static const struct hash_seed seed = {7, 0x5eed};
    const struct state *last = history->states[history->count - 1];
    return hash_bytes(&seed, last->records, sizeof last->records);
}
