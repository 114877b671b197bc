/* system/event_loop.h in the simulated world: what is ready is called in an order that chance
 * draws, and while the loop waits the world goes on. */
#include "system/event_loop.h"

#include "base/assertion.h"
#include "base/memory.h"
#include "simulated_loop.h"
#include "simulated_socket.h"
#include "simulated_worker.h"
#include "world.h"

#define WATCHERS_MAX 128
#define STEPS_MORE_MAX 6 /* that happen though the loop could go on already */
#define IDLE_MS_MAX 1000 /* the longest sleep */

struct event_loop {
    struct event_io *ios[WATCHERS_MAX];
    struct event_timer *timers[WATCHERS_MAX];
    struct event_wake *wakes[WATCHERS_MAX];
    struct event_signal *signals[WATCHERS_MAX];
    struct event_idle *idles[WATCHERS_MAX];
    size_t io_count, timer_count, wake_count, signal_count, idle_count;
    void (*before_wait)(void *context);
    void (*after_wait)(void *context);
    void *context;
    int64_t turn_us;
    uint64_t turns;
    bool stopping, again;
};

struct io {
    int descriptor;
    unsigned interest;
};

struct timer {
    int64_t due_us, repeat_us;
    bool active;
};

struct wake {
    bool sent;
};

struct signal {
    int number;
    bool sent;
};

static struct event_loop *running; /* whose process is sent signals; NULL: none */

#define PRIVATE(type, owner) ((struct type *)(void *)(owner)->storage)
#define CONST_PRIVATE(type, owner) ((const struct type *)(const void *)(owner)->storage)

/* Takes `watcher` out of a row; the others keep their order. */
#define REMOVE(row, count, watcher)                                                                \
    do {                                                                                           \
        size_t kept = 0;                                                                           \
        for (size_t each = 0; each < (count); each++)                                              \
            if ((row)[each] != (watcher))                                                          \
                (row)[kept++] = (row)[each];                                                       \
        (count) = kept;                                                                            \
    } while (0)

/* --- what is ready --- */

static unsigned io_events(const struct event_io *io)
{
    return CONST_PRIVATE(io, io)->interest &
           simulated_socket_ready(CONST_PRIVATE(io, io)->descriptor);
}

static bool is_due(const struct event_timer *timer)
{
    return CONST_PRIVATE(timer, timer)->due_us <= world.now_us;
}

static bool is_woken(const struct event_loop *loop)
{
    for (size_t i = 0; i < loop->wake_count; i++)
        if (CONST_PRIVATE(wake, loop->wakes[i])->sent)
            return true;
    return false;
}

static bool is_signalled(const struct event_loop *loop)
{
    for (size_t i = 0; i < loop->signal_count; i++)
        if (CONST_PRIVATE(signal, loop->signals[i])->sent)
            return true;
    return false;
}

static bool something_is_ready(const struct event_loop *loop)
{
    for (size_t i = 0; i < loop->io_count; i++)
        if (io_events(loop->ios[i]) != EVENT_NONE)
            return true;
    for (size_t i = 0; i < loop->timer_count; i++)
        if (is_due(loop->timers[i]))
            return true;
    return is_woken(loop) || is_signalled(loop);
}

static void sleep_until_next(const struct event_loop *loop)
{
    int64_t next_us = world.now_us + IDLE_MS_MAX * 1000, due_us = simulated_worker_due_us();
    if (due_us < next_us)
        next_us = due_us;
    for (size_t i = 0; i < loop->timer_count; i++)
        if (CONST_PRIVATE(timer, loop->timers[i])->due_us < next_us)
            next_us = CONST_PRIVATE(timer, loop->timers[i])->due_us;
    if (next_us > world.now_us)
        world.now_us = next_us;
}

/* The world goes on: until something is ready if the loop sleeps, and for a while. */
static void let_world_go_on(struct event_loop *loop, bool sleeps)
{
    uint64_t more = world_below(STEPS_MORE_MAX);
    while (!world.off && !loop->stopping && world.step != NULL) {
        bool ready = !sleeps || something_is_ready(loop);
        if (ready && more-- == 0)
            return;
        world.steps++;
        world_pass((int64_t)world_below(world.step_us_max));
        if (!world.step(world.context) && !ready)
            sleep_until_next(loop);
    }
}

/* --- the turn --- */

static void tell_turn_ended(void)
{
    if (world.turn_ended != NULL && !world.off)
        world.turn_ended(world.context);
}

static void call_wakes(struct event_loop *loop)
{
    for (size_t i = 0; i < loop->wake_count; i++) {
        struct event_wake *wake = loop->wakes[i];
        if (!PRIVATE(wake, wake)->sent)
            continue;
        /* Commands that were left over, or what followed another job, may have changed something:
         * the end of a job makes it a group of its own. */
        tell_turn_ended();
        PRIVATE(wake, wake)->sent = false;
        wake->woken(wake->context);
    }
}

static bool is_in(struct event_io *const *row, size_t count, const struct event_io *io)
{
    for (size_t i = 0; i < count; i++)
        if (row[i] == io)
            return true;
    return false;
}

static void call_ios(struct event_loop *loop)
{
    struct event_io *row[WATCHERS_MAX];
    size_t count = loop->io_count;
    for (size_t i = 0; i < count; i++)
        row[i] = loop->ios[i];
    for (; count > 0; count--) {
        size_t at = (size_t)world_below(count);
        struct event_io *io = row[at];
        row[at] = row[count - 1];
        if (!is_in(loop->ios, loop->io_count, io)) /* stopped meanwhile */
            continue;
        unsigned events = io_events(io);
        if (events != EVENT_NONE)
            io->ready(io->context, events);
    }
}

static void call_timers(struct event_loop *loop)
{
    for (size_t i = 0; i < loop->timer_count;) {
        struct event_timer *timer = loop->timers[i];
        struct timer *own = PRIVATE(timer, timer);
        if (own->due_us > loop->turn_us) {
            i++;
            continue;
        }
        if (own->repeat_us > 0)
            own->due_us = loop->turn_us + own->repeat_us;
        else
            event_timer_stop(timer);
        timer->expired(timer->context);
        i = 0; /* the row may be another */
    }
}

static void call_signals(struct event_loop *loop)
{
    for (size_t i = 0; i < loop->signal_count; i++) {
        struct event_signal *watcher = loop->signals[i];
        struct signal *own = PRIVATE(signal, watcher);
        if (!own->sent)
            continue;
        own->sent = false;
        watcher->received(watcher->context, own->number);
    }
}

static void call_idles(struct event_loop *loop)
{
    while (loop->idle_count > 0) {
        struct event_idle *idle = loop->idles[0];
        event_idle_stop(idle);
        idle->idle(idle->context);
    }
}

static void end_turn(struct event_loop *loop)
{
    if (loop->before_wait != NULL)
        loop->before_wait(loop->context);
    tell_turn_ended();
}

static void turn(struct event_loop *loop, bool waits)
{
    end_turn(loop);
    bool sleeps = waits && !loop->again && !loop->stopping && loop->idle_count == 0;
    loop->again = false;
    let_world_go_on(loop, sleeps);
    loop->turns++;
    loop->turn_us = world.now_us;
    world_trace_number("turn", loop->turns);
    if (world.off)
        return;
    if (loop->after_wait != NULL)
        loop->after_wait(loop->context);
    if (!something_is_ready(loop)) {
        call_idles(loop);
        return;
    }
    call_wakes(loop);
    bool timers_first = world_chance(2);
    if (timers_first)
        call_timers(loop);
    if (world_chance(2))
        call_signals(loop);
    call_ios(loop);
    if (!timers_first)
        call_timers(loop);
    call_signals(loop);
}

/* --- the loop --- */

struct event_loop *event_loop_create(void)
{
    struct event_loop *loop = memory_allocate_zeroed(sizeof *loop);
    loop->turn_us = world.now_us;
    running = loop;
    return loop;
}

void event_loop_destroy(struct event_loop *loop)
{
    ASSERT(loop->io_count == 0 && loop->timer_count == 0 && loop->wake_count == 0 &&
           loop->signal_count == 0 && loop->idle_count == 0);
    running = NULL;
    memory_free(loop);
}

void event_loop_set_hooks(struct event_loop *loop, void (*before_wait)(void *context),
                          void (*after_wait)(void *context), void *context)
{
    loop->before_wait = before_wait;
    loop->after_wait = after_wait;
    loop->context = context;
}

void event_loop_run(struct event_loop *loop)
{
    loop->stopping = false;
    while (!loop->stopping && !world.off)
        turn(loop, true);
    if (!world.off)
        end_turn(loop);
}

void event_loop_stop(struct event_loop *loop)
{
    loop->stopping = true;
}

void event_loop_run_turn(struct event_loop *loop, int wait_ms)
{
    turn(loop, wait_ms != 0);
}

void event_loop_turn_again(struct event_loop *loop)
{
    loop->again = true;
}

void event_loop_set_busy_poll(struct event_loop *loop, int64_t limit_us)
{
    (void)loop, (void)limit_us;
}

uint64_t event_loop_turns(const struct event_loop *loop)
{
    return loop->turns;
}

const char *event_loop_backend_name(const struct event_loop *loop)
{
    (void)loop;
    return "simulated";
}

/* --- watchers --- */

void event_io_init(struct event_io *io, struct event_loop *loop, int descriptor,
                   void (*ready)(void *context, unsigned events), void *context)
{
    *io = (struct event_io){.loop = loop, .ready = ready, .context = context};
    *PRIVATE(io, io) = (struct io){descriptor, EVENT_NONE};
}

unsigned event_io_interest(const struct event_io *io)
{
    return io->loop == NULL ? EVENT_NONE : CONST_PRIVATE(io, io)->interest;
}

void event_io_set(struct event_io *io, unsigned interest)
{
    struct event_loop *loop = io->loop;
    if (interest == event_io_interest(io))
        return;
    REMOVE(loop->ios, loop->io_count, io);
    PRIVATE(io, io)->interest = interest;
    ASSERT(loop->io_count < WATCHERS_MAX);
    if (interest != EVENT_NONE)
        loop->ios[loop->io_count++] = io;
}

void event_io_stop(struct event_io *io)
{
    if (io->loop != NULL)
        event_io_set(io, EVENT_NONE);
}

void event_timer_init(struct event_timer *timer, struct event_loop *loop,
                      void (*expired)(void *context), void *context)
{
    *timer = (struct event_timer){.loop = loop, .expired = expired, .context = context};
}

void event_timer_start(struct event_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    struct event_loop *loop = timer->loop;
    ASSERT(delay_ms >= 0 && repeat_ms >= 0 && loop->timer_count < WATCHERS_MAX);
    event_timer_stop(timer);
    *PRIVATE(timer, timer) =
        (struct timer){loop->turn_us + delay_ms * 1000, repeat_ms * 1000, true};
    loop->timers[loop->timer_count++] = timer;
}

void event_timer_stop(struct event_timer *timer)
{
    struct event_loop *loop = timer->loop;
    if (!event_timer_is_active(timer))
        return;
    PRIVATE(timer, timer)->active = false;
    REMOVE(loop->timers, loop->timer_count, timer);
}

bool event_timer_is_active(const struct event_timer *timer)
{
    return timer->loop != NULL && CONST_PRIVATE(timer, timer)->active;
}

void event_idle_init(struct event_idle *idle, struct event_loop *loop,
                     void (*called)(void *context), void *context)
{
    *idle = (struct event_idle){.loop = loop, .idle = called, .context = context};
}

void event_idle_start(struct event_idle *idle)
{
    struct event_loop *loop = idle->loop;
    event_idle_stop(idle);
    ASSERT(loop->idle_count < WATCHERS_MAX);
    loop->idles[loop->idle_count++] = idle;
}

void event_idle_stop(struct event_idle *idle)
{
    if (idle->loop != NULL)
        REMOVE(idle->loop->idles, idle->loop->idle_count, idle);
}

void event_signal_start(struct event_signal *watcher, struct event_loop *loop, int signal_number,
                        void (*received)(void *context, int signal_number), void *context)
{
    *watcher = (struct event_signal){.loop = loop, .received = received, .context = context};
    PRIVATE(signal, watcher)->number = signal_number;
    ASSERT(loop->signal_count < WATCHERS_MAX);
    loop->signals[loop->signal_count++] = watcher;
}

void event_signal_stop(struct event_signal *watcher)
{
    if (watcher->loop != NULL)
        REMOVE(watcher->loop->signals, watcher->loop->signal_count, watcher);
}

bool simulated_loop_signal(int number)
{
    bool watched = false;
    for (size_t i = 0; running != NULL && i < running->signal_count; i++) {
        struct signal *own = PRIVATE(signal, running->signals[i]);
        if (own->number == number)
            watched = own->sent = true;
    }
    return watched;
}

void event_wake_start(struct event_wake *wake, struct event_loop *loop,
                      void (*woken)(void *context), void *context)
{
    *wake = (struct event_wake){.loop = loop, .woken = woken, .context = context};
    ASSERT(loop->wake_count < WATCHERS_MAX);
    loop->wakes[loop->wake_count++] = wake;
}

void event_wake_stop(struct event_wake *wake)
{
    if (wake->loop != NULL)
        REMOVE(wake->loop->wakes, wake->loop->wake_count, wake);
}

void event_wake_send(struct event_wake *wake)
{
    PRIVATE(wake, wake)->sent = true;
}
