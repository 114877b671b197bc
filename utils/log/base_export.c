#include "log/base_export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_reader.h"
#include "system/disk.h"

#define DATABASES 1024
#define PIECE ((size_t)1 << 20)

static void print_entry(void *context, struct entry *entry)
{
    FILE *out = context;
    char scratch[32], deadline[32];
    struct slice key = entry_key(entry), value = entry_string(entry, scratch);
    int64_t deadline_ms = entry_deadline_ms(entry);
    int length = snprintf(deadline, sizeof deadline, "%" PRId64, deadline_ms);
    bool expires = deadline_ms != ENTRY_NO_DEADLINE;
    fprintf(out, "*%d\r\n$3\r\nSET\r\n$%zu\r\n", expires ? 5 : 3, key.length);
    fwrite(key.data, 1, key.length, out);
    fprintf(out, "\r\n$%zu\r\n", value.length);
    fwrite(value.data, 1, value.length, out);
    fputs("\r\n", out);
    if (expires)
        fprintf(out, "$4\r\nPXAT\r\n$%d\r\n%s\r\n", length, deadline);
}

static void print_all(struct keyspace *keyspace, FILE *out)
{
    for (int i = 0; i < DATABASES; i++) {
        struct database *database = keyspace_database(keyspace, i);
        uint64_t cursor = 0;
        char number[16];
        int length = snprintf(number, sizeof number, "%d", i);
        if (database_size(database) == 0)
            continue;
        fprintf(out, "*2\r\n$6\r\nSELECT\r\n$%d\r\n%s\r\n", length, number);
        do
            cursor = database_scan(database, cursor, print_entry, out);
        while (cursor != 0);
    }
}

static bool read_all(const struct disk_file *file, struct rdb_reader *reader, char *why,
                     size_t why_size)
{
    struct buffer input = {0};
    uint64_t at = 0;
    enum rdb_status status = RDB_MORE;
    while (status == RDB_MORE) {
        size_t wanted = rdb_reader_wants(reader), done, used;
        wanted = wanted > input.length + PIECE ? wanted - input.length : PIECE;
        if (buffer_reserve(&input, wanted) != OK ||
            disk_read(file, at, input.data + input.length, wanted, &done) != OK) {
            snprintf(why, why_size, "cannot be read: %s", strerror(errno));
            break;
        }
        input.length += done;
        at += done;
        status = rdb_reader_feed(reader, buffer_slice(&input), done < wanted, &used);
        if (status == RDB_REFUSED)
            snprintf(why, why_size, "%s", rdb_reader_error(reader));
        else
            buffer_drop_front(&input, used);
    }
    buffer_deinit(&input);
    return status == RDB_DONE;
}

bool base_export(const char *path, FILE *out, char *why, size_t why_size)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct rdb_reader_settings settings = {true, INT64_MIN, 0, UINT32_MAX};
    struct disk_file file;
    if (disk_open(disk_real(), path, DISK_READ, &file) != OK) {
        snprintf(why, why_size, "cannot be opened: %s", strerror(errno));
        return false;
    }
    struct keyspace *keyspace = keyspace_create(DATABASES, &seed, &no_hooks);
    keyspace_set_time(keyspace, INT64_MIN);
    struct rdb_reader *reader = rdb_reader_create(keyspace, &settings);
    bool good = read_all(&file, reader, why, why_size);
    if (good && out != NULL)
        print_all(keyspace, out);
    rdb_reader_destroy(reader);
    keyspace_destroy(keyspace);
    disk_close(&file);
    return good;
}
