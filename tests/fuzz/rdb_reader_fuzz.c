/* Any bytes as a snapshot: the checksum is made right, then the reader takes them whole and in
 * pieces whose size the first byte says. Both must come to the same end and the same number of
 * keys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/crc64.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_reader.h"

#define STRING_MAX (1 << 20)

static enum rdb_status read_all(struct slice file, size_t piece_size, size_t *keys)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(16, &seed, &no_hooks);
    struct rdb_reader_settings settings = {true, INT64_MIN, file.length, STRING_MAX};
    struct rdb_reader *reader = rdb_reader_create(keyspace, &settings);
    enum rdb_status status = RDB_MORE;
    size_t at = 0;
    keyspace_set_time(keyspace, INT64_MIN);
    while (status == RDB_MORE) {
        size_t wanted = rdb_reader_wants(reader), used;
        size_t left = file.length - at, size = wanted > piece_size ? wanted : piece_size;
        size = size < left ? size : left;
        char *piece = malloc(size + 1);
        if (size > 0)
            memcpy(piece, file.data + at, size);
        status = rdb_reader_feed(reader, slice_of(piece, size), size == left, &used);
        free(piece);
        if (status != RDB_REFUSED) {
            ASSERT(used <= size && (status == RDB_DONE || size < left || used < size || size == 0));
            at += used;
        }
    }
    *keys = keyspace_size(keyspace);
    rdb_reader_destroy(reader);
    keyspace_destroy(keyspace);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t piece_size = (size_t)data[0] + 1, length = size - 1;
    char *file = malloc(length + 8);
    memcpy(file, data + 1, length);
    struct crc64_tables tables;
    crc64_init(&tables);
    uint64_t crc = crc64_add(&tables, 0, file, length);
    for (size_t i = 0; i < 8; i++)
        file[length + i] = (char)(crc >> (8 * i));
    size_t keys_whole, keys_pieces;
    enum rdb_status whole = read_all(slice_of(file, length + 8), length + 8, &keys_whole);
    enum rdb_status pieces = read_all(slice_of(file, length + 8), piece_size, &keys_pieces);
    ASSERT(whole == pieces);
    ASSERT(whole != RDB_DONE || keys_whole == keys_pieces);
    free(file);
    return 0;
}
