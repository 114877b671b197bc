/* What recovery needs of memory does not grow with the log. */
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

#define BATCH 100   /* commands */
#define BATCHES 150 /* about 1.5 times what is read at once */

static bool count_commands(void *context, int database, const struct resp_command *commands,
                           size_t count, char *why)
{
    (void)database, (void)commands, (void)why;
    *(size_t *)context += count;
    return true;
}

/* The bytes that were in use at most between two steps. */
static int64_t recover(struct slice file, size_t expected)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    static const struct recovery_settings settings = {true, true};
    size_t commands = 0;
    struct recovery_handlers handlers = {&commands, count_commands};
    struct disk_simulated *simulated = disk_simulated_create(1);
    struct clock *clock = clock_create();
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct log_directory *directory;
    struct buffer error_text = {0};
    disk_simulated_write(simulated, "log/a.manifest", SLICE("file 1 seq 1 type i\n"));
    disk_simulated_write(simulated, "log/1", file);
    assert_int_equal(
        log_directory_open(disk_simulated_disk(simulated), "log", "a", &directory, &error_text),
        OK);
    int64_t before = memory_balance_now(), most = before;
    struct recovery *recovery = recovery_create(clock, directory, keyspace, &settings, &handlers);
    enum recovery_status status;
    while ((status = recovery_step(recovery, 0)) == RECOVERY_MORE)
        if (memory_balance_now() > most)
            most = memory_balance_now();
    assert_int_equal(status, RECOVERY_DONE);
    assert_int_equal(commands, expected);
    recovery_destroy(recovery);
    log_directory_close(directory);
    keyspace_destroy(keyspace);
    clock_destroy(clock);
    disk_simulated_destroy(simulated);
    return most - before;
}

/* What commands are parsed into goes with each batch. */
static void a_longer_log_takes_no_more_memory(void **state)
{
    (void)state;
    struct buffer batch = {0};
    for (int i = 0; i < BATCH; i++)
        log_bytes_add_command(&batch, "SET n 1 of many words so that they take much room");
    for (int in_groups = 0; in_groups < 2; in_groups++) {
        int64_t most[2];
        for (int twice = 0; twice < 2; twice++) {
            struct buffer file = {0};
            uint64_t offset = 0;
            if (in_groups)
                log_bytes_add_file_header(&file, &log_bytes_id, 0);
            for (int i = 0; i < BATCHES << twice; i++)
                if (in_groups)
                    log_bytes_add_group(&file, &offset, offset, buffer_slice(&batch));
                else
                    buffer_add(&file, batch.data, batch.length);
            most[twice] = recover(buffer_slice(&file), (size_t)(BATCH * BATCHES) << twice);
            buffer_deinit(&file);
        }
        assert_in_range(most[1], 0, most[0] + RECOVERY_READ_SIZE);
    }
    buffer_deinit(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_log_takes_no_more_memory),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/recovery_memory", tests, memory_balance_begin,
                                       NULL);
}
