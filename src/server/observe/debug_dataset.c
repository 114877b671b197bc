#include "server/observe/debug_dataset.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/number.h"
#include "commands/command.h"

#define KEY_LENGTH_MAX 512 /* bytes of POPULATE's prefix, the rest is cut */
#define DIGEST_WORDS 3     /* 64 bits each; the last is cut */
#define DIGEST_DIGITS 40   /* as many as a SHA-1 has */

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

struct digest {
    uint64_t words[DIGEST_WORDS];
};

static void add_bytes(struct digest *digest, struct slice bytes)
{
    for (uint64_t i = 0; i < DIGEST_WORDS; i++) {
        struct hash_seed seed = {digest->words[i], i};
        digest->words[i] = hash_bytes(&seed, bytes.data, bytes.length);
    }
}

static struct digest digest_of(const struct entry *entry)
{
    struct digest digest = {{0}};
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    add_bytes(&digest, slice_of_string(entry_type_name(entry)));
    add_bytes(&digest, entry_string(entry, scratch));
    if (entry_deadline_ms(entry) != ENTRY_NO_DEADLINE)
        add_bytes(&digest, SLICE("deadline"));
    return digest;
}

static void reply_digest(struct resp_writer *reply, const struct digest *digest)
{
    char text[DIGEST_WORDS * 16 + 1];
    for (size_t i = 0; i < DIGEST_WORDS; i++)
        snprintf(text + i * 16, sizeof text - i * 16, "%016llx",
                 (unsigned long long)digest->words[i]);
    resp_writer_simple(reply, slice_of(text, DIGEST_DIGITS));
}

struct visit {
    struct digest sum;
    int database;
};

static void add_entry(void *context, struct entry *entry)
{
    struct visit *visit = context;
    struct digest digest = digest_of(entry);
    add_bytes(&digest, entry_key(entry));
    add_bytes(&digest, slice_of((const char *)&visit->database, sizeof visit->database));
    for (size_t i = 0; i < DIGEST_WORDS; i++)
        visit->sum.words[i] ^= digest.words[i];
}

void debug_dataset_digest(struct command_context *context)
{
    struct visit visit = {.sum = {{0}}};
    for (int i = 0; i < keyspace_database_count(context->keyspace); i++) {
        struct database *database = keyspace_database(context->keyspace, i);
        visit.database = i;
        uint64_t cursor = 0;
        do {
            cursor = database_scan(database, cursor, add_entry, &visit);
        } while (cursor != 0);
    }
    reply_digest(context->reply, &visit.sum);
}

void debug_dataset_digest_value(struct command_context *context)
{
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++) {
        struct slice name = context->arguments[i];
        struct key key = {name, keyspace_hash(context->keyspace, name)};
        const struct entry *entry = database_find(context->database, &key);
        struct digest digest = entry != NULL ? digest_of(entry) : (struct digest){{0}};
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
