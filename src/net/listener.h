/* One listening socket: accepts, refuses, and hands connected sockets up. Private to net/; the
 * server uses network.h.
 *
 * Accepts a bounded number per turn. When descriptors run out it rests for a moment instead of
 * turning in circles, since the waiting peer keeps the socket readable. */
#ifndef HOLDFAST_NET_LISTENER_H
#define HOLDFAST_NET_LISTENER_H

#include <stdbool.h>

#include "system/socket.h"

#define LISTENER_REST_MS 100 /* when descriptors or memory are out */

struct event_loop;
struct listener; /* opaque */

/* Takes over `socket`. `unix_path`: of a Unix socket, copied; NULL for TCP. `accepted` owns the
 * socket it gets; it is called at most `accepts_max` times a turn. */
struct listener *listener_create(
    struct event_loop *loop, int socket, const char *unix_path, int accepts_max,
    void (*accepted)(void *context, int socket, const struct socket_peer *peer), void *context);
void listener_destroy(struct listener *listener);

bool listener_is_unix(const struct listener *listener);
int listener_port(const struct listener *listener);

#endif
