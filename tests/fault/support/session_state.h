/* What a database holds, as text that is the same where keys, types, values, order (where it
 * counts) and deadlines are the same. Read by commands. */
#ifndef HOLDFAST_TESTS_SESSION_STATE_H
#define HOLDFAST_TESTS_SESSION_STATE_H

#include "support/session_client.h"

/* Adds to `out`. Deadlines of the next hundred days are told as "soon": a script cannot know them.
 */
void session_state_read(struct session_client *client, int database, struct session_text *out);

#endif
