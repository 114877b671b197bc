#include "commands/geo_common.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool geo_common_place(struct command_context *context, size_t index, struct geohash_place *place)
{
    if (!number_parse_double(context->arguments[index], &place->longitude) ||
        !number_parse_double(context->arguments[index + 1], &place->latitude) ||
        isnan(place->longitude) || isnan(place->latitude)) {
        resp_writer_error(context->reply, "ERR value is not a valid float");
        return false;
    }
    if (geohash_is_valid(*place))
        return true;
    resp_writer_error_format(context->reply, "ERR invalid longitude,latitude pair %f,%f",
                             place->longitude, place->latitude);
    return false;
}

bool geo_common_unit(struct command_context *context, size_t index, double *unit_m)
{
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_is_word(context->arguments[index], units[i].name)) {
            *unit_m = units[i].metres;
            return true;
        }
    resp_writer_error(context->reply, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

/* A double in RESP3, with as many digits as Redis shows. */
static void reply_degrees(struct resp_writer *reply, double degrees)
{
    char text[NUMBER_LONG_DOUBLE_TEXT_MAX];
    if (reply->version < 3) {
        resp_writer_long_double_bulk(reply, degrees);
        return;
    }
    size_t length = number_format_long_double(text + 1, degrees);
    text[0] = ',';
    memcpy(text + 1 + length, "\r\n", 2);
    resp_writer_raw(reply, slice_of(text, length + 3));
}

void geo_common_reply_place(struct resp_writer *reply, struct geohash_place place)
{
    resp_writer_array(reply, 2);
    reply_degrees(reply, place.longitude);
    reply_degrees(reply, place.latitude);
}

void geo_common_reply_distance(struct resp_writer *reply, double distance)
{
    char text[NUMBER_DOUBLE_TEXT_MAX];
    int length = snprintf(text, sizeof text, "%.4f", distance);
    resp_writer_bulk(reply, slice_of(text, (size_t)length));
}
