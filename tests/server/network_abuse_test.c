/* Crowds, slow writers and half-closed sockets are normal life. test-options: alone */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/wire.h"

#define CROWD_MAX 10000
#define CROWD_WATCHED 500 /* in a watched build, which is slow and takes descriptors of its own */
#define PINGS_MEANWHILE 200
#define IDLE_BYTES_MAX 4096 /* of the server's memory, for an idle connection */

static int crowd[CROWD_MAX];

static int crowd_size(void)
{
    return getenv("HOLDFAST_WATCHED") == NULL ? CROWD_MAX : CROWD_WATCHED;
}

/* Others are served: how fast is the bench's to say. */
static void expect_service(int client)
{
    for (int i = 0; i < PINGS_MEANWHILE; i++) {
        wire_say(client, "PING\r\n");
        wire_expect(client, "+PONG\r\n");
    }
}

static void ten_thousand_idle_clients_cost_little_and_hinder_nobody(void **state)
{
    (void)state;
    int count = crowd_size();
    if (!wire_raise_descriptors(count)) {
        puts("skip: this machine does not allow a process 10,200 descriptors (ulimit -Hn)");
        skip();
    }
    struct server_process process;
    server_process_start(&process, (const char *const[]){"--maxclients", "10100", NULL});
    struct conversation *watcher = conversation_begin(process.port);
    int client = wire_connect(process.port);
    expect_service(client);
    int64_t before = wire_info(watcher, "used_memory");
    for (int i = 0; i < count; i++)
        crowd[i] = wire_connect(process.port);
    wire_wait_for(watcher, "connected_clients", count + 2);
    expect_service(client);
    assert_in_range((wire_info(watcher, "used_memory") - before) / count, 0, IDLE_BYTES_MAX);

    /* All of them have begun to speak and do not go on. */
    for (int i = 0; i < count; i++)
        wire_say(crowd[i], "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100\r\nbeginning");
    expect_service(client);
    assert_in_range((wire_info(watcher, "used_memory") - before) / count, 0, IDLE_BYTES_MAX + 1024);
    for (int i = 0; i < count; i++)
        close(crowd[i]);
    wire_wait_for(watcher, "connected_clients", 2);
    close(client);
    conversation_end(watcher);
    assert_int_equal(server_process_stop(&process), 0);
}

static int port_of(void **state)
{
    return ((struct fixture *)*state)->process.port;
}

static void many_who_send_one_byte_at_a_time_are_served(void **state)
{
    enum { SLOW = 100 };
    static const char said[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n"
                               "$3\r\nkey\r\nPING\r\n";
    int slow[SLOW], quick = wire_connect(port_of(state));
    for (int i = 0; i < SLOW; i++)
        slow[i] = wire_connect(port_of(state));
    for (size_t at = 0; at < sizeof said - 1; at++) {
        for (int i = 0; i < SLOW; i++)
            wire_send(slow[i], said + at, 1);
        if (at % 16 == 0) {
            wire_say(quick, "PING\r\n");
            wire_expect(quick, "+PONG\r\n");
        }
    }
    for (int i = 0; i < SLOW; i++) {
        wire_expect(slow[i], "+OK\r\n$5\r\nvalue\r\n+PONG\r\n");
        close(slow[i]);
    }
    close(quick);
}

static void who_only_asks_does_not_hinder_others(void **state)
{
    CLIENTS(state);
    int client = wire_connect(port_of(state)), greedy = wire_connect(port_of(state));
    assert_says(clients[0], ":100000", "SETRANGE big 99999 x");
    for (int i = 0; i < 5000; i++)
        (void)wire_send_some(greedy, "GET big\r\n", 9);
    expect_service(client);
    close(greedy);
    close(client);
    assert_says(clients[0], "+PONG", "PING");
}

/* Reads message `number`: its head, the number, padding. */
static void expect_message(int subscriber, int number, const char *padding)
{
    char text[6000];
    snprintf(text, sizeof text, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5004\r\n%04d%s\r\n", number,
             padding);
    wire_expect(subscriber, text);
}

static void slow_and_quick_subscribers_get_all_messages_in_order(void **state)
{
    enum { MESSAGES = 2000, SLOW = 3 };
    static const char confirmation[] = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
    CLIENTS(state);
    static char padding[5001], command[6000];
    int slow[SLOW], quick = wire_connect(port_of(state)), publisher = wire_connect(port_of(state));
    memset(padding, 'p', 5000);
    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'pubsub 0 0 0'");
    wire_say(quick, "SUBSCRIBE news\r\n");
    wire_expect(quick, confirmation);
    for (int i = 0; i < SLOW; i++) {
        slow[i] = wire_connect(port_of(state));
        wire_say(slow[i], "SUBSCRIBE news\r\n");
        wire_expect(slow[i], confirmation);
    }
    for (int number = 0; number < MESSAGES; number += 10) {
        for (int i = number; i < number + 10; i++) { /* several in one turn */
            snprintf(command, sizeof command,
                     "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$5004\r\n%04d%s\r\n", i, padding);
            wire_say(publisher, command);
        }
        for (int i = number; i < number + 10; i++)
            expect_message(quick, i, padding);
    }
    for (int i = 0; i < SLOW; i++) {
        for (int number = 0; number < MESSAGES; number++)
            expect_message(slow[i], number, padding);
        close(slow[i]);
    }
    close(quick);
    close(publisher);
    assert_says(clients[0], "+OK",
                "CONFIG SET client-output-buffer-limit 'pubsub 33554432 8388608 60'");
}

static void a_half_closed_client_gets_its_answers(void **state)
{
    enum { PINGS = 20000 };
    static char said[6 * PINGS], reply[7 * PINGS + 1];
    int client = wire_connect(port_of(state));
    for (size_t i = 0; i < sizeof said; i += 6)
        memcpy(said + i, "PING\r\n", 6);
    wire_send(client, said, sizeof said);
    wire_say(client, "*2\r\n$4\r\nECHO\r\n$3\r\nab"); /* never ends */
    shutdown(client, SHUT_WR);
    assert_int_equal(wire_read_to_end(client, reply, sizeof reply), 7 * PINGS);
    assert_string_equal(reply + 7 * (PINGS - 1), "+PONG\r\n");
    close(client);
}

static void a_blocked_client_that_hangs_up_is_let_go(void **state)
{
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "connected_clients");
    int client = wire_connect(port_of(state)), rude = wire_connect(port_of(state));
    wire_say(client, "WAIT 1 0\r\nPING\r\n");
    wire_say(rude, "WAIT 1 0\r\nPING\r\n");
    while (wire_info(clients[0], "blocked_clients") < 2)
        usleep(1000);
    shutdown(client, SHUT_WR);
    struct linger reset = {1, 0};
    setsockopt(rude, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(rude);
    int64_t end_us = wire_now_us() + 10000000;
    while (wire_info(clients[0], "connected_clients") > before)
        assert_true(wire_now_us() < end_us);
    assert_int_equal(wire_info(clients[0], "blocked_clients"), 0);
    close(client);
}

static void connections_that_break_at_once_leave_nothing(void **state)
{
    CLIENTS(state);
    int64_t before = wire_info(clients[0], "connected_clients");
    struct linger reset = {1, 0};
    for (int i = 0; i < 1000; i++) {
        int client = wire_connect(port_of(state));
        if (i % 3 != 0)
            wire_say(client, "SET a 1\r\nGET a\r\n");
        if (i % 2 == 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(client);
    }
    int64_t end_us = wire_now_us() + 10000000;
    while (wire_info(clients[0], "connected_clients") > before)
        assert_true(wire_now_us() < end_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(many_who_send_one_byte_at_a_time_are_served),
        SERVER_TEST(who_only_asks_does_not_hinder_others),
        SERVER_TEST(slow_and_quick_subscribers_get_all_messages_in_order),
        SERVER_TEST(a_half_closed_client_gets_its_answers),
        SERVER_TEST(a_blocked_client_that_hangs_up_is_let_go),
        SERVER_TEST(connections_that_break_at_once_leave_nothing),
        cmocka_unit_test(ten_thousand_idle_clients_cost_little_and_hinder_nobody),
    };
    return cmocka_run_group_tests_name("server/network_abuse", tests, fixture_start, fixture_stop);
}
