/* What a client may send and what it may make the server keep. One server for all tests: whatever
 * one client does, the next is served. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/wire.h"

#define MIB (1024 * 1024)

static int port_of(void **state)
{
    return ((struct fixture *)*state)->process.port;
}

struct bad_input {
    const char *sent, *reply; /* of redis-server 7.0.15 */
};

static void broken_input_gets_redis_words_and_is_closed(void **state)
{
    static const struct bad_input inputs[] = {
        {"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*\r\nPING\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"* 1\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*+1\r\n$4\r\nPING\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*99999999999999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$04\r\nPING\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$9223372036854775807\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$9223372036854775808\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$-9223372036854775809\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n+PING\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"},
        {"*1\r\n\r\n", "-ERR Protocol error: expected '$', got ' '\r\n"},
        {"*1\r\n*1\r\n*1\r\n*1\r\n$4\r\n", "-ERR Protocol error: expected '$', got '*'\r\n"},
        {"SET 'a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
        {"SET \"a\"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
        {"POST / HTTP/1.1\r\nPING\r\n", ""},
        {"host: here\r\nPING\r\n", ""},
    };
    CLIENTS(state);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        char reply[200];
        int client = wire_connect(port_of(state));
        wire_say(client, inputs[i].sent);
        wire_read_to_end(client, reply, sizeof reply);
        assert_string_equal(reply, inputs[i].reply);
        close(client);
        assert_says(clients[0], "+PONG", "PING");
    }
}

static void a_line_without_end_is_cut_short(void **state)
{
    static const struct bad_input inputs[] = {
        {"*", "-ERR Protocol error: too big mbulk count string\r\n"},
        {"*1\r\n$", "-ERR Protocol error: too big bulk count string\r\n"},
        {"x", "-ERR Protocol error: too big inline request\r\n"},
    };
    static char digits[70000];
    memset(digits, '1', sizeof digits);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        char reply[200];
        int client = wire_connect(port_of(state));
        wire_say(client, inputs[i].sent);
        wire_send(client, digits, sizeof digits);
        wire_read_to_end(client, reply, sizeof reply);
        assert_string_equal(reply, inputs[i].reply);
        close(client);
    }
}

static void what_is_odd_but_right_is_served(void **state)
{
    int client = wire_connect(port_of(state));
    wire_say(client, "\r\n\r\n*0\r\n*-1\r\n*-99999999999\r\nPING\r\nping\n*1\r\n$4\r\nPINGxx");
    wire_expect(client, "+PONG\r\n+PONG\r\n+PONG\r\n");
    close(client);
}

static void lengths_without_bytes_take_no_memory(void **state)
{
    enum { CLAIMS = 200 };
    CLIENTS(state);
    int claimants[CLAIMS];
    int64_t before = wire_info(clients[0], "used_memory");
    for (int i = 0; i < CLAIMS; i++) {
        claimants[i] = wire_connect(port_of(state));
        wire_say(claimants[i], i % 2 == 0 ? "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nvalue"
                                          : "*1048576\r\n$3\r\nDEL\r\n$1\r\na\r\n");
    }
    assert_says(clients[0], "+PONG", "PING");
    int64_t used = wire_info(clients[0], "used_memory") - before;
    assert_in_range(used, 0, CLAIMS * 100 * 1024); /* and not 50 GB */
    for (int i = 0; i < CLAIMS; i++)
        close(claimants[i]);
}

static void the_query_buffer_is_limited(void **state)
{
    CLIENTS(state);
    char reply[100];
    char *block = calloc(1, MIB);
    assert_says(clients[0], "+OK", "CONFIG SET client-query-buffer-limit 2mb");
    int client = wire_connect(port_of(state));
    wire_say(client, "*2\r\n$4\r\nECHO\r\n$100000000\r\n");
    int64_t sent = 0;
    long count = 0;
    while (sent < 100 * MIB && (count = wire_send_some(client, block, MIB)) >= 0)
        sent += count;
    assert_true(count < 0);
    assert_true(sent < 20 * MIB); /* what the sockets hold comes on top of the limit */
    assert_int_equal(wire_read_to_end(client, reply, sizeof reply), 0);
    close(client);
    assert_int_equal(wire_info(clients[0], "client_query_buffer_limit_disconnections"), 1);
    assert_says(clients[0], "+OK", "CONFIG SET client-query-buffer-limit 1gb");
    free(block);
}

static void an_argument_is_as_long_as_allowed_and_no_longer(void **state)
{
    CLIENTS(state);
    char reply[100];
    char *value = calloc(1, 2 * MIB + 2);
    memset(value, 'v', 2 * MIB);
    memcpy(value + 2 * MIB, "\r\n", 2);
    assert_says(clients[0],
                "-ERR CONFIG SET failed (possibly related to argument 'proto-max-bulk-len') - "
                "argument must be between 1048576 and 4294967295 inclusive",
                "CONFIG SET proto-max-bulk-len 4gb");
    assert_says(clients[0], "+OK", "CONFIG SET proto-max-bulk-len 2mb");
    int client = wire_connect(port_of(state));
    wire_say(client, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097152\r\n");
    wire_send(client, value, 2 * MIB + 2);
    wire_expect(client, "+OK\r\n");
    assert_says(clients[0], ":2097152", "STRLEN k");
    wire_say(client, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097153\r\n");
    wire_read_to_end(client, reply, sizeof reply);
    assert_string_equal(reply, "-ERR Protocol error: invalid bulk length\r\n");
    close(client);
    assert_says(clients[0], "+OK", "CONFIG SET proto-max-bulk-len 512mb");
    free(value);
}

/* Asks for values of 1 MiB without reading any, until it is closed or `megabytes` are asked for.
 * Returns what the server's output buffers held at most. */
static int64_t ask_and_never_read(struct conversation *watcher, int client, int megabytes)
{
    int64_t most = 0;
    for (int i = 0; i < megabytes; i++) {
        if (wire_send_some(client, "GET big\r\n", 9) < 0)
            break;
        if (i % 8 != 0)
            continue;
        int64_t used = wire_info(watcher, "used_memory");
        most = used > most ? used : most;
    }
    return most;
}

static void who_asks_and_never_reads_is_closed_at_the_limit(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'normal 16777216 0 0'");
    assert_says(clients[0], ":1048576", "SETRANGE big 1048575 x");
    int silent = wire_connect(port_of(state));
    int64_t before = wire_info(clients[0], "used_memory");
    int64_t most = ask_and_never_read(clients[0], silent, 200) - before;
    assert_true(most < 20 * MIB);
    int64_t end_us = wire_now_us() + 5000000;
    while (wire_info(clients[0], "client_output_buffer_limit_disconnections") == 0)
        assert_true(wire_now_us() < end_us);
    assert_says(clients[1], "+PONG", "PING");
    close(silent);
    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'normal 0 0 0'");
}

static void who_asks_for_much_and_reads_late_gets_it_all(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], ":1048576", "SETRANGE big 1048575 x");
    int late = wire_connect(port_of(state));
    for (int i = 0; i < 100; i++)
        wire_say(late, "GET big\r\n");
    for (int i = 0; i < 20; i++)
        assert_says(clients[1], "+PONG", "PING");
    assert_true(wire_skip(late, 100 * (size_t)(10 + MIB + 2)));
    close(late);
}

static void a_subscriber_that_never_reads_is_closed_at_its_limit(void **state)
{
    CLIENTS(state);
    int silent = wire_connect(port_of(state));
    char *message = calloc(1, 100001);
    memset(message, 'm', 100000);
    wire_say(silent, "SUBSCRIBE news\r\n");
    wire_expect(silent, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_says(clients[0], "+OK",
                "CONFIG SET client-output-buffer-limit 'pubsub 4194304 1048576 60'");
    int publisher = wire_connect(port_of(state));
    int told = 0;
    for (int i = 0; i < 500; i++) {
        char answer[5] = "";
        wire_say(publisher, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$100000\r\n");
        wire_send(publisher, message, 100000);
        wire_say(publisher, "\r\n");
        assert_int_equal(recv(publisher, answer, 4, MSG_WAITALL), 4);
        if (strcmp(answer, ":0\r\n") == 0)
            break;
        told++;
    }
    assert_in_range(told, 40, 300); /* the limit, and what the sockets hold */
    assert_says(clients[0], "[$news, :0]", "PUBSUB NUMSUB news");
    close(silent);
    close(publisher);
    free(message);
}

static void above_the_soft_limit_one_may_stay_for_a_while_only(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'normal 0 1048576 1'");
    assert_says(clients[0], ":1048576", "SETRANGE big 1048575 x");
    int64_t before = wire_info(clients[0], "client_output_buffer_limit_disconnections");
    int silent = wire_connect(port_of(state));
    int64_t start_us = wire_now_us();
    for (int i = 0; i < 30; i++)
        wire_say(silent, "GET big\r\n");
    while (wire_info(clients[0], "client_output_buffer_limit_disconnections") == before) {
        assert_true(wire_now_us() < start_us + 20000000);
        usleep(10000);
    }
    assert_true(wire_now_us() >= start_us + 1000000);
    close(silent);
    assert_says(clients[0], "+OK", "CONFIG SET client-output-buffer-limit 'normal 0 0 0'");
}

static void the_greediest_client_goes_first(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], ":1048576", "SETRANGE big 1048575 x");
    int64_t evicted = wire_info(clients[0], "evicted_clients");
    assert_says(clients[0], "+OK", "CONFIG SET maxmemory-clients 16mb");
    int greedy = wire_connect(port_of(state)), modest = wire_connect(port_of(state));
    wire_say(modest, "GET big\r\n");
    for (int i = 0; i < 60; i++)
        wire_say(greedy, "GET big\r\n");
    int64_t end_us = wire_now_us() + 20000000;
    while (wire_info(clients[0], "evicted_clients") == evicted) {
        assert_true(wire_now_us() < end_us);
        usleep(10000);
    }
    assert_true(wire_skip(modest, 10 + MIB + 2));
    wire_say(modest, "PING\r\n");
    wire_expect(modest, "+PONG\r\n");
    assert_false(wire_skip(greedy, 60 * (size_t)(10 + MIB + 2)));
    close(greedy);
    close(modest);
    assert_says(clients[0], "+OK", "CONFIG SET maxmemory-clients 0");
}

/* --- time --- */

static void who_is_idle_for_too_long_is_let_go_but_no_subscriber(void **state)
{
    CLIENTS(state);
    char reply[100];
    int idle = wire_connect(port_of(state)), subscriber = wire_connect(port_of(state));
    wire_say(subscriber, "SUBSCRIBE news\r\n");
    wire_expect(subscriber, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    int64_t start_us = wire_now_us();
    assert_says(clients[0], "+OK", "CONFIG SET timeout 1");
    for (int64_t end_us = start_us + 2500000; wire_now_us() < end_us; usleep(100000)) {
        for (int i = 0; i < FIXTURE_CLIENTS; i++)
            assert_says(clients[i], "+PONG", "PING");
    }
    assert_int_equal(wire_read_to_end(idle, reply, sizeof reply), 0);
    assert_says(clients[0], ":1", "PUBLISH news hello");
    wire_expect(subscriber, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    assert_says(clients[0], "+OK", "CONFIG SET timeout 0");
    close(idle);
    close(subscriber);
}

#define BIG_LENGTH 1000000 /* bytes */

static int begin_big_value(void **state)
{
    int client = wire_connect(port_of(state));
    wire_say(client, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1000000\r\n");
    return client;
}

static void who_sends_a_big_value_slowly_is_not_idle(void **state)
{
    CLIENTS(state);
    char *value = calloc(1, BIG_LENGTH);
    int slow = begin_big_value(state);
    size_t sent = 0;
    assert_says(clients[0], "+OK", "CONFIG SET timeout 1");
    for (int64_t end_us = wire_now_us() + 3500000; wire_now_us() < end_us; usleep(100000)) {
        wire_send(slow, value, 1000);
        sent += 1000;
        for (int i = 0; i < FIXTURE_CLIENTS; i++)
            assert_says(clients[i], "+PONG", "PING");
    }
    wire_send(slow, value, BIG_LENGTH - sent);
    wire_say(slow, "\r\n");
    wire_expect(slow, "+OK\r\n");
    assert_says(clients[0], "+OK", "CONFIG SET timeout 0");
    assert_says(clients[0], ":1000000", "STRLEN big");
    close(slow);
    free(value);
}

static void who_leaves_in_the_middle_of_a_big_value_is_forgotten(void **state)
{
    CLIENTS(state);
    char *value = calloc(1, BIG_LENGTH);
    int client = begin_big_value(state);
    wire_send(client, value, 200000);
    wire_wait_for(clients[0], "connected_clients", FIXTURE_CLIENTS + 1);
    close(client);
    wire_wait_for(clients[0], "connected_clients", FIXTURE_CLIENTS);
    assert_says(clients[0], ":0", "EXISTS big");
    free(value);
}

/* Whatever the pieces are in which a big value comes: what follows is answered without more. */
static void big_values_come_in_any_pieces(void **state)
{
    CLIENTS(state);
    char *value = calloc(1, BIG_LENGTH);
    memset(value, 'v', BIG_LENGTH);
    srandom(7);
    for (int round = 0; round < 40; round++) {
        int client = begin_big_value(state);
        for (size_t sent = 0; sent < BIG_LENGTH;) {
            size_t piece = 1 + (size_t)random() % (round % 2 == 0 ? 100000 : 700000);
            piece = piece < BIG_LENGTH - sent ? piece : BIG_LENGTH - sent;
            wire_send(client, value + sent, piece);
            sent += piece;
        }
        wire_say(client, "\r\n");
        wire_expect(client, "+OK\r\n");
        wire_say(client, "PING\r\n");
        wire_expect(client, "+PONG\r\n");
        close(client);
        assert_says(clients[0], ":1000000", "STRLEN big");
        assert_says(clients[0], "$vv", "GETRANGE big 499999 500000");
    }
    free(value);
}

/* The kernel's timer for the server's end of this connection: 0 none, 1 it sends again what was
 * not acknowledged, 2 keep-alive. */
static int timer_of(int client, int port)
{
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    assert_int_equal(getsockname(client, (struct sockaddr *)&own, &length), 0);
    char line[512], wanted[60];
    snprintf(wanted, sizeof wanted, " 0100007F:%04X 0100007F:%04X 01 ", (unsigned)port,
             ntohs(own.sin_port));
    FILE *table = fopen("/proc/net/tcp", "r");
    assert_non_null(table);
    const char *at = NULL;
    while (at == NULL && fgets(line, sizeof line, table) != NULL)
        at = strstr(line, wanted);
    fclose(table);
    assert_non_null(at);
    return at[strlen(wanted) + 19] - '0'; /* behind the sizes of queues and a space: "02:..." */
}

static bool is_kept_alive(int client, int port)
{
    int timer;
    wire_say(client, "PING\r\n");
    wire_expect(client, "+PONG\r\n");
    while ((timer = timer_of(client, port)) == 1)
        usleep(10000);
    return timer == 2;
}

static void dead_peers_are_noticed_unless_told_otherwise(void **state)
{
    CLIENTS(state);
    int first = wire_connect(port_of(state));
    assert_true(is_kept_alive(first, port_of(state)));
    assert_says(clients[0], "+OK", "CONFIG SET tcp-keepalive 0");
    int second = wire_connect(port_of(state));
    assert_false(is_kept_alive(second, port_of(state)));
    assert_says(clients[0], "+OK", "CONFIG SET tcp-keepalive 300");
    close(first);
    close(second);
}

/* --- too many --- */

static void one_client_too_many_is_refused(void **state)
{
    CLIENTS(state);
    char reply[100];
    assert_says(clients[0], "+OK", "CONFIG SET maxclients %d", FIXTURE_CLIENTS);
    int extra = wire_connect(port_of(state));
    wire_read_to_end(extra, reply, sizeof reply);
    assert_string_equal(reply, "-ERR max number of clients reached\r\n");
    close(extra);
    assert_true(wire_info(clients[0], "rejected_connections") >= 1);
    assert_says(clients[0], "+OK", "CONFIG SET maxclients 10000");
    extra = wire_connect(port_of(state));
    wire_say(extra, "PING\r\n");
    wire_expect(extra, "+PONG\r\n");
    close(extra);
}

/* --- before AUTH --- */

static void strangers(struct conversation *master, bool begin)
{
    assert_says(master, "+OK", "CONFIG SET requirepass %s", begin ? "secret" : "''");
}

static void a_stranger_is_held_to_small_sizes(void **state)
{
    CLIENTS(state);
    static const struct bad_input inputs[] = {
        {"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"},
        {"*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"},
    };
    strangers(clients[0], true);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        char reply[200];
        int client = wire_connect(port_of(state));
        wire_say(client, inputs[i].sent);
        wire_read_to_end(client, reply, sizeof reply);
        assert_string_equal(reply, inputs[i].reply);
        close(client);
    }
    strangers(clients[0], false);
}

static void a_stranger_may_not_fill_the_query_buffer(void **state)
{
    CLIENTS(state);
    static const char part[] = "$16000\r\n";
    static char argument[16002];
    memset(argument, 'x', 16000);
    memcpy(argument + 16000, "\r\n", 2);
    strangers(clients[0], true);
    int64_t before = wire_info(clients[0], "client_query_buffer_limit_disconnections");
    int client = wire_connect(port_of(state));
    wire_say(client, "*10\r\n");
    int64_t end_us = wire_now_us() + 10000000;
    for (int i = 0; i < 9; i++) {
        wire_say(client, part);
        wire_send(client, argument, sizeof argument);
    }
    while (wire_info(clients[0], "client_query_buffer_limit_disconnections") == before)
        assert_true(wire_now_us() < end_us);
    close(client);
    strangers(clients[0], false);
}

static void a_stranger_who_never_reads_is_closed(void **state)
{
    CLIENTS(state);
    static char lines[6 * 10000];
    for (size_t i = 0; i < sizeof lines; i += 6)
        memcpy(lines + i, "PING\r\n", 6);
    strangers(clients[0], true);
    int64_t before = wire_info(clients[0], "client_output_buffer_limit_disconnections");
    int client = wire_connect(port_of(state));
    int size = 4096;
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    int64_t end_us = wire_now_us() + 10000000;
    while (wire_send_some(client, lines, sizeof lines) >= 0)
        assert_true(wire_now_us() < end_us);
    assert_true(wire_info(clients[0], "client_output_buffer_limit_disconnections") > before);
    close(client);
    strangers(clients[0], false);
}

static void a_stranger_has_to_come_to_the_point(void **state)
{
    CLIENTS(state);
    char reply[100];
    assert_says(clients[0], "+OK", "CONFIG SET preauth-timeout 1");
    strangers(clients[0], true);
    int slow = wire_connect(port_of(state)), idle = wire_connect(port_of(state));
    int member = wire_connect(port_of(state));
    wire_say(member, "AUTH secret\r\n");
    wire_expect(member, "+OK\r\n");
    int64_t start_us = wire_now_us();
    while (wire_send_some(slow, "x", 1) >= 0) {
        usleep(20000);
        assert_true(wire_now_us() - start_us < 5000000);
    }
    assert_true(wire_now_us() - start_us > 700000);
    assert_int_equal(wire_read_to_end(idle, reply, sizeof reply), 0);
    wire_say(member, "PING\r\n");
    wire_expect(member, "+PONG\r\n");
    close(slow);
    close(idle);
    close(member);
    strangers(clients[0], false);
    assert_says(clients[0], "+OK", "CONFIG SET preauth-timeout 60");
}

static void everything_may_come_in_one_packet(void **state)
{
    CLIENTS(state);
    static char packet[200000];
    strangers(clients[0], true);
    int client = wire_connect(port_of(state));
    int head = snprintf(packet, sizeof packet,
                        "AUTH secret\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", 100000);
    memset(packet + head, 'v', 100000);
    snprintf(packet + head + 100000, 100, "\r\n*2\r\n$6\r\nSTRLEN\r\n$1\r\nk\r\n");
    wire_say(client, packet);
    wire_expect(client, "+OK\r\n+OK\r\n:100000\r\n");
    close(client);
    strangers(clients[0], false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(broken_input_gets_redis_words_and_is_closed),
        SERVER_TEST(a_line_without_end_is_cut_short),
        SERVER_TEST(what_is_odd_but_right_is_served),
        SERVER_TEST(lengths_without_bytes_take_no_memory),
        SERVER_TEST(the_query_buffer_is_limited),
        SERVER_TEST(an_argument_is_as_long_as_allowed_and_no_longer),
        SERVER_TEST(who_asks_and_never_reads_is_closed_at_the_limit),
        SERVER_TEST(who_asks_for_much_and_reads_late_gets_it_all),
        SERVER_TEST(a_subscriber_that_never_reads_is_closed_at_its_limit),
        SERVER_TEST(above_the_soft_limit_one_may_stay_for_a_while_only),
        SERVER_TEST(the_greediest_client_goes_first),
        SERVER_TEST(who_is_idle_for_too_long_is_let_go_but_no_subscriber),
        SERVER_TEST(who_sends_a_big_value_slowly_is_not_idle),
        SERVER_TEST(who_leaves_in_the_middle_of_a_big_value_is_forgotten),
        SERVER_TEST(big_values_come_in_any_pieces),
        SERVER_TEST(dead_peers_are_noticed_unless_told_otherwise),
        SERVER_TEST(one_client_too_many_is_refused),
        SERVER_TEST(a_stranger_is_held_to_small_sizes),
        SERVER_TEST(a_stranger_may_not_fill_the_query_buffer),
        SERVER_TEST(a_stranger_who_never_reads_is_closed),
        SERVER_TEST(a_stranger_has_to_come_to_the_point),
        SERVER_TEST(everything_may_come_in_one_packet),
    };
    return cmocka_run_group_tests_name("server/network_limits", tests, fixture_start, fixture_stop);
}
