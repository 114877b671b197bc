/* Any bytes as the field of a stream's producers: refused with a reason or taken whole; and what
 * was taken is written and read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_cursor.h"
#include "persist/rdb_producers.h"
#include "values/stream.h"
#include "values/stream_producers.h"

static struct stream *add_stream(struct keyspace *keyspace, const char *name, struct entry **entry)
{
    struct key key = {slice_of_string(name), keyspace_hash(keyspace, slice_of_string(name))};
    struct stream *stream = stream_create(keyspace_value_settings(keyspace));
    *entry = database_set_collection(keyspace_database(keyspace, 0), &key, TYPE_STREAM, stream,
                                     ENTRY_NO_DEADLINE);
    return stream;
}

/* The text of the field that `out` holds with its opcode and name. */
static struct slice text_of(const struct buffer *out, struct buffer *scratch)
{
    struct rdb_cursor cursor = {.data = (const unsigned char *)out->data + 1,
                                .length = out->length - 1,
                                .string_length_max = out->length};
    struct rdb_string string;
    struct slice text;
    ASSERT(rdb_cursor_skip_string(&cursor) && rdb_cursor_string(&cursor, &string));
    ASSERT(rdb_cursor_text(&cursor, &string, scratch, &text) && cursor.at == cursor.length);
    return text;
}

static void read_again(struct keyspace *keyspace, struct stream *stream, struct entry *entry)
{
    struct buffer out = {0}, again = {0}, scratch = {0};
    const char *why;
    stream_producers_check(stream->producers);
    size_t messages = stream_producers_messages(stream->producers);
    ASSERT(rdb_producers_write(&out, entry) == OK);
    stream_producers_destroy(stream->producers);
    stream->producers = NULL;
    ASSERT(rdb_producers_read(keyspace, keyspace_database(keyspace, 0), text_of(&out, &scratch),
                              &why));
    ASSERT(stream_producers_messages(stream->producers) == messages);
    ASSERT(rdb_producers_write(&again, entry) == OK);
    ASSERT(slice_equals(buffer_slice(&out), buffer_slice(&again)));
    buffer_deinit(&out);
    buffer_deinit(&again);
    buffer_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct entry *entry;
    struct stream *stream = add_stream(keyspace, "k", &entry);
    char *copy = malloc(size + 2);
    const char *why;
    copy[0] = 1; /* the stream's name, which an input need not guess */
    copy[1] = 'k';
    if (size > 0)
        memcpy(copy + 2, data, size);
    if (rdb_producers_read(keyspace, keyspace_database(keyspace, 0), slice_of(copy, size + 2),
                           &why) &&
        stream->producers != NULL)
        read_again(keyspace, stream, entry);
    else
        ASSERT(why != NULL);
    free(copy);
    keyspace_destroy(keyspace);
    return 0;
}
