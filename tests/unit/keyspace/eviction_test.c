#include "keyspace/eviction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "support/failing_memory.h"

#define KEYS 4000
#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define START_MS INT64_C(1700000000000)

/* --- a keyspace whose keys are numbers; the hook notes which were evicted --- */

struct fixture {
    struct keyspace *keyspace;
    struct eviction_settings settings;
    bool gone[KEYS];
    int evicted;
    int last; /* key that was evicted last */
    uint64_t random;
};

static void note_removed(void *context, struct database *database, struct slice key,
                         enum removal reason)
{
    struct fixture *fixture = context;
    (void)database;
    assert_int_equal(reason, REMOVED_EVICTED);
    char text[16] = {0};
    memcpy(text, key.data, key.length);
    fixture->last = atoi(text);
    assert_false(fixture->gone[fixture->last]);
    fixture->gone[fixture->last] = true;
    fixture->evicted++;
}

static void open_fixture(struct fixture *fixture, enum eviction_policy policy)
{
    *fixture = (struct fixture){.settings = eviction_default_settings(), .random = 12345};
    fixture->settings.policy = policy;
    struct keyspace_hooks hooks = {.context = fixture, .removed = note_removed};
    fixture->keyspace = keyspace_create(4, &(struct hash_seed){1, 2}, &hooks);
    keyspace_set_eviction(fixture->keyspace, &fixture->settings);
    keyspace_set_time(fixture->keyspace, START_MS);
}

static void close_fixture(struct fixture *fixture)
{
    assert_int_equal(keyspace_statistics(fixture->keyspace)->evicted, fixture->evicted);
    for (int i = 0; i < keyspace_database_count(fixture->keyspace); i++)
        database_check(keyspace_database(fixture->keyspace, i));
    keyspace_destroy(fixture->keyspace);
}

static struct key key_of(struct fixture *fixture, int number, char *text)
{
    struct slice name = {text, (size_t)sprintf(text, "%d", number)};
    return (struct key){name, keyspace_hash(fixture->keyspace, name)};
}

static struct entry *set(struct fixture *fixture, int number, int64_t deadline_ms)
{
    char text[16];
    struct key key = key_of(fixture, number, text);
    struct database *database = keyspace_database(fixture->keyspace, number % 2);
    return database_set_string(database, &key, slice_of("some value", 10),
                               deadline_ms == ENTRY_NO_DEADLINE ? DEADLINE_CLEAR : DEADLINE_SET,
                               deadline_ms);
}

static struct entry *get(struct fixture *fixture, int number)
{
    char text[16];
    struct key key = key_of(fixture, number, text);
    return database_read(keyspace_database(fixture->keyspace, number % 2), &key, true);
}

/* Evicts one key. */
static enum eviction_result evict(struct fixture *fixture)
{
    return eviction_step(fixture->keyspace, &fixture->settings, 2, 1, fixture->random++, 1);
}

static int count_gone(const struct fixture *fixture, int from, int to)
{
    int count = 0;
    for (int i = from; i < to; i++)
        count += fixture->gone[i];
    return count;
}

/* --- tests --- */

static void nothing_is_evicted_while_memory_is_below_the_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    set(&fixture, 1, ENTRY_NO_DEADLINE);
    assert_int_equal(eviction_step(fixture.keyspace, &fixture.settings, 100, 100, 1, 10),
                     EVICTION_DONE);
    assert_int_equal(fixture.evicted, 0);
    close_fixture(&fixture);
}

static void noeviction_and_an_empty_keyspace_have_nothing_to_give(void **state)
{
    (void)state;
    for (int policy = 0; policy < EVICTION_POLICIES; policy++) {
        struct fixture fixture;
        open_fixture(&fixture, (enum eviction_policy)policy);
        assert_int_equal(evict(&fixture), EVICTION_IMPOSSIBLE);
        set(&fixture, 1, ENTRY_NO_DEADLINE);
        bool all_keys = strncmp(eviction_policy_name(fixture.settings.policy), "all", 3) == 0;
        assert_int_equal(evict(&fixture), all_keys ? EVICTION_DONE : EVICTION_IMPOSSIBLE);
        assert_int_equal(fixture.evicted, all_keys);
        close_fixture(&fixture);
    }
}

static void a_step_stops_at_its_budget_and_when_enough_is_freed(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    for (int i = 0; i < 1000; i++)
        set(&fixture, i, ENTRY_NO_DEADLINE);
    size_t entry = entry_memory(get(&fixture, 500), 0);
    assert_int_equal(eviction_step(fixture.keyspace, &fixture.settings, 1 << 30, 1, 7, 25),
                     EVICTION_MORE);
    assert_int_equal(fixture.evicted, 25);
    size_t limit = 100 * entry;
    assert_int_equal(
        eviction_step(fixture.keyspace, &fixture.settings, limit + 10 * entry, limit, 7, 25),
        EVICTION_DONE);
    assert_int_equal(fixture.evicted, 35);
    assert_int_equal(
        eviction_step(fixture.keyspace, &fixture.settings, limit + entry + 1, limit, 7, 25),
        EVICTION_DONE);
    assert_int_equal(fixture.evicted, 37); /* one was a byte too few */
    close_fixture(&fixture);
}

static void lru_evicts_the_longest_idle_first(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    for (int i = 0; i < KEYS; i++) {
        keyspace_set_time(fixture.keyspace, START_MS + i * SECOND_MS);
        set(&fixture, i, ENTRY_NO_DEADLINE);
    }
    /* The older quarter is used again: the next one is now the oldest. */
    keyspace_set_time(fixture.keyspace, START_MS + KEYS * SECOND_MS);
    for (int i = 0; i < KEYS / 4; i++)
        assert_int_equal(eviction_idle_seconds(get(&fixture, i), START_MS + KEYS * SECOND_MS), 0);
    for (int i = 0; i < KEYS / 4; i++)
        assert_int_equal(evict(&fixture), EVICTION_DONE);
    assert_int_equal(fixture.evicted, KEYS / 4);
    assert_in_range(count_gone(&fixture, KEYS / 4, KEYS / 2), KEYS / 4 * 70 / 100, KEYS / 4);
    assert_int_equal(count_gone(&fixture, 0, KEYS / 4), 0);
    assert_int_equal(count_gone(&fixture, KEYS * 9 / 10, KEYS), 0);
    close_fixture(&fixture);
}

static void more_samples_come_closer_to_exact_lru(void **state)
{
    (void)state;
    int right[2];
    for (int run = 0; run < 2; run++) {
        struct fixture fixture;
        open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
        fixture.settings.samples = run == 0 ? 1 : 20;
        for (int i = 0; i < KEYS; i++) {
            keyspace_set_time(fixture.keyspace, START_MS + i * SECOND_MS);
            set(&fixture, i, ENTRY_NO_DEADLINE);
        }
        for (int i = 0; i < KEYS / 4; i++)
            evict(&fixture);
        right[run] = count_gone(&fixture, 0, KEYS / 4);
        close_fixture(&fixture);
    }
    assert_true(right[0] < right[1]);
    assert_in_range(right[1], KEYS / 4 * 90 / 100, KEYS / 4);
}

static void a_candidate_that_was_used_since_is_spared(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    for (int i = 0; i < 10; i++)
        set(&fixture, i * 2, ENTRY_NO_DEADLINE);
    keyspace_set_time(fixture.keyspace, START_MS + 100 * SECOND_MS);
    for (int i = 0; i < 10; i++)
        set(&fixture, i * 2 + 1, ENTRY_NO_DEADLINE);
    fixture.settings.samples = EVICTION_SAMPLES_MAX;
    evict(&fixture); /* the pool now holds most of the even ones */
    keyspace_set_time(fixture.keyspace, START_MS + 200 * SECOND_MS);
    for (int i = 0; i < 10; i++)
        get(&fixture, i * 2);
    for (int i = 0; i < 10; i++)
        evict(&fixture);
    for (int i = 0; i < 10; i++)
        assert_true(fixture.gone[i * 2 + 1]);
    close_fixture(&fixture);
}

/* Ranks that were given at different times compare. All keys in one database: candidates come from
 * one at a time. */
static void a_candidate_that_was_used_since_is_spared_for_days(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    fixture.settings.samples = EVICTION_SAMPLES_MAX;
    for (int i = 0; i < 4; i++) {
        keyspace_set_time(fixture.keyspace, START_MS + i * 10 * SECOND_MS);
        set(&fixture, i * 2, ENTRY_NO_DEADLINE);
    }
    evict(&fixture); /* the pool holds the other three */
    assert_int_equal(fixture.last, 0);
    keyspace_set_time(fixture.keyspace, START_MS + 50 * SECOND_MS);
    get(&fixture, 2);
    keyspace_set_time(fixture.keyspace, START_MS + 200000 * SECOND_MS);
    const int expected[] = {4, 6, 2};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(evict(&fixture), EVICTION_DONE);
        assert_int_equal(fixture.last, expected[i]);
    }
    close_fixture(&fixture);
}

static void a_candidate_that_lost_its_deadline_is_spared(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_VOLATILE_LRU);
    fixture.settings.samples = EVICTION_SAMPLES_MAX;
    for (int i = 0; i < 4; i++) {
        keyspace_set_time(fixture.keyspace, START_MS + i * SECOND_MS);
        set(&fixture, i * 2, START_MS + MINUTE_MS);
    }
    evict(&fixture); /* the pool holds the other three */
    assert_int_equal(fixture.last, 0);
    char text[16];
    struct key key = key_of(&fixture, 2, text);
    struct database *database = keyspace_database(fixture.keyspace, 0);
    (void)database_set_deadline(database, &key, database_find(database, &key), ENTRY_NO_DEADLINE);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(evict(&fixture), EVICTION_DONE);
        assert_int_equal(fixture.last, i * 2);
    }
    assert_int_equal(evict(&fixture), EVICTION_IMPOSSIBLE);
    close_fixture(&fixture);
}

static void a_key_without_a_name_goes_like_others(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    struct key key = {SLICE(""), keyspace_hash(fixture.keyspace, SLICE(""))};
    database_set_string(keyspace_database(fixture.keyspace, 0), &key, SLICE("x"), DEADLINE_CLEAR,
                        0);
    assert_int_equal(evict(&fixture), EVICTION_DONE);
    assert_int_equal(keyspace_size(fixture.keyspace), 0);
    close_fixture(&fixture);
}

/* What one policy has chosen counts for nothing under the next. */
static void another_policy_chooses_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    fixture.settings.samples = EVICTION_SAMPLES_MAX;
    for (int i = 0; i < 8; i++) {
        keyspace_set_time(fixture.keyspace, START_MS + i * SECOND_MS);
        set(&fixture, i * 2, ENTRY_NO_DEADLINE);
    }
    evict(&fixture);
    assert_int_equal(fixture.last, 0);
    fixture.settings.policy = EVICTION_ALLKEYS_LFU;
    fixture.settings.lfu_log_factor = 0;
    keyspace_set_time(fixture.keyspace, START_MS + 1000 * MINUTE_MS); /* all decay to 0 */
    for (int i = 1; i < 8; i++)
        for (int hit = i; hit < 8; hit++)
            get(&fixture, i * 2); /* the oldest are used most */
    for (int i = 7; i > 0; i--) {
        assert_int_equal(evict(&fixture), EVICTION_DONE);
        assert_int_equal(fixture.last, i * 2);
    }
    close_fixture(&fixture);
}

static void without_memory_for_candidates_nothing_is_evicted(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    for (int i = 0; i < 100; i++)
        set(&fixture, i, ENTRY_NO_DEADLINE);
    failing_memory_begin(1, 0, true);
    assert_int_equal(evict(&fixture), EVICTION_IMPOSSIBLE);
    assert_true(failing_memory_end());
    assert_int_equal(evict(&fixture), EVICTION_DONE);
    close_fixture(&fixture);
}

static void idle_time_counts_on_when_the_clock_of_24_bits_wraps(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    int64_t before_wrap_ms = ((START_MS / SECOND_MS >> 24 << 24) + (1 << 24) - 10) * SECOND_MS;
    keyspace_set_time(fixture.keyspace, before_wrap_ms);
    struct entry *entry = set(&fixture, 1, ENTRY_NO_DEADLINE);
    assert_int_equal(eviction_idle_seconds(entry, before_wrap_ms + 999), 0);
    assert_int_equal(eviction_idle_seconds(entry, before_wrap_ms + 30 * SECOND_MS), 30);
    close_fixture(&fixture);
}

static void another_entry_of_the_key_keeps_the_time_of_its_use(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    struct entry *entry = set(&fixture, 2, ENTRY_NO_DEADLINE);
    int64_t now_ms = START_MS + 100 * SECOND_MS;
    keyspace_set_time(fixture.keyspace, now_ms);
    char text[16];
    struct key key = key_of(&fixture, 2, text);
    entry = database_set_deadline(keyspace_database(fixture.keyspace, 0), &key, entry,
                                  now_ms + MINUTE_MS);
    assert_int_equal(eviction_idle_seconds(entry, now_ms), 100);
    close_fixture(&fixture);
}

static void volatile_policies_touch_only_keys_with_a_deadline(void **state)
{
    (void)state;
    const enum eviction_policy policies[] = {EVICTION_VOLATILE_LRU, EVICTION_VOLATILE_LFU,
                                             EVICTION_VOLATILE_RANDOM, EVICTION_VOLATILE_TTL};
    for (int p = 0; p < 4; p++) {
        struct fixture fixture;
        open_fixture(&fixture, policies[p]);
        for (int i = 0; i < 1000; i++)
            set(&fixture, i, i % 10 < 3 ? START_MS + 1000000 + i : ENTRY_NO_DEADLINE);
        while (evict(&fixture) != EVICTION_IMPOSSIBLE)
            assert_true(fixture.last % 10 < 3);
        assert_int_equal(fixture.evicted, 300);
        close_fixture(&fixture);
    }
}

static void volatile_ttl_evicts_in_order_of_deadline(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_VOLATILE_TTL);
    for (int i = 0; i < 1000; i++) { /* 77 and 1000 have no common divisor */
        int number = i * 77 % 1000;
        set(&fixture, number, START_MS + MINUTE_MS + number);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(evict(&fixture), EVICTION_DONE);
        assert_int_equal(fixture.last, i);
    }
    close_fixture(&fixture);
}

static void the_farthest_deadline_of_all_is_one(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_VOLATILE_TTL);
    set(&fixture, 2, INT64_MAX);
    assert_int_equal(evict(&fixture), EVICTION_DONE);
    assert_int_equal(evict(&fixture), EVICTION_IMPOSSIBLE);
    close_fixture(&fixture);
}

static void random_eviction_is_even_over_keys_and_databases(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_RANDOM);
    /* Database 1 has a third of what database 0 has. */
    for (int i = 0; i < KEYS; i++)
        if (i % 2 == 0 || i % 6 == 1)
            set(&fixture, i, ENTRY_NO_DEADLINE);
    for (int i = 0; i < 1000; i++)
        evict(&fixture);
    int odd = 0;
    for (int i = 1; i < KEYS; i += 2)
        odd += fixture.gone[i];
    assert_in_range(odd, 200, 300); /* 250 expected, standard deviation 14 */
    assert_in_range(count_gone(&fixture, 0, KEYS / 2), 430, 570);
    close_fixture(&fixture);
}

/* Redis's documentation of lfu-log-factor: hits 100, 1000, 100 K at factor 10 give 10, 18, 142. The
 * draws of this test are always the same ones. */
static void the_counter_grows_with_the_logarithm_of_use(void **state)
{
    (void)state;
    const struct {
        int hits, least, most;
    } expected[] = {{0, 5, 5}, {1, 6, 6}, {100, 10, 12}, {1000, 20, 24}, {100000, 138, 148}};
    for (int i = 0; i < 5; i++) {
        struct fixture fixture;
        open_fixture(&fixture, EVICTION_ALLKEYS_LFU);
        assert_ptr_equal(keyspace_eviction(fixture.keyspace), &fixture.settings);
        struct entry *entry = set(&fixture, 1, ENTRY_NO_DEADLINE);
        for (int hit = 0; hit < expected[i].hits; hit++)
            get(&fixture, 1);
        assert_in_range(eviction_frequency(entry, &fixture.settings, START_MS), expected[i].least,
                        expected[i].most);
        close_fixture(&fixture);
    }
}

static void the_counter_decays_with_time_and_survives_an_overwrite(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LFU);
    struct entry *entry = set(&fixture, 1, ENTRY_NO_DEADLINE);
    fixture.settings.lfu_log_factor = 0; /* every use counts */
    for (int i = 0; i < 50; i++)
        get(&fixture, 1);
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS), 55);
    int64_t next_minute_ms = (START_MS / MINUTE_MS + 1) * MINUTE_MS;
    assert_int_equal(eviction_frequency(entry, &fixture.settings, next_minute_ms - 1), 55);
    assert_int_equal(eviction_frequency(entry, &fixture.settings, next_minute_ms), 54);
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS + 20 * MINUTE_MS), 35);
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS + 90 * MINUTE_MS), 0);
    fixture.settings.lfu_decay_minutes = 10;
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS + 29 * MINUTE_MS), 53);
    fixture.settings.lfu_decay_minutes = 0;
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS + 90 * MINUTE_MS), 55);
    entry = set(&fixture, 1, START_MS + 100 * MINUTE_MS); /* another entry, one use more */
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS), 56);
    for (int i = 0; i < 300; i++)
        get(&fixture, 1);
    assert_int_equal(eviction_frequency(entry, &fixture.settings, START_MS), 255);
    close_fixture(&fixture);
}

static void lfu_evicts_what_is_used_least(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LFU);
    fixture.settings.lfu_log_factor = 0;
    for (int i = 0; i < KEYS; i++) {
        set(&fixture, i, ENTRY_NO_DEADLINE);
        for (int hit = 0; hit < i * 40 / KEYS; hit++)
            get(&fixture, i);
    }
    for (int i = 0; i < KEYS / 4; i++)
        evict(&fixture);
    assert_in_range(count_gone(&fixture, 0, KEYS / 4), KEYS / 4 * 65 / 100, KEYS / 4);
    assert_int_equal(count_gone(&fixture, KEYS * 3 / 4, KEYS), 0);
    close_fixture(&fixture);
}

static void the_policy_may_change_at_any_time(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, EVICTION_ALLKEYS_LRU);
    for (int i = 0; i < 200; i++)
        set(&fixture, i, i % 2 == 0 ? START_MS + MINUTE_MS + i : ENTRY_NO_DEADLINE);
    for (int i = 0; i < 80; i++) {
        fixture.settings.policy = (enum eviction_policy)(i % (EVICTION_POLICIES - 1) + 1);
        assert_int_equal(evict(&fixture), EVICTION_DONE);
    }
    keyspace_swap(fixture.keyspace, 0, 3);
    for (int i = 0; i < 30; i++) {
        fixture.settings.policy = EVICTION_ALLKEYS_LRU;
        assert_int_equal(evict(&fixture), EVICTION_DONE);
    }
    assert_int_equal(fixture.evicted, 110);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_evicted_while_memory_is_below_the_limit),
        cmocka_unit_test(noeviction_and_an_empty_keyspace_have_nothing_to_give),
        cmocka_unit_test(a_step_stops_at_its_budget_and_when_enough_is_freed),
        cmocka_unit_test(lru_evicts_the_longest_idle_first),
        cmocka_unit_test(more_samples_come_closer_to_exact_lru),
        cmocka_unit_test(a_candidate_that_was_used_since_is_spared),
        cmocka_unit_test(a_candidate_that_was_used_since_is_spared_for_days),
        cmocka_unit_test(a_candidate_that_lost_its_deadline_is_spared),
        cmocka_unit_test(a_key_without_a_name_goes_like_others),
        cmocka_unit_test(another_policy_chooses_anew),
        cmocka_unit_test(without_memory_for_candidates_nothing_is_evicted),
        cmocka_unit_test(idle_time_counts_on_when_the_clock_of_24_bits_wraps),
        cmocka_unit_test(another_entry_of_the_key_keeps_the_time_of_its_use),
        cmocka_unit_test(volatile_policies_touch_only_keys_with_a_deadline),
        cmocka_unit_test(volatile_ttl_evicts_in_order_of_deadline),
        cmocka_unit_test(the_farthest_deadline_of_all_is_one),
        cmocka_unit_test(random_eviction_is_even_over_keys_and_databases),
        cmocka_unit_test(the_counter_grows_with_the_logarithm_of_use),
        cmocka_unit_test(the_counter_decays_with_time_and_survives_an_overwrite),
        cmocka_unit_test(lfu_evicts_what_is_used_least),
        cmocka_unit_test(the_policy_may_change_at_any_time),
    };
    return cmocka_run_group_tests_name("keyspace/eviction", tests, NULL, NULL);
}
