/* Reading the elements of the RDB format out of a piece of a file: lengths and strings, every one
 * checked against what is there. For rdb_reader. */
#ifndef HOLDFAST_PERSIST_RDB_CURSOR_H
#define HOLDFAST_PERSIST_RDB_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum rdb_cursor_state {
    RDB_CURSOR_GOOD,
    RDB_CURSOR_SHORT, /* the piece ends before the element: `wanted` bytes of it would help */
    RDB_CURSOR_BAD,   /* `why` */
};

struct rdb_cursor {
    const unsigned char *data;
    size_t length, at;
    uint64_t string_length_max; /* of one string, bytes */
    enum rdb_cursor_state state;
    size_t wanted;
    const char *why; /* static */
};

/* Each returns false when the state is not good (any more). */
bool rdb_cursor_bytes(struct rdb_cursor *cursor, size_t count, const unsigned char **bytes);
bool rdb_cursor_byte(struct rdb_cursor *cursor, unsigned char *byte);
bool rdb_cursor_little(struct rdb_cursor *cursor, size_t size, uint64_t *value);
bool rdb_cursor_length(struct rdb_cursor *cursor, uint64_t *length);

/* A string as it stands: a slice of the piece; or, if it is encoded, a number, or compressed bytes
 * to be unpacked. */
struct rdb_string {
    enum { RDB_STRING_PLAIN, RDB_STRING_NUMBER, RDB_STRING_COMPRESSED } form;
    struct slice bytes; /* plain or compressed */
    uint64_t length;    /* unpacked */
    int64_t number;
};
bool rdb_cursor_string(struct rdb_cursor *cursor, struct rdb_string *string);
bool rdb_cursor_skip_string(struct rdb_cursor *cursor);

/* The text of a string. What does not stand in the piece is put into `scratch` (emptied before) and
 * valid as long as that. False: the compressed bytes are bad, or memory is out (`state` BAD). */
bool rdb_cursor_text(struct rdb_cursor *cursor, const struct rdb_string *string,
                     struct buffer *scratch, struct slice *text);

/* The text of the next string: the two above. */
bool rdb_cursor_read_text(struct rdb_cursor *cursor, struct buffer *scratch, struct slice *text);

bool rdb_cursor_fail(struct rdb_cursor *cursor, const char *why); /* false */

/* The `why` of a cursor that found no memory: nothing is wrong with the bytes. */
extern const char rdb_cursor_out_of_memory[];

#endif
