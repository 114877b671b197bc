/* The start: what is on disk comes back into the keyspace, in slices of a turn, while clients are
 * told -LOADING. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_LOADING_H
#define HOLDFAST_SERVER_PERSISTENCE_LOADING_H

#include "base/buffer.h"

struct persistence;

/* Begins: the log if there is one and it is on, else the snapshot file if there is one. Ends with
 * persistence_loaded or persistence_fail, here if there is nothing to load, else in a turn. */
void loading_begin(struct persistence *persistence);
/* One slice; asks the loop for another turn while there is more. */
void loading_end_turn(struct persistence *persistence);
void loading_destroy(struct persistence *persistence);
/* loading_start_time, loading_total_bytes ... of INFO persistence, while it loads. */
void loading_info(const struct persistence *persistence, struct buffer *out);

#endif
