/* Large strings whose bytes readers keep: they stay as they are, whatever becomes of the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "support/failing_memory.h"

struct fixture {
    struct keyspace *keyspace;
    struct database *database;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct keyspace_hooks hooks = {.context = NULL};
    fixture->keyspace = keyspace_create(1, &(struct hash_seed){1, 2}, &hooks);
    fixture->database = keyspace_database(fixture->keyspace, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    database_check(fixture->database);
    keyspace_destroy(fixture->keyspace);
    free(fixture);
    return 0;
}

static struct key key_named(struct fixture *fixture, const char *name)
{
    struct slice slice = slice_of_string(name);
    return (struct key){slice, keyspace_hash(fixture->keyspace, slice)};
}

/* A large string, and a reader who keeps its bytes. */
static struct chain_shared *make_shared(struct fixture *fixture, const struct key *key,
                                        struct chain *reader)
{
    char *value = malloc(ENTRY_SHARED_MIN);
    memset(value, 'a', ENTRY_SHARED_MIN);
    struct entry *entry = database_set_string(fixture->database, key,
                                              slice_of(value, ENTRY_SHARED_MIN), DEADLINE_CLEAR, 0);
    free(value);
    struct chain_shared *shared = entry_share(entry);
    assert_non_null(shared);
    assert_ptr_equal(shared, entry_share(entry));
    chain_append_shared(reader, shared, 0, shared->length);
    return shared;
}

static void assert_reads_as_before(struct chain *reader)
{
    assert_int_equal(reader->length, ENTRY_SHARED_MIN);
    char *bytes = malloc(ENTRY_SHARED_MIN);
    chain_copy_out(reader, 0, bytes, ENTRY_SHARED_MIN);
    for (size_t i = 0; i < ENTRY_SHARED_MIN; i++)
        assert_int_equal(bytes[i], 'a');
    free(bytes);
    chain_consume(reader, ENTRY_SHARED_MIN);
}

static void overwrite_free_blocks(void)
{
    char *blocks[4];
    for (int i = 0; i < 4; i++)
        memset(blocks[i] = memory_allocate(ENTRY_SHARED_MIN), 'x', ENTRY_SHARED_MIN);
    for (int i = 0; i < 4; i++)
        memory_free(blocks[i]);
}

static void bytes_that_a_reader_keeps_outlive_every_change_of_the_key(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "large"), other = key_named(fixture, "other");
    struct chain_pool *pool = chain_pool_create(1);
    struct chain reader;
    char *bytes;
    chain_init(&reader, pool);
    for (int change = 0; change < 5; change++) {
        make_shared(fixture, &key, &reader);
        struct entry *entry = database_find(fixture->database, &key);
        switch (change) {
        case 0:                      /* in place: copied first */
            overwrite_free_blocks(); /* what the copy may be given */
            entry = database_resize_string(fixture->database, &key, entry, ENTRY_SHARED_MIN + 10,
                                           &bytes);
            assert_non_null(entry);
            for (size_t i = 0; i < ENTRY_SHARED_MIN; i++)
                assert_int_equal(bytes[i], 'a');
            memset(bytes, 'b', ENTRY_SHARED_MIN + 10);
            break;
        case 1:
            database_set_string(fixture->database, &key, SLICE("small"), DEADLINE_CLEAR, 0);
            break;
        case 2:
            assert_true(database_delete(fixture->database, &key));
            break;
        case 3: /* goes with the value */
            assert_non_null(database_move(fixture->database, &key, fixture->database, &other));
            assert_true(database_delete(fixture->database, &other));
            break;
        default:
            database_clear(fixture->database);
        }
        overwrite_free_blocks();
        assert_reads_as_before(&reader);
    }
    chain_pool_destroy(pool);
}

static void bytes_that_nobody_keeps_any_more_are_changed_without_a_copy(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "large");
    struct chain_pool *pool = chain_pool_create(1);
    struct chain reader;
    char *bytes;
    chain_init(&reader, pool);
    const char *before = make_shared(fixture, &key, &reader)->data;
    chain_consume(&reader, reader.length);
    assert_non_null(database_resize_string(
        fixture->database, &key, database_find(fixture->database, &key), ENTRY_SHARED_MIN, &bytes));
    assert_ptr_equal(bytes, before);
    chain_pool_destroy(pool);
}

/* Taking the bytes over, copying them, making room for more: whatever fails, they are there. */
static void a_shared_value_outlives_memory_that_runs_out(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "large");
    struct chain_pool *pool = chain_pool_create(1);
    struct chain reader;
    char *bytes;
    chain_init(&reader, pool);
    for (int how = 0; how < 4; how++) {
        bool failed = true, kept = how % 2 != 0, for_good = how < 2;
        for (unsigned call = 1; failed; call++) {
            make_shared(fixture, &key, &reader);
            if (!kept)
                chain_consume(&reader, ENTRY_SHARED_MIN);
            failing_memory_begin(call, 0, for_good);
            struct entry *entry = database_resize_string(fixture->database, &key,
                                                         database_find(fixture->database, &key),
                                                         10 * ENTRY_SHARED_MIN, &bytes);
            failed = failing_memory_end();
            assert_int_equal(entry == NULL, failed);
            entry = database_find(fixture->database, &key);
            assert_int_equal(entry_string_length(entry),
                             failed ? ENTRY_SHARED_MIN : 10 * ENTRY_SHARED_MIN);
            char scratch[NUMBER_INTEGER_TEXT_MAX];
            assert_int_equal(entry_string(entry, scratch).data[ENTRY_SHARED_MIN - 1], 'a');
            if (kept)
                assert_reads_as_before(&reader);
        }
    }
    chain_pool_destroy(pool);
}

static void a_copy_has_no_room_to_spare(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "large");
    struct chain_pool *pool = chain_pool_create(1);
    struct chain reader;
    char *bytes;
    chain_init(&reader, pool);
    struct entry *entry =
        database_resize_string(fixture->database, &key, NULL, 2 * ENTRY_SHARED_MIN, &bytes);
    entry = database_resize_string(fixture->database, &key, entry, ENTRY_SHARED_MIN, &bytes);
    memset(bytes, 'a', ENTRY_SHARED_MIN);
    chain_append_shared(&reader, entry_share(entry), 0, ENTRY_SHARED_MIN);
    entry = database_resize_string(fixture->database, &key, entry, ENTRY_SHARED_MIN + 10, &bytes);
    struct entry_blob blob = entry_blob(entry);
    assert_true(memory_usable_size(blob.data) >= blob.capacity);
    assert_reads_as_before(&reader);
    chain_pool_destroy(pool);
}

static void small_strings_and_numbers_are_not_shared(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "small");
    assert_null(entry_share(
        database_set_string(fixture->database, &key, SLICE("text"), DEADLINE_CLEAR, 0)));
    assert_null(
        entry_share(database_set_string(fixture->database, &key, SLICE("12"), DEADLINE_CLEAR, 0)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_that_a_reader_keeps_outlive_every_change_of_the_key),
        TEST(bytes_that_nobody_keeps_any_more_are_changed_without_a_copy),
        TEST(a_shared_value_outlives_memory_that_runs_out),
        TEST(a_copy_has_no_room_to_spare),
        TEST(small_strings_and_numbers_are_not_shared),
    };
    return cmocka_run_group_tests_name("keyspace/entry_share", tests, NULL, NULL);
}
