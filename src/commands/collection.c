#include "commands/collection.h"

static bool is_of_type(struct command_context *context, const struct key *key,
                       struct database *database, struct entry *entry, enum value_type type,
                       struct collection *out)
{
    *out = (struct collection){.database = database, .key = *key};
    if (entry == NULL)
        return true;
    if (entry->type != type) {
        command_reply_wrong_type(context);
        return false;
    }
    out->entry = entry;
    out->value = entry_collection(entry);
    return true;
}

bool collection_read(struct command_context *context, size_t index, enum value_type type,
                     struct collection *out)
{
    struct key key = command_key(context, index);
    struct entry *entry = database_read(context->database, &key, !context->no_touch);
    return is_of_type(context, &key, context->database, entry, type, out);
}

bool collection_open(struct command_context *context, size_t index, enum value_type type,
                     struct collection *out)
{
    struct key key = command_key(context, index);
    return collection_open_key(context, context->database, &key, type, out);
}

bool collection_open_key(struct command_context *context, struct database *database,
                         const struct key *key, enum value_type type, struct collection *out)
{
    return is_of_type(context, key, database, database_find(database, key), type, out);
}

bool collection_create(struct command_context *context, struct collection *collection,
                       enum value_type type, void *value)
{
    bool is_new = database_find(collection->database, &collection->key) == NULL;
    collection->entry = database_set_collection(collection->database, &collection->key, type, value,
                                                ENTRY_NO_DEADLINE);
    if (collection->entry == NULL) {
        command_reply_out_of_memory(context);
        return false;
    }
    collection->value = value;
    if (is_new)
        command_created(context, collection->database, collection->key.name);
    return true;
}

void collection_changing(struct collection *collection)
{
    database_changing(collection->database, &collection->key, collection->entry);
}

void collection_changed(struct command_context *context, const struct collection *collection,
                        enum event_class event_class, const char *event)
{
    command_changed(context, collection->database, collection->key.name, event_class, event);
}

bool collection_drop_if_empty(struct command_context *context, struct collection *collection)
{
    if (value_kind(collection->entry->type)->length(collection->value) > 0)
        return false;
    (void)database_delete(collection->database, &collection->key);
    collection->entry = NULL;
    collection->value = NULL;
    command_event(context, collection->database, collection->key.name, EVENT_GENERIC, "del");
    return true;
}

bool collection_range(int64_t *start, int64_t *stop, size_t length)
{
    int64_t count = (int64_t)length;
    *start = *start < 0 ? *start + count : *start;
    *stop = *stop < 0 ? *stop + count : *stop;
    if (*start < 0)
        *start = 0;
    if (*stop >= count)
        *stop = count - 1;
    return *start <= *stop && *start < count;
}
