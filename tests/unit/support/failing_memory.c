#include "support/failing_memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "values/pending_list.h"

static _Atomic unsigned calls, fails_at; /* fails_at 0: none fails */
static _Atomic size_t counted_from;      /* bytes */
static _Atomic bool fails_for_good, failed;
static _Thread_local unsigned spared; /* > 0: in a call that ends the process without memory */

void *__real_memory_try_allocate(size_t size);
void *__real_memory_try_resize(void *block, size_t size);
void *__wrap_memory_try_allocate(size_t size);
void *__wrap_memory_try_resize(void *block, size_t size);

void failing_memory_begin(unsigned call, size_t size_min, bool for_good)
{
    calls = 0;
    failed = false;
    counted_from = size_min;
    fails_for_good = for_good;
    fails_at = call;
}

bool failing_memory_end(void)
{
    fails_at = 0;
    return failed;
}

static bool fails(size_t size)
{
    if (fails_at == 0 || size < counted_from || spared > 0)
        return false;
    unsigned call = ++calls;
    bool now = call == fails_at || (call > fails_at && fails_for_good);
    failed = failed || now;
    return now;
}

void *__wrap_memory_try_allocate(size_t size)
{
    return fails(size) ? NULL : __real_memory_try_allocate(size);
}

void *__wrap_memory_try_resize(void *block, size_t size)
{
    return fails(size) ? NULL : __real_memory_try_resize(block, size);
}

/* --- what ends the process when memory is out --- */

struct log_writer;

void __real_buffer_add(struct buffer *buffer, const void *data, size_t length);
void __real_log_writer_append(struct log_writer *writer, int database,
                              const struct slice *arguments, size_t count);
void __real_pending_list_set(struct pending_list *list, struct stream_id id,
                             const struct pending *pending);
void __real_log_writer_end_transaction(struct log_writer *writer);
void __wrap_buffer_add(struct buffer *buffer, const void *data, size_t length);
void __wrap_buffer_add_string(struct buffer *buffer, const char *string);
void __wrap_buffer_add_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void __wrap_log_writer_append(struct log_writer *writer, int database,
                              const struct slice *arguments, size_t count);
void __wrap_log_writer_end_transaction(struct log_writer *writer);
void __wrap_pending_list_set(struct pending_list *list, struct stream_id id,
                             const struct pending *pending);

void __wrap_buffer_add(struct buffer *buffer, const void *data, size_t length)
{
    spared++;
    __real_buffer_add(buffer, data, length);
    spared--;
}

void __wrap_buffer_add_string(struct buffer *buffer, const char *string)
{
    __wrap_buffer_add(buffer, string, strlen(string));
}

void __wrap_buffer_add_format(struct buffer *buffer, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    __wrap_buffer_add(buffer, text, (size_t)length + 1);
    buffer->length--; /* its end stands behind it, as the real one leaves it */
    free(text);
}

void __wrap_log_writer_append(struct log_writer *writer, int database,
                              const struct slice *arguments, size_t count)
{
    spared++;
    __real_log_writer_append(writer, database, arguments, count);
    spared--;
}

void __wrap_log_writer_end_transaction(struct log_writer *writer)
{
    spared++;
    __real_log_writer_end_transaction(writer);
    spared--;
}

void __wrap_pending_list_set(struct pending_list *list, struct stream_id id,
                             const struct pending *pending)
{
    spared++;
    __real_pending_list_set(list, id, pending);
    spared--;
}
