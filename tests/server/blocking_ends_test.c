/* Blocking commands: how a wait ends that nobody serves, and what a client that waits costs. All of
 * it is what redis-server 7.0.15 does: the program passes with
 * HOLDFAST_SERVER=/usr/bin/redis-server but where a test says otherwise. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/waiting.h"
#include "support/wire.h"

#define CROWD 2000
#define CROWD_STEP 200
#define SPARE_DESCRIPTORS 200
#define IDLE_MS 300
#define IDLE_CPU_MS_MAX 100 /* a loop that spins takes three times as much */

/* --- timeouts --- */

struct blocking {
    const char *prepare;
    const char *line; /* %s: the timeout */
    const char *timeout_30_ms, *in_transaction;
};

static const struct blocking commands[] = {
    {NULL, "BLPOP a b %s", "0.03", "*-1\r\n"},
    {NULL, "BRPOP a %s", "0.03", "*-1\r\n"},
    {NULL, "BLMOVE a b LEFT RIGHT %s", "0.03", "$-1\r\n"},
    {NULL, "BRPOPLPUSH a b %s", "0.03", "$-1\r\n"},
    {NULL, "BLMPOP %s 2 a b LEFT COUNT 2", "0.03", "*-1\r\n"},
    {NULL, "BZPOPMIN a b %s", "0.03", "*-1\r\n"},
    {NULL, "BZPOPMAX a %s", "0.03", "*-1\r\n"},
    {NULL, "BZMPOP %s 1 a MIN", "0.03", "*-1\r\n"},
    {NULL, "XREAD BLOCK %s STREAMS a b $ 0", "30", "*-1\r\n"},
    {"XGROUP CREATE a g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK %s STREAMS a >", "30", "*-1\r\n"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

/* The next command, ready to be sent to a server that has the key it needs. */
static const char *prepared(struct conversation *writer, const struct blocking *command,
                            const char *timeout)
{
    static char line[128];
    assert_says(writer, "+OK", "FLUSHALL");
    waiting_prepare(writer, &command->prepare, 1);
    snprintf(line, sizeof line, command->line, timeout);
    return line;
}

/* Bounds that hold on any machine: how soon it comes is measured by benchmarks. */
static void assert_times_out(struct conversation *client, int64_t timeout_us, const char *reply,
                             const char *line)
{
    int64_t begin_us = wire_now_us();
    conversation_send(client, "%s", line);
    wire_expect(client->socket, reply);
    int64_t taken_us = wire_now_us() - begin_us;
    if (taken_us < timeout_us || taken_us > timeout_us + 10000000)
        fail_msg("%s took %" PRId64 " us", line, taken_us);
}

static void a_timeout_is_answered_with_null_in_both_protocols(void **state)
{
    CLIENTS(state);
    assert_int_equal(conversation_say(clients[1], "HELLO 3")[0], '{');
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *line = prepared(clients[WRITER], &commands[i], commands[i].timeout_30_ms);
        assert_times_out(clients[0], 30000, "*-1\r\n", line);
        assert_times_out(clients[1], 30000, "_\r\n", line);
    }
    assert_waiting(clients[WRITER], 0);
    assert_says(clients[WRITER], ":1", "RPUSH b 1"); /* for nobody */
    assert_says(clients[WRITER], ":1", "LLEN b");
}

static void a_timeout_is_never_early(void **state)
{
    CLIENTS(state);
    for (int us = 1000; us <= 30000; us += us / 4) {
        char line[64];
        int ms = (us + 999) / 1000;
        snprintf(line, sizeof line, "BLPOP a %.6f", us / 1e6);
        assert_times_out(clients[0], us, "*-1\r\n", line);
        snprintf(line, sizeof line, "XREAD BLOCK %d STREAMS a $", ms);
        assert_times_out(clients[1], ms * INT64_C(1000), "*-1\r\n", line);
    }
    assert_times_out(clients[0], 0, "*-1\r\n", "BLPOP a 1e-10");
    assert_times_out(clients[0], 0, "*-1\r\n", "BZPOPMIN a 0.00001");
}

static void a_wait_without_end_or_with_a_far_one_goes_on(void **state)
{
    static const char *const lines[] = {"BLPOP a 0",
                                        "BLPOP a 0.0",
                                        "BLPOP a -0.0",
                                        "BLPOP a 1e15",
                                        "BLPOP a 0x7fff",
                                        "XREAD BLOCK 0 STREAMS b $",
                                        "XREAD BLOCK 9000000000000000000 STREAMS b $"};
    CLIENTS(state);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        waiting_begin(clients[0], clients[WRITER], "%s", lines[i]);
        poll(NULL, 0, 20);
        assert_waiting(clients[WRITER], 1);
        (void)conversation_say(clients[WRITER], "RPUSH a 1");
        (void)conversation_say(clients[WRITER], "XADD b * f v");
        assert_int_equal(conversation_read(clients[0])[0], '[');
        assert_says(clients[WRITER], "+OK", "FLUSHALL");
    }
}

static void assert_refused(struct conversation *client, const char *timeout, const char *reply)
{
    assert_says(client, reply, "BLPOP a %s", timeout);
    assert_says(client, reply, "BRPOP a %s", timeout);
    assert_says(client, reply, "BLMOVE a b LEFT RIGHT %s", timeout);
    assert_says(client, reply, "BRPOPLPUSH a b %s", timeout);
    assert_says(client, reply, "BLMPOP %s 1 a LEFT", timeout);
    assert_says(client, reply, "BZPOPMIN a %s", timeout);
    assert_says(client, reply, "BZPOPMAX a %s", timeout);
    assert_says(client, reply, "BZMPOP %s 1 a MIN", timeout);
}

static void a_timeout_that_is_none_is_refused(void **state)
{
    static const char *const no_floats[] = {"x", "''", "nan", "1s", "' 1'", "0.1.1"};
    static const char *const no_integers[] = {"x", "''", "1.5", "9223372036854775808"};
    CLIENTS(state);
    for (size_t i = 0; i < sizeof no_floats / sizeof no_floats[0]; i++)
        assert_refused(clients[0], no_floats[i], "-ERR timeout is not a float or out of range");
    assert_refused(clients[0], "-1", "-ERR timeout is negative");
    assert_refused(clients[0], "-0.5", "-ERR timeout is negative");
    assert_refused(clients[0], "-inf", "-ERR timeout is negative");
    for (size_t i = 0; i < sizeof no_integers / sizeof no_integers[0]; i++)
        assert_says(clients[0], "-ERR timeout is not an integer or out of range",
                    "XREAD BLOCK %s STREAMS a $", no_integers[i]);
    assert_says(clients[0], "-ERR timeout is negative", "XREAD BLOCK -1 STREAMS a $");
}

/* Redis 7.0 calls these negative, waits for ever, or lets the sum overflow. */
static void a_timeout_beyond_all_clocks_is_out_of_range(void **state)
{
    CLIENTS(state);
    waiting_skip_in_redis(clients[0]);
    static const char *const far[] = {"inf", "1e400", "1e17", "9223372036854775807"};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        assert_refused(clients[0], far[i], "-ERR timeout is out of range");
    assert_refused(clients[0], "-0.0001", "-ERR timeout is negative");
}

static void nothing_waits_in_a_transaction(void **state)
{
    CLIENTS(state);
    for (size_t i = 0; i < COMMANDS; i++) {
        char reply[64];
        const char *line = prepared(clients[WRITER], &commands[i], "0");
        assert_says(clients[0], "+OK", "MULTI");
        assert_says(clients[0], "+QUEUED", "%s", line);
        assert_says(clients[0], "+QUEUED", "PING");
        conversation_send(clients[0], "EXEC");
        snprintf(reply, sizeof reply, "*2\r\n%s+PONG\r\n", commands[i].in_transaction);
        wire_expect(clients[0]->socket, reply);
    }
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "RPUSH a 1 2");
    assert_says(clients[0], "+QUEUED", "BLMOVE a b LEFT LEFT 0");
    assert_says(clients[0], "+QUEUED", "BLPOP none b 0");
    assert_says(clients[0], "+QUEUED", "BLMPOP 0 1 b LEFT");
    assert_says(clients[0],
                "[-WRONGTYPE Operation against a key holding the wrong kind of value, "
                "-WRONGTYPE Operation against a key holding the wrong kind of value, "
                "nil, nil]",
                "EXEC");
}

/* --- unblocked, killed, gone --- */

static void client_unblock_ends_a_wait_as_a_timeout_or_with_an_error(void **state)
{
    CLIENTS(state);
    long id = waiting_client_id(clients[0]);
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *line = prepared(clients[WRITER], &commands[i], "0");
        waiting_begin(clients[0], clients[WRITER], "%s", line);
        assert_says(clients[WRITER], ":1", "CLIENT UNBLOCK %ld%s", id, i % 2 ? " TIMEOUT" : "");
        wire_expect(clients[0]->socket, "*-1\r\n");
        waiting_begin(clients[0], clients[WRITER], "%s", line);
        assert_says(clients[WRITER], ":1", "CLIENT UNBLOCK %ld ERROR", id);
        assert_reads(clients[0], "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
        assert_says(clients[WRITER], ":0", "CLIENT UNBLOCK %ld", id);
    }
    assert_says(clients[WRITER], ":0", "CLIENT UNBLOCK 999999");
    assert_says(clients[WRITER], "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
                "CLIENT UNBLOCK %ld x", id);
    assert_waiting(clients[WRITER], 0);
}

static void a_client_that_goes_loses_no_element(void **state)
{
    CLIENTS(state);
    long killed = waiting_client_id(clients[0]);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a b 0");
    waiting_begin(clients[1], clients[WRITER], "BLMOVE a b LEFT LEFT 0");
    waiting_begin(clients[2], clients[WRITER], "BLPOP a 0");
    assert_says(clients[WRITER], ":1", "CLIENT KILL ID %ld", killed);
    waiting_until(clients[WRITER], 2);
    conversation_end(clients[1]); /* hangs up */
    clients[1] = NULL;
    waiting_until(clients[WRITER], 1);
    assert_says(clients[WRITER], ":1", "RPUSH a 1");
    assert_reads(clients[2], "[$a, $1]");
    assert_reads(clients[0], "closed");
    assert_says(clients[WRITER], ":1", "RPUSH b 2");
    assert_says(clients[WRITER], "[$2]", "LRANGE b 0 -1");
}

static void a_kill_and_a_push_in_one_transaction_lose_no_element(void **state)
{
    CLIENTS(state);
    long id = waiting_client_id(clients[0]);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    waiting_begin(clients[1], clients[WRITER], "BLPOP a 0");
    assert_says(clients[WRITER], "+OK", "MULTI");
    assert_says(clients[WRITER], "+QUEUED", "RPUSH a 1");
    assert_says(clients[WRITER], "+QUEUED", "CLIENT KILL ID %ld", id);
    assert_says(clients[WRITER], "[:1, :1]", "EXEC");
    assert_reads(clients[1], "[$a, $1]");
    assert_reads(clients[0], "closed");
}

static void client_list_and_info_show_who_waits(void **state)
{
    CLIENTS(state);
    long id = waiting_client_id(clients[0]);
    assert_waiting(clients[WRITER], 0);
    assert_non_null(
        strstr(conversation_say(clients[WRITER], "CLIENT LIST ID %ld", id), "flags=N "));
    waiting_begin(clients[0], clients[WRITER], "BZPOPMIN a 0");
    const char *listed = conversation_say(clients[WRITER], "CLIENT LIST ID %ld", id);
    assert_non_null(strstr(listed, " flags=b "));
    assert_non_null(strstr(listed, " cmd=bzpopmin "));
    assert_says(clients[WRITER], ":1", "ZADD a 1 m");
    assert_reads(clients[0], "[$a, $m, $1]");
    assert_non_null(
        strstr(conversation_say(clients[WRITER], "CLIENT LIST ID %ld", id), "flags=N "));
}

static void what_was_sent_behind_a_wait_runs_after_it(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    conversation_send(clients[0], "INCR n");
    conversation_send(clients[0], "BLPOP a 0");
    conversation_send(clients[0], "INCR n");
    assert_says(clients[WRITER], "nil", "GET n");
    assert_says(clients[WRITER], ":1", "RPUSH a 1");
    assert_reads(clients[0], "[$a, $1]");
    assert_reads(clients[0], ":1");
    waiting_until(clients[WRITER], 1);
    assert_says(clients[WRITER], ":1", "RPUSH a 2");
    assert_reads(clients[0], "[$a, $2]");
    assert_reads(clients[0], ":2");
}

/* --- WATCH and pauses --- */

static void a_push_that_is_served_at_once_has_changed_a_watched_key(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "WATCH a"); /* the one that waits, and another */
    assert_says(clients[1], "+OK", "WATCH a");
    assert_says(clients[2], "+OK", "WATCH b");
    waiting_begin(clients[0], clients[WRITER], "BLMOVE a b LEFT LEFT 0");
    assert_says(clients[WRITER], ":1", "RPUSH a 1");
    assert_reads(clients[0], "$1");
    for (int i = 0; i < WAITERS; i++) {
        assert_says(clients[i], "+OK", "MULTI");
        assert_says(clients[i], "nil", "EXEC");
    }
}

static void a_wait_changes_no_watched_key(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "WATCH a");
    assert_says(clients[1], "+OK", "WATCH a");
    assert_says(clients[0], "nil", "BLPOP a 0.01");
    for (int i = 0; i < 2; i++) {
        assert_says(clients[i], "+OK", "MULTI");
        assert_says(clients[i], "[]", "EXEC");
    }
}

static void in_a_pause_timeouts_end_and_pushes_wait(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[1], clients[WRITER], "BLPOP a 0");
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0.8");
    assert_says(clients[WRITER], "+OK", "CLIENT PAUSE 60000 WRITE");
    conversation_send(clients[2], "RPUSH a 1");
    assert_reads(clients[0], "nil");
    assert_says(clients[WRITER], ":0", "EXISTS a");
    assert_says(clients[WRITER], "+OK", "CLIENT UNPAUSE");
    assert_reads(clients[2], ":1");
    assert_reads(clients[1], "[$a, $1]");
}

/* --- many --- */

static int64_t cpu_ms(pid_t process)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    unsigned long user, system;
    assert_int_equal(sscanf(strrchr(text, ')') + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
                     2);
    return (int64_t)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

static void a_crowd_that_waits_costs_nothing_and_is_served(void **state)
{
    struct fixture *fixture = *state;
    CLIENTS(state);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < CROWD + SPARE_DESCRIPTORS) {
        puts("skip: ulimit -n is too low");
        fflush(stdout);
        skip();
    }
    static int crowd[CROWD];
    char text[128];
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = wire_connect(fixture->process.port);
        snprintf(text, sizeof text, "BLPOP key:%04d 0\r\n", i);
        wire_say(crowd[i], text);
        if ((i + 1) % CROWD_STEP == 0) /* so that the listener's backlog does not run over */
            waiting_until(clients[WRITER], i + 1);
    }
    int64_t begin_ms = cpu_ms(fixture->process.pid);
    poll(NULL, 0, IDLE_MS);
    assert_in_range(cpu_ms(fixture->process.pid) - begin_ms, 0, IDLE_CPU_MS_MAX);
    for (int i = 0; i < CROWD; i++)
        conversation_send(clients[WRITER], "RPUSH key:%04d %04d", i, i);
    for (int i = 0; i < CROWD; i++) {
        assert_reads(clients[WRITER], ":1");
        snprintf(text, sizeof text, "*2\r\n$8\r\nkey:%04d\r\n$4\r\n%04d\r\n", i, i);
        wire_expect(crowd[i], text);
        close(crowd[i]);
    }
    assert_waiting(clients[WRITER], 0);
    assert_says(clients[WRITER], ":0", "DBSIZE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_timeout_is_answered_with_null_in_both_protocols),
        SERVER_TEST(a_timeout_is_never_early),
        SERVER_TEST(a_wait_without_end_or_with_a_far_one_goes_on),
        SERVER_TEST(a_timeout_that_is_none_is_refused),
        SERVER_TEST(a_timeout_beyond_all_clocks_is_out_of_range),
        SERVER_TEST(nothing_waits_in_a_transaction),
        SERVER_TEST(client_unblock_ends_a_wait_as_a_timeout_or_with_an_error),
        SERVER_TEST(a_client_that_goes_loses_no_element),
        SERVER_TEST(a_kill_and_a_push_in_one_transaction_lose_no_element),
        SERVER_TEST(client_list_and_info_show_who_waits),
        SERVER_TEST(what_was_sent_behind_a_wait_runs_after_it),
        SERVER_TEST(a_push_that_is_served_at_once_has_changed_a_watched_key),
        SERVER_TEST(a_wait_changes_no_watched_key),
        SERVER_TEST(in_a_pause_timeouts_end_and_pushes_wait),
        SERVER_TEST(a_crowd_that_waits_costs_nothing_and_is_served),
    };
    return cmocka_run_group_tests_name("server/blocking_ends", tests, fixture_start, fixture_stop);
}
