/* Hashes in both forms, with deadlines of their fields, against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/draw.h"
#include "support/model_run.h"
#include "support/value_steps.h"
#include "values/hash.h"

static const struct value_settings small = {
    .limits = {
        .hash_entries_max = 3, .hash_value_max = 8, .zset_entries_max = 2, .zset_value_max = 64}};

static void expect_encoding(const struct hash *hash, const char *encoding)
{
    value_steps_expect_encoding(TYPE_HASH, hash, encoding);
    hash_check(hash);
}

static void set(struct hash *hash, const char *field, const char *value, bool keeps_deadline)
{
    (void)hash_set(hash, &small, slice_of_string(field), slice_of_string(value), keeps_deadline);
}

static void expect(const struct hash *hash, const char *field, const char *value)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice found;
    assert_true(hash_get(hash, slice_of_string(field), scratch, &found));
    assert_true(slice_equals(found, slice_of_string(value)));
}

static void set_deadline(struct hash *hash, const char *field, int64_t deadline_ms)
{
    assert_true(hash_set_deadline(hash, &small, slice_of_string(field), deadline_ms));
}

static void expect_first_due(const struct hash *hash, int64_t now_ms, const char *field)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    struct slice due;
    assert_int_equal(hash_first_due(hash, now_ms, scratch, &due), field != NULL);
    if (field != NULL)
        assert_true(slice_equals(due, slice_of_string(field)));
}

/* A hash with these fields, as a listpack or as a table. */
static struct hash *abc(bool is_table)
{
    struct hash *hash = hash_create();
    set(hash, "a", "1", false);
    set(hash, "b", "two", false);
    set(hash, "3", is_table ? "a long value" : "long", false);
    expect_encoding(hash, is_table ? "hashtable" : "listpack");
    return hash;
}

/* --- edges --- */

static void an_empty_hash_answers(void **state)
{
    (void)state;
    struct hash *hash = hash_create();
    struct hash_cursor cursor = {0};
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    struct slice field, value;
    expect_encoding(hash, "listpack");
    assert_int_equal(hash_length(hash), 0);
    assert_false(hash_get(hash, slice_of(NULL, 0), scratch[0], &value));
    assert_false(hash_remove(hash, SLICE("x")));
    assert_false(hash_next(hash, &cursor, &field, &value));
    assert_false(hash_pick(hash, UINT64_MAX, scratch, &field, &value));
    assert_int_equal(hash_scan(hash, 0, NULL, NULL), 0);
    assert_int_equal(hash_deadline_ms(hash, SLICE("x")), HASH_NO_DEADLINE);
    assert_int_equal(hash_next_deadline_ms(hash), HASH_NO_DEADLINE);
    assert_int_equal(hash_count_with_deadline(hash), 0);
    expect_first_due(hash, INT64_MAX, NULL);
    hash_destroy(hash);
}

static void a_field_may_have_the_bytes_of_a_value(void **state)
{
    (void)state;
    struct hash *hash = hash_create();
    set(hash, "1", "2", false);
    set(hash, "", "", false);
    assert_false(hash_remove(hash, SLICE("2")));
    set(hash, "2", "1", false);
    assert_int_equal(hash_length(hash), 3);
    expect(hash, "1", "2");
    expect(hash, "2", "1");
    expect(hash, "", "");
    hash_destroy(hash);
}

static void too_many_fields_or_bytes_make_a_table(void **state)
{
    (void)state;
    static const char *const fields[] = {"d", "b", "c", "12345678"};
    struct hash *hash = hash_create();
    set(hash, "12345678", "-9223372", false);
    set(hash, "b", "-1", false);
    set(hash, "c", "c", false);
    set(hash, "c", "12345678", false); /* full, but for the field that is there */
    expect_encoding(hash, "listpack");
    set(hash, "d", "d", false);
    expect_encoding(hash, "hashtable");
    expect(hash, "12345678", "-9223372");
    expect(hash, "b", "-1");
    expect(hash, "c", "12345678");
    for (size_t i = 0; i < 4; i++)
        assert_true(hash_remove(hash, slice_of_string(fields[i])));
    expect_encoding(hash, "hashtable"); /* there is no way back */
    hash_destroy(hash);
    for (int i = 0; i < 2; i++) {
        hash = hash_create();
        set(hash, i == 0 ? "123456789" : "a", i == 0 ? "a" : "123456789", false);
        expect_encoding(hash, "hashtable");
        hash_destroy(hash);
    }
}

static void a_listpack_is_taken_over_if_it_is_of_pairs_with_different_fields(void **state)
{
    (void)state;
    static const char *const texts[] = {"1", "x", "2", "y", "3", "1", "4", "4"};
    struct listpack pack = listpack_create(0);
    struct hash *hash;
    assert_int_equal(hash_of_listpack(pack, &small, &hash), ERROR_SYNTAX);
    for (size_t i = 0; i < 8; i++) {
        assert_true(listpack_append(&pack, slice_of_string(texts[i])));
        struct listpack copy = listpack_copy(&pack);
        enum error error = hash_of_listpack(copy, &small, &hash);
        assert_int_equal(error, i % 2 == 0 ? ERROR_SYNTAX : OK);
        if (error != OK) {
            listpack_free(&copy);
            continue;
        }
        assert_int_equal(hash_length(hash), (i + 1) / 2);
        expect_encoding(hash, i < 6 ? "listpack" : "hashtable");
        assert_int_equal(hash_listpack(hash)->bytes == NULL, i >= 6);
        value_steps_free(TYPE_HASH, hash);
    }
    assert_true(listpack_append(&pack, SLICE("2")) && listpack_append(&pack, SLICE("z")));
    assert_int_equal(hash_of_listpack(pack, &small, &hash), ERROR_SYNTAX);
    listpack_free(&pack);
}

static void a_field_that_is_a_number_kept_as_text_is_not_there_twice(void **state)
{
    (void)state;
    struct listpack pack = listpack_of(slice_of("\23\0\0\0\4\0\x82"
                                                "12\3\1\1\x82"
                                                "12\3\2\1\xff",
                                                19));
    assert_true(listpack_is_valid(slice_of((const char *)pack.bytes, 19)));
    struct hash *hash;
    assert_int_equal(hash_of_listpack(pack, &small, &hash), ERROR_SYNTAX);
    listpack_free(&pack);
}

static void an_overwritten_field_loses_its_deadline_unless_it_is_kept(void **state)
{
    (void)state;
    for (int is_table = 0; is_table < 2; is_table++) {
        struct hash *hash = abc(is_table);
        set_deadline(hash, "a", 500);
        set(hash, "a", "2", true);
        assert_int_equal(hash_deadline_ms(hash, SLICE("a")), 500);
        set(hash, "a", "22", false);
        assert_int_equal(hash_deadline_ms(hash, SLICE("a")), HASH_NO_DEADLINE);
        assert_int_equal(hash_count_with_deadline(hash), 0);
        set_deadline(hash, "a", 500);
        assert_true(hash_remove(hash, SLICE("a")));
        set(hash, "a", "3", true); /* nothing is left to keep */
        assert_int_equal(hash_deadline_ms(hash, SLICE("a")), HASH_NO_DEADLINE);
        expect_first_due(hash, INT64_MAX, NULL);
        hash_check(hash);
        hash_destroy(hash);
    }
}

static void fields_fall_due_in_order_of_deadline_and_bytes(void **state)
{
    (void)state;
    for (int is_table = 0; is_table < 2; is_table++) {
        struct hash *hash = abc(is_table);
        set_deadline(hash, "b", 100);
        set_deadline(hash, "a", HASH_DEADLINE_MAX);
        set_deadline(hash, "3", 100);
        assert_int_equal(hash_count_with_deadline(hash), 3);
        assert_int_equal(hash_next_deadline_ms(hash), 100);
        expect_first_due(hash, 99, NULL);
        expect_first_due(hash, 100, "3");
        set_deadline(hash, "3", HASH_NO_DEADLINE);
        expect_first_due(hash, 100, "b");
        set_deadline(hash, "b", 0);
        assert_int_equal(hash_next_deadline_ms(hash), 0);
        assert_true(hash_remove(hash, SLICE("b")));
        assert_int_equal(hash_next_deadline_ms(hash), HASH_DEADLINE_MAX);
        expect_first_due(hash, HASH_DEADLINE_MAX - 1, NULL);
        expect_first_due(hash, HASH_DEADLINE_MAX, "a");
        set_deadline(hash, "a", HASH_NO_DEADLINE);
        set_deadline(hash, "a", HASH_NO_DEADLINE);
        assert_int_equal(hash_next_deadline_ms(hash), HASH_NO_DEADLINE);
        assert_int_equal(hash_length(hash), 2);
        hash_check(hash);
        hash_destroy(hash);
    }
}

static void a_keeper_is_of_the_hash_and_not_of_its_copy(void **state)
{
    (void)state;
    int keeper;
    struct hash *hash = abc(false);
    hash_set_keeper(hash, NULL);
    assert_null(hash_keeper(hash));
    set_deadline(hash, "a", 5);
    hash_set_keeper(hash, &keeper);
    struct hash *copy = value_kind(TYPE_HASH)->copy(hash);
    assert_ptr_equal(hash_keeper(hash), &keeper);
    assert_null(hash_keeper(copy));
    assert_int_equal(hash_next_deadline_ms(copy), 5);
    hash_set_keeper(hash, NULL);
    assert_null(hash_keeper(hash));
    hash_destroy(copy);
    hash_destroy(hash);
}

/* --- hidden fields --- */

#define MANY 300 /* fields; "f7" is due at 7 */

static struct slice many_name(char *text, int i)
{
    return slice_of(text, (size_t)sprintf(text, "%s%d", i % 2 == 0 ? "f" : "", i));
}

/* Some names are numbers. The fields from `lasting` on have no deadline. */
static struct hash *many(const struct value_settings *settings, int lasting)
{
    char text[16];
    struct hash *hash = hash_create();
    for (int i = 0; i < MANY; i++) {
        struct slice field = many_name(text, i);
        assert_int_equal(hash_set(hash, settings, field, field, false), HASH_ADDED);
        assert_true(i >= lasting || hash_set_deadline(hash, settings, field, i));
    }
    return hash;
}

static void note_field(void *context, struct slice field, struct slice value)
{
    assert_true(slice_equals(field, value));
    ++*(int *)context;
}

/* All ways to read find `shown` fields: those from `first` on. */
static void expect_shown(const struct hash *hash, int first)
{
    char text[16], scratch[2][NUMBER_INTEGER_TEXT_MAX];
    struct slice field, value;
    int shown = 0, scanned = 0, all = 0;
    uint64_t at = 0;
    assert_int_equal(hash_length(hash), MANY - first);
    assert_int_equal(hash_total(hash), MANY);
    assert_int_equal(hash_kind.length(hash), MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(hash_is_hidden(hash, many_name(text, i)), i < first);
        assert_int_equal(hash_get(hash, many_name(text, i), scratch[0], &value), i >= first);
    }
    for (struct hash_cursor cursor = {0}; hash_next(hash, &cursor, &field, &value); shown++)
        assert_false(hash_is_hidden(hash, field));
    assert_int_equal(shown, MANY - first);
    for (struct hash_cursor cursor = {.any = true}; hash_next(hash, &cursor, &field, &value);)
        all++;
    assert_int_equal(all, MANY);
    do
        at = hash_scan(hash, at, note_field, &scanned);
    while (at != 0);
    assert_int_equal(scanned, MANY - first);
    hash_check(hash);
}

static void expect_picks(const struct hash *hash, int first)
{
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    bool picked[MANY] = {false};
    struct slice field, value;
    for (int i = 0, left = MANY - first; left > 0; i++) {
        assert_true(i < 100 * MANY);
        if (!hash_pick(hash, draw_bits(), scratch, &field, &value))
            continue;
        assert_true(slice_equals(field, value));
        size_t letters = field.data[0] == 'f';
        int64_t number;
        assert_true(
            number_parse_int64(slice_of(field.data + letters, field.length - letters), &number));
        assert_in_range(number, first, MANY - 1);
        left -= !picked[number];
        picked[number] = true;
    }
}

static void hidden_fields_are_gone_for_who_reads(void **state)
{
    (void)state;
    struct value_settings settings = small;
    for (int form = 0; form < 4; form++) { /* listpack or not, of fields and of deadlines */
        settings.limits.hash_entries_max = form % 2 == 0 ? 3 : MANY;
        settings.limits.zset_entries_max = form < 2 ? 2 : MANY;
        int lasting = MANY - 1 - form;
        struct hash *hash = many(&settings, lasting);
        expect_encoding(hash, form % 2 == 0 ? "hashtable" : "listpack");
        expect_shown(hash, 0);
        assert_int_equal(hash_hide_due(hash, -5), 0);
        assert_int_equal(hash_hide_due(hash, 0), 1);
        expect_shown(hash, 1);
        assert_int_equal(hash_hide_due(hash, 199), 200);
        expect_shown(hash, 200);
        expect_picks(hash, 200);
        struct hash *copy = hash_kind.copy(hash);
        expect_shown(copy, 0);
        hash_destroy(copy);
        assert_int_equal(hash_hide_due(hash, INT64_MAX), lasting);
        expect_shown(hash, lasting);
        expect_picks(hash, lasting);
        expect_first_due(hash, 0, "f0");
        assert_int_equal(hash_next_deadline_ms(hash), 0);
        assert_int_equal(hash_hide_due(hash, 9), 10); /* the clock was set back */
        expect_shown(hash, 10);
        value_steps_free(TYPE_HASH, hash);
    }
}

static void hidden_fields_are_gone_for_who_changes(void **state)
{
    (void)state;
    struct value_settings settings = small;
    for (int is_listpack = 0; is_listpack < 2; is_listpack++) {
        settings.limits.hash_entries_max = is_listpack ? MANY : 3;
        struct hash *hash = many(&settings, MANY);
        assert_int_equal(hash_hide_due(hash, MANY - 2), MANY - 1);
        assert_false(hash_remove(hash, SLICE("f4")));
        assert_int_equal(hash_total(hash), MANY);
        assert_int_equal(hash_set(hash, &settings, SLICE("f4"), SLICE("x"), true), HASH_ADDED);
        assert_int_equal(hash_deadline_ms(hash, SLICE("f4")), HASH_NO_DEADLINE);
        assert_int_equal(hash_set(hash, &settings, SLICE("7"), SLICE("x"), false), HASH_ADDED);
        assert_int_equal(hash_length(hash), 3);
        assert_true(hash_remove_any(hash, SLICE("f6")));
        assert_false(hash_remove_any(hash, SLICE("f6")));
        assert_int_equal(hash_total(hash), MANY - 1);
        assert_int_equal(hash_length(hash), 3);
        hash_check(hash);
        hash_destroy(hash);
    }
}

static void what_was_hidden_does_not_hide_what_comes_later(void **state)
{
    (void)state;
    struct hash *hash = abc(false);
    set_deadline(hash, "a", 5);
    assert_int_equal(hash_hide_due(hash, 100), 1);
    assert_true(hash_remove_any(hash, SLICE("a")));
    set_deadline(hash, "b", 50);
    assert_false(hash_is_hidden(hash, SLICE("b")));
    assert_int_equal(hash_length(hash), 2);
    hash_destroy(hash);
}

/* --- the model --- */

struct fixture {
    struct model_run run;
    size_t deadlines; /* fields that have one */
};

static void *create(struct model_run *run)
{
    ((struct fixture *)run)->deadlines = 0;
    return hash_create();
}

static void free_hash(void *value)
{
    value_steps_free(TYPE_HASH, value);
}

static bool has_deadline(const struct model_member *member)
{
    return member->is_there && member->deadline_ms != HASH_NO_DEADLINE;
}

static void model_deadline(struct model_run *run, struct model_member *member, int64_t deadline_ms)
{
    struct fixture *fixture = (struct fixture *)run;
    fixture->deadlines -= has_deadline(member);
    member->deadline_ms = deadline_ms;
    fixture->deadlines += has_deadline(member);
}

/* And something happens to another's deadline. */
static void change_deadline(struct model_run *run)
{
    struct model_member *member = member_model_draw(run->model);
    int64_t deadline_ms = draw(3) == 0 ? HASH_NO_DEADLINE : (int64_t)draw(300);
    if (!member->is_there || draw(4) != 0)
        return;
    assert_true(hash_set_deadline(run->value, &run->settings, member->word, deadline_ms));
    model_deadline(run, member, deadline_ms);
}

static void add_one(struct model_run *run, struct model_member *member)
{
    bool keeps = draw(2) == 0;
    member->value = member_model_draw(run->model)->word;
    assert_int_equal(hash_set(run->value, &run->settings, member->word, member->value, keeps),
                     member->is_there ? HASH_CHANGED : HASH_ADDED);
    if (!keeps || !member->is_there)
        model_deadline(run, member, HASH_NO_DEADLINE);
    member_model_set(run->model, member, true);
    change_deadline(run);
}

static bool is_due(const struct model_member *member, int64_t now_ms)
{
    return has_deadline(member) && member->deadline_ms <= now_ms;
}

static void change_what_may_be_hidden(struct model_run *run, int64_t now_ms)
{
    struct model_member *member = member_model_draw(run->model);
    bool shown = member->is_there && !is_due(member, now_ms), keeps = draw(2) == 0;
    if (draw(2) == 0) {
        assert_int_equal(hash_remove(run->value, member->word), shown);
        if (!shown)
            return;
        model_deadline(run, member, HASH_NO_DEADLINE);
        member_model_set(run->model, member, false);
        return;
    }
    member->value = member_model_draw(run->model)->word;
    assert_int_equal(hash_set(run->value, &run->settings, member->word, member->value, keeps),
                     shown ? HASH_CHANGED : HASH_ADDED);
    if (!keeps || !shown)
        model_deadline(run, member, HASH_NO_DEADLINE);
    member_model_set(run->model, member, true);
}

/* For a while what is due at some time is hidden; who reads or changes the hash must not see it. */
static void hide_for_a_while(struct model_run *run)
{
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    int64_t now_ms = (int64_t)draw(320);
    size_t due = 0, shown = 0;
    struct hash_cursor cursor = {0};
    struct slice field, value;
    for (size_t i = 0; i < run->model->size; i++)
        due += is_due(&run->model->members[i], now_ms);
    assert_int_equal(hash_hide_due(run->value, now_ms), due);
    assert_int_equal(hash_length(run->value), run->model->count - due);
    for (; hash_next(run->value, &cursor, &field, &value); shown++)
        assert_false(is_due(member_model_find(run->model, field), now_ms));
    assert_int_equal(shown, run->model->count - due);
    if (hash_pick(run->value, draw_bits(), scratch, &field, &value)) {
        const struct model_member *member = member_model_find(run->model, field);
        assert_true(member->is_there && !is_due(member, now_ms));
        assert_true(slice_equals(value, member->value));
    }
    change_what_may_be_hidden(run, now_ms);
    assert_int_equal(hash_hide_due(run->value, -1), 0);
}

static void remove_one(struct model_run *run, struct model_member *member)
{
    model_deadline(run, member, HASH_NO_DEADLINE);
    assert_int_equal(hash_remove(run->value, member->word), member->is_there);
    member_model_set(run->model, member, false);
    change_deadline(run);
    if (draw(16) == 0)
        hide_for_a_while(run);
}

static void look_at_deadlines(const struct model_run *run)
{
    char scratch[NUMBER_INTEGER_TEXT_MAX];
    const struct model_member *first = NULL;
    struct slice field;
    for (size_t i = 0; i < run->model->size; i++) {
        const struct model_member *member = &run->model->members[i];
        if (has_deadline(member) && (first == NULL || member->deadline_ms < first->deadline_ms))
            first = member;
    }
    if (first == NULL) {
        assert_int_equal(hash_next_deadline_ms(run->value), HASH_NO_DEADLINE);
        assert_false(hash_first_due(run->value, INT64_MAX, scratch, &field));
        return;
    }
    assert_int_equal(hash_next_deadline_ms(run->value), first->deadline_ms);
    assert_false(hash_first_due(run->value, first->deadline_ms - 1, scratch, &field));
    assert_true(hash_first_due(run->value, first->deadline_ms, scratch, &field));
    assert_true(slice_equals(field, first->word));
}

static void look(struct model_run *run, const struct model_member *member)
{
    char scratch[2][NUMBER_INTEGER_TEXT_MAX];
    struct slice field, value;
    assert_int_equal(hash_length(run->value), run->model->count);
    value_steps_fetch(TYPE_HASH, run->value, member->word);
    assert_int_equal(hash_get(run->value, member->word, scratch[0], &value), member->is_there);
    assert_true(!member->is_there || slice_equals(value, member->value));
    assert_int_equal(hash_deadline_ms(run->value, member->word),
                     has_deadline(member) ? member->deadline_ms : HASH_NO_DEADLINE);
    if (hash_pick(run->value, draw_bits(), scratch, &field, &value)) {
        member = member_model_find(run->model, field);
        assert_true(member->is_there && slice_equals(value, member->value));
    }
    if (draw(32) == 0)
        look_at_deadlines(run);
}

static void visit(void *context, struct slice field, struct slice value)
{
    struct model_run *run = context;
    const struct model_member *member = member_model_visit(run->model, field);
    assert_true(slice_equals(value, member->value));
}

static void compare(struct model_run *run, const void *value)
{
    struct hash_cursor cursor = {0};
    struct slice field, text;
    hash_check(value);
    assert_int_equal(hash_kind.length(value), run->model->count);
    assert_int_equal(hash_count_with_deadline(value), ((struct fixture *)run)->deadlines);
    while (hash_next(value, &cursor, &field, &text)) {
        const struct model_member *member = member_model_find(run->model, field);
        visit(run, field, text);
        assert_int_equal(hash_deadline_ms(value, field), member->deadline_ms);
    }
    assert_true(hash_listpack(value)->bytes == NULL ||
                hash_length(value) <= run->settings.limits.hash_entries_max);
}

static uint64_t scan(struct model_run *run, uint64_t cursor)
{
    return hash_scan(run->value, cursor, visit, run);
}

static void random_changes_leave_what_a_plain_model_has(void **state)
{
    (void)state;
    struct fixture fixture = {.run = {.pool = 2000,
                                      .rounds = 54,
                                      .operations = 2000,
                                      .functions = {create, free_hash, hash_kind.copy, add_one,
                                                    remove_one, look, scan, compare}}};
    model_run(&fixture.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_hash_answers),
        cmocka_unit_test(a_field_may_have_the_bytes_of_a_value),
        cmocka_unit_test(too_many_fields_or_bytes_make_a_table),
        cmocka_unit_test(a_listpack_is_taken_over_if_it_is_of_pairs_with_different_fields),
        cmocka_unit_test(a_field_that_is_a_number_kept_as_text_is_not_there_twice),
        cmocka_unit_test(an_overwritten_field_loses_its_deadline_unless_it_is_kept),
        cmocka_unit_test(fields_fall_due_in_order_of_deadline_and_bytes),
        cmocka_unit_test(a_keeper_is_of_the_hash_and_not_of_its_copy),
        cmocka_unit_test(hidden_fields_are_gone_for_who_reads),
        cmocka_unit_test(hidden_fields_are_gone_for_who_changes),
        cmocka_unit_test(what_was_hidden_does_not_hide_what_comes_later),
        cmocka_unit_test(random_changes_leave_what_a_plain_model_has),
    };
    return cmocka_run_group_tests_name("values/hash", tests, NULL, NULL);
}
