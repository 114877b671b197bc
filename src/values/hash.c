#include "values/hash.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "base/mix.h"
#include "base/prefetch.h"
#include "values/pair_keys.h"
#include "values/value_fetch.h"
#include "values/value_walk.h"
#include "values/zset.h"

#define PICK_TRIES_MAX 128 /* where fields are hidden, before a walk finds one instead */

struct hash {
    struct listpack pack;        /* bytes NULL: it is a table */
    struct packed_table *table;  /* NULL: it is a listpack */
    struct deadlines *deadlines; /* NULL: no field ever had one */
};

struct deadlines {
    struct zset *fields; /* by deadline */
    int64_t hidden_ms;   /* fields with this deadline or an earlier one are hidden */
    void *keeper;
    struct value_walk *walk;    /* the caller's, while a walk adds deadlines to its parts */
    struct value_walk own_walk; /* what the table knows of it */
};

struct hash *hash_create(void)
{
    struct hash *hash = memory_allocate_zeroed(sizeof *hash);
    hash->pack = listpack_create(0);
    return hash;
}

static bool free_some(void *value)
{
    struct hash *hash = value;
    if (hash->table != NULL && !packed_table_free_some(hash->table))
        return false;
    if (hash->deadlines != NULL) {
        if (hash->deadlines->fields != NULL && !zset_kind.free_some(hash->deadlines->fields)) {
            memory_free(hash->table);
            hash->table = NULL;
            return false;
        }
        memory_free(hash->deadlines);
    }
    listpack_free(&hash->pack);
    memory_free(hash->table);
    memory_free(hash);
    return true;
}

void hash_destroy(struct hash *hash)
{
    while (!free_some(hash))
        ;
}

const struct listpack *hash_listpack(const struct hash *hash)
{
    return &hash->pack;
}

/* --- forms --- */

/* False: memory is out, it stays as it is. */
static bool become_table(struct hash *hash, const struct value_settings *settings)
{
    struct packed_table *table = memory_allocate(sizeof *table);
    struct hash_cursor cursor = {.any = true};
    struct slice field, value;
    packed_table_init(table, &settings->seed);
    while (hash_next(hash, &cursor, &field, &value))
        if (packed_table_set(table, field, value) == PACKED_OUT_OF_MEMORY) {
            packed_table_deinit(table);
            memory_free(table);
            return false;
        }
    listpack_free(&hash->pack);
    hash->table = table;
    return true;
}

static size_t pack_find(const struct listpack *pack, struct slice field)
{
    return listpack_find(pack, listpack_first(pack), field, 1);
}

enum error hash_of_listpack(struct listpack pack, const struct value_settings *settings,
                            struct hash **made)
{
    size_t count = listpack_count(&pack);
    if (count == 0 || count % 2 != 0)
        return ERROR_SYNTAX;
    enum error error = pair_keys_differ(&pack, &settings->seed);
    if (error != OK)
        return error;
    struct hash *hash = memory_allocate_zeroed(sizeof *hash);
    hash->pack = pack;
    bool fits = count / 2 <= settings->limits.hash_entries_max;
    for (size_t at = listpack_first(&pack); at != LISTPACK_END && fits;
         at = listpack_next(&pack, at)) {
        struct listpack_element element = listpack_get(&pack, at);
        fits = element.is_integer || element.text.length <= settings->limits.hash_value_max;
    }
    if (!fits && !become_table(hash, settings)) {
        memory_free(hash);
        return ERROR_OUT_OF_MEMORY;
    }
    *made = hash;
    return OK;
}

/* --- what is hidden --- */

static bool has_deadlines(const struct hash *hash)
{
    return hash->deadlines != NULL && hash->deadlines->fields != NULL;
}

static bool hides(const struct hash *hash)
{
    return UNLIKELY(has_deadlines(hash)) && hash->deadlines->hidden_ms != HASH_NO_DEADLINE;
}

static size_t count_hidden(const struct hash *hash)
{
    if (!hides(hash))
        return 0;
    struct ordered_bound bound = {.after = true, .score = (double)hash->deadlines->hidden_ms};
    return zset_count_before(hash->deadlines->fields, &bound);
}

int64_t hash_deadline_ms(const struct hash *hash, struct slice field)
{
    double deadline_ms;
    if (!has_deadlines(hash) || !zset_score(hash->deadlines->fields, field, &deadline_ms))
        return HASH_NO_DEADLINE;
    return (int64_t)deadline_ms;
}

bool hash_is_hidden(const struct hash *hash, struct slice field)
{
    if (!hides(hash))
        return false;
    int64_t deadline_ms = hash_deadline_ms(hash, field);
    return deadline_ms != HASH_NO_DEADLINE && deadline_ms <= hash->deadlines->hidden_ms;
}

size_t hash_hide_due(struct hash *hash, int64_t now_ms)
{
    if (!has_deadlines(hash))
        return 0;
    int64_t first_ms = hash_next_deadline_ms(hash);
    bool is_due = first_ms != HASH_NO_DEADLINE && first_ms <= now_ms;
    int64_t hidden_ms = is_due ? now_ms : HASH_NO_DEADLINE;
    if (hash->deadlines->hidden_ms != hidden_ms)
        hash->deadlines->hidden_ms = hidden_ms;
    return count_hidden(hash);
}

/* --- reading --- */

size_t hash_total(const struct hash *hash)
{
    return hash->table != NULL ? hash->table->count : listpack_count(&hash->pack) / 2;
}

size_t hash_length(const struct hash *hash)
{
    return hash_total(hash) - count_hidden(hash);
}

static bool get_any(const struct hash *hash, struct slice field, char *scratch, struct slice *value)
{
    if (hash->table != NULL)
        return packed_table_find(hash->table, field, value);
    size_t at = pack_find(&hash->pack, field);
    if (at == LISTPACK_END)
        return false;
    *value = listpack_text(&hash->pack, listpack_next(&hash->pack, at), scratch);
    return true;
}

bool hash_get(const struct hash *hash, struct slice field, char *scratch, struct slice *value)
{
    return get_any(hash, field, scratch, value) && !hash_is_hidden(hash, field);
}

static bool next_any(const struct hash *hash, struct hash_cursor *cursor, struct slice *field,
                     struct slice *value)
{
    if (hash->table != NULL) {
        struct packed_element element;
        if (!packed_table_next(hash->table, &cursor->place, &element))
            return false;
        *field = element.key;
        *value = element.value;
        return true;
    }
    const struct listpack *pack = &hash->pack;
    size_t at = cursor->at == 0 ? listpack_first(pack) : cursor->at;
    if (at == LISTPACK_END)
        return false;
    size_t value_at = listpack_next(pack, at);
    *field = listpack_text(pack, at, cursor->scratch[0]);
    *value = listpack_text(pack, value_at, cursor->scratch[1]);
    cursor->at = listpack_next(pack, value_at);
    return true;
}

bool hash_next(const struct hash *hash, struct hash_cursor *cursor, struct slice *field,
               struct slice *value)
{
    while (next_any(hash, cursor, field, value))
        if (cursor->any || !hash_is_hidden(hash, *field))
            return true;
    return false;
}

struct scan {
    const struct hash *hash;
    void (*visit)(void *context, struct slice field, struct slice value);
    void *context;
};

static void scan_visit(void *context, const struct packed_element *element)
{
    const struct scan *scan = context;
    if (!hash_is_hidden(scan->hash, element->key))
        scan->visit(scan->context, element->key, element->value);
}

uint64_t hash_scan(const struct hash *hash, uint64_t cursor,
                   void (*visit)(void *context, struct slice field, struct slice value),
                   void *context)
{
    if (hash->table != NULL) {
        struct scan scan = {hash, visit, context};
        return packed_table_scan(hash->table, cursor, scan_visit, &scan);
    }
    struct hash_cursor at = {.at = 0};
    struct slice field, value;
    while (hash_next(hash, &at, &field, &value))
        visit(context, field, value);
    return 0;
}

/* --- picking --- */

static bool pick_any(const struct hash *hash, uint64_t random,
                     char scratch[2][NUMBER_INTEGER_TEXT_MAX], struct slice *field,
                     struct slice *value)
{
    if (hash->table != NULL) {
        struct packed_element element;
        if (!packed_table_pick(hash->table, random, &element))
            return false;
        *field = element.key;
        *value = element.value;
        return true;
    }
    size_t length = hash_total(hash);
    if (length == 0)
        return false;
    size_t index = (size_t)((random >> 32) * length >> 32);
    size_t at = listpack_seek(&hash->pack, (int64_t)(2 * index));
    *field = listpack_text(&hash->pack, at, scratch[0]);
    *value = listpack_text(&hash->pack, listpack_next(&hash->pack, at), scratch[1]);
    return true;
}

/* An integer's text goes with its cursor: it is kept in `scratch`. */
static struct slice keep_text(struct slice text, const char *of_cursor, char *scratch)
{
    if (text.data != of_cursor)
        return text;
    memcpy(scratch, text.data, text.length);
    return slice_of(scratch, text.length);
}

static struct slice deadline_field(const struct hash *hash, size_t rank, char *scratch,
                                   int64_t *deadline_ms)
{
    struct zset_cursor cursor;
    double score;
    bool there = zset_seek(hash->deadlines->fields, rank, &cursor);
    ASSERT(there);
    struct slice field = zset_cursor_get(&cursor, &score);
    *deadline_ms = (int64_t)score;
    return keep_text(field, cursor.scratch, scratch);
}

/* The field of this rank among those without a deadline, in the order of a walk over all. */
static void walk_to_lasting(const struct hash *hash, size_t rank,
                            char scratch[2][NUMBER_INTEGER_TEXT_MAX], struct slice *field,
                            struct slice *value)
{
    struct hash_cursor cursor = {.any = true};
    bool there;
    do {
        there = hash_next(hash, &cursor, field, value);
        ASSERT(there);
    } while (hash_deadline_ms(hash, *field) != HASH_NO_DEADLINE || rank-- > 0);
    *field = keep_text(*field, cursor.scratch[0], scratch[0]);
    *value = keep_text(*value, cursor.scratch[1], scratch[1]);
}

bool hash_pick(const struct hash *hash, uint64_t random, char scratch[2][NUMBER_INTEGER_TEXT_MAX],
               struct slice *field, struct slice *value)
{
    size_t hidden = count_hidden(hash), length = hash_total(hash) - hidden;
    if (hidden == 0)
        return pick_any(hash, random, scratch, field, value);
    if (length == 0)
        return false;
    /* Those with a later deadline have a rank; of the others one is found by trying. */
    size_t later = zset_length(hash->deadlines->fields) - hidden;
    size_t index = (size_t)(mix_next(&random) % length);
    if (index < later) {
        int64_t deadline_ms;
        *field = deadline_field(hash, hidden + index, scratch[0], &deadline_ms);
        return get_any(hash, *field, scratch[1], value);
    }
    for (int tries = 0; tries < PICK_TRIES_MAX; tries++)
        if (pick_any(hash, mix_next(&random), scratch, field, value) &&
            hash_deadline_ms(hash, *field) == HASH_NO_DEADLINE)
            return true;
    walk_to_lasting(hash, index - later, scratch, field, value);
    return true;
}

/* --- deadlines --- */

static void drop_deadlines_if_empty(struct hash *hash)
{
    if (zset_length(hash->deadlines->fields) > 0)
        return;
    zset_destroy(hash->deadlines->fields);
    hash->deadlines->fields = NULL;
    hash->deadlines->hidden_ms = HASH_NO_DEADLINE;
}

static void clear_deadline(struct hash *hash, struct slice field)
{
    if (!has_deadlines(hash))
        return;
    (void)zset_remove(hash->deadlines->fields, field);
    drop_deadlines_if_empty(hash);
}

static struct deadlines *deadlines_of(struct hash *hash)
{
    if (hash->deadlines == NULL) {
        hash->deadlines = memory_allocate(sizeof *hash->deadlines);
        *hash->deadlines = (struct deadlines){.hidden_ms = HASH_NO_DEADLINE};
    }
    return hash->deadlines;
}

/* A walk hands out a field before its deadline changes, too. */
static void leave_to_walk(struct hash *hash, struct slice field)
{
    if (hash->table != NULL && UNLIKELY(hash->table->walk != NULL))
        packed_table_leave_to_walk(hash->table, field);
}

bool hash_set_deadline(struct hash *hash, const struct value_settings *settings, struct slice field,
                       int64_t deadline_ms)
{
    leave_to_walk(hash, field);
    if (deadline_ms == HASH_NO_DEADLINE) {
        clear_deadline(hash, field);
        return true;
    }
    struct deadlines *deadlines = deadlines_of(hash);
    struct value_settings own = *settings;
    if (own.limits.zset_entries_max > HASH_PACKED_DEADLINES_MAX)
        own.limits.zset_entries_max = HASH_PACKED_DEADLINES_MAX;
    if (deadlines->fields == NULL)
        deadlines->fields = zset_create();
    if (zset_set(deadlines->fields, &own, field, (double)deadline_ms) != ZSET_OUT_OF_MEMORY)
        return true;
    drop_deadlines_if_empty(hash);
    return false;
}

size_t hash_count_with_deadline(const struct hash *hash)
{
    return has_deadlines(hash) ? zset_length(hash->deadlines->fields) : 0;
}

int64_t hash_next_deadline_ms(const struct hash *hash)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    int64_t deadline_ms;
    if (!has_deadlines(hash))
        return HASH_NO_DEADLINE;
    (void)deadline_field(hash, 0, scratch, &deadline_ms);
    return deadline_ms;
}

bool hash_first_due(const struct hash *hash, int64_t now_ms, char *scratch, struct slice *field)
{
    int64_t deadline_ms;
    if (!has_deadlines(hash))
        return false;
    *field = deadline_field(hash, 0, scratch, &deadline_ms);
    return deadline_ms <= now_ms;
}

void *hash_keeper(const struct hash *hash)
{
    return hash->deadlines != NULL ? hash->deadlines->keeper : NULL;
}

void hash_set_keeper(struct hash *hash, void *keeper)
{
    if (keeper != NULL || hash->deadlines != NULL)
        deadlines_of(hash)->keeper = keeper;
}

/* --- changing --- */

static enum hash_result set_in_table(struct hash *hash, struct slice field, struct slice value)
{
    switch (packed_table_set(hash->table, field, value)) {
    case PACKED_ADDED:
        return HASH_ADDED;
    case PACKED_REPLACED:
        return HASH_CHANGED;
    default:
        return HASH_OUT_OF_MEMORY;
    }
}

static enum hash_result set_in_listpack(struct hash *hash, struct slice field, struct slice value)
{
    size_t at = pack_find(&hash->pack, field);
    if (at != LISTPACK_END) {
        at = listpack_next(&hash->pack, at);
        return listpack_replace(&hash->pack, &at, value) ? HASH_CHANGED : HASH_OUT_OF_MEMORY;
    }
    if (!listpack_append(&hash->pack, field))
        return HASH_OUT_OF_MEMORY;
    if (listpack_append(&hash->pack, value))
        return HASH_ADDED;
    (void)listpack_remove(&hash->pack, listpack_last(&hash->pack), 1);
    return HASH_OUT_OF_MEMORY;
}

/* Does it stay a listpack with this pair? */
static bool fits(const struct hash *hash, const struct value_limits *limits, struct slice field,
                 struct slice value)
{
    return field.length <= limits->hash_value_max && value.length <= limits->hash_value_max &&
           listpack_size(&hash->pack) + field.length + value.length < LISTPACK_SIZE_MAX / 2 &&
           (hash_total(hash) < limits->hash_entries_max ||
            pack_find(&hash->pack, field) != LISTPACK_END);
}

enum hash_result hash_set(struct hash *hash, const struct value_settings *settings,
                          struct slice field, struct slice value, bool keeps_deadline)
{
    if (UNLIKELY(hash_is_hidden(hash, field)))
        (void)hash_remove_any(hash, field);
    if (hash->table == NULL && !fits(hash, &settings->limits, field, value) &&
        !become_table(hash, settings))
        return HASH_OUT_OF_MEMORY;
    enum hash_result result = hash->table != NULL ? set_in_table(hash, field, value)
                                                  : set_in_listpack(hash, field, value);
    if (result == HASH_CHANGED && !keeps_deadline)
        clear_deadline(hash, field);
    return result;
}

bool hash_remove(struct hash *hash, struct slice field)
{
    return !hash_is_hidden(hash, field) && hash_remove_any(hash, field);
}

bool hash_remove_any(struct hash *hash, struct slice field)
{
    if (hash->table != NULL) {
        if (!packed_table_remove(hash->table, field))
            return false;
        clear_deadline(hash, field);
        return true;
    }
    size_t at = pack_find(&hash->pack, field);
    if (at == LISTPACK_END)
        return false;
    clear_deadline(hash, field);
    (void)listpack_remove(&hash->pack, at, 2);
    return true;
}

/* --- value_kind --- */

static size_t length(const void *value)
{
    return hash_total(value);
}

static const char *encoding(const void *value)
{
    const struct hash *hash = value;
    return hash->table != NULL ? "hashtable" : "listpack";
}

static size_t memory(const void *value, size_t samples)
{
    const struct hash *hash = value;
    size_t size = memory_usable_size(hash);
    size += hash->table != NULL ? memory_usable_size(hash->table) + hash->table->memory
                                : listpack_memory(&hash->pack);
    if (hash->deadlines != NULL)
        size += memory_usable_size(hash->deadlines);
    if (has_deadlines(hash))
        size += zset_kind.memory(hash->deadlines->fields, samples);
    return size;
}

static void *copy(const void *value)
{
    const struct hash *hash = value;
    struct hash *new = memory_allocate_zeroed(sizeof *new);
    if (hash->table != NULL) {
        new->table = memory_allocate(sizeof *new->table);
        if (!packed_table_copy(hash->table, new->table)) {
            memory_free(new->table);
            memory_free(new);
            return NULL;
        }
    } else {
        new->pack = listpack_copy(&hash->pack);
        if (new->pack.bytes == NULL) {
            memory_free(new);
            return NULL;
        }
    }
    if (!has_deadlines(hash))
        return new;
    deadlines_of(new)->fields = zset_kind.copy(hash->deadlines->fields);
    if (new->deadlines->fields != NULL)
        return new;
    hash_destroy(new);
    return NULL;
}

/* --- walks: the table's, with deadlines added --- */

static void take_with_deadline(void *context, const struct value_part *part)
{
    const struct hash *hash = context;
    struct value_walk *walk = hash->deadlines->walk;
    struct value_part whole = *part;
    whole.deadline_ms = hash_deadline_ms(hash, part->key);
    walk->take(walk->context, &whole);
}

static bool walk_begin(void *value, struct value_walk *walk)
{
    struct hash *hash = value;
    if (hash->table == NULL || hash->table->count <= VALUE_WALK_PARTS_MIN)
        return false;
    struct deadlines *deadlines = deadlines_of(hash);
    deadlines->walk = walk;
    deadlines->own_walk = (struct value_walk){.context = hash, .take = take_with_deadline};
    packed_table_walk_begin(hash->table, &deadlines->own_walk);
    walk->parts = deadlines->own_walk.parts;
    return true;
}

static bool walk_step(void *value, struct value_walk *walk)
{
    struct hash *hash = value;
    ASSERT(hash->deadlines->walk == walk);
    return packed_table_walk_step(hash->table);
}

static void walk_end(void *value, struct value_walk *walk)
{
    struct hash *hash = value;
    ASSERT(hash->deadlines->walk == walk);
    packed_table_walk_end(hash->table);
    hash->deadlines->walk = NULL;
}

static bool fetch(struct value_fetch *fetch)
{
    const struct hash *hash = fetch->value;
    if (fetch->step > 0)
        return packed_table_fetch(hash->table, fetch, fetch->step - 1);
    prefetch(hash->table != NULL ? (const void *)hash->table : (const void *)hash->pack.bytes);
    return hash->table != NULL;
}

const struct value_kind hash_kind = {
    .name = "hash",
    .length = length,
    .encoding = encoding,
    .memory = memory,
    .copy = copy,
    .free_some = free_some,
    .fetch = fetch,
    .walk_begin = walk_begin,
    .walk_step = walk_step,
    .walk_end = walk_end,
};

void hash_check(const struct hash *hash)
{
    static const struct hash_seed any_seed;
    if (hash->table != NULL)
        packed_table_check(hash->table);
    else
        ASSERT(listpack_count(&hash->pack) % 2 == 0 &&
               pair_keys_differ(&hash->pack, &any_seed) != ERROR_SYNTAX);
    if (!has_deadlines(hash))
        return;
    zset_check(hash->deadlines->fields);
    struct zset_cursor cursor;
    bool more = zset_seek(hash->deadlines->fields, 0, &cursor);
    ASSERT(more); /* a set without fields is freed */
    for (; more; more = zset_cursor_next(&cursor)) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        double deadline_ms;
        struct slice value, field = zset_cursor_get(&cursor, &deadline_ms);
        bool there = get_any(hash, field, scratch, &value);
        ASSERT(there);
    }
}
