#include "values/geohash.h"

#include <math.h>
#include <stdlib.h>

#define STEPS_MAX 26
#define EARTH_RADIUS_M 6372797.560856
#define RADIANS (M_PI / 180)

/* Spreads the low 32 bits to the even places. */
static uint64_t spread(uint64_t bits)
{
    bits &= UINT32_MAX;
    bits = (bits | bits << 16) & UINT64_C(0x0000FFFF0000FFFF);
    bits = (bits | bits << 8) & UINT64_C(0x00FF00FF00FF00FF);
    bits = (bits | bits << 4) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    bits = (bits | bits << 2) & UINT64_C(0x3333333333333333);
    return (bits | bits << 1) & UINT64_C(0x5555555555555555);
}

static uint64_t gather(uint64_t bits)
{
    bits &= UINT64_C(0x5555555555555555);
    bits = (bits | bits >> 1) & UINT64_C(0x3333333333333333);
    bits = (bits | bits >> 2) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    bits = (bits | bits >> 4) & UINT64_C(0x00FF00FF00FF00FF);
    bits = (bits | bits >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    return (bits | bits >> 16) & UINT32_MAX;
}

/* The cell of a coordinate among 2^steps. */
static uint64_t cell(double value, double limit, unsigned steps)
{
    double cells = (double)(UINT64_C(1) << steps);
    double at = (value + limit) / (2 * limit) * cells;
    return at >= cells ? (uint64_t)cells - 1 : (uint64_t)at;
}

static uint64_t encode(struct geohash_place place, double latitude_limit)
{
    /* As Redis: a coordinate at its very limit runs over into the next bit. */
    double scale = (double)(UINT64_C(1) << STEPS_MAX);
    double latitude = (place.latitude + latitude_limit) / (2 * latitude_limit) * scale;
    double longitude =
        (place.longitude + GEOHASH_LONGITUDE_MAX) / (2 * GEOHASH_LONGITUDE_MAX) * scale;
    return spread((uint64_t)latitude) | spread((uint64_t)longitude) << 1;
}

uint64_t geohash_encode(struct geohash_place place)
{
    return encode(place, GEOHASH_LATITUDE_MAX);
}

static double middle(uint64_t at, double limit)
{
    double scale = (double)(UINT64_C(1) << STEPS_MAX);
    double low = -limit + ((double)at / scale) * (2 * limit);
    double high = -limit + ((double)(at + 1) / scale) * (2 * limit);
    double value = (low + high) / 2;
    return value > limit ? limit : value < -limit ? -limit : value;
}

struct geohash_place geohash_decode(uint64_t bits)
{
    return (struct geohash_place){middle(gather(bits >> 1), GEOHASH_LONGITUDE_MAX),
                                  middle(gather(bits), GEOHASH_LATITUDE_MAX)};
}

void geohash_text(struct geohash_place place, char out[GEOHASH_TEXT_SIZE])
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = encode(place, 90); /* the usual geohash has all latitudes */
    for (int i = 0; i < GEOHASH_TEXT_SIZE; i++) {
        int shift = GEOHASH_BITS - (i + 1) * 5; /* of the last letter two bits are missing: 0 */
        out[i] = shift < 0 ? '0' : letters[bits >> shift & 31];
    }
}

double geohash_distance_m(struct geohash_place a, struct geohash_place b)
{
    /* In this order, for the last bits to be Redis's. */
    double a_latitude = a.latitude * RADIANS, b_latitude = b.latitude * RADIANS;
    double u = sin((b_latitude - a_latitude) / 2);
    double v = sin((b.longitude * RADIANS - a.longitude * RADIANS) / 2);
    if (v == 0.0)
        return EARTH_RADIUS_M * fabs(b_latitude - a_latitude);
    return 2 * EARTH_RADIUS_M * asin(sqrt(u * u + cos(a_latitude) * cos(b_latitude) * v * v));
}

static int compare_ranges(const void *left, const void *right)
{
    const struct geohash_range *a = left, *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

/* How many bits a coordinate may have for three cells to reach `radius_m` to both sides. */
static unsigned steps_for(struct geohash_place place, double radius_m)
{
    double reach = radius_m / EARTH_RADIUS_M / RADIANS;
    double edge = fabs(place.latitude) + reach;
    if (edge >= 89)
        return 0;
    double width_m = 2 * M_PI * EARTH_RADIUS_M * cos(edge * RADIANS);
    double height_m = 2 * GEOHASH_LATITUDE_MAX * RADIANS * EARTH_RADIUS_M;
    unsigned steps = 0;
    while (steps < STEPS_MAX && width_m / 2 >= radius_m * 1.01 && height_m / 2 >= radius_m * 1.01) {
        width_m /= 2;
        height_m /= 2;
        steps++;
    }
    return steps;
}

/* The hashes in a cell. */
static struct geohash_range range_of(uint64_t row, uint64_t column, unsigned steps)
{
    uint64_t at = spread(row) | spread(column) << 1;
    unsigned shift = GEOHASH_BITS - 2 * steps;
    return (struct geohash_range){at << shift, (at + 1) << shift};
}

unsigned geohash_around(struct geohash_place place, double radius_m,
                        struct geohash_range ranges[GEOHASH_RANGES_MAX])
{
    unsigned steps = steps_for(place, radius_m), count = 0;
    if (steps < 2) {
        ranges[0] = (struct geohash_range){0, UINT64_C(1) << (GEOHASH_BITS + 2)};
        return 1;
    }
    int64_t cells = INT64_C(1) << steps;
    int64_t row = (int64_t)cell(place.latitude, GEOHASH_LATITUDE_MAX, steps);
    int64_t column = (int64_t)cell(place.longitude, GEOHASH_LONGITUDE_MAX, steps);
    for (int64_t r = row - 1; r <= row + 1; r++) /* `cells`: the very limit */
        for (int64_t c = column - 1; c <= column + 1; c++) {
            if (r < 0 || r > cells)
                continue;
            uint64_t around = (uint64_t)(c + cells) % (uint64_t)cells; /* the date line */
            ranges[count++] = range_of((uint64_t)r, around, steps);
            if (around == 0) /* and the same meridian from the other side */
                ranges[count++] = range_of((uint64_t)r, (uint64_t)cells, steps);
        }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    return count;
}
