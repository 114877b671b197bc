/* What stands behind the last group of a log: a torn tail goes for good, what another server wrote
 * there stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "persist/recovery.h"
#include "support/log_bytes.h"
#include "support/memory_balance.h"
#include "support/reload.h"
#include "system/clock.h"
#include "system/disk_simulated.h"

static bool count_commands(void *context, int database, const struct resp_command *commands,
                           size_t count, char *why)
{
    (void)database, (void)commands, (void)why;
    *(size_t *)context += count;
    return true;
}

/* How many commands are loaded from the disk's log. */
static size_t recover(struct disk_simulated *simulated)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    static const struct recovery_settings settings = {true, true};
    size_t commands = 0;
    struct recovery_handlers handlers = {&commands, count_commands};
    struct clock *clock = clock_create();
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct log_directory *directory;
    struct buffer error_text = {0};
    assert_int_equal(
        log_directory_open(disk_simulated_disk(simulated), "log", "a", &directory, &error_text),
        OK);
    struct recovery *recovery = recovery_create(clock, directory, keyspace, &settings, &handlers);
    const int64_t minute_us = INT64_C(60) * 1000 * 1000; /* enough for all of it in one step */
    assert_int_equal(recovery_step(recovery, minute_us), RECOVERY_DONE);
    recovery_destroy(recovery);
    log_directory_close(directory);
    keyspace_destroy(keyspace);
    clock_destroy(clock);
    return commands;
}

/* A log of one group and of what stands behind it. The caller's. */
static struct disk_simulated *disk_with(uint64_t seed, struct slice tail, size_t *whole)
{
    struct disk_simulated *simulated = disk_simulated_create(seed);
    struct buffer file = {0};
    uint64_t offset = 0;
    log_bytes_add_file_header(&file, &log_bytes_id, 0);
    log_bytes_add_group_of(&file, &offset, "SET a 1");
    *whole = file.length;
    buffer_add(&file, tail.data, tail.length);
    disk_simulated_write(simulated, "log/a.manifest", SLICE("file 1 seq 1 type i\n"));
    disk_simulated_write(simulated, "log/1", buffer_slice(&file));
    buffer_deinit(&file);
    return simulated;
}

static size_t length_of_log(struct disk_simulated *simulated)
{
    struct slice file;
    assert_true(disk_simulated_read(simulated, "log/1", &file));
    return file.length;
}

/* Whatever of what was not synced is lost when the power goes. */
static void a_torn_tail_is_cut_off_durably(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        size_t whole;
        struct disk_simulated *simulated = disk_with(seed, SLICE("#HF 27 27 27 0bad"), &whole);
        assert_int_equal(recover(simulated), 1);
        disk_simulated_power_off(simulated);
        disk_simulated_crash(simulated);
        assert_int_equal(length_of_log(simulated), whole);
        disk_simulated_destroy(simulated);
    }
}

/* As after a clean end: there is no filler. */
static void another_server_may_have_gone_on_right_behind_the_groups(void **state)
{
    (void)state;
    size_t whole;
    struct slice tail = SLICE("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n");
    struct disk_simulated *simulated = disk_with(1, tail, &whole);
    assert_int_equal(recover(simulated), 3);
    assert_int_equal(length_of_log(simulated), whole + tail.length);
    disk_simulated_destroy(simulated);
}

#define END_OF_LOG 27 /* the offset behind "SET a 1" */

/* Behind the log's only group and `garbage` stands another, of `length` bytes at `offset`, that
 * says what was durable; behind that, `more` bytes. */
static void put_group_behind(struct reload *world, const char *garbage, uint64_t offset,
                             size_t length, uint64_t durable, size_t more)
{
    struct buffer tail = {0}, commands = {0};
    buffer_add_string(&tail, garbage);
    reload_add_bytes(&commands, 'y', length);
    log_bytes_add_group(&tail, &offset, durable, buffer_slice(&commands));
    reload_add_bytes(&tail, 'z', more);
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    buffer_deinit(&tail);
    buffer_deinit(&commands);
}

static void which_groups_prove_that_bad_bytes_were_good(void **state)
{
    struct reload *world = *state;
    const char *why = "bytes that are no group of this log, before groups that are";
    static const struct {
        uint64_t offset, durable;
        bool proves;
    } groups[] = {
        {0, 0, false},                          /* a stale one */
        {END_OF_LOG - 1, 0, false},             /* another */
        {END_OF_LOG, 0, true},                  /* the next one: somebody put bytes in */
        {END_OF_LOG + 1, END_OF_LOG, false},    /* written without a sync in between */
        {END_OF_LOG + 1, END_OF_LOG + 1, true}, /* what is missing had been synced */
        {END_OF_LOG + 9, END_OF_LOG + 1, true}, /* some of it */
    };
    static const size_t lengths[] = {0, 1, RECOVERY_READ_SIZE, RECOVERY_READ_SIZE + 9};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++)
            for (size_t more = 0; more < 50; more += 49) {
                put_group_behind(world, "garbage", groups[i].offset, lengths[j], groups[i].durable,
                                 more);
                if (groups[i].proves)
                    reload_assert_refuses(world, why);
                else
                    reload_assert_loads(world, "0 SET a 1\n");
                if (groups[i].offset == END_OF_LOG)
                    continue; /* without garbage it is the next one */
                put_group_behind(world, "", groups[i].offset, lengths[j], groups[i].durable, more);
                if (groups[i].proves)
                    reload_assert_refuses(world, why);
                else
                    reload_assert_loads(world, "0 SET a 1\n");
            }
}

/* What another server writes begins with the number of its words, and a string. */
static void commands_of_others_have_any_number_of_words(void **state)
{
    struct reload *world = *state;
    for (int words = 1; words <= 101; words++) {
        struct buffer tail = {0};
        buffer_add_format(&tail, "*%d\r\n", words);
        for (int i = 0; i < words; i++)
            buffer_add_string(&tail, "$4\r\nPING\r\n");
        RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
        reload_run(world, 0);
        assert_int_equal(world->status, RECOVERY_DONE);
        assert_false(world->has_id);
        assert_int_equal(world->cut_bytes, 0);
        buffer_deinit(&tail);
    }
    RELOAD_PUT_GROUPS(world, SLICE("*1\r\n$"), "SET a 1"); /* enough of it */
    reload_assert_loads(world, "0 SET a 1\n");
    assert_false(world->has_id);
    assert_int_equal(world->cut_bytes, 5);
}

/* A little filler is what a group was not written over. */
static void what_is_no_command_is_a_torn_tail(void **state)
{
    struct reload *world = *state;
    static const char *const torn[] = {"*\r\n$4\r\nPING\r\n", "*1\r\n", "#*1\r\n$4\r\nPING\r\n",
                                       "#\n*1\r\n$4\r\nPING\r\n", "##*1\r\n$4\r\nPING\r\n"};
    for (size_t i = 0; i < sizeof torn / sizeof torn[0]; i++) {
        RELOAD_PUT_GROUPS(world, slice_of_string(torn[i]), "SET a 1");
        reload_assert_loads(world, "0 SET a 1\n");
        assert_true(world->has_id);
        assert_int_equal(world->cut_bytes, strlen(torn[i]));
        assert_string_equal(world->cut_file, "log/1");
    }
}

/* Filler that is whole, or nearly, and what stands behind it. */
static void only_whole_filler_is_left_for_others(void **state)
{
    struct reload *world = *state;
    static const struct {
        size_t filler;
        const char *behind;
        bool plain;
        size_t cut; /* bytes, of `behind` if it is plain */
    } tails[] = {
        {LOG_FILLER_LEFT_MIN - 1, "\n*1\r\n$4\r\nPING\r\n", true, 0},
        {LOG_FILLER_LEFT_MIN - 2, "\n*1\r\n$4\r\nPING\r\n", false, LOG_FILLER_LEFT_MIN + 13},
        {LOG_FILLER_LEFT_MIN, "*1\r\n$4\r\nPING\r\n", false, LOG_FILLER_LEFT_MIN + 14},
        {LOG_FILLER_LEFT_MIN, "x*1\r\n$4\r\nPING\r\n", false, LOG_FILLER_LEFT_MIN + 15},
        {LOG_FILLER_LEFT_MIN, "\n*1\r\n$", true, 5},
        {LOG_FILLER_LEFT_MIN, "\nxxx", false, LOG_FILLER_LEFT_MIN + 4},
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct buffer tail = {0};
        RELOAD_PUT_GROUPS(world, SLICE(""), "SET a 1");
        size_t whole = reload_content(world, "1").length;
        reload_add_bytes(&tail, LOG_FILLER, tails[i].filler);
        buffer_add_string(&tail, tails[i].behind);
        RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
        reload_assert_loads(world, tails[i].plain && tails[i].cut == 0 ? "0 SET a 1\n0 PING\n"
                                                                       : "0 SET a 1\n");
        assert_int_equal(world->has_id, !tails[i].plain);
        assert_int_equal(world->cut_bytes, tails[i].cut);
        assert_int_equal(reload_content(world, "1").length, whole + tail.length - tails[i].cut);
        buffer_deinit(&tail);
    }
}

/* Wherever the first read ends: in the filler, or in the command behind it. */
static void filler_may_end_where_a_read_ends(void **state)
{
    struct reload *world = *state;
    for (size_t behind = 0; behind < 20; behind++) {
        struct buffer bytes = {0}, commands = {0};
        uint64_t offset = 0;
        log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
        size_t argument = RECOVERY_READ_SIZE - LOG_FILLER_LEFT_MIN - bytes.length - behind -
                          strlen("#HF 0 1000000 0 01234567\r\n*1\r\n$1000000\r\n\r\n");
        buffer_add_format(&commands, "*1\r\n$%07zu\r\n", argument);
        reload_add_bytes(&commands, 'y', argument);
        buffer_add_string(&commands, "\r\n");
        log_bytes_add_group(&bytes, &offset, 0, buffer_slice(&commands));
        reload_add_bytes(&bytes, LOG_FILLER, LOG_FILLER_LEFT_MIN);
        assert_in_range(RECOVERY_READ_SIZE - bytes.length, behind, behind + 1);
        buffer_add_string(&bytes, "\n*1\r\n$4\r\nPING\r\n");
        reload_name_files(world, false, 1);
        reload_put(world, "1", buffer_slice(&bytes));
        reload_run(world, 0);
        assert_int_equal(world->status, RECOVERY_DONE);
        assert_non_null(strstr(world->commands.data, "0 PING\n"));
        assert_false(world->has_id);
        assert_int_equal(world->cut_bytes, 0);
        buffer_deinit(&bytes);
        buffer_deinit(&commands);
    }
}

/* Of what is cut off, filler at the end was never anybody's. `many` more bytes go before, so that
 * the last of them is the last of a window. */
static void assert_cuts(struct reload *world, const char *before, char many, const char *behind,
                        size_t expected)
{
    struct buffer tail = {0};
    buffer_add_string(&tail, before);
    reload_add_bytes(&tail, many, many == '\0' ? 0 : RECOVERY_READ_SIZE - tail.length);
    buffer_add_string(&tail, behind);
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_assert_loads(world, "0 SET a 1\n");
    if (world->cut_bytes != expected)
        fail_msg("of \"%s\" and many '%c' and \"%s\": %llu instead of %zu", before, many, behind,
                 (unsigned long long)world->cut_bytes, expected);
    buffer_deinit(&tail);
}

static void filler_does_not_count_as_cut(void **state)
{
    struct reload *world = *state;
    const size_t window = RECOVERY_READ_SIZE;
    static const struct {
        const char *tail;
        size_t cut;
    } tails[] = {{"###", 0}, {"###\n", 0}, {"x###\n", 1}, {"###\nx", 5}, {"\n", 0},
                 {"x\n", 2}, {"x#\n", 1},  {"#\n#", 2},   {"x", 1},      {"x##", 1},
                 {"##x", 3}, {"#\n\n", 3}, {"xy#", 2},    {"#\nx#\n", 3}};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        assert_cuts(world, "", '\0', tails[i].tail, tails[i].cut);
        if (tails[i].tail[0] == '\n')
            continue;
        assert_cuts(world, "", 'x', tails[i].tail, window + tails[i].cut);
        assert_cuts(world, "x", '#', tails[i].tail, tails[i].cut > 0 ? window + tails[i].cut : 1);
        if (tails[i].tail[0] == 'x')
            assert_cuts(world, "", '#', tails[i].tail, window + tails[i].cut);
    }
    assert_cuts(world, "x", '#', "\n", 1);
    assert_cuts(world, "#", 'x', "\n", window + 1);
    assert_cuts(world, "", 'x', "", window);
    struct buffer tail = {0}; /* the last two of a window differ */
    reload_add_bytes(&tail, 'x', window - 1);
    buffer_add_string(&tail, "#\n");
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_assert_loads(world, "0 SET a 1\n");
    assert_int_equal(world->cut_bytes, window - 1);
    buffer_deinit(&tail);
}

#define RELOAD_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, reload_set_up, reload_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torn_tail_is_cut_off_durably),
        cmocka_unit_test(another_server_may_have_gone_on_right_behind_the_groups),
        RELOAD_TEST(which_groups_prove_that_bad_bytes_were_good),
        RELOAD_TEST(commands_of_others_have_any_number_of_words),
        RELOAD_TEST(what_is_no_command_is_a_torn_tail),
        RELOAD_TEST(only_whole_filler_is_left_for_others),
        RELOAD_TEST(filler_may_end_where_a_read_ends),
        RELOAD_TEST(filler_does_not_count_as_cut),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/recovery_tail", tests, memory_balance_begin, NULL);
}
