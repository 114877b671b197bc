/* A network with a tiny server on top, and peers that talk to it through socket pairs; the test
 * turns the loop itself, so that it knows what happens in which turn.
 *
 * Commands: PING, ECHO text, LENGTH text (the length; takes the block of a big one), MANY n (n
 * bytes), QUIT, AUTH (the limits of `known`), WAIT (holds the connection back behind it), HOLD (is
 * held back itself until network_fixture.hold is false), TELL id text (a push to another
 * connection), KILL id. */
#ifndef HOLDFAST_TESTS_NETWORK_FIXTURE_H
#define HOLDFAST_TESTS_NETWORK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "net/network.h"

struct network_fixture {
    struct event_loop *loop;
    struct clock *clock;
    struct network *network;
    struct connection_limits strangers, known;
    struct connection_limits *first; /* limits of new connections: `known` unless a test says */
    const char *refusal;             /* what admit answers */
    bool hold;
    size_t opened, closed, protocol_errors, taken, output_peak;
    size_t run_in_turn, prepared;
    enum connection_close_reason last_reason;
};

int network_fixture_begin(void **state);
int network_fixture_end(void **state);
#define NETWORK_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, network_fixture_begin, network_fixture_end)

/* The other end of a connection. */
struct peer {
    struct network_fixture *fixture;
    struct connection *connection; /* not valid any more once it is closed */
    int socket;
    struct buffer received;
    bool ended; /* the network's side has closed */
};

void peer_begin(struct network_fixture *fixture, struct peer *peer);
void peer_end(struct peer *peer);
/* Writes all, turning the loop when the socket is full. */
void peer_send(struct peer *peer, const char *data, size_t length);
void peer_say(struct peer *peer, const char *text);
/* Takes what has come, without turning. */
void peer_take(struct peer *peer);
/* Turns (at most some seconds) until `length` bytes have come in all, or the connection has ended.
 */
void peer_wait_for(struct peer *peer, size_t length);
void peer_wait_for_end(struct peer *peer);
/* Waits, compares all that has come with `text`, and forgets it. */
void peer_expect(struct peer *peer, const char *text);
/* Nothing has come after some turns. */
void peer_expect_nothing(struct peer *peer);

void network_fixture_turn(struct network_fixture *fixture);
/* Turns for that long. */
void network_fixture_turn_for(struct network_fixture *fixture, int64_t duration_ms);

#endif
