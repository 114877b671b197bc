/* What producers lately added goes to an RDB file behind its stream, and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_format.h"
#include "persist/rdb_producers.h"
#include "persist/rdb_writer.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "values/stream.h"
#include "values/stream_producers.h"

#define NAME "orders"
#define HEAD (1 + 1 + sizeof RDB_PRODUCERS_FIELD - 1) /* opcode, the field's name */

struct fixture {
    struct keyspace *keyspace;
    struct database *database;
    struct entry *entry;
    struct stream *stream;
};

static int set_up(void **state)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    static struct fixture fixture;
    fixture.keyspace = keyspace_create(1, &seed, &no_hooks);
    fixture.database = keyspace_database(fixture.keyspace, 0);
    fixture.stream = stream_create(keyspace_value_settings(fixture.keyspace));
    struct key key = {SLICE(NAME), keyspace_hash(fixture.keyspace, SLICE(NAME))};
    fixture.entry = database_set_collection(fixture.database, &key, TYPE_STREAM, fixture.stream,
                                            ENTRY_NO_DEADLINE);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    keyspace_destroy(fixture->keyspace);
    return 0;
}

static void name_producers(struct fixture *fixture)
{
    fixture->stream->producers = stream_producers_create(&fixture->stream->seed, 60, 3);
    for (uint64_t i = 0; i < 5; i++)
        assert_true(stream_producers_record(fixture->stream->producers, SLICE("p"),
                                            slice_of(&"abcde"[i], 1), (struct stream_id){i + 1, i},
                                            0));
    assert_true(stream_producers_record(fixture->stream->producers, SLICE(""), SLICE("\0\r\n"),
                                        (struct stream_id){9, UINT64_MAX}, 0));
    assert_true(stream_producers_record(fixture->stream->producers, SLICE("12"), SLICE("-3400"),
                                        (struct stream_id){10, 0}, 0));
}

/* The text of the field, without what stands before it. */
static struct slice written(struct fixture *fixture, struct buffer *out)
{
    assert_int_equal(rdb_producers_write(out, fixture->entry), OK);
    assert_int_equal((unsigned char)out->data[0], RDB_OPCODE_AUXILIARY);
    size_t skip = HEAD + ((unsigned char)out->data[HEAD] < 64 ? 1 : 2);
    return slice_of(out->data + skip, out->length - skip);
}

static void forget(struct fixture *fixture)
{
    if (fixture->stream->producers != NULL)
        stream_producers_destroy(fixture->stream->producers);
    fixture->stream->producers = NULL;
}

static void a_stream_without_producers_writes_nothing(void **state)
{
    struct buffer out = {NULL, 0, 0};
    struct fixture *fixture = *state;
    assert_int_equal(rdb_producers_write(&out, fixture->entry), OK);
    assert_int_equal(out.length, 0);
}

static void what_is_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out = {NULL, 0, 0}, again = {NULL, 0, 0};
    const char *why;
    name_producers(fixture);
    struct slice text = written(fixture, &out);
    forget(fixture);
    assert_true(rdb_producers_read(fixture->keyspace, fixture->database, text, &why));
    stream_producers_check(fixture->stream->producers);
    assert_int_equal(fixture->stream->producers->duration_s, 60);
    assert_int_equal(stream_producers_messages(fixture->stream->producers), 5);
    assert_true(slice_equals(written(fixture, &again), text));
    assert_false(rdb_producers_read(fixture->keyspace, fixture->database, text, &why));
    assert_string_equal(why, "producers of a stream stand there twice");
    buffer_deinit(&out);
    buffer_deinit(&again);
}

static void an_entry_is_written_with_its_producers(void **state)
{
    struct fixture *fixture = *state;
    struct buffer entry = {NULL, 0, 0}, field = {NULL, 0, 0};
    name_producers(fixture);
    assert_int_equal(rdb_write_entry(&entry, fixture->entry, false), OK);
    assert_int_equal(rdb_producers_write(&field, fixture->entry), OK);
    assert_true(entry.length > field.length);
    assert_memory_equal(entry.data + entry.length - field.length, field.data, field.length);
    buffer_deinit(&entry);
    buffer_deinit(&field);
}

static void without_memory_nothing_is_written(void **state)
{
    struct fixture *fixture = *state;
    char message[300];
    memset(message, 'm', sizeof message);
    name_producers(fixture);
    assert_true(stream_producers_record(fixture->stream->producers, SLICE("long"),
                                        slice_of(message, sizeof message),
                                        (struct stream_id){11, 0}, 0));
    for (size_t filled = 0; filled < sizeof message; filled++) {
        bool ran_out = true;
        for (unsigned call = 1; ran_out; call++) {
            struct buffer out = {NULL, 0, 0};
            buffer_add(&out, message, filled);
            failing_memory_begin(call, 0, false);
            enum error error = rdb_producers_write(&out, fixture->entry);
            ran_out = failing_memory_end();
            assert_int_equal(error, ran_out ? ERROR_OUT_OF_MEMORY : OK);
            assert_true(!ran_out || out.length == filled);
            buffer_deinit(&out);
        }
    }
}

static void every_cut_is_refused_and_no_flip_does_harm(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out = {NULL, 0, 0};
    const char *why;
    name_producers(fixture);
    struct slice text = written(fixture, &out);
    char *bytes = out.data + (text.data - out.data);
    for (size_t length = 0; length < text.length; length++) {
        forget(fixture);
        assert_false(rdb_producers_read(fixture->keyspace, fixture->database,
                                        slice_of(text.data, length), &why));
        assert_non_null(why);
    }
    for (size_t bit = 0; bit < 8 * text.length; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        forget(fixture);
        (void)rdb_producers_read(fixture->keyspace, fixture->database, text, &why);
        if (fixture->stream->producers != NULL)
            stream_producers_check(fixture->stream->producers);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    buffer_deinit(&out);
}

static void a_stream_that_is_not_there_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out = {NULL, 0, 0};
    const char *why;
    name_producers(fixture);
    struct slice text = written(fixture, &out);
    struct key key = {SLICE(NAME), keyspace_hash(fixture->keyspace, SLICE(NAME))};
    assert_true(database_delete(fixture->database, &key));
    assert_true(rdb_producers_read(fixture->keyspace, fixture->database, text, &why));
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stream_without_producers_writes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_entry_is_written_with_its_producers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_cut_is_refused_and_no_flip_does_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_is_not_there_is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/rdb_producers", tests, memory_balance_begin, NULL);
}
