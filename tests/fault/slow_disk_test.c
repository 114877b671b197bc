/* Row W: a disk whose syncs take from a millisecond to five seconds. The loop answers meanwhile,
 * what is pending is bounded, INFO and LATENCY tell of it, and no promise depends on how long it
 * takes. Reads are judged by what the loop's thread spends on each, by how many are answered within
 * one sync, and by the longest pause in five seconds, not by how many a second a busy machine does.
 *
 * HOLDFAST_TEST_LONG=1: more rounds of each. test-options: alone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "commands/command.h"
#include "persist/log_writer.h"
#include "support/conversation.h"
#include "support/held_disk.h"
#include "support/process_figures.h"
#include "support/wire.h"

#define SLICE_US 100000 /* of time, for which a rate of reads is told */
#define SLICES_MAX 400
#define FAST_SLICES 5
#define MORE_ROUNDS_MAX 20  /* until a slice was good */
#define WITHIN_MIN 10       /* reads answered within one sync, of 100 ms or more */
#define CPU_FACTOR 2        /* that a read may cost the loop more than with a quick disk... */
#define CPU_SPARE_NSEC 5000 /* ... and so much */

static struct held_disk *the_disk; /* of the test that runs: for the control's command */

/* --- the control: a command whose sync is done in the loop --- */

static void write_and_sync(struct command_context *context)
{
    held_disk_take_a_sync(the_disk);
    resp_writer_ok(context->reply);
}

static const struct command commands[] = {
    {
        .name = "WRITE_AND_SYNC",
        .run = write_and_sync,
        .arity = 1,
        .flags = COMMAND_FAST,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "",
        .summary = "Syncs in the loop.",
    },
    {.name = NULL},
};

/* --- stage --- */

struct stage {
    struct held_disk held;
    struct held_server server;
    struct conversation *watcher;
    int reader, writer;
    bool ended;
};

static void connect_clients(struct stage *stage)
{
    stage->watcher = conversation_begin(stage->server.port);
    stage->reader = wire_connect(stage->server.port);
    stage->writer = wire_connect(stage->server.port);
    /* What the loop takes is measured: polling would count. */
    assert_says(stage->watcher, "+OK", "CONFIG SET busy-poll-us 0");
}

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    held_disk_init(&stage->held);
    the_disk = &stage->held;
    held_server_start_with(&stage->server, &stage->held, NULL, commands);
    connect_clients(stage);
    assert_says(stage->watcher, "+OK", "SET durable value");
    *state = stage;
    return 0;
}

static void disconnect_clients(struct stage *stage)
{
    conversation_end(stage->watcher);
    close(stage->reader);
    close(stage->writer);
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    held_disk_slow_down(&stage->held, 0);
    held_disk_release(&stage->held);
    if (!stage->ended) {
        conversation_send(stage->watcher, "SHUTDOWN NOSAVE");
        (void)held_server_wait(&stage->server);
    }
    disconnect_clients(stage);
    held_server_remove_folder(&stage->server);
    free(stage);
    return 0;
}

/* Again from what is on the disk, after SHUTDOWN was sent. */
static void start_again(struct stage *stage)
{
    char folder[256];
    assert_int_equal(held_server_wait(&stage->server), 0);
    disconnect_clients(stage);
    snprintf(folder, sizeof folder, "%s", stage->server.folder);
    held_disk_slow_down(&stage->held, 0);
    held_server_start_with(&stage->server, &stage->held, folder, commands);
    connect_clients(stage);
    int64_t end_us = wire_now_us() + 60000000;
    while (wire_info(stage->watcher, "loading") != 0)
        assert_true(wire_now_us() < end_us);
}

static bool has_come(int socket)
{
    struct pollfd poll_one = {socket, POLLIN, 0};
    return poll(&poll_one, 1, 0) > 0;
}

static void wait_until_syncing(struct stage *stage)
{
    bool syncing = false;
    for (int64_t end_us = wire_now_us() + 20000000; !syncing; usleep(500)) {
        (void)held_disk_syncs(&stage->held, &syncing);
        assert_true(wire_now_us() < end_us);
    }
}

/* --- reading while somebody writes --- */

struct reads {
    int64_t rates[SLICES_MAX];    /* a second, for each slice */
    int64_t cpu_nsec[SLICES_MAX]; /* of the loop's thread, for a read of it */
    size_t slices;
    int64_t count, within_sync; /* in all; those asked and answered within one sync */
    int64_t pause_us;           /* the longest from a request to its reply */
};

static int64_t loop_cpu_nsec(const struct stage *stage)
{
    clockid_t clock;
    struct timespec time;
    assert_int_equal(pthread_getcpuclockid(stage->server.thread, &clock), 0);
    assert_int_equal(clock_gettime(clock, &time), 0);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void read_once(struct stage *stage, struct reads *reads)
{
    bool before, after;
    uint64_t syncs = held_disk_syncs(&stage->held, &before);
    int64_t begin_us = wire_now_us();
    wire_say(stage->reader, "GET durable\r\n");
    wire_expect(stage->reader, "$5\r\nvalue\r\n");
    int64_t took_us = wire_now_us() - begin_us;
    reads->pause_us = took_us > reads->pause_us ? took_us : reads->pause_us;
    reads->count++;
    if (held_disk_syncs(&stage->held, &after) == syncs && before && after)
        reads->within_sync++;
}

/* Reads for so long, in slices; the writer writes again as soon as it is answered. */
static void read_on(struct stage *stage, const char *write, size_t slices, struct reads *reads)
{
    int64_t now_us = wire_now_us(), end_us = now_us + (int64_t)slices * SLICE_US;
    wire_say(stage->writer, write);
    while (now_us < end_us && reads->slices < SLICES_MAX) {
        int64_t begin_us = now_us, before = reads->count, cpu_nsec = loop_cpu_nsec(stage);
        do {
            read_once(stage, reads);
            if (has_come(stage->writer)) {
                wire_expect(stage->writer, "+OK\r\n");
                wire_say(stage->writer, write);
            }
        } while ((now_us = wire_now_us()) - begin_us < SLICE_US);
        int64_t count = reads->count - before;
        reads->rates[reads->slices] = count * 1000000 / (now_us - begin_us);
        reads->cpu_nsec[reads->slices++] = (loop_cpu_nsec(stage) - cpu_nsec) / count;
    }
    held_disk_slow_down(&stage->held, 0);
    wire_expect(stage->writer, "+OK\r\n");
}

static void read_with_both(struct stage *stage, const char *write, int64_t delay_ms, size_t slices,
                           struct reads *fast, struct reads *slow)
{
    read_on(stage, "SET written value\r\n", FAST_SLICES, fast);
    held_disk_slow_down(&stage->held, delay_ms * 1000);
    read_on(stage, write, slices, slow);
}

/* What a read costs the loop, in the best slice of each: where others want the machine, all cost
 * more. */
static bool cost_the_same(struct reads *fast, struct reads *slow)
{
    return figures_percentile(slow->cpu_nsec, slow->slices, 0) <=
           CPU_FACTOR * figures_percentile(fast->cpu_nsec, fast->slices, 0) + CPU_SPARE_NSEC;
}

/* Does the loop go on while the disk takes `delay_ms` to sync what `write` writes? */
static bool reads_go_on(struct stage *stage, const char *write, int64_t delay_ms, int rounds)
{
    struct reads fast = {0}, slow = {0};
    size_t slices = delay_ms < 1000 ? FAST_SLICES : (size_t)(delay_ms * 1000 / SLICE_US) + 1;
    for (int round = 0; round < rounds; round++)
        read_with_both(stage, write, delay_ms, slices, &fast, &slow);
    bool answered = (delay_ms < 100 || slow.within_sync >= WITHIN_MIN) &&
                    (delay_ms < 5000 || slow.pause_us < delay_ms * 1000 / 2);
    for (int more = 0; answered && more < MORE_ROUNDS_MAX && !cost_the_same(&fast, &slow); more++)
        read_with_both(stage, write, delay_ms, FAST_SLICES, &fast, &slow);
    printf("# syncs of %ld ms: %ld reads a second, quick disk %ld; %ld ns of the loop each, quick "
           "disk %ld; %ld within a sync; longest pause %ld us, quick disk %ld\n",
           (long)delay_ms, (long)figures_percentile(slow.rates, slow.slices, 50),
           (long)figures_percentile(fast.rates, fast.slices, 50),
           (long)figures_percentile(slow.cpu_nsec, slow.slices, 0),
           (long)figures_percentile(fast.cpu_nsec, fast.slices, 0), (long)slow.within_sync,
           (long)slow.pause_us, (long)fast.pause_us);
    return answered && cost_the_same(&fast, &slow);
}

static int rounds(int usual)
{
    return getenv("HOLDFAST_TEST_LONG") != NULL ? usual * 10 : usual;
}

static void reads_go_on_at_their_usual_speed(void **state)
{
    assert_true(reads_go_on(*state, "SET written value\r\n", 1, rounds(3)));
    assert_true(reads_go_on(*state, "SET written value\r\n", 100, rounds(2)));
    assert_true(reads_go_on(*state, "SET written value\r\n", 1000, rounds(1)));
    assert_true(reads_go_on(*state, "SET written value\r\n", 5000, rounds(1)));
}

static void reads_go_on_with_everysec_and_no(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->watcher, "+OK", "CONFIG SET appendfsync everysec");
    assert_true(reads_go_on(stage, "SET written value\r\n", 1000, rounds(1)));
    assert_says(stage->watcher, "+OK", "CONFIG SET appendfsync no");
    assert_true(reads_go_on(stage, "SET written value\r\n", 1, rounds(1)));
}

static void the_control_is_caught_a_loop_that_syncs_itself(void **state)
{
    assert_false(reads_go_on(*state, "WRITE_AND_SYNC\r\n", 100, 1));
}

/* --- waiting for it --- */

/* A write and a read of what it wrote: true if both replies came after a sync that began later. */
static bool both_wait(struct stage *stage, int64_t delay_ms)
{
    bool syncing;
    held_disk_slow_down(&stage->held, delay_ms * 1000);
    uint64_t syncs = held_disk_syncs(&stage->held, &syncing);
    assert_false(syncing);
    wire_say(stage->writer, "SET waiting value\r\n");
    wait_until_syncing(stage);
    wire_say(stage->reader, "GET waiting\r\n");
    wire_expect(stage->writer, "+OK\r\n");
    bool waited = held_disk_syncs(&stage->held, &syncing) > syncs;
    wire_expect(stage->reader, "$5\r\nvalue\r\n");
    return waited;
}

static void writers_and_readers_of_what_they_wrote_wait_for_the_sync(void **state)
{
    static const int64_t delays_ms[] = {1, 100, 1000};
    for (size_t i = 0; i < 3; i++)
        assert_true(both_wait(*state, delays_ms[i]));
}

static void the_control_is_caught_a_reply_before_the_sync(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->watcher, "+OK", "CLIENT DURABLE ON");
    wire_say(stage->writer, "CLIENT DURABLE OFF\r\n");
    wire_expect(stage->writer, "+OK\r\n");
    assert_false(both_wait(stage, 1000));
}

static void INFO_and_LATENCY_tell_of_slow_syncs(void **state)
{
    struct stage *stage = *state;
    assert_says(stage->watcher, "+OK", "CONFIG SET latency-monitor-threshold 50");
    assert_says(stage->watcher, "[]", "LATENCY LATEST");
    held_disk_slow_down(&stage->held, 300000);
    assert_says(stage->watcher, "+OK", "SET written value");
    assert_true(wire_info(stage->watcher, "log_sync_usec_max") >= 300000);
    const char *found =
        strstr(conversation_say(stage->watcher, "INFO persistence"), "log_sync_usec_histogram:");
    assert_non_null(found);
    /* 2^18 us or, where the machine took its time, more. */
    assert_true(strstr(found, "262144=1") != NULL || strstr(found, "524288=1") != NULL ||
                strstr(found, "1048576=1") != NULL);
    assert_non_null(strstr(conversation_say(stage->watcher, "LATENCY LATEST"), "aof-fsync-always"));
}

/* --- what is pending --- */

#define WRITERS 32
#define VALUE_SIZE (4 * 1024 * 1024)
#define VALUES_EACH 4
#define BACKLOG_LIMIT ((int64_t)LOG_BACKLOG_MAX + VALUE_SIZE + 1024) /* one more command */

struct flood {
    int sockets[WRITERS];
    char *command; /* the same for all but for the key, of which each has one */
    size_t length, sent[WRITERS];
    int64_t backlog_max, resident_max;
};

static void flood_begin(struct stage *stage, struct flood *flood)
{
    *flood = (struct flood){.command = malloc(VALUE_SIZE + 100)};
    int head = sprintf(flood->command, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", VALUE_SIZE);
    memset(flood->command + head, 'v', VALUE_SIZE);
    memcpy(flood->command + head + VALUE_SIZE, "\r\n", 2);
    flood->length = (size_t)head + VALUE_SIZE + 2;
    for (int i = 0; i < WRITERS; i++) {
        flood->sockets[i] = wire_connect(stage->server.port);
        if (i % 16 == 0)
            continue;
        char line[32];
        snprintf(line, sizeof line, "SELECT %d\r\n", i % 16);
        wire_say(flood->sockets[i], line);
        wire_expect(flood->sockets[i], "+OK\r\n");
    }
}

/* Each sends what the server takes. True while somebody has something left. */
static bool flood_sends(struct flood *flood)
{
    bool left = false;
    for (int i = 0; i < WRITERS; i++) {
        size_t all = flood->length * VALUES_EACH;
        while (flood->sent[i] < all) {
            size_t at = flood->sent[i] % flood->length;
            long sent = wire_send_some(flood->sockets[i], flood->command + at, flood->length - at);
            if (sent <= 0)
                break;
            flood->sent[i] += (size_t)sent;
        }
        left = left || flood->sent[i] < all;
    }
    return left;
}

static void flood_look(struct stage *stage, struct flood *flood)
{
    int64_t backlog = wire_info(stage->watcher, "aof_buffer_length");
    int64_t resident = process_resident(getpid());
    flood->backlog_max = backlog > flood->backlog_max ? backlog : flood->backlog_max;
    flood->resident_max = resident > flood->resident_max ? resident : flood->resident_max;
}

static void flood_end(struct flood *flood)
{
    for (int i = 0; i < WRITERS; i++) {
        for (int j = 0; j < VALUES_EACH; j++)
            wire_expect(flood->sockets[i], "+OK\r\n");
        close(flood->sockets[i]);
    }
    free(flood->command);
}

static void what_is_pending_is_bounded_and_nothing_of_it_is_lost(void **state)
{
    struct stage *stage = *state;
    struct flood flood;
    struct reads reads = {0};
    flood_begin(stage, &flood);
    int64_t resident = process_resident(getpid());
    held_disk_slow_down(&stage->held, 5000000);
    int64_t slow_until_us = wire_now_us() + 3000000;
    while (flood_sends(&flood)) {
        for (int i = 0; i < 10; i++)
            read_once(stage, &reads);
        flood_look(stage, &flood);
        if (wire_now_us() > slow_until_us)
            held_disk_slow_down(&stage->held, 20000);
    }
    assert_true(figure_within("bytes of the log pending", flood.backlog_max, BACKLOG_LIMIT));
    /* The backlog in a buffer that doubles, and of each writer a value and the next command. */
    int64_t limit = 3 * (int64_t)LOG_BACKLOG_MAX + WRITERS * 2 * (int64_t)VALUE_SIZE;
    printf("# offered: %ld\n", (long)(WRITERS * VALUES_EACH * (int64_t)VALUE_SIZE));
    assert_true(figure_within("resident for it", flood.resident_max - resident, limit));
    assert_true(reads.within_sync > WITHIN_MIN);
    flood_end(&flood);
    assert_says(stage->watcher, "+OK", "SELECT 5");
    conversation_send(stage->watcher, "SHUTDOWN NOSAVE");
    start_again(stage);
    for (int i = 0; i < 16; i++) {
        assert_says(stage->watcher, "+OK", "SELECT %d", i);
        assert_says(stage->watcher, ":4194304", "STRLEN k");
    }
}

static void the_control_is_caught_one_transaction_larger_than_what_may_be_pending(void **state)
{
    struct stage *stage = *state;
    struct flood flood;
    flood_begin(stage, &flood);
    held_disk_slow_down(&stage->held, 5000000);
    wire_say(flood.sockets[0], "MULTI\r\n");
    for (int i = 0; i < 20; i++)
        wire_send(flood.sockets[0], flood.command, flood.length);
    wire_say(flood.sockets[0], "EXEC\r\n");
    int64_t end_us = wire_now_us() + 20000000;
    while (flood.backlog_max == 0 && wire_now_us() < end_us)
        flood_look(stage, &flood);
    assert_false(
        figure_within("control: bytes of the log pending", flood.backlog_max, BACKLOG_LIMIT));
    for (int i = 0; i < WRITERS; i++)
        close(flood.sockets[i]);
    free(flood.command);
}

/* --- stopping and changing meanwhile --- */

static void SHUTDOWN_during_a_slow_sync_loses_nothing(void **state)
{
    static const char *const policies[] = {"always", "everysec", "no"};
    struct stage *stage = *state;
    int64_t end_us = wire_now_us() + 60000000;
    for (int i = 0; i < 3; i++) {
        assert_says(stage->watcher, "+OK", "CONFIG SET appendfsync %s", policies[i]);
        held_disk_slow_down(&stage->held, 500000);
        int64_t before = wire_info(stage->watcher, "total_commands_processed");
        for (int j = 0; j < 100; j++)
            wire_say(stage->writer, "INCR counter\r\n");
        wire_say(stage->reader, "INCR other\r\n"); /* at about the time of the first sync */
        assert_says(stage->watcher, "$value", "GET durable");
        while (wire_info(stage->watcher, "total_commands_processed") < before + 102)
            assert_true(wire_now_us() < end_us); /* SHUTDOWN does not wait for what is not read */
        conversation_send(stage->watcher, "SHUTDOWN NOSAVE");
        start_again(stage);
        assert_int_equal(atoi(conversation_say(stage->watcher, "GET counter") + 1), 100 * (i + 1));
    }
}

static void appendfsync_can_be_changed_while_a_sync_hangs(void **state)
{
    struct stage *stage = *state;
    static const char *const policies[] = {"no", "everysec", "always", "everysec", "always"};
    held_disk_hold(&stage->held);
    wire_say(stage->writer, "SET waiting value\r\n");
    held_disk_wait_for_sync(&stage->held);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        assert_says(stage->watcher, "+OK", "CONFIG SET appendfsync %s", policies[i]);
        assert_says(stage->watcher, "$value", "GET durable");
    }
    assert_false(has_come(stage->writer));
    wire_say(stage->reader, "SET later value\r\n");
    held_disk_release(&stage->held);
    wire_expect(stage->writer, "+OK\r\n");
    wire_expect(stage->reader, "+OK\r\n");
    assert_true(both_wait(stage, 100)); /* it is `always` that holds */
}

#define SLOW_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    log_set_level(LOG_NOTHING);
    const struct CMUnitTest tests[] = {
        SLOW_TEST(reads_go_on_at_their_usual_speed),
        SLOW_TEST(reads_go_on_with_everysec_and_no),
        SLOW_TEST(the_control_is_caught_a_loop_that_syncs_itself),
        SLOW_TEST(writers_and_readers_of_what_they_wrote_wait_for_the_sync),
        SLOW_TEST(the_control_is_caught_a_reply_before_the_sync),
        SLOW_TEST(INFO_and_LATENCY_tell_of_slow_syncs),
        SLOW_TEST(what_is_pending_is_bounded_and_nothing_of_it_is_lost),
        SLOW_TEST(the_control_is_caught_one_transaction_larger_than_what_may_be_pending),
        SLOW_TEST(SHUTDOWN_during_a_slow_sync_loses_nothing),
        SLOW_TEST(appendfsync_can_be_changed_while_a_sync_hangs),
    };
    return cmocka_run_group_tests_name("fault/slow_disk", tests, NULL, NULL);
}
