#include "persist/rdb_writer.h"

#include <liblzf/lzf.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "base/number.h"
#include "keyspace/entry.h"
#include "persist/rdb_format.h"

#define LENGTH_MAX 9           /* bytes of an encoded length */
#define INTEGER_TEXT_MAX 11    /* bytes of a string that may be written as a number */
#define COMPRESSED_MIN 21      /* bytes of a string worth compressing */
#define COMPRESSION_GAIN_MIN 4 /* bytes */
#define COMPRESSED_MAX UINT32_MAX

static void put_little(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void put_big(unsigned char *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

static size_t put_length(unsigned char *at, uint64_t length)
{
    if (length < 1 << 6) {
        at[0] = (unsigned char)(RDB_LENGTH_6 | length);
        return 1;
    }
    if (length < 1 << 14) {
        put_big(at, (uint64_t)RDB_LENGTH_14 << 8 | length, 2);
        return 2;
    }
    if (length <= UINT32_MAX) {
        at[0] = RDB_LENGTH_32;
        put_big(at + 1, length, 4);
        return 5;
    }
    at[0] = RDB_LENGTH_64;
    put_big(at + 1, length, 8);
    return 9;
}

/* 0: the number needs more than four bytes, it is written as text. */
static size_t put_integer(unsigned char *at, int64_t value)
{
    enum rdb_encoding encoding = value >= INT8_MIN && value <= INT8_MAX     ? RDB_INT8
                                 : value >= INT16_MIN && value <= INT16_MAX ? RDB_INT16
                                                                            : RDB_INT32;
    if (value < INT32_MIN || value > INT32_MAX)
        return 0;
    size_t size = (size_t)1 << encoding;
    at[0] = (unsigned char)(RDB_ENCODED | encoding);
    put_little(at + 1, (uint64_t)value, size);
    return 1 + size;
}

static enum error reserve(struct buffer *out, size_t more, unsigned char **at)
{
    enum error error = buffer_reserve(out, more);
    if (error == OK)
        *at = (unsigned char *)out->data + out->length;
    return error;
}

/* False: it would not become shorter, nothing is written. The room is reserved. */
static bool put_compressed(struct buffer *out, struct slice text)
{
    unsigned char head[1 + 2 * LENGTH_MAX];
    head[0] = RDB_ENCODED | RDB_LZF;
    unsigned char *at = (unsigned char *)out->data + out->length;
    unsigned length = lzf_compress(text.data, (unsigned)text.length, at + sizeof head,
                                   (unsigned)(text.length - COMPRESSION_GAIN_MIN));
    if (length == 0)
        return false;
    size_t head_length = 1 + put_length(head + 1, length);
    head_length += put_length(head + head_length, text.length);
    memmove(at + head_length, at + sizeof head, length);
    memcpy(at, head, head_length);
    out->length += head_length + length;
    return true;
}

static enum error put_string(struct buffer *out, struct slice text, bool compress)
{
    unsigned char *at;
    enum error error = reserve(out, text.length + 1 + 2 * LENGTH_MAX, &at);
    if (error != OK)
        return error;
    int64_t number;
    if (text.length <= INTEGER_TEXT_MAX && number_parse_int64(text, &number)) {
        size_t size = put_integer(at, number);
        out->length += size;
        if (size > 0)
            return OK;
    }
    if (compress && text.length >= COMPRESSED_MIN && text.length <= COMPRESSED_MAX &&
        put_compressed(out, text))
        return OK;
    size_t head = put_length(at, text.length);
    if (text.length > 0)
        memcpy(at + head, text.data, text.length);
    out->length += head + text.length;
    return OK;
}

/* --- the file --- */

static void add_byte(struct buffer *out, enum rdb_opcode opcode)
{
    unsigned char byte = (unsigned char)opcode;
    buffer_add(out, &byte, 1);
}

static void add_length(struct buffer *out, uint64_t length)
{
    unsigned char bytes[LENGTH_MAX];
    buffer_add(out, bytes, put_length(bytes, length));
}

static void add_auxiliary(struct buffer *out, const char *name, const char *value)
{
    add_byte(out, RDB_OPCODE_AUXILIARY);
    enum error error = put_string(out, slice_of_string(name), false);
    if (error == OK)
        error = put_string(out, slice_of_string(value), false);
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

static enum error put_value(struct buffer *out, const struct entry *entry, bool compress)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    ASSERT(entry->type == TYPE_STRING);
    return put_string(out, entry_string(entry, scratch), compress);
}

enum error rdb_write_string_head(struct buffer *out, const struct entry *entry, bool compress)
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
    *at = RDB_TYPE_STRING;
    out->length++;
    error = put_string(out, entry_key(entry), compress);
    if (error != OK)
        out->length = before;
    return error;
}

enum error rdb_write_string_value(struct buffer *out, struct slice value, bool compress)
{
    return put_string(out, value, compress);
}

enum error rdb_write_entry(struct buffer *out, const struct entry *entry, bool compress)
{
    size_t before = out->length;
    enum error error = rdb_write_string_head(out, entry, compress);
    if (error == OK)
        error = put_value(out, entry, compress);
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
    static const unsigned char type = RDB_TYPE_STRING;
    size_t before = out->length;
    enum error error = buffer_append(out, &type, 1);
    if (error == OK)
        error = put_value(out, entry, true);
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
