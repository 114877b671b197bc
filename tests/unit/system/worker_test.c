#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "system/event_loop.h"
#include "system/worker.h"

#define JOBS 1000

struct task {
    struct worker_job job;
    struct event_loop *loop;
    pthread_t loop_thread;
    int *run_count, *done_count;
    int run_as, done_as; /* which in order */
    bool on_worker, on_loop;
};

static void run(struct worker_job *job)
{
    struct task *task = LIST_ENTRY(job, struct task, job);
    task->on_worker = !pthread_equal(pthread_self(), task->loop_thread);
    task->run_as = (*task->run_count)++;
}

static void done(struct worker_job *job)
{
    struct task *task = LIST_ENTRY(job, struct task, job);
    task->on_loop = pthread_equal(pthread_self(), task->loop_thread);
    task->done_as = (*task->done_count)++;
    if (*task->done_count == JOBS)
        event_loop_stop(task->loop);
}

static void jobs_run_on_the_worker_and_are_done_on_the_loop_in_order(void **state)
{
    (void)state;
    struct event_loop *loop = event_loop_create();
    struct worker *worker = worker_create(loop, "test", WORKER_PROMPT);
    assert_non_null(worker);
    struct task *tasks = memory_allocate_zeroed(JOBS * sizeof *tasks);
    int run_count = 0, done_count = 0;
    for (int i = 0; i < JOBS; i++) {
        tasks[i] = (struct task){
            {run, done, NULL}, loop, pthread_self(), &run_count, &done_count, 0, 0, false, false};
        worker_submit(worker, &tasks[i].job);
    }
    event_loop_run(loop);
    for (int i = 0; i < JOBS; i++) {
        assert_true(tasks[i].on_worker && tasks[i].on_loop);
        assert_int_equal(tasks[i].run_as, i);
        assert_int_equal(tasks[i].done_as, i);
    }
    assert_int_equal(worker_pending(worker), 0);
    worker_destroy(worker);
    event_loop_destroy(loop);
    memory_free(tasks);
}

static void free_itself(struct worker_job *job)
{
    memory_free(LIST_ENTRY(job, struct task, job));
}

static void a_job_may_free_itself(void **state)
{
    (void)state;
    struct event_loop *loop = event_loop_create();
    struct worker *worker = worker_create(loop, "test", WORKER_PROMPT);
    for (int i = 0; i < JOBS; i++) {
        struct task *task = memory_allocate_zeroed(sizeof *task);
        task->job.run = free_itself;
        worker_submit(worker, &task->job);
    }
    worker_destroy(worker);
    event_loop_destroy(loop);
}

static void the_end_of_the_worker_leaves_no_job_behind(void **state)
{
    (void)state;
    struct event_loop *loop = event_loop_create();
    struct worker *worker = worker_create(loop, "test", WORKER_PROMPT);
    struct task tasks[10];
    int run_count = 0, done_count = 0;
    for (int i = 0; i < 10; i++) {
        tasks[i] = (struct task){
            {run, done, NULL}, loop, pthread_self(), &run_count, &done_count, 0, 0, false, false};
        worker_submit(worker, &tasks[i].job);
    }
    worker_destroy(worker);
    assert_int_equal(run_count, 10);
    assert_int_equal(done_count, 10);
    event_loop_destroy(loop);
}

struct priority_job {
    struct worker_job job;
    int nice;
};

static void read_nice(struct worker_job *job)
{
    LIST_ENTRY(job, struct priority_job, job)->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static int nice_of(enum worker_priority priority)
{
    struct event_loop *loop = event_loop_create();
    struct worker *worker = worker_create(loop, "test", priority);
    struct priority_job job = {{read_nice, NULL, NULL}, -100};
    worker_submit(worker, &job.job);
    worker_destroy(worker);
    event_loop_destroy(loop);
    return job.nice;
}

static void a_worker_in_the_background_leaves_others_the_core(void **state)
{
    (void)state;
    int mine = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(nice_of(WORKER_PROMPT), mine);
    assert_true(nice_of(WORKER_BACKGROUND) >= 10);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_in_the_background_leaves_others_the_core),
        cmocka_unit_test(jobs_run_on_the_worker_and_are_done_on_the_loop_in_order),
        cmocka_unit_test(a_job_may_free_itself),
        cmocka_unit_test(the_end_of_the_worker_leaves_no_job_behind),
    };
    return cmocka_run_group_tests_name("system/worker", tests, NULL, NULL);
}
