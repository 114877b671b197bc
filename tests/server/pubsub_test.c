/* Channels, patterns, shard channels, keyspace notifications. */
#include "support/fixture.h"

static void a_message_reaches_its_subscribers(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[1], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[2], ":2", "PUBLISH x hello");
    assert_says(clients[2], ":0", "PUBLISH y hello");
    assert_reads(clients[0], "[$message, $x, $hello]");
    assert_reads(clients[1], "[$message, $x, $hello]");
}

static void versions_get_messages_of_their_kind(void **state)
{
    CLIENTS(state);
    assert_int_equal(conversation_say(clients[0], "HELLO 3")[0], '{');
    conversation_send(clients[0], "SUBSCRIBE x");
    assert_pushes(clients[0], ">[$subscribe, $x, :1]");
    assert_says(clients[1], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[2], ":2", "PUBLISH x hello");
    assert_pushes(clients[0], ">[$message, $x, $hello]");
    assert_reads(clients[1], "[$message, $x, $hello]");
}

static void patterns_get_messages_too(void **state)
{
    CLIENTS(state);
    conversation_send(clients[0], "PSUBSCRIBE x* [xy]");
    assert_reads(clients[0], "[$psubscribe, $x*, :1]");
    assert_reads(clients[0], "[$psubscribe, $[xy], :2]");
    assert_says(clients[0], "[$subscribe, $x, :3]", "SUBSCRIBE x");
    assert_says(clients[2], ":3", "PUBLISH x hello");
    assert_reads(clients[0], "[$message, $x, $hello]");
    assert_reads(clients[0], "[$pmessage, $x*, $x, $hello]");
    assert_reads(clients[0], "[$pmessage, $[xy], $x, $hello]");
}

static void subscribing_twice_counts_once(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[0], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[1], ":1", "PUBLISH x a");
    assert_reads(clients[0], "[$message, $x, $a]");
    assert_says(clients[0], "[$unsubscribe, $x, :0]", "UNSUBSCRIBE x");
    assert_says(clients[0], "[$unsubscribe, $x, :0]", "UNSUBSCRIBE x");
    assert_says(clients[1], ":0", "PUBLISH x a");
}

static void unsubscribing_from_nothing_is_confirmed(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$unsubscribe, nil, :0]", "UNSUBSCRIBE");
    assert_says(clients[0], "[$punsubscribe, nil, :0]", "PUNSUBSCRIBE");
    assert_says(clients[0], "[$sunsubscribe, nil, :0]", "SUNSUBSCRIBE");
    assert_says(clients[0], "[$unsubscribe, $x, :0]", "UNSUBSCRIBE x");
}

static void unsubscribing_from_all_confirms_each(void **state)
{
    CLIENTS(state);
    conversation_send(clients[0], "SUBSCRIBE a b c");
    for (int i = 0; i < 3; i++)
        (void)conversation_read(clients[0]);
    conversation_send(clients[0], "UNSUBSCRIBE");
    (void)conversation_read(clients[0]);
    (void)conversation_read(clients[0]);
    const char *last = conversation_read(clients[0]);
    assert_string_equal(last + sizeof "[$unsubscribe, $a" - 1, ", :0]");
    assert_says(clients[0], "+PONG", "PING");
}

static void a_subscribed_resp2_client_may_do_little(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[0],
                "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                "RESET are allowed in this context",
                "GET a");
    assert_says(clients[0], "[$pong, $]", "PING");
    assert_says(clients[0], "[$pong, $hello]", "PING hello");
    assert_says(clients[0], "+RESET", "RESET");
    assert_says(clients[0], "nil", "GET a");
    assert_says(clients[1], ":0", "PUBLISH x hello");
}

static void shard_channels_are_a_world_of_their_own(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$subscribe, $x, :1]", "SUBSCRIBE x");
    assert_says(clients[0], "[$ssubscribe, $x, :1]", "SSUBSCRIBE x");
    assert_says(clients[1], ":1", "SPUBLISH x hello");
    assert_says(clients[1], ":1", "PUBLISH x there");
    assert_reads(clients[0], "[$smessage, $x, $hello]");
    assert_reads(clients[0], "[$message, $x, $there]");
    assert_says(clients[0], "[$sunsubscribe, $x, :0]", "SUNSUBSCRIBE");
    assert_says(clients[1], ":0", "SPUBLISH x hello");
}

static void pubsub_looks_at_channels(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$subscribe, $ab, :1]", "SUBSCRIBE ab");
    assert_says(clients[0], "[$psubscribe, $a*, :2]", "PSUBSCRIBE a*");
    assert_says(clients[1], "[$psubscribe, $a*, :1]", "PSUBSCRIBE a*");
    assert_says(clients[1], "[$ssubscribe, $s, :1]", "SSUBSCRIBE s");
    assert_says(clients[2], "[$ab]", "PUBSUB CHANNELS");
    assert_says(clients[2], "[$ab]", "PUBSUB CHANNELS a?");
    assert_says(clients[2], "[]", "PUBSUB CHANNELS b*");
    assert_says(clients[2], "[$ab, :1, $cd, :0]", "PUBSUB NUMSUB ab cd");
    assert_says(clients[2], ":1", "PUBSUB NUMPAT");
    assert_says(clients[2], "[$s]", "PUBSUB SHARDCHANNELS");
    assert_says(clients[2], "[$s, :1]", "PUBSUB SHARDNUMSUB s");
    conversation_end(clients[0]);
    clients[0] = NULL;
    for (int i = 0; i < 100 && conversation_say(clients[2], "PUBSUB CHANNELS")[1] != ']'; i++)
        ;
    assert_says(clients[2], "[]", "PUBSUB CHANNELS");
    assert_says(clients[2], ":1", "PUBSUB NUMPAT");
}

static void a_message_to_oneself_stands_beside_the_reply(void **state)
{
    CLIENTS(state);
    assert_int_equal(conversation_say(clients[0], "HELLO 3")[0], '{');
    conversation_send(clients[0], "SUBSCRIBE x");
    assert_pushes(clients[0], ">[$subscribe, $x, :1]");
    assert_says(clients[0], ":1", "PUBLISH x hello");
    assert_pushes(clients[0], ">[$message, $x, $hello]");
}

static void notifications_come_for_the_classes_asked_for(void **state)
{
    CLIENTS(state);
    conversation_send(clients[0], "PSUBSCRIBE __key*");
    (void)conversation_read(clients[0]);
    assert_says(clients[1], "+OK", "CONFIG SET notify-keyspace-events KEA");
    assert_says(clients[1], "+OK", "SET a 1");
    assert_reads(clients[0], "[$pmessage, $__key*, $__keyspace@0__:a, $set]");
    assert_reads(clients[0], "[$pmessage, $__key*, $__keyevent@0__:set, $a]");
    assert_says(clients[1], "+OK", "CONFIG SET notify-keyspace-events Ex");
    assert_says(clients[1], "+OK", "SET a 1 PX 20");
    assert_reads(clients[0], "[$pmessage, $__key*, $__keyevent@0__:expired, $a]");
    assert_says(clients[1], "+OK", "CONFIG SET notify-keyspace-events Em");
    assert_says(clients[1], "nil", "GET a");
    assert_reads(clients[0], "[$pmessage, $__key*, $__keyevent@0__:keymiss, $a]");
    assert_says(clients[1], "+OK", "CONFIG SET notify-keyspace-events ''");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_message_reaches_its_subscribers),
        SERVER_TEST(versions_get_messages_of_their_kind),
        SERVER_TEST(patterns_get_messages_too),
        SERVER_TEST(subscribing_twice_counts_once),
        SERVER_TEST(unsubscribing_from_nothing_is_confirmed),
        SERVER_TEST(unsubscribing_from_all_confirms_each),
        SERVER_TEST(a_subscribed_resp2_client_may_do_little),
        SERVER_TEST(shard_channels_are_a_world_of_their_own),
        SERVER_TEST(pubsub_looks_at_channels),
        SERVER_TEST(a_message_to_oneself_stands_beside_the_reply),
        SERVER_TEST(notifications_come_for_the_classes_asked_for),
    };
    return cmocka_run_group_tests_name("server/pubsub", tests, fixture_start, fixture_stop);
}
