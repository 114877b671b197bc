#include "values/stream_producers.h"

#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"

#define LENGTH_SIZE 4 /* of a producer's name, in front of it */
#define FORGET_MAX 16 /* messages that are too old, by one record */

/* --- keys: a producer is its length and its bytes; so none is the beginning of another --- */

static void add_producer(struct buffer *out, struct slice producer)
{
    unsigned char length[LENGTH_SIZE];
    for (int i = 0; i < LENGTH_SIZE; i++)
        length[i] = (unsigned char)(producer.length >> (24 - 8 * i));
    buffer_add(out, length, sizeof length);
    buffer_add(out, producer.data, producer.length);
}

static struct slice take_producer(struct slice *rest)
{
    size_t length = 0;
    for (int i = 0; i < LENGTH_SIZE; i++)
        length = length << 8 | (unsigned char)rest->data[i];
    struct slice producer = slice_of(rest->data + LENGTH_SIZE, length);
    *rest = slice_of(producer.data + length, rest->length - LENGTH_SIZE - length);
    return producer;
}

static void add_id(struct buffer *out, struct stream_id id)
{
    char bytes[STREAM_ID_SIZE];
    stream_id_write(bytes, id);
    buffer_add(out, bytes, sizeof bytes);
}

/* Each valid until the next. */
static struct slice message_key(struct stream_producers *producers, struct slice producer,
                                struct slice message)
{
    buffer_clear(&producers->scratch);
    add_producer(&producers->scratch, producer);
    buffer_add(&producers->scratch, message.data, message.length);
    return buffer_slice(&producers->scratch);
}

static struct slice time_key(struct stream_producers *producers, struct slice producer,
                             struct slice message, struct stream_id id)
{
    buffer_clear(&producers->scratch);
    add_id(&producers->scratch, id);
    add_producer(&producers->scratch, producer);
    buffer_add(&producers->scratch, message.data, message.length);
    return buffer_slice(&producers->scratch);
}

static struct slice order_key(struct stream_producers *producers, struct slice producer,
                              struct slice message, struct stream_id id)
{
    buffer_clear(&producers->scratch);
    add_producer(&producers->scratch, producer);
    add_id(&producers->scratch, id);
    buffer_add(&producers->scratch, message.data, message.length);
    return buffer_slice(&producers->scratch);
}

/* --- life --- */

struct stream_producers *stream_producers_create(const struct hash_seed *seed, uint64_t duration_s,
                                                 uint64_t records_max)
{
    struct stream_producers *producers = memory_allocate_zeroed(sizeof *producers);
    producers->duration_s = duration_s;
    producers->records_max = records_max;
    packed_table_init(&producers->messages, seed);
    packed_table_init(&producers->counts, seed);
    ordered_tree_init(&producers->by_time);
    ordered_tree_init(&producers->by_producer);
    return producers;
}

bool stream_producers_free_some(struct stream_producers *producers)
{
    if (!packed_table_free_some(&producers->messages) ||
        !packed_table_free_some(&producers->counts) ||
        !ordered_tree_free_some(&producers->by_time) ||
        !ordered_tree_free_some(&producers->by_producer))
        return false;
    buffer_deinit(&producers->scratch);
    memory_free(producers);
    return true;
}

void stream_producers_destroy(struct stream_producers *producers)
{
    while (!stream_producers_free_some(producers))
        ;
}

void stream_producers_clear(struct stream_producers *producers)
{
    struct hash_seed seed = producers->messages.seed;
    packed_table_deinit(&producers->messages);
    packed_table_deinit(&producers->counts);
    ordered_tree_deinit(&producers->by_time);
    ordered_tree_deinit(&producers->by_producer);
    packed_table_init(&producers->messages, &seed);
    packed_table_init(&producers->counts, &seed);
    ordered_tree_init(&producers->by_time);
    ordered_tree_init(&producers->by_producer);
}

struct stream_producers *stream_producers_copy(const struct stream_producers *producers)
{
    struct stream_producers *copy = stream_producers_create(
        &producers->messages.seed, producers->duration_s, producers->records_max);
    struct ordered_cursor at = ordered_tree_seek(&producers->by_time, 0);
    for (; at.leaf != NULL; ordered_cursor_next(&at)) {
        struct slice producer, message;
        struct stream_id id;
        stream_producers_get(&at, &producer, &message, &id);
        (void)stream_producers_record(copy, producer, message, id, INT64_MIN);
    }
    copy->added = producers->added;
    copy->duplicates = producers->duplicates;
    return copy;
}

/* --- messages --- */

static uint64_t count_of(const struct stream_producers *producers, struct slice producer)
{
    struct slice value;
    uint64_t count = 0;
    if (packed_table_find(&producers->counts, producer, &value))
        memcpy(&count, value.data, sizeof count);
    return count;
}

/* A producer without messages is none. */
static bool set_count(struct stream_producers *producers, struct slice producer, uint64_t count)
{
    if (count == 0)
        return packed_table_remove(&producers->counts, producer);
    struct slice value = slice_of((const char *)&count, sizeof count);
    return packed_table_set(&producers->counts, producer, value) != PACKED_OUT_OF_MEMORY;
}

static void forget(struct stream_producers *producers, struct slice producer, struct slice message,
                   struct stream_id id)
{
    (void)packed_table_remove(&producers->messages, message_key(producers, producer, message));
    ordered_tree_remove(&producers->by_producer, 0, order_key(producers, producer, message, id));
    (void)set_count(producers, producer, count_of(producers, producer) - 1);
    /* The last: producer and message may stand in it. */
    ordered_tree_remove(&producers->by_time, 0, time_key(producers, producer, message, id));
}

static bool is_too_old(const struct stream_producers *producers, struct stream_id id,
                       int64_t now_ms)
{
    return now_ms > 0 && (uint64_t)now_ms >= producers->duration_s * 1000 &&
           id.ms <= (uint64_t)now_ms - producers->duration_s * 1000;
}

static void forget_old(struct stream_producers *producers, int64_t now_ms)
{
    for (int i = 0; i < FORGET_MAX; i++) {
        struct ordered_cursor first = ordered_tree_seek(&producers->by_time, 0);
        struct slice producer, message;
        struct stream_id id;
        if (first.leaf == NULL)
            return;
        stream_producers_get(&first, &producer, &message, &id);
        if (!is_too_old(producers, id, now_ms))
            return;
        forget(producers, producer, message, id);
    }
}

/* The oldest message of this producer goes. */
static void forget_first_of(struct stream_producers *producers, struct slice producer)
{
    buffer_clear(&producers->scratch);
    add_producer(&producers->scratch, producer);
    struct ordered_bound bound = {.by_member = true, .member = buffer_slice(&producers->scratch)};
    struct ordered_cursor at = ordered_tree_seek(
        &producers->by_producer, ordered_tree_count_before(&producers->by_producer, &bound));
    double score;
    struct slice rest = ordered_cursor_get(&at, &score);
    struct slice name = take_producer(&rest);
    ASSERT(slice_equals(name, producer));
    struct stream_id id = stream_id_read(rest.data);
    struct slice message = slice_of(rest.data + STREAM_ID_SIZE, rest.length - STREAM_ID_SIZE);
    /* `message` stands in a tree that changes. */
    struct buffer copy = {NULL, 0, 0};
    buffer_add(&copy, message.data, message.length);
    forget(producers, producer, buffer_slice(&copy), id);
    buffer_deinit(&copy);
}

bool stream_producers_find(struct stream_producers *producers, struct slice producer,
                           struct slice message, int64_t now_ms, struct stream_id *id)
{
    struct slice value;
    if (!packed_table_find(&producers->messages, message_key(producers, producer, message), &value))
        return false;
    *id = stream_id_read(value.data);
    return !is_too_old(producers, *id, now_ms);
}

bool stream_producers_record(struct stream_producers *producers, struct slice producer,
                             struct slice message, struct stream_id id, int64_t now_ms)
{
    struct stream_id old;
    char bytes[STREAM_ID_SIZE];
    forget_old(producers, now_ms);
    if (stream_producers_find(producers, producer, message, INT64_MIN, &old))
        forget(producers, producer, message, old);
    while (count_of(producers, producer) >= producers->records_max)
        forget_first_of(producers, producer);
    stream_id_write(bytes, id);
    if (packed_table_set(&producers->messages, message_key(producers, producer, message),
                         slice_of(bytes, sizeof bytes)) == PACKED_OUT_OF_MEMORY)
        return false;
    if (!ordered_tree_insert(&producers->by_time, 0, time_key(producers, producer, message, id)))
        goto no_time;
    if (!ordered_tree_insert(&producers->by_producer, 0,
                             order_key(producers, producer, message, id)))
        goto no_order;
    if (!set_count(producers, producer, count_of(producers, producer) + 1))
        goto no_count;
    producers->added++;
    return true;
no_count:
    ordered_tree_remove(&producers->by_producer, 0, order_key(producers, producer, message, id));
no_order:
    ordered_tree_remove(&producers->by_time, 0, time_key(producers, producer, message, id));
no_time:
    (void)packed_table_remove(&producers->messages, message_key(producers, producer, message));
    return false;
}

/* --- numbers --- */

size_t stream_producers_count(const struct stream_producers *producers)
{
    return producers->counts.count;
}

size_t stream_producers_messages(const struct stream_producers *producers)
{
    return producers->messages.count;
}

size_t stream_producers_memory(const struct stream_producers *producers)
{
    return memory_usable_size(producers) + producers->messages.memory + producers->counts.memory +
           producers->by_time.memory + producers->by_producer.memory + producers->scratch.capacity;
}

void stream_producers_get(const struct ordered_cursor *at, struct slice *producer,
                          struct slice *message, struct stream_id *id)
{
    double score;
    struct slice rest = ordered_cursor_get(at, &score);
    *id = stream_id_read(rest.data);
    rest = slice_of(rest.data + STREAM_ID_SIZE, rest.length - STREAM_ID_SIZE);
    *producer = take_producer(&rest);
    *message = rest;
}

void stream_producers_check(struct stream_producers *producers)
{
    packed_table_check(&producers->messages);
    packed_table_check(&producers->counts);
    ordered_tree_check(&producers->by_time);
    ordered_tree_check(&producers->by_producer);
    ASSERT(producers->by_time.count == producers->messages.count &&
           producers->by_producer.count == producers->messages.count);
    uint64_t sum = 0;
    struct packed_cursor cursor = {0, 0};
    struct packed_element element;
    while (packed_table_next(&producers->counts, &cursor, &element)) {
        uint64_t count = count_of(producers, element.key);
        ASSERT(count > 0 && count <= producers->records_max);
        sum += count;
    }
    ASSERT(sum == producers->messages.count);
}
