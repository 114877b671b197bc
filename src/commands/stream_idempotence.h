/* Messages that are added once, however often they are sent: XADD's IDMP and IDMPAUTO. */
#ifndef HOLDFAST_COMMANDS_STREAM_IDEMPOTENCE_H
#define HOLDFAST_COMMANDS_STREAM_IDEMPOTENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "commands/stream_common.h"

#define STREAM_IDEMPOTENCE_DIGEST_SIZE 16 /* bytes of a message's name that IDMPAUTO gives it */

/* Who sends a message, and its name. */
struct stream_idempotence {
    bool wanted, automatic; /* automatic: the message is named by its fields and values */
    struct slice producer, message;
    char digest[STREAM_IDEMPOTENCE_DIGEST_SIZE];
};

/* Parses IDMP pid iid or IDMPAUTO pid at *at and goes behind it; false: it is another word, or
 * words are missing. */
bool stream_idempotence_parse(const struct command_context *context, size_t *at,
                              struct stream_idempotence *out);
/* IDMPAUTO: names the message by its fields and values, in whatever order they come. */
void stream_idempotence_name(struct stream_idempotence *message, const struct slice *pairs,
                             size_t count);

/* The ID the message has in this stream (NULL: there is none) already. */
bool stream_idempotence_find(struct command_context *context, struct stream *stream,
                             const struct stream_idempotence *message, struct stream_id *id);
/* Remembers a message that was added, and logs that. */
void stream_idempotence_record(struct command_context *context, struct collection *stream,
                               const struct stream_idempotence *message, struct stream_id id);

#endif
