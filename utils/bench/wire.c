#include "bench/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

bool wire_try_open(struct wire *wire, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    wire->start = wire->end = 0;
    wire->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->descriptor < 0)
        bench_fail("no socket: %s", strerror(errno));
    int on = 1;
    setsockopt(wire->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(wire->descriptor, (struct sockaddr *)&address, sizeof address) == 0)
        return true;
    close(wire->descriptor);
    return false;
}

void wire_open(struct wire *wire, int port)
{
    if (!wire_try_open(wire, port))
        bench_fail("no connection to port %d: %s", port, strerror(errno));
}

void wire_close(struct wire *wire)
{
    close(wire->descriptor);
}

void wire_send(struct wire *wire, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(wire->descriptor, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            bench_fail("the server hung up: %s", strerror(errno));
        data += sent;
        length -= (size_t)sent;
    }
}

static void fill(struct wire *wire)
{
    if (wire->start > 0) {
        memmove(wire->buffer, wire->buffer + wire->start, wire->end - wire->start);
        wire->end -= wire->start;
        wire->start = 0;
    }
    if (wire->end == WIRE_BUFFER_SIZE)
        bench_fail("a reply is longer than %d bytes", WIRE_BUFFER_SIZE);
    ssize_t got;
    do
        got = recv(wire->descriptor, wire->buffer + wire->end, WIRE_BUFFER_SIZE - wire->end, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        bench_fail("the server hung up: %s", got == 0 ? "end of file" : strerror(errno));
    wire->received_us = bench_wall_us();
    wire->end += (size_t)got;
}

/* Length of the line at the start, without its end; waits for it. */
static size_t wait_for_line(struct wire *wire)
{
    size_t seen = 0;
    for (;;) {
        const char *line = wire->buffer + wire->start;
        size_t there = wire->end - wire->start;
        const char *end = there > seen ? memchr(line + seen, '\n', there - seen) : NULL;
        if (end != NULL)
            return (size_t)(end - line) - 1;
        seen = there;
        fill(wire);
    }
}

struct wire_reply wire_read(struct wire *wire)
{
    size_t length = wait_for_line(wire);
    const char *line = wire->buffer + wire->start;
    struct wire_reply reply = {.type = line[0], .text = {line + 1, length - 1}};
    if (reply.type == ':' || reply.type == '*' || reply.type == '$')
        reply.integer = strtoll(line + 1, NULL, 10);
    if (reply.type == '$' && reply.integer >= 0) {
        size_t head = length + 2, size = (size_t)reply.integer;
        while (wire->end - wire->start < head + size + 2)
            fill(wire);
        reply.text = (struct slice){wire->buffer + wire->start + head, size};
        wire->start += head + size + 2;
    } else {
        wire->start += length + 2;
    }
    return reply;
}

bool wire_has_input(const struct wire *wire)
{
    return wire->end > wire->start;
}

void wire_skip(struct wire *wire, size_t count)
{
    for (size_t left = count; left > 0; left--) {
        struct wire_reply reply = wire_read(wire);
        if (reply.type == '-')
            bench_fail("the server says: %.*s", (int)reply.text.length, reply.text.data);
        if (reply.type == '*' && reply.integer > 0)
            left += (size_t)reply.integer;
    }
}

struct wire_reply wire_command(struct wire *wire, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    memcpy(line + length, "\r\n", 2);
    wire_send(wire, line, (size_t)length + 2);
    return wire_read(wire);
}

void wire_configure(struct wire *wire, const char *name, const char *value)
{
    struct wire_reply reply = wire_command(wire, "CONFIG SET %s %s", name, value);
    if (reply.type != '+')
        bench_fail("CONFIG SET %s: %.*s", name, (int)reply.text.length, reply.text.data);
}
