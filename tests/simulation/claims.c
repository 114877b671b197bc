#include "claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "world.h"

#define STALE_ONE_IN 4

#define FAIL(claims, ...)                                                                          \
    do {                                                                                           \
        if ((claims)->failure[0] == '\0' && (claims)->holds)                                       \
            snprintf((claims)->failure, sizeof(claims)->failure, __VA_ARGS__);                     \
    } while (0)

static int64_t number_of(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        return reply->integer;
    return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

/* --- calls --- */

bool claims_call(struct claims *claims, struct claim_call *call)
{
    call->called = ++claims->now;
    call->place = claims->order_known;
    call->floor = call->claim == CLAIM_COUNT ? claims->counted : claims->watched_done;
    if (call->value >= CLAIMS_NUMBERS_MAX)
        return false;
    if (call->claim == CLAIM_SET || call->claim == CLAIM_GET) {
        if (claims->register_count[call->reg] == LINEARIZABLE_MAX)
            return false;
        call->place = claims->register_count[call->reg]++;
        claims->registers[call->reg][call->place] = (struct register_operation){
            call->claim == CLAIM_SET, call->value, call->called, LINEARIZABLE_NEVER};
    } else if (call->claim == CLAIM_WATCHED_WRITE) {
        claims->watched_open++;
    } else if (call->claim == CLAIM_PUT) {
        claims->was_put[call->value] = true;
    }
    return true;
}

void claims_lost(struct claims *claims, const struct claim_call *call)
{
    (void)claims, (void)call; /* everything stays open: registers return never, counts may be off */
}

/* --- q --- */

static void place(struct claims *claims, size_t at, int64_t value)
{
    ASSERT(at < CLAIMS_NUMBERS_MAX);
    if (claims->order[at] != 0 && claims->order[at] != value)
        FAIL(claims, "q: element %zu was %lld, and is %lld", at, (long long)claims->order[at],
             (long long)value);
    claims->order[at] = value;
    if (at + 1 > claims->order_known)
        claims->order_known = at + 1;
}

static void pushed(struct claims *claims, int64_t value, int64_t length)
{
    if (length > 0 && length < CLAIMS_NUMBERS_MAX)
        place(claims, (size_t)length - 1, value);
}

static void ranged(struct claims *claims, const struct claim_call *call, const redisReply *reply)
{
    if (reply->elements < call->place)
        FAIL(claims, "q: had %zu elements, a later read finds %zu", call->place, reply->elements);
    for (size_t i = 0; i < reply->elements; i++)
        place(claims, i, number_of(reply->element[i]));
}

/* --- the others --- */

static void register_returned(struct claims *claims, const struct claim_call *call,
                              const redisReply *reply)
{
    struct register_operation *operation = &claims->registers[call->reg][call->place];
    operation->returned = ++claims->now;
    if (call->claim == CLAIM_SET)
        return;
    operation->value = number_of(reply);
    if (claims->feeds_stale && operation->value != 0 && world_chance(STALE_ONE_IN))
        operation->value = 0;
}

static void pair_read(struct claims *claims, const redisReply *reply)
{
    int64_t first = number_of(reply->element[0]), second = number_of(reply->element[1]);
    if (first != second)
        FAIL(claims, "m0 is %lld and m1 is %lld: half a transaction", (long long)first,
             (long long)second);
}

static void counted(struct claims *claims, const struct claim_call *call, int64_t number)
{
    if (number <= call->floor)
        FAIL(claims, "n: %lld was answered, later %lld", (long long)call->floor, (long long)number);
    if (number > claims->counted)
        claims->counted = number;
}

static void watched_read(struct claims *claims, const struct claim_call *call, int64_t number)
{
    int64_t most = claims->watched_done + claims->watched_open;
    if (number < call->floor || number > most)
        FAIL(claims, "w: is %lld, after at least %lld increments and at most %lld",
             (long long)number, (long long)call->floor, (long long)most);
}

static void taken(struct claims *claims, int64_t number)
{
    if (number <= 0 || number >= CLAIMS_NUMBERS_MAX || !claims->was_put[number]) {
        FAIL(claims, "b: %lld came out and never went in", (long long)number);
        return;
    }
    if (claims->was_taken[number])
        FAIL(claims, "b: %lld came out twice", (long long)number);
    claims->was_taken[number] = true;
}

/* --- replies --- */

static void refused(struct claims *claims, const struct claim_call *call)
{
    if (call->claim == CLAIM_WATCHED_WRITE)
        claims->watched_open--;
    if (call->claim != CLAIM_SET && call->claim != CLAIM_GET)
        return;
    /* It never was: a read that may return anything. */
    claims->registers[call->reg][call->place] =
        (struct register_operation){false, 0, call->called, LINEARIZABLE_NEVER};
}

static void exec_returned(struct claims *claims, const struct claim_call *call,
                          const redisReply *reply)
{
    bool done = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0;
    for (size_t i = 0; done && i < reply->elements; i++)
        done = reply->element[i]->type != REDIS_REPLY_ERROR;
    if (call->claim == CLAIM_WATCHED_WRITE) {
        claims->watched_open--;
        claims->watched_done += done;
    } else if (call->claim == CLAIM_ANNOUNCE && done) {
        pushed(claims, call->value, reply->element[0]->integer);
    }
}

void claims_return(struct claims *claims, const struct claim_call *call, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        refused(claims, call);
        return;
    }
    switch (call->claim) {
    case CLAIM_SET:
    case CLAIM_GET:
        register_returned(claims, call, reply);
        break;
    case CLAIM_PUSH:
        pushed(claims, call->value, reply->integer);
        break;
    case CLAIM_RANGE:
        ranged(claims, call, reply);
        break;
    case CLAIM_PAIR_READ:
        pair_read(claims, reply);
        break;
    case CLAIM_COUNT:
        counted(claims, call, reply->integer);
        break;
    case CLAIM_WATCHED_READ:
        watched_read(claims, call, number_of(reply));
        break;
    case CLAIM_PAIR:
    case CLAIM_WATCHED_WRITE:
    case CLAIM_ANNOUNCE:
        exec_returned(claims, call, reply);
        break;
    case CLAIM_TAKE:
        if (reply->type == REDIS_REPLY_STRING)
            taken(claims, number_of(reply));
        break;
    case CLAIM_TAKE_WAITING:
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2)
            taken(claims, number_of(reply->element[1]));
        break;
    case CLAIM_PUT:
    case CLAIM_NONE:
        break;
    }
}

void claims_message(struct claims *claims, const redisReply *message)
{
    if (message->type != REDIS_REPLY_ARRAY || message->elements != 3 ||
        strcmp(message->element[0]->str, "message") != 0)
        return;
    const char *text = message->element[2]->str;
    int64_t number = strtoll(text, NULL, 10);
    if (strcmp(text, "rpush") == 0)
        claims->events++;
    else if (number > 0 && claims->announced_count < CLAIMS_NUMBERS_MAX)
        claims->announced[claims->announced_count++] = number;
}

void claims_monitored(struct claims *claims, const char *line)
{
    static const char push[] = " \"RPUSH\" \"q\" \"";
    const char *found = line != NULL ? strstr(line, push) : NULL;
    int64_t number = found != NULL ? strtoll(found + strlen(push), NULL, 10) : 0;
    if ((line != NULL && number == 0) || claims->monitored_count == CLAIMS_NUMBERS_MAX)
        return;
    if (number > 0)
        world_meet(MET_MONITOR_LINE);
    claims->monitored[claims->monitored_count++] = number;
}

/* Where it stands in q; SIZE_MAX: it does not. */
static size_t position(const struct claims *claims, int64_t number)
{
    size_t at = 0;
    while (at < claims->order_known && claims->order[at] != number)
        at++;
    return at < claims->order_known ? at : SIZE_MAX;
}

/* Each line's push is there, directly behind that of the line before. */
static void check_monitored(struct claims *claims)
{
    size_t before = SIZE_MAX;
    for (size_t i = 0; i < claims->monitored_count; i++) {
        int64_t number = claims->monitored[i];
        size_t at = number > 0 ? position(claims, number) : SIZE_MAX;
        if (number > 0 && at == SIZE_MAX)
            FAIL(claims, "q: MONITOR showed %lld, which is not there", (long long)number);
        if (at != SIZE_MAX && before != SIZE_MAX && at != before + 1)
            FAIL(claims, "q: MONITOR showed %lld behind element %zu, but it is element %zu",
                 (long long)number, before, at);
        before = at;
    }
}

void claims_finish(struct claims *claims)
{
    for (size_t i = 0; i < claims->announced_count; i++) {
        if (position(claims, claims->announced[i]) == SIZE_MAX)
            FAIL(claims, "q: a message told of %lld, which is not there",
                 (long long)claims->announced[i]);
    }
    check_monitored(claims);
    if (claims->events > claims->order_known)
        FAIL(claims, "q: %zu events told of pushes, but it has %zu elements", claims->events,
             claims->order_known);
    for (int reg = 0; reg < CLAIMS_REGISTERS; reg++)
        if (!linearizable(claims->registers[reg], claims->register_count[reg]))
            FAIL(claims, "r%d: no order of what clients saw is possible", reg);
}
