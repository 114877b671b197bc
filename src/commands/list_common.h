/* What commands on lists share. For commands/list_*.c. */
#ifndef HOLDFAST_COMMANDS_LIST_COMMON_H
#define HOLDFAST_COMMANDS_LIST_COMMON_H

#include "commands/collection.h"
#include "values/list.h"

static inline const struct value_limits *list_common_limits(const struct command_context *context)
{
    return &collection_settings(context)->limits;
}

/* LEFT or RIGHT. False: it is neither, which has been answered. */
bool list_common_end(struct command_context *context, size_t index, enum list_end *end);

/* The list at the key, made if there is none. False: answered. */
bool list_common_open(struct command_context *context, struct collection *list);

/* After elements were taken out at this end: the event, and the end of the key if it is empty. */
void list_common_popped(struct command_context *context, struct collection *list,
                        enum list_end end);

/* Takes the element at this end out, and replies it as bulk. */
void list_common_pop_reply(struct command_context *context, struct collection *list,
                           enum list_end end);

/* Moves one element from a list that is not empty; replies it. False: answered with an error. */
bool list_common_move(struct command_context *context, struct collection *from, size_t to_index,
                      enum list_end from_end, enum list_end to_end);

/* Takes `count` elements (at most all) out as LMPOP replies them: the key, then they. Its effect is
 * LPOP or RPOP. */
void list_common_pop_many(struct command_context *context, struct collection *list,
                          enum list_end end, int64_t count);

#endif
