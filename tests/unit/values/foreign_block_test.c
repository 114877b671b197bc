/* Blocks that validation accepts though this server would not write them so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "values/hash.h"
#include "values/set.h"
#include "values/zset.h"

/* Two pairs, "<a>": 1 and "<b>": 2: the digits as text, where integers belong. */
static struct listpack digits_as_text(char a, char b)
{
    const char bytes[] = {17, 0, 0, 0, 4, 0, '\x81', a, 2, 1, 1, '\x81', b, 2, 2, 1, '\xff'};
    struct slice block = slice_of(bytes, sizeof bytes);
    assert_true(listpack_is_valid(block));
    return listpack_of(block);
}

/* Was a fault: they were only looked for among integers. */
static void digits_that_stand_as_text_are_found(void **state)
{
    (void)state;
    struct value_settings settings = {.limits = value_default_limits(), .seed = {1, 2}};
    for (int large = 0; large < 2; large++) {
        if (large)
            settings.limits.hash_entries_max = settings.limits.zset_entries_max = 1;
        struct hash *hash;
        struct zset *zset;
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        struct slice value;
        double score;
        assert_int_equal(hash_of_listpack(digits_as_text('5', '6'), &settings, &hash), OK);
        assert_int_equal(zset_of_listpack(digits_as_text('5', '6'), &settings, &zset), OK);
        assert_true(hash_get(hash, SLICE("6"), scratch, &value));
        assert_true(slice_equals(value, SLICE("2")));
        assert_int_equal(hash_set(hash, &settings, SLICE("5"), SLICE("9"), false), HASH_CHANGED);
        assert_true(zset_score(zset, SLICE("6"), &score));
        assert_true(score == 2);
        assert_true(zset_remove(zset, SLICE("5")));
        hash_destroy(hash);
        zset_destroy(zset);
    }
}

/* Was a fault, too: and so one could stand there twice. */
static void digits_that_stand_as_text_twice_are_refused(void **state)
{
    (void)state;
    struct value_settings settings = {.limits = value_default_limits(), .seed = {1, 2}};
    struct listpack pack = digits_as_text('5', '5');
    struct hash *hash;
    struct zset *zset;
    struct set *set;
    assert_int_equal(hash_of_listpack(pack, &settings, &hash), ERROR_SYNTAX);
    assert_int_equal(zset_of_listpack(pack, &settings, &zset), ERROR_SYNTAX);
    assert_int_equal(set_of_listpack(pack, &settings, &set), ERROR_SYNTAX);
    listpack_free(&pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_that_stand_as_text_are_found),
        cmocka_unit_test(digits_that_stand_as_text_twice_are_refused),
    };
    return cmocka_run_group_tests_name("values/foreign_block", tests, NULL, NULL);
}
