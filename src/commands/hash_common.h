/* What commands on hashes share. For commands/hash_*.c. */
#ifndef HOLDFAST_COMMANDS_HASH_COMMON_H
#define HOLDFAST_COMMANDS_HASH_COMMON_H

#include "commands/collection.h"
#include "values/hash.h"

/* The hash at the key, made if there is none; about to change. False: answered. */
bool hash_common_open(struct command_context *context, struct collection *hash);

/* What the commands on hashes set a field with: one that is due but still kept is gone before. */
enum hash_result hash_common_set(struct command_context *context, struct collection *hash,
                                 struct slice field, struct slice value, bool keeps_deadline);

/* collection_drop_if_empty: fields that are due but still kept do not count, and go with the key.
 */
void hash_common_drop_if_empty(struct command_context *context, struct collection *hash);

/* After a change: brings the keyspace's index of fields' deadlines up to date, then
 * collection_changed. */
void hash_common_changed(struct command_context *context, struct collection *hash,
                         const char *event);

/* The effects HSET key field value, with the deadline that the field has now, and HPEXPIREAT key
 * deadline FIELDS 1 field. */
void hash_common_effect_set(struct command_context *context, const struct collection *hash,
                            struct slice field, struct slice value);
void hash_common_effect_deadline(struct command_context *context, const struct collection *hash,
                                 struct slice field, int64_t deadline_ms);
/* HDEL and HPERSIST key (FIELDS 1) field. */
void hash_common_effect_remove(struct command_context *context, const struct collection *hash,
                               struct slice field);
void hash_common_effect_persist(struct command_context *context, const struct collection *hash,
                                struct slice field);

/* Memory is out, and nothing was changed: replies, and takes away a hash that was made for it. */
void hash_common_give_up(struct command_context *context, struct collection *hash);

#endif
