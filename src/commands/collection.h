/* What commands on lists, hashes, sets, sorted sets and streams have in common: finding the
 * collection of one type at a key, making it, and taking the key away when it is empty.
 *
 * A writing command: collection_open, then collection_create or collection_changing, then the
 * change itself (values/), collection_changed, and collection_drop_if_empty. */
#ifndef HOLDFAST_COMMANDS_COLLECTION_H
#define HOLDFAST_COMMANDS_COLLECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "commands/command.h"

/* What functions that change a collection are given (values/value_settings.h). */
static inline const struct value_settings *collection_settings(
    const struct command_context *context)
{
    return keyspace_value_settings(context->keyspace);
}

/* A key and the collection at it. Borrowed until the next change of a key. */
struct collection {
    struct database *database;
    struct key key;
    struct entry *entry; /* NULL: there is no such key */
    void *value;         /* NULL: likewise; else a struct list, struct hash ... */
};

/* For a read: counts a hit or a miss. False: another type is there, which has been answered. */
bool collection_read(struct command_context *context, size_t index, enum value_type type,
                     struct collection *out);
/* For a write: touches nothing yet. */
bool collection_open(struct command_context *context, size_t index, enum value_type type,
                     struct collection *out);
/* The same for a key that is no argument at a known index, or of another database. */
bool collection_open_key(struct command_context *context, struct database *database,
                         const struct key *key, enum value_type type, struct collection *out);

/* The key is absent (or of any type: it is replaced): `value` becomes its own, without a deadline.
 * False: memory is out, which has been answered; `value` is the caller's then. */
bool collection_create(struct command_context *context, struct collection *collection,
                       enum value_type type, void *value);

/* To be called before the value changes in place; again, after anything else ran in between. */
void collection_changing(struct collection *collection);

/* After the change: command_changed for this key. */
void collection_changed(struct command_context *context, const struct collection *collection,
                        enum event_class event_class, const char *event);

/* Takes the key away, with the event "del", if no element is left (never of streams). True if so:
 * entry and value are gone. */
bool collection_drop_if_empty(struct command_context *context, struct collection *collection);

/* A range of indexes as LRANGE and ZRANGE have it: negative ones count from the end. Sets both to
 * the first and last element meant; false: there is none. */
bool collection_range(int64_t *start, int64_t *stop, size_t length);

#endif
