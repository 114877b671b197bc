/* Fields of hashes that are due: gone for whoever looks, taken out now or bit by bit. */
#include "base/assertion.h"
#include "base/buffer.h"
#include "base/number.h"
#include "keyspace/database_private.h"
#include "keyspace/field_expiry.h"
#include "keyspace/keyspace_private.h"
#include "values/hash.h"

/* So many a look takes out; of more it takes out none, and hides them. */
#define DUE_AT_ONCE_MAX HASH_PACKED_DEADLINES_MAX

/* Tells that `field` is due, and takes it out. */
static void expire_field(struct database *database, const struct key *key, struct entry *entry,
                         struct slice field, bool is_last)
{
    keyspace_tell_field_expired(database->keyspace, database, key->name, field, is_last);
    if (is_last) {
        database_drop(database, key->hash, entry);
        return;
    }
    struct hash *hash = entry_collection(entry);
    database_losing(database, key, entry);
    (void)hash_remove_any(hash, field);
    field_expiry_update(database->fields, hash, key->name);
}

/* The field that is due first goes: there is one. True if the key is gone with it. */
static bool expire_first_field(struct database *database, const struct key *key,
                               struct entry *entry)
{
    struct hash *hash = entry_collection(entry);
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice due;
    bool is_due = hash_first_due(hash, keyspace_time_ms(database->keyspace), scratch, &due);
    ASSERT(is_due);
    struct buffer field = {NULL, 0, 0}; /* what it stands in changes */
    buffer_add(&field, due.data, due.length);
    bool is_last = hash_total(hash) == 1;
    expire_field(database, key, entry, buffer_slice(&field), is_last);
    buffer_deinit(&field);
    return is_last;
}

/* True if all fields are due, and too many to be told one by one: the key is gone with them. */
static bool expire_whole(struct database *database, const struct key *key, struct entry *entry)
{
    struct hash *hash = entry_collection(entry);
    size_t total = hash_total(hash);
    if (total <= DUE_AT_ONCE_MAX || hash_count_with_deadline(hash) < total ||
        hash_hide_due(hash, keyspace_time_ms(database->keyspace)) < total)
        return false;
    keyspace_tell_fields_expired(database->keyspace, database, key->name, total);
    database_drop(database, key->hash, entry);
    return true;
}

struct entry *database_without_due_fields(struct database *database, const struct key *key,
                                          struct entry *entry)
{
    struct hash *hash = entry_collection(entry);
    size_t due = hash_hide_due(hash, keyspace_time_ms(database->keyspace));
    if (LIKELY(due == 0))
        return entry;
    if (keyspace_expiry_is_frozen(database->keyspace))
        return due < hash_total(hash) ? entry : NULL;
    if (due > DUE_AT_ONCE_MAX)
        return expire_whole(database, key, entry) ? NULL : entry;
    for (; due > 0; due--)
        if (expire_first_field(database, key, entry))
            return NULL;
    (void)hash_hide_due(hash, keyspace_time_ms(database->keyspace)); /* none is hidden any more */
    return entry;
}

void database_expire_hidden(struct database *database, const struct key *key, struct entry *entry,
                            struct slice field)
{
    if (UNLIKELY(hash_is_hidden(entry_collection(entry), field)))
        expire_field(database, key, entry, field, false);
}

bool database_expire_field(struct database *database)
{
    struct slice name;
    if (field_expiry_first_ms(database->fields, &name) > keyspace_time_ms(database->keyspace))
        return false;
    struct buffer copy = {NULL, 0, 0}; /* the record goes with its last field */
    buffer_add(&copy, name.data, name.length);
    struct key key = {buffer_slice(&copy), keyspace_hash(database->keyspace, name)};
    struct entry *entry = table_find(&database->table, key.hash, key.name);
    ASSERT(entry != NULL && entry->type == TYPE_HASH);
    if (!expire_whole(database, &key, entry))
        (void)expire_first_field(database, &key, entry);
    buffer_deinit(&copy);
    return true;
}

int64_t database_next_field_ms(const struct database *database)
{
    struct slice name;
    return field_expiry_first_ms(database->fields, &name);
}

void database_fields_changed(struct database *database, const struct key *key, struct entry *entry)
{
    field_expiry_update(database->fields, entry_collection(entry), key->name);
}
