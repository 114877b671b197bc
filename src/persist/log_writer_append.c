/* Collecting: commands become bytes of the group, in RESP. */
#include <string.h>

#include "base/assertion.h"
#include "base/number.h"
#include "persist/log_writer_private.h"
#include "protocol/resp_request.h"

static const struct slice multi = {"*1\r\n$5\r\nMULTI\r\n", 15};
static const struct slice exec = {"*1\r\n$4\r\nEXEC\r\n", 14};

/* The command has run: not to keep it is not possible. */
static void reserve(struct log_writer *writer, size_t more)
{
    enum error error = buffer_reserve(&writer->collecting, more);
    ASSERT(error == OK); /* memory is out: the documented end */
}

static void add(struct log_writer *writer, const struct slice *arguments, size_t count)
{
    enum error error = resp_request_append(&writer->collecting, arguments, count);
    ASSERT(error == OK); /* as above */
}

static void select_database(struct log_writer *writer, int database)
{
    if (writer->database == database)
        return;
    char number[NUMBER_INTEGER_TEXT_MAX];
    struct slice words[2] = {SLICE("SELECT"),
                             slice_of(number, number_format_int64(number, database))};
    add(writer, words, 2);
    writer->database = database;
}

/* The second command of a transaction: MULTI goes before the first. */
static void insert_multi(struct log_writer *writer)
{
    reserve(writer, multi.length);
    struct buffer *out = &writer->collecting;
    char *at = out->data + writer->transaction_start;
    memmove(at + multi.length, at, out->length - writer->transaction_start);
    memcpy(at, multi.data, multi.length);
    out->length += multi.length;
}

void log_writer_append(struct log_writer *writer, int database, const struct slice *arguments,
                       size_t count)
{
    size_t before = writer->collecting.length;
    if (writer->in_transaction && writer->transaction_count == 0) {
        select_database(writer, database);
        writer->transaction_start = writer->collecting.length;
    } else if (writer->in_transaction && writer->transaction_count == 1) {
        insert_multi(writer);
    }
    writer->transaction_count++;
    select_database(writer, database);
    add(writer, arguments, count);
    writer->offset += writer->collecting.length - before;
}

void log_writer_begin_transaction(struct log_writer *writer)
{
    ASSERT(!writer->in_transaction);
    writer->in_transaction = true;
    writer->transaction_count = 0;
}

void log_writer_end_transaction(struct log_writer *writer)
{
    ASSERT(writer->in_transaction);
    writer->in_transaction = false;
    if (writer->transaction_count < 2)
        return;
    reserve(writer, exec.length);
    struct buffer *out = &writer->collecting;
    memcpy(out->data + out->length, exec.data, exec.length);
    out->length += exec.length;
    writer->offset += exec.length;
}
