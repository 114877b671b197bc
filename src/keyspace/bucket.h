/* One cache line of the table: tags and references of up to BUCKET_SLOTS entries.
 *
 * A tag is one byte of the entry's hash, never 0; 0 marks a free slot. `overflow` counts the
 * entries that passed over this bucket because it was full; while it is 0 a search can end here. It
 * saturates: a bucket that was passed over 255 times at once counts as passed over until its
 * segment is rebuilt. */
#ifndef HOLDFAST_KEYSPACE_BUCKET_H
#define HOLDFAST_KEYSPACE_BUCKET_H

#include <stdint.h>

#include "base/tag_match.h"
#include "keyspace/entry_reference.h"

#define BUCKET_SIZE 64 /* bytes: a cache line */
#define BUCKET_SLOTS                                                                               \
    ((BUCKET_SIZE - 4) / (1 + ENTRY_REFERENCE_SIZE)) /* 10, or 8 in sanitizer builds */
#define BUCKET_OVERFLOW_MAX 255

struct bucket {
    _Alignas(BUCKET_SIZE) uint8_t tags[BUCKET_SLOTS];
    unsigned char references[BUCKET_SLOTS][ENTRY_REFERENCE_SIZE];
    uint8_t overflow;
    uint8_t unused;
    uint16_t segment_count; /* in the first bucket of a segment: entries in the segment */
};

_Static_assert(sizeof(struct bucket) == BUCKET_SIZE, "a bucket is a cache line");

static inline uint8_t bucket_tag(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;
    return tag != 0 ? tag : 1;
}

/* A bit for every slot that has this tag (0: every free slot). */
static inline unsigned bucket_match(const struct bucket *bucket, uint8_t tag)
{
    return tag_match(bucket->tags, tag) & ((1U << BUCKET_SLOTS) - 1);
}

/* A bit for every slot that is taken. */
static inline unsigned bucket_used(const struct bucket *bucket)
{
    return ~bucket_match(bucket, 0) & ((1U << BUCKET_SLOTS) - 1);
}

static inline uint64_t bucket_reference(const struct bucket *bucket, unsigned slot)
{
    return entry_reference_load(bucket->references[slot]);
}

static inline void bucket_set(struct bucket *bucket, unsigned slot, uint8_t tag, uint64_t reference)
{
    bucket->tags[slot] = tag;
    entry_reference_store(bucket->references[slot], reference);
}

#endif
