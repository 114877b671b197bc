/* Where a hash lies in a table: positions are the first TABLE_POSITION_BITS of a hash, segments and
 * buckets are ranges of them. For keyspace/ alone. */
#ifndef HOLDFAST_KEYSPACE_TABLE_POSITION_H
#define HOLDFAST_KEYSPACE_TABLE_POSITION_H

#include <stdint.h>

#include "keyspace/table.h"

#define TABLE_POSITION_MASK ((UINT64_C(1) << TABLE_POSITION_BITS) - 1)

static inline uint64_t table_position(uint64_t hash)
{
    return hash >> (64 - TABLE_POSITION_BITS);
}

/* The bucket, of `count` in the segment of depth `depth`, that is home to a position. */
static inline unsigned table_position_bucket(uint64_t position, unsigned depth, unsigned count)
{
    uint64_t in_segment = position << (64 - TABLE_POSITION_BITS) << depth >> 32; /* of 2^32 */
    return (unsigned)(in_segment * count >> 32);
}

/* The first position behind the bucket that is home to `position`: the boundary between the two,
 * rounded up to whole positions; 0 behind the last of all. */
static inline uint64_t table_position_behind(uint64_t position, unsigned depth, unsigned count)
{
    const unsigned shift = TABLE_POSITION_BITS - 32; /* positions per 2^-32 of the whole table */
    unsigned bucket = table_position_bucket(position, depth, count);
    uint64_t boundary = (((uint64_t)(bucket + 1) << 32) + count - 1) / count; /* of 2^32 */
    uint64_t offset = depth <= shift
                          ? boundary << (shift - depth)
                          : (boundary + (UINT64_C(1) << (depth - shift)) - 1) >> (depth - shift);
    uint64_t prefix = position & ~(TABLE_POSITION_MASK >> depth);
    return (prefix + offset) & TABLE_POSITION_MASK;
}

#endif
