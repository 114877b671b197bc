/* From the words of a client to the function that runs: look-up, the checks of Redis's
 * processCommand in their order, execution, what is counted, and what follows from a change. The
 * one place where commands run.
 *
 * Time: one reading of the processor's cycle counter a command (its end is the next one's begin),
 * see system/cycles.h; converted to microseconds when somebody asks. Everything slow is seen truly,
 * nothing is sampled. */
#ifndef HOLDFAST_SERVER_DISPATCH_H
#define HOLDFAST_SERVER_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "commands/command.h"
#include "server/observe/histogram.h"

struct client;
struct dispatch;
struct resp_command;
struct server;

enum guard { GUARD_NO, GUARD_YES, GUARD_LOCAL }; /* enable-debug-command and its like */

struct dispatch_settings {
    enum guard enable_debug_command;  /* default GUARD_NO */
    enum guard enable_module_command; /* accepted, nothing to guard */
    bool latency_tracking;            /* default true: histograms per command */
};

/* One command or subcommand as the server knows it. */
struct dispatch_entry {
    const struct command *command;
    const struct dispatch_entry *container; /* NULL for a command of its own */
    const char *full_name; /* "client|list": lower case, as COMMAND and commandstats show it */
    uint64_t calls, rejected, failed; /* failed: ran, and answered with an error */
    uint64_t ticks;                   /* time spent: dispatch_usec */
    struct histogram *latency;        /* nanoseconds per call; NULL until one was recorded */
};

/* An error code ("ERR", "WRONGTYPE") and how often it was answered: INFO errorstats. */
struct error_count {
    char code[32];
    uint64_t count;
};

struct dispatch_statistics {
    uint64_t commands;                /* INFO total_commands_processed */
    uint64_t errors;                  /* total_error_replies */
    uint64_t changes;                 /* rdb_changes_since_last_save */
    uint64_t authentication_failures; /* acl_access_denied_auth */
    uint64_t evicted_refusals;        /* commands refused with OOM */
    size_t error_codes_count;
    struct error_count *error_codes; /* in order of first appearance */
};

struct dispatch *dispatch_create(struct server *server, const struct dispatch_settings *settings);
/* Why commands may not run now: set by persistence and sessions, looked at before each. */
struct dispatch_obstacles {
    bool paused;                /* CLIENT PAUSE, of any kind: sessions_paused */
    bool loading;               /* -LOADING, but for commands that need no data */
    bool hold_writers;          /* writers wait: sessions_resume_postponed when it is over */
    const char *refuse_writers; /* NULL, or the error that writers get, with its code */
};
struct dispatch_obstacles *dispatch_obstacles(struct dispatch *dispatch);

/* Who takes the effects of commands: command_services.effect. NULL: nobody. */
void dispatch_set_effect(struct dispatch *dispatch,
                         void (*effect)(struct command_context *context, struct database *database,
                                        const struct slice *arguments, size_t count));
/* Runs commands of the log, in order, without checks, events, effects and statistics: at most
 * CONNECTION_BATCH_MAX. False: one is unknown, does not write, or answered with an error; `why`
 * (room for DISPATCH_WHY_SIZE bytes) says so. */
#define DISPATCH_WHY_SIZE 256
bool dispatch_replay(struct dispatch *dispatch, struct client *client,
                     const struct resp_command *commands, size_t count, char *why);
void dispatch_destroy(struct dispatch *dispatch);

/* Adds the rows of a table (ends with a NULL name) and their subcommands. A name given twice
 * aborts. */
void dispatch_register(struct dispatch *dispatch, const struct command *table);

/* --- the table --- */

/* The entry of a command line: the subcommand's where the command is a container and there is an
 * argument. NULL: there is no such (sub)command. Names in any case. */
struct dispatch_entry *dispatch_find(struct dispatch *dispatch, const struct slice *arguments,
                                     size_t count);
/* By the name COMMAND uses: "get", "client|list". NULL if there is none. */
struct dispatch_entry *dispatch_find_name(struct dispatch *dispatch, struct slice full_name);

/* All entries, containers and subcommands among them, in order of registration. */
size_t dispatch_count(const struct dispatch *dispatch);
struct dispatch_entry *dispatch_at(struct dispatch *dispatch, size_t index);

/* How many there are without subcommands: COMMAND COUNT. */
size_t dispatch_count_commands(const struct dispatch *dispatch);

/* --- running --- */

/* Runs commands of a client in order. Returns how many are done with: fewer than `count` when the
 * client was closed, paused or blocked; the rest is offered again later. */
size_t dispatch_run(struct dispatch *dispatch, struct client *client, struct resp_command *commands,
                    size_t count);

/* These commands (at most 64, the array stays where it is) will be given to dispatch_run soon, in
 * the order of these calls: their keys are fetched from memory. dispatch_fetch_ahead: once, after
 * the last of these calls and before the first run. */
void dispatch_prepare_ahead(struct dispatch *dispatch, const struct client *client,
                            const struct resp_command *commands, size_t count);
void dispatch_fetch_ahead(struct dispatch *dispatch);

/* Runs one command that passed its checks: from EXEC (and later from scripts). Counts, measures,
 * observes as any. */
void dispatch_execute(struct dispatch *dispatch, struct client *client,
                      struct dispatch_entry *entry, struct slice *arguments, size_t count);

/* Runs a command that waited for this key anew (session/key_waits.h). Its first run was counted,
 * measured and observed: of this one the errors are counted. Replies of any kind have gone to the
 * client's output. */
void dispatch_execute_woken(struct dispatch *dispatch, struct client *client,
                            struct dispatch_entry *entry, struct slice *arguments, size_t count,
                            const struct slice *key);

/* May this client run this command? The one question that ACL will answer; today: is it
 * authenticated. */
bool dispatch_permitted(const struct client *client, const struct dispatch_entry *entry);

/* Takes `entry`'s command out of the line for good, as if it did not exist, or under another name
 * (rename-command). False: no such command, or the new name is taken. */
bool dispatch_rename(struct dispatch *dispatch, struct slice name, struct slice new_name);

/* --- statistics --- */

struct dispatch_statistics *dispatch_statistics(struct dispatch *dispatch);
uint64_t dispatch_usec(const struct dispatch *dispatch, const struct dispatch_entry *entry);
/* CONFIG RESETSTAT: calls, times, histograms, errors; not `changes`. */
void dispatch_reset_statistics(struct dispatch *dispatch);
/* LATENCY HISTOGRAM's reset and the like: one entry's histogram. */
void dispatch_reset_latency(struct dispatch_entry *entry);

/* Counts an error reply that was written outside a command (protocol errors, maxclients). `text` as
 * "ERR ...". */
void dispatch_count_error(struct dispatch *dispatch, struct slice text);

#endif
