/* What commands on streams share. For commands/stream_*.c. */
#ifndef HOLDFAST_COMMANDS_STREAM_COMMON_H
#define HOLDFAST_COMMANDS_STREAM_COMMON_H

#include "commands/collection.h"
#include "values/stream.h"

#define STREAM_ID_TEXT_MAX (2 * NUMBER_INTEGER_TEXT_MAX)

/* "1526919030474-55", or a time alone: then `missing` is the number. False: it is none. */
bool stream_common_parse_id(struct slice text, uint64_t missing, struct stream_id *id);
/* The same of an argument; replies Redis's error. */
bool stream_common_id(struct command_context *context, size_t index, uint64_t missing,
                      struct stream_id *id);
/* An end of a range: -, +, (id. False: answered. */
bool stream_common_range_end(struct command_context *context, size_t index, bool is_end,
                             struct stream_id *id);

size_t stream_common_format_id(char *out, struct stream_id id);
void stream_common_reply_id(struct resp_writer *reply, struct stream_id id);
/* ID, and fields and values. */
void stream_common_reply_entry(struct resp_writer *reply, const struct stream_cursor *cursor);
/* All (or `count`) entries of a range; returns how many. */
size_t stream_common_reply_range(struct resp_writer *reply, struct stream *stream,
                                 struct stream_id start, struct stream_id end, bool reverse,
                                 size_t count);

/* The stream and its group; replies NOGROUP and returns NULL if there is none. `name`: argument. */
struct stream_group *stream_common_group(struct command_context *context, struct collection *stream,
                                         size_t group_index);

/* --- effects --- */

/* XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n FORCE JUSTID LASTID id */
void stream_common_effect_claim(struct command_context *context, const struct collection *stream,
                                const struct stream_group *group, struct stream_id id,
                                const struct pending *pending);
/* XGROUP SETID key group id ENTRIESREAD n */
void stream_common_effect_position(struct command_context *context, const struct collection *stream,
                                   const struct stream_group *group);
void stream_common_effect_consumer(struct command_context *context, const struct collection *stream,
                                   const struct stream_group *group, struct slice consumer);

/* KEEPREF: groups keep what is pending of entries that go. DELREF: they forget it. ACKED: only what
 * every group has read and acknowledged goes. */
enum stream_references { KEEP_REFERENCES, DELETE_REFERENCES, ONLY_ACKNOWLEDGED };

/* XADD's and XTRIM's options for trimming, from argument *at on. */
struct stream_common_trim {
    bool wanted, has_limit;
    enum stream_references references;
    struct stream_trim trim;
};
/* Parses MAXLEN or MINID and what belongs to it at *at, and goes behind it. False: answered. */
bool stream_common_parse_trim(struct command_context *context, size_t *at,
                              struct stream_common_trim *trim);
/* When all options have been read. False: answered. */
bool stream_common_trim_is_valid(struct command_context *context,
                                 const struct stream_common_trim *trim);

#endif
