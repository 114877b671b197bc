/* The arguments of a command as a tree, read off the syntax line of its row: what COMMAND DOCS
 * shows under "arguments".
 *
 * The notation is that of Redis's pages: "key", "[optional]", "<A|B>" one of them, "WORD value" a
 * value behind a word, "name [name ...]" repeated. Pure functions over text. */
#ifndef HOLDFAST_SERVER_OBSERVE_SYNTAX_H
#define HOLDFAST_SERVER_OBSERVE_SYNTAX_H

#include "base/slice.h"
#include "protocol/resp_writer.h"

#define SYNTAX_DEPTH_MAX 16 /* nested brackets: what is deeper is shown as one argument */

/* Writes an array with one map per argument. */
void syntax_reply_arguments(struct resp_writer *reply, struct slice syntax);

#endif
