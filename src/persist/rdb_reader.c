#include "persist/rdb_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/crc64.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_cursor.h"
#include "persist/rdb_format.h"
#include "persist/rdb_producers.h"
#include "persist/rdb_value_reader.h"
#include "persist/rdb_writer.h"

#define MAGIC_SIZE 9          /* "REDIS0011", "VALKEY080" */
#define REDIS_VERSION_MAX 14  /* Redis 8's are 12 and 13 */
#define VALKEY_VERSION_MIN 80 /* Valkey 9's; its files were REDIS before */
#define VALKEY_VERSION_MAX 89
#define DUMP_FOOTER (2 + RDB_CHECKSUM_SIZE)
#define KEY_SIZE_MIN 3 /* bytes of the smallest key and value */
#define BATCH_MAX 32   /* keys put in together, so that their cache misses overlap */
#define ERROR_SIZE 256

/* A key that waits to be put in: its strings stand in the piece, or in buffers of its own. */
struct pending {
    struct key key;
    struct slice value;
    struct database *database;
    int64_t deadline_ms;
    struct buffer key_text, value_text;
};

struct rdb_reader {
    struct keyspace *keyspace;
    struct rdb_reader_settings settings;
    struct crc64_tables tables;
    uint64_t crc, offset, keys, expired;
    int version; /* 0: the magic has not been read */
    struct database *database;
    int64_t deadline_ms; /* of the next key */
    size_t wants;
    struct pending batch[BATCH_MAX];
    size_t batch_count;
    struct pending collection; /* whose elements are being read, while `is_in_collection` */
    bool is_in_collection;
    struct rdb_value_reader value;
    struct buffer auxiliary; /* the text of a field that is not plain */
    char error[ERROR_SIZE];
};

struct rdb_reader *rdb_reader_create(struct keyspace *keyspace,
                                     const struct rdb_reader_settings *settings)
{
    struct rdb_reader *reader = memory_allocate_zeroed(sizeof *reader);
    reader->keyspace = keyspace;
    reader->settings = *settings;
    reader->database = keyspace_database(keyspace, 0);
    reader->deadline_ms = ENTRY_NO_DEADLINE;
    reader->wants = MAGIC_SIZE;
    crc64_init(&reader->tables);
    return reader;
}

void rdb_reader_destroy(struct rdb_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; i < BATCH_MAX; i++) {
        buffer_deinit(&reader->batch[i].key_text);
        buffer_deinit(&reader->batch[i].value_text);
    }
    buffer_deinit(&reader->collection.key_text);
    buffer_deinit(&reader->auxiliary);
    rdb_value_reader_deinit(&reader->value);
    memory_free(reader);
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct rdb_reader *reader,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error, sizeof reader->error, format, arguments);
    va_end(arguments);
    return false;
}

/* --- keys --- */

static bool refuse_key(struct rdb_reader *reader, const char *why, struct slice name)
{
    return refuse(reader, "%s: '%.*s'", why, (int)(name.length < 64 ? name.length : 64), name.data);
}

static void prefetch(const struct rdb_reader *reader)
{
    for (size_t i = 0; i < reader->batch_count; i++)
        database_prefetch_entry(reader->batch[i].database, reader->batch[i].key.hash);
}

/* Strings that wait. False: refused. */
static bool put_in(struct rdb_reader *reader)
{
    prefetch(reader);
    for (size_t i = 0; i < reader->batch_count; i++) {
        const struct pending *pending = &reader->batch[i];
        if (database_find(pending->database, &pending->key) != NULL)
            return refuse_key(reader, "a key stands there twice", pending->key.name);
        if (database_replace_string(pending->database, &pending->key, NULL, pending->value,
                                    DEADLINE_SET, pending->deadline_ms) == NULL)
            return refuse(reader, "out of memory");
    }
    reader->keys += reader->batch_count;
    reader->batch_count = 0;
    return true;
}

static bool is_late(struct rdb_reader *reader, int64_t deadline_ms)
{
    return deadline_ms != ENTRY_NO_DEADLINE && deadline_ms < reader->settings.now_ms;
}

/* The collection is whole. False: refused. */
static bool put_collection_in(struct rdb_reader *reader)
{
    struct pending *pending = &reader->collection;
    enum value_type type = reader->value.type;
    void *value = rdb_value_reader_take(&reader->value);
    reader->is_in_collection = false;
    if (value == NULL)
        return true; /* empty: as good as absent, as for Redis */
    bool late = is_late(reader, pending->deadline_ms);
    bool there = !late && database_find(pending->database, &pending->key) != NULL;
    reader->expired += late;
    if (!late && !there &&
        database_set_collection(pending->database, &pending->key, type, value,
                                pending->deadline_ms) != NULL) {
        reader->keys++;
        return true;
    }
    value_free(type, value);
    if (there)
        return refuse_key(reader, "a key stands there twice", pending->key.name);
    return late || refuse(reader, "out of memory");
}

static bool read_name(struct rdb_reader *reader, struct rdb_cursor *cursor, struct pending *pending)
{
    if (!rdb_cursor_read_text(cursor, &pending->key_text, &pending->key.name))
        return false;
    pending->database = reader->database;
    pending->deadline_ms = reader->deadline_ms;
    pending->key.hash = keyspace_hash(reader->keyspace, pending->key.name);
    return true;
}

static bool begin_collection(struct rdb_reader *reader, struct rdb_cursor *cursor,
                             unsigned char type)
{
    struct pending *pending = &reader->collection;
    if (!read_name(reader, cursor, pending) ||
        !rdb_value_reader_begin(&reader->value, cursor, type,
                                keyspace_value_settings(reader->keyspace)))
        return false;
    /* The name must outlast the piece in which it stands. */
    if (pending->key.name.data != pending->key_text.data) {
        struct slice name = pending->key.name;
        buffer_clear(&pending->key_text);
        if (buffer_append(&pending->key_text, name.data, name.length) != OK)
            return rdb_cursor_fail(cursor, rdb_cursor_out_of_memory);
        pending->key.name = buffer_slice(&pending->key_text);
    }
    reader->deadline_ms = ENTRY_NO_DEADLINE;
    reader->is_in_collection = true;
    return true;
}

static bool read_string(struct rdb_reader *reader, struct rdb_cursor *cursor)
{
    struct pending *pending = &reader->batch[reader->batch_count];
    if (!read_name(reader, cursor, pending) ||
        !rdb_cursor_read_text(cursor, &pending->value_text, &pending->value))
        return false;
    reader->deadline_ms = ENTRY_NO_DEADLINE;
    if (is_late(reader, pending->deadline_ms)) {
        reader->expired++;
        return true;
    }
    database_prefetch_bucket(pending->database, pending->key.hash);
    reader->batch_count++;
    return true;
}

static bool read_key(struct rdb_reader *reader, struct rdb_cursor *cursor, unsigned char type)
{
    if (type == RDB_TYPE_STRING)
        return read_string(reader, cursor);
    if (rdb_value_reader_knows(type))
        return begin_collection(reader, cursor, type);
    if (read_name(reader, cursor, &reader->collection)) {
        struct slice name = reader->collection.key.name;
        refuse(reader, "key '%.*s' is of type %u, which this version does not have",
               (int)(name.length < 64 ? name.length : 64), name.data, type);
        (void)rdb_cursor_fail(cursor, reader->error);
    }
    return false;
}

/* --- what is not a key --- */

static bool select_database(struct rdb_reader *reader, struct rdb_cursor *cursor)
{
    uint64_t index;
    if (!rdb_cursor_length(cursor, &index))
        return false;
    if (index >= (uint64_t)keyspace_database_count(reader->keyspace)) {
        refuse(reader, "it has a database %" PRIu64 ", but `databases` is %d", index,
               keyspace_database_count(reader->keyspace));
        return rdb_cursor_fail(cursor, reader->error);
    }
    reader->database = keyspace_database(reader->keyspace, (int)index);
    return true;
}

/* What a module wrote for itself: numbers and strings until a mark. */
static bool skip_module(struct rdb_cursor *cursor)
{
    enum { MODULE_END, MODULE_SIGNED, MODULE_UNSIGNED, MODULE_FLOAT, MODULE_DOUBLE, MODULE_STRING };
    uint64_t number, kind = MODULE_SIGNED;
    const unsigned char *bytes;
    if (!rdb_cursor_length(cursor, &number)) /* the module's id */
        return false;
    while (rdb_cursor_length(cursor, &kind) && kind != MODULE_END) {
        bool done = kind == MODULE_SIGNED || kind == MODULE_UNSIGNED
                        ? rdb_cursor_length(cursor, &number)
                    : kind == MODULE_FLOAT  ? rdb_cursor_bytes(cursor, 4, &bytes)
                    : kind == MODULE_DOUBLE ? rdb_cursor_bytes(cursor, 8, &bytes)
                    : kind == MODULE_STRING ? rdb_cursor_skip_string(cursor)
                                            : rdb_cursor_fail(cursor, "bad data of a module");
        if (!done)
            return false;
    }
    return cursor->state == RDB_CURSOR_GOOD;
}

static bool read_deadline(struct rdb_reader *reader, struct rdb_cursor *cursor, size_t size,
                          int64_t unit_ms)
{
    uint64_t value;
    if (!rdb_cursor_little(cursor, size, &value))
        return false;
    int64_t deadline = size == 4 ? (int32_t)value : (int64_t)value;
    if (deadline < 0 || deadline > INT64_MAX / unit_ms)
        return rdb_cursor_fail(cursor, "a deadline out of range");
    reader->deadline_ms = deadline * unit_ms;
    return true;
}

/* How many keys follow: a hint. */
static bool read_sizes(struct rdb_reader *reader, struct rdb_cursor *cursor)
{
    uint64_t keys, with_deadline;
    if (!rdb_cursor_length(cursor, &keys) || !rdb_cursor_length(cursor, &with_deadline))
        return false;
    if (keys <= reader->settings.file_size / KEY_SIZE_MIN)
        database_reserve(reader->database, (size_t)keys);
    return true;
}

/* Of all there are, one says more than where the file comes from. */
static bool read_auxiliary(struct rdb_reader *reader, struct rdb_cursor *cursor)
{
    struct rdb_string name;
    struct slice text;
    const char *why;
    if (!rdb_cursor_string(cursor, &name))
        return false;
    if (name.form != RDB_STRING_PLAIN || !slice_equals(name.bytes, SLICE(RDB_PRODUCERS_FIELD)))
        return rdb_cursor_skip_string(cursor);
    if (!rdb_cursor_read_text(cursor, &reader->auxiliary, &text))
        return false;
    return rdb_producers_read(reader->keyspace, reader->database, text, &why) ||
           rdb_cursor_fail(cursor, why);
}

/* One element; false when it is not whole, or bad. */
static bool read_element(struct rdb_reader *reader, struct rdb_cursor *cursor, bool *ended)
{
    unsigned char opcode;
    uint64_t number;
    if (!rdb_cursor_byte(cursor, &opcode))
        return false;
    switch (opcode) {
    case RDB_OPCODE_END:
        *ended = true;
        return true;
    case RDB_OPCODE_DATABASE:
        return select_database(reader, cursor);
    case RDB_OPCODE_SIZES:
        return read_sizes(reader, cursor);
    case RDB_OPCODE_DEADLINE_MS:
        return read_deadline(reader, cursor, 8, 1);
    case RDB_OPCODE_DEADLINE_S:
        return read_deadline(reader, cursor, 4, 1000);
    case RDB_OPCODE_AUXILIARY:
        return read_auxiliary(reader, cursor);
    case RDB_OPCODE_FREQUENCY:
        return rdb_cursor_byte(cursor, &opcode);
    case RDB_OPCODE_IDLE:
        return rdb_cursor_length(cursor, &number);
    case RDB_OPCODE_MODULE_AUX:
        return skip_module(cursor);
    case RDB_OPCODE_SLOT_INFO:
        return rdb_cursor_length(cursor, &number) && rdb_cursor_length(cursor, &number) &&
               rdb_cursor_length(cursor, &number);
    case RDB_OPCODE_FUNCTION:
        return rdb_cursor_fail(cursor, "it has functions, which this version does not have");
    default:
        return read_key(reader, cursor, opcode);
    }
}

/* --- the file --- */

static int parse_version(const char *digits, size_t count)
{
    int version = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        version = version * 10 + digits[i] - '0';
    }
    return version;
}

static bool read_magic(struct rdb_reader *reader, struct rdb_cursor *cursor)
{
    const unsigned char *bytes;
    if (!rdb_cursor_bytes(cursor, MAGIC_SIZE, &bytes))
        return false;
    const char *magic = (const char *)bytes;
    bool redis = memcmp(magic, "REDIS", 5) == 0, valkey = memcmp(magic, "VALKEY", 6) == 0;
    if (!redis && !valkey)
        return rdb_cursor_fail(cursor, "it does not begin like an RDB file");
    int version = redis ? parse_version(magic + 5, 4) : parse_version(magic + 6, 3);
    if (version < (redis ? 1 : VALKEY_VERSION_MIN) ||
        version > (redis ? REDIS_VERSION_MAX : VALKEY_VERSION_MAX))
        return rdb_cursor_fail(cursor, "its version is not known");
    reader->version = version;
    return true;
}

static bool check_end(struct rdb_reader *reader, struct rdb_cursor *cursor)
{
    uint64_t stated;
    if (reader->version < RDB_CHECKSUM_VERSION_MIN)
        return true;
    uint64_t crc = crc64_add(&reader->tables, reader->crc, cursor->data, cursor->at);
    if (!rdb_cursor_little(cursor, RDB_CHECKSUM_SIZE, &stated))
        return false;
    if (!reader->settings.verify_checksum || stated == 0 || stated == crc)
        return true;
    return rdb_cursor_fail(cursor, "its checksum does not match");
}

enum rdb_status rdb_reader_feed(struct rdb_reader *reader, struct slice piece, bool last,
                                size_t *used)
{
    struct rdb_cursor cursor = {
        .data = (const unsigned char *)piece.data,
        .length = piece.length,
        .string_length_max = reader->settings.length_max,
    };
    size_t good = 0;
    bool ended = false;
    while (!ended) {
        if (reader->is_in_collection) {
            if (reader->value.parts_left == 0) {
                if (!put_in(reader) || !put_collection_in(reader))
                    return RDB_REFUSED;
                continue;
            }
            if (!rdb_value_reader_step(&reader->value, &cursor))
                break;
            good = cursor.at;
            continue;
        }
        if (reader->version == 0 ? !read_magic(reader, &cursor)
                                 : !read_element(reader, &cursor, &ended) ||
                                       (ended && !check_end(reader, &cursor))) {
            ended = false;
            break;
        }
        good = cursor.at;
        if (reader->batch_count == BATCH_MAX && !put_in(reader))
            return RDB_REFUSED;
    }
    if (!put_in(reader))
        return RDB_REFUSED;
    if (!ended && cursor.state == RDB_CURSOR_SHORT && last)
        (void)rdb_cursor_fail(&cursor, "it ends too early");
    if (cursor.state == RDB_CURSOR_BAD) {
        if (cursor.why != reader->error)
            (void)refuse(reader, "%s", cursor.why);
        return RDB_REFUSED;
    }
    reader->crc = crc64_add(&reader->tables, reader->crc, piece.data, good);
    reader->offset += good;
    reader->wants = ended ? 0 : cursor.wanted - good;
    *used = good;
    return ended ? RDB_DONE : RDB_MORE;
}

size_t rdb_reader_wants(const struct rdb_reader *reader)
{
    return reader->wants;
}

uint64_t rdb_reader_offset(const struct rdb_reader *reader)
{
    return reader->offset;
}

uint64_t rdb_reader_keys(const struct rdb_reader *reader)
{
    return reader->keys;
}

uint64_t rdb_reader_expired(const struct rdb_reader *reader)
{
    return reader->expired;
}

const char *rdb_reader_error(const struct rdb_reader *reader)
{
    return reader->error;
}

/* --- RESTORE --- */

bool rdb_reader_payload_is_valid(struct slice payload)
{
    if (payload.length < DUMP_FOOTER)
        return false;
    const unsigned char *footer =
        (const unsigned char *)payload.data + payload.length - DUMP_FOOTER;
    unsigned version = footer[0] | (unsigned)footer[1] << 8;
    if (version > VALKEY_VERSION_MAX)
        return false;
    uint64_t stated = 0;
    for (size_t i = 0; i < RDB_CHECKSUM_SIZE; i++)
        stated |= (uint64_t)footer[2 + i] << (8 * i);
    struct crc64_tables tables;
    crc64_init(&tables);
    size_t covered = payload.length - RDB_CHECKSUM_SIZE;
    return stated == 0 || stated == crc64_add(&tables, 0, payload.data, covered);
}

/* A payload's value, read: a text, or a collection under construction. */
struct payload {
    struct slice text;
    struct buffer scratch;
    struct rdb_value_reader value;
    bool is_text;
};

static bool read_with(struct rdb_cursor *cursor, struct payload *payload,
                      const struct value_settings *settings)
{
    struct rdb_string string;
    unsigned char type;
    if (!rdb_cursor_byte(cursor, &type))
        return false;
    payload->is_text = type == RDB_TYPE_STRING;
    if (payload->is_text)
        return rdb_cursor_string(cursor, &string) && cursor->at == cursor->length &&
               rdb_cursor_text(cursor, &string, &payload->scratch, &payload->text);
    if (!rdb_value_reader_knows(type) ||
        !rdb_value_reader_begin(&payload->value, cursor, type, settings))
        return false;
    while (payload->value.parts_left > 0)
        if (!rdb_value_reader_step(&payload->value, cursor))
            return false;
    return cursor->at == cursor->length;
}

/* ERROR_SYNTAX: the bytes are no value. */
static enum error read_payload(struct payload *payload, struct slice bytes, uint64_t length_max,
                               const struct value_settings *settings)
{
    ASSERT(bytes.length >= DUMP_FOOTER);
    struct rdb_cursor cursor = {
        .data = (const unsigned char *)bytes.data,
        .length = bytes.length - DUMP_FOOTER,
        .string_length_max = length_max,
    };
    *payload = (struct payload){.is_text = false};
    if (read_with(&cursor, payload, settings))
        return OK;
    return cursor.why == rdb_cursor_out_of_memory ? ERROR_OUT_OF_MEMORY : ERROR_SYNTAX;
}

static void deinit_payload(struct payload *payload)
{
    buffer_deinit(&payload->scratch);
    rdb_value_reader_deinit(&payload->value);
}

enum error rdb_reader_restore(struct database *database, const struct key *key,
                              struct slice payload, int64_t deadline_ms, uint64_t length_max)
{
    struct payload read;
    const struct value_settings *settings = keyspace_value_settings(database_keyspace(database));
    enum error error = read_payload(&read, payload, length_max, settings);
    void *value;
    if (error != OK) {
        deinit_payload(&read);
        return error;
    }
    error = ERROR_SYNTAX;
    if (read.is_text) {
        error = database_set_string(database, key, read.text, DEADLINE_SET, deadline_ms) != NULL
                    ? OK
                    : ERROR_OUT_OF_MEMORY;
    } else if ((value = rdb_value_reader_take(&read.value)) != NULL) {
        error = database_set_collection(database, key, read.value.type, value, deadline_ms) != NULL
                    ? OK
                    : ERROR_OUT_OF_MEMORY;
        if (error != OK)
            value_free(read.value.type, value);
    }
    deinit_payload(&read);
    return error;
}

enum error rdb_reader_check_value(struct slice payload, uint64_t length_max,
                                  const struct value_settings *settings)
{
    struct payload read;
    enum error error = read_payload(&read, payload, length_max, settings);
    if (error == OK && !read.is_text) {
        void *value = rdb_value_reader_take(&read.value);
        if (value != NULL)
            value_free(read.value.type, value);
        else
            error = ERROR_SYNTAX;
    }
    deinit_payload(&read);
    return error;
}
