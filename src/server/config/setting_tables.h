/* The tables of settings, one for each group of modules: what configuration.c looks into. */
#ifndef HOLDFAST_SERVER_CONFIG_SETTING_TABLES_H
#define HOLDFAST_SERVER_CONFIG_SETTING_TABLES_H

#include "server/config/setting.h"

extern const struct setting setting_network_table[]; /* who may connect, limits of a client */
extern const struct setting setting_process_table[]; /* start, log, housekeeping */
extern const struct setting setting_memory_table[];  /* maxmemory and eviction */
extern const struct setting setting_command_table[]; /* guards, events, tracking, what is watched */
extern const struct setting setting_persistence_table[]; /* the log, snapshots */
extern const struct setting setting_values_table[];      /* how collections are kept */

/* All of them, NULL at the end. */
extern const struct setting *const setting_tables[];

#endif
