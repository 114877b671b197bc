/* Looking through the keys: KEYS, SCAN, RANDOMKEY. */
#include "base/glob.h"
#include "base/number.h"
#include "commands/collection_scan.h"
#include "commands/tables.h"

#define SCAN_COUNT_DEFAULT 10 /* keys */
#define SCAN_ROUNDS_A_KEY 10  /* buckets looked at for each key asked for, before it is enough */

/* Collects the names that a walk finds, for a reply whose length is known only afterwards. */
struct found_keys {
    struct chain elements;
    struct resp_writer writer; /* to `elements` */
    size_t count;              /* of `elements` */
    size_t visited;            /* keys seen, fitting or not */
    int64_t now_ms;
    bool all; /* no pattern to match */
    struct slice pattern;
    struct slice type; /* empty: any */
};

static void found_keys_init(struct found_keys *collection, struct command_context *context)
{
    *collection = (struct found_keys){
        .writer = *context->reply,
        .now_ms = keyspace_time_ms(context->keyspace),
        .all = true,
    };
    chain_init(&collection->elements, context->reply->out->pool);
    collection->writer.out = &collection->elements;
}

static void found_keys_match(struct found_keys *collection, struct slice pattern)
{
    collection->pattern = pattern;
    collection->all = glob_is_all(pattern);
}

static void found_keys_reply(struct found_keys *collection, struct command_context *context)
{
    resp_writer_array_of(context->reply, collection->count, &collection->elements);
    chain_deinit(&collection->elements);
}

static void collect(void *to, struct entry *entry)
{
    struct found_keys *collection = to;
    struct slice name = entry_key(entry);
    collection->visited++;
    if (entry_is_due(entry, collection->now_ms) ||
        (!collection->all && !glob_matches(collection->pattern, name)) ||
        (collection->type.length > 0 && !slice_is_word(collection->type, entry_type_name(entry))))
        return;
    resp_writer_bulk(&collection->writer, name);
    collection->count++;
}

static void keys(struct command_context *context)
{
    struct slice pattern = context->arguments[1];
    struct found_keys collection;
    found_keys_init(&collection, context);
    found_keys_match(&collection, pattern);
    uint64_t cursor = 0;
    do
        cursor = database_scan(context->database, cursor, collect, &collection);
    while (cursor != 0);
    found_keys_reply(&collection, context);
}

static bool parse_scan(struct command_context *context, struct found_keys *collection,
                       int64_t *wanted)
{
    for (size_t i = 2; i < context->count; i += 2) {
        struct slice word = context->arguments[i];
        bool more = i + 1 < context->count, valid = more;
        if (more && slice_is_word(word, "COUNT")) {
            if (!command_integer(context, i + 1, wanted))
                return false;
            valid = *wanted >= 1;
        } else if (more && slice_is_word(word, "MATCH")) {
            found_keys_match(collection, context->arguments[i + 1]);
        } else if (more && slice_is_word(word, "TYPE")) {
            collection->type = context->arguments[i + 1];
            /* An empty name fits no type, and must not mean any. */
            if (collection->type.length == 0)
                collection->type = SLICE("?");
        } else {
            valid = false;
        }
        if (!valid) {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

static void scan(struct command_context *context)
{
    uint64_t cursor;
    int64_t wanted = SCAN_COUNT_DEFAULT;
    if (!collection_scan_parse_cursor(context->arguments[1], &cursor)) {
        resp_writer_error(context->reply, "ERR invalid cursor");
        return;
    }
    struct found_keys collection;
    found_keys_init(&collection, context);
    if (!parse_scan(context, &collection, &wanted))
        return;
    uint64_t rounds;
    if (__builtin_mul_overflow((uint64_t)wanted, SCAN_ROUNDS_A_KEY, &rounds))
        rounds = UINT64_MAX;
    do
        cursor = database_scan(context->database, cursor, collect, &collection);
    while (cursor != 0 && --rounds > 0 && collection.visited < (uint64_t)wanted);

    char text[NUMBER_INTEGER_TEXT_MAX];
    resp_writer_array(context->reply, 2);
    resp_writer_bulk(context->reply, slice_of(text, number_format_uint64(text, cursor)));
    found_keys_reply(&collection, context);
}

static void randomkey(struct command_context *context)
{
    uint64_t random = context->services->random(context);
    struct entry *entry = database_random(context->database, random);
    if (entry == NULL)
        resp_writer_null(context->reply);
    else
        resp_writer_bulk(context->reply, entry_key(entry));
}

const struct command generic_scan_commands[] = {
    {
        .name = "KEYS",
        .run = keys,
        .arity = 2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_DANGEROUS | CATEGORY_KEYSPACE,
        .group = "generic",
        .since = "1.0.0",
        .syntax = "pattern",
        .summary = "Lists all keys whose names match a pattern.",
        .complexity = "O(N) where N is the number of keys in the database",
        .tips = "request_policy:all_shards nondeterministic_output_order",
    },
    {
        .name = "SCAN",
        .run = scan,
        .arity = -2,
        .flags = COMMAND_READS | COMMAND_TOUCHES_ARBITRARY_KEYS,
        .categories = CATEGORY_KEYSPACE,
        .group = "generic",
        .since = "2.8.0",
        .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        .summary = "Lists keys a few at a time.",
        .complexity =
            "O(1) a call, O(N) for all calls together, N being the number of keys in the database",
        .tips = "nondeterministic_output request_policy:special",
    },
    {
        .name = "RANDOMKEY",
        .run = randomkey,
        .arity = 1,
        .flags = COMMAND_READS | COMMAND_TOUCHES_ARBITRARY_KEYS,
        .categories = CATEGORY_KEYSPACE,
        .group = "generic",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Returns the name of a key chosen at random.",
        .complexity = "O(1)",
        .tips = "request_policy:all_shards nondeterministic_output",
    },
    {.name = NULL},
};
