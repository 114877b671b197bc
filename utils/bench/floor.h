/* The floor: an epoll loop that reads, counts requests and answers each with the same bytes. What
 * the kernel costs, and nothing else: no server that looks at its requests can be cheaper. */
#ifndef HOLDFAST_BENCH_FLOOR_H
#define HOLDFAST_BENCH_FLOOR_H

#include <stddef.h>

#define FLOOR_ANSWER_MAX ((size_t)2 << 20) /* bytes */

/* Listens on this loopback port and never returns. Requests are RESP arrays whose arguments have no
 * '*' in them. The answer is what the first inline line "ANSWER <bytes>" asked for: that many bytes
 * a request, "+OK\r\n" at first. */
_Noreturn void floor_run(int port);

#endif
