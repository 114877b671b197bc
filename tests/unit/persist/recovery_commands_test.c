/* How the commands of a log reach who applies them, and what its groups say of each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/log_bytes.h"
#include "support/memory_balance.h"
#include "support/reload.h"

#define PING "*1\r\n$4\r\nPING\r\n"
#define PING_LENGTH 14
#define GROUPS_MAX 6
#define BEHIND_NONE (-1)

static void progress_counts_what_was_loaded(void **state)
{
    struct reload *world = *state;
    RELOAD_PUT_GROUPS(world, SLICE("torn"), "SET a 1,SET b 2", "SELECT 1,SET c 3",
                      "MULTI,PING,EXEC");
    reload_name_files(world, true, 1);
    reload_put(world, "base", SLICE("REDIS0010\000\001k\001v\377\000\000\000\000\000\000\000\000"));
    reload_assert_loads(world, "0 SET a 1\n0 SET b 2\n1 SET c 3\n1 PING\n");
    assert_int_equal(world->progress.keys, 1);
    assert_int_equal(world->progress.commands, 4);
    assert_int_equal(world->progress.groups, 3);
    assert_int_equal(world->progress.files, 2);
    assert_string_equal(world->file, "1");
    assert_int_equal(world->cut_bytes, 4);
    assert_int_equal(world->progress.loaded_bytes + 4, world->progress.total_bytes);
    assert_int_equal(world->progress.loaded_bytes,
                     reload_content(world, "base").length + reload_content(world, "1").length);
}

static void commands_come_in_batches(void **state)
{
    struct reload *world = *state;
    static const size_t counts[] = {1, RECOVERY_BATCH_MAX, RECOVERY_BATCH_MAX + 1,
                                    3 * RECOVERY_BATCH_MAX + 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (int kind = 0; kind < 3; kind++) { /* a group, plain ones, and those in a transaction */
            struct buffer commands = {0}, expected = {0}, bytes = {0};
            uint64_t offset = 0;
            if (kind == 2)
                log_bytes_add_command(&commands, "MULTI");
            for (size_t j = 0; j < counts[i]; j++) {
                char text[32];
                snprintf(text, sizeof text, "SET n %zu", j);
                log_bytes_add_command(&commands, text);
                buffer_add_format(&expected, "0 %s\n", text);
            }
            if (kind == 2)
                log_bytes_add_command(&commands, "EXEC");
            buffer_add(&expected, "", 1);
            if (kind == 0) {
                log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
                log_bytes_add_group(&bytes, &offset, 0, buffer_slice(&commands));
            }
            reload_name_files(world, false, 1);
            reload_put(world, "1", buffer_slice(kind == 0 ? &bytes : &commands));
            reload_assert_loads(world, expected.data);
            assert_int_equal(world->batches,
                             (counts[i] + RECOVERY_BATCH_MAX - 1) / RECOVERY_BATCH_MAX);
            if (kind != 2) { /* the loop's turns are short, and clients hear how far it is */
                assert_true(world->steps >= world->batches);
                assert_true(world->advances >= world->batches);
            }
            buffer_deinit(&commands);
            buffer_deinit(&expected);
            buffer_deinit(&bytes);
        }
}

static void a_database_may_have_any_number(void **state)
{
    struct reload *world = *state;
    reload_put_plain(world, "SELECT 2147483647,PING,SELECT 0,PING", SLICE(""));
    reload_assert_loads(world, "2147483647 PING\n0 PING\n");
    reload_put_plain(world, "PING", SLICE("")); /* each file begins with database 0 */
    reload_assert_loads(world, "0 PING\n");
}

/* Groups of one command each. What of them had been synced for sure when the log went on: all that
 * stands before group number `proven`. */
static void groups_say_what_had_been_synced_before_them(void **state)
{
    struct reload *world = *state;
    static const struct {
        int count;
        int durable[GROUPS_MAX]; /* groups */
        int proven;
    } logs[] = {
        {0, {0}, 0},
        {1, {0}, 0},
        {2, {0, 0}, 0},
        {2, {0, 1}, 1},
        {3, {0, 0, 0}, 0},
        {3, {0, 0, 1}, 1},
        {3, {0, 0, 2}, 2},
        {4, {0, 0, 1, 1}, 1},
        {4, {0, 0, 1, 2}, 2},
        {4, {0, 0, 1, 3}, 3},
        {4, {BEHIND_NONE, 0, 0, 1}, 1},
        {6, {0, 0, 0, 0, 1, 1}, 1},
        {6, {0, 0, 0, 0, 1, 4}, 4},
        {6, {0, 0, 0, 0, 1, 3}, 1}, /* one group at a time is waited for */
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++)
        for (uint64_t begin = 100; begin <= 1000; begin += 900) {
            struct buffer bytes = {0};
            uint64_t offset = begin, proven = 0;
            log_bytes_add_file_header(&bytes, &log_bytes_id, begin);
            for (int j = 0; j <= logs[i].count; j++) {
                if (j == logs[i].proven)
                    proven = bytes.length;
                if (j < logs[i].count)
                    log_bytes_add_group(&bytes, &offset,
                                        begin + (uint64_t)(logs[i].durable[j] * PING_LENGTH),
                                        SLICE(PING));
            }
            reload_name_files(world, false, 1);
            reload_put(world, "1", buffer_slice(&bytes));
            reload_run(world, 0);
            assert_int_equal(world->status, RECOVERY_DONE);
            assert_int_equal(world->goes_on.increment_size, bytes.length);
            assert_int_equal(world->goes_on.offset, offset);
            if (world->goes_on.increment_proven != proven)
                fail_msg("log %zu: up to %llu instead of %llu", i,
                         (unsigned long long)world->goes_on.increment_proven,
                         (unsigned long long)proven);
            buffer_deinit(&bytes);
        }
}

/* What the file before had of it does not count. */
static void of_a_new_increment_its_first_line_is_proven(void **state)
{
    struct reload *world = *state;
    struct buffer second = {0};
    RELOAD_PUT_GROUPS(world, SLICE(""), "PING", "PING", "PING");
    reload_name_files(world, false, 2);
    log_bytes_add_file_header(&second, &log_bytes_id, (uint64_t)3 * PING_LENGTH);
    reload_put(world, "2", buffer_slice(&second));
    reload_assert_loads(world, "0 PING\n0 PING\n0 PING\n");
    assert_string_equal(world->increment, "2");
    assert_int_equal(world->goes_on.increment_proven, second.length);
    buffer_deinit(&second);
}

/* It is longer than what is read at once: that a part of it cannot be read is no torn tail. */
static void a_last_group_that_cannot_be_read_stays(void **state)
{
    struct reload *world = *state;
    struct buffer bytes = {0}, commands = {0};
    const size_t argument = (size_t)3 * RECOVERY_READ_SIZE / 2;
    uint64_t offset = 0;
    buffer_add_format(&commands, "*1\r\n$%zu\r\n", argument);
    reload_add_bytes(&commands, 'y', argument);
    buffer_add_string(&commands, "\r\n");
    log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
    log_bytes_add_group(&bytes, &offset, 0, buffer_slice(&commands));
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&bytes));
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
    uint64_t calls = disk_simulated_calls(world->simulated);
    size_t refused = 0;
    for (uint64_t call = 1; call <= calls; call++) {
        reload_run(world, call);
        assert_int_equal(reload_content(world, "1").length, bytes.length);
        refused += world->status == RECOVERY_REFUSED;
    }
    assert_int_equal(refused, 4); /* to open it, to ask for its size, two reads */
    for (unsigned allocation = 1; world->ran_out || allocation == 1; allocation++) {
        reload_with(world, 0, allocation, false);
        assert_int_equal(reload_content(world, "1").length, bytes.length);
        assert_int_equal(world->cut_bytes, 0);
    }
    buffer_deinit(&bytes);
    buffer_deinit(&commands);
}

static void what_is_no_whole_command_is_refused(void **state)
{
    struct reload *world = *state;
    struct buffer bytes = {0};
    uint64_t offset = 0;
    log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
    log_bytes_add_group(&bytes, &offset, 0, SLICE(PING "x"));
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&bytes));
    reload_assert_refuses(world, "does not consist of whole commands");
    buffer_deinit(&bytes);
    /* An annotation of ours, behind one of others. */
    reload_put_plain(world, "PING", SLICE("#TS:1\r\n#HF 1 2 3 4\r\n" PING));
    reload_assert_refuses(world, "log/1 at byte 14: bytes that are no command");
}

/* The first read ends within the transaction, at each of its commands, and right behind it. */
static void plain_commands_may_end_where_a_read_ends(void **state)
{
    struct reload *world = *state;
    static const char transaction[] = "*1\r\n$5\r\nMULTI\r\n"
                                      "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"
                                      "*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n"
                                      "*1\r\n$4\r\nEXEC\r\n" PING;
    for (size_t read = 0; read < sizeof transaction; read++) {
        struct buffer bytes = {0};
        size_t argument = RECOVERY_READ_SIZE - read - strlen("*1\r\n$1000000\r\n\r\n");
        buffer_add_format(&bytes, "*1\r\n$%07zu\r\n", argument);
        reload_add_bytes(&bytes, 'y', argument);
        buffer_add_string(&bytes, "\r\n");
        assert_int_equal(bytes.length, RECOVERY_READ_SIZE - read);
        buffer_add_string(&bytes, transaction);
        reload_name_files(world, false, 1);
        reload_put(world, "1", buffer_slice(&bytes));
        reload_run(world, 0);
        assert_string_equal(world->why, "");
        assert_non_null(strstr(world->commands.data, "\n0 DEL a\n0 DEL b\n0 PING\n"));
        assert_int_equal(world->progress.commands, 4);
        buffer_deinit(&bytes);
    }
}

/* All of them are applied, or it is refused. */
static void no_command_is_lost_where_memory_is_out(void **state)
{
    struct reload *world = *state;
    for (int kind = 0; kind < 4; kind++) {
        bool plain = kind % 2 == 1, for_good = kind > 1;
        struct buffer commands = {0}, bytes = {0};
        uint64_t offset = 0;
        for (int i = 0; i < 3; i++) {
            enum { WORDS = 500 };
            buffer_add_format(&commands, "*%d\r\n", WORDS);
            for (int j = 0; j < WORDS; j++)
                buffer_add_string(&commands, "$3\r\nDEL\r\n");
        }
        log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
        log_bytes_add_group(&bytes, &offset, 0, buffer_slice(&commands));
        reload_name_files(world, false, 1);
        reload_put(world, "1", buffer_slice(plain ? &commands : &bytes));
        size_t refused = 0;
        unsigned allocation = 0;
        do {
            reload_with(world, 0, ++allocation, for_good);
            refused += world->status == RECOVERY_REFUSED;
            assert_string_equal(world->why[0] != '\0' ? "refused" : world->commands.data,
                                world->status == RECOVERY_REFUSED
                                    ? "refused"
                                    : "0 DEL DEL DEL\n0 DEL DEL DEL\n0 DEL DEL DEL\n");
        } while (world->ran_out);
        assert_true(refused > 0);
        buffer_deinit(&commands);
        buffer_deinit(&bytes);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, reload_set_up, reload_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(progress_counts_what_was_loaded),
        TEST(commands_come_in_batches),
        TEST(a_database_may_have_any_number),
        TEST(groups_say_what_had_been_synced_before_them),
        TEST(of_a_new_increment_its_first_line_is_proven),
        TEST(a_last_group_that_cannot_be_read_stays),
        TEST(what_is_no_whole_command_is_refused),
        TEST(plain_commands_may_end_where_a_read_ends),
        TEST(no_command_is_lost_where_memory_is_out),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/recovery_commands", tests, memory_balance_begin,
                                       NULL);
}
