/* Fields of hashes and their values. */
#include <math.h>

#include "base/number.h"
#include "commands/collection.h"
#include "commands/collection_scan.h"
#include "commands/hash_common.h"
#include "commands/tables.h"

#define SHOWN_IS_RARE 64 /* one of so many fields, or fewer, is not hidden */

/* --- writing --- */

/* Sets the pairs behind the key, and tells. False: memory is out, which has been answered; what was
 * set until then stays. */
static bool set_pairs(struct command_context *context, struct collection *hash, int64_t *added)
{
    size_t i;
    for (i = 2; i + 1 < context->count; i += 2) {
        enum hash_result result =
            hash_common_set(context, hash, context->arguments[i], context->arguments[i + 1], false);
        if (result == HASH_OUT_OF_MEMORY)
            break;
        *added += result == HASH_ADDED;
    }
    if (i == 2) {
        hash_common_give_up(context, hash);
        return false;
    }
    hash_common_changed(context, hash, "hset");
    if (i < context->count)
        command_stopped_at(context, i, true);
    return i == context->count;
}

static void set_fields(struct command_context *context, bool replies_count)
{
    struct collection hash;
    int64_t added = 0;
    if (context->count % 2 != 0) {
        command_reply_arity(context);
        return;
    }
    if (!collection_open(context, 1, TYPE_HASH, &hash) || !hash_common_open(context, &hash))
        return;
    if (!set_pairs(context, &hash, &added))
        return;
    if (replies_count)
        resp_writer_integer(context->reply, added);
    else
        resp_writer_ok(context->reply);
}

static void hset(struct command_context *context)
{
    set_fields(context, true);
}

static void hmset(struct command_context *context)
{
    set_fields(context, false);
}

static void hsetnx(struct command_context *context)
{
    struct collection hash;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value;
    int64_t added = 0;
    if (!collection_open(context, 1, TYPE_HASH, &hash))
        return;
    if (hash.entry != NULL && hash_get(hash.value, context->arguments[2], scratch, &value)) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (hash_common_open(context, &hash) && set_pairs(context, &hash, &added))
        resp_writer_integer(context->reply, 1);
}

static void hdel(struct command_context *context)
{
    struct collection hash;
    int64_t removed = 0;
    if (!collection_open(context, 1, TYPE_HASH, &hash))
        return;
    if (hash.entry != NULL) {
        collection_changing(&hash);
        for (size_t i = 2; i < context->count; i++)
            removed += hash_remove(hash.value, context->arguments[i]);
    }
    if (removed > 0) {
        hash_common_changed(context, &hash, "hdel");
        hash_common_drop_if_empty(context, &hash);
    }
    resp_writer_integer(context->reply, removed);
}

/* --- numbers --- */

static void hincrby(struct command_context *context)
{
    struct collection hash;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice old;
    int64_t increment, value = 0;
    if (!command_integer(context, 3, &increment) || !collection_open(context, 1, TYPE_HASH, &hash))
        return;
    if (hash.entry != NULL && hash_get(hash.value, context->arguments[2], scratch, &old) &&
        !number_parse_int64(old, &value)) {
        resp_writer_error(context->reply, "ERR hash value is not an integer");
        return;
    }
    if (!number_add(value, increment, &value)) {
        resp_writer_error(context->reply, "ERR increment or decrement would overflow");
        return;
    }
    if (!hash_common_open(context, &hash))
        return;
    struct slice text = slice_of(scratch, number_format_int64(scratch, value));
    if (hash_common_set(context, &hash, context->arguments[2], text, true) == HASH_OUT_OF_MEMORY) {
        hash_common_give_up(context, &hash);
        return;
    }
    resp_writer_integer(context->reply, value);
    hash_common_changed(context, &hash, "hincrby");
}

static void hincrbyfloat(struct command_context *context)
{
    struct collection hash;
    char scratch[NUMBER_LONG_DOUBLE_TEXT_MAX];
    struct slice old;
    long double increment, value = 0;
    if (!number_parse_long_double(context->arguments[3], &increment)) {
        resp_writer_error(context->reply, "ERR value is not a valid float");
        return;
    }
    if (isinf(increment)) {
        resp_writer_error(context->reply, "ERR value is NaN or Infinity");
        return;
    }
    if (!collection_open(context, 1, TYPE_HASH, &hash))
        return;
    if (hash.entry != NULL && hash_get(hash.value, context->arguments[2], scratch, &old) &&
        !number_parse_long_double(old, &value)) {
        resp_writer_error(context->reply, "ERR hash value is not a float");
        return;
    }
    value += increment;
    if (!isfinite(value)) {
        resp_writer_error(context->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    if (!hash_common_open(context, &hash))
        return;
    struct slice text = slice_of(scratch, number_format_long_double(scratch, value));
    if (hash_common_set(context, &hash, context->arguments[2], text, true) == HASH_OUT_OF_MEMORY) {
        hash_common_give_up(context, &hash);
        return;
    }
    resp_writer_bulk(context->reply, text);
    hash_common_changed(context, &hash, "hincrbyfloat");
    hash_common_effect_set(context, &hash, context->arguments[2], text);
}

/* --- reading --- */

static void reply_field(struct command_context *context, const struct collection *hash,
                        struct slice field)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value;
    if (hash->entry != NULL && hash_get(hash->value, field, scratch, &value))
        resp_writer_bulk(context->reply, value);
    else
        resp_writer_null(context->reply);
}

static void hget(struct command_context *context)
{
    struct collection hash;
    if (collection_read(context, 1, TYPE_HASH, &hash))
        reply_field(context, &hash, context->arguments[2]);
}

static void hmget(struct command_context *context)
{
    struct collection hash;
    if (!collection_read(context, 1, TYPE_HASH, &hash))
        return;
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++)
        reply_field(context, &hash, context->arguments[i]);
}

static void hexists(struct command_context *context)
{
    struct collection hash;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value;
    if (collection_read(context, 1, TYPE_HASH, &hash))
        resp_writer_integer(context->reply,
                            hash.entry != NULL &&
                                hash_get(hash.value, context->arguments[2], scratch, &value));
}

static void hstrlen(struct command_context *context)
{
    struct collection hash;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value = {NULL, 0};
    if (!collection_read(context, 1, TYPE_HASH, &hash))
        return;
    bool there = hash.entry != NULL && hash_get(hash.value, context->arguments[2], scratch, &value);
    resp_writer_integer(context->reply, there ? (int64_t)value.length : 0);
}

static void hlen(struct command_context *context)
{
    struct collection hash;
    if (collection_read(context, 1, TYPE_HASH, &hash))
        resp_writer_integer(context->reply,
                            hash.entry != NULL ? (int64_t)hash_length(hash.value) : 0);
}

static void reply_all(struct command_context *context, bool fields, bool values)
{
    struct collection hash;
    if (!collection_read(context, 1, TYPE_HASH, &hash))
        return;
    struct hash_cursor cursor = {.at = 0};
    struct slice field, value;
    size_t length = hash.entry != NULL ? hash_length(hash.value) : 0;
    if (fields && values)
        resp_writer_map(context->reply, length);
    else
        resp_writer_array(context->reply, length);
    while (hash.entry != NULL && hash_next(hash.value, &cursor, &field, &value)) {
        if (fields)
            resp_writer_bulk(context->reply, field);
        if (values)
            resp_writer_bulk(context->reply, value);
    }
}

static void hgetall(struct command_context *context)
{
    reply_all(context, true, true);
}

static void hkeys(struct command_context *context)
{
    reply_all(context, true, false);
}

static void hvals(struct command_context *context)
{
    reply_all(context, false, true);
}

/* --- HRANDFIELD --- */

static void reply_pair(struct command_context *context, struct slice field, struct slice value,
                       bool with_values)
{
    if (with_values && context->reply->version >= 3)
        resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, field);
    if (with_values)
        resp_writer_bulk(context->reply, value);
}

static void reply_chosen(struct command_context *context, const struct hash *hash, bool with_values)
{
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    struct slice field, value;
    while (!hash_pick(hash, context->services->random(context), scratch, &field, &value))
        ;
    reply_pair(context, field, value, with_values);
}

/* Replies as many, as pairs or not. */
static void reply_count(struct command_context *context, size_t count, bool with_values)
{
    resp_writer_array(context->reply,
                      with_values && context->reply->version < 3 ? 2 * count : count);
}

/* Where nearly all fields are hidden a pick has to walk: what is left, found in one walk for many
 * picks. NULL: they are not nearly all, or memory is out. */
static struct hash *gather_if_rare(struct command_context *context, const struct hash *hash)
{
    struct hash_cursor cursor = {.at = 0};
    struct slice field, value;
    if (hash_length(hash) > hash_total(hash) / SHOWN_IS_RARE)
        return NULL;
    struct hash *left = hash_create();
    while (hash_next(hash, &cursor, &field, &value))
        if (hash_set(left, collection_settings(context), field, value, false) ==
            HASH_OUT_OF_MEMORY) {
            hash_destroy(left);
            return NULL;
        }
    return left;
}

/* The same one may come twice. */
static void reply_many(struct command_context *context, const struct hash *hash, size_t count,
                       bool with_values)
{
    struct hash *gathered = count > 1 ? gather_if_rare(context, hash) : NULL;
    reply_count(context, count, with_values);
    for (; count > 0; count--)
        reply_chosen(context, gathered != NULL ? gathered : hash, with_values);
    if (gathered != NULL)
        hash_destroy(gathered);
}

/* Different ones: see set_members.c. */
static void reply_sample(struct command_context *context, const struct hash *hash, size_t count,
                         bool with_values)
{
    struct hash_cursor cursor = {.at = 0};
    struct slice field, value;
    size_t left = hash_length(hash), wanted = count < left ? count : left;
    reply_count(context, wanted, with_values);
    for (; wanted > 0 && hash_next(hash, &cursor, &field, &value); left--) {
        if (context->services->random(context) % left >= wanted)
            continue;
        reply_pair(context, field, value, with_values);
        wanted--;
    }
}

static void hrandfield(struct command_context *context)
{
    struct collection hash;
    int64_t count = 0;
    bool counted = context->count >= 3, with_values = context->count >= 4;
    if (counted && !command_integer(context, 2, &count))
        return;
    if (context->count > 4 ||
        (with_values && !slice_is_word(context->arguments[3], "WITHVALUES"))) {
        command_reply_syntax_error(context);
        return;
    }
    if (count < -INT64_MAX / 2 || count > INT64_MAX / 2) {
        resp_writer_error(context->reply, "ERR value is out of range");
        return;
    }
    if (!collection_read(context, 1, TYPE_HASH, &hash))
        return;
    if (!counted) {
        if (hash.entry == NULL)
            resp_writer_null(context->reply);
        else
            reply_chosen(context, hash.value, false);
    } else if (hash.entry == NULL || count == 0) {
        resp_writer_array(context->reply, 0);
    } else if (count > 0) {
        reply_sample(context, hash.value, (size_t)count, with_values);
    } else {
        reply_many(context, hash.value, (size_t)-count, with_values);
    }
}

/* --- HSCAN --- */

static void scan_field(void *to, struct slice field, struct slice value)
{
    struct collection_scan *scan = to;
    if (!collection_scan_wants(scan, field))
        return;
    resp_writer_bulk(&scan->writer, field);
    scan->count++;
    if (scan->names_only)
        return;
    resp_writer_bulk(&scan->writer, value);
    scan->count++;
}

static void hscan(struct command_context *context)
{
    struct collection hash;
    struct collection_scan scan;
    if (!collection_scan_begin(&scan, context, TYPE_HASH, &hash))
        return;
    do {
        size_t before = scan.visited;
        scan.cursor = hash_scan(hash.value, scan.cursor, scan_field, &scan);
        scan.visited += scan.visited == before; /* a page of hidden fields is work, too */
    } while (collection_scan_goes_on(&scan));
    collection_scan_reply(&scan, context);
}

const struct command hash_fields_commands[] = {
    {
        .name = "HSET",
        .run = hset,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field value [field value ...]",
        .summary = "Sets fields of a hash; makes the hash if there is none.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HMSET",
        .run = hmset,
        .arity = -4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field value [field value ...]",
        .summary = "Sets fields of a hash.",
        .complexity = "O(1) for each field",
        .deprecated_since = "4.0.0",
        .replaced_by = "`HSET` with multiple field-value pairs",
    },
    {
        .name = "HSETNX",
        .run = hsetnx,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field value",
        .summary = "Sets a field of a hash if it is not there.",
        .complexity = "O(1)",
    },
    {
        .name = "HDEL",
        .run = hdel,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field [field ...]",
        .summary = "Removes fields of a hash.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HINCRBY",
        .run = hincrby,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field increment",
        .summary = "Adds an integer to the number in a field.",
        .complexity = "O(1)",
    },
    {
        .name = "HINCRBYFLOAT",
        .run = hincrbyfloat,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .member = 2,
        .group = "hash",
        .since = "2.6.0",
        .syntax = "key field increment",
        .summary = "Adds a number with a fraction to the number in a field.",
        .complexity = "O(1)",
    },
    {
        .name = "HGET",
        .run = hget,
        .arity = 3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field",
        .summary = "Returns the value of a field.",
        .complexity = "O(1)",
    },
    {
        .name = "HMGET",
        .run = hmget,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field [field ...]",
        .summary = "Returns the values of fields.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HEXISTS",
        .run = hexists,
        .arity = 3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .member = 2,
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key field",
        .summary = "Tells whether a hash has a field.",
        .complexity = "O(1)",
    },
    {
        .name = "HSTRLEN",
        .run = hstrlen,
        .arity = 3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .member = 2,
        .group = "hash",
        .since = "3.2.0",
        .syntax = "key field",
        .summary = "Returns the length of a field's value.",
        .complexity = "O(1)",
    },
    {
        .name = "HLEN",
        .run = hlen,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key",
        .summary = "Returns how many fields a hash has.",
        .complexity = "O(1)",
    },
    {
        .name = "HGETALL",
        .run = hgetall,
        .arity = 2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key",
        .summary = "Returns all fields and their values.",
        .complexity = "O(N) for N fields",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "HKEYS",
        .run = hkeys,
        .arity = 2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key",
        .summary = "Returns all fields.",
        .complexity = "O(N) for N fields",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "HVALS",
        .run = hvals,
        .arity = 2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "2.0.0",
        .syntax = "key",
        .summary = "Returns the values of all fields.",
        .complexity = "O(N) for N fields",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "HRANDFIELD",
        .run = hrandfield,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "6.2.0",
        .syntax = "key [count [WITHVALUES]]",
        .summary = "Returns fields of a hash at random.",
        .complexity = "O(N) for N fields",
        .tips = "nondeterministic_output",
    },
    {
        .name = "HSCAN",
        .run = hscan,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "2.8.0",
        .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
        .summary = "Returns the fields of a hash part by part.",
        .complexity = "O(1) for each call, O(N) for all",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
