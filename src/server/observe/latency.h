/* Events that took long: the last of each kind, in a ring. LATENCY. */
#ifndef HOLDFAST_SERVER_OBSERVE_LATENCY_H
#define HOLDFAST_SERVER_OBSERVE_LATENCY_H

#include <stdint.h>

#define LATENCY_SAMPLES 160   /* kept of each event, as in Redis */
#define LATENCY_EVENTS_MAX 32 /* kinds of events */

struct latency;

struct latency *latency_create(void);
void latency_destroy(struct latency *latency);

/* `event` is static text. Two in one second count as one, the longer. */
void latency_add(struct latency *latency, const char *event, int64_t time_s, int64_t duration_ms);

#endif
