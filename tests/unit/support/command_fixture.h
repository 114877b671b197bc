/* Runs commands against a keyspace of its own, with no socket: for tests of src/commands.
 *
 * What a command tells is recorded as text. The clock stands at COMMAND_FIXTURE_NOW_MS until a test
 * moves it. */
#ifndef HOLDFAST_SUPPORT_COMMAND_FIXTURE_H
#define HOLDFAST_SUPPORT_COMMAND_FIXTURE_H

#include "base/buffer.h"
#include "base/chain.h"
#include "commands/command.h"

#define COMMAND_FIXTURE_NOW_MS INT64_C(1000000)
#define COMMAND_FIXTURE_DATABASES 16

/* Replies that stand in many tests. */
#define REPLY_OK "+OK\r\n"
#define REPLY_NULL "$-1\r\n"
#define REPLY_SYNTAX "-ERR syntax error\r\n"
#define REPLY_NOT_INTEGER "-ERR value is not an integer or out of range\r\n"

struct command_fixture {
    struct keyspace *keyspace;
    struct database *database; /* the client's */
    struct chain_pool *pool;
    struct chain out;
    struct resp_writer reply;
    struct command_services services;
    bool no_touch;
    bool without_effects; /* nobody takes effects */
    bool blocks;          /* every argument longer than an entry holds has a block of its own */
    unsigned blocks_taken;
    uint64_t changes;      /* by the last command */
    size_t services_calls; /* of random, to make it differ */
    struct buffer text;    /* the last reply */
    struct buffer events;  /* "set a, expire a" since they were last asked for */
    struct buffer effects; /* "SET a 1 PXAT 5; DEL b", "as sent" where the command is its own */
    struct buffer touched; /* keys told to watchers, "a b" */
};

/* For cmocka's setup and teardown. */
int command_fixture_setup(void **state);
int command_fixture_teardown(void **state);

/* Runs one line, words separated by blanks; 'quoted words' may hold blanks or nothing. Returns the
 * reply's bytes, NUL-terminated, valid until the next run. An unknown command or a wrong number of
 * arguments fails the test, so that none is by mistake. */
const char *command_fixture_run(struct command_fixture *fixture, const char *line);
/* The same with words that may hold anything. */
const char *command_fixture_run_words(struct command_fixture *fixture, const struct slice *words,
                                      size_t count);

/* Asserts that the line is answered so. */
#define command_fixture_expect(fixture, line, answer)                                              \
    command_fixture_expect_at(fixture, line, answer, __FILE__, __LINE__)
void command_fixture_expect_at(struct command_fixture *fixture, const char *line,
                               const char *answer, const char *file, int at);

/* What has been told since the last question. */
const char *command_fixture_events(struct command_fixture *fixture);
const char *command_fixture_effects(struct command_fixture *fixture);
const char *command_fixture_touched(struct command_fixture *fixture);
/* Forgets all that. */
void command_fixture_forget(struct command_fixture *fixture);

void command_fixture_set_time(struct command_fixture *fixture, int64_t now_ms);

#endif
