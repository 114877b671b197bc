/* Where the settings come from: defaults, file, command line, CONFIG SET. */
#ifndef HOLDFAST_SERVER_CONFIG_CONFIGURATION_H
#define HOLDFAST_SERVER_CONFIG_CONFIGURATION_H

#include "base/buffer.h"
#include "base/error.h"

struct configuration;
struct server;
struct settings;

/* `settings` holds the defaults and stays the caller's. */
struct configuration *configuration_create(struct settings *settings);
void configuration_destroy(struct configuration *configuration);

/* Reads the command line as redis-server takes it (without argv[0]): [FILE] [--name value ...] ...
 * [-]. Later words win. On error `error_text` says what, where, and what was perhaps meant. */
WARN_UNUSED enum error configuration_load(struct configuration *configuration, int argument_count,
                                          char **arguments, struct buffer *error_text);

/* The server runs: from now on CONFIG SET reaches its modules. */
void configuration_attach(struct configuration *configuration, struct server *server);

#endif
