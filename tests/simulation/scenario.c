#include "scenario.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/log.h"
#include "base/memory.h"
#include "claims.h"
#include "client.h"
#include "history.h"
#include "keyspace/database.h"
#include "keyspace/entry.h"
#include "mover.h"
#include "persist/log_writer.h"
#include "server/config/configuration.h"
#include "server/lifecycle.h"
#include "server/persistence/persistence.h"
#include "server/persistence/persistence_private.h"
#include "server/server.h"
#include "server/settings.h"
#include "simulated_loop.h"
#include "simulated_socket.h"
#include "simulated_worker.h"
#include "system/disk_simulated.h"
#include "world.h"

#define CLIENTS 8
#define OPERATOR 2               /* which of them */
#define MOVER (CLIENTS - 1)      /* ...if keys are moved; else it is not there */
#define LIVES_MAX 3              /* before the last */
#define ACTS_MAX 40              /* of clients, in a life */
#define QUIET_USEC 800000        /* nothing has happened for so long, so nothing will... */
#define QUIET_STEPS 200          /* ...and for as long as so many steps may take */
#define CALLS_MAX 120            /* to the disk, of a life that ends at a call */
#define CALLS_IN_SNAPSHOT_MAX 30 /* the same, counted from the beginning of a snapshot */
#define FULL_ENDS_ONE_IN 500     /* steps */
#define SIGNAL_ONE_IN 100        /* acts */
#define MOVES_ONE_IN 3
#define ENDS_USEC_MAX 400000    /* after its log has failed */
#define REFUSES_USEC_MAX 200000 /* after the disk has become full */
#define STEPS_MAX 50000
#define STEP_USEC_MAX 300
#define SLOW_STEP_USEC_MAX 8000
#define MEMORY_SAMPLES 5 /* as eviction looks at */
#define MIB (UINT64_C(1) << 20)
#define UNIX_PATH "/nowhere/holdfast.sock" /* in the simulated network: no such file is made */

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
    struct configuration *configuration; /* of this seed: what CONFIG SET says holds on */
    struct server *server;               /* NULL: it is being made, or is gone */
    struct history *history;
    struct claims *claims;
    struct clients shared;
    struct mover mover;
    struct client clients[CLIENTS];
    uint64_t client_count;
    bool always;    /* appendfsync */
    bool has_power; /* since the last recovery, and the disk did not fail: the kernel kept all */
    /* this life */
    enum ending ending;
    bool has_fault, was_full, recovered;
    struct world_promise promise; /* of what is sent now */
    int sync;                     /* appendfsync at the end of the last turn; */
    bool has_log;                 /* was there a log, in force? */
    uint64_t terminated_turn;     /* in which SIGTERM was sent; 0: it was not */
    bool saves_when_terminated;   /* there were save points then */
    uint64_t acts_left, ends_at_step, steps;
    int64_t quiet_since_us;
    bool asked;             /* what is asked at the end */
    bool workers_were_idle; /* at the end of the last turn */
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

/* --- what is promised --- */

/* The settings say that there is a log, and it is one that a start will find: after CONFIG SET
 * appendonly yes its base must be there first. */
static bool log_is_in_force(const struct scenario *scenario)
{
    const struct log_writer *log = scenario->server->persistence->log;
    return scenario->settings.persistence.append_only &&
           (log == NULL || log_writer_is_in_force(log));
}

static void hold_since(uint64_t *since, bool holds, uint64_t turn)
{
    if (!holds)
        *since = UINT64_MAX;
    else if (*since == UINT64_MAX)
        *since = turn;
}

/* Commands that run from the next turn on may rely on what holds now. */
static struct world_promise promise_now(void *context)
{
    struct scenario *scenario = context;
    if (!scenario->recovered || scenario->server == NULL)
        return (struct world_promise){UINT64_MAX, UINT64_MAX};
    bool logged = log_is_in_force(scenario);
    uint64_t turn = history_turn(scenario->history);
    hold_since(&scenario->promise.logged_since, logged, turn);
    hold_since(&scenario->promise.durable_since,
               logged && scenario->settings.persistence.sync == LOG_SYNC_ALWAYS, turn);
    return scenario->promise;
}

static void raise_to(uint64_t *floor, uint64_t turn)
{
    if (turn > *floor)
        *floor = turn;
}

/* Everything up to the last turn must last from now on. */
static void rely_on_all(struct scenario *scenario)
{
    raise_to(scenario->settings.persistence.append_only ? &scenario->shared.needed
                                                        : &scenario->shared.saved,
             history_turn(scenario->history) - 1);
}

/* What the operator did to the log in this turn. */
static void note_log(struct scenario *scenario)
{
    bool has_log = log_is_in_force(scenario);
    if (scenario->sync != scenario->settings.persistence.sync)
        world_meet(MET_SYNC_CHANGE);
    if (scenario->has_log && !has_log) {
        world_meet(MET_LOG_OFF);
        raise_to(&scenario->shared.needed, history_turn(scenario->history) - 1);
    } else if (!scenario->has_log && has_log) {
        world_meet(MET_LOG_ON);
    }
    scenario->sync = scenario->settings.persistence.sync;
    scenario->has_log = has_log;
}

/* --- what is looked at --- */

static uint64_t needed_at_start(const struct scenario *scenario)
{
    const struct clients *shared = &scenario->shared;
    if (!scenario->settings.persistence.append_only)
        return shared->saved;
    return scenario->has_power && shared->logged > shared->needed ? shared->logged : shared->needed;
}

static void check_recovered(struct scenario *scenario)
{
    char why[400];
    struct server *server = scenario->server;
    if (scenario->recovered || persistence_is_loading(server->persistence))
        return;
    scenario->recovered = true;
    scenario->result->recoveries++;
    bool from_log = scenario->settings.persistence.append_only;
    if (!from_log)
        world_meet(MET_SNAPSHOT_START);
    if (!from_log && scenario->shared.saved > 0)
        world_meet(MET_SAVE_RELIED);
    if (!history_recovered(scenario->history, server->keyspace, needed_at_start(scenario), why,
                           sizeof why))
        fail(scenario, "after recovery %d%s: %s", (int)scenario->result->recoveries,
             from_log ? "" : ", from the snapshot", why);
    scenario->has_power = true;
    if (scenario->shared.mover != NULL)
        mover_note_start(&scenario->mover, world.now_us / 1000);
    rely_on_all(scenario); /* the start made it durable, whatever it was before */
    uint64_t since = history_turn(scenario->history) - 1;
    scenario->sync = scenario->settings.persistence.sync;
    scenario->has_log = log_is_in_force(scenario);
    scenario->promise = (struct world_promise){
        scenario->has_log && scenario->sync == LOG_SYNC_ALWAYS ? since : UINT64_MAX,
        scenario->has_log ? since : UINT64_MAX};
}

/* With its log failed it must end; with the disk full it must refuse what would change anything. A
 * job may have come to its end just now, and changes something all the same: MIGRATE. */
static void check_log(struct scenario *scenario)
{
    const struct history *history = scenario->history;
    bool was_idle = scenario->workers_were_idle;
    scenario->workers_were_idle = simulated_worker_all_are_idle();
    /* Behind its end a log may fail. */
    bool has_log = scenario->settings.persistence.append_only || !scenario->shared.switches;
    if (has_log && world.log_failed_us > 0 && world.now_us - world.log_failed_us > ENDS_USEC_MAX)
        fail(scenario, "the server goes on though its log has failed");
    if (world.log_full_us == 0 || world.now_us - world.log_full_us < REFUSES_USEC_MAX ||
        !was_idle || !scenario->workers_were_idle || scenario->shared.evicts)
        return;
    uint64_t turn = history_turn(history) - 1;
    if (history_last_change(history, UINT64_MAX, turn) == turn)
        fail(scenario, "data changed though the disk of the log is full");
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
    (void)promise_now(scenario);
    note_log(scenario);
    history_end_turn(scenario->history, server->keyspace);
    check_log(scenario);
    if (scenario->shared.mover != NULL)
        mover_note_turn(&scenario->mover, world.now_us / 1000);
    scenario->result->turns++;
}

static void add_memory(void *context, struct entry *entry)
{
    size_t *sum = context;
    *sum += entry_memory(entry, MEMORY_SAMPLES);
}

static size_t memory_of_keys(void *context)
{
    struct scenario *scenario = context;
    size_t sum = 0;
    for (int i = 0; i < HISTORY_DATABASES && scenario->server != NULL; i++) {
        struct database *database = keyspace_database(scenario->server->keyspace, i);
        uint64_t cursor = 0;
        do {
            cursor = database_scan(database, cursor, add_memory, &sum);
        } while (cursor != 0);
    }
    return sum;
}

/* SAVE, or CONFIG SET appendonly no, may just have made a file of what the data are in the midst of
 * the turn. */
static void file_written(void *context)
{
    struct scenario *scenario = context;
    if (scenario->shared.switches && scenario->recovered && scenario->server != NULL)
        history_saved_in_turn(scenario->history, scenario->server->keyspace);
}

/* MIGRATE tells others what a key is: it must last, as what a reader is told. */
static void sends(void *context, struct slice bytes)
{
    struct scenario *scenario = context;
    const struct client *client = &scenario->clients[MOVER];
    uint64_t needed = 0;
    bool is_unanswered = false; /* a write before it */
    for (size_t i = 0; i < client->sent_count && scenario->always; i++) {
        const struct sent *sent = &client->sent[i];
        bool wrote_before = sent->effect == EFFECT_WRITES;
        if (sent->turn > 0 && (sent->moves || wrote_before))
            raise_to(&needed, mover_shows(&scenario->mover, bytes, sent->turn - !wrote_before));
        is_unanswered = is_unanswered || wrote_before;
    }
    raise_to(&scenario->shared.needed, needed);
    if (is_unanswered && scenario->ending == END_CRASHED && world_chance(2))
        scenario->ends_at_step = scenario->steps + 1 + world_below(3);
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

/* Nothing is on its way any more: who keeps what it read would know if it was not so. */
static void check_caches(struct scenario *scenario)
{
    int key;
    for (int i = 0; i < CLIENTS && !scenario->shared.swapped; i++)
        if (scenario->clients[i].socket >= 0 &&
            !cache_check(&scenario->clients[i].cache, scenario->server->keyspace, &key))
            fail(scenario, "%s: who keeps its value was not told that it changed", cache_key(key));
}

/* --- one thing happens --- */

static bool send_signal(struct scenario *scenario)
{
    struct clients *shared = &scenario->shared;
    if (world_chance(2)) {
        world_meet(MET_HANG_UP);
        return simulated_loop_signal(SIGHUP);
    }
    if (!shared->may_shut_down || scenario->terminated_turn > 0)
        return false;
    scenario->terminated_turn = history_turn(scenario->history);
    scenario->saves_when_terminated = scenario->settings.persistence.save_point_count > 0;
    shared->ends_log = true;
    return simulated_loop_signal(SIGTERM);
}

static bool act(struct scenario *scenario)
{
    struct client *mover = &scenario->clients[MOVER];
    if (scenario->acts_left == 0)
        return false;
    if (scenario->shared.mover != NULL && world_chance(3) && client_act(mover))
        return true;
    scenario->acts_left--;
    if (world_chance(SIGNAL_ONE_IN))
        return send_signal(scenario);
    bool operates = scenario->shared.operates && world_chance(4);
    return client_act(
        &scenario->clients[operates ? OPERATOR : world_below(scenario->client_count)]);
}

static bool deliver(struct scenario *scenario)
{
    bool moved = simulated_socket_step(), heard = false;
    size_t first = (size_t)world_below(CLIENTS);
    uint64_t migrated = world.met[MET_MIGRATED];
    for (size_t i = 0; i < CLIENTS && !heard; i++)
        heard = client_hear(&scenario->clients[(first + i) % CLIENTS]);
    check_claims(scenario);
    /* Was it said too early? */
    if (world.met[MET_MIGRATED] > migrated && scenario->ending == END_CRASHED && world_chance(2))
        scenario->ends_at_step = scenario->steps + 1 + world_below(4);
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
    if (!scenario->has_fault) {
        check_answered(scenario);
        check_caches(scenario);
    }
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
    if (scenario->acts_left == 0 && world.now_us - scenario->quiet_since_us >
                                        QUIET_USEC + QUIET_STEPS * (int64_t)world.step_us_max)
        be_quiet(scenario);
    return happened;
}

/* --- a life of the server --- */

static void set_up(struct scenario *scenario)
{
    struct settings *settings = &scenario->settings;
    settings_init(settings);
    settings->lifecycle.databases = HISTORY_DATABASES;
    settings->lifecycle.log_level = (int)log_level();
    settings->lifecycle.crash_log = false; /* signals of this process are not the server's */
    settings_set_string(&settings->admission.bind, "127.0.0.1");
    if (world_chance(2))
        settings_set_string(&settings->admission.unix_path, UNIX_PATH);
    struct persistence_settings *persistence = &settings->persistence;
    persistence->disk = &world.disk;
    persistence->gates_off = scenario->control == CONTROL_GATES_OFF;
    persistence->message_gates_off = scenario->control == CONTROL_MESSAGES_AHEAD;
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
    if (!world_chance(6)) /* else changes may be unheard */
        settings->notification.events = NOTIFICATION_KEYSPACE | NOTIFICATION_ALL;
    scenario->shared.operates = world_chance(2);
    scenario->shared.switches = scenario->shared.operates && world_chance(2);
    scenario->shared.evicts = scenario->shared.operates && world_chance(2);
    scenario->always = !world_chance(6) && !scenario->shared.switches;
    world.step_us_max = !scenario->always && world_chance(2) ? SLOW_STEP_USEC_MAX : STEP_USEC_MAX;
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
    world_begin_life();
    scenario->ending = is_last ? END_STOPPED : world_chance(3) ? END_KILLED : END_CRASHED;
    scenario->recovered = false;
    scenario->shared.may_shut_down = !is_last;
    scenario->shared.shutdown_turn = scenario->terminated_turn = 0;
    scenario->shared.ends_log = false;
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
    if (server_create(&scenario->settings, scenario->configuration, true, &scenario->server) !=
        OK) {
        scenario->server = NULL;
        return EXIT_FAILURE;
    }
    configuration_attach(scenario->configuration, scenario->server);
    check_recovered(scenario);
    world.turn_ended = turn_ended;
    world.step = step;
    world.promise = promise_now;
    world.file_written = file_written;
    world.sends = sends;
    int status = server_run(scenario->server);
    world.turn_ended = NULL;
    world.step = NULL;
    world.promise = NULL;
    world.file_written = NULL;
    world.sends = NULL;
    return status;
}

/* It says so and ends when its disk failed. A full disk is waited out, but not by a start that has
 * no file of the log to go on with: nobody was served yet, and the next start finds all of it; nor
 * by SHUTDOWN: what was not answered may be lost. */
static bool may_end_by_itself(const struct scenario *scenario)
{
    bool ends = !scenario->recovered || scenario->shared.ends_log;
    return world.off || scenario->has_fault || (scenario->was_full && ends);
}

static void stopped_in_peace(struct scenario *scenario)
{
    struct clients *shared = &scenario->shared;
    bool asked = shared->shutdown_turn > 0;
    if (asked)
        world_meet(MET_SHUTDOWN);
    if (asked && shared->shutdown_saves && scenario->terminated_turn == 0) /* else: which was it? */
        raise_to(&shared->saved, shared->shutdown_turn - 1);
    if (!asked && scenario->terminated_turn > 0) {
        world_meet(MET_TERMINATED);
        if (scenario->saves_when_terminated && !scenario->has_fault && !scenario->was_full)
            raise_to(&shared->saved, scenario->terminated_turn - 1);
    }
    if (scenario->has_log && scenario->recovered)
        raise_to(&shared->needed, history_turn(scenario->history) - 1);
}

static void live(struct scenario *scenario, bool is_last)
{
    plan(scenario, is_last);
    int status = run(scenario);
    if (status != EXIT_SUCCESS && !may_end_by_itself(scenario))
        fail(scenario, "the server ended by itself");
    bool was_off = world.off;
    if (!was_off && status != EXIT_SUCCESS && world.log_failed_us > 0)
        world_meet(MET_LOG_FAILED);
    end_process(scenario);
    if (!was_off)
        world_end_process();
    if (scenario->server != NULL)
        world.met[MET_EVICTION] += keyspace_statistics(scenario->server->keyspace)->evicted;
    if (scenario->server != NULL)
        server_destroy(scenario->server);
    scenario->server = NULL;
    scenario->result->lives++;
    if (scenario->ending == END_CRASHED)
        disk_simulated_crash(world.simulated);
    else
        disk_simulated_kill(world.simulated);
    if (!was_off && status == EXIT_SUCCESS)
        stopped_in_peace(scenario);
    scenario->has_power =
        scenario->has_power && !scenario->has_fault && scenario->ending != END_CRASHED;
}

/* --- the whole --- */

static void begin(struct scenario *scenario, uint64_t seed)
{
    static const enum client_kind kinds[CLIENTS] = {
        CLIENT_CLAIMS, CLIENT_CLAIMS,     CLIENT_OPERATES, CLIENT_WATCHES,
        CLIENT_BLOCKS, CLIENT_SUBSCRIBES, CLIENT_CACHES,   CLIENT_MIGRATES};
    world_init(seed);
    world.context = scenario;
    world.forges_answers = scenario->control == CONTROL_ANSWERS_FORGED;
    world.memory_used = memory_of_keys;
    set_up(scenario);
    scenario->configuration = configuration_create(&scenario->settings);
    scenario->history = history_create(commands_keys, commands_key_count);
    scenario->claims = memory_allocate_zeroed(sizeof *scenario->claims);
    scenario->claims->holds = scenario->always;
    scenario->claims->feeds_stale = scenario->control == CONTROL_STALE_READ;
    scenario->shared.history = scenario->history;
    scenario->shared.claims = scenario->claims;
    scenario->shared.large = world_chance(8);
    mover_init(&scenario->mover, scenario->history, scenario->claims->failure);
    scenario->mover.lasts = scenario->always;
    scenario->mover.deadlines = !scenario->shared.evicts;
    bool keeps_keys = scenario->always || !scenario->shared.evicts;
    bool moves = world_chance(MOVES_ONE_IN) && keeps_keys && !scenario->shared.switches;
    scenario->shared.mover = moves ? &scenario->mover : NULL;
    scenario->client_count = moves ? CLIENTS : CLIENTS - 1;
    bool monitors = world_chance(3);
    for (int i = 0; i < CLIENTS; i++)
        client_init(&scenario->clients[i], &scenario->shared,
                    kinds[i] == CLIENT_SUBSCRIBES && monitors ? CLIENT_MONITORS : kinds[i]);
}

static void end(struct scenario *scenario)
{
    struct scenario_result *result = scenario->result;
    world_trace_number("end", history_digest(scenario->history));
    result->trace = world.trace;
    result->steps = world.steps;
    result->replies = scenario->shared.replies;
    memcpy(result->met, world.met, sizeof result->met);
    result->errors = scenario->shared.errors;
    for (int i = 0; i < CLIENTS; i++)
        client_deinit(&scenario->clients[i]);
    buffer_deinit(&scenario->shared.dump);
    memory_free(scenario->claims);
    history_destroy(scenario->history);
    configuration_destroy(scenario->configuration);
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
