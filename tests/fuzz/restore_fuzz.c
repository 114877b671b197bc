/* Any bytes as the payload of RESTORE, with its footer made right: taken or refused, and what was
 * taken can be dumped and restored again as the same value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/crc64.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_reader.h"
#include "persist/rdb_writer.h"

#define STRING_MAX (1 << 20)

static struct entry *restore(struct database *database, const struct key *key, struct slice payload)
{
    ASSERT(rdb_reader_payload_is_valid(payload));
    const struct value_settings *settings = keyspace_value_settings(database_keyspace(database));
    bool good = rdb_reader_check_value(payload, STRING_MAX, settings) == OK;
    enum error error = rdb_reader_restore(database, key, payload, ENTRY_NO_DEADLINE, STRING_MAX);
    ASSERT(good == (error == OK));
    return database_find(database, key);
}

static void check_again(struct keyspace *keyspace, const struct entry *entry)
{
    struct buffer payload = {0};
    struct key other = {SLICE("other"), keyspace_hash(keyspace, SLICE("other"))};
    ASSERT(rdb_write_dump(&payload, entry) == OK);
    const struct entry *again =
        restore(keyspace_database(keyspace, 0), &other, buffer_slice(&payload));
    char scratch[2][32];
    ASSERT(again != NULL && again->type == entry->type);
    if (entry->type == TYPE_STRING) {
        ASSERT(slice_equals(entry_string(entry, scratch[0]), entry_string(again, scratch[1])));
    } else {
        const struct value_kind *kind = value_kind((enum value_type)entry->type);
        ASSERT(kind->length(entry_collection(entry)) == kind->length(entry_collection(again)));
    }
    buffer_deinit(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    char *payload = malloc(size + 10);
    if (size > 0)
        memcpy(payload, data, size);
    payload[size] = 10;
    payload[size + 1] = 0;
    struct crc64_tables tables;
    crc64_init(&tables);
    uint64_t crc = crc64_add(&tables, 0, payload, size + 2);
    for (size_t i = 0; i < 8; i++)
        payload[size + 2 + i] = (char)(crc >> (8 * i));
    struct key key = {SLICE("key"), keyspace_hash(keyspace, SLICE("key"))};
    const struct entry *entry =
        restore(keyspace_database(keyspace, 0), &key, slice_of(payload, size + 10));
    if (entry != NULL)
        check_again(keyspace, entry);
    free(payload);
    keyspace_destroy(keyspace);
    return 0;
}
