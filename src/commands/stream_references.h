/* What becomes of entries that groups still hold when they are deleted or trimmed. */
#ifndef HOLDFAST_COMMANDS_STREAM_REFERENCES_H
#define HOLDFAST_COMMANDS_STREAM_REFERENCES_H

#include <stdbool.h>
#include <stdint.h>

#include "commands/stream_common.h"

/* KEEPREF, DELREF or ACKED. False: it is another word. */
bool stream_references_parse(struct slice word, enum stream_references *references);

/* Trims and logs it; returns how many entries went. With DELREF it is exact. */
uint64_t stream_references_trim(struct command_context *context, struct collection *stream,
                                const struct stream_common_trim *trim);

#endif
