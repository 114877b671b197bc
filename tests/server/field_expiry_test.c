/* Hashes of which many fields are due at once: gone for every client that moment, whoever asks for
 * what, though they are taken out bit by bit; and the same after a restart.
 *
 * Active expiry is off where hidden fields are to be looked at. That deadlines are over is waited
 * for; nothing else depends on time. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "support/fixture.h"
#include "support/wire.h"

#ifdef HOLDFAST_SANITIZED /* with 100,000 a start under TSan takes longer than a client waits */
#define DUE 20000
#else
#define DUE 100000 /* fields */
#endif
#define SOME 500  /* fields that are hidden, too */
#define BATCH 100 /* fields of one command */
#define AT_ONCE_MAX 128
#define SOON_MS 1500 /* about as long as it takes to set them */

/* A server of the test's own, whose data outlives it: in a folder within the fixture's. */
struct stage {
    struct server_process process;
    struct conversation *client;
    char folder[300];
    int64_t deadline_ms;
};

static void start(struct stage *stage)
{
    server_process_start(&stage->process,
                         (const char *const[]){"--enable-debug-command", "yes", "--appendonly",
                                               "yes", "--dir", stage->folder, NULL});
    stage->client = conversation_begin(stage->process.port);
    assert_says(stage->client, "+OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    wire_wait_for(stage->client, "loading", 0);
}

static void stop(struct stage *stage)
{
    conversation_send(stage->client, "SHUTDOWN NOSAVE");
    assert_int_equal(server_process_wait(&stage->process), 0);
    conversation_end(stage->client);
}

static void restart(struct stage *stage)
{
    stop(stage);
    start(stage);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct stage begin(const struct fixture *fixture, const char *name)
{
    struct stage stage = {.deadline_ms = 0};
    snprintf(stage.folder, sizeof stage.folder, "%s/%s", fixture->process.folder, name);
    assert_int_equal(mkdir(stage.folder, 0700), 0);
    start(&stage);
    return stage;
}

/* f0, f1 and so on of this key, each with the value 7. */
static void set_due_fields(struct stage *stage, const char *key, int count)
{
    for (int i = 0; i < count; i += BATCH) {
        char line[BATCH * 16];
        int length = snprintf(line, sizeof line, "HSETEX %s PXAT %lld FIELDS %d", key,
                              (long long)stage->deadline_ms, BATCH);
        for (int k = i; k < i + BATCH; k++)
            length += snprintf(line + length, sizeof line - (size_t)length, " f%d 7", k);
        conversation_send(stage->client, "%s", line);
    }
    for (int i = 0; i < count; i += BATCH)
        assert_reads(stage->client, ":1");
}

/* Calls `set` with a deadline that is not over before it is done, and waits until it is. */
static void set_in_time(struct stage *stage, void (*set)(struct stage *stage))
{
    for (int64_t soon_ms = SOON_MS; now_ms() >= stage->deadline_ms; soon_ms *= 2) {
        assert_says(stage->client, "+OK", "FLUSHALL");
        stage->deadline_ms = now_ms() + soon_ms;
        set(stage);
    }
    while (now_ms() <= stage->deadline_ms)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
}

static int64_t told(struct stage *stage)
{
    return wire_info(stage->client, "expired_subkeys");
}

/* Of "hash" only the field "lasting" is left to be seen. */
static void expect_lasting(struct stage *stage)
{
    struct conversation *client = stage->client;
    assert_says(client, ":1", "HLEN hash");
    assert_says(client, "nil", "HGET hash f99999");
    assert_says(client, "[nil, $x, nil]", "HMGET hash f0 lasting f7");
    assert_says(client, ":0", "HEXISTS hash f1");
    assert_says(client, ":0", "HSTRLEN hash f1");
    assert_says(client, "[$lasting, $x]", "HGETALL hash");
    assert_says(client, "[$lasting]", "HKEYS hash");
    assert_says(client, "[$x]", "HVALS hash");
    assert_says(client, "$lasting", "HRANDFIELD hash");
    assert_says(client, "[$lasting]", "HRANDFIELD hash 10");
    assert_says(client, "[$lasting, $lasting, $lasting]", "HRANDFIELD hash -3");
    assert_says(client, "[$lasting, $x, $lasting, $x]", "HRANDFIELD hash -2 WITHVALUES");
    assert_says(client, "[$0, [$lasting, $x]]", "HSCAN hash 0 COUNT 1000000");
    assert_says(client, "[:-2, :-1]", "HPTTL hash FIELDS 2 f2 lasting");
    assert_says(client, "[:-2]", "HPERSIST hash FIELDS 1 f2");
    assert_says(client, "[:-2]", "HPEXPIRE hash 100000 FIELDS 1 f2");
    assert_says(client, ":0", "HDEL hash f3 f4");
    assert_says(client, "[nil]", "HGETDEL hash FIELDS 1 f3");
    assert_says(client, ":1", "EXISTS hash");
}

/* A scan sees what is left, in calls that look at a part. */
static void expect_scan(struct stage *stage)
{
    char cursor[32] = "0";
    int calls = 0, seen = 0;
    do {
        const char *reply = conversation_say(stage->client, "HSCAN hash %s", cursor);
        seen += strstr(reply, "[$lasting, $x]") != NULL;
        assert_int_equal(sscanf(reply, "[$%31[0-9]", cursor), 1);
        calls++;
    } while (strcmp(cursor, "0") != 0);
    assert_int_equal(seen, 1);
    assert_true(calls > 10);
}

static void set_many(struct stage *stage)
{
    assert_says(stage->client, ":1", "HSET hash lasting x");
    set_due_fields(stage, "hash", DUE);
}

static void many_fields_that_are_due_are_gone_at_once_and_taken_out_later(void **state)
{
    struct stage stage = begin(*state, "many");
    set_in_time(&stage, set_many);
    int64_t before = told(&stage);
    assert_says(stage.client, ":1", "HLEN hash");
    assert_in_range(told(&stage) - before, 0, AT_ONCE_MAX);
    expect_scan(&stage);
    expect_lasting(&stage);
    restart(&stage); /* hidden ones are in the log */
    expect_lasting(&stage);
    assert_int_not_equal(conversation_say(stage.client, "BGREWRITEAOF")[0], '-');
    wire_wait_for(stage.client, "aof_rewrite_in_progress", 0);
    int64_t earlier = told(&stage); /* at the start, before active expiry was turned off */
    restart(&stage);                /* and in the snapshot that it begins with */
    expect_lasting(&stage);
    assert_says(stage.client, "+OK", "DEBUG SET-ACTIVE-EXPIRE 1");
    wire_wait_for(stage.client, "expired_subkeys", DUE - earlier);
    expect_lasting(&stage);
    restart(&stage);
    expect_lasting(&stage);
    assert_int_equal(told(&stage), 0);
    stop(&stage);
}

static void set_some(struct stage *stage)
{
    assert_says(stage->client, ":1", "HSET hash lasting x");
    set_due_fields(stage, "hash", SOME);
}

static void what_is_set_over_hidden_fields_is_the_same_after_a_restart(void **state)
{
    static const char *const words = "lasting f1 f2 f3 f4 f5 f6";
    struct stage stage = begin(*state, "set");
    set_in_time(&stage, set_some);
    assert_says(stage.client, ":1", "HSET hash f1 set");
    assert_says(stage.client, ":1", "HSETNX hash f2 new");
    assert_says(stage.client, ":0", "HSETNX hash f2 newer");
    assert_says(stage.client, ":5", "HINCRBY hash f3 5");
    assert_says(stage.client, "$0.5", "HINCRBYFLOAT hash f4 0.5");
    assert_says(stage.client, ":0", "HSETEX hash FXX FIELDS 1 f5 x");
    assert_says(stage.client, ":1", "HSETEX hash FNX KEEPTTL FIELDS 1 f5 kept");
    assert_says(stage.client, ":1", "HSETEX hash PX 1 FIELDS 1 f7 x");
    assert_says(stage.client, ":1", "HDEL hash f5 f8");
    for (int i = 0; i < 2; i++) {
        assert_says(stage.client, "[$x, $set, $new, $5, $0.5, nil, nil]", "HMGET hash %s", words);
        assert_says(stage.client, "[:-1, :-1, :-1, :-1, :-1, :-2, :-2]", "HPTTL hash FIELDS 7 %s",
                    words);
        restart(&stage);
    }
    assert_says(stage.client, ":1", "COPY hash copy");
    assert_says(stage.client, "+OK", "RENAME hash renamed");
    for (int i = 0; i < 2; i++) {
        assert_says(stage.client, ":5", "HLEN copy");
        assert_says(stage.client, ":5", "HLEN renamed");
        restart(&stage);
    }
    stop(&stage);
}

/* What leaves nothing but hidden fields in a hash. */
static const char *const last_commands[] = {"HDEL %s lasting f1", "HGETDEL %s FIELDS 1 lasting",
                                            "HPEXPIREAT %s 1 FIELDS 1 lasting",
                                            "HSETEX %s PXAT 1 FIELDS 2 lasting x f1 x"};
#define LAST (sizeof last_commands / sizeof last_commands[0])

static void set_all(struct stage *stage)
{
    set_due_fields(stage, "all", DUE);
    for (size_t i = 0; i < LAST; i++) {
        char key[8];
        snprintf(key, sizeof key, "h%zu", i);
        assert_says(stage->client, ":1", "HSET %s lasting x", key);
        set_due_fields(stage, key, SOME);
    }
}

static void a_key_is_gone_when_all_that_is_left_of_it_is_due(void **state)
{
    struct stage stage = begin(*state, "gone");
    set_in_time(&stage, set_all);
    struct conversation *listener = conversation_begin(stage.process.port);
    assert_says(stage.client, "+OK", "CONFIG SET notify-keyspace-events EA");
    assert_says(listener, "[$subscribe, $__keyevent@0__:hexpired, :1]",
                "SUBSCRIBE __keyevent@0__:hexpired __keyevent@0__:del");
    assert_reads(listener, "[$subscribe, $__keyevent@0__:del, :2]");
    assert_says(stage.client, "nil", "HGET all f0");
    assert_reads(listener, "[$message, $__keyevent@0__:hexpired, $all]");
    assert_reads(listener, "[$message, $__keyevent@0__:del, $all]");
    for (size_t i = 0; i < LAST; i++) {
        char key[8], line[64];
        snprintf(key, sizeof key, "h%zu", i);
        snprintf(line, sizeof line, last_commands[i], key);
        assert_says(stage.client, ":1", "HLEN %s", key);
        assert_int_not_equal(conversation_say(stage.client, "%s", line)[0], '-');
        assert_says(stage.client, ":0", "EXISTS %s", key);
    }
    assert_says(stage.client, ":0", "DBSIZE");
    conversation_end(listener);
    restart(&stage);
    assert_says(stage.client, ":0", "DBSIZE");
    stop(&stage);
}

static void a_number_with_a_fraction_keeps_its_deadline_after_a_restart(void **state)
{
    struct stage stage = begin(*state, "fraction");
    assert_says(stage.client, ":1", "HSET hash f 1");
    assert_says(stage.client, "[:1]", "HPEXPIREAT hash 4000000000000 FIELDS 1 f");
    assert_says(stage.client, "$1.5", "HINCRBYFLOAT hash f 0.5");
    for (int i = 0; i < 2; i++) {
        assert_says(stage.client, "$1.5", "HGET hash f");
        assert_says(stage.client, "[:4000000000000]", "HPEXPIRETIME hash FIELDS 1 f");
        restart(&stage);
    }
    stop(&stage);
}

static void set_text_and_hash(struct stage *stage)
{
    assert_says(stage->client, "+OK", "SET text x PXAT %lld", (long long)stage->deadline_ms);
    set_due_fields(stage, "hash", SOME);
}

static void a_transaction_that_pauses_may_write_over_what_is_due(void **state)
{
    struct stage stage = begin(*state, "pause");
    struct conversation *client = stage.client;
    set_in_time(&stage, set_text_and_hash);
    assert_says(client, "+OK", "MULTI");
    assert_says(client, "+QUEUED", "CLIENT PAUSE 1000000 WRITE");
    assert_says(client, "+QUEUED", "SET text new");
    assert_says(client, "+QUEUED", "HSET hash f1 new");
    assert_says(client, "[+OK, +OK, :1]", "EXEC");
    assert_says(client, "$new", "GET text");
    assert_says(client, "[$f1, $new]", "HGETALL hash");
    assert_says(client, ":2", "DBSIZE");
    assert_says(client, "+OK", "CLIENT UNPAUSE");
    restart(&stage);
    assert_says(stage.client, "$new", "GET text");
    assert_says(stage.client, "[$f1, $new]", "HGETALL hash");
    assert_says(stage.client, ":2", "DBSIZE");
    stop(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_fields_that_are_due_are_gone_at_once_and_taken_out_later),
        cmocka_unit_test(what_is_set_over_hidden_fields_is_the_same_after_a_restart),
        cmocka_unit_test(a_key_is_gone_when_all_that_is_left_of_it_is_due),
        cmocka_unit_test(a_number_with_a_fraction_keeps_its_deadline_after_a_restart),
        cmocka_unit_test(a_transaction_that_pauses_may_write_over_what_is_due),
    };
    return cmocka_run_group_tests_name("server/field_expiry", tests, fixture_start, fixture_stop);
}
