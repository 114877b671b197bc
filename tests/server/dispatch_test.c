/* Which commands run at all, and what is said about the others. */
#include <string.h>

#include "support/fixture.h"

static void an_unknown_command_is_named_with_its_arguments(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "-ERR unknown command 'foo', with args beginning with: 'bar' 'baz' ",
                "foo bar baz");
    assert_says(clients[0], "-ERR unknown command 'foo', with args beginning with: ", "foo");
}

static void a_preview_of_arguments_ends_at_128_bytes(void **state)
{
    CLIENTS(state);
    char long_word[201];
    memset(long_word, 'a', 200);
    long_word[200] = '\0';
    const char *reply = conversation_say(clients[0], "foo %s b", long_word);
    assert_int_equal(strlen(reply),
                     strlen("-ERR unknown command 'foo', with args beginning with: '' ") + 128);
}

static void an_unknown_subcommand_points_to_help(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.", "client FOO");
}

static void a_wrong_number_of_arguments_names_the_command(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "-ERR wrong number of arguments for 'get' command", "GET");
    assert_says(clients[0], "-ERR wrong number of arguments for 'client' command", "CLIENT");
    assert_says(clients[0], "-ERR wrong number of arguments for 'client|pause' command",
                "CLIENT PAUSE");
}

static void names_are_taken_in_any_case(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "sEt a 1");
    assert_says(clients[0], "$1", "gEt a");
    assert_says(clients[0], "nil", "cLiEnT gEtNaMe");
}

static void a_pipeline_is_answered_in_order(void **state)
{
    CLIENTS(state);
    for (int i = 0; i < 500; i++)
        conversation_send(clients[0], "SET key%d value%d", i, i);
    for (int i = 0; i < 500; i++)
        conversation_send(clients[0], "GET key%d", i);
    for (int i = 0; i < 500; i++)
        assert_reads(clients[0], "+OK");
    for (int i = 0; i < 500; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "$value%d", i);
        assert_reads(clients[0], expected);
    }
}

static void databases_are_apart(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET a 1");
    assert_says(clients[0], "+OK", "SELECT 3");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[0], "-ERR DB index is out of range", "SELECT 16");
    assert_says(clients[0], "-ERR DB index is out of range", "SELECT -1");
    assert_says(clients[0], "-ERR value is not an integer or out of range", "SELECT a");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[0], "+OK", "SWAPDB 0 3");
    assert_says(clients[0], "$1", "GET a");
}

static void wait_without_replicas_waits_until_the_timeout(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], ":0", "WAIT 0 0");
    assert_says(clients[0], ":0", "WAIT 1 50");
    assert_says(clients[0], "-ERR timeout is negative", "WAIT 1 -1");
    assert_says(clients[0], "-ERR timeout is not an integer or out of range", "WAIT 1 a");
    assert_says(clients[0], "-ERR value is not an integer or out of range", "WAIT a 1");
}

static void what_follows_a_wait_runs_after_it(void **state)
{
    CLIENTS(state);
    conversation_send(clients[0], "WAIT 1 50");
    conversation_send(clients[0], "SET a 1");
    assert_says(clients[1], "nil", "GET a");
    assert_reads(clients[0], ":0");
    assert_reads(clients[0], "+OK");
}

static void a_waiting_client_can_be_unblocked(void **state)
{
    CLIENTS(state);
    char id[32];
    snprintf(id, sizeof id, "%s", conversation_say(clients[0], "CLIENT ID") + 1);
    assert_says(clients[1], ":0", "CLIENT UNBLOCK %s", id);
    conversation_send(clients[0], "WAIT 1 0");
    assert_says(clients[1], "+PONG", "PING");
    const char *reply = ":0";
    for (int i = 0; i < 100 && strcmp(reply, ":0") == 0; i++)
        reply = conversation_say(clients[1], "CLIENT UNBLOCK %s", id);
    assert_string_equal(reply, ":1");
    assert_reads(clients[0], ":0");
    conversation_send(clients[0], "WAIT 1 0");
    reply = ":0";
    for (int i = 0; i < 100 && strcmp(reply, ":0") == 0; i++)
        reply = conversation_say(clients[1], "CLIENT UNBLOCK %s ERROR", id);
    assert_string_equal(reply, ":1");
    assert_reads(clients[0], "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    assert_says(clients[0], "+PONG", "PING");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(an_unknown_command_is_named_with_its_arguments),
        SERVER_TEST(a_preview_of_arguments_ends_at_128_bytes),
        SERVER_TEST(an_unknown_subcommand_points_to_help),
        SERVER_TEST(a_wrong_number_of_arguments_names_the_command),
        SERVER_TEST(names_are_taken_in_any_case),
        SERVER_TEST(a_pipeline_is_answered_in_order),
        SERVER_TEST(databases_are_apart),
        SERVER_TEST(wait_without_replicas_waits_until_the_timeout),
        SERVER_TEST(what_follows_a_wait_runs_after_it),
        SERVER_TEST(a_waiting_client_can_be_unblocked),
    };
    return cmocka_run_group_tests_name("server/dispatch", tests, fixture_start, fixture_stop);
}
