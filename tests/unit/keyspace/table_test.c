/* The table against a plain model: an array that knows which numbered keys are in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/memory.h"
#include "keyspace/bucket.h"
#include "keyspace/entry.h"
#include "keyspace/table.h"
#include "keyspace/table_position.h"

static const struct hash_seed seed = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 16;
}

static void seed_random(void)
{
    const char *given = getenv("TEST_SEED");
    random_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("TEST_SEED=%llu\n", (unsigned long long)random_state);
}

/* The numbered keys of a test; entries[i] is NULL while key i is out. */
struct model {
    struct table table;
    size_t size;
    struct entry **entries;
    unsigned *visits;
};

static struct slice key_of(size_t number, char text[32])
{
    return slice_of(text, (size_t)snprintf(text, 32, "key:%zu", number));
}

static uint64_t hash_of(struct slice key)
{
    return table_hash(&seed, key);
}

static struct model *model_create(size_t size)
{
    struct model *model = calloc(1, sizeof *model);
    table_init(&model->table, &seed);
    model->size = size;
    model->entries = calloc(size, sizeof(struct entry *));
    model->visits = calloc(size, sizeof(unsigned));
    return model;
}

static void model_insert(struct model *model, size_t number)
{
    char text[32];
    struct slice key = key_of(number, text);
    struct entry *entry = entry_create(key, ENTRY_NO_DEADLINE, sizeof(int64_t));
    entry_set_integer(entry, (int64_t)number);
    table_insert(&model->table, hash_of(key), entry);
    model->entries[number] = entry;
}

static void model_remove(struct model *model, size_t number)
{
    char text[32];
    table_remove(&model->table, hash_of(key_of(number, text)), model->entries[number]);
    entry_free(model->entries[number]);
    model->entries[number] = NULL;
}

static void model_replace(struct model *model, size_t number)
{
    char text[32];
    struct slice key = key_of(number, text);
    struct entry *entry = entry_create(key, ENTRY_NO_DEADLINE, sizeof(int64_t));
    entry_set_integer(entry, (int64_t)number);
    table_replace(&model->table, hash_of(key), model->entries[number], entry);
    entry_free(model->entries[number]);
    model->entries[number] = entry;
}

static void model_compare(struct model *model)
{
    table_check(&model->table);
    size_t count = 0;
    for (size_t i = 0; i < model->size; i++) {
        char text[32];
        struct slice key = key_of(i, text);
        table_prefetch_bucket(&model->table, hash_of(key)); /* end, whatever is there */
        table_prefetch_entry(&model->table, hash_of(key));
        assert_ptr_equal(table_find(&model->table, hash_of(key), key), model->entries[i]);
        count += model->entries[i] != NULL;
    }
    assert_int_equal(model->table.count, count);
}

static void free_entry(void *context, struct entry *entry)
{
    size_t *freed = context;
    ++*freed;
    entry_free(entry);
}

static void model_destroy(struct model *model)
{
    size_t count = model->table.count, freed = 0;
    while (!table_drain(&model->table, free_entry, &freed))
        ;
    assert_int_equal(freed, count);
    table_deinit(&model->table);
    free(model->entries);
    free(model->visits);
    free(model);
}

static void random_changes_leave_what_a_plain_model_has(void **state)
{
    (void)state;
    seed_random();
    struct model *model = model_create(20000);
    for (int phase = 0; phase < 12; phase++) {
        /* Phases that mostly grow and phases that mostly shrink, down to a few keys. */
        uint64_t insert_chance = phase % 2 == 0 ? 90 : 5;
        for (int step = 0; step < 30000; step++) {
            size_t number = next_random() % model->size;
            bool insert = next_random() % 100 < insert_chance;
            if (insert && model->entries[number] == NULL)
                model_insert(model, number);
            else if (insert)
                model_replace(model, number);
            else if (model->entries[number] != NULL)
                model_remove(model, number);
        }
        model_compare(model);
    }
    model_destroy(model);
}

/* Inserts `count` keys of number `from` on whose hashes begin with `bits` bits of 0; returns the
 * number behind. */
static size_t insert_alike(struct model *model, size_t from, size_t count, unsigned bits)
{
    for (; count > 0; from++) {
        char text[32];
        assert_true(from < model->size);
        if (hash_of(key_of(from, text)) >> (64 - bits) == 0) {
            model_insert(model, from);
            count--;
        }
    }
    return from;
}

/* All go into one half of every split, five times over. */
static void keys_that_do_not_part_are_found_and_go(void **state)
{
    (void)state;
    struct model *model = model_create(200000);
    insert_alike(model, insert_alike(model, 0, 20, 1), 1500, 5);
    model_compare(model);
    assert_true(model->table.depth > 5);
    model_insert(model, model->size - 1);
    for (size_t i = 0; i < model->size; i++) {
        if (model->entries[i] == NULL)
            continue;
        model_remove(model, i);
        if (i % 50 == 0)
            table_check(&model->table);
    }
    assert_int_equal(model->table.count, 0);
    assert_int_equal(model->table.depth, 0);
    model_destroy(model);
}

/* More pass over one bucket than its count can say. */
static void a_bucket_may_be_passed_over_by_more_than_it_counts(void **state)
{
    (void)state;
    struct model *model = model_create(100000);
    size_t from = 0;
    while (model->table.count < 600) /* grown, so that there are many buckets */
        model_insert(model, from++);
    size_t crowd = from;
    insert_alike(model, from, 400, 7);
    model_compare(model);
    for (size_t i = crowd; i < model->size; i++)
        if (model->entries[i] != NULL && i % 4 != 0)
            model_remove(model, i);
    model_compare(model);
    model_destroy(model);
}

static bool key_is_low(size_t number)
{
    char text[32];
    return hash_of(key_of(number, text)) >> 63 == 0;
}

/* Whichever of them gets emptier. */
static void halves_merge_when_they_fill_one_small_segment_to_70_percent(void **state)
{
    (void)state;
    for (int emptier = 0; emptier < 2; emptier++) {
        struct model *model = model_create(10000);
        size_t counts[2] = {0}, wanted[2] = {24 * BUCKET_SLOTS, 24 * BUCKET_SLOTS};
        wanted[!emptier] = 8 * BUCKET_SLOTS; /* together more than one segment takes */
        for (size_t i = 0; i < model->size; i++) {
            bool low = key_is_low(i);
            if (counts[low] < wanted[low]) {
                model_insert(model, i);
                counts[low]++;
            }
        }
        const size_t merged_max = 16 * BUCKET_SLOTS * 70 / 100;
        for (size_t i = 0; i < model->size; i++) {
            if (model->entries[i] == NULL || key_is_low(i) != (emptier != 0))
                continue;
            assert_int_equal(model->table.depth, 1);
            model_remove(model, i);
            if (model->table.count <= merged_max)
                break;
        }
        assert_int_equal(model->table.depth, 0);
        model_compare(model);
        model_destroy(model);
    }
}

static void a_table_that_empties_gives_its_memory_back(void **state)
{
    (void)state;
    struct model *model = model_create(100000);
    for (size_t i = 0; i < model->size; i++)
        model_insert(model, i);
    size_t full = table_memory(&model->table);
    for (size_t i = 0; i < model->size; i++)
        model_remove(model, i);
    table_check(&model->table);
    assert_true(table_memory(&model->table) < full / 100);
    model_destroy(model);
}

static void a_growing_table_stays_three_quarters_full(void **state)
{
    (void)state;
    struct model *model = model_create(200000);
    for (size_t i = 0; i < model->size; i++) {
        model_insert(model, i);
        if (i > 20000 && i % 1000 == 0)
            assert_true(model->table.count * 100 >= table_slots(&model->table) * 72);
    }
    model_destroy(model);
}

static void count_visit(void *context, struct entry *entry)
{
    struct model *model = context;
    model->visits[entry_integer(entry)]++;
}

static void a_scan_of_a_still_table_visits_every_key_once(void **state)
{
    (void)state;
    for (size_t size = 1; size < 40000; size = size * 3 + 1) {
        struct model *model = model_create(size);
        for (size_t i = 0; i < size; i++)
            model_insert(model, i);
        uint64_t cursor = 0;
        do
            cursor = table_scan(&model->table, cursor, count_visit, model);
        while (cursor != 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(model->visits[i], 1);
        model_destroy(model);
    }
}

/* Even numbers stay throughout; odd ones come and go so that the table grows and shrinks many times
 * under the scan. */
static void a_scan_visits_keys_that_stay_once_while_the_table_changes(void **state)
{
    (void)state;
    seed_random();
    struct model *model = model_create(60000);
    for (size_t i = 0; i < 2000; i += 2)
        model_insert(model, i);
    uint64_t cursor = 0;
    bool growing = true;
    do {
        cursor = table_scan(&model->table, cursor, count_visit, model);
        for (int i = 0; i < 4000; i++) {
            size_t odd = (next_random() % (model->size / 2)) * 2 + 1;
            if (growing && model->entries[odd] == NULL)
                model_insert(model, odd);
            else if (!growing && model->entries[odd] != NULL)
                model_remove(model, odd);
        }
        if (model->table.count > 25000 || model->table.count < 1200)
            growing = model->table.count < 1200;
    } while (cursor != 0);
    for (size_t i = 0; i < 2000; i += 2)
        assert_int_equal(model->visits[i], 1);
    model_compare(model);
    model_destroy(model);
}

static void a_scan_begins_at_the_very_position_of_its_cursor(void **state)
{
    (void)state;
    struct model *model = model_create(3000);
    for (size_t i = 0; i < model->size; i++)
        model_insert(model, i);
    for (size_t i = 0; i < model->size; i++) {
        char text[32];
        uint64_t position = table_position(hash_of(key_of(i, text)));
        unsigned before = model->visits[i];
        table_scan(&model->table, position, count_visit, model);
        assert_int_equal(model->visits[i], before + 1);
        table_scan(&model->table, position + 1, count_visit, model);
        assert_int_equal(model->visits[i], before + 1);
    }
    model_destroy(model);
}

/* The next number on of a key that is out, with its hash in this half. */
static size_t next_out(const struct model *model, bool low)
{
    size_t i = 0;
    while (model->entries[i] != NULL || key_is_low(i) != low)
        i++;
    return i;
}

/* Both of two: then only their number ends a search. */
static void a_scan_visits_keys_once_where_every_bucket_was_passed_over(void **state)
{
    (void)state;
    struct model *model = model_create(1000);
    size_t high[BUCKET_SLOTS + 1];
    for (size_t i = 0; i <= BUCKET_SLOTS; i++) /* the last one goes to the first bucket */
        model_insert(model, high[i] = next_out(model, false));
    size_t lows = 2 * BUCKET_SLOTS * 95 / 100 - (BUCKET_SLOTS + 1);
    for (size_t i = 0; i < lows; i++)
        model_insert(model, next_out(model, true));
    for (size_t i = 0; i < BUCKET_SLOTS - 2; i++)
        model_remove(model, high[i]);
    for (size_t i = lows; i <= BUCKET_SLOTS; i++) /* the last ones go to the second bucket */
        model_insert(model, next_out(model, true));
    assert_int_equal(table_slots(&model->table), 2 * BUCKET_SLOTS);
    const uint64_t address_mask = (UINT64_C(1) << 48) - 1; /* of a word of the directory */
    const struct bucket *buckets =
        (const struct bucket *)(uintptr_t)(model->table.directory[0] & address_mask);
    assert_int_equal(buckets[0].overflow, 2);
    assert_int_equal(buckets[1].overflow, 1);
    model_compare(model);
    uint64_t cursor = 0;
    do
        cursor = table_scan(&model->table, cursor, count_visit, model);
    while (cursor != 0);
    for (size_t i = 0; i < model->size; i++)
        assert_int_equal(model->visits[i], model->entries[i] != NULL);
    model_destroy(model);
}

static void any_cursor_a_client_sends_ends_the_scan_in_bounds(void **state)
{
    (void)state;
    seed_random();
    struct model *model = model_create(5000);
    for (size_t i = 0; i < model->size; i++)
        model_insert(model, i);
    const uint64_t end = UINT64_C(1) << TABLE_POSITION_BITS;
    for (int i = 0; i < 2000; i++) {
        uint64_t cursor = next_random() % end;
        uint64_t next = table_scan(&model->table, cursor, count_visit, model);
        assert_true(next == 0 || (next > cursor && next < end));
    }
    model_destroy(model);
}

static void picks_are_even_over_segments_of_all_sizes(void **state)
{
    (void)state;
    seed_random();
    struct model *model = model_create(3000);
    for (size_t i = 0; i < model->size; i++)
        model_insert(model, i);
    const unsigned picks = 600000; /* 200 a key: a deviation of 14 */
    for (unsigned picked = 0; picked < picks;) {
        struct entry *entry = table_pick(&model->table, next_random() << 20 ^ next_random());
        if (entry == NULL)
            continue;
        picked++;
        model->visits[entry_integer(entry)]++;
    }
    for (size_t i = 0; i < model->size; i++)
        assert_in_range(model->visits[i], 200 - 90, 200 + 90);
    model_destroy(model);
}

/* Of every length: keys are compared by words, by bytes where they are short or long. */
static void keys_that_differ_in_one_byte_are_told_apart(void **state)
{
    (void)state;
    char bytes[40], other[40];
    for (size_t length = 1; length <= sizeof bytes; length++) {
        struct table table;
        table_init(&table, &seed);
        memset(bytes, (int)length, length);
        struct slice key = slice_of(bytes, length);
        struct entry *entry = entry_create(key, ENTRY_NO_DEADLINE, sizeof(int64_t));
        entry_set_integer(entry, 0);
        table_insert(&table, hash_of(key), entry);
        memcpy(other, bytes, length);
        assert_ptr_equal(table_find(&table, hash_of(key), slice_of(other, length)), entry);
        assert_null(table_find(&table, hash_of(key), slice_of(other, length - 1)));
        for (size_t i = 0; i < length; i++) { /* with the hash of the key that is there */
            other[i] ^= 1;
            assert_null(table_find(&table, hash_of(key), slice_of(other, length)));
            other[i] ^= 1;
        }
        table_deinit(&table);
        entry_free(entry);
    }
}

/* Of 30,000 picks those of a key whose number is below `few`. */
static unsigned picks_below(const struct model *model, size_t few)
{
    unsigned picked = 0, of_few = 0;
    while (picked < 30000) {
        struct entry *entry = table_pick(&model->table, next_random() << 20 ^ next_random());
        picked += entry != NULL;
        of_few += entry != NULL && (size_t)entry_integer(entry) < few;
    }
    return of_few;
}

static void picks_are_even_where_keys_do_not_part(void **state)
{
    (void)state;
    seed_random();
    struct model *model = model_create(100000);
    size_t few = insert_alike(model, 0, 20, 1);
    insert_alike(model, few, 1500, 5);
    assert_in_range(picks_below(model, few), 395 - 100, 395 + 100); /* 20 of 1520: deviation 20 */
    model_destroy(model);
    model = model_create(100000); /* two segments, of different sizes */
    size_t many = insert_alike(model, 0, 24 * BUCKET_SLOTS, 1);
    for (size_t i = many, high = 0; high < 8 * BUCKET_SLOTS; i++)
        if (!key_is_low(i)) {
            model_insert(model, i);
            high++;
        }
    assert_int_equal(model->table.depth, 1);
    assert_in_range(picks_below(model, many), 22500 - 500, 22500 + 500); /* deviation 75 */
    model_destroy(model);
}

/* So that it does not grow and shrink in turns: the sizes are each half of the next here. */
static void a_table_shrinks_when_it_is_less_than_30_percent_full(void **state)
{
    (void)state;
    struct model *model = model_create(27 * BUCKET_SLOTS); /* fewer than 32 buckets take */
    for (size_t i = 0; i < model->size; i++) {
        model_insert(model, i);
        table_check(&model->table);
        assert_true(i > 0 || table_slots(&model->table) == BUCKET_SLOTS);
    }
    size_t number = 0;
    while (model->table.count > 0) {
        size_t slots = table_slots(&model->table), limit = slots * 30 / 100;
        for (; model->table.count > limit; number++)
            model_remove(model, number);
        assert_int_equal(table_slots(&model->table), slots);
        if (model->table.count == 0)
            break;
        model_remove(model, number++);
        size_t now = table_slots(&model->table);
        if (slots == BUCKET_SLOTS)
            continue;
        assert_true(now < slots && model->table.count <= now * 70 / 100);
        assert_true(now == BUCKET_SLOTS || model->table.count > now / 2 * 70 / 100);
    }
    model_destroy(model);
}

static void an_empty_table_answers(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, &seed);
    assert_null(table_find(&table, 1, SLICE("x")));
    assert_null(table_pick(&table, 1));
    assert_int_equal(table_scan(&table, 7, NULL, NULL), 0);
    assert_int_equal(table_memory(&table), 0);
    table_prefetch_bucket(&table, 1);
    table_prefetch_entry(&table, 1);
    table_check(&table);
    assert_true(table_drain(&table, NULL, NULL));
    table_deinit(&table);
}

static void room_made_before_is_used_and_given_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 5000, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct model *model = model_create(sizes[i]);
        table_reserve(&model->table, sizes[i]);
        size_t reserved = model->table.buckets;
        assert_true(sizes[i] == 100 ? reserved == 0 : reserved * BUCKET_SLOTS > sizes[i]);
        for (size_t number = 0; number < sizes[i]; number++)
            model_insert(model, number);
        table_check(&model->table);
        assert_true(sizes[i] < 5000 || model->table.buckets < reserved + reserved / 4);
        table_reserve(&model->table, 10 * sizes[i]); /* too late: nothing happens */
        table_check(&model->table);
        for (size_t number = 0; number < sizes[i]; number++) {
            model_remove(model, number);
            if (number % 1000 == 0)
                table_check(&model->table);
        }
        assert_int_equal(model->table.count, 0);
        model_destroy(model);
    }
}

static void room_is_made_as_a_table_that_grew_has_it(void **state)
{
    (void)state;
    for (size_t count = 3000; count < 200000; count += count / 3) {
        struct model *grown = model_create(count);
        for (size_t number = 0; number < count; number++)
            model_insert(grown, number);
        struct model *reserved = model_create(count);
        table_reserve(&reserved->table, count);
        table_check(&reserved->table);
        size_t buckets = reserved->table.buckets;
        assert_in_range(buckets * 100 / grown->table.buckets, 105, 115);
        for (size_t number = 0; number < count; number++)
            model_insert(reserved, number);
        assert_in_range(reserved->table.buckets, buckets, buckets + buckets / 50);
        model_destroy(reserved);
        model_destroy(grown);
    }
}

/* Were hashes even, the slots of one key in use would go from 1.05 to 1.3 and back. */
static void segments_grow_one_after_the_other(void **state)
{
    (void)state;
    struct model *model = model_create(200000);
    for (size_t number = 0; number < model->size; number++) {
        model_insert(model, number);
        if (number > 20000 && number % 1000 == 0)
            assert_in_range(table_slots(&model->table) * 1000 / model->table.count, 1120, 1190);
    }
    model_destroy(model);
}

static void the_end_of_a_table_is_twice_as_dense_as_its_beginning(void **state)
{
    (void)state;
    size_t first = 0, last = 0, low = 0;
    for (size_t number = 0; number < 200000; number++) {
        char text[32];
        uint64_t hash = hash_of(key_of(number, text));
        first += hash >> 60 == 0;
        last += hash >> 60 == 15;
        low += hash >> 63 == 0;
    }
    assert_in_range(last * 100 / first, 180, 205); /* of 16 parts: 1.91 */
    assert_in_range(low, 82500, 85000);            /* 2 - sqrt(2.5) of all */
}

static void a_table_that_was_filled_is_fitted_to_the_size_of_one_that_grew(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 5, 700, 3000, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct model *grown = model_create(sizes[i]), *filled = model_create(sizes[i]);
        table_fill(&filled->table, true);
        for (size_t number = 0; number < sizes[i]; number++) {
            model_insert(grown, number);
            model_insert(filled, number);
        }
        table_check(&filled->table);
        size_t before = filled->table.buckets, position = 0;
        table_fill(&filled->table, false);
        while (table_fit(&filled->table, &position))
            table_check(&filled->table);
        assert_true(filled->table.buckets <= before);
        assert_true(filled->table.buckets <= grown->table.buckets + grown->table.buckets / 4);
        for (size_t number = 0; number < sizes[i]; number++) {
            model_remove(filled, number);
            model_remove(grown, number);
        }
        assert_int_equal(filled->table.count, 0);
        model_destroy(filled);
        model_destroy(grown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_made_before_is_used_and_given_back),
        cmocka_unit_test(room_is_made_as_a_table_that_grew_has_it),
        cmocka_unit_test(segments_grow_one_after_the_other),
        cmocka_unit_test(the_end_of_a_table_is_twice_as_dense_as_its_beginning),
        cmocka_unit_test(a_table_that_was_filled_is_fitted_to_the_size_of_one_that_grew),
        cmocka_unit_test(random_changes_leave_what_a_plain_model_has),
        cmocka_unit_test(keys_that_do_not_part_are_found_and_go),
        cmocka_unit_test(a_bucket_may_be_passed_over_by_more_than_it_counts),
        cmocka_unit_test(halves_merge_when_they_fill_one_small_segment_to_70_percent),
        cmocka_unit_test(a_table_that_empties_gives_its_memory_back),
        cmocka_unit_test(a_growing_table_stays_three_quarters_full),
        cmocka_unit_test(a_scan_of_a_still_table_visits_every_key_once),
        cmocka_unit_test(a_scan_visits_keys_that_stay_once_while_the_table_changes),
        cmocka_unit_test(a_scan_begins_at_the_very_position_of_its_cursor),
        cmocka_unit_test(a_scan_visits_keys_once_where_every_bucket_was_passed_over),
        cmocka_unit_test(any_cursor_a_client_sends_ends_the_scan_in_bounds),
        cmocka_unit_test(picks_are_even_over_segments_of_all_sizes),
        cmocka_unit_test(picks_are_even_where_keys_do_not_part),
        cmocka_unit_test(a_table_shrinks_when_it_is_less_than_30_percent_full),
        cmocka_unit_test(keys_that_differ_in_one_byte_are_told_apart),
        cmocka_unit_test(an_empty_table_answers),
    };
    return cmocka_run_group_tests_name("keyspace/table", tests, NULL, NULL);
}
