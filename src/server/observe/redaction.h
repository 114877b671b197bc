/* Which words of a command line are secrets: they are shown to nobody who looks at commands
 * (SLOWLOG, COMMANDLOG, MONITOR). */
#ifndef HOLDFAST_SERVER_OBSERVE_REDACTION_H
#define HOLDFAST_SERVER_OBSERVE_REDACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct dispatch_entry;

/* What stands in the place of a secret. */
#define REDACTION_TEXT SLICE("(redacted)")

/* True if argument `index` may hold one: passwords of AUTH and HELLO, values of settings that are
 * secret. Goes by the command that ran, not by the name it was called by: it may be renamed. */
bool redaction_hides(const struct dispatch_entry *entry, const struct slice *arguments,
                     size_t index);

#endif
