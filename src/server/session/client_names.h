/* Names that clients give themselves (CLIENT SETNAME, SETINFO, HELLO SETNAME). They appear in
 * CLIENT LIST, so they hold no blanks and nothing unprintable. */
#ifndef HOLDFAST_SERVER_SESSION_CLIENT_NAMES_H
#define HOLDFAST_SERVER_SESSION_CLIENT_NAMES_H

#include <stdbool.h>

#include "base/slice.h"

struct command_context;

/* False, and Redis's error is written, if `name` cannot be one. `what`: "Client names", "lib-name".
 */
bool client_names_check(struct command_context *context, struct slice name, const char *what);

/* Replaces a name (memory_* string) by a copy. */
void client_names_set(char **name, struct slice value);

#endif
