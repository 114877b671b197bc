/* Bytes of the log's files, put together by hand. */
#ifndef HOLDFAST_TESTS_LOG_BYTES_H
#define HOLDFAST_TESTS_LOG_BYTES_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "persist/log_group.h"

extern const struct log_id log_bytes_id; /* of the groups */

/* A command as a client sends it: words with blanks between them. */
void log_bytes_add_command(struct buffer *out, const char *text);
/* Some, with a comma between them. */
void log_bytes_add_commands(struct buffer *out, const char *text);

void log_bytes_add_file_header(struct buffer *out, const struct log_id *id, uint64_t offset);
/* One group of these bytes at *offset, which moves to its end. */
void log_bytes_add_group(struct buffer *out, uint64_t *offset, uint64_t durable,
                         struct slice commands);
/* The same of commands with a comma between them; all before it is said to be durable. */
void log_bytes_add_group_of(struct buffer *out, uint64_t *offset, const char *commands);

#endif
