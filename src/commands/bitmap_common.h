/* What commands on bits share. For commands/bitmap*.c. */
#ifndef HOLDFAST_COMMANDS_BITMAP_COMMON_H
#define HOLDFAST_COMMANDS_BITMAP_COMMON_H

#include "commands/command.h"

/* Argument `index` as the offset of a bit; with `multiplied` "#3" is the third field of `bits`
 * bits. False: answered. */
bool bitmap_common_offset(struct command_context *context, size_t index, bool multiplied,
                          unsigned bits, uint64_t *offset);

/* The bytes of the string, to be written, at least `length` of them; makes it if there is none.
 * NULL: answered. */
char *bitmap_common_grow(struct command_context *context, const struct key *key,
                         struct entry *entry, size_t length);

#endif
