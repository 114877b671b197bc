/* The tables of this layer, for catalogue.c: everybody else reads command_catalogue. */
#ifndef HOLDFAST_COMMANDS_TABLES_H
#define HOLDFAST_COMMANDS_TABLES_H

#include "commands/command.h"

extern const struct command string_get_commands[];
extern const struct command string_set_commands[];
extern const struct command string_multiple_commands[];
extern const struct command string_counter_commands[];
extern const struct command string_range_commands[];
extern const struct command string_lcs_commands[];
extern const struct command string_compare_commands[];
extern const struct command generic_keys_commands[];
extern const struct command generic_expire_commands[];
extern const struct command generic_scan_commands[];
extern const struct command generic_object_commands[];
extern const struct command keyspace_commands[];

#endif
