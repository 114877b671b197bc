/* XREAD BLOCK and XREADGROUP BLOCK: what wakes them, what they are then told, and what becomes of
 * them when their stream or group goes. All of it is what redis-server 7.0.15 does: the program
 * passes with HOLDFAST_SERVER=/usr/bin/redis-server but where a test says otherwise. */
#include <string.h>

#include "support/fixture.h"
#include "support/waiting.h"

#define GROUP_READER "XREADGROUP GROUP g c BLOCK 0 STREAMS s >"
#define UNBLOCKED "-UNBLOCKED the stream key no longer exists"
#define NO_GROUP "-NOGROUP the consumer group this client was blocked on no longer exists"

/* --- XREAD --- */

static void a_reader_gets_what_is_new_since_it_asked(void **state)
{
    CLIENTS(state);
    static const char *const old[] = {"XADD s 1-1 f old", "XADD t 1-1 f old"};
    waiting_prepare(clients[WRITER], old, 2);
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS s t none $ $ $");
    assert_says(clients[WRITER], "$2-1", "XADD t 2-1 f v");
    assert_reads(clients[0], "[[$t, [[$2-1, [$f, $v]]]]]");
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS s t none $ $ $");
    assert_says(clients[WRITER], "$0-1", "XADD none 0-1 f v");
    assert_reads(clients[0], "[[$none, [[$0-1, [$f, $v]]]]]");
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS t s 9-0 5-0");
    assert_says(clients[WRITER], "$5-0", "XADD s 5-0 f v");
    assert_says(clients[WRITER], "$9-0", "XADD t 9-0 f v");
    assert_waiting(clients[WRITER], 1);
    assert_says(clients[WRITER], "$5-1", "XADD s 5-1 f v");
    assert_reads(clients[0], "[[$s, [[$5-1, [$f, $v]]]]]");
}

static void a_reader_gets_a_map_in_the_younger_protocol(void **state)
{
    CLIENTS(state);
    assert_int_equal(conversation_say(clients[0], "HELLO 3")[0], '{');
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS s $");
    assert_says(clients[WRITER], "$1-1", "XADD s 1-1 f v");
    assert_reads(clients[0], "{$s: [[$1-1, [$f, $v]]]}");
}

static void a_transaction_of_entries_is_read_as_one(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS s t $ $");
    waiting_begin(clients[1], clients[WRITER], "XREAD COUNT 1 BLOCK 0 STREAMS s t $ $");
    static const char *const lines[] = {"MULTI", "XADD t 1-1 f v", "XADD t 1-2 f v",
                                        "XADD s 1-1 f v"};
    waiting_prepare(clients[WRITER], lines, 4);
    assert_says(clients[WRITER], "[$1-1, $1-2, $1-1]", "EXEC");
    /* Of the stream that woke it, and no other. */
    assert_reads(clients[0], "[[$t, [[$1-1, [$f, $v]], [$1-2, [$f, $v]]]]]");
    assert_reads(clients[1], "[[$t, [[$1-1, [$f, $v]]]]]");
}

static void a_stream_that_is_named_twice_is_read_as_named_first(void **state)
{
    CLIENTS(state);
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS s s 5-0 0");
    assert_says(clients[WRITER], "$1-1", "XADD s 1-1 f v");
    assert_waiting(clients[WRITER], 1);
    assert_says(clients[WRITER], "$6-0", "XADD s 6-0 f v");
    assert_reads(clients[0], "[[$s, [[$6-0, [$f, $v]]]]]");
}

static void a_reader_waits_on_whatever_becomes_of_its_keys(void **state)
{
    static const char *const lines[] = {"XADD s 1-1 f v", "DEL s",   "XADD s 1-2 f v", "RENAME s x",
                                        "SET s x",        "DEL t",   "RPUSH t 1",      "SWAPDB 0 1",
                                        "FLUSHALL",       "SET t x", "XADD s 5-0 f v"};
    CLIENTS(state);
    static const char *const begin[] = {"XADD s 5-0 f v", "XADD t 5-0 f v"};
    waiting_prepare(clients[WRITER], begin, 2);
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS t s $ $");
    assert_says(clients[WRITER], ":1", "DEL s");
    waiting_prepare(clients[WRITER], lines, sizeof lines / sizeof lines[0]);
    assert_waiting(clients[WRITER], 1);
    assert_says(clients[WRITER], "$5-1", "XADD s 5-1 f v");
    assert_reads(clients[0], "[[$s, [[$5-1, [$f, $v]]]]]");
}

/* Redis 7.0 answers an empty array. */
static void entries_that_are_gone_again_wake_no_reader(void **state)
{
    CLIENTS(state);
    waiting_skip_in_redis(clients[WRITER]);
    assert_says(clients[WRITER], "+OK", "XGROUP CREATE s g $ MKSTREAM");
    waiting_begin(clients[0], clients[WRITER], "XREAD BLOCK 0 STREAMS s $");
    waiting_begin(clients[1], clients[WRITER], GROUP_READER);
    static const char *const lines[] = {"MULTI", "XADD s 1-1 f v",          "XDEL s 1-1",
                                        "EXEC",  "XADD s MAXLEN 0 1-2 f v", "XSETID s 3-0"};
    waiting_prepare(clients[WRITER], lines, 6);
    assert_waiting(clients[WRITER], 2);
    assert_says(clients[WRITER], "$4-1", "XADD s 4-1 f v");
    assert_reads(clients[0], "[[$s, [[$4-1, [$f, $v]]]]]");
    assert_reads(clients[1], "[[$s, [[$4-1, [$f, $v]]]]]");
}

static void a_last_id_without_an_entry_is_nothing_to_read(void **state)
{
    CLIENTS(state);
    static const char *const lines[] = {"XADD s 1-1 f v", "XADD s 2-1 f v", "XDEL s 2-1",
                                        "XGROUP CREATE s g 1-1"};
    waiting_prepare(clients[WRITER], lines, 4);
    for (int i = 0; i < 2; i++) {
        assert_says(clients[0], "nil", "XREAD STREAMS s 1-1");
        assert_says(clients[0], "nil", "XREAD BLOCK 20 STREAMS s 1-1");
        assert_says(clients[0], "nil", "XREADGROUP GROUP g c STREAMS s >");
        assert_says(clients[0], "[[$s, [[$1-1, [$f, $v]]]]]", "XREAD BLOCK 20 STREAMS s 1-0");
        assert_says(clients[0], "+OK", "XSETID s 9-9");
    }
    assert_says(clients[0], "[]", "XINFO CONSUMERS s g");
}

/* --- XREADGROUP --- */

static void a_group_reader_is_made_a_consumer_when_it_is_served(void **state)
{
    CLIENTS(state);
    assert_says(clients[WRITER], "+OK", "XGROUP CREATE s g $ MKSTREAM");
    waiting_begin(clients[0], clients[WRITER], GROUP_READER);
    assert_says(clients[WRITER], "[]", "XINFO CONSUMERS s g");
    assert_says(clients[WRITER], "$1-1", "XADD s 1-1 f v");
    assert_reads(clients[0], "[[$s, [[$1-1, [$f, $v]]]]]");
    assert_says(clients[WRITER], "[:1, $1-1, $1-1, [[$c, $1]]]", "XPENDING s g");
}

static void a_group_reader_takes_from_the_stream_that_woke_it_only(void **state)
{
    CLIENTS(state);
    static const char *const groups[] = {"XGROUP CREATE s g $ MKSTREAM",
                                         "XGROUP CREATE t g $ MKSTREAM"};
    waiting_prepare(clients[WRITER], groups, 2);
    waiting_begin(clients[0], clients[WRITER],
                  "XREADGROUP GROUP g c BLOCK 0 NOACK STREAMS t s > >");
    static const char *const lines[] = {"MULTI", "XADD s 1-1 f v", "XADD t 1-1 f v"};
    waiting_prepare(clients[WRITER], lines, 3);
    assert_says(clients[WRITER], "[$1-1, $1-1]", "EXEC");
    assert_reads(clients[0], "[[$s, [[$1-1, [$f, $v]]]]]");
    assert_says(clients[WRITER], "[:0, nil, nil, nil]", "XPENDING s g");
    assert_says(clients[1], "[[$t, [[$1-1, [$f, $v]]]]]",
                "XREADGROUP GROUP g c BLOCK 0 STREAMS t >");
}

static void history_is_answered_at_once(void **state)
{
    CLIENTS(state);
    static const char *const lines[] = {"XGROUP CREATE s g $ MKSTREAM",
                                        "XGROUP CREATE t g $ MKSTREAM"};
    waiting_prepare(clients[WRITER], lines, 2);
    assert_says(clients[0], "[[$s, []]]", "XREADGROUP GROUP g c BLOCK 0 STREAMS s 0");
    assert_says(clients[0], "[[$s, []]]", "XREADGROUP GROUP g c BLOCK 0 STREAMS s t 0 >");
    assert_says(clients[WRITER], "$1-1", "XADD s 1-1 f v");
    assert_says(clients[0], "[[$s, [[$1-1, [$f, $v]]]]]", GROUP_READER);
    assert_says(clients[0], "[[$s, [[$1-1, [$f, $v]]]]]",
                "XREADGROUP GROUP g c BLOCK 0 STREAMS s 0");
    assert_waiting(clients[WRITER], 0);
}

/* What ends the wait for the stream or the group, and how. */
struct loss {
    const char *prepare[2], *line, *error;
};

static void assert_counted_twice(struct conversation *watcher, const char *error)
{
    char field[64];
    snprintf(field, sizeof field, "errorstat_%.*s:count=2\r", (int)strcspn(error + 1, " "),
             error + 1);
    assert_non_null(strstr(conversation_say(watcher, "INFO errorstats"), field));
    const char *calls = strstr(conversation_say(watcher, "INFO commandstats"), "_xreadgroup:");
    assert_non_null(calls);
    assert_non_null(strstr(calls, "failed_calls="));
    assert_int_equal(strtol(strstr(calls, "failed_calls=") + strlen("failed_calls="), NULL, 10), 2);
}

static void a_group_reader_is_told_that_its_stream_or_group_is_gone(void **state)
{
    static const struct loss losses[] = {
        {{NULL}, "DEL s", UNBLOCKED},
        {{NULL}, "UNLINK s", UNBLOCKED},
        {{NULL}, "RENAME s x", UNBLOCKED},
        {{NULL}, "MOVE s 1", UNBLOCKED},
        {{NULL}, "SET s x", UNBLOCKED},
        {{NULL}, "FLUSHDB", UNBLOCKED},
        {{NULL}, "FLUSHALL ASYNC", UNBLOCKED},
        {{NULL}, "SWAPDB 0 1", UNBLOCKED},
        {{NULL}, "EXPIRE s -1", UNBLOCKED},
        {{NULL}, "SORT none STORE s", UNBLOCKED},
        {{"RPUSH x 1"}, "SORT x STORE s", UNBLOCKED},
        {{"RPUSH x 1"}, "RENAME x s", UNBLOCKED},
        {{"SET x 1"}, "COPY x s REPLACE", UNBLOCKED},
        {{"SADD x 1"}, "SUNIONSTORE s x", UNBLOCKED},
        {{"ZADD x 1 m"}, "ZRANGESTORE s x 0 -1", UNBLOCKED},
        {{NULL}, "XGROUP DESTROY s g", NO_GROUP},
        {{"XADD x 1-1 f v"}, "RENAME x s", NO_GROUP},
        {{"XADD x 1-1 f v"}, "COPY x s REPLACE", NO_GROUP},
    };
    static const char *const groups[] = {"XGROUP CREATE s g $ MKSTREAM",
                                         "XGROUP CREATE t g $ MKSTREAM"};
    static const char *const list[] = {"DEL s", "RPUSH s 1", "FLUSHALL", "CONFIG RESETSTAT"};
    CLIENTS(state);
    assert_says(clients[WRITER], "+OK", "CONFIG RESETSTAT");
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        waiting_begin(clients[1], clients[WRITER], "BLPOP s 0"); /* it is not concerned */
        waiting_prepare(clients[WRITER], groups, 2);
        waiting_prepare(clients[WRITER], losses[i].prepare, 2);
        waiting_begin(clients[0], clients[WRITER], GROUP_READER);
        waiting_begin(clients[2], clients[WRITER], "XREADGROUP GROUP g d BLOCK 0 STREAMS t s > >");
        waiting_prepare(clients[WRITER], &losses[i].line, 1);
        assert_reads(clients[0], losses[i].error);
        assert_reads(clients[2], losses[i].error);
        assert_counted_twice(clients[WRITER], losses[i].error);
        waiting_prepare(clients[WRITER], list, 4);
        assert_int_equal(conversation_read(clients[1])[0], '[');
    }
}

static void a_group_reader_is_told_when_its_stream_expires(void **state)
{
    CLIENTS(state);
    assert_says(clients[WRITER], "+OK", "XGROUP CREATE s g $ MKSTREAM");
    waiting_begin(clients[0], clients[WRITER], GROUP_READER);
    conversation_send(clients[0], "PING");
    assert_says(clients[WRITER], ":1", "PEXPIRE s 20");
    assert_reads(clients[0], UNBLOCKED);
    assert_reads(clients[0], "+PONG"); /* without anybody doing anything */
}

static void a_group_reader_waits_on_if_both_are_there_again_in_the_end(void **state)
{
    static const char *const lines[][3] = {
        {"DEL s", "XGROUP CREATE s g $ MKSTREAM"},
        {"RENAME s x", "RENAME x s"},
        {"XGROUP DESTROY s g", "XGROUP CREATE s g $"},
        {"XGROUP DELCONSUMER s g c", "XGROUP DESTROY s h"},
        {"XGROUP CREATE s h $", "XGROUP SETID s g 0"},
    };
    CLIENTS(state);
    assert_says(clients[WRITER], "+OK", "XGROUP CREATE s g $ MKSTREAM");
    waiting_begin(clients[0], clients[WRITER], GROUP_READER);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_says(clients[WRITER], "+OK", "MULTI");
        waiting_prepare(clients[WRITER], lines[i], 3);
        assert_int_equal(conversation_say(clients[WRITER], "EXEC")[0], '[');
        assert_waiting(clients[WRITER], 1);
    }
    assert_says(clients[WRITER], "$5-1", "XADD s 5-1 f v");
    assert_reads(clients[0], "[[$s, [[$5-1, [$f, $v]]]]]");
}

static void destroying_a_group_changes_no_watched_key(void **state)
{
    CLIENTS(state);
    assert_says(clients[WRITER], "+OK", "XGROUP CREATE s g $ MKSTREAM");
    assert_says(clients[0], "+OK", "WATCH s");
    waiting_begin(clients[1], clients[WRITER], GROUP_READER);
    assert_says(clients[WRITER], ":1", "XGROUP DESTROY s g");
    assert_reads(clients[1], NO_GROUP);
    assert_says(clients[0], "+OK", "MULTI");
    assert_says(clients[0], "[]", "EXEC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_reader_gets_what_is_new_since_it_asked),
        SERVER_TEST(a_reader_gets_a_map_in_the_younger_protocol),
        SERVER_TEST(a_transaction_of_entries_is_read_as_one),
        SERVER_TEST(a_stream_that_is_named_twice_is_read_as_named_first),
        SERVER_TEST(a_reader_waits_on_whatever_becomes_of_its_keys),
        SERVER_TEST(entries_that_are_gone_again_wake_no_reader),
        SERVER_TEST(a_last_id_without_an_entry_is_nothing_to_read),
        SERVER_TEST(a_group_reader_is_made_a_consumer_when_it_is_served),
        SERVER_TEST(a_group_reader_takes_from_the_stream_that_woke_it_only),
        SERVER_TEST(history_is_answered_at_once),
        SERVER_TEST(a_group_reader_is_told_that_its_stream_or_group_is_gone),
        SERVER_TEST(a_group_reader_is_told_when_its_stream_expires),
        SERVER_TEST(a_group_reader_waits_on_if_both_are_there_again_in_the_end),
        SERVER_TEST(destroying_a_group_changes_no_watched_key),
    };
    return cmocka_run_group_tests_name("server/blocking_streams", tests, fixture_start,
                                       fixture_stop);
}
