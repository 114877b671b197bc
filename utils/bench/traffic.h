/* Load on a server through many pipelining connections: requests are made before, replies only
 * counted, so that the generator costs less than any server. */
#ifndef HOLDFAST_BENCH_TRAFFIC_H
#define HOLDFAST_BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests one after the other, all made for one case. */
struct traffic_requests {
    char *data;
    size_t *starts; /* of each, and the end of the last */
    size_t count;
    size_t reply_size; /* bytes of each reply; 0: replies are lines */
};

/* Room for `count` requests of at most `size_max` bytes. */
void traffic_requests_init(struct traffic_requests *requests, size_t count, size_t size_max);
void traffic_requests_deinit(struct traffic_requests *requests);
/* The place for the next one; *at moves on by what traffic_requests_end was told. */
char *traffic_requests_begin(struct traffic_requests *requests);
void traffic_requests_end(struct traffic_requests *requests, size_t length);

/* A connected socket on the loopback, without delay. */
int traffic_connect(int port);

struct traffic;

/* Connects. `pipeline` requests are under way on each connection. */
struct traffic *traffic_create(int port, size_t connections, size_t pipeline);
void traffic_destroy(struct traffic *traffic);
/* From now on so many of them have requests under way; any of the others may be the next. */
void traffic_limit_asking(struct traffic *traffic, size_t connections);

/* Sends for `duration_ns` (or, if that is 0, each request once), then waits for the last reply.
 * Returns how many were answered. */
size_t traffic_run(struct traffic *traffic, const struct traffic_requests *requests,
                   int64_t duration_ns);

#endif
