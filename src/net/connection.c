#include "net/connection.h"

#include <errno.h>

#include "base/memory.h"
#include "net/connection_private.h"
#include "system/clock.h"

#define READ_MIN 16384           /* bytes of room for a read behind a rest */
#define BIG_FIRST_CAPACITY 65536 /* bytes; then doubled as they are filled */

static void connection_ready(void *context, unsigned events);

/* --- life --- */

struct connection *connection_create(struct network *network, int socket,
                                     const struct socket_peer *peer)
{
    struct connection *connection = memory_allocate_zeroed(sizeof *connection);
    connection->network = network;
    connection->socket = socket;
    connection->created_ms = connection->last_interaction_ms = clock_cached_ms(network->clock);
    connection->is_unix = peer->is_unix;
    connection->is_loopback = peer->is_loopback;
    connection->peer_address = memory_copy_string(peer->address);
    connection->parser = resp_parser_create();
    chain_init(&connection->output, network->pool);
    connection->reply = (struct resp_writer){.out = &connection->output, .version = 2};
    list_init(&connection->link);
    list_init(&connection->output_link);
    list_init(&connection->ready_link);
    list_init(&connection->deadline_link);
    event_io_init(&connection->io, network->loop, socket, connection_ready, connection);
    network_add(network, connection);
    network->handlers.opened(network->context, connection);
    ASSERT(connection->limits != NULL || connection_is_closing(connection));
    if (!connection_is_closing(connection))
        event_io_set(&connection->io, EVENT_READABLE);
    return connection;
}

void connection_destroy(struct connection *connection)
{
    event_io_stop(&connection->io);
    socket_close(connection->socket);
    chain_deinit(&connection->output);
    buffer_deinit(&connection->input);
    memory_free(connection->big_block);
    resp_parser_destroy(connection->parser);
    memory_free(connection->peer_address);
    memory_free(connection->local_address);
    memory_free(connection);
}

static void close_for(struct connection *connection, enum connection_close_reason reason)
{
    if (connection_is_closing(connection))
        return;
    if (connection->close_reason == CONNECTION_OPEN)
        connection->close_reason = reason;
    connection->stop |= CONNECTION_STOP_CLOSING;
    event_io_stop(&connection->io);
    list_remove(&connection->output_link);
    list_remove(&connection->ready_link);
    list_remove(&connection->deadline_link);
    network_remove(connection->network, connection);
}

void connection_close_soon(struct connection *connection)
{
    close_for(connection, CONNECTION_CLOSED_BY_SERVER);
}

static void close_after_reply_for(struct connection *connection,
                                  enum connection_close_reason reason)
{
    if (connection->close_reason == CONNECTION_OPEN)
        connection->close_reason = reason;
    connection->stop |= CONNECTION_STOP_AFTER_REPLY;
    if (!connection_is_closing(connection))
        connection_has_output(connection);
}

void connection_close_after_reply(struct connection *connection)
{
    close_after_reply_for(connection, CONNECTION_CLOSED_BY_SERVER);
}

/* --- what the socket is watched for --- */

static void update_interest(struct connection *connection)
{
    if (connection_is_closing(connection))
        return;
    bool full = (connection->stop & CONNECTION_STOP_PAUSED) &&
                connection->input.length >= CONNECTION_PAUSED_INPUT_MAX;
    bool reads = !connection->reading_paused && !connection->peer_ended && !full &&
                 !connection_closes_after_reply(connection);
    unsigned interest = (reads ? EVENT_READABLE : EVENT_NONE) |
                        (connection->wants_write ? EVENT_WRITABLE : EVENT_NONE);
    event_io_set(&connection->io, interest);
}

static void go_on_next_turn(struct connection *connection)
{
    if (!list_is_empty(&connection->ready_link) || connection_is_closing(connection))
        return;
    list_add_last(&connection->network->ready, &connection->ready_link);
    event_loop_turn_again(connection->network->loop);
}

void connection_pause(struct connection *connection)
{
    connection->stop |= CONNECTION_STOP_PAUSED;
    update_interest(connection);
}

void connection_resume(struct connection *connection)
{
    if (!(connection->stop & CONNECTION_STOP_PAUSED))
        return;
    connection->stop &= ~(unsigned)CONNECTION_STOP_PAUSED;
    update_interest(connection);
    go_on_next_turn(connection);
}

void connection_pause_reading(struct connection *connection)
{
    connection->reading_paused = true;
    update_interest(connection);
}

void connection_resume_reading(struct connection *connection)
{
    connection->reading_paused = false;
    update_interest(connection);
}

/* --- input: running what is there --- */

/* One more batch of this turn is allowed; if not, the rest waits for the next turn. */
static bool has_share_of_turn(struct connection *connection)
{
    if (connection->turn != connection->network->turn) {
        connection->turn = connection->network->turn;
        connection->turn_commands = 0;
    }
    if (connection->turn_commands < CONNECTION_TURN_COMMANDS_MAX &&
        connection->output.length < CONNECTION_TURN_OUTPUT_MAX)
        return true;
    connection->stop |= CONNECTION_STOP_TURN;
    go_on_next_turn(connection);
    return false;
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
    close_after_reply_for(connection, CONNECTION_CLOSED_PROTOCOL_ERROR);
}

/* A command that was held back and whose big arguments are not in the input any more is written out
 * again as it came, before `rest`: it will be parsed anew. */
static enum error write_out_again(struct connection *connection, const struct resp_command *command,
                                  struct slice rest)
{
    struct buffer again = {0};
    buffer_add_format(&again, "*%zu\r\n", command->count);
    enum error error = OK;
    for (size_t i = 0; i < command->count && error == OK; i++) {
        struct slice argument = command->arguments[i];
        buffer_add_format(&again, "$%zu\r\n", argument.length);
        error = buffer_append(&again, argument.data, argument.length);
        buffer_add_string(&again, "\r\n");
    }
    if (error == OK)
        error = buffer_append(&again, rest.data, rest.length);
    if (error != OK) {
        buffer_deinit(&again);
        return error;
    }
    buffer_deinit(&connection->input);
    connection->input = again;
    return OK;
}

static bool has_big_argument(struct connection *connection, const struct resp_command *command)
{
    for (size_t i = 0; i < command->count; i++) {
        if (resp_parser_find_big_argument(connection->parser, command, i) != NULL)
            return true;
    }
    return false;
}

/* Begins to collect a big argument whose first bytes are the last of `input`. */
static bool begin_big_argument(struct connection *connection, struct slice first)
{
    connection->big_length = resp_parser_big_argument_length(connection->parser);
    size_t capacity = first.length * 2 > BIG_FIRST_CAPACITY ? first.length * 2 : BIG_FIRST_CAPACITY;
    connection->big_capacity =
        capacity < connection->big_length ? capacity : connection->big_length;
    connection->big_block = memory_try_allocate(connection->big_capacity);
    if (connection->big_block == NULL)
        return false;
    connection->big_filled = first.length;
    if (first.length > 0)
        memcpy(connection->big_block, first.data, first.length);
    return true;
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

/* Runs a batch. Returns the bytes of input that are done with; *all: nothing was held back. */
static size_t run_batch(struct connection *connection, struct batch *batch, size_t *done)
{
    struct network *network = connection->network;
    *done = 0;
    if (batch->count > 0 && connection_may_run(connection))
        *done = network->handlers.run(network->context, connection, batch->commands, batch->count);
    ASSERT(*done <= batch->count);
    connection->commands += *done;
    connection->turn_commands += (unsigned)*done;
    network->statistics.commands += *done;
    size_t consumed = 0;
    for (size_t i = 0; i < *done; i++)
        consumed += batch->lengths[i];
    return consumed;
}

/* What a batch left: its bytes will be parsed again, so the parser forgets that it saw them.
 * Returns false if the input was replaced. */
static bool hold_back(struct connection *connection, const struct batch *batch, size_t done,
                      struct slice rest)
{
    const struct resp_command *first = &batch->commands[done];
    bool replaced = false;
    if (has_big_argument(connection, first)) {
        struct slice behind =
            slice_of(rest.data + batch->lengths[done], rest.length - batch->lengths[done]);
        if (write_out_again(connection, first, behind) != OK)
            close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
        replaced = true;
    }
    resp_parser_destroy(connection->parser);
    connection->parser = resp_parser_create();
    return !replaced;
}

/* Runs commands of `input` until it is used up or the connection must stop. Returns the rest that
 * is to be kept; its data is NULL if it stands in connection->input already. */
static struct slice run_input(struct connection *connection, struct slice input)
{
    struct batch batch;
    while (input.length > 0 && connection_may_run(connection) && has_share_of_turn(connection)) {
        parse_batch(connection, input, &batch);
        size_t done;
        size_t consumed = run_batch(connection, &batch, &done);
        input = slice_of(input.data + consumed, input.length - consumed);
        if (connection_is_closing(connection))
            return slice_of(input.data, 0);
        if (done < batch.count)
            return hold_back(connection, &batch, done, input) ? input : slice_of(NULL, 0);
        resp_parser_reset_batch(connection->parser);
        if (batch.ended == RESP_ERROR && !connection_closes_after_reply(connection)) {
            protocol_error(connection, input);
            return slice_of(input.data, 0);
        }
        if (batch.ended == RESP_BIG_ARGUMENT) {
            size_t start = resp_parser_big_argument_start(connection->parser);
            if (!begin_big_argument(connection, slice_of(input.data + start, input.length - start)))
                close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
            return slice_of(input.data, start);
        }
        if (batch.ended == RESP_INCOMPLETE)
            return input;
    }
    return input;
}

static void keep_rest(struct connection *connection, struct slice rest)
{
    struct buffer *input = &connection->input;
    if (rest.data == NULL || connection_is_closing(connection))
        return;
    bool own =
        input->data != NULL && rest.data >= input->data && rest.data <= input->data + input->length;
    if (own) {
        size_t dropped = (size_t)(rest.data - input->data);
        input->length = dropped + rest.length; /* a big argument's bytes were cut off its end */
        buffer_drop_front(input, dropped);
    } else if (rest.length > 0 && buffer_append(input, rest.data, rest.length) != OK) {
        close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
        return;
    }
    if (input->length == 0)
        buffer_deinit(input);
}

static void check_input_limit(struct connection *connection)
{
    struct network *network = connection->network;
    size_t held = connection->input.length + connection->big_filled;
    if (held > network->statistics.query_buffer_peak)
        network->statistics.query_buffer_peak = held;
    if (connection_is_closing(connection) || connection->limits->query_buffer_max == 0 ||
        held <= connection->limits->query_buffer_max)
        return;
    network->statistics.closed_input_limit++;
    close_for(connection, CONNECTION_CLOSED_INPUT_LIMIT);
}

static void after_input(struct connection *connection)
{
    check_input_limit(connection);
    if (connection_is_closing(connection))
        return;
    if (connection->output.length > 0)
        connection_has_output(connection);
    if (connection->peer_ended && list_is_empty(&connection->ready_link))
        close_after_reply_for(connection, CONNECTION_CLOSED_BY_PEER);
    update_interest(connection);
}

void connection_go_on(struct connection *connection)
{
    connection->stop &= ~(unsigned)CONNECTION_STOP_TURN;
    if (connection->big_block == NULL)
        keep_rest(connection, run_input(connection, buffer_slice(&connection->input)));
    after_input(connection);
}

/* --- input: reading --- */

/* Room for more of the big argument: twice as much as has come, never more than it says. */
static bool grow_big_block(struct connection *connection)
{
    if (connection->big_filled < connection->big_capacity)
        return true;
    size_t capacity = connection->big_capacity * 2;
    if (capacity > connection->big_length)
        capacity = connection->big_length;
    char *block = memory_try_resize(connection->big_block, capacity);
    if (block == NULL)
        return false;
    connection->big_block = block;
    connection->big_capacity = capacity;
    return true;
}

static void read_big_argument(struct connection *connection, ssize_t *received)
{
    if (!grow_big_block(connection)) {
        close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
        *received = SOCKET_BUSY;
        return;
    }
    *received = socket_receive(connection->socket, connection->big_block + connection->big_filled,
                               connection->big_capacity - connection->big_filled);
    if (*received <= 0)
        return;
    connection->big_filled += (size_t)*received;
    if (connection->big_filled < connection->big_length)
        return;
    resp_parser_supply(connection->parser, connection->big_block, connection->big_length);
    connection->big_block = NULL;
    connection->big_filled = connection->big_capacity = 0;
}

static void read_behind_rest(struct connection *connection, ssize_t *received)
{
    struct buffer *input = &connection->input;
    if (buffer_reserve(input, READ_MIN) != OK) {
        close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
        *received = SOCKET_BUSY;
        return;
    }
    size_t room = input->capacity - input->length;
    *received = socket_receive(connection->socket, input->data + input->length, room);
    if (*received > 0) {
        input->length += (size_t)*received;
        keep_rest(connection, run_input(connection, buffer_slice(input)));
    }
}

static void connection_read(struct connection *connection)
{
    struct network *network = connection->network;
    ssize_t received;
    if (connection->big_block != NULL) {
        read_big_argument(connection, &received);
    } else if (connection->input.length > 0) {
        read_behind_rest(connection, &received);
    } else {
        received = socket_receive(connection->socket, network->read_buffer, NETWORK_READ_SIZE);
        if (received > 0)
            keep_rest(connection,
                      run_input(connection, slice_of(network->read_buffer, (size_t)received)));
    }
    network->statistics.reads++;
    if (received == SOCKET_FAILED) {
        connection->close_errno = errno;
        close_for(connection, CONNECTION_CLOSED_BY_PEER);
    } else if (received == 0 && (connection->stop & CONNECTION_STOP_PAUSED)) {
        close_for(connection, CONNECTION_CLOSED_BY_PEER);
    } else if (received == 0) {
        connection->peer_ended = true;
        after_input(connection);
    } else if (received > 0) {
        connection->last_interaction_ms = clock_cached_ms(network->clock);
        connection->input_bytes += (uint64_t)received;
        network->statistics.input_bytes += (uint64_t)received;
        after_input(connection);
    }
}

static void connection_ready(void *context, unsigned events)
{
    struct connection *connection = context;
    if (events & EVENT_WRITABLE)
        connection_send_output(connection);
    if ((events & EVENT_READABLE) && !connection_is_closing(connection) &&
        !(connection->stop & (CONNECTION_STOP_TURN | CONNECTION_STOP_AFTER_REPLY)))
        connection_read(connection);
}

/* --- output --- */

void connection_register_output(struct connection *connection)
{
    if (!connection_is_closing(connection))
        list_add_last(&connection->network->outputs, &connection->output_link);
}

static void close_output_limit(struct connection *connection)
{
    connection->network->statistics.closed_output_limit++;
    close_for(connection, CONNECTION_CLOSED_OUTPUT_LIMIT);
}

void connection_check_output(struct connection *connection)
{
    const struct connection_limits *limits = connection->limits;
    if (connection_is_closing(connection) || limits == NULL)
        return;
    size_t memory = connection->output.memory;
    if (limits->output_hard_max > 0 && memory > limits->output_hard_max) {
        close_output_limit(connection);
    } else if (limits->output_soft_max == 0 || memory <= limits->output_soft_max) {
        connection->soft_limit_since_ms = 0;
    } else if (connection->soft_limit_since_ms == 0) {
        connection->soft_limit_since_ms = clock_cached_ms(connection->network->clock);
        network_watch_deadline(connection->network, connection);
    }
}

/* The one place where bytes leave: later, a gate will let out only what is durable. */
void connection_send_output(struct connection *connection)
{
    struct network *network = connection->network;
    struct chain *output = &connection->output;
    size_t sent_in_turn = 0;
    while (output->length > 0 && sent_in_turn < CONNECTION_TURN_SEND_MAX) {
        struct iovec vectors[SOCKET_VECTORS_MAX];
        int count = chain_vectors(output, vectors, SOCKET_VECTORS_MAX);
        ssize_t sent = socket_send_vectors(connection->socket, vectors, count);
        network->statistics.writes++;
        if (sent == SOCKET_BUSY)
            break;
        if (sent < 0) {
            connection->close_errno = errno;
            close_for(connection, CONNECTION_CLOSED_BY_PEER);
            return;
        }
        chain_consume(output, (size_t)sent);
        sent_in_turn += (size_t)sent;
        connection->output_bytes += (uint64_t)sent;
        network->statistics.output_bytes += (uint64_t)sent;
        connection->last_interaction_ms = clock_cached_ms(network->clock);
    }
    if (output->length == 0 && connection_closes_after_reply(connection)) {
        close_for(connection, CONNECTION_CLOSED_BY_SERVER);
        return;
    }
    connection->wants_write = output->length > 0;
    connection_check_output(connection);
    update_interest(connection);
}

bool connection_check_deadlines(struct connection *connection, int64_t now_ms)
{
    if (connection->limits_deadline_ms != 0 && now_ms >= connection->limits_deadline_ms) {
        connection->network->statistics.closed_deadline++;
        close_for(connection, CONNECTION_CLOSED_DEADLINE);
        return true;
    }
    if (connection->soft_limit_since_ms != 0) {
        connection_check_output(connection);
        if (!connection_is_closing(connection) && connection->soft_limit_since_ms != 0 &&
            now_ms - connection->soft_limit_since_ms >= connection->limits->output_soft_ms)
            close_output_limit(connection);
    }
    return connection->limits_deadline_ms != 0 || connection->soft_limit_since_ms != 0;
}

/* --- settings and looking --- */

void connection_set_limits(struct connection *connection, const struct connection_limits *limits)
{
    connection->limits = limits;
    connection->limits_deadline_ms =
        limits->deadline_ms > 0 ? clock_cached_ms(connection->network->clock) + limits->deadline_ms
                                : 0;
    if (connection->limits_deadline_ms != 0)
        network_watch_deadline(connection->network, connection);
}

void connection_set_keepalive(struct connection *connection, int interval_s)
{
    if (!connection->is_unix)
        socket_set_keepalive(connection->socket, interval_s);
}

const char *connection_peer_address(const struct connection *connection)
{
    return connection->peer_address;
}

const char *connection_local_address(struct connection *connection)
{
    if (connection->local_address == NULL) {
        char address[SOCKET_ADDRESS_MAX];
        socket_local_address(connection->socket, address);
        connection->local_address = memory_copy_string(address);
    }
    return connection->local_address;
}

int connection_descriptor(const struct connection *connection)
{
    return connection->socket;
}

char *connection_take_big_argument(struct connection *connection,
                                   const struct resp_command *command, size_t index, size_t *length)
{
    struct resp_big_argument *big =
        resp_parser_find_big_argument(connection->parser, command, index);
    if (big == NULL || big->block == NULL)
        return NULL;
    char *block = big->block;
    big->block = NULL;
    *length = big->length;
    return block;
}

void connection_read_statistics(const struct connection *connection,
                                struct connection_statistics *out)
{
    const struct chain *output = &connection->output;
    unsigned interest =
        connection_is_closing(connection) ? EVENT_NONE : event_io_interest(&connection->io);
    size_t blocks = 0;
    for (const struct chain_block *block = output->head; block != NULL; block = block->next)
        blocks++;
    *out = (struct connection_statistics){
        .query_buffer_length = connection->input.length,
        .query_buffer_free = connection->input.capacity - connection->input.length,
        .argument_memory = connection->big_capacity + resp_parser_memory(connection->parser),
        .output_length = output->length,
        .output_blocks = blocks,
        .output_memory = output->memory,
        .input_bytes = connection->input_bytes,
        .output_bytes = connection->output_bytes,
        .commands = connection->commands,
        .waits_readable = (interest & EVENT_READABLE) != 0,
        .waits_writable = (interest & EVENT_WRITABLE) != 0,
    };
    out->total_memory =
        sizeof *connection + connection->input.capacity + out->argument_memory + out->output_memory;
}
