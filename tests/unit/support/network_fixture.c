#include "support/network_fixture.h"

#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "system/clock.h"
#include "system/socket.h"

#define WAIT_MS 20000 /* until a test is said to hang */

/* --- the tiny server --- */

static const char *admit(void *context, const struct socket_peer *peer)
{
    struct network_fixture *fixture = context;
    (void)peer;
    return fixture->refusal;
}

static void opened(void *context, struct connection *connection)
{
    struct network_fixture *fixture = context;
    fixture->opened++;
    connection->session = fixture;
    connection_set_limits(connection, fixture->first);
}

static void closed(void *context, struct connection *connection)
{
    struct network_fixture *fixture = context;
    assert_ptr_equal(connection->session, fixture);
    connection->session = NULL;
    fixture->closed++;
    fixture->last_reason = connection->close_reason;
}

static void protocol_error(void *context, struct connection *connection, const char *text,
                           struct slice input)
{
    struct network_fixture *fixture = context;
    (void)connection;
    assert_true(strlen(text) > 0);
    assert_true(input.length > 0);
    fixture->protocol_errors++;
}

static struct connection *other(struct network_fixture *fixture, struct slice id)
{
    uint64_t number = 0;
    assert_true(number_parse_uint64(id, &number));
    return network_find(fixture->network, number);
}

static void reply_many(struct connection *connection, struct slice count)
{
    uint64_t length = 0;
    assert_true(number_parse_uint64(count, &length));
    char *bytes = memory_allocate(length + 1);
    memset(bytes, 'm', length);
    resp_writer_bulk(&connection->reply, slice_of(bytes, length));
    memory_free(bytes);
}

static void reply_length(struct network_fixture *fixture, struct connection *connection,
                         const struct resp_command *command)
{
    size_t length = 0;
    char *block = connection_take_big_argument(connection, command, 1, &length);
    if (block != NULL) {
        assert_int_equal(length, command->arguments[1].length);
        fixture->taken++;
        memory_free(block);
    }
    resp_writer_integer(&connection->reply, (int64_t)command->arguments[1].length);
}

/* GATED <gate> <text>: the text may leave when the gate is open. */
static void reply_gated(struct connection *connection, const struct slice *arguments)
{
    uint64_t gate = 0;
    size_t position = connection->output.length;
    assert_true(number_parse_uint64(arguments[1], &gate));
    resp_writer_simple(&connection->reply, arguments[2]);
    connection_gate_output(connection, position, gate);
}

/* False: held back. */
static bool run_one(struct network_fixture *fixture, struct connection *connection,
                    const struct resp_command *command)
{
    const struct slice *arguments = command->arguments;
    if (command->count == 0)
        return true;
    if (slice_is_word(arguments[0], "PING")) {
        resp_writer_simple(&connection->reply, SLICE("PONG"));
    } else if (slice_is_word(arguments[0], "ECHO")) {
        resp_writer_bulk(&connection->reply, arguments[1]);
    } else if (slice_is_word(arguments[0], "LENGTH")) {
        reply_length(fixture, connection, command);
    } else if (slice_is_word(arguments[0], "MANY")) {
        reply_many(connection, arguments[1]);
    } else if (slice_is_word(arguments[0], "GATED")) {
        reply_gated(connection, arguments);
    } else if (slice_is_word(arguments[0], "QUIT")) {
        resp_writer_ok(&connection->reply);
        connection_close_after_reply(connection);
    } else if (slice_is_word(arguments[0], "AUTH")) {
        connection_set_limits(connection, &fixture->known);
        resp_writer_ok(&connection->reply);
    } else if (slice_is_word(arguments[0], "WAIT")) {
        connection_pause(connection);
    } else if (slice_is_word(arguments[0], "HOLD")) {
        if (fixture->hold) {
            connection_pause(connection);
            return false;
        }
        resp_writer_integer(&connection->reply, (int64_t)arguments[1].length);
    } else if (slice_is_word(arguments[0], "TELL")) {
        struct connection *to = other(fixture, arguments[1]);
        chain_append(&to->output, arguments[2].data, arguments[2].length);
        connection_has_push(to);
        resp_writer_ok(&connection->reply);
    } else if (slice_is_word(arguments[0], "KILL")) {
        connection_close_soon(other(fixture, arguments[1]));
        resp_writer_ok(&connection->reply);
    } else {
        resp_writer_error(&connection->reply, "ERR unknown command");
    }
    return true;
}

static size_t run(void *context, struct connection *connection, struct resp_command *commands,
                  size_t count)
{
    struct network_fixture *fixture = context;
    size_t done = 0;
    assert_true(count > 0 && count <= CONNECTION_BATCH_MAX);
    while (done < count && connection_may_run(connection)) {
        if (!run_one(fixture, connection, &commands[done]))
            break;
        done++;
        fixture->run_in_turn++;
        if (connection->output.length > fixture->output_peak)
            fixture->output_peak = connection->output.length;
    }
    if (connection->output.length > 0)
        connection_has_output(connection);
    return done;
}

/* What is prepared is run later in the turn: nothing may depend on it. */
static void prepare(void *context, struct connection *connection,
                    const struct resp_command *commands, size_t count)
{
    struct network_fixture *fixture = context;
    (void)connection, (void)commands;
    fixture->prepared += count;
}

static void fetch(void *context)
{
    (void)context;
}

static const struct network_handlers handlers = {
    .admit = admit,
    .opened = opened,
    .run = run,
    .prepare = prepare,
    .fetch = fetch,
    .protocol_error = protocol_error,
    .closed = closed,
};

static void begin_turn(void *context)
{
    struct network_fixture *fixture = context;
    clock_update(fixture->clock);
    fixture->run_in_turn = 0;
    network_turn_begin(fixture->network);
}

static void end_turn(void *context)
{
    struct network_fixture *fixture = context;
    network_run_input(fixture->network);
    network_turn_end(fixture->network);
}

int network_fixture_begin(void **state)
{
    struct network_fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    fixture->loop = event_loop_create();
    fixture->clock = clock_create();
    fixture->known = (struct connection_limits){.protocol = {512 * 1024 * 1024, 1024 * 1024, true},
                                                .query_buffer_max = 1024 * 1024 * 1024};
    fixture->strangers = (struct connection_limits){.protocol = {16384, 10, false},
                                                    .query_buffer_max = 65536,
                                                    .output_hard_max = 1024,
                                                    .deadline_ms = 300};
    fixture->first = &fixture->known;
    fixture->network = network_create(fixture->loop, fixture->clock, &handlers, fixture);
    event_loop_set_hooks(fixture->loop, end_turn, begin_turn, fixture);
    *state = fixture;
    return 0;
}

int network_fixture_end(void **state)
{
    struct network_fixture *fixture = *state;
    network_destroy(fixture->network);
    assert_int_equal(fixture->opened, fixture->closed);
    event_loop_destroy(fixture->loop);
    clock_destroy(fixture->clock);
    memory_free(fixture);
    return 0;
}

void network_fixture_turn(struct network_fixture *fixture)
{
    event_loop_run_turn(fixture->loop, 0);
}

void network_fixture_turn_for(struct network_fixture *fixture, int64_t duration_ms)
{
    int64_t end_ms = clock_monotonic_us(fixture->clock) / 1000 + duration_ms;
    while (clock_monotonic_us(fixture->clock) / 1000 < end_ms)
        event_loop_run_turn(fixture->loop, 10);
}

/* --- peers --- */

void peer_begin(struct network_fixture *fixture, struct peer *peer)
{
    int sockets[2];
    assert_int_equal(socket_pair(sockets), OK);
    *peer = (struct peer){.fixture = fixture, .socket = sockets[0]};
    peer->connection = network_adopt(fixture->network, sockets[1]);
}

void peer_end(struct peer *peer)
{
    socket_close(peer->socket);
    buffer_deinit(&peer->received);
}

void peer_send(struct peer *peer, const char *data, size_t length)
{
    int64_t end_ms = clock_monotonic_us(peer->fixture->clock) / 1000 + WAIT_MS;
    while (length > 0) {
        ssize_t sent = socket_send(peer->socket, data, length);
        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
            continue;
        }
        if (sent == SOCKET_FAILED)
            return;
        if (clock_monotonic_us(peer->fixture->clock) / 1000 > end_ms)
            fail_msg("%zu bytes could not be sent", length);
        network_fixture_turn(peer->fixture);
    }
}

void peer_say(struct peer *peer, const char *text)
{
    peer_send(peer, text, strlen(text));
}

void peer_take(struct peer *peer)
{
    char data[65536];
    ssize_t count;
    while ((count = socket_receive(peer->socket, data, sizeof data)) > 0)
        buffer_add(&peer->received, data, (size_t)count);
    if (count == 0 || count == SOCKET_FAILED)
        peer->ended = true;
}

void peer_wait_for(struct peer *peer, size_t length)
{
    int64_t end_ms = clock_monotonic_us(peer->fixture->clock) / 1000 + WAIT_MS;
    for (;;) {
        peer_take(peer);
        if (peer->ended || peer->received.length >= length)
            return;
        if (clock_monotonic_us(peer->fixture->clock) / 1000 > end_ms)
            fail_msg("%zu bytes wanted, %zu came", length, peer->received.length);
        event_loop_run_turn(peer->fixture->loop, 1);
    }
}

void peer_wait_for_end(struct peer *peer)
{
    peer_wait_for(peer, SIZE_MAX);
    assert_true(peer->ended);
}

void peer_expect(struct peer *peer, const char *text)
{
    size_t length = strlen(text);
    peer_wait_for(peer, length);
    if (!slice_equals(buffer_slice(&peer->received), slice_of(text, length)))
        fail_msg("came: '%.*s', expected: '%s'", (int)peer->received.length, peer->received.data,
                 text);
    buffer_clear(&peer->received);
}

void peer_expect_nothing(struct peer *peer)
{
    for (int i = 0; i < 5; i++)
        network_fixture_turn(peer->fixture);
    peer_take(peer);
    assert_int_equal(peer->received.length, 0);
    assert_false(peer->ended);
}
