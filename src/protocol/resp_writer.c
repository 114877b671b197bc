#include "protocol/resp_writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define ERROR_LENGTH_MAX 1024 /* bytes of a formatted error */
#define HEADER_LENGTH_MAX (1 + NUMBER_INTEGER_TEXT_MAX + 2)

/* "<type><number>\r\n" */
static void write_header(struct resp_writer *writer, char type, int64_t number)
{
    if (writer->muted)
        return;
    char *at = chain_reserve(writer->out, HEADER_LENGTH_MAX);
    at[0] = type;
    size_t length = 1;
    if (number >= 0 && number <= 9)
        at[length++] = (char)('0' + number);
    else
        length += number_format_int64(at + length, number);
    at[length++] = '\r';
    at[length++] = '\n';
    chain_commit(writer->out, length);
}

static void write_bytes(struct resp_writer *writer, const void *data, size_t length)
{
    if (!writer->muted)
        chain_append(writer->out, data, length);
}

/* Copies text of at most CHAIN_RESERVE_MAX bytes, with line ends made spaces. */
static void write_text(struct resp_writer *writer, struct slice text)
{
    char *at = chain_reserve(writer->out, text.length);
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        at[i] = c == '\r' || c == '\n' ? ' ' : c;
    }
    chain_commit(writer->out, text.length);
}

/* "<type><text>\r\n" */
static void write_line(struct resp_writer *writer, char type, struct slice text)
{
    if (writer->muted)
        return;
    write_bytes(writer, &type, 1);
    while (text.length > CHAIN_RESERVE_MAX) {
        write_text(writer, slice_of(text.data, CHAIN_RESERVE_MAX));
        text = slice_of(text.data + CHAIN_RESERVE_MAX, text.length - CHAIN_RESERVE_MAX);
    }
    write_text(writer, text);
    write_bytes(writer, "\r\n", 2);
}

void resp_writer_simple(struct resp_writer *writer, struct slice text)
{
    write_line(writer, '+', text);
}

void resp_writer_ok(struct resp_writer *writer)
{
    if (writer->muted)
        return;
    memcpy(chain_reserve(writer->out, 5), "+OK\r\n", 5);
    chain_commit(writer->out, 5);
}

void resp_writer_error(struct resp_writer *writer, const char *text)
{
    writer->errors++;
    write_line(writer, '-', slice_of_string(text));
}

void resp_writer_error_format(struct resp_writer *writer, const char *format, ...)
{
    char text[ERROR_LENGTH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    resp_writer_error(writer, text);
}

void resp_writer_integer(struct resp_writer *writer, int64_t value)
{
    write_header(writer, ':', value);
}

void resp_writer_bulk(struct resp_writer *writer, struct slice bytes)
{
    if (writer->muted)
        return;
    if (bytes.length > CHAIN_RESERVE_MAX - HEADER_LENGTH_MAX - 2) {
        write_header(writer, '$', (int64_t)bytes.length);
        write_bytes(writer, bytes.data, bytes.length);
        write_bytes(writer, "\r\n", 2);
        return;
    }
    char *at = chain_reserve(writer->out, HEADER_LENGTH_MAX + bytes.length + 2);
    at[0] = '$';
    size_t length = 1 + number_format_uint64(at + 1, bytes.length);
    at[length++] = '\r';
    at[length++] = '\n';
    if (bytes.length > 0)
        memcpy(at + length, bytes.data, bytes.length);
    length += bytes.length;
    at[length++] = '\r';
    at[length++] = '\n';
    chain_commit(writer->out, length);
}

void resp_writer_bulk_shared(struct resp_writer *writer, struct chain_shared *shared)
{
    if (writer->muted)
        return;
    write_header(writer, '$', (int64_t)shared->length);
    chain_append_shared(writer->out, shared, 0, shared->length);
    write_bytes(writer, "\r\n", 2);
}

void resp_writer_bulk_string(struct resp_writer *writer, const char *string)
{
    resp_writer_bulk(writer, slice_of_string(string));
}

void resp_writer_bulk_integer(struct resp_writer *writer, int64_t value)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    resp_writer_bulk(writer, slice_of(text, number_format_int64(text, value)));
}

void resp_writer_null(struct resp_writer *writer)
{
    if (writer->version >= 3)
        write_bytes(writer, "_\r\n", 3);
    else
        write_bytes(writer, "$-1\r\n", 5);
}

void resp_writer_null_array(struct resp_writer *writer)
{
    if (writer->version >= 3)
        write_bytes(writer, "_\r\n", 3);
    else
        write_bytes(writer, "*-1\r\n", 5);
}

void resp_writer_bool(struct resp_writer *writer, bool value)
{
    if (writer->version >= 3)
        write_bytes(writer, value ? "#t\r\n" : "#f\r\n", 4);
    else
        resp_writer_integer(writer, value);
}

void resp_writer_double(struct resp_writer *writer, double value)
{
    char text[NUMBER_DOUBLE_TEXT_MAX];
    /* Redis 7.0's form: all digits that a double can have. */
    size_t length = isfinite(value) ? (size_t)snprintf(text, sizeof text, "%.17g", value)
                                    : number_format_double(text, value);
    struct slice digits = slice_of(text, length);
    if (writer->version >= 3)
        write_line(writer, ',', digits);
    else
        resp_writer_bulk(writer, digits);
}

void resp_writer_long_double_bulk(struct resp_writer *writer, long double value)
{
    char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
    resp_writer_bulk(writer, slice_of(text, number_format_long_double(text, value)));
}

void resp_writer_big_number(struct resp_writer *writer, struct slice digits)
{
    if (writer->version >= 3)
        write_line(writer, '(', digits);
    else
        resp_writer_bulk(writer, digits);
}

void resp_writer_verbatim(struct resp_writer *writer, const char format[3], struct slice text)
{
    if (writer->version < 3) {
        resp_writer_bulk(writer, text);
        return;
    }
    write_header(writer, '=', (int64_t)text.length + 4);
    write_bytes(writer, format, 3);
    write_bytes(writer, ":", 1);
    write_bytes(writer, text.data, text.length);
    write_bytes(writer, "\r\n", 2);
}

void resp_writer_array(struct resp_writer *writer, size_t count)
{
    write_header(writer, '*', (int64_t)count);
}

void resp_writer_map(struct resp_writer *writer, size_t pairs)
{
    if (writer->version >= 3)
        write_header(writer, '%', (int64_t)pairs);
    else
        write_header(writer, '*', (int64_t)pairs * 2);
}

void resp_writer_set(struct resp_writer *writer, size_t count)
{
    write_header(writer, writer->version >= 3 ? '~' : '*', (int64_t)count);
}

void resp_writer_push(struct resp_writer *writer, size_t count)
{
    write_header(writer, writer->version >= 3 ? '>' : '*', (int64_t)count);
}

void resp_writer_attribute(struct resp_writer *writer, size_t pairs)
{
    write_header(writer, '|', (int64_t)pairs);
}

static void take(struct resp_writer *writer, struct chain *elements)
{
    if (writer->muted)
        chain_deinit(elements);
    else
        chain_splice(writer->out, elements);
}

void resp_writer_array_of(struct resp_writer *writer, size_t count, struct chain *elements)
{
    resp_writer_array(writer, count);
    take(writer, elements);
}

void resp_writer_map_of(struct resp_writer *writer, size_t pairs, struct chain *elements)
{
    resp_writer_map(writer, pairs);
    take(writer, elements);
}

void resp_writer_raw(struct resp_writer *writer, struct slice resp)
{
    write_bytes(writer, resp.data, resp.length);
}
