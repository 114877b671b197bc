#include "cache.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "keyspace/database.h"
#include "keyspace/entry.h"
#include "keyspace/keyspace.h"
#include "values/list.h"
#include "world.h"

static const char *const names[CACHE_KEYS] = {"r0", "r1", "q"};

void cache_deinit(struct cache *cache)
{
    buffer_deinit(&cache->header);
}

const char *cache_key(int key)
{
    return names[key];
}

const char *cache_switch(enum cache_mode mode)
{
    static const char *const lines[CACHE_MODES] = {
        [CACHE_DEFAULT] = "CLIENT TRACKING ON",
        [CACHE_NO_LOOP] = "CLIENT TRACKING ON NOLOOP",
        [CACHE_OPT_IN] = "CLIENT TRACKING ON OPTIN",
        [CACHE_BROADCAST] = "CLIENT TRACKING ON BCAST PREFIX r PREFIX q",
    };
    return lines[mode];
}

/* --- RESP3 as RESP2 --- */

static void translate_header(struct cache *cache, struct buffer *out)
{
    const char *text = cache->header.data;
    long long number = strtoll(text + 1, NULL, 10);
    switch (text[0]) {
    case '$':
    case '=':
        cache->bulk_left = number >= 0 ? (size_t)number + 2 : 0;
        buffer_add_format(out, "$%lld\r\n", number);
        break;
    case '%':
        buffer_add_format(out, "*%lld\r\n", 2 * number);
        break;
    case '>':
    case '~':
        buffer_add_format(out, "*%lld\r\n", number);
        break;
    case '_':
        buffer_add_string(out, "$-1\r\n");
        break;
    default:
        buffer_add(out, cache->header.data, cache->header.length - 1);
    }
}

void cache_translate(struct cache *cache, struct slice bytes, struct buffer *out)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (cache->bulk_left > 0) {
            cache->bulk_left--;
            buffer_add(out, bytes.data + i, 1);
            continue;
        }
        buffer_add(&cache->header, bytes.data + i, 1);
        if (bytes.data[i] != '\n')
            continue;
        buffer_add(&cache->header, "", 1);
        translate_header(cache, out);
        buffer_clear(&cache->header);
    }
}

/* --- messages --- */

bool cache_is_message(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(reply->element[0]->str, "invalidate") == 0;
}

static uint64_t told_of(struct cache *cache, const struct history *history, int key)
{
    size_t index = commands_key_index(names[key]);
    bool was_known = cache->keys[key].known;
    cache->keys[key].known = cache->keys[key].owed = false;
    if (cache->mode == CACHE_BROADCAST) {
        world_meet(MET_BROADCAST);
        return history_change(history, index, cache->since, ++cache->keys[key].told);
    }
    world_meet(MET_INVALIDATION);
    return was_known ? history_change(history, index, cache->keys[key].turn, 1) : 0;
}

uint64_t cache_told(struct cache *cache, const struct history *history, const redisReply *message)
{
    const redisReply *changed = message->element[1];
    uint64_t turn = 0;
    for (int key = 0; key < CACHE_KEYS; key++) {
        if (changed->type != REDIS_REPLY_ARRAY)
            cache->keys[key].known = cache->keys[key].owed = false; /* everything went */
        for (size_t i = 0; i < changed->elements; i++) {
            uint64_t of_key = strcmp(changed->element[i]->str, names[key]) == 0
                                  ? told_of(cache, history, key)
                                  : 0;
            turn = of_key > turn ? of_key : turn;
        }
    }
    return turn;
}

/* --- values --- */

void cache_read(struct cache *cache, int key, int64_t value, uint64_t turn, bool keeps)
{
    /* With CACHE_BROADCAST messages come behind the turn. */
    cache->keys[key].owed =
        cache->keys[key].known && cache->keys[key].value != value && cache->mode != CACHE_BROADCAST;
    if (keeps || cache->keys[key].known) {
        cache->keys[key].known = true;
        cache->keys[key].value = value;
        cache->keys[key].turn = turn;
    }
}

bool cache_is_paid(const struct cache *cache, int *key)
{
    for (*key = 0; *key < CACHE_KEYS; ++*key)
        if (cache->keys[*key].owed)
            return false;
    return true;
}

static int64_t value_now(struct keyspace *keyspace, int key)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice name = slice_of_string(names[key]);
    struct key found = {name, keyspace_hash(keyspace, name)};
    struct entry *entry = database_find(keyspace_database(keyspace, 0), &found);
    int64_t value = 0;
    if (entry == NULL)
        return 0;
    if (entry->type == TYPE_LIST)
        return (int64_t)list_value_length(entry_collection(entry));
    return number_parse_int64(entry_string(entry, scratch), &value) ? value : -1;
}

bool cache_check(const struct cache *cache, struct keyspace *keyspace, int *key)
{
    for (int i = 0; i < CACHE_KEYS; i++) {
        if (!cache->keys[i].known)
            continue;
        world_meet(MET_CACHE_COMPARED);
        *key = i;
        if (value_now(keyspace, i) != cache->keys[i].value)
            return false;
    }
    return true;
}
