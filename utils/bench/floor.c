#include "bench/floor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#define INPUT_SIZE (256 * 1024) /* bytes read at once */
#define ANSWERS_SIZE (4 * FLOOR_ANSWER_MAX)
#define EVENTS_MAX 1024

/* All zero: none yet. */
struct floor {
    int listener, epoll;
    char *input;
    char *answers; /* the answer again and again */
    size_t answer_size;
};

static void set_answer(struct floor *floor, size_t size)
{
    if (size < 3 || size > FLOOR_ANSWER_MAX)
        size = 5;
    memset(floor->answers, 'x', ANSWERS_SIZE);
    for (size_t at = 0; at + size <= ANSWERS_SIZE; at += size) {
        floor->answers[at] = '+';
        floor->answers[at + size - 2] = '\r';
        floor->answers[at + size - 1] = '\n';
    }
    floor->answer_size = size;
}

static void send_all(int descriptor, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, data, length, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        data += sent;
        length -= (size_t)sent;
    }
}

static size_t count_requests(const char *data, size_t length)
{
    size_t requests = 0;
    for (const char *at = data, *end = data + length;
         (at = memchr(at, '*', (size_t)(end - at))) != NULL; at++)
        requests++;
    return requests;
}

static void serve(struct floor *floor, int descriptor)
{
    ssize_t length = recv(descriptor, floor->input, INPUT_SIZE, 0);
    if (length <= 0) {
        close(descriptor);
        return;
    }
    if (length > 7 && memcmp(floor->input, "ANSWER ", 7) == 0) {
        floor->input[length] = '\0';
        set_answer(floor, strtoul(floor->input + 7, NULL, 10));
        send_all(descriptor, "+OK\r\n", 5);
        return;
    }
    if (length == 6 && memcmp(floor->input, "PING\r\n", 6) == 0) {
        send_all(descriptor, "+OK\r\n", 5);
        return;
    }
    size_t bytes = count_requests(floor->input, (size_t)length) * floor->answer_size;
    while (bytes > 0) {
        size_t whole = ANSWERS_SIZE / floor->answer_size * floor->answer_size;
        size_t part = bytes < whole ? bytes : whole;
        send_all(descriptor, floor->answers, part);
        bytes -= part;
    }
}

static void welcome(struct floor *floor)
{
    int one = 1, descriptor = accept(floor->listener, NULL, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (descriptor < 0)
        return;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(floor->epoll, EPOLL_CTL_ADD, descriptor, &event);
}

_Noreturn void floor_run(int port)
{
    struct floor floor = {
        .listener = socket(AF_INET, SOCK_STREAM, 0),
        .epoll = epoll_create1(0),
        .input = memory_allocate(INPUT_SIZE + 1),
        .answers = memory_allocate(ANSWERS_SIZE),
    };
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;
    set_answer(&floor, 5);
    setsockopt(floor.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = floor.listener};
    if (bind(floor.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(floor.listener, 4096) != 0 ||
        epoll_ctl(floor.epoll, EPOLL_CTL_ADD, floor.listener, &event) != 0)
        _exit(1);
    static struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int ready = epoll_wait(floor.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == floor.listener)
                welcome(&floor);
            else
                serve(&floor, events[i].data.fd);
        }
    }
}
