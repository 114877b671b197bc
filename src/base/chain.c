#include "base/chain.h"

#include "base/assertion.h"
#include "base/memory.h"

#define BLOCK_DATA_SIZE (CHAIN_BLOCK_SIZE - sizeof(struct chain_block))
#define SPLICE_COPY_MAX 1024 /* bytes: less is copied, more changes hands as blocks */

/* Blocks of CHAIN_BLOCK_SIZE that wait for the next reply: the last given back is the first taken,
 * so it is in cache. */
struct chain_pool {
    struct chain_block *free;
    size_t kept, kept_max;
};

struct chain_pool *chain_pool_create(size_t blocks_kept_max)
{
    struct chain_pool *pool = memory_allocate(sizeof *pool);
    *pool = (struct chain_pool){.kept_max = blocks_kept_max};
    return pool;
}

void chain_pool_destroy(struct chain_pool *pool)
{
    while (pool->free != NULL) {
        struct chain_block *block = pool->free;
        pool->free = block->next;
        memory_free(block);
    }
    memory_free(pool);
}

static struct chain_block *block_take(struct chain_pool *pool, size_t length)
{
    struct chain_block *block = NULL;
    size_t capacity = BLOCK_DATA_SIZE;
    if (length > BLOCK_DATA_SIZE) {
        capacity = length;
        block = memory_allocate(sizeof *block + length);
    } else if (pool->free != NULL) {
        block = pool->free;
        pool->free = block->next;
        pool->kept--;
    } else {
        block = memory_allocate(CHAIN_BLOCK_SIZE);
    }
    *block = (struct chain_block){.capacity = capacity, .data = block->own};
    return block;
}

static void block_give_back(struct chain_pool *pool, struct chain_block *block)
{
    if (block->shared != NULL) {
        chain_shared_release(block->shared);
        memory_free_sized(block, sizeof *block);
        return;
    }
    if (block->capacity != BLOCK_DATA_SIZE || pool->kept >= pool->kept_max) {
        memory_free(block);
        return;
    }
    block->next = pool->free;
    pool->free = block;
    pool->kept++;
}

static size_t block_memory(const struct chain_block *block)
{
    return sizeof *block + block->capacity;
}

void chain_init(struct chain *chain, struct chain_pool *pool)
{
    *chain = (struct chain){.pool = pool};
}

void chain_deinit(struct chain *chain)
{
    while (chain->head != NULL) {
        struct chain_block *block = chain->head;
        chain->head = block->next;
        block_give_back(chain->pool, block);
    }
    chain_init(chain, chain->pool);
}

static void add_block(struct chain *chain, struct chain_block *block)
{
    block->next = NULL;
    if (chain->tail != NULL)
        chain->tail->next = block;
    else
        chain->head = block;
    chain->tail = block;
    chain->memory += block_memory(block);
}

char *chain_grow(struct chain *chain, size_t length)
{
    ASSERT(length <= CHAIN_RESERVE_MAX);
    add_block(chain, block_take(chain->pool, length));
    return chain->tail->data;
}

void chain_append(struct chain *chain, const void *data, size_t length)
{
    const char *bytes = data;
    struct chain_block *tail = chain->tail;
    size_t room = tail != NULL ? tail->capacity - tail->end : 0;
    size_t first = room < length ? room : length;
    if (first > 0) {
        memcpy(tail->data + tail->end, bytes, first);
        tail->end += first;
    }
    if (length > first) {
        add_block(chain, block_take(chain->pool, length - first));
        memcpy(chain->tail->data, bytes + first, length - first);
        chain->tail->end = length - first;
    }
    chain->length += length;
}

void chain_append_shared(struct chain *chain, struct chain_shared *shared, size_t position,
                         size_t length)
{
    ASSERT(position + length <= shared->length);
    char *data = shared->data + position;
    struct chain_block *tail = chain->tail;
    if (tail != NULL && tail->shared == shared && tail->data + tail->end == data) {
        tail->end = tail->capacity = tail->end + length;
        chain->memory += length;
    } else if (tail != NULL && tail->capacity - tail->end >= length) {
        chain_append(chain, data, length);
        return;
    } else {
        struct chain_block *block = memory_allocate(sizeof *block);
        *block =
            (struct chain_block){.capacity = length, .end = length, .data = data, .shared = shared};
        chain_shared_retain(shared);
        add_block(chain, block);
    }
    chain->length += length;
}

void chain_unshare(struct chain *chain)
{
    struct chain own;
    chain_init(&own, chain->pool);
    while (chain->head != NULL) {
        struct chain_block *block = chain->head;
        chain->head = block->next;
        size_t held = block->end - block->start;
        if (block->shared != NULL && block->shared->data == block->shared->own) {
            chain_append(&own, block->data + block->start, held);
            block_give_back(chain->pool, block);
        } else {
            add_block(&own, block);
            own.length += held;
        }
    }
    *chain = own;
}

void chain_splice(struct chain *to, struct chain *from)
{
    ASSERT(to->pool == from->pool);
    if (from->length <= SPLICE_COPY_MAX) {
        for (struct chain_block *block = from->head; block != NULL; block = block->next)
            chain_append(to, block->data + block->start, block->end - block->start);
        chain_deinit(from);
        return;
    }
    if (to->tail != NULL)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->length += from->length;
    to->memory += from->memory;
    chain_init(from, from->pool);
}

int chain_vectors(const struct chain *chain, struct iovec *vectors, int count_max)
{
    int count = 0;
    for (struct chain_block *block = chain->head; block != NULL && count < count_max;
         block = block->next) {
        if (block->end == block->start)
            continue;
        vectors[count++] = (struct iovec){block->data + block->start, block->end - block->start};
    }
    return count;
}

void chain_consume(struct chain *chain, size_t length)
{
    ASSERT(length <= chain->length);
    chain->length -= length;
    while (chain->head != NULL) {
        struct chain_block *block = chain->head;
        size_t held = block->end - block->start;
        if (length < held) {
            block->start += length;
            return;
        }
        length -= held;
        chain->head = block->next;
        if (chain->head == NULL)
            chain->tail = NULL;
        chain->memory -= block_memory(block);
        block_give_back(chain->pool, block);
    }
}

void chain_truncate(struct chain *chain, size_t length)
{
    ASSERT(length <= chain->length);
    if (length == 0) {
        chain_deinit(chain);
        return;
    }
    chain->length = length;
    struct chain_block *block = chain->head;
    while (length > block->end - block->start) {
        length -= block->end - block->start;
        block = block->next;
    }
    block->end = block->start + length;
    if (block->shared != NULL) {
        chain->memory -= block->capacity - block->end;
        block->capacity = block->end;
    }
    struct chain_block *rest = block->next;
    block->next = NULL;
    chain->tail = block;
    while (rest != NULL) {
        struct chain_block *next = rest->next;
        chain->memory -= block_memory(rest);
        block_give_back(chain->pool, rest);
        rest = next;
    }
}

void chain_copy_out(const struct chain *chain, size_t position, char *out, size_t length)
{
    ASSERT(position + length <= chain->length);
    for (struct chain_block *block = chain->head; length > 0; block = block->next) {
        size_t held = block->end - block->start;
        if (position >= held) {
            position -= held;
            continue;
        }
        size_t part = held - position < length ? held - position : length;
        memcpy(out, block->data + block->start + position, part);
        out += part;
        length -= part;
        position = 0;
    }
}

/* --- shared bytes --- */

struct chain_shared *chain_shared_create(size_t capacity)
{
    struct chain_shared *shared = memory_allocate(sizeof *shared + capacity);
    *shared = (struct chain_shared){.references = 1, .capacity = capacity, .data = shared->own};
    return shared;
}

struct chain_shared *chain_shared_adopt(char *block, size_t length)
{
    struct chain_shared *shared = memory_allocate(sizeof *shared);
    *shared =
        (struct chain_shared){.references = 1, .capacity = length, .length = length, .data = block};
    return shared;
}

char *chain_shared_disown(struct chain_shared *shared)
{
    if (atomic_load_explicit(&shared->references, memory_order_acquire) > 1)
        return NULL;
    char *block = shared->data;
    memory_free(shared);
    return block;
}

struct chain_shared *chain_shared_retain(struct chain_shared *shared)
{
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void chain_shared_release(struct chain_shared *shared)
{
    if (shared == NULL ||
        atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) > 1)
        return;
    if (shared->data != shared->own)
        memory_free(shared->data);
    memory_free(shared);
}

size_t chain_shared_append(struct chain_shared *shared, const void *data, size_t length)
{
    ASSERT(shared->capacity - shared->length >= length);
    size_t position = shared->length;
    memcpy(shared->data + position, data, length);
    shared->length += length;
    return position;
}
