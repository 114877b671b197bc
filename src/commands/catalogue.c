/* All tables of this layer in one list: what the server registers. */
#include "commands/tables.h"

const struct command *const command_catalogue[] = {
    string_get_commands,     string_set_commands,     string_multiple_commands,
    string_counter_commands, string_range_commands,   string_lcs_commands,
    string_compare_commands, generic_keys_commands,   generic_expire_commands,
    generic_scan_commands,   generic_object_commands, list_ends_commands,
    list_elements_commands,  list_blocking_commands,  set_members_commands,
    set_algebra_commands,    hash_fields_commands,    hash_deadlines_commands,
    zset_members_commands,   zset_pop_commands,       zset_range_commands,
    zset_algebra_commands,   keyspace_commands,       NULL,
};
