/* Setting strings: what SET and its relatives share. */
#ifndef HOLDFAST_COMMANDS_STRING_SET_H
#define HOLDFAST_COMMANDS_STRING_SET_H

#include "commands/command.h"

/* Makes `key` the string that argument `value_index` holds, without a copy where the argument has a
 * block of its own. `entry`: what database_find said. NULL: memory is out, nothing has changed. */
struct entry *string_set_value(struct command_context *context, const struct key *key,
                               struct entry *entry, size_t value_index, enum deadline_rule rule,
                               int64_t deadline_ms);

#endif
