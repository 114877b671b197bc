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

#define FOR_EACH_KEY(key) for (int key = 0; key < MOVER_KEYS; key++)
#define FOR_EACH_PLACE(key, database)                                                              \
    FOR_EACH_KEY (key)                                                                             \
        for (int database = 0; database < HISTORY_DATABASES; database++)

const char *mover_shared_key(void)
{
    return names[SHARED];
}

static const struct record *now(const struct mover *mover, int key, int database)
{
    return history_record(mover->history, commands_key_index(names[key]), database);
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

/* What MIGRATE has made of a key that nobody else changes. */
static bool may_be_moved(const struct mover *mover, int key, int64_t now_ms)
{
    const struct record *source = &mover->known[key][mover->from];
    const struct record *target = &mover->known[key][mover->to];
    const struct record *here = now(mover, key, mover->from), *there = now(mover, key, mover->to);
    bool had_any = record_is_there(source, now_ms), had_some = source->digest != 0;
    bool stays = record_is_same(source, here, now_ms);
    bool is_unchanged = stays && record_is_same(target, there, now_ms);
    bool has_arrived = had_any ? record_is_same(source, there, now_ms)
                               : record_is_same(target, there, now_ms) ||
                                     !record_is_there(there, now_ms); /* it has expired */
    bool has_moved = has_arrived && (mover->copies ? stays : !record_is_there(here, now_ms));
    bool is_busy = !mover->replaces && record_is_there(target, now_ms);
    if (!had_some || mover->is_refused || is_busy || mover->from == mover->to)
        return is_unchanged && (mover->outcome != MOVER_OK || !had_any || mover->from == mover->to);
    switch (mover->outcome) {
    case MOVER_OK:
        return has_moved;
    case MOVER_NO_KEY:
        return is_unchanged && !had_any;
    default:
        return is_unchanged || has_moved || (has_arrived && stays);
    }
}

static bool may_be(const struct mover *mover, int key, int64_t now_ms)
{
    if (mover->migrates && mover->keys[key])
        return may_be_moved(mover, key, now_ms);
    for (int database = 0; database < HISTORY_DATABASES; database++)
        if (!mover->is_written[key][database] &&
            !record_is_same(&mover->known[key][database], now(mover, key, database), now_ms))
            return false;
    return true;
}

/* Nothing is open any more: the data are what is known. */
static void settle(struct mover *mover)
{
    FOR_EACH_PLACE (key, database) {
        mover->known[key][database] = *now(mover, key, database);
        mover->is_written[key][database] = false;
    }
    mover->migrates = mover->looks = false;
    mover->outcome = MOVER_UNKNOWN;
}

static void check(struct mover *mover, const char *when, int64_t now_ms)
{
    FOR_EACH_KEY (key)
        if (key != SHARED && !may_be(mover, key, now_ms))
            fail(mover, when, key);
}

/* --- turns --- */

static bool was_seen(const struct mover *mover, int key, int database, const struct record *record,
                     int64_t now_ms)
{
    for (size_t i = 0; i < mover->seen_count[key][database]; i++)
        if (record_is_same(&mover->seen[key][database][i], record, now_ms))
            return true;
    return false;
}

static void see(struct mover *mover, int key, int database)
{
    size_t *count = &mover->seen_count[key][database];
    if (*count == MOVER_SEEN_MAX)
        --*count;
    mover->seen[key][database][(*count)++] = *now(mover, key, database);
}

/* It may have been replaced by one that had expired on its way. */
static bool may_be_replaced(const struct mover *mover, int key, int64_t now_ms)
{
    const struct record *source = &mover->known[key][mover->from];
    return mover->replaces && source->digest != 0 && !record_is_there(source, now_ms);
}

static bool may_vanish(const struct mover *mover, int key, int database, int64_t now_ms)
{
    if (!mover->migrates || !mover->keys[key] || mover->from == mover->to)
        return false;
    if (database == mover->to)
        return may_be_replaced(mover, key, now_ms);
    return !mover->copies &&
           was_seen(mover, key, mover->to, &mover->last[key][database], now_ms);
}

void mover_note_turn(struct mover *mover, int64_t now_ms)
{
    FOR_EACH_PLACE (key, database)
        if (!record_is_same(&mover->last[key][database], now(mover, key, database), now_ms))
            see(mover, key, database);
    FOR_EACH_PLACE (key, database) {
        const struct record *record = now(mover, key, database);
        if (record_is_there(&mover->last[key][database], now_ms) &&
            !record_is_there(record, now_ms) && !may_vanish(mover, key, database, now_ms))
            fail(mover, "has vanished, and the other database never had the same", key);
        mover->last[key][database] = *record;
    }
}

void mover_note_start(struct mover *mover, int64_t now_ms)
{
    if (mover->lasts)
        check(mover, "is not what it may be after a start", now_ms);
    settle(mover);
    memcpy(mover->last, mover->known, sizeof mover->last);
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
    mover->is_written[key][database] = true;
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

static bool is_known(const struct mover *mover, int key, int database)
{
    return record_is_there(&mover->known[key][database], world.now_us / 1000);
}

/* False: there is nothing to be moved, and nothing is chosen. */
static bool choose_keys(struct mover *mover)
{
    int only = (int)world_below(MOVER_KEYS);
    bool any_key = world_chance(10), has_any = false;
    mover->from = (int)world_below(HISTORY_DATABASES);
    mover->to = world_chance(12) ? mover->from : 1 - mover->from;
    FOR_EACH_KEY (key) {
        bool can_be = key != SHARED || mover->from == 0;
        bool is_there = any_key || is_known(mover, key, mover->from);
        mover->keys[key] = can_be && is_there && (key == only || world_chance(2));
        has_any = has_any || mover->keys[key];
    }
    return has_any;
}

static void send_migrate(struct mover *mover, struct client *client, struct buffer *bytes)
{
    static const int timeouts_ms[] = {2, 10, 60, 200, 0};
    char line[200];
    int port = 6379, database = mover->to, count = 0, first = 0;
    mover->copies = world_chance(4);
    mover->replaces = world_chance(2);
    mover->is_refused = world_chance(10);
    bool unknown_port = mover->is_refused && world_chance(3);
    bool unknown_database = mover->is_refused && !unknown_port && world_chance(2);
    FOR_EACH_KEY (key) {
        first = mover->keys[key] && count == 0 ? key : first;
        count += mover->keys[key];
    }
    bool is_single = count == 1 && world_chance(2);
    int length = snprintf(line, sizeof line, "MIGRATE 127.0.0.1 %d %s %d %d%s%s%s",
                          unknown_port ? 1 : port, is_single ? names[first] : "",
                          unknown_database ? 99 : database, timeouts_ms[world_below(5)],
                          mover->copies ? " COPY" : "", mover->replaces ? " REPLACE" : "",
                          mover->is_refused && !unknown_port && !unknown_database ? " AUTH no" : "");
    if (!is_single)
        length += snprintf(line + length, sizeof line - (size_t)length, " KEYS");
    FOR_EACH_KEY (key)
        if (!is_single && mover->keys[key])
            length += snprintf(line + length, sizeof line - (size_t)length, " %s", names[key]);
    commands_add(bytes, "SELECT %d", mover->from);
    send_quietly(client, bytes);
    commands_add(bytes, "%s", line);
    send_last(client, bytes);
}

static void begin_migration(struct mover *mover, struct client *client, struct buffer *bytes)
{
    mover->migrates = true;
    mover->outcome = MOVER_UNKNOWN;
    FOR_EACH_PLACE (key, database) {
        mover->seen_count[key][database] = 0;
        see(mover, key, database);
    }
    send_migrate(mover, client, bytes);
}

static bool has_open_step(const struct mover *mover)
{
    bool is_open = mover->migrates;
    FOR_EACH_PLACE (key, database)
        is_open = is_open || mover->is_written[key][database];
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
}
