/* Deadlines of fields: HEXPIRE and its family, HTTL and its family, and the commands that read or
 * set fields together with them. */
#include "base/number.h"
#include "commands/hash_common.h"
#include "commands/tables.h"

/* What HEXPIRE and its like answer for a field. */
enum outcome {
    NO_MEMORY = -3,
    NO_FIELD = -2,
    NO_DEADLINE = -1,
    NOT_MET = 0,
    WAS_SET = 1,
    WAS_DELETED = 2
};

enum condition { ALWAYS, IF_NONE, IF_ANY, IF_GREATER, IF_LESS };

/* Arguments `first` to `first` + `count` - 1, a field each, or (step 2) a field and its value. */
struct fields {
    size_t first, count, step;
};

/* FIELDS and what belongs to it, from argument `at` to the end. False: answered. */
static bool parse_fields(struct command_context *context, size_t at, size_t step,
                         struct fields *fields)
{
    int64_t count;
    if (at >= context->count || !slice_is_word(context->arguments[at], "FIELDS")) {
        resp_writer_error(context->reply, "ERR Mandatory argument FIELDS is missing or not at the "
                                          "right position");
        return false;
    }
    if (at + 1 >= context->count || !number_parse_int64(context->arguments[at + 1], &count) ||
        count < 1) {
        resp_writer_error(context->reply, "ERR Parameter `numFields` should be greater than 0");
        return false;
    }
    if ((uint64_t)count > context->count || (size_t)count * step != context->count - at - 2) {
        resp_writer_error(context->reply, "ERR The `numfields` parameter must match the number of "
                                          "arguments");
        return false;
    }
    *fields = (struct fields){at + 2, (size_t)count, step};
    return true;
}

static struct slice field_at(const struct command_context *context, const struct fields *fields,
                             size_t i)
{
    return context->arguments[fields->first + i * fields->step];
}

static bool has_field(const struct collection *hash, struct slice field)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value;
    return hash->entry != NULL && hash_get(hash->value, field, scratch, &value);
}

static bool condition_holds(enum condition condition, int64_t current_ms, int64_t deadline_ms)
{
    bool has_deadline = current_ms != HASH_NO_DEADLINE;
    switch (condition) {
    case IF_NONE:
        return !has_deadline;
    case IF_ANY:
        return has_deadline;
    case IF_GREATER: /* a field without a deadline lives for ever */
        return has_deadline && deadline_ms > current_ms;
    case IF_LESS:
        return !has_deadline || deadline_ms < current_ms;
    default:
        return true;
    }
}

/* What happened to a hash, to be told once. */
struct outcome_counts {
    size_t set, deleted;
};

/* Tells, and takes the key away if nothing is left. */
static void tell(struct command_context *context, struct collection *hash,
                 const struct outcome_counts *counts, const char *set_event)
{
    if (counts->set > 0)
        hash_common_changed(context, hash, set_event);
    if (counts->deleted > 0) {
        hash_common_changed(context, hash, "hdel");
        hash_common_drop_if_empty(context, hash);
    }
}

/* Memory ran out with the reply begun: it becomes an error. What was done stays, and is logged. */
static void take_back_reply(struct command_context *context, size_t before)
{
    chain_truncate(context->reply->out, before);
    command_reply_out_of_memory(context);
}

static enum outcome set_deadline(struct command_context *context, struct collection *hash,
                                 struct slice field, enum condition condition, int64_t deadline_ms,
                                 struct outcome_counts *counts)
{
    if (!has_field(hash, field))
        return NO_FIELD;
    if (!condition_holds(condition, hash_deadline_ms(hash->value, field), deadline_ms))
        return NOT_MET;
    if (deadline_ms <= keyspace_time_ms(context->keyspace)) {
        (void)hash_remove(hash->value, field);
        hash_common_effect_remove(context, hash, field);
        counts->deleted++;
        return WAS_DELETED;
    }
    if (!hash_set_deadline(hash->value, collection_settings(context), field, deadline_ms))
        return NO_MEMORY;
    hash_common_effect_deadline(context, hash, field, deadline_ms);
    counts->set++;
    return WAS_SET;
}

/* A time in `unit_ms` after `base_ms`, as a deadline. False: out of range, which was answered. */
static bool parse_time(struct command_context *context, size_t index, int64_t base_ms,
                       int64_t unit_ms, int64_t *deadline_ms)
{
    if (!command_integer(context, index, deadline_ms))
        return false;
    if (*deadline_ms >= 0 && number_multiply(*deadline_ms, unit_ms, deadline_ms) &&
        number_add(*deadline_ms, base_ms, deadline_ms) && *deadline_ms < HASH_DEADLINE_MAX)
        return true;
    command_reply_invalid_expire(context);
    return false;
}

static void expire_fields(struct command_context *context, int64_t base_ms, int64_t unit_ms)
{
    static const char *const words[] = {"NX", "XX", "GT", "LT"};
    static const enum condition conditions[] = {IF_NONE, IF_ANY, IF_GREATER, IF_LESS};
    struct collection hash;
    struct fields fields;
    enum condition condition = ALWAYS;
    int64_t deadline_ms;
    size_t at = 3;
    if (!parse_time(context, 2, base_ms, unit_ms, &deadline_ms))
        return;
    for (size_t i = 0; i < 4 && condition == ALWAYS; i++)
        if (slice_is_word(context->arguments[at], words[i]))
            condition = conditions[i];
    if (!parse_fields(context, condition == ALWAYS ? at : at + 1, 1, &fields) ||
        !collection_open(context, 1, TYPE_HASH, &hash))
        return;
    struct outcome_counts counts = {0, 0};
    size_t before = context->reply->out->length;
    resp_writer_array(context->reply, fields.count);
    if (hash.entry != NULL)
        collection_changing(&hash);
    enum outcome outcome = NO_FIELD;
    for (size_t i = 0; i < fields.count && outcome != NO_MEMORY; i++) {
        outcome = set_deadline(context, &hash, field_at(context, &fields, i), condition,
                               deadline_ms, &counts);
        resp_writer_integer(context->reply, outcome);
    }
    if (outcome == NO_MEMORY)
        take_back_reply(context, before);
    tell(context, &hash, &counts, "hexpire");
}

static void hexpire(struct command_context *context)
{
    expire_fields(context, keyspace_time_ms(context->keyspace), 1000);
}

static void hpexpire(struct command_context *context)
{
    expire_fields(context, keyspace_time_ms(context->keyspace), 1);
}

static void hexpireat(struct command_context *context)
{
    expire_fields(context, 0, 1000);
}

static void hpexpireat(struct command_context *context)
{
    expire_fields(context, 0, 1);
}

/* --- HTTL and its family --- */

static void reply_deadlines(struct command_context *context, int64_t base_ms, int64_t unit_ms)
{
    struct collection hash;
    struct fields fields;
    if (!parse_fields(context, 2, 1, &fields) || !collection_read(context, 1, TYPE_HASH, &hash))
        return;
    resp_writer_array(context->reply, fields.count);
    for (size_t i = 0; i < fields.count; i++) {
        struct slice field = field_at(context, &fields, i);
        int64_t answer = NO_FIELD;
        if (has_field(&hash, field)) {
            int64_t deadline_ms = hash_deadline_ms(hash.value, field);
            answer = deadline_ms == HASH_NO_DEADLINE
                         ? NO_DEADLINE
                         : (deadline_ms - base_ms + unit_ms - 1) / unit_ms;
        }
        resp_writer_integer(context->reply, answer);
    }
}

static void httl(struct command_context *context)
{
    reply_deadlines(context, keyspace_time_ms(context->keyspace), 1000);
}

static void hpttl(struct command_context *context)
{
    reply_deadlines(context, keyspace_time_ms(context->keyspace), 1);
}

static void hexpiretime(struct command_context *context)
{
    reply_deadlines(context, 0, 1000);
}

static void hpexpiretime(struct command_context *context)
{
    reply_deadlines(context, 0, 1);
}

/* False: it had none. */
static bool persist_field(struct command_context *context, struct collection *hash,
                          struct slice field)
{
    if (hash_deadline_ms(hash->value, field) == HASH_NO_DEADLINE)
        return false;
    (void)hash_set_deadline(hash->value, collection_settings(context), field, HASH_NO_DEADLINE);
    hash_common_effect_persist(context, hash, field);
    return true;
}

static void hpersist(struct command_context *context)
{
    struct collection hash;
    struct fields fields;
    size_t persisted = 0;
    if (!parse_fields(context, 2, 1, &fields) || !collection_open(context, 1, TYPE_HASH, &hash))
        return;
    resp_writer_array(context->reply, fields.count);
    if (hash.entry != NULL)
        collection_changing(&hash);
    for (size_t i = 0; i < fields.count; i++) {
        struct slice field = field_at(context, &fields, i);
        bool there = has_field(&hash, field), done = there && persist_field(context, &hash, field);
        persisted += done;
        resp_writer_integer(context->reply, !there ? NO_FIELD : done ? WAS_SET : NO_DEADLINE);
    }
    if (persisted > 0)
        hash_common_changed(context, &hash, "hpersist");
}

/* --- with fields' values --- */

enum expiry { EXPIRY_NONE, EXPIRY_AT, EXPIRY_KEEP, EXPIRY_PERSIST };

struct options {
    enum expiry expiry;
    int64_t deadline_ms;
    int key_presence;   /* 1: XX, -1: NX, 0: any */
    int field_presence; /* 1: FXX, -1: FNX, 0: any */
};

/* EX, PX, EXAT, PXAT and their time. *matched: it was one of them. */
static bool parse_expiry(struct command_context *context, size_t index, struct options *options,
                         bool *matched)
{
    static const char *const words[] = {"EX", "PX", "EXAT", "PXAT"};
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    *matched = false;
    for (size_t i = 0; i < 4; i++) {
        if (!slice_is_word(context->arguments[index], words[i]) || index + 1 >= context->count)
            continue;
        *matched = true;
        options->expiry = EXPIRY_AT;
        return parse_time(context, index + 1, i < 2 ? now_ms : 0, i % 2 == 0 ? 1000 : 1,
                          &options->deadline_ms);
    }
    return true;
}

/* Options before FIELDS; *at: where that stands. `sets`: those of HSETEX, else of HGETEX. */
static bool parse_options(struct command_context *context, bool sets, struct options *options,
                          size_t *at)
{
    *options = (struct options){EXPIRY_NONE, HASH_NO_DEADLINE, 0, 0};
    for (*at = 2; *at < context->count && !slice_is_word(context->arguments[*at], "FIELDS");
         ++*at) {
        struct slice word = context->arguments[*at];
        bool matched = false, valid = true, had_expiry = options->expiry != EXPIRY_NONE;
        if (!parse_expiry(context, *at, options, &matched))
            return false;
        if (matched) {
            valid = !had_expiry;
            ++*at;
        } else if (sets && slice_is_word(word, "KEEPTTL")) {
            valid = !had_expiry;
            options->expiry = EXPIRY_KEEP;
        } else if (!sets && slice_is_word(word, "PERSIST")) {
            valid = !had_expiry;
            options->expiry = EXPIRY_PERSIST;
        } else if (sets && (slice_is_word(word, "NX") || slice_is_word(word, "XX"))) {
            valid = options->key_presence == 0;
            options->key_presence = slice_is_word(word, "XX") ? 1 : -1;
        } else if (sets && (slice_is_word(word, "FNX") || slice_is_word(word, "FXX"))) {
            valid = options->field_presence == 0;
            options->field_presence = slice_is_word(word, "FXX") ? 1 : -1;
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

static void reply_value(struct command_context *context, const struct collection *hash,
                        struct slice field)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value;
    if (hash->entry != NULL && hash_get(hash->value, field, scratch, &value))
        resp_writer_bulk(context->reply, value);
    else
        resp_writer_null(context->reply);
}

static void hgetex(struct command_context *context)
{
    struct options options;
    struct fields fields;
    struct collection hash;
    size_t at, persisted = 0;
    if (!parse_options(context, false, &options, &at) || !parse_fields(context, at, 1, &fields) ||
        !collection_open(context, 1, TYPE_HASH, &hash))
        return;
    struct outcome_counts counts = {0, 0};
    size_t before = context->reply->out->length;
    enum outcome outcome = NO_FIELD;
    resp_writer_array(context->reply, fields.count);
    if (hash.entry != NULL && options.expiry != EXPIRY_NONE)
        collection_changing(&hash);
    for (size_t i = 0; i < fields.count && outcome != NO_MEMORY; i++) {
        struct slice field = field_at(context, &fields, i);
        reply_value(context, &hash, field);
        if (options.expiry == EXPIRY_AT)
            outcome = set_deadline(context, &hash, field, ALWAYS, options.deadline_ms, &counts);
        else if (options.expiry == EXPIRY_PERSIST && has_field(&hash, field))
            persisted += persist_field(context, &hash, field);
    }
    if (outcome == NO_MEMORY)
        take_back_reply(context, before);
    if (persisted > 0)
        hash_common_changed(context, &hash, "hpersist");
    tell(context, &hash, &counts, "hexpire");
}

/* Do the key and its fields stand as NX, XX, FNX, FXX ask? */
static bool presence_holds(const struct command_context *context, const struct collection *hash,
                           const struct options *options, const struct fields *fields)
{
    if (options->key_presence != 0 && (options->key_presence > 0) != (hash->entry != NULL))
        return false;
    for (size_t i = 0; options->field_presence != 0 && i < fields->count; i++)
        if ((options->field_presence > 0) != has_field(hash, field_at(context, fields, i)))
            return false;
    return true;
}

/* False: memory is out. `done` then tells whether the value was set nevertheless. */
static bool set_field(struct command_context *context, struct collection *hash,
                      const struct options *options, struct slice field, struct slice value,
                      struct outcome_counts *counts, bool *done)
{
    if (hash_common_set(context, hash, field, value, options->expiry == EXPIRY_KEEP) ==
        HASH_OUT_OF_MEMORY)
        return false;
    *done = true;
    hash_common_effect_set(context, hash, field, value);
    return options->expiry != EXPIRY_AT ||
           set_deadline(context, hash, field, ALWAYS, options->deadline_ms, counts) != NO_MEMORY;
}

static void hsetex(struct command_context *context)
{
    struct options options;
    struct fields fields;
    struct collection hash;
    size_t at;
    if (!parse_options(context, true, &options, &at) || !parse_fields(context, at, 2, &fields) ||
        !collection_open(context, 1, TYPE_HASH, &hash))
        return;
    if (!presence_holds(context, &hash, &options, &fields)) {
        resp_writer_integer(context->reply, 0);
        return;
    }
    if (!hash_common_open(context, &hash))
        return;
    struct outcome_counts counts = {0, 0};
    bool good = true, done = false;
    for (size_t i = 0; i < fields.count && good; i++) {
        size_t index = fields.first + 2 * i;
        good = set_field(context, &hash, &options, context->arguments[index],
                         context->arguments[index + 1], &counts, &done);
    }
    if (!done) {
        hash_common_give_up(context, &hash);
        return;
    }
    if (good)
        resp_writer_integer(context->reply, 1);
    else
        command_reply_out_of_memory(context);
    hash_common_changed(context, &hash, "hset");
    tell(context, &hash, &counts, "hexpire");
}

static void hgetdel(struct command_context *context)
{
    struct fields fields;
    struct collection hash;
    struct outcome_counts counts = {0, 0};
    if (!parse_fields(context, 2, 1, &fields) || !collection_open(context, 1, TYPE_HASH, &hash))
        return;
    if (hash.entry != NULL)
        collection_changing(&hash);
    resp_writer_array(context->reply, fields.count);
    for (size_t i = 0; i < fields.count; i++) {
        struct slice field = field_at(context, &fields, i);
        reply_value(context, &hash, field);
        if (hash.entry == NULL || !hash_remove(hash.value, field))
            continue;
        hash_common_effect_remove(context, &hash, field);
        counts.deleted++;
    }
    tell(context, &hash, &counts, "hexpire");
}

const struct command hash_deadlines_commands[] = {
    {
        .name = "HEXPIRE",
        .run = hexpire,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
        .summary = "Sets the deadline of fields, in seconds from now.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HPEXPIRE",
        .run = hpexpire,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
        .summary = "Sets the deadline of fields, in milliseconds from now.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HEXPIREAT",
        .run = hexpireat,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
        .summary = "Sets the deadline of fields to a Unix time in seconds.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HPEXPIREAT",
        .run = hpexpireat,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
        .summary = "Sets the deadline of fields to a Unix time in milliseconds.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HTTL",
        .run = httl,
        .arity = -5,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key FIELDS numfields field [field ...]",
        .summary = "Returns how many seconds fields have left.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HPTTL",
        .run = hpttl,
        .arity = -5,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key FIELDS numfields field [field ...]",
        .summary = "Returns how many milliseconds fields have left.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HEXPIRETIME",
        .run = hexpiretime,
        .arity = -5,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key FIELDS numfields field [field ...]",
        .summary = "Returns the deadlines of fields in Unix seconds.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HPEXPIRETIME",
        .run = hpexpiretime,
        .arity = -5,
        .flags = COMMAND_READS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key FIELDS numfields field [field ...]",
        .summary = "Returns the deadlines of fields in Unix milliseconds.",
        .complexity = "O(1) for each field",
    },
    {
        .name = "HPERSIST",
        .run = hpersist,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key FIELDS numfields field [field ...]",
        .summary = "Clears the deadlines of fields.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HGETEX",
        .run = hgetex,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT "
                  "unix-time-milliseconds|PERSIST] FIELDS numfields field [field ...]",
        .summary = "Returns the values of fields and sets or clears their deadlines.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HSETEX",
        .run = hsetex,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_GROWS | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_INSERT)},
        .group = "hash",
        .since = "9.0.0",
        .syntax = "key [NX|XX] [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT "
                  "unix-time-milliseconds|KEEPTTL] FIELDS numfields field value [field value ...]",
        .summary = "Sets fields together with their deadline.",
        .complexity = "O(log N) for each field",
    },
    {
        .name = "HGETDEL",
        .run = hgetdel,
        .arity = -5,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_HASH,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "hash",
        .since = "9.1.0",
        .syntax = "key FIELDS numfields field [field ...]",
        .summary = "Returns the values of fields and removes them.",
        .complexity = "O(1) for each field",
    },
    {.name = NULL},
};
