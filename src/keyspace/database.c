#include "keyspace/database.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/mix.h"
#include "base/number.h"
#include "keyspace/database_private.h"
#include "keyspace/field_expiry.h"
#include "keyspace/keyspace_private.h"
#include "keyspace/table_position.h"
#include "values/hash.h"

#define PICK_TRIES_MAX 1000 /* of table_pick, before a walk finds the next key instead */
#define PICK_EXPIRED_MAX                                                                           \
    100 /* expired keys met while expiry is frozen, before one of them is the answer */

/* --- taking entries in and out: table and index always together --- */

static void index_add(struct database *database, struct entry *entry)
{
    if (entry->flags & ENTRY_HAS_DEADLINE)
        expiry_index_add(database->expiry, entry);
}

static void index_remove(struct database *database, struct entry *entry)
{
    if (entry->flags & ENTRY_HAS_DEADLINE)
        expiry_index_remove(database->expiry, entry);
}

/* Before anything of `entry` changes: a walk that has not seen it takes it as it was. */
static inline void leave_to_walk(struct database *database, struct entry *entry)
{
    struct snapshot_walk *walk = &database->shared->walk;
    if (UNLIKELY(walk->active) && (entry->flags & ENTRY_SEEN) != walk->seen)
        snapshot_walk_take(walk, database, entry);
}

static inline void mark_changed(struct database *database, uint64_t hash)
{
    write_marks_changed(&database->shared->marks, hash);
}

/* `entry` leaves its key, or (`next`) another entry takes its place. */
static inline void forget_fields(struct database *database, const struct entry *entry,
                                 const struct entry *next)
{
    if (LIKELY(entry->type != TYPE_HASH))
        return;
    struct hash *hash = entry_collection(entry);
    if (next == NULL || next->type != TYPE_HASH || entry_collection(next) != hash)
        field_expiry_forget(database->fields, hash);
}

static void detach(struct database *database, uint64_t hash, struct entry *entry)
{
    leave_to_walk(database, entry);
    mark_changed(database, hash);
    forget_fields(database, entry, NULL);
    index_remove(database, entry);
    table_remove(&database->table, hash, entry);
}

/* A write while expiry is frozen (by a pause that began in the same transaction): what was due at
 * its key has been kept, and goes now. */
static void remove_kept(struct database *database, uint64_t hash, struct slice key)
{
    int64_t now_ms = keyspace_time_ms(database->keyspace); /* nothing is due while loading */
    if (expiry_index_first_ms(database->expiry) > now_ms &&
        database_next_field_ms(database) > now_ms)
        return;
    struct entry *kept = table_find(&database->table, hash, key);
    if (kept != NULL)
        database_remove(database, hash, kept, REMOVED_EXPIRED);
}

/* Puts `entry` in the place of `old` (of the same key), or in if that is NULL. `old` is left to the
 * caller. */
static void attach(struct database *database, uint64_t hash, struct entry *old, struct entry *entry)
{
    mark_changed(database, hash);
    entry->flags = (uint8_t)((entry->flags & ~ENTRY_SEEN) | database->shared->walk.seen);
    if (old != NULL) {
        leave_to_walk(database, old);
        forget_fields(database, old, entry);
        index_remove(database, old);
        table_replace(&database->table, hash, old, entry);
    } else {
        if (UNLIKELY(keyspace_expiry_is_frozen(database->keyspace)))
            remove_kept(database, hash, entry_key(entry));
        table_insert(&database->table, hash, entry);
    }
    index_add(database, entry);
    if (UNLIKELY(entry->type == TYPE_HASH))
        field_expiry_update(database->fields, entry_collection(entry), entry_key(entry));
}

struct unlinked {
    enum value_type type;
    void *value;
};

static bool unlinked_free_some(void *garbage)
{
    struct unlinked *unlinked = garbage;
    if (!value_kind(unlinked->type)->free_some(unlinked->value))
        return false;
    memory_free(unlinked);
    return true;
}

void database_free_value(struct keyspace *keyspace, enum value_type type, void *value)
{
    if (value_kind(type)->length(value) <= VALUE_FREE_AT_ONCE_MAX) {
        value_free(type, value);
        return;
    }
    struct unlinked *unlinked = memory_allocate(sizeof *unlinked);
    *unlinked = (struct unlinked){type, value};
    keyspace_discard(keyspace, unlinked, unlinked_free_some);
}

/* Frees an entry that is not in the table any more: a large collection off the loop, or once a walk
 * is through with it. */
static void dispose(struct database *database, struct entry *entry)
{
    if (LIKELY(entry->type == TYPE_STRING)) {
        entry_free(entry);
        return;
    }
    const struct value_keeper *keeper = &database->shared->keeper;
    enum value_type type = (enum value_type)entry->type;
    void *value = entry_collection(entry);
    entry_free_shell(entry);
    if (keeper->keep == NULL || !keeper->keep(keeper->context, type, value))
        database_free_value(database->keyspace, type, value);
}

void database_drop(struct database *database, uint64_t hash, struct entry *entry)
{
    detach(database, hash, entry);
    dispose(database, entry);
}

void database_remove(struct database *database, uint64_t hash, struct entry *entry,
                     enum removal reason)
{
    keyspace_tell_removed(database->keyspace, database, entry_key(entry), reason);
    database_drop(database, hash, entry);
}

void database_remove_due(struct database *database, struct entry *entry)
{
    struct slice key = entry_key(entry);
    uint64_t hash = keyspace_hash(database->keyspace, key);
    keyspace_tell_removed(database->keyspace, database, key, REMOVED_EXPIRED);
    leave_to_walk(database, entry);
    mark_changed(database, hash);
    forget_fields(database, entry, NULL);
    table_remove(&database->table, hash, entry); /* it has left the index already */
    dispose(database, entry);
}

void database_evict(struct database *database, struct entry *entry)
{
    uint64_t hash = keyspace_hash(database->keyspace, entry_key(entry));
    database_remove(database, hash, entry, REMOVED_EVICTED);
}

/* --- finding --- */

struct entry *database_find(struct database *database, const struct key *key)
{
    struct entry *entry = table_find(&database->table, key->hash, key->name);
    write_marks_looked_up(&database->shared->marks, key->hash);
    if (entry != NULL && UNLIKELY(entry->type == TYPE_HASH) &&
        !entry_is_due(entry, keyspace_time_ms(database->keyspace)))
        return database_without_due_fields(database, key, entry);
    if (entry == NULL || LIKELY(!entry_is_due(entry, keyspace_time_ms(database->keyspace))))
        return entry;
    if (!keyspace_expiry_is_frozen(database->keyspace))
        database_remove(database, key->hash, entry, REMOVED_EXPIRED);
    return NULL;
}

struct entry *database_read(struct database *database, const struct key *key, bool touch)
{
    struct keyspace *keyspace = database->keyspace;
    struct entry *entry = database_find(database, key);
    if (entry == NULL) {
        keyspace_tell_missed(keyspace, database, key->name);
        return NULL;
    }
    keyspace_statistics(keyspace)->hits++;
    if (touch)
        keyspace_touch(keyspace, entry);
    return entry;
}

void database_prefetch_bucket(const struct database *database, uint64_t hash)
{
    table_prefetch_bucket(&database->table, hash);
}

void database_prefetch_entry(const struct database *database, uint64_t hash)
{
    table_prefetch_entry(&database->table, hash);
}

const void *database_peek(const struct database *database, const struct key *key,
                          const struct value_kind **kind)
{
    const struct entry *entry = table_find(&database->table, key->hash, key->name);
    if (entry == NULL || entry->type == TYPE_STRING)
        return NULL;
    *kind = value_kind((enum value_type)entry->type);
    return entry_collection(entry);
}

/* --- strings --- */

static int64_t deadline_by_rule(const struct entry *old, enum deadline_rule rule,
                                int64_t deadline_ms)
{
    if (rule == DEADLINE_SET)
        return deadline_ms;
    if (rule == DEADLINE_KEEP && old != NULL)
        return entry_deadline_ms(old);
    return ENTRY_NO_DEADLINE;
}

/* True if `old` can stay where it is and only its value (and the time of its deadline) change. */
static bool stays_in_place(const struct entry *old, size_t value_size, int64_t deadline_ms)
{
    return old != NULL && old->type == TYPE_STRING &&
           (old->encoding == ENCODING_INT || (old->flags & ENTRY_EMBEDDED)) &&
           ((old->flags & ENTRY_HAS_DEADLINE) != 0) == (deadline_ms != ENTRY_NO_DEADLINE) &&
           (entry_value_size(old) == value_size || entry_fits(old, value_size));
}

static inline void change_deadline(struct database *database, struct entry *entry,
                                   int64_t deadline_ms)
{
    if (LIKELY(entry_deadline_ms(entry) == deadline_ms))
        return;
    index_remove(database, entry);
    entry_set_deadline_value(entry, deadline_ms);
    index_add(database, entry);
}

/* The entry to fill with a value of `value_size` bytes: `old` itself with its deadline set, or a
 * new one that `settle` puts in its place once it is filled. NULL when memory is out. */
static struct entry *prepare(struct database *database, const struct key *key, struct entry *old,
                             size_t value_size, int64_t deadline_ms)
{
    struct entry *entry = old;
    if (stays_in_place(old, value_size, deadline_ms)) {
        leave_to_walk(database, old);
        mark_changed(database, key->hash);
        change_deadline(database, old, deadline_ms);
    } else {
        entry = entry_create(key->name, deadline_ms, value_size);
        if (entry == NULL)
            return NULL;
    }
    keyspace_touch_new(database->keyspace, old, entry);
    return entry;
}

static struct entry *settle(struct database *database, const struct key *key, struct entry *old,
                            struct entry *entry)
{
    if (entry != old) {
        attach(database, key->hash, old, entry);
        if (old != NULL)
            dispose(database, old);
    }
    return entry;
}

static struct entry *set_blob(struct database *database, const struct key *key, struct entry *old,
                              const struct entry_blob *blob, int64_t deadline_ms)
{
    struct entry *entry = prepare(database, key, old, sizeof *blob, deadline_ms);
    if (entry == NULL)
        return NULL;
    entry_set_blob(entry, blob);
    return settle(database, key, old, entry);
}

struct entry *database_replace_string(struct database *database, const struct key *key,
                                      struct entry *old, struct slice value,
                                      enum deadline_rule rule, int64_t deadline_ms)
{
    int64_t deadline = deadline_by_rule(old, rule, deadline_ms);
    int64_t integer;
    bool is_integer = number_parse_int64(value, &integer);
    if (!is_integer && value.length > ENTRY_EMBEDDED_MAX) {
        char *block = memory_try_allocate(value.length);
        if (block == NULL)
            return NULL;
        memcpy(block, value.data, value.length);
        struct entry_blob blob = {block, value.length, value.length, NULL};
        struct entry *entry = set_blob(database, key, old, &blob, deadline);
        if (entry == NULL)
            memory_free(block);
        return entry;
    }
    struct entry *entry =
        prepare(database, key, old, is_integer ? sizeof integer : value.length, deadline);
    if (entry == NULL)
        return NULL;
    if (is_integer)
        entry_set_integer(entry, integer);
    else
        entry_set_embedded(
            entry, value, value.length <= ENTRY_STRING_EMBSTR_MAX ? ENCODING_EMBSTR : ENCODING_RAW);
    return settle(database, key, old, entry);
}

struct entry *database_set_string(struct database *database, const struct key *key,
                                  struct slice value, enum deadline_rule rule, int64_t deadline_ms)
{
    struct entry *old = database_find(database, key);
    return database_replace_string(database, key, old, value, rule, deadline_ms);
}

struct entry *database_replace_string_block(struct database *database, const struct key *key,
                                            struct entry *old, char *block, size_t length,
                                            enum deadline_rule rule, int64_t deadline_ms)
{
    ASSERT(length > ENTRY_EMBEDDED_MAX);
    struct entry_blob blob = {block, length, length, NULL};
    return set_blob(database, key, old, &blob, deadline_by_rule(old, rule, deadline_ms));
}

struct entry *database_set_string_block(struct database *database, const struct key *key,
                                        char *block, size_t length, enum deadline_rule rule,
                                        int64_t deadline_ms)
{
    struct entry *old = database_find(database, key);
    return database_replace_string_block(database, key, old, block, length, rule, deadline_ms);
}

struct entry *database_set_raw_block(struct database *database, const struct key *key, char *block,
                                     size_t length)
{
    struct entry *old = database_find(database, key);
    if (length > ENTRY_EMBEDDED_MAX)
        return database_replace_string_block(database, key, old, block, length, DEADLINE_CLEAR, 0);
    struct entry *entry = prepare(database, key, old, length, ENTRY_NO_DEADLINE);
    if (entry == NULL)
        return NULL;
    entry_set_embedded(entry, slice_of(block, length), ENCODING_RAW);
    memory_free(block);
    return settle(database, key, old, entry);
}

struct entry *database_set_integer(struct database *database, const struct key *key,
                                   struct entry *entry, int64_t value)
{
    struct entry *new =
        prepare(database, key, entry, sizeof value, deadline_by_rule(entry, DEADLINE_KEEP, 0));
    if (new == NULL)
        return NULL;
    entry_set_integer(new, value);
    return settle(database, key, entry, new);
}

/* How much a blob of `length` bytes gets when it grows: twice as much, or 1 MiB more, as Redis's
 * strings. */
static size_t blob_capacity_for(size_t length)
{
    const size_t spare_max = (size_t)1 << 20;
    return memory_good_size(length + (length < spare_max ? length : spare_max));
}

/* Takes the bytes back from who looks at them, or copies them. False: memory is out. */
static bool own_blob(struct entry *entry, struct entry_blob *blob)
{
    if (LIKELY(blob->owner == NULL))
        return true;
    if (chain_shared_disown(blob->owner) == NULL) {
        char *copy = memory_try_allocate(blob->length);
        if (copy == NULL)
            return false;
        memcpy(copy, blob->data, blob->length);
        chain_shared_release(blob->owner);
        blob->data = copy;
        blob->capacity = blob->length;
    }
    blob->owner = NULL;
    entry_set_blob(entry, blob);
    return true;
}

static struct entry *resize_blob(struct database *database, const struct key *key,
                                 struct entry *entry, size_t length, char **bytes)
{
    leave_to_walk(database, entry);
    mark_changed(database, key->hash);
    struct entry_blob blob = entry_blob(entry);
    if (!own_blob(entry, &blob))
        return NULL;
    if (length > blob.capacity) {
        size_t capacity = blob_capacity_for(length);
        char *data = memory_try_resize(blob.data, capacity);
        if (data == NULL)
            return NULL;
        blob.data = data;
        blob.capacity = capacity;
    }
    if (length > blob.length)
        memset(blob.data + blob.length, 0, length - blob.length);
    blob.length = length;
    entry_set_blob(entry, &blob);
    *bytes = blob.data;
    return entry;
}

struct entry *database_resize_string(struct database *database, const struct key *key,
                                     struct entry *entry, size_t length, char **bytes)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice old = {NULL, 0};
    if (entry != NULL) {
        ASSERT(entry->type == TYPE_STRING);
        if (entry->encoding != ENCODING_INT && !(entry->flags & ENTRY_EMBEDDED))
            return resize_blob(database, key, entry, length, bytes);
        old = entry_string(entry, scratch);
    }
    size_t kept = old.length < length ? old.length : length;
    int64_t deadline_ms = deadline_by_rule(entry, DEADLINE_KEEP, 0);
    if (length > ENTRY_EMBEDDED_MAX) {
        size_t capacity = blob_capacity_for(length);
        char *block = memory_try_allocate(capacity);
        if (block == NULL)
            return NULL;
        if (kept > 0)
            memcpy(block, old.data, kept);
        memset(block + kept, 0, length - kept);
        struct entry_blob blob = {block, length, capacity, NULL};
        struct entry *new = set_blob(database, key, entry, &blob, deadline_ms);
        if (new == NULL)
            memory_free(block);
        *bytes = block;
        return new;
    }
    char content[ENTRY_EMBEDDED_MAX] = {0};
    if (kept > 0)
        memcpy(content, old.data, kept);
    struct entry *new = prepare(database, key, entry, length, deadline_ms);
    if (new == NULL)
        return NULL;
    entry_set_embedded(new, slice_of(content, length), ENCODING_RAW);
    new = settle(database, key, entry, new);
    *bytes = new->data + (entry_value_position(new) - new->data);
    return new;
}

/* --- collections --- */

struct entry *database_set_collection(struct database *database, const struct key *key,
                                      enum value_type type, void *value, int64_t deadline_ms)
{
    struct entry *old = database_find(database, key);
    struct entry *entry = entry_create(key->name, deadline_ms, sizeof value);
    if (entry == NULL)
        return NULL;
    entry_set_collection(entry, type, value);
    keyspace_touch_new(database->keyspace, old, entry);
    return settle(database, key, old, entry);
}

void database_losing(struct database *database, const struct key *key, struct entry *entry)
{
    leave_to_walk(database, entry);
    mark_changed(database, key->hash);
}

void database_changing(struct database *database, const struct key *key, struct entry *entry)
{
    ASSERT(entry->type != TYPE_STRING);
    database_losing(database, key, entry);
    keyspace_touch(database->keyspace, entry);
}

/* --- keys --- */

bool database_delete(struct database *database, const struct key *key)
{
    struct entry *entry = database_find(database, key);
    if (entry == NULL)
        return false;
    database_drop(database, key->hash, entry);
    return true;
}

struct entry *database_set_deadline(struct database *database, const struct key *key,
                                    struct entry *entry, int64_t deadline_ms)
{
    bool had = (entry->flags & ENTRY_HAS_DEADLINE) != 0;
    if (had == (deadline_ms != ENTRY_NO_DEADLINE)) {
        if (had) {
            leave_to_walk(database, entry);
            mark_changed(database, key->hash);
            change_deadline(database, entry, deadline_ms);
        }
        return entry;
    }
    struct entry *new = entry_renamed(entry, key->name, deadline_ms);
    if (new == NULL)
        return NULL;
    attach(database, key->hash, entry, new);
    entry_free_shell(entry);
    return new;
}

/* Puts a new entry in, over whatever is there. */
static struct entry *put(struct database *database, const struct key *key, struct entry *entry)
{
    struct entry *old = database_find(database, key);
    attach(database, key->hash, old, entry);
    if (old != NULL)
        dispose(database, old);
    return entry;
}

struct entry *database_move(struct database *from, const struct key *from_key, struct database *to,
                            const struct key *to_key)
{
    struct entry *entry = database_find(from, from_key);
    ASSERT(entry != NULL);
    struct entry *new = entry_renamed(entry, to_key->name, entry_deadline_ms(entry));
    if (new == NULL)
        return NULL;
    detach(from, from_key->hash, entry);
    entry_free_shell(entry);
    return put(to, to_key, new);
}

struct entry *database_copy(struct database *from, const struct key *from_key, struct database *to,
                            const struct key *to_key)
{
    struct entry *entry = database_find(from, from_key);
    ASSERT(entry != NULL);
    struct entry *new = entry_copied(entry, to_key->name);
    return new == NULL ? NULL : put(to, to_key, new);
}

/* --- the whole --- */

void database_init(struct database *database, struct keyspace *keyspace, int index,
                   const struct hash_seed *seed)
{
    *database = (struct database){
        .keyspace = keyspace, .shared = keyspace_shared(keyspace), .index = index};
    table_init(&database->table, seed);
    database->expiry = expiry_index_create();
    database->fields = field_expiry_create();
}

static void take_entry(void *context, struct entry *entry)
{
    (void)context;
    entry_free(entry);
}

/* What FLUSHDB took out: freed a segment at a time, by whichever thread the hook chooses. */
struct garbage {
    struct table table;
    struct expiry_index *expiry;
    struct field_expiry *fields;
};

static bool garbage_free_some(void *context)
{
    struct garbage *garbage = context;
    if (!table_drain(&garbage->table, take_entry, NULL))
        return false;
    table_deinit(&garbage->table);
    expiry_index_destroy(garbage->expiry);
    field_expiry_destroy(garbage->fields);
    memory_free(garbage);
    return true;
}

void database_reserve(struct database *database, size_t count)
{
    table_reserve(&database->table, count);
}

void database_fill(struct database *database, bool on)
{
    table_fill(&database->table, on);
}

bool database_fit(struct database *database, size_t *position)
{
    return table_fit(&database->table, position);
}

size_t database_clear(struct database *database)
{
    size_t count = database->table.count;
    if (count == 0)
        return 0;
    write_marks_changed_all(&database->shared->marks);
    snapshot_walk_interrupt(&database->shared->walk, &database->shared->keeper);
    struct garbage *garbage = memory_allocate(sizeof *garbage);
    *garbage = (struct garbage){
        .table = database->table, .expiry = database->expiry, .fields = database->fields};
    table_init(&database->table, &garbage->table.seed);
    table_fill(&database->table, garbage->table.filling);
    database->expiry = expiry_index_create();
    database->fields = field_expiry_create();
    keyspace_discard(database->keyspace, garbage, garbage_free_some);
    return count;
}

void database_deinit(struct database *database)
{
    while (!table_drain(&database->table, take_entry, NULL))
        ;
    table_deinit(&database->table);
    expiry_index_destroy(database->expiry);
    field_expiry_destroy(database->fields);
}

int database_index(const struct database *database)
{
    return database->index;
}

/* Equal names of two databases differ: an odd constant times a small number is never 0. */
uint64_t database_mix_hash(const struct database *database, uint64_t key_hash)
{
    return key_hash + (uint64_t)database_index(database) * UINT64_C(0x9e3779b97f4a7c15);
}

struct keyspace *database_keyspace(const struct database *database)
{
    return database->keyspace;
}

size_t database_size(const struct database *database)
{
    return database->table.count;
}

size_t database_count_with_deadline(const struct database *database)
{
    return expiry_index_count(database->expiry);
}

int64_t database_average_ttl_ms(const struct database *database)
{
    return expiry_index_average_ttl_ms(database->expiry, keyspace_time_ms(database->keyspace));
}

size_t database_table_memory(const struct database *database)
{
    return table_memory(&database->table);
}

size_t database_expiry_memory(const struct database *database)
{
    return expiry_index_memory(database->expiry);
}

size_t database_table_slots(const struct database *database)
{
    return table_slots(&database->table);
}

static void note_last(void *context, struct entry *entry)
{
    *(struct entry **)context = entry;
}

struct entry *database_pick(const struct database *database, uint64_t random)
{
    const struct table *table = &database->table;
    if (table->count == 0)
        return NULL;
    for (int tries = 0; tries < PICK_TRIES_MAX; tries++) {
        struct entry *entry = table_pick(table, mix_next(&random));
        if (entry != NULL)
            return entry;
    }
    struct entry *next = NULL;
    for (uint64_t cursor = table_position(mix_next(&random)); next == NULL;)
        cursor = table_scan(table, cursor, note_last, &next);
    return next;
}

struct entry *database_random(struct database *database, uint64_t random)
{
    struct entry *entry;
    int64_t now_ms = keyspace_time_ms(database->keyspace);
    for (int expired = 0; (entry = database_pick(database, random + (uint64_t)expired)) != NULL;
         expired++) {
        if (!entry_is_due(entry, now_ms))
            return entry;
        if (!keyspace_expiry_is_frozen(database->keyspace)) {
            uint64_t hash = keyspace_hash(database->keyspace, entry_key(entry));
            database_remove(database, hash, entry, REMOVED_EXPIRED);
        } else if (expired >= PICK_EXPIRED_MAX) {
            return entry;
        }
    }
    return NULL;
}

uint64_t database_scan(struct database *database, uint64_t cursor,
                       void (*visit)(void *context, struct entry *entry), void *context)
{
    return table_scan(&database->table, cursor & TABLE_POSITION_MASK, visit, context);
}

struct check {
    size_t with_deadline, with_fields; /* hashes with fields that have deadlines */
};

static void check_indexed(void *context, struct entry *entry)
{
    struct check *check = context;
    check->with_deadline += (entry->flags & ENTRY_HAS_DEADLINE) != 0;
    if (entry->type == TYPE_HASH)
        check->with_fields += hash_next_deadline_ms(entry_collection(entry)) != HASH_NO_DEADLINE;
}

void database_check(const struct database *database)
{
    table_check(&database->table);
    expiry_index_check(database->expiry);
    struct check check = {0};
    uint64_t cursor = 0;
    do
        cursor = table_scan(&database->table, cursor, check_indexed, &check);
    while (cursor != 0);
    ASSERT(check.with_deadline == expiry_index_count(database->expiry));
    ASSERT(check.with_fields == field_expiry_count(database->fields));
}
