#include <errno.h>

#include "base/memory.h"
#include "base/prefetch.h"
#include "net/connection_private.h"
#include "protocol/resp_request.h"
#include "system/clock.h"

#define SESSION_FETCHED 256 /* bytes of what the server keeps for a connection */
#define INPUT_KEPT_MAX (4 * CONNECTION_GATHER_MAX) /* bytes of buffer a short rest may occupy */

/* --- running what is there --- */

static void begin_share_of_turn(struct connection *connection)
{
    if (connection->turn == connection->network->turn)
        return;
    connection->turn = connection->network->turn;
    connection->turn_commands = 0;
    connection->turn_output_end = connection->output.length + CONNECTION_TURN_OUTPUT_MAX;
}

void connection_parse_anew(struct connection *connection)
{
    resp_parser_destroy(connection->parser);
    connection->parser = resp_parser_create();
}

static void protocol_error(struct connection *connection, struct slice where)
{
    struct network *network = connection->network;
    const char *text = resp_parser_error(connection->parser);
    network->statistics.protocol_errors++;
    bool muted = connection->reply.muted;
    connection->reply.muted = false;
    resp_writer_error_format(&connection->reply, "ERR %s", text);
    connection->reply.muted = muted;
    network->handlers.protocol_error(network->context, connection, text, where);
    connection_close_after_reply_for(connection, CONNECTION_CLOSED_PROTOCOL_ERROR);
}

struct batch {
    struct resp_command commands[CONNECTION_BATCH_MAX];
    size_t lengths[CONNECTION_BATCH_MAX]; /* bytes of input each took */
    size_t count;
    size_t length; /* bytes of input they all took */
    enum resp_status ended;
};

static void parse_batch(struct connection *connection, struct slice input, struct batch *batch)
{
    batch->count = 0;
    batch->length = 0;
    batch->ended = RESP_COMMAND;
    while (batch->count < CONNECTION_BATCH_MAX && batch->length < input.length) {
        struct slice rest = slice_of(input.data + batch->length, input.length - batch->length);
        size_t consumed = 0;
        batch->ended = resp_parser_next(connection->parser, rest, &connection->limits->protocol,
                                        &batch->commands[batch->count], &consumed);
        if (batch->ended != RESP_COMMAND)
            return;
        batch->lengths[batch->count++] = consumed;
        batch->length += consumed;
    }
}

/* Returns how many commands were done; *consumed: the bytes of input they took. */
static size_t run_batch(struct connection *connection, struct batch *batch, size_t *consumed)
{
    struct network *network = connection->network;
    *consumed = 0;
    if (batch->count == 0)
        return 0;
    size_t done =
        network->handlers.run(network->context, connection, batch->commands, batch->count);
    ASSERT(done <= batch->count);
    connection->commands += done;
    connection->turn_commands += (unsigned)done;
    network->statistics.commands += done;
    if (done == batch->count)
        *consumed = batch->length;
    else
        for (size_t i = 0; i < done; i++)
            *consumed += batch->lengths[i];
    return done;
}

static bool has_big_argument(struct connection *connection, const struct resp_command *command)
{
    for (size_t i = 0; i < command->count; i++) {
        if (resp_parser_find_big_argument(connection->parser, command, i) != NULL)
            return true;
    }
    return false;
}

/* Writes a command out again as it came, with `behind` behind it, as the connection's input. */
static enum error write_out_again(struct connection *connection, const struct resp_command *command,
                                  struct slice behind)
{
    struct buffer again = {0};
    enum error error = resp_request_append(&again, command->arguments, command->count);
    if (error == OK)
        error = buffer_append(&again, behind.data, behind.length);
    if (error != OK) {
        buffer_deinit(&again);
        return error;
    }
    buffer_deinit(&connection->input);
    connection->input = again;
    return OK;
}

/* `run` left the commands from number `done` on, which begin `input`: they will be parsed again.
 * Returns what is to be kept. Only the first of a batch can have big arguments, whose bytes are
 * not in the input. */
static struct slice hold_back(struct connection *connection, const struct batch *batch, size_t done,
                              struct slice input)
{
    const struct resp_command *first = &batch->commands[done];
    if (has_big_argument(connection, first)) {
        size_t length = batch->lengths[done];
        struct slice behind = slice_of(input.data + length, input.length - length);
        if (write_out_again(connection, first, behind) == OK)
            input = buffer_slice(&connection->input);
        else
            connection_close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
    }
    connection_parse_anew(connection);
    if (connection->stop == 0)
        connection_go_on_next_turn(connection);
    return input;
}

/* The commands of a batch were parsed, but the connection may not run them now. */
static struct slice leave_batch(struct connection *connection, const struct batch *batch,
                                struct slice input)
{
    if (connection_is_closing(connection))
        return input;
    if (batch->count > 0)
        return hold_back(connection, batch, 0, input);
    if (batch->ended != RESP_INCOMPLETE)
        connection_parse_anew(connection);
    return input;
}

/* Runs commands of `input` until it is used up, or the connection must stop, or has had its
 * share of the turn. Returns the rest that is to be kept. `limits`: not NULL if `batch` has been
 * parsed already, by these. */
static struct slice run_input(struct connection *connection, struct slice input,
                              struct batch *batch, const struct connection_limits *limits)
{
    begin_share_of_turn(connection);
    while (input.length > 0 && connection_may_run(connection) &&
           connection->turn_commands < CONNECTION_TURN_COMMANDS_MAX) {
        if (limits == NULL) {
            limits = connection->limits;
            parse_batch(connection, input, batch);
        }
        size_t consumed;
        size_t done = run_batch(connection, batch, &consumed);
        input = slice_of(input.data + consumed, input.length - consumed);
        if (connection_is_closing(connection))
            return input;
        if (done < batch->count)
            return hold_back(connection, batch, done, input);
        resp_parser_reset_batch(connection->parser);
        /* What comes behind AUTH is judged by the limits that hold then. */
        bool may_differ = limits != connection->limits ||
                          (connection->stop != 0 && batch->ended != RESP_INCOMPLETE);
        limits = NULL;
        if (batch->ended == RESP_COMMAND)
            continue;
        if (batch->count > 0 && may_differ) {
            connection_parse_anew(connection);
            continue;
        }
        if (batch->ended == RESP_ERROR)
            protocol_error(connection, input);
        if (batch->ended == RESP_BIG_ARGUMENT)
            return connection_big_begin(connection, input);
        return input;
    }
    if (limits != NULL)
        return leave_batch(connection, batch, input);
    if (input.length > 0 && connection->stop == 0)
        connection_go_on_next_turn(connection);
    return input;
}

void connection_keep_rest(struct connection *connection, struct slice rest)
{
    struct buffer *input = &connection->input;
    if (connection_is_closing(connection))
        return;
    if (rest.length == 0) {
        buffer_deinit(input);
        return;
    }
    const char *own_end = input->data + input->length;
    if (input->data != NULL && rest.data >= input->data && rest.data < own_end) {
        size_t dropped = (size_t)(rest.data - input->data);
        input->length = dropped + rest.length; /* a big argument's bytes were cut off its end */
        if (rest.length > CONNECTION_GATHER_MAX || input->capacity <= INPUT_KEPT_MAX) {
            buffer_drop_front(input, dropped);
            return;
        }
    }
    struct buffer kept = {0};
    if (input->data == NULL || input->capacity > INPUT_KEPT_MAX || input->capacity < rest.length) {
        if (buffer_append(&kept, rest.data, rest.length) != OK) {
            connection_close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
            return;
        }
        buffer_deinit(input);
        *input = kept;
    } else {
        memcpy(input->data, rest.data, rest.length);
        input->length = rest.length;
    }
}

static void check_input_limit(struct connection *connection)
{
    struct network *network = connection->network;
    size_t held = connection->input.length + connection->big_filled;
    if (held > network->statistics.query_buffer_peak)
        network->statistics.query_buffer_peak = held;
    held += connection->queued_input;
    size_t limit = connection->limits->query_buffer_max;
    if (limit == 0 || held <= limit || connection_is_closing(connection))
        return;
    network->statistics.closed_input_limit++;
    connection_close_for(connection, CONNECTION_CLOSED_INPUT_LIMIT);
}

static void after_input(struct connection *connection)
{
    if (!connection_is_closing(connection))
        check_input_limit(connection);
    if (connection_is_closing(connection))
        return;
    bool goes_on =
        !list_is_empty(&connection->ready_link) || (connection->stop & CONNECTION_STOP_GATED);
    if (connection->peer_ended && !goes_on) {
        /* A client that waits for something will never hear of it. */
        if (connection->stop & CONNECTION_STOP_PAUSED)
            connection_close_for(connection, CONNECTION_CLOSED_BY_PEER);
        else
            connection_close_after_reply_for(connection, CONNECTION_CLOSED_BY_PEER);
    }
    connection_update_interest(connection);
}

void connection_input_go_on(struct connection *connection)
{
    struct batch batch;
    if (connection->big_block == NULL)
        connection_keep_rest(connection,
                             run_input(connection, buffer_slice(&connection->input), &batch, NULL));
    after_input(connection);
}

/* --- several connections at once: read first, then run --- */

/* What one connection has sent, put aside until some more have been read or the turn ends: the
 * commands of all are parsed, then all their keys fetched from memory, then they run. The misses of
 * many keys overlap, and the processor keeps one kind of code at hand at a time. */
struct put_aside {
    struct connection *connection;
    struct slice input;
    const struct connection_limits *limits; /* by which it was parsed; NULL: not yet */
    struct batch batch;
};

struct connection_gathering {
    size_t count;
    struct put_aside inputs[NETWORK_GATHER_MAX];
};

struct connection_gathering *connection_gathering_create(void)
{
    return memory_allocate_zeroed(sizeof(struct connection_gathering));
}

static void prepare(struct put_aside *aside)
{
    struct connection *connection = aside->connection;
    struct network *network = connection->network;
    aside->limits = NULL;
    begin_share_of_turn(connection);
    if (connection_is_closing(connection) || !connection_may_run(connection))
        return;
    aside->limits = connection->limits;
    parse_batch(connection, aside->input, &aside->batch);
    if (aside->batch.count > 0 && network->handlers.prepare != NULL)
        network->handlers.prepare(network->context, connection, aside->batch.commands,
                                  aside->batch.count);
}

/* In a turn of very many connections what belongs to these would be out of the processor's caches
 * by its end. */
static void send_now(struct put_aside *asides, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct connection *connection = asides[i].connection;
        if (list_is_empty(&connection->output_link))
            continue;
        list_remove(&connection->output_link);
        connection_output_end_turn(connection);
    }
}

void connection_input_run_gathered(struct network *network)
{
    struct connection_gathering *gathering = network->gathering;
    size_t count = gathering->count;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        prepare(&gathering->inputs[i]);
    if (network->handlers.fetch != NULL)
        network->handlers.fetch(network->context);
    for (size_t i = 0; i < count; i++) {
        struct put_aside *aside = &gathering->inputs[i];
        struct connection *connection = aside->connection;
        if (connection_is_closing(connection))
            continue;
        connection_keep_rest(connection,
                             run_input(connection, aside->input, &aside->batch, aside->limits));
        after_input(connection);
    }
    gathering->count = 0;
    network->ran_in_turn += count;
    if (network->ran_in_turn > NETWORK_SENDS_LATE_MAX)
        send_now(gathering->inputs, count);
}

static bool is_put_aside(const struct connection *connection)
{
    const struct connection_gathering *gathering = connection->network->gathering;
    for (size_t i = 0; i < gathering->count; i++)
        if (gathering->inputs[i].connection == connection)
            return true;
    return false;
}

static void put_aside(struct connection *connection, struct slice input)
{
    struct connection_gathering *gathering = connection->network->gathering;
    struct put_aside *aside = &gathering->inputs[gathering->count++];
    aside->connection = connection;
    aside->input = input;
}

/* --- reading --- */

/* False: out of memory. */
static bool make_room(struct connection *connection, struct connection_room *room)
{
    struct buffer *input = &connection->input;
    struct network *network = connection->network;
    *room = (struct connection_room){
        .base = network->read_buffers[network->gathering->count],
        .kept = input->length,
    };
    if (connection->big_block != NULL) {
        if (!connection_big_make_room(connection, room))
            return false;
        if (connection->big_filled + room->vectors[0].iov_len < connection->big_length)
            return true;
    }
    size_t capacity = NETWORK_READ_SIZE;
    /* What comes with the first bytes of a big argument must be copied into its block. */
    if (connection->expects_big && connection->big_block == NULL && input->length == 0) {
        if (connection_big_guess(connection, room))
            return true;
        capacity = CONNECTION_BIG_HEAD_READ;
    }
    connection->expects_big = false;
    if (input->length <= CONNECTION_GATHER_MAX) {
        if (input->length > 0)
            memcpy(room->base, input->data, input->length);
    } else {
        if (buffer_reserve(input, NETWORK_READ_SIZE / 2) != OK)
            return false;
        room->base = input->data;
        capacity = input->capacity;
    }
    room->vectors[room->count++] =
        (struct iovec){room->base + input->length, capacity - input->length};
    return true;
}

/* False: it was put aside, to be run later in this turn. */
static bool take_received(struct connection *connection, struct connection_room *room,
                          size_t received)
{
    if (!connection_big_take(connection, room, &received))
        return true;
    if (room->base == connection->input.data)
        connection->input.length += received;
    put_aside(connection, slice_of(room->base, room->kept + received));
    return false;
}

/* Of thousands of connections none is in the processor's caches: what its commands will need is
 * fetched while the kernel copies them. */
static void fetch_what_follows(const struct connection *connection)
{
    prefetch_bytes(connection->session, SESSION_FETCHED);
    resp_parser_prefetch(connection->parser);
}

void connection_input_read(struct connection *connection)
{
    struct network *network = connection->network;
    struct connection_room room;
    prefetch_bytes(connection, sizeof *connection);
    if (network->gathering->count == NETWORK_GATHER_MAX || is_put_aside(connection))
        connection_input_run_gathered(network);
    if (!make_room(connection, &room)) {
        connection_close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
        return;
    }
    fetch_what_follows(connection);
    ssize_t received =
        room.count == 1
            ? socket_receive(connection->socket, room.vectors[0].iov_base, room.vectors[0].iov_len)
            : socket_receive_vectors(connection->socket, room.vectors, room.count);
    network->statistics.reads++;
    int failure = errno;
    if (received <= 0)
        memory_free(room.guess);
    if (received == SOCKET_BUSY)
        return;
    if (received < 0) {
        connection->close_errno = failure;
        connection_close_for(connection, CONNECTION_CLOSED_BY_PEER);
        return;
    }
    if (received == 0) {
        connection->peer_ended = true;
    } else {
        connection->last_interaction_ms = clock_cached_ms(network->clock);
        connection->input_bytes += (uint64_t)received;
        network->statistics.input_bytes += (uint64_t)received;
        if (!take_received(connection, &room, (size_t)received))
            return;
    }
    after_input(connection);
}
