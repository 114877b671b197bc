/* Where the server listens, and whom it lets in. The tests run in a network of their own (a name
 * space of the kernel's), where 10.77.0.1 is an address of this machine that is not loopback; where
 * that is not allowed they are skipped. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/wire.h"

#define OUTSIDE "10.77.0.1"
#define UNIX_TRIES_MAX 500 /* of 10 ms */
#define DENIED "-DENIED Redis is running in protected mode"

static bool set_interface(const char *name, const char *address)
{
    struct ifreq request = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = true;
    if (address != NULL) {
        inet_pton(AF_INET, address, &in.sin_addr);
        memcpy(&request.ifr_addr, &in, sizeof in);
        done = ioctl(control, SIOCSIFADDR, &request) == 0;
    } else {
        request.ifr_flags = IFF_UP | IFF_RUNNING;
        done = ioctl(control, SIOCSIFFLAGS, &request) == 0;
    }
    close(control);
    return done;
}

static bool enter_own_network(void)
{
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    return set_interface("lo", NULL) && set_interface("lo:1", OUTSIDE);
}

static bool has_own_network;

static bool has_ipv6(void)
{
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    bool has = probe >= 0 && bind(probe, (struct sockaddr *)&at, sizeof at) == 0;
    close(probe);
    return has;
}

static void start(struct server_process *process, const char *const *arguments)
{
    if (!has_own_network) {
        puts("skip: a network of its own is not allowed here (unshare)");
        skip();
    }
    server_process_start(process, arguments);
}

static void stop(struct server_process *process)
{
    assert_int_equal(server_process_stop(process), 0);
}

/* What a client that comes to this address reads first after a PING. */
static void expect_from(const char *address, int port, const char *reply)
{
    int client = wire_connect_to(address, port);
    assert_true(client >= 0);
    wire_say(client, "PING\r\n");
    wire_expect(client, reply);
    close(client);
}

static void by_default_only_this_machine_gets_in(void **state)
{
    (void)state;
    struct server_process process;
    start(&process, NULL);
    expect_from("127.0.0.1", process.port, "+PONG\r\n");
    if (has_ipv6())
        expect_from("::1", process.port, "+PONG\r\n");
    assert_int_equal(wire_connect_to(OUTSIDE, process.port), -1);
    stop(&process);
}

static void protected_mode_refuses_strangers_from_outside(void **state)
{
    (void)state;
    struct server_process process;
    start(&process, (const char *const[]){"--bind", "* -::*", NULL});
    struct conversation *inside = conversation_begin(process.port);
    expect_from("127.0.0.1", process.port, "+PONG\r\n");
    expect_from(OUTSIDE, process.port, DENIED);
    assert_true(wire_info(inside, "rejected_connections") == 1);
    assert_says(inside, "+OK", "CONFIG SET requirepass secret");
    expect_from(OUTSIDE, process.port, "-NOAUTH Authentication required.\r\n");
    assert_says(inside, "+OK", "CONFIG SET requirepass ''");
    expect_from(OUTSIDE, process.port, DENIED);
    assert_says(inside, "+OK", "CONFIG SET protected-mode no");
    expect_from(OUTSIDE, process.port, "+PONG\r\n");
    conversation_end(inside);
    stop(&process);
}

static void several_addresses_can_be_bound(void **state)
{
    (void)state;
    struct server_process process;
    start(&process, (const char *const[]){"--bind", "127.0.0.1 " OUTSIDE " -::1 -203.0.113.77",
                                          "--protected-mode", "no", NULL});
    expect_from("127.0.0.1", process.port, "+PONG\r\n");
    expect_from(OUTSIDE, process.port, "+PONG\r\n");
    if (has_ipv6())
        expect_from("::1", process.port, "+PONG\r\n");
    stop(&process);
}

static void ipv6_addresses_are_shown_in_brackets(void **state)
{
    (void)state;
    struct server_process process;
    if (!has_ipv6()) {
        puts("skip: this machine has no IPv6");
        skip();
    }
    start(&process, NULL);
    char text[1000], expected[100];
    expect_from("127.0.0.1", process.port, "+PONG\r\n"); /* so all addresses are listened to */
    int client = wire_connect_to("::1", process.port);
    if (client < 0)
        fail_msg("connect to ::1: %s", strerror(errno));
    wire_say(client, "CLIENT INFO\r\nQUIT\r\n");
    wire_read_to_end(client, text, sizeof text);
    snprintf(expected, sizeof expected, " laddr=[::1]:%d ", process.port);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, " addr=[::1]:"));
    close(client);
    stop(&process);
}

static void the_unix_socket_has_its_mode_and_goes_with_the_server(void **state)
{
    (void)state;
    struct server_process process;
    struct stat status;
    char path[100], text[1000], expected[300];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/holdfast-%d.sock", folder == NULL ? "/tmp" : folder,
             (int)getpid());
    start(&process, (const char *const[]){"--unixsocket", path, "--unixsocketperm", "700", NULL});
    int client, tries = 0;
    while ((client = wire_connect_unix(path)) < 0 && tries++ < UNIX_TRIES_MAX)
        usleep(10000); /* it comes after the port that start() waits for */
    assert_true(client >= 0);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0700);
    wire_say(client, "CLIENT INFO\r\nQUIT\r\n");
    wire_read_to_end(client, text, sizeof text);
    snprintf(expected, sizeof expected, " addr=%s:0 laddr=%s:0 ", path, path);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, " flags=U "));
    close(client);
    stop(&process);
    assert_int_equal(stat(path, &status), -1);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_only_this_machine_gets_in),
        cmocka_unit_test(protected_mode_refuses_strangers_from_outside),
        cmocka_unit_test(several_addresses_can_be_bound),
        cmocka_unit_test(ipv6_addresses_are_shown_in_brackets),
        cmocka_unit_test(the_unix_socket_has_its_mode_and_goes_with_the_server),
    };
    has_own_network = enter_own_network();
    return cmocka_run_group_tests_name("server/network_listen", tests, NULL, NULL);
}
