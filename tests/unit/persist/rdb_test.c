#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/crc64.h"
#include "base/memory.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_reader.h"
#include "persist/rdb_value_writer.h"
#include "persist/rdb_writer.h"
#include "support/exact_copy.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"

#define DATABASES 4
#define NOW_MS INT64_C(1700000000000)

static struct keyspace *make_keyspace(void)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(DATABASES, &seed, &no_hooks);
    keyspace_set_time(keyspace, NOW_MS);
    return keyspace;
}

static void set(struct keyspace *keyspace, int index, struct slice name, struct slice value,
                int64_t deadline_ms)
{
    struct key key = {name, keyspace_hash(keyspace, name)};
    assert_non_null(database_set_string(keyspace_database(keyspace, index), &key, value,
                                        DEADLINE_SET, deadline_ms));
}

/* Strings of every form the format has. */
static void fill(struct keyspace *keyspace)
{
    static const char *const numbers[] = {
        "0",     "-1",         "127",         "128",        "-32768",
        "32768", "2147483647", "-2147483648", "2147483648", "9223372036854775807",
        "007",   "12 "};
    char name[32], value[70000];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(name, sizeof name, "number%zu", i);
        set(keyspace, 0, slice_of_string(name), slice_of_string(numbers[i]), ENTRY_NO_DEADLINE);
    }
    static const size_t lengths[] = {0, 1, 20, 21, 63, 64, 100, 1024, 1025, 16383, 16384, 70000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < lengths[i]; j++)
            value[j] = (char)(i % 2 == 0 ? 'a' + j % 3 : (j * 2654435761u) >> 13);
        snprintf(name, sizeof name, "length%zu", lengths[i]);
        set(keyspace, 1, slice_of_string(name), slice_of(value, lengths[i]), ENTRY_NO_DEADLINE);
    }
    set(keyspace, 3, SLICE("12345"), SLICE("the key is a number"), NOW_MS + 5);
    set(keyspace, 3, SLICE("a\0b"), SLICE("\0\1\2"), NOW_MS + 100000);
}

static void write_entry(void *context, struct entry *entry)
{
    assert_int_equal(rdb_write_entry(context, entry, true), OK);
}

static void write_all(struct keyspace *keyspace, struct buffer *out, bool checked)
{
    struct crc64_tables tables;
    crc64_init(&tables);
    rdb_write_header(out, NOW_MS, 12345, false);
    for (int i = 0; i < DATABASES; i++) {
        struct database *database = keyspace_database(keyspace, i);
        uint64_t cursor = 0;
        rdb_write_database(out, i);
        rdb_write_sizes(out, database_size(database), database_count_with_deadline(database));
        do
            cursor = database_scan(database, cursor, write_entry, out);
        while (cursor != 0);
    }
    if (checked)
        rdb_write_end(out, &tables, crc64_add(&tables, 0, out->data, out->length));
    else
        rdb_write_end_unchecked(out);
}

/* Feeds pieces of `piece_size` bytes, as much more as the reader wants. */
static enum rdb_status read_all(struct keyspace *keyspace, struct slice file, size_t piece_size,
                                int64_t now_ms)
{
    struct rdb_reader_settings settings = {true, now_ms, file.length, 1 << 20};
    struct rdb_reader *reader = rdb_reader_create(keyspace, &settings);
    enum rdb_status status = RDB_MORE;
    size_t at = 0, end = 0;
    while (status == RDB_MORE) {
        size_t wanted = rdb_reader_wants(reader), used;
        end = at + (wanted > piece_size ? wanted : piece_size);
        if (end > file.length)
            end = file.length;
        struct slice piece = exact_copy(slice_of(file.data + at, end - at));
        status = rdb_reader_feed(reader, piece, end == file.length, &used);
        exact_copy_free(piece);
        if (status != RDB_REFUSED)
            at += used;
        else
            assert_true(rdb_reader_error(reader)[0] != '\0');
    }
    if (status == RDB_DONE)
        assert_int_equal(rdb_reader_offset(reader), at);
    rdb_reader_destroy(reader);
    return status;
}

struct comparison {
    struct keyspace *other;
    int index;
    bool subset; /* what is missing in `other` does not count */
};

static void compare_entry(void *context, struct entry *entry)
{
    const struct comparison *comparison = context;
    struct slice name = entry_key(entry);
    struct key key = {name, keyspace_hash(comparison->other, name)};
    const struct entry *other =
        database_find(keyspace_database(comparison->other, comparison->index), &key);
    char scratch[2][32];
    if (other == NULL && comparison->subset)
        return;
    assert_non_null(other);
    assert_true(slice_equals(entry_string(entry, scratch[0]), entry_string(other, scratch[1])));
    assert_int_equal(entry_deadline_ms(entry), entry_deadline_ms(other));
    assert_string_equal(entry_encoding_name(entry), entry_encoding_name(other));
}

static void compare(struct keyspace *one, struct keyspace *other, bool subset)
{
    for (int i = 0; i < DATABASES; i++) {
        struct comparison comparison = {other, i, subset};
        uint64_t cursor = 0;
        do
            cursor = database_scan(keyspace_database(one, i), cursor, compare_entry, &comparison);
        while (cursor != 0);
    }
}

static void every_form_of_string_comes_back(void **state)
{
    (void)state;
    struct keyspace *keyspace = make_keyspace();
    struct buffer file = {0};
    fill(keyspace);
    write_all(keyspace, &file, true);
    static const size_t pieces[] = {1, 7, 100, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct keyspace *read = make_keyspace();
        assert_int_equal(read_all(read, buffer_slice(&file), pieces[i], INT64_MIN), RDB_DONE);
        assert_int_equal(keyspace_size(read), keyspace_size(keyspace));
        compare(keyspace, read, false);
        keyspace_destroy(read);
    }
    buffer_deinit(&file);
    keyspace_destroy(keyspace);
}

static void keys_that_are_due_are_dropped_but_not_from_a_base(void **state)
{
    (void)state;
    struct keyspace *keyspace = make_keyspace(), *read = make_keyspace();
    struct buffer file = {0};
    fill(keyspace);
    write_all(keyspace, &file, true);
    assert_int_equal(read_all(read, buffer_slice(&file), 4096, NOW_MS + 1000), RDB_DONE);
    assert_int_equal(keyspace_size(read), keyspace_size(keyspace) - 1);
    keyspace_destroy(read);
    buffer_deinit(&file);
    keyspace_destroy(keyspace);
}

static void a_file_without_a_checksum_is_read(void **state)
{
    (void)state;
    struct keyspace *keyspace = make_keyspace(), *read = make_keyspace();
    struct buffer file = {0};
    fill(keyspace);
    write_all(keyspace, &file, false);
    assert_int_equal(read_all(read, buffer_slice(&file), 4096, INT64_MIN), RDB_DONE);
    compare(keyspace, read, false);
    keyspace_destroy(read);
    buffer_deinit(&file);
    keyspace_destroy(keyspace);
}

static struct keyspace *small_file(struct buffer *file)
{
    struct keyspace *keyspace = make_keyspace();
    set(keyspace, 0, SLICE("a"), SLICE("1"), NOW_MS + 1000);
    set(keyspace, 1, SLICE("key"), SLICE("some text of more than twenty bytes bytes bytes bytes"),
        ENTRY_NO_DEADLINE);
    set(keyspace, 2, SLICE("n"), SLICE("123456"), ENTRY_NO_DEADLINE);
    write_all(keyspace, file, true);
    return keyspace;
}

static void a_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buffer file = {0};
    struct keyspace *keyspace = small_file(&file);
    for (size_t cut = 0; cut < file.length; cut++) {
        struct keyspace *read = make_keyspace();
        assert_int_equal(read_all(read, slice_of(file.data, cut), 16, INT64_MIN), RDB_REFUSED);
        keyspace_destroy(read);
    }
    buffer_deinit(&file);
    keyspace_destroy(keyspace);
}

static void a_flip_of_any_bit_is_refused(void **state)
{
    (void)state;
    struct buffer file = {0};
    struct keyspace *keyspace = small_file(&file);
    for (size_t at = 0; at < file.length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct keyspace *read = make_keyspace();
            file.data[at] = (char)(file.data[at] ^ (1 << bit));
            assert_int_equal(read_all(read, buffer_slice(&file), 64, INT64_MIN), RDB_REFUSED);
            file.data[at] = (char)(file.data[at] ^ (1 << bit));
            keyspace_destroy(read);
        }
    }
    buffer_deinit(&file);
    keyspace_destroy(keyspace);
}

/* Bytes that redis-server 7.0.15 wrote: SELECT 0, SET k v, SET n 300, SET t x PXAT 4000000000000.
 */
static void golden_bytes_of_redis_are_read(void **state)
{
    (void)state;
    static const unsigned char golden[] = {
        'R',  'E',  'D',  'I',  'S',  '0',  '0',  '1',  '0', 0xfa, 9,   'r', 'e',  'd',
        'i',  's',  '-',  'v',  'e',  'r',  6,    '7',  '.', '0',  '.', '1', '5',  0xfe,
        0,    0xfb, 3,    1,    0,    1,    'k',  1,    'v', 0,    1,   'n', 0xc1, 0x2c,
        0x01, 0xfc, 0x00, 0x40, 0x94, 0x52, 0xa3, 0x03, 0,   0,    0,   1,   't',  1,
        'x',  0xff, 0,    0,    0,    0,    0,    0,    0,   0,
    };
    struct keyspace *read = make_keyspace();
    struct slice file = slice_of((const char *)golden, sizeof golden);
    assert_int_equal(read_all(read, file, 8, INT64_MIN), RDB_DONE);
    assert_int_equal(keyspace_size(read), 3);
    struct key key = {SLICE("t"), keyspace_hash(read, SLICE("t"))};
    const struct entry *entry = database_find(keyspace_database(read, 0), &key);
    assert_int_equal(entry_deadline_ms(entry), INT64_C(4000000000000));
    keyspace_destroy(read);
}

static void a_file_says_where_it_comes_from(void **state)
{
    (void)state;
    struct buffer out = {0};
    rdb_write_header(&out, 1234567899, 70000, true);
    static const char expected[] = "REDIS0010"
                                   "\372\011redis-ver\0067.0.15"
                                   "\372\012redis-bits\300\100"
                                   "\372\005ctime\302\207\326\022\000" /* 1234567 s */
                                   "\372\010used-mem\302\160\021\001\000"
                                   "\372\010aof-base\300\001";
    assert_int_equal(out.length, sizeof expected - 1);
    assert_memory_equal(out.data, expected, out.length);
    buffer_deinit(&out);
}

static void numbers_and_lengths_take_the_fewest_bytes(void **state)
{
    (void)state;
    const struct {
        const char *text;
        struct slice bytes;
    } numbers[] = {
        {"127", SLICE("\300\177")},
        {"-128", SLICE("\300\200")},
        {"128", SLICE("\301\200\000")},
        {"-129", SLICE("\301\177\377")},
        {"32767", SLICE("\301\377\177")},
        {"-32768", SLICE("\301\000\200")},
        {"32768", SLICE("\302\000\200\000\000")},
        {"-32769", SLICE("\302\377\177\377\377")},
        {"2147483647", SLICE("\302\377\377\377\177")},
        {"-2147483648", SLICE("\302\000\000\000\200")},
        {"2147483648", SLICE("\0122147483648")},
        {"-2147483649", SLICE("\013-2147483649")},
        {"aaaaaaaaaaaaaaaaaaaa", SLICE("\024aaaaaaaaaaaaaaaaaaaa")},
        {"abcdefghijklmnopqrstu", SLICE("\025abcdefghijklmnopqrstu")}, /* nothing is gained */
        {"aaaaaaaaaaaaaaaaaaaaa", SLICE("\303\006\025\001aa\340\012\000")},
    };
    const struct {
        uint64_t length;
        struct slice bytes;
    } lengths[] = {
        {0, SLICE("\000")},
        {63, SLICE("\077")},
        {64, SLICE("\100\100")},
        {16383, SLICE("\177\377")},
        {16384, SLICE("\200\000\000\100\000")},
        {UINT32_MAX, SLICE("\200\377\377\377\377")},
        {UINT64_C(1) << 32, SLICE("\201\000\000\000\001\000\000\000\000")},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct buffer out = {0};
        assert_int_equal(rdb_write_string(&out, slice_of_string(numbers[i].text), true), OK);
        assert_int_equal(out.length, numbers[i].bytes.length);
        assert_memory_equal(out.data, numbers[i].bytes.data, out.length);
        buffer_deinit(&out);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buffer out = {0};
        assert_int_equal(rdb_write_length(&out, lengths[i].length), OK);
        assert_int_equal(out.length, lengths[i].bytes.length);
        assert_memory_equal(out.data, lengths[i].bytes.data, out.length);
        buffer_deinit(&out);
    }
}

static void without_memory_nothing_is_written(void **state)
{
    (void)state;
    struct keyspace *keyspace = make_keyspace();
    struct key key = {SLICE("k"), keyspace_hash(keyspace, SLICE("k"))};
    set(keyspace, 0, key.name, SLICE("v"), ENTRY_NO_DEADLINE);
    const struct entry *entry = database_find(keyspace_database(keyspace, 0), &key);
    for (int i = 0; i < 4; i++) {
        struct buffer out = {0};
        int64_t base_ms;
        failing_memory_begin(1, 0, false);
        enum error error = i == 0   ? rdb_write_length(&out, 5)
                           : i == 1 ? rdb_write_string(&out, SLICE("text"), true)
                           : i == 2 ? rdb_write_value_head(&out, entry, 1, &base_ms)
                                    : rdb_write_entry_head(&out, entry, true);
        assert_true(failing_memory_end());
        assert_int_equal(error, ERROR_OUT_OF_MEMORY);
        assert_int_equal(out.length, 0);
        buffer_deinit(&out);
    }
    keyspace_destroy(keyspace);
}

/* DUMP: type, value, version, checksum. */
static void a_payload_is_what_redis_makes_of_it(void **state)
{
    (void)state;
    static const char expected[] = "\000\003abc\012\000";
    struct keyspace *keyspace = make_keyspace();
    struct database *database = keyspace_database(keyspace, 0);
    struct key key = {SLICE("k"), keyspace_hash(keyspace, SLICE("k"))};
    struct buffer out = {0};
    set(keyspace, 0, key.name, SLICE("abc"), ENTRY_NO_DEADLINE);
    buffer_add_string(&out, "before");
    assert_int_equal(rdb_write_dump(&out, database_find(database, &key)), OK);
    assert_int_equal(out.length, 6 + sizeof expected - 1 + 8);
    assert_memory_equal(out.data + 6, expected, sizeof expected - 1);
    struct slice payload = slice_of(out.data + 6, out.length - 6);
    assert_true(rdb_reader_payload_is_valid(payload));
    assert_true(database_delete(database, &key));
    assert_int_equal(rdb_reader_restore(database, &key, payload, NOW_MS + 7, 100), OK);
    const struct entry *entry = database_find(database, &key);
    char scratch[32];
    assert_true(slice_equals(entry_string(entry, scratch), SLICE("abc")));
    assert_int_equal(entry_deadline_ms(entry), NOW_MS + 7);
    buffer_deinit(&out);
    keyspace_destroy(keyspace);
}

static void crc64_is_that_of_jones(void **state)
{
    (void)state;
    struct crc64_tables tables;
    crc64_init(&tables);
    assert_true(crc64_add(&tables, 0, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
    assert_true(crc64_add(&tables, crc64_add(&tables, 0, "1234", 4), "56789", 5) ==
                UINT64_C(0xe9c6d914c4b8d9ca));
}

static void what_is_not_known_is_refused_with_its_name(void **state)
{
    (void)state;
    const struct slice bad[] = {
        SLICE("REDIS0099\xff"),
        SLICE("REDIS0010\xfe\x09\xff"),   /* a database that is not there */
        SLICE("REDIS0010\x01\x01k\x01v"), /* a list of old */
        SLICE("REDIS0010\x00\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff"), /* a length beyond all */
        SLICE("REDIS0010\x00\x01k\xc3\x05\x80\x7f\xff\xff\xff"), /* unpacks to 2 GB of 5 bytes */
        SLICE("REDIS0010\x00\x01k\xc4\x01"),                     /* an encoding that is not there */
        SLICE("REDIS0010\xf5\x01x"),                             /* functions */
        SLICE("REDIS0010\x02\x00\x01\x01" /* the empty key, a set, twice: a fuzzer came here */
              "a\x02\x00\x01\x01"
              "b\xff\x00\x00\x00\x00\x00\x00\x00\x00"),
        SLICE("VALKEY001\xff"),
        SLICE("hello, world"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct keyspace *read = make_keyspace();
        assert_int_equal(read_all(read, bad[i], 64, INT64_MIN), RDB_REFUSED);
        keyspace_destroy(read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_where_it_comes_from),
        cmocka_unit_test(numbers_and_lengths_take_the_fewest_bytes),
        cmocka_unit_test(without_memory_nothing_is_written),
        cmocka_unit_test(a_payload_is_what_redis_makes_of_it),
        cmocka_unit_test(crc64_is_that_of_jones),
        cmocka_unit_test(every_form_of_string_comes_back),
        cmocka_unit_test(keys_that_are_due_are_dropped_but_not_from_a_base),
        cmocka_unit_test(a_file_without_a_checksum_is_read),
        cmocka_unit_test(a_cut_anywhere_is_refused),
        cmocka_unit_test(a_flip_of_any_bit_is_refused),
        cmocka_unit_test(golden_bytes_of_redis_are_read),
        cmocka_unit_test(what_is_not_known_is_refused_with_its_name),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/rdb", tests, memory_balance_begin, NULL);
}
