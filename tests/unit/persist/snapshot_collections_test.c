/* Large collections are saved as they were at one moment, whatever becomes of them meanwhile: in
 * pieces, so that no turn is long. The same state is kept as a copy, and compared element by
 * element after a load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_walk.h"
#include "persist/rdb_reader.h"
#include "persist/snapshot.h"
#include "persist/snapshot_chunks.h"
#include "support/memory_balance.h"
#include "support/snapshot_fixture.h"
#include "system/disk.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/zset.h"

#define FILE_SIZE_MAX ((size_t)256 << 20)
#define ELEMENTS 20000
#define ROUNDS 12
#define PIECE_MAX 5000 /* bytes fed to the loader at once, at first */

static uint64_t state_of_draw;

static int set_up(void **state)
{
    const char *seed = getenv("SEED");
    state_of_draw = seed != NULL ? strtoull(seed, NULL, 10) : 20261125;
    print_message("seed %llu\n", (unsigned long long)state_of_draw);
    return snapshot_fixture_set_up(state);
}

static uint64_t draw(uint64_t below)
{
    state_of_draw = state_of_draw * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (state_of_draw >> 33) % below;
}

static struct database *first(struct keyspace *keyspace)
{
    return keyspace_database(keyspace, 0);
}

static struct slice word(char *out, const char *kind, uint64_t number)
{
    return slice_of(out, (size_t)sprintf(out, "%s:%llu", kind, (unsigned long long)number));
}

/* --- one random change of each type --- */

static const enum value_type types[] = {TYPE_LIST, TYPE_SET, TYPE_ZSET, TYPE_HASH};
static const char *const names[] = {"list",  "set",  "zset",  "hash",
                                    "list2", "set2", "zset2", "hash2"};
#define NAMES (sizeof names / sizeof names[0])

static void change_list(struct snapshot_fixture *fixture, struct list_value *list)
{
    const struct value_limits *limits = &keyspace_value_settings(fixture->keyspace)->limits;
    char text[64];
    struct list_cursor cursor;
    size_t length = list_value_length(list);
    struct slice element = word(text, "element", draw(1000000));
    bool found = list_value_seek(list, (int64_t)draw(length + 1), &cursor);
    switch (draw(6)) {
    case 0:
        if (found)
            assert_true(list_cursor_replace(&cursor, limits, element));
        break;
    case 1:
        if (found && length > 1)
            (void)list_cursor_remove(&cursor, draw(2) == 0);
        break;
    case 2:
        if (found)
            assert_true(list_cursor_insert(&cursor, limits, element, draw(2) == 0));
        break;
    case 3:
        if (length > 1000)
            list_value_remove_range(list, (size_t)draw(length), (size_t)draw(400));
        break;
    default:
        assert_true(list_value_push(list, limits, draw(2) == 0 ? LIST_HEAD : LIST_TAIL, element));
        break;
    }
}

static void change_set(struct snapshot_fixture *fixture, struct set *set)
{
    char text[64];
    struct slice member = word(text, "member", draw(2 * ELEMENTS));
    if (draw(2) == 0)
        assert_int_not_equal(set_add(set, keyspace_value_settings(fixture->keyspace), member),
                             SET_OUT_OF_MEMORY);
    else if (set_length(set) > 1)
        (void)set_remove(set, member);
}

static void change_zset(struct snapshot_fixture *fixture, struct zset *zset)
{
    char text[64];
    struct slice member = word(text, "member", draw(2 * ELEMENTS));
    switch (draw(4)) {
    case 0:
        if (zset_length(zset) > 1)
            (void)zset_remove(zset, member);
        break;
    case 1:
        if (zset_length(zset) > 1000)
            zset_remove_range(zset, (size_t)draw(zset_length(zset)), (size_t)draw(50));
        break;
    default:
        assert_int_not_equal(zset_set(zset, keyspace_value_settings(fixture->keyspace), member,
                                      (double)draw(1000) / 4),
                             ZSET_OUT_OF_MEMORY);
        break;
    }
}

static void change_hash(struct snapshot_fixture *fixture, struct hash *hash)
{
    const struct value_settings *settings = keyspace_value_settings(fixture->keyspace);
    char text[64], value_text[64], scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice old, field = word(text, "field", draw(2 * ELEMENTS));
    struct slice value = word(value_text, "value", draw(1000000));
    switch (draw(4)) {
    case 0:
        if (hash_length(hash) > 1)
            (void)hash_remove(hash, field);
        break;
    case 1:
        if (hash_get(hash, field, scratch, &old))
            assert_true(
                hash_set_deadline(hash, settings, field, (int64_t)(1000000 + draw(1000000))));
        break;
    default:
        assert_int_not_equal(hash_set(hash, settings, field, value, draw(2) == 0),
                             HASH_OUT_OF_MEMORY);
        break;
    }
}

static void change_value(struct snapshot_fixture *fixture, enum value_type type, void *value)
{
    switch (type) {
    case TYPE_LIST:
        change_list(fixture, value);
        break;
    case TYPE_SET:
        change_set(fixture, value);
        break;
    case TYPE_ZSET:
        change_zset(fixture, value);
        break;
    default:
        change_hash(fixture, value);
        break;
    }
}

/* As a command does it. */
static void change(struct snapshot_fixture *fixture, const char *name)
{
    struct key key = snapshot_fixture_key(fixture->keyspace, name);
    struct entry *entry = database_find(first(fixture->keyspace), &key);
    if (entry == NULL || entry->type == TYPE_STRING)
        return;
    database_changing(first(fixture->keyspace), &key, entry);
    change_value(fixture, (enum value_type)entry->type, entry_collection(entry));
}

static void *create(enum value_type type)
{
    return type == TYPE_LIST   ? (void *)list_value_create()
           : type == TYPE_SET  ? (void *)set_create()
           : type == TYPE_ZSET ? (void *)zset_create()
                               : (void *)hash_create();
}

/* Each type twice. */
static void fill(struct snapshot_fixture *fixture)
{
    for (size_t i = 0; i < NAMES; i++) {
        enum value_type type = types[i % 4];
        void *value = create(type);
        for (int j = 0; j < ELEMENTS; j++)
            change_value(fixture, type, value);
        struct key key = snapshot_fixture_key(fixture->keyspace, names[i]);
        assert_non_null(database_set_collection(first(fixture->keyspace), &key, type, value,
                                                ENTRY_NO_DEADLINE));
    }
}

/* --- the state of one moment, and the same after a load --- */

static struct keyspace *copy_of(struct keyspace *keyspace)
{
    struct keyspace *copy = snapshot_fixture_keyspace();
    for (size_t i = 0; i < NAMES; i++) {
        struct key key = snapshot_fixture_key(keyspace, names[i]);
        const struct entry *entry = database_find(first(keyspace), &key);
        if (entry == NULL || entry->type == TYPE_STRING)
            continue;
        enum value_type type = (enum value_type)entry->type;
        void *value = value_kind(type)->copy(entry_collection(entry));
        assert_non_null(database_set_collection(first(copy), &key, type, value, ENTRY_NO_DEADLINE));
    }
    return copy;
}

static void assert_same_list(struct list_value *a, struct list_value *b)
{
    struct list_cursor at_a, at_b;
    list_value_check(b);
    bool more = list_value_seek(a, 0, &at_a);
    assert_int_equal(more, list_value_seek(b, 0, &at_b));
    while (more) {
        char scratch[NUMBER_INTEGER_TEXT_MAX];
        assert_true(list_cursor_equals(&at_a, list_cursor_get(&at_b, scratch)));
        more = list_cursor_next(&at_a);
        assert_int_equal(more, list_cursor_next(&at_b));
    }
}

static void assert_same_members(enum value_type type, const void *a, const void *b)
{
    struct set_cursor in_set = {.at = 0};
    struct hash_cursor in_hash = {.at = 0};
    struct zset_cursor in_zset;
    struct slice name, value, other;
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    double score, other_score;
    if (type == TYPE_SET) {
        set_check(b);
        while (set_next(a, &in_set, &name))
            assert_true(set_has(b, name));
    } else if (type == TYPE_HASH) {
        hash_check(b);
        assert_int_equal(hash_count_with_deadline(a), hash_count_with_deadline(b));
        while (hash_next(a, &in_hash, &name, &value)) {
            assert_true(hash_get(b, name, scratch, &other));
            assert_true(slice_equals(value, other));
            assert_int_equal(hash_deadline_ms(a, name), hash_deadline_ms(b, name));
        }
    } else {
        zset_check(b);
        for (bool more = zset_seek(a, 0, &in_zset); more; more = zset_cursor_next(&in_zset)) {
            name = zset_cursor_get(&in_zset, &score);
            assert_true(zset_score(b, name, &other_score));
            assert_true(score == other_score);
        }
    }
}

static void assert_same(struct keyspace *a, struct keyspace *b)
{
    assert_int_equal(database_size(first(a)), database_size(first(b)));
    for (size_t i = 0; i < NAMES; i++) {
        struct key key = snapshot_fixture_key(a, names[i]);
        const struct entry *one = database_find(first(a), &key);
        const struct entry *other = database_find(first(b), &key);
        assert_int_equal(one == NULL, other == NULL);
        if (one == NULL)
            continue;
        assert_int_equal(one->type, other->type);
        const struct value_kind *kind = value_kind((enum value_type)one->type);
        assert_int_equal(kind->length(entry_collection(one)),
                         kind->length(entry_collection(other)));
        if (one->type == TYPE_LIST)
            assert_same_list(entry_collection(one), entry_collection(other));
        else
            assert_same_members((enum value_type)one->type, entry_collection(one),
                                entry_collection(other));
    }
}

/* Fed in small pieces: a large value is read in slices, too. */
static struct keyspace *load(struct snapshot_fixture *fixture)
{
    struct buffer file = {0};
    struct keyspace *keyspace = snapshot_fixture_keyspace();
    assert_int_equal(disk_read_all(disk_real(), fixture->path, FILE_SIZE_MAX, &file), OK);
    struct rdb_reader_settings settings = {.verify_checksum = true,
                                           .now_ms = 1000,
                                           .file_size = file.length,
                                           .length_max = UINT32_MAX};
    struct rdb_reader *reader = rdb_reader_create(keyspace, &settings);
    enum rdb_status status = RDB_MORE;
    for (size_t at = 0; status == RDB_MORE;) {
        size_t piece = 1 + (size_t)draw(PIECE_MAX), used, wants = rdb_reader_wants(reader);
        piece = piece < wants ? wants : piece;
        piece = piece < file.length - at ? piece : file.length - at;
        status = rdb_reader_feed(reader, slice_of(file.data + at, piece), at + piece == file.length,
                                 &used);
        at += used;
    }
    assert_string_equal(rdb_reader_error(reader), "");
    assert_int_equal(status, RDB_DONE);
    rdb_reader_destroy(reader);
    buffer_deinit(&file);
    return keyspace;
}

static struct snapshot *begin(struct snapshot_fixture *fixture)
{
    fixture->done = 0;
    return snapshot_fixture_begin(fixture, draw(2) == 0);
}

/* Something that takes a whole key away or puts another there. */
static void disturb(struct snapshot_fixture *fixture)
{
    struct database *database = first(fixture->keyspace);
    struct key key = snapshot_fixture_key(fixture->keyspace, names[draw(NAMES)]);
    struct key other = snapshot_fixture_key(fixture->keyspace, names[draw(NAMES)]);
    struct entry *entry = database_find(database, &key);
    switch (draw(4)) {
    case 0:
        (void)database_delete(database, &key);
        break;
    case 1:
        if (entry != NULL && !slice_equals(key.name, other.name))
            (void)database_move(database, &key, database, &other);
        break;
    case 2:
        (void)database_set_string(database, &key, SLICE("text"), DEADLINE_CLEAR, 0);
        break;
    default:
        if (entry != NULL)
            (void)database_set_deadline(database, &key, entry, 5000);
        break;
    }
}

static void snapshots_of_large_collections_are_exact(void **state)
{
    struct snapshot_fixture *fixture = *state;
    for (int round = 0; round < ROUNDS; round++) {
        database_clear(first(fixture->keyspace));
        fill(fixture);
        struct keyspace *before = copy_of(fixture->keyspace);
        struct snapshot *snapshot = begin(fixture);
        int turns = (int)draw(60);
        for (int turn = 0; turn < turns && fixture->done == 0; turn++) {
            for (int i = 0; i < 100; i++)
                change(fixture, names[draw(NAMES)]);
            if (draw(8) == 0)
                disturb(fixture);
            snapshot_take_slice(snapshot);
        }
        snapshot_finish(snapshot);
        assert_int_equal(fixture->done, 1);
        assert_int_equal(fixture->error_number, 0);
        assert_int_equal(snapshot_backlog(snapshot), 0);
        snapshot_destroy(snapshot);
        struct keyspace *loaded = load(fixture);
        assert_same(before, loaded);
        keyspace_destroy(before);
        keyspace_destroy(loaded);
    }
}

static ssize_t write_and_note(void *context, int file, const struct iovec *vectors, int count,
                              uint64_t offset)
{
    size_t *longest = context;
    for (int i = 0; i < count; i++)
        if (vectors[i].iov_len > *longest)
            *longest = vectors[i].iov_len;
    return disk_real()->operations->write(NULL, file, vectors, count, offset);
}

/* What was in the place of the first `count` fields is handed out early. */
static void set_fields(struct snapshot_fixture *fixture, const char *name, int count,
                       struct slice value)
{
    struct key key = snapshot_fixture_key(fixture->keyspace, name);
    struct entry *entry = database_find(first(fixture->keyspace), &key);
    database_changing(first(fixture->keyspace), &key, entry);
    snapshot_fixture_set_fields(fixture, entry_collection(entry), count, value);
}

/* So that the turn in which its time has come is no longer than others. */
static void what_waited_is_passed_on_in_chunks(void **state)
{
    struct snapshot_fixture *fixture = *state;
    const int count = 5 * SNAPSHOT_CHUNK_SIZE / 16;
    fill(fixture);
    set_fields(fixture, "hash2", count, SLICE("sixteen bytes, 1"));
    struct keyspace *before = copy_of(fixture->keyspace);
    size_t longest = 0;
    struct disk_operations operations = *disk_real()->operations;
    operations.write = write_and_note;
    const struct disk disk = {&operations, &longest};
    struct snapshot *snapshot = snapshot_fixture_begin_on(fixture, &disk, false);
    set_fields(fixture, "hash", 1, SLICE("the file is its own first"));
    set_fields(fixture, "hash2", count, SLICE("sixteen bytes, 2"));
    assert_true(snapshot_backlog(snapshot) > 5 * SNAPSHOT_CHUNK_SIZE);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    assert_int_equal(snapshot_backlog(snapshot), 0);
    snapshot_destroy(snapshot);
    assert_in_range(longest, 1, SNAPSHOT_CHUNK_SIZE + SNAPSHOT_CHUNK_SIZE / 8);
    struct keyspace *loaded = load(fixture);
    assert_same(before, loaded);
    keyspace_destroy(before);
    keyspace_destroy(loaded);
}

static void a_snapshot_that_is_given_up_lets_go_and_the_next_is_exact(void **state)
{
    struct snapshot_fixture *fixture = *state;
    fill(fixture);
    for (int round = 0; round < 40; round++) { /* more than there are epochs */
        struct snapshot *snapshot = begin(fixture);
        for (int turn = 0; turn < 2; turn++) {
            for (int i = 0; i < 20; i++)
                change(fixture, names[draw(NAMES)]);
            snapshot_take_slice(snapshot);
        }
        snapshot_destroy(snapshot);
        while (snapshot_walk_step(fixture->keyspace))
            ; /* the rest of the walk over the keys */
    }
    struct keyspace *before = copy_of(fixture->keyspace);
    struct snapshot *snapshot = begin(fixture);
    for (int i = 0; i < 1000; i++)
        change(fixture, names[draw(NAMES)]);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
    struct keyspace *loaded = load(fixture);
    assert_same(before, loaded);
    keyspace_destroy(before);
    keyspace_destroy(loaded);
}

static void flushing_ends_a_snapshot_in_the_midst_of_a_collection(void **state)
{
    struct snapshot_fixture *fixture = *state;
    fill(fixture);
    struct snapshot *snapshot = begin(fixture);
    snapshot_take_slice(snapshot);
    struct key key = snapshot_fixture_key(fixture->keyspace, "hash");
    (void)database_delete(first(fixture->keyspace), &key);
    database_clear(first(fixture->keyspace));
    snapshot_take_slice(snapshot);
    snapshot_finish(snapshot);
    assert_int_equal(fixture->done, 1);
    assert_int_not_equal(fixture->error_number, 0);
    snapshot_destroy(snapshot);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, snapshot_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(snapshots_of_large_collections_are_exact),
        TEST(what_waited_is_passed_on_in_chunks),
        TEST(a_snapshot_that_is_given_up_lets_go_and_the_next_is_exact),
        TEST(flushing_ends_a_snapshot_in_the_midst_of_a_collection),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/snapshot_collections", tests, memory_balance_begin,
                                       NULL);
}
