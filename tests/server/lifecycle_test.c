/* Start, stop, password: each test has a server of its own. */
#include <signal.h>
#include <string.h>
#include <sys/types.h>

#include "support/fixture.h"

static void a_signal_ends_it_gracefully(void **state)
{
    (void)state;
    const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        struct server_process process;
        server_process_start(&process, NULL);
        struct conversation *client = conversation_begin(process.port);
        assert_says(client, "+PONG", "PING");
        kill(process.pid, signals[i]);
        assert_string_equal(conversation_read(client), "closed");
        assert_int_equal(server_process_wait(&process), 0);
        conversation_end(client);
    }
}

static void shutdown_ends_it(void **state)
{
    (void)state;
    const char *const lines[] = {"SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE NOW FORCE"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct server_process process;
        server_process_start(&process, NULL);
        struct conversation *client = conversation_begin(process.port);
        assert_says(client, "-ERR No shutdown in progress.", "SHUTDOWN ABORT");
        assert_says(client, "-ERR syntax error", "SHUTDOWN SAVE NOSAVE");
        assert_says(client, "-ERR syntax error", "SHUTDOWN foo");
        assert_string_equal(conversation_say(client, "%s", lines[i]), "closed");
        assert_int_equal(server_process_wait(&process), 0);
        conversation_end(client);
    }
}

static void strangers_may_only_authenticate(void **state)
{
    (void)state;
    struct server_process process;
    server_process_start(&process, (const char *const[]){"--requirepass", "secret", NULL});
    struct conversation *client = conversation_begin(process.port);
    assert_says(client, "-NOAUTH Authentication required.", "PING");
    assert_says(client, "-NOAUTH Authentication required.", "GET a");
    assert_says(client,
                "-EXECABORT Transaction discarded because of: NOAUTH Authentication "
                "required.",
                "EXEC");
    assert_int_equal(strncmp(conversation_say(client, "HELLO 3"), "-NOAUTH HELLO must be", 21), 0);
    assert_says(client, "-WRONGPASS invalid username-password pair or user is disabled.",
                "AUTH wrong");
    assert_says(client, "-WRONGPASS invalid username-password pair or user is disabled.",
                "AUTH secretsecret");
    assert_says(client, "-WRONGPASS invalid username-password pair or user is disabled.",
                "AUTH nobody secret");
    assert_says(client, "+OK", "AUTH secret");
    assert_says(client, "+PONG", "PING");
    assert_says(client, "+RESET", "RESET");
    assert_says(client, "-NOAUTH Authentication required.", "PING");
    assert_int_equal(conversation_say(client, "HELLO 3 AUTH default secret")[0], '{');
    assert_says(client, "+PONG", "PING");
    conversation_end(client);
    assert_int_equal(server_process_stop(&process), 0);
}

static void a_stranger_may_not_send_much(void **state)
{
    (void)state;
    struct server_process process;
    server_process_start(&process, (const char *const[]){"--requirepass", "secret", NULL});
    struct conversation *client = conversation_begin(process.port);
    assert_says(client, "-ERR Protocol error: unauthenticated multibulk length",
                "MSET a b c d e f g h i j k");
    assert_string_equal(conversation_read(client), "closed");
    conversation_end(client);
    assert_int_equal(server_process_stop(&process), 0);
}

static void without_memory_only_what_needs_none_runs(void **state)
{
    (void)state;
    const char *refusal = "-OOM command not allowed when used memory > 'maxmemory'.";
    struct server_process process;
    server_process_start(&process, (const char *const[]){"--maxmemory", "1", NULL});
    struct conversation *client = conversation_begin(process.port);
    assert_says(client, refusal, "SET a 1");
    assert_says(client, "nil", "GET a");
    assert_says(client, ":0", "DEL a");
    assert_says(client, "+OK", "MULTI");
    assert_says(client, refusal, "GET a");
    assert_says(client, "-EXECABORT Transaction discarded because of previous errors.", "EXEC");
    conversation_end(client);
    assert_int_equal(server_process_stop(&process), 0);
}

static void many_clients_come_and_go(void **state)
{
    (void)state;
    struct server_process process;
    server_process_start(&process, NULL);
    struct conversation *watcher = conversation_begin(process.port);
    for (int round = 0; round < 3; round++) {
        struct conversation *clients[50];
        for (int i = 0; i < 50; i++) {
            clients[i] = conversation_begin(process.port);
            (void)conversation_say(clients[i], "WATCH a b c%d", i);
            (void)conversation_say(clients[i], "CLIENT TRACKING ON BCAST PREFIX x%d", i);
            (void)conversation_say(clients[i], "MULTI");
            (void)conversation_say(clients[i], "SET a %d", i);
            conversation_send(clients[i], "SUBSCRIBE x y z%d", i);
        }
        (void)conversation_say(watcher, "SET a 1");
        for (int i = 0; i < 50; i++)
            conversation_end(clients[i]);
    }
    assert_says(watcher, "+PONG", "PING");
    conversation_end(watcher);
    assert_int_equal(server_process_stop(&process), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_it_gracefully),
        cmocka_unit_test(shutdown_ends_it),
        cmocka_unit_test(strangers_may_only_authenticate),
        cmocka_unit_test(a_stranger_may_not_send_much),
        cmocka_unit_test(without_memory_only_what_needs_none_runs),
        cmocka_unit_test(many_clients_come_and_go),
    };
    return cmocka_run_group_tests_name("server/lifecycle", tests, NULL, NULL);
}
