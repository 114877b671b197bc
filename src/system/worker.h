/* A thread that does what must not hold the loop: freeing a large value, for instance.
 *
 * Jobs run in the order in which they were submitted. A job is embedded in whatever it works on
 * and belongs to the worker from worker_submit until its `done` is called, on the thread of the
 * loop. */
#ifndef HOLDFAST_SYSTEM_WORKER_H
#define HOLDFAST_SYSTEM_WORKER_H

#include <stddef.h>

struct event_loop;
struct worker; /* opaque */

struct worker_job {
    void (*run)(struct worker_job *job);  /* on the worker */
    void (*done)(struct worker_job *job); /* on the loop; NULL: the job is forgotten after it ran
                                             (`run` may free it) */
    struct worker_job *next;              /* private */
};

/* Who has the core first where there are fewer cores than threads. */
enum worker_priority {
    WORKER_PROMPT,     /* as the loop: clients wait for it */
    WORKER_BACKGROUND, /* what the loop and other programs leave, if only a tenth */
};

/* `name`: of the thread, at most 15 bytes. NULL: errno tells why there is no thread. */
struct worker *worker_create(struct event_loop *loop, const char *name,
                             enum worker_priority priority);
/* Runs all jobs that are there, calls their `done`, ends the thread. */
void worker_destroy(struct worker *worker);

void worker_submit(struct worker *worker, struct worker_job *job); /* thread of the loop */
/* Waits until all jobs have run, and calls their `done`. Thread of the loop. */
void worker_wait(struct worker *worker);
size_t worker_pending(
    const struct worker *worker); /* submitted and not run yet: INFO's lazyfree_pending */

#endif
