/* system/worker.h in the simulated world: jobs go on piece by piece, from one call to the disk to
 * the next, or to the next wait for the network, when the scheduler says so; their `done` follows
 * in a turn after that.
 *
 * A worker has a stack of its own, but there is only one thread. */
#include "system/worker.h"

#include <ucontext.h>
#ifdef HOLDFAST_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

#include "base/assertion.h"
#include "base/memory.h"
#include "simulated_worker.h"
#include "system/event_loop.h"
#include "world.h"

#define WORKERS_MAX 8
#define STACK_SIZE ((size_t)256 * 1024)
#define YIELDS_ONE_IN 2

struct jobs {
    struct worker_job *first, **last;
};

struct worker {
    struct event_wake wake;
    struct jobs submitted, finished;
    size_t pending;
    struct worker_job *running;   /* NULL: it is idle */
    bool has_ended;               /* the job that is running */
    bool (*happened)(int socket); /* what the job waits for; NULL: it can go on */
    int socket;
    int64_t until_us; /* ...and how long */
    char *stack;
    ucontext_t own, scheduler;
#ifdef HOLDFAST_SANITIZED
    void *own_frames, *scheduler_frames; /* of the sanitizer */
    const void *scheduler_stack;
    size_t scheduler_stack_size;
#endif
};

static struct worker *active; /* whose stack is in use; NULL: the loop's */
static bool hurried;          /* the loop waits: nothing yields */
static struct worker *workers[WORKERS_MAX];
static size_t worker_count;

static void jobs_init(struct jobs *jobs)
{
    *jobs = (struct jobs){NULL, &jobs->first};
}

static void jobs_add(struct jobs *jobs, struct worker_job *job)
{
    job->next = NULL;
    *jobs->last = job;
    jobs->last = &job->next;
}

static struct worker_job *jobs_take(struct jobs *jobs)
{
    struct worker_job *job = jobs->first;
    if (job == NULL)
        return NULL;
    jobs->first = job->next;
    if (job->next == NULL)
        jobs_init(jobs);
    return job;
}

/* --- from stack to stack, of which the address sanitizer is told --- */

static void enter(struct worker *worker)
{
    active = worker;
#ifdef HOLDFAST_SANITIZED
    __sanitizer_start_switch_fiber(&worker->scheduler_frames, worker->stack, STACK_SIZE);
#endif
    swapcontext(&worker->scheduler, &worker->own);
#ifdef HOLDFAST_SANITIZED
    __sanitizer_finish_switch_fiber(worker->scheduler_frames, NULL, NULL);
#endif
}

static void note_entered(struct worker *worker, void *frames)
{
#ifdef HOLDFAST_SANITIZED
    __sanitizer_finish_switch_fiber(frames, &worker->scheduler_stack,
                                    &worker->scheduler_stack_size);
#endif
    (void)worker, (void)frames;
}

static void note_leaves(struct worker *worker, void **frames)
{
#ifdef HOLDFAST_SANITIZED
    __sanitizer_start_switch_fiber(frames, worker->scheduler_stack, worker->scheduler_stack_size);
#endif
    (void)worker, (void)frames;
}

static void leave(struct worker *worker)
{
    void *frames = NULL;
    active = NULL;
    note_leaves(worker, &frames);
    swapcontext(&worker->own, &worker->scheduler);
    note_entered(worker, frames);
}

static void run_job(void)
{
    struct worker *worker = active;
    note_entered(worker, NULL);
    worker->running->run(worker->running);
    worker->has_ended = true;
    active = NULL; /* and back to the scheduler: uc_link */
    note_leaves(worker, NULL);
}

static void begin_job(struct worker *worker)
{
    getcontext(&worker->own);
    worker->own.uc_stack.ss_sp = worker->stack;
    worker->own.uc_stack.ss_size = STACK_SIZE;
    worker->own.uc_link = &worker->scheduler;
    makecontext(&worker->own, run_job, 0);
}

/* --- pieces --- */

static bool nobody_else_goes_on(const struct worker *worker)
{
    return worker == NULL || hurried || world.off;
}

static void yield(void)
{
    struct worker *worker = active;
    if (!nobody_else_goes_on(worker) && world_chance(YIELDS_ONE_IN))
        leave(worker);
}

bool simulated_worker_wait(bool (*happened)(int socket), int socket, int64_t until_us)
{
    struct worker *worker = active;
    if (nobody_else_goes_on(worker)) {
        if (!happened(socket) && until_us > world.now_us)
            world.now_us = until_us;
        return happened(socket);
    }
    worker->happened = happened;
    worker->socket = socket;
    worker->until_us = until_us;
    leave(worker);
    worker->happened = NULL;
    return happened(socket);
}

static bool must_wait(const struct worker *worker)
{
    return worker->happened != NULL && !nobody_else_goes_on(worker) &&
           world.now_us < worker->until_us && !worker->happened(worker->socket);
}

/* One piece of its work. False: it has none, or waits. */
static bool run_piece(struct worker *worker)
{
    if (worker->running == NULL) {
        worker->running = jobs_take(&worker->submitted);
        if (worker->running == NULL)
            return false;
        begin_job(worker);
    }
    /* A job that nobody is told of may free itself. */
    bool tell = worker->running->done != NULL;
    if (must_wait(worker))
        return false;
    enter(worker);
    if (!worker->has_ended)
        return true;
    worker->has_ended = false;
    worker->pending--;
    if (tell) {
        jobs_add(&worker->finished, worker->running);
        event_wake_send(&worker->wake);
    }
    worker->running = NULL;
    return true;
}

static void finish(void *context)
{
    struct worker *worker = context;
    struct worker_job *job = worker->finished.first;
    jobs_init(&worker->finished);
    while (job != NULL) {
        struct worker_job *next = job->next;
        job->done(job);
        job = next;
    }
}

struct worker *worker_create(struct event_loop *loop, const char *name,
                             enum worker_priority priority)
{
    struct worker *worker = memory_allocate_zeroed(sizeof *worker);
    (void)name, (void)priority;
    worker->stack = memory_allocate(STACK_SIZE);
    world.yield = yield;
    ASSERT(worker_count < WORKERS_MAX);
    jobs_init(&worker->submitted);
    jobs_init(&worker->finished);
    event_wake_start(&worker->wake, loop, finish, worker);
    workers[worker_count++] = worker;
    return worker;
}

void worker_destroy(struct worker *worker)
{
    worker_wait(worker);
    event_wake_stop(&worker->wake);
    size_t at = 0;
    while (workers[at] != worker)
        at++;
    for (worker_count--; at < worker_count; at++)
        workers[at] = workers[at + 1];
    memory_free(worker->stack);
    memory_free(worker);
}

void worker_submit(struct worker *worker, struct worker_job *job)
{
    ASSERT(job->run != NULL);
    worker->pending++;
    jobs_add(&worker->submitted, job);
}

void worker_wait(struct worker *worker)
{
    bool was_hurried = hurried;
    hurried = true;
    while (run_piece(worker))
        ;
    hurried = was_hurried;
    finish(worker);
}

size_t worker_pending(const struct worker *worker)
{
    return worker->pending;
}

bool simulated_worker_step(void)
{
    for (size_t i = 0, first = worker_count > 0 ? (size_t)world_below(worker_count) : 0;
         i < worker_count; i++)
        if (run_piece(workers[(first + i) % worker_count]))
            return true;
    return false;
}

bool simulated_worker_all_are_idle(void)
{
    for (size_t i = 0; i < worker_count; i++)
        if (workers[i]->pending > 0 || workers[i]->finished.first != NULL)
            return false;
    return true;
}

int64_t simulated_worker_due_us(void)
{
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < worker_count; i++)
        if (workers[i]->happened != NULL && workers[i]->until_us < due_us)
            due_us = workers[i]->until_us;
    return due_us;
}
