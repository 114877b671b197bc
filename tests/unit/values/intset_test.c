/* Integer sets against a sorted array, and the edges of their widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/exact_copy.h"
#include "values/intset.h"

#define OPERATIONS 100000
#define MODEL_MAX 300

static struct slice bytes_of(const struct intset *set)
{
    return slice_of((const char *)set->bytes, intset_size(set));
}

static void add(struct intset *set, int64_t value)
{
    assert_true(intset_add(set, value));
    assert_true(intset_is_valid(bytes_of(set)));
}

static bool is_valid(const char *bytes, size_t length)
{
    struct slice copy = exact_copy(slice_of(bytes, length));
    bool valid = intset_is_valid(copy);
    exact_copy_free(copy);
    return valid;
}

/* --- edges --- */

static void an_empty_set_has_a_head_alone(void **state)
{
    (void)state;
    struct intset set = intset_create();
    size_t index = 7;
    assert_int_equal(intset_count(&set), 0);
    assert_int_equal(intset_size(&set), 8);
    assert_memory_equal(set.bytes, "\2\0\0\0\0\0\0\0", 8);
    assert_false(intset_find(&set, 0, &index));
    assert_int_equal(index, 0);
    add(&set, -1);
    intset_remove_at(&set, 0);
    assert_memory_equal(set.bytes, "\2\0\0\0\0\0\0\0", 8);
    intset_free(&set);
    assert_null(set.bytes);
}

static void bytes_are_as_redis_has_them(void **state)
{
    (void)state;
    struct intset set = intset_create();
    add(&set, 258);
    add(&set, -2);
    assert_int_equal(intset_size(&set), 12);
    assert_memory_equal(set.bytes, "\2\0\0\0\2\0\0\0\xfe\xff\2\1", 12);
    add(&set, 65536);
    assert_memory_equal(set.bytes, "\4\0\0\0\3\0\0\0\xfe\xff\xff\xff\2\1\0\0\0\0\1\0", 20);
    intset_free(&set);
}

static void the_width_is_that_of_the_widest_ever(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        size_t width; /* bytes */
    } cases[] = {
        {INT16_MIN, 2}, {INT16_MAX, 2}, {(int64_t)INT16_MIN - 1, 4}, {(int64_t)INT16_MAX + 1, 4},
        {INT32_MIN, 4}, {INT32_MAX, 4}, {(int64_t)INT32_MIN - 1, 8}, {(int64_t)INT32_MAX + 1, 8},
        {INT64_MIN, 8}, {INT64_MAX, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct intset set = intset_create();
        for (int64_t value = -3; value <= 3; value++)
            add(&set, value);
        add(&set, cases[i].value);
        assert_int_equal(intset_size(&set), 8 + 8 * cases[i].width);
        for (int64_t value = -3; value <= 3; value++)
            assert_int_equal(intset_get(&set, (size_t)(value + 3) + (cases[i].value < 0)), value);
        size_t index;
        assert_true(intset_find(&set, cases[i].value, &index));
        assert_int_equal(index, cases[i].value < 0 ? 0 : 7);
        intset_remove_at(&set, index);
        assert_int_equal(intset_size(&set), 8 + 7 * cases[i].width);
        intset_free(&set);
    }
}

static void untrusted_bytes_are_judged(void **state)
{
    (void)state;
    assert_true(is_valid("\2\0\0\0\0\0\0\0", 8));
    assert_true(is_valid("\4\0\0\0\1\0\0\0\0\0\0\0", 12));
    assert_false(is_valid("\2\0\0\0\1\0\0\0", 8));              /* one is missing */
    assert_false(is_valid("\3\0\0\0\1\0\0\0\1\1\1", 11));       /* such a width */
    assert_false(is_valid("\0\0\0\0\1\0\0\0", 8));              /* or none */
    assert_false(is_valid("\2\0\0\0\1\0\0\0\1\0\0", 11));       /* a byte too many */
    assert_false(is_valid("\2\0\0\0\2\0\0\0\1\0\1\0", 12));     /* twice the same */
    assert_false(is_valid("\2\0\0\0\2\0\0\0\1\0\xff\xff", 12)); /* descending */
    assert_false(
        is_valid("\x8\0\0\0\xff\xff\xff\xff\1\0\0\0\0\0\0\0", 16)); /* a count that wraps */
    for (size_t length = 0; length < 8; length++)
        assert_false(is_valid("\2\0\0\0\0\0\0\0", length));
}

static void every_truncation_is_refused_and_no_corruption_is_read_past(void **state)
{
    (void)state;
    draw_begin();
    struct intset set = intset_create();
    for (int64_t value = 1; value < INT32_MAX; value *= 2)
        add(&set, value);
    size_t size = intset_size(&set);
    for (size_t length = 0; length < size; length++)
        assert_false(is_valid((const char *)set.bytes, length));
    for (int i = 0; i < 5000; i++) {
        size_t at = (size_t)draw(size);
        unsigned char before = set.bytes[at];
        set.bytes[at] = (unsigned char)draw(256);
        if (at < 8) /* the head leaves no choice */
            assert_int_equal(is_valid((const char *)set.bytes, size), set.bytes[at] == before);
        else
            (void)is_valid((const char *)set.bytes, size);
        set.bytes[at] = before;
    }
    intset_free(&set);
}

/* --- the model --- */

struct fixture {
    struct intset set;
    int64_t values[MODEL_MAX]; /* ascending */
    size_t count;
    bool narrow; /* values of 16 bits alone */
};

/* Where it stands, or would. */
static size_t model_find(const struct fixture *fixture, int64_t value, bool *found)
{
    size_t at = 0;
    while (at < fixture->count && fixture->values[at] < value)
        at++;
    *found = at < fixture->count && fixture->values[at] == value;
    return at;
}

static void change(struct fixture *fixture)
{
    int64_t value = fixture->narrow ? (int64_t)draw(400) - 200 : draw_integer();
    bool found;
    size_t index, at = model_find(fixture, value, &found);
    assert_int_equal(intset_find(&fixture->set, value, &index), found);
    assert_int_equal(index, at);
    if (!found && fixture->count < MODEL_MAX && draw(8) != 0) {
        assert_true(intset_add(&fixture->set, value));
        memmove(fixture->values + at + 1, fixture->values + at,
                (fixture->count - at) * sizeof value);
        fixture->values[at] = value;
        fixture->count++;
    } else if (fixture->count > 0 && draw(4) != 0) {
        at = found ? at : (size_t)draw(fixture->count);
        intset_remove_at(&fixture->set, at);
        fixture->count--;
        memmove(fixture->values + at, fixture->values + at + 1,
                (fixture->count - at) * sizeof value);
    }
}

static void compare(const struct fixture *fixture, const struct intset *set)
{
    assert_true(intset_is_valid(bytes_of(set)));
    assert_int_equal(intset_count(set), fixture->count);
    for (size_t i = 0; i < fixture->count; i++)
        assert_int_equal(intset_get(set, i), fixture->values[i]);
}

static void random_changes_leave_what_a_sorted_array_has(void **state)
{
    (void)state;
    draw_begin();
    static struct fixture fixture;
    fixture = (struct fixture){.set = intset_create()};
    for (int i = 0; i < OPERATIONS; i++) {
        if (draw(500) == 0) {
            struct intset copy = intset_of(bytes_of(&fixture.set));
            compare(&fixture, &copy);
            intset_free(&copy);
        }
        if (draw(5000) == 0) {
            intset_free(&fixture.set);
            fixture = (struct fixture){.set = intset_create(), .narrow = draw(2) == 0};
        }
        change(&fixture);
        assert_int_equal(intset_count(&fixture.set), fixture.count);
    }
    compare(&fixture, &fixture.set);
    intset_free(&fixture.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_has_a_head_alone),
        cmocka_unit_test(bytes_are_as_redis_has_them),
        cmocka_unit_test(the_width_is_that_of_the_widest_ever),
        cmocka_unit_test(untrusted_bytes_are_judged),
        cmocka_unit_test(every_truncation_is_refused_and_no_corruption_is_read_past),
        cmocka_unit_test(random_changes_leave_what_a_sorted_array_has),
    };
    return cmocka_run_group_tests_name("values/intset", tests, NULL, NULL);
}
