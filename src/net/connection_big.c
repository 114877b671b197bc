/* Big arguments: each is read into a block of its own, which becomes the value without a copy. */
#include "base/memory.h"
#include "net/connection_private.h"

#define FIRST_CAPACITY 65536   /* bytes */
#define GROWTH 4               /* times what has come: so little is copied */
#define READ_MAX (1024 * 1024) /* bytes of a big argument in one read */
/* Bytes that are waited for in the middle of a big argument: more at once, and the processor no
 * longer has the first of them at hand; fewer, and turns of the loop cost more than copying. */
#define AWAITED_MAX (512 * 1024)
#define AWAITED_MIN (64 * 1024) /* what is less is read as it comes */
#define LINE_END 2              /* bytes behind each argument */

/* What a block for `length` bytes gets, of which `taken` were read: a length alone costs nothing.
 * Bytes that wait in the socket have come, too. */
static size_t capacity_for(const struct connection *connection, size_t length, size_t taken)
{
    if (length <= FIRST_CAPACITY)
        return length;
    size_t come = taken + socket_receivable(connection->socket);
    size_t capacity = come > FIRST_CAPACITY / GROWTH ? come * GROWTH : FIRST_CAPACITY;
    return capacity < length ? capacity : length;
}

static void set_block(struct connection *connection, char *block, size_t length, size_t filled,
                      size_t capacity)
{
    connection->big_block = block;
    connection->big_length = length;
    connection->big_filled = filled;
    connection->big_capacity = capacity;
}

/* For the next guess: where the first big argument of a command begins, and its length. */
static void note(struct connection *connection, size_t start, size_t length)
{
    connection->big_start_repeats = start == connection->big_start;
    connection->big_start = start;
    connection->big_last_length = length;
}

static void set_receive_low(struct connection *connection, size_t bytes)
{
    if (connection->receive_low == bytes)
        return;
    connection->receive_low = (uint32_t)bytes;
    socket_set_receive_low(connection->socket, bytes > 0 ? bytes : 1);
}

/* Has the socket wait for as much of a big argument as is worth a system call. */
static void await(struct connection *connection)
{
    size_t missing = connection->big_length - connection->big_filled;
    if (missing < AWAITED_MIN || connection->is_unix)
        set_receive_low(connection, 0);
    else
        set_receive_low(connection, missing < AWAITED_MAX ? missing + LINE_END : AWAITED_MAX);
}

bool connection_read_awaited(struct connection *connection)
{
    if (connection->receive_low == 0 || socket_receivable(connection->socket) == 0)
        return false;
    set_receive_low(connection, 0);
    return true;
}

struct slice connection_big_begin(struct connection *connection, struct slice input)
{
    size_t start = resp_parser_big_argument_start(connection->parser);
    size_t length = resp_parser_big_argument_length(connection->parser);
    size_t filled = input.length - start, capacity = capacity_for(connection, length, filled);
    ASSERT(filled < length && filled <= capacity);
    char *block = memory_try_allocate(capacity);
    if (block == NULL) {
        connection_close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
        return input;
    }
    memcpy(block, input.data + start, filled);
    set_block(connection, block, length, filled, capacity);
    if (resp_parser_big_argument_is_first(connection->parser))
        note(connection, start, length);
    await(connection);
    return slice_of(input.data, start);
}

/* False: out of memory. */
static bool grow(struct connection *connection, size_t taken)
{
    size_t capacity = capacity_for(connection, connection->big_length, taken);
    if (capacity <= connection->big_capacity)
        return true;
    char *block = memory_try_resize(connection->big_block, capacity);
    if (block == NULL)
        return false;
    connection->big_block = block;
    connection->big_capacity = capacity;
    return true;
}

bool connection_big_make_room(struct connection *connection, struct connection_room *room)
{
    size_t free = connection->big_capacity - connection->big_filled;
    bool is_short = free == 0 || free < connection->receive_low;
    if (is_short && !grow(connection, connection->big_filled))
        return false;
    size_t length = connection->big_capacity - connection->big_filled;
    room->vectors[room->count++] = (struct iovec){connection->big_block + connection->big_filled,
                                                  length < READ_MAX ? length : READ_MAX};
    return true;
}

static void supply(struct connection *connection)
{
    resp_parser_supply(connection->parser, connection->big_block, connection->big_length);
    set_block(connection, NULL, 0, 0, 0);
    connection->expects_big = true;
}

/* --- guessing --- */

bool connection_big_guess(struct connection *connection, struct connection_room *room)
{
    if (!connection->big_start_repeats || connection->big_start > CONNECTION_BIG_HEAD_READ ||
        connection->stop != 0)
        return false;
    size_t start = connection->big_start, length = connection->big_last_length;
    size_t capacity = capacity_for(connection, length, 0);
    room->guess = memory_try_allocate(capacity);
    if (room->guess == NULL)
        return false;
    room->guess_capacity = capacity;
    room->vectors[0] = (struct iovec){room->base, start};
    room->vectors[1] = (struct iovec){room->guess, capacity < READ_MAX ? capacity : READ_MAX};
    room->count = 2;
    if (capacity <= READ_MAX)
        room->vectors[room->count++] = (struct iovec){room->base + start, CONNECTION_BIG_HEAD_READ};
    return true;
}

/* What was read where a big argument was guessed to be. */
struct guessed {
    size_t start;    /* bytes before it */
    size_t in_block; /* bytes in its block */
    size_t behind;   /* bytes that came behind the block: they stand behind the first */
};

/* Does a big argument begin in the block? Then the parser is at it, and what is behind it fits
 * behind what is before it. */
static bool guess_was_right(struct connection *connection, const struct connection_room *room,
                            const struct guessed *guessed)
{
    struct resp_parser *parser = connection->parser;
    struct resp_command command;
    size_t consumed;
    if (resp_parser_next(parser, slice_of(room->base, guessed->start),
                         &connection->limits->protocol, &command, &consumed) != RESP_BIG_ARGUMENT ||
        resp_parser_big_argument_start(parser) != guessed->start)
        return false;
    size_t length = resp_parser_big_argument_length(parser);
    return length >= guessed->in_block ||
           guessed->start + guessed->in_block - length + guessed->behind <= NETWORK_READ_SIZE;
}

/* Puts the pieces together, as if nothing had been guessed. False: out of memory. */
static bool join(struct connection *connection, struct connection_room *room,
                 const struct guessed *guessed)
{
    char *behind = room->base + guessed->start;
    size_t sum = guessed->start + guessed->in_block + guessed->behind;
    if (sum <= NETWORK_READ_SIZE) {
        memmove(behind + guessed->in_block, behind, guessed->behind);
        memcpy(behind, room->guess, guessed->in_block);
        return true;
    }
    struct buffer *input = &connection->input;
    if (buffer_reserve(input, sum) != OK)
        return false;
    memcpy(input->data, room->base, guessed->start);
    memcpy(input->data + guessed->start, room->guess, guessed->in_block);
    memcpy(input->data + guessed->start + guessed->in_block, behind, guessed->behind);
    room->base = input->data;
    return true;
}

/* The block is longer than the argument: what is too much goes to what is behind it. */
static void cut_block(struct connection *connection, const struct connection_room *room,
                      struct guessed *guessed)
{
    size_t length = connection->big_length;
    char *behind = room->base + guessed->start;
    if (guessed->in_block > length) {
        size_t extra = guessed->in_block - length;
        memmove(behind + extra, behind, guessed->behind);
        memcpy(behind, connection->big_block + length, extra);
        guessed->behind += extra;
        connection->big_filled = length;
    }
    char *block = memory_try_resize(connection->big_block, length);
    if (block != NULL)
        connection->big_block = block;
    connection->big_capacity = length;
}

/* The block is shorter than the argument, and full: what is behind it belongs to it. False: out of
 * memory. */
static bool lengthen_block(struct connection *connection, const struct connection_room *room,
                           struct guessed *guessed)
{
    size_t missing = connection->big_length - connection->big_filled;
    size_t part = guessed->behind < missing ? guessed->behind : missing;
    char *behind = room->base + guessed->start;
    if (!grow(connection, connection->big_filled + part))
        return false;
    memcpy(connection->big_block + connection->big_filled, behind, part);
    connection->big_filled += part;
    guessed->behind -= part;
    memmove(behind, behind + part, guessed->behind);
    return true;
}

/* False: out of memory. */
static bool take_guessed(struct connection *connection, struct connection_room *room,
                         struct guessed *guessed)
{
    size_t length = resp_parser_big_argument_length(connection->parser);
    note(connection, guessed->start, length);
    set_block(connection, room->guess, length, guessed->in_block, room->guess_capacity);
    room->kept = guessed->start;
    if (length < room->guess_capacity)
        cut_block(connection, room, guessed);
    else if (length > room->guess_capacity && guessed->behind > 0)
        return lengthen_block(connection, room, guessed);
    return true;
}

/* A guess that was wrong is not made again before big arguments have begun at one place twice. */
static bool give_up_guess(struct connection *connection, struct connection_room *room,
                          const struct guessed *guessed)
{
    connection->big_start = 0;
    connection->big_start_repeats = connection->expects_big = false;
    bool joined = guessed->in_block == 0 || join(connection, room, guessed);
    memory_free(room->guess);
    return joined;
}

/* The same for what was read after a guess. False: out of memory. */
static bool settle_guess(struct connection *connection, struct connection_room *room,
                         size_t *received)
{
    size_t start = room->vectors[0].iov_len, block = room->vectors[1].iov_len, sum = *received;
    struct guessed guessed = {.start = sum < start ? sum : start};
    guessed.in_block = sum - guessed.start < block ? sum - guessed.start : block;
    guessed.behind = sum - guessed.start - guessed.in_block;
    if (guessed.in_block == 0)
        return give_up_guess(connection, room, &guessed);
    if (!guess_was_right(connection, room, &guessed)) {
        connection_parse_anew(connection);
        return give_up_guess(connection, room, &guessed);
    }
    if (!take_guessed(connection, room, &guessed))
        return false;
    *received = guessed.behind;
    return true;
}

static bool take(struct connection *connection, struct connection_room *room, size_t *received)
{
    if (room->guess != NULL) {
        if (!settle_guess(connection, room, received)) {
            connection_close_for(connection, CONNECTION_CLOSED_OUT_OF_MEMORY);
            return false;
        }
        if (connection->big_block != NULL && connection->big_filled < connection->big_length) {
            connection_keep_rest(connection, slice_of(room->base, room->kept));
            return false;
        }
    } else if (connection->big_block != NULL) {
        size_t room_length = room->vectors[0].iov_len;
        size_t part = *received < room_length ? *received : room_length;
        connection->big_filled += part;
        *received -= part;
        if (connection->big_filled < connection->big_length)
            return false;
    }
    if (connection->big_block != NULL)
        supply(connection);
    return true;
}

bool connection_big_take(struct connection *connection, struct connection_room *room,
                         size_t *received)
{
    bool may_run = take(connection, room, received);
    if (!connection_is_closing(connection))
        await(connection);
    return may_run;
}

/* --- for the server --- */

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
