/* INFO: the state of every module, in Redis's fields. Reads, changes nothing. */
#ifndef HOLDFAST_SERVER_OBSERVE_INFO_H
#define HOLDFAST_SERVER_OBSERVE_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct buffer;
struct server;

/* Appends the sections asked for ("server", "all", "default", "everything", in any case; none asked
 * for is "default"), each once, in the order of the table. */
void info_write(struct server *server, const struct slice *sections, size_t count,
                struct buffer *out);

#endif
