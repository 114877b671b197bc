/* Bytes of a snapshot on their way to its file, in chunks: what is given to the worker at once.
 *
 * Rows are joined without copying more than one chunk, so that a long one costs the loop no more
 * than a short one. A row owns its bytes and the references to its values. Only `open` is written
 * to by others. Thread of the loop; a chunk that was taken may be read by another. */
#ifndef HOLDFAST_PERSIST_SNAPSHOT_CHUNKS_H
#define HOLDFAST_PERSIST_SNAPSHOT_CHUNKS_H

#include <stddef.h>

#include "base/buffer.h"

struct chain_shared;

#define SNAPSHOT_CHUNK_SIZE (256 * 1024) /* bytes from which on a chunk is full */

/* Bytes; behind them, a large string that the worker is to encode. */
struct snapshot_chunk {
    struct snapshot_chunk *next;
    struct buffer bytes;
    struct chain_shared *value; /* NULL: none */
};

struct snapshot_chunks {
    struct snapshot_chunk *first, **end;
    size_t length;      /* bytes of the chunks, without `open` */
    struct buffer open; /* not enough for a chunk yet */
};

void snapshot_chunks_init(struct snapshot_chunks *row);
void snapshot_chunks_deinit(struct snapshot_chunks *row);

static inline size_t snapshot_chunks_length(const struct snapshot_chunks *row)
{
    return row->length + row->open.length;
}

size_t snapshot_chunk_size(const struct snapshot_chunk *chunk);
void snapshot_chunk_destroy(struct snapshot_chunk *chunk);

/* What is open becomes a chunk. `value` (may be NULL) belongs behind it: its reference goes along.
 */
void snapshot_chunks_seal(struct snapshot_chunks *row, struct chain_shared *value);
/* The same, if what is open is full. */
void snapshot_chunks_seal_full(struct snapshot_chunks *row);
/* Puts all of `from` behind `to`; `from` is empty afterwards, also after ERROR_OUT_OF_MEMORY. */
WARN_UNUSED enum error snapshot_chunks_move(struct snapshot_chunks *to,
                                            struct snapshot_chunks *from);
/* The first, now the caller's; NULL if none is full. */
struct snapshot_chunk *snapshot_chunks_take(struct snapshot_chunks *row);

#endif
