/* What stands behind the last group of a log: a torn tail goes for good, what another server wrote
 * there stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "persist/recovery.h"
#include "support/log_bytes.h"
#include "support/memory_balance.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torn_tail_is_cut_off_durably),
        cmocka_unit_test(another_server_may_have_gone_on_right_behind_the_groups),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/recovery_tail", tests, memory_balance_begin, NULL);
}
