/* What DEBUG DIGEST and DEBUG DIGEST-VALUE answer: the digests of redis-server 7.0, byte for byte,
 * so that data here can be compared with data there.
 *
 * SHA-1 over keys, values and whether there is a deadline; neither the order of what has none nor
 * the encoding counts, nor do groups of streams, nor (Redis 7.0 has none) deadlines of fields.
 * Values are read where they stand: nothing is copied. Changes nothing. */
#ifndef HOLDFAST_SERVER_OBSERVE_DATASET_DIGEST_H
#define HOLDFAST_SERVER_OBSERVE_DATASET_DIGEST_H

#include <stdint.h>

struct entry;
struct keyspace;

#define DATASET_DIGEST_SIZE 20 /* bytes */

struct dataset_digest {
    uint8_t bytes[DATASET_DIGEST_SIZE];
};

/* Of type, value and whether there is a deadline, not of the key. */
struct dataset_digest dataset_digest_of_value(const struct entry *entry);

/* Of all databases; all zero if they are empty. Keys that are due and still there count, as in
 * Redis (and as DBSIZE counts them). */
struct dataset_digest dataset_digest_of_keyspace(struct keyspace *keyspace);

#endif
