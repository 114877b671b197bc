/* Where the settings come from: defaults, file, standard input, command line, CONFIG SET.
 *
 * It knows every directive: those that apply (setting_tables.h) and write to `struct settings`, and
 * those that do not (setting_inert.h), whose values it keeps itself. While the server runs a change
 * is all or nothing: every value is checked before one counts, and what cannot be applied puts the
 * old values back. One thread. */
#ifndef HOLDFAST_SERVER_CONFIG_CONFIGURATION_H
#define HOLDFAST_SERVER_CONFIG_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

struct configuration;
struct server;
struct settings;

/* `settings` holds the defaults and stays the caller's. */
struct configuration *configuration_create(struct settings *settings);
void configuration_destroy(struct configuration *configuration);

/* --- the start --- */

/* Reads the command line as redis-server takes it (without argv[0]): [FILE] [--name value ...] ...
 * [-]. Later words win. On error `error_text` says what, where, and what was perhaps meant. */
WARN_UNUSED enum error configuration_load(struct configuration *configuration, int argument_count,
                                          char **arguments, struct buffer *error_text);

/* The server runs: from now on CONFIG SET reaches its modules. Renames commands as the file asked,
 * and names in the log what was accepted without effect. */
void configuration_attach(struct configuration *configuration, struct server *server);

/* --- CONFIG --- */

#define CONFIGURATION_PAIRS_MAX 1024 /* of one CONFIG SET */

/* Sets name and value pairs (`count` words in all, even), all or none. On error nothing has changed
 * and `error_text` is the reply, "ERR ..." with a NUL. */
WARN_UNUSED enum error configuration_set(struct configuration *configuration,
                                         const struct slice *words, size_t count,
                                         struct buffer *error_text);

/* Visits each setting that a name or glob pattern matches, once, in order of name. `name` as it was
 * asked for if that was no pattern. */
void configuration_get(struct configuration *configuration, const struct slice *patterns,
                       size_t count,
                       void (*visit)(void *context, struct slice name, struct slice value),
                       void *context);

/* True if the value of this setting must be shown to nobody. */
bool configuration_is_secret(struct slice name);

/* Writes what holds now into the file it was started with. On error the file is as it was and
 * `error_text` is the reply, as above. */
WARN_UNUSED enum error configuration_rewrite(struct configuration *configuration,
                                             struct buffer *error_text);

#endif
