/* Counting different elements: PFADD, PFCOUNT, PFMERGE. */
#include "values/hyperloglog.h"

#include "base/number.h"
#include "commands/collection.h"
#include "commands/tables.h"
#include "values/value_settings.h"

/* The string at the key, if it is a HyperLogLog. False: answered. `entry` NULL: there is none. */
static bool check(struct command_context *context, const struct entry *entry, char *scratch,
                  struct slice *bytes)
{
    *bytes = slice_of(NULL, 0);
    if (entry == NULL)
        return true;
    if (!command_is_string(context, entry))
        return false;
    *bytes = entry_string(entry, scratch);
    if (hyperloglog_is_valid(*bytes))
        return true;
    resp_writer_error(context->reply, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

static bool merge(struct command_context *context, struct hyperloglog *log, struct slice bytes)
{
    if (bytes.data == NULL || hyperloglog_merge(log, bytes))
        return true;
    resp_writer_error(context->reply, "INVALIDOBJ Corrupted HLL object detected");
    return false;
}

/* Writes it to the key. The count of before stays, marked as stale if they have `changed`: so Redis
 * leaves it. False: answered. */
static bool store(struct command_context *context, const struct key *key, struct entry *entry,
                  const struct hyperloglog *log, bool dense, bool changed)
{
    char written[HYPERLOGLOG_DENSE_SIZE], scratch[NUMBER_INTEGER_TEXT_MAX], *bytes;
    size_t sparse_max = (size_t)collection_settings(context)->limits.hll_sparse_max;
    size_t size = hyperloglog_write(log, dense, sparse_max, written);
    bool is_new = entry == NULL;
    if (!is_new)
        hyperloglog_keep_count(written, entry_string(entry, scratch), changed);
    if (database_resize_string(context->database, key, entry, size, &bytes) == NULL) {
        command_reply_out_of_memory(context);
        return false;
    }
    memcpy(bytes, written, size);
    if (is_new)
        command_created(context, context->database, key->name);
    return true;
}

static void pfadd(struct command_context *context)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct hyperloglog log = {{0}};
    struct slice bytes;
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(context->database, &key);
    if (!check(context, entry, scratch, &bytes) || !merge(context, &log, bytes))
        return;
    bool changed = entry == NULL;
    bool dense = bytes.data != NULL && !hyperloglog_is_sparse(bytes);
    for (size_t i = 2; i < context->count; i++)
        changed |= hyperloglog_add(&log, context->arguments[i]);
    if (changed) {
        if (!store(context, &key, entry, &log, dense, true))
            return;
        command_changed(context, context->database, key.name, EVENT_STRING, "pfadd");
    }
    resp_writer_integer(context->reply, changed);
}

/* Of one key: the count is kept beside the registers. */
static void count_one(struct command_context *context)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX], *writable;
    struct hyperloglog log = {{0}};
    struct slice bytes;
    uint64_t count = 0;
    struct key key = command_key(context, 1);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    if (!check(context, entry, scratch, &bytes))
        return;
    if (entry != NULL && !hyperloglog_cached(bytes, &count)) {
        if (!merge(context, &log, bytes))
            return;
        count = hyperloglog_count(&log);
        if (database_resize_string(context->database, &key, entry, bytes.length, &writable) !=
            NULL) {
            hyperloglog_set_cached(writable, count);
            context->changes++; /* as in Redis: what is kept beside them is data, too */
            command_touched(context, context->database, key.name);
        }
    }
    resp_writer_integer(context->reply, (int64_t)count);
}

/* All keys from argument 1 on. *any_dense: one of them was. False: answered. */
static bool merge_all(struct command_context *context, struct hyperloglog *log, bool *any_dense)
{
    for (size_t i = 1; i < context->count; i++) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        struct slice bytes;
        struct key key = command_key(context, i);
        struct entry *entry = database_read(context->database, &key, !context->no_touch);
        if (!check(context, entry, scratch, &bytes) || !merge(context, log, bytes))
            return false;
        *any_dense |= bytes.data != NULL && !hyperloglog_is_sparse(bytes);
    }
    return true;
}

static void pfcount(struct command_context *context)
{
    struct hyperloglog log = {{0}};
    bool any_dense = false;
    if (context->count == 2)
        count_one(context);
    else if (merge_all(context, &log, &any_dense))
        resp_writer_integer(context->reply, (int64_t)hyperloglog_count(&log));
}

static void pfmerge(struct command_context *context)
{
    struct hyperloglog log = {{0}};
    bool any_dense = false;
    if (!merge_all(context, &log, &any_dense))
        return;
    struct key key = command_key(context, 1);
    struct entry *entry = database_find(context->database, &key);
    if (!store(context, &key, entry, &log, any_dense, true))
        return;
    command_changed(context, context->database, key.name, EVENT_STRING, "pfadd");
    resp_writer_ok(context->reply);
}

static void pfdebug(struct command_context *context)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct hyperloglog log = {{0}};
    struct slice bytes, word = context->arguments[1];
    struct key key = command_key(context, 2);
    struct entry *entry = database_find(context->database, &key);
    if (entry == NULL) {
        resp_writer_error(context->reply, "ERR The specified key does not exist");
        return;
    }
    if (!check(context, entry, scratch, &bytes) || !merge(context, &log, bytes))
        return;
    bool was_sparse = hyperloglog_is_sparse(bytes);
    if (slice_is_word(word, "ENCODING")) {
        resp_writer_simple(context->reply, was_sparse ? SLICE("sparse") : SLICE("dense"));
    } else if (slice_is_word(word, "TODENSE")) {
        if (was_sparse && !store(context, &key, entry, &log, true, false))
            return;
        context->changes += was_sparse;
        resp_writer_integer(context->reply, was_sparse);
    } else if (slice_is_word(word, "GETREG")) {
        if (was_sparse && !store(context, &key, entry, &log, true, false))
            return;
        context->changes += was_sparse;
        resp_writer_array(context->reply, HYPERLOGLOG_REGISTERS);
        for (size_t i = 0; i < HYPERLOGLOG_REGISTERS; i++)
            resp_writer_integer(context->reply, log.registers[i]);
    } else {
        resp_writer_error_format(context->reply, "ERR Unknown PFDEBUG subcommand '%.*s'",
                                 (int)(word.length < 128 ? word.length : 128), word.data);
    }
}

/* Both forms hold what they were given, whatever it is. */
static void pfselftest(struct command_context *context)
{
    struct hyperloglog log = {{0}}, read;
    char written[HYPERLOGLOG_DENSE_SIZE];
    bool good = true;
    for (size_t i = 0; i < HYPERLOGLOG_REGISTERS && good; i++) {
        log.registers[i] = (uint8_t)(context->services->random(context) % 33);
        if (i % 4096 != 4095)
            continue;
        for (int dense = 0; dense < 2 && good; dense++) {
            memset(&read, 0, sizeof read);
            size_t size = hyperloglog_write(&log, dense != 0, SIZE_MAX / 2, written);
            good = hyperloglog_merge(&read, slice_of(written, size)) &&
                   memcmp(&read, &log, sizeof log) == 0;
        }
    }
    if (good)
        resp_writer_ok(context->reply);
    else
        resp_writer_error(context->reply, "ERR TESTFAILED registers are not what was written");
}

const struct command hyperloglog_commands[] = {
    {
        .name = "PFADD",
        .run = pfadd,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HYPERLOGLOG,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "hyperloglog",
        .since = "2.8.9",
        .syntax = "key [element [element ...]]",
        .summary = "Counts elements in a HyperLogLog; makes it if there is none.",
        .complexity = "O(1) for each element",
    },
    {
        .name = "PFCOUNT",
        .run = pfcount,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_MAY_REPLICATE,
        .categories = CATEGORY_HYPERLOGLOG,
        .keys = {KEYS_RANGE(1, -1, 1, KEY_RW | KEY_ACCESS)},
        .group = "hyperloglog",
        .since = "2.8.9",
        .syntax = "key [key ...]",
        .summary = "Returns about how many different elements were counted.",
        .complexity = "O(N) for N keys",
    },
    {
        .name = "PFMERGE",
        .run = pfmerge,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_GROWS,
        .categories = CATEGORY_HYPERLOGLOG,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_INSERT),
                 KEYS_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
        .group = "hyperloglog",
        .since = "2.8.9",
        .syntax = "destkey [sourcekey [sourcekey ...]]",
        .summary = "Puts HyperLogLogs together into one.",
        .complexity = "O(N) for N keys",
    },
    {
        .name = "PFDEBUG",
        .run = pfdebug,
        .arity = 3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_ADMIN,
        .categories = CATEGORY_HYPERLOGLOG,
        .keys = {KEYS_RANGE(2, 0, 1, KEY_RW | KEY_ACCESS)},
        .group = "hyperloglog",
        .since = "2.8.9",
        .syntax = "subcommand key",
        .summary = "Shows the inside of a HyperLogLog.",
        .complexity = "O(1)",
    },
    {
        .name = "PFSELFTEST",
        .run = pfselftest,
        .arity = 1,
        .flags = COMMAND_ADMIN,
        .categories = CATEGORY_HYPERLOGLOG,
        .group = "hyperloglog",
        .since = "2.8.9",
        .syntax = "",
        .summary = "Tests the forms of HyperLogLogs.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};
