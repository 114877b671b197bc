/* Client-side caching. clients[0] caches, clients[1] changes. */
#include <string.h>

#include "support/fixture.h"

static void begin(struct conversation *client, const char *options)
{
    assert_int_equal(conversation_say(client, "HELLO 3")[0], '{');
    assert_says(client, "+OK", "CLIENT TRACKING ON %s", options);
}

static void a_key_that_was_read_is_invalidated_once(void **state)
{
    CLIENTS(state);
    assert_says(clients[1], "+OK", "SET a 1");
    begin(clients[0], "");
    assert_says(clients[0], "$1", "GET a");
    assert_says(clients[1], "+OK", "SET a 2");
    assert_says(clients[1], "+OK", "SET a 3");
    assert_says(clients[1], "+OK", "SET other 3");
    assert_pushes(clients[0], ">[$invalidate, [$a]]");
}

static void an_expired_key_is_invalidated(void **state)
{
    CLIENTS(state);
    assert_says(clients[1], "+OK", "SET a 1 PX 30");
    begin(clients[0], "");
    assert_says(clients[0], "$1", "GET a");
    assert_pushes(clients[0], ">[$invalidate, [$a]]");
}

static void a_flush_invalidates_everything(void **state)
{
    CLIENTS(state);
    begin(clients[0], "");
    assert_says(clients[1], "+OK", "FLUSHALL");
    assert_pushes(clients[0], ">[$invalidate, nil]");
    assert_says(clients[0], "+OK", "FLUSHDB");
    assert_pushes(clients[0], ">[$invalidate, nil]");
}

static void own_changes_come_after_the_reply_unless_noloop(void **state)
{
    CLIENTS(state);
    begin(clients[0], "");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[0], "+OK", "SET a 1");
    assert_pushes(clients[0], ">[$invalidate, [$a]]");
    assert_says(clients[0], "$1", "GET a");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "SET a 2");
    assert_says(clients[0], "+QUEUED", "GET a");
    assert_says(clients[0], "[+OK, $2]", "EXEC");
    assert_pushes(clients[0], ">[$invalidate, [$a]]");
    begin(clients[2], "NOLOOP");
    assert_says(clients[2], "$2", "GET a");
    assert_says(clients[2], "+OK", "SET a 1");
    assert_no_pushes(clients[2]);
}

static void optin_and_optout_choose_commands(void **state)
{
    CLIENTS(state);
    begin(clients[0], "OPTIN");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[1], "+OK", "SET a 1");
    assert_no_pushes(clients[0]);
    assert_says(clients[0], "+OK", "CLIENT CACHING YES");
    assert_says(clients[0], "$1", "GET a");
    assert_says(clients[0], "nil", "GET b");
    assert_says(clients[1], "+OK", "MSET a 2 b 2");
    assert_pushes(clients[0], ">[$invalidate, [$a]]");
    begin(clients[2], "OPTOUT");
    assert_says(clients[2], "+OK", "CLIENT CACHING NO");
    assert_says(clients[2], "$2", "GET a");
    assert_says(clients[2], "$2", "GET b");
    assert_says(clients[1], "+OK", "MSET a 3 b 3");
    assert_pushes(clients[2], ">[$invalidate, [$b]]");
}

static void broadcast_tells_of_prefixes(void **state)
{
    CLIENTS(state);
    begin(clients[0], "BCAST PREFIX user: PREFIX job:");
    begin(clients[2], "BCAST");
    assert_says(clients[1], "+OK", "MSET user:2 a user:1 b other c");
    assert_pushes(clients[0], ">[$invalidate, [$user:1, $user:2]]");
    assert_pushes(clients[2], ">[$invalidate, [$other, $user:1, $user:2]]");
    assert_says(clients[1], "+OK", "SET userx 1");
    assert_no_pushes(clients[0]);
}

static void broadcast_spares_own_changes_with_noloop(void **state)
{
    CLIENTS(state);
    begin(clients[0], "BCAST NOLOOP");
    assert_says(clients[0], "+OK", "SET a 1");
    assert_no_pushes(clients[0]);
    assert_says(clients[1], "+OK", "SET a 1");
    assert_pushes(clients[0], ">[$invalidate, [$a]]");
}

static void messages_can_be_redirected_to_a_resp2_subscriber(void **state)
{
    CLIENTS(state);
    char id[32];
    snprintf(id, sizeof id, "%s", conversation_say(clients[2], "CLIENT ID") + 1);
    assert_says(clients[2], "[$subscribe, $__redis__:invalidate, :1]",
                "SUBSCRIBE __redis__:invalidate");
    assert_says(clients[0], "+OK", "CLIENT TRACKING ON REDIRECT %s", id);
    char expected[40];
    snprintf(expected, sizeof expected, ":%s", id);
    assert_says(clients[0], expected, "CLIENT GETREDIR");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[1], "+OK", "SET a 1");
    assert_reads(clients[2], "[$message, $__redis__:invalidate, [$a]]");
    assert_says(clients[1], "+OK", "FLUSHALL");
    assert_reads(clients[2], "[$message, $__redis__:invalidate, nil]");
}

static void a_broken_redirection_is_told(void **state)
{
    CLIENTS(state);
    char id[32];
    snprintf(id, sizeof id, "%s", conversation_say(clients[2], "CLIENT ID") + 1);
    assert_int_equal(conversation_say(clients[0], "HELLO 3")[0], '{');
    assert_says(clients[0], "+OK", "CLIENT TRACKING ON REDIRECT %s", id);
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[1], ":1", "CLIENT KILL ID %s", id);
    assert_says(clients[1], "+OK", "SET a 1");
    char expected[64];
    snprintf(expected, sizeof expected, ">[$tracking-redir-broken, :%s]", id);
    assert_pushes(clients[0], expected);
    assert_true(strstr(conversation_say(clients[0], "CLIENT TRACKINGINFO"), "broken_redirect") !=
                NULL);
}

static void modes_that_do_not_fit_are_refused(void **state)
{
    CLIENTS(state);
    struct conversation *client = clients[0];
    assert_says(client, "-ERR PREFIX option requires BCAST mode to be enabled",
                "CLIENT TRACKING ON PREFIX a");
    assert_says(client, "-ERR You can't specify both OPTIN mode and OPTOUT mode",
                "CLIENT TRACKING ON OPTIN OPTOUT");
    assert_says(client, "-ERR OPTIN and OPTOUT are not compatible with BCAST",
                "CLIENT TRACKING ON OPTIN BCAST");
    assert_says(client, "-ERR The client ID you want redirect to does not exist",
                "CLIENT TRACKING ON REDIRECT 99999");
    assert_says(client,
                "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single "
                "client must not overlap.",
                "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab");
    assert_says(client, "+OK", "CLIENT TRACKING ON BCAST PREFIX a");
    assert_says(client,
                "-ERR Prefix 'ab' overlaps with an existing prefix 'a'. Prefixes for a single "
                "client must not overlap.",
                "CLIENT TRACKING ON BCAST PREFIX ab");
    assert_says(client, "[$flags, [$on, $bcast], $redirect, :0, $prefixes, [$a]]",
                "CLIENT TRACKINGINFO");
    assert_says(client, "+OK", "CLIENT TRACKING OFF");
    assert_says(client, "[$flags, [$off], $redirect, :-1, $prefixes, []]", "CLIENT TRACKINGINFO");
}

static void too_many_keys_are_invalidated_to_make_room(void **state)
{
    CLIENTS(state);
    assert_says(clients[1], "+OK", "CONFIG SET tracking-table-max-keys 10");
    begin(clients[0], "");
    for (int i = 0; i < 30; i++)
        assert_says(clients[0], "nil", "GET key%d", i);
    const char *pushes = conversation_pushes(clients[0]);
    int count = 0;
    for (const char *at = pushes; (at = strstr(at, "invalidate")) != NULL; at++)
        count++;
    assert_int_equal(count, 20);
    assert_says(clients[1], "+OK", "CONFIG SET tracking-table-max-keys 1000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_key_that_was_read_is_invalidated_once),
        SERVER_TEST(an_expired_key_is_invalidated),
        SERVER_TEST(a_flush_invalidates_everything),
        SERVER_TEST(own_changes_come_after_the_reply_unless_noloop),
        SERVER_TEST(optin_and_optout_choose_commands),
        SERVER_TEST(broadcast_tells_of_prefixes),
        SERVER_TEST(broadcast_spares_own_changes_with_noloop),
        SERVER_TEST(messages_can_be_redirected_to_a_resp2_subscriber),
        SERVER_TEST(a_broken_redirection_is_told),
        SERVER_TEST(modes_that_do_not_fit_are_refused),
        SERVER_TEST(too_many_keys_are_invalidated_to_make_room),
    };
    return cmocka_run_group_tests_name("server/tracking", tests, fixture_start, fixture_stop);
}
