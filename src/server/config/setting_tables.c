#include "server/config/setting_tables.h"

const struct setting *const setting_tables[] = {
    setting_network_table,
    setting_process_table,
    setting_memory_table,
    setting_command_table,
    setting_persistence_table,
    setting_values_table,
    NULL,
};
