/* A queue of bytes in blocks: what is written to a client and not sent yet.
 *
 * Blocks come from a pool that keeps a few warm, so that a reply costs no allocation. A chain is
 * embedded by its owner; one thread uses a pool and its chains.
 *
 * What many are sent (a published message) is written once, to a chain_shared; each chain then
 * holds a small block that refers to a part of it, and that grows if the next part follows. */
#ifndef HOLDFAST_BASE_CHAIN_H
#define HOLDFAST_BASE_CHAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/slice.h"

#define CHAIN_BLOCK_SIZE 16384 /* bytes of a pooled block, its header included */
#define CHAIN_RESERVE_MAX 4096 /* bytes that one chain_reserve may ask for */

struct chain_pool; /* opaque */
struct chain_block {
    struct chain_block *next;
    size_t capacity; /* bytes of data; where it is shared: end */
    size_t start;    /* first byte not consumed */
    size_t end;      /* one behind the last byte written */
    char *data;
    struct chain_shared *shared; /* data is a part of this; NULL: it is `own` */
    char own[];
};

/* Bytes for many chains. They are only added, at the end: what is there stays as it is. Any thread
 * may give up a reference. */
struct chain_shared {
    atomic_size_t references; /* its owner's and one of each block that refers to it */
    size_t capacity, length;
    char *data; /* `own`, or a block that was adopted */
    char own[];
};

struct chain {
    struct chain_pool *pool;
    struct chain_block *head, *tail;
    size_t length; /* bytes written and not consumed */
    size_t memory; /* bytes of all blocks */
};

struct chain_pool *chain_pool_create(size_t blocks_kept_max);
void chain_pool_destroy(struct chain_pool *pool); /* every chain of it must be empty */

void chain_init(struct chain *chain, struct chain_pool *pool);
void chain_deinit(struct chain *chain); /* gives all blocks back; the chain is empty */

/* The slow path of chain_reserve: a new tail block. */
char *chain_grow(struct chain *chain, size_t length);

/* `length` <= CHAIN_RESERVE_MAX contiguous bytes to write to; chain_commit says how many were. */
static inline char *chain_reserve(struct chain *chain, size_t length)
{
    struct chain_block *tail = chain->tail;
    if (tail != NULL && tail->capacity - tail->end >= length)
        return tail->data + tail->end;
    return chain_grow(chain, length);
}

static inline void chain_commit(struct chain *chain, size_t length)
{
    chain->tail->end += length;
    chain->length += length;
}

/* Copies bytes of any length to the end: fills the tail block, then takes as many as needed
 * (large data gets one block of its own size). Aborts when memory is out. */
void chain_append(struct chain *chain, const void *data, size_t length);

/* Adds bytes of `shared` to the end: without copying them, but where there is room anyway. */
void chain_append_shared(struct chain *chain, struct chain_shared *shared, size_t position,
                         size_t length);

/* Copies what is shared, so that a chain that may wait for long keeps nothing else in memory. What
 * was adopted stays: it is no larger than its copy. */
void chain_unshare(struct chain *chain);

/* Moves all of `from` behind `to`, without copying where that is worth it; `from` is empty then. */
void chain_splice(struct chain *to, struct chain *from);

/* Fills at most `count_max` vectors with the bytes at the front. Returns how many. */
int chain_vectors(const struct chain *chain, struct iovec *vectors, int count_max);

/* Drops bytes at the front; `length` <= chain->length. */
void chain_consume(struct chain *chain, size_t length);

/* Drops bytes at the end, back to a length the chain had before (an aborted reply). */
void chain_truncate(struct chain *chain, size_t length);

/* Copies `length` bytes from `position` (0 = the front) to `out`. For tests and for crash reports.
 */
void chain_copy_out(const struct chain *chain, size_t position, char *out, size_t length);

/* --- shared bytes --- */

/* With one reference: the caller's. Aborts when memory is out. */
struct chain_shared *chain_shared_create(size_t capacity);
/* The same of bytes that are there already: a memory_* block, which is its own from now on. */
struct chain_shared *chain_shared_adopt(char *block, size_t length);
/* The caller has the only reference: gives the adopted block back, and is gone. NULL: others have
 * references, too; nothing has happened. */
char *chain_shared_disown(struct chain_shared *shared);
/* One more reference. Returns `shared`. */
struct chain_shared *chain_shared_retain(struct chain_shared *shared);
/* Gives up one reference; NULL is allowed. */
void chain_shared_release(struct chain_shared *shared);
/* Copies to the end, where there must be room. Returns the position. */
size_t chain_shared_append(struct chain_shared *shared, const void *data, size_t length);

#endif
