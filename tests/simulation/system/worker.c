/* system/worker.h in the simulated world: jobs are done one by one, on the thread of the loop, when
 * the scheduler says so; their `done` follows in a turn after that. */
#include "system/worker.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "simulated_worker.h"
#include "system/event_loop.h"
#include "world.h"

#define WORKERS_MAX 8

struct jobs {
    struct worker_job *first, **last;
};

struct worker {
    struct event_wake wake;
    struct jobs submitted, finished;
    size_t pending;
};

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

static bool run_one(struct worker *worker)
{
    struct worker_job *job = jobs_take(&worker->submitted);
    if (job == NULL)
        return false;
    bool tell = job->done != NULL;
    job->run(job);
    worker->pending--;
    if (tell) {
        jobs_add(&worker->finished, job);
        event_wake_send(&worker->wake);
    }
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

struct worker *worker_create(struct event_loop *loop, const char *name)
{
    struct worker *worker = memory_allocate_zeroed(sizeof *worker);
    (void)name;
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
    while (run_one(worker))
        ;
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
        if (run_one(workers[(first + i) % worker_count]))
            return true;
    return false;
}
