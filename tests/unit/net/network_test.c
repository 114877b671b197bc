#include "support/network_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/watched.h"
#include "system/socket.h"

/* A peer that came through a listener. */
static void dial(struct network_fixture *fixture, struct peer *peer, const struct sockaddr *at,
                 socklen_t size)
{
    *peer = (struct peer){.fixture = fixture};
    peer->socket = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->socket >= 0);
    assert_int_equal(connect(peer->socket, at, size), 0);
    assert_int_equal(fcntl(peer->socket, F_SETFL, O_NONBLOCK), 0);
}

static void dial_port(struct network_fixture *fixture, struct peer *peer, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    dial(fixture, peer, (struct sockaddr *)&at, sizeof at);
}

static int listen_anywhere(struct network_fixture *fixture)
{
    bool bound;
    assert_int_equal(network_listen_tcp(fixture->network, "127.0.0.1", 0, 511, &bound), OK);
    assert_true(bound);
    return network_port(fixture->network);
}

static struct connection *newest(struct network_fixture *fixture)
{
    const struct list *all = network_connections(fixture->network);
    return LIST_ENTRY(all->previous, struct connection, link);
}

static void a_tcp_client_is_served(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    char address[SOCKET_ADDRESS_MAX];
    int port = listen_anywhere(fixture);
    dial_port(fixture, &peer, port);
    peer_say(&peer, "PING\r\n");
    peer_expect(&peer, "+PONG\r\n");
    struct connection *connection = newest(fixture);
    socket_local_address(peer.socket, address);
    assert_string_equal(connection_peer_address(connection), address);
    struct socket_peer there;
    socket_read_peer(peer.socket, &there);
    assert_string_equal(connection_local_address(connection), there.address);
    assert_true(connection->is_loopback && !connection->is_unix);
    peer_end(&peer);
}

static void a_unix_client_is_served(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    struct stat status;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char expected[SOCKET_ADDRESS_MAX];
    const char *folder = getenv("TMPDIR");
    snprintf(at.sun_path, sizeof at.sun_path, "%s/network-test-%d",
             folder == NULL ? "/tmp" : folder, (int)getpid());
    assert_int_equal(network_listen_unix(fixture->network, at.sun_path, 0700, 511), OK);
    assert_int_equal(stat(at.sun_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(network_port(fixture->network), 0);
    dial(fixture, &peer, (struct sockaddr *)&at, sizeof at);
    peer_say(&peer, "PING\r\n");
    peer_expect(&peer, "+PONG\r\n");
    snprintf(expected, sizeof expected, "%s:0", at.sun_path);
    assert_string_equal(connection_peer_address(newest(fixture)), expected);
    assert_string_equal(connection_local_address(newest(fixture)), expected);
    assert_true(newest(fixture)->is_unix);
    network_stop_listening(fixture->network);
    peer_say(&peer, "PING\r\n");
    peer_expect(&peer, "+PONG\r\n");
    peer_end(&peer);
    unlink(at.sun_path);
}

static void one_client_too_many_is_told_so(void **state)
{
    struct network_fixture *fixture = *state;
    struct network_statistics statistics;
    struct peer first, second;
    int port = listen_anywhere(fixture);
    network_set_connections_max(fixture->network, 1);
    dial_port(fixture, &first, port);
    peer_say(&first, "PING\r\n");
    peer_expect(&first, "+PONG\r\n");
    dial_port(fixture, &second, port);
    peer_wait_for_end(&second);
    peer_expect(&second, "-ERR max number of clients reached\r\n");
    peer_end(&second);
    network_read_statistics(fixture->network, &statistics);
    assert_int_equal(statistics.accepted, 1);
    assert_int_equal(statistics.refused, 1);
    peer_end(&first);
    network_fixture_turn_for(fixture, 5);
    dial_port(fixture, &second, port);
    peer_say(&second, "PING\r\n");
    peer_expect(&second, "+PONG\r\n");
    peer_end(&second);
}

static void who_is_not_admitted_is_told_why(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    fixture->refusal = "-DENIED because\r\n";
    dial_port(fixture, &peer, listen_anywhere(fixture));
    peer_wait_for_end(&peer);
    peer_expect(&peer, "-DENIED because\r\n");
    assert_int_equal(fixture->opened, 0);
    peer_end(&peer);
}

static void a_missing_address_matters_unless_it_is_optional(void **state)
{
    struct network_fixture *fixture = *state;
    bool bound = true;
    assert_int_equal(network_listen_tcp(fixture->network, "-203.0.113.77", 0, 511, &bound), OK);
    assert_false(bound);
    assert_int_equal(network_listen_tcp(fixture->network, "203.0.113.77", 0, 511, &bound),
                     ERROR_SYSTEM);
    int port = listen_anywhere(fixture);
    assert_int_equal(network_listen_tcp(fixture->network, "-127.0.0.1", port, 511, &bound),
                     ERROR_SYSTEM); /* taken is not missing */
    network_stop_listening_tcp(fixture->network);
    assert_int_equal(network_port(fixture->network), 0);
    assert_int_equal(network_listen_tcp(fixture->network, "127.0.0.1", port, 511, &bound), OK);
    assert_int_equal(network_port(fixture->network), port);
}

static void when_descriptors_are_out_it_waits_for_better_times(void **state)
{
    SKIP_UNDER_VALGRIND("valgrind keeps a limit of descriptors of its own");
    struct network_fixture *fixture = *state;
    struct peer peer;
    struct rlimit before;
    int port = listen_anywhere(fixture);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    dial_port(fixture, &peer, port);
    struct rlimit none = {(rlim_t)peer.socket + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    uint64_t turns = event_loop_turns(fixture->loop);
    network_fixture_turn_for(fixture, 150);
    assert_true(event_loop_turns(fixture->loop) - turns < 30); /* it does not turn in circles */
    assert_int_equal(fixture->opened, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    peer_say(&peer, "PING\r\n");
    peer_expect(&peer, "+PONG\r\n");
    peer_end(&peer);
}

static void ids_are_never_used_twice_and_lead_to_their_connection(void **state)
{
    enum { PEERS = 300 };
    struct network_fixture *fixture = *state;
    static struct peer peers[PEERS];
    for (int i = 0; i < PEERS; i++) {
        peer_begin(fixture, &peers[i]);
        assert_int_equal(peers[i].connection->id, i + 1);
    }
    for (int i = 0; i < PEERS; i += 2) {
        connection_close_soon(peers[i].connection);
        assert_null(network_find(fixture->network, (uint64_t)i + 1)); /* at once */
    }
    network_fixture_turn(fixture);
    assert_int_equal(fixture->closed, PEERS / 2);
    assert_int_equal(network_connection_count(fixture->network), PEERS / 2);
    uint64_t last = 0;
    LIST_FOR_EACH (node, network_connections(fixture->network)) {
        struct connection *connection = LIST_ENTRY(node, struct connection, link);
        assert_true(connection->id > last);
        last = connection->id;
    }
    for (int i = 1; i < PEERS; i += 2)
        assert_ptr_equal(network_find(fixture->network, (uint64_t)i + 1), peers[i].connection);
    assert_null(network_find(fixture->network, 0));
    struct peer another;
    peer_begin(fixture, &another);
    assert_int_equal(another.connection->id, PEERS + 1);
    peer_end(&another);
    for (int i = 0; i < PEERS; i++)
        peer_end(&peers[i]);
}

static void the_sums_are_right(void **state)
{
    struct network_fixture *fixture = *state;
    struct network_statistics statistics;
    struct peer peer;
    peer_begin(fixture, &peer);
    for (int i = 0; i < 5; i++) {
        peer_say(&peer, "PING\r\nPING\r\n");
        peer_expect(&peer, "+PONG\r\n+PONG\r\n");
    }
    peer_say(&peer, "*2\r\n$4\r\nECHO\r\n$100\r\nab");
    network_fixture_turn(fixture);
    network_fixture_turn(fixture);
    network_read_statistics(fixture->network, &statistics);
    assert_int_equal(statistics.reads, 6);
    assert_int_equal(statistics.writes, 5);
    assert_int_equal(statistics.commands, 10);
    assert_int_equal(statistics.input_bytes, 60 + 22);
    assert_int_equal(statistics.output_bytes, 70);
    assert_true(statistics.input_memory >= 22);
    assert_int_equal(statistics.query_buffer_peak, 22);
    network_reset_statistics(fixture->network);
    network_read_statistics(fixture->network, &statistics);
    assert_int_equal(statistics.reads, 0);
    peer_end(&peer);
}

static void the_last_output_is_sent_before_the_end(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    resp_writer_simple(&peer.connection->reply, SLICE("farewell"));
    assert_int_equal(network_send_remaining(fixture->network), 0);
    peer_take(&peer);
    assert_memory_equal(peer.received.data, "+farewell\r\n", 11);
    peer_end(&peer);
}

/* Two connections with one socket: what leaves first, stands first. */
static void replies_leave_before_what_they_caused(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer asker;
    peer_begin(fixture, &asker);
    struct connection *listener =
        network_adopt(fixture->network, dup(connection_descriptor(asker.connection)));
    resp_writer_simple(&listener->reply, SLICE("news"));
    connection_has_push(listener);
    resp_writer_simple(&asker.connection->reply, SLICE("reply"));
    connection_has_output(asker.connection);
    resp_writer_simple(&listener->reply, SLICE("more"));
    connection_has_push(listener);
    network_turn_end(fixture->network);
    peer_expect(&asker, "+reply\r\n+news\r\n+more\r\n");
    connection_close_soon(listener);
    peer_end(&asker);
}

#define LISTENERS                                                                                  \
    400 /* more than one slice serves: sending to one takes a third of a microsecond */

/* All with the socket of `asker`: the order in which they are served is seen there. */
struct crowd {
    struct peer asker;
    struct connection *listeners[LISTENERS];
};

static void begin_crowd(struct network_fixture *fixture, struct crowd *crowd)
{
    dial_port(fixture, &crowd->asker, listen_anywhere(fixture));
    peer_say(&crowd->asker, "PING\r\n");
    peer_expect(&crowd->asker, "+PONG\r\n");
    crowd->asker.connection = newest(fixture);
    for (int i = 0; i < LISTENERS; i++)
        crowd->listeners[i] =
            network_adopt(fixture->network, dup(connection_descriptor(crowd->asker.connection)));
    network_fixture_turn(fixture); /* watches all of them, which takes its time */
}

static void end_crowd(struct crowd *crowd)
{
    for (int i = 0; i < LISTENERS; i++)
        connection_close_soon(crowd->listeners[i]);
    peer_end(&crowd->asker);
}

static void tell(struct connection *listener, const char *what, int number)
{
    char text[32];
    snprintf(text, sizeof text, "%s%d", what, number);
    resp_writer_simple(&listener->reply, slice_of(text, strlen(text)));
    connection_has_push(listener);
}

static void tell_all(struct crowd *crowd, const char *what)
{
    for (int i = 0; i < LISTENERS; i++)
        tell(crowd->listeners[i], what, i);
}

static size_t lines(const struct peer *peer)
{
    size_t count = 0;
    for (size_t i = 0; i < peer->received.length; i++)
        count += peer->received.data[i] == '\n';
    return count;
}

/* One turn's end; returns the lines that have come in all. */
static size_t end_turn(struct network_fixture *fixture, struct peer *peer)
{
    network_turn_end(fixture->network);
    peer_take(peer);
    return lines(peer);
}

/* Where the line stands: it does so exactly once. */
static size_t place_of(const struct peer *peer, const char *what, int number)
{
    char line[40];
    int length = snprintf(line, sizeof line, "+%s%d\r\n", what, number);
    const char *data = peer->received.data, *end = data + peer->received.length;
    const char *first = memmem(data, peer->received.length, line, (size_t)length);
    assert_non_null(first);
    assert_null(memmem(first + 1, (size_t)(end - first) - 1, line, (size_t)length));
    return (size_t)(first - data);
}

static void many_pushes_are_sent_over_some_turns(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    begin_crowd(fixture, &crowd);
    tell_all(&crowd, "early");
    size_t first = end_turn(fixture, &crowd.asker);
    assert_in_range(first, 1, LISTENERS - 1);

    /* What happens meanwhile: a reply is not late, and a push goes along with the one before it. */
    uint64_t writes = network_counts(fixture->network)->writes;
    resp_writer_simple(&crowd.asker.connection->reply, SLICE("reply0"));
    connection_has_output(crowd.asker.connection);
    tell_all(&crowd, "late");
    size_t turns = 0;
    while (end_turn(fixture, &crowd.asker) < 2 * LISTENERS + 1)
        assert_true(++turns < 10 * LISTENERS);
    assert_int_equal(network_counts(fixture->network)->writes - writes, LISTENERS + 1);
    size_t reply = place_of(&crowd.asker, "reply", 0);
    for (int i = 0; i < LISTENERS; i++) {
        size_t early = place_of(&crowd.asker, "early", i);
        assert_true((early < reply) == (i < (int)first));
        assert_true(place_of(&crowd.asker, "late", i) > early);
    }
    end_crowd(&crowd);
}

static char much[70000]; /* more than CONNECTION_PUSH_LEFT_MAX */
#define MUCH_AS_BULK (8 + sizeof much + 2)

static void push_much(struct peer *reader)
{
    resp_writer_bulk(&reader->connection->reply, slice_of(much, sizeof much));
    connection_has_push(reader->connection);
}

#define GREEDY 24 /* more than are served between two looks at the clock */

static void who_has_much_waiting_is_sent_it_whatever_the_time(void **state)
{
    struct network_fixture *fixture = *state;
    static struct peer readers[GREEDY];
    for (int i = 0; i < GREEDY; i++) {
        peer_begin(fixture, &readers[i]);
        push_much(&readers[i]);
    }
    network_turn_end(fixture->network);
    for (int i = 0; i < GREEDY; i++) {
        peer_take(&readers[i]);
        assert_int_equal(readers[i].received.length, MUCH_AS_BULK);
        peer_end(&readers[i]);
    }
}

static void who_has_much_waiting_does_not_wait_behind_those_who_have_little(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    struct peer reader;
    begin_crowd(fixture, &crowd);
    peer_begin(fixture, &reader);
    tell_all(&crowd, "news");
    push_much(&reader);
    assert_in_range(end_turn(fixture, &crowd.asker), 1, LISTENERS - 1);
    peer_take(&reader);
    assert_int_equal(reader.received.length, MUCH_AS_BULK);
    while (end_turn(fixture, &crowd.asker) < LISTENERS)
        ;
    peer_end(&reader);
    end_crowd(&crowd);
}

static void much_for_some_does_not_starve_who_has_little(void **state)
{
    struct network_fixture *fixture = *state;
    static struct peer greedy[GREEDY];
    struct peer modest;
    for (int i = 0; i < GREEDY; i++)
        peer_begin(fixture, &greedy[i]);
    peer_begin(fixture, &modest);
    tell(modest.connection, "news", 0);
    for (int i = 0; i < GREEDY; i++)
        push_much(&greedy[i]);
    network_turn_end(fixture->network);
    peer_take(&modest);
    assert_int_equal(lines(&modest), 1);
    for (int i = 0; i < GREEDY; i++)
        peer_end(&greedy[i]);
    peer_end(&modest);
}

/* What would wait counts against it. */
static void nothing_waits_where_the_limit_of_output_is_small(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    fixture->known.output_hard_max = 100000;
    begin_crowd(fixture, &crowd);
    tell_all(&crowd, "news");
    assert_int_equal(end_turn(fixture, &crowd.asker), LISTENERS);
    end_crowd(&crowd);
}

static void what_waits_can_be_sent_at_once(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    begin_crowd(fixture, &crowd);
    assert_false(network_send_pushes(fixture->network));
    tell_all(&crowd, "news");
    assert_in_range(end_turn(fixture, &crowd.asker), 1, LISTENERS - 1);
    assert_true(network_send_pushes(fixture->network));
    peer_take(&crowd.asker);
    assert_int_equal(lines(&crowd.asker), LISTENERS);
    assert_false(network_send_pushes(fixture->network));
    end_crowd(&crowd);
}

/* To the one who is last in the row; nothing was read from it. */
static void a_reply_that_comes_late_does_not_wait_behind_pushes(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    struct peer last;
    begin_crowd(fixture, &crowd);
    peer_begin(fixture, &last);
    tell_all(&crowd, "news");
    tell(last.connection, "news", LISTENERS);
    resp_writer_simple(&last.connection->reply, SLICE("reply"));
    connection_has_output(last.connection);
    assert_in_range(end_turn(fixture, &crowd.asker), 1, LISTENERS - 1);
    peer_take(&last);
    assert_int_equal(lines(&last), 2);
    peer_end(&last);
    end_crowd(&crowd);
}

static void a_gate_that_opens_lets_nobody_wait_behind_pushes(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    struct peer last;
    begin_crowd(fixture, &crowd);
    peer_begin(fixture, &last);
    network_release(fixture->network, 0);
    resp_writer_simple(&last.connection->reply, SLICE("reply"));
    connection_has_output(last.connection);
    connection_gate_output(last.connection, 0, 1);
    network_turn_end(fixture->network);
    tell_all(&crowd, "news");
    tell(last.connection, "news", LISTENERS);
    network_release(fixture->network, 1);
    assert_in_range(end_turn(fixture, &crowd.asker), 1, LISTENERS - 1);
    peer_take(&last);
    assert_int_equal(lines(&last), 2);
    peer_end(&last);
    end_crowd(&crowd);
}

/* Returns how many of the others had been told when the answer to `last` had left. */
static size_t ask_behind_crowd(struct network_fixture *fixture, struct crowd *crowd,
                               struct peer *last)
{
    static const char both[] = "+news400\r\n+PONG\r\n";
    buffer_clear(&crowd->asker.received);
    buffer_clear(&last->received);
    tell_all(crowd, "news");
    tell(last->connection, "news", LISTENERS);
    assert_int_equal(write(last->socket, "PING\r\n", 6), 6);
    network_fixture_turn(fixture); /* sends a slice, then reads */
    network_run_input(fixture->network);
    size_t told = end_turn(fixture, &crowd->asker);
    peer_take(last);
    assert_int_equal(last->received.length, sizeof both - 1);
    assert_memory_equal(last->received.data, both, sizeof both - 1);
    while (end_turn(fixture, &crowd->asker) < LISTENERS)
        ;
    return told;
}

static void who_asks_does_not_wait_behind_pushes_to_others(void **state)
{
    struct network_fixture *fixture = *state;
    static struct crowd crowd;
    struct peer last;
    begin_crowd(fixture, &crowd);
    peer_begin(fixture, &last);
    /* Again where the test was held up between two slices, so that one had time for all. */
    for (int tries = 1; ask_behind_crowd(fixture, &crowd, &last) == LISTENERS; tries++)
        assert_true(tries < 100);
    peer_end(&last);
    end_crowd(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(a_tcp_client_is_served),
        NETWORK_TEST(a_unix_client_is_served),
        NETWORK_TEST(one_client_too_many_is_told_so),
        NETWORK_TEST(who_is_not_admitted_is_told_why),
        NETWORK_TEST(a_missing_address_matters_unless_it_is_optional),
        NETWORK_TEST(when_descriptors_are_out_it_waits_for_better_times),
        NETWORK_TEST(ids_are_never_used_twice_and_lead_to_their_connection),
        NETWORK_TEST(the_sums_are_right),
        NETWORK_TEST(the_last_output_is_sent_before_the_end),
        NETWORK_TEST(replies_leave_before_what_they_caused),
        NETWORK_TEST(many_pushes_are_sent_over_some_turns),
        NETWORK_TEST(who_has_much_waiting_is_sent_it_whatever_the_time),
        NETWORK_TEST(who_has_much_waiting_does_not_wait_behind_those_who_have_little),
        NETWORK_TEST(much_for_some_does_not_starve_who_has_little),
        NETWORK_TEST(nothing_waits_where_the_limit_of_output_is_small),
        NETWORK_TEST(what_waits_can_be_sent_at_once),
        NETWORK_TEST(a_reply_that_comes_late_does_not_wait_behind_pushes),
        NETWORK_TEST(a_gate_that_opens_lets_nobody_wait_behind_pushes),
        NETWORK_TEST(who_asks_does_not_wait_behind_pushes_to_others),
    };
    return cmocka_run_group_tests_name("net/network", tests, NULL, NULL);
}
