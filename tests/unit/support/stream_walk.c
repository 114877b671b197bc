#include "support/stream_walk.h"

bool stream_walk_begin(struct list_walk_record *record, struct stream *stream)
{
    for (size_t i = 0; i < stream_block_total(stream); i++) {
        struct stream_id id;
        char key[STREAM_ID_SIZE];
        const struct listpack *block = stream_get_block(stream, i, &id);
        struct slice bytes = slice_of((const char *)block->bytes, listpack_size(block));
        stream_id_write(key, id);
        list_walk_record_expect(record, slice_of(key, sizeof key), bytes, false);
    }
    return list_walk_record_begin(record, &stream_kind, stream);
}
