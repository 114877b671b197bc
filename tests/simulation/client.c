#include "client.h"

#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/log.h"
#include "operator.h"
#include "simulated_socket.h"
#include "world.h"

#define BATCH_MAX 4
#define LEAVES_ONE_IN 150
#define TRANSACTION_MAX 4 /* commands */

void client_init(struct client *client, struct clients *shared, enum client_kind kind)
{
    *client = (struct client){
        .shared = shared, .kind = kind, .socket = -1, .watched = -1, .reader = redisReaderCreate()};
}

void client_deinit(struct client *client)
{
    if (client->socket >= 0)
        client_hang_up(client);
    redisReaderFree(client->reader);
}

void client_hang_up(struct client *client)
{
    for (size_t i = 0; i < client->sent_count; i++)
        claims_lost(client->shared->claims, &client->sent[i].call);
    if (client->kind == CLIENT_MONITORS)
        claims_monitored(client->shared->claims, NULL);
    if (client->kind == CLIENT_MIGRATES)
        mover_lost(client->shared->mover);
    simulated_socket_leave(client->socket);
    redisReaderFree(client->reader);
    cache_deinit(&client->cache);
    client_init(client, client->shared, client->kind);
}

/* --- sending --- */

void client_send(struct client *client, struct buffer *bytes, const struct sent *sent)
{
    ASSERT(client->sent_count < CLIENT_PIPELINE_MAX);
    log_line(LOG_DEBUG, "%d sends %.*s", client->socket, (int)bytes->length, bytes->data);
    simulated_socket_write(client->socket, buffer_slice(bytes));
    client->written += bytes->length;
    client->sent[client->sent_count] = *sent;
    client->sent[client->sent_count++].end = client->written;
    buffer_clear(bytes);
}

uint64_t client_next_number(struct client *client)
{
    return ++client->shared->numbers;
}

static uint64_t key_bit(const char *name)
{
    return UINT64_C(1) << commands_key_index(name);
}

static void send_random(struct client *client, struct buffer *bytes)
{
    struct command_line line = client->kind == CLIENT_BLOCKS && world_chance(2)
                                   ? commands_random_blocking(bytes)
                               : client->shared->large && world_chance(8)
                                   ? commands_large(bytes, client_next_number(client))
                                   : commands_random(bytes, client_next_number(client), 0);
    client_send(client, bytes,
                &(struct sent){.effect = line.effect,
                               .keys = line.keys,
                               .waits_for_sync = line.waits_for_sync});
}

/* An entry, a group, and somebody who has read the one for the other. */
static void send_group(struct client *client, struct buffer *bytes)
{
    const char *key = world_chance(2) ? "x0" : "x1";
    struct sent sent = {.effect = EFFECT_READS, .keys = key_bit(key)};
    unsigned long long number = client_next_number(client);
    commands_add(bytes, "XADD %s 1-%llu f %llu", key, number, number);
    client_send(client, bytes, &sent);
    commands_add(bytes, "XGROUP CREATE %s g 0", key);
    client_send(client, bytes, &sent);
    commands_add(bytes, "XREADGROUP GROUP g c%d COUNT 2 STREAMS %s >", (int)world_below(6), key);
    client_send(client, bytes, &sent);
}

/* A value goes out, and comes in again somewhere. */
static void send_dump(struct client *client, struct buffer *bytes)
{
    const struct buffer *dump = &client->shared->dump;
    bool restores = dump->length > 0 && !world_chance(3);
    struct command_line line =
        restores ? commands_restore(bytes, buffer_slice(dump)) : commands_dump(bytes);
    client_send(
        client, bytes,
        &(struct sent){
            .effect = line.effect, .keys = line.keys, .dumps = !restores, .restores = restores});
}

/* SELECT 1, a command, sometimes FLUSHDB, SELECT 0. */
static void send_to_other_database(struct client *client, struct buffer *bytes)
{
    struct sent none = {.effect = EFFECT_NONE};
    commands_add(bytes, "SELECT 1");
    client_send(client, bytes, &none);
    if (world_chance(8) && client->shared->mover == NULL) {
        commands_add(bytes, "FLUSHDB %s", world_chance(2) ? "ASYNC" : "SYNC");
        client_send(client, bytes, &none);
    }
    struct command_line line = commands_random(bytes, client_next_number(client), 1);
    client_send(client, bytes, &(struct sent){.effect = line.effect, .keys = line.keys});
    commands_add(bytes, "SELECT 0");
    client_send(client, bytes, &none);
}

/* MULTI, some commands, EXEC: the last reply stands for all. */
static void send_transaction(struct client *client, struct buffer *bytes)
{
    struct sent none = {.effect = EFFECT_NONE}, exec = {.effect = EFFECT_READS};
    size_t count = 1 + (size_t)world_below(TRANSACTION_MAX);
    commands_add(bytes, "MULTI");
    client_send(client, bytes, &none);
    for (size_t i = 0; i < count; i++) {
        struct command_line line = commands_random(bytes, client_next_number(client), 0);
        exec.keys |= line.effect == EFFECT_NONE ? 0 : line.keys;
        if (line.effect == EFFECT_WRITES)
            exec.effect = EFFECT_MAY_WRITE; /* of its replies one is for sure no error */
        client_send(client, bytes, &none);
    }
    if (exec.effect == EFFECT_MAY_WRITE && count > 1)
        exec.effect = EFFECT_READS;
    bool discards = world_chance(10);
    commands_add(bytes, discards ? "DISCARD" : "EXEC");
    client_send(client, bytes, discards ? &none : &exec);
}

/* The lines of a transaction that makes a claim. */
static void send_claimed(struct client *client, struct buffer *bytes, const char *first,
                         const char *second, struct sent *exec)
{
    struct sent none = {.effect = EFFECT_NONE};
    commands_add(bytes, "MULTI");
    client_send(client, bytes, &none);
    commands_add(bytes, "%s", first);
    client_send(client, bytes, &none);
    if (second != NULL) {
        commands_add(bytes, "%s", second);
        client_send(client, bytes, &none);
    }
    commands_add(bytes, "EXEC");
    client_send(client, bytes, exec);
}

static void send_pair(struct client *client, struct buffer *bytes, struct sent *sent)
{
    char first[40], second[40];
    const char *one = "SET m0 %lld", *other = "SET m1 %lld";
    if (sent->call.claim == CLAIM_ANNOUNCE) {
        one = "RPUSH q %lld";
        other = "PUBLISH news %lld";
    }
    snprintf(first, sizeof first, one, (long long)sent->call.value);
    snprintf(second, sizeof second, other, (long long)sent->call.value);
    sent->keys = sent->call.claim == CLAIM_PAIR ? key_bit("m0") | key_bit("m1") : key_bit("q");
    sent->effect = EFFECT_MAY_WRITE;
    send_claimed(client, bytes, first, second, sent);
}

static void send_simple_claim(struct client *client, struct buffer *bytes, struct sent *sent)
{
    static const struct {
        const char *line, *key;
        enum effect effect;
    } lines[] = {
        [CLAIM_SET] = {NULL, NULL, EFFECT_WRITES},
        [CLAIM_GET] = {NULL, NULL, EFFECT_READS},
        [CLAIM_PUSH] = {NULL, "q", EFFECT_WRITES},
        [CLAIM_RANGE] = {"LRANGE q 0 -1", "q", EFFECT_READS},
        [CLAIM_PAIR_READ] = {"MGET m0 m1", "m0", EFFECT_READS},
        [CLAIM_COUNT] = {"INCR n", "n", EFFECT_WRITES},
        [CLAIM_WATCHED_READ] = {"GET w", "w", EFFECT_READS},
        [CLAIM_PUT] = {NULL, "b", EFFECT_WRITES},
        [CLAIM_TAKE] = {"LPOP b", "b", EFFECT_MAY_WRITE},
        [CLAIM_TAKE_WAITING] = {"BLPOP b 0.1", "b", EFFECT_MAY_WRITE},
    };
    enum claim claim = sent->call.claim;
    char key[] = "r0", line[60];
    key[1] = (char)('0' + sent->call.reg);
    bool of_register = claim == CLAIM_SET || claim == CLAIM_GET;
    bool has_value = claim == CLAIM_SET || claim == CLAIM_PUSH || claim == CLAIM_PUT;
    const char *name = of_register ? key : lines[claim].key;
    sent->keys = key_bit(name);
    sent->effect = lines[claim].effect;
    if (has_value)
        snprintf(line, sizeof line, "%s %s %lld", claim == CLAIM_SET ? "SET" : "RPUSH", name,
                 (long long)sent->call.value);
    else if (claim == CLAIM_GET)
        snprintf(line, sizeof line, "GET %s", name);
    else
        snprintf(line, sizeof line, "%s", lines[claim].line);
    commands_add(bytes, "%s", line);
    client_send(client, bytes, sent);
}

static void send_claim(struct client *client, struct buffer *bytes)
{
    static const enum claim claims[] = {
        CLAIM_SET,   CLAIM_GET,  CLAIM_SET,         CLAIM_GET,   CLAIM_PUSH,
        CLAIM_RANGE, CLAIM_PAIR, CLAIM_PAIR_READ,   CLAIM_COUNT, CLAIM_ANNOUNCE,
        CLAIM_PUT,   CLAIM_TAKE, CLAIM_TAKE_WAITING};
    struct sent sent = {.call = {.claim = claims[world_below(sizeof claims / sizeof claims[0])]}};
    sent.call.reg = (int)world_below(CLAIMS_REGISTERS);
    sent.call.value = (int64_t)client_next_number(client);
    if (!claims_call(client->shared->claims, &sent.call))
        return;
    if (sent.call.claim == CLAIM_PAIR || sent.call.claim == CLAIM_ANNOUNCE)
        send_pair(client, bytes, &sent);
    else
        send_simple_claim(client, bytes, &sent);
}

/* While it may be on its way. */
static void send_rival(struct client *client, struct buffer *bytes)
{
    commands_add(bytes, "SET %s %llu", mover_shared_key(),
                 (unsigned long long)client_next_number(client));
    client_send(client, bytes, &(struct sent){.effect = EFFECT_NONE});
}

/* Counts w up: first it looks, under WATCH, then it writes. */
static void send_watched(struct client *client, struct buffer *bytes)
{
    struct sent sent = {.call = {.claim = CLAIM_WATCHED_READ}, .keys = key_bit("w")};
    if (client->sent_count > 0)
        return;
    if (client->watched < 0) {
        commands_add(bytes, "WATCH w");
        client_send(client, bytes, &(struct sent){.effect = EFFECT_NONE});
        (void)claims_call(client->shared->claims, &sent.call);
        send_simple_claim(client, bytes, &sent);
        return;
    }
    char line[40];
    snprintf(line, sizeof line, "SET w %lld", (long long)client->watched + 1);
    sent.call.claim = CLAIM_WATCHED_WRITE;
    sent.effect = EFFECT_MAY_WRITE;
    (void)claims_call(client->shared->claims, &sent.call);
    send_claimed(client, bytes, line, NULL, &sent);
    client->watched = -1;
}

static void send_listening(struct client *client, struct buffer *bytes)
{
    commands_add(bytes,
                 client->kind == CLIENT_MONITORS ? "MONITOR" : "SUBSCRIBE news __keyspace@0__:q");
    client_send(client, bytes, &(struct sent){.effect = EFFECT_NONE});
    client->subscribed = true;
    client->sent_count = 0; /* its replies are like messages */
}

/* Reads what it will keep; first it asks to be told. */
static void send_cached(struct client *client, struct buffer *bytes)
{
    struct cache *cache = &client->cache;
    struct sent none = {.effect = EFFECT_NONE}, sent = {.effect = EFFECT_READS};
    if (cache->mode == CACHE_OFF && client->sent_count > 0)
        return;
    if (cache->mode == CACHE_OFF) {
        enum cache_mode mode = (enum cache_mode)(1 + world_below(CACHE_MODES - 1));
        commands_add(bytes, "HELLO 3");
        client_send(client, bytes, &none);
        commands_add(bytes, "%s", cache_switch(mode));
        client_send(client, bytes, &(struct sent){.tracks = mode});
        return;
    }
    sent.reads_cached = true;
    sent.cached_key = (int)world_below(CACHE_KEYS);
    sent.keys = key_bit(cache_key(sent.cached_key));
    sent.keeps = cache->mode != CACHE_OPT_IN || world_chance(2);
    if (sent.keeps && cache->mode == CACHE_OPT_IN) {
        commands_add(bytes, "CLIENT CACHING YES");
        client_send(client, bytes, &none);
    }
    commands_add(bytes, "%s %s", sent.cached_key == CACHE_KEYS - 1 ? "LLEN" : "GET",
                 cache_key(sent.cached_key));
    client_send(client, bytes, &sent);
}

static bool connect_client(struct client *client)
{
    client->socket = simulated_socket_connect();
    return client->socket >= 0;
}

bool client_act(struct client *client)
{
    if (client->socket < 0)
        return connect_client(client);
    if (world_chance(LEAVES_ONE_IN)) {
        client_hang_up(client);
        return true;
    }
    struct buffer bytes = {0};
    size_t before = client->sent_count;
    bool listens = client->kind == CLIENT_SUBSCRIBES || client->kind == CLIENT_MONITORS;
    if (listens && !client->subscribed)
        send_listening(client, &bytes);
    bool operates = client->kind == CLIENT_OPERATES && client->shared->operates && !world_chance(4);
    if (operates)
        operator_send(client, &bytes);
    size_t batch = listens || operates ? 0 : 1 + (size_t)world_below(BATCH_MAX);
    for (; batch > 0 && client->sent_count + TRANSACTION_MAX + 2 < CLIENT_PIPELINE_MAX; batch--) {
        if (client->kind == CLIENT_CACHES)
            send_cached(client, &bytes);
        else if (client->kind == CLIENT_MIGRATES)
            mover_send(client->shared->mover, client, &bytes);
        else if (client->kind == CLIENT_CLAIMS && client->shared->mover != NULL && world_chance(8))
            send_rival(client, &bytes);
        else if (client->kind == CLIENT_CLAIMS)
            send_claim(client, &bytes);
        else if (client->kind == CLIENT_WATCHES)
            send_watched(client, &bytes);
        else if (world_chance(8))
            send_transaction(client, &bytes);
        else if (world_chance(10))
            send_to_other_database(client, &bytes);
        else if (world_chance(8))
            send_dump(client, &bytes);
        else if (world_chance(16))
            send_group(client, &bytes);
        else
            send_random(client, &bytes);
    }
    buffer_deinit(&bytes);
    return client->sent_count > before;
}

void client_ask_at_the_end(struct client *client)
{
    static const enum claim claims[] = {CLAIM_RANGE, CLAIM_PAIR_READ, CLAIM_WATCHED_READ, CLAIM_GET,
                                        CLAIM_GET};
    struct buffer bytes = {0};
    if ((client->socket < 0 && !connect_client(client)) || client->sent_count > BATCH_MAX)
        return;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct sent sent = {.call = {.claim = claims[i], .reg = (int)(i % CLAIMS_REGISTERS)}};
        if (claims_call(client->shared->claims, &sent.call))
            send_simple_claim(client, &bytes, &sent);
    }
    buffer_deinit(&bytes);
}

/* --- hearing --- */

static bool wrote(const struct sent *sent, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR || sent->effect == EFFECT_NONE)
        return false;
    if (sent->effect == EFFECT_WRITES)
        return true;
    if (sent->effect != EFFECT_MAY_WRITE)
        return false;
    if (reply->type == REDIS_REPLY_ARRAY) {
        bool good = reply->elements > 0;
        for (size_t i = 0; i < reply->elements; i++)
            good = good && reply->element[i]->type != REDIS_REPLY_ERROR;
        return good;
    }
    return reply->type == REDIS_REPLY_INTEGER ? reply->integer > 0 : reply->type != REDIS_REPLY_NIL;
}

/* Which turn must last because of this reply? A write's own. A read saw what the turns before it
 * had changed (its own turn may have gone on behind it). */
static uint64_t turn_needed(const struct client *client, const struct sent *sent,
                            const redisReply *reply)
{
    if (sent->turn == 0 || sent->effect == EFFECT_NONE || reply->type == REDIS_REPLY_ERROR)
        return 0;
    if (wrote(sent, reply))
        return sent->turn;
    return history_last_change(client->shared->history, sent->keys, sent->turn - 1);
}

static void raise_to(uint64_t *floor, uint64_t turn)
{
    if (turn > *floor)
        *floor = turn;
}

/* The client believes what it is told, as far as a promise stands behind it. */
static void rely(struct client *client, const struct sent *sent, const redisReply *reply)
{
    struct clients *shared = client->shared;
    uint64_t turn = turn_needed(client, sent, reply);
    bool has_written = wrote(sent, reply);
    if (sent->turn > client->promise.durable_since)
        raise_to(&shared->needed, turn);
    if (has_written && sent->turn > client->promise.logged_since)
        raise_to(&shared->logged, turn);
    if (has_written)
        raise_to(&client->last_write, turn);
    if (sent->waits_for_sync && reply->type == REDIS_REPLY_ARRAY && reply->element[0]->integer > 0)
        raise_to(&shared->needed, client->last_write);
    if (sent->saves && reply->type == REDIS_REPLY_STATUS && sent->turn > 0)
        raise_to(&shared->saved, sent->turn - 1);
}

/* What a message tells of must last, as what a read shows. */
static void hear_of_change(struct client *client, const redisReply *message)
{
    uint64_t turn = cache_told(&client->cache, client->shared->history, message);
    if (turn > client->promise.durable_since)
        raise_to(&client->shared->needed, turn);
}

static void hear_cached(struct client *client, const struct sent *sent, const redisReply *reply)
{
    int64_t value =
        reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : reply->integer;
    struct cache *cache = &client->cache;
    char *failure = client->shared->claims->failure;
    int key;
    if (!cache_is_paid(cache, &key) && !client->shared->swapped && failure[0] == '\0')
        snprintf(failure, CLAIMS_FAILURE_MAX, "%s: changed, and who kept it was not told",
                 cache_key(key));
    if (reply->type == REDIS_REPLY_ERROR)
        return;
    if (sent->tracks != CACHE_OFF) {
        cache->mode = sent->tracks;
        cache->since = sent->turn;
    } else if (sent->reads_cached) {
        cache_read(cache, sent->cached_key, value, sent->turn, sent->keeps);
    }
}

static void hear_reply(struct client *client, const redisReply *reply)
{
    struct clients *shared = client->shared;
    if (client->kind == CLIENT_SUBSCRIBES) {
        claims_message(shared->claims, reply);
        return;
    }
    if (client->kind == CLIENT_MONITORS) {
        claims_monitored(shared->claims, reply->str);
        return;
    }
    if (client->kind == CLIENT_CACHES && cache_is_message(reply)) {
        hear_of_change(client, reply);
        return;
    }
    ASSERT(client->sent_count > 0);
    struct sent sent = client->sent[0];
    memmove(client->sent, client->sent + 1, --client->sent_count * sizeof sent);
    shared->replies++;
    shared->errors += reply->type == REDIS_REPLY_ERROR;
    log_line(LOG_DEBUG, "%d hears type %d, %lld %s", client->socket, reply->type, reply->integer,
             reply->str != NULL ? reply->str : "");
    rely(client, &sent, reply);
    claims_return(shared->claims, &sent.call, reply);
    if (client->kind == CLIENT_CACHES)
        hear_cached(client, &sent, reply);
    if (sent.dumps && reply->type == REDIS_REPLY_STRING) {
        buffer_clear(&shared->dump);
        buffer_add(&shared->dump, reply->str, (size_t)reply->len);
    }
    if (sent.restores && reply->type == REDIS_REPLY_STATUS)
        world_meet(MET_RESTORE);
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MISCONF", 7) == 0)
        world_meet(MET_FULL);
    if (sent.moves)
        mover_heard(shared->mover, reply, world.now_us / 1000);
    if (sent.kills && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0)
        world_meet(MET_KILL);
    if (sent.call.claim == CLAIM_WATCHED_READ && client->kind == CLIENT_WATCHES &&
        reply->type != REDIS_REPLY_ERROR)
        client->watched = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

static void hear_bytes(struct client *client, struct slice bytes)
{
    struct buffer translated = {0};
    if (client->kind == CLIENT_CACHES) {
        cache_translate(&client->cache, bytes, &translated);
        bytes = buffer_slice(&translated);
    }
    if (bytes.length > 0)
        redisReaderFeed(client->reader, bytes.data, bytes.length);
    buffer_deinit(&translated);
    void *reply = NULL;
    while (redisReaderGetReply(client->reader, &reply) == REDIS_OK && reply != NULL) {
        hear_reply(client, reply);
        freeReplyObject(reply);
    }
    ASSERT(client->reader->err == 0);
}

bool client_hear(struct client *client)
{
    bool open, more, heard = false;
    if (client->socket < 0)
        return false;
    do {
        struct buffer bytes = {0};
        open = simulated_socket_read(client->socket, &bytes, &client->promise);
        more = bytes.length > 0;
        heard = heard || more;
        hear_bytes(client, buffer_slice(&bytes));
        buffer_deinit(&bytes);
    } while (more);
    if (!open) {
        client_hang_up(client);
        return true;
    }
    return heard;
}

void client_note_turn(struct client *client)
{
    uint64_t taken = client->socket < 0 ? 0 : simulated_socket_taken(client->socket);
    for (size_t i = 0; i < client->sent_count; i++)
        if (client->sent[i].turn == 0 && client->sent[i].end <= taken)
            client->sent[i].turn = history_turn(client->shared->history);
}
