#include "keyspace/table.h"

#include <math.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/mix.h"
#include "base/prefetch.h"
#include "keyspace/bucket.h"
#include "keyspace/entry.h"
#include "keyspace/table_position.h"

/* The sizes a segment can have, in buckets. From 16 on they are jemalloc's size classes, so nothing
 * is lost to rounding, and each step is a quarter of the last power of two. The largest decides how
 * long one insert can take: what it holds (300 entries) is placed anew at once. Twice as large, the
 * directory would be half: 0.02 bytes for each entry. */
static const uint16_t segment_sizes[] = {1, 2, 4, 8, 16, 20, 24, 28, 32};

enum {
    SEGMENT_SIZE_COUNT = sizeof segment_sizes / sizeof segment_sizes[0],
    SEGMENT_SIZE_LAST = SEGMENT_SIZE_COUNT - 1,
    SEGMENT_SIZE_SPLIT = 4, /* index of the smallest size a half of a split can have */
    SEGMENT_BUCKETS_MAX = 32,
    SEGMENT_ENTRIES_MAX = SEGMENT_BUCKETS_MAX * BUCKET_SLOTS,
    DEPTH_MAX = 32, /* 2^32 segments: more entries than memory can hold */
};

/* A segment grows when it would be more than LOAD_MAX full, and shrinks or merges when less than
 * LOAD_MIN, to a size where it is at most LOAD_AFTER_SHRINK full; the halves of a split are at most
 * LOAD_AFTER_SPLIT full. Percent of its slots. */
#define LOAD_MAX 95
#define LOAD_MIN 30
#define LOAD_AFTER_SHRINK 70
#define LOAD_AFTER_SPLIT 85

#define PREFETCH_BUCKETS 2 /* in which a key is looked for ahead of time */
#define PREFETCH_AHEAD 24  /* entries whose keys are on their way while one is placed */

/* --- directory words: address (48 bits), depth (8), index of size (8) --- */

#define WORD_ADDRESS_MASK ((UINT64_C(1) << 48) - 1)

struct segment {
    struct bucket *buckets;
    unsigned depth; /* bits of hash that all its entries share */
    unsigned size;  /* index in segment_sizes */
};

static struct segment segment_of_word(uint64_t word)
{
    return (struct segment){(struct bucket *)(uintptr_t)(word & WORD_ADDRESS_MASK),
                            (unsigned)(word >> 48) & 0xff, (unsigned)(word >> 56)};
}

static uint64_t segment_word(struct segment segment)
{
    uint64_t address = (uint64_t)(uintptr_t)segment.buckets;
    ASSERT((address & ~WORD_ADDRESS_MASK) == 0);
    return address | (uint64_t)segment.depth << 48 | (uint64_t)segment.size << 56;
}

static unsigned segment_bucket_count(struct segment segment)
{
    return segment_sizes[segment.size];
}

static uint16_t *segment_count(struct segment segment)
{
    return &segment.buckets[0].segment_count;
}

static unsigned load_limit(unsigned size, unsigned percent)
{
    return segment_sizes[size] * BUCKET_SLOTS * percent / 100;
}

static struct segment segment_create(unsigned depth, unsigned size)
{
    size_t bytes = (size_t)segment_sizes[size] * BUCKET_SIZE;
    struct bucket *buckets = memory_allocate_aligned(bytes, BUCKET_SIZE);
    memset(buckets, 0, bytes);
    return (struct segment){buckets, depth, size};
}

static void segment_destroy(struct segment segment)
{
    memory_free(segment.buckets);
}

/* --- positions --- */

/* u(4 - u)/3 of an even hash u, both of 2^64: the density of keys is 1/u', 3/4 to 3/2. */
uint64_t table_hash(const struct hash_seed *seed, struct slice key)
{
    uint64_t even = hash_bytes(seed, key.data, key.length);
    uint64_t high = even >> 32;
    return even + high * (UINT32_MAX - high) / 3;
}

/* Of all keys, the part whose hash is below `position` (0 to 1): the inverse of that. */
static double share_below(double position)
{
    return 2 - sqrt(4 - 3 * position);
}

static size_t directory_index(const struct table *table, uint64_t hash)
{
    return (size_t)(hash >> 1 >> (63 - table->depth));
}

static struct segment table_segment(const struct table *table, uint64_t hash)
{
    return segment_of_word(table->directory[directory_index(table, hash)]);
}

static unsigned home_bucket(struct segment segment, uint64_t hash)
{
    return table_position_bucket(table_position(hash), segment.depth,
                                 segment_bucket_count(segment));
}

static uint64_t entry_hash(const struct table *table, const struct entry *entry)
{
    return table_hash(&table->seed, entry_key(entry));
}

static unsigned next_bucket(struct segment segment, unsigned index)
{
    return index + 1 < segment_bucket_count(segment) ? index + 1 : 0;
}

/* --- segments: placing --- */

static void segment_place(struct segment segment, uint64_t hash, uint64_t reference)
{
    unsigned index = home_bucket(segment, hash);
    struct bucket *bucket = &segment.buckets[index];
    unsigned free_slots;
    while ((free_slots = bucket_match(bucket, 0)) == 0) {
        if (bucket->overflow < BUCKET_OVERFLOW_MAX)
            bucket->overflow++;
        index = next_bucket(segment, index);
        bucket = &segment.buckets[index];
    }
    bucket_set(bucket, (unsigned)__builtin_ctz(free_slots), bucket_tag(hash), reference);
    ++*segment_count(segment);
}

/* What a segment held, on the way to where it goes. */
struct segment_content {
    size_t count;
    uint64_t references[SEGMENT_ENTRIES_MAX];
    uint64_t hashes[SEGMENT_ENTRIES_MAX];
};

/* Adds the entries of `segment`, in the order of its buckets. */
static void segment_collect(struct segment segment, struct segment_content *content)
{
    for (unsigned index = 0; index < segment_bucket_count(segment); index++) {
        const struct bucket *bucket = &segment.buckets[index];
        for (unsigned used = bucket_used(bucket); used != 0; used &= used - 1) {
            ASSERT(content->count < SEGMENT_ENTRIES_MAX);
            content->references[content->count++] =
                bucket_reference(bucket, (unsigned)__builtin_ctz(used));
        }
    }
}

static struct entry *content_entry(const struct table *table, const struct segment_content *content,
                                   size_t i)
{
    return entry_reference_entry(content->references[i], table->window);
}

/* Computes the hashes of what was collected: every key is a cache miss, so they are fetched ahead.
 */
static void content_hash(const struct table *table, struct segment_content *content)
{
    for (size_t i = 0; i < content->count && i < PREFETCH_AHEAD; i++)
        __builtin_prefetch(content_entry(table, content, i));
    for (size_t i = 0; i < content->count; i++) {
        if (i + PREFETCH_AHEAD < content->count)
            __builtin_prefetch(content_entry(table, content, i + PREFETCH_AHEAD));
        content->hashes[i] = entry_hash(table, content_entry(table, content, i));
    }
}

static bool hash_goes_high(uint64_t hash, unsigned depth)
{
    return (hash << (depth - 1) >> 63) != 0;
}

static size_t content_count_high(const struct segment_content *content, unsigned depth)
{
    size_t count = 0;
    for (size_t i = 0; i < content->count; i++)
        count += hash_goes_high(content->hashes[i], depth);
    return count;
}

static void segment_fill(struct segment segment, const struct segment_content *content)
{
    for (size_t i = 0; i < content->count; i++)
        segment_place(segment, content->hashes[i], content->references[i]);
}

/* --- the directory --- */

/* Points every word that covers `hash`'s prefix of segment.depth bits to the segment. */
static void directory_set(struct table *table, uint64_t hash, struct segment segment)
{
    size_t words = (size_t)1 << (table->depth - segment.depth);
    size_t first = directory_index(table, hash) & ~(words - 1);
    for (size_t i = 0; i < words; i++)
        table->directory[first + i] = segment_word(segment);
}

static void directory_double(struct table *table)
{
    ASSERT(table->depth < DEPTH_MAX);
    size_t words = (size_t)1 << table->depth;
    uint64_t *wider = memory_allocate(2 * words * sizeof *wider);
    for (size_t i = 0; i < words; i++)
        wider[2 * i] = wider[2 * i + 1] = table->directory[i];
    memory_free(table->directory);
    table->directory = wider;
    table->depth++;
    table->segments_at_depth = 0;
}

static void directory_halve(struct table *table)
{
    size_t words = (size_t)1 << (table->depth - 1);
    uint64_t *narrower = memory_allocate(words * sizeof *narrower);
    size_t at_depth = 0;
    for (size_t i = 0; i < words; i++) {
        narrower[i] = table->directory[2 * i];
        at_depth += segment_of_word(narrower[i]).depth == table->depth - 1;
    }
    memory_free(table->directory);
    table->directory = narrower;
    table->depth--;
    table->segments_at_depth = at_depth;
}

/* --- growing and shrinking --- */

/* The smallest size that a segment deeper than the root can have and that holds `count` entries
 * comfortably. */
static unsigned size_for(size_t count)
{
    unsigned size = SEGMENT_SIZE_SPLIT;
    while (size < SEGMENT_SIZE_LAST && count > load_limit(size, LOAD_AFTER_SPLIT))
        size++;
    return size;
}

static unsigned size_of_half(const struct table *table, size_t count)
{
    return table->filling ? (unsigned)SEGMENT_SIZE_LAST : size_for(count);
}

static void segment_split(struct table *table, uint64_t hash, struct segment segment,
                          const struct segment_content *content)
{
    if (segment.depth == table->depth)
        directory_double(table);
    unsigned depth = segment.depth + 1;
    size_t high_count = content_count_high(content, depth);
    struct segment low = segment_create(depth, size_of_half(table, content->count - high_count));
    struct segment high = segment_create(depth, size_of_half(table, high_count));
    for (size_t i = 0; i < content->count; i++) {
        bool goes_high = hash_goes_high(content->hashes[i], depth);
        segment_place(goes_high ? high : low, content->hashes[i], content->references[i]);
    }
    uint64_t high_bit = UINT64_C(1) << (64 - depth);
    directory_set(table, hash & ~high_bit, low);
    directory_set(table, hash | high_bit, high);
    if (depth == table->depth)
        table->segments_at_depth += 2;
    table->buckets += segment_bucket_count(low) + segment_bucket_count(high);
    table->buckets -= segment_bucket_count(segment);
    segment_destroy(segment);
}

static void segment_resize(struct table *table, uint64_t hash, struct segment segment,
                           const struct segment_content *content, unsigned size)
{
    struct segment resized = segment_create(segment.depth, size);
    segment_fill(resized, content);
    directory_set(table, hash, resized);
    table->buckets += segment_bucket_count(resized);
    table->buckets -= segment_bucket_count(segment);
    segment_destroy(segment);
}

static void table_grow(struct table *table, uint64_t hash, struct segment segment)
{
    struct segment_content content;
    content.count = 0;
    segment_collect(segment, &content);
    content_hash(table, &content);
    if (segment.size == SEGMENT_SIZE_LAST)
        segment_split(table, hash, segment, &content);
    else
        segment_resize(table, hash, segment, &content,
                       table->filling && segment.size >= SEGMENT_SIZE_SPLIT
                           ? (unsigned)SEGMENT_SIZE_LAST
                           : segment.size + 1);
}

void table_fill(struct table *table, bool on)
{
    table->filling = on;
}

bool table_fit(struct table *table, size_t *position)
{
    ASSERT(!table->filling);
    if (table->directory == NULL || *position >= (size_t)1 << table->depth)
        return false;
    struct segment segment = segment_of_word(table->directory[*position]);
    unsigned size = size_for(*segment_count(segment));
    if (size < segment.size) {
        struct segment_content content;
        content.count = 0;
        segment_collect(segment, &content);
        content_hash(table, &content);
        uint64_t hash = (uint64_t)*position << (63 - table->depth) << 1;
        segment_resize(table, hash, segment, &content, size);
    }
    *position += (size_t)1 << (table->depth - segment.depth);
    return true;
}

/* The other half of the split that made this segment, if it still is one segment; buckets NULL if
 * not. */
static struct segment segment_buddy(const struct table *table, uint64_t hash,
                                    struct segment segment)
{
    if (segment.depth == 0)
        return (struct segment){0};
    struct segment buddy = table_segment(table, hash ^ UINT64_C(1) << (64 - segment.depth));
    return buddy.depth == segment.depth ? buddy : (struct segment){0};
}

static void segments_merge(struct table *table, uint64_t hash, struct segment segment,
                           struct segment buddy)
{
    struct segment_content content;
    content.count = 0;
    segment_collect(segment, &content);
    segment_collect(buddy, &content);
    content_hash(table, &content);
    struct segment merged = segment_create(segment.depth - 1, SEGMENT_SIZE_SPLIT);
    segment_fill(merged, &content);
    if (segment.depth == table->depth)
        table->segments_at_depth -= 2;
    directory_set(table, hash, merged);
    table->buckets += segment_bucket_count(merged);
    table->buckets -= segment_bucket_count(segment) + segment_bucket_count(buddy);
    segment_destroy(segment);
    segment_destroy(buddy);
    if (table->segments_at_depth == 0) /* at depth 0 there is one */
        directory_halve(table);
}

static void table_shrink(struct table *table, uint64_t hash, struct segment segment)
{
    unsigned count = *segment_count(segment);
    unsigned smallest = segment.depth > 0 ? SEGMENT_SIZE_SPLIT : 0;
    unsigned size = segment.size;
    while (size > smallest && count <= load_limit(size - 1, LOAD_AFTER_SHRINK))
        size--;
    if (size < segment.size) {
        struct segment_content content;
        content.count = 0;
        segment_collect(segment, &content);
        content_hash(table, &content);
        segment_resize(table, hash, segment, &content, size);
        return;
    }
    struct segment buddy = segment_buddy(table, hash, segment);
    if (buddy.buckets != NULL &&
        count + *segment_count(buddy) <= load_limit(SEGMENT_SIZE_SPLIT, LOAD_AFTER_SHRINK))
        segments_merge(table, hash, segment, buddy);
}

/* --- finding --- */

/* Keys of 8 to 32 bytes, which most are, word by word: calling memcmp costs more. */
static inline bool same_bytes(const char *a, const char *b, size_t length)
{
    if (UNLIKELY(length < 8 || length > 32))
        return memcmp(a, b, length) == 0;
    uint64_t x, y, differing = 0;
    for (size_t at = 0; at + 8 < length; at += 8) {
        memcpy(&x, a + at, sizeof x);
        memcpy(&y, b + at, sizeof y);
        differing |= x ^ y;
    }
    memcpy(&x, a + length - 8, sizeof x);
    memcpy(&y, b + length - 8, sizeof y);
    return (differing | (x ^ y)) == 0;
}

static bool entry_has_key(const struct entry *entry, struct slice key)
{
    struct slice own = entry_key(entry);
    return own.length == key.length && same_bytes(own.data, key.data, key.length);
}

struct entry *table_find(const struct table *table, uint64_t hash, struct slice key)
{
    if (table->count == 0)
        return NULL;
    struct segment segment = table_segment(table, hash);
    unsigned index = home_bucket(segment, hash);
    uint8_t tag = bucket_tag(hash);
    for (unsigned looked_at = 0; looked_at < segment_bucket_count(segment); looked_at++) {
        const struct bucket *bucket = &segment.buckets[index];
        for (unsigned match = bucket_match(bucket, tag); match != 0; match &= match - 1) {
            uint64_t reference = bucket_reference(bucket, (unsigned)__builtin_ctz(match));
            struct entry *entry = entry_reference_entry(reference, table->window);
            if (LIKELY(entry_has_key(entry, key)))
                return entry;
        }
        if (LIKELY(bucket->overflow == 0))
            return NULL;
        index = next_bucket(segment, index);
    }
    return NULL;
}

/* The bucket and slot of an entry that is in the table; the buckets between its home and there are
 * counted down by `leaving`, which takes it out of their overflow. */
static struct bucket *table_locate(const struct table *table, uint64_t hash,
                                   const struct entry *entry, bool leaving, unsigned *slot)
{
    struct segment segment = table_segment(table, hash);
    uint64_t reference = entry_reference_of(entry, table->window);
    unsigned index = home_bucket(segment, hash);
    for (unsigned looked_at = 0; looked_at < segment_bucket_count(segment); looked_at++) {
        struct bucket *bucket = &segment.buckets[index];
        for (unsigned match = bucket_match(bucket, bucket_tag(hash)); match != 0;
             match &= match - 1) {
            *slot = (unsigned)__builtin_ctz(match);
            if (bucket_reference(bucket, *slot) == reference)
                return bucket;
        }
        ASSERT(bucket->overflow > 0);
        if (leaving && bucket->overflow < BUCKET_OVERFLOW_MAX)
            bucket->overflow--;
        index = next_bucket(segment, index);
    }
    ASSERT(slot == NULL); /* the entry is not in the table */
    return NULL;
}

void table_prefetch_bucket(const struct table *table, uint64_t hash)
{
    if (table->count == 0)
        return;
    struct segment segment = table_segment(table, hash);
    unsigned home = home_bucket(segment, hash);
    prefetch(&segment.buckets[home]);
    prefetch(&segment.buckets[next_bucket(segment, home)]); /* one in four is there */
}

void table_prefetch_entry(const struct table *table, uint64_t hash)
{
    if (table->count == 0)
        return;
    struct segment segment = table_segment(table, hash);
    unsigned index = home_bucket(segment, hash);
    for (unsigned looked_at = 0; looked_at < PREFETCH_BUCKETS; looked_at++) {
        const struct bucket *bucket = &segment.buckets[index];
        for (unsigned match = bucket_match(bucket, bucket_tag(hash)); match != 0;
             match &= match - 1) {
            const char *entry = (const char *)entry_reference_entry(
                bucket_reference(bucket, (unsigned)__builtin_ctz(match)), table->window);
            prefetch(entry);
            prefetch(entry + PREFETCH_LINE); /* a small value's bytes */
        }
        if (bucket->overflow == 0)
            break;
        index = next_bucket(segment, index);
    }
}

/* --- changing --- */

void table_init(struct table *table, const struct hash_seed *seed)
{
    *table = (struct table){.seed = *seed};
}

/* Of `count` keys, how many have hashes that begin with these `depth` bits. */
static size_t expected_count(size_t count, size_t prefix, unsigned depth)
{
    double width = ldexp(1, -(int)depth);
    double begin = (double)prefix * width;
    return (size_t)((double)count * (share_below(begin + width) - share_below(begin)));
}

void table_reserve(struct table *table, size_t count)
{
    const size_t comfortable = load_limit(SEGMENT_SIZE_LAST, LOAD_AFTER_SPLIT);
    unsigned depth = 0;
    while (depth < DEPTH_MAX &&
           expected_count(count, ((size_t)1 << depth) - 1, depth) > comfortable) /* the densest */
        depth++;
    if (table->directory != NULL || depth == 0)
        return; /* it grows by itself soon enough */
    table->depth = depth;
    table->directory = memory_allocate(sizeof(uint64_t) << depth);
    for (size_t prefix = 0; prefix < (size_t)1 << depth;) {
        size_t both = expected_count(count, prefix / 2, depth - 1);
        bool whole = prefix % 2 == 0 && both <= comfortable;
        size_t own = whole ? both : expected_count(count, prefix, depth);
        struct segment segment = segment_create(whole ? depth - 1 : depth, size_for(own));
        table->buckets += segment_bucket_count(segment);
        table->segments_at_depth += !whole;
        for (size_t end = prefix + (whole ? 2 : 1); prefix < end; prefix++)
            table->directory[prefix] = segment_word(segment);
    }
}

void table_insert(struct table *table, uint64_t hash, struct entry *entry)
{
    if (table->directory == NULL) {
        struct segment first = segment_create(0, 0);
        table->directory = memory_allocate(sizeof *table->directory);
        table->directory[0] = segment_word(first);
        table->segments_at_depth = 1;
        table->buckets = segment_bucket_count(first);
    }
    if (table->count == 0)
        table->window = entry_reference_window(entry);
    struct segment segment = table_segment(table, hash);
    while (*segment_count(segment) >= load_limit(segment.size, LOAD_MAX)) {
        table_grow(table, hash, segment);
        segment = table_segment(table, hash);
    }
    segment_place(segment, hash, entry_reference_of(entry, table->window));
    table->count++;
}

void table_remove(struct table *table, uint64_t hash, const struct entry *entry)
{
    unsigned slot;
    struct bucket *bucket = table_locate(table, hash, entry, true, &slot);
    bucket_set(bucket, slot, 0, 0);
    table->count--;
    struct segment segment = table_segment(table, hash);
    unsigned count = --*segment_count(segment);
    if (count < load_limit(segment.size, LOAD_MIN))
        table_shrink(table, hash, segment);
}

void table_replace(struct table *table, uint64_t hash, const struct entry *old, struct entry *new)
{
    unsigned slot;
    struct bucket *bucket = table_locate(table, hash, old, false, &slot);
    bucket_set(bucket, slot, bucket_tag(hash), entry_reference_of(new, table->window));
}

/* --- walking --- */

uint64_t table_scan(const struct table *table, uint64_t cursor,
                    void (*visit)(void *context, struct entry *entry), void *context)
{
    if (table->count == 0)
        return 0;
    uint64_t start = cursor << (64 - TABLE_POSITION_BITS);
    struct segment segment = table_segment(table, start);
    unsigned home = home_bucket(segment, start);

    unsigned index = home;
    for (unsigned looked_at = 0; looked_at < segment_bucket_count(segment); looked_at++) {
        const struct bucket *bucket = &segment.buckets[index];
        unsigned used = bucket_used(bucket);
        for (unsigned rest = used; rest != 0; rest &= rest - 1)
            __builtin_prefetch(entry_reference_entry(
                bucket_reference(bucket, (unsigned)__builtin_ctz(rest)), table->window));
        for (; used != 0; used &= used - 1) {
            uint64_t reference = bucket_reference(bucket, (unsigned)__builtin_ctz(used));
            struct entry *entry = entry_reference_entry(reference, table->window);
            uint64_t hash = entry_hash(table, entry);
            if (home_bucket(segment, hash) == home && table_position(hash) >= cursor)
                visit(context, entry);
        }
        if (bucket->overflow == 0)
            break;
        index = next_bucket(segment, index);
    }
    return table_position_behind(cursor, segment.depth, segment_bucket_count(segment));
}

struct entry *table_pick(const struct table *table, uint64_t random)
{
    if (table->count == 0)
        return NULL;
    /* A segment comes up as often as directory words name it. Its buckets are then picked as if it
     * had as many as the largest segment under that many words: so every bucket of the table is
     * equally likely. */
    struct segment segment = table_segment(table, random);
    unsigned space = table->depth == 0
                         ? segment_bucket_count(segment)
                         : (unsigned)SEGMENT_BUCKETS_MAX << (table->depth - segment.depth);
    uint64_t bits = mix(random);
    unsigned index = (unsigned)((bits >> 32) * space >> 32);
    unsigned slot = (unsigned)((bits & UINT32_MAX) * BUCKET_SLOTS >> 32);
    if (index >= segment_bucket_count(segment) || segment.buckets[index].tags[slot] == 0)
        return NULL;
    return entry_reference_entry(bucket_reference(&segment.buckets[index], slot), table->window);
}

bool table_drain(struct table *table, void (*take)(void *context, struct entry *entry),
                 void *context)
{
    if (table->directory == NULL)
        return true;
    struct segment segment = segment_of_word(table->directory[table->drained]);
    struct segment_content content;
    content.count = 0;
    segment_collect(segment, &content);
    for (size_t i = 0; i < content.count; i++)
        take(context, entry_reference_entry(content.references[i], table->window));
    table->count -= content.count;
    table->buckets -= segment_bucket_count(segment);
    table->drained += (size_t)1 << (table->depth - segment.depth);
    segment_destroy(segment);
    if (table->drained < (size_t)1 << table->depth)
        return false;
    ASSERT(table->count == 0 && table->buckets == 0);
    memory_free(table->directory);
    table->directory = NULL;
    return true;
}

void table_deinit(struct table *table)
{
    size_t words = table->directory == NULL ? 0 : (size_t)1 << table->depth;
    for (size_t i = table->drained; i < words;) {
        struct segment segment = segment_of_word(table->directory[i]);
        i += (size_t)1 << (table->depth - segment.depth);
        segment_destroy(segment);
    }
    memory_free(table->directory);
}

size_t table_memory(const struct table *table)
{
    size_t directory = table->directory == NULL ? 0 : sizeof(uint64_t) << table->depth;
    return directory + table->buckets * BUCKET_SIZE;
}

size_t table_slots(const struct table *table)
{
    return table->buckets * BUCKET_SLOTS;
}

/* --- checking --- */

static size_t segment_check(const struct table *table, struct segment segment)
{
    size_t count = 0;
    uint8_t passed[SEGMENT_BUCKETS_MAX] = {
        0}; /* what the overflow counts must be, unless saturated */
    for (unsigned index = 0; index < segment_bucket_count(segment); index++) {
        const struct bucket *bucket = &segment.buckets[index];
        for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
            if (bucket->tags[slot] == 0)
                continue;
            struct entry *entry =
                entry_reference_entry(bucket_reference(bucket, slot), table->window);
            uint64_t hash = entry_hash(table, entry);
            ASSERT(bucket->tags[slot] == bucket_tag(hash));
            ASSERT(table_segment(table, hash).buckets == segment.buckets);
            for (unsigned i = home_bucket(segment, hash); i != index; i = next_bucket(segment, i)) {
                if (passed[i] < BUCKET_OVERFLOW_MAX)
                    passed[i]++;
            }
            count++;
        }
    }
    for (unsigned index = 0; index < segment_bucket_count(segment); index++) {
        uint8_t overflow = segment.buckets[index].overflow;
        ASSERT(overflow == passed[index] || overflow == BUCKET_OVERFLOW_MAX);
    }
    ASSERT(count == *segment_count(segment));
    ASSERT(count <= load_limit(segment.size, LOAD_MAX));
    return count;
}

void table_check(const struct table *table)
{
    size_t count = 0, buckets = 0, at_depth = 0;
    size_t words = table->directory == NULL ? 0 : (size_t)1 << table->depth;
    for (size_t i = 0; i < words;) {
        struct segment segment = segment_of_word(table->directory[i]);
        ASSERT(segment.depth <= table->depth && segment.size <= SEGMENT_SIZE_LAST);
        ASSERT(segment.depth == 0 || segment.size >= SEGMENT_SIZE_SPLIT);
        size_t covered = (size_t)1 << (table->depth - segment.depth);
        ASSERT(i % covered == 0);
        for (size_t j = 0; j < covered; j++)
            ASSERT(table->directory[i + j] == table->directory[i]);
        at_depth += segment.depth == table->depth;
        count += segment_check(table, segment);
        buckets += segment_bucket_count(segment);
        i += covered;
    }
    ASSERT(count == table->count && buckets == table->buckets);
    ASSERT(words == 0 || at_depth == table->segments_at_depth);
}
