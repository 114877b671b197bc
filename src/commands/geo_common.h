/* What commands on places share. For commands/geo_*.c. */
#ifndef HOLDFAST_COMMANDS_GEO_COMMON_H
#define HOLDFAST_COMMANDS_GEO_COMMON_H

#include "commands/zset_common.h"
#include "values/geohash.h"

/* Longitude and latitude at arguments `index` and `index` + 1. False: answered. */
bool geo_common_place(struct command_context *context, size_t index, struct geohash_place *place);
/* m, km, ft, mi: in metres. False: answered. */
bool geo_common_unit(struct command_context *context, size_t index, double *unit_m);

void geo_common_reply_place(struct resp_writer *reply, struct geohash_place place);
void geo_common_reply_distance(struct resp_writer *reply, double distance);

#endif
