/* Hashes whose fields have deadlines, in a database: fields go when they are due, whichever way
 * somebody comes to the key; what their key goes through, their deadlines go through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/eviction.h"
#include "keyspace/keyspace.h"
#include "values/hash.h"

#define FIELDS 10 /* field "f3" is due at DUE_MS + 3 */
#define DUE_MS INT64_C(5000)

struct fixture {
    struct keyspace *keyspace;
    struct database *database;
    int removed, expired, last; /* told by the hooks; `last`: with its key */
    char told[64];              /* "key.field", or "key": all fields at once */
    int whole, in_whole;        /* hashes that went so, and (the tests count) their fields */
    int discarded, steps;       /* garbage, and how often it was asked to free some */
};

static void note_removed(void *context, struct database *database, struct slice key,
                         enum removal reason)
{
    (void)database, (void)key;
    assert_int_equal(reason, REMOVED_EXPIRED);
    ((struct fixture *)context)->removed++;
}

static void note_field(void *context, struct database *database, struct slice key,
                       struct slice field, bool is_last)
{
    struct fixture *fixture = context;
    assert_ptr_equal(database, fixture->database);
    snprintf(fixture->told, sizeof fixture->told, "%.*s.%.*s", (int)key.length, key.data,
             (int)field.length, field.data);
    fixture->expired++;
    fixture->last += is_last;
}

static void note_fields(void *context, struct database *database, struct slice key)
{
    struct fixture *fixture = context;
    assert_ptr_equal(database, fixture->database);
    snprintf(fixture->told, sizeof fixture->told, "%.*s", (int)key.length, key.data);
    fixture->whole++;
}

static void discard(void *context, void *garbage, bool (*free_some)(void *garbage))
{
    struct fixture *fixture = context;
    fixture->discarded++;
    fixture->steps = 1;
    while (!free_some(garbage))
        fixture->steps++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct keyspace_hooks hooks = {fixture, note_removed, note_field, note_fields, NULL, discard};
    fixture->keyspace = keyspace_create(2, &(struct hash_seed){1, 2}, &hooks);
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
    assert_int_equal(keyspace_statistics(fixture->keyspace)->expired_fields,
                     fixture->expired + fixture->in_whole);
    assert_int_equal(keyspace_statistics(fixture->keyspace)->expired, fixture->removed);
    keyspace_destroy(fixture->keyspace);
    free(fixture);
    return 0;
}

static struct key key_named(struct fixture *fixture, const char *name)
{
    struct slice slice = slice_of_string(name);
    return (struct key){slice, keyspace_hash(fixture->keyspace, slice)};
}

/* Fields of other names, without deadlines. */
static struct hash *new_hash(struct fixture *fixture, int fields)
{
    struct hash *hash = hash_create();
    for (int i = 0; i < fields; i++) {
        char text[16];
        struct slice field = slice_of(text, (size_t)snprintf(text, sizeof text, "g%d", i));
        assert_int_equal(hash_set(hash, keyspace_value_settings(fixture->keyspace), field,
                                  SLICE("value"), false),
                         HASH_ADDED);
    }
    return hash;
}

static void add_due_fields(struct fixture *fixture, struct hash *hash)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    for (int i = 0; i < FIELDS; i++) {
        char text[16];
        struct slice field = slice_of(text, (size_t)snprintf(text, sizeof text, "f%d", i));
        assert_int_equal(hash_set(hash, settings, field, SLICE("value"), false), HASH_ADDED);
        assert_true(hash_set_deadline(hash, settings, field, DUE_MS + i));
    }
}

static struct entry *put_hash(struct fixture *fixture, const char *name, struct hash *hash,
                              int64_t deadline_ms)
{
    struct key key = key_named(fixture, name);
    struct entry *entry =
        database_set_collection(fixture->database, &key, TYPE_HASH, hash, deadline_ms);
    assert_non_null(entry);
    return entry;
}

/* One with `lasting` fields beside those that are due. */
static struct entry *put_due_hash(struct fixture *fixture, const char *name, int lasting)
{
    struct hash *hash = new_hash(fixture, lasting);
    add_due_fields(fixture, hash);
    return put_hash(fixture, name, hash, ENTRY_NO_DEADLINE);
}

static struct hash *find(struct fixture *fixture, const char *name)
{
    struct key key = key_named(fixture, name);
    struct entry *entry = database_find(fixture->database, &key);
    return entry == NULL ? NULL : entry_collection(entry);
}

static int64_t next_ms(struct fixture *fixture)
{
    return keyspace_next_deadline_ms(fixture->keyspace);
}

static void who_looks_finds_no_field_that_is_due(void **state)
{
    struct fixture *fixture = *state;
    struct entry *entry = put_due_hash(fixture, "hash", 1);
    assert_int_equal(eviction_idle_seconds(entry, 1000), 0); /* begun at the time of the turn */
    assert_int_equal(next_ms(fixture), DUE_MS);
    keyspace_set_time(fixture->keyspace, DUE_MS - 1);
    assert_int_equal(hash_length(find(fixture, "hash")), FIELDS + 1);
    keyspace_set_time(fixture->keyspace, DUE_MS);
    assert_int_equal(hash_length(find(fixture, "hash")), FIELDS);
    assert_string_equal(fixture->told, "hash.f0");
    assert_int_equal(next_ms(fixture), DUE_MS + 1);
    keyspace_set_time(fixture->keyspace, DUE_MS + 3);
    assert_int_equal(hash_length(find(fixture, "hash")), FIELDS - 3);
    assert_string_equal(fixture->told, "hash.f3");
    keyspace_set_time(fixture->keyspace, DUE_MS + 1000);
    assert_int_equal(hash_length(find(fixture, "hash")), 1);
    assert_int_equal(next_ms(fixture), INT64_MAX);
    assert_int_equal(fixture->expired, FIELDS);
    assert_int_equal(fixture->last, 0);
}

static void the_key_goes_with_its_last_field(void **state)
{
    struct fixture *fixture = *state;
    put_due_hash(fixture, "hash", 0);
    keyspace_set_time(fixture->keyspace, DUE_MS + FIELDS - 2);
    assert_int_equal(hash_length(find(fixture, "hash")), 1);
    keyspace_set_time(fixture->keyspace, DUE_MS + FIELDS - 1);
    assert_null(find(fixture, "hash"));
    assert_int_equal(fixture->expired, FIELDS);
    assert_int_equal(fixture->last, 1);
    assert_int_equal(fixture->removed, 0); /* the field's hook said it */
    assert_int_equal(database_size(fixture->database), 0);
    assert_int_equal(next_ms(fixture), INT64_MAX);
}

static void fields_that_are_due_go_in_bounded_steps(void **state)
{
    struct fixture *fixture = *state;
    put_due_hash(fixture, "a", 0);
    put_due_hash(fixture, "b", 1);
    struct key key = key_named(fixture, "key");
    database_set_string(fixture->database, &key, SLICE("x"), DEADLINE_SET, DUE_MS);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 0);
    keyspace_set_time(fixture->keyspace, DUE_MS + 4);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 4), 4); /* the key, three fields */
    assert_int_equal(fixture->removed, 1);
    assert_int_equal(fixture->expired, 3);
    assert_int_equal(next_ms(fixture), DUE_MS + 1);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 7);
    assert_int_equal(next_ms(fixture), DUE_MS + 5);
    keyspace_set_time(fixture->keyspace, DUE_MS + 100);
    keyspace_freeze_expiry(fixture->keyspace, true);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 0);
    assert_null(find(fixture, "a")); /* all are due: kept, but not shown */
    assert_int_equal(hash_length(find(fixture, "b")), 1);
    assert_int_equal(fixture->expired, 10);
    assert_int_equal(database_size(fixture->database), 2);
    keyspace_freeze_expiry(fixture->keyspace, false);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 10);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 0);
    assert_int_equal(fixture->last, 1);
    assert_int_equal(database_size(fixture->database), 1);
    assert_int_equal(hash_length(find(fixture, "b")), 1);
}

/* --- many --- */

#define MANY 5000       /* fields, all due at DUE_MS */
#define AT_ONCE_MAX 128 /* so many a look may take out */

static struct hash *put_many(struct fixture *fixture, const char *name, int lasting, int due)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    struct hash *hash = new_hash(fixture, lasting);
    for (int i = 0; i < due; i++) {
        char text[16];
        struct slice field = slice_of(text, (size_t)snprintf(text, sizeof text, "f%d", i));
        assert_int_equal(hash_set(hash, settings, field, field, false), HASH_ADDED);
        assert_true(hash_set_deadline(hash, settings, field, DUE_MS));
    }
    put_hash(fixture, name, hash, ENTRY_NO_DEADLINE);
    return hash;
}

static int shown(const struct hash *hash)
{
    struct hash_cursor cursor = {0};
    struct slice field, value;
    int count = 0;
    for (; hash_next(hash, &cursor, &field, &value); count++)
        assert_int_equal(field.data[0], 'g');
    return count;
}

static void who_looks_takes_out_no_more_than_some(void **state)
{
    struct fixture *fixture = *state;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice value;
    put_many(fixture, "hash", 3, MANY);
    keyspace_set_time(fixture->keyspace, DUE_MS);
    for (int looks = 1; looks <= 5; looks++) {
        const struct hash *hash = find(fixture, "hash");
        assert_in_range(fixture->expired, 0, looks * AT_ONCE_MAX);
        assert_int_equal(hash_length(hash), 3);
        assert_int_equal(shown(hash), 3);
        assert_false(hash_get(hash, SLICE("f4999"), scratch, &value));
        assert_true(hash_get(hash, SLICE("g2"), scratch, &value));
        assert_int_equal(next_ms(fixture), DUE_MS);
    }
    while (keyspace_expire_due(fixture->keyspace, 100) == 100)
        assert_int_equal(hash_length(find(fixture, "hash")), 3);
    assert_int_equal(fixture->expired, MANY);
    assert_int_equal(hash_total(find(fixture, "hash")), 3);
    assert_int_equal(next_ms(fixture), INT64_MAX);
}

static void a_few_are_taken_out_by_who_looks(void **state)
{
    struct fixture *fixture = *state;
    put_many(fixture, "hash", 1, 10);
    put_many(fixture, "gone", 0, 10);
    keyspace_set_time(fixture->keyspace, DUE_MS);
    assert_int_equal(hash_total(find(fixture, "hash")), 1);
    assert_int_equal(fixture->expired, 10);
    assert_null(find(fixture, "gone"));
    assert_int_equal(fixture->expired, 20);
    assert_int_equal(fixture->last, 1);
    assert_int_equal(fixture->whole, 0);
}

static void a_hash_whose_fields_are_all_due_goes_as_one(void **state)
{
    struct fixture *fixture = *state;
    for (int by_look = 0; by_look < 2; by_look++) {
        keyspace_set_time(fixture->keyspace, 1000);
        put_many(fixture, "hash", 0, MANY);
        keyspace_set_time(fixture->keyspace, DUE_MS);
        if (by_look)
            assert_null(find(fixture, "hash"));
        else
            assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 1);
        fixture->in_whole += MANY;
        assert_int_equal(fixture->whole, by_look + 1);
        assert_int_equal(fixture->expired, 0);
        assert_string_equal(fixture->told, "hash");
        assert_int_equal(database_size(fixture->database), 0);
        assert_int_equal(next_ms(fixture), INT64_MAX);
        assert_int_equal(fixture->discarded, by_look + 1); /* in steps */
        assert_true(fixture->steps > 1);
    }
}

static void a_hidden_field_that_is_set_is_told_before(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "hash");
    put_many(fixture, "hash", 1, MANY);
    keyspace_set_time(fixture->keyspace, DUE_MS);
    struct entry *entry = database_find(fixture->database, &key);
    int told = fixture->expired;
    database_expire_hidden(fixture->database, &key, entry, SLICE("g0"));
    database_expire_hidden(fixture->database, &key, entry, SLICE("absent"));
    assert_int_equal(fixture->expired, told);
    database_expire_hidden(fixture->database, &key, entry, SLICE("f4999"));
    assert_string_equal(fixture->told, "hash.f4999");
    database_expire_hidden(fixture->database, &key, entry, SLICE("f4999"));
    assert_int_equal(fixture->expired, told + 1);
    assert_int_equal(hash_length(entry_collection(entry)), 1);
}

static void a_pause_shows_no_field_that_is_due(void **state)
{
    struct fixture *fixture = *state;
    put_many(fixture, "few", 1, 10);
    put_many(fixture, "many", 1, MANY);
    put_many(fixture, "all", 0, MANY);
    keyspace_set_time(fixture->keyspace, DUE_MS);
    keyspace_freeze_expiry(fixture->keyspace, true);
    assert_int_equal(shown(find(fixture, "few")), 1);
    assert_int_equal(shown(find(fixture, "many")), 1);
    assert_null(find(fixture, "all"));
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 0);
    assert_int_equal(fixture->expired, 0);
    assert_int_equal(fixture->whole, 0);
    assert_int_equal(database_size(fixture->database), 3);
    keyspace_freeze_expiry(fixture->keyspace, false);
    assert_null(find(fixture, "all"));
    fixture->in_whole += MANY;
    assert_int_equal(fixture->whole, 1);
}

static void what_a_pause_keeps_goes_when_its_key_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct key hash = key_named(fixture, "hash"), text = key_named(fixture, "text");
    put_due_hash(fixture, "hash", 0);
    database_set_string(fixture->database, &text, SLICE("x"), DEADLINE_SET, DUE_MS);
    keyspace_set_time(fixture->keyspace, DUE_MS + 100);
    keyspace_freeze_expiry(fixture->keyspace, true);
    database_set_string(fixture->database, &hash, SLICE("new"), DEADLINE_CLEAR, 0);
    database_set_string(fixture->database, &text, SLICE("new"), DEADLINE_CLEAR, 0);
    assert_int_equal(database_size(fixture->database), 2);
    assert_int_equal(fixture->removed, 2);
    assert_non_null(database_find(fixture->database, &hash));
    assert_non_null(database_find(fixture->database, &text));
    assert_int_equal(next_ms(fixture), INT64_MAX);
}

static void a_key_that_is_due_goes_as_one(void **state)
{
    struct fixture *fixture = *state;
    for (int how = 0; how < 2; how++) {
        struct hash *hash = new_hash(fixture, 0);
        keyspace_set_time(fixture->keyspace, 1000);
        add_due_fields(fixture, hash);
        put_hash(fixture, "hash", hash, DUE_MS);
        keyspace_set_time(fixture->keyspace, DUE_MS + 5);
        if (how == 0)
            assert_null(find(fixture, "hash"));
        else
            assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 1);
        assert_int_equal(fixture->removed, how + 1);
        assert_int_equal(fixture->expired, 0);
        assert_int_equal(next_ms(fixture), INT64_MAX);
    }
}

static void a_value_that_leaves_takes_its_deadlines_along(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "hash"), other = key_named(fixture, "other");
    for (int how = 0; how < 5; how++) {
        put_due_hash(fixture, "hash", 1);
        assert_int_equal(next_ms(fixture), DUE_MS);
        switch (how) {
        case 0:
            assert_true(database_delete(fixture->database, &key));
            break;
        case 1:
            database_set_string(fixture->database, &key, SLICE("x"), DEADLINE_CLEAR, 0);
            break;
        case 2:
            put_hash(fixture, "hash", new_hash(fixture, 1), ENTRY_NO_DEADLINE);
            break;
        case 3:
            put_hash(fixture, "other", new_hash(fixture, 1), ENTRY_NO_DEADLINE);
            assert_non_null(database_move(fixture->database, &other, fixture->database, &key));
            break;
        default:
            assert_int_equal(database_clear(fixture->database), 1);
        }
        assert_int_equal(next_ms(fixture), INT64_MAX);
        database_check(fixture->database);
    }
}

static void deadlines_of_fields_follow_their_key(void **state)
{
    struct fixture *fixture = *state;
    struct key from = key_named(fixture, "from"), to = key_named(fixture, "to");
    struct entry *entry = put_due_hash(fixture, "from", 1);
    entry = database_set_deadline(fixture->database, &from, entry, 999999); /* another entry */
    assert_int_equal(next_ms(fixture), DUE_MS);
    put_due_hash(fixture, "to", 1);
    assert_non_null(database_move(fixture->database, &from, fixture->database, &to));
    database_check(fixture->database);
    keyspace_swap(fixture->keyspace, 0, 1);
    assert_int_equal(next_ms(fixture), DUE_MS);
    fixture->database = keyspace_database(fixture->keyspace, 1);
    keyspace_set_time(fixture->keyspace, DUE_MS + 1);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 2);
    assert_string_equal(fixture->told, "to.f1");
    assert_int_equal(next_ms(fixture), DUE_MS + 2);
    assert_non_null(database_copy(fixture->database, &to, fixture->database, &from));
    database_check(fixture->database);
    assert_true(database_delete(fixture->database, &to));
    assert_int_equal(next_ms(fixture), DUE_MS + 2);
    keyspace_set_time(fixture->keyspace, DUE_MS + 2);
    assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), 1);
    assert_string_equal(fixture->told, "from.f2");
}

static void deadlines_that_a_command_changes_are_followed(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "hash");
    struct entry *entry = put_hash(fixture, "hash", new_hash(fixture, 1), ENTRY_NO_DEADLINE);
    keyspace_set_time(fixture->keyspace, 3000);
    keyspace_track_writes(fixture->keyspace, true);
    keyspace_set_write_mark(fixture->keyspace, 7);
    database_changing(fixture->database, &key, entry);
    assert_int_equal(keyspace_last_write_mark(fixture->keyspace), 7);
    assert_int_equal(eviction_idle_seconds(entry, 3000), 0);
    add_due_fields(fixture, entry_collection(entry));
    database_fields_changed(fixture->database, &key, entry);
    assert_int_equal(next_ms(fixture), DUE_MS);
    assert_true(hash_remove(entry_collection(entry), SLICE("f0")));
    database_fields_changed(fixture->database, &key, entry);
    assert_int_equal(next_ms(fixture), DUE_MS + 1);
}

static void a_field_that_goes_is_a_change_of_its_key(void **state)
{
    struct fixture *fixture = *state;
    for (int lasting = 0; lasting < 2; lasting++) {
        keyspace_set_time(fixture->keyspace, 1000);
        keyspace_track_writes(fixture->keyspace, true);
        put_due_hash(fixture, "hash", lasting);
        keyspace_set_write_mark(fixture->keyspace, 7);
        keyspace_set_time(fixture->keyspace, DUE_MS + 100);
        assert_int_equal(keyspace_expire_due(fixture->keyspace, 100), FIELDS);
        assert_int_equal(keyspace_last_write_mark(fixture->keyspace), 7);
        (void)find(fixture, "hash");
        assert_int_equal(keyspace_take_read_mark(fixture->keyspace), 7);
        keyspace_set_write_mark(fixture->keyspace, 0);
        keyspace_track_writes(fixture->keyspace, false);
    }
}

static void a_large_value_is_left_to_the_hook_to_free(void **state)
{
    struct fixture *fixture = *state;
    struct key key = key_named(fixture, "hash");
    put_hash(fixture, "hash", new_hash(fixture, VALUE_FREE_AT_ONCE_MAX), ENTRY_NO_DEADLINE);
    assert_true(database_delete(fixture->database, &key));
    assert_int_equal(fixture->discarded, 0);
    put_hash(fixture, "hash", new_hash(fixture, VALUE_FREE_AT_ONCE_MAX + 1), ENTRY_NO_DEADLINE);
    assert_true(database_delete(fixture->database, &key));
    assert_int_equal(fixture->discarded, 1);
    put_hash(fixture, "hash", new_hash(fixture, 10 * VALUE_FREE_STEP), ENTRY_NO_DEADLINE);
    assert_true(database_delete(fixture->database, &key));
    assert_int_equal(fixture->discarded, 2);
    assert_true(fixture->steps > 1);
}

static void what_a_database_held_is_freed_in_steps(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        struct key key = key_named(fixture, name);
        database_set_string(fixture->database, &key, SLICE("x"), DEADLINE_SET, DUE_MS);
    }
    assert_int_equal(database_clear(fixture->database), 5000);
    assert_int_equal(fixture->discarded, 1);
    assert_true(fixture->steps >= 4); /* segments hold 1,280 at most */
}

static void limits_of_values_are_copied(void **state)
{
    struct fixture *fixture = *state;
    struct value_limits limits = keyspace_value_settings(fixture->keyspace)->limits;
    limits.hash_entries_max += 7;
    keyspace_set_value_limits(fixture->keyspace, &limits);
    assert_memory_equal(&keyspace_value_settings(fixture->keyspace)->limits, &limits,
                        sizeof limits);
}

static void peeking_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct value_kind *kind = NULL;
    struct key key = key_named(fixture, "hash"), text = key_named(fixture, "text");
    struct entry *entry = put_due_hash(fixture, "hash", 0);
    database_set_string(fixture->database, &text, SLICE("x"), DEADLINE_CLEAR, 0);
    keyspace_set_time(fixture->keyspace, DUE_MS + 100);
    assert_ptr_equal(database_peek(fixture->database, &key, &kind), entry_collection(entry));
    assert_string_equal(kind->name, "hash");
    assert_string_equal(entry_type_name(entry), "hash");
    assert_string_equal(entry_encoding_name(entry), kind->encoding(entry_collection(entry)));
    size_t own = memory_good_size(sizeof *entry + 4 + sizeof(void *)); /* "hash" */
    assert_int_equal(entry_memory(entry, 0), own + kind->memory(entry_collection(entry), 0));
    assert_null(database_peek(fixture->database, &text, &kind));
    struct key absent = key_named(fixture, "absent");
    assert_null(database_peek(fixture->database, &absent, &kind));
    assert_int_equal(fixture->expired, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_looks_finds_no_field_that_is_due),
        TEST(the_key_goes_with_its_last_field),
        TEST(fields_that_are_due_go_in_bounded_steps),
        TEST(who_looks_takes_out_no_more_than_some),
        TEST(a_few_are_taken_out_by_who_looks),
        TEST(a_hash_whose_fields_are_all_due_goes_as_one),
        TEST(a_hidden_field_that_is_set_is_told_before),
        TEST(a_pause_shows_no_field_that_is_due),
        TEST(what_a_pause_keeps_goes_when_its_key_is_written),
        TEST(a_key_that_is_due_goes_as_one),
        TEST(a_value_that_leaves_takes_its_deadlines_along),
        TEST(deadlines_of_fields_follow_their_key),
        TEST(deadlines_that_a_command_changes_are_followed),
        TEST(a_field_that_goes_is_a_change_of_its_key),
        TEST(a_large_value_is_left_to_the_hook_to_free),
        TEST(what_a_database_held_is_freed_in_steps),
        TEST(limits_of_values_are_copied),
        TEST(peeking_changes_nothing),
    };
    return cmocka_run_group_tests_name("keyspace/database_fields", tests, NULL, NULL);
}
