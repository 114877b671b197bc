#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/config/nearest_name.h"

static const char *nearest_of_all(const char *wanted)
{
    static const char *const names[] = {"port",       "bind",       "maxmemory", "maxmemory-policy",
                                        "maxclients", "requirepass"};
    struct nearest_name nearest = nearest_name_of(slice_of_string(wanted));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        nearest_name_offer(&nearest, names[i]);
    return nearest.name == NULL ? "" : nearest.name;
}

static void a_mistyped_name_is_found(void **state)
{
    (void)state;
    assert_string_equal(nearest_of_all("prot"), "port"); /* neighbours swapped */
    assert_string_equal(nearest_of_all("maxmemry"), "maxmemory");
    assert_string_equal(nearest_of_all("MaxMemory_Policy"), "maxmemory-policy");
    assert_string_equal(nearest_of_all("requirepas"), "requirepass");
    assert_string_equal(nearest_of_all("pport"), "port");
    assert_string_equal(nearest_of_all("bond"), "bind");
}

static void what_is_far_from_all_is_near_to_none(void **state)
{
    (void)state;
    char longest[NEAREST_NAME_LENGTH_MAX + 2] = {0};
    for (size_t i = 0; i <= NEAREST_NAME_LENGTH_MAX; i++)
        longest[i] = 'a';
    assert_string_equal(nearest_of_all("xyzzy"), "");
    assert_string_equal(nearest_of_all(""), "");
    assert_string_equal(nearest_of_all(longest), "");
    longest[NEAREST_NAME_LENGTH_MAX] = '\0';
    assert_string_equal(nearest_of_all(longest), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistyped_name_is_found),
        cmocka_unit_test(what_is_far_from_all_is_near_to_none),
    };
    return cmocka_run_group_tests_name("server/config/nearest_name", tests, NULL, NULL);
}
