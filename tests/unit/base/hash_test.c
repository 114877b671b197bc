/* The keyed hash against another implementation of SipHash-1-3: CPython's hash() of
 * bytes(range(length)) with PYTHONHASHSEED=0, whose key is zero. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "support/exact_copy.h"

#define LENGTH_MAX 63

static void hashes_are_siphash_1_3(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        uint64_t hash;
    } cases[] = {
        {1, UINT64_C(0x68a914128e01e473)},  {2, UINT64_C(0x010bac45c41e3669)},
        {7, UINT64_C(0x2f098ab0c751325a)},  {8, UINT64_C(0xead411e67ebe2eea)},
        {9, UINT64_C(0x75927f9d95124362)},  {12, UINT64_C(0xa6baf4fb0f9fe1c2)},
        {15, UINT64_C(0xf30eb725bb91c9ea)}, {16, UINT64_C(0x8972188433a5c5b7)},
        {17, UINT64_C(0x4883c49a2c009c1d)}, {19, UINT64_C(0x091f4a3329f87d19)},
        {23, UINT64_C(0x37332b1389daa4ff)}, {24, UINT64_C(0x31185a47af932f3a)},
        {63, UINT64_C(0x385d3e39e5f37359)},
    };
    const struct hash_seed seed = {0, 0};
    char bytes[LENGTH_MAX];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice copy = exact_copy(slice_of(bytes, cases[i].length));
        assert_true(hash_bytes(&seed, copy.data, copy.length) == cases[i].hash);
        exact_copy_free(copy);
    }
}

static void the_seed_changes_the_hash(void **state)
{
    (void)state;
    const struct hash_seed none = {0, 0}, first = {1, 0}, second = {0, 1};
    uint64_t hash = hash_bytes(&none, "key", 3);
    assert_true(hash_bytes(&first, "key", 3) != hash);
    assert_true(hash_bytes(&second, "key", 3) != hash);
    assert_true(hash_bytes(&first, "key", 3) != hash_bytes(&second, "key", 3));
    assert_true(hash_bytes(&none, "", 0) != hash_bytes(&first, "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_siphash_1_3),
        cmocka_unit_test(the_seed_changes_the_hash),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
