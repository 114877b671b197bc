/* Requests in RESP for the traffic of several suites. */
#ifndef HOLDFAST_BENCH_RESP_REQUESTS_H
#define HOLDFAST_BENCH_RESP_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct traffic_requests;

/* Appends "$<length>\r\n<word>\r\n" to `out`; returns how long that is. */
size_t resp_requests_word(char *out, const char *word, size_t length);

/* Bytes that GET of a value of this size is answered with. */
size_t resp_requests_bulk_size(size_t value_size);

/* `count` GETs (`value` NULL) or SETs of keys below `keys`: at random, or (`each`: count == keys)
 * every key once in an order that looks so. Replies are of the size that follows; a GET's value has
 * `value_size` bytes. */
void resp_requests_make(struct traffic_requests *requests, size_t count, size_t keys,
                        const char *value, size_t value_size, bool each);

#endif
