/* Memory runs out at allocation N, for every N of a session of commands of all families: once, and
 * from N on. Whatever is answered then must be true. A command that answers an error has changed
 * nothing and does all of it when it is sent again; one that answers no error has done all of it,
 * as in a session in which nothing failed; a connection is closed if its input or its reply finds
 * no room. After that the log brings the same data back.
 *
 * Each case has a database of its own. In a watched build N beyond the first few is taken with a
 * stride, unless HOLDFAST_TEST_ALLOCATIONS=all; HOLDFAST_TEST_STEP=word takes the commands with
 * this word only.
 *
 * test-options: watched, timeout=300 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "support/failing_memory.h"
#include "support/held_disk.h"
#include "support/memory_session.h"
#include "support/session_client.h"
#include "support/session_state.h"
#include "support/watched.h"

#define DATABASES 256 /* more would cost each turn of the loop */
#define DATABASES_PER_CASE 2
#define FIRST_DATABASE 2 /* the ones before are for commands that name one */
#define LINES_MAX 16
#define WATCHED_ALL 3     /* of each command, each of these fails; of later ones */
#define WATCHED_STRIDE 17 /* one in so many */

struct world {
    struct held_disk disk;
    struct held_server server;
    struct session_client *reader; /* reads the state; memory never runs out for it */
    int used;                      /* databases */
    uint64_t *sums;                /* of the states of those */
    const struct step **steps;     /* which ran there */
    unsigned cases, failures, refused, closed, wrong;
    bool quiet; /* about what is wrong: a control */
};

/* What a run of a step came to. */
struct outcome {
    struct session_text replies[LINES_MAX], late, state;
    size_t lines, answered; /* fewer than lines: the connection was closed */
};

static void outcome_clear(struct outcome *outcome)
{
    for (size_t i = 0; i < LINES_MAX; i++)
        session_text_clear(&outcome->replies[i]);
    session_text_clear(&outcome->late);
    session_text_clear(&outcome->state);
    *outcome = (struct outcome){0};
}

/* --- the server --- */

static void connect_reader(struct world *world)
{
    struct session_text reply = {0};
    world->reader = session_client_begin(world->server.port);
    do {
        if (!session_client_say(world->reader, &reply, "DBSIZE"))
            fail_msg("no server");
    } while (strncmp(reply.data, "-LOADING", 8) == 0);
    assert_true(session_client_say(world->reader, &reply, "CONFIG SET appendfsync no"));
    assert_string_equal(reply.data, "+OK\r\n");
    session_text_clear(&reply);
}

static void stop(struct world *world)
{
    session_client_send(world->reader, "SHUTDOWN NOSAVE");
    assert_int_equal(held_server_wait(&world->server), 0);
    session_client_end(world->reader);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->sums = calloc(DATABASES, sizeof *world->sums);
    world->steps = calloc(DATABASES, sizeof *world->steps);
    world->used = FIRST_DATABASE;
    held_disk_init(&world->disk);
    held_server_start_wide(&world->server, &world->disk, NULL, DATABASES);
    connect_reader(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    (void)failing_memory_end();
    stop(world);
    held_server_remove_folder(&world->server);
    free(world->sums);
    free(world->steps);
    free(world);
    return 0;
}

/* --- running a step --- */

struct players {
    struct session_client *one, *two;
};

static void prepare_line(struct players *players, const char *line, size_t length)
{
    struct session_text reply = {0};
    bool second = length > 1 && line[0] == '2' && (line[1] == '>' || line[1] == '~');
    bool later = second && line[1] == '~', keeps = line[0] == '!';
    char *copy = strndup(line + (second ? 2 : keeps), length - (second ? 2 : keeps));
    struct session_client *client = second ? players->two : players->one;
    (void)session_client_send(client, copy);
    if (!later && !session_client_read(client, &reply))
        fail_msg("closed: %s", copy);
    if (!later && reply.data[0] == '-')
        fail_msg("%s: %s", copy, reply.data);
    if (keeps)
        session_client_keep(client, &reply);
    session_text_clear(&reply);
    free(copy);
}

/* Waits until the second client's command is blocked: it was read before INFO is. */
static void await_blocked(struct world *world)
{
    struct session_text info = {0};
    do
        assert_true(session_client_say(world->reader, &info, "INFO clients"));
    while (strstr(info.data, "\nblocked_clients:0") != NULL);
    session_text_clear(&info);
}

static void prepare(struct world *world, const struct step *step, int database,
                    struct players *players)
{
    players->one = session_client_begin(world->server.port);
    players->two = session_client_begin(world->server.port);
    char line[64];
    int length = snprintf(line, sizeof line, "SELECT %d", database);
    prepare_line(players, line, (size_t)length);
    snprintf(line, sizeof line, "2>SELECT %d", database);
    prepare_line(players, line, (size_t)length + 2);
    for (const char *at = step->prepare; *at != '\0';) {
        size_t size = strcspn(at, "\n");
        prepare_line(players, at, size);
        at += size + (at[size] != '\0');
    }
    if (strstr(step->prepare, "2~") != NULL)
        await_blocked(world);
}

static void leave(struct players *players)
{
    session_client_end(players->one);
    session_client_end(players->two);
}

static void read_state(struct world *world, int database, struct session_text *out)
{
    session_text_clear(out);
    session_text_add(out, "", 0);
    session_state_read(world->reader, database, out);
}

/* Said to a client whose input or arguments found no room, before it is closed. */
static const char closing[] = "-ERR Protocol error: out of memory";

static void say(struct session_client *client, const char *lines, struct outcome *out)
{
    out->lines = session_client_send(client, lines);
    assert_true(out->lines <= LINES_MAX);
    for (; out->answered < out->lines; out->answered++) {
        struct session_text *reply = &out->replies[out->answered];
        if (!session_client_read(client, reply) ||
            strncmp(reply->data, closing, strlen(closing)) == 0)
            return;
    }
}

static void read_late(const struct step *step, struct players *players, struct outcome *out)
{
    for (int i = 0; i < step->late; i++) {
        if (!session_client_read(players->two, &out->late))
            session_text_add(&out->late, "closed", 6);
    }
}

static int next_database(struct world *world)
{
    assert_true(world->used < DATABASES);
    return world->used++;
}

/* --- judging --- */

static bool is_refusal(const struct session_text *reply)
{
    static const char *const beginnings[] = {"-OOM", "-EXECABORT", "-ERR Insufficient memory"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strncmp(reply->data, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    }
    return false;
}

struct attempt {
    struct world *world;
    const struct step *step;
    const struct outcome *expected;
    unsigned call;
    bool for_good;
};

static void must_be(const struct attempt *attempt, const char *what, const struct session_text *got,
                    const struct session_text *expected)
{
    if (session_text_equals(got, expected))
        return;
    attempt->world->wrong++;
    if (attempt->world->quiet)
        return;
    size_t from = 0;
    while (from < got->length && from < expected->length && got->data[from] == expected->data[from])
        from++;
    from = from < 40 ? 0 : from - 40;
    print_error("%s: allocation %u failed%s\nprepared: %s\ncommand:  %s\nfrom byte %zu on got:\n"
                "%.200s\nexpected:\n%.200s\n",
                what, attempt->call, attempt->for_good ? " and all after it" : "",
                attempt->step->prepare, attempt->step->command, from,
                got->length > from ? got->data + from : "nothing",
                expected->length > from ? expected->data + from : "nothing");
}

static uint64_t sum_of(const struct session_text *text)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < text->length; i++)
        sum = (sum ^ (unsigned char)text->data[i]) * 1099511628211u;
    return sum;
}

/* What is there now is to be there after a restart. */
static void keep_sum(struct world *world, const struct step *step, int database)
{
    struct session_text state = {0};
    read_state(world, database, &state);
    world->sums[database] = sum_of(&state);
    world->steps[database] = step;
    session_text_clear(&state);
}

/* What some lines of a pipeline answered is what these lines alone answer, and what they leave. */
static void check_partly(const struct attempt *attempt, const struct outcome *got)
{
    const struct step *step = attempt->step;
    struct players players;
    struct outcome alone = {0};
    int database = next_database(attempt->world);
    const char *at = step->command;
    prepare(attempt->world, step, database, &players);
    for (size_t i = 0; i < got->answered; i++) {
        size_t size = strcspn(at, "\n");
        char *line = strndup(at, size);
        at += size + (at[size] != '\0');
        if (!is_refusal(&got->replies[i])) {
            assert_true(session_client_say(players.one, &alone.replies[i], line));
            must_be(attempt, "a wrong reply", &got->replies[i], &alone.replies[i]);
        }
        free(line);
    }
    read_state(attempt->world, database, &alone.state);
    if (got->answered == got->lines)
        must_be(attempt, "a wrong state", &got->state, &alone.state);
    outcome_clear(&alone);
    leave(&players);
    keep_sum(attempt->world, step, database);
}

/* A refused command has changed nothing, and does all of it now. */
static void check_refused(const struct attempt *attempt, struct players *players,
                          const struct session_text *before, const struct outcome *got,
                          int database)
{
    const struct step *step = attempt->step;
    struct outcome again = {0};
    if (!(step->flags & STEP_MAY_STAY))
        must_be(attempt, "refused, but something changed", &got->state, before);
    if (step->flags & (STEP_NO_RETRY | STEP_TRANSACTION))
        return;
    say(players->one, step->command, &again);
    read_state(attempt->world, database, &again.state);
    if (again.answered == 0)
        must_be(attempt, "closed when sent again", &again.replies[0],
                &attempt->expected->replies[0]);
    if (!(step->flags & (STEP_ANY_REPLY | STEP_MAY_STAY))) /* what stayed is not added again */
        must_be(attempt, "a wrong reply when sent again", &again.replies[0],
                &attempt->expected->replies[0]);
    if (!(step->flags & STEP_ANY_STATE))
        must_be(attempt, "a wrong state when sent again", &again.state, &attempt->expected->state);
    outcome_clear(&again);
}

/* What the second client got. False: it was refused. */
static bool check_late(const struct attempt *attempt, struct players *players)
{
    struct outcome late = {0};
    read_late(attempt->step, players, &late);
    bool refused = attempt->step->late > 0 && is_refusal(&late.late);
    if (attempt->step->late > 0 && !refused && !(attempt->step->flags & STEP_ANY_REPLY))
        must_be(attempt, "the other client", &late.late, &attempt->expected->late);
    outcome_clear(&late);
    return !refused;
}

static void check(const struct attempt *attempt, struct players *players,
                  const struct session_text *before, const struct outcome *got, int database)
{
    const struct step *step = attempt->step;
    const struct outcome *expected = attempt->expected;
    size_t refused = 0, same = 0;
    for (size_t i = 0; i < got->answered; i++) {
        bool refusal = is_refusal(&got->replies[i]);
        refused += refusal;
        same += !refusal && (session_text_equals(&got->replies[i], &expected->replies[i]) ||
                             (step->flags & STEP_ANY_REPLY));
    }
    attempt->world->refused += refused > 0;
    attempt->world->closed += got->answered < got->lines;
    if (same == got->lines) {
        /* Whom a command serves may be refused what it serves. */
        if (check_late(attempt, players) && !(step->flags & STEP_ANY_STATE))
            must_be(attempt, "answered, but not done", &got->state, &expected->state);
    } else if (got->lines == 1 && refused == 1) {
        check_refused(attempt, players, before, got, database);
        if (!(step->flags & STEP_NO_RETRY))
            (void)check_late(attempt, players);
    } else if (got->lines == 1 && got->answered == 0) {
        if (!session_text_equals(&got->state, before))
            must_be(attempt, "closed in the midst", &got->state, &expected->state);
    } else if (step->flags & STEP_TRANSACTION) {
        if (refused == 0 && got->answered == got->lines &&
            strstr(got->replies[got->lines - 1].data, "-OOM") == NULL)
            must_be(attempt, "EXEC", &got->replies[got->lines - 1],
                    &expected->replies[got->lines - 1]);
        if (refused > 0)
            must_be(attempt, "not executed, but something changed", &got->state, before);
    } else if (got->lines == 1) {
        must_be(attempt, "a wrong reply", &got->replies[0], &expected->replies[0]);
    } else {
        check_partly(attempt, got);
    }
}

/* --- every allocation --- */

/* A server that starts from the log has what this one has. */
static void restart_and_compare(struct world *world)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", world->server.folder);
    stop(world);
    held_server_start_wide(&world->server, &world->disk, folder, DATABASES);
    connect_reader(world);
    for (int i = FIRST_DATABASE; i < world->used; i++) {
        struct session_text state = {0};
        read_state(world, i, &state);
        if (sum_of(&state) != world->sums[i]) {
            world->wrong++;
            if (!world->quiet)
                print_error("database %d is not what it was after %s: %.400s\n", i,
                            world->steps[i]->command, state.data);
        }
        session_text_clear(&state);
    }
}

/* Begins anew with empty databases if there are not enough for one more case. */
static bool make_room(struct world *world)
{
    struct session_text reply = {0};
    if (world->used + DATABASES_PER_CASE <= DATABASES)
        return false;
    restart_and_compare(world);
    assert_true(session_client_say(world->reader, &reply, "FLUSHALL"));
    session_text_clear(&reply);
    world->used = FIRST_DATABASE;
    return true;
}

/* The step in a database of its own; there is room. Returns whether memory ran out in it. */
static bool attempt_run(const struct attempt *attempt)
{
    struct world *world = attempt->world;
    struct players players;
    struct session_text before = {0};
    struct outcome got = {0};
    int database = next_database(world);
    prepare(world, attempt->step, database, &players);
    read_state(world, database, &before);
    failing_memory_begin(attempt->call, 0, attempt->for_good);
    say(players.one, attempt->step->command, &got);
    bool ran_out = failing_memory_end();
    read_state(world, database, &got.state);
    check(attempt, &players, &before, &got, database);
    world->cases++;
    world->failures += ran_out;
    leave(&players);
    keep_sum(world, attempt->step, database);
    session_text_clear(&before);
    outcome_clear(&got);
    return ran_out;
}

/* As it is when nothing fails. */
static void run_model(struct world *world, const struct step *step, struct outcome *out)
{
    struct players players;
    (void)make_room(world);
    int database = next_database(world);
    prepare(world, step, database, &players);
    say(players.one, step->command, out);
    read_state(world, database, &out->state);
    read_late(step, &players, out);
    leave(&players);
    keep_sum(world, step, database);
}

/* There is room for one more case, and what it is to answer is known. A server that was begun anew
 * has another order of members in its sets. */
static void make_ready(struct world *world, const struct step *step, struct outcome *expected)
{
    if (!make_room(world))
        return;
    outcome_clear(expected);
    run_model(world, step, expected);
}

static void run_step(struct world *world, const struct step *step, bool for_good)
{
    bool all = getenv("HOLDFAST_WATCHED") == NULL || getenv("HOLDFAST_TEST_ALLOCATIONS") != NULL;
    struct outcome expected = {0};
    struct attempt attempt = {world, step, &expected, 1, for_good};
    run_model(world, step, &expected);
    unsigned wrong = world->wrong;
    make_ready(world, step, &expected);
    while (attempt_run(&attempt) && world->wrong == wrong) {
        attempt.call += all || attempt.call < WATCHED_ALL ? 1 : WATCHED_STRIDE;
        make_ready(world, step, &expected);
    }
    outcome_clear(&expected);
}

static void run_session(struct world *world, bool for_good)
{
    const char *word = getenv("HOLDFAST_TEST_STEP");
    for (int i = 0; i < memory_session_count; i++) {
        if (word == NULL || strstr(memory_session[i].command, word) != NULL)
            run_step(world, &memory_session[i], for_good);
    }
    assert_int_equal(world->wrong, 0);
    restart_and_compare(world);
    assert_int_equal(world->wrong, 0);
    print_message("%u cases, memory ran out in %u, %u refused, %u closed\n", world->cases,
                  world->failures, world->refused, world->closed);
}

static void each_allocation_of_a_session_fails_once(void **state)
{
    run_session(*state, false);
}

static void each_allocation_of_a_session_fails_and_all_after_it(void **state)
{
    run_session(*state, true);
}

/* What the model says is made wrong by a byte: of a reply, of what was done at once, and of what
 * was done when it was sent again. */
static void control_a_wrong_reply_and_a_wrong_state_are_seen(void **state)
{
    struct world *world = *state;
    static const struct step reads = {"SET a #100:x", "GET a", 0, 0};
    static const struct step writes = {"", "SET a #2000:x", 0, 0};
    static const struct {
        const struct step *step;
        unsigned call;
    } runs[] = {{&reads, 1000}, {&writes, 1000}, {&writes, 2}};
    world->quiet = true;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct outcome expected = {0};
        struct attempt attempt = {world, runs[i].step, &expected, runs[i].call, false};
        world->wrong = 0;
        run_model(world, attempt.step, &expected);
        assert_int_equal(attempt_run(&attempt), runs[i].call == 2);
        assert_int_equal(world->wrong, 0);
        struct session_text *text = i == 0 ? &expected.replies[0] : &expected.state;
        text->data[text->length - 3] ^= 1;
        (void)attempt_run(&attempt);
        assert_int_equal(world->wrong, 1);
        outcome_clear(&expected);
    }
}

static void control_other_data_after_a_restart_are_seen(void **state)
{
    struct world *world = *state;
    struct outcome expected = {0};
    world->quiet = true;
    run_model(world, &memory_session[2], &expected);
    restart_and_compare(world);
    assert_int_equal(world->wrong, 0);
    world->sums[world->used - 1] ^= 1;
    restart_and_compare(world);
    assert_int_equal(world->wrong, 1);
    outcome_clear(&expected);
}

/* What the program itself needs and does not get ends it, and it says why. */
static void without_memory_for_itself_the_process_ends_and_says_so(void **state)
{
    (void)state;
    SKIP_WATCHED(NULL, "what watches reports such a size");
    int ends[2], status = 0;
    char said[256] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)memory_allocate((size_t)PTRDIFF_MAX - 4096);
        _exit(0);
    }
    close(ends[1]);
    for (size_t got = 0; got + 1 < sizeof said;) {
        ssize_t more = read(ends[0], said + got, sizeof said - 1 - got);
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "out of memory: 9223372036854771711 bytes cannot be had"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        TEST(each_allocation_of_a_session_fails_once),
        TEST(each_allocation_of_a_session_fails_and_all_after_it),
        TEST(control_a_wrong_reply_and_a_wrong_state_are_seen),
        TEST(control_other_data_after_a_restart_are_seen),
        cmocka_unit_test(without_memory_for_itself_the_process_ends_and_says_so),
    };
    log_set_level(LOG_NOTHING);
    if (count > 1)
        cmocka_set_test_filter(words[1]);
    return cmocka_run_group_tests_name("fault/memory", tests, NULL, NULL);
}
