/* A job that holds a worker until it is told to go on: what is submitted meanwhile waits. */
#ifndef HOLDFAST_TESTS_WORKER_HOLD_H
#define HOLDFAST_TESTS_WORKER_HOLD_H

#include <stdatomic.h>

#include "system/worker.h"

/* The caller's, until the worker was waited for after worker_hold_end. */
struct worker_hold {
    struct worker_job job; /* first */
    atomic_bool ends;
};

void worker_hold_begin(struct worker_hold *hold, struct worker *worker);
void worker_hold_end(struct worker_hold *hold);

#endif
