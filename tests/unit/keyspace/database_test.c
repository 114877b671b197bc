/* Databases: strings in all their layouts, deadlines, expiry, moving, clearing; and a random walk
 * beside a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/table.h"
#include "support/watched.h"

struct fixture {
    struct keyspace *keyspace;
    struct database *database;
    int removed, missed;
    enum removal last_reason;
    char last_key[64];
};

static void note_removed(void *context, struct database *database, struct slice key,
                         enum removal reason)
{
    (void)database;
    struct fixture *fixture = context;
    fixture->removed++;
    fixture->last_reason = reason;
    snprintf(fixture->last_key, sizeof fixture->last_key, "%.*s", (int)key.length, key.data);
}

static void note_missed(void *context, struct database *database, struct slice key)
{
    (void)database, (void)key;
    ((struct fixture *)context)->missed++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct hash_seed seed = {1, 2};
    struct keyspace_hooks hooks = {fixture, note_removed, NULL, NULL, note_missed, NULL};
    fixture->keyspace = keyspace_create(4, &seed, &hooks);
    fixture->database = keyspace_database(fixture->keyspace, 0);
    keyspace_set_time(fixture->keyspace, 1000);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < keyspace_database_count(fixture->keyspace); i++)
        database_check(keyspace_database(fixture->keyspace, i));
    keyspace_destroy(fixture->keyspace);
    free(fixture);
    return 0;
}

static struct key key_named(struct fixture *fixture, const char *name)
{
    struct slice slice = slice_of_string(name);
    return (struct key){slice, keyspace_hash(fixture->keyspace, slice)};
}

static struct entry *set(struct fixture *fixture, const char *name, const char *value)
{
    struct key key = key_named(fixture, name);
    return database_set_string(fixture->database, &key, slice_of_string(value), DEADLINE_CLEAR, 0);
}

static void assert_value(struct fixture *fixture, const char *name, struct slice expected)
{
    struct key key = key_named(fixture, name);
    struct entry *entry = database_find(fixture->database, &key);
    assert_non_null(entry);
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value = entry_string(entry, scratch);
    assert_int_equal(value.length, expected.length);
    assert_memory_equal(value.data, expected.data, expected.length);
    assert_int_equal(entry_string_length(entry), expected.length);
}

static void strings_of_every_length_come_back(void **state)
{
    struct fixture *fixture = *state;
    char *bytes = malloc(70000);
    for (size_t i = 0; i < 70000; i++)
        bytes[i] = (char)('a' + i % 26);
    struct key key = key_named(fixture, "key");
    for (int round = 0; round < 2; round++) {
        for (size_t length = 0; length < 70000;
             length = length < 1200 ? length + 1 : length * 3 / 2) {
            size_t n = round == 0 ? length : 69999 - length;
            assert_non_null(database_set_string(fixture->database, &key, slice_of(bytes, n),
                                                DEADLINE_CLEAR, 0));
            assert_value(fixture, "key", slice_of(bytes, n));
        }
    }
    free(bytes);
}

/* A number, bytes in the entry (of a number's size, of a blob's), bytes in a block. */
static void every_form_of_a_string_turns_into_every_other(void **state)
{
    struct fixture *fixture = *state;
    static char long_bytes[ENTRY_EMBEDDED_MAX + 2];
    memset(long_bytes, 'x', sizeof long_bytes - 1);
    const struct slice values[] = {
        SLICE("5"),
        SLICE("-9223372036854775808"),
        SLICE("8 bytes."),
        SLICE("as many bytes as a struct blob.."),
        slice_of(long_bytes, ENTRY_EMBEDDED_MAX),
        slice_of(long_bytes, ENTRY_EMBEDDED_MAX + 1),
    };
    const size_t count = sizeof values / sizeof values[0];
    struct key key = key_named(fixture, "key");
    for (size_t i = 0; i < count * count; i++) {
        const struct slice both[] = {values[i / count], values[i % count]};
        for (int j = 0; j < 2; j++) {
            struct entry *entry =
                database_set_string(fixture->database, &key, both[j], DEADLINE_KEEP, 0);
            assert_non_null(entry);
            assert_value(fixture, "key", both[j]);
            assert_int_equal((entry->flags & ENTRY_EMBEDDED) != 0,
                             entry->encoding != ENCODING_INT &&
                                 both[j].length <= ENTRY_EMBEDDED_MAX);
        }
    }
}

static void a_value_of_about_the_same_size_stays_in_its_place(void **state)
{
    SKIP_WATCHED(NULL, "there blocks end where they were asked to end");
    struct fixture *fixture = *state;
    const char *const values[] = {"12345", "8 bytes.", "9 bytes..", "77"};
    struct entry *entry = set(fixture, "12345678901234567", values[0]); /* 33 bytes of 48 */
    for (size_t i = 1; i < sizeof values / sizeof values[0]; i++)
        assert_ptr_equal(set(fixture, "12345678901234567", values[i]), entry);
    set(fixture, "12345678901234567", "more bytes than the block of 48 has");
    assert_int_equal(entry_memory(set(fixture, "12345678901234567", "7bytes."), 0), 32);
    /* Beyond 128 bytes classes are 32 bytes apart, then 64. */
    char text[300] = {0};
    memset(text, 'a', sizeof text - 1);
    entry = set(fixture, "k", text);
    text[298] = 0;
    assert_ptr_equal(set(fixture, "k", text), entry);
    text[265] = 0;
    assert_ptr_equal(set(fixture, "k", text), entry);
    text[200] = 0;
    assert_int_equal(entry_memory(set(fixture, "k", text), 0), 224);
}

static void a_large_value_counts_as_memory_with_its_block(void **state)
{
    struct fixture *fixture = *state;
    char *text = malloc(5001);
    memset(text, 'a', 5000);
    text[5000] = 0;
    struct entry *entry = set(fixture, "k", text);
    size_t own = memory_good_size(sizeof(struct entry) + 1 + sizeof(struct entry_blob));
    assert_int_equal(entry_memory(entry, 0), own + memory_good_size(5000));
    free(text);
}

/* As Redis's strings: twice as much as is there, but not more than 1 MiB more. */
static void a_value_that_grows_gets_room_to_spare(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "grows");
    const size_t lengths[] = {1025, 5000, 1 << 20, 5 << 20};
    const size_t expected[] = {2050, 10000, 2 << 20, 6 << 20};
    for (size_t i = 0; i < 4; i++) {
        char *bytes;
        struct entry *entry = database_find(fixture->database, &key);
        entry = database_resize_string(fixture->database, &key, entry, lengths[i], &bytes);
        assert_int_equal(entry_blob(entry).capacity, memory_good_size(expected[i]));
        entry = database_resize_string(fixture->database, &key, entry, expected[i], &bytes);
        assert_int_equal(entry_blob(entry).capacity, memory_good_size(expected[i]));
        assert_ptr_equal(entry_blob(entry).data, bytes);
    }
}

static void encodings_are_those_redis_reports(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(entry_encoding_name(set(fixture, "a", "12345")), "int");
    assert_string_equal(entry_encoding_name(set(fixture, "a", "012345")), "embstr");
    assert_string_equal(entry_encoding_name(set(fixture, "a", "9223372036854775807")), "int");
    assert_string_equal(entry_encoding_name(set(fixture, "a", "9223372036854775808")), "embstr");
    assert_string_equal(
        entry_encoding_name(set(fixture, "a", "12345678901234567890123456789012345678901234")),
        "embstr");
    assert_string_equal(
        entry_encoding_name(set(fixture, "a", "123456789012345678901234567890123456789012345")),
        "raw");
    assert_string_equal(entry_type_name(set(fixture, "a", "")), "string");
}

static void keys_of_every_length_are_told_apart(void **state)
{
    struct fixture *fixture = *state;
    char *name = malloc(70001);
    memset(name, 'k', 70000);
    size_t count = 0;
    for (size_t length = 0; length <= 70000; length = length < 600 ? length + 1 : length * 2) {
        struct slice slice = slice_of(name, length);
        struct key key = {slice, keyspace_hash(fixture->keyspace, slice)};
        char value[32];
        int value_length = snprintf(value, sizeof value, "v%zu", length);
        database_set_string(fixture->database, &key, slice_of(value, (size_t)value_length),
                            length % 2 ? DEADLINE_SET : DEADLINE_CLEAR, 5000);
        count++;
        struct entry *entry = database_find(fixture->database, &key);
        assert_true(slice_equals(entry_key(entry), slice));
        assert_int_equal(entry_deadline_ms(entry), length % 2 ? 5000 : ENTRY_NO_DEADLINE);
        size_t head = sizeof *entry + (length % 2 ? 8 : 0) + (length > 255 ? 4 : 0) + length;
        if (head + (size_t)value_length >= 16)
            assert_int_equal(entry_memory(entry, 0), memory_good_size(head + (size_t)value_length));
    }
    assert_int_equal(database_size(fixture->database), count);
    free(name);
}

static void a_small_key_and_value_with_a_deadline_fill_one_cache_line(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "0123456789abcdef");
    struct slice value = SLICE("0123456789abcdefghijklmnopqrstuv");
    struct entry *entry = database_set_string(fixture->database, &key, value, DEADLINE_SET, 99999);
    assert_int_equal(entry_memory(entry, 0), 64);
    entry = database_set_string(fixture->database, &key, SLICE("123456"), DEADLINE_CLEAR, 0);
    assert_int_equal(entry_memory(entry, 0), 32);
    char name[ENTRY_KEY_SHORT_MAX + 1] = {0}; /* its length takes no room of its own */
    memset(name, 'k', ENTRY_KEY_SHORT_MAX);
    entry = set(fixture, name, "as many bytes as are left of a block of 320: these are 57");
    assert_int_equal(entry_memory(entry, 0), 320);
    assert_false(entry->flags & ENTRY_LONG_KEY);
}

static void an_expired_key_is_gone_and_the_hook_told(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "short");
    database_set_string(fixture->database, &key, SLICE("x"), DEADLINE_SET, 2000);
    keyspace_set_time(fixture->keyspace, 1360);
    assert_int_equal(database_average_ttl_ms(fixture->database), 640);
    keyspace_set_time(fixture->keyspace, 1999);
    assert_non_null(database_find(fixture->database, &key));
    assert_non_null(database_read(fixture->database, &key, true));
    keyspace_set_time(fixture->keyspace, 2000);
    assert_null(database_read(fixture->database, &key, true));
    assert_int_equal(keyspace_statistics(fixture->keyspace)->hits, 1);
    assert_int_equal(keyspace_statistics(fixture->keyspace)->misses, 1);
    assert_int_equal(fixture->removed, 1);
    assert_int_equal(fixture->missed, 1);
    assert_int_equal(fixture->last_reason, REMOVED_EXPIRED);
    assert_string_equal(fixture->last_key, "short");
    assert_int_equal(database_size(fixture->database), 0);
}

static void frozen_expiry_hides_keys_and_keeps_them(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "short");
    database_set_string(fixture->database, &key, SLICE("x"), DEADLINE_SET, 2000);
    keyspace_set_time(fixture->keyspace, 3000);
    keyspace_freeze_expiry(fixture->keyspace, true);
    assert_null(database_find(fixture->database, &key));
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 0);
    assert_int_equal(database_size(fixture->database), 1);
    assert_int_equal(fixture->removed, 0);
    keyspace_freeze_expiry(fixture->keyspace, false);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 1);
    assert_int_equal(database_size(fixture->database), 0);
}

static void due_keys_go_in_bounded_steps(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        struct key key = key_named(fixture, name);
        struct database *database = keyspace_database(fixture->keyspace, i % 2);
        database_set_string(database, &key, SLICE("x"), DEADLINE_SET, 2000 + i);
    }
    assert_int_equal(keyspace_next_deadline_ms(fixture->keyspace), 2000);
    keyspace_set_time(fixture->keyspace, 2499);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 300), 300);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 300), 200);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 300), 0);
    assert_int_equal(keyspace_next_deadline_ms(fixture->keyspace), 2500);
    assert_int_equal(keyspace_size(fixture->keyspace), 500);
    assert_int_equal(keyspace_statistics(fixture->keyspace)->expired, 500);
    assert_int_equal(keyspace_statistics(fixture->keyspace)->expired_late_ms_max, 499);
}

static void every_database_has_its_turn_to_expire(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 400; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        struct key key = key_named(fixture, name);
        struct database *database = keyspace_database(fixture->keyspace, i % 4);
        database_set_string(database, &key, SLICE("x"), DEADLINE_SET, 2000);
    }
    keyspace_set_time(fixture->keyspace, 2000);
    for (int i = 0; i < 8; i++)
        assert_int_equal(keyspace_expire_due(fixture->keyspace, 10), 10);
    for (int i = 0; i < 4; i++)
        assert_int_equal(database_size(keyspace_database(fixture->keyspace, i)), 80);
}

static void no_more_keys_expire_than_asked_for(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 400; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        struct key key = key_named(fixture, name);
        database_set_string(fixture->database, &key, SLICE("x"), DEADLINE_SET, 2000);
    }
    keyspace_set_time(fixture->keyspace, 2000);
    size_t left = 400;
    const size_t asked[] = {0, 1, 100, 63, 64, 65};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        assert_int_equal(keyspace_expire_due(fixture->keyspace, asked[i]), asked[i]);
        assert_int_equal(database_size(fixture->database), left -= asked[i]);
    }
}

static void resizing_keeps_bytes_and_deadline_and_adds_zeros(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "grows");
    char *bytes;
    struct entry *entry =
        database_set_string(fixture->database, &key, SLICE("12345"), DEADLINE_SET, 9000);
    size_t lengths[] = {6, 7, 100, 1024, 1025, 3000, 5000000, 5000, 10};
    size_t kept = 5;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        entry = database_resize_string(fixture->database, &key, entry, lengths[i], &bytes);
        assert_non_null(entry);
        assert_memory_equal(bytes, "12345", 5);
        for (size_t at = kept; at < lengths[i]; at++)
            assert_int_equal(bytes[at], 0);
        memset(bytes + 5, 0, lengths[i] - 5);
        assert_int_equal(entry_string_length(entry), lengths[i]);
        assert_int_equal(entry_deadline_ms(entry), 9000);
        assert_string_equal(entry_encoding_name(entry), "raw");
        bool grown = i > 3; /* beyond what an entry holds: it stays a block */
        assert_int_equal((entry->flags & ENTRY_EMBEDDED) == 0, grown);
        kept = lengths[i];
    }
    struct key fresh = key_named(fixture, "fresh");
    entry = database_resize_string(fixture->database, &fresh, NULL, 3, &bytes);
    assert_memory_equal(bytes, "\0\0\0", 3);
    assert_int_equal(entry_deadline_ms(entry), ENTRY_NO_DEADLINE);
}

static void the_only_byte_is_kept_when_a_value_grows(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "key");
    for (size_t length = 2; length < 4000; length *= 40) {
        char *bytes;
        assert_non_null(database_resize_string(fixture->database, &key, set(fixture, "key", "a"),
                                               length, &bytes));
        assert_memory_equal(bytes, "a\0", 2);
    }
}

static void a_number_keeps_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "key");
    struct entry *entry = database_set_integer(fixture->database, &key, NULL, -12);
    assert_value(fixture, "key", SLICE("-12"));
    entry = database_set_deadline(fixture->database, &key, entry, 7000);
    assert_ptr_equal(database_set_integer(fixture->database, &key, entry, INT64_MAX), entry);
    assert_value(fixture, "key", SLICE("9223372036854775807"));
    assert_int_equal(entry_deadline_ms(entry), 7000);
}

static void a_block_becomes_the_value_without_a_copy(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "key");
    for (int round = 0; round < 2; round++) { /* of a key that is not there, of one that is */
        char *block = memory_allocate(3000);
        memset(block, 'a' + round, 3000);
        struct entry *entry = database_set_string_block(fixture->database, &key, block, 3000,
                                                        DEADLINE_SET, 7000 + round);
        assert_ptr_equal(entry_blob(entry).data, block);
        assert_value(fixture, "key", slice_of(block, 3000));
        assert_int_equal(entry_deadline_ms(entry), 7000 + round);
    }
}

static void deadlines_come_and_go_without_touching_the_value(void **state)
{
    struct fixture *fixture = *state;
    const char *values[] = {"123", "text", ""};
    for (size_t i = 0; i < 3; i++) {
        struct entry *entry = set(fixture, "key", values[i]);
        struct key key = key_named(fixture, "key");
        entry = database_set_deadline(fixture->database, &key, entry, 7000);
        assert_int_equal(entry_deadline_ms(entry), 7000);
        assert_true(database_expiry_memory(fixture->database) > 0);
        entry = database_set_deadline(fixture->database, &key, entry, 8000);
        assert_int_equal(keyspace_next_deadline_ms(fixture->keyspace), 8000);
        entry = database_set_deadline(fixture->database, &key, entry, ENTRY_NO_DEADLINE);
        assert_int_equal(entry_deadline_ms(entry), ENTRY_NO_DEADLINE);
        assert_int_equal(database_count_with_deadline(fixture->database), 0);
        assert_value(fixture, "key", slice_of_string(values[i]));
    }
}

static void a_value_that_is_set_in_place_has_the_new_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "key");
    struct entry *entry =
        database_set_string(fixture->database, &key, SLICE("one"), DEADLINE_SET, 7000);
    assert_ptr_equal(database_set_string(fixture->database, &key, SLICE("two"), DEADLINE_SET, 8000),
                     entry);
    assert_int_equal(entry_deadline_ms(entry), 8000);
    assert_int_equal(keyspace_next_deadline_ms(fixture->keyspace), 8000);
    assert_ptr_equal(
        database_set_string(fixture->database, &key, SLICE("six"), DEADLINE_KEEP, 9000), entry);
    assert_int_equal(entry_deadline_ms(entry), 8000);
}

static void moving_takes_value_and_deadline_along(void **state)
{
    struct fixture *fixture = *state;
    struct database *other = keyspace_database(fixture->keyspace, 1);
    struct key from = key_named(fixture, "from"), to = key_named(fixture, "to");
    char *large = malloc(5000);
    memset(large, 'l', 5000);
    database_set_string(fixture->database, &from, slice_of(large, 5000), DEADLINE_SET, 7000);
    set(fixture, "to", "old");
    database_copy(fixture->database, &from, fixture->database, &to);
    assert_value(fixture, "to", slice_of(large, 5000));
    struct entry *moved = database_move(fixture->database, &from, other, &to);
    assert_int_equal(entry_deadline_ms(moved), 7000);
    assert_null(database_find(fixture->database, &from));
    assert_int_equal(database_size(other), 1);
    assert_int_equal(database_size(fixture->database), 1);
    free(large);
}

static void swapped_databases_exchange_what_they_hold(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "a", "1");
    keyspace_swap(fixture->keyspace, 0, 3);
    assert_int_equal(database_size(fixture->database), 0);
    assert_int_equal(database_index(fixture->database), 0);
    assert_ptr_equal(database_keyspace(fixture->database), fixture->keyspace);
    assert_int_equal(database_size(keyspace_database(fixture->keyspace, 3)), 1);
    keyspace_swap(fixture->keyspace, 2, 2);
}

static void clearing_empties_at_once(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        set(fixture, name, "value");
    }
    assert_int_equal(database_clear(fixture->database), 5000);
    assert_int_equal(database_size(fixture->database), 0);
    assert_int_equal(database_clear(fixture->database), 0);
    assert_null(database_random(fixture->database, 1));
    set(fixture, "again", "1");
    assert_value(fixture, "again", SLICE("1"));
}

static void a_database_that_is_filled_grows_in_larger_steps(void **state)
{
    struct fixture *fixture = *state;
    size_t slots[2];
    for (int fills = 0; fills < 2; fills++) {
        database_clear(fixture->database);
        database_fill(fixture->database, fills != 0);
        if (fills != 0) /* FLUSHALL while loading */
            set(fixture, "x", "1"), database_clear(fixture->database);
        for (int i = 0; i < 5000; i++) {
            char name[32];
            snprintf(name, sizeof name, "key:%d", i);
            set(fixture, name, "value");
        }
        slots[fills] = database_table_slots(fixture->database);
        assert_true(database_table_memory(fixture->database) > slots[fills] * 5);
    }
    assert_true(slots[0] < slots[1]);
    size_t position = 0;
    database_fill(fixture->database, false);
    while (database_fit(fixture->database, &position))
        ;
    assert_true(database_table_slots(fixture->database) < slots[1]);
}

static void a_random_key_is_one_that_is_there(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "only", "1");
    struct key gone = key_named(fixture, "gone");
    database_set_string(fixture->database, &gone, SLICE("x"), DEADLINE_SET, 1001);
    keyspace_set_time(fixture->keyspace, 1001);
    for (uint64_t i = 0; i < 100; i++) {
        struct entry *entry = database_random(fixture->database, i * UINT64_C(0x9E3779B97F4A7C15));
        assert_true(slice_equals(entry_key(entry), SLICE("only")));
    }
    assert_int_equal(fixture->removed, 1); /* when it was met */
    assert_int_equal(database_size(fixture->database), 1);
}

/* As after loading a file of which most keys had expired. */
static void a_random_key_is_found_where_there_is_room_for_many_more(void **state)
{
    struct fixture *fixture = *state;
    database_reserve(fixture->database, 200000);
    assert_true(database_table_slots(fixture->database) > 200000);
    assert_null(database_random(fixture->database, 1));
    bool found[3] = {false};
    for (int i = 0; i < 3; i++)
        set(fixture, (const char *[]){"a", "b", "c"}[i], "1");
    for (uint64_t i = 0; i < 60; i++) {
        struct entry *entry = database_random(fixture->database, i * UINT64_C(0x9E3779B97F4A7C15));
        assert_non_null(entry);
        found[entry_key(entry).data[0] - 'a'] = true;
    }
    assert_true(found[0] && found[1] && found[2]);
}

static void while_expiry_is_frozen_a_random_key_is_one_that_is_not_due(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "gone:%d", i);
        struct key gone = key_named(fixture, name);
        database_set_string(fixture->database, &gone, SLICE("x"), DEADLINE_SET, 1001);
    }
    keyspace_set_time(fixture->keyspace, 1001);
    keyspace_freeze_expiry(fixture->keyspace, true);
    struct entry *due = database_random(fixture->database, 1);
    assert_non_null(due); /* there is nothing else, and Redis answers so, too */
    assert_int_equal(entry_deadline_ms(due), 1001);
    set(fixture, "only", "1");
    for (uint64_t i = 0; i < 100; i++) {
        struct entry *entry = database_random(fixture->database, i * UINT64_C(0x9E3779B97F4A7C15));
        assert_true(slice_equals(entry_key(entry), SLICE("only")));
    }
    assert_int_equal(database_size(fixture->database), 5);
}

static void count_visit(void *context, struct entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
}

static void a_scan_looks_at_the_bits_of_a_cursor_that_count(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "key:%d", i);
        set(fixture, name, "value");
    }
    for (unsigned bit = TABLE_POSITION_BITS; bit < 64; bit++) {
        size_t visits = 0, expected = 0;
        uint64_t cursor = UINT64_C(12345) << 30;
        uint64_t next = database_scan(fixture->database, cursor, count_visit, &expected);
        assert_true(database_scan(fixture->database, cursor | UINT64_C(1) << bit, count_visit,
                                  &visits) == next);
        assert_int_equal(visits, expected);
        assert_true(visits > 0);
    }
}

/* --- random walk --- */

#define WALK_KEYS 300

struct expected {
    bool there;
    char value[2048];
    size_t length;
    int64_t deadline_ms;
};

static uint64_t walk_state;

static uint64_t walk_random(uint64_t below)
{
    walk_state = walk_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (walk_state >> 16) % below;
}

static void walk_set(struct fixture *fixture, const struct key *key, struct expected *expected)
{
    expected->length = walk_random(2) ? walk_random(100) : walk_random(2000);
    for (size_t i = 0; i < expected->length; i++)
        expected->value[i] = (char)('0' + walk_random(10));
    enum deadline_rule rule = (enum deadline_rule)walk_random(3);
    int64_t deadline_ms = keyspace_time_ms(fixture->keyspace) + 1 + (int64_t)walk_random(5000);
    database_set_string(fixture->database, key, slice_of(expected->value, expected->length), rule,
                        deadline_ms);
    if (rule == DEADLINE_SET)
        expected->deadline_ms = deadline_ms;
    else if (rule == DEADLINE_CLEAR || !expected->there)
        expected->deadline_ms = ENTRY_NO_DEADLINE;
    expected->there = true;
}

static void walk_append(struct fixture *fixture, const struct key *key, struct expected *expected)
{
    struct entry *entry = database_find(fixture->database, key);
    if (!expected->there)
        *expected = (struct expected){.there = true, .deadline_ms = ENTRY_NO_DEADLINE};
    if (expected->length + 50 > sizeof expected->value)
        return;
    char *bytes;
    size_t length = expected->length + 50;
    database_resize_string(fixture->database, key, entry, length, &bytes);
    memset(bytes + expected->length, 'z', 50);
    memset(expected->value + expected->length, 'z', 50);
    expected->length = length;
}

static void walk_step(struct fixture *fixture, struct expected *model)
{
    size_t number = walk_random(WALK_KEYS);
    char name[32];
    snprintf(name, sizeof name, "walk:%zu", number);
    struct key key = key_named(fixture, name);
    struct expected *expected = &model[number];
    struct entry *entry = database_find(fixture->database, &key);
    assert_true((entry != NULL) == expected->there);
    switch (walk_random(5)) {
    case 0:
    case 1:
        walk_set(fixture, &key, expected);
        break;
    case 2:
        walk_append(fixture, &key, expected);
        break;
    case 3:
        assert_true(database_delete(fixture->database, &key) == expected->there);
        expected->there = false;
        break;
    default:
        if (entry != NULL) {
            expected->deadline_ms = walk_random(2) ? ENTRY_NO_DEADLINE
                                                   : keyspace_time_ms(fixture->keyspace) + 1 +
                                                         (int64_t)walk_random(5000);
            database_set_deadline(fixture->database, &key, entry, expected->deadline_ms);
        }
    }
}

static void a_random_walk_leaves_what_a_plain_model_has(void **state)
{
    struct fixture *fixture = *state;
    const char *given = getenv("TEST_SEED");
    walk_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("TEST_SEED=%llu\n", (unsigned long long)walk_state);
    struct expected *model = calloc(WALK_KEYS, sizeof *model);
    int64_t now_ms = 1000;
    for (int step = 0; step < 60000; step++) {
        if (step % 50 == 0) {
            keyspace_set_time(fixture->keyspace, ++now_ms);
            for (size_t i = 0; i < WALK_KEYS; i++) {
                if (model[i].there && model[i].deadline_ms != ENTRY_NO_DEADLINE &&
                    model[i].deadline_ms <= now_ms)
                    model[i].there = false;
            }
            if (walk_random(2))
                keyspace_expire_due(fixture->keyspace, walk_random(100));
        }
        walk_step(fixture, model);
    }
    for (size_t i = 0; i < WALK_KEYS; i++) {
        char name[32];
        snprintf(name, sizeof name, "walk:%zu", i);
        if (model[i].there)
            assert_value(fixture, name, slice_of(model[i].value, model[i].length));
    }
    free(model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strings_of_every_length_come_back),
        TEST(every_form_of_a_string_turns_into_every_other),
        TEST(a_value_of_about_the_same_size_stays_in_its_place),
        TEST(a_large_value_counts_as_memory_with_its_block),
        TEST(a_value_that_grows_gets_room_to_spare),
        TEST(encodings_are_those_redis_reports),
        TEST(keys_of_every_length_are_told_apart),
        TEST(a_small_key_and_value_with_a_deadline_fill_one_cache_line),
        TEST(an_expired_key_is_gone_and_the_hook_told),
        TEST(frozen_expiry_hides_keys_and_keeps_them),
        TEST(due_keys_go_in_bounded_steps),
        TEST(every_database_has_its_turn_to_expire),
        TEST(no_more_keys_expire_than_asked_for),
        TEST(resizing_keeps_bytes_and_deadline_and_adds_zeros),
        TEST(the_only_byte_is_kept_when_a_value_grows),
        TEST(a_number_keeps_the_deadline),
        TEST(a_block_becomes_the_value_without_a_copy),
        TEST(deadlines_come_and_go_without_touching_the_value),
        TEST(a_value_that_is_set_in_place_has_the_new_deadline),
        TEST(moving_takes_value_and_deadline_along),
        TEST(swapped_databases_exchange_what_they_hold),
        TEST(clearing_empties_at_once),
        TEST(a_database_that_is_filled_grows_in_larger_steps),
        TEST(a_random_key_is_one_that_is_there),
        TEST(a_random_key_is_found_where_there_is_room_for_many_more),
        TEST(while_expiry_is_frozen_a_random_key_is_one_that_is_not_due),
        TEST(a_scan_looks_at_the_bits_of_a_cursor_that_count),
        TEST(a_random_walk_leaves_what_a_plain_model_has),
    };
    return cmocka_run_group_tests_name("keyspace/database", tests, NULL, NULL);
}
