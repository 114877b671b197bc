/* MULTI, EXEC, DISCARD, WATCH. */
#include <string.h>
#include <time.h>

#include "support/fixture.h"

static void a_transaction_runs_as_one(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "SET a 1");
    assert_says(clients[0], "+QUEUED", "INCR a");
    assert_says(clients[1], "nil", "GET a");
    assert_says(clients[0], "[+OK, :2]", "EXEC");
    assert_says(clients[1], "$2", "GET a");
}

static void an_empty_transaction_answers_an_empty_array(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "[]", "EXEC");
}

static void misplaced_words_are_errors_that_break_nothing(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "-ERR EXEC without MULTI", "EXEC");
    assert_says(clients[0], "-ERR DISCARD without MULTI", "DISCARD");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "-ERR MULTI calls can not be nested", "MULTI");
    assert_says(clients[0], "-ERR WATCH inside MULTI is not allowed", "WATCH a");
    assert_says(clients[0], "+QUEUED", "SET a 1");
    assert_says(clients[0], "[+OK]", "EXEC");
}

static void an_error_while_queueing_aborts(void **state)
{
    CLIENTS(state);
    const char *const broken[] = {"FOO", "GET", "CLIENT FOO", "CLIENT REPLY OFF"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_says(clients[0], "+OK", "MULTI");
        assert_says(clients[0], "+QUEUED", "SET a 1");
        assert_int_equal(conversation_say(clients[0], "%s", broken[i])[0], '-');
        assert_says(clients[0], "+QUEUED", "SET a 2");
        assert_says(clients[0], "-EXECABORT Transaction discarded because of previous errors.",
                    "EXEC");
        assert_says(clients[0], "nil", "GET a");
    }
}

static void an_error_while_running_stops_nothing(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "SET a b");
    assert_says(clients[0], "+QUEUED", "INCR a");
    assert_says(clients[0], "+QUEUED", "GET a");
    assert_says(clients[0], "[+OK, -ERR value is not an integer or out of range, $b]", "EXEC");
}

static void discard_forgets_everything(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "WATCH a");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "SET a 1");
    assert_says(clients[0], "+OK", "DISCARD");
    assert_says(clients[1], "+OK", "SET a 5");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "GET a");
    assert_says(clients[0], "[$5]", "EXEC");
}

static void a_changed_watched_key_answers_null(void **state)
{
    CLIENTS(state);
    const char *const changes[] = {"SET a 2",  "DEL a",   "EXPIRE a 100",
                                   "FLUSHALL", "FLUSHDB", "SWAPDB 0 1"};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        assert_says(clients[1], "+OK", "SET a 1");
        assert_says(clients[0], "+OK", "WATCH b a c");
        (void)conversation_say(clients[1], "%s", changes[i]);
        assert_says(clients[0], "+OK", "MULTI");
        assert_says(clients[0], "+QUEUED", "SET b 1");
        assert_says(clients[0], "nil", "EXEC");
        assert_says(clients[0], "nil", "GET b");
        assert_says(clients[1], "+OK", "FLUSHALL");
    }
}

static void changes_elsewhere_do_not_matter(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET a 1");
    assert_says(clients[0], "+OK", "WATCH a missing");
    assert_says(clients[1], "+OK", "SET b 1");
    assert_says(clients[1], ":0", "DEL missing");
    assert_says(clients[1], "+OK", "SELECT 1");
    assert_says(clients[1], "+OK", "SET a 2");
    assert_says(clients[1], "+OK", "FLUSHDB");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "GET a");
    assert_says(clients[0], "[$1]", "EXEC");
}

static void unwatch_and_exec_forget_the_watched_keys(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "WATCH a");
    assert_says(clients[0], "+OK", "SET a 1");
    assert_says(clients[0], "+OK", "UNWATCH");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "[]", "EXEC");
    assert_says(clients[0], "+OK", "WATCH a");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "[]", "EXEC");
    assert_says(clients[1], "+OK", "SET a 2");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "[]", "EXEC");
}

static void a_watched_key_that_expires_is_a_change(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "SET a 1 PX 30");
    assert_says(clients[0], "+OK", "WATCH a");
    nanosleep(&(struct timespec){0, 60000000}, NULL);
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "nil", "EXEC");
}

static void a_key_that_had_expired_when_watched_is_no_change(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    assert_says(clients[0], "+OK", "SET a 1 PX 1");
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    assert_says(clients[0], "+OK", "WATCH a");
    assert_says(clients[1], "nil", "GET a");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "[]", "EXEC");
    assert_says(clients[0], "+OK", "DEBUG SET-ACTIVE-EXPIRE 1");
}

static void nothing_blocks_inside_exec(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "WAIT 1 0");
    assert_says(clients[0], "[:0]", "EXEC");
}

static void a_message_to_oneself_follows_the_reply_of_exec(void **state)
{
    CLIENTS(state);
    assert_int_equal(conversation_say(clients[0], "HELLO 3")[0], '{');
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "PUBLISH x hello");
    conversation_send(clients[0], "EXEC");
    assert_reads(clients[0], "[:0]");
    conversation_send(clients[0], "SUBSCRIBE x");
    assert_pushes(clients[0], ">[$subscribe, $x, :1]");
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "+QUEUED", "PUBLISH x hello");
    assert_says(clients[0], "+QUEUED", "PING");
    assert_says(clients[0], "[:1, +PONG]", "EXEC");
    assert_pushes(clients[0], ">[$message, $x, $hello]");
}

static void a_large_transaction_runs(void **state)
{
    CLIENTS(state);
    conversation_send(clients[0], "MULTI");
    for (int i = 0; i < 3000; i++)
        conversation_send(clients[0], "INCR a");
    conversation_send(clients[0], "EXEC");
    assert_reads(clients[0], "+OK");
    for (int i = 0; i < 3000; i++)
        assert_reads(clients[0], "+QUEUED");
    assert_true(strstr(conversation_read(clients[0]), ":2999, :3000]") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_transaction_runs_as_one),
        SERVER_TEST(an_empty_transaction_answers_an_empty_array),
        SERVER_TEST(misplaced_words_are_errors_that_break_nothing),
        SERVER_TEST(an_error_while_queueing_aborts),
        SERVER_TEST(an_error_while_running_stops_nothing),
        SERVER_TEST(discard_forgets_everything),
        SERVER_TEST(a_changed_watched_key_answers_null),
        SERVER_TEST(changes_elsewhere_do_not_matter),
        SERVER_TEST(unwatch_and_exec_forget_the_watched_keys),
        SERVER_TEST(a_watched_key_that_expires_is_a_change),
        SERVER_TEST(a_key_that_had_expired_when_watched_is_no_change),
        SERVER_TEST(nothing_blocks_inside_exec),
        SERVER_TEST(a_message_to_oneself_follows_the_reply_of_exec),
        SERVER_TEST(a_large_transaction_runs),
    };
    return cmocka_run_group_tests_name("server/transaction", tests, fixture_start, fixture_stop);
}
