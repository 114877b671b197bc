#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assertion.h"
#include "base/memory.h"

#define BUFFER_CAPACITY_MIN 64             /* bytes */
#define BUFFER_DOUBLES_UNTIL (1024 * 1024) /* bytes; larger buffers grow by a quarter */

void buffer_deinit(struct buffer *buffer)
{
    memory_free(buffer->data);
    *buffer = (struct buffer){0};
}

enum error buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->length >= more)
        return OK;
    size_t needed;
    if (__builtin_add_overflow(buffer->length, more, &needed))
        return ERROR_OUT_OF_MEMORY;
    size_t grown = buffer->capacity < BUFFER_DOUBLES_UNTIL
                       ? buffer->capacity * 2
                       : buffer->capacity + buffer->capacity / 4;
    size_t capacity = needed > grown ? needed : grown;
    if (capacity < BUFFER_CAPACITY_MIN)
        capacity = BUFFER_CAPACITY_MIN;
    char *data = memory_try_resize(buffer->data, capacity);
    if (data == NULL)
        return ERROR_OUT_OF_MEMORY;
    buffer->data = data;
    buffer->capacity = capacity;
    return OK;
}

enum error buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    enum error error = buffer_reserve(buffer, length);
    if (error != OK)
        return error;
    if (length > 0)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    return OK;
}

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
    enum error error = buffer_append(buffer, data, length);
    ASSERT(error == OK);
}

void buffer_add_string(struct buffer *buffer, const char *string)
{
    buffer_add(buffer, string, strlen(string));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    enum error error = buffer_reserve(buffer, (size_t)length + 1);
    ASSERT(error == OK);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
    va_end(again);
    buffer->length += (size_t)length;
}

void buffer_drop_front(struct buffer *buffer, size_t length)
{
    ASSERT(length <= buffer->length);
    buffer->length -= length;
    if (buffer->length > 0 && length > 0)
        memmove(buffer->data, buffer->data + length, buffer->length);
}
