/* Buckets as ranges of positions, at depths that no test's table reaches, too. */
#include "keyspace/table_position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "support/draw.h"

#define DEPTH_MAX 32

static const unsigned counts[] = {1, 2, 4, 8, 16, 32, 40, 48, 56, 64};

/* The number of its segment among all of this depth. */
static uint64_t segment_of(uint64_t position, unsigned depth)
{
    return position >> (TABLE_POSITION_BITS - depth);
}

static void the_position_behind_a_bucket_is_the_first_of_the_next(void **state)
{
    (void)state;
    draw_begin();
    for (unsigned depth = 0; depth <= DEPTH_MAX; depth++) {
        for (int i = 0; i < 1000; i++) {
            unsigned count = counts[draw(sizeof counts / sizeof counts[0])];
            uint64_t position = draw_bits() & TABLE_POSITION_MASK;
            uint64_t next = table_position_behind(position, depth, count);
            uint64_t last = (next - 1) & TABLE_POSITION_MASK, segment = segment_of(position, depth);
            unsigned bucket = table_position_bucket(position, depth, count);
            assert_true(bucket < count && last >= position);
            assert_int_equal(segment_of(last, depth), segment);
            assert_int_equal(table_position_bucket(last, depth, count), bucket);
            bool ends = bucket + 1 == count; /* the segment */
            if (next == 0)
                assert_true(ends && segment + 1 == UINT64_C(1) << depth);
            else
                assert_int_equal(segment_of(next, depth), segment + ends);
            assert_int_equal(table_position_bucket(next, depth, count), ends ? 0 : bucket + 1);
        }
    }
}

static void buckets_part_a_segment_evenly(void **state)
{
    (void)state;
    const uint64_t end = UINT64_C(1) << TABLE_POSITION_BITS;
    for (unsigned depth = 0; depth <= DEPTH_MAX; depth += 8) {
        uint64_t wide = end >> depth, first = end - wide; /* the last segment */
        assert_int_equal(table_position_bucket(first, depth, 80), 0);
        for (uint64_t at = 0; at < 80; at++) { /* its middle */
            uint64_t middle = first + wide * (2 * at + 1) / (2 * 80);
            assert_int_equal(table_position_bucket(middle, depth, 80), at);
        }
        assert_int_equal(table_position_bucket(end - 1, depth, 80), 79);
    }
    assert_int_equal(table_position(UINT64_MAX), TABLE_POSITION_MASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_position_behind_a_bucket_is_the_first_of_the_next),
        cmocka_unit_test(buckets_part_a_segment_evenly),
    };
    return cmocka_run_group_tests_name("keyspace/table_position", tests, NULL, NULL);
}
