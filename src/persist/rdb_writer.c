#include "persist/rdb_writer.h"

#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/number.h"
#include "keyspace/entry.h"
#include "persist/rdb_format.h"
#include "persist/rdb_producers.h"
#include "persist/rdb_value_writer.h"

static void put_little(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static enum error reserve(struct buffer *out, size_t more, unsigned char **at)
{
    enum error error = buffer_reserve(out, more);
    if (error == OK)
        *at = (unsigned char *)out->data + out->length;
    return error;
}

/* --- the file --- */

static void add_byte(struct buffer *out, enum rdb_opcode opcode)
{
    unsigned char byte = (unsigned char)opcode;
    buffer_add(out, &byte, 1);
}

static void add_length(struct buffer *out, uint64_t length)
{
    enum error error = rdb_write_length(out, length);
    ASSERT(error == OK); /* some bytes */
}

static void add_auxiliary(struct buffer *out, const char *name, const char *value)
{
    add_byte(out, RDB_OPCODE_AUXILIARY);
    enum error error = rdb_write_string(out, slice_of_string(name), false);
    if (error == OK)
        error = rdb_write_string(out, slice_of_string(value), false);
    ASSERT(error == OK); /* some bytes */
}

static void add_auxiliary_number(struct buffer *out, const char *name, int64_t value)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    text[number_format_int64(text, value)] = '\0';
    add_auxiliary(out, name, text);
}

void rdb_write_header(struct buffer *out, int64_t now_ms, size_t used_memory, bool aof_base)
{
    buffer_add_format(out, "REDIS%04d", RDB_VERSION);
    add_auxiliary(out, "redis-ver", "7.0.15");
    add_auxiliary_number(out, "redis-bits", (int64_t)sizeof(void *) * 8);
    add_auxiliary_number(out, "ctime", now_ms / 1000);
    add_auxiliary_number(out, "used-mem", (int64_t)used_memory);
    add_auxiliary_number(out, "aof-base", aof_base);
}

void rdb_write_database(struct buffer *out, int database)
{
    add_byte(out, RDB_OPCODE_DATABASE);
    add_length(out, (uint64_t)database);
}

void rdb_write_sizes(struct buffer *out, uint64_t keys, uint64_t with_deadline)
{
    add_byte(out, RDB_OPCODE_SIZES);
    add_length(out, keys);
    add_length(out, with_deadline);
}

enum error rdb_write_entry_head(struct buffer *out, const struct entry *entry, bool compress)
{
    size_t before = out->length;
    unsigned char *at;
    enum error error = reserve(out, 10, &at);
    if (error != OK)
        return error;
    int64_t deadline_ms = entry_deadline_ms(entry);
    if (deadline_ms != ENTRY_NO_DEADLINE) {
        *at++ = RDB_OPCODE_DEADLINE_MS;
        put_little(at, (uint64_t)deadline_ms, 8);
        at += 8;
        out->length += 9;
    }
    *at = rdb_value_writer_type(entry);
    out->length++;
    error = rdb_write_string(out, entry_key(entry), compress);
    if (error != OK)
        out->length = before;
    return error;
}

enum error rdb_write_entry(struct buffer *out, const struct entry *entry, bool compress)
{
    size_t before = out->length;
    enum error error = rdb_write_entry_head(out, entry, compress);
    if (error == OK)
        error = rdb_write_value(out, entry, compress);
    if (error == OK)
        error = rdb_producers_write(out, entry);
    if (error != OK)
        out->length = before;
    return error;
}

void rdb_write_end(struct buffer *out, const struct crc64_tables *tables, uint64_t crc)
{
    unsigned char bytes[1 + RDB_CHECKSUM_SIZE] = {RDB_OPCODE_END};
    put_little(bytes + 1, crc64_add(tables, crc, bytes, 1), RDB_CHECKSUM_SIZE);
    buffer_add(out, bytes, sizeof bytes);
}

void rdb_write_end_unchecked(struct buffer *out)
{
    static const unsigned char bytes[1 + RDB_CHECKSUM_SIZE] = {RDB_OPCODE_END};
    buffer_add(out, bytes, sizeof bytes);
}

enum error rdb_write_dump(struct buffer *out, const struct entry *entry)
{
    unsigned char type = rdb_value_writer_type(entry);
    size_t before = out->length;
    enum error error = buffer_append(out, &type, 1);
    if (error == OK)
        error = rdb_write_value(out, entry, true);
    unsigned char *at;
    if (error == OK)
        error = reserve(out, 2 + RDB_CHECKSUM_SIZE, &at);
    if (error != OK) {
        out->length = before;
        return error;
    }
    put_little(at, RDB_VERSION, 2);
    out->length += 2;
    struct crc64_tables tables;
    crc64_init(&tables);
    put_little(at + 2, crc64_add(&tables, 0, out->data + before, out->length - before),
               RDB_CHECKSUM_SIZE);
    out->length += RDB_CHECKSUM_SIZE;
    return OK;
}
