/* Blocks of streams: their form, and what of a damaged one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "values/stream_block.h"

static const struct stream_id block_id = {1000, 5};

/* What the block is, element by element; NULL ends it. */
static struct listpack block_of(const char *const *elements)
{
    struct listpack block = listpack_create(0);
    for (; *elements != NULL; elements++)
        assert_true(listpack_append(&block, slice_of_string(*elements)));
    return block;
}

static void assert_elements(const struct listpack *block, const char *const *elements)
{
    for (size_t at = listpack_first(block); at != LISTPACK_END; at = listpack_next(block, at)) {
        assert_non_null(*elements);
        assert_true(listpack_equals(block, at, slice_of_string(*elements++)));
    }
    assert_null(*elements);
}

/* A block of three entries: fields of the master, others, the master's again. */
static struct listpack three_entries(void)
{
    static const struct slice same[4] = {{"a", 1}, {"1", 1}, {"b", 1}, {"x", 1}};
    static const struct slice other[2] = {{"c", 1}, {"2", 1}};
    struct listpack block = stream_block_create(same, 2);
    assert_true(stream_block_append(&block, block_id, (struct stream_id){1000, 5}, same, 2));
    assert_true(stream_block_append(&block, block_id, (struct stream_id){1000, 7}, other, 1));
    assert_true(stream_block_append(&block, block_id, (struct stream_id){1002, 0}, same, 2));
    return block;
}

static void a_block_is_redis_s(void **state)
{
    (void)state;
    struct listpack block = three_entries();
    static const char *const elements[] = {"3", "0", "2", "a",  "b", "0", "2", "0", "0",
                                           "1", "x", "5", "0",  "0", "2", "1", "c", "2",
                                           "6", "2", "2", "-5", "1", "x", "5", NULL};
    assert_elements(&block, elements);
    assert_true(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
}

static void a_deleted_entry_stays_marked(void **state)
{
    (void)state;
    struct listpack block = three_entries();
    struct stream_entry entry;
    assert_true(stream_block_first(&block, block_id, &entry));
    assert_true(stream_block_next(&block, block_id, &entry));
    stream_block_delete(&block, &entry);
    assert_int_equal(stream_block_count(&block), 2);
    assert_int_equal(stream_block_deleted(&block), 1);
    assert_true(stream_block_first(&block, block_id, &entry));
    assert_false(entry.is_deleted);
    assert_true(stream_block_next(&block, block_id, &entry));
    assert_true(entry.is_deleted);
    assert_true(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
}

static void entries_are_the_same_both_ways(void **state)
{
    (void)state;
    static const struct stream_id ids[] = {{1000, 5}, {1000, 7}, {1002, 0}};
    struct listpack block = three_entries();
    struct stream_entry forward[3], entry;
    bool more = stream_block_first(&block, block_id, &entry);
    for (size_t i = 0; i < 3; i++, more = stream_block_next(&block, block_id, &entry)) {
        assert_true(more);
        forward[i] = entry;
    }
    assert_false(more);
    more = stream_block_last(&block, block_id, &entry);
    for (size_t i = 3; i > 0; i--, more = stream_block_previous(&block, block_id, &entry)) {
        assert_true(more);
        assert_int_equal(stream_id_compare(entry.id, ids[i - 1]), 0);
        assert_int_equal(stream_id_compare(forward[i - 1].id, entry.id), 0);
        assert_int_equal(forward[i - 1].has_master_fields, i != 2);
        assert_int_equal(entry.has_master_fields, i != 2);
        assert_int_equal(forward[i - 1].fields, entry.fields);
        assert_int_equal(forward[i - 1].flags_at, entry.flags_at);
        assert_int_equal(forward[i - 1].content_at, entry.content_at);
        assert_int_equal(forward[i - 1].end, entry.end);
    }
    assert_false(more);
    listpack_free(&block);
}

struct seen {
    char text[64];
    size_t length;
};

static void note_pair(void *context, struct slice field, struct slice value)
{
    struct seen *seen = context;
    memcpy(seen->text + seen->length, field.data, field.length);
    seen->length += field.length;
    memcpy(seen->text + seen->length, value.data, value.length);
    seen->length += value.length;
}

static void fields_are_visited_with_their_values(void **state)
{
    (void)state;
    static const char *const texts[] = {"a1bx", "c2", "a1bx"};
    struct listpack block = three_entries();
    struct stream_entry entry;
    bool more = stream_block_first(&block, block_id, &entry);
    for (size_t i = 0; i < 3; i++, more = stream_block_next(&block, block_id, &entry)) {
        struct seen seen = {.length = 0};
        assert_true(more);
        stream_block_visit(&block, &entry, note_pair, &seen);
        assert_string_equal(seen.text, texts[i]);
    }
    listpack_free(&block);
}

/* The block of two entries, one deleted, with one element changed, or cut off before it. */
static void a_block_with_any_wrong_element_is_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"1", "1", "1", "f", "0", "2", "0", "0", "v",
                                       "4", "1", "1", "0", "1", "g", "w", "6", NULL};
    static const struct {
        size_t index;
        const char *text;
    } wrong[] = {{0, "2"},  {0, "0"},  {0, "x"},  {1, "0"},  {1, "-1"},  {2, "0"},
                 {2, "2"},  {2, "-1"}, {2, "y"},  {4, "1"},  {4, "z"},   {5, "0"},
                 {5, "4"},  {5, "-1"}, {5, "3"},  {6, "-1"}, {6, "2"},   {6, "x"},
                 {7, "-1"}, {9, "3"},  {9, "5"},  {10, "0"}, {11, "0"},  {11, "x"},
                 {13, "2"}, {13, "0"}, {16, "5"}, {16, "x"}, {13, "-1"}, {13, "99999999999"},
                 {5, "6"},  {10, "5"}};
    struct listpack block = block_of(good);
    assert_true(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        block = block_of(good);
        size_t at = listpack_seek(&block, (int64_t)wrong[i].index);
        assert_true(listpack_replace(&block, &at, slice_of_string(wrong[i].text)));
        assert_false(stream_block_is_valid(&block, block_id));
        listpack_free(&block);
    }
    for (int64_t length = 0; good[length] != NULL; length++) {
        block = block_of(good);
        (void)listpack_remove(&block, listpack_seek(&block, length), SIZE_MAX);
        assert_false(stream_block_is_valid(&block, block_id));
        listpack_free(&block);
    }
}

static void a_block_of_deleted_entries_alone_is_refused(void **state)
{
    (void)state;
    static const char *const deleted[] = {"0", "1", "0", "0", "3", "0", "0", "3", NULL};
    struct listpack block = block_of(deleted);
    assert_false(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
}

/* IDs are kept less that of the block, modulo 2^64: the first must not be before the block's. */
static void ids_of_a_block_ascend_from_its_own(void **state)
{
    (void)state;
    static const char *const early[] = {"1", "0", "0", "0", "2", "0", "-1", "3", NULL};
    static const char *const late[] = {"1", "0", "0", "0", "2", "1", "-5", "3", NULL};
    static const char *const equal[] = {"2", "0", "0", "0", "2", "0", "0",
                                        "3", "2", "0", "0", "3", NULL};
    struct listpack block = block_of(early);
    assert_false(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
    block = block_of(late);
    assert_true(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
    block = block_of(equal);
    assert_false(stream_block_is_valid(&block, block_id));
    listpack_free(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_redis_s),
        cmocka_unit_test(a_deleted_entry_stays_marked),
        cmocka_unit_test(entries_are_the_same_both_ways),
        cmocka_unit_test(fields_are_visited_with_their_values),
        cmocka_unit_test(a_block_with_any_wrong_element_is_refused),
        cmocka_unit_test(a_block_of_deleted_entries_alone_is_refused),
        cmocka_unit_test(ids_of_a_block_ascend_from_its_own),
    };
    return cmocka_run_group_tests_name("values/stream_block", tests, NULL, NULL);
}
