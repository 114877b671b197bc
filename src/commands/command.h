/* What a command is: one row of a table, and the function it names.
 *
 * A command knows no socket and no file. It validates first, then changes the keyspace, then
 * replies: one that fails has changed nothing. It tells what it did through command_context's
 * functions below; the dispatcher hands that on to watchers, trackers, notifications and (later)
 * the log. The table is the one source for dispatch, COMMAND, key extraction and documentation. */
#ifndef HOLDFAST_COMMANDS_COMMAND_H
#define HOLDFAST_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "protocol/resp_writer.h"

struct command_context;

enum command_flag {
    COMMAND_WRITES = 1 << 0, /* may change keys ("write") */
    COMMAND_READS = 1 << 1,  /* "readonly" */
    COMMAND_GROWS = 1 << 2,  /* may take memory: refused at maxmemory ("denyoom") */
    COMMAND_ADMIN = 1 << 3,
    COMMAND_PUBSUB = 1 << 4,
    COMMAND_NO_SCRIPT = 1 << 5,
    COMMAND_BLOCKS = 1 << 6,  /* "blocking" */
    COMMAND_LOADING = 1 << 7, /* allowed while the data is loaded */
    COMMAND_STALE = 1 << 8,
    COMMAND_SKIP_MONITOR = 1 << 9,
    COMMAND_SKIP_COMMANDLOG = 1 << 10, /* "skip_slowlog" */
    COMMAND_FAST = 1 << 11,
    COMMAND_NO_AUTH = 1 << 12, /* allowed before AUTH */
    COMMAND_MAY_REPLICATE = 1 << 13,
    COMMAND_NO_MULTI = 1 << 14,
    COMMAND_PROTECTED = 1 << 15, /* DEBUG: behind enable-debug-command */
    COMMAND_ALLOW_BUSY = 1 << 16,
    COMMAND_NO_ASYNC_LOADING = 1 << 17,
    COMMAND_TOUCHES_ARBITRARY_KEYS = 1 << 18,
    COMMAND_ALL_DBS = 1 << 19,
    COMMAND_SENTINEL = 1 << 20,
    COMMAND_MOVABLE_KEYS = 1 << 21,
};

/* ACL categories beyond those that follow from the flags (write, read, admin+dangerous, pubsub,
 * fast/slow, blocking). */
enum command_category {
    CATEGORY_KEYSPACE = 1 << 0,
    CATEGORY_STRING = 1 << 1,
    CATEGORY_CONNECTION = 1 << 2,
    CATEGORY_TRANSACTION = 1 << 3,
    CATEGORY_DANGEROUS = 1 << 4,
    CATEGORY_LIST = 1 << 5,
    CATEGORY_SET = 1 << 6,
    CATEGORY_SORTED_SET = 1 << 7,
    CATEGORY_HASH = 1 << 8,
    CATEGORY_BITMAP = 1 << 9,
    CATEGORY_HYPERLOGLOG = 1 << 10,
    CATEGORY_GEO = 1 << 11,
    CATEGORY_STREAM = 1 << 12,
    CATEGORY_SCRIPTING = 1 << 13,
    CATEGORY_ADMIN = 1 << 14, /* of a command without COMMAND_ADMIN */
};

/* Key specifications, as COMMAND INFO shows them. */
enum key_flag {
    KEY_RO = 1 << 0,
    KEY_RW = 1 << 1,
    KEY_OW = 1 << 2,
    KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4,
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8,
    KEY_INCOMPLETE = 1 << 9,
    KEY_VARIABLE_FLAGS = 1 << 10,
};

/* COUNT: "keynum". KEYWORD: a range behind a word. UNKNOWN: only the command itself can tell. */
enum key_find { KEY_FIND_NONE, KEY_FIND_RANGE, KEY_FIND_COUNT, KEY_FIND_KEYWORD, KEY_FIND_UNKNOWN };

#define COMMAND_KEY_SPECS_MAX 3

struct key_spec {
    enum key_find find;  /* KEY_FIND_NONE ends the list */
    const char *keyword; /* KEYWORD: the word, looked for from `first` on */
    int limit;           /* KEYWORD: 2: keys are the first half of what follows; 0: all */
    int first; /* index of the first key (RANGE), or of the count's base (COUNT); the name is 0 */
    int last; /* RANGE: relative to `first` as COMMAND INFO has it: 0 one key, -1 to the end; COUNT:
                 index of the number, relative to first */
    int step;
    int first_after;   /* COUNT: the first key, relative to `first` */
    unsigned flags;    /* enum key_flag */
    const char *notes; /* COMMAND INFO's "notes"; NULL: none */
};

/* Shorthands for tables. Indexes as in the command line. */
/* clang-format off */
#define KEYS_NONE {{.find = KEY_FIND_NONE}}
/* The keys from argument `from` to argument `from` + `to` (counted from the end if negative). */
#define KEYS_RANGE(from, to, by, key_flags_)                                                       \
    {.find = KEY_FIND_RANGE, .first = (from), .last = (to), .step = (by), .flags = (key_flags_)}
#define KEYS_ONE(flags) {KEYS_RANGE(1, 0, 1, (flags))}
#define KEYS_ALL(flags) {KEYS_RANGE(1, -1, 1, (flags))}
#define KEYS_PAIRS(flags) {KEYS_RANGE(1, -1, 2, (flags))}
#define KEYS_SUB(flags) {KEYS_RANGE(2, 0, 1, (flags))} /* of a subcommand */
/* clang-format on */

typedef void command_run(struct command_context *context);
/* What KEY_VARIABLE_FLAGS stands for in this command line. */
typedef unsigned command_key_flags(const struct slice *arguments, size_t count);

struct key_position;
/* As command_key_positions, for commands whose keys only they can tell. */
typedef size_t command_find_keys(const struct slice *arguments, size_t count,
                                 struct key_position *positions, size_t max);

/* Rows are written with designated initializers, so that what does not apply can be left out. */
struct command {
    const char *name; /* upper case; of a subcommand without its container. NULL ends a table */
    command_run *run; /* NULL for a pure container */
    int arity;        /* exact with the name, or at least -arity */
    unsigned flags;
    unsigned categories;
    struct key_spec keys[COMMAND_KEY_SPECS_MAX];
    command_key_flags *key_flags; /* NULL: as in `keys` */
    command_find_keys *find_keys; /* NULL: by `keys` */
    unsigned member; /* index of the argument that is looked for in the collection at the key, which
                        is argument 1: fetched ahead; 0: none */
    const char *group;                 /* "string", "generic", ... */
    const char *since;                 /* "1.0.0" */
    const char *syntax;                /* of the arguments: "key [EX seconds|KEEPTTL]" */
    const char *summary;               /* one sentence in our own words */
    const char *complexity;            /* "O(1)" */
    const char *tips;                  /* COMMAND INFO's tips, separated by spaces; NULL: none */
    const char *deprecated_since;      /* NULL: it is not */
    const char *replaced_by;           /* as COMMAND DOCS words it: "`GETRANGE`" */
    const struct command *subcommands; /* NULL, or a table */
};

/* Every table of commands of this layer, NULL at the end (catalogue.c). */
extern const struct command *const command_catalogue[];

/* What a command waits for that found nothing to do: BLPOP and its like. */
struct command_await {
    size_t first, count, step; /* its keys: indexes of arguments */
    enum value_type type;      /* nothing else at a key can help it */
    bool needs_keys;           /* runs anew, too, when one is gone or has become of another type */
    int64_t timeout_ms;        /* 0: for ever */
    /* As many words as were sent, to be run then in their place: `$` has become an ID. NULL: as
     * sent. */
    const struct slice *arguments;
    /* What is answered when the time is over. */
    enum command_timeout_reply { TIMEOUT_NULL_ARRAY, TIMEOUT_NULL, TIMEOUT_INTEGER_0 } reply;
};

/* What the server does for commands. One instance a server. */
struct command_services {
    /* Nobody listens to changes and events: the next three need not be called. */
    bool unheard;
    /* A key changed: WATCH and client-side caching. */
    void (*key_changed)(struct command_context *context, struct database *database,
                        struct slice key);
    /* A change that only those see who wait for the key (await). */
    void (*key_ready)(struct command_context *context, struct database *database, struct slice key);
    /* A keyspace event, `event` like "set". `event_class`: enum event_class. */
    void (*key_event)(struct command_context *context, struct database *database,
                      unsigned event_class, const char *event, struct slice key);
    /* A command in deterministic form to be logged instead of the words the client sent. NULL while
     * nobody listens. */
    void (*effect)(struct command_context *context, struct database *database,
                   const struct slice *arguments, size_t count);
    /* The argument as a memory_* block the command may keep, if it has one of its own; NULL
     * otherwise. Sets *length. */
    char *(*take_argument)(struct command_context *context, size_t index, size_t *length);
    /* Random bits, for RANDOMKEY and the like. */
    uint64_t (*random)(struct command_context *context);
    /* FLUSHDB, FLUSHALL (`database` is NULL: all of them): called while the keys are still there.
     */
    void (*flushing)(struct command_context *context, struct database *database);
    /* SWAPDB: called before the two change places. */
    void (*swapping)(struct command_context *context, struct database *a, struct database *b);
    /* See command_await. NULL: nothing can wait here. */
    bool (*await)(struct command_context *context, const struct command_await *await);
    /* proto-max-bulk-len: no command makes a string longer than this, bytes. 0:
     * COMMAND_STRING_SIZE_MAX. */
    uint64_t string_size_max;
};

#define COMMAND_STRING_SIZE_MAX (UINT64_C(512) << 20) /* bytes, unless services say otherwise */

/* Classes of notify-keyspace-events; the letters are Redis's. */
enum event_class {
    EVENT_GENERIC = 1 << 0, /* g */
    EVENT_STRING = 1 << 1,  /* $ */
    EVENT_LIST = 1 << 2,    /* l */
    EVENT_SET = 1 << 3,     /* s */
    EVENT_HASH = 1 << 4,    /* h */
    EVENT_ZSET = 1 << 5,    /* z */
    EVENT_EXPIRED = 1 << 6, /* x */
    EVENT_EVICTED = 1 << 7, /* e */
    EVENT_STREAM = 1 << 8,  /* t */
    EVENT_MISS = 1 << 9,    /* m */
    EVENT_MODULE = 1 << 10, /* d */
    EVENT_NEW = 1 << 11,    /* n */
};

/* One run of one command. Made by the dispatcher (or a test), lives for the run. */
struct command_context {
    const struct command *command; /* the subcommand's row where there is one */
    struct slice *arguments;       /* [0] is the name as sent */
    size_t count;
    const uint64_t
        *hashes; /* of arguments that are keys by the table, same index; NULL: not computed */
    struct resp_writer *reply;
    struct keyspace *keyspace;
    struct database *database; /* the client's */
    const struct command_services *services;
    void *session; /* the server's client; commands of this layer pass it through */
    bool no_touch; /* CLIENT NO-TOUCH */
    /* The command waited and runs anew because of a change of this key: it looks at no other of its
     * keys. NULL: it runs for the first time. */
    const struct slice *woken_by;
    bool effect_replaced;
    uint64_t changes; /* counted by command_changed: what INFO calls rdb_changes_since_last_save */
};

/* --- for commands --- */

/* Argument `index` as a key, with its hash. */
static inline struct key command_key(const struct command_context *context, size_t index)
{
    struct slice name = context->arguments[index];
    uint64_t hash =
        context->hashes != NULL ? context->hashes[index] : keyspace_hash(context->keyspace, name);
    return (struct key){name, hash};
}

/* After a change of `key`: counts it, tells watchers and trackers, sends the event. Unless
 * command_effect was called the command as sent is its own effect. */
void command_changed(struct command_context *context, struct database *database, struct slice key,
                     enum event_class event_class, const char *event);
/* The first part of command_changed only: `key` is the other key of a change that was counted. */
void command_touched(struct command_context *context, struct database *database, struct slice key);
/* Runs the commands that wait for `key`, though WATCH and caching do not count it as changed. */
void command_ready(struct command_context *context, struct database *database, struct slice key);
/* An event that is not a change (or one more for the same change). */
void command_event(struct command_context *context, struct database *database, struct slice key,
                   enum event_class event_class, const char *event);
/* `key` was not there before (class n): to be called before command_changed. */
void command_created(struct command_context *context, struct database *database, struct slice key);

/* True if somebody takes effects: else there is no need to build one. */
static inline bool command_wants_effect(const struct command_context *context)
{
    return context->services->effect != NULL;
}
/* Logs this command instead of the one the client sent; several calls, several commands. Commands
 * here are such that Redis 7.0 knows them, too. */
void command_effect(struct command_context *context, struct database *database,
                    const struct slice *arguments, size_t count);
/* The same for a name and a key, the commonest effects: DEL key, PERSIST key. */
void command_effect_key(struct command_context *context, struct database *database,
                        const char *name, struct slice key);
/* Memory ran out at argument `end` of a command of many elements: those before it have been done
 * and stay, and are what is logged if they `changed` anything. Replies. */
void command_stopped_at(struct command_context *context, size_t end, bool changed);

/* The command found nothing to do and has replied nothing: the client is to wait until one of the
 * keys of `await` changes in any way; then (after the transaction or command that changed it) the
 * whole command runs anew, with `woken_by` set, oldest waiter first, and may wait on, keeping its
 * place. False: it may not wait (in MULTI, in the log): the caller replies what a timeout would
 * give. */
bool command_await(struct command_context *context, const struct command_await *await);
/* True unless the command was woken by another key. */
bool command_may_look_at(const struct command_context *context, struct slice key);
/* Parses argument `index` as seconds with a fraction, as BLPOP has it; replies Redis's errors. */
bool command_timeout(struct command_context *context, size_t index, int64_t *timeout_ms);

/* What a string of this server may not exceed, bytes. */
static inline uint64_t command_string_size_max(const struct command_context *context)
{
    uint64_t size_max = context->services->string_size_max;
    return size_max != 0 ? size_max : COMMAND_STRING_SIZE_MAX;
}

/* Replies that many commands share, in Redis's words. */
void command_reply_syntax_error(struct command_context *context);
void command_reply_wrong_type(struct command_context *context);
void command_reply_not_integer(struct command_context *context);
void command_reply_out_of_memory(struct command_context *context);
void command_reply_no_such_key(struct command_context *context);
void command_reply_database_range(struct command_context *context); /* DB index is out of range */
/* For commands that check their number of arguments themselves: the dispatcher has its own. */
void command_reply_arity(struct command_context *context);
/* "ERR invalid expire time in 'set' command" */
void command_reply_invalid_expire(struct command_context *context);
/* The lines of HELP of a container; `lines` ends with NULL. "CONTAINER <subcommand> ..." goes
 * before, HELP itself behind them. */
void command_reply_help(struct command_context *context, const char *container,
                        const char *const *lines);
/* A string's value as a bulk reply. */
void command_reply_string(struct command_context *context, struct entry *entry);

/* Parses argument `index`; on failure replies with Redis's error and returns false. */
bool command_integer(struct command_context *context, size_t index, int64_t *out);
/* The same within the range of a C int: Redis has another error for numbers beyond. */
bool command_int(struct command_context *context, size_t index, int *out);
/* True if `entry` is a string (or NULL); else replies WRONGTYPE. */
bool command_is_string(struct command_context *context, const struct entry *entry);

/* --- for whoever runs or describes commands --- */

/* NULL if there is none. Names in any case. Linear in the table: dispatch keeps a hash of its own.
 */
const struct command *command_find(const struct command *table, struct slice name);

#define COMMAND_KEYS_ERROR SIZE_MAX

struct key_position {
    size_t index; /* of the argument */
    unsigned flags;
};

/* Where the keys of a command line are: writes at most `max` positions, returns how many there are,
 * or COMMAND_KEYS_ERROR if the line is not valid (count of keys out of range). For ACL, COMMAND
 * GETKEYS, prefetch, tracking: one function for all. */
size_t command_key_positions(const struct command *command, const struct slice *arguments,
                             size_t count, struct key_position *positions, size_t max);

#endif
