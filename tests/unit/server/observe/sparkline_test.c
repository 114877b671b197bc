#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "server/observe/sparkline.h"

static void expect(const struct sparkline_column *columns, size_t count, const char *drawing)
{
    struct buffer out = {0};
    sparkline_draw(columns, count, &out);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, drawing);
    buffer_deinit(&out);
}

/* The drawing of redis-server 7.0.15 for the same durations. */
static void heights_follow_values(void **state)
{
    (void)state;
    static const struct sparkline_column columns[] = {{10, 8}, {50, 7}, {30, 6}, {5, 5},
                                                      {80, 4}, {80, 2}, {2, 1}};
    expect(columns, 7,
           "    ## \n"
           " o  || \n"
           " |o || \n"
           "o||_||_\n"
           "       \n"
           "8765421\n"
           "sssssss\n");
}

static void equal_values_lie_on_the_ground(void **state)
{
    (void)state;
    static const struct sparkline_column columns[] = {{3, 60}, {3, 3599}, {3, 86400 * 12}};
    expect(columns, 3, "   \n   \n   \n___\n   \n151\nm92\n md\n");
}

static void many_columns_make_several_blocks(void **state)
{
    (void)state;
    struct sparkline_column columns[SPARKLINE_COLUMNS + 1] = {{0}};
    columns[SPARKLINE_COLUMNS].value = 9;
    struct buffer out = {0};
    sparkline_draw(columns, SPARKLINE_COLUMNS + 1, &out);
    buffer_add(&out, "", 1);
    assert_non_null(strstr(out.data, "\n\n#\n|\n|\n|\n \n0\ns\n"));
    buffer_deinit(&out);
}

static void nothing_draws_nothing(void **state)
{
    (void)state;
    struct buffer out = {0};
    sparkline_draw(NULL, 0, &out);
    assert_int_equal(out.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heights_follow_values),
        cmocka_unit_test(equal_values_lie_on_the_ground),
        cmocka_unit_test(many_columns_make_several_blocks),
        cmocka_unit_test(nothing_draws_nothing),
    };
    return cmocka_run_group_tests_name("server/observe/sparkline", tests, NULL, NULL);
}
