/* Places on the Earth as numbers of 52 bits, whose order keeps neighbours together: what sorted
 * sets of places have as scores.
 *
 * Geohash (Niemeyer, 2008): 26 bits of latitude and of longitude, interleaved, in the range of Web
 * Mercator as Redis has it. Distances are the haversine's on a sphere. Pure. */
#ifndef HOLDFAST_VALUES_GEOHASH_H
#define HOLDFAST_VALUES_GEOHASH_H

#include <stdbool.h>
#include <stdint.h>

#define GEOHASH_LONGITUDE_MAX 180.0
#define GEOHASH_LATITUDE_MAX 85.05112878
#define GEOHASH_BITS 52
#define GEOHASH_TEXT_SIZE 11
#define GEOHASH_RANGES_MAX 12

struct geohash_place {
    double longitude, latitude; /* degrees */
};

static inline bool geohash_is_valid(struct geohash_place place)
{
    return place.longitude >= -GEOHASH_LONGITUDE_MAX && place.longitude <= GEOHASH_LONGITUDE_MAX &&
           place.latitude >= -GEOHASH_LATITUDE_MAX && place.latitude <= GEOHASH_LATITUDE_MAX;
}

uint64_t geohash_encode(struct geohash_place place);
struct geohash_place geohash_decode(uint64_t bits);
/* The usual text of eleven letters. */
void geohash_text(struct geohash_place place, char out[GEOHASH_TEXT_SIZE]);

double geohash_distance_m(struct geohash_place a, struct geohash_place b);

/* The ranges of hashes of a square of nine cells around `place` that holds all within `radius_m`,
 * and of the meridian of 180 degrees and the highest latitude if the square reaches them: hashes
 * there have a bit more. Ascending, first and one behind the last. Returns how many. */
struct geohash_range {
    uint64_t first, end;
};
unsigned geohash_around(struct geohash_place place, double radius_m,
                        struct geohash_range ranges[GEOHASH_RANGES_MAX]);

#endif
