#include "scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "claims.h"
#include "client.h"
#include "history.h"
#include "persist/log_writer.h"
#include "server/lifecycle.h"
#include "server/persistence/persistence.h"
#include "server/server.h"
#include "server/settings.h"
#include "simulated_socket.h"
#include "simulated_worker.h"
#include "system/disk_simulated.h"
#include "world.h"

#define CLIENTS 6
#define LIVES_MAX 3              /* before the last */
#define ACTS_MAX 40              /* of clients, in a life */
#define QUIET_USEC 800000        /* nothing has happened for so long, so nothing will */
#define CALLS_MAX 120            /* to the disk, of a life that ends at a call */
#define CALLS_IN_SNAPSHOT_MAX 30 /* the same, counted from the beginning of a snapshot */
#define FULL_ENDS_ONE_IN 500     /* steps */
#define STEPS_MAX 50000
#define MIB (UINT64_C(1) << 20)

/* How a life of the server ends. */
enum ending {
    END_STOPPED, /* by us, when all was said */
    END_CRASHED, /* the power */
    END_KILLED,
};

struct scenario {
    enum scenario_control control;
    struct scenario_result *result;
    struct settings settings;
    struct server *server; /* NULL: it is being made, or is gone */
    struct history *history;
    struct claims *claims;
    struct clients shared;
    struct client clients[CLIENTS];
    bool always; /* appendfsync */
    /* this life */
    enum ending ending;
    bool has_fault, was_full, recovered;
    uint64_t acts_left, ends_at_step, steps;
    int64_t quiet_since_us;
    bool asked; /* what is asked at the end */
};

static void __attribute__((format(printf, 2, 3)))
fail(struct scenario *scenario, const char *format, ...)
{
    if (!scenario->result->failed) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(scenario->result->why, sizeof scenario->result->why, format, arguments);
        va_end(arguments);
    }
    scenario->result->failed = true;
    world_end_process();
}

/* --- what is looked at --- */

/* Everything up to the last turn must last from now on. */
static void rely_on_all(struct scenario *scenario)
{
    scenario->shared.needed = scenario->shared.synced = history_turn(scenario->history) - 1;
}

static void check_recovered(struct scenario *scenario)
{
    char why[400];
    struct server *server = scenario->server;
    if (scenario->recovered || persistence_is_loading(server->persistence))
        return;
    scenario->recovered = true;
    scenario->result->recoveries++;
    if (!history_recovered(scenario->history, server->keyspace,
                           scenario->always ? scenario->shared.needed : scenario->shared.synced,
                           why, sizeof why))
        fail(scenario, "after recovery %d: %s", (int)scenario->result->recoveries, why);
    rely_on_all(scenario); /* the start made it durable, whatever it was before */
}

static void turn_ended(void *context)
{
    struct scenario *scenario = context;
    struct server *server = scenario->server;
    if (!scenario->recovered) {
        check_recovered(scenario);
        return;
    }
    for (int i = 0; i < CLIENTS; i++)
        client_note_turn(&scenario->clients[i]);
    history_end_turn(scenario->history, server->keyspace);
    scenario->result->turns++;
}

static void check_claims(struct scenario *scenario)
{
    if (scenario->claims->failure[0] != '\0')
        fail(scenario, "%s", scenario->claims->failure);
}

/* Nothing happens any more: everybody must have been answered. */
static void check_answered(struct scenario *scenario)
{
    for (int i = 0; i < CLIENTS; i++)
        if (scenario->clients[i].sent_count > 0)
            fail(scenario, "client %d waits for %zu replies that do not come", i,
                 scenario->clients[i].sent_count);
}

/* --- one thing happens --- */

static bool act(struct scenario *scenario)
{
    if (scenario->acts_left == 0)
        return false;
    scenario->acts_left--;
    return client_act(&scenario->clients[world_below(CLIENTS)]);
}

static bool deliver(struct scenario *scenario)
{
    bool moved = simulated_socket_step(), heard = false;
    size_t first = (size_t)world_below(CLIENTS);
    for (size_t i = 0; i < CLIENTS && !heard; i++)
        heard = client_hear(&scenario->clients[(first + i) % CLIENTS]);
    check_claims(scenario);
    return moved || heard;
}

static bool something_happens(struct scenario *scenario)
{
    bool job_first = world_chance(4);
    if (job_first && simulated_worker_step())
        return true;
    bool happened =
        world_chance(2) ? act(scenario) || deliver(scenario) : deliver(scenario) || act(scenario);
    if (happened)
        scenario->quiet_since_us = world.now_us;
    return happened || simulated_worker_step();
}

/* The clients have nothing to do or to wait for any more: the end of this life. */
static void be_quiet(struct scenario *scenario)
{
    if (scenario->ending == END_STOPPED && !scenario->asked) {
        scenario->asked = true;
        scenario->quiet_since_us = world.now_us;
        client_ask_at_the_end(&scenario->clients[0]);
        return;
    }
    if (!scenario->has_fault)
        check_answered(scenario);
    if (scenario->ending == END_STOPPED)
        lifecycle_stop(scenario->server->lifecycle, "The simulation ends");
    else
        world_end_process();
}

static bool step(void *context)
{
    struct scenario *scenario = context;
    scenario->steps++;
    if (scenario->steps == scenario->ends_at_step || world.off) {
        world_end_process();
        return true;
    }
    if (scenario->steps > STEPS_MAX)
        fail(scenario, "does not come to its end");
    if (scenario->was_full && (scenario->acts_left == 0 || world_chance(FULL_ENDS_ONE_IN)))
        disk_simulated_limit(world.simulated, 0);
    bool happened = something_happens(scenario);
    if (scenario->acts_left == 0 && world.now_us - scenario->quiet_since_us > QUIET_USEC)
        be_quiet(scenario);
    return happened;
}

/* --- a life of the server --- */

static void set_up(struct scenario *scenario)
{
    struct settings *settings = &scenario->settings;
    settings_init(settings);
    settings->lifecycle.databases = HISTORY_DATABASES;
    settings_set_string(&settings->admission.bind, "127.0.0.1");
    struct persistence_settings *persistence = &settings->persistence;
    persistence->disk = &world.disk;
    persistence->gates_off = scenario->control == CONTROL_GATES_OFF;
    persistence->save_point_count = 0;
    persistence->rewrite_size_min = 1000 + world_below(20000);
    persistence->rewrite_percentage = 20 + world_below(100);
    persistence->segment_size_max = world_chance(2) ? 2000 + world_below(8000) : MIB;
    if (world_chance(2)) { /* few elements make a large value */
        settings->values.list_size = 1 + (int64_t)world_below(4);
        settings->values.hash_entries_max = settings->values.set_entries_max = world_below(6);
        settings->values.zset_entries_max = settings->values.set_integers_max = world_below(6);
        settings->values.stream_block_entries_max = 1 + world_below(4);
    }
    settings->notification.events = NOTIFICATION_KEYSPACE | NOTIFICATION_ALL;
    scenario->always = !world_chance(6);
    persistence->sync = scenario->always  ? LOG_SYNC_ALWAYS
                        : world_chance(2) ? LOG_SYNC_EVERY_SECOND
                                          : LOG_SYNC_NO;
}

static void plan_fault(struct scenario *scenario)
{
    static const enum disk_fault faults[] = {DISK_FAULT_ERROR, DISK_FAULT_ERROR, DISK_FAULT_FULL,
                                             DISK_FAULT_INTERRUPTED, DISK_FAULT_SHORT};
    scenario->has_fault = scenario->was_full = false;
    if (world_chance(4)) {
        scenario->has_fault = true;
        disk_simulated_fail(world.simulated, 1 + world_below(CALLS_MAX),
                            faults[world_below(sizeof faults / sizeof faults[0])], world_chance(2));
    } else if (world_chance(4)) {
        scenario->was_full = true;
        disk_simulated_limit(world.simulated, 200 + world_below(2000));
    }
}

static void plan(struct scenario *scenario, bool is_last)
{
    world.off = false;
    world.calls = world.off_at_call = world.off_in_snapshot = 0;
    scenario->ending = is_last ? END_STOPPED : world_chance(3) ? END_KILLED : END_CRASHED;
    scenario->recovered = false;
    scenario->acts_left = world_below(ACTS_MAX);
    scenario->steps = scenario->ends_at_step = 0;
    scenario->quiet_since_us = world.now_us;
    scenario->asked = false;
    disk_simulated_fail(world.simulated, 0, DISK_FAULT_NONE, false);
    disk_simulated_limit(world.simulated, 0);
    scenario->has_fault = scenario->was_full = false;
    if (scenario->control == CONTROL_DISK_LIES)
        disk_simulated_lie(world.simulated, true);
    if (is_last)
        return;
    plan_fault(scenario);
    if (world_chance(3))
        world.off_in_snapshot = 1 + world_below(CALLS_IN_SNAPSHOT_MAX);
    if (world_chance(2))
        scenario->ends_at_step = 1 + world_below(world_chance(4) ? 20 : 400);
    else if (!world_chance(4))
        world.off_at_call = 1 + world_below(world_chance(3) ? 15 : CALLS_MAX);
}

/* The process is gone. What it had sent arrives, then every connection ends. */
static void end_process(struct scenario *scenario)
{
    for (int i = 0; i < CLIENTS; i++)
        client_note_turn(&scenario->clients[i]);
    simulated_socket_end_server();
    for (int i = 0; i < CLIENTS; i++)
        (void)client_hear(&scenario->clients[i]);
    check_claims(scenario);
}

static int run(struct scenario *scenario)
{
    if (server_create(&scenario->settings, NULL, false, &scenario->server) != OK) {
        scenario->server = NULL;
        return EXIT_FAILURE;
    }
    check_recovered(scenario);
    world.turn_ended = turn_ended;
    world.step = step;
    int status = server_run(scenario->server);
    world.turn_ended = NULL;
    world.step = NULL;
    return status;
}

/* It says so and ends when its disk failed. A full disk is waited out, but not by a start that has
 * no file of the log to go on with: nobody was served yet, and the next start finds all of it. */
static bool may_end_by_itself(const struct scenario *scenario)
{
    return world.off || scenario->has_fault || (scenario->was_full && !scenario->recovered);
}

static void live(struct scenario *scenario, bool is_last)
{
    plan(scenario, is_last);
    int status = run(scenario);
    if (status != EXIT_SUCCESS && !may_end_by_itself(scenario))
        fail(scenario, "the server ended by itself");
    bool was_off = world.off;
    end_process(scenario);
    if (!was_off)
        world_end_process();
    if (scenario->server != NULL)
        server_destroy(scenario->server);
    scenario->server = NULL;
    scenario->result->lives++;
    if (scenario->ending == END_CRASHED)
        disk_simulated_crash(world.simulated);
    else
        disk_simulated_kill(world.simulated);
    if (!was_off && status == EXIT_SUCCESS)
        rely_on_all(scenario); /* it was stopped in peace */
}

/* --- the whole --- */

static void begin(struct scenario *scenario, uint64_t seed)
{
    static const enum client_kind kinds[CLIENTS] = {CLIENT_CLAIMS, CLIENT_CLAIMS,
                                                    CLIENT_RANDOM, CLIENT_WATCHES,
                                                    CLIENT_BLOCKS, CLIENT_SUBSCRIBES};
    world_init(seed);
    world.context = scenario;
    set_up(scenario);
    scenario->history = history_create(commands_keys, commands_key_count);
    scenario->claims = memory_allocate_zeroed(sizeof *scenario->claims);
    scenario->claims->holds = scenario->always;
    scenario->claims->feeds_stale = scenario->control == CONTROL_STALE_READ;
    scenario->shared = (struct clients){.history = scenario->history, .claims = scenario->claims};
    scenario->shared.large = world_chance(8);
    for (int i = 0; i < CLIENTS; i++)
        client_init(&scenario->clients[i], &scenario->shared, kinds[i]);
}

static void end(struct scenario *scenario)
{
    struct scenario_result *result = scenario->result;
    world_trace_number("end", history_digest(scenario->history));
    result->trace = world.trace;
    result->steps = world.steps;
    result->replies = scenario->shared.replies;
    result->errors = scenario->shared.errors;
    for (int i = 0; i < CLIENTS; i++)
        client_deinit(&scenario->clients[i]);
    memory_free(scenario->claims);
    history_destroy(scenario->history);
    settings_deinit(&scenario->settings);
    world_deinit();
}

void scenario_run(uint64_t seed, enum scenario_control control, struct scenario_result *result)
{
    struct scenario scenario = {.control = control, .result = result};
    *result = (struct scenario_result){0};
    begin(&scenario, seed);
    uint64_t lives = 1 + world_below(LIVES_MAX);
    for (; lives > 0 && !result->failed; lives--)
        live(&scenario, false);
    for (int last = 0; last < 2 && !result->failed; last++)
        live(&scenario, true); /* and once more: was all kept? */
    if (!result->failed) {
        claims_finish(scenario.claims);
        check_claims(&scenario);
    }
    end(&scenario);
}
