/* Blocking commands: who is served, by what, and in which order. All of it is what redis-server
 * 7.0.15 does: the program passes with HOLDFAST_SERVER=/usr/bin/redis-server, too. */
#include <string.h>

#include <hiredis/hiredis.h>

#include "support/fixture.h"
#include "support/waiting.h"

/* --- turns --- */

/* Commands that serve one client a push; %d is the element. */
struct queue {
    const char *prepare, *wait, *push, *reply;
};

static void who_waits_longest_is_served_first(void **state)
{
    static const struct queue queues[] = {
        {NULL, "BLPOP a 0", "RPUSH a %d", "[$a, $%d]"},
        {NULL, "BRPOP a 0", "LPUSH a %d", "[$a, $%d]"},
        {NULL, "BLMOVE a b LEFT RIGHT 0", "RPUSH a %d", "$%d"},
        {NULL, "BRPOPLPUSH a b 0", "RPUSH a %d", "$%d"},
        {NULL, "BLMPOP 0 2 none a LEFT", "RPUSH a %d", "[$a, [$%d]]"},
        {NULL, "BZPOPMIN a 0", "ZADD a %d m", "[$a, $m, $%d]"},
        {NULL, "BZPOPMAX a 0", "ZADD a %d m", "[$a, $m, $%d]"},
        {NULL, "BZMPOP 0 1 a MAX COUNT 5", "ZADD a %d m", "[$a, [[$m, $%d]]]"},
        {"XGROUP CREATE a g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK 0 STREAMS a >",
         "XADD a %d-1 f v", "[[$a, [[$%d-1, [$f, $v]]]]]"},
    };
    CLIENTS(state);
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        assert_says(clients[WRITER], "+OK", "FLUSHALL");
        waiting_prepare(clients[WRITER], &queues[i].prepare, 1);
        for (int j = 0; j < WAITERS; j++)
            waiting_begin(clients[j], clients[WRITER], "%s", queues[i].wait);
        for (int j = 0; j < WAITERS; j++) {
            char expected[64];
            snprintf(expected, sizeof expected, queues[i].reply, j + 1);
            (void)conversation_say(clients[WRITER], queues[i].push, j + 1);
            assert_waiting(clients[WRITER], WAITERS - j - 1);
            assert_reads(clients[j], expected);
        }
    }
}

static void all_readers_of_a_stream_are_served_by_one_entry(void **state)
{
    CLIENTS(state);
    for (int i = 0; i < WAITERS; i++)
        waiting_begin(clients[i], clients[WRITER], "XREAD BLOCK 0 STREAMS a $");
    assert_says(clients[WRITER], "$1-1", "XADD a 1-1 f v");
    for (int i = 0; i < WAITERS; i++)
        assert_reads(clients[i], "[[$a, [[$1-1, [$f, $v]]]]]");
}

static void who_waits_again_goes_to_the_end(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    waiting_begin(clients[1], clients[WRITER], "BLPOP a 0");
    assert_says(clients[WRITER], ":1", "LPUSH a 1");
    assert_reads(clients[0], "[$a, $1]");
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    assert_says(clients[WRITER], ":2", "RPUSH a 2 3");
    assert_reads(clients[1], "[$a, $2]");
    assert_reads(clients[0], "[$a, $3]");
}

static void who_waits_for_several_keys_leaves_all_queues_when_served(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a b b c 0");
    waiting_begin(clients[1], clients[WRITER], "BLPOP b 0");
    assert_says(clients[WRITER], ":1", "RPUSH b 1");
    assert_reads(clients[0], "[$b, $1]");
    assert_says(clients[WRITER], ":1", "RPUSH a 2");
    assert_says(clients[WRITER], ":1", "LLEN a");
    assert_waiting(clients[WRITER], 1);
    assert_says(clients[WRITER], ":1", "RPUSH b 3");
    assert_reads(clients[1], "[$b, $3]");
    assert_says(clients[0], "[$a, $2]", "BLPOP b a 0");
}

static void each_element_of_one_push_serves_a_client(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    waiting_begin(clients[1], clients[WRITER], "BRPOP a 0");
    waiting_begin(clients[2], clients[WRITER], "BLMPOP 0 1 a LEFT COUNT 2");
    assert_says(clients[WRITER], ":5", "LPUSH a 1 2 3 4 5");
    assert_reads(clients[0], "[$a, $5]"); /* all are in when the first is served */
    assert_reads(clients[1], "[$a, $1]");
    assert_reads(clients[2], "[$a, [$4, $3]]");
    assert_says(clients[WRITER], "[$2]", "LRANGE a 0 -1");
}

static void clients_that_wait_for_different_types_share_a_key(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    waiting_begin(clients[1], clients[WRITER], "BZPOPMIN a 0");
    waiting_begin(clients[2], clients[WRITER], "XREAD BLOCK 0 STREAMS a $");
    assert_says(clients[WRITER], "$1-1", "XADD a 1-1 f v");
    assert_reads(clients[2], "[[$a, [[$1-1, [$f, $v]]]]]");
    assert_says(clients[WRITER], "+OK", "SET a x");
    assert_says(clients[WRITER], ":1", "DEL a");
    assert_says(clients[WRITER], ":1", "SADD a x");
    assert_waiting(clients[WRITER], 2);
    assert_says(clients[WRITER], ":1", "DEL a");
    assert_says(clients[WRITER], ":2", "ZADD a 1 m 2 n");
    assert_reads(clients[1], "[$a, $m, $1]");
    assert_says(clients[WRITER], ":1", "DEL a");
    assert_says(clients[WRITER], ":1", "RPUSH a 1");
    assert_reads(clients[0], "[$a, $1]");
}

/* --- transactions --- */

static void keys_of_a_transaction_serve_in_the_order_they_came(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a b 0");
    waiting_begin(clients[1], clients[WRITER], "BLPOP b a 0");
    waiting_begin(clients[2], clients[WRITER], "BLPOP a 0");
    static const char *const lines[] = {"MULTI", "RPUSH b 1", "RPUSH a 2 3", "DEL none"};
    waiting_prepare(clients[WRITER], lines, 4);
    assert_says(clients[WRITER], "[:1, :2, :0]", "EXEC");
    assert_reads(clients[0], "[$b, $1]");
    assert_reads(clients[1], "[$a, $2]");
    assert_reads(clients[2], "[$a, $3]");
}

static void a_key_that_a_transaction_takes_away_again_serves_nobody(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    waiting_begin(clients[1], clients[WRITER], "BZPOPMIN a 0");
    waiting_begin(clients[2], clients[WRITER], "XREAD BLOCK 0 STREAMS a 0");
    static const char *const lines[] = {"MULTI", "RPUSH a 1",      "DEL a", "ZADD a 1 m",
                                        "DEL a", "XADD a 1-1 f v", "DEL a", "SET a x"};
    waiting_prepare(clients[WRITER], lines, 8);
    assert_says(clients[WRITER], "[:1, :1, :1, :1, $1-1, :1, +OK]", "EXEC");
    assert_waiting(clients[WRITER], 3);
    static const char *const more[] = {"MULTI", "DEL a", "RPUSH a 1", "LSET a 0 2"};
    waiting_prepare(clients[WRITER], more, 4);
    assert_says(clients[WRITER], "[:1, :1, +OK]", "EXEC");
    assert_reads(clients[0], "[$a, $2]");
    assert_waiting(clients[WRITER], 2);
}

/* --- what makes a key ready --- */

/* Makes the key `a`, that a client of database 0 waits for. */
struct waker {
    const char *prepare[3], *line;
};

static void assert_each_serves(struct conversation *const *clients, const struct waker *wakers,
                               size_t count, const char *wait, const char *reply)
{
    static const char *const begin[] = {"SELECT 0", "FLUSHALL"};
    for (size_t i = 0; i < 2 * count; i++) {
        const struct waker *waker = &wakers[i / 2];
        bool in_transaction = i % 2 == 1;
        waiting_prepare(clients[WRITER], begin, 2);
        waiting_prepare(clients[WRITER], waker->prepare, 3);
        waiting_begin(clients[0], clients[WRITER], "%s", wait);
        if (in_transaction)
            assert_says(clients[WRITER], "+OK", "MULTI");
        waiting_prepare(clients[WRITER], &waker->line, 1);
        assert_waiting(clients[1], in_transaction ? 1 : 0);
        if (in_transaction)
            assert_true(strstr(conversation_say(clients[WRITER], "EXEC"), "-ERR") == NULL);
        assert_waiting(clients[1], 0);
        assert_reads(clients[0], reply);
    }
}

static void every_command_that_makes_a_list_serves(void **state)
{
    static const struct waker wakers[] = {
        {{NULL}, "LPUSH a 1"},
        {{NULL}, "RPUSH a 1"},
        {{"RPUSH x 1"}, "LMOVE x a LEFT RIGHT"},
        {{"RPUSH x 1"}, "RPOPLPUSH x a"},
        {{"RPUSH x 1"}, "BLMOVE x a RIGHT LEFT 0"},
        {{"RPUSH x 1"}, "BRPOPLPUSH x a 0"},
        {{"RPUSH x 1"}, "RENAME x a"},
        {{"RPUSH x 1"}, "RENAMENX x a"},
        {{"RPUSH x 1"}, "COPY x a"},
        {{"RPUSH x 1"}, "SORT x STORE a"},
        {{"SELECT 1", "RPUSH a 1"}, "MOVE a 0"},
        {{"SELECT 1", "RPUSH x 1"}, "COPY x a DB 0"},
        {{"SELECT 1", "RPUSH a 1"}, "SWAPDB 0 1"},
    };
    CLIENTS(state);
    assert_each_serves(clients, wakers, sizeof wakers / sizeof wakers[0], "BLPOP a 0", "[$a, $1]");
}

static void every_command_that_makes_a_sorted_set_serves(void **state)
{
    static const struct waker wakers[] = {
        {{NULL}, "ZADD a 0 m"},
        {{NULL}, "ZADD a INCR 0 m"},
        {{NULL}, "ZINCRBY a 0 m"},
        {{"ZADD x 0 m"}, "ZUNIONSTORE a 2 x none"},
        {{"ZADD x 0 m"}, "ZINTERSTORE a 2 x x"},
        {{"ZADD x 0 m"}, "ZDIFFSTORE a 2 x none"},
        {{"ZADD x 0 m"}, "ZRANGESTORE a x 0 -1"},
        {{"ZADD x 0 m"}, "RENAME x a"},
        {{"ZADD x 0 m"}, "COPY x a"},
        {{"SELECT 1", "ZADD a 0 m"}, "MOVE a 0"},
        {{"SELECT 1", "ZADD a 0 m"}, "SWAPDB 1 0"},
    };
    static const struct waker places[] = {
        {{NULL}, "GEOADD a 0 0 m"},
        {{"GEOADD x 0 0 m"}, "GEOSEARCHSTORE a x FROMMEMBER m BYRADIUS 1 m"},
        {{"GEOADD x 0 0 m"}, "GEORADIUS x 0 0 1 km STORE a"},
        {{"GEOADD x 0 0 m"}, "GEORADIUSBYMEMBER x m 1 m STORE a"},
    };
    CLIENTS(state);
    assert_each_serves(clients, wakers, sizeof wakers / sizeof wakers[0], "BZPOPMIN a 0",
                       "[$a, $m, $0]");
    assert_each_serves(clients, places, sizeof places / sizeof places[0], "BZPOPMAX a 0",
                       "[$a, $m, $3377699720527872]");
}

static void every_command_that_makes_a_stream_serves(void **state)
{
    static const struct waker wakers[] = {
        {{NULL}, "XADD a 1-1 f v"},
        {{"XGROUP CREATE a g $ MKSTREAM"}, "XADD a NOMKSTREAM 1-1 f v"},
        {{"XADD x 1-1 f v"}, "RENAME x a"},
        {{"XADD x 1-1 f v"}, "COPY x a"},
        {{"SELECT 1", "XADD a 1-1 f v"}, "MOVE a 0"},
        {{"SELECT 1", "XADD a 1-1 f v"}, "SWAPDB 0 1"},
    };
    CLIENTS(state);
    assert_each_serves(clients, wakers, sizeof wakers / sizeof wakers[0],
                       "XREAD BLOCK 0 STREAMS a $", "[[$a, [[$1-1, [$f, $v]]]]]");
}

static void a_restored_key_serves(void **state)
{
    CLIENTS(state);
    assert_says(clients[WRITER], ":2", "RPUSH x 1 2");
    redisContext *other = redisConnect("127.0.0.1", ((struct fixture *)*state)->process.port);
    redisReply *dump = redisCommand(other, "DUMP x");
    waiting_begin(clients[0], clients[WRITER], "BRPOP a 0");
    redisReply *reply = redisCommand(other, "RESTORE a 0 %b", dump->str, dump->len);
    assert_reads(clients[0], "[$a, $2]");
    assert_says(clients[WRITER], "[$1]", "LRANGE a 0 -1");
    freeReplyObject(reply);
    freeReplyObject(dump);
    redisFree(other);
}

static void a_key_that_takes_the_place_of_another_serves(void **state)
{
    static const char *const lines[] = {"SET a x",   "RPUSH x 1", "RENAME x a",
                                        "RPUSH x 1", "SET a x",   "COPY x a REPLACE"};
    CLIENTS(state);
    for (size_t i = 0; i < 6; i += 3) {
        waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
        waiting_prepare(clients[WRITER], lines + i, 2);
        assert_waiting(clients[WRITER], 1);
        waiting_prepare(clients[WRITER], lines + i + 2, 1);
        assert_reads(clients[0], "[$a, $1]");
    }
}

/* Redis 7.0 leaves its client waiting beside the list. */
static void so_does_one_that_is_stored_over_another(void **state)
{
    CLIENTS(state);
    waiting_skip_in_redis(clients[WRITER]);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a 0");
    static const char *const lines[] = {"SET a x", "SADD x 1", "SORT x STORE a"};
    waiting_prepare(clients[WRITER], lines, 3);
    assert_reads(clients[0], "[$a, $1]");
}

static void commands_that_make_no_key_serve_nobody(void **state)
{
    static const char *const lines[] = {
        "LPUSHX a 1",
        "RPUSHX a 1",
        "LINSERT a BEFORE x y",
        "ZADD a XX 1 m",
        "SORT none STORE a",
        "ZUNIONSTORE a 1 none",
        "LMOVE none a LEFT LEFT",
        "XADD a NOMKSTREAM 1-1 f v",
        "XGROUP CREATE a g $ MKSTREAM",
        "XGROUP DESTROY a g",
        "XTRIM a MAXLEN 0",
        "DEL a",
        "SET a 1",
        "APPEND a 1",
        "GETDEL a",
        "HSET a f v",
        "HDEL a f",
        "SELECT 1",
        "RPUSH a 1",
        "ZADD b 1 m",
        "XADD c 1-1 f v",
    };
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLPOP a b c 0");
    waiting_begin(clients[1], clients[WRITER], "BZMPOP 0 3 a b c MIN");
    waiting_begin(clients[2], clients[WRITER], "XREAD BLOCK 0 STREAMS a b c $ $ $");
    waiting_prepare(clients[WRITER], lines, sizeof lines / sizeof lines[0]);
    assert_waiting(clients[WRITER], 3);
}

/* --- served clients that serve others --- */

static void an_element_moves_on_through_all_that_wait_for_it(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[2], clients[WRITER], "BLPOP c 0");
    waiting_begin(clients[1], clients[WRITER], "BRPOPLPUSH b c 0");
    waiting_begin(clients[0], clients[WRITER], "BLMOVE a b LEFT LEFT 0");
    assert_says(clients[WRITER], ":1", "RPUSH a 1");
    assert_waiting(clients[WRITER], 0);
    assert_reads(clients[0], "$1");
    assert_reads(clients[1], "$1");
    assert_reads(clients[2], "[$c, $1]");
    assert_says(clients[WRITER], ":0", "DBSIZE");
}

static void an_element_that_moves_in_a_circle_comes_to_rest(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLMOVE a b LEFT RIGHT 0");
    waiting_begin(clients[1], clients[WRITER], "BLMOVE b a LEFT RIGHT 0");
    assert_says(clients[WRITER], ":3", "RPUSH a 1 2 3");
    assert_reads(clients[0], "$1");
    assert_reads(clients[1], "$1");
    assert_says(clients[WRITER], "[$2, $3, $1]", "LRANGE a 0 -1");
}

static void a_list_that_is_moved_to_itself_is_rotated(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "BLMOVE a a LEFT RIGHT 0");
    waiting_begin(clients[1], clients[WRITER], "BLMOVE a a LEFT RIGHT 0");
    waiting_begin(clients[2], clients[WRITER], "BRPOPLPUSH a a 0");
    assert_says(clients[WRITER], ":3", "RPUSH a 1 2 3");
    assert_reads(clients[0], "$1");
    assert_reads(clients[1], "$2");
    assert_reads(clients[2], "$2");
    assert_says(clients[WRITER], "[$2, $3, $1]", "LRANGE a 0 -1");
}

static void an_element_that_cannot_be_moved_goes_to_the_next(void **state)
{
    CLIENTS(state);
    assert_says(clients[WRITER], "+OK", "SET b x");
    waiting_begin(clients[0], clients[WRITER], "BLMOVE a b LEFT LEFT 0");
    waiting_begin(clients[1], clients[WRITER], "BLPOP a 0");
    assert_says(clients[WRITER], ":1", "RPUSH a 1");
    assert_reads(clients[0], "-WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_reads(clients[1], "[$a, $1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(who_waits_longest_is_served_first),
        SERVER_TEST(all_readers_of_a_stream_are_served_by_one_entry),
        SERVER_TEST(who_waits_again_goes_to_the_end),
        SERVER_TEST(who_waits_for_several_keys_leaves_all_queues_when_served),
        SERVER_TEST(each_element_of_one_push_serves_a_client),
        SERVER_TEST(clients_that_wait_for_different_types_share_a_key),
        SERVER_TEST(keys_of_a_transaction_serve_in_the_order_they_came),
        SERVER_TEST(a_key_that_a_transaction_takes_away_again_serves_nobody),
        SERVER_TEST(every_command_that_makes_a_list_serves),
        SERVER_TEST(every_command_that_makes_a_sorted_set_serves),
        SERVER_TEST(every_command_that_makes_a_stream_serves),
        SERVER_TEST(a_restored_key_serves),
        SERVER_TEST(a_key_that_takes_the_place_of_another_serves),
        SERVER_TEST(so_does_one_that_is_stored_over_another),
        SERVER_TEST(commands_that_make_no_key_serve_nobody),
        SERVER_TEST(an_element_moves_on_through_all_that_wait_for_it),
        SERVER_TEST(an_element_that_moves_in_a_circle_comes_to_rest),
        SERVER_TEST(a_list_that_is_moved_to_itself_is_rotated),
        SERVER_TEST(an_element_that_cannot_be_moved_goes_to_the_next),
    };
    return cmocka_run_group_tests_name("server/blocking_order", tests, fixture_start, fixture_stop);
}
