/* P1 to P4 through the whole server, on a disk whose syncs the test holds, fails, or finds full.
 *
 * test-options: watched */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "server/persistence/effects.h"
#include "support/conversation.h"
#include "support/held_disk.h"
#include "system/socket.h"

#define QUIET_MS 60 /* in which nothing may come */

struct stage {
    struct held_disk held;
    struct held_server server;
    struct conversation *writer, *reader;
    bool ended;
};

static void connect_clients(struct stage *stage)
{
    stage->writer = conversation_begin(stage->server.port);
    stage->reader = conversation_begin(stage->server.port);
}

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    held_disk_init(&stage->held);
    held_server_start(&stage->server, &stage->held, NULL);
    connect_clients(stage);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    if (!stage->ended) {
        held_disk_release(&stage->held);
        conversation_send(stage->writer, "SHUTDOWN NOSAVE");
        (void)held_server_wait(&stage->server);
    }
    conversation_end(stage->writer);
    conversation_end(stage->reader);
    held_server_remove_folder(&stage->server);
    free(stage);
    return 0;
}

/* Nothing comes for a while. */
static void assert_silent(struct conversation *conversation)
{
    struct pollfd poll_one = {conversation->socket, POLLIN, 0};
    assert_int_equal(conversation->input_start, conversation->input_end);
    if (poll(&poll_one, 1, QUIET_MS) != 0)
        fail_msg("came too early: %s", conversation_read(conversation));
}

/* The next write is in the log's file and waits for its sync. */
static void write_held(struct stage *stage, const char *line)
{
    held_disk_hold(&stage->held);
    conversation_send(stage->writer, "%s", line);
    held_disk_wait_for_sync(&stage->held);
}

static void P1_a_write_is_answered_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    write_held(stage, "SET a 1");
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "+OK");
}

static void P1_a_pipeline_is_answered_in_order_up_to_what_is_durable(void **state)
{
    struct stage *stage = *state;
    conversation_send(stage->writer, "PING");
    assert_reads(stage->writer, "+PONG");
    held_disk_hold(&stage->held);
    conversation_send(stage->writer, "ECHO first");
    assert_reads(stage->writer, "$first"); /* says nothing of data */
    conversation_send(stage->writer, "SET a 1");
    conversation_send(stage->writer, "ECHO second");
    held_disk_wait_for_sync(&stage->held);
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "+OK");
    assert_reads(stage->writer, "$second");
}

static void P1_a_transaction_is_answered_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "MULTI");
    assert_says(stage->writer, "+QUEUED", "INCR a");
    assert_says(stage->writer, "+QUEUED", "PING");
    write_held(stage, "EXEC");
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "[:1, +PONG]");
}

static void P1_what_was_answered_is_there_after_a_restart(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET a 1");
    assert_says(stage->writer, ":2", "INCR a");
    assert_says(stage->writer, "+OK", "SET b x PX 1000000");
    conversation_send(stage->writer, "SHUTDOWN NOSAVE");
    assert_int_equal(held_server_wait(&stage->server), 0);
    conversation_end(stage->writer);
    conversation_end(stage->reader);
    char folder[256];
    snprintf(folder, sizeof folder, "%s", stage->server.folder);
    held_server_start(&stage->server, &stage->held, folder);
    connect_clients(stage);
    assert_says(stage->reader, "$2", "GET a");
    assert_says(stage->reader, ":2", "DBSIZE");
    assert_int_equal(conversation_say(stage->reader, "PTTL b")[1], '9');
}

static void P2_a_read_of_a_key_that_is_not_durable_waits(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET a old");
    assert_says(stage->writer, "+OK", "SET other x");
    write_held(stage, "SET a new");
    assert_says(stage->reader, "$x", "GET other"); /* reads of other keys go on */
    conversation_send(stage->reader, "GET a");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "$new");
    assert_reads(stage->writer, "+OK");
}

static void P2_a_wait_that_found_nothing_shows_that_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, ":1", "RPUSH a 1");
    write_held(stage, "DEL a");
    conversation_send(stage->reader, "BLPOP a 0.01");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "nil");
}

static void P2_a_deleted_key_is_shown_as_gone_when_that_is_durable(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET a old");
    write_held(stage, "DEL a");
    conversation_send(stage->reader, "EXISTS a");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, ":0");
}

static void P2_commands_that_see_all_keys_wait(void **state)
{
    struct stage *stage = *state;
    static const char *const lines[] = {"DBSIZE",
                                        "KEYS *",
                                        "SCAN 0",
                                        "RANDOMKEY",
                                        "DEBUG DIGEST",
                                        "DEBUG DIGEST-VALUE key5",
                                        "DEBUG OBJECT key6",
                                        "DEBUG HTSTATS 0"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET key%zu 1", i);
        write_held(stage, line);
        conversation_send(stage->reader, "%s", lines[i]);
        assert_silent(stage->reader);
        held_disk_release(&stage->held);
        assert_reads(stage->writer, "+OK");
        (void)conversation_read(stage->reader);
    }
}

static void P2_a_write_that_changed_nothing_waits_for_what_it_saw(void **state)
{
    struct stage *stage = *state;
    write_held(stage, "SET a 1");
    conversation_send(stage->reader, "SET a 2 NX");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "nil");
}

static void P2_exec_that_lost_its_race_waits_for_what_it_tells(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->reader, "+OK", "WATCH a");
    assert_says(stage->reader, "+OK", "MULTI");
    write_held(stage, "SET a 1");
    conversation_send(stage->reader, "EXEC");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "nil");
}

static bool somebody_connects(int listener, int timeout_ms)
{
    struct pollfd poll_one = {listener, POLLIN, 0};
    return poll(&poll_one, 1, timeout_ms) > 0;
}

/* `reader` moves a key that is not durable to `listener`. */
static void move_held(struct stage *stage, int *listener)
{
    assert_int_equal(socket_listen_tcp("127.0.0.1", 0, 8, listener), OK);
    write_held(stage, "SET a new");
    conversation_send(stage->reader, "MIGRATE 127.0.0.1 %d a 0 5000", socket_port(*listener));
    assert_false(somebody_connects(*listener, QUIET_MS));
}

static void P2_another_server_is_sent_a_key_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    int listener;
    move_held(stage, &listener);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "+OK");
    assert_true(somebody_connects(listener, -1));
    socket_close(listener);
    assert_non_null(strstr(conversation_read(stage->reader), "-IOERR error or timeout"));
    assert_says(stage->writer, "$new", "GET a");
}

static void P2_who_waits_no_more_sends_no_key_that_was_not_durable(void **state)
{
    struct stage *stage = *state;
    int listener, id = atoi(conversation_say(stage->reader, "CLIENT ID") + 1);
    move_held(stage, &listener);
    conversation_send(stage->writer, "CLIENT UNBLOCK %d", id);
    assert_reads(stage->reader, "-IOERR nothing has been sent yet, and nothing will be");
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "+OK");
    assert_reads(stage->writer, ":1");
    assert_false(somebody_connects(listener, QUIET_MS));
    socket_close(listener);
}

static void P2_messages_wait_for_the_write_that_caused_them(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "CONFIG SET notify-keyspace-events KEA");
    (void)conversation_say(stage->reader, "SUBSCRIBE __keyspace@0__:a news");
    (void)conversation_read(stage->reader);
    write_held(stage, "SET a 1");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "[$message, $__keyspace@0__:a, $set]");
    assert_reads(stage->writer, "+OK");
    assert_says(stage->writer, "+OK", "MULTI");
    assert_says(stage->writer, "+QUEUED", "SET b 1");
    assert_says(stage->writer, "+QUEUED", "PUBLISH news b");
    write_held(stage, "EXEC");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "[$message, $news, $b]");
}

static void P2_a_message_does_not_overtake_its_senders_writes(void **state)
{
    struct stage *stage = *state;
    (void)conversation_say(stage->reader, "SUBSCRIBE news");
    held_disk_hold(&stage->held);
    conversation_send(stage->writer, "SET a 1");
    conversation_send(stage->writer, "PUBLISH news a");
    held_disk_wait_for_sync(&stage->held);
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_reads(stage->reader, "[$message, $news, $a]");
}

static void P2_an_invalidation_waits_for_the_write_that_caused_it(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(conversation_say(stage->reader, "HELLO 3")[0], '{');
    assert_says(stage->reader, "+OK", "CLIENT TRACKING ON");
    assert_says(stage->reader, "nil", "GET a");
    write_held(stage, "SET a 1");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_pushes(stage->reader, ">[$invalidate, [$a]]");
}

static void a_monitor_sees_a_write_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->reader, "+OK", "MONITOR");
    write_held(stage, "SET a 1");
    assert_silent(stage->reader);
    held_disk_release(&stage->held);
    assert_non_null(strstr(conversation_read(stage->reader), "\"SET\" \"a\" \"1\""));
}

static void who_wants_to_is_answered_at_once(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "CLIENT DURABLE OFF");
    held_disk_hold(&stage->held);
    assert_says(stage->writer, "+OK", "SET a 1");
    assert_says(stage->writer, "$1", "GET a");
    conversation_send(stage->reader, "GET a");
    assert_silent(stage->reader); /* others still do not see what is not durable */
    conversation_send(stage->writer, "WAITAOF 1 0 0");
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "[:1, :0]");
    assert_reads(stage->reader, "$1");
}

static void waitaof_is_never_ahead_of_the_sync(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "CONFIG SET appendfsync no");
    assert_says(stage->writer, "+OK", "SET a 1"); /* nothing waits */
    assert_says(stage->writer, "[:0, :0]", "WAITAOF 1 0 50");
    held_disk_hold(&stage->held);
    assert_says(stage->writer, "+OK", "CONFIG SET appendfsync always"); /* syncs what is not yet */
    conversation_send(stage->writer, "WAITAOF 1 0 0");
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "[:1, :0]");
}

static void waitaof_ends_by_unblocking_and_does_not_wait_in_a_transaction(void **state)
{
    struct stage *stage = *state;
    char id[32];
    snprintf(id, sizeof id, "%s", conversation_say(stage->writer, "CLIENT ID") + 1);
    assert_says(stage->writer, "+OK", "CLIENT DURABLE OFF");
    held_disk_hold(&stage->held);
    assert_says(stage->writer, "+OK", "SET a 1");
    held_disk_wait_for_sync(&stage->held);
    conversation_send(stage->writer, "WAITAOF 1 0 0");
    assert_silent(stage->writer);
    assert_says(stage->reader, ":1", "CLIENT UNBLOCK %s", id);
    assert_reads(stage->writer, "[:0, :0]");
    conversation_send(stage->writer, "WAITAOF 1 0 0");
    assert_silent(stage->writer);
    assert_says(stage->reader, ":1", "CLIENT UNBLOCK %s ERROR", id);
    assert_reads(stage->writer, "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    assert_says(stage->writer, "+OK", "MULTI");
    assert_says(stage->writer, "+QUEUED", "WAITAOF 1 0 0");
    assert_says(stage->writer, "[[:0, :0]]", "EXEC");
    held_disk_release(&stage->held);
    assert_says(stage->writer, "[:1, :0]", "WAITAOF 1 0 0");
}

/* Asks until INFO says so; some seconds at most. */
static void wait_for_info(struct stage *stage, const char *text)
{
    for (int i = 0; i < 2000; i++) {
        if (strstr(conversation_say(stage->reader, "INFO persistence"), text) != NULL)
            return;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    fail_msg("INFO never said %s", text);
}

static void a_compaction_that_fails_leaves_the_log_and_can_be_tried_again(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET a 1");
    wait_for_info(stage, "aof_rewrite_in_progress:0"); /* that of the start */
    held_disk_fill(&stage->held, true);
    assert_says(stage->reader, "+Background append only file rewriting started", "BGREWRITEAOF");
    wait_for_info(stage, "aof_last_bgrewrite_status:err");
    assert_says(stage->reader, "$1", "GET a");
    held_disk_fill(&stage->held, false);
    wait_for_info(stage, "log_disk_full:0"); /* the new increment found no room, either */
    assert_says(stage->reader, "+OK", "SET b 2");
    (void)conversation_say(stage->reader, "BGREWRITEAOF"); /* or the server does by itself */
    wait_for_info(stage, "aof_last_bgrewrite_status:ok");
    wait_for_info(stage, "aof_rewrite_in_progress:0");
    conversation_send(stage->writer, "SHUTDOWN NOSAVE");
    assert_int_equal(held_server_wait(&stage->server), 0);
    conversation_end(stage->writer);
    conversation_end(stage->reader);
    char folder[256];
    snprintf(folder, sizeof folder, "%s", stage->server.folder);
    held_server_start(&stage->server, &stage->held, folder);
    connect_clients(stage);
    assert_says(stage->reader, "$1", "GET a");
    assert_says(stage->reader, "$2", "GET b");
}

static void policies_change_while_it_runs_and_nothing_is_lost(void **state)
{
    struct stage *stage = *state;
    static const char *const policies[] = {"everysec", "always", "no", "always", "everysec"};
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        assert_says(stage->writer, "+OK", "CONFIG SET appendfsync %s", policies[i]);
        assert_int_equal(conversation_say(stage->writer, "INCR a")[0], ':');
    }
    assert_says(stage->writer, "+OK", "CONFIG SET appendonly no");
    assert_says(stage->writer, ":6", "INCR a");
    assert_says(stage->writer, "+OK", "CONFIG SET appendonly yes appendfsync always");
    assert_says(stage->writer, ":7", "INCR a");
    for (int i = 0; i < 500; i++) { /* until the new log has its base */
        const char *info = conversation_say(stage->writer, "INFO persistence");
        if (strstr(info, "aof_rewrite_in_progress:0") && strstr(info, "aof_rewrite_scheduled:0"))
            break;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    write_held(stage, "INCR a"); /* the new log holds replies, too */
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, ":8");
    conversation_send(stage->writer, "SHUTDOWN NOSAVE");
    assert_int_equal(held_server_wait(&stage->server), 0);
    conversation_end(stage->writer);
    conversation_end(stage->reader);
    char folder[256];
    snprintf(folder, sizeof folder, "%s", stage->server.folder);
    held_server_start(&stage->server, &stage->held, folder);
    connect_clients(stage);
    assert_says(stage->reader, "$8", "GET a");
}

static void everysec_answers_writes_while_a_sync_goes_on(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "CONFIG SET appendfsync everysec");
    assert_says(stage->writer, "+OK", "SET a 1");
    held_disk_hold(&stage->held);
    held_disk_wait_for_sync(&stage->held); /* that of the second */
    for (int i = 0; i < 10; i++)
        assert_says(stage->writer, "+OK", "SET a %d", i);
    assert_non_null(
        strstr(conversation_say(stage->reader, "INFO persistence"), "aof_pending_bio_fsync:1"));
    assert_says(stage->writer, "+OK", "CONFIG SET appendfsync always");
    conversation_send(stage->writer, "SET a 10"); /* durable only when that sync has ended */
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "+OK");
    assert_says(stage->reader, "$10", "GET a");
}

static void the_log_may_end_and_begin_in_a_transaction(void **state)
{
    struct stage *stage = *state;
    static const char *const switches[] = {"no", "yes"};
    for (int i = 0; i < 2; i++) {
        assert_says(stage->writer, "+OK", "MULTI");
        assert_says(stage->writer, "+QUEUED", "INCR a");
        assert_says(stage->writer, "+QUEUED", "INCR a");
        assert_says(stage->writer, "+QUEUED", "CONFIG SET appendonly %s", switches[i]);
        assert_says(stage->writer, "+QUEUED", "INCR a");
        assert_int_equal(conversation_say(stage->writer, "EXEC")[0], '[');
    }
    assert_says(stage->writer, "$6", "GET a");
    for (int i = 0; i < 500; i++) {
        const char *info = conversation_say(stage->writer, "INFO persistence");
        if (strstr(info, "aof_rewrite_in_progress:0") && strstr(info, "aof_rewrite_scheduled:0"))
            break;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    write_held(stage, "INCR a");
    assert_silent(stage->writer);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, ":7");
}

/* What it holds is found by nobody until its base is there. */
static void waitaof_promises_nothing_of_a_log_without_its_base(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "CONFIG SET appendonly no");
    assert_says(stage->writer, "+OK", "SET a 1");
    assert_says(stage->writer, "+OK", "MULTI");
    assert_says(stage->writer, "+QUEUED", "CONFIG SET appendonly yes");
    assert_says(stage->writer, "+QUEUED", "WAITAOF 1 0 0");
    assert_says(stage->writer, "[+OK, [:0, :0]]", "EXEC");
    assert_says(stage->writer, "[:1, :0]", "WAITAOF 1 0 0");
}

static void P4_a_log_on_a_full_disk_is_not_ended(void **state)
{
    struct stage *stage = *state;
    held_disk_fill(&stage->held, true);
    conversation_send(stage->writer, "SET a 1");
    wait_for_info(stage, "log_disk_full:1");
    const char *answer = conversation_say(stage->reader, "CONFIG SET appendonly no");
    assert_non_null(strstr(answer, "Unable to end the log"));
    assert_non_null(strstr(conversation_say(stage->reader, "CONFIG GET appendonly"), "yes"));
    assert_silent(stage->writer);
    held_disk_fill(&stage->held, false);
    assert_reads(stage->writer, "+OK");
    assert_says(stage->reader, "+OK", "CONFIG SET appendonly no");
}

static void P4_a_log_that_cannot_take_its_end_stops_the_server(void **state)
{
    struct stage *stage = *state;
    held_disk_fill(&stage->held, true);
    assert_says(stage->reader, "+OK", "MULTI");
    assert_says(stage->reader, "+QUEUED", "CONFIG SET appendonly no");
    assert_says(stage->reader, "+QUEUED", "SET a 2");
    conversation_send(stage->reader, "EXEC"); /* of which nothing is kept */
    assert_reads(stage->reader, "closed");
    assert_int_equal(held_server_wait(&stage->server), EXIT_FAILURE);
    stage->ended = true;
}

static void P4_after_a_failed_sync_nothing_is_answered_and_the_server_stops(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET a 1");
    held_disk_hold(&stage->held);
    conversation_send(stage->writer, "SET a 2");
    held_disk_wait_for_sync(&stage->held);
    conversation_send(stage->reader, "GET a");
    held_disk_fail_syncs(&stage->held, EIO);
    held_disk_release(&stage->held);
    assert_reads(stage->writer, "closed");
    assert_reads(stage->reader, "closed");
    assert_int_equal(held_server_wait(&stage->server), EXIT_FAILURE);
    stage->ended = true;
}

static void P4_a_full_disk_refuses_writes_until_there_is_room(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET a 1");
    assert_says(stage->writer, "+OK", "SET other x");
    held_disk_fill(&stage->held, true);
    conversation_send(stage->writer, "SET a 2"); /* it has run: it waits */
    assert_silent(stage->writer);
    assert_says(stage->reader, "-MISCONF Errors writing to the AOF file: No space left on device",
                "SET b 1");
    assert_says(stage->reader, "$x", "GET other");
    assert_non_null(strstr(conversation_say(stage->reader, "INFO persistence"), "log_disk_full:1"));
    held_disk_fill(&stage->held, false);
    assert_reads(stage->writer, "+OK");
    assert_says(stage->reader, "$2", "GET a");
    assert_says(stage->reader, "+OK", "SET b 1");
}

static char program[PATH_MAX]; /* this one: under valgrind /proc/self/exe is another */

/* Runs one test of this program on a server without gates; true if it passes. */
static bool passes_without_gates(const char *name)
{
    pid_t child = fork();
    if (child == 0) {
        setenv(HELD_SERVER_WITHOUT_GATES, "1", 1);
        if (freopen("/dev/null", "w", stdout) != NULL && freopen("/dev/null", "w", stderr) != NULL)
            execl(program, program, name, (char *)NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void control_without_gates_the_tests_of_P1_and_P2_fail(void **state)
{
    (void)state;
    static const char *const names[] = {
        "P1_a_write_is_answered_when_it_is_durable",
        "P1_a_pipeline_is_answered_in_order_up_to_what_is_durable",
        "P1_a_transaction_is_answered_when_it_is_durable",
        "P2_a_read_of_a_key_that_is_not_durable_waits",
        "P2_a_wait_that_found_nothing_shows_that_when_it_is_durable",
        "P2_a_deleted_key_is_shown_as_gone_when_that_is_durable",
        "P2_commands_that_see_all_keys_wait",
        "P2_a_write_that_changed_nothing_waits_for_what_it_saw",
        "P2_exec_that_lost_its_race_waits_for_what_it_tells",
        "P2_another_server_is_sent_a_key_when_it_is_durable",
        "P2_messages_wait_for_the_write_that_caused_them",
        "P2_a_message_does_not_overtake_its_senders_writes",
        "P2_an_invalidation_waits_for_the_write_that_caused_it",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (passes_without_gates(names[i]))
            fail_msg("%s passes on a server that breaks the promise", names[i]);
    }
    /* And what does not need a gate passes: it is not something else that fails. */
    assert_true(passes_without_gates("P1_what_was_answered_is_there_after_a_restart"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* With a name: that test alone. */
int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        TEST(P1_a_write_is_answered_when_it_is_durable),
        TEST(P1_a_pipeline_is_answered_in_order_up_to_what_is_durable),
        TEST(P1_a_transaction_is_answered_when_it_is_durable),
        TEST(P1_what_was_answered_is_there_after_a_restart),
        TEST(P2_a_read_of_a_key_that_is_not_durable_waits),
        TEST(P2_a_wait_that_found_nothing_shows_that_when_it_is_durable),
        TEST(P2_a_deleted_key_is_shown_as_gone_when_that_is_durable),
        TEST(P2_commands_that_see_all_keys_wait),
        TEST(P2_a_write_that_changed_nothing_waits_for_what_it_saw),
        TEST(P2_exec_that_lost_its_race_waits_for_what_it_tells),
        TEST(P2_another_server_is_sent_a_key_when_it_is_durable),
        TEST(P2_who_waits_no_more_sends_no_key_that_was_not_durable),
        TEST(P2_messages_wait_for_the_write_that_caused_them),
        TEST(P2_a_message_does_not_overtake_its_senders_writes),
        TEST(P2_an_invalidation_waits_for_the_write_that_caused_it),
        TEST(a_monitor_sees_a_write_when_it_is_durable),
        TEST(who_wants_to_is_answered_at_once),
        TEST(waitaof_is_never_ahead_of_the_sync),
        TEST(waitaof_ends_by_unblocking_and_does_not_wait_in_a_transaction),
        TEST(a_compaction_that_fails_leaves_the_log_and_can_be_tried_again),
        TEST(policies_change_while_it_runs_and_nothing_is_lost),
        TEST(everysec_answers_writes_while_a_sync_goes_on),
        TEST(the_log_may_end_and_begin_in_a_transaction),
        TEST(waitaof_promises_nothing_of_a_log_without_its_base),
        TEST(P4_a_log_on_a_full_disk_is_not_ended),
        TEST(P4_a_log_that_cannot_take_its_end_stops_the_server),
        TEST(P4_after_a_failed_sync_nothing_is_answered_and_the_server_stops),
        TEST(P4_a_full_disk_refuses_writes_until_there_is_room),
        cmocka_unit_test(control_without_gates_the_tests_of_P1_and_P2_fail),
    };
    log_set_level(LOG_NOTHING);
    if (realpath(words[0], program) == NULL)
        return 1;
    if (count > 1)
        cmocka_set_test_filter(words[1]);
    return cmocka_run_group_tests_name("fault/promises", tests, NULL, NULL);
}
