/* Row N: clients that take what they can get. What the server holds for them stays within the
 * limits that it was given, whatever they send, ask for or leave unread; and they leave nothing
 * behind. Each kind of memory has a control: the same clients without the limit, whom the check
 * must report. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/process_figures.h"
#include "support/wire.h"

#define CROWD_MAX 1000
#define CLIENT_OWN (8 * KIB)  /* of the server's memory, for a client beside its buffers */
#define TURN_OUTPUT (2 * MIB) /* replies of one turn, written before a limit is looked at */
#define LEFT_MAX (17 * MIB)   /* output blocks that are kept warm for the next */
#define END_US 30000000       /* until what must happen has happened */

static int crowd[CROWD_MAX];
static char filler[4 * 1024 * 1024]; /* 'x' */

static pid_t pid_of(void **state)
{
    return ((struct fixture *)*state)->process.pid;
}

static int fewer_buffered(int port)
{
    int client = wire_connect(port), size = 4096;
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return client;
}

static void crowd_connect(void **state, int count)
{
    for (int i = 0; i < count; i++)
        crowd[i] = fewer_buffered(((struct fixture *)*state)->process.port);
}

static void break_off(int client)
{
    struct linger reset = {1, 0};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(client);
}

static void crowd_close(int count)
{
    for (int i = 0; i < count; i++)
        break_off(crowd[i]);
}

/* Only those of the fixture are connected, and the memory is as it was. */
static void assert_gone(struct conversation *watcher, int64_t memory_before)
{
    wire_wait_for(watcher, "connected_clients", FIXTURE_CLIENTS);
    int64_t end_us = wire_now_us() + END_US; /* much output is freed by and by */
    while (wire_info(watcher, "used_memory") - memory_before > LEFT_MAX && wire_now_us() < end_us)
        usleep(2000);
    int64_t left = wire_info(watcher, "used_memory") - memory_before;
    assert_true(figure_within("bytes left behind", left, LEFT_MAX));
}

/* --- input --- */

/* Each of the crowd says `start`, then sends as much of `more` as the server takes, up to
 * `each_max` bytes. Returns what the server held at most. */
static int64_t crowd_sends(void **state, int count, const char *start, const char *more,
                           size_t more_length, int64_t each_max)
{
    CLIENTS(state);
    static int64_t sent[CROWD_MAX];
    int64_t before = wire_info(clients[0], "used_memory"), most = 0;
    memset(sent, 0, sizeof sent);
    for (int i = 0; i < count; i++)
        wire_say(crowd[i], start);
    bool goes_on = true;
    for (int round = 0; goes_on; round++) {
        goes_on = false;
        for (int i = 0; i < count; i++) {
            if (sent[i] >= each_max)
                continue;
            long length = wire_send_some(crowd[i], more, more_length);
            goes_on = goes_on || length > 0;
            sent[i] += length > 0 ? length : 0;
        }
        int64_t used = wire_info(clients[0], "used_memory") - before;
        most = used > most ? used : most;
    }
    return most;
}

static void a_length_without_bytes_takes_no_memory(void **state)
{
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "used_memory"),
            resident = process_resident(pid_of(state));
    int64_t limit = CROWD_MAX * (64 * KIB + CLIENT_OWN); /* and not 500 GB */
    crowd_connect(state, CROWD_MAX);
    int64_t most =
        crowd_sends(state, CROWD_MAX, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n", "v", 1, 1);
    assert_true(figure_within("bytes for 1,000 lengths of 512 MiB", most, limit));
    assert_true(figure_within("resident for them", process_resident(pid_of(state)) - resident,
                              limit + 16 * MIB));
    crowd_close(CROWD_MAX);
    assert_gone(clients[0], before);

    /* The control: 40 of them send 2 MiB each. */
    crowd_connect(state, 40);
    most = crowd_sends(state, 40, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n", filler, 64 * KIB,
                       2 * MIB);
    assert_false(
        figure_within("control: bytes that were sent", most, 40 * (64 * KIB + CLIENT_OWN)));
    crowd_close(40);
    assert_gone(clients[0], before);
}

static int64_t queue_without_end(void **state, int count)
{
    static char command[100 * 1024];
    int length = snprintf(command, sizeof command, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n");
    memset(command + length, 'q', 100000);
    memcpy(command + length + 100000, "\r\n", 2);
    crowd_connect(state, count);
    return crowd_sends(state, count, "MULTI\r\n", command, (size_t)length + 100002, 12 * MIB);
}

static void a_queue_of_MULTI_counts_as_input(void **state)
{
    enum { QUEUERS = 10 };
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "used_memory"), limit = QUEUERS * (5 * MIB + CLIENT_OWN);
    int64_t closed = wire_info(clients[0], "client_query_buffer_limit_disconnections");
    assert_says(clients[0], "+OK", "CONFIG SET client-query-buffer-limit 4mb");
    int64_t most = queue_without_end(state, QUEUERS);
    assert_true(figure_within("bytes queued by 10 with a limit of 4 MiB", most, limit));
    wire_wait_for(clients[0], "client_query_buffer_limit_disconnections", closed + QUEUERS);
    crowd_close(QUEUERS);
    assert_gone(clients[0], before);

    assert_says(clients[0], "+OK", "CONFIG SET client-query-buffer-limit 1gb");
    assert_false(
        figure_within("control: with a limit of 1 GiB", queue_without_end(state, QUEUERS), limit));
    crowd_close(QUEUERS);
    assert_gone(clients[0], before);
}

/* --- before AUTH --- */

/* What strangers try, by their number. */
static void say_as_a_stranger(int i)
{
    static const char *const said[] = {
        "*10\r\n$4\r\nAUTH\r\n", "*9\r\n", "*11\r\n", "*2\r\n$16385\r\n", "AUTH ",
    };
    wire_say(crowd[i], said[(size_t)i % (sizeof said / sizeof said[0])]);
}

/* Returns what the server held at most for `count` that send all they can. */
static int64_t strangers_push(void **state, int count)
{
    CLIENTS(state);
    static char argument[16100], pings[6 * 4000];
    int length = snprintf(argument, sizeof argument, "$15000\r\n");
    memset(argument + length, 'a', 15000);
    memcpy(argument + length + 15000, "\r\n", 2);
    for (size_t at = 0; at < sizeof pings; at += 6)
        memcpy(pings + at, "PING\r\n", 6);
    int64_t before = wire_info(clients[0], "used_memory"), most = 0;
    crowd_connect(state, count);
    for (int i = 0; i < count; i++)
        say_as_a_stranger(i);
    for (int round = 0; round < 16; round++) {
        for (int i = 0; i < count; i++) {
            if (i % 5 == 0 && i % 2 == 0 && round >= 4)
                continue; /* stays just below the limit */
            bool asks = i % 7 == 0;
            (void)wire_send_some(crowd[i], asks ? pings : argument,
                                 asks ? sizeof pings : (size_t)length + 15002);
        }
        int64_t used = wire_info(clients[0], "used_memory") - before;
        most = used > most ? used : most;
    }
    return most;
}

static void a_thousand_strangers_get_64_KiB_each_and_then_no_more_time(void **state)
{
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "used_memory"),
            resident = process_resident(pid_of(state));
    int64_t limit = CROWD_MAX * (64 * KIB + CLIENT_OWN);
    assert_says(clients[0], "+OK", "CONFIG SET requirepass secret preauth-timeout 3");
    int64_t most = strangers_push(state, CROWD_MAX);
    assert_true(figure_within("bytes for 1,000 strangers", most, limit));
    assert_true(figure_within("resident for them", process_resident(pid_of(state)) - resident,
                              limit + 16 * MIB));
    assert_gone(clients[0], before); /* nobody said the password in time */
    crowd_close(CROWD_MAX);

    /* The control: nobody needs a password, and what they sent is commands of ten large arguments.
     */
    assert_says(clients[0], "+OK", "CONFIG SET requirepass '' preauth-timeout 60");
    most = strangers_push(state, CROWD_MAX / 4);
    assert_false(figure_within("control: for 250 that are no strangers", most, limit / 4));
    crowd_close(CROWD_MAX / 4);
    assert_gone(clients[0], before);
}

/* --- output --- */

/* `count` ask for 20 MiB each and read nothing; the odd ones close their half of the connection.
 * Returns what the server held at most. */
static int64_t ask_and_never_read(void **state, int count)
{
    CLIENTS(state);
    static const char asked[] = "LRANGE list 0 -1\r\n";
    char line[20 * sizeof asked] = "";
    for (size_t i = 0; i < 20; i++)
        strcat(line, asked);
    int64_t before = wire_info(clients[0], "used_memory"), most = 0;
    crowd_connect(state, count);
    for (int i = 0; i < count; i++) {
        wire_say(crowd[i], line);
        if (i % 2 == 1)
            shutdown(crowd[i], SHUT_WR);
        int64_t used = wire_info(clients[0], "used_memory") - before;
        most = used > most ? used : most;
    }
    for (int i = 0; i < 20; i++) {
        int64_t used = wire_info(clients[0], "used_memory") - before;
        most = used > most ? used : most;
    }
    return most;
}

static void who_never_reads_is_held_to_the_output_limit(void **state)
{
    enum { SILENT = 40 };
    CLIENTS(state);
    for (int i = 1; i <= 100; i++) {
        char length[16];
        snprintf(length, sizeof length, ":%d", i);
        assert_says(clients[0], length, "RPUSH list %.10000s", filler);
    }
    int64_t before = wire_info(clients[0], "used_memory");
    int64_t closed = wire_info(clients[0], "client_output_buffer_limit_disconnections");
    int64_t limit = SILENT * (4 * MIB + TURN_OUTPUT + CLIENT_OWN);
    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'normal 4mb 0 0'");
    int64_t most = ask_and_never_read(state, SILENT);
    assert_true(figure_within("bytes for 40 that never read, limit 4 MiB", most, limit));
    wire_wait_for(clients[0], "client_output_buffer_limit_disconnections", closed + SILENT);
    assert_gone(clients[0], before);
    crowd_close(SILENT);

    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'normal 0 0 0'");
    most = ask_and_never_read(state, SILENT);
    assert_false(figure_within("control: without a limit", most, limit));
    crowd_close(SILENT);
    assert_gone(clients[0], before);
}

#define LISTENERS 12

/* Subscribers, monitors and trackers that read nothing, while much happens. Returns what the server
 * held at most. */
static int64_t listen_and_never_read(void **state)
{
    static const char *const said[] = {"SUBSCRIBE news\r\n", "PSUBSCRIBE n*\r\n", "MONITOR\r\n",
                                       "HELLO 3\r\nCLIENT TRACKING ON BCAST\r\n"};
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "used_memory"), most = 0;
    crowd_connect(state, LISTENERS);
    for (int i = 0; i < LISTENERS; i++)
        wire_say(crowd[i], said[i % 4]);
    assert_says(clients[1], "+PONG", "PING");
    for (int i = 0; i < 1000; i++) {
        assert_says(clients[1], "+OK", "SET key:%d:%.9000s 1 PX 1000", i, filler);
        (void)conversation_say(clients[1], "PUBLISH news %.9000s", filler);
        int64_t used = i % 10 == 0 ? wire_info(clients[0], "used_memory") - before : 0;
        most = used > most ? used : most;
    }
    assert_says(clients[1], "+OK", "FLUSHALL");
    return most;
}

static void set_output_limits(struct conversation *client, const char *limits)
{
    assert_says(client, "+OK", "CONFIG SET client-output-buffer-limit 'normal %s pubsub %s'",
                limits, limits);
}

static void who_listens_and_never_reads_is_held_to_the_output_limit(void **state)
{
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "used_memory");
    int64_t closed = wire_info(clients[0], "client_output_buffer_limit_disconnections");
    int64_t keys = 20 * MIB, limit = LISTENERS * (1 * MIB + CLIENT_OWN) + keys;
    set_output_limits(clients[0], "1mb 0 0");
    int64_t most = listen_and_never_read(state);
    assert_true(figure_within("bytes for 12 that listen and never read, limit 1 MiB", most, limit));
    wire_wait_for(clients[0], "client_output_buffer_limit_disconnections", closed + LISTENERS);
    crowd_close(LISTENERS);
    assert_gone(clients[0], before);

    set_output_limits(clients[0], "0 0 0");
    most = listen_and_never_read(state);
    assert_false(figure_within("control: without a limit", most, limit));
    crowd_close(LISTENERS);
    assert_gone(clients[0], before);
    assert_says(clients[0], "+OK",
                "CONFIG SET client-output-buffer-limit 'pubsub 33554432 8388608 60'");
}

/* --- going away --- */

static void connections_that_break_leave_nothing(void **state)
{
    enum { ROUNDS = 5000 };
    CLIENTS(state);
    assert_says(clients[0], ":1048576", "SETRANGE big 1048575 x");
    int64_t before = wire_info(clients[0], "used_memory");
    static const char *const said[] = {"",
                                       "GET big\r\nGET big\r\n",
                                       "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nv",
                                       "MULTI\r\nSET a 1\r\n",
                                       "WATCH a\r\nSUBSCRIBE b\r\n",
                                       "HELLO 3\r\nCLIENT TRACKING ON\r\nGET a\r\n"};
    for (int i = 0; i < ROUNDS; i++) {
        int client = wire_connect(((struct fixture *)*state)->process.port);
        wire_say(client, said[i % 6]);
        if (i % 5 == 0)
            shutdown(client, SHUT_WR);
        if (i % 4 == 0)
            close(client);
        else
            break_off(client);
    }
    assert_gone(clients[0], before);
}

/* A push is for the living. Who went with much input behind its command is not read any more: that
 * it went is seen all the same. */
static void who_waits_and_goes_away_is_let_go(void **state)
{
    enum { WAITERS = 200, BEHIND = 100 * 1024 };
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "used_memory");
    crowd_connect(state, WAITERS);
    for (int i = 0; i < WAITERS; i++)
        wire_say(crowd[i], i % 2 == 0 ? "BLPOP list 0\r\n" : "WAIT 1 0\r\n");
    wire_wait_for(clients[0], "blocked_clients", WAITERS);
    for (int i = 0; i < WAITERS; i++)
        if (i % 4 >= 2)
            (void)wire_send_some(crowd[i], filler, BEHIND);
    for (int i = 0; i < WAITERS; i++) {
        if (i % 8 < 4)
            close(crowd[i]);
        else
            break_off(crowd[i]);
    }
    assert_gone(clients[0], before);
    assert_int_equal(wire_info(clients[0], "blocked_clients"), 0);
    assert_says(clients[0], ":1", "RPUSH list value");
    assert_says(clients[0], ":1", "LLEN list");
}

/* A server for each test: what one of them leaves does not fail the next. */
static int set_up(void **state)
{
    return fixture_start(state) == 0 ? fixture_connect(state) : -1;
}

static int tear_down(void **state)
{
    (void)fixture_disconnect(state);
    return fixture_stop(state);
}

#define HOSTILE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    memset(filler, 'x', sizeof filler - 1);
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(a_length_without_bytes_takes_no_memory),
        HOSTILE_TEST(a_queue_of_MULTI_counts_as_input),
        HOSTILE_TEST(a_thousand_strangers_get_64_KiB_each_and_then_no_more_time),
        HOSTILE_TEST(who_never_reads_is_held_to_the_output_limit),
        HOSTILE_TEST(who_listens_and_never_reads_is_held_to_the_output_limit),
        HOSTILE_TEST(connections_that_break_leave_nothing),
        HOSTILE_TEST(who_waits_and_goes_away_is_let_go),
    };
    return cmocka_run_group_tests_name("fault/hostile_clients", tests, NULL, NULL);
}
