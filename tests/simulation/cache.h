/* A client that keeps what it reads and believes in it until it is told (CLIENT TRACKING): what it
 * is told of is durable, and what it was not told of is as it was.
 *
 * It speaks RESP3, which the reader of hiredis 0.14 does not: its bytes are made RESP2. */
#ifndef HOLDFAST_SIMULATION_CACHE_H
#define HOLDFAST_SIMULATION_CACHE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "history.h"

#define CACHE_KEYS 3 /* r0 r1 q: of q, the length */

enum cache_mode { CACHE_OFF, CACHE_DEFAULT, CACHE_NO_LOOP, CACHE_OPT_IN, CACHE_BROADCAST };
#define CACHE_MODES 5

struct cache {
    enum cache_mode mode;
    uint64_t since; /* the turn, or an earlier one, in which it began */
    struct {
        bool known;
        int64_t value;
        bool owed;     /* a read was ahead of a message, which has to come before any other reply */
        uint64_t turn; /* in which it was read, or an earlier one */
        uint64_t told; /* CACHE_BROADCAST: how many times it changed */
    } keys[CACHE_KEYS];
    /* of the bytes that come */
    struct buffer header;
    size_t bulk_left;
};

void cache_deinit(struct cache *cache);

const char *cache_key(int key);
/* The command that switches it on. */
const char *cache_switch(enum cache_mode mode);

/* Appends RESP2 for bytes of RESP3. */
void cache_translate(struct cache *cache, struct slice bytes, struct buffer *out);
/* Is it a message about keys that changed? */
bool cache_is_message(const redisReply *reply);
/* The turn that this message tells of, or an earlier one; 0: of none for sure. */
uint64_t cache_told(struct cache *cache, const struct history *history, const redisReply *message);
/* A read was answered; `keeps`: the server will tell. If it is not what is known then the key went
 * by itself (it was evicted) while this command ran, and the message follows it directly. */
void cache_read(struct cache *cache, int key, int64_t value, uint64_t turn, bool keeps);
/* Another reply has come. False, with the key: a message should have come before. */
bool cache_is_paid(const struct cache *cache, int *key);
/* Nothing is on its way any more. False, with the key: what is kept is not so. */
bool cache_check(const struct cache *cache, struct keyspace *keyspace, int *key);

#endif
