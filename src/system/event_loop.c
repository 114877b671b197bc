#include "system/event_loop.h"

#include <errno.h>
#include <ev.h>
#include <sched.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "system/cycles.h"

/* Polling goes on while four of five waits end during it. Else it rests for so many waits. Then it
 * is tried: for longer, because who sends sleeps deeply while we do, and the first tries, in which
 * that changes, do not count. */
#define POLL_WON 1
#define POLL_LOST 4
#define POLL_SCORE_MAX 16
#define POLL_REST 1024
#define POLL_TRIES 40
#define POLL_TRIES_COUNTED 8
#define POLL_TRY_FACTOR 3 /* times the limit */

struct event_loop {
    struct ev_loop *ev;
    struct ev_check after_poll;
    void (*before_wait)(void *context);
    void (*after_wait)(void *context);
    void *context;
    uint64_t turns;
    int64_t busy_poll_us; /* 0: sleeps at once */
    int poll_score;       /* above 0: it is worth it */
    int poll_tries;       /* still to come before the score decides */
    int poll_rest;        /* waits without polling still to come */
    int64_t polled_us;    /* monotonic: when it was looked last */
    bool stopping, again;
    bool polls; /* nothing ready is no turn */
    bool found; /* something was ready */
};

_Static_assert(sizeof(struct ev_io) <= EVENT_STORAGE_SIZE, "room for ev_io");
_Static_assert(sizeof(struct ev_timer) <= EVENT_STORAGE_SIZE, "room for ev_timer");
_Static_assert(sizeof(struct ev_signal) <= EVENT_STORAGE_SIZE, "room for ev_signal");
_Static_assert(sizeof(struct ev_async) <= EVENT_STORAGE_SIZE, "room for ev_async");

#define WATCHER(type, owner) ((struct type *)(void *)(owner)->storage)
#define OWNED_WATCHER(type, owner) ((const struct type *)(const void *)(owner)->storage)

/* --- the loop --- */

static void event_loop_after_poll(struct ev_loop *ev, struct ev_check *check, int events)
{
    struct event_loop *loop = check->data;
    (void)events;
    loop->found = ev_pending_count(ev) > 0;
    if (loop->polls) {
        loop->polled_us = (int64_t)(cycles_read_clock() / 1000);
        if (!loop->found)
            return;
    }
    loop->turns++;
    if (loop->after_wait != NULL)
        loop->after_wait(loop->context);
}

struct event_loop *event_loop_create(void)
{
    /* The environment must not choose the backend; periodic timers, which need a timerfd, are not
     * used. */
    struct ev_loop *ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOTIMERFD);
    if (ev == NULL) {
        if (errno == 0)
            errno = ENOMEM;
        return NULL;
    }
    struct event_loop *loop = memory_allocate_zeroed(sizeof(*loop));
    loop->ev = ev;
    ev_check_init(&loop->after_poll, event_loop_after_poll);
    loop->after_poll.data = loop;
    ev_set_priority(&loop->after_poll, EV_MAXPRI); /* before the callbacks of the same turn */
    ev_check_start(ev, &loop->after_poll);
    return loop;
}

void event_loop_destroy(struct event_loop *loop)
{
    ev_check_stop(loop->ev, &loop->after_poll);
    ev_loop_destroy(loop->ev);
    memory_free(loop);
}

void event_loop_set_hooks(struct event_loop *loop, void (*before_wait)(void *context),
                          void (*after_wait)(void *context), void *context)
{
    loop->before_wait = before_wait;
    loop->after_wait = after_wait;
    loop->context = context;
}

static void event_loop_try_polling(struct event_loop *loop)
{
    loop->poll_score = 0;
    loop->poll_tries = POLL_TRIES;
}

static void event_loop_score_poll(struct event_loop *loop, bool soon)
{
    if (loop->poll_tries > 0 && loop->poll_tries-- > POLL_TRIES_COUNTED)
        return;
    loop->poll_score += soon ? POLL_WON : -POLL_LOST;
    if (loop->poll_score > POLL_SCORE_MAX)
        loop->poll_score = POLL_SCORE_MAX;
    if (loop->poll_tries > 0 || loop->poll_score > 0)
        return;
    loop->poll_rest = POLL_REST;
    event_loop_try_polling(loop);
}

/* Who sleeps must be woken, which costs the one who sends more than the sending, and us the time
 * until the core is awake. So what usually comes soon is polled for. What is there already says
 * nothing of that. */
static void event_loop_poll(struct event_loop *loop)
{
    loop->polls = true;
    ev_run(loop->ev, EVRUN_NOWAIT);
    if (!loop->found) {
        int64_t soon_us = loop->polled_us + loop->busy_poll_us;
        int64_t limit_us = loop->busy_poll_us * (loop->poll_tries > 0 ? POLL_TRY_FACTOR : 1);
        int64_t end_us = loop->polled_us + limit_us;
        while (!loop->found && loop->polled_us < end_us)
            ev_run(loop->ev, EVRUN_NOWAIT);
        event_loop_score_poll(loop, loop->found && loop->polled_us < soon_us);
    }
    loop->polls = false;
}

static void event_loop_wait(struct event_loop *loop)
{
    loop->found = false;
    if (loop->poll_rest > 0)
        loop->poll_rest--;
    else if (loop->busy_poll_us > 0)
        event_loop_poll(loop);
    if (!loop->found)
        ev_run(loop->ev, EVRUN_ONCE);
}

static void event_loop_turn(struct event_loop *loop, bool wait)
{
    if (loop->before_wait != NULL)
        loop->before_wait(loop->context);
    bool sleeps = wait && !loop->again && !loop->stopping;
    loop->again = false;
    if (sleeps)
        event_loop_wait(loop);
    else
        ev_run(loop->ev, EVRUN_NOWAIT);
}

void event_loop_run(struct event_loop *loop)
{
    loop->stopping = false;
    while (!loop->stopping)
        event_loop_turn(loop, true);
    if (loop->before_wait != NULL)
        loop->before_wait(loop->context);
}

void event_loop_stop(struct event_loop *loop)
{
    loop->stopping = true;
}

static void event_loop_wait_ended(void *context)
{
    (void)context;
}

void event_loop_run_turn(struct event_loop *loop, int wait_ms)
{
    struct event_timer limit;
    event_timer_init(&limit, loop, event_loop_wait_ended, NULL);
    if (wait_ms > 0) {
        ev_now_update(loop->ev);
        event_timer_start(&limit, wait_ms, 0);
    }
    event_loop_turn(loop, wait_ms != 0);
    event_timer_stop(&limit);
}

void event_loop_turn_again(struct event_loop *loop)
{
    loop->again = true;
}

uint64_t event_loop_turns(const struct event_loop *loop)
{
    return loop->turns;
}

void event_loop_set_busy_poll(struct event_loop *loop, int64_t limit_us)
{
    cpu_set_t cores;
    bool alone = sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) == 1;
    loop->busy_poll_us = alone ? 0 : limit_us;
    loop->poll_rest = 0;
    event_loop_try_polling(loop);
}

const char *event_loop_backend_name(const struct event_loop *loop)
{
    (void)loop;
    return "epoll";
}

/* --- descriptors --- */

static void event_io_ready(struct ev_loop *ev, struct ev_io *watcher, int events)
{
    struct event_io *io = watcher->data;
    (void)ev;
    unsigned ready = 0;
    if (events & (EV_READ | EV_ERROR))
        ready |= EVENT_READABLE;
    if (events & (EV_WRITE | EV_ERROR))
        ready |= EVENT_WRITABLE;
    io->ready(io->context, ready);
}

void event_io_init(struct event_io *io, struct event_loop *loop, int descriptor,
                   void (*ready)(void *context, unsigned events), void *context)
{
    io->loop = loop;
    io->ready = ready;
    io->context = context;
    struct ev_io *watcher = WATCHER(ev_io, io);
    ev_io_init(watcher, event_io_ready, descriptor, 0);
    watcher->data = io;
}

unsigned event_io_interest(const struct event_io *io)
{
    const struct ev_io *watcher = OWNED_WATCHER(ev_io, io);
    if (io->loop == NULL || !ev_is_active(watcher))
        return EVENT_NONE;
    unsigned interest = EVENT_NONE;
    if (watcher->events & EV_READ)
        interest |= EVENT_READABLE;
    if (watcher->events & EV_WRITE)
        interest |= EVENT_WRITABLE;
    return interest;
}

void event_io_set(struct event_io *io, unsigned interest)
{
    if (interest == event_io_interest(io))
        return;
    struct ev_io *watcher = WATCHER(ev_io, io);
    struct ev_loop *ev = io->loop->ev;
    ev_io_stop(ev, watcher);
    if (interest == EVENT_NONE)
        return;
    int events = 0;
    if (interest & EVENT_READABLE)
        events |= EV_READ;
    if (interest & EVENT_WRITABLE)
        events |= EV_WRITE;
    ev_io_set(watcher, watcher->fd, events);
    ev_io_start(ev, watcher);
}

void event_io_stop(struct event_io *io)
{
    if (io->loop != NULL)
        ev_io_stop(io->loop->ev, WATCHER(ev_io, io));
}

/* --- timers --- */

static void event_timer_expired(struct ev_loop *ev, struct ev_timer *watcher, int events)
{
    struct event_timer *timer = watcher->data;
    (void)ev, (void)events;
    timer->expired(timer->context);
}

void event_timer_init(struct event_timer *timer, struct event_loop *loop,
                      void (*expired)(void *context), void *context)
{
    timer->loop = loop;
    timer->expired = expired;
    timer->context = context;
    struct ev_timer *watcher = WATCHER(ev_timer, timer);
    ev_timer_init(watcher, event_timer_expired, 0, 0);
    watcher->data = timer;
}

void event_timer_start(struct event_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    ASSERT(delay_ms >= 0 && repeat_ms >= 0);
    struct ev_timer *watcher = WATCHER(ev_timer, timer);
    ev_timer_stop(timer->loop->ev, watcher);
    ev_timer_set(watcher, (double)delay_ms / 1000, (double)repeat_ms / 1000);
    ev_timer_start(timer->loop->ev, watcher);
}

void event_timer_stop(struct event_timer *timer)
{
    if (timer->loop != NULL)
        ev_timer_stop(timer->loop->ev, WATCHER(ev_timer, timer));
}

bool event_timer_is_active(const struct event_timer *timer)
{
    return timer->loop != NULL && ev_is_active(OWNED_WATCHER(ev_timer, timer));
}

/* --- a turn with nothing else --- */

static void event_idle_called(struct ev_loop *ev, struct ev_idle *watcher, int events)
{
    struct event_idle *idle = watcher->data;
    (void)events;
    ev_idle_stop(ev, watcher);
    idle->idle(idle->context);
}

void event_idle_init(struct event_idle *idle, struct event_loop *loop,
                     void (*called)(void *context), void *context)
{
    idle->loop = loop;
    idle->idle = called;
    idle->context = context;
    struct ev_idle *watcher = WATCHER(ev_idle, idle);
    ev_idle_init(watcher, event_idle_called);
    watcher->data = idle;
}

void event_idle_start(struct event_idle *idle)
{
    ev_idle_start(idle->loop->ev, WATCHER(ev_idle, idle));
}

void event_idle_stop(struct event_idle *idle)
{
    if (idle->loop != NULL)
        ev_idle_stop(idle->loop->ev, WATCHER(ev_idle, idle));
}

/* --- signals --- */

static void event_signal_received(struct ev_loop *ev, struct ev_signal *watcher, int events)
{
    struct event_signal *owner = watcher->data;
    (void)ev, (void)events;
    owner->received(owner->context, watcher->signum);
}

void event_signal_start(struct event_signal *signal, struct event_loop *loop, int signal_number,
                        void (*received)(void *context, int signal_number), void *context)
{
    signal->loop = loop;
    signal->received = received;
    signal->context = context;
    struct ev_signal *watcher = WATCHER(ev_signal, signal);
    ev_signal_init(watcher, event_signal_received, signal_number);
    watcher->data = signal;
    ev_signal_start(loop->ev, watcher);
}

void event_signal_stop(struct event_signal *signal)
{
    if (signal->loop != NULL)
        ev_signal_stop(signal->loop->ev, WATCHER(ev_signal, signal));
}

/* --- calls from other threads --- */

static void event_wake_woken(struct ev_loop *ev, struct ev_async *watcher, int events)
{
    struct event_wake *wake = watcher->data;
    (void)ev, (void)events;
    wake->woken(wake->context);
}

void event_wake_start(struct event_wake *wake, struct event_loop *loop,
                      void (*woken)(void *context), void *context)
{
    wake->loop = loop;
    wake->woken = woken;
    wake->context = context;
    struct ev_async *watcher = WATCHER(ev_async, wake);
    ev_async_init(watcher, event_wake_woken);
    ev_set_priority(watcher, EV_MAXPRI);
    watcher->data = wake;
    ev_async_start(loop->ev, watcher);
}

void event_wake_stop(struct event_wake *wake)
{
    if (wake->loop != NULL)
        ev_async_stop(wake->loop->ev, WATCHER(ev_async, wake));
}

void event_wake_send(struct event_wake *wake)
{
    ev_async_send(wake->loop->ev, WATCHER(ev_async, wake));
}
