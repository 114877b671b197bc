/* Writes replies in RESP2 or RESP3 into a chain: one call per thing, the version chooses the bytes.
 *
 * A writer is a small value: where to write, and which version. It may be muted (CLIENT REPLY OFF):
 * then nothing is written. In RESP2 maps are flat arrays, sets and pushes arrays, doubles and big
 * numbers bulk strings, booleans integers, nulls "$-1" or "*-1". */
#ifndef HOLDFAST_PROTOCOL_RESP_WRITER_H
#define HOLDFAST_PROTOCOL_RESP_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/chain.h"
#include "base/slice.h"

struct resp_writer {
    struct chain *out;
    int version; /* 2 or 3 */
    bool muted;
    uint64_t errors; /* error replies written, for statistics and to see that a command failed */
};

/* +text and -text. `text` has no CR or LF (they become spaces). Errors come with their code: "ERR
 * syntax error". */
void resp_writer_simple(struct resp_writer *writer, struct slice text);
void resp_writer_ok(struct resp_writer *writer);
void resp_writer_error(struct resp_writer *writer, const char *text);
void resp_writer_error_format(struct resp_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void resp_writer_integer(struct resp_writer *writer, int64_t value);
void resp_writer_bulk(struct resp_writer *writer, struct slice bytes);
/* All of `shared`, without a copy. */
void resp_writer_bulk_shared(struct resp_writer *writer, struct chain_shared *shared);
void resp_writer_bulk_string(struct resp_writer *writer, const char *string);
void resp_writer_bulk_integer(struct resp_writer *writer, int64_t value); /* "$2\r\n42\r\n" */
void resp_writer_null(struct resp_writer *writer);                        /* $-1, or _ */
void resp_writer_null_array(struct resp_writer *writer);                  /* *-1, or _ */
void resp_writer_bool(struct resp_writer *writer, bool value);
void resp_writer_double(struct resp_writer *writer, double value);
void resp_writer_long_double_bulk(struct resp_writer *writer,
                                  long double value); /* as INCRBYFLOAT: bulk in both versions */
void resp_writer_big_number(struct resp_writer *writer, struct slice digits);
void resp_writer_verbatim(struct resp_writer *writer, const char format[3],
                          struct slice text); /* =, or bulk */

/* Headers: `count` elements (pairs for maps and attributes) follow. */
void resp_writer_array(struct resp_writer *writer, size_t count);
void resp_writer_map(struct resp_writer *writer, size_t pairs);
void resp_writer_set(struct resp_writer *writer, size_t count);
void resp_writer_push(struct resp_writer *writer, size_t count);
void resp_writer_attribute(struct resp_writer *writer,
                           size_t pairs); /* RESP3 only: the caller checks */

/* For headers whose count is known only afterwards: write the elements to a chain of its own (same
 * pool), then call with the count; `elements` is empty after. */
void resp_writer_array_of(struct resp_writer *writer, size_t count, struct chain *elements);
void resp_writer_map_of(struct resp_writer *writer, size_t pairs, struct chain *elements);

/* Bytes that are RESP already. */
void resp_writer_raw(struct resp_writer *writer, struct slice resp);

#endif
