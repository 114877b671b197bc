/* What recovery makes of files of every kind, on a disk that fails, with memory that runs out. */
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

#define RDB_END "\377\000\000\000\000\000\000\000\000"
#define EMPTY_RDB "REDIS0010" RDB_END
#define KEY_RDB "REDIS0010\000\001k\001v\377\000\000\000\000\000\000\000\000"
#define CALLS_MAX 1000
#define BIG ((size_t)3 * RECOVERY_READ_SIZE / 2) /* bytes */

static const struct log_id other_id = {{4, 5, 6}};

static void plain_commands_of_redis_are_applied(void **state)
{
    struct reload *world = *state;
    reload_put_plain(world, "SELECT 1,SET a 1,MULTI,SET b 2,SELECT 0,SET c 3,EXEC",
                     SLICE("#TS:12\r\n"));
    reload_assert_loads(world, "1 SET a 1\n1 SET b 2\n0 SET c 3\n");
    assert_false(world->has_id);
    assert_string_equal(world->increment, "");
    reload_put_plain(world, "", SLICE("#TS:1\r\n#TS:2\r\n*0\r\n*1\r\n$4\r\nPING\r\n"));
    reload_assert_loads(world, "0 PING\n");
    reload_put_plain(world, "", SLICE(""));
    reload_assert_loads(world, "");
}

static void more_than_a_batch_is_applied_in_order(void **state)
{
    struct reload *world = *state;
    struct buffer plain = {0}, groups = {0}, expected = {0};
    uint64_t offset = 0;
    for (int i = 0; i < 3 * RECOVERY_BATCH_MAX + 1; i++) {
        char text[32];
        snprintf(text, sizeof text, "SET n %d", i);
        log_bytes_add_command(&plain, text);
        buffer_add_format(&expected, "0 %s\n", text);
    }
    buffer_add(&expected, "", 1);
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&plain));
    reload_assert_loads(world, expected.data);
    log_bytes_add_file_header(&groups, &log_bytes_id, 0);
    log_bytes_add_group(&groups, &offset, 0, buffer_slice(&plain));
    reload_put(world, "1", buffer_slice(&groups));
    reload_assert_loads(world, expected.data);
    assert_true(world->has_id);
    assert_string_equal(world->increment, "1");
    buffer_deinit(&plain);
    buffer_deinit(&groups);
    buffer_deinit(&expected);
}

static void a_base_may_be_followed_by_commands(void **state)
{
    struct reload *world = *state;
    reload_name_files(world, true, 1);
    reload_put(world, "base", SLICE(KEY_RDB "*1\r\n$4\r\nPING\r\n"));
    reload_put(world, "1", SLICE(""));
    reload_assert_loads(world, "0 PING\n");
    assert_int_equal(world->progress.keys, 1);
    reload_put(world, "base", SLICE("VALKEY080\377\000\000\000\000\000\000\000\000"));
    reload_assert_loads(world, "");
    reload_put(world, "base", SLICE("REDIS0010\377\001\000\000\000\000\000\000\000"));
    reload_assert_refuses(world,
                          "its checksum does not match. The base of the log is damaged and is not "
                          "loaded");
    reload_put(world, "base", SLICE(KEY_RDB "x"));
    reload_assert_refuses(world, "bytes that are no command");
    reload_put(world, "base", SLICE("REDIS0010"));
    reload_assert_refuses(world, "The base of the log is damaged and is not loaded");
    reload_put(world, "base", SLICE("REDIS"));
    reload_assert_refuses(world, "bytes that are no command");
    reload_put(world, "base", SLICE(EMPTY_RDB));
    reload_put(world, "1", SLICE(EMPTY_RDB)); /* an increment is none */
    reload_assert_refuses(world,
                          "log/1 at byte 0: bytes that are no command. The file is damaged and is "
                          "not loaded: holdfast-log repair log");
}

static void a_file_that_is_missing_is_said(void **state)
{
    struct reload *world = *state;
    reload_name_files(world, false, 1);
    reload_assert_refuses(world,
                          "log/1 at byte 0: the manifest names this file, but it is missing. The "
                          "log is damaged and is not loaded");
}

static void commands_that_cannot_be_run_are_refused(void **state)
{
    struct reload *world = *state;
    const char *why = "a command of the log cannot be run: it is bad";
    static const char *const bad[] = {"SET a 1,BAD", "BAD,SELECT 1", "MULTI,BAD,SELECT 1,EXEC"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reload_put_plain(world, bad[i], SLICE(""));
        reload_assert_refuses(world, why);
        RELOAD_PUT_GROUPS(world, SLICE(""), "SET a 1", bad[i]);
        reload_assert_refuses(world, why);
    }
    static const char *const selects[] = {"SELECT", "SELECT x", "SELECT -1", "SELECT 2147483648",
                                          "SELECT 1 2"};
    for (size_t i = 0; i < sizeof selects / sizeof selects[0]; i++) {
        reload_put_plain(world, selects[i], SLICE(""));
        reload_assert_refuses(world, "a SELECT that is not in order");
    }
}

static void bytes_that_are_no_commands_are_refused(void **state)
{
    struct reload *world = *state;
    const struct slice bad[] = {SLICE("PING\r\n"), SLICE("*x\r\n"), SLICE("*1\r\n+x\r\n"),
                                SLICE("#HF 1 2 3 4\r\n*1\r\n$4\r\nPING\r\n")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reload_put_plain(world, "SET a 1", bad[i]);
        reload_assert_refuses(world, "log/1 at byte 27: bytes that are no command");
    }
    struct buffer bytes = {0};
    uint64_t offset = 0;
    log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
    log_bytes_add_group(&bytes, &offset, 0, SLICE("*1\r\n$4\r\nPI"));
    reload_put(world, "1", buffer_slice(&bytes));
    reload_assert_refuses(world,
                          "a group whose checksum is right does not consist of whole commands");
    buffer_deinit(&bytes);
}

static void a_short_file_is_cut_where_that_is_allowed(void **state)
{
    struct reload *world = *state;
    const struct slice tails[] = {SLICE("*1\r\n$4\r\nPI"), SLICE("#TS:1"), SLICE("*2\r\n"),
                                  SLICE("*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n"),
                                  SLICE("*1\r\n$70000\r\nPI")};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        reload_put_plain(world, "SET a 1", tails[i]);
        world->load_truncated = false;
        reload_assert_refuses(world,
                              "the file ends within a command or a transaction and "
                              "aof-load-truncated is off. It is not loaded: holdfast-log repair");
        assert_int_equal(reload_content(world, "1").length, 27 + tails[i].length);
        reload_name_files(world, false, 2);
        reload_put(world, "2", SLICE(""));
        world->load_truncated = true;
        reload_assert_refuses(world,
                              "the file ends within a command or a transaction. It is not loaded");
        reload_name_files(world, false, 1);
        reload_assert_loads(world, "0 SET a 1\n");
        assert_int_equal(world->cut_bytes, tails[i].length);
        assert_int_equal(reload_content(world, "1").length, 27);
    }
}

static void files_of_a_log_follow_each_other(void **state)
{
    struct reload *world = *state;
    struct buffer second = {0};
    uint64_t offset = 27;
    RELOAD_PUT_GROUPS(world, SLICE("####\n"), "SET a 1");
    reload_name_files(world, false, 2);
    log_bytes_add_file_header(&second, &log_bytes_id, 27);
    log_bytes_add_group_of(&second, &offset, "SET b 2");
    reload_put(world, "2", buffer_slice(&second));
    reload_assert_refuses(world,
                          "bytes that are no group of this log. The log is damaged and is not "
                          "loaded. A repair would drop the 5 bytes of this file from here on, and "
                          "all files after it: holdfast-log repair log");
    RELOAD_PUT_GROUPS(world, SLICE(""), "SET a 1");
    reload_name_files(world, false, 2);
    reload_assert_loads(world, "0 SET a 1\n0 SET b 2\n");
    assert_string_equal(world->increment, "2");
    assert_memory_equal(&world->goes_on.id, &log_bytes_id, sizeof log_bytes_id);
    assert_int_equal(world->goes_on.offset, offset);
    assert_int_equal(world->goes_on.increment_size, second.length);
    log_bytes_add_group(&second, &offset, 27, SLICE("")); /* it does not prove the one before */
    reload_put(world, "2", buffer_slice(&second));
    uint64_t proven = world->goes_on.increment_proven;
    reload_assert_loads(world, "0 SET a 1\n0 SET b 2\n");
    assert_int_equal(world->goes_on.increment_size, second.length);
    assert_int_equal(world->goes_on.increment_proven, proven);
    buffer_clear(&second);
    log_bytes_add_file_header(&second, &other_id, 27);
    reload_put(world, "2", buffer_slice(&second));
    reload_assert_refuses(world,
                          "log/2 at byte 0: this file belongs to another log than those before");
    buffer_clear(&second);
    log_bytes_add_file_header(&second, &log_bytes_id, 26);
    reload_put(world, "2", buffer_slice(&second));
    reload_assert_refuses(world, "the log's offset does not continue in this file");
    reload_assert_refuses(world, " bytes of this file from here on: holdfast-log repair log");
    reload_put(world, "2", SLICE("#HF-"));
    reload_name_files(world, false, 3);
    reload_put(world, "3", SLICE(""));
    reload_assert_refuses(world, "the first annotation is not whole");
    reload_put(world, "2", SLICE("#HF 0 0 0 00000000\r\n"));
    reload_assert_refuses(world, "the first annotation is not in order");
    buffer_deinit(&second);
}

/* Whatever its log was, an increment that is not ours ends it. */
static void a_log_goes_on_only_where_its_last_file_is_ours(void **state)
{
    struct reload *world = *state;
    static const struct {
        const char *second, *loads;
        size_t cut, left; /* bytes of it; filler is not counted */
    } files[] = {
        {"#", "0 SET a 1\n", 0, 0},         {"#HF-LOG 1 ", "0 SET a 1\n", 10, 0},
        {"", "0 SET a 1\n", 0, 0},          {"*1\r\n$4\r\nPING\r\n", "0 SET a 1\n0 PING\n", 0, 14},
        {"#TS:1\r\n", "0 SET a 1\n", 0, 7},
    };
    world->load_truncated = false; /* counts for the files of others only */
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        RELOAD_PUT_GROUPS(world, SLICE(""), "SET a 1");
        reload_name_files(world, false, 2);
        reload_put(world, "2", slice_of_string(files[i].second));
        reload_assert_loads(world, files[i].loads);
        assert_false(world->has_id);
        assert_string_equal(world->increment, "");
        assert_int_equal(world->cut_bytes, files[i].cut);
        assert_int_equal(reload_content(world, "2").length, files[i].left);
    }
    reload_put(world, "1", SLICE("")); /* an empty one may stand before others */
    reload_put(world, "2", SLICE("*1\r\n$4\r\nPING\r\n"));
    reload_assert_loads(world, "0 PING\n");
}

static void another_server_may_have_gone_on(void **state)
{
    struct reload *world = *state;
    struct buffer tail = {0};
    reload_add_bytes(&tail, '#', LOG_FILLER_LEFT_MIN - 1);
    buffer_add_string(&tail, "\n*1\r\n$4\r\nPING\r\n");
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_assert_loads(world, "0 SET a 1\n0 PING\n");
    assert_false(world->has_id);
    buffer_deinit(&tail);
    const struct slice torn[] = {
        SLICE("####\n*1\r\n$4\r\nPING\r\n"), /* what a group was not written over */
        SLICE("*"),
        SLICE("*1"),
        SLICE("*1\r\nPI"),
        SLICE("*1\r\r$4"),
        SLICE("###"),
        SLICE("#\n"),
        SLICE("*x\r\n$"),
        SLICE("x1\r\n$4\r\nPING\r\n"),
        SLICE("*:\r\n$"),
        SLICE("*123456"),
        SLICE("\n#")};
    for (size_t i = 0; i < sizeof torn / sizeof torn[0]; i++) {
        RELOAD_PUT_GROUPS(world, torn[i], "SET a 1");
        reload_assert_loads(world, "0 SET a 1\n");
        assert_true(world->has_id);
    }
}

/* "*1" is all there is; what stands behind it in memory is of the file before. */
static void a_file_ends_where_it_ends(void **state)
{
    struct reload *world = *state;
    struct buffer first = {0}, second = {0}, commands = {0};
    uint64_t offset = 0;
    size_t tried = 0;
    for (int i = 0; i < 10; i++)
        log_bytes_add_commands(&commands, "SET a 1,SET b 22");
    log_bytes_add_file_header(&first, &log_bytes_id, 0);
    log_bytes_add_group(&first, &offset, 0, buffer_slice(&commands));
    for (size_t length = 1; length < 60; length++) {
        uint64_t end = offset;
        char text[80] = "GET ";
        memset(text + 4, 'k', length);
        buffer_clear(&second);
        log_bytes_add_file_header(&second, &log_bytes_id, offset);
        log_bytes_add_group_of(&second, &end, text);
        buffer_add(&second, "*1", 2);
        if (memcmp(first.data + second.length, "\r\n$", 3) != 0)
            continue;
        tried++;
        reload_name_files(world, false, 2);
        reload_put(world, "1", buffer_slice(&first));
        reload_put(world, "2", buffer_slice(&second));
        reload_run(world, 0);
        assert_string_equal(world->why, "");
        assert_int_equal(world->cut_bytes, 2);
        assert_true(world->has_id);
    }
    assert_true(tried > 0);
    buffer_deinit(&first);
    buffer_deinit(&second);
    buffer_deinit(&commands);
}

/* More filler than is read at once, then nothing, and then somebody's command. */
static void filler_may_be_longer_than_what_is_read_at_once(void **state)
{
    struct reload *world = *state;
    struct buffer tail = {0};
    reload_add_bytes(&tail, '#', 5 * RECOVERY_READ_SIZE / 2);
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_assert_loads(world, "0 SET a 1\n");
    assert_int_equal(world->cut_bytes, 0);
    buffer_add_string(&tail, "\n*1\r\n$4\r\nPING\r\n");
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_assert_loads(world, "0 SET a 1\n0 PING\n");
    buffer_deinit(&tail);
}

/* Behind bad bytes and much garbage stands a group that says what was durable. */
static void put_proof(struct reload *world, size_t garbage, size_t length, uint64_t durable)
{
    struct buffer tail = {0}, big = {0};
    uint64_t offset = 100;
    for (size_t i = 0; i < garbage; i += 512) {
        buffer_add_string(&tail, "#HF \r\n");
        reload_add_bytes(&tail, 'x', (garbage - i < 512 ? garbage - i : 512) - 1);
    }
    reload_add_bytes(&big, 'y', length);
    log_bytes_add_group(&tail, &offset, durable, buffer_slice(&big));
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    buffer_deinit(&tail);
    buffer_deinit(&big);
}

static void a_proof_may_stand_far_behind(void **state)
{
    struct reload *world = *state;
    const char *why = "bytes that are no group of this log, before groups that are";
    put_proof(world, 100, BIG, 50);
    reload_assert_refuses(world, why);
    put_proof(world, 100, 9, 50); /* near the end */
    reload_assert_refuses(world, why);
    /* across the border of what is looked at together, at every place */
    for (size_t garbage = RECOVERY_READ_SIZE - 10300; garbage < RECOVERY_READ_SIZE - 10100;
         garbage += 7) {
        put_proof(world, garbage, BIG, 50);
        reload_assert_refuses(world, why);
    }
    put_proof(world, 3 * RECOVERY_READ_SIZE, BIG, 50);
    reload_assert_refuses(world, why);
    put_proof(world, 3 * RECOVERY_READ_SIZE, BIG, 27);
    reload_assert_loads(world, "0 SET a 1\n");
    assert_true(world->cut_bytes > 4 * RECOVERY_READ_SIZE);
}

/* `count` bytes and some: a command with an argument of so many, or a base with such a value. */
static void put_long(struct reload *world, size_t count, bool base)
{
    struct buffer bytes = {0};
    if (base)
        buffer_add(&bytes, KEY_RDB, 9);
    for (int i = 0; i < 3; i++) { /* more than is read at once, in all */
        char head[] = {
            0,          1, (char)('k' + i), (char)0x80, 0, (char)(count >> 16), (char)(count >> 8),
            (char)count};
        if (base)
            buffer_add(&bytes, head, sizeof head);
        else
            buffer_add_format(&bytes, "*1\r\n$%zu\r\n", count);
        reload_add_bytes(&bytes, 'x', count);
        if (!base)
            buffer_add(&bytes, "\r\n", 2);
    }
    if (base)
        buffer_add(&bytes, RDB_END, 9);
    reload_name_files(world, base, 1);
    reload_put(world, base ? "base" : "1", buffer_slice(&bytes));
    if (base)
        reload_put(world, "1", SLICE("#HF-")); /* a first annotation that is torn */
    buffer_deinit(&bytes);
}

/* Groups across the border of what is read at once. */
static void put_long_groups(struct reload *world)
{
    struct buffer bytes = {0}, commands = {0};
    const struct slice command = SLICE("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
    uint64_t offset = 0;
    log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
    for (size_t i = 0; i < RECOVERY_READ_SIZE / 64; i++)
        buffer_add(&commands, command.data, command.length);
    for (int i = 0; i < 6; i++)
        log_bytes_add_group(&bytes, &offset, offset, buffer_slice(&commands));
    reload_add_bytes(&bytes, '#', RECOVERY_READ_SIZE / 2);
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&bytes));
    buffer_deinit(&bytes);
    buffer_deinit(&commands);
}

/* One group that ends `short_of` bytes before the end of the first read, then `tail`. */
static void put_border(struct reload *world, size_t short_of, struct slice tail)
{
    struct buffer bytes = {0}, commands = {0};
    uint64_t offset = 0;
    log_bytes_add_file_header(&bytes, &log_bytes_id, 0);
    size_t argument = RECOVERY_READ_SIZE - short_of - bytes.length -
                      strlen("#HF 0 1000000 0 01234567\r\n*1\r\n$1000000\r\n\r\n");
    buffer_add_format(&commands, "*1\r\n$%07zu\r\n", argument);
    reload_add_bytes(&commands, 'y', argument);
    buffer_add(&commands, "\r\n", 2);
    log_bytes_add_group(&bytes, &offset, 0, buffer_slice(&commands));
    assert_int_equal(bytes.length, RECOVERY_READ_SIZE - short_of);
    buffer_add(&bytes, tail.data, tail.length);
    reload_name_files(world, false, 1);
    reload_put(world, "1", buffer_slice(&bytes));
    buffer_deinit(&bytes);
    buffer_deinit(&commands);
}

/* Whole filler that ends with the first read, nearly, and somebody's command behind it. */
static void put_filler_over_the_border(struct reload *world)
{
    struct buffer tail = {0};
    reload_add_bytes(&tail, '#', LOG_FILLER_LEFT_MIN);
    buffer_add_string(&tail, "\n*1\r\n$4\r\nPING\r\n");
    put_border(world, LOG_FILLER_LEFT_MIN + 10, buffer_slice(&tail));
    buffer_deinit(&tail);
}

/* A base that is as long as the first read, then a command. */
static void put_base_to_the_border(struct reload *world)
{
    struct buffer bytes = {0};
    size_t length = RECOVERY_READ_SIZE - 26;
    char head[] = {0,           1, 'k', (char)0x80, 0, (char)(length >> 16), (char)(length >> 8),
                   (char)length};
    buffer_add(&bytes, KEY_RDB, 9);
    buffer_add(&bytes, head, sizeof head);
    reload_add_bytes(&bytes, 'x', RECOVERY_READ_SIZE - 9 - bytes.length);
    buffer_add(&bytes, RDB_END, 9);
    buffer_add_string(&bytes, "*1\r\n$4\r\nPING\r\n");
    reload_name_files(world, true, 1);
    reload_put(world, "base", buffer_slice(&bytes));
    reload_put(world, "1", SLICE(""));
    buffer_deinit(&bytes);
}

/* Of all that is told apart above, one of each kind. */
static void put_scenario(struct reload *world, int scenario)
{
    switch (scenario) {
    case 0:
        reload_put_plain(world, "SET a 1", SLICE("*1\r\n$4\r\nPI"));
        break;
    case 1:
        RELOAD_PUT_GROUPS(world, SLICE("garbage"), "SET a 1", "SET b 2");
        break;
    case 2:
        put_proof(world, RECOVERY_READ_SIZE, BIG, 50);
        break;
    case 3:
        RELOAD_PUT_GROUPS(world, SLICE("####\n*1\r\n$4\r\nPING\r\n"), "SET a 1");
        break;
    case 4:
        reload_put_plain(world, "SET a 1", SLICE("*1\r\n$70000\r\nPI"));
        break;
    case 5:
        RELOAD_PUT_GROUPS(world, SLICE("#HF 27 3 27 00000000\r\nabc"), "SET a 1");
        reload_name_files(world, true, 1);
        reload_put(world, "base", SLICE(KEY_RDB));
        break;
    case 6:
        put_long(world, 700000, false);
        break;
    case 7:
        put_long(world, 700000, true);
        break;
    case 8:
        put_long_groups(world);
        break;
    case 9:
        put_border(world, 0, SLICE("garbage"));
        break;
    case 10:
        put_border(world, 10, SLICE("garbage that is longer than that"));
        break;
    case 11:
        put_filler_over_the_border(world);
        break;
    default:
        put_base_to_the_border(world);
        break;
    }
}

#define SCENARIOS 13

static void files_may_be_longer_than_what_is_read_at_once(void **state)
{
    struct reload *world = *state;
    for (int scenario = 6; scenario < SCENARIOS; scenario++) {
        put_scenario(world, scenario);
        reload_run(world, 0);
        assert_string_equal(world->why, "");
        assert_int_equal(world->status, RECOVERY_DONE);
    }
    put_filler_over_the_border(world);
    reload_run(world, 0);
    assert_non_null(strstr(world->commands.data, "0 PING\n"));
    put_long(world, 700000, true);
    reload_run(world, 0);
    assert_int_equal(world->progress.keys, 3);
    assert_int_equal(reload_content(world, "1").length, 0);
    assert_false(world->has_id);
}

static void every_call_to_the_disk_may_fail(void **state)
{
    struct reload *world = *state;
    for (int scenario = 0; scenario < SCENARIOS; scenario++) {
        put_scenario(world, scenario);
        reload_run(world, 0);
        enum recovery_status status = world->status;
        uint64_t calls = disk_simulated_calls(world->simulated);
        assert_in_range(calls, 4, CALLS_MAX);
        size_t failures = 0;
        for (uint64_t call = 1; call <= calls; call++) {
            put_scenario(world, scenario);
            reload_run(world, call);
            bool said = strstr(world->why, "Input/output error") != NULL;
            assert_true(said ? world->status == RECOVERY_REFUSED : world->status == status);
            failures += said;
        }
        assert_true(failures >= 2); /* others were for the sum of sizes, or to close */
    }
}

static void every_allocation_may_fail(void **state)
{
    struct reload *world = *state;
    for (int scenario = 0; scenario < 2 * SCENARIOS; scenario++) {
        size_t refused = 0;
        put_scenario(world, scenario / 2);
        reload_run(world, 0);
        enum recovery_status status = world->status;
        unsigned call = 0;
        do {
            put_scenario(world, scenario / 2);
            call += 1 + call / 4; /* each of the first, then fewer */
            reload_with(world, 0, call, scenario % 2 == 1);
            bool said = strstr(world->why, "out of memory") != NULL;
            assert_true(said ? world->status == RECOVERY_REFUSED : world->status == status);
            assert_true(!said || world->ran_out);
            refused += said;
        } while (world->ran_out);
        assert_true(refused >= 1 || scenario % 2 == 0); /* the parser may try in two ways */
    }
}

static void a_file_that_is_cut_while_it_is_read_ends_there(void **state)
{
    struct reload *world = *state;
    RELOAD_PUT_GROUPS(world, SLICE(""), "SET a 1");
    world->size_added = 40;
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
    struct buffer tail = {0};
    buffer_add_string(&tail, "garbage");
    reload_add_bytes(&tail, 'z', RECOVERY_READ_SIZE);
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    world->size_added = 3 * RECOVERY_READ_SIZE;
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
    assert_string_equal(world->commands.data, "0 SET a 1\n");
    buffer_clear(&tail); /* what might be a proof is not all there */
    buffer_add_string(&tail, "garbage#HF 100 3000000 50 01234567\r\nabc");
    reload_add_bytes(&tail, 'z', RECOVERY_READ_SIZE);
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
    buffer_clear(&tail); /* nor the next group */
    buffer_add_string(&tail, "#HF 27 3000000 27 01234567\r\n");
    reload_add_bytes(&tail, 'z', 3 * RECOVERY_READ_SIZE / 2);
    RELOAD_PUT_GROUPS(world, buffer_slice(&tail), "SET a 1");
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
    assert_string_equal(world->commands.data, "0 SET a 1\n");
    buffer_deinit(&tail);
}

/* A group that says to be longer than what is left of the file. */
static void a_group_that_is_cut_is_a_torn_tail(void **state)
{
    struct reload *world = *state;
    RELOAD_PUT_GROUPS(world, SLICE("#HF 27 90 27 01234567\r\n*1\r\n$4\r\nPING\r\n"), "SET a 1");
    reload_assert_loads(world, "0 SET a 1\n");
    RELOAD_PUT_GROUPS(world, SLICE("#HF 27 90 27 01234567\r\n*1\r\n$4\r\nPING\r\n"), "SET a 1");
    world->size_added = 90; /* or that is cut while it is read */
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
    assert_string_equal(world->commands.data, "0 SET a 1\n");
    RELOAD_PUT_GROUPS(world, SLICE("#HF 27 99999999999999 27 01234567\r\nx"), "SET a 1");
    world->size_added = INT64_C(1) << 50; /* longer than is believed */
    reload_run(world, 0);
    assert_int_equal(world->status, RECOVERY_DONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, reload_set_up, reload_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_commands_of_redis_are_applied),
        TEST(more_than_a_batch_is_applied_in_order),
        TEST(a_base_may_be_followed_by_commands),
        TEST(a_file_that_is_missing_is_said),
        TEST(commands_that_cannot_be_run_are_refused),
        TEST(bytes_that_are_no_commands_are_refused),
        TEST(a_short_file_is_cut_where_that_is_allowed),
        TEST(files_of_a_log_follow_each_other),
        TEST(a_log_goes_on_only_where_its_last_file_is_ours),
        TEST(another_server_may_have_gone_on),
        TEST(a_file_ends_where_it_ends),
        TEST(filler_may_be_longer_than_what_is_read_at_once),
        TEST(a_proof_may_stand_far_behind),
        TEST(files_may_be_longer_than_what_is_read_at_once),
        TEST(a_file_that_is_cut_while_it_is_read_ends_there),
        TEST(a_group_that_is_cut_is_a_torn_tail),
        TEST(every_call_to_the_disk_may_fail),
        TEST(every_allocation_may_fail),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/recovery", tests, memory_balance_begin, NULL);
}
