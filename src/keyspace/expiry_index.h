/* Which keys expire, in order of deadline.
 *
 * A B+-tree over (deadline, address): its leaves hold nothing but references to entries (5 bytes
 * each in release builds, see entry_reference.h), the deadlines stand in the entries. It costs
 * about 6.5 bytes a key. The keyspace owns the entries and says when one appears, disappears,
 * moves or changes its deadline. The caller passes the time in, so that a test can move it. One
 * thread. */
#ifndef HOLDFAST_KEYSPACE_EXPIRY_INDEX_H
#define HOLDFAST_KEYSPACE_EXPIRY_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct entry;
struct expiry_index;

struct expiry_index *expiry_index_create(void);
/* Frees the index, not the entries; looks at none of them. */
void expiry_index_destroy(struct expiry_index *index);

/* `entry` must carry a deadline and not be in the index. */
void expiry_index_add(struct expiry_index *index, struct entry *entry);

/* `entry` must be in the index with the deadline it carries now: call before that changes or the
 * entry moves. */
void expiry_index_remove(struct expiry_index *index, struct entry *entry);

/* How many entries there are. */
size_t expiry_index_count(const struct expiry_index *index);

/* The earliest deadline, INT64_MAX when empty. O(1) or a look at one leaf, kept until the next
 * change. */
int64_t expiry_index_first_ms(struct expiry_index *index);

/* Takes out at most `count_max` entries due at `now_ms`, earliest first, so that one call cannot
 * hold the loop. Returns how many it wrote to `due`. */
size_t expiry_index_take_due(struct expiry_index *index, int64_t now_ms, struct entry **due,
                             size_t count_max);

/* An entry with the earliest deadline, left in the index; NULL when empty. */
struct entry *expiry_index_first(struct expiry_index *index);

/* An entry chosen evenly by the bits of `random`; NULL when empty. */
struct entry *expiry_index_pick(const struct expiry_index *index, uint64_t random);

/* Average of (deadline - now) over a sample of entries: INFO's avg_ttl. 0 when empty. */
int64_t expiry_index_average_ttl_ms(const struct expiry_index *index, int64_t now_ms);

size_t expiry_index_memory(const struct expiry_index *index);

/* Aborts unless order, counts and fences hold. O(n), for tests. */
void expiry_index_check(const struct expiry_index *index);

#endif
