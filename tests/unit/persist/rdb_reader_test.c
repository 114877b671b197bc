/* Elements of an RDB file one by one: what is skipped, what is taken, what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/crc64.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_format.h"
#include "persist/rdb_producers.h"
#include "persist/rdb_reader.h"
#include "persist/rdb_value_writer.h"
#include "persist/rdb_writer.h"
#include "support/exact_copy.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "support/rdb_bytes.h"

#define NOW_MS 5000
#define FIELD "\372\022" RDB_PRODUCERS_FIELD
#define STREAM "\023\001k\000\000\005\000\000\000\000\000\000\000"
#define END "\377\000\000\000\000\000\000\000\000"

struct outcome {
    struct keyspace *keyspace;
    enum rdb_status status;
    char why[256];
    uint64_t keys, expired;
    bool ran_out;
};

static struct keyspace *make_keyspace(void)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(2, &seed, &no_hooks);
    keyspace_set_time(keyspace, NOW_MS);
    return keyspace;
}

/* All at once; allocation number `fails` of the reader fails (0: none does). */
static void read_file(struct slice file, unsigned fails, struct outcome *out)
{
    struct rdb_reader_settings settings = {true, NOW_MS, file.length, 1000};
    *out = (struct outcome){.keyspace = make_keyspace()};
    struct rdb_reader *reader = rdb_reader_create(out->keyspace, &settings);
    struct slice copy = exact_copy(file);
    size_t used;
    failing_memory_begin(fails, 0, false);
    out->status = rdb_reader_feed(reader, copy, true, &used);
    out->ran_out = failing_memory_end();
    snprintf(out->why, sizeof out->why, "%s", rdb_reader_error(reader));
    out->keys = rdb_reader_keys(reader);
    out->expired = rdb_reader_expired(reader);
    rdb_reader_destroy(reader);
    exact_copy_free(copy);
}

/* `body` behind the magic of version 10. */
static void read_body(struct slice body, unsigned fails, struct outcome *out)
{
    struct buffer file = {0};
    buffer_add_string(&file, "REDIS0010");
    buffer_add(&file, body.data, body.length);
    read_file(buffer_slice(&file), fails, out);
    buffer_deinit(&file);
}

static void assert_keys(struct slice body, uint64_t keys)
{
    struct outcome outcome;
    read_body(body, 0, &outcome);
    assert_string_equal(outcome.why, "");
    assert_int_equal(outcome.status, RDB_DONE);
    assert_int_equal(outcome.keys, keys);
    assert_int_equal(keyspace_size(outcome.keyspace), keys);
    keyspace_destroy(outcome.keyspace);
}

static void assert_refused(struct slice body, const char *why)
{
    struct outcome outcome;
    read_body(body, 0, &outcome);
    assert_int_equal(outcome.status, RDB_REFUSED);
    assert_string_equal(outcome.why, why);
    keyspace_destroy(outcome.keyspace);
}

static void what_does_not_matter_here_is_skipped(void **state)
{
    (void)state;
    assert_keys(SLICE("\372\004name\005value" END), 0);          /* a field */
    assert_keys(SLICE("\372\301\377\377\300\001" END), 0);       /* one whose name is a number */
    assert_keys(SLICE("\364\001\002\003" END), 0);               /* a slot */
    assert_keys(SLICE("\371\007\370\012\000\001k\001v" END), 1); /* frequency and idle time */
    assert_keys(SLICE("\367\001\001\005\002\006\003\376\376\376\376"
                      "\004\376\376\376\376\376\376\376\376\005\003abc\000" END),
                0); /* a module's numbers and strings */
    assert_keys(SLICE("\373\077\000\000\001k\001v" END),
                1); /* sizes that the file has no room for */
}

/* One byte more each time, in memory that is gone afterwards. */
static void read_bytewise(struct slice body, struct outcome *out)
{
    struct buffer file = {0};
    buffer_add_string(&file, "REDIS0010");
    buffer_add(&file, body.data, body.length);
    struct rdb_reader_settings settings = {true, NOW_MS, file.length, 1000};
    *out = (struct outcome){.keyspace = make_keyspace(), .status = RDB_MORE};
    struct rdb_reader *reader = rdb_reader_create(out->keyspace, &settings);
    size_t at = 0;
    assert_int_equal(rdb_reader_wants(reader), strlen("REDIS0010"));
    for (size_t length = 1; out->status == RDB_MORE; length++) {
        size_t used = 0;
        assert_true(at + length <= file.length);
        struct slice piece = exact_copy(slice_of(file.data + at, length));
        out->status = rdb_reader_feed(reader, piece, at + length == file.length, &used);
        exact_copy_free(piece);
        if (out->status == RDB_MORE)
            assert_in_range(rdb_reader_wants(reader), length - used + 1, file.length - at - used);
        at += used;
        length -= used;
        assert_int_equal(rdb_reader_offset(reader), at);
    }
    assert_true(out->status == RDB_REFUSED || rdb_reader_wants(reader) == 0);
    snprintf(out->why, sizeof out->why, "%s", rdb_reader_error(reader));
    out->keys = rdb_reader_keys(reader);
    out->expired = rdb_reader_expired(reader);
    rdb_reader_destroy(reader);
    buffer_deinit(&file);
}

static void every_element_that_is_cut_ends_the_file_too_early(void **state)
{
    (void)state;
    const struct slice bodies[] = {
        SLICE("\372\004name\005value" END),
        SLICE("\372\004name\303\005\005abcde" END),
        SLICE("\364\001\002\003" END),
        SLICE("\371\007\370\012\000\001k\001v" END),
        SLICE("\367\001\001\005\003\001\002\003\004\004\001\002\003\004\005\006\007\010"
              "\005\003abc\000" END),
        SLICE("\373\100\101\002\000\001k\001v" END),
        SLICE("\374\000\000\000\000\001\000\000\000\000\001k\001v" END),
        SLICE("\375\000\000\000\001\004\001k\001\001a\001b" END),
        SLICE("\376\100\001\000\001k\001v" END),
        SLICE("\376\001\002\200\000\000\000\001k\001\001a" END),
        SLICE("\000\302\001\002\003\004\301\001\002" END),
        SLICE(STREAM FIELD "\005\001k\001\001\000" END),
        SLICE("\006\001k"), /* a type that there is not: it is named when its key is there */
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct outcome whole, bytewise;
        read_body(bodies[i], 0, &whole);
        read_bytewise(bodies[i], &bytewise);
        assert_string_equal(whole.why, bytewise.why);
        assert_int_equal(whole.status, bytewise.status);
        assert_int_equal(whole.keys, bytewise.keys);
        assert_int_equal(whole.expired, bytewise.expired);
        keyspace_destroy(whole.keyspace);
        keyspace_destroy(bytewise.keyspace);
    }
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        for (size_t length = 0; length < bodies[i].length; length++) {
            struct buffer exact = {0};
            buffer_add(&exact, bodies[i].data, length);
            assert_refused(buffer_slice(&exact), "it ends too early");
            buffer_deinit(&exact);
        }
}

/* Its name stood in a piece that is gone when its elements come. */
static void a_collection_in_pieces_keeps_its_name(void **state)
{
    (void)state;
    struct outcome outcome;
    read_bytewise(SLICE("\001\003abc\002\001x\001y\001\301\057\060\001\001z" END), &outcome);
    assert_int_equal(outcome.status, RDB_DONE);
    assert_int_equal(outcome.keys, 2);
    static const char *const names[] = {"abc", "12335"};
    for (size_t i = 0; i < 2; i++) {
        struct slice name = slice_of_string(names[i]);
        struct key key = {name, keyspace_hash(outcome.keyspace, name)};
        assert_non_null(database_find(keyspace_database(outcome.keyspace, 0), &key));
    }
    keyspace_destroy(outcome.keyspace);
}

/* Up to 1000 bytes are allowed here. */
static void a_string_may_be_as_long_as_is_allowed(void **state)
{
    (void)state;
    char text[1001];
    for (int kind = 0; kind < 2; kind++) /* noise, and what can be compressed */
        for (size_t length = 1000; length <= 1001; length++) {
            struct buffer body = {0};
            for (size_t i = 0; i < length; i++)
                text[i] = kind == 0 ? (char)((i * UINT64_C(2654435761)) >> 13) : 'a';
            buffer_add(&body, "\000\001k", 3);
            assert_int_equal(rdb_write_string(&body, slice_of(text, length), kind == 1), OK);
            assert_int_equal(body.length < 100, kind == 1);
            buffer_add(&body, END, 9);
            if (length == 1000)
                assert_keys(buffer_slice(&body), 1);
            else
                assert_refused(buffer_slice(&body), "a string is longer than is allowed");
            buffer_deinit(&body);
        }
}

/* Ten bytes stand for the version and the checksum, which are looked at before. */
static void a_payload_is_of_one_whole_value(void **state)
{
    (void)state;
#define FOOTER "\013\000\000\000\000\000\000\000\000\000"
    const struct {
        struct slice payload;
        bool good;
    } payloads[] = {
        {SLICE("\000\001v" FOOTER), true},
        {SLICE("\000\001vx" FOOTER), false}, /* a byte too many */
        {SLICE("\000\002v" FOOTER), false},
        {SLICE("\001\001\001v" FOOTER), true},
        {SLICE("\001\001\001vx" FOOTER), false},
        {SLICE("\001\002\001v" FOOTER), false},
        {SLICE("\001\000" FOOTER), false}, /* an empty list */
        {SLICE("\006\001\001v" FOOTER), false},
        {SLICE("\017\201\377\377\377\377\377\377\377\377" FOOTER), false}, /* blocks */
        {SLICE(FOOTER), false},
    };
    struct keyspace *keyspace = make_keyspace();
    struct database *database = keyspace_database(keyspace, 0);
    struct key key = {SLICE("k"), keyspace_hash(keyspace, SLICE("k"))};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        struct slice payload = payloads[i].payload;
        bool good = payloads[i].good;
        size_t before = database_size(database);
        assert_true(rdb_reader_payload_is_valid(payload));
        assert_int_equal(rdb_reader_check_value(payload, 1000, keyspace_value_settings(keyspace)),
                         good ? OK : ERROR_SYNTAX);
        assert_int_equal(rdb_reader_restore(database, &key, payload, ENTRY_NO_DEADLINE, 1000),
                         good ? OK : ERROR_SYNTAX);
        assert_int_equal(database_size(database), good ? 1 : before);
    }
    keyspace_destroy(keyspace);
}

static void a_payload_says_its_version_and_its_checksum(void **state)
{
    (void)state;
    char payload[13] = "\000\001v\131\000";
    struct crc64_tables tables;
    crc64_init(&tables);
    for (int version = 89; version < 91; version++) {
        payload[3] = (char)version;
        uint64_t crc = crc64_add(&tables, 0, payload, 5);
        for (int i = 0; i < 8; i++)
            payload[5 + i] = (char)(crc >> (8 * i));
        assert_int_equal(rdb_reader_payload_is_valid(slice_of(payload, 13)), version == 89);
        for (int i = 0; i < 8; i++) {
            payload[5 + i] ^= 1;
            assert_false(rdb_reader_payload_is_valid(slice_of(payload, 13)));
            payload[5 + i] ^= 1;
        }
    }
    assert_true(rdb_reader_payload_is_valid(SLICE(FOOTER)));
    assert_false(rdb_reader_payload_is_valid(SLICE("")));
    assert_false(rdb_reader_payload_is_valid(slice_of(FOOTER, 9)));
}

static void what_is_out_of_order_is_refused(void **state)
{
    (void)state;
    assert_refused(SLICE("\367\001\006" END), "bad data of a module");
    assert_refused(SLICE("\374\000\000\000\000\000\000\000\200"), "a deadline out of range");
    assert_keys(SLICE("\374\377\377\377\377\377\377\377\177\000\001k\001v" END), 1); /* the last */
    assert_refused(SLICE("\375\000\000\000\200"), "a deadline out of range");
    assert_refused(SLICE("\376\002"), "it has a database 2, but `databases` is 2");
    assert_refused(SLICE("\376\300\001"), "an encoded string where a length should be");
    assert_refused(SLICE("\376\202"), "a length of unknown form");
    assert_refused(SLICE("\000\001k\303\300"), "an encoded string where a length should be");
    assert_refused(SLICE("\000\001k\304"), "a string of unknown encoding");
    assert_refused(SLICE("\000\001k\104\000"), "a string is longer than is allowed");
    assert_refused(SLICE("\000\001k\303\005\104\000"), "a string is longer than is allowed");
    assert_refused(SLICE("\000\001k\303\001\103\000"), "a compressed string claims too much");
    assert_refused(SLICE("\000\001k\303\002\005xx"), "a compressed string cannot be unpacked");
    assert_refused(SLICE("\365\001f"), "it has functions, which this version does not have");
    assert_refused(SLICE("\006\005k"), "it ends too early");
    assert_refused(SLICE("\006\001k"), "key 'k' is of type 6, which this version does not have");
    assert_refused(SLICE("\002\001k\002\001a\001a"), "an element stands there twice");
}

static void a_long_name_is_cut_in_what_is_said(void **state)
{
    (void)state;
    struct buffer body = {0};
    char name[70], expected[160];
    memset(name, 'n', sizeof name);
    buffer_add(&body, "\006\100\106", 3);
    buffer_add(&body, name, sizeof name);
    snprintf(expected, sizeof expected,
             "key '%.64s' is of type 6, which this version does not have", name);
    assert_refused(buffer_slice(&body), expected);
    buffer_clear(&body);
    for (int i = 0; i < 2; i++) {
        buffer_add(&body, "\000\100\106", 3);
        buffer_add(&body, name, sizeof name);
        buffer_add(&body, "\001v", 2);
    }
    buffer_add(&body, END, 9);
    snprintf(expected, sizeof expected, "a key stands there twice: '%.64s'", name);
    assert_refused(buffer_slice(&body), expected);
    buffer_deinit(&body);
}

static void a_key_stands_there_once(void **state)
{
    (void)state;
    const char *why = "a key stands there twice: 'k'";
    assert_refused(SLICE("\000\001k\001v\000\001k\001v" END), why);
    assert_refused(SLICE("\000\001k\001v\001\001k\001\001a" END), why);
    assert_refused(SLICE("\001\001k\001\001a\001\001k\001\001a" END), why);
    assert_keys(SLICE("\000\001k\001v\376\001\000\001k\001v" END), 2);
    assert_keys(SLICE("\001\001k\000" END), 0); /* an empty list is none */
}

/* More than are put in together; the last of them is there already. */
static void keys_of_a_batch_are_put_in_before_the_next(void **state)
{
    (void)state;
    struct buffer body = {0};
    for (int i = 0; i < 40; i++) {
        char key[] = {0, 1, (char)('0' + i), 1, 'v'};
        buffer_add(&body, key, sizeof key);
    }
    struct buffer twice = {0};
    buffer_add(&twice, body.data, 31 * 5);
    buffer_add(&twice, body.data, 5 * 5);
    buffer_add(&body, END, 9);
    assert_keys(buffer_slice(&body), 40);
    assert_refused(buffer_slice(&twice), "a key stands there twice: '0'");
    buffer_deinit(&body);
    buffer_deinit(&twice);
}

static void what_is_due_is_dropped(void **state)
{
    (void)state;
    struct outcome outcome;
    read_body(SLICE("\374\001\000\000\000\000\000\000\000\000\001s\001v"
                    "\375\001\000\000\000\001\001l\001\001a\000\001t\001v" END),
              0, &outcome);
    assert_int_equal(outcome.status, RDB_DONE);
    assert_int_equal(outcome.keys, 1);
    assert_int_equal(outcome.expired, 2);
    keyspace_destroy(outcome.keyspace);
    read_body(SLICE("\374\000\000\000\000\000\000\000\000\000\001s\001v"
                    "\375\000\000\000\000\001\001l\001\001a" END),
              0, &outcome); /* the first moment of 1970 is one like others */
    assert_string_equal(outcome.why, "");
    assert_int_equal(outcome.expired, 2);
    keyspace_destroy(outcome.keyspace);
    read_body(SLICE("\374\207\023\000\000\000\000\000\000\000\001s\001v" /* a moment ago */
                    "\000\001t\001v" /* has no deadline of its own */
                    "\374\210\023\000\000\000\000\000\000\000\001u\001v" /* at this moment */
                    "\001\001l\001\001a" END),
              0, &outcome);
    assert_int_equal(outcome.status, RDB_DONE);
    assert_int_equal(outcome.keys, 3);
    assert_int_equal(outcome.expired, 1);
    keyspace_destroy(outcome.keyspace);
}

static void a_deadline_may_be_said_in_seconds(void **state)
{
    (void)state;
    struct outcome outcome;
    read_body(SLICE("\375\007\000\000\000\000\001s\001v" END), 0, &outcome);
    struct key key = {SLICE("s"), keyspace_hash(outcome.keyspace, SLICE("s"))};
    const struct entry *entry = database_find(keyspace_database(outcome.keyspace, 0), &key);
    assert_non_null(entry);
    assert_int_equal(entry_deadline_ms(entry), 7000);
    keyspace_destroy(outcome.keyspace);
}

static void versions_say_themselves(void **state)
{
    (void)state;
    struct outcome outcome;
    static const struct {
        const char *text, *why;
    } files[] = {
        {"REDIS0015", "its version is not known"},
        {"REDIS0000", "its version is not known"},
        {"REDIS1010", "its version is not known"},
        {"REDIS001/", "its version is not known"},
        {"REDIS001:", "its version is not known"},
        {"REDIS0014\377", "it ends too early"},
        {"REDIS0009\377"
         "12345678",
         "its checksum does not match"},
        {"REDIS0005\377"
         "12345678",
         "its checksum does not match"},
        {"REDIS0001\377", ""},
        {"VALKEY089\377", "it ends too early"},
        {"REDIS00x1", "its version is not known"},
        {"VALKEY079", "its version is not known"},
        {"VALKEY090", "its version is not known"},
        {"REDIT0010", "it does not begin like an RDB file"},
        {"VALKEX080", "it does not begin like an RDB file"},
        {"REDIS001", "it ends too early"},
        {"REDIS0004\377", ""},
        {"VALKEY080\377", "it ends too early"},
        {"REDIS0010\377"
         "12345678",
         "its checksum does not match"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        read_file(slice_of_string(files[i].text), 0, &outcome);
        assert_string_equal(outcome.why, files[i].why);
        assert_int_equal(outcome.status, files[i].why[0] == '\0' ? RDB_DONE : RDB_REFUSED);
        keyspace_destroy(outcome.keyspace);
    }
}

static void a_checksum_is_not_looked_at_where_nobody_asks(void **state)
{
    (void)state;
    struct rdb_reader_settings settings = {false, NOW_MS, 0, 1000};
    struct keyspace *keyspace = make_keyspace();
    struct rdb_reader *reader = rdb_reader_create(keyspace, &settings);
    size_t used;
    struct slice file = SLICE("REDIS0010\373\001\000\000\001k\001v\37712345678");
    assert_int_equal(rdb_reader_feed(reader, file, true, &used), RDB_DONE);
    assert_int_equal(used, file.length);
    assert_int_equal(rdb_reader_keys(reader), 1);
    rdb_reader_destroy(reader);
    rdb_reader_destroy(NULL);
    keyspace_destroy(keyspace);
}

static void producers_in_a_file_are_read_or_refused(void **state)
{
    (void)state;
    assert_int_equal(strlen(RDB_PRODUCERS_FIELD), 18);
    assert_keys(SLICE(STREAM FIELD "\005\001k\001\001\000" END), 1);
    assert_refused(SLICE(STREAM FIELD "\002\001k" END), "bytes of producers are missing");
    assert_refused(SLICE(STREAM FIELD "\005\001k\000\001\000" END),
                   "settings of producers out of range");
    assert_refused(SLICE(STREAM FIELD "\005\001k\001\000\000" END),
                   "settings of producers out of range");
    assert_refused(SLICE(STREAM FIELD "\012\001k\001\200\377\377\377\377\000" END),
                   "settings of producers out of range");
    assert_refused(SLICE(STREAM FIELD "\012\001k\200\377\377\377\377\001\000" END),
                   "settings of producers out of range");
    assert_refused(SLICE(STREAM FIELD "\006\001k\001\001\000x" END), "too many bytes of producers");
    assert_refused(SLICE(STREAM FIELD "\007\303\002\005xx\001\001" END),
                   "a compressed string cannot be unpacked");
    assert_keys(SLICE(STREAM FIELD "\012\001k\200\000\001\121\200\147\020\000" END), 1); /* most */
    assert_refused(SLICE(STREAM FIELD "\012\001k\200\000\001\121\201\147\020\000" END),
                   "settings of producers out of range");
    assert_refused(SLICE(STREAM FIELD "\012\001k\200\000\001\121\200\147\021\000" END),
                   "settings of producers out of range");
    assert_keys(SLICE("\000\001k\001v" FIELD "\005\001k\001\001\000" END), 1);
    assert_refused(SLICE(STREAM FIELD "\303\002\005xx" END),
                   "a compressed string cannot be unpacked");
    assert_refused(SLICE(STREAM FIELD), "it ends too early");
}

static void without_memory_a_file_is_refused_or_whole(void **state)
{
    (void)state;
    struct slice body = SLICE("\000\001s\303\004\003\002abc\000\001t\003xyz\001\001l\001\003abc"
                              "\000\003key\002vv" FIELD "\005\001k\001\001\000"
                              "\020\001h\014\014\000\000\000\002\000\201f\002\001\001\377"
                              "\022\001q\001\001\003abc" END);
    bool ran_out = true;
    for (unsigned call = 1; ran_out; call++) {
        struct outcome outcome;
        read_body(body, call, &outcome);
        ran_out = outcome.ran_out;
        if (outcome.status != RDB_DONE)
            assert_string_equal(outcome.why, "out of memory");
        else
            assert_int_equal(outcome.keys, 6);
        assert_true(ran_out || outcome.status == RDB_DONE);
        keyspace_destroy(outcome.keyspace);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_matter_here_is_skipped),
        cmocka_unit_test(every_element_that_is_cut_ends_the_file_too_early),
        cmocka_unit_test(a_collection_in_pieces_keeps_its_name),
        cmocka_unit_test(a_string_may_be_as_long_as_is_allowed),
        cmocka_unit_test(a_payload_is_of_one_whole_value),
        cmocka_unit_test(a_payload_says_its_version_and_its_checksum),
        cmocka_unit_test(what_is_out_of_order_is_refused),
        cmocka_unit_test(a_long_name_is_cut_in_what_is_said),
        cmocka_unit_test(a_key_stands_there_once),
        cmocka_unit_test(keys_of_a_batch_are_put_in_before_the_next),
        cmocka_unit_test(what_is_due_is_dropped),
        cmocka_unit_test(a_deadline_may_be_said_in_seconds),
        cmocka_unit_test(versions_say_themselves),
        cmocka_unit_test(a_checksum_is_not_looked_at_where_nobody_asks),
        cmocka_unit_test(producers_in_a_file_are_read_or_refused),
        cmocka_unit_test(without_memory_a_file_is_refused_or_whole),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/rdb_reader", tests, memory_balance_begin, NULL);
}
