/* Functions behind CLIENT's subcommands that stand in files of their own. */
#ifndef HOLDFAST_SERVER_SESSION_CLIENT_COMMANDS_H
#define HOLDFAST_SERVER_SESSION_CLIENT_COMMANDS_H

#include "commands/command.h"

/* client_listing.c */
command_run client_listing_info, client_listing_list, client_listing_kill;

/* client_caching.c */
command_run client_caching_tracking, client_caching_caching, client_caching_getredir,
    client_caching_trackinginfo;

#endif
