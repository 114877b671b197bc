#include "support/worker_hold.h"

#include <stdbool.h>
#include <unistd.h>

#define LOOK_EVERY_US 1000

static void wait_for_end(struct worker_job *job)
{
    struct worker_hold *hold = (struct worker_hold *)(void *)job;
    while (!hold->ends)
        usleep(LOOK_EVERY_US);
}

void worker_hold_begin(struct worker_hold *hold, struct worker *worker)
{
    hold->job = (struct worker_job){.run = wait_for_end};
    hold->ends = false;
    worker_submit(worker, &hold->job);
}

void worker_hold_end(struct worker_hold *hold)
{
    hold->ends = true;
}
