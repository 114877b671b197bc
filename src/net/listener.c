#include "net/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "system/event_loop.h"

struct listener {
    int socket;
    char *unix_path; /* NULL: TCP */
    int accepts_max;
    void (*accepted)(void *context, int socket, const struct socket_peer *peer);
    void *context;
    bool starving; /* said so in the log */
    struct event_io io;
    struct event_timer rest;
};

static void listener_ready(void *context, unsigned events)
{
    (void)events;
    struct listener *listener = context;
    for (int i = 0; i < listener->accepts_max; i++) {
        int socket;
        struct socket_peer peer;
        enum error error = socket_accept(listener->socket, &socket, &peer);
        if (error == ERROR_NOT_FOUND)
            return;
        if (error == ERROR_LIMIT) {
            if (!listener->starving)
                log_line(LOG_WARNING, "Cannot accept connections: %s. Trying again every %d ms",
                         strerror(errno), LISTENER_REST_MS);
            listener->starving = true;
            event_io_set(&listener->io, EVENT_NONE);
            event_timer_start(&listener->rest, LISTENER_REST_MS, 0);
            return;
        }
        if (error != OK)
            continue;
        listener->starving = false;
        if (listener->unix_path != NULL)
            snprintf(peer.address, sizeof peer.address, "%.*s:0", SOCKET_ADDRESS_MAX - 3,
                     listener->unix_path);
        listener->accepted(listener->context, socket, &peer);
    }
}

static void listener_rested(void *context)
{
    struct listener *listener = context;
    event_io_set(&listener->io, EVENT_READABLE);
}

struct listener *listener_create(
    struct event_loop *loop, int socket, const char *unix_path, int accepts_max,
    void (*accepted)(void *context, int socket, const struct socket_peer *peer), void *context)
{
    struct listener *listener = memory_allocate_zeroed(sizeof *listener);
    listener->socket = socket;
    listener->unix_path = unix_path != NULL ? memory_copy_string(unix_path) : NULL;
    listener->accepts_max = accepts_max;
    listener->accepted = accepted;
    listener->context = context;
    event_timer_init(&listener->rest, loop, listener_rested, listener);
    event_io_init(&listener->io, loop, socket, listener_ready, listener);
    event_io_set(&listener->io, EVENT_READABLE);
    return listener;
}

void listener_destroy(struct listener *listener)
{
    event_timer_stop(&listener->rest);
    event_io_stop(&listener->io);
    socket_close(listener->socket);
    memory_free(listener->unix_path);
    memory_free(listener);
}

bool listener_is_unix(const struct listener *listener)
{
    return listener->unix_path != NULL;
}

int listener_port(const struct listener *listener)
{
    return listener->unix_path != NULL ? 0 : socket_port(listener->socket);
}
