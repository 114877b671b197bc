#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "server/observe/histogram.h"

static void each_value_lies_in_its_class(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < HISTOGRAM_VALUE_MAX / 3; value += 1 + value / 37) {
        unsigned found = histogram_class(value);
        assert_true(found < HISTOGRAM_CLASSES);
        assert_true(value <= histogram_class_limit(found));
        assert_true(found == 0 || value > histogram_class_limit(found - 1));
    }
    assert_int_equal(histogram_class(UINT64_MAX), HISTOGRAM_CLASSES - 1);
}

static void classes_are_narrow(void **state)
{
    (void)state;
    for (unsigned i = HISTOGRAM_STEPS; i < HISTOGRAM_CLASSES; i++) {
        uint64_t first = histogram_class_limit(i - 1) + 1, last = histogram_class_limit(i);
        assert_true((last - first) * HISTOGRAM_STEPS <= first);
    }
}

static void percentiles_are_near_the_truth(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_create();
    assert_int_equal(histogram_percentile(histogram, 50), 0);
    for (uint64_t value = 1; value <= 10000; value++)
        histogram_record(histogram, value);
    assert_in_range(histogram_percentile(histogram, 50), 5000, 5320);
    assert_in_range(histogram_percentile(histogram, 99), 9900, 10000);
    assert_int_equal(histogram_percentile(histogram, 100), 10000);
    assert_int_equal(histogram_count_up_to(histogram, 1023), 1023);
    memory_free(histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_lies_in_its_class),
        cmocka_unit_test(classes_are_narrow),
        cmocka_unit_test(percentiles_are_near_the_truth),
    };
    return cmocka_run_group_tests_name("server/observe/histogram", tests, NULL, NULL);
}
