#include "server/observe/dataset_digest.h"

#include <sha1.h>
#include <stdio.h>

#include "base/assertion.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/stream.h"
#include "values/zset.h"

#define SCORE_TEXT_MAX 32 /* bytes of "%.17g" and a NUL */

_Static_assert(DATASET_DIGEST_SIZE == SHA1_DIGEST_LENGTH, "a digest is a SHA-1");

static struct dataset_digest sum_of(const void *bytes, size_t length)
{
    struct dataset_digest sum;
    SHA1_CTX state;
    SHA1Init(&state);
    SHA1Update(&state, bytes, length);
    SHA1Final(sum.bytes, &state);
    return sum;
}

/* For parts without an order. */
static void add(struct dataset_digest *digest, struct slice part)
{
    struct dataset_digest sum = sum_of(part.data, part.length);
    for (size_t i = 0; i < DATASET_DIGEST_SIZE; i++)
        digest->bytes[i] ^= sum.bytes[i];
}

static void add_digest(struct dataset_digest *digest, const struct dataset_digest *part)
{
    add(digest, slice_of((const char *)part->bytes, sizeof part->bytes));
}

/* For parts in order. */
static void append(struct dataset_digest *digest, struct slice part)
{
    add(digest, part);
    *digest = sum_of(digest->bytes, sizeof digest->bytes);
}

/* High byte first. */
static void append_number(struct dataset_digest *digest, uint32_t number)
{
    char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(number >> (24 - 8 * i));
    append(digest, slice_of(bytes, sizeof bytes));
}

/* --- values by type --- */

static void append_string(struct dataset_digest *digest, const struct entry *entry)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    append(digest, entry_string(entry, scratch));
}

static void append_list(struct dataset_digest *digest, const struct entry *entry)
{
    struct list_cursor cursor;
    bool more = list_value_seek(entry_collection(entry), 0, &cursor);
    for (; more; more = list_cursor_next(&cursor)) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        append(digest, list_cursor_get(&cursor, scratch));
    }
}

static void add_set(struct dataset_digest *digest, const struct entry *entry)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    while (set_next(entry_collection(entry), &cursor, &member))
        add(digest, member);
}

static void add_zset(struct dataset_digest *digest, const struct entry *entry)
{
    struct zset_cursor cursor;
    bool more = zset_seek(entry_collection(entry), 0, &cursor);
    for (; more; more = zset_cursor_next(&cursor)) {
        double score;
        char text[SCORE_TEXT_MAX];
        struct dataset_digest pair = {{0}};
        append(&pair, zset_cursor_get(&cursor, &score));
        int length = snprintf(text, sizeof text, "%.17g", score);
        ASSERT(length > 0 && (size_t)length < sizeof text);
        append(&pair, slice_of(text, (size_t)length));
        add_digest(digest, &pair);
    }
}

static void add_hash(struct dataset_digest *digest, const struct entry *entry)
{
    struct hash_cursor cursor = {.any = true};
    struct slice field, value;
    while (hash_next(entry_collection(entry), &cursor, &field, &value)) {
        struct dataset_digest pair = {{0}};
        append(&pair, field);
        append(&pair, value);
        add_digest(digest, &pair);
    }
}

static void append_pair(void *digest, struct slice field, struct slice value)
{
    append(digest, field);
    append(digest, value);
}

static void append_stream(struct dataset_digest *digest, const struct entry *entry)
{
    struct stream_cursor cursor;
    stream_seek(entry_collection(entry), STREAM_ID_MIN, STREAM_ID_MAX, false, &cursor);
    while (stream_next(&cursor)) {
        char id[2 * NUMBER_INTEGER_TEXT_MAX];
        size_t length = number_format_uint64(id, cursor.entry.id.ms);
        id[length++] = '.';
        length += number_format_uint64(id + length, cursor.entry.id.sequence);
        append(digest, slice_of(id, length));
        stream_visit(&cursor, append_pair, digest);
    }
}

static const struct {
    uint32_t number; /* that Redis gives the type */
    void (*take)(struct dataset_digest *digest, const struct entry *entry);
} types[TYPE_COUNT] = {
    [TYPE_STRING] = {0, append_string}, [TYPE_LIST] = {1, append_list},
    [TYPE_SET] = {2, add_set},          [TYPE_ZSET] = {3, add_zset},
    [TYPE_HASH] = {4, add_hash},        [TYPE_STREAM] = {6, append_stream},
};

static void append_value(struct dataset_digest *digest, const struct entry *entry)
{
    ASSERT(entry->type < TYPE_COUNT);
    append_number(digest, types[entry->type].number);
    types[entry->type].take(digest, entry);
    if (entry_deadline_ms(entry) != ENTRY_NO_DEADLINE)
        add(digest, SLICE("!!expire!!"));
}

struct dataset_digest dataset_digest_of_value(const struct entry *entry)
{
    struct dataset_digest digest = {{0}};
    append_value(&digest, entry);
    return digest;
}

/* --- all of it --- */

static void add_entry(void *digest, struct entry *entry)
{
    struct dataset_digest part = {{0}};
    append(&part, entry_key(entry));
    append_value(&part, entry);
    add_digest(digest, &part);
}

struct dataset_digest dataset_digest_of_keyspace(struct keyspace *keyspace)
{
    struct dataset_digest digest = {{0}};
    for (int i = 0; i < keyspace_database_count(keyspace); i++) {
        struct database *database = keyspace_database(keyspace, i);
        uint64_t cursor = 0;
        if (database_size(database) == 0)
            continue;
        append_number(&digest, (uint32_t)i);
        do {
            cursor = database_scan(database, cursor, add_entry, &digest);
        } while (cursor != 0);
    }
    return digest;
}
