#include "system/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assertion.h"

/* Closes and keeps errno: for clean-up ladders. */
static void socket_close_failed(int socket)
{
    int kept = errno;
    close(socket);
    errno = kept;
}

/* --- listening --- */

static enum error socket_listen_at(const struct addrinfo *at, int backlog, int *out)
{
    int yes = 1;
    int descriptor = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return ERROR_SYSTEM;
    if (at->ai_family == AF_INET6 &&
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) != 0)
        goto failed;
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(descriptor, at->ai_addr, at->ai_addrlen) != 0 || listen(descriptor, backlog) != 0)
        goto failed;
    *out = descriptor;
    return OK;
failed:
    socket_close_failed(descriptor);
    return ERROR_SYSTEM;
}

static enum error socket_look_up(const char *host, int port, struct addrinfo *hints,
                                 struct addrinfo **found)
{
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    int result = getaddrinfo(host, service, hints, found);
    if (result == 0)
        return OK;
    if (result != EAI_SYSTEM)
        errno = result == EAI_MEMORY ? ENOMEM : EADDRNOTAVAIL;
    return ERROR_SYSTEM;
}

enum error socket_listen_tcp(const char *address, int port, int backlog, int *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;

    if (strcmp(address, "*") == 0) {
        hints.ai_family = AF_INET;
        address = NULL;
    } else if (strcmp(address, "::*") == 0) {
        hints.ai_family = AF_INET6;
        address = NULL;
    }
    if (socket_look_up(address, port, &hints, &found) != OK)
        return ERROR_SYSTEM;
    enum error error = ERROR_SYSTEM;
    for (struct addrinfo *at = found; at != NULL && error != OK; at = at->ai_next)
        error = socket_listen_at(at, backlog, out);
    int kept = errno;
    freeaddrinfo(found);
    errno = kept;
    return error;
}

/* Removes a socket file nobody listens on any more. False, errno EADDRINUSE: somebody does, or it
 * is no socket. */
static bool socket_remove_stale(const struct sockaddr_un *at)
{
    struct stat status;
    if (lstat(at->sun_path, &status) != 0)
        return true;
    if (S_ISSOCK(status.st_mode)) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (probe < 0)
            return false;
        bool alive = connect(probe, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
                     errno == EAGAIN; /* its backlog is full */
        close(probe);
        if (!alive && unlink(at->sun_path) == 0)
            return true;
    }
    errno = EADDRINUSE;
    return false;
}

enum error socket_listen_unix(const char *path, unsigned mode, int backlog, int *out)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path)) {
        errno = ENAMETOOLONG;
        return ERROR_SYSTEM;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    if (!socket_remove_stale(&at))
        return ERROR_SYSTEM;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return ERROR_SYSTEM;
    /* The file is born with the descriptor's mode less the umask, so it never has more than `mode`;
     * what the umask took is added before listen, up to which every connect is refused. */
    if ((mode != 0 && fchmod(descriptor, mode) != 0) ||
        bind(descriptor, (struct sockaddr *)&at, sizeof(at)) != 0)
        goto failed;
    if ((mode != 0 && chmod(path, mode) != 0) || listen(descriptor, backlog) != 0) {
        int kept = errno;
        unlink(path);
        errno = kept;
        goto failed;
    }
    *out = descriptor;
    return OK;
failed:
    socket_close_failed(descriptor);
    return ERROR_SYSTEM;
}

bool socket_address_is_optional(const char **address)
{
    if (**address != '-')
        return false;
    ++*address;
    return true;
}

bool socket_error_is_unavailable(int error_number)
{
    switch (error_number) {
    case EADDRNOTAVAIL:
    case ENOPROTOOPT:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
    case EPFNOSUPPORT:
    case EAFNOSUPPORT:
        return true;
    default:
        return false;
    }
}

/* --- names --- */

static void socket_format(const struct sockaddr_storage *at, char out[SOCKET_ADDRESS_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (at->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)at;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(out, SOCKET_ADDRESS_MAX, "%s:%d", host, ntohs(in->sin_port));
    } else if (at->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)at;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(out, SOCKET_ADDRESS_MAX, "[%s]:%d", host, ntohs(in6->sin6_port));
    } else if (at->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const void *)at;
        snprintf(out, SOCKET_ADDRESS_MAX, "%.*s:0", (int)sizeof(un->sun_path), un->sun_path);
    } else {
        snprintf(out, SOCKET_ADDRESS_MAX, "?:0");
    }
}

static void socket_describe(const struct sockaddr_storage *at, struct socket_peer *peer)
{
    peer->is_unix = at->ss_family == AF_UNIX;
    peer->is_loopback = peer->is_unix;
    peer->address[0] = '\0';
    if (peer->is_unix)
        return;
    socket_format(at, peer->address);
    if (at->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)at;
        peer->is_loopback = (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    } else if (at->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)at;
        peer->is_loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
}

void socket_local_address(int descriptor, char out[SOCKET_ADDRESS_MAX])
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(at);
    if (getsockname(descriptor, (struct sockaddr *)&at, &length) != 0)
        at.ss_family = AF_UNSPEC;
    socket_format(&at, out);
}

void socket_read_peer(int descriptor, struct socket_peer *peer)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(at);
    if (getpeername(descriptor, (struct sockaddr *)&at, &length) != 0)
        at.ss_family = AF_UNSPEC;
    socket_describe(&at, peer);
}

int socket_port(int descriptor)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(at);
    if (getsockname(descriptor, (struct sockaddr *)&at, &length) != 0)
        return 0;
    if (at.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)&at)->sin_port);
    if (at.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&at)->sin6_port);
    return 0;
}

/* --- connecting --- */

enum error socket_connect_tcp(const char *host, int port, int *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (socket_look_up(host, port, &hints, &found) != OK)
        return ERROR_SYSTEM;
    enum error error = ERROR_SYSTEM;
    for (struct addrinfo *at = found; at != NULL && error != OK; at = at->ai_next) {
        int descriptor = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (descriptor < 0)
            continue;
        if (connect(descriptor, at->ai_addr, at->ai_addrlen) == 0 || errno == EINPROGRESS) {
            *out = descriptor;
            error = OK;
        } else {
            socket_close_failed(descriptor);
        }
    }
    int kept = errno;
    freeaddrinfo(found);
    errno = kept;
    return error;
}

bool socket_is_connected(int socket)
{
    int failure = 0;
    socklen_t size = sizeof(failure);
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0;
}

bool socket_wait(int socket, bool for_writing, int timeout_ms)
{
    struct pollfd watched = {.fd = socket, .events = for_writing ? POLLOUT : POLLIN};
    return poll(&watched, 1, timeout_ms) > 0;
}

bool socket_peer_has_left(int socket)
{
    struct pollfd watched = {.fd = socket, .events = POLLRDHUP};
    return poll(&watched, 1, 0) > 0;
}

/* --- accepting --- */

enum error socket_accept(int listener, int *out, struct socket_peer *peer)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(at);
    int descriptor =
        accept4(listener, (struct sockaddr *)&at, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
        socket_describe(&at, peer);
        *out = descriptor;
        return OK;
    }
    switch (errno) {
    case EAGAIN:
        return ERROR_NOT_FOUND;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ERROR_LIMIT;
    default:
        return ERROR_SYSTEM; /* that peer has gone again, or is not allowed in */
    }
}

void socket_set_no_delay(int descriptor)
{
    int yes = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

void socket_set_keepalive(int descriptor, int interval_s)
{
    int on = interval_s > 0, probe_s = interval_s >= 3 ? interval_s / 3 : 1, probes = 3;
    if (setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) != 0 || !on)
        return;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &interval_s, sizeof(interval_s));
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &probe_s, sizeof(probe_s));
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* --- bytes --- */

static ssize_t socket_result(ssize_t count)
{
    if (count >= 0)
        return count;
    return errno == EAGAIN || errno == EINTR ? SOCKET_BUSY : SOCKET_FAILED;
}

ssize_t socket_receive(int descriptor, void *out, size_t size)
{
    return socket_result(recv(descriptor, out, size, 0));
}

ssize_t socket_receive_vectors(int descriptor, struct iovec *vectors, int count)
{
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    return socket_result(recvmsg(descriptor, &message, 0));
}

size_t socket_receivable(int descriptor)
{
    int count;
    return ioctl(descriptor, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}

void socket_set_receive_low(int descriptor, size_t bytes)
{
    int low = bytes < INT_MAX ? (int)bytes : INT_MAX;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

ssize_t socket_send(int descriptor, const void *data, size_t length)
{
    return socket_result(send(descriptor, data, length, MSG_NOSIGNAL));
}

ssize_t socket_send_vectors(int descriptor, struct iovec *vectors, int count)
{
    ASSERT(count <= SOCKET_VECTORS_MAX);
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    return socket_result(sendmsg(descriptor, &message, MSG_NOSIGNAL));
}

void socket_close(int descriptor)
{
    close(descriptor);
}

enum error socket_pair(int out[2])
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return socketpair(AF_UNIX, type, 0, out) == 0 ? OK : ERROR_SYSTEM;
}
