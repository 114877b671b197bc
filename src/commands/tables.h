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
extern const struct command list_ends_commands[];
extern const struct command list_elements_commands[];
extern const struct command list_blocking_commands[];
extern const struct command set_members_commands[];
extern const struct command set_algebra_commands[];
extern const struct command hash_fields_commands[];
extern const struct command hash_deadlines_commands[];
extern const struct command zset_members_commands[];
extern const struct command zset_pop_commands[];
extern const struct command zset_range_commands[];
extern const struct command zset_algebra_commands[];
extern const struct command stream_entries_commands[];
extern const struct command stream_idempotence_commands[];
extern const struct command stream_references_commands[];
extern const struct command stream_read_commands[];
extern const struct command stream_groups_commands[];
extern const struct command stream_claim_commands[];
extern const struct command stream_info_commands[];
extern const struct command bitmap_commands[];
extern const struct command bitmap_field_commands[];
extern const struct command hyperloglog_commands[];
extern const struct command generic_sort_commands[];
extern const struct command geo_places_commands[];
extern const struct command geo_search_commands[];
extern const struct command keyspace_commands[];

#endif
