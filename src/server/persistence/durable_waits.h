/* WAITAOF: clients that wait until what they wrote is really synced. */
#ifndef HOLDFAST_SERVER_PERSISTENCE_DURABLE_WAITS_H
#define HOLDFAST_SERVER_PERSISTENCE_DURABLE_WAITS_H

struct persistence;

/* The durable offset moved, or the log ended: answers those who have waited for it. */
void durable_waits_check(struct persistence *persistence);

#endif
