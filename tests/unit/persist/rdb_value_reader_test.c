/* Collections in every form that Redis and Valkey ever wrote, good and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/rdb_format.h"
#include "persist/rdb_reader.h"
#include "persist/rdb_value_reader.h"
#include "persist/rdb_value_writer.h"
#include "persist/rdb_writer.h"
#include "support/exact_copy.h"
#include "support/failing_memory.h"
#include "support/memory_balance.h"
#include "support/rdb_bytes.h"
#include "values/hash.h"
#include "values/list.h"
#include "values/set.h"
#include "values/value_walk.h"
#include "values/zset.h"

#define NAME "key"
#define ENDED "1.5\001" /* a score as text, then what comes next */
#define NO_DEADLINE "\377\377\377\377\377\377\377\377"
#define BASE_MS "\240\017\000\000\000\000\000\000" /* 4000 */
#define DOUBLE_1_5 "\000\000\000\000\000\000\370\077"
#define DOUBLE_NAN "\000\000\000\000\000\000\370\177"
#define DEADLINE_MAX "\000\000\000\000\000\100\000\000" /* the first that there is not */
#define LONG_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-/"
#define LONG_TEXT "\100\101" LONG_BYTES           /* of 65 */
#define LONG_ELEMENT "\340\101" LONG_BYTES "\103" /* of a listpack */
#define FOOTER_SIZE 10 /* bytes of DUMP behind a value: version and checksum */
#define FLAT_HASH "\201f\002\001\001\201g\002\202xy\003"

enum wrap { BARE, ZIPLIST, LISTPACK };

/* A value: its type, what stands before its only packed row, that row, what stands behind. */
struct form {
    int row;
    struct slice head;
    enum wrap wrap;
    struct slice inside;
    uint16_t count; /* of a listpack's elements */
};

static void add_form(struct buffer *out, const struct form *form)
{
    struct buffer row = {0};
    buffer_add(out, form->head.data, form->head.length);
    if (form->wrap == ZIPLIST)
        rdb_bytes_add_ziplist(&row, form->inside);
    else if (form->wrap == LISTPACK)
        rdb_bytes_add_listpack(&row, form->inside, form->count);
    if (form->wrap == BARE)
        buffer_add(out, form->inside.data, form->inside.length);
    else
        rdb_bytes_add_text(out, buffer_slice(&row));
    buffer_deinit(&row);
}

static void check_value(enum value_type type, const void *value)
{
    if (type == TYPE_LIST)
        list_value_check(value);
    else if (type == TYPE_SET)
        set_check(value);
    else if (type == TYPE_ZSET)
        zset_check(value);
    else
        hash_check(value);
}

static struct keyspace *make_keyspace(void)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    keyspace_set_time(keyspace, 1000);
    return keyspace;
}

static enum error restore(struct keyspace *keyspace, struct slice value)
{
    struct buffer payload = {0};
    struct key key = {SLICE(NAME), keyspace_hash(keyspace, SLICE(NAME))};
    buffer_add(&payload, value.data, value.length);
    buffer_add(&payload, "\012\000\000\000\000\000\000\000\000\000", 10); /* no checksum */
    assert_true(rdb_reader_payload_is_valid(buffer_slice(&payload)));
    enum error error = rdb_reader_restore(keyspace_database(keyspace, 0), &key,
                                          buffer_slice(&payload), ENTRY_NO_DEADLINE, 1 << 20);
    buffer_deinit(&payload);
    return error;
}

static const struct entry *only_entry(struct keyspace *keyspace)
{
    struct key key = {SLICE(NAME), keyspace_hash(keyspace, SLICE(NAME))};
    return database_find(keyspace_database(keyspace, 0), &key);
}

/* What DUMP says of the value once it is restored. */
static void add_dump(struct buffer *out, struct slice value)
{
    struct keyspace *keyspace = make_keyspace();
    assert_int_equal(restore(keyspace, value), OK);
    check_value((enum value_type)only_entry(keyspace)->type,
                entry_collection(only_entry(keyspace)));
    assert_int_equal(rdb_write_dump(out, only_entry(keyspace)), OK);
    keyspace_destroy(keyspace);
}

/* Reads a value. NULL: *why says why not, "short" if it ends too early. */
static void *read_value(struct slice bytes, enum value_type *type, const char **why)
{
    struct value_settings settings = {value_default_limits(), {1, 2}};
    struct slice copy = exact_copy(slice_of(bytes.data + 1, bytes.length - 1));
    struct rdb_cursor cursor = {.data = (const unsigned char *)copy.data,
                                .length = copy.length,
                                .string_length_max = 1 << 20};
    struct rdb_value_reader reader = {.value = NULL};
    void *value = NULL;
    bool good = rdb_value_reader_begin(&reader, &cursor, (unsigned char)bytes.data[0], &settings);
    while (good && reader.parts_left > 0)
        good = rdb_value_reader_step(&reader, &cursor);
    if (good)
        value = rdb_value_reader_take(&reader);
    *why = good ? "empty" : cursor.state == RDB_CURSOR_SHORT ? "short" : cursor.why;
    *type = reader.type;
    rdb_value_reader_deinit(&reader);
    exact_copy_free(copy);
    return value;
}

/* Calls `look` with each form, and the first one of the same value: those of a row are equal, and
 * the first is the one that is written. */
static void with_each(void (*look)(struct slice value, struct slice first))
{
    const struct form forms[] = {
        {1, SLICE("\022\001\002"), LISTPACK, SLICE("\201a\002\014\001\202bc\003"), 3},
        {1, SLICE("\001\003\001a\00212\002bc"), BARE, SLICE(""), 0},
        {1, SLICE("\012"), ZIPLIST, SLICE("\000\001a\003\376\014\003\002bc"), 0},
        {1, SLICE("\016\001"), ZIPLIST, SLICE("\000\001a\003\376\014\003\002bc"), 0},
        {2, SLICE("\021"), LISTPACK,
         SLICE("\201c\002\204-inf\005\201a\002\2031.5\004\201b\002\203inf\004"), 6},
        {2, SLICE("\003\003\001a\003" ENDED "b\376\001c\377"), BARE, SLICE(""), 0},
        {2,
         SLICE("\005\003\001a" DOUBLE_1_5
               "\001b\000\000\000\000\000\000\360\177\001c\000\000\000\000\000\000\360\377"),
         BARE, SLICE(""), 0},
        {2, SLICE("\014"), ZIPLIST,
         SLICE("\000\001c\003\004-inf\006\001a\003\0031.5\005\001b\003\003inf"), 0},
        {3, SLICE("\020"), LISTPACK, SLICE(FLAT_HASH), 4},
        {3, SLICE("\004\002\001f\0011\001g\002xy"), BARE, SLICE(""), 0},
        {3, SLICE("\011"), BARE, SLICE("\015\002\001f\001\0001\001g\002\000xy\377"), 0},
        {3, SLICE("\015"), ZIPLIST, SLICE("\000\001f\003\362\002\001g\003\002xy"), 0},
        {3, SLICE("\026\002\001f\0011" NO_DEADLINE "\001g\002xy" NO_DEADLINE), BARE, SLICE(""), 0},
        {3, SLICE("\030" BASE_MS "\002\000\001f\0011\000\001g\002xy"), BARE, SLICE(""), 0},
        {3, SLICE("\031" BASE_MS), LISTPACK,
         SLICE("\201f\002\001\001\000\001\201g\002\202xy\003\000\001"), 6},
        {4, SLICE("\030" BASE_MS "\002\001\001f\300\001\000\001g\002xy"), BARE, SLICE(""), 0},
        {4, SLICE("\026\002\001f\0011" BASE_MS "\001g\002xy" NO_DEADLINE), BARE, SLICE(""), 0},
        {4, SLICE("\031" BASE_MS), LISTPACK,
         SLICE("\201f\002\001\001\317\240\002\201g\002\202xy\003\000\001"), 6},
        {5, SLICE("\002\002\001a\001b"), BARE, SLICE(""), 0},
        {5, SLICE("\024"), LISTPACK, SLICE("\201a\002\201b\002"), 2},
        {6, SLICE("\013\014\002\000\000\000\002\000\000\000\001\000\002\000"), BARE, SLICE(""), 0},
        {6, SLICE("\002\002\0011\300\002"), BARE, SLICE(""), 0},
        {7, SLICE("\022\002\001\003abc\002"), LISTPACK, SLICE("\201d\002"), 1},
        {8, SLICE("\020"), LISTPACK, SLICE("\005\001\001\001\006\001\002\001"), 4},
        {8, SLICE("\004\002\0015\0011\0016\0012"), BARE, SLICE(""), 0},
        {8, SLICE("\031" BASE_MS), LISTPACK,
         SLICE("\005\001\001\001\000\001\006\001\002\001\000\001"), 6},
        {9, SLICE("\030" BASE_MS "\002\010\001f\001v\001\001g\002xy"), BARE, SLICE(""), 0},
        {9, SLICE("\026\002\001f\001v\247\017\000\000\000\000\000\000\001g\002xy" BASE_MS), BARE,
         SLICE(""), 0},
        {10, SLICE("\002\001" LONG_TEXT), BARE, SLICE(""), 0}, /* not packed, as it is long */
        {10, SLICE("\024\100\113\113\000\000\000\001\000" LONG_ELEMENT "\377"), BARE, SLICE(""), 0},
        {11, SLICE("\005\001" LONG_TEXT DOUBLE_1_5), BARE, SLICE(""), 0},
        {11, SLICE("\021\100\120\120\000\000\000\002\000" LONG_ELEMENT "\2031.5\004\377"), BARE,
         SLICE(""), 0},
        {11, SLICE("\003\001" LONG_TEXT "\0031.5"), BARE, SLICE(""), 0},
        {12, SLICE("\004\001" LONG_TEXT "\001v"), BARE, SLICE(""), 0},
        {12, SLICE("\020\100\116\116\000\000\000\002\000" LONG_ELEMENT "\201v\002\377"), BARE,
         SLICE(""), 0},
        {13, SLICE("\030" BASE_MS "\001\001" LONG_TEXT "\001v"), BARE, SLICE(""), 0},
    };
    struct buffer first = {0};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct buffer value = {0};
        add_form(&value, &forms[i]);
        if (i == 0 || forms[i].row != forms[i - 1].row) {
            buffer_clear(&first);
            add_form(&first, &forms[i]);
        }
        look(buffer_slice(&value), buffer_slice(&first));
        buffer_deinit(&value);
    }
    buffer_deinit(&first);
}

static void expect_first_form(struct slice value, struct slice first)
{
    struct buffer dump = {0};
    add_dump(&dump, value);
    if (!slice_equals(slice_of(dump.data, dump.length - FOOTER_SIZE), first))
        fail_msg("type %d is not written as type %d", value.data[0], first.data[0]);
    buffer_deinit(&dump);
}

static void old_and_new_forms_are_the_same_value(void **state)
{
    (void)state;
    with_each(expect_first_form);
}

/* The form that Redis 7.0 would write, too. */
static void small_values_are_written_packed(void **state)
{
    (void)state;
    const struct {
        struct slice value;
        unsigned char type;
    } values[] = {
        {SLICE("\001\001\001a"), RDB_TYPE_LIST_QUICKLIST_2},
        {SLICE("\002\001\300\001"), RDB_TYPE_SET_INTSET},
        {SLICE("\002\001\001a"), RDB_TYPE_SET},
        {SLICE("\005\001\001a" DOUBLE_1_5), RDB_TYPE_ZSET_LISTPACK},
        {SLICE("\004\001\001f\001v"), RDB_TYPE_HASH_LISTPACK},
        {SLICE("\026\001\001f\001v\000\001\000\000\000\000\000\000"), RDB_TYPE_HASH_METADATA},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct keyspace *keyspace = make_keyspace();
        struct buffer dump = {0};
        keyspace_set_time(keyspace, 1);
        assert_int_equal(restore(keyspace, values[i].value), OK);
        assert_int_equal(rdb_write_dump(&dump, only_entry(keyspace)), OK);
        assert_int_equal((unsigned char)dump.data[0], values[i].type);
        buffer_deinit(&dump);
        keyspace_destroy(keyspace);
    }
}

/* Was a fault: rows of more than 4096 pairs were taken for damage, though limits let them grow. */
static void long_packed_rows_come_back(void **state)
{
    (void)state;
    enum { PAIRS = 5000 };
    static const char types[] = {RDB_TYPE_ZSET_LISTPACK, RDB_TYPE_HASH_LISTPACK};
    struct value_limits limits = value_default_limits();
    struct listpack pack = listpack_create(0);
    limits.hash_entries_max = limits.zset_entries_max = PAIRS;
    for (int i = 0; i < PAIRS; i++) {
        char text[16];
        snprintf(text, sizeof text, "m%04d", i);
        assert_true(listpack_append(&pack, slice_of_string(text)));
        assert_true(listpack_append(&pack, SLICE("1.5")));
    }
    for (size_t i = 0; i < sizeof types; i++) {
        struct buffer value = {0}, dump = {0};
        struct keyspace *keyspace = make_keyspace();
        keyspace_set_value_limits(keyspace, &limits);
        buffer_add(&value, &types[i], 1);
        assert_int_equal(rdb_write_string(&value,
                                          slice_of((const char *)pack.bytes, listpack_size(&pack)),
                                          true),
                         OK);
        assert_int_equal(restore(keyspace, buffer_slice(&value)), OK);
        assert_string_equal(entry_encoding_name(only_entry(keyspace)), "listpack");
        assert_int_equal(rdb_write_dump(&dump, only_entry(keyspace)), OK);
        assert_true(
            slice_equals(slice_of(dump.data, dump.length - FOOTER_SIZE), buffer_slice(&value)));
        buffer_deinit(&value);
        buffer_deinit(&dump);
        keyspace_destroy(keyspace);
    }
    listpack_free(&pack);
}

static void cut_it_everywhere(struct slice value, struct slice first)
{
    (void)first;
    enum value_type type;
    const char *why;
    for (size_t length = 1; length < value.length; length++) {
        assert_null(read_value(slice_of(value.data, length), &type, &why));
        assert_string_equal(why, "short");
    }
    void *whole = read_value(value, &type, &why);
    assert_non_null(whole);
    value_free(type, whole);
}

static void a_value_that_is_cut_is_short(void **state)
{
    (void)state;
    with_each(cut_it_everywhere);
}

static void flip_each_bit(struct slice value, struct slice first)
{
    (void)first;
    struct buffer bytes = {0};
    buffer_add(&bytes, value.data, value.length);
    for (size_t bit = 8; bit < 8 * value.length; bit++) {
        enum value_type type;
        const char *why;
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        void *read = read_value(buffer_slice(&bytes), &type, &why);
        if (read != NULL) {
            check_value(type, read);
            value_free(type, read);
        }
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
    }
    buffer_deinit(&bytes);
}

static void after_any_flip_a_value_is_refused_or_valid(void **state)
{
    (void)state;
    with_each(flip_each_bit);
}

static void run_out_of_memory(struct slice value, struct slice first)
{
    (void)first;
    struct buffer whole = {0};
    bool ran_out = true;
    add_dump(&whole, value);
    for (unsigned call = 1; ran_out; call++) {
        struct keyspace *keyspace = make_keyspace();
        struct buffer payload = {0}, dump = {0};
        struct key key = {SLICE(NAME), keyspace_hash(keyspace, SLICE(NAME))};
        buffer_add(&payload, value.data, value.length);
        buffer_add(&payload, "\012\000\000\000\000\000\000\000\000\000", 10);
        failing_memory_begin(call, 0, false);
        enum error error = rdb_reader_restore(keyspace_database(keyspace, 0), &key,
                                              buffer_slice(&payload), ENTRY_NO_DEADLINE, 1 << 20);
        ran_out = failing_memory_end();
        assert_int_equal(error, ran_out ? ERROR_OUT_OF_MEMORY : OK);
        assert_true((error == OK) == (only_entry(keyspace) != NULL));
        if (error == OK) {
            assert_int_equal(rdb_write_dump(&dump, only_entry(keyspace)), OK);
            assert_true(slice_equals(buffer_slice(&dump), buffer_slice(&whole)));
        }
        buffer_deinit(&payload);
        buffer_deinit(&dump);
        keyspace_destroy(keyspace);
    }
    buffer_deinit(&whole);
}

static void without_memory_nothing_is_restored(void **state)
{
    (void)state;
    struct buffer value = {0}, elements = {0}, row = {0};
    for (int i = 0; i < 8; i++) /* of a list: each needs more room */
        buffer_add(&elements, "\000" LONG_TEXT, sizeof LONG_TEXT);
    rdb_bytes_add_ziplist(&row, buffer_slice(&elements));
    buffer_add_string(&value, "\012");
    assert_int_equal(rdb_write_string(&value, buffer_slice(&row), false), OK);
    run_out_of_memory(buffer_slice(&value), SLICE(""));
    buffer_deinit(&value);
    buffer_deinit(&elements);
    buffer_deinit(&row);
    with_each(run_out_of_memory);
}

static enum error write_in_form(int form, struct buffer *out, const struct entry *entry)
{
    return form == 0   ? rdb_write_dump(out, entry)
           : form == 1 ? rdb_write_entry(out, entry, true)
           : form == 2 ? rdb_write_entry_head(out, entry, true)
                       : rdb_write_value(out, entry, true);
}

/* Behind so many bytes that the buffer is full here or there. */
static void write_without_memory(struct slice value, struct slice first)
{
    (void)first;
    enum { FORMS = 4, STEPS = 20, STEP = 7 };
    static const char before[STEPS * STEP];
    struct keyspace *keyspace = make_keyspace();
    assert_int_equal(restore(keyspace, value), OK);
    for (size_t i = 0; i < (size_t)FORMS * STEPS; i++) {
        size_t filled = i / FORMS * STEP;
        bool ran_out = true;
        for (unsigned call = 1; ran_out; call++) {
            struct buffer out = {0};
            buffer_add(&out, before, filled);
            failing_memory_begin(call, 0, false);
            enum error error = write_in_form((int)(i % FORMS), &out, only_entry(keyspace));
            ran_out = failing_memory_end();
            assert_int_equal(error, ran_out ? ERROR_OUT_OF_MEMORY : OK);
            assert_true(!ran_out || out.length == filled);
            buffer_deinit(&out);
        }
    }
    keyspace_destroy(keyspace);
}

static void a_value_that_cannot_be_written_leaves_the_buffer(void **state)
{
    (void)state;
    with_each(write_without_memory);
}

static void a_part_that_cannot_be_written_leaves_the_buffer(void **state)
{
    (void)state;
    static const unsigned char types[] = {RDB_TYPE_LIST_QUICKLIST_2, RDB_TYPE_SET, RDB_TYPE_ZSET_2,
                                          RDB_TYPE_HASH, RDB_TYPE_HASH_METADATA};
    static const char before[140];
    const struct value_part part = {
        .key = SLICE(LONG_TEXT), .value = SLICE(LONG_TEXT), .deadline_ms = 7};
    for (size_t i = 0; i < sizeof types; i++)
        for (size_t filled = 0; filled < sizeof before; filled += 7) {
            bool ran_out = true;
            for (unsigned call = 1; ran_out; call++) {
                struct buffer out = {0};
                buffer_add(&out, before, filled);
                failing_memory_begin(call, 0, false);
                enum error error = rdb_write_value_part(&out, types[i], &part, 7, false);
                ran_out = failing_memory_end();
                assert_int_equal(error, ran_out ? ERROR_OUT_OF_MEMORY : OK);
                assert_true(!ran_out || out.length == filled);
                buffer_deinit(&out);
            }
        }
}

/* Not packed, and longer than a buffer is at first. */
static void values_of_long_elements_are_written_or_not(void **state)
{
    (void)state;
    enum { COUNT = 3, LENGTH = 300 };
    static const char types[] = {RDB_TYPE_LIST, RDB_TYPE_SET, RDB_TYPE_ZSET_2, RDB_TYPE_HASH};
    for (size_t i = 0; i < sizeof types; i++) {
        struct buffer value = {0}, dump = {0};
        buffer_add(&value, &types[i], 1);
        buffer_add(&value, "\003", 1);
        for (unsigned j = 0; j < COUNT * LENGTH; j++) {
            char noise = (char)((j * 2654435761u) >> 13);
            if (j % LENGTH == 0)
                buffer_add(&value, "\101\054", 2); /* 300 */
            buffer_add(&value, &noise, 1);
            if (j % LENGTH == LENGTH - 1 && types[i] == RDB_TYPE_ZSET_2)
                buffer_add(&value, DOUBLE_1_5, 8);
            else if (j % LENGTH == LENGTH - 1 && types[i] == RDB_TYPE_HASH)
                buffer_add(&value, "\001v", 2);
        }
        add_dump(&dump, buffer_slice(&value));
        struct keyspace *keyspace = make_keyspace();
        assert_int_equal(restore(keyspace, slice_of(dump.data, dump.length - FOOTER_SIZE)), OK);
        const struct entry *entry = only_entry(keyspace);
        assert_int_equal(value_kind((enum value_type)entry->type)->length(entry_collection(entry)),
                         COUNT);
        keyspace_destroy(keyspace);
        write_without_memory(buffer_slice(&value), SLICE(""));
        buffer_deinit(&value);
        buffer_deinit(&dump);
    }
}

static void assert_refused(const struct form *form, const char *expected)
{
    struct buffer value = {0};
    enum value_type type;
    const char *why;
    add_form(&value, form);
    assert_null(read_value(buffer_slice(&value), &type, &why));
    assert_string_equal(why, expected);
    buffer_deinit(&value);
}

#define REFUSED(bytes, why) assert_refused(&(struct form){0, SLICE(bytes), BARE, SLICE(""), 0}, why)
#define REFUSED_ZIPLIST(head, inside, why)                                                         \
    assert_refused(&(struct form){0, SLICE(head), ZIPLIST, SLICE(inside), 0}, why)
#define REFUSED_LISTPACK(head, inside, why)                                                        \
    assert_refused(&(struct form){0, SLICE(head), LISTPACK, SLICE(inside), UINT16_MAX}, why)

static void an_element_stands_there_once(void **state)
{
    (void)state;
    const char *why = "an element stands there twice";
    REFUSED("\002\002\001a\001a", why);
    REFUSED("\003\002\001a\003" ENDED "a\0031.5", why);
    REFUSED("\004\002\001a\0011\001a\0012", why);
    REFUSED_ZIPLIST("\014", "\000\001a\003\362\002\001a\003\363", why);
    REFUSED_ZIPLIST("\015", "\000\001a\003\362\002\001a\003\363", why);
}

static void scores_are_numbers(void **state)
{
    (void)state;
    const char *why = "a score that is no number";
    REFUSED("\003\001\001a\375", why);
    REFUSED("\003\001\001a\003abc", why);
    REFUSED("\005\001\001a" DOUBLE_NAN, why);
    REFUSED_ZIPLIST("\014", "\000\001a\003\001b", why);
}

static void a_score_that_is_cut_is_short(void **state)
{
    (void)state;
    REFUSED("\003\001\001a", "short");
    REFUSED("\003\001\001a\003", "short");
    REFUSED("\003\001\001a\0031.", "short");
}

static void deadlines_of_fields_have_a_range(void **state)
{
    (void)state;
    const char *why = "a deadline out of range";
    REFUSED("\030\377\377\377\377\377\377\377\177\000", why); /* the base */
    REFUSED("\030" DEADLINE_MAX "\001\000\001f\0011", why);
    REFUSED("\030" BASE_MS "\001\201\377\377\377\377\377\377\377\377\001f\0011", why);
    REFUSED("\026\001\001f\0011\376\377\377\377\377\377\377\377", why);
    REFUSED("\026\001\001f\0011\377\377\377\377\377\377\377\177", why);
    REFUSED("\026\001\001f\0011" DEADLINE_MAX, why);
    REFUSED(
        "\030\000\000\000\000\000\000\000\000\001\201\000\000\100\000\000\000\000\001\001f\0011",
        why);
    const struct slice good[] = {
        SLICE("\026\001\001f\0011\000\000\000\000\000\000\000\000"), /* the first moment of 1970 */
        SLICE("\026\001\001f\0011\377\377\377\377\377\077\000\000"), /* the last one */
        SLICE("\030\000\000\000\000\000\000\000\000\001"
              "\201\000\000\100\000\000\000\000\000\001f\0011"),
        SLICE("\030\377\377\377\377\377\077\000\000\001\001\001f\0011"),
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct keyspace *keyspace = make_keyspace();
        assert_int_equal(restore(keyspace, good[i]), OK);
        keyspace_destroy(keyspace);
    }
}

static void packed_rows_are_checked(void **state)
{
    (void)state;
    const char *why = "a packed value is damaged";
    REFUSED("\012\003abc", why); /* no ziplist, listpack, intset */
    REFUSED("\020\003abc", why);
    REFUSED("\013\003abc", why);
    REFUSED("\022\001\002\003abc", why);
    REFUSED("\022\001\007\003abc", why);                 /* a block of another kind */
    REFUSED_ZIPLIST("\012", "\000\002a", why);           /* an element that is cut */
    REFUSED_ZIPLIST("\015", "\000\001a", why);           /* a field without a value */
    REFUSED_LISTPACK("\020", "\201f\002", why);          /* likewise */
    REFUSED_LISTPACK("\024", "\201f\002\201f\002", why); /* a member twice */
    REFUSED_LISTPACK("\021", "\201a\002\201b\002", why); /* a score that is none */
    REFUSED_LISTPACK("\031" BASE_MS, "\201f\002", why);  /* no triples */
    REFUSED_LISTPACK("\031" BASE_MS, "\201f\002\001\001", why);
    REFUSED_LISTPACK("\031" BASE_MS, "\201f\002\001\001\201x\002", why);
    REFUSED_LISTPACK("\031" BASE_MS, "\201f\002\001\001\000\001\201f\002\001\001\000\001",
                     "an element stands there twice");
}

static void values_without_elements_are_empty(void **state)
{
    (void)state;
    REFUSED("\001\000", "empty");
    REFUSED("\002\000", "empty");
    REFUSED("\003\000", "empty");
    REFUSED("\004\000", "empty");
    REFUSED_ZIPLIST("\012", "", "empty");
    REFUSED_ZIPLIST("\014", "", "empty");
    REFUSED_LISTPACK("\020", "", "empty");
    REFUSED_LISTPACK("\022\001\002", "", "empty");
    REFUSED_LISTPACK("\031" BASE_MS, "", "empty");
}

static void a_restored_payload_is_all_used(void **state)
{
    (void)state;
    struct keyspace *keyspace = make_keyspace();
    assert_int_equal(restore(keyspace, SLICE("")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\143")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\001\000")), ERROR_SYNTAX); /* empty */
    assert_int_equal(restore(keyspace, SLICE("\001\001\001ab")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\001\002\001a")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\030\002\001a")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\000\001ab")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\000\002a")), ERROR_SYNTAX);
    assert_int_equal(restore(keyspace, SLICE("\000\303\001\005x")), ERROR_SYNTAX);
    assert_null(only_entry(keyspace));
    assert_int_equal(restore(keyspace, SLICE("\000\002ab")), OK);
    assert_false(rdb_reader_payload_is_valid(SLICE("too short")));
    assert_false(rdb_reader_payload_is_valid(SLICE("\000\001a\132\000\0\0\0\0\0\0\0\0")));
    assert_false(rdb_reader_payload_is_valid(SLICE("\000\001a\012\000\1\0\0\0\0\0\0\0")));
    const struct value_settings *settings = keyspace_value_settings(keyspace);
    assert_int_equal(
        rdb_reader_check_value(SLICE("\000\001a\012\000\0\0\0\0\0\0\0\0"), 9, settings), OK);
    assert_int_equal(
        rdb_reader_check_value(SLICE("\001\001\001a\012\000\0\0\0\0\0\0\0\0"), 9, settings), OK);
    assert_int_equal(rdb_reader_check_value(SLICE("\001\000\012\000\0\0\0\0\0\0\0\0"), 9, settings),
                     ERROR_SYNTAX);
    keyspace_destroy(keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_and_new_forms_are_the_same_value),
        cmocka_unit_test(small_values_are_written_packed),
        cmocka_unit_test(long_packed_rows_come_back),
        cmocka_unit_test(a_value_that_is_cut_is_short),
        cmocka_unit_test(after_any_flip_a_value_is_refused_or_valid),
        cmocka_unit_test(without_memory_nothing_is_restored),
        cmocka_unit_test(a_value_that_cannot_be_written_leaves_the_buffer),
        cmocka_unit_test(a_part_that_cannot_be_written_leaves_the_buffer),
        cmocka_unit_test(values_of_long_elements_are_written_or_not),
        cmocka_unit_test(an_element_stands_there_once),
        cmocka_unit_test(scores_are_numbers),
        cmocka_unit_test(a_score_that_is_cut_is_short),
        cmocka_unit_test(deadlines_of_fields_have_a_range),
        cmocka_unit_test(packed_rows_are_checked),
        cmocka_unit_test(values_without_elements_are_empty),
        cmocka_unit_test(a_restored_payload_is_all_used),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/rdb_value_reader", tests, memory_balance_begin,
                                       NULL);
}
