#include "persist/snapshot_chunks.h"

#include "base/chain.h"
#include "base/memory.h"

void snapshot_chunks_init(struct snapshot_chunks *row)
{
    *row = (struct snapshot_chunks){.first = NULL, .end = &row->first};
}

void snapshot_chunks_deinit(struct snapshot_chunks *row)
{
    struct snapshot_chunk *chunk;
    while ((chunk = snapshot_chunks_take(row)) != NULL)
        snapshot_chunk_destroy(chunk);
    buffer_deinit(&row->open);
}

size_t snapshot_chunk_size(const struct snapshot_chunk *chunk)
{
    return chunk->bytes.length + (chunk->value != NULL ? chunk->value->length : 0);
}

void snapshot_chunk_destroy(struct snapshot_chunk *chunk)
{
    chain_shared_release(chunk->value);
    buffer_deinit(&chunk->bytes);
    memory_free(chunk);
}

void snapshot_chunks_seal(struct snapshot_chunks *row, struct chain_shared *value)
{
    struct snapshot_chunk *chunk = memory_allocate(sizeof *chunk);
    *chunk = (struct snapshot_chunk){NULL, row->open, value};
    row->open = (struct buffer){NULL, 0, 0};
    row->length += snapshot_chunk_size(chunk);
    *row->end = chunk;
    row->end = &chunk->next;
}

void snapshot_chunks_seal_full(struct snapshot_chunks *row)
{
    if (row->open.length >= SNAPSHOT_CHUNK_SIZE)
        snapshot_chunks_seal(row, NULL);
}

enum error snapshot_chunks_move(struct snapshot_chunks *to, struct snapshot_chunks *from)
{
    enum error error = OK;
    if (from->first != NULL) {
        if (to->open.length > 0)
            snapshot_chunks_seal(to, NULL);
        *to->end = from->first;
        to->end = from->end;
        to->length += from->length;
    }
    if (to->open.length > 0) {
        error = buffer_append(&to->open, from->open.data, from->open.length);
        buffer_deinit(&from->open);
        snapshot_chunks_seal_full(to);
    } else {
        buffer_deinit(&to->open);
        to->open = from->open;
    }
    snapshot_chunks_init(from);
    return error;
}

struct snapshot_chunk *snapshot_chunks_take(struct snapshot_chunks *row)
{
    struct snapshot_chunk *chunk = row->first;
    if (chunk == NULL)
        return NULL;
    row->first = chunk->next;
    if (row->first == NULL)
        row->end = &row->first;
    row->length -= snapshot_chunk_size(chunk);
    return chunk;
}
