/* Walks of streams that are looked at (list_walk_record.h). */
#ifndef HOLDFAST_SUPPORT_STREAM_WALK_H
#define HOLDFAST_SUPPORT_STREAM_WALK_H

#include <stdbool.h>

#include "support/list_walk_record.h"
#include "values/stream.h"

/* False: the stream is too small to be walked. */
bool stream_walk_begin(struct list_walk_record *record, struct stream *stream);

#endif
