/* The ID of a stream's entry: a time and a number. */
#ifndef HOLDFAST_VALUES_STREAM_ID_H
#define HOLDFAST_VALUES_STREAM_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_ID_SIZE 16 /* bytes of its ordered form */

struct stream_id {
    uint64_t ms, sequence;
};

#define STREAM_ID_MIN ((struct stream_id){0, 0})
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

static inline int stream_id_compare(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.sequence > b.sequence) - (a.sequence < b.sequence);
}

static inline bool stream_id_is_zero(struct stream_id id)
{
    return id.ms == 0 && id.sequence == 0;
}

/* False: there is none after (before) it. */
static inline bool stream_id_next(struct stream_id *id)
{
    if (id->sequence == UINT64_MAX && id->ms == UINT64_MAX)
        return false;
    if (++id->sequence == 0)
        id->ms++;
    return true;
}

static inline bool stream_id_previous(struct stream_id *id)
{
    if (stream_id_is_zero(*id))
        return false;
    if (id->sequence-- == 0)
        id->ms--;
    return true;
}

/* High byte first: bytes in the order of IDs. */
static inline void stream_id_write(char out[STREAM_ID_SIZE], struct stream_id id)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (char)(id.ms >> (56 - 8 * i));
        out[8 + i] = (char)(id.sequence >> (56 - 8 * i));
    }
}

static inline struct stream_id stream_id_read(const char *bytes)
{
    struct stream_id id = {0, 0};
    for (int i = 0; i < 8; i++) {
        id.ms = id.ms << 8 | (unsigned char)bytes[i];
        id.sequence = id.sequence << 8 | (unsigned char)bytes[8 + i];
    }
    return id;
}

#endif
