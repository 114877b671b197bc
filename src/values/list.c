#include "values/list.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "values/value_walk.h"

#define COUNTED_SIZE_MAX 8192 /* bytes of a block whose limit is a number of elements */
#define WALK_BLOCKS_MIN 16
#define STEP_BLOCKS 8
#define FREE_BLOCKS 16 /* by one free_some */

struct list_block {
    struct list_block *previous, *next; /* of the chain, ghosts among them */
    struct listpack pack;               /* or the bytes of one large element */
    size_t plain_length;                /* of it */
    uint32_t count;                     /* elements */
    uint16_t gap;                       /* bytes before `pack`: of the first block only */
    uint8_t epoch;                      /* of walks */
    bool is_plain;
    bool is_ghost;
};

struct list_value {
    struct list_block *first, *last;             /* that are no ghosts */
    struct list_block *chain_first, *chain_last; /* ghosts, too */
    size_t length, blocks;
    struct value_walk *walk; /* its position: the next block of the chain to look at */
    uint8_t epoch, walks_unfinished;
};

/* --- the chain --- */

static struct list_block *block_create(struct list_value *list, struct listpack pack, size_t count)
{
    struct list_block *block = memory_allocate_zeroed(sizeof *block);
    block->pack = pack;
    block->count = (uint32_t)count;
    block->epoch = list->epoch;
    return block;
}

static void block_free(struct list_block *block)
{
    memory_free(block->pack.bytes - block->gap);
    memory_free(block);
}

static struct list_block *real_next(const struct list_block *block)
{
    struct list_block *next = block->next;
    while (next != NULL && next->is_ghost)
        next = next->next;
    return next;
}

static struct list_block *real_previous(const struct list_block *block)
{
    struct list_block *previous = block->previous;
    while (previous != NULL && previous->is_ghost)
        previous = previous->previous;
    return previous;
}

/* Behind `before`; NULL: at the front. */
static void chain_insert(struct list_value *list, struct list_block *before,
                         struct list_block *block)
{
    struct list_block *next = before != NULL ? before->next : list->chain_first;
    block->previous = before;
    block->next = next;
    *(before != NULL ? &before->next : &list->chain_first) = block;
    *(next != NULL ? &next->previous : &list->chain_last) = block;
}

static void chain_remove(struct list_value *list, struct list_block *block)
{
    *(block->previous != NULL ? &block->previous->next : &list->chain_first) = block->next;
    *(block->next != NULL ? &block->next->previous : &list->chain_last) = block->previous;
    if (list->walk != NULL && list->walk->position == block)
        list->walk->position = block->next;
}

static bool is_unseen(const struct list_value *list, const struct list_block *block)
{
    return UNLIKELY(list->walk != NULL) && block->epoch != list->epoch;
}

/* Before the bytes of `block` change. */
static void before_change(struct list_value *list, struct list_block *block)
{
    if (!is_unseen(list, block))
        return;
    struct list_block *ghost = block_create(list, listpack_copy(&block->pack), block->count);
    ASSERT(ghost->pack.bytes != NULL && !block->is_plain);
    ghost->is_ghost = true;
    chain_insert(list, block->previous, ghost);
    if (list->walk->position == block)
        list->walk->position = ghost;
    block->epoch = list->epoch;
}

/* The listpack of `block`, which may be changed in any way. */
static struct listpack *pack_to_change(struct list_value *list, struct list_block *block)
{
    before_change(list, block);
    listpack_close_gap(&block->pack, &block->gap);
    return &block->pack;
}

/* `count` elements from `at` on go; returns where the next one stands. */
static size_t cut(struct list_value *list, struct list_block *block, size_t at, size_t count)
{
    before_change(list, block);
    return listpack_cut(&block->pack, &block->gap, at, count);
}

/* Behind the real block `before`; NULL: at the front. */
static void add_block(struct list_value *list, struct list_block *before, struct list_block *block)
{
    if (before == NULL) {
        if (list->first != NULL)
            listpack_close_gap(&list->first->pack, &list->first->gap);
        chain_insert(list, NULL, block);
        list->first = block;
        if (list->last == NULL)
            list->last = block;
    } else {
        chain_insert(list, before, block);
        if (list->last == before)
            list->last = block;
    }
    list->blocks++;
}

/* The block with all its elements goes; to the walk, if that has not seen it. */
static void drop_block(struct list_value *list, struct list_block *block)
{
    if (list->first == block)
        list->first = real_next(block);
    if (list->last == block)
        list->last = real_previous(block);
    list->blocks--;
    list->length -= block->count;
    if (is_unseen(list, block)) {
        block->is_ghost = true;
        return;
    }
    chain_remove(list, block);
    block_free(block);
}

/* --- limits --- */

static size_t size_limit(const struct value_limits *limits)
{
    static const size_t sizes[] = {4096, 8192, 16384, 32768, 65536};
    if (limits->list_size >= 0)
        return COUNTED_SIZE_MAX;
    size_t index = limits->list_size < -5 ? 4 : (size_t)(-limits->list_size - 1);
    return sizes[index];
}

static size_t element_room(struct slice text)
{
    return text.length + LISTPACK_OVERHEAD_MAX;
}

static bool is_large(const struct value_limits *limits, struct slice text)
{
    return element_room(text) + LISTPACK_EMPTY_SIZE > size_limit(limits);
}

static bool has_room(const struct list_block *block, const struct value_limits *limits,
                     struct slice text)
{
    if (block == NULL || block->is_plain)
        return false;
    if (limits->list_size > 0 && block->count >= (uint64_t)limits->list_size)
        return false;
    return listpack_size(&block->pack) + element_room(text) <= size_limit(limits);
}

/* A block with this one element. NULL: memory is out. */
static struct list_block *block_of(struct list_value *list, const struct value_limits *limits,
                                   struct slice text)
{
    if (!is_large(limits, text)) {
        struct listpack pack = listpack_create(LISTPACK_EMPTY_SIZE + element_room(text));
        if (listpack_append(&pack, text))
            return block_create(list, pack, 1);
        listpack_free(&pack);
        return NULL;
    }
    struct listpack bytes = {memory_try_allocate(text.length)};
    if (bytes.bytes == NULL)
        return NULL;
    memcpy(bytes.bytes, text.data, text.length);
    struct list_block *block = block_create(list, bytes, 1);
    block->is_plain = true;
    block->plain_length = text.length;
    return block;
}

/* --- life --- */

struct list_value *list_value_create(void)
{
    return memory_allocate_zeroed(sizeof(struct list_value));
}

static bool free_some(void *value)
{
    struct list_value *list = value;
    for (int i = 0; i < FREE_BLOCKS && list->chain_first != NULL; i++) {
        struct list_block *block = list->chain_first;
        list->chain_first = block->next;
        block_free(block);
    }
    if (list->chain_first != NULL)
        return false;
    memory_free(list);
    return true;
}

void list_value_destroy(struct list_value *list)
{
    while (!free_some(list))
        ;
}

size_t list_value_length(const struct list_value *list)
{
    return list->length;
}

size_t list_value_blocks(const struct list_value *list)
{
    return list->blocks;
}

/* --- the ends --- */

/* False: memory is out. */
static bool push_into(struct list_value *list, const struct value_limits *limits, enum list_end end,
                      struct list_block *block, struct slice text)
{
    if (end == LIST_TAIL)
        return listpack_append(pack_to_change(list, block), text);
    before_change(list, block);
    return listpack_push_front(&block->pack, &block->gap, size_limit(limits), text);
}

bool list_value_push(struct list_value *list, const struct value_limits *limits, enum list_end end,
                     struct slice text)
{
    struct list_block *block = end == LIST_HEAD ? list->first : list->last;
    if (has_room(block, limits, text)) {
        if (!push_into(list, limits, end, block, text))
            return false;
        block->count++;
    } else {
        struct list_block *new = block_of(list, limits, text);
        if (new == NULL)
            return false;
        add_block(list, end == LIST_HEAD ? NULL : list->last, new);
    }
    list->length++;
    return true;
}

/* --- cursors --- */

static bool stand_at(struct list_cursor *cursor, struct list_block *block, bool at_its_end)
{
    cursor->block = block;
    if (block == NULL)
        return false;
    if (!block->is_plain)
        cursor->at = at_its_end ? listpack_last(&block->pack) : listpack_first(&block->pack);
    return true;
}

bool list_value_seek(struct list_value *list, int64_t index, struct list_cursor *cursor)
{
    *cursor = (struct list_cursor){.list = list};
    size_t distance = index >= 0 ? (size_t)index : (size_t)(-(index + 1));
    if (distance >= list->length)
        return false;
    bool forward = index >= 0;
    if (distance > list->length / 2) { /* the other end is nearer */
        distance = list->length - 1 - distance;
        forward = !forward;
    }
    struct list_block *block = forward ? list->first : list->last;
    while (distance >= block->count) {
        distance -= block->count;
        block = forward ? real_next(block) : real_previous(block);
    }
    cursor->block = block;
    if (!block->is_plain)
        cursor->at =
            listpack_seek(&block->pack, forward ? (int64_t)distance : -(int64_t)distance - 1);
    return true;
}

struct slice list_cursor_get(const struct list_cursor *cursor, char *scratch)
{
    const struct list_block *block = cursor->block;
    if (UNLIKELY(block->is_plain))
        return slice_of((const char *)block->pack.bytes, block->plain_length);
    return listpack_text(&block->pack, cursor->at, scratch);
}

bool list_cursor_equals(const struct list_cursor *cursor, struct slice text)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    return slice_equals(list_cursor_get(cursor, scratch), text);
}

bool list_cursor_next(struct list_cursor *cursor)
{
    struct list_block *block = cursor->block;
    if (!block->is_plain) {
        cursor->at = listpack_next(&block->pack, cursor->at);
        if (cursor->at != LISTPACK_END)
            return true;
    }
    return stand_at(cursor, real_next(block), false);
}

bool list_cursor_previous(struct list_cursor *cursor)
{
    struct list_block *block = cursor->block;
    if (!block->is_plain) {
        cursor->at = listpack_previous(&block->pack, cursor->at);
        if (cursor->at != LISTPACK_END)
            return true;
    }
    return stand_at(cursor, real_previous(block), true);
}

/* --- in the middle --- */

/* The elements from `at` on (not the first) go to a block behind this one. False: memory is out. */
static bool split_block(struct list_value *list, struct list_block *block, size_t at)
{
    struct listpack pack = listpack_create(listpack_size(&block->pack));
    size_t count = 0, from = at;
    for (; at != LISTPACK_END; at = listpack_next(&block->pack, at), count++) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        if (!listpack_append(&pack, listpack_text(&block->pack, at, scratch))) {
            listpack_free(&pack);
            return false;
        }
    }
    (void)cut(list, block, from, count);
    block->count -= (uint32_t)count;
    add_block(list, block, block_create(list, pack, count));
    return true;
}

static bool insert_into_block(struct list_cursor *cursor, struct slice text, bool behind)
{
    struct list_block *block = cursor->block;
    size_t at = behind ? listpack_next(&block->pack, cursor->at) : cursor->at;
    if (!listpack_insert(pack_to_change(cursor->list, block), &at, text))
        return false;
    block->count++;
    cursor->list->length++;
    return true;
}

bool list_cursor_insert(struct list_cursor *cursor, const struct value_limits *limits,
                        struct slice text, bool behind)
{
    struct list_value *list = cursor->list;
    struct list_block *block = cursor->block;
    if (has_room(block, limits, text))
        return insert_into_block(cursor, text, behind);
    struct list_block *new = block_of(list, limits, text);
    if (new == NULL)
        return false;
    struct list_block *before = block; /* of the new one */
    size_t at = LISTPACK_END;
    if (!block->is_plain)
        at = behind ? listpack_next(&block->pack, cursor->at) : cursor->at;
    if (block->is_plain ? !behind : at == listpack_first(&block->pack)) {
        before = real_previous(block);
    } else if (at != LISTPACK_END && !split_block(list, block, at)) {
        block_free(new);
        return false;
    }
    add_block(list, before, new);
    list->length++;
    return true;
}

bool list_cursor_replace(struct list_cursor *cursor, const struct value_limits *limits,
                         struct slice text)
{
    struct list_value *list = cursor->list;
    struct list_block *block = cursor->block;
    if (!block->is_plain && !is_large(limits, text))
        return listpack_replace(pack_to_change(list, block), &cursor->at, text);
    if (!list_cursor_insert(cursor, limits, text, true))
        return false;
    /* A block that was split still ends with the old one. */
    struct list_cursor old = {list, block, block->is_plain ? 0 : cursor->at};
    (void)list_cursor_remove(&old, false);
    return true;
}

bool list_cursor_remove(struct list_cursor *cursor, bool backward)
{
    struct list_value *list = cursor->list;
    struct list_block *block = cursor->block;
    if (block->count == 1) {
        struct list_block *other = backward ? real_previous(block) : real_next(block);
        drop_block(list, block);
        return stand_at(cursor, other, backward);
    }
    size_t previous = listpack_previous(&block->pack, cursor->at);
    cursor->at = cut(list, block, cursor->at, 1);
    block->count--;
    list->length--;
    if (backward)
        cursor->at = previous;
    if (cursor->at != LISTPACK_END)
        return true;
    return stand_at(cursor, backward ? real_previous(block) : real_next(block), backward);
}

void list_value_remove_range(struct list_value *list, size_t index, size_t count)
{
    struct list_cursor cursor;
    if (!list_value_seek(list, (int64_t)index, &cursor))
        return;
    struct list_block *block = cursor.block;
    bool whole = block->is_plain || cursor.at == listpack_first(&block->pack);
    while (block != NULL && count > 0) {
        struct list_block *next = real_next(block);
        if (whole && count >= block->count) {
            count -= block->count;
            drop_block(list, block);
        } else {
            size_t at = whole ? listpack_first(&block->pack) : cursor.at;
            size_t before = block->count;
            (void)cut(list, block, at, count);
            block->count = (uint32_t)listpack_count(&block->pack);
            count -= before - block->count;
            list->length -= before - block->count;
        }
        whole = true;
        block = next;
    }
}

/* --- blocks --- */

void list_value_append_block(struct list_value *list, struct listpack pack)
{
    size_t count = listpack_count(&pack);
    ASSERT(count > 0);
    add_block(list, list->last, block_create(list, pack, count));
    list->length += count;
}

bool list_value_append_plain(struct list_value *list, struct slice text)
{
    struct listpack bytes = {memory_try_allocate(text.length)};
    if (bytes.bytes == NULL)
        return false;
    if (text.length > 0)
        memcpy(bytes.bytes, text.data, text.length);
    struct list_block *block = block_create(list, bytes, 1);
    block->is_plain = true;
    block->plain_length = text.length;
    add_block(list, list->last, block);
    list->length++;
    return true;
}

const struct list_block *list_value_next_block(const struct list_value *list,
                                               const struct list_block *block)
{
    return block == NULL ? list->first : real_next(block);
}

struct slice list_block_bytes(const struct list_block *block, bool *is_plain)
{
    *is_plain = block->is_plain;
    return slice_of((const char *)block->pack.bytes,
                    block->is_plain ? block->plain_length : listpack_size(&block->pack));
}

/* --- value_kind --- */

static size_t length(const void *value)
{
    return list_value_length(value);
}

static const char *encoding(const void *value)
{
    const struct list_value *list = value;
    return list->blocks == 1 && !list->first->is_plain ? "listpack" : "quicklist";
}

static size_t memory(const void *value, size_t samples)
{
    const struct list_value *list = value;
    size_t size = 0, looked_at = 0;
    const struct list_block *block = list->first;
    for (; block != NULL && (samples == 0 || looked_at < samples); block = real_next(block)) {
        size += memory_usable_size(block) + memory_usable_size(block->pack.bytes - block->gap);
        looked_at++;
    }
    size_t average = looked_at > 0 ? size / looked_at : 0;
    return memory_usable_size(list) + size + average * (list->blocks - looked_at);
}

static void *copy(const void *value)
{
    const struct list_value *list = value;
    struct list_value *new = list_value_create();
    for (const struct list_block *block = list->first; block != NULL; block = real_next(block)) {
        bool is_plain;
        struct slice bytes = list_block_bytes(block, &is_plain);
        if (is_plain && list_value_append_plain(new, bytes))
            continue;
        struct listpack pack = is_plain ? (struct listpack){NULL} : listpack_of(bytes);
        if (pack.bytes == NULL) {
            list_value_destroy(new);
            return NULL;
        }
        list_value_append_block(new, pack);
    }
    return new;
}

static bool walk_begin(void *value, struct value_walk *walk)
{
    struct list_value *list = value;
    if (list->blocks <= WALK_BLOCKS_MIN)
        return false;
    ASSERT(list->walk == NULL);
    list->walk = walk;
    list->epoch = VALUE_EPOCH_NEXT(list->epoch);
    walk->parts = list->blocks;
    walk->position = list->chain_first;
    return true;
}

static bool walk_step(void *value, struct value_walk *walk)
{
    struct list_value *list = value;
    for (int i = 0; i < STEP_BLOCKS && walk->position != NULL; i++) {
        struct list_block *block = walk->position;
        walk->position = block->next;
        if (!block->is_ghost && block->epoch == list->epoch)
            continue;
        struct value_part part = {.deadline_ms = VALUE_NO_DEADLINE};
        part.value = list_block_bytes(block, &part.is_plain);
        walk->take(walk->context, &part);
        block->epoch = list->epoch;
        if (block->is_ghost) {
            chain_remove(list, block);
            block_free(block);
        }
    }
    return walk->position != NULL;
}

static void walk_end(void *value, struct value_walk *walk)
{
    struct list_value *list = value;
    bool unfinished = walk->position != NULL;
    list->walk = NULL;
    for (struct list_block *block = walk->position, *next; block != NULL; block = next) {
        next = block->next;
        if (block->is_ghost) {
            chain_remove(list, block);
            block_free(block);
        }
    }
    if (!unfinished) {
        list->walks_unfinished = 0;
    } else if (++list->walks_unfinished >= VALUE_EPOCHS - 2) {
        for (struct list_block *block = list->first; block != NULL; block = block->next)
            block->epoch = list->epoch;
        list->walks_unfinished = 0;
    }
}

const struct value_kind list_kind = {
    .name = "list",
    .length = length,
    .encoding = encoding,
    .memory = memory,
    .copy = copy,
    .free_some = free_some,
    .walk_begin = walk_begin,
    .walk_step = walk_step,
    .walk_end = walk_end,
};

void list_value_check(const struct list_value *list)
{
    size_t length_found = 0, blocks = 0;
    const struct list_block *previous = NULL, *real = NULL;
    for (const struct list_block *block = list->chain_first; block != NULL; block = block->next) {
        ASSERT(block->previous == previous);
        previous = block;
        ASSERT(list->walk != NULL || !block->is_ghost);
        if (block->is_ghost)
            continue;
        bool is_plain;
        struct slice bytes = list_block_bytes(block, &is_plain);
        ASSERT(is_plain ? block->count == 1
                        : listpack_is_valid(bytes) && listpack_count(&block->pack) == block->count);
        ASSERT(block->count > 0 && (real != NULL || block == list->first));
        ASSERT(block->gap == 0 || block == list->first);
        real = block;
        length_found += block->count;
        blocks++;
    }
    ASSERT(previous == list->chain_last && real == list->last);
    ASSERT(length_found == list->length && blocks == list->blocks);
}
