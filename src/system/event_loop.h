/* The loop that drives everything: it waits for sockets, timers, signals and calls from other
 * threads.
 *
 * One turn: wait; after_wait hook (update the clock); callbacks of everything that is ready,
 * signals and calls from other threads included; before_wait hook (submit the log group, send
 * the replies). Work that is bounded per turn asks for event_loop_turn_again and goes on in the
 * next turn, which then does not sleep.
 *
 * Watchers (struct event_*) are embedded in their owner, who keeps them in place while they are
 * active and stops them before the memory goes; nothing here allocates per watcher. All zero is
 * a watcher that was never active: stopping it is allowed. libev is known to event_loop.c and
 * nowhere else. One thread, but for event_wake_send. */
#ifndef HOLDFAST_SYSTEM_EVENT_LOOP_H
#define HOLDFAST_SYSTEM_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define EVENT_STORAGE_SIZE 64 /* bytes of the library's part of a watcher */

struct event_loop; /* opaque */

/* NULL: errno tells why (descriptors, memory). */
struct event_loop *event_loop_create(void);
void event_loop_destroy(struct event_loop *loop); /* every watcher is stopped */

/* Called once a turn, see above. Each may be NULL. */
void event_loop_set_hooks(struct event_loop *loop, void (*before_wait)(void *context),
                          void (*after_wait)(void *context), void *context);

/* Turns until event_loop_stop; the turn in which that is called ends with before_wait as usual. */
void event_loop_run(struct event_loop *loop);
void event_loop_stop(struct event_loop *loop);
/* One turn: before_wait, wait (at most `wait_ms`; -1: as long as it takes), after_wait,
 * callbacks. For tests. */
void event_loop_run_turn(struct event_loop *loop, int wait_ms);
/* The next turn does not sleep. */
void event_loop_turn_again(struct event_loop *loop);
/* For so many microseconds a turn polls before it sleeps, while that usually is enough. 0, as at
 * the beginning: never. Without effect where the thread may run on one core only: whoever is waited
 * for needs that. */
void event_loop_set_busy_poll(struct event_loop *loop, int64_t limit_us);

uint64_t event_loop_turns(const struct event_loop *loop); /* since the start */
const char *event_loop_backend_name(
    const struct event_loop *loop); /* "epoll": INFO's multiplexing_api */

/* --- a descriptor that becomes readable or writable --- */

enum event_interest {
    EVENT_NONE = 0,
    EVENT_READABLE = 1 << 0,
    EVENT_WRITABLE = 1 << 1,
};

struct event_io {
    struct event_loop *loop;
    void (*ready)(void *context,
                  unsigned events); /* enum event_interest; also on errors and hang-ups */
    void *context;
    _Alignas(8) unsigned char storage[EVENT_STORAGE_SIZE]; /* private */
};

void event_io_init(struct event_io *io, struct event_loop *loop, int descriptor,
                   void (*ready)(void *context, unsigned events), void *context);
/* What to wait for from now on; EVENT_NONE stops. The same again costs nothing, another costs
 * one epoll_ctl at the next wait. Level-triggered. */
void event_io_set(struct event_io *io, unsigned interest);
unsigned event_io_interest(const struct event_io *io);
/* Before the descriptor is closed or the memory freed. */
void event_io_stop(struct event_io *io);

/* --- timers --- */

struct event_timer {
    struct event_loop *loop;
    void (*expired)(void *context);
    void *context;
    _Alignas(8) unsigned char storage[EVENT_STORAGE_SIZE]; /* private */
};

void event_timer_init(struct event_timer *timer, struct event_loop *loop,
                      void (*expired)(void *context), void *context);
/* First after `delay_ms` (from the start of this turn), then every `repeat_ms` (0: once). An
 * active timer starts anew. */
void event_timer_start(struct event_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void event_timer_stop(struct event_timer *timer);
bool event_timer_is_active(const struct event_timer *timer);

/* --- a turn with nothing else --- */

struct event_idle {
    struct event_loop *loop;
    void (*idle)(void *context);
    void *context;
    _Alignas(8) unsigned char storage[EVENT_STORAGE_SIZE]; /* private */
};

void event_idle_init(struct event_idle *idle, struct event_loop *loop,
                     void (*called)(void *context), void *context);
/* Turns do not sleep until one of them has nothing else to call: that one calls it, once. */
void event_idle_start(struct event_idle *idle);
void event_idle_stop(struct event_idle *idle);

/* --- signals --- */

struct event_signal {
    struct event_loop *loop;
    void (*received)(void *context, int signal_number);
    void *context;
    _Alignas(8) unsigned char storage[EVENT_STORAGE_SIZE]; /* private */
};

/* From now on the signal calls `received` in a turn of the loop. One loop a process may watch a
 * signal. */
void event_signal_start(struct event_signal *watcher, struct event_loop *loop, int signal_number,
                        void (*received)(void *context, int signal_number), void *context);
void event_signal_stop(struct event_signal *watcher);

/* --- calls from other threads --- */

struct event_wake {
    struct event_loop *loop;
    void (*woken)(void *context);
    void *context;
    _Alignas(8) unsigned char storage[EVENT_STORAGE_SIZE]; /* private */
};

void event_wake_start(struct event_wake *wake, struct event_loop *loop,
                      void (*woken)(void *context), void *context);
void event_wake_stop(struct event_wake *wake);
/* From any thread (not from a signal handler): `woken` is called in a turn of the loop, before
 * sockets and timers, once for any number of sends before that turn. */
void event_wake_send(struct event_wake *wake);

#endif
