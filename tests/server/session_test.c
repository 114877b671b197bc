/* HELLO, AUTH, RESET, QUIT and CLIENT. */
#include <string.h>
#include <time.h>

#include "support/fixture.h"

static const char *id_of(struct conversation *client, char id[32])
{
    snprintf(id, 32, "%s", conversation_say(client, "CLIENT ID") + 1);
    return id;
}

static bool says_part(struct conversation *client, const char *part, const char *line)
{
    return strstr(conversation_say(client, "%s", line), part) != NULL;
}

static void hello_tells_who_we_are(void **state)
{
    CLIENTS(state);
    assert_true(
        says_part(clients[0], "[$server, $redis, $version, $7.4.0, $proto, :2, $id, ", "HELLO"));
    assert_true(says_part(clients[0], "$server_name: $holdfast", "HELLO 3"));
    assert_true(says_part(clients[0], "$role: $master", "HELLO 3 SETNAME foo"));
    assert_says(clients[0], "$foo", "CLIENT GETNAME");
}

static void hello_refuses_what_it_does_not_know(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "-NOPROTO unsupported protocol version", "HELLO 4");
    assert_says(clients[0], "-ERR Protocol version is not an integer or out of range", "HELLO a");
    assert_says(clients[0], "-ERR Syntax error in HELLO option 'FOO'", "HELLO 3 FOO");
    assert_says(clients[0],
                "-ERR Client names cannot contain spaces, newlines or special characters.",
                "HELLO 3 SETNAME 'a b'");
    assert_says(clients[0], "-WRONGPASS invalid username-password pair or user is disabled.",
                "HELLO 3 AUTH nobody x");
}

static void auth_without_a_password_says_so(void **state)
{
    CLIENTS(state);
    assert_says(clients[0],
                "-ERR AUTH <password> called without any password configured for the default user. "
                "Are you sure your configuration is correct?",
                "AUTH x");
    assert_says(clients[0], "+OK", "AUTH default x");
    assert_says(clients[0], "-WRONGPASS invalid username-password pair or user is disabled.",
                "AUTH nobody x");
    assert_says(clients[0], "-ERR syntax error", "AUTH a b c");
}

static void reset_brings_back_the_beginning(void **state)
{
    CLIENTS(state);
    assert_int_equal(conversation_say(clients[0], "HELLO 3 SETNAME foo")[0], '{');
    assert_says(clients[0], "+OK", "SELECT 2");
    assert_says(clients[0], "+OK", "CLIENT TRACKING ON BCAST");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+RESET", "RESET");
    assert_says(clients[0], "nil", "CLIENT GETNAME");
    assert_says(clients[0], ":-1", "CLIENT GETREDIR");
    const char *info = conversation_say(clients[0], "CLIENT INFO");
    assert_non_null(strstr(info, " db=0 "));
    assert_non_null(strstr(info, " flags=N "));
    assert_non_null(strstr(info, " resp=2 "));
}

static void quit_answers_and_closes(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "QUIT");
    assert_string_equal(conversation_read(clients[0]), "closed");
}

static void names_are_checked_and_kept(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "nil", "CLIENT GETNAME");
    assert_says(clients[0], "+OK", "CLIENT SETNAME foo");
    assert_says(clients[0],
                "-ERR Client names cannot contain spaces, newlines or special characters.",
                "CLIENT SETNAME 'a b'");
    assert_says(clients[0], "$foo", "CLIENT GETNAME");
    assert_says(clients[0], "+OK", "CLIENT SETNAME ''");
    assert_says(clients[0], "nil", "CLIENT GETNAME");
    assert_says(clients[0], "+OK", "CLIENT SETINFO lib-name jedis");
    assert_says(clients[0], "+OK", "CLIENT SETINFO LIB-VER 1.2");
    assert_says(clients[0], "-ERR lib-name cannot contain spaces, newlines or special characters.",
                "CLIENT SETINFO lib-name 'a b'");
    assert_says(clients[0], "-ERR Unrecognized option 'foo'", "CLIENT SETINFO foo bar");
    assert_true(says_part(clients[0], " lib-name=jedis lib-ver=1.2", "CLIENT INFO"));
}

static void list_shows_those_asked_for(void **state)
{
    CLIENTS(state);
    char one[32], two[32];
    id_of(clients[1], one);
    id_of(clients[2], two);
    assert_says(clients[1], "+OK", "CLIENT SETNAME one");
    assert_says(clients[2], "+OK", "SELECT 5");
    const char *list = conversation_say(clients[0], "CLIENT LIST ID %s %s", two, one);
    char expected[64];
    snprintf(expected, sizeof expected, "$id=%s ", two);
    assert_memory_equal(list, expected, strlen(expected));
    assert_non_null(strstr(list, " name=one "));
    assert_non_null(strstr(conversation_say(clients[0], "CLIENT LIST NAME one"), " name=one "));
    assert_non_null(strstr(conversation_say(clients[0], "CLIENT LIST DB 5"), " db=5 "));
    assert_null(strstr(conversation_say(clients[0], "CLIENT LIST NOT-DB 5"), " db=5 "));
    assert_null(strstr(conversation_say(clients[0], "CLIENT LIST NOT-NAME one"), " name=one "));
    assert_says(clients[0], "$", "CLIENT LIST TYPE replica");
    assert_says(clients[0], "$", "CLIENT LIST TYPE pubsub");
    assert_says(clients[3], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_non_null(strstr(conversation_say(clients[0], "CLIENT LIST TYPE pubsub"), " flags=P "));
    assert_non_null(strstr(conversation_say(clients[0], "CLIENT LIST FLAGS P"), " sub=1 "));
    assert_non_null(strstr(conversation_say(clients[0], "CLIENT LIST IP 127.0.0.1"), " sub=1 "));
    assert_says(clients[0], "-ERR Unknown client type 'foo'", "CLIENT LIST TYPE foo");
    assert_says(clients[0], "-ERR syntax error", "CLIENT LIST FOO");
    assert_says(clients[0], "-ERR Invalid client ID", "CLIENT LIST ID a");
    assert_says(clients[0], "-ERR syntax error", "CLIENT LIST ID");
}

static void kill_closes_those_asked_for(void **state)
{
    CLIENTS(state);
    char id[32];
    assert_says(clients[0], "-ERR No such client", "CLIENT KILL 1.1.1.1:1");
    assert_says(clients[0], ":0", "CLIENT KILL ID 999999");
    assert_says(clients[0], "-ERR client-id should be greater than 0", "CLIENT KILL ID a");
    assert_says(clients[0], "-ERR No such user 'foo'", "CLIENT KILL USER foo");
    assert_says(clients[0], ":1", "CLIENT KILL ID %s", id_of(clients[1], id));
    assert_string_equal(conversation_read(clients[1]), "closed");
    assert_says(clients[2], "+OK", "CLIENT SETNAME victim");
    assert_says(clients[0], ":1", "CLIENT KILL NAME victim SKIPME no");
    assert_string_equal(conversation_read(clients[2]), "closed");
    assert_says(clients[0], ":1", "CLIENT KILL ID %s SKIPME no", id_of(clients[0], id));
    assert_string_equal(conversation_read(clients[0]), "closed");
}

static void a_killed_client_is_gone_at_once(void **state)
{
    CLIENTS(state);
    char id[32];
    id_of(clients[1], id);
    assert_says(clients[1], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    conversation_send(clients[0], "CLIENT KILL ID %s", id);
    conversation_send(clients[0], "PUBLISH x hello");
    assert_reads(clients[0], ":1");
    assert_reads(clients[0], ":0");
}

static void replies_can_be_switched_off(void **state)
{
    CLIENTS(state);
    conversation_send(clients[0], "CLIENT REPLY OFF");
    conversation_send(clients[0], "SET a 1");
    conversation_send(clients[0], "FOO");
    assert_says(clients[0], "+OK", "CLIENT REPLY ON");
    conversation_send(clients[0], "CLIENT REPLY SKIP");
    conversation_send(clients[0], "SET a 2");
    assert_says(clients[0], "$2", "GET a");
    assert_says(clients[0], "-ERR syntax error", "CLIENT REPLY foo");
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_holds_everybody_back(void **state)
{
    CLIENTS(state);
    int64_t begin = now_ms();
    assert_says(clients[0], "+OK", "CLIENT PAUSE 150");
    assert_says(clients[1], "+PONG", "PING");
    assert_in_range(now_ms() - begin, 140, 1000);
    assert_says(clients[0], "+PONG", "PING");
}

static void pause_of_writes_lets_reads_through(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET a 1 PX 40");
    assert_says(clients[0], "+OK", "CLIENT PAUSE 5000 WRITE");
    assert_says(clients[1], "$1", "GET a");
    conversation_send(clients[1], "SET b 1");
    conversation_send(clients[2], "PUBLISH x y");
    nanosleep(&(struct timespec){0, 80000000}, NULL);
    assert_says(clients[0], "nil", "GET b");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[0], ":1", "DBSIZE"); /* expired, but nothing is removed in a pause */
    assert_says(clients[0], "+OK", "CLIENT UNPAUSE");
    assert_reads(clients[1], "+OK");
    assert_reads(clients[2], ":0");
    assert_says(clients[0], "-ERR timeout is negative", "CLIENT PAUSE -1");
    assert_says(clients[0], "-ERR CLIENT PAUSE mode must be WRITE or ALL", "CLIENT PAUSE 1 foo");
}

static void switches_take_on_and_off(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "CLIENT NO-EVICT ON");
    assert_says(clients[0], "+OK", "CLIENT NO-TOUCH on");
    assert_true(says_part(clients[0], " flags=eT ", "CLIENT INFO"));
    assert_says(clients[0], "+OK", "CLIENT NO-EVICT OFF");
    assert_says(clients[0], "-ERR syntax error", "CLIENT NO-TOUCH foo");
    assert_says(clients[0], "+OK", "CLIENT CAPA redirect other");
    assert_says(clients[0], "+OK", "CLIENT IMPORT-SOURCE OFF");
}

static void help_is_given(void **state)
{
    CLIENTS(state);
    assert_true(says_part(clients[0],
                          "[+CLIENT <subcommand> [<arg> [value] [opt] ...]. "
                          "Subcommands are:, +CACHING (YES|NO)",
                          "CLIENT HELP"));
    assert_true(says_part(clients[0], "+    Prints this help.]", "PUBSUB HELP"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(hello_tells_who_we_are),
        SERVER_TEST(hello_refuses_what_it_does_not_know),
        SERVER_TEST(auth_without_a_password_says_so),
        SERVER_TEST(reset_brings_back_the_beginning),
        SERVER_TEST(quit_answers_and_closes),
        SERVER_TEST(names_are_checked_and_kept),
        SERVER_TEST(list_shows_those_asked_for),
        SERVER_TEST(kill_closes_those_asked_for),
        SERVER_TEST(a_killed_client_is_gone_at_once),
        SERVER_TEST(replies_can_be_switched_off),
        SERVER_TEST(pause_holds_everybody_back),
        SERVER_TEST(pause_of_writes_lets_reads_through),
        SERVER_TEST(switches_take_on_and_off),
        SERVER_TEST(help_is_given),
    };
    return cmocka_run_group_tests_name("server/session", tests, fixture_start, fixture_stop);
}
