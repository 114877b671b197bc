#include "system/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "system/event_loop.h"

/* Linux has one for each thread. A thread of 10 yields to one of 0 that wakes up, and gets a tenth
 * of a core that both want. */
#define BACKGROUND_NICE 10

/* Jobs in order of arrival. */
struct job_queue {
    struct worker_job *first, **last;
};

struct worker {
    pthread_t thread;
    char name[16];
    enum worker_priority priority;
    struct event_wake wake;
    atomic_size_t pending;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t arrived, idle;
    struct job_queue submitted, finished;
    bool ending;
};

static void job_queue_init(struct job_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void job_queue_add(struct job_queue *queue, struct worker_job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct worker_job *job_queue_take_all(struct job_queue *queue)
{
    struct worker_job *first = queue->first;
    job_queue_init(queue);
    return first;
}

/* Runs a row of jobs, hands back those that want to be told. The lock is not held. */
static void worker_run_jobs(struct worker *worker, struct worker_job *job)
{
    while (job != NULL) {
        struct worker_job *next = job->next;
        bool tell = job->done != NULL;
        job->run(job);
        if (tell) {
            pthread_mutex_lock(&worker->lock);
            job_queue_add(&worker->finished, job);
            pthread_mutex_unlock(&worker->lock);
            event_wake_send(&worker->wake);
        }
        /* Last: whoever waits for none to be pending finds it among the finished. */
        atomic_fetch_sub_explicit(&worker->pending, 1, memory_order_release);
        job = next;
    }
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    pthread_setname_np(pthread_self(), worker->name);
    if (worker->priority == WORKER_BACKGROUND)
        setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE); /* a wish */
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        struct worker_job *jobs = job_queue_take_all(&worker->submitted);
        if (jobs != NULL) {
            pthread_mutex_unlock(&worker->lock);
            worker_run_jobs(worker, jobs);
            pthread_mutex_lock(&worker->lock);
            pthread_cond_broadcast(&worker->idle);
        } else if (worker->ending) {
            break;
        } else {
            pthread_cond_wait(&worker->arrived, &worker->lock);
        }
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void worker_finish_jobs(void *context)
{
    struct worker *worker = context;
    pthread_mutex_lock(&worker->lock);
    struct worker_job *job = job_queue_take_all(&worker->finished);
    pthread_mutex_unlock(&worker->lock);
    while (job != NULL) {
        struct worker_job *next = job->next;
        job->done(job);
        job = next;
    }
}

struct worker *worker_create(struct event_loop *loop, const char *name,
                             enum worker_priority priority)
{
    struct worker *worker = memory_allocate_zeroed(sizeof(*worker));
    snprintf(worker->name, sizeof(worker->name), "%s", name);
    worker->priority = priority;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->arrived, NULL);
    pthread_cond_init(&worker->idle, NULL);
    job_queue_init(&worker->submitted);
    job_queue_init(&worker->finished);
    event_wake_start(&worker->wake, loop, worker_finish_jobs, worker);

    /* Signals of the process are for the loop's thread; those of a crash come to whom they concern.
     */
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result == 0)
        return worker;
    event_wake_stop(&worker->wake);
    pthread_cond_destroy(&worker->arrived);
    pthread_cond_destroy(&worker->idle);
    pthread_mutex_destroy(&worker->lock);
    memory_free(worker);
    errno = result;
    return NULL;
}

void worker_destroy(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->ending = true;
    pthread_cond_signal(&worker->arrived);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    worker_finish_jobs(worker);
    event_wake_stop(&worker->wake);
    pthread_cond_destroy(&worker->arrived);
    pthread_cond_destroy(&worker->idle);
    pthread_mutex_destroy(&worker->lock);
    memory_free(worker);
}

void worker_submit(struct worker *worker, struct worker_job *job)
{
    ASSERT(job->run != NULL);
    atomic_fetch_add_explicit(&worker->pending, 1, memory_order_relaxed);
    pthread_mutex_lock(&worker->lock);
    job_queue_add(&worker->submitted, job);
    pthread_mutex_unlock(&worker->lock);
    pthread_cond_signal(&worker->arrived); /* unlocked: the thread would wake up to wait for it */
}

void worker_wait(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (atomic_load_explicit(&worker->pending, memory_order_acquire) > 0)
        pthread_cond_wait(&worker->idle, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    worker_finish_jobs(worker);
}

size_t worker_pending(const struct worker *worker)
{
    return atomic_load_explicit(&worker->pending, memory_order_relaxed);
}
