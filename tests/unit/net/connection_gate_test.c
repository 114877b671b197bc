#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/network_fixture.h"

static void release(struct network_fixture *fixture, uint64_t gate)
{
    network_release(fixture->network, gate);
    network_fixture_turn(fixture);
}

static void without_gates_nothing_waits(void **state)
{
    struct peer peer;
    peer_begin(*state, &peer);
    peer_say(&peer, "GATED 7 a\r\n"); /* as at first: all gates are open */
    peer_expect(&peer, "+a\r\n");
    peer_end(&peer);
}

static void output_leaves_up_to_the_first_closed_gate(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    peer_say(&peer, "PING\r\nGATED 1 one\r\nPING\r\nGATED 2 two\r\nPING\r\n");
    peer_expect(&peer, "+PONG\r\n");
    peer_expect_nothing(&peer);
    release(fixture, 1);
    peer_expect(&peer, "+one\r\n+PONG\r\n");
    peer_expect_nothing(&peer);
    release(fixture, 2);
    peer_expect(&peer, "+two\r\n+PONG\r\n");
    peer_end(&peer);
}

static void a_lower_gate_behind_a_higher_one_waits_with_it(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    peer_say(&peer, "GATED 5 five\r\nGATED 3 three\r\n");
    release(fixture, 4);
    peer_expect_nothing(&peer);
    release(fixture, 5);
    peer_expect(&peer, "+five\r\n+three\r\n");
    peer_end(&peer);
}

static void an_open_gate_holds_nothing(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 9);
    peer_say(&peer, "GATED 9 nine\r\n");
    peer_expect(&peer, "+nine\r\n");
    peer_end(&peer);
}

/* Positions are counted from the first byte ever: what was sent before must not move a gate. */
static void gates_stay_where_they_are_while_output_is_sent_in_parts(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    const size_t large = 20000000; /* more than a socket takes at once */
    peer_say(&peer, "MANY 20000000\r\nGATED 1 behind\r\n");
    peer_wait_for(&peer, large + 13);
    network_fixture_turn_for(fixture, 20);
    peer_take(&peer);
    assert_int_equal(peer.received.length, large + 13); /* "$20000000", line ends, no more */
    release(fixture, 1);
    peer_wait_for(&peer, large + 13 + 9);
    assert_memory_equal(peer.received.data + large + 13, "+behind\r\n", 9);
    peer_end(&peer);
}

static void very_many_gates_of_one_connection_open_in_order(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    enum { GATES = 5000 };
    for (int gate = 1; gate <= GATES; gate++) {
        char line[64];
        snprintf(line, sizeof line, "GATED %d x\r\n", gate);
        peer_say(&peer, line);
    }
    for (int gate = 1; gate <= GATES; gate += 499) {
        release(fixture, (uint64_t)gate);
        peer_wait_for(&peer, (size_t)gate * 4);
        network_fixture_turn(fixture);
        peer_take(&peer);
        assert_int_equal(peer.received.length, gate * 4);
    }
    release(fixture, GATES);
    peer_wait_for(&peer, GATES * 4);
    peer_end(&peer);
}

static void ten_thousand_gated_replies_of_many_connections_all_come(void **state)
{
    struct network_fixture *fixture = *state;
    enum { PEERS = 100, EACH = 100 };
    struct peer *peers = memory_allocate_zeroed(PEERS * sizeof *peers);
    release(fixture, 0);
    for (int i = 0; i < PEERS; i++) {
        peer_begin(fixture, &peers[i]);
        for (int k = 1; k <= EACH; k++) {
            char line[64];
            snprintf(line, sizeof line, "GATED %d y\r\n", k);
            peer_say(&peers[i], line);
        }
    }
    network_fixture_turn_for(fixture, 50);
    for (int i = 0; i < PEERS; i++) {
        peer_take(&peers[i]);
        assert_int_equal(peers[i].received.length, 0);
    }
    release(fixture, EACH);
    for (int i = 0; i < PEERS; i++) {
        peer_wait_for(&peers[i], EACH * 4);
        peer_end(&peers[i]);
    }
    memory_free(peers);
}

static void a_gated_connection_can_be_killed(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer gated, killer;
    peer_begin(fixture, &gated);
    peer_begin(fixture, &killer);
    release(fixture, 0);
    peer_say(&gated, "GATED 1 never\r\n");
    network_fixture_turn(fixture);
    peer_say(&killer, "KILL 1\r\n");
    peer_expect(&killer, "+OK\r\n");
    peer_wait_for_end(&gated);
    assert_int_equal(gated.received.length, 0);
    release(fixture, 1); /* nobody is there any more */
    peer_say(&killer, "PING\r\n");
    peer_expect(&killer, "+PONG\r\n");
    peer_end(&gated);
    peer_end(&killer);
}

static void a_connection_that_ends_after_its_reply_waits_for_the_gate(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    peer_say(&peer, "GATED 1 kept\r\nQUIT\r\n");
    peer_expect_nothing(&peer);
    assert_false(peer.ended);
    release(fixture, 1);
    peer_wait_for_end(&peer);
    assert_int_equal(peer.received.length, 12);
    assert_memory_equal(peer.received.data, "+kept\r\n+OK\r\n", 12);
    peer_end(&peer);
}

/* At the end of the process what is not durable is not sent. */
static void gated_bytes_do_not_leave_when_everything_else_is_sent(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    peer_say(&peer, "PING\r\nGATED 1 never\r\n");
    peer_expect(&peer, "+PONG\r\n");
    assert_int_equal(network_send_remaining(fixture->network), 8);
    peer_expect_nothing(&peer);
    peer_end(&peer);
}

static void the_last_gate_is_what_the_next_output_waits_for(void **state)
{
    struct network_fixture *fixture = *state;
    struct peer peer;
    peer_begin(fixture, &peer);
    release(fixture, 0);
    assert_int_equal(connection_last_gate(peer.connection), 0);
    peer_say(&peer, "GATED 4 a\r\nGATED 6 b\r\n");
    network_fixture_turn_for(fixture, 20);
    assert_int_equal(connection_last_gate(peer.connection), 6);
    release(fixture, 5);
    assert_int_equal(connection_last_gate(peer.connection), 6);
    release(fixture, 6);
    assert_int_equal(connection_last_gate(peer.connection), 0);
    peer_end(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(without_gates_nothing_waits),
        NETWORK_TEST(output_leaves_up_to_the_first_closed_gate),
        NETWORK_TEST(a_lower_gate_behind_a_higher_one_waits_with_it),
        NETWORK_TEST(an_open_gate_holds_nothing),
        NETWORK_TEST(gates_stay_where_they_are_while_output_is_sent_in_parts),
        NETWORK_TEST(very_many_gates_of_one_connection_open_in_order),
        NETWORK_TEST(ten_thousand_gated_replies_of_many_connections_all_come),
        NETWORK_TEST(a_gated_connection_can_be_killed),
        NETWORK_TEST(a_connection_that_ends_after_its_reply_waits_for_the_gate),
        NETWORK_TEST(gated_bytes_do_not_leave_when_everything_else_is_sent),
        NETWORK_TEST(the_last_gate_is_what_the_next_output_waits_for),
    };
    return cmocka_run_group_tests_name("net/connection_gate", tests, NULL, NULL);
}
