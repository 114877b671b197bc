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
    enum recovery_status status;
    while ((status = recovery_step(recovery, 0)) == RECOVERY_MORE)
        ;
    assert_int_equal(status, RECOVERY_DONE);
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

/* Behind the log's only group and some garbage stands another, of `length` bytes at `offset`, that
 * says what was durable; behind that, `more` bytes. */
static void put_group_behind(struct reload *world, uint64_t offset, size_t length, uint64_t durable,
                             size_t more)
{
    struct buffer tail = {0}, commands = {0};
    buffer_add_string(&tail, "garbage");
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
                put_group_behind(world, groups[i].offset, lengths[j], groups[i].durable, more);
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
    }
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
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/recovery_tail", tests, memory_balance_begin, NULL);
}
