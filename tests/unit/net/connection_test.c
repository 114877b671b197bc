#include "support/network_fixture.h"

#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "system/random.h"
#include "system/socket.h"

/* --- commands in --- */

static void a_pipeline_is_answered_in_order(void **state)
{
    struct peer peer;
    peer_begin(*state, &peer);
    peer_say(&peer, "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nab\r\nECHO inline\r\n\r\n"
                    "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
    peer_expect(&peer, "+PONG\r\n$2\r\nab\r\n$6\r\ninline\r\n$0\r\n\r\n");
    assert_int_equal(peer.connection->commands, 5);
    peer_end(&peer);
}

static void it_does_not_matter_where_the_bytes_are_cut(void **state)
{
    static const char said[] = "*2\r\n$4\r\nECHO\r\n$5\r\nhe\r\no\r\nPING\r\n*1\r\n$4\r\nPING\r\n";
    for (size_t cut = 1; cut < sizeof said - 1; cut++) {
        struct peer peer;
        peer_begin(*state, &peer);
        peer_send(&peer, said, cut);
        network_fixture_turn(*state);
        peer_send(&peer, said + cut, sizeof said - 1 - cut);
        peer_expect(&peer, "$5\r\nhe\r\no\r\n+PONG\r\n+PONG\r\n");
        peer_end(&peer);
    }
}

static void one_byte_at_a_time_is_normal(void **state)
{
    static const char said[] = "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nPING\r\n";
    struct peer peer;
    peer_begin(*state, &peer);
    for (size_t i = 0; i < sizeof said - 1; i++) {
        peer_send(&peer, said + i, 1);
        network_fixture_turn(*state);
        assert_true(peer.connection->input.capacity <= 256);
    }
    peer_expect(&peer, "$5\r\nhello\r\n+PONG\r\n");
    assert_null(peer.connection->input.data);
    peer_end(&peer);
}

static void an_idle_connection_keeps_no_buffer(void **state)
{
    struct peer peer;
    struct connection_statistics statistics;
    peer_begin(*state, &peer);
    for (int i = 0; i < 100; i++) {
        peer_say(&peer, "*2\r\n$4\r\nMANY\r\n$5\r\n30000\r\nPING\r\n");
        peer_wait_for(&peer, 30000 + 8 + 2 + 7);
        buffer_clear(&peer.received);
    }
    connection_read_statistics(peer.connection, &statistics);
    assert_int_equal(statistics.query_buffer_length + statistics.query_buffer_free, 0);
    assert_int_equal(statistics.output_memory, 0);
    assert_true(statistics.total_memory < 2048);
    assert_int_equal(statistics.commands, 200);
    peer_end(&peer);
}

static void many_arguments_of_medium_size_arrive_whole(void **state)
{
    struct peer peer;
    struct buffer said = {0};
    static char value[20000];
    peer_begin(*state, &peer);
    memset(value, 'v', sizeof value);
    buffer_add_format(&said, "*42\r\n$4\r\nECHO\r\n$3\r\nabc\r\n");
    for (int i = 0; i < 40; i++) {
        buffer_add_format(&said, "$%zu\r\n", sizeof value);
        buffer_add(&said, value, sizeof value);
        buffer_add_string(&said, "\r\n");
    }
    peer_send(&peer, said.data, said.length);
    peer_say(&peer, "PING\r\n*1\r\n$4\r\nPI");
    peer_expect(&peer, "$3\r\nabc\r\n+PONG\r\n");
    assert_true(peer.connection->input.capacity <= 4 * CONNECTION_GATHER_MAX);
    buffer_deinit(&said);
    peer_end(&peer);
}

/* --- big arguments --- */

static void say_big(struct peer *peer, const char *name, size_t length, size_t piece)
{
    char head[64];
    char *bytes = memory_allocate(length + 2);
    memset(bytes, 'b', length);
    memcpy(bytes + length, "\r\n", 2);
    snprintf(head, sizeof head, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(name), name, length);
    peer_say(peer, head);
    for (size_t at = 0; at < length + 2; at += piece) {
        size_t rest = length + 2 - at;
        peer_send(peer, bytes + at, rest < piece ? rest : piece);
        network_fixture_turn(peer->fixture);
    }
    memory_free(bytes);
}

static void a_big_argument_comes_in_a_block_of_its_own(void **state)
{
    struct network_fixture *fixture = *state;
    static const size_t lengths[] = {RESP_BIG_ARGUMENT_MIN, 65534, 65535, 65536, 100000, 3000000};
    static const size_t pieces[] = {997, 50000, 10000000};
    struct peer peer;
    peer_begin(fixture, &peer);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 3; j++) {
            char expected[64];
            fixture->taken = 0;
            say_big(&peer, "LENGTH", lengths[i], pieces[j]);
            peer_say(&peer, "PING\r\n");
            snprintf(expected, sizeof expected, ":%zu\r\n+PONG\r\n", lengths[i]);
            peer_expect(&peer, expected);
            assert_true(fixture->taken == 1 || lengths[i] < 65536);
        }
    }
    assert_null(peer.connection->input.data);
    assert_null(peer.connection->big_block);
    peer_end(&peer);
}

static void a_command_may_have_several_big_arguments(void **state)
{
    struct peer peer;
    struct buffer said = {0};
    static char value[200000];
    peer_begin(*state, &peer);
    memset(value, 'v', sizeof value);
    buffer_add_string(&said, "PING\r\n*4\r\n$6\r\nLENGTH\r\n");
    for (int i = 0; i < 3; i++) {
        buffer_add_format(&said, "$%zu\r\n", sizeof value);
        buffer_add(&said, value, sizeof value);
        buffer_add_string(&said, "\r\n");
    }
    for (size_t piece = 70000; piece < 700000; piece += 100000) {
        for (size_t at = 0; at < said.length; at += piece) {
            size_t rest = said.length - at;
            peer_send(&peer, said.data + at, rest < piece ? rest : piece);
            network_fixture_turn(*state);
        }
        peer_expect(&peer, "+PONG\r\n:200000\r\n");
    }
    buffer_deinit(&said);
    peer_end(&peer);
}

static void a_length_alone_takes_no_memory(void **state)
{
    struct peer peer;
    struct connection_statistics statistics;
    peer_begin(*state, &peer);
    peer_say(&peer, "*2\r\n$6\r\nLENGTH\r\n$500000000\r\nfirst bytes");
    for (int i = 0; i < 3; i++)
        network_fixture_turn(*state);
    connection_read_statistics(peer.connection, &statistics);
    assert_true(statistics.total_memory < 128 * 1024);
    peer_end(&peer);
}

/* --- holding back --- */

static void a_held_command_runs_when_the_connection_goes_on(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    fixture->hold = true;
    peer_say(&peer, "PING\r\nHOLD abc\r\nECHO later\r\n*2\r\n$4\r\nECHO\r\n$6\r\npart");
    peer_expect(&peer, "+PONG\r\n");
    peer_say(&peer, "ly\r\n");
    peer_expect_nothing(&peer);
    fixture->hold = false;
    connection_resume(peer.connection);
    peer_expect(&peer, ":3\r\n$5\r\nlater\r\n$6\r\npartly\r\n");
    peer_end(&peer);
}

static void a_held_command_keeps_its_big_arguments(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    fixture->hold = true;
    say_big(&peer, "HOLD", 300000, 100000);
    peer_say(&peer, "PING\r\n");
    peer_expect_nothing(&peer);
    fixture->hold = false;
    connection_resume(peer.connection);
    peer_expect(&peer, ":300000\r\n+PONG\r\n");
    assert_null(peer.connection->input.data);
    peer_end(&peer);
}

static void a_paused_connection_reads_a_little_ahead_and_no_more(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    static char said[8 * CONNECTION_PAUSED_INPUT_MAX];
    peer_begin(fixture, &peer);
    peer_say(&peer, "WAIT\r\n");
    network_fixture_turn(fixture);
    for (size_t i = 0; i + 6 <= sizeof said; i += 6)
        memcpy(said + i, "PING\r\n", 6);
    (void)!send(peer.socket, said, sizeof said, MSG_DONTWAIT);
    for (int i = 0; i < 50; i++)
        network_fixture_turn(fixture);
    assert_true(peer.connection->input.length >= CONNECTION_PAUSED_INPUT_MAX);
    assert_true(peer.connection->input.length <= 2 * CONNECTION_PAUSED_INPUT_MAX);
    connection_resume(peer.connection);
    peer_wait_for(&peer, CONNECTION_PAUSED_INPUT_MAX);
    peer_end(&peer);
}

static void the_hang_up_of_a_paused_client_is_seen(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    peer_say(&peer, "WAIT\r\nPING\r\n");
    network_fixture_turn(fixture);
    shutdown(peer.socket, SHUT_WR);
    peer_wait_for_end(&peer);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_BY_PEER);
    peer_end(&peer);
}

static void reading_can_be_stopped_altogether(void **state)
{
    struct peer peer;
    peer_begin(*state, &peer);
    connection_pause_reading(peer.connection);
    peer_say(&peer, "PING\r\n");
    peer_expect_nothing(&peer);
    connection_resume_reading(peer.connection);
    peer_expect(&peer, "+PONG\r\n");
    peer_end(&peer);
}

/* --- fairness --- */

static void a_long_pipeline_shares_the_turn(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer greedy, modest;
    static char said[6 * 10000];
    peer_begin(fixture, &greedy);
    peer_begin(fixture, &modest);
    for (size_t i = 0; i < sizeof said; i += 6)
        memcpy(said + i, "PING\r\n", 6);
    peer_send(&greedy, said, sizeof said);
    peer_say(&modest, "PING\r\n");
    network_fixture_turn(fixture);
    network_fixture_turn(fixture);
    peer_take(&modest);
    assert_int_equal(modest.received.length, 7);
    assert_true(greedy.connection->commands <= 2 * CONNECTION_TURN_COMMANDS_MAX);
    assert_true(fixture->run_in_turn <= CONNECTION_TURN_COMMANDS_MAX + 1);
    peer_wait_for(&greedy, 7 * 10000);
    assert_int_equal(greedy.received.length, 7 * 10000);
    peer_end(&greedy);
    peer_end(&modest);
}

static void the_replies_of_one_turn_are_bounded(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    for (int i = 0; i < 50; i++)
        peer_say(&peer, "MANY 700000\r\n");
    peer_wait_for(&peer, 50 * (700000 + 9 + 2));
    assert_int_equal(peer.received.length, 50 * (700000 + 9 + 2));
    /* What the socket did not take yet, and the share of a turn. */
    assert_true(fixture->output_peak < 50 * 700000);
    peer_end(&peer);
}

static void who_writes_everything_before_reading_is_served(void **state)
{
    struct peer peer;
    peer_begin(*state, &peer);
    for (int i = 0; i < 20000; i++)
        peer_say(&peer, "MANY 500\r\n"); /* turns when the socket is full; nothing is read here */
    peer_wait_for(&peer, 20000 * 508);
    assert_int_equal(peer.received.length, 20000 * 508);
    peer_end(&peer);
}

/* --- replies out --- */

static void a_push_to_another_leaves_in_the_same_turn(void **state)
{
    struct peer speaker, listener;
    peer_begin(*state, &speaker);
    peer_begin(*state, &listener);
    peer_say(&speaker, "TELL 2 hello\r\n");
    network_fixture_turn(*state);
    network_run_input(((struct network_fixture *)*state)->network);
    network_turn_end(((struct network_fixture *)*state)->network);
    peer_take(&listener);
    assert_int_equal(listener.received.length, 5);
    peer_expect(&speaker, "+OK\r\n");
    peer_end(&speaker);
    peer_end(&listener);
}

/* More than are read before the first runs, and more than wait with their replies. */
static void very_many_that_speak_at_once_are_all_answered(void **state)
{
    struct network_fixture *fixture = *state;
    enum { PEERS = 2 * NETWORK_SENDS_LATE_MAX + 3 };
    struct peer *peers = memory_allocate_zeroed(PEERS * sizeof *peers);
    for (int i = 0; i < PEERS; i++)
        peer_begin(fixture, &peers[i]);
    for (int i = 0; i < PEERS; i++)
        peer_say(&peers[i], "PING\r\nECHO last\r\n");
    network_fixture_turn_for(fixture, 50);
    assert_int_equal(fixture->prepared, 2 * PEERS);
    for (int i = 0; i < PEERS; i++) {
        peer_take(&peers[i]);
        assert_int_equal(peers[i].received.length, 17);
        peer_end(&peers[i]);
    }
    memory_free(peers);
}

static void who_is_killed_in_the_turn_in_which_he_spoke_hinders_nobody(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer killer, victim, third;
    peer_begin(fixture, &killer);
    peer_begin(fixture, &victim);
    peer_begin(fixture, &third);
    /* All are read before the first runs; the loop says which is first. */
    peer_say(&killer, "KILL 2\r\nPING\r\n");
    peer_say(&victim, "PING\r\nPING\r\n");
    peer_say(&third, "PING\r\n");
    peer_wait_for_end(&victim);
    assert_int_equal(victim.received.length, 0); /* not even what it wrote before */
    peer_end(&victim);
    peer_end(&killer);
    peer_end(&third);
    peer_begin(fixture, &killer);
    peer_say(&killer, "PING\r\n");
    peer_expect(&killer, "+PONG\r\n");
    peer_end(&killer);
}

static void a_slow_reader_gets_everything_and_hinders_nobody(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer slow, other;
    peer_begin(fixture, &slow);
    peer_begin(fixture, &other);
    peer_say(&slow, "MANY 10000000\r\n");
    for (int i = 0; i < 20; i++) {
        peer_say(&other, "PING\r\n");
        peer_expect(&other, "+PONG\r\n");
    }
    struct connection_statistics statistics;
    connection_read_statistics(slow.connection, &statistics);
    assert_true(statistics.waits_writable);
    assert_true(statistics.output_length > 1000000);
    peer_wait_for(&slow, 10000000 + 11 + 2);
    assert_int_equal(slow.received.length, 10000000 + 11 + 2);
    network_fixture_turn(fixture);
    connection_read_statistics(slow.connection, &statistics);
    assert_false(statistics.waits_writable);
    peer_end(&slow);
    peer_end(&other);
}

static void who_does_not_read_is_closed_at_the_hard_limit(void **state)
{
    struct network_fixture *fixture = *state;
    struct network_statistics statistics;
    struct peer silent, other;
    peer_begin(fixture, &silent);
    peer_begin(fixture, &other);
    fixture->known.output_hard_max = 1000000;
    for (int i = 0; i < 100 && fixture->closed == 0; i++) {
        peer_say(&silent, "MANY 100000\r\n");
        network_fixture_turn(fixture);
        network_read_statistics(fixture->network, &statistics);
        assert_true(statistics.output_memory < 1300000);
    }
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_OUTPUT_LIMIT);
    assert_int_equal(statistics.closed_output_limit, 1);
    peer_say(&other, "PING\r\n");
    peer_expect(&other, "+PONG\r\n");
    peer_end(&silent);
    peer_end(&other);
}

static void the_soft_limit_counts_only_when_exceeded_all_the_time(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    fixture->known.output_soft_max = 500000;
    fixture->known.output_soft_ms = 400;
    for (int i = 0; i < 2; i++) {
        peer_say(&peer, "MANY 1000000\r\n");
        network_fixture_turn_for(fixture, 200);
        assert_int_equal(fixture->closed, 0);
        peer_wait_for(&peer, 1000012);
        buffer_clear(&peer.received);
        network_fixture_turn_for(fixture, 250);
    }
    assert_int_equal(fixture->closed, 0);
    peer_say(&peer, "MANY 1000000\r\n");
    network_fixture_turn_for(fixture, 700);
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_OUTPUT_LIMIT);
    peer_end(&peer);
}

/* --- ending --- */

static void a_half_closed_peer_gets_its_answers_first(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    for (int i = 0; i < 3000; i++) /* more than one turn may run */
        peer_say(&peer, "PING\r\n");
    peer_say(&peer, "MANY 3000000\r\nPING"); /* the last one never ends */
    shutdown(peer.socket, SHUT_WR);
    peer_wait_for_end(&peer);
    assert_int_equal(peer.received.length, 3000 * 7 + 3000012);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_BY_PEER);
    peer_end(&peer);
}

static void a_broken_connection_is_closed(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    peer_say(&peer, "MANY 10000000\r\n");
    network_fixture_turn(fixture);
    peer_end(&peer);
    network_fixture_turn_for(fixture, 20);
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_BY_PEER);
}

static void what_follows_quit_is_not_run(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    peer_say(&peer, "PING\r\nQUIT\r\nPING\r\n*1\r\n+rubbish");
    peer_wait_for_end(&peer);
    peer_expect(&peer, "+PONG\r\n+OK\r\n");
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_BY_SERVER);
    assert_int_equal(fixture->protocol_errors, 0);
    peer_end(&peer);
}

static void a_killed_connection_is_freed_at_the_end_of_the_turn(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer killer, victim;
    peer_begin(fixture, &killer);
    peer_begin(fixture, &victim);
    peer_say(&victim, "PING\r\nPING\r\n");
    peer_say(&killer, "KILL 2\r\nKILL 1\r\nPING\r\n"); /* itself too, inside its own run */
    peer_wait_for_end(&victim);
    peer_wait_for_end(&killer);
    assert_int_equal(fixture->closed, 2);
    assert_int_equal(network_connection_count(fixture->network), 0);
    peer_end(&killer);
    peer_end(&victim);
}

/* --- what must not be --- */

static void a_protocol_error_is_answered_and_closes(void **state)
{
    static const char *const said[] = {"*1\r\n+PING\r\n", "*x\r\n", "*2\r\n$4\r\nECHO\r\n$-1\r\n",
                                       "*1\r\n$99999999999\r\n", "ECHO 'open\r\n"};
    static const char *const replies[] = {"expected '$', got '+'", "invalid multibulk length",
                                          "invalid bulk length", "invalid bulk length",
                                          "unbalanced quotes in request"};
    struct network_fixture *fixture = *state;
    for (size_t i = 0; i < 5; i++) {
        struct peer peer;
        char expected[200];
        peer_begin(fixture, &peer);
        peer_say(&peer, "PING\r\n");
        peer_say(&peer, said[i]);
        peer_say(&peer, "PING\r\n");
        peer_wait_for_end(&peer);
        snprintf(expected, sizeof expected, "+PONG\r\n-ERR Protocol error: %s\r\n", replies[i]);
        peer_expect(&peer, expected);
        assert_int_equal(fixture->protocol_errors, i + 1);
        assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_PROTOCOL_ERROR);
        peer_end(&peer);
    }
}

static void rubbish_behind_a_waiting_command_is_not_looked_at_before_its_time(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    peer_say(&peer, "WAIT\r\n*x\r\n");
    peer_expect_nothing(&peer);
    connection_resume(peer.connection);
    peer_wait_for_end(&peer);
    peer_expect(&peer, "-ERR Protocol error: invalid multibulk length\r\n");
    peer_end(&peer);
}

static void a_stranger_is_held_to_small_limits(void **state)
{
    struct network_fixture *fixture = *state;
    fixture->first = &fixture->strangers;
    static const char *const said[] = {"*11\r\n$4\r\nECHO\r\n", "*2\r\n$4\r\nECHO\r\n$16385\r\n"};
    static const char *const replies[] = {"unauthenticated multibulk length",
                                          "unauthenticated bulk length"};
    for (size_t i = 0; i < 2; i++) {
        struct peer peer;
        char expected[100];
        peer_begin(fixture, &peer);
        peer_say(&peer, said[i]);
        peer_wait_for_end(&peer);
        snprintf(expected, sizeof expected, "-ERR Protocol error: %s\r\n", replies[i]);
        peer_expect(&peer, expected);
        peer_end(&peer);
    }
}

static void what_comes_behind_auth_in_one_packet_has_the_new_limits(void **state)
{
    struct network_fixture *fixture = *state;
    fixture->first = &fixture->strangers;
    struct peer peer;
    struct buffer said = {0};
    static char value[100000];
    memset(value, 'v', sizeof value);
    for (size_t length = 20000; length <= sizeof value; length += 80000) {
        peer_begin(fixture, &peer);
        buffer_clear(&said);
        buffer_add_format(&said, "PING\r\nAUTH\r\n*2\r\n$6\r\nLENGTH\r\n$%zu\r\n", length);
        buffer_add(&said, value, length);
        buffer_add_string(&said, "\r\n");
        peer_send(&peer, said.data, said.length);
        char expected[100];
        snprintf(expected, sizeof expected, "+PONG\r\n+OK\r\n:%zu\r\n", length);
        peer_expect(&peer, expected);
        peer_end(&peer);
    }
    buffer_deinit(&said);
}

static void a_stranger_has_to_come_to_the_point(void **state)
{
    struct network_fixture *fixture = *state;
    struct network_statistics statistics;
    fixture->first = &fixture->strangers;
    struct peer idle, slow, member;
    peer_begin(fixture, &idle);
    peer_begin(fixture, &slow);
    peer_begin(fixture, &member);
    peer_say(&member, "AUTH\r\n");
    peer_expect(&member, "+OK\r\n");
    for (int i = 0; i < 12 && fixture->closed < 2; i++) {
        peer_say(&slow, "x");
        network_fixture_turn_for(fixture, 50);
    }
    assert_int_equal(fixture->closed, 2);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_DEADLINE);
    network_read_statistics(fixture->network, &statistics);
    assert_int_equal(statistics.closed_deadline, 2);
    peer_say(&member, "PING\r\n");
    peer_expect(&member, "+PONG\r\n");
    peer_end(&idle);
    peer_end(&slow);
    peer_end(&member);
}

static void a_stranger_who_does_not_read_is_closed_early(void **state)
{
    struct network_fixture *fixture = *state;
    fixture->first = &fixture->strangers;
    fixture->strangers.deadline_ms = 0;
    struct peer peer;
    peer_begin(fixture, &peer);
    peer_say(&peer, "MANY 4000\r\n"); /* more than the limit, but the socket takes it */
    peer_wait_for(&peer, 4008);
    for (int i = 0; i < 1000 && fixture->closed == 0; i++) {
        peer_say(&peer, "MANY 4000\r\n");
        network_fixture_turn(fixture);
    }
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_OUTPUT_LIMIT);
    peer_end(&peer);
}

static void the_query_buffer_has_a_limit(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    static char value[10000];
    memset(value, 'v', sizeof value);
    fixture->known.query_buffer_max = 200000;
    for (int big = 0; big < 2; big++) {
        peer_begin(fixture, &peer);
        peer_say(&peer, big ? "*2\r\n$6\r\nLENGTH\r\n$10000000\r\n" : "*100\r\n");
        for (int i = 0; i < 40 && !peer.ended; i++) {
            if (!big)
                peer_say(&peer, "$10000\r\n");
            peer_send(&peer, value, sizeof value);
            peer_say(&peer, "\r\n");
            network_fixture_turn(fixture);
            peer_take(&peer);
        }
        peer_wait_for_end(&peer);
        assert_int_equal(fixture->last_reason, CONNECTION_CLOSED_INPUT_LIMIT);
        peer_end(&peer);
    }
    struct network_statistics statistics;
    network_read_statistics(fixture->network, &statistics);
    assert_int_equal(statistics.closed_input_limit, 2);
    assert_true(statistics.query_buffer_peak < 400000);
}

/* --- anything, in any pieces --- */

static void add_random_command(struct random *random, struct buffer *said, struct buffer *replies)
{
    static char value[200000];
    if (value[0] == '\0')
        memset(value, 'r', sizeof value);
    uint64_t kind = random_below(random, 10);
    size_t length = random_below(random, kind == 0 ? sizeof value : 300);
    if (kind <= 4) {
        buffer_add_format(said, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", length);
        buffer_add(said, value, length);
        buffer_add_string(said, "\r\n");
        buffer_add_format(replies, "$%zu\r\n", length);
        buffer_add(replies, value, length);
        buffer_add_string(replies, "\r\n");
    } else if (kind <= 6) {
        buffer_add_string(said, "*1\r\n$4\r\nPING\r\n");
        buffer_add_string(replies, "+PONG\r\n");
    } else if (kind == 7) {
        buffer_add_string(said, "\r\nPING\r\n*0\r\n");
        buffer_add_string(replies, "+PONG\r\n");
    } else if (kind == 8) {
        length = random_below(random, 4) == 0 ? random_below(random, sizeof value) : length;
        buffer_add_format(said, "*2\r\n$4\r\nHOLD\r\n$%zu\r\n", length);
        buffer_add(said, value, length);
        buffer_add_string(said, "\r\n");
        buffer_add_format(replies, ":%zu\r\n", length);
    } else {
        buffer_add_string(said, "WAIT\r\n");
    }
}

static void random_pieces_and_pauses_change_no_reply(void **state)
{
    struct network_fixture *fixture = *state;
    struct random random;
    random_init(&random);
    uint64_t seed = random_next_u64(&random);
    print_message("# seed %llu\n", (unsigned long long)seed);
    random_init_seed(&random, seed);
    for (int round = 0; round < 60; round++) {
        struct buffer said = {0}, replies = {0};
        struct peer peer;
        peer_begin(fixture, &peer);
        for (int i = 0; i < 100; i++)
            add_random_command(&random, &said, &replies);
        size_t piece_max = ((size_t)1 << (1 + random_below(&random, 18))) + said.length / 1000;
        for (size_t at = 0; at < said.length;) {
            size_t length = 1 + random_below(&random, piece_max);
            length = length < said.length - at ? length : said.length - at;
            ssize_t sent = socket_send(peer.socket, said.data + at, length);
            at += sent > 0 ? (size_t)sent : 0;
            fixture->hold = random_below(&random, 3) == 0;
            if (random_below(&random, 2) == 0)
                network_fixture_turn(fixture);
            if (sent < 0 || random_below(&random, 4) == 0) {
                connection_resume(peer.connection);
                peer_take(&peer);
            }
        }
        fixture->hold = false;
        for (int i = 0; i < 1000 && peer.received.length < replies.length; i++) {
            connection_resume(peer.connection);
            network_fixture_turn(fixture);
            peer_take(&peer);
        }
        assert_true(slice_equals(buffer_slice(&peer.received), buffer_slice(&replies)));
        buffer_deinit(&said);
        buffer_deinit(&replies);
        peer_end(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(a_pipeline_is_answered_in_order),
        NETWORK_TEST(it_does_not_matter_where_the_bytes_are_cut),
        NETWORK_TEST(one_byte_at_a_time_is_normal),
        NETWORK_TEST(an_idle_connection_keeps_no_buffer),
        NETWORK_TEST(many_arguments_of_medium_size_arrive_whole),
        NETWORK_TEST(a_big_argument_comes_in_a_block_of_its_own),
        NETWORK_TEST(a_command_may_have_several_big_arguments),
        NETWORK_TEST(a_length_alone_takes_no_memory),
        NETWORK_TEST(a_held_command_runs_when_the_connection_goes_on),
        NETWORK_TEST(a_held_command_keeps_its_big_arguments),
        NETWORK_TEST(a_paused_connection_reads_a_little_ahead_and_no_more),
        NETWORK_TEST(the_hang_up_of_a_paused_client_is_seen),
        NETWORK_TEST(reading_can_be_stopped_altogether),
        NETWORK_TEST(a_long_pipeline_shares_the_turn),
        NETWORK_TEST(the_replies_of_one_turn_are_bounded),
        NETWORK_TEST(who_writes_everything_before_reading_is_served),
        NETWORK_TEST(a_push_to_another_leaves_in_the_same_turn),
        NETWORK_TEST(very_many_that_speak_at_once_are_all_answered),
        NETWORK_TEST(who_is_killed_in_the_turn_in_which_he_spoke_hinders_nobody),
        NETWORK_TEST(a_slow_reader_gets_everything_and_hinders_nobody),
        NETWORK_TEST(who_does_not_read_is_closed_at_the_hard_limit),
        NETWORK_TEST(the_soft_limit_counts_only_when_exceeded_all_the_time),
        NETWORK_TEST(a_half_closed_peer_gets_its_answers_first),
        NETWORK_TEST(a_broken_connection_is_closed),
        NETWORK_TEST(what_follows_quit_is_not_run),
        NETWORK_TEST(a_killed_connection_is_freed_at_the_end_of_the_turn),
        NETWORK_TEST(a_protocol_error_is_answered_and_closes),
        NETWORK_TEST(rubbish_behind_a_waiting_command_is_not_looked_at_before_its_time),
        NETWORK_TEST(a_stranger_is_held_to_small_limits),
        NETWORK_TEST(what_comes_behind_auth_in_one_packet_has_the_new_limits),
        NETWORK_TEST(a_stranger_has_to_come_to_the_point),
        NETWORK_TEST(a_stranger_who_does_not_read_is_closed_early),
        NETWORK_TEST(the_query_buffer_has_a_limit),
        NETWORK_TEST(random_pieces_and_pauses_change_no_reply),
    };
    return cmocka_run_group_tests_name("net/connection", tests, NULL, NULL);
}
