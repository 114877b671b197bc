#include "values/stream.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "values/stream_producers.h"
#include "values/value_walk.h"

#define WALK_BLOCKS_MIN 64
#define STEP_BLOCKS 8
#define FREE_BLOCKS 16
#define ROOM_MIN 8
#define BLOCK_NUMBERS_MAX 16 /* elements of a block of one entry that are no fields or values */

struct block {
    struct stream_id id; /* of its first entry */
    struct listpack pack;
    uint8_t epoch;
};

/* A row of blocks with room at both ends. */
struct stream_blocks {
    struct block *row;
    size_t begin, count, capacity;
    struct value_walk *walk;
    uint8_t epoch, walks_unfinished;
};

/* --- the row --- */

static struct block *block_at(const struct stream *stream, size_t index)
{
    return &stream->blocks->row[stream->blocks->begin + index];
}

static size_t block_count(const struct stream *stream)
{
    return stream->blocks->count;
}

/* How many blocks begin at or before `id`. */
static size_t blocks_up_to(const struct stream *stream, struct stream_id id)
{
    size_t low = 0, high = block_count(stream);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (stream_id_compare(block_at(stream, middle)->id, id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_block(struct stream *stream, struct stream_id id, struct listpack pack)
{
    struct stream_blocks *blocks = stream->blocks;
    if (blocks->begin + blocks->count == blocks->capacity) {
        if (blocks->begin > blocks->count) { /* the front is empty: no need to grow */
            memmove(blocks->row, blocks->row + blocks->begin, blocks->count * sizeof *blocks->row);
            if (blocks->walk != NULL && blocks->walk->cursor > blocks->begin)
                blocks->walk->cursor -= blocks->begin;
            else if (blocks->walk != NULL)
                blocks->walk->cursor = 0;
            blocks->begin = 0;
        } else {
            blocks->capacity = blocks->capacity == 0 ? ROOM_MIN : 2 * blocks->capacity;
            blocks->row = memory_resize(blocks->row, blocks->capacity * sizeof *blocks->row);
        }
    }
    blocks->row[blocks->begin + blocks->count++] = (struct block){id, pack, blocks->epoch};
}

/* Before a block changes or goes: a walk takes it as it was. */
static void leave_to_walk(struct stream *stream, struct block *block)
{
    struct stream_blocks *blocks = stream->blocks;
    if (LIKELY(blocks->walk == NULL) || block->epoch == blocks->epoch)
        return;
    char id[STREAM_ID_SIZE];
    stream_id_write(id, block->id);
    struct value_part part = {
        .key = slice_of(id, sizeof id),
        .value = slice_of((const char *)block->pack.bytes, listpack_size(&block->pack)),
        .deadline_ms = VALUE_NO_DEADLINE};
    blocks->walk->take(blocks->walk->context, &part);
    block->epoch = blocks->epoch;
}

static void remove_block(struct stream *stream, size_t index)
{
    struct stream_blocks *blocks = stream->blocks;
    struct block *block = block_at(stream, index);
    leave_to_walk(stream, block);
    listpack_free(&block->pack);
    blocks->count--;
    if (index == 0) {
        blocks->begin++;
        return;
    }
    memmove(block, block + 1, (blocks->count - index) * sizeof *block);
    if (blocks->walk != NULL && blocks->walk->cursor > blocks->begin + index)
        blocks->walk->cursor--;
}

/* --- life --- */

struct stream *stream_create(const struct value_settings *settings)
{
    struct stream *stream = memory_allocate_zeroed(sizeof *stream);
    stream->blocks = memory_allocate_zeroed(sizeof *stream->blocks);
    stream->seed = settings->seed;
    return stream;
}

static void free_consumer(struct stream_consumer *consumer)
{
    ordered_tree_deinit(&consumer->pending);
    memory_free((void *)(uintptr_t)consumer->name.data);
    memory_free(consumer);
}

static void free_group(struct stream_group *group)
{
    for (size_t i = 0; i < group->consumer_count; i++)
        free_consumer(group->consumers[i]);
    memory_free(group->consumers);
    pending_list_deinit(&group->pending);
    memory_free((void *)(uintptr_t)group->name.data);
    memory_free(group);
}

/* True: nothing is left of it. */
static bool free_some_of_group(struct stream_group *group)
{
    while (group->consumer_count > 0) {
        struct stream_consumer *last = group->consumers[group->consumer_count - 1];
        if (!ordered_tree_free_some(&last->pending))
            return false;
        free_consumer(last);
        group->consumer_count--;
    }
    if (!pending_list_free_some(&group->pending))
        return false;
    free_group(group);
    return true;
}

static bool free_some(void *value)
{
    struct stream *stream = value;
    struct stream_blocks *blocks = stream->blocks;
    for (int i = 0; i < FREE_BLOCKS && blocks->count > 0; i++)
        listpack_free(&blocks->row[blocks->begin + --blocks->count].pack);
    if (blocks->count > 0)
        return false;
    if (stream->group_count > 0) {
        stream->group_count -= free_some_of_group(stream->groups[stream->group_count - 1]);
        return false;
    }
    if (stream->producers != NULL && !stream_producers_free_some(stream->producers))
        return false;
    memory_free(stream->groups);
    memory_free(blocks->row);
    memory_free(blocks);
    memory_free(stream);
    return true;
}

void stream_destroy(struct stream *stream)
{
    while (!free_some(stream))
        ;
}

/* --- entries --- */

static size_t pairs_length(const struct slice *pairs, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < 2 * count; i++)
        bytes += pairs[i].length;
    return bytes;
}

/* Bytes that an entry of `bytes` takes in a block at most, its fields in the master entry included.
 */
static size_t size_in_block(size_t bytes, size_t count)
{
    return bytes + (2 * count + BLOCK_NUMBERS_MAX) * LISTPACK_OVERHEAD_MAX;
}

bool stream_entry_fits(const struct slice *pairs, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++)
        if (pairs[i].length > LISTPACK_ELEMENT_MAX)
            return false;
    return size_in_block(pairs_length(pairs, count), count) <= LISTPACK_SIZE_MAX;
}

static bool is_full(const struct value_limits *limits, const struct block *block, size_t bytes)
{
    if (limits->stream_block_bytes_max > 0 &&
        listpack_size(&block->pack) + bytes >= limits->stream_block_bytes_max)
        return true;
    return limits->stream_block_entries_max > 0 &&
           stream_block_count(&block->pack) + stream_block_deleted(&block->pack) >=
               limits->stream_block_entries_max;
}

/* last_id may have been set below entries that are deleted: what is new does not go behind them. */
static bool ends_above(const struct block *block, struct stream_id id)
{
    struct stream_entry last;
    return stream_block_deleted(&block->pack) > 0 &&
           stream_block_last(&block->pack, block->id, &last) && stream_id_compare(last.id, id) >= 0;
}

bool stream_append(struct stream *stream, const struct value_limits *limits, struct stream_id id,
                   const struct slice *pairs, size_t count)
{
    ASSERT(stream_entry_fits(pairs, count));
    size_t bytes = pairs_length(pairs, count);
    struct block *last = block_count(stream) > 0 ? block_at(stream, block_count(stream) - 1) : NULL;
    if (last == NULL || is_full(limits, last, bytes) || ends_above(last, id) ||
        listpack_size(&last->pack) + size_in_block(bytes, count) > LISTPACK_SIZE_MAX) {
        struct listpack pack = stream_block_create(pairs, count);
        if (pack.bytes == NULL)
            return false;
        if (!stream_block_append(&pack, id, id, pairs, count)) {
            listpack_free(&pack);
            return false;
        }
        add_block(stream, id, pack);
    } else {
        leave_to_walk(stream, last);
        if (!stream_block_append(&last->pack, last->id, id, pairs, count))
            return false;
    }
    stream->length++;
    stream->entries_added += stream->entries_added < INT64_MAX;
    stream->last_id = id;
    if (stream->length == 1)
        stream->first_id = id;
    return true;
}

static bool find_entry(struct stream *stream, struct stream_id id, size_t *index,
                       struct stream_entry *entry)
{
    size_t before = blocks_up_to(stream, id);
    if (before == 0)
        return false;
    *index = before - 1;
    const struct block *block = block_at(stream, *index);
    bool more = stream_block_first(&block->pack, block->id, entry);
    while (more && stream_id_compare(entry->id, id) < 0)
        more = stream_block_next(&block->pack, block->id, entry);
    return more && stream_id_compare(entry->id, id) == 0 && !entry->is_deleted;
}

bool stream_has(struct stream *stream, struct stream_id id)
{
    size_t index;
    struct stream_entry entry;
    return find_entry(stream, id, &index, &entry);
}

static void find_first_id(struct stream *stream)
{
    struct stream_cursor cursor;
    stream_seek(stream, STREAM_ID_MIN, STREAM_ID_MAX, false, &cursor);
    stream->first_id = stream_next(&cursor) ? cursor.entry.id : STREAM_ID_MIN;
}

bool stream_delete(struct stream *stream, struct stream_id id)
{
    size_t index;
    struct stream_entry entry;
    if (!find_entry(stream, id, &index, &entry))
        return false;
    struct block *block = block_at(stream, index);
    if (stream_block_count(&block->pack) == 1) {
        remove_block(stream, index);
    } else {
        leave_to_walk(stream, block);
        stream_block_delete(&block->pack, &entry);
    }
    stream->length--;
    if (stream_id_compare(id, stream->max_deleted_id) > 0)
        stream->max_deleted_id = id;
    if (stream_id_compare(id, stream->first_id) == 0)
        find_first_id(stream);
    return true;
}

/* Does the whole block go? */
static bool block_goes(const struct stream *stream, const struct stream_trim *trim,
                       const struct block *block)
{
    size_t count = stream_block_count(&block->pack);
    if (!trim->by_id)
        return stream->length - count >= trim->length_max;
    struct stream_entry last;
    bool more = stream_block_last(&block->pack, block->id, &last);
    /* A block of deleted ones alone must not stay. (Approximately, Redis asks for the last ID.) */
    while (more && last.is_deleted && !trim->approximate)
        more = stream_block_previous(&block->pack, block->id, &last);
    return more && stream_id_compare(last.id, trim->min_id) < 0;
}

/* Entries of the first block, one by one. */
static uint64_t trim_block(struct stream *stream, const struct stream_trim *trim)
{
    struct block *block = block_at(stream, 0);
    struct stream_entry entry;
    uint64_t deleted = 0;
    bool more = stream_block_first(&block->pack, block->id, &entry);
    while (more) {
        bool stays = trim->by_id ? stream_id_compare(entry.id, trim->min_id) >= 0
                                 : stream->length <= trim->length_max;
        if (stays)
            break;
        if (!entry.is_deleted) {
            struct stream_id id = entry.id;
            leave_to_walk(stream, block);
            stream_block_delete(&block->pack, &entry);
            deleted++;
            stream->length--;
            /* The counts before it may have become longer, or shorter. */
            more = stream_block_first(&block->pack, block->id, &entry);
            while (more && stream_id_compare(entry.id, id) < 0)
                more = stream_block_next(&block->pack, block->id, &entry);
        }
        more = more && stream_block_next(&block->pack, block->id, &entry);
    }
    return deleted;
}

uint64_t stream_trim(struct stream *stream, const struct stream_trim *trim)
{
    uint64_t deleted = 0;
    if (!trim->by_id && stream->length <= trim->length_max)
        return 0;
    while (block_count(stream) > 0) {
        struct block *block = block_at(stream, 0);
        size_t count = stream_block_count(&block->pack);
        if (trim->approximate && trim->limit > 0 && deleted + count > trim->limit)
            break;
        if (!block_goes(stream, trim, block)) {
            if (!trim->approximate)
                deleted += trim_block(stream, trim);
            break;
        }
        stream->length -= count;
        deleted += count;
        remove_block(stream, 0);
    }
    if (deleted > 0)
        find_first_id(stream);
    return deleted;
}

/* XSETID and files may say any number of entries: what cannot be right is not known. */
static int64_t known_count(uint64_t count)
{
    return count <= INT64_MAX ? (int64_t)count : STREAM_READ_UNKNOWN;
}

/* As Redis's streamEstimateDistanceFromFirstEverEntry. */
int64_t stream_count_up_to(struct stream *stream, struct stream_id id)
{
    if (stream->entries_added == 0)
        return 0;
    if (stream->length == 0 && stream_id_compare(id, stream->last_id) < 1)
        return known_count(stream->entries_added);
    int to_last = stream_id_compare(id, stream->last_id);
    if (to_last == 0)
        return known_count(stream->entries_added);
    if (to_last > 0)
        return STREAM_READ_UNKNOWN;
    int to_first = stream_id_compare(id, stream->first_id);
    if (stream_id_is_zero(stream->max_deleted_id) ||
        stream_id_compare(stream->max_deleted_id, stream->first_id) < 0) {
        if (to_first < 0)
            return known_count(stream->entries_added - stream->length);
        if (to_first == 0)
            return known_count(stream->entries_added - stream->length + 1);
    }
    return STREAM_READ_UNKNOWN;
}

bool stream_range_has_deleted(const struct stream *stream, struct stream_id from,
                              struct stream_id to)
{
    if (stream->length == 0 || stream_id_is_zero(stream->max_deleted_id))
        return false;
    return stream_id_compare(from, stream->max_deleted_id) <= 0 &&
           stream_id_compare(stream->max_deleted_id, to) <= 0;
}

/* --- cursors --- */

void stream_seek(struct stream *stream, struct stream_id start, struct stream_id end, bool reverse,
                 struct stream_cursor *cursor)
{
    *cursor =
        (struct stream_cursor){.stream = stream, .start = start, .end = end, .reverse = reverse};
    size_t before = blocks_up_to(stream, reverse ? end : start);
    cursor->block = before > 0 ? before - 1 : 0;
}

static bool step(struct stream_cursor *cursor)
{
    const struct block *block = block_at(cursor->stream, cursor->block);
    if (!cursor->begun) {
        cursor->begun = true;
        return cursor->reverse ? stream_block_last(&block->pack, block->id, &cursor->entry)
                               : stream_block_first(&block->pack, block->id, &cursor->entry);
    }
    return cursor->reverse ? stream_block_previous(&block->pack, block->id, &cursor->entry)
                           : stream_block_next(&block->pack, block->id, &cursor->entry);
}

bool stream_next(struct stream_cursor *cursor)
{
    while (cursor->block < block_count(cursor->stream)) {
        if (!step(cursor)) {
            cursor->begun = false;
            if (cursor->reverse && cursor->block == 0)
                return false;
            cursor->block += cursor->reverse ? SIZE_MAX : 1;
            continue;
        }
        struct stream_id id = cursor->entry.id;
        bool low = stream_id_compare(id, cursor->start) < 0;
        bool high = stream_id_compare(id, cursor->end) > 0;
        if (cursor->reverse ? low : high)
            return false;
        if (!low && !high && !cursor->entry.is_deleted)
            return true;
    }
    return false;
}

void stream_visit(const struct stream_cursor *cursor,
                  void (*take)(void *context, struct slice field, struct slice value),
                  void *context)
{
    const struct block *block = block_at(cursor->stream, cursor->block);
    stream_block_visit(&block->pack, &cursor->entry, take, context);
}

/* --- groups --- */

static struct slice own_copy(struct slice text)
{
    char *copy = memory_allocate(text.length > 0 ? text.length : 1);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    return slice_of(copy, text.length);
}

static int compare_names(struct slice a, struct slice b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Where the name stands in a row of pointers to things that begin with their name, or would. */
static size_t name_place(const void *row, size_t count, struct slice name, bool *found)
{
    const struct slice *const *names = row;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_names(*names[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < count && slice_equals(*names[low], name);
    return low;
}

/* Puts `thing` at its place; returns the row, which may have moved. */
static void *row_insert(void *row, size_t *count, size_t place, void *thing)
{
    void **things = memory_resize(row, (*count + 1) * sizeof *things);
    memmove(things + place + 1, things + place, (*count - place) * sizeof *things);
    things[place] = thing;
    ++*count;
    return things;
}

static void row_remove(void *row, size_t *count, size_t place)
{
    void **things = row;
    memmove(things + place, things + place + 1, (*count - place - 1) * sizeof *things);
    --*count;
}

struct stream_group *stream_find_group(const struct stream *stream, struct slice name)
{
    bool found;
    size_t place = name_place(stream->groups, stream->group_count, name, &found);
    return found ? stream->groups[place] : NULL;
}

struct stream_group *stream_add_group(struct stream *stream, struct slice name,
                                      struct stream_id last_id, int64_t entries_read)
{
    bool found;
    size_t place = name_place(stream->groups, stream->group_count, name, &found);
    ASSERT(!found);
    struct stream_group *group = memory_allocate_zeroed(sizeof *group);
    group->name = own_copy(name);
    group->last_id = last_id;
    group->entries_read = entries_read;
    pending_list_init(&group->pending, &stream->seed);
    stream->groups = row_insert(stream->groups, &stream->group_count, place, group);
    return group;
}

void stream_remove_group(struct stream *stream, struct stream_group *group)
{
    bool found;
    size_t place = name_place(stream->groups, stream->group_count, group->name, &found);
    ASSERT(found);
    row_remove(stream->groups, &stream->group_count, place);
    free_group(group);
}

struct stream_consumer *stream_find_consumer(const struct stream_group *group, struct slice name)
{
    bool found;
    size_t place = name_place(group->consumers, group->consumer_count, name, &found);
    return found ? group->consumers[place] : NULL;
}

struct stream_consumer *stream_add_consumer(struct stream_group *group, struct slice name,
                                            int64_t now_ms)
{
    bool found;
    size_t place = name_place(group->consumers, group->consumer_count, name, &found);
    ASSERT(!found);
    struct stream_consumer *consumer = memory_allocate_zeroed(sizeof *consumer);
    consumer->name = own_copy(name);
    consumer->seen_ms = now_ms;
    consumer->active_ms = -1;
    ordered_tree_init(&consumer->pending);
    group->consumers = row_insert(group->consumers, &group->consumer_count, place, consumer);
    return consumer;
}

void stream_remove_consumer(struct stream_group *group, struct stream_consumer *consumer)
{
    bool found;
    size_t place = name_place(group->consumers, group->consumer_count, consumer->name, &found);
    ASSERT(found);
    struct ordered_cursor cursor = ordered_tree_seek(&consumer->pending, 0);
    for (; cursor.leaf != NULL; ordered_cursor_next(&cursor))
        (void)pending_list_remove(&group->pending, pending_list_id(&cursor));
    row_remove(group->consumers, &group->consumer_count, place);
    free_consumer(consumer);
}

void stream_set_pending(struct stream_group *group, struct stream_id id,
                        const struct pending *pending)
{
    struct pending old;
    bool there = pending_list_find(&group->pending, id, &old);
    if (there && old.consumer != pending->consumer)
        pending_list_order_remove(&old.consumer->pending, id);
    if (!there || old.consumer != pending->consumer)
        pending_list_order_add(&pending->consumer->pending, id);
    pending_list_set(&group->pending, id, pending);
}

bool stream_remove_pending(struct stream_group *group, struct stream_id id)
{
    struct pending old;
    if (!pending_list_find(&group->pending, id, &old))
        return false;
    pending_list_order_remove(&old.consumer->pending, id);
    return pending_list_remove(&group->pending, id);
}

/* --- blocks --- */

size_t stream_block_total(const struct stream *stream)
{
    return block_count(stream);
}

const struct listpack *stream_get_block(const struct stream *stream, size_t index,
                                        struct stream_id *id)
{
    const struct block *block = block_at(stream, index);
    *id = block->id;
    return &block->pack;
}

/* Loaded blocks come in any order when they were taken from a stream that went on changing. */
bool stream_add_block(struct stream *stream, struct stream_id id, struct listpack pack)
{
    size_t place = blocks_up_to(stream, id);
    if (place > 0 && stream_id_compare(block_at(stream, place - 1)->id, id) == 0)
        return false;
    add_block(stream, id, pack);
    struct block added = *block_at(stream, block_count(stream) - 1);
    struct block *at = block_at(stream, place);
    memmove(at + 1, at, (block_count(stream) - 1 - place) * sizeof *at);
    *at = added;
    return true;
}

/* The last one that is not deleted: a valid block has one. */
static struct stream_id last_id_of(const struct block *block)
{
    struct stream_entry entry;
    bool more = stream_block_last(&block->pack, block->id, &entry);
    while (more && entry.is_deleted)
        more = stream_block_previous(&block->pack, block->id, &entry);
    ASSERT(more);
    return entry.id;
}

bool stream_is_in_order(const struct stream *stream)
{
    size_t count = block_count(stream);
    for (size_t i = 0; i + 1 < count; i++)
        if (stream_id_compare(last_id_of(block_at(stream, i)), block_at(stream, i + 1)->id) >= 0)
            return false;
    return count == 0 ||
           stream_id_compare(last_id_of(block_at(stream, count - 1)), stream->last_id) <= 0;
}

/* --- value_kind --- */

static size_t length(const void *value)
{
    const struct stream *stream = value;
    return stream->length;
}

static const char *encoding(const void *value)
{
    (void)value;
    return "stream";
}

static size_t memory(const void *value, size_t samples)
{
    const struct stream *stream = value;
    size_t count = block_count(stream), looked_at = 0, bytes = 0;
    for (; looked_at < count && (samples == 0 || looked_at < samples); looked_at++)
        bytes += listpack_memory(&block_at(stream, looked_at)->pack);
    if (looked_at > 0)
        bytes = bytes / looked_at * count;
    bytes += memory_usable_size(stream) + memory_usable_size(stream->blocks) +
             stream->blocks->capacity * sizeof(struct block);
    if (stream->producers != NULL)
        bytes += stream_producers_memory(stream->producers);
    for (size_t i = 0; i < stream->group_count; i++) {
        const struct stream_group *group = stream->groups[i];
        bytes +=
            memory_usable_size(group) + group->pending.entries.memory + group->pending.order.memory;
        for (size_t c = 0; c < group->consumer_count; c++)
            bytes += memory_usable_size(group->consumers[c]) + group->consumers[c]->pending.memory;
    }
    return bytes;
}

static void copy_group(const struct stream_group *group, struct stream *to)
{
    struct stream_group *new =
        stream_add_group(to, group->name, group->last_id, group->entries_read);
    for (size_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        struct stream_consumer *other = stream_add_consumer(new, consumer->name, consumer->seen_ms);
        other->active_ms = consumer->active_ms;
        struct ordered_cursor cursor = ordered_tree_seek(&consumer->pending, 0);
        for (; cursor.leaf != NULL; ordered_cursor_next(&cursor)) {
            struct pending pending;
            struct stream_id id = pending_list_id(&cursor);
            bool found = pending_list_find(&group->pending, id, &pending);
            ASSERT(found);
            pending.consumer = other;
            stream_set_pending(new, id, &pending);
        }
    }
}

static void *copy(const void *value)
{
    const struct stream *stream = value;
    struct stream *new = memory_allocate_zeroed(sizeof *new);
    *new = (struct stream){.length = stream->length,
                           .first_id = stream->first_id,
                           .last_id = stream->last_id,
                           .max_deleted_id = stream->max_deleted_id,
                           .entries_added = stream->entries_added,
                           .seed = stream->seed};
    new->blocks = memory_allocate_zeroed(sizeof *new->blocks);
    for (size_t i = 0; i < block_count(stream); i++) {
        const struct block *block = block_at(stream, i);
        struct listpack pack = listpack_copy(&block->pack);
        if (pack.bytes == NULL) {
            stream_destroy(new);
            return NULL;
        }
        add_block(new, block->id, pack);
    }
    for (size_t i = 0; i < stream->group_count; i++)
        copy_group(stream->groups[i], new);
    if (stream->producers != NULL)
        new->producers = stream_producers_copy(stream->producers);
    return new;
}

/* The walk's cursor is a place in the row, before whose front it may lie. */
static bool walk_begin(void *value, struct value_walk *walk)
{
    struct stream *stream = value;
    struct stream_blocks *blocks = stream->blocks;
    if (blocks->count <= WALK_BLOCKS_MIN)
        return false;
    blocks->walk = walk;
    blocks->epoch = VALUE_EPOCH_NEXT(blocks->epoch);
    walk->parts = blocks->count;
    walk->cursor = blocks->begin;
    walk->position = stream;
    return true;
}

static bool walk_step(void *value, struct value_walk *walk)
{
    struct stream *stream = value;
    struct stream_blocks *blocks = stream->blocks;
    if (walk->cursor < blocks->begin)
        walk->cursor = blocks->begin;
    for (int i = 0; i < STEP_BLOCKS && walk->cursor < blocks->begin + blocks->count; i++)
        leave_to_walk(stream, &blocks->row[walk->cursor++]);
    if (walk->cursor >= blocks->begin + blocks->count)
        walk->position = NULL;
    return walk->position != NULL;
}

static void walk_end(void *value, struct value_walk *walk)
{
    struct stream *stream = value;
    struct stream_blocks *blocks = stream->blocks;
    blocks->walk = NULL;
    blocks->walks_unfinished = walk->position != NULL ? blocks->walks_unfinished + 1 : 0;
    if (blocks->walks_unfinished < VALUE_EPOCHS - 2)
        return;
    for (size_t i = 0; i < blocks->count; i++)
        block_at(stream, i)->epoch = blocks->epoch;
    blocks->walks_unfinished = 0;
}

const struct value_kind stream_kind = {
    .name = "stream",
    .length = length,
    .encoding = encoding,
    .memory = memory,
    .copy = copy,
    .free_some = free_some,
    .walk_begin = walk_begin,
    .walk_step = walk_step,
    .walk_end = walk_end,
};

void stream_check(struct stream *stream)
{
    size_t entries = 0;
    for (size_t i = 0; i < block_count(stream); i++) {
        const struct block *block = block_at(stream, i);
        ASSERT(stream_block_is_valid(&block->pack, block->id));
        entries += stream_block_count(&block->pack);
    }
    ASSERT(entries == stream->length && stream_is_in_order(stream));
    for (size_t i = 0; i < stream->group_count; i++) {
        const struct stream_group *group = stream->groups[i];
        size_t pending = 0;
        for (size_t c = 0; c < group->consumer_count; c++)
            pending += group->consumers[c]->pending.count;
        ASSERT(pending == pending_list_count(&group->pending));
        ordered_tree_check(&group->pending.order);
        packed_table_check(&group->pending.entries);
    }
    if (stream->producers != NULL)
        stream_producers_check(stream->producers);
}
