#include "support/wire.h"

#include "support/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000
#define INFO_WAIT_US 60000000
#define SPARE_DESCRIPTORS 200

/* --- connecting --- */

bool wire_raise_descriptors(int count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < (rlim_t)count + SPARE_DESCRIPTORS)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static int connected(int family, const void *at, socklen_t size)
{
    int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0)
        return -1;
    if (connect(client, at, size) == 0)
        return client;
    close(client);
    return -1;
}

int wire_connect_to(const char *address, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
        return connected(AF_INET, &in, sizeof in);
    assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    return connected(AF_INET6, &in6, sizeof in6);
}

int wire_connect(int port)
{
    int client = wire_connect_to("127.0.0.1", port);
    if (client < 0)
        fail_msg("connect: %s", strerror(errno));
    return client;
}

int wire_connect_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    return connected(AF_UNIX, &at, sizeof at);
}

/* --- writing --- */

long wire_send_some(int socket, const void *data, size_t length)
{
    ssize_t sent = send(socket, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
        return (long)sent;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

void wire_send(int socket, const void *data, size_t length)
{
    const char *at = data;
    while (length > 0) {
        ssize_t sent = send(socket, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return; /* closed: the test will read that */
        at += sent;
        length -= (size_t)sent;
    }
}

void wire_say(int socket, const char *text)
{
    wire_send(socket, text, strlen(text));
}

/* --- reading --- */

/* Bytes read, 0 at the end of the connection. */
static size_t read_some(int socket, char *out, size_t size)
{
    struct pollfd poll_fd = {.fd = socket, .events = POLLIN};
    if (poll(&poll_fd, 1, WAIT_MS) <= 0)
        fail_msg("nothing came within %d ms", WAIT_MS);
    ssize_t count = recv(socket, out, size, 0);
    return count <= 0 ? 0 : (size_t)count;
}

void wire_expect(int socket, const char *text)
{
    size_t wanted = strlen(text), length = 0, count = 1;
    char *came = calloc(1, wanted + 1);
    while (length < wanted && count > 0) {
        count = read_some(socket, came + length, wanted - length);
        length += count;
    }
    if (strcmp(came, text) != 0)
        fail_msg("came: '%s', expected: '%s'", came, text);
    free(came);
}

size_t wire_read_to_end(int socket, char *out, size_t size)
{
    char data[65536];
    size_t length = 0, total = 0, count;
    while ((count = read_some(socket, data, sizeof data)) > 0) {
        size_t kept = count < size - 1 - length ? count : size - 1 - length;
        memcpy(out + length, data, kept);
        length += kept;
        total += count;
    }
    out[length] = '\0';
    return total;
}

bool wire_skip(int socket, size_t length)
{
    char data[65536];
    while (length > 0) {
        size_t count = read_some(socket, data, length < sizeof data ? length : sizeof data);
        if (count == 0)
            return false;
        length -= count;
    }
    return true;
}

/* --- looking --- */

int64_t wire_info(struct conversation *client, const char *field)
{
    char line[100];
    snprintf(line, sizeof line, "\n%s:", field);
    const char *found = strstr(conversation_say(client, "INFO everything"), line);
    if (found == NULL)
        fail_msg("INFO has no field %s", field);
    return strtoll(found + strlen(line), NULL, 10);
}

void wire_wait_for(struct conversation *client, const char *field, int64_t value)
{
    int64_t end_us = wire_now_us() + INFO_WAIT_US, found;
    while ((found = wire_info(client, field)) != value) {
        if (wire_now_us() > end_us)
            fail_msg("%s is %ld, expected %ld", field, (long)found, (long)value);
        usleep(2000);
    }
}

int64_t wire_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
