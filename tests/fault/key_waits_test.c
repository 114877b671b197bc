/* Clients that wait for keys (command_await), through the whole server: with a command of the
 * test's own, TAKE key [key ...] timeout, which takes the string of the first key that is there.
 *
 * test-options: watched */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>

#include "base/log.h"
#include "commands/command.h"
#include "support/conversation.h"
#include "support/held_disk.h"
#include "support/waiting.h"

#define QUIET_MS 60 /* in which nothing may come */

/* --- TAKE --- */

static void take(struct command_context *context)
{
    int64_t timeout_ms;
    size_t keys = context->count - 2;
    if (!command_timeout(context, context->count - 1, &timeout_ms))
        return;
    for (size_t i = 1; i <= keys; i++) {
        struct key key = command_key(context, i);
        if (!command_may_look_at(context, key.name))
            continue;
        struct entry *entry = database_find(context->database, &key);
        if (entry == NULL)
            continue;
        resp_writer_array(context->reply, 2);
        resp_writer_bulk(context->reply, key.name);
        command_reply_string(context, entry);
        (void)database_delete(context->database, &key);
        command_effect_key(context, context->database, "DEL", key.name);
        command_changed(context, context->database, key.name, EVENT_GENERIC, "del");
        return;
    }
    struct command_await await = {
        .first = 1, .count = keys, .step = 1, .type = TYPE_STRING, .timeout_ms = timeout_ms};
    if (!command_await(context, &await))
        resp_writer_null_array(context->reply);
}

static const struct command commands[] = {
    {
        .name = "TAKE",
        .run = take,
        .arity = -3,
        .flags = COMMAND_WRITES | COMMAND_BLOCKS,
        .keys = {KEYS_RANGE(1, -2, 1, KEY_RW | KEY_DELETE)},
        .group = "generic",
        .since = "0",
        .syntax = "key [key ...] timeout",
        .summary = "Of this test.",
        .complexity = "O(N)",
    },
    {.name = NULL},
};

/* --- the stage --- */

struct stage {
    struct held_disk held;
    struct held_server server;
    struct conversation *writer, *waiters[WAITERS];
};

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    held_disk_init(&stage->held);
    held_server_start_with(&stage->server, &stage->held, NULL, commands);
    stage->writer = conversation_begin(stage->server.port);
    for (int i = 0; i < WAITERS; i++)
        stage->waiters[i] = conversation_begin(stage->server.port);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    held_disk_release(&stage->held);
    conversation_send(stage->writer, "SHUTDOWN NOSAVE");
    (void)held_server_wait(&stage->server);
    conversation_end(stage->writer);
    for (int i = 0; i < WAITERS; i++)
        if (stage->waiters[i] != NULL)
            conversation_end(stage->waiters[i]);
    held_server_remove_folder(&stage->server);
    free(stage);
    return 0;
}

static void assert_silent(struct conversation *conversation)
{
    struct pollfd poll_one = {conversation->socket, POLLIN, 0};
    assert_int_equal(conversation->input_start, conversation->input_end);
    if (poll(&poll_one, 1, QUIET_MS) != 0)
        fail_msg("came too early: %s", conversation_read(conversation));
}

static void wait_in_turn(struct stage *stage, int count, const char *line)
{
    for (int i = 0; i < count; i++)
        waiting_begin(stage->waiters[i], stage->writer, "%s", line);
}

/* --- the tests --- */

static void what_is_there_is_taken_at_once(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET b 1");
    assert_says(stage->waiters[0], "[$b, $1]", "TAKE a b 0");
    assert_says(stage->writer, ":0", "EXISTS b");
}

static void who_waits_longest_is_served_first(void **state)
{
    struct stage *stage = *state;
    wait_in_turn(stage, 3, "TAKE a 0");
    assert_says(stage->writer, "+OK", "SET a 1");
    assert_reads(stage->waiters[0], "[$a, $1]");
    assert_silent(stage->waiters[1]);
    assert_says(stage->writer, ":0", "EXISTS a");
    assert_says(stage->writer, "+OK", "SET a 2");
    assert_reads(stage->waiters[1], "[$a, $2]");
    assert_silent(stage->waiters[2]);
    waiting_until(stage->writer, 1);
}

static void any_of_its_keys_wakes_a_client(void **state)
{
    struct stage *stage = *state;
    waiting_begin(stage->waiters[0], stage->writer, "TAKE a b b c 0");
    assert_says(stage->writer, "+OK", "SET other x");
    assert_silent(stage->waiters[0]);
    assert_says(stage->writer, ":3", "APPEND c abc");
    assert_reads(stage->waiters[0], "[$c, $abc]");
    assert_says(stage->waiters[0], "+PONG", "PING"); /* it goes on as before */
}

static void a_rename_a_copy_and_a_swap_make_keys_ready(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "SET x 1");
    waiting_begin(stage->waiters[0], stage->writer, "TAKE a 0");
    assert_says(stage->writer, "+OK", "RENAME x a");
    assert_reads(stage->waiters[0], "[$a, $1]");
    assert_says(stage->writer, "+OK", "SET x 2");
    waiting_begin(stage->waiters[0], stage->writer, "TAKE a 0");
    assert_says(stage->writer, ":1", "COPY x a");
    assert_reads(stage->waiters[0], "[$a, $2]");
    waiting_begin(stage->waiters[0], stage->writer, "TAKE a 0");
    assert_says(stage->writer, "+OK", "SELECT 1");
    assert_says(stage->writer, "+OK", "SET a 3");
    assert_silent(stage->waiters[0]); /* another database */
    assert_says(stage->writer, "+OK", "SWAPDB 0 1");
    assert_reads(stage->waiters[0], "[$a, $3]");
}

static void a_transaction_wakes_when_it_is_done_and_does_not_wait_itself(void **state)
{
    struct stage *stage = *state;
    wait_in_turn(stage, 1, "TAKE a 0");
    assert_says(stage->writer, "+OK", "MULTI");
    assert_says(stage->writer, "+QUEUED", "SET a 1");
    assert_says(stage->writer, "+QUEUED", "SET a 2");
    assert_says(stage->writer, "+QUEUED", "TAKE none 0");
    assert_silent(stage->waiters[0]);
    assert_says(stage->writer, "[+OK, +OK, nil]", "EXEC");
    assert_reads(stage->waiters[0], "[$a, $2]");
}

static void a_timeout_is_answered_with_null(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->waiters[0], "nil", "TAKE a 0.05");
    waiting_until(stage->writer, 0);
    assert_says(stage->writer, "+OK", "SET a 1"); /* for nobody */
    assert_says(stage->writer, "$1", "GET a");
    assert_says(stage->waiters[0], "-ERR timeout is negative", "TAKE a -1");
    assert_says(stage->waiters[0], "-ERR timeout is not a float or out of range", "TAKE a x");
}

static void unblocking_and_going_away_leave_the_others_in_their_places(void **state)
{
    struct stage *stage = *state;
    char id[32];
    snprintf(id, sizeof id, "%s", conversation_say(stage->waiters[1], "CLIENT ID") + 1);
    wait_in_turn(stage, 3, "TAKE a 0");
    conversation_end(stage->waiters[0]); /* hangs up */
    stage->waiters[0] = NULL;
    waiting_until(stage->writer, 2);
    assert_says(stage->writer, ":1", "CLIENT UNBLOCK %s ERROR", id);
    assert_reads(stage->waiters[1], "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    assert_says(stage->writer, "+OK", "SET a 1");
    assert_reads(stage->waiters[2], "[$a, $1]");
    waiting_until(stage->writer, 0);
}

static void what_a_waiter_takes_is_shown_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    wait_in_turn(stage, 1, "TAKE a 0");
    held_disk_hold(&stage->held);
    conversation_send(stage->writer, "SET a 1");
    held_disk_wait_for_sync(&stage->held);
    assert_silent(stage->waiters[0]);
    held_disk_release(&stage->held);
    assert_reads(stage->waiters[0], "[$a, $1]");
    assert_reads(stage->writer, "+OK");
}

static void that_a_stream_is_gone_is_told_when_it_is_durable(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->writer, "+OK", "XGROUP CREATE s g $ MKSTREAM");
    wait_in_turn(stage, 1, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    held_disk_hold(&stage->held);
    conversation_send(stage->writer, "DEL s");
    held_disk_wait_for_sync(&stage->held);
    assert_silent(stage->waiters[0]);
    held_disk_release(&stage->held);
    assert_reads(stage->waiters[0], "-UNBLOCKED the stream key no longer exists");
    assert_reads(stage->writer, ":1");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_taken_at_once),
        TEST(who_waits_longest_is_served_first),
        TEST(any_of_its_keys_wakes_a_client),
        TEST(a_rename_a_copy_and_a_swap_make_keys_ready),
        TEST(a_transaction_wakes_when_it_is_done_and_does_not_wait_itself),
        TEST(a_timeout_is_answered_with_null),
        TEST(unblocking_and_going_away_leave_the_others_in_their_places),
        TEST(what_a_waiter_takes_is_shown_when_it_is_durable),
        TEST(that_a_stream_is_gone_is_told_when_it_is_durable),
    };
    log_set_level(LOG_NOTHING);
    return cmocka_run_group_tests_name("fault/key_waits", tests, NULL, NULL);
}
