/* Which clients CLIENT LIST shows and CLIENT KILL kills: the options of Redis 7.4 and Valkey 9.1,
 * each also as NOT-. */
#ifndef HOLDFAST_SERVER_SESSION_CLIENT_FILTER_H
#define HOLDFAST_SERVER_SESSION_CLIENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct client;
struct command_context;

enum client_filter_type { FILTER_ANY_TYPE, FILTER_NORMAL, FILTER_PUBSUB, FILTER_NOBODY };

/* A set of conditions; those not given (NULL slices, negative numbers) hold for everybody. Slices
 * are the command's. */
struct client_conditions {
    struct slice address, local_address, ip, name, flags, library_name, library_version, user,
        capabilities;
    enum client_filter_type type;
    int64_t database; /* -1: any */
    const struct slice *ids;
    size_t id_count; /* 0: any */
};

struct client_filter {
    struct client_conditions with, without;
    int64_t age_min_s, idle_min_s; /* -1: any */
    bool skip_me;
};

/* Parses options from argument `first` on. False: the error is written. `kills`: for CLIENT KILL,
 * whose words differ. */
bool client_filter_parse(struct command_context *context, size_t first, bool kills,
                         struct client_filter *filter);

/* `me`: the client that asks. */
bool client_filter_matches(const struct client_filter *filter, const struct client *client,
                           const struct client *me);

#endif
