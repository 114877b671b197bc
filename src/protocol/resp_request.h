/* Commands as clients send them: what the parser reads. Pure. */
#ifndef HOLDFAST_PROTOCOL_RESP_REQUEST_H
#define HOLDFAST_PROTOCOL_RESP_REQUEST_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

/* Adds an array of bulk strings. ERROR_OUT_OF_MEMORY leaves the buffer as it was. */
WARN_UNUSED enum error resp_request_append(struct buffer *out, const struct slice *words,
                                           size_t count);

#endif
