#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/socket.h"

/* A path in the test's own folder. */
static const char *path_of(const char *name)
{
    static char path[100];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s-%d", folder == NULL ? "/tmp" : folder, name, (int)getpid());
    return path;
}

static int connect_to(int family, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in6.sin6_addr = in6addr_loopback;
    int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = family == AF_INET ? connect(client, (struct sockaddr *)&in, sizeof in)
                                   : connect(client, (struct sockaddr *)&in6, sizeof in6);
    if (result == 0)
        return client;
    close(client);
    return -1;
}

static void check_tcp(const char *address, int family, const char *local, const char *prefix)
{
    int listener, client, accepted;
    struct socket_peer peer;
    char text[SOCKET_ADDRESS_MAX], expected[SOCKET_ADDRESS_MAX];
    assert_int_equal(socket_listen_tcp(address, 0, 16, &listener), OK);
    int port = socket_port(listener);
    assert_true(port > 0);
    assert_int_equal(socket_accept(listener, &accepted, &peer), ERROR_NOT_FOUND);
    client = connect_to(family, port);
    assert_true(client >= 0);
    assert_int_equal(socket_accept(listener, &accepted, &peer), OK);
    assert_true(peer.is_loopback);
    assert_false(peer.is_unix);
    assert_memory_equal(peer.address, prefix, strlen(prefix));
    snprintf(expected, sizeof expected, local, port);
    socket_local_address(accepted, text);
    assert_string_equal(text, expected);
    socket_local_address(client, text);
    assert_string_equal(text, peer.address);
    struct socket_peer again;
    socket_read_peer(accepted, &again);
    assert_string_equal(again.address, peer.address);
    close(client);
    socket_close(accepted);
    socket_close(listener);
}

static void tcp_addresses_read_as_redis_prints_them(void **state)
{
    (void)state;
    check_tcp("127.0.0.1", AF_INET, "127.0.0.1:%d", "127.0.0.1:");
    check_tcp("*", AF_INET, "127.0.0.1:%d", "127.0.0.1:");
    check_tcp("localhost", AF_INET, "127.0.0.1:%d", "127.0.0.1:");
}

static bool has_ipv6(void)
{
    int listener;
    if (socket_listen_tcp("::1", 0, 16, &listener) != OK)
        return false;
    socket_close(listener);
    return true;
}

static void ipv6_has_its_own_listeners(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    check_tcp("::1", AF_INET6, "[::1]:%d", "[::1]:");
    check_tcp("::*", AF_INET6, "[::1]:%d", "[::1]:");
    int four, six;
    assert_int_equal(socket_listen_tcp("*", 0, 16, &four), OK);
    assert_int_equal(socket_listen_tcp("::*", socket_port(four), 16, &six), OK);
    socket_close(four);
    assert_int_equal(connect_to(AF_INET, socket_port(six)), -1);
    socket_close(six);
}

static void a_port_in_use_is_an_error(void **state)
{
    (void)state;
    int first, second = -1;
    assert_int_equal(socket_listen_tcp("127.0.0.1", 0, 16, &first), OK);
    assert_int_equal(socket_listen_tcp("127.0.0.1", socket_port(first), 16, &second), ERROR_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(second, -1);
    assert_false(socket_error_is_unavailable(EADDRINUSE));
    socket_close(first);
}

static void an_address_of_another_machine_is_unavailable(void **state)
{
    (void)state;
    int listener;
    const char *address = "-203.0.113.77"; /* of the range for documentation */
    assert_true(socket_address_is_optional(&address));
    assert_string_equal(address, "203.0.113.77");
    assert_false(socket_address_is_optional(&address));
    assert_int_equal(socket_listen_tcp(address, 0, 16, &listener), ERROR_SYSTEM);
    assert_true(socket_error_is_unavailable(errno));
    assert_int_equal(socket_listen_tcp("no.such.host.invalid", 0, 16, &listener), ERROR_SYSTEM);
}

static void a_unix_socket_has_exactly_the_mode_asked_for(void **state)
{
    (void)state;
    const char *path = path_of("mode");
    const unsigned modes[] = {0700, 0770, 0666};
    for (size_t i = 0; i < 3; i++) {
        mode_t before = umask(i == 1 ? 0077 : 0022);
        int listener;
        struct stat status;
        assert_int_equal(socket_listen_unix(path, modes[i], 16, &listener), OK);
        umask(before);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, modes[i]);
        assert_int_equal(socket_port(listener), 0);
        socket_close(listener); /* leaves the file: the next one replaces it */
    }
    unlink(path);
}

static void a_unix_socket_that_lives_is_not_taken_away(void **state)
{
    (void)state;
    const char *path = path_of("alive");
    int first, second, accepted;
    assert_int_equal(socket_listen_unix(path, 0700, 16, &first), OK);
    assert_int_equal(socket_listen_unix(path, 0700, 16, &second), ERROR_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
    struct socket_peer peer;
    do /* the first in the queue was the second listener's probe */
        assert_int_equal(socket_accept(first, &accepted, &peer), OK);
    while (recv(accepted, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) == 0 && close(accepted) == 0);
    assert_true(peer.is_unix && peer.is_loopback);
    char text[SOCKET_ADDRESS_MAX], expected[SOCKET_ADDRESS_MAX];
    snprintf(expected, sizeof expected, "%s:0", path);
    socket_local_address(accepted, text);
    assert_string_equal(text, expected);
    close(client);
    socket_close(accepted);
    socket_close(first);
    unlink(path);
}

static void a_file_that_is_no_socket_is_not_replaced(void **state)
{
    (void)state;
    const char *path = path_of("file");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    int listener;
    assert_int_equal(socket_listen_unix(path, 0700, 16, &listener), ERROR_SYSTEM);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static void keepalive_probes_three_times_in_an_interval(void **state)
{
    (void)state;
    int listener, value;
    socklen_t size = sizeof value;
    assert_int_equal(socket_listen_tcp("127.0.0.1", 0, 16, &listener), OK);
    socket_set_keepalive(listener, 300);
    socket_set_no_delay(listener);
    getsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size);
    assert_int_equal(value, 300);
    getsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &value, &size);
    assert_int_equal(value, 100);
    getsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &value, &size);
    assert_int_equal(value, 3);
    getsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &value, &size);
    assert_int_equal(value, 1);
    socket_set_keepalive(listener, 0);
    getsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &value, &size);
    assert_int_equal(value, 0);
    socket_close(listener);
}

static void bytes_move_until_the_peer_is_full_or_gone(void **state)
{
    (void)state;
    int pair[2];
    static char data[1 << 20];
    assert_int_equal(socket_pair(pair), OK);
    assert_int_equal(socket_receive(pair[0], data, sizeof data), SOCKET_BUSY);
    struct iovec vectors[2] = {{"ab", 2}, {"cde", 3}};
    assert_int_equal(socket_send_vectors(pair[0], vectors, 2), 5);
    struct iovec room[2] = {{data, 1}, {data + 10, 100}};
    assert_int_equal(socket_receive_vectors(pair[1], room, 2), 5);
    assert_memory_equal(data + 10, "bcde", 4);
    ssize_t sent;
    while ((sent = socket_send(pair[0], data, sizeof data)) > 0)
        ;
    assert_int_equal(sent, SOCKET_BUSY);
    socket_close(pair[1]);
    assert_int_equal(socket_send(pair[0], data, 1), SOCKET_FAILED); /* and no SIGPIPE */
    assert_int_equal(errno, EPIPE);
    socket_close(pair[0]);
    assert_int_equal(socket_pair(pair), OK);
    socket_close(pair[1]);
    assert_int_equal(socket_receive(pair[0], data, 1), 0);
    socket_close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_addresses_read_as_redis_prints_them),
        cmocka_unit_test(ipv6_has_its_own_listeners),
        cmocka_unit_test(a_port_in_use_is_an_error),
        cmocka_unit_test(an_address_of_another_machine_is_unavailable),
        cmocka_unit_test(a_unix_socket_has_exactly_the_mode_asked_for),
        cmocka_unit_test(a_unix_socket_that_lives_is_not_taken_away),
        cmocka_unit_test(a_file_that_is_no_socket_is_not_replaced),
        cmocka_unit_test(keepalive_probes_three_times_in_an_interval),
        cmocka_unit_test(bytes_move_until_the_peer_is_full_or_gone),
    };
    return cmocka_run_group_tests_name("system/socket", tests, NULL, NULL);
}
