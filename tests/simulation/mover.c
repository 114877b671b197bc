#include "mover.h"

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "commands.h"
#include "simulated_socket.h"
#include "simulated_worker.h"
#include "world.h"

#define SHARED 2 /* which of them others change */

static const char *const names[MOVER_KEYS] = {"g0", "g1", "g2"};

const char *mover_shared_key(void)
{
    return names[SHARED];
}

static struct mover_place *at(struct mover *mover, int key, int database)
{
    return &mover->places[key * HISTORY_DATABASES + database];
}

/* For history.h. */
static uint64_t bit(int key, int database)
{
    return UINT64_C(1) << (commands_key_index(names[key]) + (size_t)database * commands_key_count);
}

static const struct record *now(const struct mover *mover, const struct mover_place *place)
{
    return history_record(mover->history, place->index, place->database);
}

static void fail(struct mover *mover, const char *what, int key)
{
    if (mover->failure[0] == '\0')
        snprintf(mover->failure, CLAIMS_FAILURE_MAX,
                 "%s: %s (MIGRATE from database %d to %d%s%s, outcome %d)", names[key], what,
                 mover->from, mover->to, mover->copies ? ", COPY" : "",
                 mover->replaces ? ", REPLACE" : "", (int)mover->outcome);
}

/* --- what may be --- */

static bool is_as_known(const struct mover *mover, const struct mover_place *place, int64_t now_ms)
{
    return record_is_same(&place->known, now(mover, place), now_ms);
}

/* What MIGRATE has made of a key that nobody else changes. */
static bool may_be_moved(struct mover *mover, int key, int64_t now_ms)
{
    const struct mover_place *source = at(mover, key, mover->from),
                             *target = at(mover, key, mover->to);
    const struct record *here = now(mover, source), *there = now(mover, target);
    bool had_any = record_is_there(&source->known, now_ms),
         stays = is_as_known(mover, source, now_ms);
    bool is_unchanged = stays && is_as_known(mover, target, now_ms);
    bool has_arrived = had_any ? record_is_same(&source->known, there, now_ms)
                               : is_as_known(mover, target, now_ms) ||
                                     !record_is_there(there, now_ms); /* it has expired */
    bool has_moved = has_arrived && (mover->copies ? stays : !record_is_there(here, now_ms));
    bool is_here = mover->from == mover->to;
    bool is_busy = !mover->replaces && record_is_there(&target->known, now_ms);
    if (source->known.digest == 0 || mover->is_refused || is_busy || is_here)
        return is_unchanged && (mover->outcome != MOVER_OK || !had_any || is_here);
    switch (mover->outcome) {
    case MOVER_OK:
        return has_moved;
    case MOVER_NO_KEY:
        return is_unchanged && !had_any;
    default:
        return is_unchanged || has_moved || (has_arrived && stays);
    }
}

static void check(struct mover *mover, const char *what, int64_t now_ms)
{
    for (int i = 0; i < MOVER_PLACES; i++) {
        const struct mover_place *place = &mover->places[i];
        bool is_moved = mover->migrates && mover->keys[place->key];
        bool good = is_moved ? may_be_moved(mover, place->key, now_ms)
                             : place->is_written || is_as_known(mover, place, now_ms);
        if (place->key != SHARED && !good)
            fail(mover, what, place->key);
    }
}

/* Nothing is open any more: the data are what is known. */
static void settle(struct mover *mover)
{
    for (int i = 0; i < MOVER_PLACES; i++) {
        mover->places[i].known = *now(mover, &mover->places[i]);
        mover->places[i].is_written = false;
    }
    mover->migrates = mover->looks = false;
    mover->outcome = MOVER_UNKNOWN;
}

/* --- turns --- */

static void see(const struct mover *mover, struct mover_place *place)
{
    if (place->seen_count == MOVER_SEEN_MAX)
        place->seen_count--;
    place->seen[place->seen_count++] = *now(mover, place);
}

static bool was_seen(const struct mover_place *place, const struct record *record, int64_t now_ms)
{
    for (size_t i = 0; i < place->seen_count; i++)
        if (record_is_same(&place->seen[i], record, now_ms))
            return true;
    return false;
}

/* It may have been replaced by one that had expired on its way. */
static bool may_be_replaced(struct mover *mover, int key, int64_t now_ms)
{
    const struct record *source = &at(mover, key, mover->from)->known;
    return mover->replaces && source->digest != 0 && !record_is_there(source, now_ms);
}

static bool may_vanish(struct mover *mover, const struct mover_place *place, int64_t now_ms)
{
    if (!mover->migrates || !mover->keys[place->key] || mover->from == mover->to)
        return false;
    if (place->database == mover->to)
        return may_be_replaced(mover, place->key, now_ms);
    return !mover->copies && was_seen(at(mover, place->key, mover->to), &place->last, now_ms);
}

static bool is_as_before(const struct mover *mover, const struct mover_place *place)
{
    return memcmp(&place->last, now(mover, place), sizeof place->last) == 0;
}

void mover_note_turn(struct mover *mover, int64_t now_ms)
{
    for (int i = 0; i < MOVER_PLACES; i++)
        if (!is_as_before(mover, &mover->places[i]))
            see(mover, &mover->places[i]);
    for (int i = 0; i < MOVER_PLACES; i++) {
        struct mover_place *place = &mover->places[i];
        if (is_as_before(mover, place))
            continue;
        bool is_there = record_is_there(now(mover, place), now_ms);
        if (!is_there && record_is_there(&place->last, now_ms) && !may_vanish(mover, place, now_ms))
            fail(mover, "has vanished, and the other database never had the same", place->key);
        place->last = *now(mover, place);
    }
}

void mover_note_start(struct mover *mover, int64_t now_ms)
{
    if (mover->lasts)
        check(mover, "is not what it may be after a start", now_ms);
    settle(mover);
    for (int i = 0; i < MOVER_PLACES; i++)
        mover->places[i].last = mover->places[i].known;
}

/* --- steps --- */

static void send_quietly(struct client *client, struct buffer *bytes)
{
    client_send(client, bytes, &(struct sent){.effect = EFFECT_NONE});
}

static void send_last(struct client *client, struct buffer *bytes)
{
    client_send(client, bytes, &(struct sent){.effect = EFFECT_NONE, .moves = true});
}

/* What the answers of this tell is durable, and so are the keys. */
static void send_look(struct mover *mover, struct client *client, struct buffer *bytes)
{
    mover->looks = true;
    for (int database = HISTORY_DATABASES - 1; database >= 0; database--) {
        commands_add(bytes, "SELECT %d", database);
        send_quietly(client, bytes);
        commands_add(bytes, "EXISTS %s %s %s", names[0], names[1], names[2]);
        if (database > 0)
            send_quietly(client, bytes);
        else
            send_last(client, bytes);
    }
}

static void send_write(struct mover *mover, struct client *client, struct buffer *bytes)
{
    int key = (int)world_below(MOVER_KEYS);
    int database = key == SHARED ? 0 : (int)world_below(HISTORY_DATABASES);
    unsigned long long number = client_next_number(client);
    at(mover, key, database)->is_written = true;
    commands_add(bytes, "SELECT %d", database);
    send_quietly(client, bytes);
    if (!mover->deadlines || key == SHARED || world_chance(3))
        commands_add(bytes, "SET %s %llu", names[key], number);
    else if (world_chance(2))
        commands_add(bytes, "SET %s %llu PX %d", names[key], number,
                     1 + (int)world_below(world_chance(2) ? 60 : 30000));
    else
        (void)commands_copy(bytes, names[key]);
    send_last(client, bytes);
}

/* False: there is nothing to be moved, and nothing is chosen. */
static bool choose_keys(struct mover *mover)
{
    int only = (int)world_below(MOVER_KEYS);
    bool any_key = world_chance(10), has_any = false;
    mover->from = (int)world_below(HISTORY_DATABASES);
    mover->to = world_chance(12) ? mover->from : 1 - mover->from;
    for (int key = 0; key < MOVER_KEYS; key++) {
        bool can_be = key != SHARED || mover->from == 0;
        bool is_there =
            any_key || record_is_there(&at(mover, key, mover->from)->known, world.now_us / 1000);
        mover->keys[key] = can_be && is_there && (key == only || world_chance(2));
        has_any = has_any || mover->keys[key];
    }
    return has_any;
}

/* A refusal of everything: nobody listens there, no such database, no such password. */
static const char *refused_words(bool refused, const char **port, int *database)
{
    uint64_t kind = refused ? 1 + world_below(3) : 0;
    *port = kind == 1 ? "1" : "6379";
    *database = kind == 2 ? 99 : *database;
    return kind == 3 ? " AUTH no" : "";
}

static void send_migrate(struct mover *mover, struct client *client, struct buffer *bytes)
{
    static const int timeouts_ms[] = {2, 10, 60, 200, 0};
    const char *port, *single = "";
    char keys[40] = "";
    int database = mover->to;
    const char *words = refused_words(mover->is_refused, &port, &database);
    size_t length = 0, count = 0;
    for (int key = 0; key < MOVER_KEYS; key++) {
        if (!mover->keys[key])
            continue;
        single = names[key];
        count++;
        length += (size_t)snprintf(keys + length, sizeof keys - length, " %s", names[key]);
    }
    bool is_single = count == 1 && world_chance(2);
    commands_add(bytes, "SELECT %d", mover->from);
    send_quietly(client, bytes);
    commands_add(bytes, "MIGRATE 127.0.0.1 %s %s %d %d%s%s%s%s%s", port, is_single ? single : "",
                 database, timeouts_ms[world_below(sizeof timeouts_ms / sizeof timeouts_ms[0])],
                 mover->copies ? " COPY" : "", mover->replaces ? " REPLACE" : "", words,
                 is_single ? "" : " KEYS", is_single ? "" : keys);
    send_last(client, bytes);
}

static void begin_migration(struct mover *mover, struct client *client, struct buffer *bytes)
{
    mover->migrates = true;
    mover->outcome = MOVER_UNKNOWN;
    mover->copies = world_chance(4);
    mover->replaces = world_chance(2);
    mover->is_refused = world_chance(10);
    for (int i = 0; i < MOVER_PLACES; i++) {
        mover->places[i].seen_count = 0;
        see(mover, &mover->places[i]);
    }
    if (mover->keys[SHARED] && world_chance(2)) {
        commands_add(bytes, "SELECT 0");
        send_quietly(client, bytes);
        commands_add(bytes, "SET %s %llu", names[SHARED],
                     (unsigned long long)client_next_number(client));
        client_send(client, bytes, &(struct sent){.effect = EFFECT_WRITES, .keys = bit(SHARED, 0)});
    }
    send_migrate(mover, client, bytes);
}

static bool has_open_step(const struct mover *mover)
{
    bool is_open = mover->migrates;
    for (int i = 0; i < MOVER_PLACES; i++)
        is_open = is_open || mover->places[i].is_written;
    return is_open;
}

void mover_send(struct mover *mover, struct client *client, struct buffer *bytes)
{
    /* What a transfer has sent, or a client that went, may be carried out later. */
    if (client->sent_count > 0 || !simulated_socket_is_settled() ||
        !simulated_worker_all_are_idle())
        return;
    if (has_open_step(mover))
        send_look(mover, client, bytes);
    else if (!world_chance(4) && choose_keys(mover))
        begin_migration(mover, client, bytes);
    else
        send_write(mover, client, bytes);
}

uint64_t mover_shows(const struct mover *mover, struct slice bytes, uint64_t turn)
{
    uint64_t keys = 0;
    char request[40];
    for (int key = 0; key < MOVER_KEYS; key++) {
        int length = snprintf(request, sizeof request, "RESTORE\r\n$2\r\n%s\r\n", names[key]);
        if (mover->migrates && memmem(bytes.data, bytes.length, request, (size_t)length) != NULL)
            keys |= bit(key, mover->from);
    }
    return history_last_change(mover->history, keys, turn);
}

/* --- replies --- */

static void hear_outcome(struct mover *mover, const redisReply *reply)
{
    const char *text = reply->str != NULL ? reply->str : "";
    if (strcmp(text, "OK") == 0) {
        mover->outcome = MOVER_OK;
        world_meet(MET_MIGRATED);
    } else if (strcmp(text, "NOKEY") == 0) {
        mover->outcome = MOVER_NO_KEY;
        world_meet(MET_NO_KEY);
    } else if (strstr(text, "Target instance") != NULL) {
        mover->outcome = MOVER_TARGET_ERROR;
        world_meet(MET_TARGET_ERROR);
    } else if (strstr(text, "changed on their way") != NULL) {
        mover->outcome = MOVER_TARGET_ERROR;
        world_meet(MET_MOVE_RIVAL);
    } else if (strncmp(text, "IOERR", 5) == 0) {
        mover->outcome = MOVER_NOT_REACHED;
        world_meet(MET_MOVE_FAILED);
    }
}

void mover_heard(struct mover *mover, const redisReply *reply, int64_t now_ms)
{
    if (mover->looks) {
        mover->looks = false;
        if (reply->type == REDIS_REPLY_ERROR)
            return;
        check(mover, "is not what it may be", now_ms);
        settle(mover);
    } else if (mover->migrates) {
        hear_outcome(mover, reply);
    } else {
        settle(mover);
    }
}

void mover_lost(struct mover *mover)
{
    mover->looks = false;
}

void mover_init(struct mover *mover, const struct history *history, char *failure)
{
    *mover = (struct mover){.history = history, .failure = failure};
    for (int i = 0; i < MOVER_PLACES; i++) {
        mover->places[i].key = i / HISTORY_DATABASES;
        mover->places[i].database = i % HISTORY_DATABASES;
        mover->places[i].index = commands_key_index(names[i / HISTORY_DATABASES]);
    }
}
