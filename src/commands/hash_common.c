#include "commands/hash_common.h"

#include "base/number.h"

bool hash_common_open(struct command_context *context, struct collection *hash)
{
    if (hash->entry != NULL) {
        collection_changing(hash);
        return true;
    }
    struct hash *value = hash_create();
    if (collection_create(context, hash, TYPE_HASH, value))
        return true;
    hash_destroy(value);
    return false;
}

enum hash_result hash_common_set(struct command_context *context, struct collection *hash,
                                 struct slice field, struct slice value, bool keeps_deadline)
{
    database_expire_hidden(hash->database, &hash->key, hash->entry, field);
    return hash_set(hash->value, collection_settings(context), field, value, keeps_deadline);
}

void hash_common_drop_if_empty(struct command_context *context, struct collection *hash)
{
    if (hash_length(hash->value) > 0 || collection_drop_if_empty(context, hash))
        return;
    (void)database_find(hash->database, &hash->key); /* all that is left is due */
    hash->entry = NULL;
    hash->value = NULL;
}

void hash_common_give_up(struct command_context *context, struct collection *hash)
{
    hash_common_drop_if_empty(context, hash);
    command_reply_out_of_memory(context);
}

void hash_common_changed(struct command_context *context, struct collection *hash,
                         const char *event)
{
    database_fields_changed(hash->database, &hash->key, hash->entry);
    collection_changed(context, hash, EVENT_HASH, event);
}

void hash_common_effect_deadline(struct command_context *context, const struct collection *hash,
                                 struct slice field, int64_t deadline_ms)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    struct slice words[] = {
        SLICE("HPEXPIREAT"), hash->key.name, slice_of(text, number_format_int64(text, deadline_ms)),
        SLICE("FIELDS"),     SLICE("1"),     field};
    command_effect(context, hash->database, words, 6);
}

void hash_common_effect_set(struct command_context *context, const struct collection *hash,
                            struct slice field, struct slice value)
{
    struct slice words[] = {SLICE("HSET"), hash->key.name, field, value};
    int64_t kept_ms = hash_deadline_ms(hash->value, field);
    command_effect(context, hash->database, words, 4);
    if (kept_ms != HASH_NO_DEADLINE) /* HSET clears it */
        hash_common_effect_deadline(context, hash, field, kept_ms);
}

void hash_common_effect_remove(struct command_context *context, const struct collection *hash,
                               struct slice field)
{
    struct slice words[] = {SLICE("HDEL"), hash->key.name, field};
    command_effect(context, hash->database, words, 3);
}

void hash_common_effect_persist(struct command_context *context, const struct collection *hash,
                                struct slice field)
{
    struct slice words[] = {SLICE("HPERSIST"), hash->key.name, SLICE("FIELDS"), SLICE("1"), field};
    command_effect(context, hash->database, words, 5);
}
