/* The floor: an epoll loop that reads, counts requests and answers each with the same bytes. What
 * the kernel costs, and nothing else: no server that looks at its requests can be cheaper.
 *
 * It can do two things more, as little as a server can that does them: store what it reads, and
 * pass each request on to those who listen. */
#ifndef HOLDFAST_BENCH_FLOOR_H
#define HOLDFAST_BENCH_FLOOR_H

#include <stddef.h>

#define FLOOR_ANSWER_MAX ((size_t)2 << 20) /* bytes */

/* Listens on this loopback port and never returns. Requests are RESP arrays whose arguments have no
 * '*' in them. What it does with them is said by inline lines, each answered with "+OK\r\n":
 *   PING             nothing.
 *   ANSWER <bytes>   so many for each request; 5 at first: "+OK\r\n".
 *   LISTEN <bytes>   this connection gets so many for each request of others from now on; those of
 *                    requests that were read at once are sent at once.
 *   STORE <values> <head> <value>
 *                    a request is a head of so many bytes, a value, and CRLF; no connection sends
 *                    one before the last is answered. The value is read into a block of its own,
 *                    which takes the place of one of so many that are kept. No values: all goes
 *                    into one buffer again, as at first. While no request is under way. */
_Noreturn void floor_run(int port);

#endif
