/* Requests at a fixed rate, whatever the server does: what it is late counts from the moment a
 * request was due, so that a pause is not hidden by the requests that were not sent meanwhile. */
#ifndef HOLDFAST_BENCH_PACED_H
#define HOLDFAST_BENCH_PACED_H

#include <stddef.h>
#include <stdint.h>

struct traffic_requests;

struct paced_latency {
    double p50_us, p99_us, p999_us, longest_us;
    size_t count;
};

/* Sends requests in random order over `connections` new connections, `rate` a second in all, for
 * `duration_ns`. Replies must have a known size. */
void paced_run(int port, size_t connections, const struct traffic_requests *requests, double rate,
               int64_t duration_ns, struct paced_latency *out);

#endif
