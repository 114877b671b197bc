/* Geohashes: known places, the limits, then random places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>

#include <cmocka.h>

#include "support/stream_random.h"
#include "values/geohash.h"

#define ROUNDS 100000
#define RADIUS_M 6372797.560856 /* of the Earth */
#define RADIANS (M_PI / 180)
#define CELLS 67108864.0 /* of a coordinate */
#define LONGITUDE_CELL (360 / CELLS)
#define LATITUDE_CELL (2 * GEOHASH_LATITUDE_MAX / CELLS)
#define ROUNDING 1e-12 /* of a coordinate, in degrees */

static const struct geohash_place palermo = {13.361389, 38.115556};
static const struct geohash_place catania = {15.087269, 37.502669};

static double draw_between(struct stream_random *random, double low, double high)
{
    return low + (high - low) * ((double)(stream_random_bits(random) >> 11) / 0x1p53);
}

static struct geohash_place draw_place(struct stream_random *random)
{
    return (struct geohash_place){
        draw_between(random, -GEOHASH_LONGITUDE_MAX, GEOHASH_LONGITUDE_MAX),
        draw_between(random, -GEOHASH_LATITUDE_MAX, GEOHASH_LATITUDE_MAX)};
}

/* Those of Redis's documentation. */
static void known_places_have_known_hashes(void **state)
{
    (void)state;
    char text[GEOHASH_TEXT_SIZE];
    assert_int_equal(geohash_encode(palermo), UINT64_C(3479099956230698));
    assert_int_equal(geohash_encode(catania), UINT64_C(3479447370796909));
    geohash_text(palermo, text);
    assert_memory_equal(text, "sqc8b49rny0", GEOHASH_TEXT_SIZE);
    geohash_text(catania, text);
    assert_memory_equal(text, "sqdtr74hyu0", GEOHASH_TEXT_SIZE);
    struct geohash_place a = geohash_decode(geohash_encode(palermo));
    struct geohash_place b = geohash_decode(geohash_encode(catania));
    assert_true(fabs(geohash_distance_m(a, b) - 166274.1516) < 0.0001);
}

static void places_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    const double longitude = GEOHASH_LONGITUDE_MAX, latitude = GEOHASH_LATITUDE_MAX;
    for (int sign = -1; sign <= 1; sign += 2) {
        assert_true(geohash_is_valid((struct geohash_place){sign * longitude, sign * latitude}));
        assert_false(geohash_is_valid((struct geohash_place){sign * nextafter(longitude, 999), 0}));
        assert_false(geohash_is_valid((struct geohash_place){0, sign * nextafter(latitude, 999)}));
    }
    assert_false(geohash_is_valid((struct geohash_place){NAN, 0}));
    assert_false(geohash_is_valid((struct geohash_place){0, NAN}));
}

static void places_at_the_limits_come_back_there(void **state)
{
    (void)state;
    static const double parts[] = {-1, -0.5, 0, 0.5, 1};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            struct geohash_place place = {parts[i] * GEOHASH_LONGITUDE_MAX,
                                          parts[j] * GEOHASH_LATITUDE_MAX};
            struct geohash_place back = geohash_decode(geohash_encode(place));
            assert_true(geohash_is_valid(back));
            assert_true(fabs(back.longitude - place.longitude) <= LONGITUDE_CELL / 2 + ROUNDING);
            assert_true(fabs(back.latitude - place.latitude) <= LATITUDE_CELL / 2 + ROUNDING);
        }
}

static void any_hash_is_decoded_to_a_place_on_the_earth(void **state)
{
    (void)state;
    assert_true(geohash_is_valid(geohash_decode(UINT64_MAX)));
    assert_true(geohash_is_valid(geohash_decode(0)));
}

static void a_place_comes_back_within_its_cell(void **state)
{
    (void)state;
    struct stream_random random;
    stream_random_init(&random);
    for (int round = 0; round < ROUNDS; round++) {
        struct geohash_place place = draw_place(&random);
        uint64_t bits = geohash_encode(place);
        assert_int_equal(bits >> GEOHASH_BITS, 0);
        struct geohash_place back = geohash_decode(bits);
        assert_true(fabs(back.longitude - place.longitude) <= LONGITUDE_CELL / 2 + ROUNDING);
        assert_true(fabs(back.latitude - place.latitude) <= LATITUDE_CELL / 2 + ROUNDING);
        assert_int_equal(geohash_encode(back), bits);
    }
}

/* Halving the ranges of longitude and latitude in turn, five bits a letter. */
static void the_text_is_that_of_halved_ranges(void **state)
{
    (void)state;
    struct stream_random random;
    stream_random_init(&random);
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct geohash_place place = draw_place(&random);
        double low[2] = {-180, -90}, high[2] = {180, 90};
        double at[2] = {place.longitude, place.latitude};
        char text[GEOHASH_TEXT_SIZE];
        geohash_text(place, text);
        for (int letter = 0, bit = 0; letter < GEOHASH_TEXT_SIZE - 1; letter++) {
            unsigned value = 0;
            for (int i = 0; i < 5; i++, bit++) {
                double middle = (low[bit % 2] + high[bit % 2]) / 2;
                bool is_high = at[bit % 2] >= middle;
                *(is_high ? &low[bit % 2] : &high[bit % 2]) = middle;
                value = 2 * value + is_high;
            }
            assert_int_equal(text[letter], "0123456789bcdefghjkmnpqrstuvwxyz"[value]);
        }
        assert_int_equal(text[GEOHASH_TEXT_SIZE - 1], '0');
    }
}

/* --- distances --- */

/* By the chord between the two, in space. */
static double chord_distance_m(struct geohash_place a, struct geohash_place b)
{
    double x = cos(a.latitude * RADIANS) * cos(a.longitude * RADIANS) -
               cos(b.latitude * RADIANS) * cos(b.longitude * RADIANS);
    double y = cos(a.latitude * RADIANS) * sin(a.longitude * RADIANS) -
               cos(b.latitude * RADIANS) * sin(b.longitude * RADIANS);
    double z = sin(a.latitude * RADIANS) - sin(b.latitude * RADIANS);
    return 2 * RADIUS_M * asin(sqrt(x * x + y * y + z * z) / 2);
}

static void distances_are_those_on_a_sphere(void **state)
{
    (void)state;
    struct stream_random random;
    stream_random_init(&random);
    for (int round = 0; round < ROUNDS; round++) {
        struct geohash_place a = draw_place(&random), b = draw_place(&random);
        if (stream_random_once_in(&random, 4))
            b.longitude = a.longitude;
        double distance = geohash_distance_m(a, b);
        assert_true(fabs(distance - geohash_distance_m(b, a)) < 0.001);
        assert_true(fabs(distance - chord_distance_m(a, b)) < 1);
        assert_true(geohash_distance_m(a, a) == 0);
    }
}

/* --- around a place --- */

static bool are_in_order(const struct geohash_range *ranges, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (ranges[i].first >= ranges[i].end || (i > 0 && ranges[i - 1].end > ranges[i].first))
            return false;
    return count >= 1 && count <= GEOHASH_RANGES_MAX;
}

static bool is_in(const struct geohash_range *ranges, unsigned count, uint64_t bits)
{
    for (unsigned i = 0; i < count; i++)
        if (bits >= ranges[i].first && bits < ranges[i].end)
            return true;
    return false;
}

/* `distance_m` away in any direction; may be beyond the limits. */
static struct geohash_place draw_away(struct stream_random *random, struct geohash_place from,
                                      double distance_m)
{
    double angle = distance_m / RADIUS_M, bearing = draw_between(random, 0, 2 * M_PI);
    double latitude = from.latitude * RADIANS;
    double sine = sin(latitude) * cos(angle) + cos(latitude) * sin(angle) * cos(bearing);
    double turn =
        atan2(sin(bearing) * sin(angle) * cos(latitude), cos(angle) - sin(latitude) * sine);
    double longitude = from.longitude + turn / RADIANS;
    longitude += longitude > 180 ? -360 : longitude < -180 ? 360 : 0;
    return (struct geohash_place){longitude, asin(sine) / RADIANS};
}

/* The same with a coordinate at its very limit, where hashes have a bit more. */
static struct geohash_place at_limit(struct stream_random *random, struct geohash_place place)
{
    if (stream_random_once_in(random, 2))
        place.latitude = copysign(GEOHASH_LATITUDE_MAX, place.latitude);
    else
        place.longitude = stream_random_once_in(random, 2) ? 180 : -180;
    return place;
}

/* From centimetres to half the Earth; near the poles and the date line, too. */
static void all_places_within_a_radius_are_in_the_ranges_around(void **state)
{
    (void)state;
    struct stream_random random;
    stream_random_init(&random);
    for (int round = 0; round < ROUNDS / 2; round++) {
        struct geohash_place centre = draw_place(&random);
        if (stream_random_once_in(&random, 4))
            centre.longitude = GEOHASH_LONGITUDE_MAX - draw_between(&random, 0, 0.01);
        if (stream_random_once_in(&random, 4))
            centre.latitude = -GEOHASH_LATITUDE_MAX + draw_between(&random, 0, 0.01);
        double radius_m = pow(10, draw_between(&random, -2, 7.3));
        if (stream_random_once_in(&random, 20))
            centre = at_limit(&random, centre);
        struct geohash_range ranges[GEOHASH_RANGES_MAX];
        unsigned count = geohash_around(centre, radius_m, ranges);
        assert_true(are_in_order(ranges, count));
        assert_true(is_in(ranges, count, geohash_encode(centre)));
        for (int i = 0; i < 10; i++) {
            double away_m = radius_m * (i < 5 ? 0.9999 : draw_between(&random, 0, 1));
            struct geohash_place place = draw_away(&random, centre, away_m);
            if (stream_random_once_in(&random, 4))
                place = at_limit(&random, place);
            if (geohash_is_valid(place) && geohash_distance_m(centre, place) <= radius_m)
                assert_true(is_in(ranges, count, geohash_encode(place)));
        }
    }
}

/* Was a fault: at longitude 180 and at the highest latitude places were not found at all. */
static void a_place_at_a_limit_is_found_from_anywhere_near(void **state)
{
    (void)state;
    static const struct geohash_place corner = {GEOHASH_LONGITUDE_MAX, GEOHASH_LATITUDE_MAX};
    static const double longitudes[] = {-180, -179.99999, 179.99999, 180};
    struct geohash_range ranges[GEOHASH_RANGES_MAX];
    for (double radius_m = 100; radius_m < 3e7; radius_m *= 2)
        for (size_t i = 0; i < 4; i++) {
            struct geohash_place centre = {longitudes[i], GEOHASH_LATITUDE_MAX};
            unsigned count = geohash_around(centre, radius_m, ranges);
            assert_true(are_in_order(ranges, count));
            assert_true(is_in(ranges, count, geohash_encode(corner)));
        }
}

static void a_small_radius_asks_for_little_of_the_earth(void **state)
{
    (void)state;
    struct geohash_range ranges[GEOHASH_RANGES_MAX];
    unsigned count = geohash_around(palermo, 1000, ranges);
    uint64_t asked = 0;
    for (unsigned i = 0; i < count; i++)
        asked += ranges[i].end - ranges[i].first;
    assert_true((double)asked / 0x1p52 < 1e-5);
    assert_int_equal(geohash_around(palermo, 2e7, ranges), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_places_have_known_hashes),
        cmocka_unit_test(places_beyond_the_limits_are_refused),
        cmocka_unit_test(places_at_the_limits_come_back_there),
        cmocka_unit_test(any_hash_is_decoded_to_a_place_on_the_earth),
        cmocka_unit_test(a_place_comes_back_within_its_cell),
        cmocka_unit_test(the_text_is_that_of_halved_ranges),
        cmocka_unit_test(distances_are_those_on_a_sphere),
        cmocka_unit_test(all_places_within_a_radius_are_in_the_ranges_around),
        cmocka_unit_test(a_place_at_a_limit_is_found_from_anywhere_near),
        cmocka_unit_test(a_small_radius_asks_for_little_of_the_earth),
    };
    return cmocka_run_group_tests_name("values/geohash", tests, NULL, NULL);
}
