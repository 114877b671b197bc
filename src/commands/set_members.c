/* Members of one set. */
#include "base/number.h"
#include "commands/collection.h"
#include "commands/collection_scan.h"
#include "commands/tables.h"
#include "values/set.h"

/* The set at the key, made if there is none. False: answered. */
static bool open_or_create(struct command_context *context, struct collection *set)
{
    if (set->entry != NULL) {
        collection_changing(set);
        return true;
    }
    struct set *value = set_create();
    if (collection_create(context, set, TYPE_SET, value))
        return true;
    set_destroy(value);
    return false;
}

static void sadd(struct command_context *context)
{
    struct collection set;
    if (!collection_open(context, 1, TYPE_SET, &set) || !open_or_create(context, &set))
        return;
    int64_t added = 0;
    enum set_result result = SET_THERE;
    size_t end;
    for (end = 2; end < context->count; end++) {
        result = set_add(set.value, collection_settings(context), context->arguments[end]);
        if (result == SET_OUT_OF_MEMORY)
            break;
        added += result == SET_ADDED;
    }
    if (added > 0)
        collection_changed(context, &set, EVENT_SET, "sadd");
    else
        (void)collection_drop_if_empty(context, &set);
    if (result != SET_OUT_OF_MEMORY)
        resp_writer_integer(context->reply, added);
    else
        command_stopped_at(context, end, added > 0);
}

static void srem(struct command_context *context)
{
    struct collection set;
    int64_t removed = 0;
    if (!collection_open(context, 1, TYPE_SET, &set))
        return;
    for (size_t i = 2; set.entry != NULL && i < context->count; i++) {
        if (!set_has(set.value, context->arguments[i]))
            continue;
        if (removed++ == 0)
            collection_changing(&set);
        (void)set_remove(set.value, context->arguments[i]);
    }
    if (removed > 0) {
        collection_changed(context, &set, EVENT_SET, "srem");
        (void)collection_drop_if_empty(context, &set);
    }
    resp_writer_integer(context->reply, removed);
}

/* Adds to a set that is made if there is none, and tells nobody. After SET_OUT_OF_MEMORY all is as
 * before. */
static enum set_result add_to_target(struct command_context *context, struct collection *to,
                                     struct slice member)
{
    if (to->entry != NULL) {
        collection_changing(to);
        return set_add(to->value, collection_settings(context), member);
    }
    struct set *value = set_create();
    enum set_result result = set_add(value, collection_settings(context), member);
    if (result != SET_OUT_OF_MEMORY) {
        to->value = value;
        to->entry =
            database_set_collection(to->database, &to->key, TYPE_SET, value, ENTRY_NO_DEADLINE);
    }
    if (to->entry != NULL)
        return result;
    set_destroy(value);
    return SET_OUT_OF_MEMORY;
}

static void smove(struct command_context *context)
{
    struct collection from, to;
    struct slice member = context->arguments[3];
    if (!collection_open(context, 1, TYPE_SET, &from))
        return;
    if (from.entry == NULL) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (!collection_open(context, 2, TYPE_SET, &to))
        return;
    bool there = set_has(from.value, member);
    if (from.entry == to.entry || !there) {
        resp_writer_integer(context->reply, there);
        return;
    }
    /* First what needs memory. */
    bool is_new = to.entry == NULL;
    enum set_result result = add_to_target(context, &to, member);
    if (result == SET_OUT_OF_MEMORY) {
        command_reply_out_of_memory(context);
        return;
    }
    collection_changing(&from);
    (void)set_remove(from.value, member);
    command_event(context, from.database, from.key.name, EVENT_SET, "srem");
    (void)collection_drop_if_empty(context, &from);
    command_touched(context, from.database, from.key.name);
    if (is_new)
        command_created(context, to.database, to.key.name);
    command_touched(context, to.database, to.key.name);
    context->changes++;
    if (result == SET_ADDED)
        collection_changed(context, &to, EVENT_SET, "sadd");
    resp_writer_integer(context->reply, 1);
}

static void scard(struct command_context *context)
{
    struct collection set;
    if (collection_read(context, 1, TYPE_SET, &set))
        resp_writer_integer(context->reply, set.entry != NULL ? (int64_t)set_length(set.value) : 0);
}

static void sismember(struct command_context *context)
{
    struct collection set;
    if (collection_read(context, 1, TYPE_SET, &set))
        resp_writer_integer(context->reply,
                            set.entry != NULL && set_has(set.value, context->arguments[2]));
}

static void smismember(struct command_context *context)
{
    struct collection set;
    if (!collection_read(context, 1, TYPE_SET, &set))
        return;
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++)
        resp_writer_integer(context->reply,
                            set.entry != NULL && set_has(set.value, context->arguments[i]));
}

/* --- SPOP --- */

/* One chosen evenly goes out and into the log, then out of the set: no copy of it is needed, for
 * which there might be no memory. */
static void pop(struct command_context *context, struct collection *set)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice member;
    while (!set_pick(set->value, context->services->random(context), scratch, &member))
        ;
    struct slice words[] = {SLICE("SREM"), set->key.name, member};
    resp_writer_bulk(context->reply, member);
    command_effect(context, set->database, words, 3);
    (void)set_remove(set->value, member);
}

static void spop_one(struct command_context *context, struct collection *set)
{
    collection_changing(set);
    pop(context, set);
    collection_changed(context, set, EVENT_SET, "spop");
    (void)collection_drop_if_empty(context, set);
}

/* All of it: what is left to log is the end of the key. */
static void spop_all(struct command_context *context, struct collection *set)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    resp_writer_set(context->reply, set_length(set->value));
    while (set_next(set->value, &cursor, &member))
        resp_writer_bulk(context->reply, member);
    command_event(context, set->database, set->key.name, EVENT_SET, "spop");
    (void)database_delete(set->database, &set->key);
    command_effect_key(context, set->database, "DEL", set->key.name);
    collection_changed(context, set, EVENT_GENERIC, "del");
}

static void spop_many(struct command_context *context, struct collection *set, size_t count)
{
    collection_changing(set);
    resp_writer_set(context->reply, count);
    for (size_t i = 0; i < count; i++)
        pop(context, set);
    collection_changed(context, set, EVENT_SET, "spop");
}

static void spop(struct command_context *context)
{
    struct collection set;
    int64_t count = 0;
    if (context->count > 3) {
        command_reply_syntax_error(context);
        return;
    }
    bool counted = context->count == 3;
    if (counted && (!number_parse_int64(context->arguments[2], &count) || count < 0)) {
        resp_writer_error(context->reply, "ERR value is out of range, must be positive");
        return;
    }
    if (!collection_open(context, 1, TYPE_SET, &set))
        return;
    if (set.entry == NULL || (counted && count == 0)) {
        if (counted)
            resp_writer_set(context->reply, 0);
        else
            resp_writer_null(context->reply);
    } else if (!counted) {
        spop_one(context, &set);
    } else if ((uint64_t)count >= set_length(set.value)) {
        spop_all(context, &set);
    } else {
        spop_many(context, &set, (size_t)count);
    }
}

/* --- SRANDMEMBER --- */

static void reply_chosen(struct command_context *context, const struct set *set)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice member;
    while (!set_pick(set, context->services->random(context), scratch, &member))
        ;
    resp_writer_bulk(context->reply, member);
}

/* Different ones: a walk over all that takes each with the chance that makes all choices equal
 * (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). */
static void reply_sample(struct command_context *context, const struct set *set, size_t count)
{
    struct set_cursor cursor = {.at = 0};
    struct slice member;
    size_t left = set_length(set), wanted = count < left ? count : left;
    resp_writer_array(context->reply, wanted);
    for (; wanted > 0 && set_next(set, &cursor, &member); left--) {
        if (context->services->random(context) % left >= wanted)
            continue;
        resp_writer_bulk(context->reply, member);
        wanted--;
    }
}

static void srandmember(struct command_context *context)
{
    struct collection set;
    int64_t count = 0;
    bool counted = context->count >= 3;
    if (context->count > 3) {
        command_reply_syntax_error(context);
        return;
    }
    if (counted && (!command_integer(context, 2, &count)))
        return;
    if (count < -INT64_MAX / 2 || count > INT64_MAX / 2) {
        resp_writer_error(context->reply, "ERR value is out of range");
        return;
    }
    if (!collection_read(context, 1, TYPE_SET, &set))
        return;
    if (!counted) {
        if (set.entry == NULL)
            resp_writer_null(context->reply);
        else
            reply_chosen(context, set.value);
    } else if (set.entry == NULL || count == 0) {
        resp_writer_array(context->reply, 0);
    } else if (count > 0) {
        reply_sample(context, set.value, (size_t)count);
    } else {
        resp_writer_array(context->reply, (size_t)-count);
        for (; count < 0; count++)
            reply_chosen(context, set.value);
    }
}

/* --- SSCAN --- */

static void scan_member(void *to, struct slice member)
{
    struct collection_scan *scan = to;
    if (!collection_scan_wants(scan, member))
        return;
    resp_writer_bulk(&scan->writer, member);
    scan->count++;
}

static void sscan(struct command_context *context)
{
    struct collection set;
    struct collection_scan scan;
    if (!collection_scan_begin(&scan, context, TYPE_SET, &set))
        return;
    do
        scan.cursor = set_scan(set.value, scan.cursor, scan_member, &scan);
    while (collection_scan_goes_on(&scan));
    collection_scan_reply(&scan, context);
}

const struct command set_members_commands[] = {
    {
        .name = "SADD",
        .run = sadd,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .member = 2,
        .group = "set",
        .since = "1.0.0",
        .syntax = "key member [member ...]",
        .summary = "Adds members to a set; makes the set if there is none.",
        .complexity = "O(1) for each member",
    },
    {
        .name = "SREM",
        .run = srem,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .member = 2,
        .group = "set",
        .since = "1.0.0",
        .syntax = "key member [member ...]",
        .summary = "Removes members from a set.",
        .complexity = "O(1) for each member",
    },
    {
        .name = "SMOVE",
        .run = smove,
        .arity = 4,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 KEYS_RANGE(2, 0, 1, KEY_RW | KEY_INSERT)},
        .member = 3,
        .group = "set",
        .since = "1.0.0",
        .syntax = "source destination member",
        .summary = "Moves a member from one set to another.",
        .complexity = "O(1)",
    },
    {
        .name = "SCARD",
        .run = scard,
        .arity = 2,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key",
        .summary = "Returns how many members a set has.",
        .complexity = "O(1)",
    },
    {
        .name = "SISMEMBER",
        .run = sismember,
        .arity = 3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO)},
        .member = 2,
        .group = "set",
        .since = "1.0.0",
        .syntax = "key member",
        .summary = "Tells whether a set has a member.",
        .complexity = "O(1)",
    },
    {
        .name = "SMISMEMBER",
        .run = smismember,
        .arity = -3,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .member = 2,
        .group = "set",
        .since = "6.2.0",
        .syntax = "key member [member ...]",
        .summary = "Tells of several members whether a set has them.",
        .complexity = "O(N) for N members",
    },
    {
        .name = "SPOP",
        .run = spop,
        .arity = -2,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key [count]",
        .summary = "Takes members out of a set at random and returns them.",
        .complexity = "O(N) for N members taken",
        .tips = "nondeterministic_output",
    },
    {
        .name = "SRANDMEMBER",
        .run = srandmember,
        .arity = -2,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "1.0.0",
        .syntax = "key [count]",
        .summary = "Returns members of a set at random.",
        .complexity = "O(N) for N members",
        .tips = "nondeterministic_output",
    },
    {
        .name = "SSCAN",
        .run = sscan,
        .arity = -3,
        .flags = COMMAND_READS,
        .categories = CATEGORY_SET,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .since = "2.8.0",
        .syntax = "key cursor [MATCH pattern] [COUNT count]",
        .summary = "Returns the members of a set part by part.",
        .complexity = "O(1) for each call, O(N) for all",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
