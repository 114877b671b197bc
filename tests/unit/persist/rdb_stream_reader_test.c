/* Streams as Redis 5, 7 and 7.2 wrote them, good and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_format.h"
#include "persist/rdb_value_reader.h"
#include "persist/rdb_value_writer.h"
#include "persist/rdb_writer.h"
#include "support/exact_copy.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "values/stream.h"
#include "values/stream_producers.h"

#define ENTRIES 5
#define SEEN_MS 7000
#define ACTIVE_MS 6000

static const struct value_settings *some_settings(void)
{
    static struct value_settings settings;
    settings = (struct value_settings){value_default_limits(), {1, 2}};
    return &settings;
}

/* What a stream of the test's is to be like. */
struct plan {
    unsigned char type;
    uint64_t length;        /* as it is said to be */
    uint64_t last;          /* likewise: its last ID */
    uint64_t added;         /* entries ever added */
    int groups, consumers;  /* of the same name if there are two */
    int pending, delivered; /* of the group; of these, of its consumer */
    bool pending_twice, delivers_another, delivers_twice, first_is_deleted;
};

static const struct plan good = {
    RDB_TYPE_STREAM_LISTPACKS_2, ENTRIES, 9, 12, 1, 1, 2, 2, false, false, false, false};

static void add_length(struct buffer *out, uint64_t length)
{
    assert_int_equal(rdb_write_length(out, length), OK);
}

static void add_text(struct buffer *out, struct slice text)
{
    assert_int_equal(rdb_write_string(out, text, false), OK);
}

static void add_raw_id(struct buffer *out, uint64_t ms)
{
    char bytes[STREAM_ID_SIZE];
    stream_id_write(bytes, (struct stream_id){ms, 0});
    buffer_add(out, bytes, sizeof bytes);
}

static void add_time(struct buffer *out, int64_t time_ms)
{
    buffer_add(out, &time_ms, sizeof time_ms);
}

static void add_id(struct buffer *out, uint64_t ms)
{
    add_length(out, ms);
    add_length(out, 0);
}

/* Blocks of two entries: 1-0 2-0, 3-0 4-0, 5-0. */
static void add_blocks(struct buffer *out, bool first_is_deleted)
{
    struct value_settings settings = *some_settings();
    settings.limits.stream_block_entries_max = 2;
    struct stream *stream = stream_create(&settings);
    const struct slice pair[2] = {SLICE("field"), SLICE("value")};
    for (uint64_t ms = 1; ms <= ENTRIES; ms++)
        assert_true(stream_append(stream, &settings.limits, (struct stream_id){ms, 0}, pair, 1));
    if (first_is_deleted)
        assert_true(stream_delete(stream, (struct stream_id){1, 0}));
    add_length(out, stream_block_total(stream));
    for (size_t i = 0; i < stream_block_total(stream); i++) {
        struct stream_id id;
        const struct listpack *block = stream_get_block(stream, i, &id);
        char bytes[STREAM_ID_SIZE];
        stream_id_write(bytes, id);
        add_text(out, slice_of(bytes, sizeof bytes));
        add_text(out, slice_of((const char *)block->bytes, listpack_size(block)));
    }
    stream_destroy(stream);
}

static void add_consumer(struct buffer *out, const struct plan *plan)
{
    add_text(out, SLICE("consumer"));
    add_time(out, SEEN_MS);
    if (plan->type == RDB_TYPE_STREAM_LISTPACKS_3)
        add_time(out, ACTIVE_MS);
    add_length(out, (uint64_t)plan->delivered);
    for (int i = 1; i <= plan->delivered; i++)
        add_raw_id(out, plan->delivers_another ? 99 : plan->delivers_twice ? 1 : (uint64_t)i);
}

static void add_group(struct buffer *out, const struct plan *plan)
{
    add_text(out, SLICE("group"));
    add_id(out, 3);
    if (plan->type != RDB_TYPE_STREAM_LISTPACKS)
        add_length(out, 3); /* entries read */
    add_length(out, (uint64_t)plan->pending);
    for (int i = 1; i <= plan->pending; i++) {
        add_raw_id(out, plan->pending_twice ? 1 : (uint64_t)i);
        add_time(out, 5000 + i);
        add_length(out, 2); /* deliveries */
    }
    add_length(out, (uint64_t)plan->consumers);
    for (int i = 0; i < plan->consumers; i++)
        add_consumer(out, plan);
}

static void add_tail(struct buffer *out, const struct plan *plan)
{
    add_length(out, plan->length);
    add_id(out, plan->last);
    if (plan->type != RDB_TYPE_STREAM_LISTPACKS) {
        add_id(out, 1); /* the first, the highest that was deleted, entries ever added */
        add_id(out, 4);
        add_length(out, plan->added);
    }
    add_length(out, (uint64_t)plan->groups);
    for (int i = 0; i < plan->groups; i++)
        add_group(out, plan);
}

static void add_stream(struct buffer *out, const struct plan *plan)
{
    add_blocks(out, plan->first_is_deleted);
    add_tail(out, plan);
}

/* NULL: *why says why not. */
static struct stream *read_stream(struct slice bytes, unsigned char type, const char **why)
{
    struct slice copy = exact_copy(bytes);
    struct rdb_cursor cursor = {.data = (const unsigned char *)copy.data,
                                .length = copy.length,
                                .string_length_max = 1 << 20};
    struct rdb_value_reader reader = {.value = NULL};
    bool fine = rdb_value_reader_begin(&reader, &cursor, type, some_settings());
    while (fine && reader.parts_left > 0)
        fine = rdb_value_reader_step(&reader, &cursor);
    struct stream *stream = fine ? rdb_value_reader_take(&reader) : NULL;
    *why = cursor.state == RDB_CURSOR_SHORT ? "short" : cursor.why;
    if (fine && cursor.at < cursor.length)
        *why = "bytes are left";
    rdb_value_reader_deinit(&reader);
    exact_copy_free(copy);
    return stream;
}

static struct stream *make_stream(const struct plan *plan)
{
    struct buffer bytes = {0};
    const char *why;
    add_stream(&bytes, plan);
    struct stream *stream = read_stream(buffer_slice(&bytes), plan->type, &why);
    assert_non_null(stream);
    assert_null(why);
    stream_check(stream);
    buffer_deinit(&bytes);
    return stream;
}

static void assert_refused(const struct plan *plan, const char *expected)
{
    struct buffer bytes = {0};
    const char *why;
    add_stream(&bytes, plan);
    assert_null(read_stream(buffer_slice(&bytes), plan->type, &why));
    assert_string_equal(why, expected);
    buffer_deinit(&bytes);
}

static void assert_group(struct stream *stream, int64_t entries_read, int64_t active_ms)
{
    struct stream_group *group = stream_find_group(stream, SLICE("group"));
    assert_non_null(group);
    assert_int_equal(group->last_id.ms, 3);
    assert_int_equal(group->entries_read, entries_read);
    assert_int_equal(group->consumer_count, 1);
    assert_int_equal(pending_list_count(&group->pending), 2);
    const struct stream_consumer *consumer = group->consumers[0];
    assert_true(slice_equals(consumer->name, SLICE("consumer")));
    assert_int_equal(consumer->seen_ms, SEEN_MS);
    assert_int_equal(consumer->active_ms, active_ms);
    struct pending pending;
    assert_true(pending_list_find(&group->pending, (struct stream_id){2, 0}, &pending));
    assert_ptr_equal(pending.consumer, consumer);
    assert_int_equal(pending.delivered_ms, 5002);
    assert_int_equal(pending.deliveries, 2);
}

static void all_three_versions_are_read(void **state)
{
    (void)state;
    struct plan plan = good;
    struct stream *stream = make_stream(&plan);
    assert_int_equal(stream->length, ENTRIES);
    assert_int_equal(stream->last_id.ms, 9);
    assert_int_equal(stream->max_deleted_id.ms, 4);
    assert_int_equal(stream->entries_added, 12);
    assert_group(stream, 3, SEEN_MS);
    stream_destroy(stream);
    plan.type = RDB_TYPE_STREAM_LISTPACKS_3;
    stream = make_stream(&plan);
    assert_group(stream, 3, ACTIVE_MS);
    stream_destroy(stream);
    plan.type = RDB_TYPE_STREAM_LISTPACKS;
    stream = make_stream(&plan);
    assert_int_equal(stream->first_id.ms, 1);
    assert_int_equal(stream->entries_added, ENTRIES);
    assert_group(stream, STREAM_READ_UNKNOWN, SEEN_MS);
    stream_destroy(stream);
}

static void a_stream_of_version_1_may_be_empty(void **state)
{
    (void)state;
    const char *why;
    struct stream *stream =
        read_stream(SLICE("\000\000\005\000\000"), RDB_TYPE_STREAM_LISTPACKS, &why);
    assert_non_null(stream);
    assert_int_equal(stream->length, 0);
    assert_int_equal(stream->last_id.ms, 5);
    assert_int_equal(stream->first_id.ms, 0);
    stream_destroy(stream);
}

static void a_group_may_not_know_what_it_read(void **state)
{
    (void)state;
    const struct {
        uint64_t said;
        int64_t read;
    } groups[] = {{UINT64_MAX, STREAM_READ_UNKNOWN}, {0, 0}, {1, 1}};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const char *why;
        struct buffer bytes = {0};
        buffer_add(&bytes, "\000\000\005\000\000\000\000\000\000\001\001g\005\000", 14);
        add_length(&bytes, groups[i].said);
        buffer_add(&bytes, "\000\000", 2);
        struct stream *stream =
            read_stream(buffer_slice(&bytes), RDB_TYPE_STREAM_LISTPACKS_2, &why);
        assert_non_null(stream);
        assert_int_equal(stream_find_group(stream, SLICE("g"))->entries_read, groups[i].read);
        stream_destroy(stream);
        buffer_deinit(&bytes);
    }
}

/* Was a fault: the reader had a consumer of its own with a name like this in the group. */
static void a_consumer_may_have_any_name(void **state)
{
    (void)state;
    const struct slice names[] = {SLICE(""), SLICE("\0\377nobody has it yet\377\0"), SLICE("\377")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buffer bytes = {0};
        const char *why;
        buffer_add(&bytes, "\000\000\005\000\000\000\000\000\000\001\001g\005\000\000", 15);
        add_length(&bytes, 1); /* pending */
        add_raw_id(&bytes, 3);
        add_time(&bytes, 5000);
        add_length(&bytes, UINT64_MAX); /* deliveries: more than are counted */
        add_length(&bytes, 1);          /* consumers */
        add_text(&bytes, names[i]);
        add_time(&bytes, SEEN_MS);
        add_length(&bytes, 1);
        add_raw_id(&bytes, 3);
        struct stream *stream =
            read_stream(buffer_slice(&bytes), RDB_TYPE_STREAM_LISTPACKS_2, &why);
        assert_non_null(stream);
        const struct stream_group *group = stream_find_group(stream, SLICE("g"));
        assert_int_equal(group->consumer_count, 1);
        assert_true(slice_equals(group->consumers[0]->name, names[i]));
        assert_int_equal(group->consumers[0]->pending.count, 1);
        struct pending pending;
        assert_true(pending_list_find(&group->pending, (struct stream_id){3, 0}, &pending));
        assert_int_equal(pending.deliveries, PENDING_DELIVERIES_MAX);
        stream_check(stream);
        stream_destroy(stream);
        buffer_deinit(&bytes);
    }
}

static void disorder_in_groups_is_refused(void **state)
{
    (void)state;
    struct plan plan = good;
    plan.length = 4;
    assert_refused(&plan, "a stream's length is wrong");
    plan = good;
    plan.groups = 2;
    assert_refused(&plan, "a group stands there twice");
    plan = good;
    plan.consumers = 2;
    plan.delivered = 0;
    assert_refused(&plan, "a consumer stands there twice");
    plan = good;
    plan.pending_twice = true;
    assert_refused(&plan, "an entry is pending twice");
    plan = good;
    plan.delivered = 1;
    assert_refused(&plan, "an entry is pending for nobody");
    plan = good;
    plan.delivers_another = true;
    assert_refused(&plan, "a consumer has pending what its group has not");
    plan = good;
    plan.delivers_twice = true;
    assert_refused(&plan, "a consumer has pending what its group has not");
}

static void damaged_blocks_are_refused(void **state)
{
    (void)state;
    const char *why;
    assert_null(read_stream(SLICE("\001\003abc\001x"), RDB_TYPE_STREAM_LISTPACKS, &why));
    assert_string_equal(why, "a stream's block has no ID");
    assert_null(
        read_stream(SLICE("\001\0200123456789abcdef\001x"), RDB_TYPE_STREAM_LISTPACKS, &why));
    assert_string_equal(why, "a stream's block is damaged");
    assert_null(read_stream(SLICE("\001\0200123456789abcdef\007\007\000\000\000\000\000\377"),
                            RDB_TYPE_STREAM_LISTPACKS, &why));
    assert_string_equal(why, "a stream's block is damaged"); /* a listpack, but no block */
}

/* Each block gets another ID, from which those of its entries count. */
static void assert_blocks(const struct plan *plan, const char ids[3], const char *expected)
{
    struct buffer bytes = {0};
    const char *why;
    size_t next = 0;
    add_stream(&bytes, plan);
    for (size_t at = 1; next < 3; at++) {
        static const char before[] = "\020\000\000\000\000\000\000\000";
        assert_true(at + 17 < bytes.length);
        if (memcmp(bytes.data + at, before, 8) == 0)
            bytes.data[at + 8] = ids[next++];
    }
    struct stream *stream = read_stream(buffer_slice(&bytes), plan->type, &why);
    assert_int_equal(stream == NULL, expected != NULL);
    if (expected != NULL)
        assert_string_equal(why, expected);
    if (stream != NULL)
        stream_destroy(stream);
    buffer_deinit(&bytes);
}

static void blocks_that_overlap_are_refused(void **state)
{
    (void)state;
    const char *out_of_order = "a stream's IDs are out of order";
    struct plan plan = good;
    assert_blocks(&plan, "\001\003\005", NULL);
    assert_blocks(&plan, "\000\003\005", NULL); /* 0-0 is an ID like others */
    assert_blocks(&plan, "\005\003\001", NULL); /* in any order */
    assert_blocks(&plan, "\001\001\001", "a stream's block is damaged");
    assert_blocks(&plan, "\001\002\003", out_of_order);
    plan.first_is_deleted = true;
    plan.length--;
    assert_blocks(&plan, "\001\003\005", NULL);
    assert_blocks(&plan, "\001\002\005", out_of_order);
}

/* Was a fault: what was added then stood behind greater IDs, and was never read again. */
static void a_last_id_below_an_entry_is_refused(void **state)
{
    (void)state;
    struct plan plan = good;
    plan.last = ENTRIES - 1;
    assert_refused(&plan, "a stream's IDs are out of order");
    plan.last = ENTRIES;
    stream_destroy(make_stream(&plan));
}

static void entries_are_counted_up_to_a_limit(void **state)
{
    (void)state;
    static const uint64_t most = INT64_MAX;
    const uint64_t said[] = {0, most, most + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct plan plan = good;
        plan.added = said[i];
        struct stream *stream = make_stream(&plan);
        assert_true(stream->entries_added == (said[i] < most ? said[i] : most));
        stream_destroy(stream);
    }
}

/* A count of blocks that leaves no room for the tail behind them. */
static void a_stream_without_a_tail_is_refused(void **state)
{
    (void)state;
    const char *why;
    assert_null(read_stream(SLICE("\201\377\377\377\377\377\377\377\377"),
                            RDB_TYPE_STREAM_LISTPACKS_2, &why));
    assert_string_equal(why, "a stream of too many blocks");
}

static void a_stream_that_is_cut_is_short(void **state)
{
    (void)state;
    static const unsigned char types[] = {RDB_TYPE_STREAM_LISTPACKS, RDB_TYPE_STREAM_LISTPACKS_2,
                                          RDB_TYPE_STREAM_LISTPACKS_3};
    for (size_t i = 0; i < sizeof types; i++) {
        struct plan plan = good;
        struct buffer bytes = {0};
        const char *why;
        plan.type = types[i];
        add_stream(&bytes, &plan);
        for (size_t length = 0; length < bytes.length; length++) {
            assert_null(read_stream(slice_of(bytes.data, length), types[i], &why));
            assert_string_equal(why, "short");
        }
        buffer_deinit(&bytes);
    }
}

/* Goes on where it was with a byte more, in other memory, until all of it is there. */
static void a_stream_in_pieces_is_read_as_a_whole(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    add_stream(&bytes, &good);
    struct rdb_value_reader reader = {.value = NULL};
    size_t done = 0;
    for (size_t length = 0; length <= bytes.length; length++) {
        struct slice copy = exact_copy(slice_of(bytes.data, length));
        struct rdb_cursor cursor = {.data = (const unsigned char *)copy.data,
                                    .length = length,
                                    .at = done,
                                    .string_length_max = 1 << 20};
        bool fine = true;
        while (fine && (reader.value == NULL || reader.parts_left > 0)) {
            fine = reader.value == NULL
                       ? rdb_value_reader_begin(&reader, &cursor, good.type, some_settings())
                       : rdb_value_reader_step(&reader, &cursor);
            done = fine ? cursor.at : done;
        }
        assert_int_equal(fine, length == bytes.length);
        assert_true(fine || cursor.state == RDB_CURSOR_SHORT);
        exact_copy_free(copy);
    }
    assert_int_equal(done, bytes.length);
    struct stream *stream = rdb_value_reader_take(&reader);
    stream_check(stream);
    assert_int_equal(stream->length, ENTRIES);
    assert_group(stream, 3, SEEN_MS);
    stream_destroy(stream);
    rdb_value_reader_deinit(&reader);
    buffer_deinit(&bytes);
}

static void after_any_flip_a_stream_is_refused_or_valid(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    add_stream(&bytes, &good);
    for (size_t bit = 0; bit < 8 * bytes.length; bit++) {
        const char *why;
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        struct stream *stream =
            read_stream(buffer_slice(&bytes), RDB_TYPE_STREAM_LISTPACKS_2, &why);
        if (stream != NULL) {
            stream_check(stream);
            stream_destroy(stream);
        }
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
    }
    buffer_deinit(&bytes);
}

/* Without what is pending: there running out of memory ends the process (values/pending_list). */
static void without_memory_a_stream_is_refused(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct plan plan = good;
    plan.pending = plan.delivered = 0;
    add_stream(&bytes, &plan);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        const char *why;
        failing_memory_begin(call, 0, false);
        struct stream *stream =
            read_stream(buffer_slice(&bytes), RDB_TYPE_STREAM_LISTPACKS_2, &why);
        ran_out = failing_memory_end();
        if (stream == NULL)
            assert_string_equal(why, "out of memory");
        assert_true(ran_out || stream != NULL);
        if (stream != NULL)
            stream_destroy(stream);
    }
    buffer_deinit(&bytes);
}

static void a_stream_that_cannot_be_written_leaves_the_buffer(void **state)
{
    (void)state;
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct key key = {SLICE("k"), keyspace_hash(keyspace, SLICE("k"))};
    struct stream *stream = make_stream(&good);
    stream->producers = stream_producers_create(&stream->seed, 60, 3);
    assert_true(stream_producers_record(stream->producers, SLICE("p"), SLICE("m"),
                                        (struct stream_id){1, 0}, 0));
    const struct entry *entry = database_set_collection(keyspace_database(keyspace, 0), &key,
                                                        TYPE_STREAM, stream, ENTRY_NO_DEADLINE);
    struct buffer out = {0};
    char before[256] = {0};
    for (size_t filled = 1; filled < sizeof before; filled += 8) { /* it is full here or there */
        bool ran_out = true;
        for (unsigned call = 1; ran_out; call++) {
            buffer_deinit(&out);
            buffer_add(&out, before, filled);
            failing_memory_begin(call, 0, false);
            enum error error = filled % 16 == 1 ? rdb_write_entry(&out, entry, true)
                                                : rdb_write_value_tail(&out, entry);
            ran_out = failing_memory_end();
            assert_int_equal(error, ran_out ? ERROR_OUT_OF_MEMORY : OK);
            assert_true(!ran_out || out.length == filled);
        }
    }
    buffer_deinit(&out);
    keyspace_destroy(keyspace);
}

/* Two groups of two consumers each; `names` are of a byte. */
static void add_groups(struct stream *stream, const char *names)
{
    for (int i = 0; i < 2; i++) {
        struct stream_group *group =
            stream_add_group(stream, slice_of(names + i, 1), STREAM_ID_MIN, STREAM_READ_UNKNOWN);
        for (int j = 0; j < 2; j++)
            (void)stream_add_consumer(group, slice_of(names + j, 1), SEEN_MS);
    }
}

static void a_stream_is_written_as_it_was_read(void **state)
{
    (void)state;
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct key key = {SLICE("k"), keyspace_hash(keyspace, SLICE("k"))};
    struct stream *stream = make_stream(&good);
    const struct entry *entry = database_set_collection(keyspace_database(keyspace, 0), &key,
                                                        TYPE_STREAM, stream, ENTRY_NO_DEADLINE);
    struct buffer out = {0}, expected = {0};
    const char *why;
    assert_int_equal(rdb_write_value(&out, entry, false), OK);
    add_stream(&expected, &good);
    assert_int_equal(out.length, expected.length);
    assert_memory_equal(out.data, expected.data, expected.length);
    add_groups(stream, "xy");
    buffer_clear(&out);
    assert_int_equal(rdb_write_value(&out, entry, false), OK);
    struct stream *read = read_stream(buffer_slice(&out), good.type, &why);
    assert_int_equal(read->group_count, 3);
    assert_int_equal(stream_find_group(read, SLICE("x"))->consumer_count, 2);
    assert_int_equal(stream_find_group(read, SLICE("y"))->consumer_count, 2);
    stream_destroy(read);
    buffer_deinit(&out);
    buffer_deinit(&expected);
    keyspace_destroy(keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_three_versions_are_read),
        cmocka_unit_test(a_stream_of_version_1_may_be_empty),
        cmocka_unit_test(a_group_may_not_know_what_it_read),
        cmocka_unit_test(a_consumer_may_have_any_name),
        cmocka_unit_test(disorder_in_groups_is_refused),
        cmocka_unit_test(damaged_blocks_are_refused),
        cmocka_unit_test(blocks_that_overlap_are_refused),
        cmocka_unit_test(a_last_id_below_an_entry_is_refused),
        cmocka_unit_test(entries_are_counted_up_to_a_limit),
        cmocka_unit_test(a_stream_without_a_tail_is_refused),
        cmocka_unit_test(a_stream_that_is_cut_is_short),
        cmocka_unit_test(a_stream_in_pieces_is_read_as_a_whole),
        cmocka_unit_test(after_any_flip_a_stream_is_refused_or_valid),
        cmocka_unit_test(without_memory_a_stream_is_refused),
        cmocka_unit_test(a_stream_that_cannot_be_written_leaves_the_buffer),
        cmocka_unit_test(a_stream_is_written_as_it_was_read),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/rdb_stream_reader", tests, memory_balance_begin,
                                       NULL);
}
