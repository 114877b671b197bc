/* Row I: every call to the disk fails, each way, once and for good, while a log is written, goes on
 * to a new file and gets a new base; then the power fails. What was called durable is there,
 * nothing is out of order, and nothing is called durable after a failed sync.
 *
 * test-options: timeout=300, watched */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "persist/log_writer.h"
#include "persist/rdb_writer.h"
#include "persist/snapshot.h"
#include "persist/snapshot_file.h"
#include "support/recovered.h"
#include "system/clock.h"
#include "system/disk_simulated.h"
#include "system/event_loop.h"
#include "system/worker.h"

#define TURNS_MAX 30 /* of waiting for something that does not come */
#define SEEDS 3      /* crashes for each fault */

struct session {
    struct event_loop *loop;
    struct clock *clock;
    struct worker *worker;
    struct disk_simulated *simulated;
    struct log_directory *directory;
    struct log_writer *log;
    int64_t written; /* the last number appended */
    int64_t durable; /* the last that was called durable */
    bool failed, switched, became_full;
};

static void on_durable(void *context)
{
    (void)context;
}

static void on_full(void *context, bool full)
{
    struct session *session = context;
    session->became_full = session->became_full || full;
}

static void on_removed(void *context, struct disk_file file)
{
    (void)context;
    disk_close(&file);
}

static void on_failed(void *context, const char *what, int error_number)
{
    struct session *session = context;
    assert_non_null(what);
    assert_int_not_equal(error_number, 0);
    assert_false(session->failed); /* once */
    session->failed = true;
}

static void append(struct session *session)
{
    char number[NUMBER_INTEGER_TEXT_MAX], padding[700];
    memset(padding, 'x', sizeof padding);
    struct slice words[4] = {SLICE("SET"), SLICE("n"),
                             slice_of(number, number_format_int64(number, ++session->written)),
                             /* some groups are larger than a sector */
                             slice_of(padding, session->written % 3 == 0 ? sizeof padding : 1)};
    log_writer_append(session->log, 0, words, 4);
}

/* Ends turns until all that was appended is durable, or nothing happens any more. */
static void settle(struct session *session)
{
    uint64_t group = log_writer_group(session->log);
    int64_t written = session->written;
    log_writer_expect(session->log, group);
    for (int turn = 0; turn < TURNS_MAX && !session->failed; turn++) {
        log_writer_end_turn(session->log);
        if (log_writer_durable_group(session->log) >= group) {
            session->durable = written;
            return;
        }
        worker_wait(session->worker);
        event_loop_run_turn(session->loop, session->became_full ? 2 : 0);
    }
}

static void on_switched(void *context, int error_number)
{
    struct session *session = context;
    (void)error_number;
    session->switched = true;
}

/* The base that says `number`, written as a snapshot is. False: the disk failed. */
static bool write_base(struct session *session, int64_t number, const char *path)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct snapshot_settings settings = {.path = path, .directory = LOG_PATH, .checksum = true};
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct key key = {SLICE("n"), keyspace_hash(keyspace, SLICE("n"))};
    const struct entry *entry =
        database_set_integer(keyspace_database(keyspace, 0), &key, NULL, number);
    struct buffer bytes = {0};
    rdb_write_header(&bytes, 0, 0, true);
    rdb_write_database(&bytes, 0);
    assert_int_equal(rdb_write_entry(&bytes, entry, false), OK);
    struct snapshot_file *file =
        snapshot_file_create(session->clock, disk_simulated_disk(session->simulated), &settings);
    bool good =
        snapshot_file_write(file, buffer_slice(&bytes)) == OK && snapshot_file_finish(file) == OK;
    snapshot_file_destroy(file);
    buffer_deinit(&bytes);
    keyspace_destroy(keyspace);
    return good;
}

static bool open_log(struct session *session, const struct log_writer_start *start)
{
    struct buffer error_text = {0};
    enum error error = log_directory_open(disk_simulated_disk(session->simulated), LOG_PATH,
                                          LOG_NAME, &session->directory, &error_text);
    buffer_deinit(&error_text);
    if (error != OK)
        return false;
    struct log_writer_settings settings = {LOG_SYNC_ALWAYS, LOG_SEGMENT_SIZE_DEFAULT, 1};
    struct log_writer_hooks hooks = {session, on_durable, on_full, on_failed, NULL, on_removed};
    return log_writer_create(session->loop, session->clock, session->directory, session->worker,
                             &settings, start, true, &hooks, &session->log) == OK;
}

static void write_some(struct session *session, int groups)
{
    for (int i = 0; i < groups && !session->failed; i++) {
        for (int j = 0; j <= i % 3; j++)
            append(session);
        settle(session);
    }
}

static void compact(struct session *session)
{
    static const char path[] = LOG_PATH "/temp-base.rdb";
    int64_t sequence, number = session->written;
    log_writer_rotate(session->log, &sequence);
    append(session);
    settle(session);
    if (session->failed || !write_base(session, number, path))
        return; /* a compaction that fails leaves everything as it is */
    log_writer_switch_base(session->log, path, sequence, on_switched, session);
    append(session);
    settle(session);
    for (int turn = 0; turn < TURNS_MAX && !session->switched && !session->failed; turn++) {
        log_writer_end_turn(session->log);
        worker_wait(session->worker);
        event_loop_run_turn(session->loop, session->became_full ? 2 : 0);
    }
}

/* The whole script; stops where it fails, as the server does. */
static void run(struct session *session)
{
    struct log_writer_start start = {.id = {{7}}};
    if (!open_log(session, &start))
        return;
    write_some(session, 4);
    if (!session->failed)
        compact(session);
    if (!session->failed)
        write_some(session, 3);
}

/* The power goes while the server runs. */
static void end(struct session *session)
{
    disk_simulated_power_off(session->simulated);
    session->failed = false; /* what fails now nobody hears of */
    if (session->log != NULL && log_writer_close(session->log) == OK)
        fail_msg("a log was closed well without power");
    log_directory_close(session->directory);
}

/* After a crash (or if only the process was `killed`): the log loads, and holds all that was called
 * durable and no more than was written. Then it is written on, the power goes, and it is read
 * again. False: something is missing. */
static bool survives(struct session *session, const char *what, bool killed)
{
    if (killed)
        disk_simulated_kill(session->simulated);
    else
        disk_simulated_crash(session->simulated);
    struct recovered found = recovered_read(disk_simulated_disk(session->simulated));
    if (found.refused || found.last < session->durable || found.last > session->written) {
        print_message("%s: durable %lld, written %lld, found %lld %s\n", what,
                      (long long)session->durable, (long long)session->written,
                      (long long)found.last, found.why);
        return false;
    }
    struct log_writer_start start = {.id = found.id, .offset = found.offset};
    if (found.increment[0] != '\0') {
        start.increment_name = found.increment;
        start.increment_size = found.increment_size;
        start.increment_proven = found.increment_proven;
    }
    *session = (struct session){.loop = session->loop,
                                .clock = session->clock,
                                .worker = session->worker,
                                .simulated = session->simulated,
                                .written = found.last};
    assert_true(open_log(session, &start));
    write_some(session, 2);
    assert_int_equal(session->durable, session->written);
    end(session);
    disk_simulated_crash(session->simulated);
    found = recovered_read(disk_simulated_disk(session->simulated));
    if (found.refused || found.last != session->written)
        print_message("%s: later written %lld, found %lld %s\n", what, (long long)session->written,
                      (long long)found.last, found.why);
    return !found.refused && found.last == session->written;
}

static void begin(struct session *session, struct event_loop *loop, uint64_t seed)
{
    *session = (struct session){
        .loop = loop,
        .clock = clock_create(),
        .worker = worker_create(loop, "test", WORKER_PROMPT),
        .simulated = disk_simulated_create(seed),
    };
}

static void finish(struct session *session)
{
    worker_destroy(session->worker);
    clock_destroy(session->clock);
    disk_simulated_destroy(session->simulated);
}

static uint64_t count_calls(struct event_loop *loop)
{
    struct session session;
    begin(&session, loop, 1);
    run(&session);
    uint64_t calls = disk_simulated_calls(session.simulated);
    assert_false(session.failed);
    assert_true(session.switched);
    assert_int_equal(session.durable, session.written);
    end(&session);
    assert_true(survives(&session, "without a fault", false));
    finish(&session);
    return calls;
}

static const char *const fault_names[] = {"none", "EIO", "ENOSPC", "EINTR", "short"};

static void fail_every_call(enum disk_fault fault, bool for_good, bool killed)
{
    struct event_loop *loop = event_loop_create();
    uint64_t calls = count_calls(loop);
    assert_true(calls > 40);
    int bad = 0;
    for (uint64_t call = 1; call <= calls; call++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct session session;
            char what[100];
            begin(&session, loop, seed * 1000003 + call);
            disk_simulated_fail(session.simulated, call, fault, for_good);
            run(&session);
            if (!for_good && (fault == DISK_FAULT_INTERRUPTED || fault == DISK_FAULT_SHORT))
                assert_int_equal(session.durable, session.written);
            snprintf(what, sizeof what, "call %d fails with %s%s%s, seed %d", (int)call,
                     fault_names[fault], for_good ? " for good" : "", killed ? ", killed" : "",
                     (int)seed);
            end(&session);
            bad += !survives(&session, what, killed);
            finish(&session);
        }
    }
    event_loop_destroy(loop);
    assert_int_equal(bad, 0);
}

static void an_error_at_any_call_once(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_ERROR, false, false);
}

static void an_error_from_any_call_on(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_ERROR, true, false);
}

static void a_full_disk_at_any_call_once(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_FULL, false, false);
}

static void a_full_disk_from_any_call_on(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_FULL, true, false);
}

static void an_interruption_at_any_call(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_INTERRUPTED, false, false);
    fail_every_call(DISK_FAULT_INTERRUPTED, true, false);
}

static void half_a_transfer_at_any_call(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_SHORT, false, false);
    fail_every_call(DISK_FAULT_SHORT, true, false);
}

/* What a process leaves that is killed before a sync may be in memory only: whoever goes on with it
 * makes it durable before anything relies on it, names too. */
static void a_kill_before_any_call_and_then_the_power(void **state)
{
    (void)state;
    fail_every_call(DISK_FAULT_ERROR, true, true);
}

/* A compaction left an old increment in the manifest, because it could not be written without it. A
 * new increment beside it is another file. */
static void an_old_increment_does_not_take_a_new_one_with_it(void **state)
{
    static const char manifest[] = "file " LOG_NAME ".1.base.rdb seq 1 type b\n"
                                   "file " LOG_NAME ".1.incr.aof seq 1 type h\n";
    (void)state;
    struct event_loop *loop = event_loop_create();
    int bad = 0;
    for (uint64_t call = 1; call <= 20; call++) {
        struct session session;
        char what[60];
        begin(&session, loop, call);
        assert_true(write_base(&session, 5, LOG_PATH "/" LOG_NAME ".1.base.rdb"));
        disk_simulated_write(session.simulated, LOG_PATH "/" LOG_NAME ".manifest",
                             slice_of_string(manifest));
        session.written = session.durable = 5;
        disk_simulated_fail(session.simulated, call, DISK_FAULT_ERROR, false);
        struct log_writer_start start = {.id = {{7}}};
        if (open_log(&session, &start))
            write_some(&session, 2);
        snprintf(what, sizeof what, "an old increment, call %d fails", (int)call);
        end(&session);
        bad += !survives(&session, what, false);
        finish(&session);
    }
    event_loop_destroy(loop);
    assert_int_equal(bad, 0);
}

/* P4: the disk is full, then there is room again: all that was written meanwhile becomes durable.
 */
static void writes_resume_when_there_is_room_again(void **state)
{
    (void)state;
    struct event_loop *loop = event_loop_create();
    struct session session;
    begin(&session, loop, 5);
    struct log_writer_start start = {.id = {{7}}};
    assert_true(open_log(&session, &start));
    write_some(&session, 3);
    int64_t durable = session.durable;
    disk_simulated_limit(session.simulated, 1000);
    for (int i = 0; i < 2000; i++) /* more than the filler has room for */
        append(&session);
    settle(&session);
    assert_true(session.became_full);
    assert_true(log_writer_is_full(session.log));
    assert_int_equal(session.durable, durable);
    disk_simulated_limit(session.simulated, 0);
    settle(&session);
    assert_false(log_writer_is_full(session.log));
    assert_int_equal(session.durable, session.written);
    assert_false(session.failed);
    end(&session);
    assert_true(survives(&session, "after a full disk", false));
    finish(&session);
    event_loop_destroy(loop);
}

/* Negative controls: a disk that lies, a server that answers before the sync. The check must see
 * that something is missing. */
static bool is_caught(bool lies, bool acknowledges_early)
{
    struct event_loop *loop = event_loop_create();
    bool caught = false;
    for (uint64_t seed = 1; seed <= 10 && !caught; seed++) {
        struct session session;
        begin(&session, loop, seed);
        disk_simulated_lie(session.simulated, lies);
        struct log_writer_start start = {.id = {{7}}};
        assert_true(open_log(&session, &start));
        write_some(&session, 2);
        if (acknowledges_early)
            append(&session); /* answered below, and the power goes before the worker is asked */
        if (acknowledges_early)
            session.durable = session.written;
        end(&session);
        disk_simulated_crash(session.simulated);
        struct recovered found = recovered_read(disk_simulated_disk(session.simulated));
        caught = found.refused || found.last < session.durable;
        finish(&session);
    }
    event_loop_destroy(loop);
    return caught;
}

static void a_disk_that_lies_is_caught(void **state)
{
    (void)state;
    assert_true(is_caught(true, false));
}

static void an_answer_before_the_sync_is_caught(void **state)
{
    (void)state;
    assert_true(is_caught(false, true));
}

int main(void)
{
    log_set_level(LOG_NOTHING);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_at_any_call_once),
        cmocka_unit_test(an_error_from_any_call_on),
        cmocka_unit_test(a_full_disk_at_any_call_once),
        cmocka_unit_test(a_full_disk_from_any_call_on),
        cmocka_unit_test(an_interruption_at_any_call),
        cmocka_unit_test(half_a_transfer_at_any_call),
        cmocka_unit_test(a_kill_before_any_call_and_then_the_power),
        cmocka_unit_test(an_old_increment_does_not_take_a_new_one_with_it),
        cmocka_unit_test(writes_resume_when_there_is_room_again),
        cmocka_unit_test(a_disk_that_lies_is_caught),
        cmocka_unit_test(an_answer_before_the_sync_is_caught),
    };
    return cmocka_run_group_tests_name("fault/io_calls", tests, NULL, NULL);
}
