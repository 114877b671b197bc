#include "server/persistence/transfer.h"

#include <string.h>

#include "base/memory.h"
#include "system/socket.h"

#define LOOK_MS 100 /* at `stops` */
#define INPUT_SIZE 4096

/* False: not within the timeout. */
static bool wait_for(const struct transfer *transfer, int socket, bool for_writing)
{
    for (int64_t left_ms = transfer->timeout_ms; left_ms > 0 && !atomic_load(transfer->stops);
         left_ms -= LOOK_MS)
        if (socket_wait(socket, for_writing, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS))
            return true;
    return false;
}

static bool send_all(const struct transfer *transfer, int socket, const struct buffer *requests)
{
    for (size_t sent = 0; sent < requests->length;) {
        if (!wait_for(transfer, socket, true))
            return false;
        ssize_t part = socket_send(socket, requests->data + sent, requests->length - sent);
        if (part == SOCKET_FAILED)
            return false;
        sent += part > 0 ? (size_t)part : 0;
    }
    return true;
}

/* An answer is a line: "+OK", or "-" and an error, of which the first is kept. */
static bool take_answer(struct transfer *transfer, struct slice line)
{
    if (line.length == 0 || line.data[0] != '-')
        return line.length > 0;
    size_t length = line.length - 1;
    length = length < TRANSFER_ERROR_SIZE - 1 ? length : TRANSFER_ERROR_SIZE - 1;
    if (transfer->error[0] == '\0') {
        memcpy(transfer->error, line.data + 1, length);
        transfer->error[length] = '\0';
    }
    return false;
}

/* The lines that are whole, at most `max`; returns how many. Their bytes are gone from `input`. */
static size_t take_answers(struct transfer *transfer, char *input, size_t *length, bool *accepted,
                           size_t max)
{
    size_t taken = 0, count = 0;
    while (count < max) {
        const char *end = memchr(input + taken, '\n', *length - taken);
        if (end == NULL)
            break;
        size_t line = (size_t)(end - input) - taken;
        size_t text = line > 0 && end[-1] == '\r' ? line - 1 : line;
        accepted[count++] = take_answer(transfer, slice_of(input + taken, text));
        taken += line + 1;
    }
    *length -= taken;
    memmove(input, input + taken, *length);
    return count;
}

/* `count` answers. False: some are missing. */
static bool read_answers(struct transfer *transfer, int socket, size_t count, bool *accepted)
{
    char input[INPUT_SIZE];
    size_t length = 0, answered = 0;
    while (answered < count) {
        if (length == sizeof input || !wait_for(transfer, socket, false))
            return false;
        ssize_t part = socket_receive(socket, input + length, sizeof input - length);
        if (part == 0 || part == SOCKET_FAILED)
            return false;
        length += part > 0 ? (size_t)part : 0;
        answered += take_answers(transfer, input, &length, accepted + answered, count - answered);
    }
    return true;
}

static enum transfer_outcome exchange(struct transfer *transfer, int socket)
{
    bool accepted[TRANSFER_PREAMBLE_MAX];
    if (!send_all(transfer, socket, &transfer->preamble))
        return TRANSFER_NOT_WRITTEN;
    if (!read_answers(transfer, socket, transfer->preamble_count, accepted))
        return TRANSFER_NOT_READ;
    if (transfer->error[0] != '\0')
        return TRANSFER_ANSWERED;
    if (!send_all(transfer, socket, &transfer->requests))
        return TRANSFER_NOT_WRITTEN;
    return read_answers(transfer, socket, transfer->count, transfer->accepted) ? TRANSFER_ANSWERED
                                                                               : TRANSFER_NOT_READ;
}

void transfer_run(struct transfer *transfer)
{
    int socket;
    transfer->error[0] = '\0';
    transfer->outcome = TRANSFER_NOT_WRITTEN;
    if (socket_connect_tcp(transfer->host, transfer->port, &socket) != OK)
        return;
    if (wait_for(transfer, socket, true) && socket_is_connected(socket)) {
        socket_set_no_delay(socket);
        transfer->outcome = exchange(transfer, socket);
    }
    socket_close(socket);
}
