/* The inside of the configuration, shared by its files only. */
#ifndef HOLDFAST_SERVER_CONFIG_CONFIGURATION_PRIVATE_H
#define HOLDFAST_SERVER_CONFIG_CONFIGURATION_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/config/configuration.h"
#include "server/config/setting_inert.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"

/* What is known of a directive without effect. */
struct inert_state {
    char *value; /* NULL: as in its row */
    bool told;   /* a file or the command line gave it: to be named in the log */
    bool set;    /* CONFIG SET gave it: to be written by CONFIG REWRITE */
};

/* A name or alias, and what it names: one of the two. */
struct configuration_name {
    const char *name;
    const struct setting *setting;
    const struct setting_inert *inert;
};

struct configuration_renaming {
    char *from, *to;
};

struct configuration {
    struct settings *settings;
    struct settings defaults;
    struct server *server;            /* NULL until it runs */
    struct configuration_name *names; /* in order */
    size_t names_count;
    struct inert_state *inert; /* for each row of setting_inert_table */
    size_t inert_count;
    struct configuration_renaming *renamings;
    size_t renamings_count;
    bool pid_file_given;
};

/* NULL if there is none. Any case. */
const struct configuration_name *configuration_find(const struct configuration *configuration,
                                                    struct slice name);
struct inert_state *configuration_inert_state(const struct configuration *configuration,
                                              const struct setting_inert *inert);
/* Appends the value as CONFIG GET answers it. */
void configuration_value(const struct configuration *configuration,
                         const struct configuration_name *name, struct buffer *out);

#endif
