#include "server/observe/debug_dataset.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/number.h"
#include "commands/command.h"
#include "server/observe/dataset_digest.h"

#define KEY_LENGTH_MAX 512 /* bytes of POPULATE's prefix, the rest is cut */

/* --- POPULATE --- */

static bool parse_positive(struct command_context *context, size_t index, int64_t *out)
{
    if (number_parse_int64(context->arguments[index], out) && *out >= 0)
        return true;
    resp_writer_error(context->reply, "ERR value is out of range, must be positive");
    return false;
}

/* "value:7", cut or filled with zero bytes to `size` if that is not 0. False: no memory. */
static bool fill_value(struct buffer *value, int64_t number, size_t size)
{
    buffer_clear(value);
    buffer_add_format(value, "value:%lld", (long long)number);
    if (size == 0)
        return true;
    if (size > value->length) {
        if (buffer_reserve(value, size - value->length) != OK)
            return false;
        memset(value->data + value->length, 0, size - value->length);
    }
    value->length = size;
    return true;
}

void debug_dataset_populate(struct command_context *context)
{
    int64_t count, size = 0;
    struct slice prefix = context->count > 3 ? context->arguments[3] : SLICE("key");
    if (!parse_positive(context, 2, &count) ||
        (context->count > 4 && !parse_positive(context, 4, &size)))
        return;
    if (prefix.length > KEY_LENGTH_MAX)
        prefix.length = KEY_LENGTH_MAX;
    if ((uint64_t)size > command_string_size_max(context)) {
        command_reply_out_of_memory(context);
        return;
    }
    struct buffer value = {0};
    bool done = true;
    for (int64_t i = 0; done && i < count; i++) {
        char text[KEY_LENGTH_MAX + 32];
        int length =
            snprintf(text, sizeof text, "%.*s:%lld", (int)prefix.length, prefix.data, (long long)i);
        struct slice name = slice_of(text, (size_t)length);
        struct key key = {name, keyspace_hash(context->keyspace, name)};
        if (database_find(context->database, &key) != NULL)
            continue;
        done = fill_value(&value, i, (size_t)size) &&
               database_set_string(context->database, &key, buffer_slice(&value), DEADLINE_CLEAR,
                                   0) != NULL;
        if (done)
            command_touched(context, context->database, name);
    }
    buffer_deinit(&value);
    if (done)
        resp_writer_ok(context->reply);
    else
        command_reply_out_of_memory(context);
}

/* --- DIGEST --- */

static void reply_digest(struct resp_writer *reply, const struct dataset_digest *digest)
{
    char text[2 * DATASET_DIGEST_SIZE + 1];
    for (size_t i = 0; i < DATASET_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", digest->bytes[i]);
    resp_writer_simple(reply, slice_of(text, sizeof text - 1));
}

void debug_dataset_digest(struct command_context *context)
{
    struct dataset_digest digest = dataset_digest_of_keyspace(context->keyspace);
    reply_digest(context->reply, &digest);
}

void debug_dataset_digest_value(struct command_context *context)
{
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++) {
        struct slice name = context->arguments[i];
        struct key key = {name, keyspace_hash(context->keyspace, name)};
        const struct entry *entry = database_find(context->database, &key);
        struct dataset_digest digest = {{0}};
        if (entry != NULL)
            digest = dataset_digest_of_value(entry);
        reply_digest(context->reply, &digest);
    }
}

/* --- HTSTATS --- */

void debug_dataset_htstats(struct command_context *context)
{
    int64_t index;
    if (!command_integer(context, 2, &index))
        return;
    if (index < 0 || index >= keyspace_database_count(context->keyspace)) {
        resp_writer_error(context->reply, "ERR Out of range database");
        return;
    }
    const struct database *database = keyspace_database(context->keyspace, (int)index);
    struct buffer text = {0};
    size_t slots = database_table_slots(database), size = database_size(database);
    buffer_add_format(&text, "[Dictionary HT]\n table size: %zu\n number of elements: %zu\n", slots,
                      size);
    buffer_add_format(&text, " filled: %.2f%%\n memory: %zu\n",
                      slots > 0 ? (double)size * 100 / (double)slots : 0.0,
                      database_table_memory(database));
    buffer_add_format(&text, "[Expires HT]\n number of elements: %zu\n memory: %zu\n",
                      database_count_with_deadline(database), database_expiry_memory(database));
    resp_writer_verbatim(context->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
}
