/* A growing block of contiguous bytes, owned by whoever embeds it. All zero is an empty buffer. */
#ifndef HOLDFAST_BASE_BUFFER_H
#define HOLDFAST_BASE_BUFFER_H

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

struct buffer {
    char *data;
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
};

void buffer_deinit(struct buffer *buffer); /* frees; the buffer is empty and usable again */

/* Room for `more` bytes behind the last: grows by doubling up to 1 MiB, then by a quarter.
 * ERROR_OUT_OF_MEMORY leaves the buffer as it was. */
WARN_UNUSED enum error buffer_reserve(struct buffer *buffer, size_t more);
WARN_UNUSED enum error buffer_append(struct buffer *buffer, const void *data, size_t length);

/* The same for small texts of the program's own: these abort when memory is out. */
void buffer_add(struct buffer *buffer, const void *data, size_t length);
void buffer_add_string(struct buffer *buffer, const char *string);
void buffer_add_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops the first `length` bytes by moving the rest. */
void buffer_drop_front(struct buffer *buffer, size_t length);

static inline void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
}

/* Its bytes, borrowed until it changes; never NULL, because what has no bytes is compared, too. */
static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return (struct slice){buffer->data != NULL ? buffer->data : "", buffer->length};
}

#endif
