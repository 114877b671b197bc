/* Collections out of the RDB format, one element at a time, so that a large one is read in slices:
 * all types of Redis 1 to 8 and Valkey 9 for the values that exist here.
 *
 * Any bytes at all end in a whole and valid value, or in a cursor that is not good. */
#ifndef HOLDFAST_PERSIST_RDB_VALUE_READER_H
#define HOLDFAST_PERSIST_RDB_VALUE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "persist/rdb_cursor.h"
#include "values/value.h"
#include "values/value_settings.h"

/* A value under construction. */
struct rdb_value_reader {
    const struct value_settings *settings;
    unsigned char rdb_type;
    enum value_type type;
    void *value;         /* NULL: none has begun */
    uint64_t parts_left; /* 0: it is whole */
    int64_t base_ms;     /* of fields' deadlines */
    struct buffer key, text;
};

/* True if there is such a type, and it is no string. */
bool rdb_value_reader_knows(unsigned char rdb_type);

/* Reads what stands before the elements, or all of a packed value. False: the cursor says why,
 * nothing has begun. */
bool rdb_value_reader_begin(struct rdb_value_reader *reader, struct rdb_cursor *cursor,
                            unsigned char rdb_type, const struct value_settings *settings);
/* One element more, while parts_left > 0. False: the cursor says why; if it is short, the element
 * is read again from its beginning. */
bool rdb_value_reader_step(struct rdb_value_reader *reader, struct rdb_cursor *cursor);
/* The value, whole: the caller's from now on. NULL: it is empty. */
void *rdb_value_reader_take(struct rdb_value_reader *reader);
/* Frees what is there. */
void rdb_value_reader_deinit(struct rdb_value_reader *reader);

#endif
