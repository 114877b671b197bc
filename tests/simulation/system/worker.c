/* system/worker.h in the simulated world: jobs go on piece by piece, from one call to the disk to
 * the next, when the scheduler says so; their `done` follows in a turn after that.
 *
 * A worker has a stack of its own, but there is only one thread. The address sanitizer does not
 * follow such a change of stacks: in its build a job is done in one piece. */
#include "system/worker.h"

#include <ucontext.h>

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
    struct worker_job *running; /* NULL: it is idle */
    bool has_ended;             /* the job that is running */
    char *stack;
    ucontext_t own, scheduler;
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

static void yield(void)
{
    struct worker *worker = active;
    if (worker == NULL || hurried || world.off || !world_chance(YIELDS_ONE_IN))
        return;
    active = NULL;
    swapcontext(&worker->own, &worker->scheduler);
}

static void run_job(void)
{
    struct worker *worker = active;
    worker->running->run(worker->running);
    worker->has_ended = true;
    active = NULL; /* and back to the scheduler: uc_link */
}

static void begin_job(struct worker *worker)
{
    getcontext(&worker->own);
    worker->own.uc_stack.ss_sp = worker->stack;
    worker->own.uc_stack.ss_size = STACK_SIZE;
    worker->own.uc_link = &worker->scheduler;
    makecontext(&worker->own, run_job, 0);
}

static void go_on(struct worker *worker)
{
#ifdef HOLDFAST_SANITIZED
    worker->running->run(worker->running);
    worker->has_ended = true;
#else
    active = worker;
    swapcontext(&worker->scheduler, &worker->own);
#endif
}

/* One piece of its work. False: it has none. */
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
    go_on(worker);
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
